package providers

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	clockSkew  = 5 * time.Minute // how far a provider's clock may be ahead
	tokenAge   = time.Hour       // of an ID token that was issued for this sign-in
	maxSubject = 255             // characters, OpenID Connect Core section 2
)

// verifyIDToken does all of OpenID Connect Core section 3.1.3.7 and returns
// the claims. go-oidc judges form, algorithm, signature and expiry, with keys
// from our own set; the rest is judged here, where each refusal has a name.
func (o *OIDC) verifyIDToken(ctx context.Context, raw, accessToken, nonce string) (map[string]any, error) {
	signature := &remembering{keys: &o.keys}
	verifier := oidc.NewVerifier(o.cfg.Issuer, signature, &oidc.Config{
		SupportedSigningAlgs: algorithmNames(),
		Now:                  o.cfg.Now,
		SkipClientIDCheck:    true, // judged below
		SkipIssuerCheck:      true, // judged below, exactly, for Google too
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, signature.explain(err)
	}
	return o.judgeIDToken(token, accessToken, nonce)
}

// remembering is a go-oidc key set that keeps its own error, because the
// verifier flattens it into text and an outage must stay an outage.
type remembering struct {
	keys  *keySet
	asked bool
	err   error
}

func (r *remembering) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	r.asked = true
	payload, r.err = r.keys.verify(ctx, jwt)
	return payload, r.err
}

func (r *remembering) explain(err error) error {
	var expired *oidc.TokenExpiredError
	switch {
	case r.err != nil:
		return r.err
	case !r.asked: // it went no further than the form and the algorithm
		return refused(ReasonSignature, "%w", err)
	case errors.As(err, &expired):
		return refused(ReasonExpired, "%w", err)
	}
	return refused(ReasonTokenInvalid, "%w", err)
}

// onlyHere are claims that go-oidc leaves to its caller.
type onlyHere struct {
	AuthorizedParty string         `json:"azp"`
	Events          map[string]any `json:"events"`
}

func (o *OIDC) judgeIDToken(t *oidc.IDToken, accessToken, nonce string) (map[string]any, error) {
	var own onlyHere
	var all map[string]any
	if err := errors.Join(t.Claims(&own), t.Claims(&all)); err != nil {
		return nil, refused(ReasonTokenInvalid, "claims of an unexpected type")
	}
	now := o.cfg.Now()
	for _, must := range []struct {
		hold    bool
		reason  string
		problem string
	}{
		{t.Issuer == o.cfg.Issuer, ReasonTokenIssuer, "iss is another issuer"},
		{slices.Contains(t.Audience, o.cfg.ClientID), ReasonAudience, "aud is another client"},
		{own.AuthorizedParty != "" || len(t.Audience) == 1, ReasonAudience, "several audiences and no azp"},
		{own.AuthorizedParty == "" || own.AuthorizedParty == o.cfg.ClientID, ReasonAudience, "azp is another client"},
		{t.Subject != "" && len(t.Subject) <= maxSubject, ReasonSubject, "sub is missing or too long"},
		{t.IssuedAt.After(now.Add(-tokenAge)), ReasonIssuedAt, "iat is missing or long ago"},
		{t.IssuedAt.Before(now.Add(clockSkew)), ReasonIssuedAt, "iat is in the future"},
		{sameSecret(t.Nonce, nonce), ReasonNonce, "nonce is missing or another sign-in's"},
		{t.AccessTokenHash == "" || t.VerifyAccessToken(accessToken) == nil, ReasonAccessHash, "at_hash is another access token's"},
		{own.Events == nil, ReasonTokenInvalid, "a token with events is no ID token"},
	} {
		if !must.hold {
			return nil, refused(must.reason, "%s", must.problem)
		}
	}
	return all, nil
}

// sameSecret compares in constant time; two absent values are not the same.
func sameSecret(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

func algorithmNames() []string {
	var names []string
	for _, a := range algorithms() {
		names = append(names, string(a))
	}
	return names
}
