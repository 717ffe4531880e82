package handlers

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// entry is what a form or a script says of where it was going.
func (s *Server) entry(c echo.Context) identity.Entry {
	return identity.Entry{Next: wayBack(c), Former: principal(c)}
}

// wayBack is as a stranger wrote it: only models.Site makes an address of it.
func wayBack(c echo.Context) string { return cmp.Or(field(c, "next"), c.QueryParam("next")) }

// finish is the end of every sign-in, whichever way it took.
func (s *Server) finish(c echo.Context, in identity.SignedIn, err error) error {
	if err != nil {
		return err
	}
	return s.goOn(c, s.keep(c, in))
}

// keep gives the browser what a sign-in came to, and tells where it goes on.
// Somebody who has only confirmed who they are keeps the session that they have.
func (s *Server) keep(c echo.Context, in identity.SignedIn) (location string) {
	if in.Wants != "" {
		c.SetCookie(s.cookie(s.pendingCookie(), in.Token.Reveal(), in.Expires))
		return s.at(wantsPages[in.Wants], in.Next)
	}
	if in.Token != "" {
		c.SetCookie(s.cookie(s.sessionCookie(), in.Token.Reveal(), in.Expires))
		s.take(c, s.pendingCookie())
	}
	return in.Next
}

// wantsPages are where people do what a sign-in still wants.
var wantsPages = map[models.Wants]string{models.WantsFactor: "/auth/mfa", models.WantsEnrol: "/auth/mfa/enrol"}

// goOn sends a browser on, and has a script send it.
func (s *Server) goOn(c echo.Context, location string) error {
	if isScript(c.Request()) {
		s.Pages.json(c.Response(), c.Request(), http.StatusOK, map[string]string{"location": location})
		return nil
	}
	return c.Redirect(http.StatusSeeOther, location)
}
