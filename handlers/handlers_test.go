package handlers_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

// site is the whole server but for the proxy, whose place a handler takes that
// says what reached it.
type site struct {
	t      *testing.T
	url    string
	idp    *providertest.Server
	svc    *identity.Service
	server *handlers.Server
	log    *buffer
	passed *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }

func (b *buffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func newSite(t *testing.T, edit ...func(*handlers.Config)) *site {
	t.Helper()
	return newSiteWith(t, nil, edit...)
}

// newSiteWith has other ways in besides.
func newSiteWith(t *testing.T, sources []providers.Source, edit ...func(*handlers.Config)) *site {
	t.Helper()
	s := &site{t: t, idp: providertest.New(t), log: &buffer{}, passed: &buffer{}}
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	s.url = strings.Replace(address, "127.0.0.1", "localhost", 1)
	u, _ := url.Parse(s.url)
	public := models.Site{URL: u}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.svc = newService(t, s.idp, public, log, sources)
	c := handlers.Config{
		Identity: s.svc, Pages: &handlers.Pages{Site: public, LocalAccounts: true, Log: log}, CleanPath: dagster.CleanPath,
		Proxy: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(s.passed, "%s %s %s\n", r.Method, r.URL.EscapedPath(), models.PrincipalOf(r.Context()).Actor().Kind)
			_, _ = io.WriteString(w, "from dagster")
		}),
		Ready: s.svc.Store.Ready,
		Around: func() handlers.Around {
			return handlers.Around{Dagster: handlers.DagsterStatus{Reachable: true}, Providers: s.svc.Providers(context.Background())}
		},
		Metrics: handlers.NewMetrics("test", nil), Version: "test", Now: time.Now, Log: log,
	}
	for _, e := range edit {
		e(&c)
	}
	s.server = handlers.New(c)
	server.Config.Handler = s.server
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// rules make Ada, whom every browser signs in, more than a viewer at some code
// locations.
const rules = `
roles: { starter: { extends: viewer, allow: [start_schedule] }, auditor: { extends: viewer, allow: [audit] } }
grants:
  - { email: ada@example.com, role: editor, locations: ["marketing*"] }
  - { email: ada@example.com, role: starter, locations: [sales] }
  - { email: ada@example.com, role: viewer, locations: [finance] }
  - { email: root@example.com, role: admin }
`

func parsed(t *testing.T, file string) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Options{DefaultRole: policy.Viewer, File: []byte(file)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newService(t *testing.T, idp *providertest.Server, public models.Site, log *slog.Logger, more []providers.Source) *identity.Service {
	t.Helper()
	ring, err := identity.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	rules := parsed(t, rules)
	p, err := providers.NewOIDC(providers.OIDCConfig{
		Slot: "oidc", Type: "oidc", Label: "Company", Issuer: idp.Issuer, ClientID: idp.ClientID, ClientSecret: idp.ClientSecret,
		Scopes: []string{"openid", "profile", "email"}, GroupsClaim: "groups", EmailVerified: "required", Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	doors := []identity.Door{{Provider: p}}
	for _, source := range more {
		doors = append(doors, identity.Door{Provider: source})
	}
	gates := map[string]policy.Gate{}
	for _, d := range doors {
		gates[d.Provider.Info().Slot] = policy.Gate{}
	}
	compose := func(identity.Changes) (*identity.Rules, error) {
		return &identity.Rules{Policy: rules, Gates: gates, SessionTTL: time.Hour, SessionIdle: time.Hour, MFA: identity.MFAOptional, Menu: true, GreyOut: true}, nil
	}
	svc, err := identity.New(context.Background(), identity.Config{
		Store: storetest.SQLite(t), Doors: doors, Compose: compose,
		Keys: ring, Site: public, Audience: "dagster", PasswordLogin: true, Now: time.Now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// amend has a service go by other rules than it was made with.
func amend(s *identity.Service, edit func(*identity.Rules)) {
	compose := s.Compose
	s.Compose = func(c identity.Changes) (*identity.Rules, error) {
		rules, err := compose(c)
		if err == nil {
			edit(rules)
		}
		return rules, err
	}
	if err := s.Recompose(context.Background()); err != nil {
		panic(err)
	}
}

// policed has a service go by another policy.
func policed(s *identity.Service, p *policy.Policy) {
	amend(s, func(r *identity.Rules) { r.Policy = p })
}

// asking has a service ask so for second factors.
func asking(s *identity.Service, m identity.MFA) { amend(s, func(r *identity.Rules) { r.MFA = m }) }

// browser keeps cookies and follows no redirect.
type browser struct {
	*http.Client
	s *site
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, s}
}

type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, target string, header ...string) answer {
	b.s.t.Helper()
	return b.send(method, target, "", header...)
}

// send is do with a body.
func (b *browser) send(method, target, body string, header ...string) answer {
	b.s.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.s.url + target
	}
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		b.s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	res, err := b.Do(r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body)
	return answer{res, string(all)}
}

func (b *browser) page(target string) answer { return b.do("GET", target, "Accept", "text/html") }

// callback goes from the login page to the callback that the provider sends to.
func (b *browser) callback(next string) string {
	b.s.t.Helper()
	start := b.page("/auth/start/oidc?next=" + url.QueryEscape(next))
	if start.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("start answers %d %s", start.StatusCode, start.body)
	}
	return "/auth/callback/oidc?" + b.s.idp.Login(start.Header.Get("Location"), providertest.Ada).Encode()
}

func (b *browser) signIn() answer {
	b.s.t.Helper()
	a := b.page(b.callback("/runs?x=1"))
	if a.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("callback answers %d %s", a.StatusCode, a.body)
	}
	return a
}

func TestSignInAndOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	if a := b.page("/auth/login?next=/runs%3Fx%3D1"); !strings.Contains(a.body, `/auth/start/oidc?next=%2Fruns%3Fx%3D1`) {
		t.Errorf("no button that keeps the way: %s", a.body)
	}
	if to := b.signIn().Header.Get("Location"); to != "/runs?x=1" {
		t.Errorf("leads to %q", to)
	}
	var me struct {
		User struct{ Email, Provider string }
		Role string
	}
	if a := b.do("GET", "/auth/me"); json.Unmarshal([]byte(a.body), &me) != nil || me.User.Email != "ada@example.com" || me.Role != "viewer" {
		t.Errorf("me: %s", a.body)
	}
	if a := b.page("/auth/account"); a.StatusCode != 200 || !strings.Contains(a.body, "ada@example.com") {
		t.Errorf("account: %d", a.StatusCode)
	}
	if a := b.do("POST", "/auth/logout", "Origin", s.url); a.StatusCode != 200 || !strings.HasPrefix(a.Header.Get("Refresh"), "0; url="+s.idp.Issuer) {
		t.Errorf("logout: %d %q", a.StatusCode, a.Header.Get("Refresh"))
	}
	if a := b.do("GET", "/auth/me"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("me after: %d", a.StatusCode)
	}
}

func TestRolesAtLocations(t *testing.T) {
	for _, tt := range []struct {
		name      string
		locations func(context.Context) []string
		want      string
	}{
		{
			"several", func(context.Context) []string { return []string{"marketing_eu", "sales", "finance", "other"} },
			`"locations":{"finance":"viewer","marketing_eu":"editor","other":"viewer","sales":"viewer"}`,
		},
		{"Dagster is down", func(context.Context) []string { return nil }, `"locations":{}`},
		{"nobody to ask", nil, `"locations":{}`},
	} {
		b := newSite(t, func(c *handlers.Config) { c.Locations = tt.locations }).browser()
		b.signIn()
		if a := b.do("GET", "/auth/me"); !strings.Contains(a.body, tt.want) || !strings.Contains(a.body, `"role":"viewer"`) {
			t.Errorf("%s: %s", tt.name, a.body)
		}
	}
}

func TestAccountTellsOfLocations(t *testing.T) {
	b := newSite(t).browser()
	b.signIn()
	page := b.page("/auth/account").body
	_, page, _ = strings.Cut(page, `id="scopes"`)
	for word, want := range map[string]bool{
		"marketing*": true, "Role: editor": true, "sales": true, "start_schedule": true,
		"finance":      false, // a viewer's grant adds nothing to what is read everywhere
		"wipe_assets":  false, // the role says it
		"Role: viewer": false,
	} {
		if strings.Contains(page, word) != want {
			t.Errorf("%q: %v", word, !want)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	b := newSite(t).browser()
	var session string
	for _, line := range b.signIn().Header.Values("Set-Cookie") {
		if strings.HasPrefix(line, "dagpass=") {
			session = line
		}
	}
	for _, want := range []string{"; Path=/", "; HttpOnly", "; SameSite=Lax", "; Expires="} {
		if !strings.Contains(session, want) {
			t.Errorf("%q lacks %q", session, want)
		}
	}
}

// Several tabs sign in at once; the sixth pushes out the oldest.
func TestSeveralTabs(t *testing.T) {
	b := newSite(t).browser()
	first, second := b.callback("/one"), b.callback("/two")
	if a := b.page(first); a.Header.Get("Location") != "/one" {
		t.Errorf("the first tab: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := b.page(second); a.Header.Get("Location") != "/two" {
		t.Errorf("the second tab: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	for range 8 {
		b.callback("/")
	}
	u, _ := url.Parse(b.s.url)
	attempts := 0
	for _, c := range b.Jar.Cookies(u) {
		if strings.Contains(c.Name, "attempt") {
			attempts++
		}
	}
	if attempts != 5 {
		t.Errorf("%d attempts are kept", attempts)
	}
}

// The callback of an attacker's sign-in does not work in a victim's browser.
func TestLoginCSRF(t *testing.T) {
	s := newSite(t)
	stolen := s.browser().callback("/")
	a := s.browser().page(stolen)
	if a.StatusCode != http.StatusBadRequest || len(a.Header.Values("Set-Cookie")) != 0 {
		t.Errorf("%d, cookies %q", a.StatusCode, a.Header.Values("Set-Cookie"))
	}
}

func TestReplayedCallback(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	cb := b.callback("/x")
	b.page(cb)
	if a := b.page(cb); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
		t.Errorf("signed in already: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := s.browser().page(cb); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "expired or was already used") {
		t.Errorf("a stranger: %d", a.StatusCode)
	}
}

// What the provider or a stranger writes into the callback is never shown.
func TestCallbackIsNotReflected(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.callback("/")
	a := b.page("/auth/callback/oidc?error=access_denied&error_description=%3Cscript%3Ecanary&state=canary")
	if strings.Contains(a.body, "canary") || a.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if strings.Contains(s.log.String(), "canary") || strings.Contains(s.log.String(), "state=") {
		t.Error("the log holds a query")
	}
}

func TestProviderFails(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	cb := b.callback("/")
	s.idp.Misbehave(providertest.Fault{Endpoint: providertest.Token, Status: 500})
	if a := b.page(cb); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, a.Header.Get("X-Request-Id")) {
		t.Errorf("%d, without its reference", a.StatusCode)
	}
}

func TestProviderDown(t *testing.T) {
	s := newSite(t)
	s.idp.Misbehave(providertest.Fault{Endpoint: providertest.Discovery, Status: 503})
	if a := s.browser().page("/auth/login"); a.StatusCode != 200 || strings.Contains(a.body, `href="/auth/start/oidc`) {
		t.Errorf("%d, the button can be pressed", a.StatusCode)
	}
}

func TestOrigin(t *testing.T) {
	table := []struct {
		header []string
		status int
	}{
		{[]string{"Origin", "SITE"}, 200},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, 200}, // our own form: its page sends no referrer
		{[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403},  // a sandboxed frame
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "none"}, 403},
	}
	for _, row := range table {
		s := newSite(t)
		b := s.browser()
		b.signIn()
		for i := range row.header {
			row.header[i] = strings.ReplaceAll(row.header[i], "SITE", s.url)
		}
		if a := b.do("POST", "/auth/logout", row.header...); a.StatusCode != row.status {
			t.Errorf("%v: %d", row.header, a.StatusCode)
		}
	}
}

func TestHost(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) { c.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	port := s.url[strings.LastIndex(s.url, ":"):]
	table := []struct {
		path, host, accept string
		status             int
	}{
		{"/", "localhost" + port, "text/html", 200},
		{"/", "LOCALHOST" + port, "text/html", 200},
		{"/", "evil.example", "text/html", 421},
		{"/auth/login", "evil.example", "text/html", 421},
		{"/", "127.0.0.1" + port, "text/html", 303},
		{"/graphql", "127.0.0.1" + port, "", 421},
		{"/auth/health", "10.0.0.7", "", 200},
		{"/auth/.well-known/jwks.json", "dagpass.svc", "", 200},
	}
	for _, row := range table {
		if a := s.browser().do("GET", row.path, "Host", row.host, "Accept", row.accept, "X-Forwarded-Host", "localhost"+port); a.StatusCode != row.status {
			t.Errorf("%s at %s: %d, not %d", row.path, row.host, a.StatusCode, row.status)
		}
	}
}

// The host that a trusted proxy was asked for is judged instead of the one that
// it asks us for.
func TestForwardedHost(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) { c.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	public := strings.TrimPrefix(s.url, "http://")
	for _, row := range []struct {
		host, forwarded string
		status          int
	}{
		{"dagpass.internal", public, 200},
		{public, "evil.example", 421},
		{"dagpass.internal", "evil.example", 421},
		{"127.0.0.1", "evil.example", 421}, // a redirect would only bring the same request again
	} {
		a := s.browser().do("GET", "/auth/login", "Host", row.host, "X-Forwarded-Host", row.forwarded, "X-Forwarded-Proto", "https", "Accept", "text/html")
		if a.StatusCode != row.status {
			t.Errorf("%s for %s: %d", row.host, row.forwarded, a.StatusCode)
		}
	}
}

// Nobody waits for a body that does not come.
func TestBodyThatDoesNotCome(t *testing.T) {
	s := newSite(t)
	host := strings.TrimPrefix(s.url, "http://")
	for _, line := range []string{"POST /auth/logout", "GET /auth/login", "POST /auth/nothing", "POST /a/../b", "PUT /auth/me"} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n", line, host)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || !res.Close {
			t.Errorf("%s: %v %v", line, res, err)
		}
		_ = conn.Close()
	}
}

// An answer that breaks off stands in the access log like any other.
func TestBrokenAnswerIsLogged(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) {
		c.Proxy = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "almost all")
			panic(http.ErrAbortHandler)
		})
	})
	r, _ := http.NewRequest("GET", s.url+"/logs/run/out", nil)
	if res, err := http.DefaultClient.Do(r); err == nil {
		_ = res.Body.Close()
	}
	if !strings.Contains(s.log.String(), "path=/logs/run/out") {
		t.Errorf("no line: %s", s.log.String())
	}
}

// An early hint is not the answer.
func TestInformationalAnswers(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) {
		c.Proxy = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		})
	})
	if a := s.browser().page("/x"); a.StatusCode != http.StatusNotFound || !strings.Contains(s.log.String(), "status=404") {
		t.Errorf("%d, %s", a.StatusCode, s.log.String())
	}
}

func TestHead(t *testing.T) {
	b := newSite(t).browser()
	for _, path := range []string{"/auth/health", "/auth/login", "/auth/providers"} {
		if a := b.do("HEAD", path); a.StatusCode != 200 || a.body != "" {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

// A form that is refused shows a page: a person sent it.
func TestRefusedFormIsAPage(t *testing.T) {
	a := newSite(t).browser().do("POST", "/auth/logout", "Origin", "http://evil.example", "Sec-Fetch-Mode", "navigate", "Accept", "text/html")
	if a.StatusCode != 403 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
}

func TestTrustedProxies(t *testing.T) {
	trusted := func(c *handlers.Config) {
		c.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	}
	table := []struct {
		edit []func(*handlers.Config)
		xff  string
		want string
	}{
		{nil, "203.0.113.7", "127.0.0.1"},
		{[]func(*handlers.Config){trusted}, "203.0.113.7", "203.0.113.7"},
		{[]func(*handlers.Config){trusted}, "198.51.100.1, 203.0.113.7, 10.1.1.1", "203.0.113.7"},
		{[]func(*handlers.Config){trusted}, "10.9.9.9", "10.9.9.9"},
		{[]func(*handlers.Config){trusted}, "203.0.113.7:4711", "203.0.113.7"},
		{[]func(*handlers.Config){trusted}, "garbage", "127.0.0.1"},
	}
	for _, row := range table {
		s := newSite(t, row.edit...)
		s.browser().do("GET", "/auth/health", "X-Forwarded-For", row.xff)
		if !strings.Contains(s.log.String(), "path=/auth/health") {
			t.Fatal("no access log")
		}
		var got string
		s2 := newSite(t, append(row.edit, func(c *handlers.Config) {
			c.Proxy = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = models.RequestOf(r.Context()).ClientIP })
		})...)
		s2.browser().do("GET", "/x", "X-Forwarded-For", row.xff)
		if got != row.want {
			t.Errorf("%q: %q, not %q", row.xff, got, row.want)
		}
	}
}

// Nothing below /auth/, in whatever spelling or method, reaches Dagster.
func TestOursStaysOurs(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{
		"/auth/login", "/auth/nothing", "/auth", "/auth/", "/%61uth/login", "/auth%2Flogin", "/auth/%6cogin", "/auth/logout/x",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PROPFIND"} {
			s.browser().do(method, path, "Origin", s.url)
		}
	}
	if got := s.passed.String(); got != "" {
		t.Errorf("reached Dagster:\n%s", got)
	}
}

// Paths that servers read differently are refused before anything is routed.
func TestOddPaths(t *testing.T) {
	s := newSite(t)
	for _, target := range []string{"/a/../auth/login", "/./x", "/a%5cb", "/a%00b", "/a%0d%0ab", "/%2e%2e/x", "/a/%2E/b"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, strings.TrimPrefix(s.url, "http://"))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %v %v", target, res, err)
		}
		_ = conn.Close()
	}
	if got := s.passed.String(); got != "" {
		t.Errorf("reached Dagster:\n%s", got)
	}
}

func TestOwnHeaders(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/auth/login", "/auth/me", "/auth/nothing", "/auth/health"} {
		h := s.browser().page(path).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": "frame-ancestors 'none'", "Cache-Control": "no-store",
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		} {
			if !strings.Contains(h.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
	}
}

func TestMetricsToken(t *testing.T) {
	if a := newSite(t).browser().do("GET", "/auth/metrics"); a.StatusCode != 404 {
		t.Errorf("without a token: %d", a.StatusCode)
	}
	b := newSite(t, func(c *handlers.Config) { c.MetricsToken = "tok" }).browser()
	for header, want := range map[string]int{"Bearer tok": 200, "Bearer no": 401, "tok": 401, "": 401, "Bearer ": 401} {
		if a := b.do("GET", "/auth/metrics", "Authorization", header); a.StatusCode != want {
			t.Errorf("%q: %d", header, a.StatusCode)
		}
	}
}

// What monitor mode let pass is counted, also where one event stands for many.
func TestWouldHaveRefusedIsCounted(t *testing.T) {
	metrics := handlers.NewMetrics("test", nil)
	for _, e := range []models.Event{
		{Outcome: "allowed", Reason: "would_have_refused"},
		{Outcome: "allowed", Reason: "would_have_refused", Count: 7},
		{Outcome: "allowed"},
		{Outcome: "refused", Reason: "permission_missing", Count: 5},
	} {
		metrics.Event(e)
	}
	b := newSite(t, func(c *handlers.Config) { c.Metrics, c.MetricsToken = metrics, "tok" }).browser()
	if a := b.do("GET", "/auth/metrics", "Authorization", "Bearer tok"); !strings.Contains(a.body, "\ndagpass_would_have_refused_total 8\n") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestHealth(t *testing.T) {
	s := newSite(t)
	s.idp.Misbehave(providertest.Fault{Endpoint: providertest.Discovery, Status: 503})
	if a := s.browser().do("GET", "/auth/health?type=ready"); a.StatusCode != 200 || !strings.Contains(a.body, `"oidc":"unreachable"`) {
		t.Errorf("a provider that is down: %d %s", a.StatusCode, a.body)
	}
	_ = s.svc.Store.Close()
	if a := s.browser().do("GET", "/auth/health?type=ready"); a.StatusCode != 503 {
		t.Errorf("the database is gone: %d", a.StatusCode)
	}
	if a := s.browser().do("GET", "/auth/health?type=live"); a.StatusCode != 200 {
		t.Errorf("live: %d", a.StatusCode)
	}
}

// A database that is down makes nobody a stranger.
func TestDatabaseDown(t *testing.T) {
	s := newSite(t)
	_ = s.svc.Store.Close()
	a := s.browser().do("GET", "/runs", "Cookie", "dagpass="+strings.Repeat("0", 32)+"."+strings.Repeat("0", 43), "Accept", "text/html")
	if a.StatusCode != 503 || s.passed.String() != "" {
		t.Errorf("%d, passed on %q", a.StatusCode, s.passed.String())
	}
}

func TestErrorsAreJSONForPrograms(t *testing.T) {
	a := newSite(t).browser().do("GET", "/auth/me")
	var got struct {
		Error struct {
			Code, Message string
			RequestID     string `json:"request_id"`
		}
		LoginURL string `json:"login_url"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Error.Code != "unauthenticated" || got.Error.RequestID != a.Header.Get("X-Request-Id") || !strings.HasSuffix(got.LoginURL, "/auth/login") {
		t.Errorf("%v %s", err, a.body)
	}
}

func TestPanicIsAPage(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) {
		c.Proxy = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("canary") })
	})
	if a := s.browser().page("/x"); a.StatusCode != 500 || strings.Contains(a.body, "canary") || !strings.Contains(s.log.String(), "canary") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}
