package providers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/providers"
	pt "github.com/dagpass/dagpass/providers/providertest"
)

// octavia has more of everything than fits on a page of the fake GitHub.
func octavia() pt.GitHubPerson {
	return pt.GitHubPerson{
		ID: 583231, Login: "octavia", Name: "Octavia Cat", Public: "public@unverified.example",
		Emails: []pt.GitHubEmail{
			{Email: "old@example.com", Verified: true},
			{Email: "typo@example.con"},
			{Email: "octavia@example.com", Primary: true, Verified: true},
		},
		Orgs:  []string{"acme", "acme-labs", "octo-org"},
		Teams: []string{"acme/platform", "acme/data", "octo-org/cats", "octo-org/dogs", "acme-labs/all"},
	}
}

func newGitHub(t *testing.T, server *pt.GitHub, edits ...func(*providers.GitHubConfig)) *providers.GitHub {
	t.Helper()
	cfg := providers.GitHubConfig{ClientID: server.ClientID, ClientSecret: server.ClientSecret, URL: server.URL + "/", WantOrgs: func() bool { return true }}
	for _, edit := range edits {
		edit(&cfg)
	}
	p, err := providers.NewGitHub(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGitHubSignIn(t *testing.T) {
	server := pt.NewGitHub(t, octavia())
	claim, err := signIn(server, newGitHub(t, server), "octavia")
	want := providers.Claim{
		Issuer: server.URL, Subject: "583231", Email: "octavia@example.com", EmailVerified: true,
		Name: "Octavia Cat", Username: "octavia", Orgs: octavia().Orgs, Teams: octavia().Teams,
	}
	if err != nil || !reflect.DeepEqual(claim, want) {
		t.Errorf("got  %+v, %v\nwant %+v", claim, err, want)
	}
	if n := server.Requests(pt.Token); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

func TestGitHubAsksForNoMoreThanItNeeds(t *testing.T) {
	server := pt.NewGitHub(t, octavia())
	p := newGitHub(t, server, func(c *providers.GitHubConfig) { c.WantOrgs = nil })
	authURL, err := p.Begin(context.Background(), newAttempt())
	if u, _ := url.Parse(authURL); err != nil || u.Query().Get("scope") != "read:user user:email" {
		t.Errorf("got %s, %v", authURL, err)
	}
	claim, err := signIn(server, p, "octavia")
	if err != nil || claim.Orgs != nil || claim.Teams != nil || server.Requests(pt.Orgs)+server.Requests(pt.Teams) != 0 {
		t.Errorf("got %+v, %v", claim, err)
	}
}

func TestGitHubRefusesFaults(t *testing.T) {
	page := func(e pt.Endpoint, f pt.Fault) pt.Fault { f.Endpoint = e; return f }
	for name, row := range map[string]struct {
		fault pt.Fault
		want  verdict
	}{
		"honest":                     {pt.Fault{}, verdict{}},
		"iss of GitHub":              {pt.Fault{Callback: func(q url.Values) { q.Set("iss", "GITHUB/login/oauth") }}, verdict{}},
		"iss of another":             {pt.Fault{Callback: func(q url.Values) { q.Set("iss", "https://evil.example") }}, verdict{"iss_mismatch", false}},
		"access denied":              {pt.Fault{Callback: func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }}, verdict{"denied", false}},
		"another code":               {pt.Fault{Callback: func(q url.Values) { q.Set("code", "made-up") }}, verdict{"exchange_failed", false}},
		"token endpoint fails":       {page(pt.Token, pt.Fault{Status: 500}), verdict{"exchange_failed", true}},
		"token endpoint is HTML":     {page(pt.Token, pt.Fault{Garbage: true}), verdict{"exchange_failed", true}},
		"token answer too long":      {page(pt.Token, pt.Fault{Oversize: true}), verdict{"exchange_failed", true}},
		"token endpoint stalls":      {page(pt.Token, pt.Fault{Stall: true}), verdict{"exchange_failed", true}},
		"a token that is revoked":    {pt.Fault{Token: pt.Set("access_token", "gho_other")}, verdict{"provider_error", true}},
		"a token without read:user":  {pt.Fault{Endpoint: pt.User, Status: 403}, verdict{"provider_error", true}},
		"user stalls":                {page(pt.User, pt.Fault{Stall: true}), verdict{"provider_error", true}},
		"user is HTML":               {page(pt.User, pt.Fault{Garbage: true}), verdict{"provider_error", true}},
		"user is too long":           {page(pt.User, pt.Fault{Oversize: true}), verdict{"provider_error", true}},
		"user without an id":         {pt.Fault{Userinfo: pt.Drop("id")}, verdict{"provider_error", true}},
		"user with a negative id":    {pt.Fault{Userinfo: pt.Set("id", -1)}, verdict{"provider_error", true}},
		"user with a name as id":     {pt.Fault{Userinfo: pt.Set("id", "octavia")}, verdict{"provider_error", true}},
		"emails fail":                {page(pt.Emails, pt.Fault{Status: 500}), verdict{"emails_unreadable", true}},
		"emails are not found":       {page(pt.Emails, pt.Fault{Status: 404}), verdict{"emails_unreadable", true}},
		"emails are too long":        {page(pt.Emails, pt.Fault{Oversize: true}), verdict{"emails_unreadable", true}},
		"emails are no list":         {page(pt.Emails, pt.Fault{Status: 200}), verdict{"emails_unreadable", true}},
		"organisations fail":         {page(pt.Orgs, pt.Fault{Status: 500}), verdict{"orgs_unreadable", true}},
		"organisations are limited":  {page(pt.Orgs, pt.Fault{Status: 403}), verdict{"orgs_unreadable", true}},
		"organisations are HTML":     {page(pt.Orgs, pt.Fault{Garbage: true}), verdict{"orgs_unreadable", true}},
		"organisations stall":        {page(pt.Orgs, pt.Fault{Stall: true}), verdict{"orgs_unreadable", true}},
		"teams fail":                 {page(pt.Teams, pt.Fault{Status: 502}), verdict{"orgs_unreadable", true}},
		"teams redirect":             {page(pt.Teams, pt.Fault{Redirect: "http://127.0.0.1:1/"}), verdict{"orgs_unreadable", true}},
		"organisations, second page": {page(pt.Orgs, pt.Fault{Status: 500, After: 1}), verdict{"orgs_unreadable", true}},
		"teams, third page":          {page(pt.Teams, pt.Fault{Status: 500, After: 2}), verdict{"orgs_unreadable", true}},
		"emails, second page":        {page(pt.Emails, pt.Fault{Status: 500, After: 1}), verdict{"emails_unreadable", true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pt.NewGitHub(t, octavia())
			server.Misbehave(here(server.URL, row.fault))
			_, err := signIn(server, newGitHub(t, server, func(c *providers.GitHubConfig) {
				c.HTTPClient = &http.Client{Timeout: 300 * time.Millisecond}
			}), "octavia")
			if got := judge(t, server, err); got != row.want {
				t.Errorf("got %q, want %q: %v", got, row.want, err)
			}
		})
	}
}

// here puts the server's address where a callback edit wrote GITHUB.
func here(address string, f pt.Fault) pt.Fault {
	change := f.Callback
	if change == nil {
		return f
	}
	f.Callback = func(q url.Values) {
		change(q)
		if iss := q.Get("iss"); iss != "" {
			q.Set("iss", strings.Replace(iss, "GITHUB", address, 1))
		}
	}
	return f
}

func TestGitHubAddresses(t *testing.T) {
	for name, row := range map[string]struct {
		emails []pt.GitHubEmail
		want   string // empty where nobody is let in
	}{
		"none":                      {nil, ""},
		"unverified":                {[]pt.GitHubEmail{{Email: "a@example.com", Primary: true}}, ""},
		"verified":                  {[]pt.GitHubEmail{{Email: "a@example.com", Primary: true, Verified: true}}, "a@example.com"},
		"primary unverified":        {[]pt.GitHubEmail{{Email: "a@example.com", Primary: true}, {Email: "b@example.com", Verified: true}}, "b@example.com"},
		"primary on the third page": {[]pt.GitHubEmail{{Email: "a@x.example", Verified: true}, {Email: "b@x.example"}, {Email: "c@x.example"}, {Email: "d@x.example"}, {Email: "e@x.example", Primary: true, Verified: true}}, "e@x.example"},
	} {
		t.Run(name, func(t *testing.T) {
			somebody := octavia()
			somebody.Emails = row.emails
			server := pt.NewGitHub(t, somebody)
			claim, err := signIn(server, newGitHub(t, server), "octavia")
			if refused := judge(t, server, err).reason == "email_unverified"; claim.Email != row.want || refused != (row.want == "") {
				t.Errorf("got %q, %v", claim.Email, err)
			}
		})
	}
}

// A link to a next page must not take the person's token to another server.
func TestGitHubFollowsNoLinkElsewhere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the link was followed: %s", r.URL)
	}))
	defer elsewhere.Close()
	server := pt.NewGitHub(t, octavia())
	for _, base := range []string{elsewhere.URL, server.URL + "@" + strings.TrimPrefix(elsewhere.URL, "http://"), server.URL + ".example", "/elsewhere", "http://[::1"} {
		server.LinkElsewhere(base)
		_, err := signIn(server, newGitHub(t, server), "octavia")
		if got := judge(t, server, err); got != (verdict{"emails_unreadable", true}) {
			t.Errorf("%s: got %q: %v", base, got, err)
		}
	}
}

// A list without an end is a bounded wait and no answer.
func TestGitHubListsEnd(t *testing.T) {
	somebody := octavia()
	somebody.Orgs = make([]string, 2*51)
	for i := range somebody.Orgs {
		somebody.Orgs[i] = "acme"
	}
	server := pt.NewGitHub(t, somebody)
	_, err := signIn(server, newGitHub(t, server), "octavia")
	if got := judge(t, server, err); got != (verdict{"orgs_unreadable", true}) || server.Requests(pt.Orgs) != 50 {
		t.Errorf("got %q after %d pages", got, server.Requests(pt.Orgs))
	}
}

// "acme/platform" must mean the team platform of acme and nothing else.
func TestGitHubNamesAreNotAmbiguous(t *testing.T) {
	for name, spoil := range map[string]func(*pt.GitHubPerson){
		"a slash in a team":          func(p *pt.GitHubPerson) { p.Teams = []string{"evil/acme/platform"} },
		"a slash in an organisation": func(p *pt.GitHubPerson) { p.Orgs = []string{"evil/acme"} },
		"a team of nobody":           func(p *pt.GitHubPerson) { p.Teams = []string{"/platform"} },
	} {
		t.Run(name, func(t *testing.T) {
			somebody := octavia()
			spoil(&somebody)
			server := pt.NewGitHub(t, somebody)
			_, err := signIn(server, newGitHub(t, server), "octavia")
			if got := judge(t, server, err); got.reason != "orgs_unreadable" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestGitHubWrongSecret(t *testing.T) {
	server := pt.NewGitHub(t, octavia())
	_, err := signIn(server, newGitHub(t, server, func(c *providers.GitHubConfig) { c.ClientSecret = "wrong" }), "octavia")
	if got := judge(t, server, err); got != (verdict{"exchange_failed", true}) {
		t.Errorf("got %q", got)
	}
}

func TestGitHubCodesOfAnotherAttempt(t *testing.T) {
	server := pt.NewGitHub(t, octavia())
	p := newGitHub(t, server)
	authURL, err := p.Begin(context.Background(), newAttempt())
	if err != nil {
		t.Fatal(err)
	}
	cb, err := providers.ParseCallback(server.Login(authURL, "octavia"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Finish(context.Background(), newAttempt(), cb) // another verifier
	if got := judge(t, server, err); got != (verdict{"exchange_failed", false}) {
		t.Errorf("got %q: %v", got, err)
	}
	short := newAttempt()
	short.Verifier = "short"
	_, err = p.Finish(context.Background(), short, cb)
	if got := judge(t, server, err); got.reason != "attempt_malformed" {
		t.Errorf("got %q: %v", got, err)
	}
}

func TestGitHubReady(t *testing.T) {
	server, now := pt.NewGitHub(t), &clock{}
	p := newGitHub(t, server, func(c *providers.GitHubConfig) { c.Now = now.Now })
	for range 20 {
		if err := p.Ready(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	server.Misbehave(pt.Fault{Endpoint: pt.Discovery, Status: 500})
	now.advance(2 * time.Minute)
	for range 20 {
		if got := judge(t, server, p.Ready(context.Background())); got != (verdict{"unreachable", true}) {
			t.Fatalf("got %q", got)
		}
	}
	if n := server.Requests(pt.Discovery); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestGitHubConfiguration(t *testing.T) {
	for name, row := range map[string]struct {
		cfg  providers.GitHubConfig
		want string
	}{
		"github.com":     {providers.GitHubConfig{ClientID: "c", ClientSecret: "s"}, ""},
		"Enterprise":     {providers.GitHubConfig{ClientID: "c", ClientSecret: "s", URL: "https://github.example.com/"}, ""},
		"no secret":      {providers.GitHubConfig{ClientID: "c"}, "secret"},
		"http elsewhere": {providers.GitHubConfig{ClientID: "c", ClientSecret: "s", URL: "http://github.example.com"}, "https"},
		"a query":        {providers.GitHubConfig{ClientID: "c", ClientSecret: "s", URL: "https://github.example.com?a"}, "query"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := providers.NewGitHub(row.cfg)
			if fits := err == nil && row.want == "" || err != nil && row.want != "" && strings.Contains(err.Error(), row.want); !fits {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}
