package identity

import (
	"context"

	"github.com/dagpass/dagpass/models"
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
	return nil, ErrUnauthenticated // TODO factors
}

// FinishWithCode proves the second factor with a one-time password or a
// recovery code, and signs in. A wrong one is ErrWrongCode.
func (s *Service) FinishWithCode(ctx context.Context, h *Half, code string, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO factors
}

// FinishWithPasskey proves the second factor with what the browser answered to
// the ceremony that [Service.BeginPasskeyOf] began, and signs in.
func (s *Service) FinishWithPasskey(ctx context.Context, h *Half, sealed string, response []byte, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO factors
}

// What a person is told about second factors.
var (
	ErrWrongCode       = models.NewError(models.KindInvalid, "wrong_code", "This code is wrong, or was used before.")
	ErrWrongPasskey    = models.NewError(models.KindInvalid, "wrong_passkey", "This passkey could not be verified.")
	ErrPasskeyExpired  = models.NewError(models.KindInvalid, "passkey_expired", "This took too long. Please try again.")
	ErrNoPasskeys      = models.NewError(models.KindNotFound, "no_passkeys", "Passkeys do not work at this address.")
	ErrMFAOff          = models.NewError(models.KindNotFound, "mfa_off", "Second factors are switched off here.")
	ErrLastFactor      = models.NewError(models.KindConflict, "last_factor", "You need a second factor here. Set up another one before you remove this one.")
	ErrConfirm         = models.NewError(models.KindConfirm, "confirm_required", "Please confirm that it is you.")
	ErrCannotConfirm   = models.NewError(models.KindForbidden, "cannot_confirm", "This takes a second factor, and you have none. Set one up on your account page.")
	ErrEnrolmentFailed = models.NewError(models.KindInvalid, "enrolment_expired", "This took too long. Please start again.")
)
