package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// factor asks somebody who has proved the first factor for the second one.
func (s *Server) factor(c echo.Context) error {
	if half(c).Wants == models.WantsEnrol {
		return c.Redirect(http.StatusSeeOther, s.at("/auth/mfa/enrol", wayBack(c)))
	}
	return s.show(c, http.StatusOK, s.factorPage(c, nil))
}

func (s *Server) factorPage(c echo.Context, wrong views.Wrong) page {
	h := half(c)
	return views.SecondFactor{
		Site: s.viewSite(), User: h.User.Label(), Next: s.site.Next(wayBack(c)),
		Code: h.Ways.TOTP, Passkey: h.Ways.Passkey, Recovery: h.Ways.Recovery > 0, Wrong: wrong,
	}
}

func (s *Server) finishWithCode(c echo.Context) error {
	in, err := s.Identity.FinishWithCode(c.Request().Context(), half(c), field(c, "code"), s.entry(c))
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) { return s.factorPage(c, wrong), nil }, codeField(c))
	}
	return s.finish(c, in, nil)
}

// codeField is the form that a code came from: codes and recovery codes have one
// each.
func codeField(c echo.Context) string {
	if field(c, "as") == "recovery" {
		return "recovery"
	}
	return "code"
}

func (s *Server) beginFactor(c echo.Context) error {
	ceremony, err := s.Identity.BeginPasskeyOf(c.Request().Context(), half(c).User.ID)
	return s.begin(c, toFinish, ceremony, err)
}

func (s *Server) finishWithPasskey(c echo.Context) error {
	in, err := s.Identity.FinishWithPasskey(c.Request().Context(), half(c), s.ceremony(c, toFinish), answered(c), s.entry(c))
	return s.finish(c, in, err)
}

// beginPasskey begins a sign-in with a passkey alone.
func (s *Server) beginPasskey(c echo.Context) error {
	ceremony, err := s.Identity.BeginPasskey(c.Request().Context())
	return s.begin(c, toSignIn, ceremony, err)
}

func (s *Server) signInPasskey(c echo.Context) error {
	in, err := s.Identity.SignInPasskey(c.Request().Context(), s.ceremony(c, toSignIn), answered(c), s.entry(c))
	return s.finish(c, in, err)
}

// begin answers with what the script hands to navigator.credentials; the
// ceremony stays in the browser, sealed.
func (s *Server) begin(c echo.Context, what string, ceremony identity.Ceremony, err error) error {
	if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.ceremonyCookie(what), ceremony.Sealed, ceremony.Expires))
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, ceremony.Options)
	return nil
}

// ceremony gives what [Server.begin] left in the browser, once.
func (s *Server) ceremony(c echo.Context, what string) string {
	return s.take(c, s.ceremonyCookie(what))
}
