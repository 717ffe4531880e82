package providers_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
)

// newOIDC makes a provider for the test server; edits come after the defaults.
func newOIDC(t *testing.T, idp *providertest.Server, edits ...func(*providers.OIDCConfig)) *providers.OIDC {
	t.Helper()
	cfg := providers.OIDCConfig{
		Slot: "oidc", Label: "Example", Issuer: idp.Issuer, ClientID: idp.ClientID, ClientSecret: idp.ClientSecret,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	p, err := providers.NewOIDC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newAttempt() providers.Attempt {
	return providers.Attempt{
		State: "state-of-this-browser", Nonce: "nonce-of-this-sign-in",
		Verifier: oauth2.GenerateVerifier(), RedirectURI: "http://127.0.0.1:8080/auth/callback/oidc",
	}
}

// outside is an identity provider as a browser and a careful reader of logs
// see it.
type outside interface {
	Login(authURL, person string) url.Values
	Secrets() []string
}

// signIn is a whole sign-in, as identity does it.
func signIn(o outside, p providers.Provider, person string) (providers.Claim, error) {
	a := newAttempt()
	authURL, err := p.Begin(context.Background(), a)
	if err != nil {
		return providers.Claim{}, err
	}
	cb, err := providers.ParseCallback(o.Login(authURL, person))
	if err != nil {
		return providers.Claim{}, err
	}
	return p.Finish(context.Background(), a, cb)
}

// verdict is what became of a sign-in: a reason, and whose fault it was.
type verdict struct {
	reason string
	outage bool
}

func (v verdict) String() string {
	if v.outage {
		return v.reason + " (outage)"
	}
	return v.reason
}

// judge reads an error, and holds every error to two rules: it is an *Error,
// and it holds no secret.
func judge(t *testing.T, o outside, err error) verdict {
	t.Helper()
	if err == nil {
		return verdict{}
	}
	var known *providers.Error
	if !errors.As(err, &known) {
		t.Fatalf("%v is no *providers.Error", err)
	}
	for _, secret := range o.Secrets() {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a secret is in the error: %v", err)
		}
	}
	return verdict{known.Reason, known.Outage}
}

// clock is real time and what a test adds to it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func (c *clock) wind(cfg *providers.OIDCConfig) { cfg.Now = c.Now }

// honest makes ID tokens by this clock.
func (c *clock) honest() providertest.Fault {
	return providertest.Fault{Claims: func(claims map[string]any) {
		claims["iat"], claims["exp"] = c.Now().Unix(), c.Now().Add(time.Minute).Unix()
	}}
}

// impatient makes a provider give up quickly.
func impatient(cfg *providers.OIDCConfig) {
	cfg.HTTPClient = &http.Client{Timeout: 50 * time.Millisecond}
}
