package identity

import (
	"context"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// AccessOverview is the policy in force.
func (s *Service) AccessOverview(ctx context.Context) (AccessPage, error) {
	if err := s.mayLook(ctx); err != nil {
		return AccessPage{}, err
	}
	p := s.Policy()
	page := AccessPage{Permissions: policy.All(), DefaultRole: p.DefaultRole()}
	for _, role := range p.Roles() {
		page.Roles = append(page.Roles, RoleLine{role, p.PermissionsOf(role), len(policy.BuiltIn(role)) > 0})
	}
	for _, g := range p.Grants() {
		page.Grants = append(page.Grants, GrantLine{Rule: g.Name, Text: g.Text, ID: g.ID, Role: g.Role, Locations: patterns(g.Locations)})
	}
	for _, g := range p.Broken() {
		page.Grants = append(page.Grants, GrantLine{
			Rule: "grant " + g.ID, Text: g.String(), ID: g.ID, Broken: g.Reason(), Role: g.Role, Locations: patterns(g.Locations),
		})
	}
	return page, s.tellAssigned(ctx, &page)
}

func (s *Service) tellAssigned(ctx context.Context, page *AccessPage) error {
	f := store.PeopleFilter{Assigned: true}
	users, _, err := s.Store.People(ctx, f, store.ByName, store.Cursor{}, pageSize)
	if err == nil {
		page.AssignedTotal, err = s.Store.CountPeople(ctx, f)
	}
	if err != nil {
		return ErrNotNow.Because(err)
	}
	page.Assigned, err = s.lines(ctx, users)
	return err
}

const (
	whoAtOnce = 250  // accounts that are read in one go
	whoAtMost = 2000 // accounts that are looked at for one page
	// lookFor is how long more accounts are looked at for a page that is not full.
	lookFor = 30 * time.Millisecond
)

// WhoCan lists who may do something and may sign in, by name, a line for each way
// in that gives it, and where the next page begins. It goes by what the provider
// said at the last sign-in there. What one account gives stays on one page, so
// that a page may have a few lines more than limit; and it may have fewer, or
// none, although there is a next one: so many people are looked at and no more.
func (s *Service) WhoCan(ctx context.Context, want policy.Want, after string, limit int) (lines []WhoLine, next string, err error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, "", err
	}
	from, ok := store.ParseCursor(after)
	if !ok {
		return nil, "", ErrBadPage
	}
	for looked, began := 0, time.Now(); mayGoOn(looked, whoAtMost, began) && len(lines) < sized(limit); looked += whoAtOnce {
		users, on, err := s.Store.People(ctx, store.PeopleFilter{Active: true}, store.ByName, from, whoAtOnce)
		if err != nil {
			return nil, "", ErrNotNow.Because(err)
		}
		found, rest, err := s.whoOf(ctx, users, want, sized(limit)-len(lines))
		lines = append(lines, found...)
		if err != nil || rest != (store.Cursor{}) {
			return lines, rest.String(), err
		}
		if from = on; from == (store.Cursor{}) {
			return lines, "", nil
		}
	}
	return lines, from.String(), nil
}

// mayGoOn tells whether more accounts may be looked at for one page. Some always
// are, so that whoever goes on comes to the end.
func mayGoOn(looked, most int, began time.Time) bool {
	return looked == 0 || looked < most && time.Since(began) < lookFor
}

// whoOf are those of some accounts who may. Where there are as many lines as
// wanted before the last account, it tells behind which one to go on.
func (s *Service) whoOf(ctx context.Context, users []models.User, want policy.Want, enough int) (lines []WhoLine, rest store.Cursor, err error) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	identities, err := s.Store.IdentitiesOfAll(ctx, ids)
	if err != nil {
		return nil, rest, ErrNotNow.Because(err)
	}
	p := s.Policy()
	for i, u := range users {
		for _, one := range identities[u.ID] {
			if line, ok := s.who(p, u, one, want); ok {
				lines = append(lines, line)
			}
		}
		if len(lines) >= enough && i < len(users)-1 {
			return lines, store.CursorOf(u, store.ByName), nil
		}
	}
	return lines, rest, nil
}

func (s *Service) who(p *policy.Policy, u models.User, i models.Identity, want policy.Want) (WhoLine, bool) {
	if _, ok := s.mayEnter(u, i, ""); !ok {
		return WhoLine{}, false
	}
	a := p.Access(subject(u, i))
	d := policy.Decide(a, want)
	return WhoLine{u, i.Slot, d.Rule, string(a.Place(want))}, d.Allowed
}
