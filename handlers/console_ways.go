package handlers

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// consoleWays is GET /auth/admin/providers.
func (s *Server) consoleWays(c echo.Context) error {
	v, err := s.waysPage(c, "", nil)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, v)
}

// waysPage is the page, with what is wrong with the test of a slot that was tried.
func (s *Server) waysPage(c echo.Context, tried string, wrong views.Wrong) (page, error) {
	known, err := s.Identity.ProviderLines(c.Request().Context())
	if err != nil {
		return nil, err
	}
	v := views.ConsoleProviders{Console: s.console(c), Lines: s.consoleProviders(s.Around().Providers)}
	for i := range v.Lines {
		line := &v.Lines[i]
		line.Test = testsBy(line.Type)
		for _, k := range known {
			if k.Slot == line.Slot {
				line.LastSuccess, line.LastError, line.Error, line.Reason, line.Reference = k.LastSuccess, k.LastError, answerWord(k.Reason), k.Reason, k.Reference
			}
		}
		if line.Slot == tried {
			line.Username, line.Wrong = field(c, "username"), wrong
		}
	}
	return v, nil
}

// testsBy is how a kind of provider is tried out.
func testsBy(kind string) string {
	switch kind {
	case models.LocalSlot:
		return ""
	case typeDirectory:
		return "form"
	case typeWitness:
		return "look"
	}
	return "go"
}

// answerWord is what went wrong at a provider, in words.
func answerWord(reason string) string {
	if strings.HasPrefix(reason, "id_token_") {
		return "Its ID token could not be verified."
	}
	return cmp.Or(answerWords[reason], "It did not answer as it should.")
}

var answerWords = map[string]string{
	"unreachable":           "It could not be reached.",
	"discovery_invalid":     "Its discovery document cannot be used.",
	"discovery_issuer":      "Its discovery document names another issuer.",
	"exchange_failed":       "It gave no token: the client's id, secret or type may be wrong.",
	"keys_unreachable":      "Its signing keys could not be fetched.",
	"provider_error":        "It answered with an error: what is registered there may not fit.",
	"userinfo_unreadable":   "Its userinfo could not be read.",
	"userinfo_subject":      "Its userinfo was about somebody else.",
	"emails_unreadable":     "The addresses of an account could not be read.",
	"orgs_unreadable":       "The organisations and teams of an account could not be read.",
	"directory_unavailable": "No server of the directory answered.",
	"directory_refused":     "The directory refused the account that searches, or a search.",
}

// testWay begins a test sign-in: at a provider that people go to it leads there,
// and all others are asked at once.
func (s *Server) testWay(c echo.Context) error {
	slot, ctx := plain(c.Param("slot")), c.Request().Context()
	switch s.info(slot).Type {
	case typeDirectory:
		return s.testDirectory(c, slot)
	case typeWitness:
		sender, _ := netip.ParseAddr(peer(c.Request())) // what is no address is nobody's
		result, err := s.Identity.TestHeader(ctx, slot, c.Request().Header, sender.Unmap())
		if err != nil {
			return err
		}
		return s.showTest(c, result)
	}
	begun, result, err := s.Identity.BeginTest(ctx, slot)
	switch {
	case err != nil:
		return err
	case result != nil:
		return s.showTest(c, *result)
	}
	s.keepAttempt(c, begun)
	return s.leave(c, "One moment", "Please sign in with the account that you want to try.", begun.Redirect)
}

// testDirectory tries a name and a password.
func (s *Server) testDirectory(c echo.Context, slot string) error {
	result, err := s.Identity.TestDirectory(c.Request().Context(), slot, field(c, "username"), field(c, "password"))
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) { return s.waysPage(c, slot, wrong) }, "", "username", "password")
	}
	return s.showTest(c, result)
}

// showTest answers with what a test sign-in came to, to whoever began it: it is
// kept nowhere, so nobody can ask for it again. A script gets nothing.
func (s *Server) showTest(c echo.Context, t identity.TestResult) error {
	if !topLevel(c.Request()) {
		return errNotByHand
	}
	i := t.Provider
	v := views.ConsoleTrial{
		Console:  s.console(c),
		Provider: views.ConsoleProvider{Slot: i.Slot, Label: i.Label, Type: i.Type, Test: testsBy(i.Type)},
		Verdict:  "failed", Said: consoleSaid(t.Said),
	}
	if t.Failed != nil {
		v.Why, v.Reason, v.Reference = []string{t.Failed.Msg}, t.Reason, models.RequestOf(c.Request().Context()).ID
		return s.show(c, http.StatusOK, v)
	}
	way := s.consoleWay(t.Way)
	v.Verdict, v.Why = "in", []string{"This account would be signed in."}
	if !way.Open {
		v.Verdict, v.Why = "out", []string{way.Reason}
	}
	v.Why = append(v.Why, listWords(t.Passed)...)
	if t.Known {
		v.Account, v.AccountID = t.User.Label(), t.User.ID
	}
	v.Facts, v.Groups, v.Role, v.Rules, v.Factor = testFacts(t), way.Groups, way.Role, way.Rules, factorWords(t)
	return s.show(c, http.StatusOK, v)
}

// listWords say by what of the allow-list somebody is let in.
func listWords(passed []policy.Passed) (all []string) {
	for _, p := range passed {
		all = append(all, map[string]string{
			"email":    "The list of the provider has the address " + p.Entry + ".",
			"domain":   "The list of the provider has the domain " + p.Entry + ".",
			"org":      "The list of the provider has the organisation or team " + p.Entry + ".",
			"group":    "The list of the provider has the group " + p.Entry + ".",
			"everyone": "The list of the provider says *: whoever it vouches for may come in.",
			"named":    "The provider has no list, and a rule names this account.",
			"open":     "The provider has no list: whoever it vouches for may come in.",
		}[p.By])
	}
	return all
}

// factorWords say which second factor would be asked for.
func factorWords(t identity.TestResult) string {
	switch {
	case t.AtProvider:
		return "Not asked for here: the provider says that it asked for one."
	case t.Wants == models.WantsFactor:
		return "The one that this account has set up here would be asked for."
	case t.Wants == models.WantsEnrol:
		return "One would have to be set up here before anything else."
	}
	return "Not asked for."
}

// testFacts are what Dagpass understood, in the order in which it is shown.
func testFacts(t identity.TestResult) []views.ConsoleFact {
	i, c := t.Way.Identity, t.Way.Identity.Claims
	facts := []views.ConsoleFact{
		{Name: "Subject", Value: i.Subject},
		{Name: "Issuer", Value: i.Issuer},
		{Name: "Name", Value: c.Name},
		{Name: "Username", Value: c.Username},
		{Name: "E-mail address", Value: c.Email},
		{Name: "Is the address verified?", Value: verifiedWords(t)},
		{Name: "Hosted domain", Value: c.HostedDomain},
		{Name: "Authentication methods (amr)", Value: strings.Join(c.AMR, ", ")},
	}
	if !t.AuthTime.IsZero() {
		facts = append(facts, views.ConsoleFact{Name: "Signed in there (auth_time)", Value: t.AuthTime.UTC().Format(time.RFC3339)})
	}
	always := []string{"Subject", "E-mail address", "Is the address verified?"}
	return slices.DeleteFunc(facts, func(f views.ConsoleFact) bool { return f.Value == "" && !slices.Contains(always, f.Name) })
}

// verifiedWords say whether an address counts, and why.
func verifiedWords(t identity.TestResult) string {
	c := t.Way.Identity.Claims
	switch {
	case c.Email == "":
		return "No address was sent."
	case c.EmailVerified && t.EmailSaid:
		return "Yes: the provider says so."
	case c.EmailVerified:
		return "Yes: the addresses of this provider count as verified here."
	}
	return "No: the provider does not say so. The address counts for no rule and no list."
}

// consoleSaid are the answers of a provider.
func consoleSaid(said []identity.Said) (all []views.ConsoleSaid) {
	for _, part := range said {
		v := views.ConsoleSaid{Title: cmp.Or(saidTitles[part.From], part.From), More: part.More}
		for _, c := range part.Claims {
			claim := views.ConsoleClaim{Name: c.Name, Value: c.Value}
			switch {
			case c.Withheld:
				claim.Note = "(not shown)"
			case c.Cut:
				claim.Note = "… (cut)"
			}
			v.Claims = append(v.Claims, claim)
		}
		all = append(all, v)
	}
	return all
}

var saidTitles = map[string]string{
	"id_token": "ID token", "userinfo": "Userinfo", "user": "GitHub: the account", "emails": "GitHub: addresses", "orgs": "GitHub: organisations",
	"teams": "GitHub: teams", "entry": "Entry of the directory", "assertion": "Assertion of the proxy", "headers": "Headers of this request",
}
