package handlers_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/slapdtest"
)

func TestSignInWithPassword(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	b := s.browser()
	if a := b.page("/auth/login?next=/runs"); !strings.Contains(a.body, `name="password"`) || !strings.Contains(a.body, "/auth/start/oidc") {
		t.Errorf("the page offers too little: %s", a.body)
	}
	if to := b.signInAs("bob").Header.Get("Location"); to != "/runs" {
		t.Errorf("leads to %q", to)
	}
	if a := b.page("/auth/account"); !strings.Contains(a.body, "Password") || a.StatusCode != 200 {
		t.Errorf("account: %d", a.StatusCode)
	}
}

// A program is told what a person is shown.
func TestWrongPasswordAsJSON(t *testing.T) {
	s := newSite(t)
	a := s.browser().send("POST", "/auth/login", form("username", "bob", "password", "wrong"),
		"Accept", "application/json", "Origin", s.url, "Content-Type", "application/x-www-form-urlencoded")
	if got(a) != "400 wrong_password" || a.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// The answer says when to try again.
func TestTooMany(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	for range 5 {
		s.browser().form("/auth/login", "username", "bob", "password", "wrong")
	}
	page := s.browser().form("/auth/login", "username", "bob", "password", password)
	program := s.browser().send("POST", "/auth/login", form("username", "bob", "password", password),
		"Origin", s.url, "Content-Type", "application/x-www-form-urlencoded")
	for _, a := range []answer{page, program} {
		if after, err := strconv.Atoi(a.Header.Get("Retry-After")); a.StatusCode != 429 || err != nil || after < 1 {
			t.Errorf("%d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
		}
	}
	if !strings.Contains(page.body, "try again in") || strings.Contains(page.body, "http-equiv") {
		t.Errorf("the page: %s", page.body)
	}
	if got(program) != "429 too_many_attempts" {
		t.Errorf("%s", program.body)
	}
}

// In OAuth-only mode there is nothing behind these, for nobody and whatever the
// method: the server says so, not only the page.
func TestOAuthOnly(t *testing.T) {
	s := newSite(t, oauthOnly)
	in := s.browser()
	in.signIn()
	for _, path := range []string{"/auth/login", "/auth/setup", "/auth/passkey", "/auth/passkey/begin", "/auth/account/password"} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"} {
			if path == "/auth/login" && (method == "GET" || method == "HEAD") {
				continue // the page with the providers' buttons
			}
			for _, b := range []*browser{s.browser(), in} {
				for _, header := range [][]string{b.person(), b.asScript(), nil} {
					if a := b.send(method, path, "", header...); a.StatusCode != http.StatusNotFound {
						t.Errorf("%s %s: %d", method, path, a.StatusCode)
					}
				}
			}
		}
	}
	if a := s.browser().page("/auth/login"); strings.Contains(a.body, `name="password"`) {
		t.Error("the page asks for a password")
	}
	if a := s.browser().do("GET", "/auth/providers"); !strings.Contains(a.body, `"password_enabled":false`) {
		t.Errorf("%s", a.body)
	}
	if a := in.page("/auth/account"); strings.Contains(a.body, "/auth/account/password") {
		t.Error("the account page asks for a password")
	}
}

// The pending cookie is no session, and a session is no pending sign-in.
func TestCookiesAreNoOthers(t *testing.T) {
	s := newSite(t, mfaRequired)
	s.account("bob")
	b := s.browser()
	b.signInAs("bob")
	pending := b.cookies()["dagpass-pending"]
	if pending == "" || len(b.cookies()) != 1 {
		t.Fatalf("cookies %v", b.cookies())
	}
	for path, want := range map[string]int{"/auth/me": 401, "/auth/account": 401, "/auth/confirm": 401} {
		if a := s.browser().do("GET", path, "Cookie", "dagpass="+pending); a.StatusCode != want {
			t.Errorf("%s with the pending one as a session: %d", path, a.StatusCode)
		}
	}
	asking(s.svc, identity.MFAOptional)
	in := s.browser()
	in.signInAs("bob")
	if a := s.browser().do("GET", "/auth/mfa", "Cookie", "dagpass-pending="+in.cookies()["dagpass"]); a.StatusCode != 401 {
		t.Errorf("a session as a pending one: %d", a.StatusCode)
	}
}

// A password alone opens nothing where a second factor is wanted.
func TestSecondFactor(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	b := s.browser()
	b.signInAs("bob")
	secret, shown := b.enrol("/auth/account/totp")
	codes := recoveryCode.FindAllString(shown.body, -1)
	if shown.StatusCode != 200 || len(codes) != 10 || shown.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d, %d recovery codes", shown.StatusCode, len(codes))
	}
	b.form("/auth/logout")

	if a := b.signInAs("bob"); a.Header.Get("Location") != "/auth/mfa?next=%2Fruns" {
		t.Fatalf("leads to %q", a.Header.Get("Location"))
	}
	pending := b.cookies()["dagpass-pending"]
	if a := b.do("GET", "/auth/me"); a.StatusCode != 401 {
		t.Errorf("a password alone: %d", a.StatusCode)
	}
	if a := b.form("/auth/mfa/code", "code", "000000", "next", "/runs"); a.StatusCode != 400 || !strings.Contains(a.body, `value="/runs"`) || strings.Contains(a.body, "000000") {
		t.Errorf("a wrong code: %d %s", a.StatusCode, a.body)
	}
	if a := b.form("/auth/mfa/code", "code", code(t, secret, 1), "next", "/runs"); a.Header.Get("Location") != "/runs" {
		t.Fatalf("a good one: %d %s", a.StatusCode, a.body)
	}
	if _, still := b.cookies()["dagpass-pending"]; still {
		t.Error("the pending cookie stays")
	}
	if a := s.browser().pageWith("/auth/mfa", "Cookie", "dagpass-pending="+pending); a.Header.Get("Location") == "" {
		t.Errorf("the pending sign-in works twice: %d", a.StatusCode)
	}

	lost := s.browser()
	lost.signInAs("bob")
	if a := lost.form("/auth/mfa/code", "code", codes[0], "as", "recovery"); a.Header.Get("Location") != "/" {
		t.Errorf("a recovery code: %d %s", a.StatusCode, a.body)
	}
}

var recoveryCode = regexp.MustCompile(`[0-9A-Za-z]{4}(?:-[0-9A-Za-z]{4}){3}`)

// pageWith is page with further headers.
func (b *browser) pageWith(target string, header ...string) answer {
	return b.do("GET", target, append([]string{"Accept", "text/html"}, header...)...)
}

// Somebody who must have a second factor sets one up before anything opens.
func TestEnrolAtSignIn(t *testing.T) {
	s := newSite(t, mfaRequired)
	s.account("bob")
	b := s.browser()
	if a := b.signInAs("bob"); a.Header.Get("Location") != "/auth/mfa/enrol?next=%2Fruns" {
		t.Fatalf("leads to %q", a.Header.Get("Location"))
	}
	_, a := b.enrol("/auth/mfa/enrol/totp")
	if a.StatusCode != 200 || !strings.Contains(a.body, `href="/runs"`) || len(recoveryCode.FindAllString(a.body, -1)) != 10 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := b.do("GET", "/auth/me"); a.StatusCode != 200 {
		t.Errorf("me: %d", a.StatusCode)
	}
	if _, still := b.cookies()["dagpass-pending"]; still {
		t.Error("the pending cookie stays")
	}
}

// A wrong first code shows the same secret again.
func TestWrongFirstCode(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	b := s.browser()
	b.signInAs("bob")
	page := b.page("/auth/account/totp")
	a := b.form("/auth/account/totp", "sealed", hidden.FindStringSubmatch(page.body)[1], "code", "canary", "name", "My phone")
	if a.StatusCode != 400 || secretIn(a.body) != secretIn(page.body) || !strings.Contains(a.body, `value="My phone"`) || strings.Contains(a.body, "canary") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// Recovery codes that wait for a script's page are shown once, to their owner.
func TestRecoveryCodesWait(t *testing.T) {
	s := newSite(t)
	bob, eve := s.account("bob"), s.account("eve")
	for _, row := range []struct {
		whose models.User
		shown bool
	}{{bob, true}, {eve, false}} {
		b := s.browser()
		b.signInAs("bob")
		sealed, err := s.svc.Keys.Seal("recovery_codes:"+row.whose.ID, "canary-one canary-two")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(s.url)
		b.Jar.SetCookies(u, []*http.Cookie{{Name: "dagpass-codes", Value: sealed, Path: "/"}})
		if a := b.page("/auth/account/recovery-codes?next=/runs"); strings.Contains(a.body, "canary-two") != row.shown {
			t.Errorf("%s's: %d", row.whose.Name, a.StatusCode)
		}
		if a := b.page("/auth/account/recovery-codes"); a.StatusCode != 303 || strings.Contains(a.body, "canary") {
			t.Errorf("shown twice: %d", a.StatusCode)
		}
	}
}

// Where there are no local accounts, nobody is led to a page that is not there.
func TestUnclaimedWithoutLocalAccounts(t *testing.T) {
	b := newSite(t, oauthOnly, unclaimed(t)).browser()
	for path, want := range map[string]int{"/runs": http.StatusServiceUnavailable, "/auth/login": http.StatusOK} {
		if a := b.page(path); a.StatusCode != want || strings.Contains(a.body, "/auth/setup") || !strings.Contains(a.body, "no admin yet") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
}

// Before there is an admin Dagster is shut to everybody, and the way to claim it
// is open.
func TestUnclaimed(t *testing.T) {
	s := newSite(t, unclaimed(t))
	in := s.browser()
	in.signIn()
	socket := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Origin", s.url}
	for _, b := range []*browser{s.browser(), in} {
		for _, header := range [][]string{nil, socket, {"Accept", "text/html"}} {
			for _, path := range []string{"/", "/graphql", "/runs", "/authors"} {
				if a := b.do("GET", path, header...); a.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("%s: %d", path, a.StatusCode)
				}
			}
		}
		if a := b.do("POST", "/graphql"); got(a) != "503 setup_required" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if s.passed.String() != "" {
		t.Errorf("reached Dagster:\n%s", s.passed)
	}
	if a := s.browser().page("/runs"); !strings.Contains(a.body, `href="/auth/setup"`) || strings.Contains(a.body, "http-equiv") {
		t.Errorf("no way on: %s", a.body)
	}
	if a := s.browser().do("GET", "/auth/health?type=ready"); a.StatusCode != 200 || !strings.Contains(a.body, `"setup_required":true`) {
		t.Errorf("health: %d %s", a.StatusCode, a.body)
	}
	if a := s.browser().page("/auth/login"); !strings.Contains(a.body, "no admin yet") || !strings.Contains(a.body, "/auth/start/oidc") {
		t.Errorf("login: %d %s", a.StatusCode, a.body)
	}
	s.svc.Doors = nil
	if a := s.browser().page("/auth/login"); a.Header.Get("Location") != "/auth/setup" {
		t.Errorf("login where nobody else signs people in: %d", a.StatusCode)
	}
}

func TestClaim(t *testing.T) {
	s := newSite(t, unclaimed(t))
	token, err := s.svc.OfferSetup(context.Background())
	if err != nil || token == "" {
		t.Fatal(token, err)
	}
	first := func(token string) (*browser, answer) {
		b := s.browser()
		return b, b.form("/auth/setup", "token", token, "username", "root", "name", "Root", "password", password)
	}
	if b, a := first("wrong"); a.StatusCode != 400 || len(b.cookies()) != 0 {
		t.Errorf("a wrong token: %d", a.StatusCode)
	}
	b, a := first(token.Reveal())
	if a.Header.Get("Location") != "/" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := b.do("GET", "/runs"); a.StatusCode != 200 {
		t.Errorf("the first admin: %d", a.StatusCode)
	}
	if b, a := first(token.Reveal()); a.StatusCode != 409 || len(b.cookies()) != 0 {
		t.Errorf("a second claim: %d", a.StatusCode)
	}
	if a := s.browser().do("GET", "/auth/health"); !strings.Contains(a.body, `"setup_required":false`) {
		t.Errorf("health: %s", a.body)
	}
}

// A database that does not answer makes nothing claimed, and nothing unclaimed.
func TestUnclaimedDatabaseDown(t *testing.T) {
	s := newSite(t, unclaimed(t))
	_ = s.svc.Store.Close()
	for _, path := range []string{"/runs", "/auth/login", "/auth/setup"} {
		if a := s.browser().do("GET", path); got(a) != "503 unavailable" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
}

// A link is used up by the form alone: whoever only looks leaves it as it is.
func TestLink(t *testing.T) {
	for _, row := range []struct {
		purpose models.LinkPurpose
		edit    []func(*handlers.Config)
		fields  []string
	}{
		{models.LinkSignIn, nil, nil},
		{models.LinkSignIn, []func(*handlers.Config){oauthOnly}, nil},
		{models.LinkPassword, nil, []string{"password", "another long enough one"}},
	} {
		s := newSite(t, row.edit...)
		ctx := models.WithOperator(context.Background())
		s.svc.PasswordLogin = true
		bob := s.account("bob")
		s.svc.PasswordLogin = len(row.edit) == 0
		address, err := s.svc.MakeLink(ctx, bob.ID, row.purpose)
		if err != nil {
			t.Fatal(err)
		}
		b, fields := s.browser(), append([]string{"token", address[strings.Index(address, "token=")+6:]}, row.fields...)
		for range 2 {
			if a := b.page(address); a.StatusCode != 200 || len(b.cookies()) != 0 || a.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Fatalf("%s: %d %s", row.purpose, a.StatusCode, a.body)
			}
		}
		if row.purpose == models.LinkPassword {
			if a := b.form("/auth/link", "token", fields[1], "password", "canary"); a.StatusCode != 400 || strings.Contains(a.body, "canary") || !strings.Contains(a.body, fields[1]) {
				t.Errorf("a short password: %d %s", a.StatusCode, a.body)
			}
		}
		if a := b.form("/auth/link", fields...); a.Header.Get("Location") != "/" {
			t.Fatalf("%s: %d %s", row.purpose, a.StatusCode, a.body)
		}
		if a := b.do("GET", "/auth/me"); a.StatusCode != 200 {
			t.Errorf("%s: me %d", row.purpose, a.StatusCode)
		}
		if a := s.browser().form("/auth/link", fields...); a.StatusCode != 400 {
			t.Errorf("%s, a second time: %d", row.purpose, a.StatusCode)
		}
	}
}

// A link's token stands in no log.
func TestLinkIsNotLogged(t *testing.T) {
	s := newSite(t)
	s.browser().page("/auth/link?token=canary-token")
	s.browser().form("/auth/link", "token", "canary-token", "password", "canary-password")
	if log := s.log.String(); strings.Contains(log, "canary") {
		t.Errorf("%s", log)
	}
}

func TestChangePassword(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	here, there, elsewhere := s.browser(), s.browser(), s.browser()
	for _, b := range []*browser{here, there, elsewhere} {
		b.signInAs("bob")
	}
	if a := here.form("/auth/account/password", "old_password", password, "password", "short"); a.StatusCode != 400 || !strings.Contains(a.body, "12 characters") {
		t.Errorf("a short one: %d", a.StatusCode)
	}
	a := here.form("/auth/account/password", "old_password", password, "password", "another long enough one")
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := here.page(a.Header.Get("Location")); !strings.Contains(a.body, "Your password is changed. 2 other sessions have ended.") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// A notice is one of ours, and a number is a small one.
func TestNotices(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	for query, want := range map[string]string{
		"notice=sessions_ended&n=3":                    "You are signed in here alone. 3 other sessions have ended.",
		"notice=sessions_ended&n=1":                    "You are signed in here alone. One other session has ended.",
		"notice=sessions_ended&n=0":                    "You are signed in here alone.",
		"notice=sessions_ended&n=-1":                   "You are signed in here alone.",
		"notice=sessions_ended&n=99999999999999999999": "You are signed in here alone.",
		"notice=sessions_ended&n=20000":                "You are signed in here alone.",
		"notice=sessions_ended&n=canary":               "You are signed in here alone.",
	} {
		if a := b.page("/auth/account?" + query); !strings.Contains(a.body, want+"<") {
			t.Errorf("%s: no %q", query, want)
		}
	}
	for _, query := range []string{"notice=canary", "n=4711", "notice=&n=4711"} {
		if a := b.page("/auth/account?" + query); strings.Contains(a.body, "canary") || strings.Contains(a.body, "4711") {
			t.Errorf("%s is shown", query)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	s.account("eve")
	here, there, eve := s.browser(), s.browser(), s.browser()
	here.signInAs("bob")
	there.signInAs("bob")
	eve.signInAs("eve")
	id, _, _ := strings.Cut(there.cookies()["dagpass"], ".")
	if a := eve.form("/auth/account/sessions/end", "id", id); a.StatusCode != 404 {
		t.Errorf("somebody else's: %d", a.StatusCode)
	}
	if a := here.page("/auth/account"); !strings.Contains(a.body, `value="`+id+`"`) {
		t.Error("the page does not offer it")
	}
	if a := here.form("/auth/account/sessions/end", "id", id); a.Header.Get("Location") != "/auth/account?notice=session_ended&n=0" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := there.do("GET", "/auth/me"); a.StatusCode != 401 {
		t.Errorf("it goes on: %d", a.StatusCode)
	}
}

// stale is a site whose clock can be put forward.
func stale(t *testing.T, sources ...providers.Source) (*site, func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	s := newSiteWith(t, sources, func(c *handlers.Config) {
		c.Identity.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	return s, func(d time.Duration) { ahead.Add(int64(d)) }
}

// Whoever proved long ago who they are is asked again, and comes back.
func TestConfirm(t *testing.T) {
	s, pass := stale(t)
	s.account("bob")
	b := s.browser()
	b.signInAs("bob")
	pass(20 * time.Minute)
	a := b.page("/auth/account/totp")
	if a.Header.Get("Location") != "/auth/confirm?next=%2Fauth%2Faccount%2Ftotp" {
		t.Fatalf("%d %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := b.form("/auth/account/recovery-codes"); a.Header.Get("Location") != "/auth/confirm?next=%2Fauth%2Faccount" {
		t.Errorf("a form: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	var said struct {
		Error      struct{ Code string }
		ConfirmURL string `json:"confirm_url"`
	}
	program := b.send("POST", "/auth/account/recovery-codes", "", "Origin", s.url)
	if json.Unmarshal([]byte(program.body), &said) != nil || program.StatusCode != 403 || said.Error.Code != "confirm_required" || !strings.HasPrefix(said.ConfirmURL, s.url+"/auth/confirm?next=") {
		t.Errorf("a program: %d %s", program.StatusCode, program.body)
	}
	if a := b.form("/auth/confirm", "password", "wrong", "next", "/auth/account/totp"); a.StatusCode != 400 || !strings.Contains(a.body, `value="/auth/account/totp"`) {
		t.Errorf("a wrong password: %d", a.StatusCode)
	}
	session := b.cookies()["dagpass"]
	if a := b.form("/auth/confirm", "password", password, "next", "/auth/account/totp"); a.Header.Get("Location") != "/auth/account/totp" || len(a.Header.Values("Set-Cookie")) != 0 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := b.page("/auth/account/totp"); a.StatusCode != 200 || b.cookies()["dagpass"] != session {
		t.Errorf("after: %d", a.StatusCode)
	}
}

// A provider is another origin: a form leads there by a page that moves on.
func TestConfirmAtProvider(t *testing.T) {
	s, pass := stale(t)
	b := s.browser()
	b.signIn()
	pass(20 * time.Minute)
	session := b.cookies()["dagpass"]
	a := b.form("/auth/confirm/provider", "next", "/auth/account/totp")
	_, to, _ := strings.Cut(a.Header.Get("Refresh"), "url=")
	if a.StatusCode != 200 || !strings.HasPrefix(to, s.idp.Issuer) {
		t.Fatalf("%d %q", a.StatusCode, a.Header.Get("Refresh"))
	}
	if q, err := url.Parse(to); err != nil || q.Query().Get("prompt") != "login" {
		t.Errorf("not asked anew: %s", to)
	}
	if a := b.page("/auth/account/totp"); a.StatusCode != 303 {
		t.Errorf("before it is proved: %d", a.StatusCode)
	}
	if b.cookies()["dagpass"] != session {
		t.Error("the session was changed")
	}
}

func TestLinkAnotherProvider(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	b := s.browser()
	b.signInAs("bob")
	a := b.form("/auth/account/link/oidc")
	_, to, _ := strings.Cut(a.Header.Get("Refresh"), "url=")
	back := b.page("/auth/callback/oidc?" + s.idp.Login(to, "ada").Encode())
	if back.Header.Get("Location") != "/auth/account" || len(b.cookies()) != 1 {
		t.Fatalf("%d %s %v", back.StatusCode, back.body, b.cookies())
	}
	if a := b.page("/auth/account"); !strings.Contains(a.body, "ada@example.com") || !strings.Contains(a.body, "/auth/account/unlink") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func header(t *testing.T, from string) providers.Source {
	t.Helper()
	h, err := providers.NewHeader(providers.HeaderConfig{
		Kind: "plain", User: "X-Sso-User", From: []netip.Prefix{netip.MustParsePrefix(from)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Headers are believed of who sends them to us, whatever these say of others,
// and only where a browser comes itself.
func TestHeader(t *testing.T) {
	trusted := func(c *handlers.Config) { c.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	for _, row := range []struct {
		name, method, from string
		header             []string
		want               string
	}{
		{"the proxy", "GET", "127.0.0.1/32", nil, "303 /runs"},
		{"a browser's navigation", "GET", "127.0.0.1/32", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, "303 /runs"},
		{"a script", "GET", "127.0.0.1/32", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, "403 foreign_origin"},
		{"an image", "GET", "127.0.0.1/32", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, "403 foreign_origin"},
		{"a frame", "GET", "127.0.0.1/32", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, "403 foreign_origin"},
		{"somebody else", "GET", "10.0.0.1/32", nil, "403 signin_failed"},
		{"somebody who says to be", "GET", "10.0.0.1/32", []string{"X-Forwarded-For", "10.0.0.1", "X-Real-Ip", "10.0.0.1"}, "403 signin_failed"},
		{"a form", "POST", "127.0.0.1/32", []string{"Sec-Fetch-Site", "same-origin"}, "404 provider_unknown"},
		{"a look", "HEAD", "127.0.0.1/32", nil, "404"},
	} {
		b := newSiteWith(t, []providers.Source{header(t, row.from)}, trusted).browser()
		a := b.do(row.method, "/auth/start/header?next=/runs", append([]string{"X-Sso-User", "ada"}, row.header...)...)
		if got(a) != row.want || (b.cookies()["dagpass"] != "") != (a.StatusCode == 303) {
			t.Errorf("%s: %s, cookies %v", row.name, got(a), b.cookies())
		}
	}
}

func TestHeaderIsAButton(t *testing.T) {
	b := newSiteWith(t, []providers.Source{header(t, "127.0.0.1/32")}).browser()
	if a := b.page("/auth/login?next=/runs"); !strings.Contains(a.body, `href="/auth/start/header?next=%2Fruns"`) {
		t.Errorf("%s", a.body)
	}
	if a := b.do("GET", "/auth/providers"); !strings.Contains(a.body, `"type":"header"`) || !strings.Contains(a.body, `"password_enabled":true`) {
		t.Errorf("%s", a.body)
	}
}

func TestDirectory(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	server.LDIF(t, "dn: uid=alice,ou=people,"+slapdtest.Base+"\nchangetype: add\nobjectClass: inetOrgPerson\nuid: alice\ncn: Alice\nsn: L\n"+
		"mail: alice@example.org\nuserPassword: looking-glass\n\n")
	directory, err := providers.NewLDAP(providers.LDAPConfig{
		URLs: []string{server.TLSURL}, CAFile: server.CAFile, BaseDN: slapdtest.Base, Label: "Wonderland",
		BindDN: slapdtest.Search, BindPassword: slapdtest.SearchPassword,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := newSiteWith(t, []providers.Source{directory}, oauthOnly).browser()
	if a := b.page("/auth/login"); !strings.Contains(a.body, `action="/auth/start/ldap"`) || strings.Contains(a.body, `href="/auth/start/ldap`) {
		t.Errorf("no form: %s", a.body)
	}
	a := b.form("/auth/start/ldap", "username", "alice", "password", "canary", "next", "/runs")
	if a.StatusCode != 400 || !strings.Contains(a.body, `value="alice"`) || strings.Contains(a.body, "canary") || !strings.Contains(a.body, "The name or the password is wrong.") {
		t.Errorf("a wrong password: %d %s", a.StatusCode, a.body)
	}
	if a := b.form("/auth/start/ldap", "username", "alice", "password", "looking-glass", "next", "/runs"); a.Header.Get("Location") != "/runs" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// A script in a page of Dagster's, which is of our origin, reads and makes no way
// to sign in, however fresh the session is; nor does a frame.
func TestScriptsElsewhere(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	b := s.browser()
	b.signInAs("bob")
	enrolled := newSite(t, mfaRequired).browser()
	enrolled.s.account("carol")
	enrolled.signInAs("carol")
	for _, r := range table(t) {
		who := b
		switch {
		case r.method == "JSON" || r.path == "/auth/account/link/:slot":
			continue
		case strings.HasPrefix(r.path, "/auth/mfa"):
			who = enrolled
		case !strings.HasPrefix(r.path, "/auth/account") && !strings.HasPrefix(r.path, "/auth/confirm"):
			continue
		}
		frame := []string{"Accept", "text/html", "Sec-Fetch-Site", "same-origin", "Origin", s.url, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}
		for name, header := range map[string][]string{"a script": who.asScriptElsewhere(), "a frame": frame} {
			if a := who.send(r.method, r.path, "", header...); a.StatusCode != http.StatusForbidden || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s %s: %d", name, r.method, r.path, a.StatusCode)
			}
		}
	}
}

// A passkey begins on a page of ours, with what only that page shows, and that of
// nobody else.
func TestPasskeysBeginOnOurPage(t *testing.T) {
	s := newSite(t)
	begins := func(b *browser, page string) string {
		return html.UnescapeString(regexp.MustCompile(`data-begin="([^"]*)"`).FindStringSubmatch(b.page(page).body)[1])
	}
	people := map[string]string{"bob": "/auth/account", "carol": "/auth/account", "dave": "/auth/mfa/enrol"}
	for name, page := range people {
		asking(s.svc, map[bool]identity.MFA{true: identity.MFARequired, false: identity.MFAOptional}[name == "dave"])
		s.account(name)
		b, other := s.browser(), s.browser()
		b.signInAs(name)
		address := begins(b, page)
		if a := b.script(address, "{}"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"challenge"`) {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
		s.account(name + "2")
		other.signInAs(name + "2")
		for _, wrong := range []string{strings.TrimRight(address[:strings.Index(address, "?")], "?"), address[:len(address)-4] + "AAAA"} {
			if a := b.script(wrong, "{}"); got(a) != "403 not_by_hand" {
				t.Errorf("%s at %s: %s", name, wrong, got(a))
			}
		}
		if a := other.script(address, "{}"); got(a) != "403 not_by_hand" {
			t.Errorf("%s with another's: %s", name, got(a))
		}
	}
}
