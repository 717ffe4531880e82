package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

func verify(t *testing.T, s *identity.Service, token string) map[string]any {
	t.Helper()
	set, err := s.JWKS(ctx)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := parsed.Claims(&set, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAssertion(t *testing.T) {
	each(t, func(w *world) {
		_, p := w.signIn(providertest.Edgar)
		token, err := w.Assertion(ctx, p)
		if err != nil {
			w.t.Fatal(err)
		}
		got := verify(w.t, w.Service, token)
		want := map[string]any{
			"iss": "http://localhost:3000/auth", "sub": p.User.ID, "email": "edgar@example.com",
			"role": "viewer", "auth_method": "oidc",
		}
		for name, value := range want {
			if got[name] != value {
				w.t.Errorf("%s is %v, not %v", name, got[name], value)
			}
		}
		if life := got["exp"].(float64) - got["iat"].(float64); life != 300 {
			w.t.Errorf("it lives %v seconds", life)
		}
		if strings.Contains(token, "http") {
			w.t.Error("not encoded")
		}
	})
}

// Every replica verifies what any of them signed, also through a rotation.
func TestKeysRotate(t *testing.T) {
	each(t, func(w *world) {
		other := w.replica(w.Store, policy.Gate{}, key(1))
		in, p := w.signIn(providertest.Ada)
		first, _ := w.Assertion(ctx, p)
		verify(w.t, other, first)
		kid := kidOf(w.t, first)
		for day := range 31 {
			w.clock.pass(24 * time.Hour)
			if err := other.RotateKeys(ctx); err != nil {
				w.t.Fatal(err)
			}
			if set, _ := w.JWKS(ctx); day == 28 && len(set.Keys) != 2 {
				w.t.Errorf("the next key is not published a day ahead: %d keys", len(set.Keys))
			}
		}
		_ = in
		_, p = w.signIn(providertest.Ada)
		second, err := w.Assertion(ctx, p)
		if err != nil || kidOf(w.t, second) == kid {
			w.t.Errorf("the key was not rotated: %v", err)
		}
		verify(w.t, other, second)
	})
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Headers[0].KeyID
}

func TestSecretKeyList(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, p := w.signIn(providertest.Ada)
	changed := w.replica(w.Store, policy.Gate{}, key(2), key(1)) // the former opens
	if _, err := changed.Assertion(ctx, p); err != nil {
		t.Error(err)
	}
	ring, _ := identity.NewKeyring(key(3))
	lost := w.Config
	lost.Keys = ring
	if _, err := identity.New(ctx, lost); err == nil || !strings.Contains(err.Error(), "DAGPASS_SECRET_KEY") {
		t.Errorf("a lost key: %v", err)
	}
}

func TestKeyring(t *testing.T) {
	ring, _ := identity.NewKeyring(key(1))
	sealed, err := ring.Seal("purpose", "text")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := ring.Open("purpose", sealed); err != nil || text != "text" {
		t.Errorf("%q %v", text, err)
	}
	for name, bad := range map[string][2]string{
		"another purpose": {"other", sealed}, "cut": {"purpose", sealed[:len(sealed)-1]}, "empty": {"purpose", ""},
		"another version": {"purpose", "2" + sealed[1:]}, "changed": {"purpose", sealed[:len(sealed)-2] + "AA"},
	} {
		if _, err := ring.Open(bad[0], bad[1]); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
	if _, err := identity.NewKeyring(key(1)[:31]); err == nil {
		t.Error("a short key is accepted")
	}
}
