package handlers

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// access shows the policy in force, and tells who may do something if it is asked.
func (s *Server) access(c echo.Context) error {
	v, err := s.accessPage(c, s.whoCan(c))
	if err != nil {
		return s.refusedHere(c, err, func(v views.Console) (page, error) {
			p, err := s.accessPage(c, views.ConsoleWhoCan{Locations: s.locations(c)})
			p.Console = v
			return p, err
		})
	}
	status := http.StatusOK
	if len(v.Ask.Wrong) > 0 {
		status = http.StatusBadRequest
	}
	return s.show(c, status, v)
}

// whoCan reads the question.
func (s *Server) whoCan(c echo.Context) views.ConsoleWhoCan {
	return views.ConsoleWhoCan{
		Permission: asked(c, "permission"), Location: asked(c, "location"), After: asked(c, "after"), Locations: s.locations(c),
	}
}

// locations are the code locations that Dagster tells of in time.
func (s *Server) locations(c echo.Context) []string {
	if s.Locations == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), locationsWithin)
	defer cancel()
	return s.Locations(ctx)
}

func (s *Server) accessPage(c echo.Context, ask views.ConsoleWhoCan) (v views.ConsoleAccess, err error) {
	a, err := s.Identity.AccessOverview(c.Request().Context())
	if err != nil {
		return v, err
	}
	v = views.ConsoleAccess{Console: s.console(c), DefaultRole: string(a.DefaultRole), Assigned: s.personLines(a.Assigned)}
	for _, p := range a.Permissions {
		v.Permissions = append(v.Permissions, views.ConsolePermission{Name: string(p), Located: policy.Located(p)})
	}
	for _, r := range a.Roles {
		v.Roles = append(v.Roles, views.ConsoleRole{Name: string(r.Role), BuiltIn: r.BuiltIn, Holds: r.Permissions.Names()})
	}
	kept, err := s.keptGrants(c)
	if err != nil {
		return v, err
	}
	for _, g := range a.Grants {
		v.Grants = append(v.Grants, consoleGrant(g, kept))
	}
	if v.Give, err = s.giveForm(c, ask.Locations); err != nil {
		return v, err
	}
	v.Ask, err = s.answerWhoCan(c, ask, v.Permissions)
	return v, err
}

// answerWhoCan answers the question, if there is one.
func (s *Server) answerWhoCan(c echo.Context, ask views.ConsoleWhoCan, known []views.ConsolePermission) (views.ConsoleWhoCan, error) {
	if ask.Permission == "" {
		return ask, nil
	}
	if !slices.ContainsFunc(known, func(p views.ConsolePermission) bool { return p.Name == ask.Permission }) {
		ask.Wrong = views.Wrong{"permission": "There is no such permission."}
		return ask, nil
	}
	want := policy.Want{Permission: policy.Permission(ask.Permission), Location: ask.Location}
	lines, next, err := s.Identity.WhoCan(c.Request().Context(), want, ask.After, onePage)
	for _, l := range lines {
		ask.Lines = append(ask.Lines, views.ConsoleWho{
			UserID: l.User.ID, Name: l.User.Name, Email: l.User.Email, Provider: s.wayIn(l.Slot), Rule: ruleName(l.Rule), Place: l.Place,
		})
	}
	ask.Asked, ask.Next = true, next
	return ask, err
}
