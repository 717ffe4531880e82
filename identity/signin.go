package identity

import (
	"context"
	"errors"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// Begin starts a sign-in. It stores nothing: what the callback needs travels
// sealed with the browser.
func (s *Service) Begin(ctx context.Context, slot, next string) (Begun, error) {
	return s.begin(ctx, attempt{Slot: slot, Next: s.Site.Next(next)})
}

// begin sends somebody to the provider of the attempt's slot, whatever for.
func (s *Service) begin(ctx context.Context, a attempt) (Begun, error) {
	if _, ok := s.doors[a.Slot].provider(); !ok {
		return Begun{}, ErrNoProvider
	}
	begun, err := s.embark(ctx, a)
	var from *providers.Error
	if errors.As(err, &from) {
		reason, public := fromProvider(err)
		return Begun{}, s.refuseSignIn(ctx, a.Slot, reason, public, err)
	}
	return begun, err
}

// embark is begin without judging what the provider says, which is an error of
// providers.
func (s *Service) embark(ctx context.Context, a attempt) (Begun, error) {
	provider, _ := s.doors[a.Slot].provider()
	a.State, a.Nonce, a.Verifier = models.RandomToken(), models.RandomToken(), models.RandomToken()
	a.RedirectURI, a.Expires = s.RedirectURI(a.Slot), s.Now().Add(attemptTTL)
	redirect, err := provider.Begin(ctx, a.Attempt)
	if err != nil {
		s.noteAnswer(ctx, a.Slot, err)
		return Begun{}, err
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

// Finish judges a callback and signs the person in: state, iss and error
// before any request to the provider; then the code, the token, the allow-list,
// and one change of the store. Every refusal is recorded with its reason. An
// attempt to link, to confirm or to test makes no session: its SignedIn has no
// token.
func (s *Service) Finish(ctx context.Context, r Return) (SignedIn, error) {
	provider, ok := s.doors[r.Slot].provider()
	if !ok {
		return SignedIn{}, ErrNoProvider
	}
	a, err := s.openAttempt(r.Sealed, r.Slot, r.Callback.State)
	if a.Purpose == toTest {
		return s.finishTest(ctx, provider, a, r, err)
	}
	if err != nil {
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, "state", ErrSignInExpired, err)
	}
	if err := s.spend(ctx, provider, a, r); err != nil {
		return SignedIn{}, err
	}
	claim, err := provider.Finish(ctx, a.Attempt, r.Callback)
	s.noteAnswer(ctx, r.Slot, err)
	if err != nil {
		reason, public := fromProvider(err)
		return SignedIn{}, s.refuseSignIn(ctx, r.Slot, reason, public, err)
	}
	return s.conclude(ctx, a, claim, r)
}

// conclude does with a verified claim what the attempt was begun for. What it
// does not know, a test among it, is refused.
func (s *Service) conclude(ctx context.Context, a attempt, claim providers.Claim, r Return) (SignedIn, error) {
	switch a.Purpose {
	case "":
		return s.admit(ctx, r.Slot, models.MethodProvider, claim, Entry{a.Next, r.Former})
	case toLink:
		return s.finishLinking(ctx, a, claim, r)
	case toConfirm:
		return s.finishConfirm(ctx, a, claim, r)
	}
	return SignedIn{}, s.refuseSignIn(ctx, r.Slot, "state", ErrSignInExpired, errNoAttempt)
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
func (s *Service) spend(ctx context.Context, provider providers.Provider, a attempt, r Return) error {
	err := s.Store.SpendState(ctx, models.Digest(a.State), a.Expires)
	switch {
	case errors.Is(err, models.ErrConflict):
		return s.refuseSignIn(ctx, r.Slot, "state_spent", ErrSignInExpired, err)
	case err != nil:
		return ErrUnavailable.Because(err)
	}
	if err := provider.Check(ctx, r.Callback); err != nil {
		s.noteAnswer(ctx, r.Slot, err)
		reason, public := fromProvider(err)
		return s.refuseSignIn(ctx, r.Slot, reason, public, err)
	}
	return nil
}

// admit holds a verified claim against the allow-list and the policy, and
// makes the session. The user is found by issuer and subject, or made.
func (s *Service) admit(ctx context.Context, slot string, method models.Method, claim providers.Claim, e Entry) (SignedIn, error) {
	claims := claimsOf(claim)
	return s.enter(ctx, slot, e, func(tx *store.Tx) (*entrant, error) {
		user, identity, err := s.findOrMake(tx, slot, claim, claims)
		if err != nil {
			return nil, err
		}
		who := &entrant{user: user, identity: identity, method: method, idToken: claim.IDToken}
		if at := claim.AuthTime; !at.IsZero() && !at.After(s.Now().Add(aheadFor)) { // a proof of tomorrow is none
			who.provenAt = &at
		}
		return who, nil
	})
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

func claimsOf(c providers.Claim) models.Claims {
	return models.Claims{
		Email: c.Email, EmailVerified: c.EmailVerified, Hosted: c.Hosted, HostedDomain: c.HostedDomain,
		Name: c.Name, Username: c.Username,
		Groups: c.Groups, Orgs: c.Orgs, Teams: c.Teams, AMR: c.AMR,
	}
}
