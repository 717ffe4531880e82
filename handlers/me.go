package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// me tells a program who is signed in.
func (s *Server) me(c echo.Context) error {
	p := principal(c)
	m := newMe(p, s.rolesAt(c.Request().Context(), p.Access))
	rules := s.Identity.Rules()
	m.Mark, m.Monitor = p.Mark(rules.Untrimmed()), rules.Monitor
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, m)
	return nil
}

// locationsWithin is how long Dagster may take to name its code locations: the
// menu in its page comes without them.
const locationsWithin = time.Second

// rolesAt maps each code location where somebody has a role to that role.
func (s *Server) rolesAt(ctx context.Context, a policy.Access) map[string]string {
	roles := map[string]string{}
	if s.Locations == nil {
		return roles
	}
	// The answer is for everybody who waits for it, whoever asked and left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), locationsWithin)
	defer cancel()
	for _, location := range s.Locations(ctx) {
		if role := a.RoleAt(location); role != policy.None {
			roles[location] = string(role)
		}
	}
	return roles
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
	// Locations maps each code location that Dagster knows now to the highest
	// built-in role held there; it has none at which no such role is held in full.
	Locations map[string]string `json:"locations"`
	Session   struct {
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"session"`
	// Mark is the one in Dagster's pages; see models.Principal.
	Mark    string `json:"mark"`
	Monitor bool   `json:"monitor"`
}

func newMe(p *models.Principal, locations map[string]string) me {
	m := me{Role: string(p.Access.Role), Permissions: p.Access.Permissions.Names(), Locations: locations}
	m.User.ID, m.User.Name, m.User.Email = p.User.ID, p.User.Name, p.User.Email
	m.User.Provider, m.User.Groups = p.Identity.Slot, append([]string{}, p.Identity.Claims.Groups...)
	m.Session.ExpiresAt = p.ExpiresAt
	return m
}
