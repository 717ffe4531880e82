package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// local is the gate of everything that has to do with passwords: in OAuth-only
// mode there is nothing behind it, whatever the method and whoever asks.
func (s *Server) local(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.Identity.PasswordLogin {
			return models.ErrNotFound
		}
		return next(c)
	}
}

// claimed keeps Dagster shut, to everybody, until there is an admin.
func (s *Server) claimed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ok, err := s.Identity.Claimed(c.Request().Context())
		switch {
		case err != nil:
			return identity.ErrUnavailable.Because(err)
		case !ok:
			return identity.ErrSetup
		}
		return next(c)
	}
}

// signedIn sends strangers to sign in, a program by telling it so.
func (s *Server) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if principal(c) == nil {
			return s.toLogin(c)
		}
		return next(c)
	}
}

// administer shows the console to admins alone. It is a courtesy: all that the
// console reads and changes, identity judges anew.
func (s *Server) administer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !principal(c).Access.Permissions.Has(policy.Administer) {
			return identity.ErrNotAdmin
		}
		return next(c)
	}
}

// auditor shows what is for auditors, whom admins are among. It is a courtesy as
// [Server.administer] is.
func (s *Server) auditor(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.Identity.MayAudit(c.Request().Context()) {
			return identity.ErrNotAuditor
		}
		return next(c)
	}
}

// fromHere is the gate of downloads. They change nothing, but they read all there
// is and are recorded, so no page of another site begins one (Fetch Metadata
// §2.1): "none" is somebody who came by themself. Nor does a script in a page of
// our origin, for Dagster's are: it would read the file.
func (s *Server) fromHere(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if site := c.Request().Header.Get("Sec-Fetch-Site"); site != "same-origin" && site != "none" || !topLevel(c.Request()) {
			return errOrigin
		}
		return next(c)
	}
}

var errNotByHand = models.NewError(models.KindForbidden, "not_by_hand", "This is done on a page of its own, by whoever looks at it.")

// byHand keeps scripts out of pages and forms that make a way to sign in, or show
// one: Dagster's pages are of our origin, and so would be a script that somebody
// got into them. A browser that does not tell is let pass.
func (s *Server) byHand(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !topLevel(c.Request()) {
			return errNotByHand
		}
		return next(c)
	}
}

const halfKey = "half"

// pending recognises who has proved the first factor, by a cookie of its own: a
// session is none, and it is no session.
func (s *Server) pending(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		cookie, err := c.Request().Cookie(s.pendingCookie())
		if err != nil {
			return s.toLogin(c)
		}
		h, err := s.Identity.Halfway(c.Request().Context(), models.Secret(cookie.Value))
		if errors.Is(err, identity.ErrUnauthenticated) {
			return s.toLogin(c)
		}
		if err != nil {
			return err
		}
		c.Set(halfKey, h)
		return next(c)
	}
}

// half is who has proved the first factor, behind the gate of that.
func half(c echo.Context) *identity.Half {
	h, _ := c.Get(halfKey).(*identity.Half)
	return h
}

// toLogin sends a stranger to sign in, and back to where they were going.
func (s *Server) toLogin(c echo.Context) error {
	r := c.Request()
	if !wantsPage(r) {
		return identity.ErrUnauthenticated
	}
	if !safe(r) {
		return c.Redirect(http.StatusSeeOther, s.at("/auth/login", s.nextInForm(c))+"&notice=expired")
	}
	next := cmp.Or(c.QueryParam("next"), r.URL.RequestURI())
	return c.Redirect(http.StatusSeeOther, s.at("/auth/login", next))
}

// nextInForm is the way back that stands in a form which came too late. What
// cannot be read has none.
func (s *Server) nextInForm(c echo.Context) string {
	_ = s.form(func(echo.Context) error { return nil })(c)
	return wayBack(c)
}

// at is the address of one of our pages, with the way back.
func (s *Server) at(page, next string) string {
	return s.site.Prefix() + page + "?next=" + url.QueryEscape(s.site.Next(next))
}
