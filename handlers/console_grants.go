package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// giveTyped is the form for a grant as it was typed.
func giveTyped(c echo.Context) views.ConsoleGive {
	f := func(name string) string { return field(c, name) }
	return views.ConsoleGive{
		Email: f("email"), Domain: f("domain"), Slot: f("slot"), Group: f("group"), Org: f("org"), Team: f("team"),
		Role: f("role"), Locations: f("locations"),
	}
}

// grantOf is the grant that a form says. A line that is left empty is none.
func grantOf(g views.ConsoleGive) models.Grant {
	grant := models.Grant{Email: g.Email, Domain: g.Domain, Slot: g.Slot, Group: g.Group, Org: g.Org, Team: g.Team, Role: policy.Role(g.Role)}
	for line := range strings.Lines(g.Locations) {
		if line = strings.TrimSpace(line); line != "" {
			grant.Locations = append(grant.Locations, policy.Pattern(line))
		}
	}
	return grant
}

// tryGrant shows what a new grant would do, or taking one away.
func (s *Server) tryGrant(c echo.Context) error {
	if id := field(c, "remove"); id != "" {
		return s.showRemoval(c, id)
	}
	v, err := s.givingPage(c, giveTyped(c))
	if err != nil {
		return s.giveAgain(c, err)
	}
	return s.show(c, http.StatusOK, v)
}

func (s *Server) showRemoval(c echo.Context, id string) error {
	v, err := s.removingPage(c, id)
	if err != nil {
		return s.grantGone(c, err)
	}
	return s.show(c, http.StatusOK, v)
}

// addGrant does what the dry run has shown.
func (s *Server) addGrant(c echo.Context) error {
	typed := giveTyped(c)
	_, err := s.Identity.AddGrant(decided(c), grantOf(typed))
	switch {
	case err == nil:
		return s.toConsole(c, "/access", "granted")
	case !tryAgain(err):
		return s.giveAgain(c, err)
	}
	return s.tryAgain(c, err, func() (views.ConsolePreview, error) { return s.givingPage(c, typed) })
}

// removeGrant does what the dry run has shown.
func (s *Server) removeGrant(c echo.Context) error {
	id := field(c, "id")
	err := s.Identity.RemoveGrant(decided(c), id)
	switch {
	case err == nil:
		return s.toConsole(c, "/access", "revoked")
	case !tryAgain(err):
		return s.grantGone(c, err)
	}
	err = s.tryAgain(c, err, func() (views.ConsolePreview, error) { return s.removingPage(c, id) })
	if errors.Is(err, identity.ErrNoGrant) {
		return s.grantGone(c, err)
	}
	return err
}

// decided carries what a change was decided upon, and the consent to it.
func decided(c echo.Context) context.Context {
	ctx := identity.WithVersion(c.Request().Context(), field(c, "version"))
	if field(c, "confirm") == "yes" {
		ctx = identity.WithConsent(ctx)
	}
	return ctx
}

// tryAgain tells the refusals for which the dry run is shown once more: as it is
// now, or to be confirmed.
func tryAgain(err error) bool {
	return errors.Is(err, identity.ErrRulesChanged) || errors.Is(err, identity.ErrSelf) || errors.Is(err, identity.ErrLastAdmin)
}

func (s *Server) tryAgain(c echo.Context, err error, show func() (views.ConsolePreview, error)) error {
	return s.again(c, err, func(wrong views.Wrong) (page, error) {
		v, err := show()
		v.Wrong = wrong
		return v, err
	}, "", "confirm")
}

// giveAgain shows the form for a grant once more.
func (s *Server) giveAgain(c echo.Context, err error) error {
	return s.again(c, err, func(wrong views.Wrong) (page, error) {
		v, err := s.accessPage(c, views.ConsoleWhoCan{Locations: s.locations(c)})
		typed := giveTyped(c)
		typed.Slots, typed.Roles, typed.Known, typed.Wrong = v.Give.Slots, v.Give.Roles, v.Give.Known, wrong
		v.Give = typed
		return v, err
	}, "", "who", "email", "domain", "slot", "group", "org", "team", "role", "locations")
}

// grantGone says on the page about access that a grant cannot be taken away: most
// often somebody else has done it.
func (s *Server) grantGone(c echo.Context, err error) error {
	if errors.Is(err, identity.ErrNoGrant) {
		gone := *identity.ErrNoGrant
		gone.Kind = models.KindConflict // there is a page to show it on
		err = &gone
	}
	return s.refusedHere(c, err, func(v views.Console) (page, error) {
		p, err := s.accessPage(c, views.ConsoleWhoCan{Locations: s.locations(c)})
		p.Console = v
		return p, err
	})
}

// givingPage is the dry run of a new grant.
func (s *Server) givingPage(c echo.Context, typed views.ConsoleGive) (views.ConsolePreview, error) {
	g := grantOf(typed)
	p, err := s.Identity.PreviewGrant(c.Request().Context(), []models.Grant{g}, nil)
	if err != nil {
		return views.ConsolePreview{}, err
	}
	v := s.dryRun(c, p)
	v.Place, v.Title, v.Apply, v.Back, v.Button = "access", "Give a role", "/auth/admin/access/grants", "/auth/admin/access", "Give the role"
	v.Changes, v.Rule = []string{"This rule is added to those that are:"}, previewRule("A new grant", g)
	for _, f := range [][2]string{
		{"email", typed.Email},
		{"domain", typed.Domain},
		{"slot", typed.Slot},
		{"group", typed.Group},
		{"org", typed.Org},
		{"team", typed.Team},
		{"role", typed.Role},
		{"locations", typed.Locations},
	} {
		if f[1] != "" {
			v.Fields = append(v.Fields, views.ConsoleField{Name: f[0], Value: f[1]})
		}
	}
	return v, nil
}

// removingPage is the dry run of taking a grant away.
func (s *Server) removingPage(c echo.Context, id string) (v views.ConsolePreview, err error) {
	p, err := s.Identity.PreviewGrant(c.Request().Context(), nil, []string{id})
	if err != nil {
		return v, err
	}
	all, err := s.Identity.Grants(c.Request().Context())
	v = s.dryRun(c, p)
	v.Place, v.Title, v.Apply, v.Back, v.Button = "access", "Remove a grant", "/auth/admin/access/grants/remove", "/auth/admin/access", "Remove the grant"
	v.Danger, v.Fields = true, []views.ConsoleField{{Name: "id", Value: id}}
	for _, g := range all {
		if g.ID == id {
			v.Changes, v.Rule = []string{"This rule goes:"}, previewRule(ruleName(g.Rule), g.Grant)
		}
	}
	return v, err
}

func previewRule(name string, g models.Grant) *views.ConsoleRule {
	rule := &views.ConsoleRule{Name: name, Text: g.Rule().String(), Role: string(g.Role)}
	for _, l := range g.Locations {
		rule.Locations = append(rule.Locations, string(l))
	}
	return rule
}

// dryRun is what a dry run found, without what it is of.
func (s *Server) dryRun(c echo.Context, p identity.Preview) views.ConsolePreview {
	v := views.ConsolePreview{
		Console: s.console(c), Version: p.Token, Gain: p.Gain, Lose: p.Lose, In: p.In, Out: p.Out, Sessions: p.Sessions, More: p.More, Self: p.Self,
	}
	if p.NoAdmin {
		v.Refused = identity.ErrLastAdmin.Msg
	}
	for _, l := range p.Lines {
		v.Lines = append(v.Lines, views.ConsolePreviewLine{
			UserID: l.User.ID, Name: l.User.Name, Email: l.User.Email, Provider: s.wayIn(l.Slot), Before: string(l.Before), After: string(l.After),
			Gains: l.Gains, Loses: l.Loses, Was: l.Was, Is: l.Is,
		})
	}
	return v
}

// giveForm is the form for a grant, empty.
func (s *Server) giveForm(c echo.Context, known []string) (g views.ConsoleGive, err error) {
	for _, d := range s.Identity.Doors {
		i := d.Provider.Info()
		g.Slots = append(g.Slots, views.ConsoleChoice{Value: i.Slot, Label: i.Label})
	}
	g.Known = known
	g.Roles, err = s.grantable(c)
	return g, err
}

// consoleGrant is a rule of the policy, with where it is changed.
func consoleGrant(g identity.GrantLine, kept map[string]identity.KeptGrant) views.ConsoleGrant {
	v := views.ConsoleGrant{Name: ruleName(g.Rule), Text: g.Text, Role: string(g.Role), Locations: g.Locations, ID: g.ID, Broken: g.Broken}
	switch {
	case g.ID != "":
		v.By, v.Since = kept[g.ID].By, kept[g.ID].CreatedAt
	case g.Rule == "admin_emails":
		v.Fixed = "Set in the environment, and changed there."
	default:
		v.Fixed = "Written in the policy file, and changed there."
	}
	return v
}

// keptGrants are the grants of the database, by their ids.
func (s *Server) keptGrants(c echo.Context) (map[string]identity.KeptGrant, error) {
	all, err := s.Identity.Grants(c.Request().Context())
	by := map[string]identity.KeptGrant{}
	for _, g := range all {
		by[g.ID] = g
	}
	return by, err
}
