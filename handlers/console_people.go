package handlers

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// people lists who has an account.
func (s *Server) people(c echo.Context) error {
	v, err := s.peoplePage(c, s.console(c), peopleFilter(c), identity.NewAccount{}, nil)
	if err != nil {
		return s.refusedHere(c, err, func(v views.Console) (page, error) { // a filter that cannot be: all
			return s.peoplePage(c, v, views.ConsolePeopleFilter{}, identity.NewAccount{}, nil)
		})
	}
	return s.show(c, http.StatusOK, v)
}

func peopleFilter(c echo.Context) views.ConsolePeopleFilter {
	q := func(name string) string { return asked(c, name) }
	return views.ConsolePeopleFilter{
		Text: q("text"), State: q("state"), Role: q("role"), Slot: q("slot"), Sort: q("sort"), After: q("after"),
	}
}

func peopleQuery(f views.ConsolePeopleFilter) identity.PeopleQuery {
	return identity.PeopleQuery{
		Text: f.Text, State: f.State, Role: f.Role, Slot: f.Slot, Sort: f.Sort, After: f.After, Limit: onePage,
	}
}

// peoplePage is the list with the form to invite somebody, as it was typed.
func (s *Server) peoplePage(c echo.Context, v views.Console, f views.ConsolePeopleFilter, n identity.NewAccount, wrong views.Wrong) (page, error) {
	found, err := s.Identity.People(c.Request().Context(), peopleQuery(f))
	if err != nil {
		return nil, err
	}
	roles, err := s.grantable(c)
	p := views.ConsolePeople{
		Console: v, Filter: f, Roles: roles, Slots: s.slots(), Lines: s.personLines(found.Lines), Total: found.Total, More: found.More, Next: found.Next,
	}
	if s.Identity.PasswordLogin {
		p.Invite = &views.ConsoleInvite{
			Username: n.Username, FullName: n.Name, Email: n.Email, Role: string(n.Role), Roles: roles, Wrong: wrong,
		}
	}
	return p, err
}

// grantable are the names of the roles that the admin can give.
func (s *Server) grantable(c echo.Context) (names []string, err error) {
	roles, err := s.Identity.Grantable(c.Request().Context())
	for _, role := range roles {
		names = append(names, string(role))
	}
	return names, err
}

// slots are the ways in that there are.
func (s *Server) slots() (all []views.ConsoleChoice) {
	for _, d := range s.Identity.Doors {
		i := d.Provider.Info()
		all = append(all, views.ConsoleChoice{Value: i.Slot, Label: i.Label})
	}
	if s.Identity.PasswordLogin {
		all = append(all, views.ConsoleChoice{Value: models.LocalSlot, Label: "Password"})
	}
	return all
}

// wayIn is what people call a slot.
func (s *Server) wayIn(slot string) string {
	if slot == models.LocalSlot {
		return "Password"
	}
	return s.label(slot)
}

func (s *Server) personLines(lines []identity.PersonLine) (all []views.ConsolePersonLine) {
	for _, l := range lines {
		shown := views.ConsolePersonLine{
			ID: l.User.ID, Name: l.User.Name, Email: l.User.Email, Username: l.Username, Role: string(l.User.Role), Factors: l.Factors,
			Sessions: l.Sessions, Created: l.User.CreatedAt, LastSeen: l.LastSeen, Disabled: l.User.Disabled(),
		}
		for _, slot := range l.Slots {
			shown.Ways = append(shown.Ways, s.wayIn(slot))
		}
		all = append(all, shown)
	}
	return all
}

// invite makes an account and shows the link with which its owner chooses a
// password, once.
func (s *Server) invite(c echo.Context) error {
	n := identity.NewAccount{Username: field(c, "username"), Name: field(c, "name"), Email: field(c, "email"), Role: policy.Role(field(c, "role"))}
	made, err := s.Identity.AddAccount(c.Request().Context(), n)
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) {
			return s.peoplePage(c, s.console(c), views.ConsolePeopleFilter{}, n, wrong)
		}, "", "username", "name", "email", "role")
	}
	address, err := s.Identity.MakeLink(c.Request().Context(), made.ID, models.LinkPassword)
	if err != nil {
		s.note(c.Request(), models.AsError(err))
		return s.toConsole(c, "/people/"+made.ID, "no_link")
	}
	return s.showLink(c, made, models.LinkPassword, address, true)
}

// showLink shows a one-time link in the answer to the form that made it: it
// stands in no address and is not shown again.
func (s *Server) showLink(c echo.Context, of models.User, purpose models.LinkPurpose, address string, invited bool) error {
	return s.show(c, http.StatusOK, views.ConsoleLink{
		Console: s.console(c), PersonID: of.ID, Person: of.Label(), NewPassword: purpose == models.LinkPassword, Invited: invited,
		Address: address, Expires: s.Now().Add(identity.LinkLasts(purpose)),
	})
}

// exportPeople is the list as a file.
func (s *Server) exportPeople(c echo.Context) error {
	columns := []string{"id", "name", "email", "username", "providers", "role", "assigned_role", "second_factors", "open_sessions", "created_at", "last_seen_at", "disabled_at"}
	return s.table(c, "people", columns, func(row func(...string) error) error {
		return s.Identity.ExportPeople(c.Request().Context(), peopleQuery(peopleFilter(c)), func(l identity.PersonLine) error {
			return row(l.User.ID, l.User.Name, l.User.Email, l.Username, strings.Join(l.Slots, " "), string(l.Role), string(l.User.Role),
				strconv.Itoa(l.Factors), strconv.Itoa(l.Sessions), models.Instant(&l.User.CreatedAt), models.Instant(&l.LastSeen), models.Instant(l.User.DisabledAt))
		})
	})
}
