package handlers

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// person shows all about somebody.
func (s *Server) person(c echo.Context) error {
	v, err := s.personPage(c, "", nil)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, v)
}

// personID is whose page it is.
func personID(c echo.Context) string { return plain(c.Param("id")) }

// personPage is the page, with what is wrong with a form of it that was tried.
func (s *Server) personPage(c echo.Context, tried string, wrong views.Wrong) (page, error) {
	p, err := s.Identity.Person(c.Request().Context(), personID(c))
	if err != nil {
		return nil, err
	}
	roles, err := s.grantable(c)
	if err != nil {
		return nil, err
	}
	v := s.consolePerson(c, p)
	v.Roles, v.Tried, v.Wrong = roles, tried, wrong
	v.Recent, err = s.eventLines(c, p.Recent)
	return v, err
}

func (s *Server) consolePerson(c echo.Context, p identity.PersonPage) views.ConsolePerson {
	v := views.ConsolePerson{
		Console: s.console(c), ID: p.User.ID, Name: p.User.Name, Email: p.User.Email, Username: p.Username,
		Created: p.User.CreatedAt, LastSeen: p.LastSeen, Self: p.Self, Version: p.Version, Role: string(p.User.Role),
		HasPassword: p.HasPassword, RecoveryCodes: p.RecoveryCodes, Factors: factorLines(p.Factors), Links: s.linksFor(p),
	}
	if p.User.DisabledAt != nil {
		v.DisabledAt = *p.User.DisabledAt
	}
	for _, way := range p.Ways {
		shown := s.consoleWay(way)
		shown.At = s.moreAt(c, way.Access)
		v.Ways = append(v.Ways, shown)
	}
	for _, t := range p.Tokens {
		v.Tokens = append(v.Tokens, apiToken(c, t))
	}
	for _, session := range p.Sessions {
		v.Sessions = append(v.Sessions, s.consoleSession(c, session, p.User))
	}
	return v
}

func (s *Server) consoleWay(w identity.PersonWay) views.ConsoleWay {
	i := w.Identity
	v := views.ConsoleWay{
		ID: i.ID, Provider: s.wayIn(i.Slot), Type: cmp.Or(s.info(i.Slot).Type, i.Slot), Subject: i.Subject,
		Who:    cmp.Or(i.Claims.Email, i.Claims.Username, i.Claims.Name, i.Subject),
		Groups: slices.Concat(i.Claims.Groups, i.Claims.Orgs, i.Claims.Teams),
		Since:  i.CreatedAt, LastUsed: i.SignedInAt, Open: w.Open, Role: string(w.Access.Role),
	}
	if !w.Open {
		v.Reason = cmp.Or(closed[w.Reason], "The rules do not let this account in.")
	}
	for _, rule := range w.Rules {
		v.Rules = append(v.Rules, consoleRule(rule))
	}
	return v
}

// moreAt lists the code locations at which somebody has another role than in the
// whole deployment. Dagster is asked only if there can be any.
func (s *Server) moreAt(c echo.Context, a policy.Access) (at []string) {
	if len(a.Scopes) == 0 {
		return nil
	}
	for _, location := range s.locations(c) {
		if role := a.RoleAt(location); role != a.Role && role != policy.None {
			at = append(at, string(role)+" at "+location)
		}
	}
	return at
}

// closed says in words why a way in is shut.
var closed = map[string]string{
	"user_disabled":       "The account is disabled.",
	"password_login_off":  "Passwords are off in this installation.",
	"provider_gone":       "This provider is no longer set up.",
	"no_role":             "No rule gives this person anything.",
	"address_not_allowed": "Neither the address nor its domain is on the list of the provider.",
	"org_not_allowed":     "No organisation or team of this account is on the list of the provider.",
	"group_not_allowed":   "No group of this account is on the list of the provider.",
	"not_on_a_list":       "Nobody has named this account, and the provider lets in only those who are named.",
}

// consoleRule is one rule that matches somebody.
func consoleRule(r identity.RuleText) views.ConsoleRule {
	return views.ConsoleRule{
		Name: ruleName(r.Name), Text: r.Text, Role: string(r.Role), Locations: r.Locations, Permissions: r.Permissions.Names(),
	}
}

// ruleName is a rule in words.
func ruleName(name string) string {
	if n, ok := strings.CutPrefix(name, "grant "); ok && n != "" {
		if n[0] >= 'a' { // the file's are numbers
			return "Grant " + n + ", made here"
		}
		return "Grant " + n + " of the policy file"
	}
	return cmp.Or(ruleNames[name], name)
}

var ruleNames = map[string]string{
	"admin_emails": "An address of DAGPASS_ADMIN_EMAILS", "assigned_role": "The role that is assigned here",
	"default_role": "The default role, of whoever no other rule names",
}

// linksFor are the purposes of links that an admin can make for somebody: none that
// is a key to another admin's account, and one to choose a password where that is
// of use.
func (s *Server) linksFor(p identity.PersonPage) (purposes []string) {
	admin := p.User.Role == policy.Admin || slices.ContainsFunc(p.Ways, func(w identity.PersonWay) bool {
		return w.Access.Permissions.Has(policy.Administer)
	})
	if p.User.Disabled() {
		return nil
	}
	if s.Identity.PasswordLogin && p.Username != "" && (!admin || !p.HasPassword) {
		purposes = append(purposes, string(models.LinkPassword))
	}
	if !admin {
		purposes = append(purposes, string(models.LinkSignIn))
	}
	return purposes
}

// changePerson makes a change that a form of somebody's page asks for, and goes
// on to a page with a notice. A form that is refused is on the page again.
func (s *Server) changePerson(c echo.Context, form, notice string, change func(ctx context.Context, id string) error) error {
	if err := s.change(c, change); err != nil {
		return s.again(c, err, s.personAgain(c, form), "", "role", "confirm")
	}
	if form == "delete" {
		return s.toConsole(c, "/people", notice)
	}
	return s.toConsole(c, "/people/"+personID(c), notice)
}

// personAgain is the page after a form that was refused. What is wrong with no
// field is said at its head: the person may have become one for whom the page has
// no such form.
func (s *Server) personAgain(c echo.Context, form string) func(views.Wrong) (page, error) {
	return func(wrong views.Wrong) (page, error) {
		if wrong[""] != "" {
			return s.personPage(c, "", wrong)
		}
		return s.personPage(c, form, wrong)
	}
}

// change makes the change on the person as the page showed them.
func (s *Server) change(c echo.Context, change func(ctx context.Context, id string) error) error {
	ctx := identity.WithVersion(c.Request().Context(), field(c, "version"))
	if field(c, "confirm") == "yes" {
		ctx = identity.WithConsent(ctx)
	}
	return change(ctx, personID(c))
}

func (s *Server) setRole(c echo.Context) error {
	return s.changePerson(c, "role", "role_set", func(ctx context.Context, id string) error {
		_, err := s.Identity.SetRole(ctx, id, policy.Role(plain(field(c, "role"))))
		return err
	})
}

func (s *Server) disable(c echo.Context) error {
	return s.changePerson(c, "disable", "disabled", s.Identity.Disable)
}

func (s *Server) enable(c echo.Context) error {
	return s.changePerson(c, "enable", "enabled", s.Identity.Enable)
}

func (s *Server) signOutSomebody(c echo.Context) error {
	return s.changePerson(c, "sign-out", "signed_out", func(ctx context.Context, id string) error {
		_, err := s.Identity.EndSessionsOf(ctx, id)
		return err
	})
}

// revokeTokenOf ends a token of somebody. One that has ended meanwhile is what was
// wanted.
func (s *Server) revokeTokenOf(c echo.Context) error {
	return s.changePerson(c, "", "api_revoked", func(ctx context.Context, id string) error {
		err := s.Identity.RevokeAPITokenOf(ctx, id, plain(field(c, "id")))
		if models.IsID(id) && errors.Is(err, models.ErrNotFound) {
			return nil
		}
		return err
	})
}

func (s *Server) resetFactors(c echo.Context) error {
	return s.changePerson(c, "reset-mfa", "mfa_reset", func(ctx context.Context, id string) error {
		_, err := s.Identity.ResetFactors(ctx, id)
		return err
	})
}

func (s *Server) deleteSomebody(c echo.Context) error {
	return s.changePerson(c, "delete", "deleted", s.Identity.Delete)
}

// makeLink makes a one-time link for somebody and shows it, once.
func (s *Server) makeLink(c echo.Context) error {
	var address string
	purpose := models.LinkPurpose(field(c, "purpose"))
	err := s.change(c, func(ctx context.Context, id string) (err error) {
		address, err = s.Identity.MakeLink(ctx, id, purpose)
		return err
	})
	if err != nil {
		return s.again(c, err, s.personAgain(c, "link"), "")
	}
	p, err := s.Identity.Person(c.Request().Context(), personID(c))
	if err != nil {
		return err
	}
	return s.showLink(c, p.User, purpose, address, false)
}
