package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// Entry is what every sign-in carries, whichever way it takes.
type Entry struct {
	// Next is where the browser was going.
	Next string
	// Former is the session that the browser had before; it ends.
	Former *models.Principal
}

// SignedIn is a finished sign-in, or one that wants a second factor.
type SignedIn struct {
	// Token is the new session's cookie; the row keeps its digest alone. Where
	// Wants says something it is the pending sign-in's, which opens nothing but
	// the page for that.
	Token   models.Secret
	Wants   models.Wants
	Expires time.Time
	// Next is where the browser was going, on our own origin.
	Next string
	// Test is what a test sign-in came to, and nil for all others. With it there is
	// no token, and nobody is signed in.
	Test *TestResult
}

// entrant is somebody who has proved a first factor.
type entrant struct {
	user     *models.User
	identity *models.Identity
	method   models.Method
	// factor is the second one, where the first proof was both.
	factor   models.FactorKind
	idToken  string
	provenAt *time.Time
}

// refusal is a sign-in that was refused for a reason of its own, from within a
// change that is undone.
type refusal struct {
	reason string
	public *models.Error
}

func (r refusal) Error() string { return r.reason }

// enter is the one way to a session: whoever prove finds must not be disabled,
// must be let in by the list of their slot and by the policy, and must have the
// second factor that is wanted of them. All of it is one change of the store.
// Every refusal is recorded with its reason.
func (s *Service) enter(ctx context.Context, slot string, e Entry, prove func(*store.Tx) (*entrant, error)) (in SignedIn, err error) {
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		who, err := prove(tx)
		if err != nil {
			return models.Event{}, err
		}
		if err := s.mayBecome(who); err != nil {
			return models.Event{}, err
		}
		wants, err := s.wants(tx.Factors, who)
		if err != nil {
			return models.Event{}, err
		}
		if wants != "" {
			return s.halt(ctx, tx, who, wants, &in)
		}
		return s.open(ctx, tx, who, e.Former, &in)
	})
	var no refusal
	switch {
	case errors.As(err, &no):
		return SignedIn{}, s.refuseSignIn(ctx, slot, no.reason, no.public, err)
	case err != nil:
		return SignedIn{}, ErrUnavailable.Because(err)
	}
	if in.Wants == "" {
		s.forget(e.Former)
	}
	in.Next = s.Site.Next(e.Next)
	return in, nil
}

// mayBecome is the law of a new session, as holds is that of an open one.
func (s *Service) mayBecome(who *entrant) error {
	if who.user.Disabled() {
		return refusal{"user_disabled", ErrNotAllowed}
	}
	if reason, ok := s.mayEnter(*who.user, *who.identity, who.method); !ok {
		return refusal{reason, ErrNotAllowed}
	}
	return nil
}

// mayEnter judges somebody by the allow-list of their slot and by the policy.
// It is asked at sign-in and again for every request, so that a list that
// became shorter reaches open sessions; a provider that is gone lets nobody in.
func (s *Service) mayEnter(user models.User, identity models.Identity, method models.Method) (reason string, ok bool) {
	rules := s.Rules()
	gate, reason := s.gate(rules, identity.Slot, method)
	if reason != "" {
		return reason, false
	}
	return rules.Policy.Admit(gate, subject(user, identity))
}

// gate is the allow-list of a slot by some rules, or the reason why nobody comes
// in there at all.
func (s *Service) gate(rules *Rules, slot string, method models.Method) (g policy.Gate, reason string) {
	_, ok := s.doors[slot]
	g, listed := rules.Gates[slot]
	switch {
	case slot == models.LocalSlot && !s.PasswordLogin && method != models.MethodLink:
		return g, "password_login_off"
	case slot != models.LocalSlot && (!ok || !listed):
		return g, "provider_gone"
	}
	return g, ""
}

// subject is somebody as the policy sees them.
func subject(user models.User, identity models.Identity) policy.Subject {
	s := identity.Claims.Subject(identity.Slot)
	s.Assigned = user.Role
	return s
}

// open makes the session and ends the one that the browser had.
func (s *Service) open(ctx context.Context, tx *store.Tx, who *entrant, former *models.Principal, in *SignedIn) (models.Event, error) {
	session, token := models.NewSession(who.user.ID, who.identity.ID, who.identity.Slot, s.Now(), s.Rules().SessionTTL)
	session.Method, session.Factor, session.ProvenAt = who.method, who.factor, who.provenAt
	if err := s.dress(ctx, session, who.idToken); err != nil {
		return models.Event{}, err
	}
	if former != nil {
		if _, err := tx.DeleteSession(former.SessionID); err != nil {
			return models.Event{}, err
		}
	}
	*in = SignedIn{Token: token, Expires: session.ExpiresAt}
	e := s.signInEvent(ctx, "signin.finish", models.OutcomeOK, who)
	e.Session, e.Operation, e.Known = session.ID, string(who.factor), true // which second factor they proved
	known := &models.KnownAddress{UserID: who.user.ID, Address: network(session.ClientIP), SeenAt: s.Now()}
	return e, errors.Join(tx.InsertSession(session), tx.SaveKnownAddress(known))
}

// dress notes where the session was made and keeps the ID token, sealed, as
// the hint for signing out at the provider.
func (s *Service) dress(ctx context.Context, session *models.Session, idToken string) (err error) {
	r := models.RequestOf(ctx)
	session.SeenFrom(r.ClientIP, r.UserAgent)
	if idToken != "" {
		session.IDToken, err = s.Keys.Seal("id_token:"+session.ID, idToken)
	}
	return err
}

// halt keeps a sign-in that wants something more.
func (s *Service) halt(ctx context.Context, tx *store.Tx, who *entrant, wants models.Wants, in *SignedIn) (models.Event, error) {
	pending, token := models.NewPendingSignIn(who.user.ID, who.identity.ID, who.identity.Slot, who.method, wants, s.Now())
	pending.ProvenAt = who.provenAt
	if who.idToken != "" {
		var err error
		if pending.IDToken, err = s.Keys.Seal("id_token:"+pending.ID, who.idToken); err != nil {
			return models.Event{}, err
		}
	}
	*in = SignedIn{Token: token, Wants: wants, Expires: pending.ExpiresAt}
	return s.signInEvent(ctx, "signin.start", models.OutcomeAllowed, who), tx.InsertPendingSignIn(pending)
}

func (s *Service) signInEvent(ctx context.Context, name, outcome string, who *entrant) models.Event {
	e := models.NewEvent(ctx, name, outcome)
	e.Actor = models.Actor{ID: who.user.ID, Name: who.user.Label(), Kind: "user"}
	e.Provider = who.identity.Slot
	if who.method == models.MethodLink {
		e.Reason = "link" // of all ways the one that took no proof of theirs
	}
	return e
}
