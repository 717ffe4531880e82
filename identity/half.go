package identity

import (
	"context"
	"errors"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// Half is somebody who has proved the first factor, and what they still lack.
type Half struct {
	User     models.User
	Identity models.Identity
	Wants    models.Wants
	// Ways are the second factors that they can prove.
	Ways Ways
	row  models.PendingSignIn
}

// Ways are the second factors that somebody has, and other ways to prove again
// who they are.
type Ways struct {
	TOTP, Passkey bool
	// Recovery is how many recovery codes are left.
	Recovery int
	// Password is for those with no second factor, when they confirm.
	Password bool
	// Provider is the slot at which they can sign in anew, when they confirm.
	Provider string
}

// Halfway tells whose pending sign-in a cookie's value is; what proves nothing
// is ErrUnauthenticated.
func (s *Service) Halfway(ctx context.Context, token models.Secret) (*Half, error) {
	id, secret, ok := models.SplitToken(token.Reveal())
	if !ok {
		return nil, ErrUnauthenticated
	}
	row, user, identity, err := s.Store.PendingSignIn(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil, ErrUnauthenticated
	case err != nil:
		return nil, ErrUnavailable.Because(err)
	case !row.Verify(secret) || !s.mayGoOn(row, user, identity):
		return nil, ErrUnauthenticated
	}
	return s.half(ctx, row, user, identity)
}

// mayGoOn is the law of a pending sign-in, as holds is that of a session.
func (s *Service) mayGoOn(row models.PendingSignIn, user models.User, identity models.Identity) bool {
	who := &entrant{user: &user, identity: &identity, method: row.Method}
	return row.Alive(s.Now()) && s.mayBecome(who) == nil
}

// half looks at what the person has now: who has set up a factor meanwhile, in
// another tab or by another hand, is asked for it.
func (s *Service) half(ctx context.Context, row models.PendingSignIn, user models.User, identity models.Identity) (*Half, error) {
	ways, err := s.factorWays(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	h := &Half{User: user, Identity: identity, Wants: row.Wants, Ways: ways, row: row}
	if ways.any() {
		h.Wants = models.WantsFactor
	}
	return h, nil
}

func (w Ways) any() bool { return w.TOTP || w.Passkey || w.Recovery > 0 }

// factorWays are the second factors that somebody can prove.
func (s *Service) factorWays(ctx context.Context, userID string) (w Ways, err error) {
	factors, codes, err := s.FactorsOf(ctx, userID)
	for _, f := range factors {
		w.TOTP = w.TOTP || f.Kind == models.FactorTOTP
		w.Passkey = w.Passkey || f.Kind == models.FactorPasskey && s.PasskeysWork()
	}
	w.Recovery = codes
	return w, err
}

// FinishWithCode proves the second factor with a one-time password or a
// recovery code, and signs in. A wrong one is ErrWrongCode.
func (s *Service) FinishWithCode(ctx context.Context, h *Half, code string, e Entry) (SignedIn, error) {
	return s.finishHalf(ctx, h, s.proofByCode(code), e)
}

// FinishWithPasskey proves the second factor with what the browser answered to
// the ceremony that [Service.BeginPasskeyOf] began, and signs in.
func (s *Service) FinishWithPasskey(ctx context.Context, h *Half, sealed string, response []byte, e Entry) (SignedIn, error) {
	prove, err := s.proofByPasskey(ctx, h.User.ID, sealed, response)
	if err != nil {
		return SignedIn{}, s.refused(ctx, "signin.finish", h.Identity.Slot, of(h.User.ID, err))
	}
	return s.finishHalf(ctx, h, prove, e)
}

// proof proves a second factor of somebody within a change; its errors are
// refusals, or the store's.
type proof struct {
	kind models.FactorKind
	of   func(tx *store.Tx, userID string) error
}

// finishHalf makes a session of a pending sign-in whose second factor is
// proved. Everything that the first factor had to pass is judged again.
func (s *Service) finishHalf(ctx context.Context, h *Half, prove proof, e Entry) (SignedIn, error) {
	if h.Wants != models.WantsFactor {
		return SignedIn{}, ErrUnauthenticated
	}
	worked, err := s.try(ctx, string(prove.kind), h.User.ID)
	if err != nil {
		return SignedIn{}, err
	}
	in, err := s.enter(ctx, h.Identity.Slot, e, func(tx *store.Tx) (*entrant, error) {
		who, err := s.resume(tx, h, prove.kind)
		if err != nil {
			return nil, err
		}
		now := s.Now()
		who.provenAt = &now
		return who, of(h.User.ID, prove.of(tx, h.User.ID))
	})
	if err == nil {
		worked(ctx)
	}
	return in, err
}

// resume takes up a pending sign-in, which ends: a second one finds none.
func (s *Service) resume(tx *store.Tx, h *Half, factor models.FactorKind) (*entrant, error) {
	user, err := tx.User(h.User.ID)
	if err != nil {
		return nil, gone(err)
	}
	identity, err := tx.IdentityByID(h.Identity.ID)
	if err != nil {
		return nil, gone(err)
	}
	n, err := tx.DeletePendingSignIn(h.row.ID)
	if err == nil && (n == 0 || identity.UserID != user.ID) {
		err = models.ErrNotFound
	}
	if err != nil {
		return nil, gone(err)
	}
	who := &entrant{user: &user, identity: &identity, method: h.row.Method, factor: factor, provenAt: h.row.ProvenAt}
	if h.row.IDToken != "" {
		who.idToken, err = s.Keys.Open("id_token:"+h.row.ID, h.row.IDToken)
	}
	return who, err
}

// gone makes a refusal of a pending sign-in that is no more.
func gone(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return refusal{"pending_gone", ErrSignInExpired}
	}
	return err
}

// What a person is told about second factors.
var (
	ErrWrongCode       = models.NewError(models.KindInvalid, "wrong_code", "This code is wrong, or was used before.")
	ErrWrongPasskey    = models.NewError(models.KindInvalid, "wrong_passkey", "This passkey could not be verified.")
	ErrPasskeyTaken    = models.NewError(models.KindConflict, "passkey_taken", "This passkey is set up already.")
	ErrPasskeyExpired  = models.NewError(models.KindInvalid, "passkey_expired", "This took too long. Please try again.")
	ErrNoPasskeys      = models.NewError(models.KindNotFound, "no_passkeys", "Passkeys do not work at this address.")
	ErrMFAOff          = models.NewError(models.KindNotFound, "mfa_off", "Second factors are switched off here.")
	ErrLastFactor      = models.NewError(models.KindConflict, "last_factor", "You need a second factor here. Set up another one before you remove this one.")
	ErrManyFactors     = models.NewError(models.KindConflict, "many_factors", "You have as many second factors as you can. Remove one first.")
	ErrConfirm         = models.NewError(models.KindConfirm, "confirm_required", "Please confirm that it is you.")
	ErrCannotConfirm   = models.NewError(models.KindForbidden, "cannot_confirm", "This takes a second factor, and you have none. Sign in anew and set one up on your account page.")
	ErrConfirmOther    = models.NewError(models.KindForbidden, "confirm_other", "You signed in at the provider with another account. Please confirm with the one that you use here.")
	ErrEnrolmentFailed = models.NewError(models.KindInvalid, "enrolment_expired", "This took too long. Please start again.")
)
