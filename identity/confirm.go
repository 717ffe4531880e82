package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// FreshFor is how long a proof of who one is counts as recent.
const FreshFor = 10 * time.Minute

// aheadFor is how far the clock that noted a proof may be ahead of ours: another
// replica's, or a provider's.
const aheadFor = time.Minute

// Fresh tells whether somebody has proved lately who they are. After a proof
// another replica may say no for as long as it believes a session that it has
// seen.
func (s *Service) Fresh(p *models.Principal) bool { return p != nil && s.recent(p.ProvenAt) }

func (s *Service) recent(at time.Time) bool {
	age := s.Now().Sub(at)
	return !at.IsZero() && -aheadFor <= age && age < FreshFor
}

// ConfirmWays tells how somebody can prove again who they are: by a second
// factor if they have one, else by their password here or anew at the provider.
// Nothing at all is possible too: then they must set up a factor first.
func (s *Service) ConfirmWays(ctx context.Context, p *models.Principal) (Ways, error) {
	if s.Rules().MFA != MFAOff {
		ways, err := s.factorWays(ctx, p.User.ID)
		if err != nil || ways.any() {
			return ways, err
		}
	}
	_, password, err := s.HasPassword(ctx, p.User.ID)
	switch {
	case err != nil:
		return Ways{}, err
	case password && s.PasswordLogin:
		return Ways{Password: true}, nil
	case s.signsInAnew(p.Identity.Slot):
		return Ways{Provider: p.Identity.Slot}, nil
	}
	return Ways{}, nil
}

// signsInAnew tells whether a slot's provider can be asked to sign somebody in
// anew.
func (s *Service) signsInAnew(slot string) bool {
	provider, ok := s.doors[slot].Provider.(providers.Anew)
	return ok && provider.SignsInAnew()
}

// ConfirmPassword proves again who somebody is, where [Service.ConfirmWays] says
// that a password will do.
func (s *Service) ConfirmPassword(ctx context.Context, p *models.Principal, password string) error {
	ctx = models.WithPrincipal(ctx, p)
	ways, err := s.ConfirmWays(ctx, p)
	if err != nil {
		return err
	}
	if !ways.Password {
		return ErrCannotConfirm
	}
	if err := s.provePassword(ctx, p.User.ID, password); err != nil {
		return err
	}
	return s.proveSession(ctx, p, "password", s.Now(), func(*store.Tx) error { return nil })
}

// ConfirmCode takes a one-time password or a recovery code.
func (s *Service) ConfirmCode(ctx context.Context, p *models.Principal, code string) error {
	return s.confirm(models.WithPrincipal(ctx, p), p, s.proofByCode(code))
}

// ConfirmPasskey takes the answer to the ceremony of [Service.BeginPasskeyOf].
func (s *Service) ConfirmPasskey(ctx context.Context, p *models.Principal, sealed string, response []byte) error {
	ctx = models.WithPrincipal(ctx, p)
	prove, err := s.proofByPasskey(ctx, p.User.ID, sealed, response)
	if err != nil {
		return s.refused(ctx, "session.confirm", p.Identity.Slot, err)
	}
	return s.confirm(ctx, p, prove)
}

// confirm proves the session with a second factor.
func (s *Service) confirm(ctx context.Context, p *models.Principal, prove proof) error {
	worked, err := s.try(ctx, string(prove.kind), p.User.ID)
	if err != nil {
		return err
	}
	err = s.proveSession(ctx, p, string(prove.kind), s.Now(), func(tx *store.Tx) error { return prove.of(tx, p.User.ID) })
	if err == nil {
		worked(ctx)
	}
	return err
}

// proveSession notes the proof in one change, and has this replica look at the
// session anew: the very next request is a fresh one.
func (s *Service) proveSession(ctx context.Context, p *models.Principal, how string, at time.Time, prove func(*store.Tx) error) error {
	err := s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := prove(tx); err != nil {
			return models.Event{}, err
		}
		e := models.NewEvent(ctx, "session.confirm", models.OutcomeOK)
		e.Provider, e.Reason = p.Identity.Slot, how
		err := tx.ProveSession(p.SessionID, at)
		if errors.Is(err, models.ErrNotFound) {
			err = ErrUnauthenticated // it ended meanwhile
		}
		return e, err
	})
	s.forget(p)
	return s.refused(ctx, "session.confirm", p.Identity.Slot, err)
}

// BeginConfirm sends the person to their provider to sign in anew. Finish takes
// what comes back: the same account, asked since (auth_time), and the same
// session of ours, which is then proven.
func (s *Service) BeginConfirm(ctx context.Context, p *models.Principal, next string) (Begun, error) {
	ways, err := s.ConfirmWays(ctx, p)
	if err != nil {
		return Begun{}, err
	}
	if ways.Provider == "" {
		return Begun{}, ErrCannotConfirm
	}
	return s.begin(ctx, attempt{
		Attempt: providers.Attempt{FreshSince: s.Now()}, Slot: ways.Provider, Next: s.Site.Next(next),
		Purpose: toConfirm, User: p.User.ID, Session: p.SessionID, Identity: p.Identity.ID,
	})
}

// finishConfirm takes what came back from the provider for
// [Service.BeginConfirm]. It makes no session: the SignedIn has neither a token
// nor wants, so no cookie is to be set, and Next alone says where to go.
func (s *Service) finishConfirm(ctx context.Context, a attempt, claim providers.Claim, r Return) (SignedIn, error) {
	p := r.Former
	ctx = models.WithPrincipal(ctx, p)
	if err := mayConfirm(a, claim, p); err != nil {
		return SignedIn{}, s.refused(ctx, "session.confirm", r.Slot, err)
	}
	ways, err := s.ConfirmWays(ctx, p)
	if err != nil {
		return SignedIn{}, err
	}
	if ways.Provider != r.Slot {
		return SignedIn{}, ErrCannotConfirm // they have set up a factor meanwhile
	}
	at := s.Now()
	if claim.AuthTime.Before(at) {
		at = claim.AuthTime
	}
	err = s.proveSession(ctx, p, "provider", at, func(*store.Tx) error { return nil })
	return SignedIn{Next: s.Site.Next(a.Next)}, err
}

// mayConfirm wants the session that began it, the account that the session was
// made with, and a provider that says it asked anew.
func mayConfirm(a attempt, claim providers.Claim, p *models.Principal) error {
	switch {
	case p == nil || a.Session == "" || p.SessionID != a.Session || p.User.ID != a.User:
		return refusal{"confirm_session", ErrSignInExpired}
	case p.Identity.ID != a.Identity || claim.Issuer != p.Identity.Issuer || claim.Subject != p.Identity.Subject:
		return refusal{"confirm_account", ErrConfirmOther}
	case a.FreshSince.IsZero() || claim.AuthTime.Before(a.FreshSince.Add(-aheadFor)):
		return refusal{"auth_time", ErrSignInFailed}
	}
	return nil
}
