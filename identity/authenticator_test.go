package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is a passkey in software (WebAuthn §6), with the browser that
// it is used in. Its fields are what a test bends.
type authenticator struct {
	t      testing.TB
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	// unverified tells that it does not ask its owner for a PIN or a finger.
	unverified bool
	origin     string
	rpID       string
}

func newAuthenticator(t testing.TB) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &authenticator{t: t, key: key, id: id, origin: "http://localhost:3000", rpID: "localhost"}
}

// asked is what we read of the options that the server gives the browser.
type asked struct {
	PublicKey struct {
		Challenge string
		User      struct{ ID string }
		// These are what a browser passes on to the authenticator.
		ExcludeCredentials, AllowCredentials []struct{ ID string }
		UserVerification                     string
		AuthenticatorSelection               struct{ ResidentKey, UserVerification string }
	}
}

func (a *authenticator) read(options json.RawMessage) (o asked) {
	a.t.Helper()
	if err := json.Unmarshal(options, &o); err != nil {
		a.t.Fatal(err)
	}
	return o
}

// create answers navigator.credentials.create.
func (a *authenticator) create(options json.RawMessage) []byte {
	a.t.Helper()
	o := a.read(options)
	a.handle, _ = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	public, err := a.key.PublicKey.Bytes() // 4, x, y (SEC 1 §2.3.3)
	if err != nil {
		a.t.Fatal(err)
	}
	cose := a.cbor(map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})
	data := a.data(0x40)
	data = append(data, make([]byte, 16)...) // no model
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), cose...)
	return a.answer(map[string]string{
		"clientDataJSON":    b64(a.client("webauthn.create", o)),
		"attestationObject": b64(a.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})),
	})
}

// get answers navigator.credentials.get.
func (a *authenticator) get(options json.RawMessage) []byte {
	a.t.Helper()
	client := a.client("webauthn.get", a.read(options))
	data := a.data(0)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(data, hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]string{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle),
	})
}

// data is the authenticator data (WebAuthn §6.1).
func (a *authenticator) data(flags byte) []byte {
	flags |= 0x01 // somebody is there
	if !a.unverified {
		flags |= 0x04
	}
	hash := sha256.Sum256([]byte(a.rpID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), a.count)
}

func (a *authenticator) client(kind string, o asked) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": o.PublicKey.Challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

func (a *authenticator) answer(response map[string]string) []byte {
	text, err := json.Marshal(map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}}, // as some browsers do unasked
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

func (a *authenticator) cbor(v any) []byte {
	text, err := webauthncbor.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
