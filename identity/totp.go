package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// One-time passwords as every authenticator app makes them (RFC 6238).
const (
	totpIssuer  = "Dagpass"
	totpPeriod  = 30 // seconds
	totpSecret  = 20 // bytes, as many as SHA-1 has (RFC 4226 §4)
	totpDigits  = otp.DigitsSix
	offerTTL    = 10 * time.Minute
	defaultTOTP = "Authenticator app"
)

// TOTPOffer is a secret that an authenticator app may take over.
type TOTPOffer struct {
	// Secret is in base32, for typing; URL is otpauth://, for the QR code.
	Secret, URL string
	// Sealed comes back with the first code. Nothing is stored until then.
	Sealed string
}

// totpOffer is what is sealed: the factor as it will be.
type totpOffer struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Secret  []byte    `json:"secret"`
	Expires time.Time `json:"expires"`
}

// OfferTOTP begins to set up one-time passwords.
func (s *Service) OfferTOTP(_ context.Context, whom Whom) (TOTPOffer, error) {
	if err := s.mayEnrol(whom); err != nil {
		return TOTPOffer{}, err
	}
	key, err := totp.Generate(totpOptions(whom, nil))
	if err != nil {
		return TOTPOffer{}, err
	}
	secret, err := base32Text.DecodeString(key.Secret())
	if err != nil {
		return TOTPOffer{}, err
	}
	text, err := json.Marshal(totpOffer{ID: models.NewID(), User: whom.user.ID, Secret: secret, Expires: s.Now().Add(offerTTL)}) //nolint:gosec // it is sealed next
	if err != nil {
		return TOTPOffer{}, err
	}
	sealed, err := s.Keys.Seal("totp_offer", string(text))
	return TOTPOffer{Secret: key.Secret(), URL: key.URL(), Sealed: sealed}, err
}

// totpOptions names the account so that an app can show it. A colon would end
// the issuer's name.
func totpOptions(whom Whom, secret []byte) totp.GenerateOpts {
	return totp.GenerateOpts{
		Issuer: totpIssuer, AccountName: strings.ReplaceAll(whom.user.Label(), ":", " "),
		Period: totpPeriod, SecretSize: totpSecret, Secret: secret, Digits: totpDigits, Algorithm: otp.AlgorithmSHA1,
	}
}

// ReopenTOTP shows an offer again after a wrong code.
func (s *Service) ReopenTOTP(_ context.Context, whom Whom, sealed string) (TOTPOffer, error) {
	offer, err := s.openOffer(whom, sealed)
	if err != nil {
		return TOTPOffer{}, err
	}
	key, err := totp.Generate(totpOptions(whom, offer.Secret))
	if err != nil {
		return TOTPOffer{}, err
	}
	return TOTPOffer{Secret: key.Secret(), URL: key.URL(), Sealed: sealed}, nil
}

// openOffer opens an offer that was made to the same person not long ago.
func (s *Service) openOffer(whom Whom, sealed string) (offer totpOffer, err error) {
	if err := s.mayEnrol(whom); err != nil {
		return offer, err
	}
	text, err := s.Keys.Open("totp_offer", sealed)
	if err == nil {
		err = json.Unmarshal([]byte(text), &offer)
	}
	if err != nil || offer.User != whom.user.ID || len(offer.Secret) != totpSecret || !s.Now().Before(offer.Expires) {
		return offer, ErrEnrolmentFailed
	}
	return offer, nil
}

// EnrolTOTP takes the first code of an offer and sets the factor up. That code
// is used then.
func (s *Service) EnrolTOTP(ctx context.Context, whom Whom, sealed, code, name string, e Entry) (Enrolled, error) {
	offer, err := s.openOffer(whom, sealed)
	if err != nil {
		return Enrolled{}, err
	}
	step, ok := matchTOTP(offer.Secret, bareCode(code), s.Now())
	if !ok {
		return Enrolled{}, ErrWrongCode
	}
	now := s.Now()
	f := &models.Factor{
		ID: offer.ID, UserID: whom.user.ID, Kind: models.FactorTOTP, Name: named(name, defaultTOTP),
		LastStep: step, CreatedAt: now, LastUsedAt: &now,
	}
	if f.Sealed, err = s.Keys.Seal("factor:"+f.ID, string(offer.Secret)); err != nil {
		return Enrolled{}, err
	}
	return s.enrol(ctx, whom, f, e)
}

// matchTOTP finds the time step of a code: this one, the one before or the one
// after it, for clocks that drift (RFC 6238 §6).
func matchTOTP(secret []byte, code string, now time.Time) (step int64, ok bool) {
	if len(code) != totpDigits.Length() || strings.Trim(code, "0123456789") != "" {
		return 0, false
	}
	text, at := base32Text.EncodeToString(secret), now.Unix()/totpPeriod
	for _, step := range []int64{at, at - 1, at + 1} {
		ok, err := hotp.ValidateCustom(code, uint64(step), text, hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // time is after 1970
		if ok && err == nil {
			return step, true
		}
	}
	return 0, false
}

// proveTOTP finds whose code it is among the person's, and uses its step up.
func (s *Service) proveTOTP(tx *store.Tx, userID, code string) error {
	factors, err := tx.Factors(userID)
	if err != nil {
		return err
	}
	for _, f := range factors {
		if f.Kind != models.FactorTOTP {
			continue
		}
		secret, err := s.Keys.Open("factor:"+f.ID, f.Sealed)
		if err != nil {
			return fmt.Errorf("factor %s: %w", f.ID, err)
		}
		if step, ok := matchTOTP([]byte(secret), code, s.Now()); ok {
			return s.useStep(tx, f, step, secret)
		}
	}
	return refusal{"wrong_code", ErrWrongCode}
}

// useStep makes a code work once, and none before it. What an older key sealed
// is sealed anew.
func (s *Service) useStep(tx *store.Tx, f models.Factor, step int64, secret string) (err error) {
	now := s.Now()
	f.LastStep, f.LastUsedAt = step, &now
	if err := tx.AdvanceFactor(&f); errors.Is(err, models.ErrNotFound) {
		return refusal{"code_used", ErrWrongCode}
	} else if err != nil || s.Keys.Current(f.Sealed) {
		return err
	}
	if f.Sealed, err = s.Keys.Seal("factor:"+f.ID, secret); err != nil {
		return err
	}
	return tx.SaveFactor(&f)
}

// named is what somebody calls a factor.
func named(name, otherwise string) string {
	name = plain(name)
	if name == "" {
		return otherwise
	}
	return name
}
