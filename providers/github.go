package providers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/markbates/goth/providers/github"
	"golang.org/x/oauth2"
)

// GitHubConfig describes github.com or a GitHub Enterprise Server.
type GitHubConfig struct {
	Slot         string // defaults to "github"
	Label        string // defaults to "GitHub"
	ClientID     string
	ClientSecret string
	URL          string       // defaults to https://github.com; https, or http on loopback
	WantOrgs     func() bool  // ask for read:org, and for organisations and teams; nil never does
	HTTPClient   *http.Client // its transport and a shorter timeout are honoured; nil is fine
	Now          func() time.Time
}

// GitHub signs people in with goth's stock provider, which speaks plain OAuth
// 2.0. What that leaves out is added here: PKCE, RFC 9207, and addresses,
// organisations and teams from GitHub's API.
type GitHub struct {
	cfg    GitHubConfig
	client *http.Client
	alive  remote[struct{}]
}

var _ Provider = (*GitHub)(nil)

// NewGitHub makes a provider without asking GitHub anything. The error is no
// *Error.
func NewGitHub(cfg GitHubConfig) (*GitHub, error) {
	cfg.Slot = cmp.Or(cfg.Slot, "github")
	cfg.Label = cmp.Or(cfg.Label, "GitHub")
	cfg.URL = strings.TrimRight(cmp.Or(cfg.URL, "https://github.com"), "/")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("provider %s: %w", cfg.Slot, err)
	}
	g := &GitHub{cfg: cfg, client: newClient(cfg.HTTPClient)}
	g.alive.now = cfg.Now
	g.alive.fetch = func(ctx context.Context) (struct{}, error) { return struct{}{}, g.knock(ctx) }
	return g, nil
}

func (c GitHubConfig) check() error {
	var problems []error
	if c.ClientID == "" || c.ClientSecret == "" {
		problems = append(problems, errors.New("client id and client secret are required"))
	}
	if u, err := checkURL(c.URL, true); err != nil {
		problems = append(problems, err)
	} else if u.RawQuery != "" || u.ForceQuery {
		problems = append(problems, errors.New("the URL must have no query"))
	}
	return errors.Join(problems...)
}

// api is the REST API's base: a host of its own for github.com, a path on a
// GitHub Enterprise Server.
func (c GitHubConfig) api() string {
	if strings.EqualFold(c.URL, "https://github.com") {
		return "https://api.github.com"
	}
	return c.URL + "/api/v3"
}

func (c GitHubConfig) authURL() string  { return c.URL + "/login/oauth/authorize" }
func (c GitHubConfig) tokenURL() string { return c.URL + "/login/oauth/access_token" }

// issuer is what GitHub calls itself in the iss of a callback, when it sends
// one. Accounts are keyed by the URL that the operator configured instead.
func (c GitHubConfig) issuer() string { return c.URL + "/login/oauth" }

func (c GitHubConfig) wantsOrgs() bool { return c.WantOrgs != nil && c.WantOrgs() }

func (c GitHubConfig) scopes() string {
	if c.wantsOrgs() {
		return "read:user user:email read:org"
	}
	return "read:user user:email"
}

// Info implements Provider.
func (g *GitHub) Info() Info {
	return Info{Slot: g.cfg.Slot, Label: g.cfg.Label, Type: "github", Issuer: g.cfg.URL}
}

// String keeps the client secret out of logs.
func (g *GitHub) String() string { return "GitHub provider " + g.cfg.Slot }

// Begin implements Provider.
func (g *GitHub) Begin(ctx context.Context, a Attempt) (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	if !a.FreshSince.IsZero() {
		return "", errNotAnew
	}
	session, err := g.login(ctx, a).BeginAuth(a.State)
	if err != nil {
		return "", asError(err)
	}
	authURL, err := session.GetAuthURL()
	if err != nil {
		return "", asError(err)
	}
	challenge := url.Values{"code_challenge": {oauth2.S256ChallengeFromVerifier(a.Verifier)}, "code_challenge_method": {"S256"}}
	return authURL + "&" + challenge.Encode(), nil
}

// Check implements Provider. GitHub does not promise an iss, but one that is
// sent must be its own.
func (g *GitHub) Check(_ context.Context, cb Callback) error {
	if cb.Issuer != "" && cb.Issuer != g.cfg.issuer() {
		return refused(ReasonIssuer, "the callback is of the issuer %.256q", cb.Issuer)
	}
	return judgeError(cb.Error)
}

// Finish implements Provider. It checks the callback again, so that no caller
// can forget to.
func (g *GitHub) Finish(ctx context.Context, a Attempt, cb Callback) (Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if err := g.Check(ctx, cb); err != nil {
		return Claim{}, err
	}
	if err := a.check(); err != nil {
		return Claim{}, err
	}
	if !a.FreshSince.IsZero() {
		return Claim{}, errNotAnew
	}
	user, err := fetchUser(g.login(ctx, a), a, cb.Code)
	if err != nil {
		return Claim{}, err
	}
	hear(ctx, "user", user.RawData)
	if id, err := strconv.Atoi(user.UserID); err != nil || id <= 0 {
		return Claim{}, outage(ReasonProviderError, "the user has no id")
	}
	return g.askAPI(ctx, user.AccessToken, Claim{
		Issuer: g.cfg.URL, Subject: user.UserID, Name: user.Name, Username: user.NickName,
	})
}

// Ready implements Provider.
func (g *GitHub) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	return g.alive.refresh(ctx, lately)
}

// knock asks whether anybody is at home: any answer of a working server will
// do, a redirect to its login page included.
func (g *GitHub) knock(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, g.cfg.URL+"/login", nil)
	if err != nil {
		return outage(ReasonUnreachable, "%w", err)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return outage(ReasonUnreachable, "%w", err)
	}
	_ = resp.Body.Close() // a HEAD has none
	if resp.StatusCode >= http.StatusInternalServerError {
		return outage(ReasonUnreachable, "%s answered %d", g.cfg.URL, resp.StatusCode)
	}
	return nil
}

// login makes goth's stock provider for one sign-in, with a client that adds
// what goth cannot say. All scopes go in as one: as separate ones they would
// make goth look for an address itself, on the first page alone, and fail when
// the primary address is unverified.
func (g *GitHub) login(ctx context.Context, a Attempt) *github.Provider {
	p := github.NewCustomisedURL(g.cfg.ClientID, g.cfg.ClientSecret, a.RedirectURI,
		g.cfg.authURL(), g.cfg.tokenURL(), g.cfg.api()+"/user", g.cfg.api()+"/user/emails", g.cfg.scopes())
	p.SetName(g.cfg.Slot)
	client := *g.client
	client.Transport = proving{next: g.client.Transport, ctx: ctx, cfg: g.cfg, verifier: a.Verifier}
	p.HTTPClient = &client
	return p
}

// proving is the transport of one sign-in. It gives goth's requests the
// context they lack, and writes the token request as GitHub documents it: with
// client id, secret and code verifier in the form.
type proving struct {
	next     http.RoundTripper
	ctx      context.Context // goth's methods take none
	cfg      GitHubConfig
	verifier string
}

func (p proving) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(p.ctx)
	if r.Method != http.MethodPost || r.URL.String() != p.cfg.tokenURL() {
		return p.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the token request is no form")
	}
	form.Set("client_id", p.cfg.ClientID)
	form.Set("client_secret", p.cfg.ClientSecret)
	form.Set("code_verifier", p.verifier)
	r.Header.Del("Authorization")
	r.Header.Set("Accept", "application/json")
	written := form.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(written)), int64(len(written))
	return p.next.RoundTrip(r)
}
