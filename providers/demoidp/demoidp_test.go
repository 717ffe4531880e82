package demoidp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const redirectURI = "http://127.0.0.1:3000/auth/callback/demo?kept=1"

// start serves the provider below a path of its own.
func start(t *testing.T, edits ...func(*Config)) (*httptest.Server, Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	cfg := Config{
		Issuer: "http://" + server.Listener.Addr().String() + "/idp", ClientID: "demo", ClientSecret: "s3cret&",
		RedirectURIs: []string{redirectURI}, PostLogoutURIs: []string{"http://localhost/auth/login"},
		People: []Person{
			{Subject: "ada", Email: "ada@example.com", Name: "Ada Admin", Groups: []string{"admins"}},
			{Subject: "evil", Email: "<b>@example.com", Name: `<script>alert("1")</script>`},
		},
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	return server, cfg
}

func query(edits ...func(url.Values)) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"demo"}, "redirect_uri": {redirectURI}, "scope": {"openid email"}, "state": {"st"},
		"nonce": {"no"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier())}, "code_challenge_method": {"S256"},
	}
	for _, edit := range edits {
		edit(q)
	}
	return q.Encode()
}

func verifier() string { return strings.Repeat("v", 43) }

func set(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// back is where an answer redirects to, empty when it does not.
func (a answer) back(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// do follows no redirect.
func do(t *testing.T, method, address string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// An independent client library must find nothing to complain about.
func TestSignInWithAnotherLibrary(t *testing.T) {
	for name, secret := range map[string]string{"confidential": "s3cret&", "public": ""} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			_, cfg := start(t, func(c *Config) { c.ClientSecret = secret })
			library, err := oidc.NewProvider(ctx, cfg.Issuer)
			if err != nil {
				t.Fatal(err)
			}
			client := oauth2.Config{ClientID: "demo", ClientSecret: secret, RedirectURL: redirectURI, Endpoint: library.Endpoint(), Scopes: []string{"openid"}}
			back := do(t, "POST", client.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier()), oidc.Nonce("no")), url.Values{"person": {"ada"}}).back(t)
			if back.Query().Get("state") != "st" || back.Query().Get("iss") != cfg.Issuer || back.Query().Get("kept") != "1" {
				t.Fatal(back)
			}
			token, err := client.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier()))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := token.Extra("id_token").(string)
			idToken, err := library.Verifier(&oidc.Config{ClientID: "demo"}).Verify(ctx, raw)
			if err != nil || idToken.Nonce != "no" || idToken.VerifyAccessToken(token.AccessToken) != nil {
				t.Fatalf("%+v, %v", idToken, err)
			}
			userinfo, err := library.UserInfo(ctx, oauth2.StaticTokenSource(token))
			if err != nil || userinfo.Subject != "ada" || !userinfo.EmailVerified {
				t.Errorf("%+v, %v", userinfo, err)
			}
		})
	}
}

func TestThePage(t *testing.T) {
	_, cfg := start(t)
	page := do(t, "GET", cfg.Issuer+"/authorize?"+query(), nil)
	for _, want := range []string{"Demonstration identity provider", "Ada Admin", `value="ada"`, "&lt;script&gt;"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	policy := page.header.Get("Content-Security-Policy")
	_, rest, _ := strings.Cut(page.body, "<style>")
	css, _, _ := strings.Cut(rest, "</style>")
	hash := sha256.Sum256([]byte(css))
	for _, want := range []string{"default-src 'none'", base64.StdEncoding.EncodeToString(hash[:]), "form-action 'self' http://127.0.0.1:3000;", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "<b>@") {
		t.Error("a name became markup")
	}
}

func TestRequestsThatGoNowhere(t *testing.T) {
	_, cfg := start(t)
	for name, edit := range map[string]func(url.Values){
		"another client":          set("client_id", "other"),
		"another redirect URI":    set("redirect_uri", "https://evil.example/"),
		"another path":            set("redirect_uri", "http://127.0.0.1:3000/elsewhere?kept=1"),
		"another query":           set("redirect_uri", "http://127.0.0.1:3000/auth/callback/demo"),
		"another loopback host":   set("redirect_uri", strings.Replace(redirectURI, "127.0.0.1", "localhost", 1)),
		"a false friend":          set("redirect_uri", strings.Replace(redirectURI, "127.0.0.1", "127.0.0.1.evil.example", 1)),
		"a user in front":         set("redirect_uri", strings.Replace(redirectURI, "127.0.0.1", "x@127.0.0.1", 1)),
		"no redirect URI":         set("redirect_uri", ""),
		"one that cannot be read": set("redirect_uri", "http://[::1"),
	} {
		got := do(t, "POST", cfg.Issuer+"/authorize?"+query(edit), url.Values{"person": {"ada"}})
		if got.status != http.StatusBadRequest || got.header.Get("Location") != "" {
			t.Errorf("%s: %d, to %q", name, got.status, got.header.Get("Location"))
		}
	}
	if got := do(t, "POST", cfg.Issuer+"/authorize?"+query(), url.Values{"person": {"nobody"}}); got.status != http.StatusBadRequest {
		t.Errorf("nobody: %d", got.status)
	}
}

func TestRequestsAnsweredWithAnError(t *testing.T) {
	_, cfg := start(t)
	for name, row := range map[string]struct {
		edit func(url.Values)
		form url.Values
		want string
	}{
		"implicit flow":   {set("response_type", "id_token"), nil, "unsupported_response_type"},
		"no openid":       {set("scope", "email"), nil, "invalid_scope"},
		"no PKCE":         {func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, nil, "invalid_request"},
		"plain PKCE":      {set("code_challenge_method", "plain"), nil, "invalid_request"},
		"a short one":     {set("code_challenge", "short"), nil, "invalid_request"},
		"prompt=none":     {set("prompt", "none"), nil, "login_required"},
		"cancelled":       {func(url.Values) {}, url.Values{"cancel": {"1"}}, "access_denied"},
		"another port":    {set("redirect_uri", strings.Replace(redirectURI, "3000", "4000", 1)), url.Values{"cancel": {"1"}}, "access_denied"},
		"without a state": {func(q url.Values) { q.Del("state") }, url.Values{"cancel": {"1"}}, "access_denied"},
	} {
		method := "POST"
		if row.form == nil {
			method = "GET"
		}
		got := do(t, method, cfg.Issuer+"/authorize?"+query(row.edit), row.form)
		back := got.back(t)
		if back.Query().Get("error") != row.want || back.Query().Get("iss") != cfg.Issuer || back.Query().Has("code") {
			t.Errorf("%s: %d, to %v", name, got.status, back)
		}
	}
}

func TestTheTokenEndpoint(t *testing.T) {
	_, cfg := start(t)
	for name, row := range map[string]struct {
		edit func(url.Values)
		want string // error; empty when a token is given, once
	}{
		"good":             {func(url.Values) {}, ""},
		"wrong secret":     {set("client_secret", "guess"), "invalid_client"},
		"no secret":        {set("client_secret", ""), "invalid_client"},
		"another client":   {set("client_id", "other"), "invalid_client"},
		"another grant":    {set("grant_type", "password"), "unsupported_grant_type"},
		"another code":     {set("code", "guess"), "invalid_grant"},
		"no code":          {set("code", ""), "invalid_grant"},
		"another redirect": {set("redirect_uri", "http://127.0.0.1:3000/"), "invalid_grant"},
		"another verifier": {set("code_verifier", strings.Repeat("w", 43)), "invalid_grant"},
		"no verifier":      {set("code_verifier", ""), "invalid_grant"},
	} {
		back := do(t, "POST", cfg.Issuer+"/authorize?"+query(), url.Values{"person": {"ada"}}).back(t)
		form := url.Values{
			"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {redirectURI},
			"client_id": {"demo"}, "client_secret": {"s3cret&"}, "code_verifier": {verifier()},
		}
		row.edit(form)
		first, second := tokenError(t, cfg, form), tokenError(t, cfg, form)
		if first != row.want || second == "" {
			t.Errorf("%s: got %q, then %q", name, first, second)
		}
	}
}

func tokenError(t *testing.T, cfg Config, form url.Values) string {
	t.Helper()
	got := do(t, "POST", cfg.Issuer+"/token", form)
	var tokens struct {
		Error       string `json:"error"`
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &tokens); err != nil {
		t.Fatal(err)
	}
	if (tokens.AccessToken != "") != (got.status == http.StatusOK) {
		t.Errorf("%d: %s", got.status, got.body)
	}
	return tokens.Error
}

func TestUserinfoWantsAToken(t *testing.T) {
	_, cfg := start(t)
	if got := do(t, "GET", cfg.Issuer+"/userinfo", nil); got.status != http.StatusUnauthorized {
		t.Errorf("got %d", got.status)
	}
}

func TestLogout(t *testing.T) {
	_, cfg := start(t)
	for query, want := range map[string]string{
		"client_id=demo&post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fauth%2Flogin&state=x": "http://localhost:3000/auth/login?state=x",
		"client_id=demo&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F":                        "",
		"client_id=other&post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fauth%2Flogin":        "",
		"": "",
	} {
		if got := do(t, "GET", cfg.Issuer+"/logout?"+query, nil).header.Get("Location"); got != want {
			t.Errorf("%s: to %q", query, got)
		}
	}
}

func TestTheShelfForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf[int](time.Minute)
		old := s.put(1)
		time.Sleep(time.Minute)
		young := s.put(2)
		_, stale := s.get(old)
		_, first := s.take(young)
		_, second := s.take(young)
		if stale || !first || second {
			t.Errorf("stale %t, first %t, second %t", stale, first, second)
		}
		for range maxShelf + 1 {
			s.put(3)
		}
		if len(s.items) > maxShelf {
			t.Errorf("%d items", len(s.items))
		}
	})
}
