package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// keyring holds the key that the server publishes and signs with.
type keyring struct{ *keyringState }

type keyringState struct {
	mu      sync.Mutex
	number  int
	current jose.JSONWebKey
}

func newKeyring(t testing.TB) keyring {
	t.Helper()
	k := keyring{&keyringState{}}
	k.rotate(t)
	return k
}

func (k keyring) rotate(t testing.TB) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.number++
	k.current = newKey(t, fmt.Sprintf("key-%d", k.number))
}

func (k keyring) public() jose.JSONWebKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.current.Public()}}
}

// sign makes an ID token in the given way.
func (k keyring) sign(t testing.TB, claims map[string]any, how Signature) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch how {
	case AlgNone:
		return unsigned(t, claims)
	case HMAC:
		return serialize(t, jose.HS256, jose.JSONWebKey{Key: publicPEM(t, k.current), KeyID: k.current.KeyID}, claims)
	case WrongKey:
		return serialize(t, jose.ES256, newKey(t, k.current.KeyID), claims)
	case UnknownKey:
		return serialize(t, jose.ES256, newKey(t, rand.Text()), claims)
	}
	return serialize(t, jose.ES256, k.current, claims)
}

func newKey(t testing.TB, id string) jose.JSONWebKey {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Error(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"}
}

func serialize(t testing.TB, alg jose.SignatureAlgorithm, key jose.JSONWebKey, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

func unsigned(t testing.TB, claims map[string]any) string {
	body, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(body) + "."
}

func publicPEM(t testing.TB, key jose.JSONWebKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	if err != nil {
		t.Error(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// payload reads the claims of a token without verifying it.
func payload(t testing.TB, token string) map[string]any {
	claims := map[string]any{}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Errorf("%q is no compact JWS", token)
		return claims
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(body, &claims)
	}
	if err != nil {
		t.Error(err)
	}
	return claims
}
