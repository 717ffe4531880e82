package providers

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are the signatures we accept, whatever a provider advertises or a
// token claims: never none, and never HS*, whose key would be a public one.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512,
		jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512,
		jose.EdDSA,
	}
}

// keySet verifies signatures with the keys that a provider publishes (RFC 7517).
type keySet struct{ remote[[]jose.JSONWebKey] }

// verify returns the payload of a signed token. A signature that no known key
// made is a reason to ask for the keys again (OpenID Connect Core section
// 10.1.1), at most once per coolDown.
func (s *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, refused(ReasonSignature, "%w", err)
	}
	known, err := s.get(ctx, freshFor)
	if err != nil {
		return nil, err
	}
	if payload, ok := verifyWith(known, jws); ok {
		return payload, nil
	}
	return s.verifyAfterRotation(ctx, jws)
}

func (s *keySet) verifyAfterRotation(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	if err := s.refresh(ctx, 0); err != nil {
		return nil, err
	}
	known, err := s.get(ctx, freshFor)
	if err != nil {
		return nil, err
	}
	if payload, ok := verifyWith(known, jws); ok {
		return payload, nil
	}
	return nil, refused(ReasonSignature, "no key of the provider made this signature")
}

func verifyWith(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, bool) {
	for _, key := range keys {
		if !fits(key, jws) {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// fits compares what a key says about itself with what the token asks for.
func fits(key jose.JSONWebKey, jws *jose.JSONWebSignature) bool {
	header := jws.Signatures[0].Header
	return (header.KeyID == "" || header.KeyID == key.KeyID) &&
		(key.Algorithm == "" || key.Algorithm == header.Algorithm) &&
		(key.Use == "" || key.Use == "sig")
}

// fetchKeys reads a JWKS. A key it does not understand is passed over, as RFC
// 7517 section 5 asks, so that a provider may add kinds we do not know.
func fetchKeys(ctx context.Context, c *http.Client, jwksURI string) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if _, err := getJSON(ctx, c, jwksURI, "", &set); err != nil {
		return nil, outage(ReasonKeys, "keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err == nil && key.IsPublic() {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
