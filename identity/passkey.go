package identity

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// Ceremony is one use of a passkey under way (WebAuthn §5). It lives sealed in
// the browser and works once.
type Ceremony struct {
	// Options is what the script hands to navigator.credentials: an object with
	// publicKey, binary values in base64url.
	Options json.RawMessage
	Sealed  string
	Expires time.Time
}

// ceremony is what is sealed: the challenge, what it is for, and whose it is.
type ceremony struct {
	For     string               `json:"for"`
	User    string               `json:"user,omitempty"`
	Session webauthn.SessionData `json:"session"`
	Expires time.Time            `json:"expires"`
}

// What a ceremony is for.
const (
	toEnrol  = "enrol"  // to set a passkey up
	toSignIn = "signin" // to sign in with it alone
	toProve  = "prove"  // to prove it, as a second factor or to confirm
)

const (
	ceremonyTTL    = 5 * time.Minute
	defaultPasskey = "Passkey"
)

// PasskeysWork tells whether passkeys can work at the public address: WebAuthn
// wants a domain, and no IP address, and browsers want https but for localhost.
func (s *Service) PasskeysWork() bool {
	host := s.Site.URL.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	return protocol.ValidateRPID(host) == nil && (s.Site.Secure() || local)
}

// relyingParty is us, as passkeys know us. Every passkey can sign in alone: it
// is discoverable, and its owner is verified when it is made. Extensions are
// never asked for; what some browsers answer nevertheless is ignored (WebAuthn
// §9.4).
func (s *Service) relyingParty() (*webauthn.WebAuthn, error) {
	if !s.PasskeysWork() {
		return nil, ErrNoPasskeys
	}
	return webauthn.New(&webauthn.Config{
		RPID: s.Site.URL.Hostname(), RPDisplayName: totpIssuer, RPOrigins: []string{s.Site.Origin()},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

// holder is a user with their passkeys, as the library wants them. The user
// handle is the user's id.
type holder struct {
	user     models.User
	passkeys []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.user.ID) }
func (h holder) WebAuthnName() string                       { return h.user.Label() }
func (h holder) WebAuthnDisplayName() string                { return h.user.Label() }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.passkeys }

func (s *Service) holder(user models.User, factors []models.Factor) (holder, error) {
	h := holder{user: user}
	for _, f := range factors {
		if f.Kind != models.FactorPasskey {
			continue
		}
		var c webauthn.Credential
		text, err := s.Keys.Open("factor:"+f.ID, f.Sealed)
		if err == nil {
			err = json.Unmarshal([]byte(text), &c)
		}
		if err != nil {
			return h, fmt.Errorf("factor %s: %w", f.ID, err)
		}
		h.passkeys = append(h.passkeys, c)
	}
	return h, nil
}

// OfferPasskey begins to set up a passkey, one that the person has not set up
// yet.
func (s *Service) OfferPasskey(ctx context.Context, whom Whom) (Ceremony, error) {
	if err := s.mayEnrol(whom); err != nil {
		return Ceremony{}, err
	}
	rp, h, err := s.party(ctx, whom.user)
	if err != nil {
		return Ceremony{}, err
	}
	known := webauthn.WithExclusions(webauthn.Credentials(h.passkeys).CredentialDescriptors())
	options, session, err := rp.BeginRegistration(h, known)
	if err != nil {
		return Ceremony{}, err
	}
	return s.seal(toEnrol, whom.user.ID, options, session)
}

func (s *Service) party(ctx context.Context, user models.User) (*webauthn.WebAuthn, holder, error) {
	rp, err := s.relyingParty()
	if err != nil {
		return nil, holder{}, err
	}
	factors, err := s.Store.FactorsOf(ctx, user.ID)
	if err != nil {
		return nil, holder{}, ErrUnavailable.Because(err)
	}
	h, err := s.holder(user, factors)
	return rp, h, err
}

// BeginPasskey begins a sign-in with a passkey alone; nobody is known yet.
func (s *Service) BeginPasskey(context.Context) (Ceremony, error) {
	if !s.PasswordLogin {
		return Ceremony{}, ErrPasswordOff
	}
	rp, err := s.relyingParty()
	if err != nil {
		return Ceremony{}, err
	}
	options, session, err := rp.BeginDiscoverableLogin()
	if err != nil {
		return Ceremony{}, err
	}
	return s.seal(toSignIn, "", options, session)
}

// BeginPasskeyOf begins to prove one of the user's passkeys, as a second factor
// or to confirm.
func (s *Service) BeginPasskeyOf(ctx context.Context, userID string) (Ceremony, error) {
	rp, h, err := s.party(ctx, models.User{ID: userID})
	if err != nil {
		return Ceremony{}, err
	}
	if len(h.passkeys) == 0 {
		return Ceremony{}, models.ErrNotFound
	}
	options, session, err := rp.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return Ceremony{}, err
	}
	return s.seal(toProve, userID, options, session)
}

// seal leaves out of the session what can be long and what we know anyway: a
// passkey must be one that the user has when it is used.
func (s *Service) seal(purpose, userID string, options any, session *webauthn.SessionData) (Ceremony, error) {
	session.AllowedCredentialIDs, session.CredParams = nil, nil
	c := ceremony{For: purpose, User: userID, Session: *session, Expires: s.Now().Add(ceremonyTTL)}
	shown, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return Ceremony{}, err
	}
	sealed, err := s.Keys.Seal("passkey", string(text))
	return Ceremony{Options: shown, Sealed: sealed, Expires: c.Expires}, err
}

// openCeremony opens a ceremony that was begun for this purpose and this user.
func (s *Service) openCeremony(sealed, purpose, userID string) (c ceremony, err error) {
	text, err := s.Keys.Open("passkey", sealed)
	if err == nil {
		err = json.Unmarshal([]byte(text), &c)
	}
	switch {
	case err != nil || c.For != purpose || c.User != userID || c.Session.Challenge == "":
		return c, refusal{"passkey_ceremony", ErrPasskeyExpired}
	case !s.Now().Before(c.Expires):
		return c, refusal{"passkey_expired", ErrPasskeyExpired}
	}
	c.Session.CredParams = webauthn.CredentialParametersDefault()
	return c, nil
}

// spendCeremony uses the challenge of a ceremony up, before its answer is judged
// and whatever becomes of that. It takes a row, so that strangers must have been
// counted before.
func (s *Service) spendCeremony(ctx context.Context, c ceremony) error {
	err := s.Store.SpendState(ctx, models.Digest("passkey:"+c.Session.Challenge), c.Expires)
	if errors.Is(err, models.ErrConflict) {
		return refusal{"passkey_spent", ErrPasskeyExpired}
	}
	return err
}

// wrongPasskey is an answer that does not verify; the cause is for the log.
func wrongPasskey(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		err = fmt.Errorf("%s: %s %s", e.Type, e.Details, e.DevInfo)
	}
	return errors.Join(refusal{"wrong_passkey", ErrWrongPasskey}, err)
}

// EnrolPasskey takes the browser's answer and sets the passkey up.
func (s *Service) EnrolPasskey(ctx context.Context, whom Whom, sealed string, response []byte, name string, e Entry) (Enrolled, error) {
	if err := s.mayEnrol(whom); err != nil {
		return Enrolled{}, err
	}
	credential, err := s.newPasskey(ctx, whom.user, sealed, response)
	if err != nil {
		return Enrolled{}, s.refused(ctx, "mfa.enrol", whom.identity.Slot, of(whom.user.ID, err))
	}
	now, id := s.Now(), credentialID(credential.ID)
	f := &models.Factor{
		ID: models.NewID(), UserID: whom.user.ID, Kind: models.FactorPasskey, Name: named(name, defaultPasskey),
		CredentialID: &id, CreatedAt: now, LastUsedAt: &now,
	}
	if err := s.keepPasskey(f, *credential); err != nil {
		return Enrolled{}, err
	}
	return s.enrol(ctx, whom, f, e)
}

// newPasskey verifies the answer of navigator.credentials.create (WebAuthn
// §7.1). A passkey that anybody has set up already is none.
func (s *Service) newPasskey(ctx context.Context, user models.User, sealed string, response []byte) (*webauthn.Credential, error) {
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	c, err := s.openCeremony(sealed, toEnrol, user.ID)
	if err == nil {
		err = s.spendCeremony(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, wrongPasskey(err)
	}
	credential, err := rp.CreateCredential(holder{user: user}, c.Session, parsed)
	if err != nil {
		return nil, wrongPasskey(err)
	}
	if _, err = s.Store.FactorByCredential(ctx, credentialID(credential.ID)); err == nil {
		return nil, refusal{"passkey_taken", ErrPasskeyTaken}
	} else if !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	return credential, nil
}

// credentialID is a passkey's id as the store knows it.
func credentialID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// keepPasskey seals what has to be kept; who made the authenticator is not.
func (s *Service) keepPasskey(f *models.Factor, c webauthn.Credential) error {
	c.Attestation = webauthn.CredentialAttestation{}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f.Sealed, err = s.Keys.Seal("factor:"+f.ID, string(text))
	return err
}

// proofByPasskey takes the answer to a ceremony of [Service.BeginPasskeyOf].
func (s *Service) proofByPasskey(ctx context.Context, userID, sealed string, response []byte) (proof, error) {
	c, answer, err := s.readAnswer(toProve, userID, sealed, response)
	if err == nil {
		err = s.spendCeremony(ctx, c)
	}
	return proof{models.FactorPasskey, func(tx *store.Tx, userID string) error {
		return s.provePasskey(tx, userID, c.Session, answer)
	}}, err
}

// readAnswer opens a ceremony and reads the browser's answer to it.
func (s *Service) readAnswer(purpose, userID, sealed string, response []byte) (ceremony, *protocol.ParsedCredentialAssertionData, error) {
	c, err := s.openCeremony(sealed, purpose, userID)
	if err != nil {
		return c, nil, err
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return c, nil, wrongPasskey(err)
	}
	return c, answer, nil
}

// provePasskey verifies an assertion (WebAuthn §7.2) and notes its count. A
// count that does not go forward means that there is a second one like it.
func (s *Service) provePasskey(tx *store.Tx, userID string, session webauthn.SessionData, answer *protocol.ParsedCredentialAssertionData) error {
	rp, err := s.relyingParty()
	if err != nil {
		return err
	}
	factors, err := tx.Factors(userID)
	if err != nil {
		return err
	}
	h, err := s.holder(models.User{ID: userID}, factors)
	if err != nil {
		return err
	}
	credential, err := validate(rp, h, session, answer)
	if err != nil {
		return wrongPasskey(err)
	}
	if credential.Authenticator.CloneWarning {
		return refusal{"passkey_cloned", ErrWrongPasskey}
	}
	return s.noteUse(tx, factors, *credential)
}

// validate verifies an answer for the user of the session, or, where it is
// nobody's yet, for whom the answer names.
func validate(rp *webauthn.WebAuthn, h holder, session webauthn.SessionData, answer *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	if len(session.UserID) > 0 {
		return rp.ValidateLogin(h, session, answer)
	}
	return rp.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		if !bytes.Equal(handle, h.WebAuthnID()) {
			return nil, errors.New("the user handle is another user's")
		}
		return h, nil
	}, session, answer)
}

func (s *Service) noteUse(tx *store.Tx, factors []models.Factor, credential webauthn.Credential) error {
	id := credentialID(credential.ID)
	i := slices.IndexFunc(factors, func(f models.Factor) bool { return f.CredentialID != nil && *f.CredentialID == id })
	if i < 0 {
		return wrongPasskey(errors.New("the passkey has another id"))
	}
	f, now := factors[i], s.Now()
	f.LastUsedAt = &now
	if err := s.keepPasskey(&f, credential); err != nil {
		return err
	}
	return tx.SaveFactor(&f)
}

// SignInPasskey signs in with a passkey alone. It is a way of the accounts that
// are kept here, so OAuth-only mode has none of it. A passkey whose owner was
// verified is both factors.
func (s *Service) SignInPasskey(ctx context.Context, sealed string, response []byte, e Entry) (SignedIn, error) {
	if !s.PasswordLogin {
		return SignedIn{}, ErrPasswordOff
	}
	c, answer, err := s.readAnswer(toSignIn, "", sealed, response)
	if err != nil {
		return SignedIn{}, s.refused(ctx, "signin.finish", models.LocalSlot, err)
	}
	userID, worked, err := s.tryPasskey(ctx, credentialID(answer.RawID))
	if err == nil {
		err = s.spendCeremony(ctx, c)
	}
	if err != nil {
		return SignedIn{}, s.refused(ctx, "signin.finish", models.LocalSlot, err)
	}
	in, err := s.enter(ctx, models.LocalSlot, e, func(tx *store.Tx) (*entrant, error) {
		who, err := s.localEntrant(tx, userID, models.MethodPasskey)
		if err != nil {
			return nil, noLocal(err)
		}
		who.factor = models.FactorPasskey
		return who, of(userID, s.provePasskey(tx, userID, c.Session, answer))
	})
	if err == nil {
		worked(ctx)
	}
	return in, err
}

// tryPasskey counts the attempt for whose passkey it is, if it is anybody's.
func (s *Service) tryPasskey(ctx context.Context, id string) (userID string, worked func(context.Context), err error) {
	f, err := s.Store.FactorByCredential(ctx, id)
	unknown := errors.Is(err, models.ErrNotFound)
	if err != nil && !unknown {
		return "", nil, err
	}
	worked, err = s.try(ctx, string(models.FactorPasskey), f.UserID)
	if err == nil && unknown {
		err = refusal{"unknown_passkey", ErrWrongPasskey}
	}
	return f.UserID, worked, err
}

// noLocal makes a refusal of somebody who has no account here: their passkey is
// a second factor only.
func noLocal(err error) error {
	var no refusal
	if errors.As(err, &no) || errors.Is(err, models.ErrNotFound) {
		return refusal{"no_local_account", ErrWrongPasskey}
	}
	return err
}
