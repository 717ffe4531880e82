package providertest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// GitHub is a fake GitHub Enterprise Server on loopback: the OAuth endpoints at
// its root and the REST API below /api/v3, with two entries a page.
type GitHub struct {
	URL          string
	ClientID     string
	ClientSecret string

	t    testing.TB
	gate gate

	mu        sync.Mutex
	people    map[string]GitHubPerson // by login
	elsewhere string
	grants    map[string]githubGrant // by code, then by token
}

// GitHubPerson is an account at the fake GitHub.
type GitHubPerson struct {
	ID     int
	Login  string
	Name   string
	Public string // the address of the profile, which need not be verified
	Emails []GitHubEmail
	Orgs   []string
	Teams  []string // as "org/team"
}

// GitHubEmail is one of an account's addresses.
type GitHubEmail struct {
	Email    string `json:"email"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"`
}

type githubGrant struct {
	login       string
	scopes      []string
	challenge   string
	redirectURI string
}

const githubPage = 2 // entries of a list

// NewGitHub starts a fake GitHub that knows the people given.
func NewGitHub(t testing.TB, people ...GitHubPerson) *GitHub {
	t.Helper()
	g := &GitHub{
		ClientID: "Iv1.dagpass", ClientSecret: "github-s3cret", t: t, gate: newGate(),
		people: map[string]GitHubPerson{}, grants: map[string]githubGrant{},
	}
	for _, p := range people {
		g.people[p.Login] = p
	}
	server := httptest.NewServer(g)
	g.URL = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(g.gate.open) // first, since Close waits for stalled answers
	return g
}

// Misbehave switches to a fault. Misbehave(Fault{}) ends it.
func (g *GitHub) Misbehave(f Fault) { g.gate.set(f) }

// Requests counts the requests to an endpoint so far.
func (g *GitHub) Requests(e Endpoint) int { return g.gate.count(e) }

// Secrets are the tokens that the server gave out, and the client secret.
func (g *GitHub) Secrets() []string { return append(g.gate.remembered(), g.ClientSecret) }

// LinkElsewhere makes the links to next pages lead to another server.
func (g *GitHub) LinkElsewhere(base string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.elsewhere = base
}

// Login is the browser: it follows authURL, signs in as an account and returns
// the query of the callback. It may be called from any goroutine.
func (g *GitHub) Login(authURL, login string) url.Values {
	g.t.Helper()
	return choose(g.t, authURL, url.Values{"login": {login}})
}

// ServeHTTP implements http.Handler.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := map[string]struct {
		endpoint Endpoint
		serve    func(http.ResponseWriter, *http.Request, Fault)
	}{
		"/login":                    {Discovery, g.alive},
		"/login/oauth/authorize":    {Authorize, g.authorize},
		"/login/oauth/access_token": {Token, g.token},
		"/api/v3/user":              {User, g.user},
		"/api/v3/user/emails":       {Emails, g.emails},
		"/api/v3/user/orgs":         {Orgs, g.orgs},
		"/api/v3/user/teams":        {Teams, g.teams},
	}
	route, ok := routes[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if f, spoilt := g.gate.pass(w, r, route.endpoint); !spoilt {
		route.serve(w, r, f)
	}
}

func (g *GitHub) alive(w http.ResponseWriter, _ *http.Request, _ Fault) { w.WriteHeader(http.StatusOK) }

func (g *GitHub) authorize(w http.ResponseWriter, r *http.Request, f Fault) {
	q := r.URL.Query()
	if q.Get("client_id") != g.ClientID || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "unknown client or no PKCE", http.StatusBadRequest)
		return
	}
	code := g.keep(githubGrant{
		login: r.PostFormValue("login"), scopes: strings.Fields(q.Get("scope")),
		challenge: q.Get("code_challenge"), redirectURI: q.Get("redirect_uri"),
	})
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if f.Callback != nil {
		f.Callback(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound) //nolint:gosec // the test is the client
}

// token answers 200 whatever happens, as GitHub does, and takes client id and
// secret from the form alone, as GitHub documents it.
func (g *GitHub) token(w http.ResponseWriter, r *http.Request, f Fault) {
	grant, ok := g.take(r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	proven := base64.RawURLEncoding.EncodeToString(sum[:]) == grant.challenge
	switch {
	case r.PostFormValue("client_id") != g.ClientID || r.PostFormValue("client_secret") != g.ClientSecret || r.Header.Get("Authorization") != "":
		writeJSON(w, http.StatusOK, map[string]string{"error": "incorrect_client_credentials"})
	case !ok || !proven || r.PostFormValue("redirect_uri") != grant.redirectURI:
		writeJSON(w, http.StatusOK, map[string]string{"error": "bad_verification_code"})
	default:
		answer := map[string]any{"access_token": g.keep(grant), "token_type": "bearer", "scope": strings.Join(grant.scopes, ",")}
		g.gate.remember(answer["access_token"])
		edit(f.Token, answer)
		writeJSON(w, http.StatusOK, answer)
	}
}

func (g *GitHub) keep(grant githubGrant) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := "gho_" + rand.Text()
	g.grants[name] = grant
	return name
}

func (g *GitHub) take(name string) (githubGrant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grant, ok := g.grants[name]
	delete(g.grants, name)
	return grant, ok
}

// caller is whose token a request carries, if it was granted the scope.
func (g *GitHub) caller(w http.ResponseWriter, r *http.Request, scope string) (GitHubPerson, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grant, ok := g.grants[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case !ok:
		writeJSON(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
	case !slices.Contains(grant.scopes, scope):
		writeJSON(w, http.StatusForbidden, map[string]string{"message": "Resource not accessible"})
	default:
		return g.people[grant.login], true
	}
	return GitHubPerson{}, false
}

func (g *GitHub) user(w http.ResponseWriter, r *http.Request, f Fault) {
	if p, ok := g.caller(w, r, "read:user"); ok {
		profile := map[string]any{"id": p.ID, "login": p.Login, "name": p.Name, "email": p.Public}
		edit(f.Userinfo, profile)
		writeJSON(w, http.StatusOK, profile)
	}
}

func (g *GitHub) emails(w http.ResponseWriter, r *http.Request, _ Fault) {
	if p, ok := g.caller(w, r, "user:email"); ok {
		servePage(g, w, r, p.Emails)
	}
}

func (g *GitHub) orgs(w http.ResponseWriter, r *http.Request, _ Fault) {
	if p, ok := g.caller(w, r, "read:org"); ok {
		var all []map[string]string
		for _, login := range p.Orgs {
			all = append(all, map[string]string{"login": login})
		}
		servePage(g, w, r, all)
	}
}

func (g *GitHub) teams(w http.ResponseWriter, r *http.Request, _ Fault) {
	if p, ok := g.caller(w, r, "read:org"); ok {
		var all []map[string]any
		for _, name := range p.Teams {
			org, slug, _ := strings.Cut(name, "/")
			all = append(all, map[string]any{"slug": slug, "organization": map[string]string{"login": org}})
		}
		servePage(g, w, r, all)
	}
}

// servePage answers one page of a list, with GitHub's Link header.
func servePage[T any](g *GitHub, w http.ResponseWriter, r *http.Request, all []T) {
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || number < 1 {
		number = 1
	}
	from := min((number-1)*githubPage, len(all))
	to := min(from+githubPage, len(all))
	if to < len(all) {
		w.Header().Set("Link", fmt.Sprintf(`<%[1]s%[2]s?page=%[3]d>; rel="next", <%[1]s%[2]s?page=9>; rel="last"`, g.base(), r.URL.Path, number+1))
	}
	writeJSON(w, http.StatusOK, append([]T{}, all[from:to]...))
}

func (g *GitHub) base() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.elsewhere != "" {
		return g.elsewhere
	}
	return g.URL
}
