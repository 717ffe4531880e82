package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dagpass/dagpass/e2e/parts"
)

// behind has one Dagpass take another's word. Nobody can reach the second by way
// of the first: that one forwards what Dagster has routes for, and drops cookies
// by the name of its own. So it is a program behind the first that hands on what
// it got there.
func behind(t *testing.T, w *world) {
	upstream := newRecorder(t)
	front := w.serve(t, w.settings(t, upstream.URL).with(settings{"UPSTREAM_NAME": "team-tools"}))
	person := signedIn(t, front, "certified", parts.Editor)
	there, _ := person.me(t)
	assertion := upstream.assertion(t, person)
	forger := newForger(t, front.URL)

	set := w.noProvider(t, "sqlite:"+t.TempDir()+"/dagpass.db").with(settings{
		"HEADER_LOGIN": "dagpass", "HEADER_ISSUER": front.URL + "/auth", "HEADER_AUDIENCE": "team-tools", "HEADER_KEYS_URL": forger.URL,
		"POLICY":                   "grants: [{ slot: header, group: dagster-editors, role: editor }]",
		"BOOTSTRAP_ADMIN_USERNAME": "root", "BOOTSTRAP_ADMIN_PASSWORD": firstPassword,
	})
	s := w.serve(t, set)
	t.Run("the word of the first", func(t *testing.T) {
		p := newPerson(s.URL)
		if a := p.vouched(t, "X-Dagpass-Assertion: "+assertion); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %.500s", a.Status, a.body)
		}
		who, in := p.me(t)
		if !in || who.Role != "editor" || who.User.Provider != "header" || who.User.Email != there.User.Email {
			t.Errorf("there %+v, here %+v", there, who)
		}
		if id := p.launch(t); id == "" {
			t.Error("an editor could not launch")
		}
		q := newPerson(s.URL) // signed in anew it is the same account
		q.vouched(t, "X-Dagpass-Assertion: "+upstream.assertion(t, person))
		if again, _ := q.me(t); again.User.ID != who.User.ID {
			t.Errorf("%+v became %+v", who, again)
		}
	})
	t.Run("signed by hand", func(t *testing.T) {
		p := newPerson(s.URL)
		p.vouched(t, "X-Dagpass-Assertion: "+forger.sign(t, assertion, func(map[string]any) {}))
		if _, in := p.me(t); !in {
			t.Error("the rows below would be refused whatever they say")
		}
	})
	hourAgo := float64(time.Now().Add(-time.Hour).Unix())
	for name, lines := range map[string][]string{
		"without":          {},
		"empty":            {"X-Dagpass-Assertion:"},
		"twice":            {"X-Dagpass-Assertion: " + assertion, "X-Dagpass-Assertion: " + assertion},
		"twice in one":     {"X-Dagpass-Assertion: " + assertion + ", " + assertion},
		"in two spellings": {"X-Dagpass-Assertion: " + assertion, "X_Dagpass_Assertion: " + assertion},
		"in another name":  {"Authorization: Bearer " + assertion},
		"changed":          {"X-Dagpass-Assertion: " + assertion[:len(assertion)-4] + "AAAA"},
		"expired":          {"X-Dagpass-Assertion: " + forger.sign(t, assertion, func(c map[string]any) { c["iat"], c["exp"] = hourAgo, hourAgo+300 })},
		"for another":      {"X-Dagpass-Assertion: " + forger.sign(t, assertion, func(c map[string]any) { c["aud"] = "dagster" })},
		"of another":       {"X-Dagpass-Assertion: " + forger.sign(t, assertion, func(c map[string]any) { c["iss"] = s.URL + "/auth" })},
		"without an end":   {"X-Dagpass-Assertion: " + forger.sign(t, assertion, func(c map[string]any) { delete(c, "exp") })},
		"about nobody":     {"X-Dagpass-Assertion: " + forger.sign(t, assertion, func(c map[string]any) { delete(c, "sub") })},
		"without a key":    {"X-Dagpass-Assertion: " + unsigned(t, assertion)},
		"by a stranger":    {"X-Dagpass-Assertion: " + newForger(t, front.URL).sign(t, assertion, func(map[string]any) {})},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(s.URL)
			a := p.vouched(t, lines...)
			if _, in := p.me(t); a.StatusCode != http.StatusForbidden || in {
				t.Errorf("%s: %.300s", a.Status, a.body)
			}
		})
	}
	t.Run("elsewhere it says nothing", func(t *testing.T) {
		p := newPerson(s.URL)
		req, err := http.NewRequest(http.MethodGet, s.URL+"/auth/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Dagpass-Assertion", assertion)
		if a := p.do(t, req); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %.300s", a.Status, a.body)
		}
	})
	t.Run("for another Dagpass", func(t *testing.T) { notForAnother(t, w, set, assertion) })
	t.Run("one after the other", func(t *testing.T) { oneAfterTheOther(t, w, front) })
}

// notForAnother: with real keys, and an audience that is somebody else's.
func notForAnother(t *testing.T, w *world, set settings, assertion string) {
	other := w.noProvider(t, "sqlite:"+t.TempDir()+"/dagpass.db").with(settings{
		"HEADER_LOGIN": "dagpass", "HEADER_ISSUER": set["HEADER_ISSUER"], "HEADER_AUDIENCE": "dagster",
		"BOOTSTRAP_ADMIN_USERNAME": "root", "BOOTSTRAP_ADMIN_PASSWORD": firstPassword,
	})
	s := w.serve(t, other)
	p := newPerson(s.URL)
	a := p.vouched(t, "X-Dagpass-Assertion: "+assertion)
	if _, in := p.me(t); a.StatusCode != http.StatusForbidden || in || !strings.Contains(s.printed(t), `"id_token_audience"`) {
		t.Errorf("%s: %.300s", a.Status, a.body)
	}
}

// oneAfterTheOther puts a Dagpass behind another, below a path, and sees why
// docs/providers.md says that it does not work: the inner one believes the outer
// one, and the cookie of its session does not get to the browser.
func oneAfterTheOther(t *testing.T, w *world, front *server) {
	inner := w.noProvider(t, "sqlite:"+t.TempDir()+"/dagpass.db")
	outer := front.set.with(settings{
		"LISTEN": "127.0.0.1:" + parts.FreePort(t), "DATABASE_URL": "sqlite:" + t.TempDir() + "/dagpass.db", "UPSTREAM": "http://127.0.0.1:" + inner.port(),
	})
	public := "http://localhost:" + outer.port()
	s := w.serve(t, outer) // first: the inner one asks it for its keys
	behind := w.serve(t, inner.with(settings{
		"PUBLIC_URL": public + "/data", "UPSTREAM": w.prefixed.URL,
		"HEADER_LOGIN": "dagpass", "HEADER_ISSUER": public + "/auth", "HEADER_AUDIENCE": "team-tools",
		"BOOTSTRAP_ADMIN_USERNAME": "root", "BOOTSTRAP_ADMIN_PASSWORD": firstPassword,
	}))
	p := newPerson(s.URL)
	p.signIn("certified", parts.Editor) // it leads to the inner one, which knows nobody
	if _, in := p.me(t); !in {
		t.Fatal("not even signed in at the outer one")
	}
	before := p.cookie(t, "dagpass")
	p.get(t, "/data/auth/start/header")
	if !strings.Contains(behind.printed(t), `"event":"signin.finish","outcome":"ok"`) {
		t.Errorf("the inner one did not believe it: %s", behind.printed(t))
	}
	if a := p.get(t, "/data/auth/me"); a.StatusCode != http.StatusUnauthorized || p.cookie(t, "dagpass") != before {
		t.Errorf("signed in at both: %s %.300s", a.Status, a.body)
	}
}

// vouched asks for a session with these headers, written as they are.
func (p *person) vouched(t *testing.T, lines ...string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.base+"/auth/start/header", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		req.Header[name] = append(req.Header[name], strings.TrimSpace(value))
	}
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { p.http.CheckRedirect = nil }()
	return p.do(t, req)
}

// recorder is a program behind a Dagpass. It answers with what it was told.
type recorder struct{ *httptest.Server }

func newRecorder(t *testing.T) recorder {
	t.Helper()
	r := recorder{httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-Dagpass-Assertion"))
	}))}
	t.Cleanup(r.Close)
	return r
}

// assertion is what the program is told of somebody.
func (recorder) assertion(t *testing.T, p *person) string {
	t.Helper()
	a := p.get(t, "/_next/assertion.txt")
	if a.StatusCode != http.StatusOK || strings.Count(a.body, ".") != 2 {
		t.Fatalf("%s: %.300s", a.Status, a.body)
	}
	return a.body
}

// forger publishes a key of its own among those of a Dagpass: what it signs is
// refused for what it says.
type forger struct {
	*httptest.Server
	key jose.JSONWebKey
}

func newForger(t *testing.T, of string) *forger {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{key: jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var set jose.JSONWebKeySet
		if err := fetchJSON(r.Context(), of+"/auth/.well-known/jwks.json", &set); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		set.Keys = append(set.Keys, f.key.Public())
		json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(f.Close)
	return f
}

func fetchJSON(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}

// sign makes another assertion of one, with other claims and the forger's key.
func (f *forger) sign(t *testing.T, assertion string, change func(map[string]any)) string {
	t.Helper()
	claims := claimsIn(t, assertion)
	change(claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func claimsIn(t *testing.T, assertion string) map[string]any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(assertion, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// unsigned says that it needs no signature.
func unsigned(t *testing.T, assertion string) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(assertion, ".")[1] + "."
}
