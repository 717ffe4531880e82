package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/e2e/parts"
)

// echo is an upstream that answers with the headers it got.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(s.Close)
	return s
}

// headers looks at what arrives behind us: who it is, signed, and nothing
// that a client wrote under those names.
func headers(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, echo(t).URL))
	p := signedIn(t, s, "keycloak", parts.Editor)
	who, _ := p.me(t)
	arrived := p.arrives(t, nil)
	t.Run("plain headers", func(t *testing.T) {
		got := map[string]string{}
		for _, name := range []string{"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups", "X-Dagpass-Role"} {
			got[name] = strings.Join(arrived[name], " AND ")
		}
		want := map[string]string{
			"X-Forwarded-User": who.User.ID, "X-Forwarded-Email": "edda@example.com", "X-Forwarded-Preferred-Username": "edda",
			"X-Forwarded-Groups": "dagster-editors", "X-Dagpass-Role": "editor",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("our secrets stay with us", func(t *testing.T) {
		with := p.arrives(t, http.Header{"Cookie": {"theirs=1"}, "Authorization": {"Bearer something"}})
		if cookie := strings.Join(with["Cookie"], ";"); cookie != "theirs=1" {
			t.Errorf("cookies %q, want theirs alone", cookie)
		}
	})
	t.Run("assertion", func(t *testing.T) { verify(t, s, who, arrived.Get("X-Dagpass-Assertion")) })
	for name, forged := range forgeries {
		t.Run(name, func(t *testing.T) {
			got, want := p.arrives(t, forged), arrived
			for _, list := range []http.Header{got, want} {
				for _, name := range []string{"X-Dagpass-Assertion", "X-Request-Id"} {
					list.Del(name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("a forged header changed what arrives:\n%s", diff)
			}
		})
	}
}

var forgeries = map[string]http.Header{
	"plain":             {"X-Forwarded-User": {"root"}, "X-Dagpass-Role": {"admin"}, "X-Dagpass-Assertion": {"e.y.J"}},
	"other letters":     {"x-forwarded-USER": {"root"}, "X-DAGPASS-role": {"admin"}},
	"underscores":       {"X_Forwarded_User": {"root"}, "X_Dagpass_Role": {"admin"}},
	"dots":              {"X.Forwarded.Email": {"root@example.com"}},
	"other products'":   {"X-Auth-Request-User": {"root"}, "Remote-User": {"root"}, "X-Amzn-Oidc-Identity": {"root"}, "X-Pomerium-Claim-Email": {"r"}},
	"taken as hops":     {"Connection": {"X-Forwarded-User, X-Dagpass-Role, X-Dagpass-Assertion"}},
	"several at a time": {"X-Forwarded-Groups": {"dagster-admins", "more"}},
	"whence":            {"X-Forwarded-For": {"6.6.6.6"}, "Forwarded": {"for=6.6.6.6"}, "X-Real-Ip": {"6.6.6.6"}, "X-Forwarded-Host": {"evil.example"}},
}

// arrives asks for a page with these headers, written as they are here, and
// returns what the upstream got.
func (p *person) arrives(t *testing.T, send http.Header) http.Header {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.base+"/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range send {
		req.Header[name] = values
	}
	arrived := http.Header{}
	p.do(t, req).into(t, &arrived)
	return arrived
}

// verify does what any upstream can: the published keys, our issuer, its name.
func verify(t *testing.T, s *server, who me, assertion string) {
	anybody := newPerson(s.URL)
	var discovery struct {
		Issuer string
		JWKS   string `json:"jwks_uri"`
	}
	anybody.get(t, "/auth/.well-known/openid-configuration").into(t, &discovery)
	var keys jose.JSONWebKeySet
	anybody.get(t, strings.TrimPrefix(discovery.JWKS, s.URL)).into(t, &keys)
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var standard jwt.Claims
	var own struct {
		Email  string   `json:"email"`
		Role   string   `json:"role"`
		Groups []string `json:"groups"`
		Method string   `json:"auth_method"`
	}
	if err := token.Claims(keys, &standard, &own); err != nil {
		t.Fatalf("not signed by a published key: %v", err)
	}
	if err := standard.Validate(jwt.Expected{Issuer: s.URL + "/auth", Subject: who.User.ID, AnyAudience: jwt.Audience{"dagster"}, Time: time.Now()}); err != nil {
		t.Error(err)
	}
	if life := standard.Expiry.Time().Sub(standard.IssuedAt.Time()); life > 5*time.Minute {
		t.Errorf("it is good for %s", life)
	}
	if own.Email != "edda@example.com" || own.Role != "editor" || len(own.Groups) != 1 || own.Method == "" {
		t.Errorf("claims %+v", own)
	}
}

// attribution runs a team's own run coordinator inside Dagster, which verifies
// the assertion with the published keys and notes the name on the run.
func attribution(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL).with(settings{"LISTEN": "127.0.0.1:" + w.port, "ALB_HEADERS": "true"}))
	id := signedIn(t, s, "keycloak", parts.Editor).launch(t)
	run, ok := w.dagster.State(t).Run(id)
	if !ok {
		t.Fatalf("Dagster does not know run %q", id)
	}
	for _, tag := range []string{"launched/header", "launched/assertion", "launched/alb"} {
		if run.Tags[tag] != "edda@example.com" {
			t.Errorf("%s is %q", tag, run.Tags[tag])
		}
	}
}
