package identity

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// ReviewQuery chooses people for an access review. Empty fields choose all.
type ReviewQuery struct {
	// Text is part of the name, the e-mail address or the username, in any case.
	Text string
	// Role is one that a rule gives by some way in, or that was assigned.
	Role policy.Role
	// Permission is held by some way in, in the whole deployment or somewhere.
	Permission policy.Permission
	// After is where the page begins: a former page's next.
	After string
	// Limit is how many at most; zero is 50.
	Limit int
}

const (
	reviewAtOnce = 200  // accounts that are read in one go
	reviewAtMost = 2000 // accounts that are looked at for one page
)

// Review is a page of the access review, by name, and where the next one begins.
// A page may have fewer lines than asked for, or none, although there is a next
// one: so many people are looked at and no more. It is for auditors, admins and
// the operator, and is recorded (audit.read).
func (s *Service) Review(ctx context.Context, q ReviewQuery) (lines []Reviewed, next string, err error) {
	if err := s.mayAudit(ctx); err != nil {
		return nil, "", err
	}
	from, ok := store.ParseCursor(q.After)
	if !ok {
		return nil, "", ErrBadPage
	}
	for looked, began := 0, time.Now(); mayGoOn(looked, reviewAtMost, began); looked += reviewAtOnce {
		users, on, err := s.Store.People(ctx, store.PeopleFilter{Text: typed(q.Text)}, store.ByName, from, reviewAtOnce)
		if err != nil {
			return nil, "", ErrNotNow.Because(err)
		}
		found, rest, err := s.reviewSome(ctx, users, q, sized(q.Limit)-len(lines))
		if err != nil {
			return nil, "", ErrNotNow.Because(err)
		}
		lines = append(lines, found...)
		if from = on; rest != (store.Cursor{}) {
			from = rest
		}
		if len(lines) >= sized(q.Limit) || from == (store.Cursor{}) {
			break
		}
	}
	return lines, from.String(), s.looked(ctx, "review", models.Filter{Person: typed(q.Text)})
}

// reviewSome are those of some accounts whom the query chooses. Where there are
// enough before the last account, it tells behind which one to go on.
func (s *Service) reviewSome(ctx context.Context, users []models.User, q ReviewQuery, enough int) (lines []Reviewed, rest store.Cursor, err error) {
	identities, err := s.Store.IdentitiesOfAll(ctx, idsOf(users))
	if err != nil {
		return nil, rest, err
	}
	var chosen []models.User
	for i, u := range users {
		if s.inReview(u, identities[u.ID], q) {
			chosen = append(chosen, u)
		}
		if len(chosen) >= enough && i < len(users)-1 {
			rest = store.CursorOf(u, store.ByName)
			break
		}
	}
	lines, err = s.reviewAll(ctx, chosen, identities)
	return lines, rest, err
}

// inReview tells whether a query chooses somebody by what they have.
func (s *Service) inReview(u models.User, identities []models.Identity, q ReviewQuery) bool {
	if q.Role != policy.None && u.Role != q.Role && !slices.ContainsFunc(identities, func(i models.Identity) bool {
		return slices.ContainsFunc(s.Policy().Matching(subject(u, i)), func(r policy.Rule) bool { return r.Role == q.Role })
	}) {
		return false
	}
	return q.Permission == "" || slices.ContainsFunc(identities, func(i models.Identity) bool {
		return s.Policy().Access(subject(u, i)).Anywhere(q.Permission)
	})
}

// reviewAll tells of some accounts all that a review has.
func (s *Service) reviewAll(ctx context.Context, users []models.User, identities map[string][]models.Identity) ([]Reviewed, error) {
	factors, err := s.Store.FactorKinds(ctx, idsOf(users))
	made, e := s.made(ctx)
	err = errors.Join(err, e)
	all := make([]Reviewed, len(users))
	for i, u := range users {
		if err != nil {
			return nil, err
		}
		all[i] = s.review(u, identities[u.ID], factors[u.ID])
		reviewGrants(all[i].Ways, made)
		if u.Role != policy.None {
			err = s.reviewRole(ctx, &all[i])
		}
	}
	return all, err
}

func (s *Service) review(user models.User, identities []models.Identity, factors []models.FactorKind) Reviewed {
	r := Reviewed{
		ID: user.ID, Name: user.Label(), Email: user.Email, CreatedAt: user.CreatedAt, DisabledAt: user.DisabledAt, Assigned: user.Role,
		Factors: append([]models.FactorKind{}, factors...), Ways: []ReviewedWay{},
	}
	for _, identity := range identities {
		way := s.reviewWay(user, identity)
		r.Ways = append(r.Ways, way)
		if r.LastSignIn == nil { // they come with the last used first
			r.LastSignIn = way.SignedInAt
		}
	}
	return r
}

func idsOf(users []models.User) []string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	return ids
}

// ReviewColumns are the columns of an access review as a table, which has a row
// for each way in of a person, and one for who has none. Others may come behind
// them; these stay where they are.
func ReviewColumns() []string {
	return []string{
		"id", "name", "email", "created_at", "disabled_at", "last_sign_in", "assigned_role", "assigned_at", "assigned_by", "factors",
		"provider", "issuer", "subject", "signed_in_at", "enters", "role", "rules", "locations", "since",
	}
}

// Rows are a person in such a table. Rule says what a rule is called, and what it
// says.
func (r Reviewed) Rows(rule func(name string) string) (rows [][]string) {
	ways := r.Ways
	if len(ways) == 0 {
		ways = []ReviewedWay{{}}
	}
	kinds := make([]string, len(r.Factors))
	for i, kind := range r.Factors {
		kinds[i] = string(kind)
	}
	for _, way := range ways {
		rules := make([]string, len(way.Rules))
		for i, name := range way.Rules {
			rules[i] = rule(name)
		}
		rows = append(rows, []string{
			r.ID, r.Name, r.Email, models.Instant(&r.CreatedAt), models.Instant(r.DisabledAt), models.Instant(r.LastSignIn),
			string(r.Assigned), models.Instant(r.AssignedAt), r.AssignedBy, strings.Join(kinds, " "),
			way.Slot, way.Issuer, way.Subject, models.Instant(way.SignedInAt), map[bool]string{true: "yes", false: "no"}[way.Enters],
			string(way.Role), strings.Join(rules, "; "), way.Where(), models.Instant(way.Since),
		})
	}
	return rows
}

// Where says in which code locations a rule gives its role, if not everywhere.
func (w ReviewedWay) Where() string {
	var all []string
	for _, rule := range slices.Sorted(maps.Keys(w.Locations)) {
		all = append(all, rule+" at "+strings.Join(w.Locations[rule], ", "))
	}
	return strings.Join(all, "; ")
}
