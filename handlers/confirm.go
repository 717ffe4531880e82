package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/views"
)

// confirm asks somebody to prove again who they are.
func (s *Server) confirm(c echo.Context) error {
	p, err := s.confirmPage(c, nil)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, p)
}

func (s *Server) confirmPage(c echo.Context, wrong views.Wrong) (page, error) {
	p := principal(c)
	ways, err := s.Identity.ConfirmWays(c.Request().Context(), p)
	if err != nil {
		return nil, err
	}
	if ways == (identity.Ways{}) {
		return nil, identity.ErrCannotConfirm
	}
	username, err := s.username(c, p.User.ID)
	v := views.Confirm{
		Site: s.viewSite(), User: p.User.Label(), Username: username, Next: s.site.Next(wayBack(c)),
		Password: ways.Password, Code: ways.TOTP, Recovery: ways.Recovery > 0, Passkey: ways.Passkey, Wrong: wrong,
	}
	if ways.Provider != "" {
		v.Provider = s.label(ways.Provider)
	}
	return v, err
}

// confirmWords takes a password or a code.
func (s *Server) confirmWords(c echo.Context) error {
	ctx, at := c.Request().Context(), "password"
	var err error
	if code := field(c, "code"); code != "" {
		at, err = codeField(c), s.Identity.ConfirmCode(ctx, principal(c), code)
	} else {
		err = s.Identity.ConfirmPassword(ctx, principal(c), field(c, "password"))
	}
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) { return s.confirmPage(c, wrong) }, at)
	}
	return s.goOn(c, s.site.Next(wayBack(c)))
}

func (s *Server) beginConfirm(c echo.Context) error {
	ceremony, err := s.Identity.BeginPasskeyOf(c.Request().Context(), principal(c).User.ID)
	return s.begin(c, toConfirm, ceremony, err)
}

func (s *Server) confirmPasskey(c echo.Context) error {
	err := s.Identity.ConfirmPasskey(c.Request().Context(), principal(c), s.ceremony(c, toConfirm), answered(c))
	if err != nil {
		return err
	}
	return s.goOn(c, s.site.Next(wayBack(c)))
}

// confirmAtProvider sends somebody to sign in at their provider anew.
func (s *Server) confirmAtProvider(c echo.Context) error {
	begun, err := s.Identity.BeginConfirm(c.Request().Context(), principal(c), wayBack(c))
	if err != nil {
		return err
	}
	s.keepAttempt(c, begun)
	return s.leave(c, "One moment", "Please sign in at your identity provider once more.", begun.Redirect)
}
