package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/views"
)

// askFor bounds how long the login page waits for providers that are down.
const askFor = 2 * time.Second

// loginNotices are the sentences that a fixed code in the address shows.
var loginNotices = map[string]string{
	"signed_out": "You are signed out.",
	"expired":    "You are not signed in any more, so what you sent was not done. Please sign in again.",
}

// setupHint says where an admin is set up, as far as that can be done with a
// browser.
func (s *Server) setupHint() string {
	if !s.Identity.PasswordLogin {
		return identity.ErrSetup.Msg
	}
	return "This installation has no admin yet. Whoever runs it can set one up at " + s.site.Prefix() + "/auth/setup."
}

// login shows the ways in; whoever is signed in goes on. Before there is an
// admin it leads to where one is set up, and says so where there are other ways.
func (s *Server) login(c echo.Context) error {
	if principal(c) != nil {
		return c.Redirect(http.StatusSeeOther, s.site.Next(wayBack(c)))
	}
	claimed, err := s.Identity.Claimed(c.Request().Context())
	if err != nil {
		return identity.ErrUnavailable.Because(err)
	}
	if !claimed && s.Identity.PasswordLogin && len(s.Identity.Doors) == 0 {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/setup")
	}
	page := s.loginPage(c)
	if page.Notice = loginNotices[c.QueryParam("notice")]; !claimed {
		page.Notice = s.setupHint()
	}
	return s.show(c, http.StatusOK, page)
}

// loginPage has a button for each provider, and a form for each kind of account
// with a password.
func (s *Server) loginPage(c echo.Context) views.Login {
	page := views.Login{Site: s.viewSite(), Next: s.site.Next(wayBack(c)), Demo: s.Demo}
	for _, p := range s.providerStates(c) {
		if p.Type == typeDirectory {
			page.Directories = append(page.Directories, views.SignInForm{Slot: p.Slot, Label: p.Label, Down: p.Down})
			continue
		}
		page.Providers = append(page.Providers, views.ProviderButton{
			Slot: p.Slot, Label: p.Label, Type: p.Type, Down: p.Down, Href: s.at("/auth/start/"+p.Slot, page.Next),
		})
	}
	if s.Identity.PasswordLogin {
		page.Password, page.Passkeys = &views.SignInForm{}, s.Identity.PasskeysWork() && s.Identity.Rules().MFA != identity.MFAOff
	}
	return page
}

// The types of providers to which people do not go with their browser.
const (
	typeDirectory = "ldap"
	typeWitness   = "header"
)

func (s *Server) providerStates(c echo.Context) []identity.ProviderState {
	ctx, cancel := context.WithTimeout(c.Request().Context(), askFor)
	defer cancel()
	return s.Identity.Providers(ctx)
}

// providers tells a page of somebody else's making which buttons to show.
func (s *Server) providers(c echo.Context) error {
	type provider struct {
		Slot  string `json:"slot"`
		Label string `json:"label"`
		Type  string `json:"type"`
	}
	answer := struct {
		PasswordEnabled bool       `json:"password_enabled"`
		Providers       []provider `json:"providers"`
	}{s.Identity.PasswordLogin, []provider{}}
	for _, d := range s.Identity.Doors {
		i := d.Provider.Info()
		answer.Providers = append(answer.Providers, provider{i.Slot, i.Label, i.Type})
	}
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, answer)
	return nil
}

func (s *Server) start(c echo.Context) error {
	slot := c.Param("slot")
	if s.info(slot).Type == typeWitness {
		return s.signInHeader(c, slot)
	}
	begun, err := s.Identity.Begin(c.Request().Context(), slot, c.QueryParam("next"))
	if err != nil {
		return err
	}
	s.keepAttempt(c, begun)
	return c.Redirect(http.StatusSeeOther, begun.Redirect)
}

// signInHeader signs in whom the proxy in front of us has signed in. It is a GET
// that changes something, as a provider's silent sign-in is one, and therefore
// only for a browser that comes here itself. Who sends the headers is the peer,
// whomever that one speaks for.
func (s *Server) signInHeader(c echo.Context, slot string) error {
	r := c.Request()
	if !topLevel(r) {
		return errOrigin
	}
	sender, _ := netip.ParseAddr(peer(r)) // what is no address is nobody's
	in, err := s.Identity.SignInHeader(r.Context(), slot, r.Header, sender.Unmap(), s.entry(c))
	return s.finish(c, in, err)
}

// topLevel tells a page that is gone to from one that another page loads (Fetch
// Metadata §2.1 and §2.2).
func topLevel(r *http.Request) bool {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return (mode == "" || mode == "navigate") && (dest == "" || dest == "document")
}

// callback is where a provider sends the browser back to.
func (s *Server) callback(c echo.Context) error {
	cb, err := providers.ParseCallback(c.QueryParams())
	if err != nil {
		return s.Identity.RefuseCallback(c.Request().Context(), c.Param("slot"), err)
	}
	in, err := s.Identity.Finish(c.Request().Context(), identity.Return{
		Slot: c.Param("slot"), Callback: cb, Sealed: s.takeAttempt(c, cb.State), Former: principal(c),
	})
	if errors.Is(err, identity.ErrSignInExpired) && principal(c) != nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/") // the back button, after a sign-in that worked
	}
	if err == nil && in.Test != nil {
		return s.showTest(c, *in.Test)
	}
	return s.finish(c, in, err)
}

// signOutPage asks: a GET changes nothing.
func (s *Server) signOutPage(c echo.Context) error {
	p := principal(c)
	if p == nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login")
	}
	return s.show(c, http.StatusOK, views.SignOut{Site: s.viewSite(), SignedInAs: p.User.Label()})
}

// signOut ends the session. It is idempotent: whoever is out already is told
// the same.
func (s *Server) signOut(c echo.Context) error {
	s.drop(c, s.sessionCookie())
	s.take(c, s.pendingCookie())
	p := principal(c)
	if p == nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login?notice=signed_out")
	}
	provider, err := s.Identity.SignOut(c.Request().Context(), p)
	if err != nil {
		return err
	}
	if provider != "" {
		return s.leave(c, "You are signed out", "Signing out at your identity provider as well.", provider)
	}
	return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login?notice=signed_out")
}

// leave answers a form by going on to a provider. It is a page that moves on by
// itself and no redirect: browsers hold the whole way of a form's answer
// against form-action, and the provider is another origin.
func (s *Server) leave(c echo.Context, title, message, address string) error {
	c.Response().Header().Set("Refresh", "0; url="+address)
	return s.show(c, http.StatusOK, views.Problem{
		Site: s.viewSite(), Title: title, Message: message, Action: "Continue", ActionHref: address,
	})
}
