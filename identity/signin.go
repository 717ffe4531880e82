package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// Begin starts a sign-in. It stores nothing: what the callback needs travels
// sealed with the browser.
func (s *Service) Begin(ctx context.Context, slot, next string) (Begun, error) {
	door, ok := s.doors[slot]
	if !ok {
		return Begun{}, ErrNoProvider
	}
	a := attempt{
		Attempt: providers.Attempt{
			State: models.RandomToken(), Nonce: models.RandomToken(), Verifier: models.RandomToken(),
			RedirectURI: s.RedirectURI(slot),
		},
		Slot: slot, Next: s.Site.Next(next), Expires: s.Now().Add(attemptTTL),
	}
	redirect, err := door.Provider.Begin(ctx, a.Attempt)
	if err != nil {
		reason, public := fromProvider(err)
		return Begun{}, s.refuseSignIn(ctx, slot, reason, public, err)
	}
	sealed, err := s.sealAttempt(a)
	return Begun{redirect, AttemptName(a.State), sealed, a.Expires}, err
}

// RedirectURI is the address that must be registered with the provider.
func (s *Service) RedirectURI(slot string) string { return s.Site.Link("/auth/callback/" + slot) }

// Return is what a browser brings back from a provider.
type Return struct {
	Slot     string
	Callback providers.Callback
	// Sealed is the attempt's cookie, as [AttemptName] names it.
	Sealed string
	// Former is the session that the browser had before; it ends.
	Former *models.Principal
}

// SignedIn is a finished sign-in.
type SignedIn struct {
	// Token is the new session's cookie; the row keeps its digest alone.
	Token   models.Secret
	Expires time.Time
	// Next is where the browser was going, on our own origin.
	Next string
}

// Finish judges a callback and signs the person in: state, iss and error
// before any request to the provider; then the code, the token, the allow-list,
// and one change of the store. Every refusal is recorded with its reason.
func (s *Service) Finish(ctx context.Context, r Return) (SignedIn, error) {
	door, ok := s.doors[r.Slot]
	if !ok {
		return SignedIn{}, ErrNoProvider
	}
	a, err := s.openAttempt(r.Sealed, r.Slot, r.Callback.State)
	if err != nil {
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, "state", ErrSignInExpired, err)
	}
	if err := s.spend(ctx, door, a, r); err != nil {
		return SignedIn{}, err
	}
	claim, err := door.Provider.Finish(ctx, a.Attempt, r.Callback)
	if err != nil {
		reason, public := fromProvider(err)
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, reason, public, err)
	}
	return s.admit(ctx, a, r, claim)
}

// RefuseCallback records a callback that could not even be read.
func (s *Service) RefuseCallback(ctx context.Context, slot string, cause error) error {
	if _, ok := s.doors[slot]; !ok {
		return ErrNoProvider
	}
	return s.refuseSignIn(ctx, slot, "callback_malformed", ErrSignInExpired, cause)
}

// spend uses up the state of a callback, whatever else it says: a second
// callback with it is refused even where the cookie was kept. Then it judges
// iss and error, before anything is asked of the provider.
func (s *Service) spend(ctx context.Context, door Door, a attempt, r Return) error {
	err := s.Store.SpendState(ctx, models.Digest(a.State), a.Expires)
	switch {
	case errors.Is(err, models.ErrConflict):
		return s.refuseSignIn(ctx, r.Slot, "state_spent", ErrSignInExpired, err)
	case err != nil:
		return ErrUnavailable.Because(err)
	}
	if err := door.Provider.Check(ctx, r.Callback); err != nil {
		reason, public := fromProvider(err)
		return s.refuseSignIn(ctx, r.Slot, reason, public, err)
	}
	return nil
}

// admit holds a verified claim against the allow-list and the policy, and
// makes the session.
func (s *Service) admit(ctx context.Context, a attempt, r Return, claim providers.Claim) (SignedIn, error) {
	claims := claimsOf(claim)
	if reason, ok := s.mayEnter(r.Slot, claims); !ok {
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, reason, ErrNotAllowed, nil)
	}
	session, token, err := s.open(ctx, r, claim, claims)
	switch {
	case errors.Is(err, errDisabled):
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, "user_disabled", ErrNotAllowed, err)
	case err != nil:
		return SignedIn{}, ErrUnavailable.Because(err)
	}
	s.forget(r.Former)
	return SignedIn{Token: token, Expires: session.ExpiresAt, Next: a.Next}, nil
}

// mayEnter judges claims by the provider's allow-list and by the policy. It is
// asked at sign-in and again for every request, so that a list that became
// shorter reaches open sessions; a provider that is gone lets nobody in.
func (s *Service) mayEnter(slot string, claims models.Claims) (reason string, ok bool) {
	door, ok := s.doors[slot]
	if !ok {
		return "provider_gone", false
	}
	return s.Policy().Admit(door.Gate, claims.Subject(slot))
}

var errDisabled = errors.New("the user is disabled")

// open is the one change of a sign-in: the user, found by issuer and subject or
// made; the claims as they are now; the new session; the end of the former.
func (s *Service) open(ctx context.Context, r Return, claim providers.Claim, claims models.Claims) (session *models.Session, token models.Secret, err error) {
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		user, identity, err := s.findOrMake(tx, r.Slot, claim, claims)
		if err != nil {
			return models.Event{}, err
		}
		session, token = models.NewSession(user.ID, identity.ID, r.Slot, s.Now(), s.SessionTTL)
		if err := s.dress(ctx, session, claim.IDToken); err != nil {
			return models.Event{}, err
		}
		if err := s.replaceSession(tx, r.Former, session); err != nil {
			return models.Event{}, err
		}
		e := models.NewEvent(ctx, "signin.finish", models.OutcomeOK)
		e.Actor = models.Actor{ID: user.ID, Name: user.Label(), Kind: "user"}
		e.Provider, e.Session = r.Slot, session.ID
		return e, nil
	})
	return session, token, err
}

func (s *Service) findOrMake(tx *store.Tx, slot string, claim providers.Claim, claims models.Claims) (*models.User, *models.Identity, error) {
	identity, err := tx.Identity(claim.Issuer, claim.Subject)
	if errors.Is(err, models.ErrNotFound) {
		return s.make(tx, slot, claim, claims)
	}
	if err != nil {
		return nil, nil, err
	}
	user, err := tx.User(identity.UserID)
	if err != nil {
		return nil, nil, err
	}
	if user.Disabled() {
		return nil, nil, errDisabled
	}
	user.Rename(claims.Name, claims.Email)
	identity.Slot, identity.Claims, identity.SignedInAt = slot, claims, s.Now()
	return &user, &identity, errors.Join(tx.SaveUser(&user), tx.SaveIdentity(&identity))
}

func (s *Service) make(tx *store.Tx, slot string, claim providers.Claim, claims models.Claims) (*models.User, *models.Identity, error) {
	user := models.NewUser(claims.Name, claims.Email, s.Now())
	identity := models.NewIdentity(user.ID, slot, claim.Issuer, claim.Subject, s.Now())
	identity.Claims, identity.SignedInAt = claims, s.Now()
	return user, identity, errors.Join(tx.InsertUser(user), tx.SaveIdentity(identity))
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

func (s *Service) replaceSession(tx *store.Tx, former *models.Principal, session *models.Session) error {
	if former != nil {
		if _, err := tx.DeleteSession(former.SessionID); err != nil {
			return err
		}
	}
	return tx.InsertSession(session)
}

func claimsOf(c providers.Claim) models.Claims {
	return models.Claims{
		Email: c.Email, EmailVerified: c.EmailVerified, Hosted: c.Hosted, HostedDomain: c.HostedDomain,
		Name: c.Name, Username: c.Username,
		Groups: c.Groups, Orgs: c.Orgs, Teams: c.Teams, AMR: c.AMR,
	}
}

// access is what a principal may do by the policy of this moment.
func (s *Service) access(i models.Identity) policy.Access {
	return s.Policy().Access(i.Claims.Subject(i.Slot))
}
