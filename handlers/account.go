package handlers

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// account shows a person who they are here, where they are signed in, and how
// they can sign in.
func (s *Server) account(c echo.Context) error {
	page, err := s.accountPage(c)
	if err != nil {
		return err
	}
	page.Notice = accountNotice(c.QueryParam("notice"), c.QueryParam("n"))
	return s.show(c, http.StatusOK, page)
}

func (s *Server) accountPage(c echo.Context) (v views.Account, err error) {
	p := principal(c)
	v = views.Account{
		Site: s.viewSite(), Name: p.User.Label(), Email: p.User.Email, Provider: s.way(p.Method, p.Identity.Slot),
		Role: string(p.Access.Role), Groups: p.Identity.Claims.Groups, Permissions: p.Access.Permissions.Names(),
		SignedInAt: p.SignedInAt, ExpiresAt: p.ExpiresAt, Scopes: accountScopes(p.Access),
	}
	for _, fill := range []func(echo.Context, *views.Account) error{s.fillSessions, s.fillLinked, s.fillPassword, s.fillFactors, s.fillTokens} {
		if err := fill(c, &v); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (s *Server) fillSessions(c echo.Context, v *views.Account) error {
	p := principal(c)
	sessions, err := s.Identity.Sessions(c.Request().Context(), p)
	for _, session := range sessions {
		v.Sessions = append(v.Sessions, views.AccountSession{
			ID: session.ID, Device: device(session.UserAgent), Address: session.ClientIP, Method: s.way(session.Method, session.Slot),
			Since: session.CreatedAt, LastSeen: session.LastSeenAt, Current: session.ID == p.SessionID,
		})
	}
	return err
}

// fillLinked lists the accounts at providers, and the providers that could give
// another one.
func (s *Server) fillLinked(c echo.Context, v *views.Account) error {
	all, err := s.Identity.IdentitiesOf(c.Request().Context(), principal(c).User.ID)
	has := map[string]bool{}
	for _, i := range all {
		has[i.Slot] = true
		if i.Slot == models.LocalSlot {
			continue
		}
		v.Linked = append(v.Linked, views.LinkedAccount{
			ID: i.ID, Provider: s.label(i.Slot), Type: s.info(i.Slot).Type, Who: cmp.Or(i.Claims.Email, i.Claims.Username, i.Claims.Name, i.Subject),
			Since: i.CreatedAt, Removable: len(all) > 1,
		})
	}
	for _, d := range s.Identity.Doors {
		if i := d.Provider.Info(); !has[i.Slot] && i.Type != typeDirectory && i.Type != typeWitness {
			v.LinkTo = append(v.LinkTo, views.ProviderButton{Slot: i.Slot, Label: i.Label, Type: i.Type})
		}
	}
	return err
}

func (s *Server) fillPassword(c echo.Context, v *views.Account) error {
	id := principal(c).User.ID
	account, password, err := s.Identity.HasPassword(c.Request().Context(), id)
	if err != nil || !account || !s.Identity.PasswordLogin {
		return err
	}
	username, err := s.username(c, id)
	v.Password = &views.PasswordForm{Username: username, Has: password}
	return err
}

// username is the name of an account that is kept here, for password managers;
// empty for whoever has none.
func (s *Server) username(c echo.Context, userID string) (string, error) {
	all, err := s.Identity.IdentitiesOf(c.Request().Context(), userID)
	for _, i := range all {
		if i.Slot == models.LocalSlot {
			return cmp.Or(i.Claims.Username, i.Claims.Email), err
		}
	}
	return "", err
}

func (s *Server) fillFactors(c echo.Context, v *views.Account) error {
	if s.Identity.Rules().MFA == identity.MFAOff {
		return nil
	}
	factors, recovery, err := s.Identity.FactorsOf(c.Request().Context(), principal(c).User.ID)
	v.Factors = &views.Factors{
		Recovery: recovery, Required: s.Identity.Rules().MFA == identity.MFARequired, Passkeys: s.Identity.PasskeysWork(),
		PasskeyName: device(c.Request().UserAgent()), List: factorLines(factors),
	}
	if err == nil {
		v.Factors.Ticket, err = s.ticket(c)
	}
	return err
}

func factorLines(factors []models.Factor) (all []views.Factor) {
	for _, one := range factors {
		shown := views.Factor{ID: one.ID, Kind: string(one.Kind), Name: one.Name, Added: one.CreatedAt}
		if one.LastUsedAt != nil {
			shown.LastUsed = *one.LastUsedAt
		}
		all = append(all, shown)
	}
	return all
}

// accountScopes lists what somebody may do besides at some code locations only.
func accountScopes(a policy.Access) (all []views.AccountScope) {
	for _, scope := range a.Scopes {
		if len(scope.Permissions) == 0 {
			continue // it only reads, which it does everywhere
		}
		shown := views.AccountScope{Role: string(scope.Role())}
		if shown.Role == "" {
			shown.Permissions = scope.Permissions.Names()
		}
		for _, pattern := range scope.Locations {
			shown.Locations = append(shown.Locations, string(pattern))
		}
		all = append(all, shown)
	}
	return all
}

// info is what a page may know of a provider; zero for one that is gone.
func (s *Server) info(slot string) identity.ProviderState {
	for _, d := range s.Identity.Doors {
		if i := d.Provider.Info(); i.Slot == slot {
			return identity.ProviderState{Info: i}
		}
	}
	return identity.ProviderState{}
}

// label is what people call a provider.
func (s *Server) label(slot string) string { return cmp.Or(s.info(slot).Label, slot) }

// ways are the names of those that are not a provider's.
var ways = map[models.Method]string{
	models.MethodPassword: "Password", models.MethodPasskey: "Passkey", models.MethodLink: "One-time link",
}

// way is how somebody signed in.
func (s *Server) way(method models.Method, slot string) string {
	return cmp.Or(ways[method], s.label(slot))
}

// changePassword changes the person's own password.
func (s *Server) changePassword(c echo.Context) error {
	ended, err := s.Identity.ChangePassword(c.Request().Context(), principal(c), field(c, "old_password"), field(c, "password"))
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) {
			v, err := s.accountPage(c)
			if v.Password == nil {
				return nil, cmp.Or(err, error(models.ErrNotFound))
			}
			v.Password.Wrong = wrong
			return v, err
		}, "", "old_password", "password")
	}
	return s.backToAccount(c, "password_changed", ended)
}

func (s *Server) endSession(c echo.Context) error {
	if err := s.Identity.EndSession(c.Request().Context(), principal(c), field(c, "id")); err != nil {
		return err
	}
	return s.backToAccount(c, "session_ended", 0)
}

func (s *Server) endOtherSessions(c echo.Context) error {
	ended, err := s.Identity.EndOtherSessions(c.Request().Context(), principal(c))
	if err != nil {
		return err
	}
	return s.backToAccount(c, "sessions_ended", ended)
}

// linkProvider sends somebody to a provider, to add their account there.
func (s *Server) linkProvider(c echo.Context) error {
	begun, err := s.Identity.BeginLinking(c.Request().Context(), principal(c), c.Param("slot"))
	if err != nil {
		return err
	}
	s.keepAttempt(c, begun)
	return s.leave(c, "One moment", "Please sign in with the account that you want to add.", begun.Redirect)
}

func (s *Server) unlink(c echo.Context) error {
	if err := s.Identity.Unlink(c.Request().Context(), principal(c), field(c, "id")); err != nil {
		return err
	}
	return s.backToAccount(c, "unlinked", 0)
}

// backToAccount ends a change of one's own account.
func (s *Server) backToAccount(c echo.Context, notice string, n int64) error {
	return s.goOn(c, s.noticed(notice, n))
}

// noticed is the account's page with a notice.
func (s *Server) noticed(notice string, n int64) string {
	return s.site.Prefix() + accountRoute + "?notice=" + notice + "&n=" + strconv.FormatInt(n, 10)
}

// accountNotices are the sentences that a fixed code in the address shows.
var accountNotices = map[string]string{
	"password_changed":  "Your password is changed.",
	"session_ended":     "That session has ended.",
	"sessions_ended":    "You are signed in here alone.",
	"factor_added":      "The second factor is set up.",
	"factor_added_here": "The second factor is set up. You are signed in elsewhere too, from before it: you can end that below.",
	"factor_removed":    "The second factor is removed.",
	"unlinked":          "The account is no longer linked.",
	"token_revoked":     "That token opens nothing any more.",
}

// accountNotice is the sentence, with how many other sessions ended. Whatever
// else stands in the address is not shown.
func accountNotice(code, n string) string {
	notice, ended := accountNotices[code], 0
	if count, err := strconv.ParseUint(n, 10, 14); err == nil {
		ended = int(count)
	}
	switch {
	case notice == "" || ended == 0:
		return notice
	case ended == 1:
		return notice + " One other session has ended."
	}
	return notice + fmt.Sprintf(" %d other sessions have ended.", ended)
}
