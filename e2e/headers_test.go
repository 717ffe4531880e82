package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	for _, test := range credentials {
		t.Run(test.name, func(t *testing.T) {
			got := p.arrives(t, test.send)
			if diff := cmp.Diff(test.want, pick(got, "Cookie", "Authorization")); diff != "" {
				t.Error(diff)
			}
			p.mustKeepSecrets(t, got)
		})
	}
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

// credentials are what a client sends beside its session, and what of it
// arrives: all that is not for us.
var credentials = []struct {
	name       string
	send, want http.Header
}{
	{"the session's cookie alone", http.Header{}, http.Header{}},
	{
		"others' credentials pass",
		http.Header{"Cookie": {"theirs=1"}, "Authorization": {"Bearer something"}},
		http.Header{"Cookie": {"theirs=1"}, "Authorization": {"Bearer something"}},
	},
	{"and of another scheme", http.Header{"Authorization": {"Basic dTpw"}}, http.Header{"Authorization": {"Basic dTpw"}}},
	{"our token stays", http.Header{"Authorization": {"Bearer dagpass_key_1_hush"}}, http.Header{}},
	{"in other letters", http.Header{"authorization": {"bearer DAGPASS_key_1_hush"}}, http.Header{}},
	{
		"beside another's",
		http.Header{"Authorization": {"Bearer dagpass_key_1_hush", "Bearer something"}},
		http.Header{"Authorization": {"Bearer something"}},
	},
	{
		"our cookies stay",
		http.Header{"Cookie": {"__Host-dagpass=hush; theirs=1; dagpass-attempt=hush; more=2; DAGPASS=hush"}},
		http.Header{"Cookie": {"theirs=1; more=2"}},
	},
}

func pick(h http.Header, names ...string) http.Header {
	picked := http.Header{}
	for _, name := range names {
		if h[name] != nil {
			picked[name] = h[name]
		}
	}
	return picked
}

// mustKeepSecrets holds that under no name a value arrived that is ours alone.
func (p *person) mustKeepSecrets(t *testing.T, arrived http.Header) {
	t.Helper()
	home, _ := url.Parse(p.base)
	secrets := []string{"hush"}
	for _, cookie := range p.http.Jar.Cookies(home) {
		secrets = append(secrets, cookie.Value)
	}
	if len(secrets) < 2 {
		t.Error("there is no session to keep secret")
	}
	for name, values := range arrived {
		for _, secret := range secrets {
			if strings.Contains(strings.Join(values, "\n"), secret) {
				t.Errorf("%s arrived with a secret of ours: %q", name, values)
			}
		}
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
