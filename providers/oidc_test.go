package providers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/dagpass/dagpass/providers"
	pt "github.com/dagpass/dagpass/providers/providertest"
)

func TestOIDCSignIn(t *testing.T) {
	idp := pt.New(t)
	claim, err := signIn(idp, newOIDC(t, idp), pt.Edgar)
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

func TestOIDCRefusesFaults(t *testing.T) {
	now := time.Now()
	soon, past := now.Add(time.Minute).Unix(), now.Add(-time.Minute).Unix()
	claims := func(edits ...func(map[string]any)) pt.Fault {
		return pt.Fault{Claims: func(c map[string]any) {
			for _, edit := range edits {
				edit(c)
			}
		}}
	}
	callback := func(name, value string) pt.Fault {
		return pt.Fault{Callback: func(q url.Values) { q.Set(name, value) }}
	}
	failure := func(code string) pt.Fault {
		return pt.Fault{Callback: func(q url.Values) { q.Del("code"); q.Set("error", code) }}
	}
	for name, row := range map[string]struct {
		fault pt.Fault
		want  verdict
	}{
		"honest": {pt.Fault{}, verdict{}},

		"signed by another key":        {pt.Fault{Signature: pt.WrongKey}, verdict{"id_token_signature", false}},
		"signed by an unknown key":     {pt.Fault{Signature: pt.UnknownKey}, verdict{"id_token_signature", false}},
		"alg none":                     {pt.Fault{Signature: pt.AlgNone}, verdict{"id_token_signature", false}},
		"HS256 with the public key":    {pt.Fault{Signature: pt.HMAC}, verdict{"id_token_signature", false}},
		"no ID token":                  {pt.Fault{Token: pt.Drop("id_token")}, verdict{"id_token_missing", false}},
		"an ID token that is no JWT":   {pt.Fault{Token: pt.Set("id_token", "a.b")}, verdict{"id_token_signature", false}},
		"an ID token that is a number": {pt.Fault{Token: pt.Set("id_token", 5)}, verdict{"id_token_missing", false}},
		"an audience that is a number": {claims(pt.Set("aud", 5)), verdict{"id_token_invalid", false}},
		"an azp that is a number":      {claims(pt.Set("azp", 5)), verdict{"id_token_invalid", false}},
		"not valid yet":                {claims(pt.Set("nbf", now.Add(time.Hour).Unix())), verdict{"id_token_invalid", false}},
		"another issuer":               {claims(pt.Set("iss", "https://evil.example")), verdict{"id_token_issuer", false}},
		"the issuer with a slash":      {claims(func(c map[string]any) { c["iss"] = c["iss"].(string) + "/" }), verdict{"id_token_issuer", false}},
		"no issuer":                    {claims(pt.Drop("iss")), verdict{"id_token_issuer", false}},
		"another audience":             {claims(pt.Set("aud", "other")), verdict{"id_token_audience", false}},
		"no audience":                  {claims(pt.Drop("aud")), verdict{"id_token_audience", false}},
		"two audiences":                {claims(pt.Set("aud", []string{"dagpass", "other"})), verdict{"id_token_audience", false}},
		"two audiences, our azp":       {claims(pt.Set("aud", []string{"dagpass", "other"}), pt.Set("azp", "dagpass")), verdict{}},
		"two audiences, another azp":   {claims(pt.Set("aud", []string{"dagpass", "other"}), pt.Set("azp", "other")), verdict{"id_token_audience", false}},
		"one audience, another azp":    {claims(pt.Set("azp", "other")), verdict{"id_token_audience", false}},
		"no subject":                   {claims(pt.Drop("sub")), verdict{"id_token_subject", false}},
		"an empty subject":             {claims(pt.Set("sub", "")), verdict{"id_token_subject", false}},
		"a subject of 255":             {claims(pt.Set("sub", strings.Repeat("s", 255))), verdict{}},
		"a subject of 256":             {claims(pt.Set("sub", strings.Repeat("s", 256))), verdict{"id_token_subject", false}},
		"expired":                      {claims(pt.Set("exp", past)), verdict{"id_token_expired", false}},
		"no expiry":                    {claims(pt.Drop("exp")), verdict{"id_token_expired", false}},
		"no iat":                       {claims(pt.Drop("iat")), verdict{"id_token_issued_at", false}},
		"issued yesterday":             {claims(pt.Set("iat", now.Add(-24*time.Hour).Unix())), verdict{"id_token_issued_at", false}},
		"issued tomorrow":              {claims(pt.Set("iat", now.Add(24*time.Hour).Unix()), pt.Set("exp", now.Add(25*time.Hour).Unix())), verdict{"id_token_issued_at", false}},
		"a clock a minute ahead":       {claims(pt.Set("iat", soon)), verdict{}},
		"no nonce":                     {claims(pt.Drop("nonce")), verdict{"id_token_nonce", false}},
		"another nonce":                {claims(pt.Set("nonce", "nonce-of-another-sign-in")), verdict{"id_token_nonce", false}},
		"at_hash of another token":     {claims(pt.Set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")), verdict{"id_token_access_token", false}},
		"no at_hash":                   {claims(pt.Drop("at_hash")), verdict{}},
		"a logout token":               {claims(pt.Set("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}})), verdict{"id_token_invalid", false}},
		"a logout token, events empty": {claims(pt.Set("events", map[string]any{})), verdict{"id_token_invalid", false}},
		"userinfo of somebody else":    {pt.Fault{Claims: pt.Drop("name"), Userinfo: pt.Set("sub", "ada")}, verdict{"userinfo_subject", false}},
		"userinfo of nobody":           {pt.Fault{Claims: pt.Drop("name"), Userinfo: pt.Drop("sub")}, verdict{"userinfo_subject", false}},
		"userinfo fails":               {pt.Fault{Claims: pt.Drop("name"), Endpoint: pt.Userinfo, Status: 500}, verdict{"userinfo_unreadable", true}},
		"userinfo is too long":         {pt.Fault{Claims: pt.Drop("name"), Endpoint: pt.Userinfo, Oversize: true}, verdict{"userinfo_unreadable", true}},
		"userinfo not needed, fails":   {pt.Fault{Endpoint: pt.Userinfo, Status: 500}, verdict{}},
		"iss of another issuer":        {callback("iss", "https://evil.example"), verdict{"iss_mismatch", false}},
		"iss missing though promised":  {pt.Fault{Callback: func(q url.Values) { q.Del("iss") }}, verdict{"iss_mismatch", false}},
		"iss missing and not promised": {pt.Fault{Discovery: pt.Drop("authorization_response_iss_parameter_supported"), Callback: func(q url.Values) { q.Del("iss") }}, verdict{}},
		"iss wrong and not promised":   {pt.Fault{Discovery: pt.Drop("authorization_response_iss_parameter_supported"), Callback: func(q url.Values) { q.Set("iss", "https://evil.example") }}, verdict{"iss_mismatch", false}},
		"iss and error both wrong": {pt.Fault{Callback: func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("iss", "https://evil.example")
		}}, verdict{"iss_mismatch", false}},
		"access denied":                 {failure("access_denied"), verdict{"denied", false}},
		"server error":                  {failure("server_error"), verdict{"provider_error", true}},
		"temporarily unavailable":       {failure("temporarily_unavailable"), verdict{"provider_error", true}},
		"an unknown error":              {failure("<script>"), verdict{"provider_error", false}},
		"code and error":                {callback("error", "access_denied"), verdict{"callback_malformed", false}},
		"another code":                  {callback("code", "made-up"), verdict{"exchange_failed", false}},
		"token endpoint fails":          {pt.Fault{Endpoint: pt.Token, Status: 500}, verdict{"exchange_failed", true}},
		"token endpoint rate limits":    {pt.Fault{Endpoint: pt.Token, Status: 429}, verdict{"exchange_failed", true}},
		"token endpoint answers HTML":   {pt.Fault{Endpoint: pt.Token, Garbage: true}, verdict{"exchange_failed", true}},
		"token answer is too long":      {pt.Fault{Endpoint: pt.Token, Oversize: true}, verdict{"exchange_failed", true}},
		"no access token":               {pt.Fault{Token: pt.Drop("access_token")}, verdict{"exchange_failed", true}},
		"an error with a 200":           {pt.Fault{Token: pt.Set("error", "server_error")}, verdict{"exchange_failed", true}},
		"keys fail":                     {pt.Fault{Endpoint: pt.JWKS, Status: 500}, verdict{"keys_unreachable", true}},
		"keys are too long":             {pt.Fault{Endpoint: pt.JWKS, Oversize: true}, verdict{"keys_unreachable", true}},
		"keys are HTML":                 {pt.Fault{Endpoint: pt.JWKS, Garbage: true}, verdict{"keys_unreachable", true}},
		"discovery fails":               {pt.Fault{Endpoint: pt.Discovery, Status: 503}, verdict{"unreachable", true}},
		"discovery is too long":         {pt.Fault{Endpoint: pt.Discovery, Oversize: true}, verdict{"unreachable", true}},
		"discovery is HTML":             {pt.Fault{Endpoint: pt.Discovery, Garbage: true}, verdict{"unreachable", true}},
		"discovery of another issuer":   {pt.Fault{Discovery: pt.Set("issuer", "https://evil.example")}, verdict{"discovery_issuer", true}},
		"discovery of a slashed issuer": {pt.Fault{Discovery: func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/" }}, verdict{"discovery_issuer", true}},
		"no token endpoint":             {pt.Fault{Discovery: pt.Drop("token_endpoint")}, verdict{"discovery_invalid", true}},
		"a plain http token endpoint":   {pt.Fault{Discovery: pt.Set("token_endpoint", "http://evil.example/token")}, verdict{"discovery_invalid", true}},
		"a file as end_session":         {pt.Fault{Discovery: pt.Set("end_session_endpoint", "file:///etc/passwd")}, verdict{"discovery_invalid", true}},
		"a script as authorization":     {pt.Fault{Discovery: pt.Set("authorization_endpoint", "javascript:alert(1)")}, verdict{"discovery_invalid", true}},
		"plain challenges alone":        {pt.Fault{Discovery: pt.Set("code_challenge_methods_supported", []string{"plain"})}, verdict{"discovery_invalid", true}},
		"silence about challenges":      {pt.Fault{Discovery: pt.Drop("code_challenge_methods_supported")}, verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			idp := pt.New(t)
			idp.Misbehave(row.fault)
			_, err := signIn(idp, newOIDC(t, idp), pt.Edgar)
			if got := judge(t, idp, err); got != row.want {
				t.Errorf("got %q, want %q: %v", got, row.want, err)
			}
		})
	}
}

// A provider that never answers costs a bounded wait: the client's timeout, or
// what the caller's context leaves.
func TestOIDCWaitsBriefly(t *testing.T) {
	for endpoint, want := range map[pt.Endpoint]verdict{
		pt.Discovery: {"unreachable", true},
		pt.Token:     {"exchange_failed", true},
		pt.JWKS:      {"keys_unreachable", true},
		pt.Userinfo:  {"userinfo_unreadable", true},
	} {
		t.Run(string(endpoint), func(t *testing.T) {
			idp := pt.New(t)
			idp.Misbehave(pt.Fault{Claims: pt.Drop("name"), Endpoint: endpoint, Stall: true})
			begin := time.Now()
			_, err := signIn(idp, newOIDC(t, idp, impatient), pt.Ada)
			if got := judge(t, idp, err); got != want || time.Since(begin) > 5*time.Second {
				t.Errorf("got %q after %v, want %q: %v", got, time.Since(begin), want, err)
			}
		})
	}
}

func TestCallersMayLeave(t *testing.T) {
	idp, hub := pt.New(t), pt.NewGitHub(t, octavia())
	for name, row := range map[string]struct {
		outside  outside
		provider providers.Provider
		person   string
	}{
		"OIDC":   {idp, newOIDC(t, idp), pt.Ada},
		"GitHub": {hub, newGitHub(t, hub), "octavia"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttempt()
			authURL, err := row.provider.Begin(context.Background(), a)
			if err != nil {
				t.Fatal(err)
			}
			cb, err := providers.ParseCallback(row.outside.Login(authURL, row.person))
			if err != nil {
				t.Fatal(err)
			}
			idp.Misbehave(pt.Fault{Endpoint: pt.Token, Stall: true})
			hub.Misbehave(pt.Fault{Endpoint: pt.Token, Stall: true})
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err = row.provider.Finish(ctx, a, cb)
			if got := judge(t, row.outside, err); !got.outage || time.Since(begin) > 5*time.Second {
				t.Errorf("got %q after %v: %v", got, time.Since(begin), err)
			}
			idp.Misbehave(pt.Fault{})
			hub.Misbehave(pt.Fault{})
		})
	}
}

// A redirect would carry the client secret, the code or the bearer token to
// another server.
func TestOIDCFollowsNoRedirect(t *testing.T) {
	for _, endpoint := range []pt.Endpoint{pt.Discovery, pt.Token, pt.JWKS, pt.Userinfo} {
		t.Run(string(endpoint), func(t *testing.T) {
			elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				t.Errorf("a redirect was followed: %s %s", r.Method, r.URL)
			}))
			defer elsewhere.Close()
			idp := pt.New(t)
			idp.Misbehave(pt.Fault{Claims: pt.Drop("name"), Endpoint: endpoint, Redirect: elsewhere.URL})
			_, err := signIn(idp, newOIDC(t, idp), pt.Ada)
			if !judge(t, idp, err).outage {
				t.Errorf("got %v, want an outage", err)
			}
		})
	}
}

func TestEmailPolicy(t *testing.T) {
	for name, row := range map[string]struct {
		policy   string
		fault    pt.Fault
		want     verdict
		verified bool
	}{
		"true":                       {"required", pt.Fault{}, verdict{}, true},
		`"true"`:                     {"required", pt.Fault{Claims: pt.Set("email_verified", "true")}, verdict{}, true},
		"default policy, false":      {"", pt.Fault{Claims: pt.Set("email_verified", false)}, verdict{"email_unverified", false}, false},
		"false":                      {"required", pt.Fault{Claims: pt.Set("email_verified", false)}, verdict{"email_unverified", false}, false},
		`"false"`:                    {"required", pt.Fault{Claims: pt.Set("email_verified", "false")}, verdict{"email_unverified", false}, false},
		`"True"`:                     {"required", pt.Fault{Claims: pt.Set("email_verified", "True")}, verdict{"email_unverified", false}, false},
		"1":                          {"required", pt.Fault{Claims: pt.Set("email_verified", 1)}, verdict{"email_unverified", false}, false},
		"a list of true":             {"required", pt.Fault{Claims: pt.Set("email_verified", []bool{true})}, verdict{"email_unverified", false}, false},
		"null":                       {"required", pt.Fault{Claims: pt.Set("email_verified", nil), Userinfo: pt.Drop("email_verified")}, verdict{"email_unverified", false}, false},
		"missing everywhere":         {"required", pt.Fault{Claims: pt.Drop("email_verified"), Userinfo: pt.Drop("email_verified")}, verdict{"email_unverified", false}, false},
		"verified without an e-mail": {"required", pt.Fault{Claims: pt.Drop("email"), Userinfo: pt.Drop("email")}, verdict{"email_unverified", false}, false},
		"userinfo verifies it":       {"required", pt.Fault{Claims: pt.Drop("email_verified")}, verdict{}, true},
		"userinfo verifies another":  {"required", pt.Fault{Claims: pt.Drop("email_verified"), Userinfo: pt.Set("email", "boss@example.com")}, verdict{"email_unverified", false}, false},
		"userinfo has both":          {"required", pt.Fault{Claims: pt.Drop("email", "email_verified")}, verdict{}, true},
		"userinfo has what is empty": {"required", pt.Fault{Claims: pt.Set("email", "")}, verdict{}, true},
		"true is for no e-mail":      {"required", pt.Fault{Claims: pt.Drop("email"), Userinfo: pt.Drop("email_verified")}, verdict{"email_unverified", false}, false},
		"userinfo cannot overrule":   {"required", pt.Fault{Claims: pt.Both(pt.Set("email_verified", false), pt.Drop("name"))}, verdict{"email_unverified", false}, false},
		"trusted, missing":           {"trusted", pt.Fault{Claims: pt.Drop("email_verified"), Userinfo: pt.Drop("email_verified")}, verdict{}, true},
		"trusted, no e-mail":         {"trusted", pt.Fault{Claims: pt.Drop("email"), Userinfo: pt.Drop("email")}, verdict{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			idp := pt.New(t)
			idp.Misbehave(row.fault)
			claim, err := signIn(idp, newOIDC(t, idp, func(c *providers.OIDCConfig) { c.EmailVerified = row.policy }), pt.Edgar)
			if got := judge(t, idp, err); got != row.want || claim.EmailVerified != row.verified {
				t.Errorf("got %q, verified %t: %v", got, claim.EmailVerified, err)
			}
		})
	}
}

func TestUserinfoCompletesAndNeverOverrides(t *testing.T) {
	idp := pt.New(t)
	idp.Misbehave(pt.Fault{
		Claims: pt.Drop("groups"),
		Userinfo: func(c map[string]any) {
			c["name"], c["email"], c["preferred_username"], c["groups"] = "Somebody Else", "boss@example.com", "eddie", "one"
		},
	})
	claim, err := signIn(idp, newOIDC(t, idp), pt.Edgar)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(claim.Name, claim.Email, claim.Username, claim.Groups)
	if want := fmt.Sprint("Edgar Editor", "edgar@example.com", "eddie", []string{"one"}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBeginSendsWhatProtectsTheFlow(t *testing.T) {
	idp := pt.New(t)
	a := newAttempt()
	authURL, err := newOIDC(t, idp, func(c *providers.OIDCConfig) { c.Scopes = []string{"email"} }).Begin(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"response_type": {"code"}, "client_id": {idp.ClientID}, "redirect_uri": {a.RedirectURI}, "scope": {"openid email"},
		"state": {a.State}, "nonce": {a.Nonce},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(a.Verifier)}, "code_challenge_method": {"S256"},
	}
	if u, err := url.Parse(authURL); err != nil || !reflect.DeepEqual(u.Query(), want) {
		t.Errorf("got %s, want the query %v", authURL, want)
	}
}

func TestAttemptsThatProtectNothing(t *testing.T) {
	idp := pt.New(t)
	p := newOIDC(t, idp)
	for name, spoil := range map[string]func(*providers.Attempt){
		"no state":         func(a *providers.Attempt) { a.State = "" },
		"no nonce":         func(a *providers.Attempt) { a.Nonce = "" },
		"no verifier":      func(a *providers.Attempt) { a.Verifier = "" },
		"a short verifier": func(a *providers.Attempt) { a.Verifier = strings.Repeat("v", 42) },
		"no redirect URI":  func(a *providers.Attempt) { a.RedirectURI = "" },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttempt()
			spoil(&a)
			_, begun := p.Begin(context.Background(), a)
			_, finished := p.Finish(context.Background(), a, providers.Callback{Code: "c", State: "s", Issuer: idp.Issuer})
			if judge(t, idp, begun).reason != "attempt_malformed" || judge(t, idp, finished).reason != "attempt_malformed" {
				t.Errorf("begin: %v, finish: %v", begun, finished)
			}
		})
	}
	if n := idp.Requests(pt.Token); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

// An authorization code is worth nothing without the verifier, in another
// sign-in of the same browser, or a second time.
func TestCodesOfAnotherAttempt(t *testing.T) {
	idp := pt.New(t)
	p := newOIDC(t, idp)
	for name, row := range map[string]struct {
		change func(*providers.Attempt)
		want   string
	}{
		"own attempt":      {func(*providers.Attempt) {}, ""},
		"another verifier": {func(a *providers.Attempt) { a.Verifier = oauth2.GenerateVerifier() }, "exchange_failed"},
		"another nonce":    {func(a *providers.Attempt) { a.Nonce = "another" }, "id_token_nonce"},
		"another redirect": {func(a *providers.Attempt) { a.RedirectURI += "2" }, "exchange_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttempt()
			authURL, err := p.Begin(context.Background(), a)
			if err != nil {
				t.Fatal(err)
			}
			cb, err := providers.ParseCallback(idp.Login(authURL, pt.Ada))
			if err != nil {
				t.Fatal(err)
			}
			row.change(&a)
			_, first := p.Finish(context.Background(), a, cb)
			_, second := p.Finish(context.Background(), a, cb)
			if judge(t, idp, first).reason != row.want || judge(t, idp, second).reason != "exchange_failed" {
				t.Errorf("first %v, second %v", first, second)
			}
		})
	}
}

// What is refused by iss or error never costs a token request.
func TestCheckComesBeforeTheTokenRequest(t *testing.T) {
	idp := pt.New(t)
	p := newOIDC(t, idp)
	for _, cb := range []providers.Callback{
		{Code: "c", State: "s", Issuer: "https://evil.example"},
		{Code: "c", State: "s"},
		{Error: "access_denied", State: "s", Issuer: idp.Issuer},
	} {
		checked := p.Check(context.Background(), cb)
		_, finished := p.Finish(context.Background(), newAttempt(), cb)
		if checked == nil || judge(t, idp, checked) != judge(t, idp, finished) {
			t.Errorf("%+v: check %v, finish %v", cb, checked, finished)
		}
	}
	if n := idp.Requests(pt.Token); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

func TestClientAuthentication(t *testing.T) {
	for name, methods := range map[string]any{
		"basic by default":        nil,
		"post where basic is not": []string{"client_secret_post", "private_key_jwt"},
		"basic where both are":    []string{"client_secret_post", "client_secret_basic"},
		"basic where neither is":  []string{"private_key_jwt"},
	} {
		t.Run(name, func(t *testing.T) {
			idp := pt.New(t)
			idp.Misbehave(pt.Fault{Discovery: pt.Set("token_endpoint_auth_methods_supported", methods)})
			if _, err := signIn(idp, newOIDC(t, idp), pt.Ada); err != nil || idp.Requests(pt.Token) != 1 {
				t.Errorf("%d token requests, %v", idp.Requests(pt.Token), err)
			}
		})
	}
	t.Run("wrong secret", func(t *testing.T) {
		idp := pt.New(t)
		_, err := signIn(idp, newOIDC(t, idp, func(c *providers.OIDCConfig) { c.ClientSecret = "wrong" }), pt.Ada)
		if got := judge(t, idp, err); got != (verdict{"exchange_failed", true}) {
			t.Error(got)
		}
	})
}

func TestKeyRotation(t *testing.T) {
	idp, now := pt.New(t), &clock{}
	p := newOIDC(t, idp, now.wind)
	idp.Misbehave(now.honest())
	for round := 1; round <= 3; round++ {
		if _, err := signIn(idp, p, pt.Ada); err != nil || idp.Requests(pt.JWKS) != round {
			t.Fatalf("round %d: keys were asked for %d times, %v", round, idp.Requests(pt.JWKS), err)
		}
		idp.Rotate()
		now.advance(time.Minute)
	}
}

// A flood of made-up key ids must not become a flood at the provider.
func TestUnknownKeysCoolDown(t *testing.T) {
	idp, now := pt.New(t), &clock{}
	p := newOIDC(t, idp, now.wind)
	for minute := 1; minute <= 2; minute++ {
		flood := now.honest()
		flood.Signature = pt.UnknownKey
		idp.Misbehave(flood)
		for range 20 {
			if _, err := signIn(idp, p, pt.Ada); judge(t, idp, err).reason != "id_token_signature" {
				t.Fatal(err)
			}
		}
		if n := idp.Requests(pt.JWKS); n != minute {
			t.Errorf("minute %d: keys were asked for %d times", minute, n)
		}
		now.advance(time.Minute)
	}
}

func TestLastGoodDocumentsAreKept(t *testing.T) {
	idp, now := pt.New(t), &clock{}
	p := newOIDC(t, idp, now.wind)
	if _, err := signIn(idp, p, pt.Ada); err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []pt.Endpoint{pt.Discovery, pt.JWKS} {
		now.advance(time.Hour)
		down := now.honest()
		down.Endpoint, down.Status = endpoint, 500
		idp.Misbehave(down)
		before := idp.Requests(endpoint)
		if _, err := signIn(idp, p, pt.Ada); err != nil || idp.Requests(endpoint) != before+1 {
			t.Errorf("%s down: asked %d times, %v", endpoint, idp.Requests(endpoint)-before, err)
		}
	}
}

func TestProviderDownAtStart(t *testing.T) {
	idp, now := pt.New(t), &clock{}
	p := newOIDC(t, idp, now.wind)
	idp.Misbehave(pt.Fault{Endpoint: pt.Discovery, Status: 503})
	for range 20 {
		_, begun := p.Begin(context.Background(), newAttempt())
		if judge(t, idp, begun) != judge(t, idp, p.Ready(context.Background())) || !judge(t, idp, begun).outage {
			t.Fatal(begun)
		}
	}
	if n := idp.Requests(pt.Discovery); n != 1 {
		t.Errorf("a failing provider was asked %d times", n)
	}
	idp.Misbehave(now.honest())
	now.advance(time.Minute)
	if err := p.Ready(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := signIn(idp, p, pt.Ada); err != nil || idp.Requests(pt.Discovery) != 2 {
		t.Errorf("asked %d times, %v", idp.Requests(pt.Discovery), err)
	}
}

func TestReadyNoticesAnOutage(t *testing.T) {
	idp, now := pt.New(t), &clock{}
	p := newOIDC(t, idp, now.wind)
	if err := p.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	idp.Misbehave(pt.Fault{Endpoint: pt.Discovery, Status: 503})
	if err := p.Ready(context.Background()); err != nil {
		t.Errorf("reached within the minute, and yet: %v", err)
	}
	now.advance(2 * time.Minute)
	if err := p.Ready(context.Background()); !judge(t, idp, err).outage {
		t.Errorf("got %v, want an outage", err)
	}
}

func TestManyAtOnceShareOneFetch(t *testing.T) {
	idp := pt.New(t)
	p := newOIDC(t, idp)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := signIn(idp, p, pt.Violet); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if d, k := idp.Requests(pt.Discovery), idp.Requests(pt.JWKS); d != 1 || k != 1 {
		t.Errorf("discovery was fetched %d times, keys %d times", d, k)
	}
}

func TestEndSession(t *testing.T) {
	idp := pt.New(t)
	got, ok := newOIDC(t, idp).EndSessionURL(context.Background(), "the.id.token", "http://127.0.0.1:1/auth/login")
	want := url.Values{"client_id": {idp.ClientID}, "id_token_hint": {"the.id.token"}, "post_logout_redirect_uri": {"http://127.0.0.1:1/auth/login"}}
	if !ok || got != idp.Issuer+"/logout?"+want.Encode() {
		t.Errorf("got %s, %t", got, ok)
	}
	idp.Misbehave(pt.Fault{Discovery: pt.Drop("end_session_endpoint")})
	if got, ok := newOIDC(t, idp).EndSessionURL(context.Background(), "", "http://127.0.0.1:1/"); ok {
		t.Errorf("got %s", got)
	}
}

func TestGoogle(t *testing.T) {
	idp := pt.New(t)
	idp.Misbehave(pt.Fault{Claims: pt.Set("hd", "example.com")})
	p, err := providers.NewGoogle(providers.OIDCConfig{
		Issuer: idp.Issuer, ClientID: idp.ClientID, ClientSecret: idp.ClientSecret,
		Hosted: func() string { return "example.com" },
	})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := signIn(idp, p, pt.Ada)
	if err != nil || claim.HostedDomain != "example.com" {
		t.Errorf("hosted domain %q, %v", claim.HostedDomain, err)
	}
	if want := (providers.Info{Slot: "google", Label: "Google", Type: "google", Issuer: idp.Issuer}); p.Info() != want {
		t.Errorf("got %+v", p.Info())
	}
	authURL, err := p.Begin(context.Background(), newAttempt())
	if err != nil || !strings.Contains(authURL, "prompt=select_account") || !strings.Contains(authURL, "hd=example.com") {
		t.Errorf("got %s, %v", authURL, err)
	}
	if p, err := providers.NewGoogle(providers.OIDCConfig{ClientID: "c"}); err != nil || p.Info().Issuer != "https://accounts.google.com" {
		t.Errorf("default issuer: %v", err)
	}
}

func TestOIDCConfiguration(t *testing.T) {
	good := providers.OIDCConfig{Slot: "okta", Issuer: "https://example.okta.com", ClientID: "c", ClientSecret: "s3cret"}
	for name, row := range map[string]struct {
		change func(*providers.OIDCConfig)
		want   string // in the error; empty when the configuration is fine
	}{
		"good":                   {func(*providers.OIDCConfig) {}, ""},
		"http on loopback":       {func(c *providers.OIDCConfig) { c.Issuer = "http://127.0.0.1:8080/realms/x" }, ""},
		"http on localhost":      {func(c *providers.OIDCConfig) { c.Issuer = "http://localhost:8080" }, ""},
		"http on IPv6 loopback":  {func(c *providers.OIDCConfig) { c.Issuer = "http://[::1]:8080" }, ""},
		"http elsewhere":         {func(c *providers.OIDCConfig) { c.Issuer = "http://example.com" }, "https"},
		"http on a false friend": {func(c *providers.OIDCConfig) { c.Issuer = "http://127.0.0.1.example.com" }, "https"},
		"another scheme":         {func(c *providers.OIDCConfig) { c.Issuer = "ftp://localhost" }, "https"},
		"a relative issuer":      {func(c *providers.OIDCConfig) { c.Issuer = "example.com" }, "absolute"},
		"a user in the issuer":   {func(c *providers.OIDCConfig) { c.Issuer = "https://u:p@example.com" }, "absolute"},
		"a query in the issuer":  {func(c *providers.OIDCConfig) { c.Issuer = "https://example.com?a=b" }, "query"},
		"no issuer":              {func(c *providers.OIDCConfig) { c.Issuer = "" }, "absolute"},
		"no client id":           {func(c *providers.OIDCConfig) { c.ClientID = "" }, "client id"},
		"an unknown policy":      {func(c *providers.OIDCConfig) { c.EmailVerified = "maybe" }, "maybe"},
		"trusted at a company":   {func(c *providers.OIDCConfig) { c.EmailVerified = "trusted" }, ""},
		"trusted at Entra common": {func(c *providers.OIDCConfig) {
			c.EmailVerified, c.Issuer = "trusted", "https://login.microsoftonline.com/common/v2.0"
		}, "trusted"},
		"a parameter of our own": {func(c *providers.OIDCConfig) { c.AuthParams = map[string]string{"nonce": "x"} }, "nonce"},
		"a parameter of theirs":  {func(c *providers.OIDCConfig) { c.AuthParams = map[string]string{"acr_values": "mfa"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			row.change(&cfg)
			_, err := providers.NewOIDC(cfg)
			if fits := err == nil && row.want == "" || err != nil && row.want != "" && strings.Contains(err.Error(), row.want); !fits {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestPrintedProvidersKeepTheirSecret(t *testing.T) {
	oidc, err := providers.NewOIDC(providers.OIDCConfig{Slot: "okta", Issuer: "https://example.okta.com", ClientID: "c", ClientSecret: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	github, err := providers.NewGitHub(providers.GitHubConfig{ClientID: "c", ClientSecret: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%v %+v %s", oidc, github, []providers.Provider{oidc, github}); strings.Contains(printed, "s3cret") {
		t.Error(printed)
	}
}

func TestPublic(t *testing.T) {
	for issuer, want := range map[string]bool{
		"https://accounts.google.com":                                                 true,
		"https://github.com":                                                          true,
		"https://gitlab.com":                                                          true,
		"https://appleid.apple.com":                                                   true,
		"https://login.microsoftonline.com/common/v2.0":                               true,
		"https://login.microsoftonline.com/Common/v2.0":                               true,
		"https://login.microsoftonline.com/consumers/v2.0":                            true,
		"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0": true,
		"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0": false,
		"https://gitlab.example.com":                                                  false,
		"https://github.example.com":                                                  false,
		"https://example.okta.com":                                                    false,
	} {
		if got := providers.Public(issuer); got != want {
			t.Errorf("%s: got %t", issuer, got)
		}
	}
}

// An address that is refused may hold a password, which no error repeats.
func TestRefusedAddressIsNotRepeated(t *testing.T) {
	for _, issuer := range []string{"https://me:hush@idp.corp.com", "https://me:hu%zzsh@idp", "me:hush@idp"} {
		_, err := providers.NewOIDC(providers.OIDCConfig{Issuer: issuer})
		if err == nil || strings.Contains(err.Error(), "me:") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
