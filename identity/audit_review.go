package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// Reviewed is one person in an access review.
type Reviewed struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Email      string     `json:"email,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty"`
	// Assigned is the role that was set by hand. AssignedAt is the last event that
	// did so, where the trail still has it, and AssignedBy its actor's name.
	Assigned   policy.Role `json:"assigned_role,omitempty"`
	AssignedAt *time.Time  `json:"assigned_at,omitempty"`
	AssignedBy string      `json:"assigned_by,omitempty"`
	// LastSignIn is by whichever way in.
	LastSignIn *time.Time `json:"last_sign_in,omitempty"`
	// Factors are the kinds of second factors that were set up here.
	Factors []models.FactorKind `json:"factors"`
	// Ways has what the person holds by each way in: it depends on the claims.
	Ways []ReviewedWay `json:"ways"`
}

// ReviewedWay is one way in of a person, with what it gives by today's policy.
type ReviewedWay struct {
	Slot    string `json:"provider"`
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	// Since is when they first came this way.
	Since      *time.Time `json:"since,omitempty"`
	SignedInAt *time.Time `json:"signed_in_at,omitempty"`
	// Role is the highest built-in one held in the whole deployment.
	Role policy.Role `json:"role"`
	// Rules name what gave it: "admin_emails", "assigned_role", "grant 2",
	// "default_role".
	Rules []string `json:"rules"`
	// Locations has, by rule, the patterns of code locations that it is limited to.
	Locations map[string][]string `json:"locations,omitempty"`
	// Made has, by rule, when a grant of the database was made. What the policy file
	// says has no date here.
	Made map[string]Made `json:"made,omitempty"`
	// Enters tells whether they may still come in this way.
	Enters bool `json:"enters"`
}

// Made is who made a grant, and when.
type Made struct {
	At time.Time `json:"at"`
	// By is a name, or an id where nobody has it any more.
	By string `json:"by,omitempty"`
}

// usersAtOnce is how many accounts a review holds in memory.
const usersAtOnce = 200

// AccessReview hands over everybody with what they have, why and since when, the
// oldest account first. It is for auditors, admins and the operator, and is
// recorded (audit.review). An error of fn ends it.
func (s *Service) AccessReview(ctx context.Context, fn func(Reviewed) error) error {
	if err := s.mayAudit(ctx); err != nil {
		return err
	}
	if err := s.Record(ctx, audited(ctx, "audit.review", "")); err != nil {
		return err
	}
	var last models.User
	for {
		users, err := s.Store.UsersBehind(ctx, last, usersAtOnce)
		if err != nil {
			return err
		}
		if err := s.reviewEach(ctx, users, fn); err != nil || len(users) < usersAtOnce {
			return err
		}
		last = users[len(users)-1]
	}
}

func (s *Service) reviewEach(ctx context.Context, users []models.User, fn func(Reviewed) error) error {
	identities, err := s.Store.IdentitiesOfAll(ctx, idsOf(users))
	if err != nil {
		return err
	}
	all, err := s.reviewAll(ctx, users, identities)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// made tells of each grant of the database when it was made, by the name of its
// rule.
func (s *Service) made(ctx context.Context) (map[string]Made, error) {
	stored, err := s.Store.Rules(ctx)
	names, all := map[string]string{}, map[string]Made{}
	for _, g := range stored.Grants {
		by, e := s.nameOf(ctx, names, g.CreatedBy)
		all["grant "+g.ID], err = Made{g.CreatedAt.UTC(), by}, errors.Join(err, e)
	}
	return all, err
}

// reviewGrants tells since when there are the grants by which somebody has what
// they have.
func reviewGrants(ways []ReviewedWay, made map[string]Made) {
	for i := range ways {
		for _, rule := range ways[i].Rules {
			if m, ok := made[rule]; ok {
				if ways[i].Made == nil {
					ways[i].Made = map[string]Made{}
				}
				ways[i].Made[rule] = m
			}
		}
	}
}

// reviewRole finds who assigned the role, and when.
func (s *Service) reviewRole(ctx context.Context, r *Reviewed) error {
	set, err := s.Store.Records(ctx, models.Filter{Event: "user.set_role", Target: r.ID}, store.Page{Limit: 1})
	if err == nil && len(set) > 0 {
		r.AssignedAt, r.AssignedBy = &set[0].Event.Time, set[0].Event.Actor.Name
	}
	return err
}

func (s *Service) reviewWay(user models.User, identity models.Identity) ReviewedWay {
	p, who := s.Policy(), subject(user, identity)
	access := p.Access(who)
	way := ReviewedWay{Slot: identity.Slot, Issuer: identity.Issuer, Subject: identity.Subject, Since: &identity.CreatedAt, Role: access.Role, Rules: p.Rules(who)}
	if !identity.SignedInAt.IsZero() {
		way.SignedInAt = &identity.SignedInAt
	}
	for _, scope := range access.Scopes {
		if way.Locations == nil {
			way.Locations = map[string][]string{}
		}
		for _, pattern := range scope.Locations {
			way.Locations[scope.Rule] = append(way.Locations[scope.Rule], string(pattern))
		}
	}
	_, admitted := s.mayEnter(user, identity, models.MethodProvider)
	way.Enters = admitted && !user.Disabled()
	return way
}
