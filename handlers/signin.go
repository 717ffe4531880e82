package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/views"
)

// askFor bounds how long the login page waits for providers that are down.
const askFor = 2 * time.Second

// notices are the sentences that a fixed code in the address shows.
var notices = map[string]string{"signed_out": "You are signed out."}

// login shows a button per provider; whoever is signed in goes on.
func (s *Server) login(c echo.Context) error {
	next := s.site.Next(c.QueryParam("next"))
	if principal(c) != nil {
		return c.Redirect(http.StatusSeeOther, next)
	}
	page := views.Login{Site: s.viewSite(), Notice: notices[c.QueryParam("notice")], Demo: s.Demo}
	for _, p := range s.providerStates(c) {
		page.Providers = append(page.Providers, views.ProviderButton{
			Slot: p.Slot, Label: p.Label, Type: p.Type, Down: p.Down, Href: s.startURL(p.Slot, next),
		})
	}
	s.Pages.show(c.Response(), c.Request(), http.StatusOK, page.Component())
	return nil
}

func (s *Server) providerStates(c echo.Context) []identity.ProviderState {
	ctx, cancel := context.WithTimeout(c.Request().Context(), askFor)
	defer cancel()
	return s.Identity.Providers(ctx)
}

func (s *Server) startURL(slot, next string) string {
	return s.site.Prefix() + "/auth/start/" + slot + "?next=" + url.QueryEscape(next)
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
	}{Providers: []provider{}}
	for _, d := range s.Identity.Doors {
		i := d.Provider.Info()
		answer.Providers = append(answer.Providers, provider{i.Slot, i.Label, i.Type})
	}
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, answer)
	return nil
}

func (s *Server) start(c echo.Context) error {
	begun, err := s.Identity.Begin(c.Request().Context(), c.Param("slot"), c.QueryParam("next"))
	if err != nil {
		return err
	}
	s.keepAttempt(c, begun)
	return c.Redirect(http.StatusSeeOther, begun.Redirect)
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
	if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.sessionCookie(), in.Token.Reveal(), in.Expires))
	return c.Redirect(http.StatusSeeOther, in.Next)
}

// signOutPage asks: a GET changes nothing.
func (s *Server) signOutPage(c echo.Context) error {
	p := principal(c)
	if p == nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login")
	}
	page := views.SignOut{Site: s.viewSite(), SignedInAs: p.User.Label()}
	s.Pages.show(c.Response(), c.Request(), http.StatusOK, page.Component())
	return nil
}

// signOut ends the session. It is idempotent: whoever is out already is told
// the same.
func (s *Server) signOut(c echo.Context) error {
	s.drop(c, s.sessionCookie())
	p := principal(c)
	if p == nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login?notice=signed_out")
	}
	provider, err := s.Identity.SignOut(c.Request().Context(), p)
	if err != nil {
		return err
	}
	if provider != "" {
		return s.leave(c, provider)
	}
	return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login?notice=signed_out")
}

// leave goes on to sign out at the provider. It is a page that moves on by
// itself and no redirect: browsers hold the whole way of a form's answer
// against form-action, and the provider is another origin.
func (s *Server) leave(c echo.Context, provider string) error {
	page := views.Problem{
		Site: s.viewSite(), Title: "You are signed out", Message: "Signing out at your identity provider as well.",
		Action: "Continue", ActionHref: provider,
	}
	c.Response().Header().Set("Refresh", "0; url="+provider)
	s.Pages.show(c.Response(), c.Request(), http.StatusOK, page.Component())
	return nil
}
