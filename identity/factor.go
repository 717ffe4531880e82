package identity

import (
	"context"
	"errors"
	"slices"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// Whom is somebody who may set up second factors of their own: who is signed in
// and has proved it lately, or who is halfway and must have one. Only
// [Service.Self] and [Half.Self] make one.
type Whom struct {
	user     models.User
	identity models.Identity
	half     *Half
	self     *models.Principal
	// first tells that they may set up their first factor and nothing else.
	first bool
}

// Self is the signed-in person, who must have proved it lately: else ErrConfirm.
// Where their provider never tells when it asked them, there is nothing to
// prove it with before they have a factor; for the first one a recent sign-in is
// enough.
func (s *Service) Self(p *models.Principal) (Whom, error) {
	switch {
	case p == nil:
		return Whom{}, ErrUnauthenticated
	case s.Fresh(p):
		return Whom{user: p.User, identity: p.Identity, self: p}, nil
	case p.ProvenAt.IsZero() && !s.signsInAnew(p.Identity.Slot) && s.recent(p.SignedInAt):
		return Whom{user: p.User, identity: p.Identity, self: p, first: true}, nil
	}
	return Whom{}, ErrConfirm
}

// Self is somebody halfway who has to set up a second factor.
func (h *Half) Self() (Whom, error) {
	if h == nil || h.Wants != models.WantsEnrol {
		return Whom{}, ErrUnauthenticated
	}
	return Whom{user: h.User, identity: h.Identity, half: h, first: true}, nil
}

// mayEnrol refuses whom nobody vouches for.
func (s *Service) mayEnrol(whom Whom) error {
	switch {
	case whom.user.ID == "" || whom.self == nil && whom.half == nil:
		return ErrUnauthenticated
	case s.Rules().MFA == MFAOff:
		return ErrMFAOff
	}
	return nil
}

// mayChange is mayEnrol for what somebody has set up already.
func (w Whom) mayChange() error {
	switch {
	case w.user.ID == "" || w.self == nil:
		return ErrUnauthenticated
	case w.first:
		return ErrConfirm
	}
	return nil
}

// event starts an event about one of somebody's own factors.
func (w Whom) event(ctx context.Context, name string, about models.Target) models.Event {
	e := models.NewEvent(models.WithPrincipal(ctx, w.self), name, models.OutcomeOK)
	if w.self == nil {
		e.Actor = models.Actor{ID: w.user.ID, Name: w.user.Label(), Kind: "user"}
	}
	e.Provider, e.Target = w.identity.Slot, &about
	return e
}

// Enrolled is a second factor that was set up.
type Enrolled struct {
	// RecoveryCodes are new ones, to be shown once, where it is the first factor.
	RecoveryCodes []string
	// SignedIn is the session of somebody who was halfway.
	SignedIn *SignedIn
	// Others is how many other sessions of theirs are open, made without it. They
	// stay open: the person can end them.
	Others int64
}

// maxFactors is how many second factors somebody can have.
const maxFactors = 20

// enrol sets a factor up whose first proof was good, and finishes the sign-in of
// somebody who was halfway.
func (s *Service) enrol(ctx context.Context, whom Whom, f *models.Factor, e Entry) (done Enrolled, err error) {
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		done.RecoveryCodes, err = s.addFactor(tx, whom, f)
		event := whom.event(ctx, "mfa.enrol", models.Target{Kind: "factor", ID: f.ID})
		event.Reason = string(f.Kind)
		return event, err
	})
	if err != nil {
		return Enrolled{}, s.refused(ctx, "mfa.enrol", whom.identity.Slot, err)
	}
	if whom.half != nil {
		return s.finishEnrolled(ctx, whom.half, f.Kind, e, done)
	}
	open, err := s.Sessions(ctx, whom.self)
	done.Others = int64(max(len(open)-1, 0))
	return done, err
}

// addFactor adds a factor, with recovery codes to the first one. The lock on the
// user makes two first ones take turns.
func (s *Service) addFactor(tx *store.Tx, whom Whom, f *models.Factor) (codes []string, err error) {
	user, err := tx.User(whom.user.ID)
	if err != nil {
		return nil, err
	}
	if err := whom.still(tx); err != nil {
		return nil, err
	}
	factors, err := tx.Factors(user.ID)
	if err != nil {
		return nil, err
	}
	if err := mayAdd(whom, user, factors, f); err != nil {
		return nil, err
	}
	if err := tx.InsertFactor(f); err != nil || len(factors) > 0 {
		return nil, err
	}
	return s.replaceRecoveryCodes(tx, user.ID)
}

// still refuses somebody whose session, or whose sign-in, ended meanwhile: what
// they set up would outlast it.
func (w Whom) still(tx *store.Tx) error {
	if w.half == nil {
		return stillIn(tx, w.self.SessionID)
	}
	there, err := tx.HasPendingSignIn(w.half.row.ID)
	if err == nil && !there {
		err = models.ErrNotFound
	}
	return gone(err)
}

// stillIn refuses a session that ended since it was recognised.
func stillIn(tx *store.Tx, sessionID string) error {
	there, err := tx.HasSession(sessionID)
	if err == nil && !there {
		return refusal{"session_gone", ErrUnauthenticated}
	}
	return err
}

func mayAdd(whom Whom, user models.User, factors []models.Factor, f *models.Factor) error {
	twice := func(one models.Factor) bool {
		return one.ID == f.ID || f.CredentialID != nil && one.CredentialID != nil && *one.CredentialID == *f.CredentialID
	}
	switch {
	case user.Disabled():
		return ErrNotAllowed
	case slices.ContainsFunc(factors, twice):
		return ErrEnrolmentFailed
	case whom.half != nil && len(factors) > 0:
		return ErrSignInExpired
	case whom.first && len(factors) > 0:
		return ErrConfirm
	case len(factors) >= maxFactors:
		return ErrManyFactors
	}
	return nil
}

// finishEnrolled signs in who was halfway and has set up a factor. It is as
// fresh as their first proof.
func (s *Service) finishEnrolled(ctx context.Context, h *Half, kind models.FactorKind, e Entry, done Enrolled) (Enrolled, error) {
	in, err := s.enter(ctx, h.Identity.Slot, e, func(tx *store.Tx) (*entrant, error) {
		return s.resume(tx, h, kind)
	})
	done.SignedIn = &in
	return done, err
}

// FactorsOf lists somebody's second factors and how many recovery codes they
// have left.
func (s *Service) FactorsOf(ctx context.Context, userID string) ([]models.Factor, int, error) {
	factors, err := s.Store.FactorsOf(ctx, userID)
	if err != nil {
		return nil, 0, ErrUnavailable.Because(err)
	}
	codes, err := s.Store.RecoveryCodesOf(ctx, userID)
	if err != nil {
		return nil, 0, ErrUnavailable.Because(err)
	}
	return factors, int(codes), nil
}

// RemoveFactor removes one of the person's own second factors; with the last one
// the recovery codes go too.
func (s *Service) RemoveFactor(ctx context.Context, whom Whom, id string) error {
	if err := whom.mayChange(); err != nil {
		return err
	}
	identities, err := s.Store.IdentitiesOf(ctx, whom.user.ID)
	if err != nil {
		return ErrUnavailable.Because(err)
	}
	return s.refused(ctx, "mfa.remove", whom.identity.Slot, s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		kind, err := s.removeFactor(tx, whom.user.ID, id, identities)
		e := whom.event(ctx, "mfa.remove", models.Target{Kind: "factor", ID: id})
		e.Reason = string(kind)
		return e, err
	}))
}

func (s *Service) removeFactor(tx *store.Tx, userID, id string, identities []models.Identity) (models.FactorKind, error) {
	user, err := tx.User(userID)
	if err != nil {
		return "", err
	}
	factors, err := tx.Factors(userID)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(factors, func(f models.Factor) bool { return f.ID == id })
	if i < 0 {
		return "", models.ErrNotFound
	}
	if len(factors) > 1 {
		return factors[i].Kind, tx.DeleteFactor(userID, id)
	}
	if s.needsAnywhere(user, identities) {
		return "", ErrLastFactor
	}
	_, err = tx.DeleteFactorsOf(userID)
	return factors[i].Kind, err
}

// needsAnywhere tells whether any of somebody's ways in takes a factor that is
// set up here.
func (s *Service) needsAnywhere(user models.User, identities []models.Identity) bool {
	return slices.ContainsFunc(identities, func(i models.Identity) bool {
		return s.needs(user, i) && (i.Slot == models.LocalSlot || !twofold(i.Claims.AMR))
	})
}

// NewRecoveryCodes replaces the person's recovery codes; they are shown once.
func (s *Service) NewRecoveryCodes(ctx context.Context, whom Whom) (codes []string, err error) {
	if err := whom.mayChange(); err != nil {
		return nil, err
	}
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		e := whom.event(ctx, "mfa.recovery_codes", models.Target{Kind: "user", ID: whom.user.ID})
		factors, err := tx.Factors(whom.user.ID)
		if err == nil && len(factors) == 0 {
			err = models.ErrNotFound // they stand in for a factor, and there is none
		}
		if err := errors.Join(err, whom.still(tx)); err != nil {
			return e, err
		}
		codes, err = s.replaceRecoveryCodes(tx, whom.user.ID)
		return e, err
	})
	return codes, s.refused(ctx, "mfa.recovery_codes", whom.identity.Slot, err)
}

// ResetFactors removes all second factors of somebody who lost them, ends all by
// which they are in, and is for admins and the operator.
func (s *Service) ResetFactors(ctx context.Context, userID string) (removed int64, err error) {
	err = s.changeUser(ctx, about(ctx, "mfa.reset", userID), func(tx *store.Tx, _ *models.User) error {
		if _, err := endAll(tx, userID); err != nil {
			return err
		}
		removed, err = tx.DeleteFactorsOf(userID)
		return err
	})
	return removed, err
}
