package handlers

import (
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// me tells a program who is signed in.
func (s *Server) me(c echo.Context) error {
	p := principal(c)
	if p == nil {
		return identity.ErrUnauthenticated
	}
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, newMe(p))
	return nil
}

type me struct {
	User struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		Email    string   `json:"email"`
		Provider string   `json:"provider"`
		Groups   []string `json:"groups"`
	} `json:"user"`
	// Role is the highest built-in role held deployment-wide.
	Role        string   `json:"role"`
	Permissions []string `json:"permissions"`
	// Locations maps a code location to the role there.
	Locations map[string]string `json:"locations"`
	Session   struct {
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"session"`
}

func newMe(p *models.Principal) me {
	m := me{Role: string(p.Access.Role), Permissions: p.Access.Permissions.Names(), Locations: map[string]string{}}
	m.User.ID, m.User.Name, m.User.Email = p.User.ID, p.User.Name, p.User.Email
	m.User.Provider, m.User.Groups = p.Identity.Slot, append([]string{}, p.Identity.Claims.Groups...)
	m.Session.ExpiresAt = p.ExpiresAt
	return m
}

// account shows a person who they are here and where they are signed in.
func (s *Server) account(c echo.Context) error {
	p := principal(c)
	if p == nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+"/auth/login?next="+url.QueryEscape(s.site.Prefix()+"/auth/account"))
	}
	sessions, err := s.Identity.Sessions(c.Request().Context(), p)
	if err != nil {
		return err
	}
	s.Pages.show(c.Response(), c.Request(), http.StatusOK, s.accountPage(p, sessions).Component())
	return nil
}

func (s *Server) accountPage(p *models.Principal, sessions []models.Session) views.Account {
	page := views.Account{
		Site: s.viewSite(), Name: p.User.Label(), Email: p.User.Email, Provider: s.label(p.Identity.Slot),
		Role: string(p.Access.Role), Groups: p.Identity.Claims.Groups, Permissions: p.Access.Permissions.Names(),
		SignedInAt: p.SignedInAt, ExpiresAt: p.ExpiresAt,
	}
	for _, session := range sessions {
		page.Sessions = append(page.Sessions, views.AccountSession{
			Device: device(session.UserAgent), Address: session.ClientIP, Method: s.label(session.Slot),
			Since: session.CreatedAt, LastSeen: session.LastSeenAt, Current: session.ID == p.SessionID,
		})
	}
	return page
}

// label is what people call a provider.
func (s *Server) label(slot string) string {
	for _, d := range s.Identity.Doors {
		if i := d.Provider.Info(); i.Slot == slot {
			return i.Label
		}
	}
	return slot
}
