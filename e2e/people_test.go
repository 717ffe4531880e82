package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/coder/websocket"

	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// Passwords that nobody tries first.
const (
	firstPassword  = "violet tram over nine bridges"
	secondPassword = "slow river, quick pencil 7"
)

// noProvider is dagpass with local accounts alone, on a database of its own.
func (w *world) noProvider(t *testing.T, database string) settings {
	return settings{
		"LISTEN": "127.0.0.1:" + parts.FreePort(t), "UPSTREAM": w.dagster.URL, "DATABASE_URL": database,
		"SECRET_KEY": secretKey, "LOG_FORMAT": "json", "TRUSTED_PROXIES": "127.0.0.0/8",
	}
}

// claimedToRecovered takes an installation with two replicas from its first start to
// break-glass, as docs/accounts.md tells it.
func claimedToRecovered(t *testing.T, w *world) {
	set := w.noProvider(t, pgtest.URL(t)).with(settings{"PUBLIC_URL": "http://localhost:" + parts.FreePort(t)})
	one := w.launch(t, set)
	two := w.launch(t, set.with(settings{"LISTEN": "127.0.0.1:" + parts.FreePort(t)}))
	one.ready(t)
	two.ready(t)

	t.Run("nobody has claimed it", func(t *testing.T) { unclaimed(t, one) })
	admin := claimedOnce(t, w, one, two)
	t.Run("a second claim comes too late", func(t *testing.T) {
		p := newPerson(one.URL).using(two)
		a := p.form(t, "/auth/setup", url.Values{"token": {setupToken(t, two)}, "username": {"late"}, "password": {firstPassword}})
		if _, in := p.me(t); a.StatusCode < 400 || in {
			t.Errorf("%s: %.300s", a.Status, a.body)
		}
	})
	t.Run("invited by a link", func(t *testing.T) { invited(t, w, set, one, two) })
	t.Run("failed attempts", func(t *testing.T) { failedAttempts(t, w, set, one, two) })
	t.Run("a changed password ends the others", func(t *testing.T) { changedPassword(t, w, set, one, two) })
	for verb, args := range map[string][]string{
		"demoted": {"user", "set-role", "%s", "viewer"}, "disabled": {"user", "disable", "%s"}, "deleted": {"user", "delete", "%s"},
		"signed out by an operator": {"session", "revoke", "--user", "%s"}, "without a second factor again": {"user", "reset-mfa", "%s"},
	} {
		t.Run(verb+", out on both", func(t *testing.T) {
			name := strings.ReplaceAll(strings.Fields(verb)[0], ",", "") + "-person"
			password := w.account(t, set, one, name, "editor")
			outOnBoth(t, one, two, name, password, func() {
				for i := range args {
					args[i] = strings.Replace(args[i], "%s", name, 1)
				}
				w.run(t, set, args...)
			})
		})
	}
	t.Run("the last admin stays one", func(t *testing.T) {
		for _, args := range [][]string{{"user", "disable", admin}, {"user", "delete", admin}, {"user", "set-role", admin, "viewer"}} {
			if out, ok := w.try(t, set, args...); ok || !strings.Contains(out, "last admin") {
				t.Errorf("dagpass %s: %s", strings.Join(args, " "), out)
			}
		}
	})
	t.Run("locked down, and recovered", func(t *testing.T) { lockedDown(t, w, set, one, admin) })
}

// using sends the next requests to one replica.
func (p *person) using(s *server) *person { p.use(s); return p }

// from says that the person is elsewhere: what a trusted proxy tells.
func (p *person) from(address string) *person {
	p.http.Transport = telling{p.http.Transport, "X-Forwarded-For", address}
	return p
}

// telling says something in a header of each request.
type telling struct {
	http.RoundTripper
	header, value string
}

func (t telling) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(t.header, t.value)
	return t.RoundTripper.RoundTrip(r)
}

// form sends a form and gives the answer itself, wherever it leads.
func (p *person) form(t *testing.T, path string, values url.Values) answer {
	t.Helper()
	req, err := post(p.base+path, "application/x-www-form-urlencoded", values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	following := p.http.CheckRedirect
	defer func() { p.http.CheckRedirect = following }()
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p.do(t, req)
}

// password signs in with one.
func (p *person) password(t *testing.T, name, password string) answer {
	t.Helper()
	return p.form(t, "/auth/login", url.Values{"username": {name}, "password": {password}})
}

// unclaimed: whatever would go to Dagster is answered by us.
func unclaimed(t *testing.T, s *server) {
	p := newPerson(s.URL)
	page, err := http.NewRequest(http.MethodGet, s.URL+"/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	page.Header.Set("Accept", "text/html")
	if a := p.using(s).do(t, page); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "/auth/setup") {
		t.Errorf("%s: %.500s", a.Status, a.body)
	}
	if a := p.graphql(t, `{ version }`); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, `"setup_required"`) {
		t.Errorf("%s: %.500s", a.Status, a.body)
	}
	if socket, _, err := websocket.Dial(t.Context(), p.base+"/graphql", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: p.http.Transport}, Subprotocols: []string{"graphql-ws"}, HTTPHeader: http.Header{"Origin": {p.origin()}},
	}); err == nil {
		socket.CloseNow()
		t.Error("a socket opened")
	}
	if a := p.get(t, "/auth/health?type=ready"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"setup_required":true`) {
		t.Errorf("%s: %s", a.Status, a.body)
	}
	a := p.form(t, "/auth/setup", url.Values{"token": {strings.Repeat("A", 43)}, "username": {"stranger"}, "password": {firstPassword}})
	if _, in := p.me(t); a.StatusCode < 400 || in {
		t.Errorf("a stranger claimed it: %s", a.Status)
	}
}

var setupLine = regexp.MustCompile(`(?m)^setup token: (\S+)$`)

func setupToken(t *testing.T, s *server) string {
	t.Helper()
	found := setupLine.FindStringSubmatch(s.printed(t))
	if found == nil {
		t.Fatalf("no setup token in the log:\n%s", s.printed(t))
	}
	return found[1]
}

// claimedOnce has two people claim the installation at once, each on a replica
// with the token of its log, and returns the username of the one who did.
func claimedOnce(t *testing.T, w *world, replicas ...*server) (admin string) {
	t.Helper()
	var race sync.WaitGroup
	founders := make([]*person, len(replicas))
	for i, s := range replicas {
		founders[i] = newPerson(s.URL).using(s)
		token := setupToken(t, s)
		race.Go(func() {
			founders[i].form(t, "/auth/setup", url.Values{
				"token": {token}, "username": {fmt.Sprintf("Founder%d", i)}, "name": {"Fay Founder"}, "password": {firstPassword},
			})
		})
	}
	race.Wait()
	in := 0
	for i, p := range founders {
		if who, ok := p.me(t); ok && who.Role == "admin" {
			in, admin = in+1, fmt.Sprintf("Founder%d", i)
		}
	}
	if in != 1 {
		t.Fatalf("%d claimed it", in)
	}
	var accounts []struct{ Role string }
	if err := json.Unmarshal([]byte(w.run(t, replicas[0].set, "user", "list", "--json")), &accounts); err != nil || len(accounts) != 1 {
		t.Errorf("%+v, %v", accounts, err)
	}
	return admin
}

var linkInOutput = regexp.MustCompile(`http://\S+/auth/link\?token=(\S+)`)

// linkFrom is the token of the link that a verb printed.
func linkFrom(t *testing.T, out string) string {
	t.Helper()
	found := linkInOutput.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no link in %s", out)
	}
	return found[1]
}

// account makes an account and chooses its password by the link, from the
// address that it is known at from then on.
func (w *world) account(t *testing.T, set settings, s *server, name, role string) (password string) {
	t.Helper()
	token := linkFrom(t, w.run(t, set, "user", "add", name, "--role", role))
	p := newPerson(s.URL).using(s).from(home)
	if a := p.form(t, "/auth/link", url.Values{"token": {token}, "password": {firstPassword}}); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %.500s", a.Status, a.body)
	}
	return firstPassword
}

// Addresses from the documentation blocks (RFC 5737).
const (
	home     = "198.51.100.7"
	nowhere  = "203.0.113.9"
	nextDoor = "203.0.113.10"
)

func invited(t *testing.T, w *world, set settings, one, two *server) {
	token := linkFrom(t, w.run(t, set, "user", "add", "Bob", "--role", "editor", "--email", "bob@example.com"))
	path := "/auth/link?token=" + token
	for range 3 { // a mail program looks first
		if a := newPerson(one.URL).using(one).get(t, path); a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %.300s", a.Status, a.body)
		}
	}
	p := newPerson(one.URL).using(two).from(home)
	for _, bad := range []string{"short", "password1234", "bobbobbobbob", ""} {
		if a := p.form(t, "/auth/link", url.Values{"token": {token}, "password": {bad}}); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", bad, a.Status)
		}
	}
	a := p.form(t, "/auth/link", url.Values{"token": {token}, "password": {firstPassword}})
	if who, in := p.me(t); !in || who.Role != "editor" || who.User.Provider != "password" {
		t.Errorf("%s: %+v %.300s", a.Status, who, a.body)
	}
	other := newPerson(one.URL).using(one)
	if a := other.form(t, "/auth/link", url.Values{"token": {token}, "password": {secondPassword}}); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the link worked twice: %s", a.Status)
	}
	for _, name := range []string{"bob", "BOB", "Bob@Example.com", "ｂｏｂ"} {
		q := newPerson(one.URL).using(one).from(home)
		if a := q.password(t, name, firstPassword); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	if a := p.graphql(t, `{ version }`); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"version"`) {
		t.Errorf("Dagster is not reached: %s %.300s", a.Status, a.body)
	}
}

// failedAttempts: strangers are stopped on both replicas, and stop nobody who
// is signed in or at home.
func failedAttempts(t *testing.T, w *world, set settings, one, two *server) {
	w.account(t, set, one, "carol", "viewer")
	in := newPerson(one.URL).using(one).from(home)
	in.password(t, "carol", firstPassword)
	stranger := newPerson(one.URL).from(nowhere)
	for i := range 5 {
		stranger.use([]*server{one, two}[i%2])
		if a := stranger.password(t, "carol", "not the password"); a.StatusCode == http.StatusTooManyRequests || a.StatusCode < 400 {
			t.Fatalf("attempt %d: %s", i, a.Status)
		}
	}
	for _, s := range []*server{one, two} {
		for _, at := range []string{nowhere, nextDoor} {
			p := newPerson(one.URL).using(s).from(at)
			a := p.password(t, "Carol", firstPassword)
			if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
				t.Errorf("from %s: %s, retry after %q", at, a.Status, a.Header.Get("Retry-After"))
			}
		}
	}
	if _, still := in.me(t); !still {
		t.Error("strangers ended a session")
	}
	if a := newPerson(one.URL).using(two).from(home).password(t, "carol", firstPassword); a.StatusCode != http.StatusSeeOther {
		t.Errorf("strangers locked somebody out at home: %s", a.Status)
	}
	for range 8 { // a name that nobody has is no different
		stranger.password(t, "nobody-at-all", "not the password")
	}
	if a := stranger.password(t, "nobody-at-all", "not the password"); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a name that nobody has: %s", a.Status)
	}
}

func changedPassword(t *testing.T, w *world, set settings, one, two *server) {
	w.account(t, set, one, "dora", "editor")
	changing := newPerson(one.URL).using(one).from(home)
	changing.password(t, "dora", firstPassword)
	outOnBoth(t, one, two, "dora", firstPassword, func() {
		a := changing.form(t, "/auth/account/password", url.Values{"old_password": {firstPassword}, "password": {secondPassword}})
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %.500s", a.Status, a.body)
		}
	})
	if _, in := changing.me(t); !in {
		t.Error("whoever changed it is out, too")
	}
	if a := newPerson(one.URL).using(one).from(home).password(t, "dora", firstPassword); a.StatusCode < 400 {
		t.Errorf("the former password: %s", a.Status)
	}
}

// outOnBoth signs in, ends it, and waits until both replicas and a socket on the
// second have noticed.
func outOnBoth(t *testing.T, one, two *server, name, password string, end func()) {
	t.Helper()
	p := newPerson(one.URL).using(one).from(home)
	if a := p.password(t, name, password); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %.300s", a.Status, a.body)
	}
	p.use(two)
	socket := p.socket(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*soon) // a verb has to start, too
	defer cancel()
	closed := whenClosed(ctx, socket)
	end()
	for _, replica := range []*server{one, two} {
		p.use(replica)
		until(ctx, t, "out on a replica", func() bool { _, in := p.me(t); return !in })
	}
	if !<-closed {
		t.Error("the socket outlived its session")
	}
}

// lockedDown restarts with a provider and without passwords: every way in that
// is kept here is gone, and break-glass lets the admin in.
func lockedDown(t *testing.T, w *world, set settings, one *server, admin string) {
	unspent := linkFrom(t, w.run(t, set, "user", "add", "erin"))
	former := newPerson(one.URL).using(one).from(home)
	former.password(t, admin, firstPassword)
	if _, in := former.me(t); !in {
		t.Fatal("the admin could not sign in")
	}
	sso := w.settings(t, w.dagster.URL)
	delete(sso, "POLICY")
	maps.Copy(sso, settings{"DATABASE_URL": set["DATABASE_URL"], "PASSWORD_LOGIN": "false", "PUBLIC_URL": set["PUBLIC_URL"]})
	s := w.serve(t, sso)

	former.use(s)
	if _, in := former.me(t); in {
		t.Error("a session by password lives on")
	}
	p := newPerson(s.URL).using(s).from(home)
	for _, path := range []string{"/auth/login", "/auth/setup", "/auth/passkey", "/auth/passkey/begin", "/auth/account/password"} {
		a := p.form(t, path, url.Values{"username": {admin}, "password": {firstPassword}, "token": {"x"}})
		if a.StatusCode != http.StatusNotFound {
			t.Errorf("POST %s: %s", path, a.Status)
		}
	}
	if a := p.form(t, "/auth/link", url.Values{"token": {unspent}, "password": {firstPassword}}); a.StatusCode < 400 {
		t.Errorf("a link to choose a password: %s", a.Status)
	}
	if out, ok := w.try(t, sso, "user", "add", "frank"); ok {
		t.Errorf("an account was made: %s", out)
	}
	login, err := goquery.NewDocumentFromReader(strings.NewReader(p.get(t, "/auth/login").body))
	if err != nil || login.Find("input[type=password]").Length() > 0 {
		t.Errorf("the page asks for a password, %v", err)
	}

	token := linkFrom(t, w.run(t, sso, "user", "link", admin))
	if a := p.form(t, "/auth/link", url.Values{"token": {token}}); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("break-glass: %s %.300s", a.Status, a.body)
	}
	if who, in := p.me(t); !in || who.Role != "admin" {
		t.Errorf("break-glass: %+v", who)
	}
	if a := newPerson(s.URL).using(s).form(t, "/auth/link", url.Values{"token": {token}}); a.StatusCode < 400 {
		t.Errorf("the link worked twice: %s", a.Status)
	}
	if trail := s.printed(t); !strings.Contains(trail, `"signin.finish"`) {
		t.Error("break-glass is not recorded")
	}
}

// try runs a verb that may fail, and tells what it printed and whether it did
// its work.
func (w *world) try(t *testing.T, set settings, args ...string) (out string, ok bool) {
	t.Helper()
	cmd := w.command(t, set, args...)
	printed, err := cmd.CombinedOutput()
	return string(printed), err == nil
}
