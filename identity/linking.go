package identity

import (
	"context"
	"errors"
	"slices"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// accountPage is where somebody comes back to from a provider.
const accountPage = "/auth/account"

// BeginLinking sends the person to another provider, to add their account there
// to this one. It wants a recent proof, and the callback must come to the same
// session.
func (s *Service) BeginLinking(ctx context.Context, p *models.Principal, slot string) (Begun, error) {
	if !s.Fresh(p) {
		return Begun{}, ErrConfirm
	}
	return s.begin(ctx, attempt{
		Slot: slot, Next: s.Site.Prefix() + accountPage, Purpose: toLink, User: p.User.ID, Session: p.SessionID,
	})
}

// finishLinking takes what came back from the provider for [Service.BeginLinking].
// Whose the account there becomes is said by the session that began alone; an
// equal e-mail address says nothing.
func (s *Service) finishLinking(ctx context.Context, a attempt, claim providers.Claim, r Return) (SignedIn, error) {
	p := r.Former
	if p == nil || a.Session == "" || p.SessionID != a.Session || p.User.ID != a.User {
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, "other_session", ErrSignInExpired, nil)
	}
	err := s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		linked, err := s.link(tx, p.User.ID, r.Slot, claim)
		if err != nil {
			return models.Event{}, err
		}
		return identityEvent(ctx, "identity.link", p, *linked), stillIn(tx, p.SessionID)
	})
	var no refusal
	switch {
	case errors.As(err, &no):
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, no.reason, no.public, err)
	case err != nil:
		return SignedIn{}, ErrUnavailable.Because(err)
	}
	return SignedIn{Next: s.Site.Next(a.Next)}, nil
}

// link gives an account at a provider to a user, if it is nobody's or theirs.
func (s *Service) link(tx *store.Tx, userID, slot string, claim providers.Claim) (*models.Identity, error) {
	user, err := tx.User(userID)
	if err != nil {
		return nil, err
	}
	if user.Disabled() {
		return nil, refusal{"user_disabled", ErrNotAllowed}
	}
	linked, err := tx.Identity(claim.Issuer, claim.Subject)
	if errors.Is(err, models.ErrNotFound) {
		linked, err = *models.NewIdentity(userID, slot, claim.Issuer, claim.Subject, s.Now()), nil
	}
	if err != nil {
		return nil, err
	}
	if linked.UserID != userID {
		return nil, refusal{"identity_taken", ErrLinkTaken}
	}
	linked.Slot, linked.Claims, linked.SignedInAt = slot, claimsOf(claim), s.Now()
	if reason, ok := s.mayEnter(user, linked, models.MethodProvider); !ok {
		return nil, refusal{reason, ErrNotAllowed}
	}
	return &linked, tx.SaveIdentity(&linked)
}

func identityEvent(ctx context.Context, name string, p *models.Principal, i models.Identity) models.Event {
	e := models.NewEvent(models.WithPrincipal(ctx, p), name, models.OutcomeOK)
	e.Provider, e.Target = i.Slot, &models.Target{Kind: "identity", ID: i.ID}
	return e
}

// Unlink removes one of the person's own identities with the sessions that were
// made with it, but not the last with which they can sign in, nor the account
// that is kept here. It wants a recent proof.
func (s *Service) Unlink(ctx context.Context, p *models.Principal, identityID string) error {
	if !s.Fresh(p) {
		return ErrConfirm
	}
	return s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		user, err := tx.User(p.User.ID) // locks: two at once take turns
		if err != nil {
			return models.Event{}, err
		}
		gone, err := tx.IdentityByID(identityID)
		if err == nil && (gone.UserID != p.User.ID || gone.Slot == models.LocalSlot) {
			err = models.ErrNotFound
		}
		if err != nil {
			return models.Event{}, err
		}
		if err := s.leavesWay(tx, user, gone.ID); err != nil {
			return models.Event{}, err
		}
		return identityEvent(ctx, "identity.unlink", p, gone), tx.DeleteIdentity(p.User.ID, identityID)
	})
}

// leavesWay tells whether somebody can sign in without one identity: with another
// one that may come in, of which the account here is none in OAuth-only mode, nor
// without a password.
func (s *Service) leavesWay(tx *store.Tx, user models.User, without string) error {
	all, err := tx.Identities(user.ID)
	if err != nil {
		return err
	}
	c, err := tx.Credential(user.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	for _, one := range all {
		_, open := s.mayEnter(user, one, models.MethodProvider)
		if one.ID != without && open && (one.Slot != models.LocalSlot || c.Password != "") {
			return nil
		}
	}
	return ErrLastIdentity
}

// Merge gives all accounts at providers of one user to another and removes the
// former, with the account that they may have here. It is for admins and the
// operator. Neither may be disabled: it would let in who was barred.
func (s *Service) Merge(ctx context.Context, from, to string) (moved int64, err error) {
	if err := s.mayChange(ctx, to); err != nil {
		return 0, err
	}
	if from == to {
		return 0, ErrMerge
	}
	e := about(ctx, "user.merge", from)
	e.Reason = "into " + to
	err = s.changeUser(ctx, e, func(tx *store.Tx, former *models.User) error {
		kept, err := tx.User(to)
		if err != nil {
			return err
		}
		if former.Disabled() || kept.Disabled() {
			return ErrMerge
		}
		moved, err = tx.MoveIdentities(from, to)
		return errors.Join(err, tx.MovePseudonyms(from, to), tx.DeleteUser(from))
	})
	return moved, err
}

// EndSession ends one of the person's own sessions.
func (s *Service) EndSession(ctx context.Context, p *models.Principal, id string) error {
	_, err := s.revoke(ctx, models.Target{Kind: "session", ID: id}, func(tx *store.Tx) (int64, error) {
		return 1, tx.DeleteSessionOf(p.User.ID, id)
	})
	if id == p.SessionID {
		s.forget(p)
	}
	return err
}

// EndOtherSessions ends all of the person's sessions but this one.
func (s *Service) EndOtherSessions(ctx context.Context, p *models.Principal) (ended int64, err error) {
	return s.revoke(ctx, models.Target{Kind: "user", ID: p.User.ID}, func(tx *store.Tx) (int64, error) {
		if _, err := tx.User(p.User.ID); err != nil { // locks: nobody gets in meanwhile
			return 0, err
		}
		ended, err := tx.DeleteOtherSessionsOf(p.User.ID, p.SessionID)
		return ended, errors.Join(err, tx.DeletePendingSignInsOf(p.User.ID))
	})
}

// EndSessionsOf ends all of somebody's sessions, for admins and the operator.
func (s *Service) EndSessionsOf(ctx context.Context, userID string) (ended int64, err error) {
	if err := s.mayChange(ctx, userID); err != nil {
		return 0, err
	}
	return s.revoke(ctx, models.Target{Kind: "user", ID: userID}, func(tx *store.Tx) (int64, error) {
		user, err := tx.User(userID) // locks: nobody gets in meanwhile
		if err == nil {
			err = fits(ctx, user)
		}
		if err != nil {
			return 0, err
		}
		ended, err := tx.DeleteSessionsOf(userID)
		return ended, errors.Join(err, tx.DeletePendingSignInsOf(userID))
	})
}

// RevokeSession ends any session by its id, for admins and the operator.
func (s *Service) RevokeSession(ctx context.Context, id string) error {
	if err := s.mayAdminister(ctx); err != nil {
		return err
	}
	session, _, _, err := s.Store.Session(ctx, id)
	if err != nil {
		return err
	}
	if err := s.mayChange(ctx, session.UserID); err != nil {
		return err
	}
	_, err = s.revoke(ctx, models.Target{Kind: "session", ID: id}, func(tx *store.Tx) (int64, error) {
		n, err := tx.DeleteSession(id)
		if err == nil && n == 0 {
			err = models.ErrNotFound
		}
		return n, err
	})
	return err
}

// revoke ends sessions, recorded.
func (s *Service) revoke(ctx context.Context, what models.Target, end func(*store.Tx) (int64, error)) (ended int64, err error) {
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		ended, err = end(tx)
		e := models.NewEvent(ctx, "session.revoke", models.OutcomeOK)
		e.Target = &what
		return e, err
	})
	s.forgetAll(what.ID)
	return ended, err
}

// AllSessions lists whose sessions are open, the newest first, for admins and the
// operator; with a user's id only theirs.
func (s *Service) AllSessions(ctx context.Context, userID string) ([]models.Session, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	if userID == "" {
		return s.Store.OpenSessions(ctx, s.Now(), s.Rules().SessionIdle)
	}
	all, err := s.Store.SessionsOf(ctx, userID)
	return slices.DeleteFunc(all, func(one models.Session) bool { return !one.Alive(s.Now(), s.Rules().SessionIdle) }), err
}
