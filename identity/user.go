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

// Users lists accounts for the operator, newest first; with a search text only
// those whose username, name or e-mail is it, or the one whose id is: whoever
// calls themself by an id hides nobody. A username is its owner's alone, whoever
// calls themself so at a provider.
func (s *Service) Users(ctx context.Context, who string) ([]models.User, error) {
	if who == "" {
		return s.Store.Users(ctx)
	}
	if user, err := s.Store.User(ctx, who); err == nil {
		return []models.User{user}, nil
	}
	c, _, err := s.credentialOf(ctx, who)
	if err != nil {
		return nil, err
	}
	if c.UserID != "" && !strings.Contains(who, "@") {
		owner, err := s.Store.User(ctx, c.UserID)
		return []models.User{owner}, err
	}
	found, err := s.Store.FindUsers(ctx, who)
	if err != nil || c.UserID == "" || slices.ContainsFunc(found, func(u models.User) bool { return u.ID == c.UserID }) {
		return found, err
	}
	owner, err := s.Store.User(ctx, c.UserID)
	return append(found, owner), err
}

// IdentitiesOf lists somebody's accounts at providers with the claims kept of
// each, the last used first.
func (s *Service) IdentitiesOf(ctx context.Context, userID string) ([]models.Identity, error) {
	return s.Store.IdentitiesOf(ctx, userID)
}

// Disable bars somebody: their sessions end in the same change, and they
// cannot sign in again until they are enabled.
func (s *Service) Disable(ctx context.Context, userID string) error {
	now := s.Now()
	return s.setDisabled(ctx, userID, "user.disable", &now)
}

// Enable lets somebody sign in again.
func (s *Service) Enable(ctx context.Context, userID string) error {
	return s.setDisabled(ctx, userID, "user.enable", nil)
}

func (s *Service) setDisabled(ctx context.Context, userID, event string, at *time.Time) error {
	return s.changeUser(ctx, about(ctx, event, userID), func(tx *store.Tx, user *models.User) error {
		user.DisabledAt = at
		_, err := endAll(tx, userID)
		return errors.Join(err, tx.SaveUser(user))
	})
}

// changeUser makes a change to the person whom the event is about. It may take an
// admin away, but not the last.
func (s *Service) changeUser(ctx context.Context, e models.Event, fn func(*store.Tx, *models.User) error) error {
	if err := s.mayChange(ctx, e.Target.ID); err != nil {
		return err
	}
	defer s.forgetAll(e.Target.ID)
	return s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := tx.LockPeople(); err != nil {
			return models.Event{}, err
		}
		user, err := tx.User(e.Target.ID)
		if err != nil {
			return models.Event{}, err
		}
		was := user
		if err := fits(ctx, user); err != nil {
			return models.Event{}, err
		}
		if err := fn(tx, &user); err != nil {
			return models.Event{}, err
		}
		if err := s.leavesAdmin(tx, was); err != nil {
			return models.Event{}, err
		}
		return e, s.leavesSelf(ctx, tx, was)
	})
}

// leavesAdmin refuses a change that took the last admin away, while nothing else
// could make one.
func (s *Service) leavesAdmin(tx *store.Tx, was models.User) error {
	if was.Role != policy.Admin || was.Disabled() || s.Policy().CanMakeAdmin() {
		return nil
	}
	n, err := tx.CountAdmins()
	if err == nil && n == 0 {
		return ErrLastAdmin
	}
	return err
}

// leavesSelf refuses a change that takes from whoever makes it what they may do,
// unless they have confirmed that they want it.
func (s *Service) leavesSelf(ctx context.Context, tx *store.Tx, was models.User) error {
	p := models.PrincipalOf(ctx)
	if models.IsOperator(ctx) || p == nil || p.User.ID != was.ID || ctx.Value(consentKey) == true {
		return nil
	}
	now, err := tx.User(was.ID)
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && now.Disabled() && !was.Disabled():
		return ErrSelf.At("confirm")
	case err != nil:
		return err
	}
	left := &models.Principal{Access: s.Policy().Access(subject(now, p.Identity))}
	if !holds(left, s.Policy().Access(subject(was, p.Identity)).Permissions) {
		return ErrSelf.At("confirm")
	}
	return nil
}

// endAll ends all by which somebody is, or could come, in without proving again
// who they are, and tells how many sessions that were.
func endAll(tx *store.Tx, userID string) (ended int64, err error) {
	ended, err = tx.DeleteSessionsOf(userID)
	return ended, errors.Join(err, tx.DeletePendingSignInsOf(userID), tx.DeleteLinksOf(userID))
}

// about is the event of a change to one person.
func about(ctx context.Context, event, userID string) models.Event {
	e := models.NewEvent(ctx, event, models.OutcomeOK)
	e.Target = &models.Target{Kind: "user", ID: userID}
	return e
}

// mayAdminister is the law of every change to somebody else: the operator and
// admins make it, nobody else does. Our pages share their origin with Dagster's,
// and a page there could act in the name of an admin whose browser shows it: so
// admins prove again who they are, whatever the policy asks for.
func (s *Service) mayAdminister(ctx context.Context) error {
	if err := s.mayLook(ctx); err != nil || models.IsOperator(ctx) {
		return err
	}
	return s.provenLately(ctx, models.PrincipalOf(ctx))
}

// mayChange is that law for one person: nobody but the operator changes somebody
// who holds more than they do.
func (s *Service) mayChange(ctx context.Context, userID string) error {
	if err := s.mayAdminister(ctx); err != nil || models.IsOperator(ctx) {
		return err
	}
	held, err := s.held(ctx, userID)
	if err == nil && !holds(models.PrincipalOf(ctx), held) {
		return ErrNotAdmin
	}
	return err
}

// mayGrant is the law of roles: nobody but the operator gives what they do not
// hold themself.
func (s *Service) mayGrant(ctx context.Context, role policy.Role) error {
	if role != policy.None && !s.Policy().HasRole(role) {
		return ErrUnknownRole.At("role")
	}
	if models.IsOperator(ctx) || holds(models.PrincipalOf(ctx), s.Policy().Access(policy.Subject{Assigned: role}).Permissions) {
		return nil
	}
	return ErrNotAdmin
}

// held is what somebody may do in the whole deployment, by whichever of their
// identities.
func (s *Service) held(ctx context.Context, userID string) (policy.Permissions, error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	identities, err := s.Store.IdentitiesOf(ctx, userID)
	all := maps.Clone(s.Policy().Access(policy.Subject{Assigned: user.Role}).Permissions)
	for _, identity := range identities {
		maps.Copy(all, s.Policy().Access(subject(user, identity)).Permissions)
	}
	return all, err
}

// holds tells whether somebody holds all of these in the whole deployment.
func holds(p *models.Principal, all policy.Permissions) bool {
	for perm := range all {
		if p == nil || !p.Access.Permissions.Has(perm) {
			return false
		}
	}
	return true
}
