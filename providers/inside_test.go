package providers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// fetches is a document that a test serves, fails and delays.
type fetches struct {
	mu    sync.Mutex
	count int
	err   error
	takes time.Duration
}

func (f *fetches) fetch(ctx context.Context) (int, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return f.count, f.err
}

// The clock of a synctest bubble moves when everybody in it waits, and the
// test fails if a goroutine is left behind.
func inBubble(t *testing.T, f *fetches, test func(*testing.T, *remote[int])) {
	synctest.Test(t, func(t *testing.T) {
		test(t, &remote[int]{fetch: f.fetch, now: time.Now})
	})
}

func TestRemoteIsFetchedWhenNeeded(t *testing.T) {
	inBubble(t, &fetches{}, func(t *testing.T, r *remote[int]) {
		for _, step := range []struct {
			wait   time.Duration
			maxAge time.Duration
			want   int
		}{
			{0, time.Minute, 1},
			{time.Second, time.Minute, 1},
			{time.Second, 0, 1}, // new is wanted, within the cool-down
			{coolDown, 0, 2},
			{time.Minute, time.Minute, 2},
			{time.Second, time.Minute, 3},
		} {
			time.Sleep(step.wait)
			if got, err := r.get(context.Background(), step.maxAge); got != step.want || err != nil {
				t.Errorf("%+v: got %d, %v", step, got, err)
			}
		}
	})
}

func TestRemoteFailureCoolsDownAndKeepsTheLastGood(t *testing.T) {
	f := &fetches{err: errors.New("down")}
	inBubble(t, f, func(t *testing.T, r *remote[int]) {
		for range 9 {
			if _, err := r.get(context.Background(), 0); err == nil || f.count != 1 {
				t.Fatalf("fetched %d times, %v", f.count, err)
			}
		}
		f.err = nil
		time.Sleep(coolDown)
		good, err := r.get(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		f.err = errors.New("down again")
		time.Sleep(coolDown)
		if got, err := r.get(context.Background(), 0); got != good || err != nil || f.count != 3 {
			t.Errorf("got %d, want the last good %d: %v", got, good, err)
		}
		if err := r.refresh(context.Background(), 0); err == nil {
			t.Error("the failure is forgotten")
		}
	})
}

func TestRemoteIsFetchedOnceForAll(t *testing.T) {
	f := &fetches{takes: time.Second}
	inBubble(t, f, func(t *testing.T, r *remote[int]) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if got, err := r.get(context.Background(), time.Minute); got != 1 || err != nil {
					t.Errorf("got %d, %v", got, err)
				}
			})
		}
		all.Wait()
	})
}

// The one who came first may leave; the others still get their answer.
func TestRemoteOutlivesTheFirstToAsk(t *testing.T) {
	f := &fetches{takes: 5 * time.Second}
	inBubble(t, f, func(t *testing.T, r *remote[int]) {
		brief, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := r.get(brief, time.Minute)
		var known *Error
		if !errors.As(err, &known) || !known.Outage || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if got, err := r.get(context.Background(), time.Minute); got != 1 || err != nil || f.count != 1 {
			t.Errorf("got %d after %d fetches, %v", got, f.count, err)
		}
	})
}

// Between the question whether a fetch is needed and the fetch, another one
// may have ended.
func TestRemoteAsksAgainBeforeItFetches(t *testing.T) {
	f := &fetches{}
	inBubble(t, f, func(t *testing.T, r *remote[int]) {
		for range 2 {
			if err := r.load(context.Background(), time.Minute); err != nil || f.count != 1 {
				t.Errorf("fetched %d times, %v", f.count, err)
			}
		}
	})
}

// signer makes tokens and the JWKS that verifies them.
type signer struct {
	private crypto.Signer
	alg     jose.SignatureAlgorithm
}

func (s signer) token(t *testing.T, kid string) string {
	t.Helper()
	key := jose.SigningKey{Algorithm: s.alg, Key: jose.JSONWebKey{Key: s.private, KeyID: kid}}
	made, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// keysOf is a key set whose provider publishes the given JWKS.
func keysOf(t *testing.T, jwks any) *keySet {
	t.Helper()
	body, err := json.Marshal(jwks)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	t.Cleanup(server.Close)
	s := &keySet{}
	s.now = time.Now
	s.fetch = func(ctx context.Context) ([]jose.JSONWebKey, error) {
		return fetchKeys(ctx, newClient(nil), server.URL)
	}
	return s
}

func newKeys(t *testing.T) (*rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey) {
	t.Helper()
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return r, e, d
}

func TestKeySet(t *testing.T) {
	r, e, d := newKeys(t)
	public := func(key crypto.Signer, id string, edits ...func(*jose.JSONWebKey)) jose.JSONWebKey {
		k := jose.JSONWebKey{Key: key.Public(), KeyID: id}
		for _, edit := range edits {
			edit(&k)
		}
		return k
	}
	set := func(keys ...any) map[string]any { return map[string]any{"keys": keys} }
	for name, row := range map[string]struct {
		jwks   map[string]any
		signer signer
		want   bool
	}{
		"RS256":                     {set(public(r, "k")), signer{r, jose.RS256}, true},
		"RS512":                     {set(public(r, "k")), signer{r, jose.RS512}, true},
		"PS384":                     {set(public(r, "k")), signer{r, jose.PS384}, true},
		"ES256":                     {set(public(e, "k")), signer{e, jose.ES256}, true},
		"EdDSA":                     {set(public(d, "k")), signer{d, jose.EdDSA}, true},
		"the right one of three":    {set(public(r, "a"), public(d, "b"), public(e, "k")), signer{e, jose.ES256}, true},
		"two keys of one id":        {set(public(r, "k"), public(e, "k")), signer{e, jose.ES256}, true},
		"another id":                {set(public(e, "other")), signer{e, jose.ES256}, false},
		"no keys":                   {set(), signer{e, jose.ES256}, false},
		"a key for another alg":     {set(public(r, "k", func(k *jose.JSONWebKey) { k.Algorithm = "RS256" })), signer{r, jose.PS256}, false},
		"a key for encryption":      {set(public(r, "k", func(k *jose.JSONWebKey) { k.Use = "enc" })), signer{r, jose.RS256}, false},
		"a key for signatures":      {set(public(r, "k", func(k *jose.JSONWebKey) { k.Use, k.Algorithm = "sig", "RS256" })), signer{r, jose.RS256}, true},
		"a private key":             {set(jose.JSONWebKey{Key: e, KeyID: "k"}), signer{e, jose.ES256}, false},
		"a kind nobody knows first": {set(map[string]string{"kty": "QUBIT", "kid": "k"}, public(e, "k")), signer{e, jose.ES256}, true},
		"a broken key first":        {set(map[string]string{"kty": "RSA", "kid": "k"}, 7, public(e, "k")), signer{e, jose.ES256}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keysOf(t, row.jwks).verify(context.Background(), row.signer.token(t, "k"))
			if (err == nil) != row.want {
				t.Errorf("got %v, want it accepted: %t", err, row.want)
			}
		})
	}
	t.Run("a token without an id", func(t *testing.T) {
		if _, err := keysOf(t, set(public(r, "a"), public(e, "b"))).verify(context.Background(), signer{e, jose.ES256}.token(t, "")); err != nil {
			t.Error(err)
		}
	})
	t.Run("a shared secret", func(t *testing.T) {
		secret := jose.JSONWebKey{Key: []byte(strings.Repeat("s", 32)), KeyID: "k", Algorithm: "HS256"}
		made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := made.Sign([]byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keysOf(t, set(secret)).verify(context.Background(), token); err == nil {
			t.Error("a token signed with a published secret was accepted")
		}
	})
}

// Two locks hold the same door: no algorithm with a shared secret is accepted,
// and no key is kept that is not public. Each is tested without the other.
func TestSharedSecretsAreShutOutTwice(t *testing.T) {
	for _, a := range algorithms() {
		if a == "none" || strings.HasPrefix(string(a), "HS") {
			t.Errorf("%s is accepted", a)
		}
	}
	_, e, _ := newKeys(t)
	s := keysOf(t, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: []byte("secret"), KeyID: "shared"}, {Key: e, KeyID: "private"}, {Key: e.Public(), KeyID: "public"},
	}})
	if kept, err := s.get(context.Background(), time.Hour); err != nil || len(kept) != 1 || kept[0].KeyID != "public" {
		t.Errorf("kept %d keys, %v", len(kept), err)
	}
}

func TestSameSecret(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{{"a", "a", true}, {"a", "b", false}, {"a", "", false}, {"", "a", false}, {"", "", false}} {
		if got := sameSecret(row.a, row.b); got != row.want {
			t.Errorf("%q and %q: got %t", row.a, row.b, got)
		}
	}
}

func TestExchangeErrorsQuoteNothing(t *testing.T) {
	for _, err := range []error{
		errors.New("oauth2: cannot parse: s3cret"),
		&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, Body: []byte("s3cret"), ErrorDescription: "s3cret", ErrorURI: "s3cret"},
	} {
		if got := exchangeError(err).Error(); strings.Contains(got, "s3cret") {
			t.Error(got)
		}
	}
}

func TestMetadata(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*metadata)
		want   bool
	}{
		"good":                     {func(*metadata) {}, true},
		"endpoints on other hosts": {func(m *metadata) { m.JWKS = "https://keys.example/jwks" }, true},
		"plain http":               {func(m *metadata) { m.Token = "http://idp.example/token" }, false},
		"plain http on loopback":   {func(m *metadata) { m.Token = "http://127.0.0.1/token" }, false},
		"plain http on loopback, issuer too": {func(m *metadata) {
			m.Issuer, m.Token = "http://localhost:8080", "http://127.0.0.1:8080/token"
		}, true},
		"no keys":           {func(m *metadata) { m.JWKS = "" }, false},
		"a bad userinfo":    {func(m *metadata) { m.Userinfo = "http://idp.example/userinfo" }, false},
		"a bad end_session": {func(m *metadata) { m.EndSession = "javascript:alert(1)" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := metadata{ //nolint:gosec // addresses, not credentials
				Issuer: "https://idp.example", Authorization: "https://idp.example/auth", Token: "https://idp.example/token",
				JWKS: "https://idp.example/jwks", Userinfo: "https://idp.example/userinfo", EndSession: "https://idp.example/logout",
			}
			row.change(&m)
			if err := m.check(); (err == nil) != row.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAuthStyle(t *testing.T) {
	for _, row := range []struct {
		methods []string
		public  bool
		want    oauth2.AuthStyle
	}{
		{nil, false, oauth2.AuthStyleInHeader},
		{[]string{"client_secret_basic", "client_secret_post"}, false, oauth2.AuthStyleInHeader},
		{[]string{"client_secret_post"}, false, oauth2.AuthStyleInParams},
		{[]string{"private_key_jwt"}, false, oauth2.AuthStyleInHeader},
		{[]string{"client_secret_basic"}, true, oauth2.AuthStyleInParams},
	} {
		if got := (metadata{TokenAuthMethods: row.methods}).authStyle(row.public); got != row.want {
			t.Errorf("%+v: got %v", row, got)
		}
	}
}

// stalled never answers. It stands for a network that swallows packets.
type stalled struct{}

func (stalled) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A page that can do without the provider waits two seconds for it at most.
func TestShortWaits(t *testing.T) {
	for name, ask := range map[string]func(*OIDC, *GitHub) bool{
		"OIDC ready":   func(o *OIDC, _ *GitHub) bool { return o.Ready(context.Background()) == nil },
		"GitHub ready": func(_ *OIDC, g *GitHub) bool { return g.Ready(context.Background()) == nil },
		"end session": func(o *OIDC, _ *GitHub) bool {
			_, ok := o.EndSessionURL(context.Background(), "", "https://dagster.example/")
			return ok
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &http.Client{Transport: stalled{}}
				o, err1 := NewOIDC(OIDCConfig{Slot: "okta", Issuer: "https://idp.example", ClientID: "c", HTTPClient: client})
				g, err2 := NewGitHub(GitHubConfig{ClientID: "c", ClientSecret: "s", HTTPClient: client})
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if ask(o, g) || time.Since(begin) != shortWait {
					t.Errorf("answered after %v", time.Since(begin))
				}
				time.Sleep(fetchTimeout) // by now the fetch itself has given up, or the bubble complains
			})
		})
	}
}

func TestNextPage(t *testing.T) {
	g, err := NewGitHub(GitHubConfig{ClientID: "c", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]string{
		"": "",
		`<https://api.github.com/user/orgs?page=2>; rel="next"`:                                                        "https://api.github.com/user/orgs?page=2",
		`<https://api.github.com/user/583231/orgs?page=2>; rel="next"`:                                                 "https://api.github.com/user/583231/orgs?page=2",
		`<https://api.github.com/user/orgs?page=1>; rel="prev", <https://api.github.com/user/orgs?page=3>; rel="next"`: "https://api.github.com/user/orgs?page=3",
		`<https://api.github.com/user/orgs?page=9>; rel="last"`:                                                        "",
		`<https://github.com/user/orgs?page=2>; rel="next"`:                                                            "refused",
		`<http://api.github.com/user/orgs?page=2>; rel="next"`:                                                         "refused",
		`<https://api.github.com.evil.example/user/orgs>; rel="next"`:                                                  "refused",
		`<https://api.github.com@evil.example/user/orgs>; rel="next"`:                                                  "refused",
		`<https://api.github.com:444/user/orgs>; rel="next"`:                                                           "refused",
		`</user/orgs?page=2>; rel="next"`:                                                                              "refused",
	} {
		got, err := g.nextPage(http.Header{"Link": {link}})
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: got %q", link, got)
		}
	}
}

func TestTheAPIOfGitHub(t *testing.T) {
	for base, want := range map[string]string{
		"":                             "https://api.github.com",
		"https://github.com":           "https://api.github.com",
		"https://github.com/":          "https://api.github.com",
		"https://GitHub.com":           "https://api.github.com",
		"https://github.example.com":   "https://github.example.com/api/v3",
		"https://example.com/github/":  "https://example.com/github/api/v3",
		"https://github.com.evil.test": "https://github.com.evil.test/api/v3",
	} {
		g, err := NewGitHub(GitHubConfig{ClientID: "c", ClientSecret: "s", URL: base})
		if err != nil {
			t.Fatal(err)
		}
		if got := g.cfg.api(); got != want {
			t.Errorf("%q: got %s", base, got)
		}
	}
}

func TestGroups(t *testing.T) {
	for name, row := range map[string]struct {
		claims, path string
		want         []string
	}{
		"a list":                   {`{"groups":["a","b"]}`, "groups", []string{"a", "b"}},
		"one string":               {`{"groups":"a b,c"}`, "groups", []string{"a b,c"}},
		"case is kept":             {`{"groups":["Data-Eng"]}`, "groups", []string{"Data-Eng"}},
		"a path":                   {`{"realm_access":{"roles":["a"]}}`, "realm_access.roles", []string{"a"}},
		"a deep path":              {`{"a":{"b":{"c":["x"]}}}`, "a.b.c", []string{"x"}},
		"a name with dots":         {`{"https://example.com/groups":["a"]}`, "https://example.com/groups", []string{"a"}},
		"a name with dots, deeper": {`{"https://example.com/x":{"groups":["a"]}}`, "https://example.com/x.groups", []string{"a"}},
		"the longest name wins":    {`{"a":{"b":["short"]},"a.b":["long"]}`, "a.b", []string{"long"}},
		"missing":                  {`{}`, "groups", nil},
		"missing below":            {`{"realm_access":{}}`, "realm_access.roles", nil},
		"a path into a list":       {`{"realm_access":["roles"]}`, "realm_access.roles", nil},
		"null":                     {`{"groups":null}`, "groups", nil},
		"a number":                 {`{"groups":7}`, "groups", nil},
		"an object":                {`{"groups":{"a":true}}`, "groups", nil},
		"a list of other things":   {`{"groups":["a",7,null,{"name":"admins"},["admins"],"","b"]}`, "groups", []string{"a", "b"}},
		"an empty path":            {`{"":["a"]}`, "", []string{"a"}},
	} {
		var claims map[string]any
		if err := json.Unmarshal([]byte(row.claims), &claims); err != nil {
			t.Fatal(err)
		}
		if got := texts(lookup(claims, row.path)); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func FuzzGroups(f *testing.F) {
	f.Add(`{"realm_access":{"roles":["a"]}}`, "realm_access.roles")
	f.Add(`{"a":{"":{"b":"x"}},"a.":{"b":["y"]}}`, "a..b")
	f.Add(`{"https://example.com/groups":["a",1]}`, "https://example.com/groups")
	f.Fuzz(func(t *testing.T, body, path string) {
		var claims map[string]any
		if json.Unmarshal([]byte(body), &claims) != nil {
			t.Skip("no claims")
		}
		for _, group := range texts(lookup(claims, path)) {
			if group == "" || !strings.Contains(fmt.Sprint(claims), group) {
				t.Errorf("the group %q came from nowhere", group)
			}
		}
	})
}

func TestInstant(t *testing.T) {
	for seconds, want := range map[any]time.Time{
		1.7e9: time.Unix(1_700_000_000, 0).UTC(), 0.0: {}, -1.0: {}, 1e300: {}, "1700000000": {}, nil: {},
	} {
		if got := instant(map[string]any{"auth_time": seconds}, "auth_time"); got != want {
			t.Errorf("%v: got %v", seconds, got)
		}
	}
}
