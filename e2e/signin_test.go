package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// The whole walk of a person: a deep link, the provider's own form, Dagster's
// page with live updates, the account page, and out again.
func signInAtKeycloak(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	page := w.chromium.Person(t)

	page.Open(s.URL + "/runs?q[0]=job:counting")
	page.AwaitLocation(s.URL + "/auth/login")
	page.Click(`a[href*="/auth/start/keycloak"]`)
	atKeycloak(page, parts.Editor)
	page.AwaitLocation(s.URL + "/runs?q[0]=job:counting")
	page.SeeText("Runs")

	watchRun(t, page, s.URL, w.dagster.Storage)

	page.Open(s.URL + "/auth/account")
	page.SeeText("edda@example.com")
	page.SeeText("dagster-editors")
	page.Click(`form[action$="/auth/logout"] button`)
	page.AwaitLocation(s.URL + "/auth/login")
	signedOut(t, page, s)
}

func atKeycloak(page *parts.Page, name string) {
	page.Type("#username", name)
	page.Type("#password", parts.Password)
	page.Click("#kc-login")
}

// watchRun launches a run from the page and reads its log as it comes: through
// the socket, without a reload.
func watchRun(t *testing.T, page *parts.Page, url string, storage *parts.Storage) {
	t.Helper()
	id := launchFrom(t, page, url)
	messages := page.SocketMessages()
	page.Open(url + "/runs/" + id)
	page.Evaluate("window.loadedOnce = true")
	page.SeeText("line 6 of 6")
	page.SeeText("Success")
	if page.Evaluate("window.loadedOnce") != "true" {
		t.Error("the page was loaded anew; updates should come by themselves")
	}
	if all := strings.Join(messages(), "\n"); !strings.Contains(all, "line 6 of 6") {
		t.Errorf("the log did not come through the socket: %.2000s", all)
	}
	if run, ok := storage.State(t).Run(id); !ok || run.Status != "SUCCESS" {
		t.Errorf("Dagster's storage has %+v", run)
	}
}

// launchFrom lets the page's own JavaScript launch a run that takes three
// seconds, as Dagster's does, and returns its id.
func launchFrom(t *testing.T, page *parts.Page, url string) string {
	t.Helper()
	body, err := json.Marshal(launchCounting(6, 0.5))
	if err != nil {
		t.Fatal(err)
	}
	var id string
	value := page.Evaluate(fmt.Sprintf(`fetch(%q, {method: "POST", headers: {"Content-Type": "application/json"}, body: %q})`+
		`.then(r => r.json()).then(r => r.data.launchRun.run.runId)`, url+"/graphql?op=Launch", body))
	if err := json.Unmarshal([]byte(value), &id); err != nil || id == "" {
		t.Fatalf("launched %s", value)
	}
	return id
}

// signedOut holds that nothing is left of a session: pages lead to the login
// page, the rest is refused, and Keycloak asks for the password again.
func signedOut(t *testing.T, page *parts.Page, s *server) {
	t.Helper()
	answer := page.Evaluate(`fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"query":"{version}"}'})` +
		`.then(async r => [r.status, r.redirected, r.headers.get('Content-Type'), (await r.json()).login_url])`)
	if want := `[401,false,"application/json`; !strings.HasPrefix(answer, want) || !strings.Contains(answer, "/auth/login") {
		t.Errorf("/graphql after signing out: %s, want %s… and a login_url", answer, want)
	}
	page.Open(s.URL + "/assets")
	page.AwaitLocation(s.URL + "/auth/login?next=%2Fassets")
	page.Click(`a[href*="/auth/start/keycloak"]`)
	page.See("#username")
}

// The certified provider sends iss with its answer (RFC 9207); an answer with
// another iss, or none, is somebody else's.
func signInAtOIDCProvider(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	page := w.chromium.Person(t)
	page.Open(s.URL + "/locations")
	page.Click(`a[href*="/auth/start/certified"]`)
	atOIDCProvider(page, parts.Viewer)
	page.AwaitLocation(s.URL + "/locations")
	page.SeeText("marketing")
	if who := page.Evaluate("fetch('/auth/me').then(r => r.json()).then(m => [m.user.email, m.user.provider, m.role])"); who != `["vic@example.com","certified","viewer"]` {
		t.Errorf("signed in as %s", who)
	}
}

func atOIDCProvider(page *parts.Page, name string) {
	page.Type(`input[name="login"]`, name)
	page.Type(`input[name="password"]`, parts.Password)
	page.Click(`form:has(input[value="login"]) button`)
	page.Click(`form:has(input[value="consent"]) button`)
}

// Two tabs come to the provider before either is finished; each goes on to
// where it was going.
func twoTabs(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	one := w.chromium.Person(t)
	two := one.Tab()
	for _, tab := range []struct {
		*parts.Page
		to string
	}{{one, "/jobs"}, {two, "/locations"}} {
		tab.Open(s.URL + tab.to)
		tab.Click(`a[href*="/auth/start/certified"]`)
		tab.See(`input[name="login"]`)
	}
	atOIDCProvider(one, parts.Viewer)
	one.AwaitLocation(s.URL + "/jobs")
	atOIDCProvider(two, parts.Viewer)
	two.AwaitLocation(s.URL + "/locations")
	two.SeeText("marketing")
}

// What comes back to the callback is changed on the way. Each is refused for
// its own reason, which is written down and which the browser is not told.
func mixedUp(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	for _, attack := range []struct {
		name, reason string
		change       func(url.Values)
	}{
		{"another issuer answers", "iss_mismatch", func(q url.Values) { q.Set("iss", w.keycloak.Issuer) }},
		{"no issuer answers", "iss_mismatch", func(q url.Values) { q.Del("iss") }},
		{"another state", "state", func(q url.Values) { q.Set("state", strings.Repeat("a", 43)) }},
		{"an empty state", "callback_malformed", func(q url.Values) { q.Set("state", "") }},
		{"a code that was not given", "exchange_failed", func(q url.Values) { q.Set("code", strings.Repeat("a", 43)) }},
		{"the state twice", "callback_malformed", func(q url.Values) { q.Add("state", q.Get("state")) }},
		{"the provider says no", "denied", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			p := newPerson(s.URL)
			callback := p.interrupted(t, "certified", parts.Editor)
			query := callback.Query()
			attack.change(query)
			p.mustBeRefused(t, s, "/auth/callback/certified?"+query.Encode(), attack.reason)
		})
	}
	t.Run("the same answer twice", func(t *testing.T) { replay(t, s) })
	t.Run("in another browser", func(t *testing.T) { otherBrowser(t, s) })
}

func replay(t *testing.T, s *server) {
	p := newPerson(s.URL)
	callback := p.interrupted(t, "certified", parts.Editor)
	attempt := p.http.Jar.Cookies(callback)
	if a := p.get(t, callback.RequestURI()); a.StatusCode != http.StatusOK {
		t.Fatalf("the first time: %s", a.Status)
	}
	// Somebody who has the address and the attempt's cookie, but no session.
	thief := newPerson(s.URL)
	thief.http.Jar.SetCookies(callback, attempt)
	thief.mustBeRefused(t, s, callback.RequestURI(), "state_spent")
}

func otherBrowser(t *testing.T, s *server) {
	callback := newPerson(s.URL).interrupted(t, "certified", parts.Editor)
	newPerson(s.URL).mustBeRefused(t, s, callback.RequestURI(), "state")
}

// interrupted signs in as far as the callback, and returns its address
// instead of going there.
func (p *person) interrupted(t *testing.T, slot, name string) *url.URL {
	t.Helper()
	return p.untilCallback(t, p.base+"/auth/start/"+slot, name)
}

// untilCallback goes to an address that leads to a provider, and returns the one
// that the provider sends back to.
func (p *person) untilCallback(t *testing.T, address, name string) *url.URL {
	t.Helper()
	p.http.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.Contains(req.URL.Path, "/auth/callback/") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { p.http.CheckRedirect = nil }()
	answer, err := p.untilRedirect(address, name)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (p *person) untilRedirect(address, name string) (*url.URL, error) {
	answer, err := p.http.Get(address)
	for err == nil && answer.StatusCode < 300 {
		var form *http.Request
		if form, err = fill(answer, name); err == nil {
			answer, err = p.http.Do(form)
		}
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return answer.Location()
}

// mustBeRefused goes to a callback and must come back with nothing: a fixed
// sentence and no session. The reason is in the log or the audit trail, which
// are written before the answer, and not in the page.
func (p *person) mustBeRefused(t *testing.T, s *server, path, reason string) {
	t.Helper()
	before := len(s.printed(t))
	a := p.get(t, path)
	if a.StatusCode < 400 || a.StatusCode > 502 || a.StatusCode == http.StatusInternalServerError {
		t.Errorf("answered %s at %s", a.Status, a.Request.URL)
	}
	if who, ok := p.me(t); ok {
		t.Errorf("signed in as %s", who.User.Email)
	}
	written := s.printed(t)[before:]
	if !strings.Contains(written, `"reason":"`+reason+`"`) && !strings.Contains(written, `"error":"`+reason+`:`) {
		t.Errorf("the reason should be %s; written down was\n%s", reason, written)
	}
	if strings.Contains(reason, "_") && strings.Contains(a.body, reason) {
		t.Errorf("the page tells the reason: %s", a.body)
	}
}

// People whom the provider or we refuse.
func refusedPeople(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL).with(settings{"OIDC_CERTIFIED_ALLOWED_EMAILS": "vic@example.com"}))
	for _, row := range []struct{ name, slot, who string }{
		{"an address that was never verified", "keycloak", parts.Unverified},
		{"not on the list", "certified", parts.Editor},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPerson(s.URL)
			a, err := p.signIn(row.slot, row.who)
			if err != nil || a.StatusCode != http.StatusForbidden {
				t.Errorf("answered %v, %v; want 403", a, err)
			}
			if who, ok := p.me(t); ok {
				t.Errorf("signed in as %s", who.User.Email)
			}
		})
	}
	t.Run("disabled at Keycloak", func(t *testing.T) {
		p := newPerson(s.URL)
		if _, err := p.signIn("keycloak", parts.Disabled); err == nil || !strings.Contains(err.Error(), "disabled") {
			t.Errorf("Keycloak said %v", err)
		}
	})
	t.Run("on the list", func(t *testing.T) { signedIn(t, s, "certified", parts.Viewer) })
}
