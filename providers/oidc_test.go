package providers_test

import (
	"context"
	"net/url"
	"reflect"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
)

func TestOIDCSignIn(t *testing.T) {
	idp := providertest.New(t)
	claim, err := signIn(idp, newOIDC(t, idp), providertest.Edgar)
	if err != nil {
		t.Fatal(err)
	}
	if claim.AuthTime.Before(time.Now().Add(-time.Minute)) || claim.IDToken == "" {
		t.Errorf("auth_time %v, ID token of %d bytes", claim.AuthTime, len(claim.IDToken))
	}
	claim.AuthTime, claim.IDToken = time.Time{}, ""
	want := providers.Claim{
		Issuer: idp.Issuer, Subject: "edgar", Email: "edgar@example.com", EmailVerified: true,
		Name: "Edgar Editor", Groups: []string{"editors", "data-eng"},
	}
	if !reflect.DeepEqual(claim, want) {
		t.Errorf("got  %+v\nwant %+v", claim, want)
	}
}

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

// browser chooses a person at a provider.
type browser interface {
	Login(authURL, person string) url.Values
}

// signIn is a whole sign-in, as identity does it.
func signIn(b browser, p providers.Provider, person string) (providers.Claim, error) {
	return signInWith(b, p, person, newAttempt())
}

func signInWith(b browser, p providers.Provider, person string, a providers.Attempt) (providers.Claim, error) {
	authURL, err := p.Begin(context.Background(), a)
	if err != nil {
		return providers.Claim{}, err
	}
	cb, err := providers.ParseCallback(b.Login(authURL, person))
	if err != nil {
		return providers.Claim{}, err
	}
	return p.Finish(context.Background(), a, cb)
}
