package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/dagpass/dagpass/models"
)

// Whom is somebody who may set up second factors of their own: who is signed in
// and has proved it lately, or who is halfway and must have one. Only [Self] and
// [Half.Self] make one.
type Whom struct {
	user     models.User
	identity models.Identity
	half     *Half
	self     *models.Principal
}

// Self is the signed-in person, who must have proved it lately: else ErrConfirm.
func (s *Service) Self(p *models.Principal) (Whom, error) { return Whom{}, ErrConfirm } // TODO factors

// Self is somebody halfway who has to set up a second factor.
func (h *Half) Self() (Whom, error) { return Whom{}, ErrUnauthenticated } // TODO factors

// TOTPOffer is a secret that an authenticator app may take over.
type TOTPOffer struct {
	// Secret is in base32, for typing; URL is otpauth://, for the QR code.
	Secret, URL string
	// Sealed comes back with the first code. Nothing is stored until then.
	Sealed string
}

// OfferTOTP begins to set up one-time passwords.
func (s *Service) OfferTOTP(ctx context.Context, whom Whom) (TOTPOffer, error) {
	return TOTPOffer{}, ErrUnavailable // TODO factors
}

// ReopenTOTP shows an offer again after a wrong code.
func (s *Service) ReopenTOTP(ctx context.Context, whom Whom, sealed string) (TOTPOffer, error) {
	return TOTPOffer{}, ErrUnavailable // TODO factors
}

// Enrolled is a second factor that was set up.
type Enrolled struct {
	// RecoveryCodes are new ones, to be shown once, where it is the first factor.
	RecoveryCodes []string
	// SignedIn is the session of somebody who was halfway.
	SignedIn *SignedIn
	// Ended is how many other sessions ended.
	Ended int64
}

// EnrolTOTP takes the first code of an offer and sets the factor up.
func (s *Service) EnrolTOTP(ctx context.Context, whom Whom, sealed, code, name string, e Entry) (Enrolled, error) {
	return Enrolled{}, ErrUnavailable // TODO factors
}

// Ceremony is one use of a passkey under way (WebAuthn §5). It lives sealed in
// the browser and works once.
type Ceremony struct {
	// Options is what the script hands to navigator.credentials.
	Options json.RawMessage
	Sealed  string
	Expires time.Time
}

// PasskeysWork tells whether passkeys can work at the public address: WebAuthn
// wants a domain, and no IP address.
func (s *Service) PasskeysWork() bool { return false } // TODO factors

// OfferPasskey begins to set up a passkey.
func (s *Service) OfferPasskey(ctx context.Context, whom Whom) (Ceremony, error) {
	return Ceremony{}, ErrUnavailable // TODO factors
}

// EnrolPasskey takes the browser's answer and sets the passkey up.
func (s *Service) EnrolPasskey(ctx context.Context, whom Whom, sealed string, response []byte, name string, e Entry) (Enrolled, error) {
	return Enrolled{}, ErrUnavailable // TODO factors
}

// BeginPasskey begins a sign-in with a passkey alone; nobody is known yet.
func (s *Service) BeginPasskey(ctx context.Context) (Ceremony, error) {
	return Ceremony{}, ErrUnavailable // TODO factors
}

// BeginPasskeyOf begins to prove one of the user's passkeys, as a second factor
// or to confirm.
func (s *Service) BeginPasskeyOf(ctx context.Context, userID string) (Ceremony, error) {
	return Ceremony{}, ErrUnavailable // TODO factors
}

// SignInPasskey signs in with a passkey alone. It is a way of the accounts that
// are kept here, so OAuth-only mode has none of it.
func (s *Service) SignInPasskey(ctx context.Context, sealed string, response []byte, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO factors
}

// FactorsOf lists somebody's second factors and how many recovery codes they
// have left.
func (s *Service) FactorsOf(ctx context.Context, userID string) ([]models.Factor, int, error) {
	return nil, 0, nil // TODO factors
}

// RemoveFactor removes one of the person's own second factors.
func (s *Service) RemoveFactor(ctx context.Context, whom Whom, id string) error {
	return ErrUnavailable // TODO factors
}

// NewRecoveryCodes replaces the person's recovery codes; they are shown once.
func (s *Service) NewRecoveryCodes(ctx context.Context, whom Whom) ([]string, error) {
	return nil, ErrUnavailable // TODO factors
}

// ResetFactors removes all second factors of somebody who lost them, ends their
// sessions, and is for admins and the operator.
func (s *Service) ResetFactors(ctx context.Context, userID string) (removed int64, err error) {
	return 0, ErrUnavailable // TODO factors
}
