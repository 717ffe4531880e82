package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// signInPassword takes a name and a password of an account that is kept here.
func (s *Server) signInPassword(c echo.Context) error {
	name := field(c, "username")
	in, err := s.Identity.SignInPassword(c.Request().Context(), name, field(c, "password"), s.entry(c))
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) {
			p := s.loginPage(c)
			p.Password.Username, p.Password.Wrong = name, wrong
			return p, nil
		}, "", "username", "password")
	}
	return s.finish(c, in, nil)
}

// signInDirectory takes those of an account in a directory.
func (s *Server) signInDirectory(c echo.Context) error {
	slot, name := c.Param("slot"), field(c, "username")
	in, err := s.Identity.SignInDirectory(c.Request().Context(), slot, name, field(c, "password"), s.entry(c))
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) {
			p := s.loginPage(c)
			for i := range p.Directories {
				if d := &p.Directories[i]; d.Slot == slot {
					d.Username, d.Wrong = name, wrong
				}
			}
			return p, nil
		}, "", "username", "password")
	}
	return s.finish(c, in, nil)
}

// setup shows how to claim an installation that nobody has claimed.
func (s *Server) setup(c echo.Context) error {
	claimed, err := s.Identity.Claimed(c.Request().Context())
	switch {
	case err != nil:
		return identity.ErrUnavailable.Because(err)
	case claimed:
		return identity.ErrClaimed
	}
	return s.show(c, http.StatusOK, views.Setup{Site: s.viewSite()})
}

// claim makes the first admin.
func (s *Server) claim(c echo.Context) error {
	n := identity.NewAccount{Username: field(c, "username"), Name: field(c, "name"), Email: field(c, "email")}
	in, err := s.Identity.Claim(c.Request().Context(), field(c, "token"), n, field(c, "password"), s.entry(c))
	switch {
	case errors.Is(err, identity.ErrClaimed):
		return err // there is nothing to set up any more
	case err != nil:
		return s.again(c, err, func(wrong views.Wrong) (page, error) {
			return views.Setup{Site: s.viewSite(), Username: n.Username, FullName: n.Name, Email: n.Email, Wrong: wrong}, nil
		}, "", "token", "username", "name", "email", "password")
	}
	return s.finish(c, in, nil)
}

// link shows what a one-time link is for. Who only looks, as a mail program
// does, uses nothing up.
func (s *Server) link(c echo.Context) error {
	p, err := s.linkPage(c, c.QueryParam("token"), nil)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, p)
}

// spendLink uses the link up. Where it led before nobody knows: it goes to the
// front page.
func (s *Server) spendLink(c echo.Context) error {
	token := field(c, "token")
	in, err := s.Identity.SpendLink(c.Request().Context(), token, field(c, "password"), identity.Entry{Former: principal(c)})
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) { return s.linkPage(c, token, wrong) }, "", "password")
	}
	return s.finish(c, in, nil)
}

func (s *Server) linkPage(c echo.Context, token string, wrong views.Wrong) (page, error) {
	user, purpose, err := s.Identity.LinkFor(c.Request().Context(), token)
	switch {
	case err != nil:
		return nil, err
	case purpose == models.LinkPassword && !s.Identity.PasswordLogin:
		return nil, models.ErrNotFound
	}
	username, err := s.username(c, user.ID)
	return views.Link{
		Site: s.viewSite(), Token: token, User: user.Label(), Username: username,
		NewPassword: purpose == models.LinkPassword, Wrong: wrong,
	}, err
}
