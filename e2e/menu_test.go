package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/dagpass/dagpass/e2e/parts"
)

// menu is what Dagpass adds to Dagster's own page, in the newest and the oldest
// Dagster that we know.
func menu(t *testing.T, w *world) {
	oldest := parts.StartDagster(t, parts.DagsterOptions{Version: parts.Oldest})
	newest := parts.StartDagster(t, parts.DagsterOptions{})
	for _, d := range []*parts.Dagster{oldest, newest} {
		d.Await(t)
		newPerson(d.URL).graphql(t, "mutation { setNuxSeen }") // else a dialog greets each person
	}
	t.Run("newest", func(t *testing.T) {
		m := w.newMenu(t, newest)
		t.Run("everywhere", m.everywhere)
		t.Run("drawer", m.drawer)
		t.Run("console", m.console)
		m.journey(t)
	})
	t.Run("1.10", func(t *testing.T) { w.newMenu(t, oldest).journey(t) })
	t.Run("below a prefix", func(t *testing.T) { menuBelowPrefix(t, w) })
	t.Run("monitor mode", func(t *testing.T) { monitorMode(t, w, newest) })
}

// menuWorld is a Dagpass in front of a Dagster whose GraphQL can be held back.
type menuWorld struct {
	*server
	*gate
	w       *world
	dagster *parts.Dagster
	policy  string // path of the policy file
}

func (w *world) newMenu(t *testing.T, d *parts.Dagster) *menuWorld {
	m := &menuWorld{gate: newGate(t, d.URL), w: w, dagster: d, policy: filepath.Join(t.TempDir(), "policy.yaml")}
	m.grant(t, groupPolicy)
	set := w.settings(t, m.gate.URL).with(settings{"POLICY_FILE": m.policy})
	delete(set, "POLICY")
	m.server = w.serve(t, set)
	return m
}

func (m *menuWorld) grant(t *testing.T, policy string) {
	t.Helper()
	if err := os.WriteFile(m.policy, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *menuWorld) journey(t *testing.T) {
	t.Run("keyboard", m.keyboard)
	t.Run("lost and found", m.lostAndFound)
	t.Run("whatever the name", m.names)
	t.Run("the browser forgets", m.forgets)
	t.Run("the session ends", m.ends)
	t.Run("two people", m.twoPeople)
	t.Run("other permissions", m.otherPermissions)
	t.Run("activity", m.activity)
	t.Run("a corner", m.corner)
}

// gate lets requests through to a Dagster; those for the workspace only while it
// is open, and the app's own scripts only while they are there.
type gate struct {
	URL string

	mu      sync.Mutex
	held    chan struct{} // closed when the gate opens
	waiting int           // how many have been held since it closed
	noFiles bool
}

// workspace tells the queries whose answers the app keeps, by the name that they
// have in the address.
var workspace = regexp.MustCompile(`^op=(CodeLocationStatus|LocationWorkspace|AssetRecords|SearchPrimary)`)

func newGate(t *testing.T, upstream string) *gate {
	t.Helper()
	to, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	g, forward := &gate{}, httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.stops(r) {
			http.NotFound(w, r)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(g.release)
	g.URL = server.URL
	return g
}

// stops waits while the gate is closed; true is never to go on.
func (g *gate) stops(r *http.Request) bool {
	g.mu.Lock()
	held := g.held
	if !workspace.MatchString(r.URL.RawQuery) {
		held = nil
	}
	if held != nil {
		g.waiting++
	}
	stop := g.noFiles && strings.HasPrefix(r.URL.Path, "/_next/")
	g.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			return true
		}
	}
	return stop
}

// hold closes the gate, or counts anew where it is closed.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = 0
	if g.held == nil {
		g.held = make(chan struct{})
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// asked waits until somebody waits at the gate; a page of a busy machine may need
// a while to get there.
func (g *gate) asked(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	until(ctx, t, "the app asks for the workspace", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.waiting > 0 })
}

func (g *gate) withoutFiles(yes bool) { g.mu.Lock(); g.noFiles = yes; g.mu.Unlock() }

// signInAs opens a path and signs in on the way.
func (m *menuWorld) signInAs(page *parts.Page, name, path string) {
	page.Open(m.server.URL + path)
	page.Click(`a[href*="/auth/start/certified"]`)
	atOIDCProvider(page, name)
	page.AwaitLocation(m.server.URL + path)
}

// signOut uses the menu, and says yes at the provider.
func (m *menuWorld) signOut(page *parts.Page) {
	page.Click("#dagpass button")
	page.Click(`#dagpass-popup form[action$="/auth/logout"] button`)
	page.Click(`button[value="yes"]`)
	page.AwaitLocation(m.server.URL + "/auth/login")
}

// What has the focus, in words; and whether the menu is open, to the eye and to
// a screen reader.
const (
	focused = `document.activeElement.textContent`
	isOpen  = `[document.getElementById("dagpass-popup").matches(":popover-open"), document.querySelector("#dagpass button").getAttribute("aria-expanded")]`
)

func evaluates(t *testing.T, page *parts.Page, expression, want string) {
	t.Helper()
	if got := page.Evaluate(expression); got != want {
		t.Errorf("%s is %s, want %s", expression, got, want)
	}
}

// keyboard opens the menu without a mouse, by day and by night.
func (m *menuWorld) keyboard(t *testing.T) {
	for _, at := range []string{"day", "night"} {
		page := m.w.chromium.Person(t)
		if at == "night" {
			page.Dark()
		}
		m.signInAs(page, parts.Editor, "/assets")
		page.SeeText("orders")
		page.See("#dagpass button")
		evaluates(t, page, `document.querySelectorAll("#dagpass").length`, "1")
		page.Evaluate(`document.querySelector("#dagpass button").focus()`)
		for _, open := range []string{kb.Enter, " "} {
			page.Press(open)
			evaluates(t, page, isOpen, `[true,"true"]`)
			evaluates(t, page, focused, `"Account"`)
			for _, step := range []struct{ key, to string }{
				{kb.ArrowDown, `"Sign out"`}, {kb.ArrowDown, `"Account"`}, {kb.ArrowUp, `"Sign out"`}, {kb.Home, `"Account"`}, {kb.Tab, `"Sign out"`},
			} {
				page.Press(step.key)
				evaluates(t, page, focused, step.to)
			}
			page.Screenshot(map[string]string{"day": "menu", "night": "menu-dark"}[at])
			page.Press(kb.Escape)
			evaluates(t, page, isOpen, `[false,"false"]`)
			evaluates(t, page, `document.activeElement === document.querySelector("#dagpass button")`, "true")
		}
		page.Press(kb.Enter)
		page.Press(kb.Tab + kb.Tab) // beyond the last
		page.Await("the menu closes when the focus leaves", `!document.getElementById("dagpass-popup").matches(":popover-open")`)
		evaluates(t, page, `document.getElementById("dagpass-popup").textContent`, `"eddaedda@example.comEditorAccountSign out"`)
		page.Click("#dagpass button")
		page.Click("#dagpass-popup a")
		page.AwaitLocation(m.server.URL + "/auth/account")
	}
}

// console is in the menu of admins, between the others; the keyboard test sees
// that nobody else has it.
func (m *menuWorld) console(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Admin, "/overview")
	page.Click("#dagpass button")
	page.Await("the console is there", `document.querySelector("#dagpass-popup [role=menu]").textContent === "AccountConsoleSign out"`)
	page.Press(kb.ArrowDown)
	evaluates(t, page, focused, `"Console"`)
	page.Press(kb.Enter)
	page.AwaitLocation(m.server.URL + "/auth/admin")
	page.SeeText("Sign-ins per hour")
	page.Screenshot("console-overview")
}

// everywhere follows the menu through the app, which draws itself anew all the
// time, and with the navigation folded.
func (m *menuWorld) everywhere(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/overview")
	page.See("#dagpass button")
	page.Evaluate("window.loadedOnce = true")
	for _, link := range []string{"/runs", "/assets", "/automation", "/deployment", "/overview"} {
		page.Click(`a[href="` + link + `"]`)
		page.AwaitLocation(m.server.URL + link)
		page.See(`#dagpass[data-place="side"] button`)
	}
	toggle := `[...document.querySelectorAll("button")].find(b => b.textContent.includes("Hide navigation")).click()`
	page.Evaluate(toggle)
	page.Await("a square where the navigation is folded", `(({width, height}) => width === 32 && height === 32)(document.querySelector("#dagpass button").getBoundingClientRect())`)
	page.Click("#dagpass button")
	page.Screenshot("menu-folded")
	evaluates(t, page, isOpen, `[true,"true"]`)
	evaluates(t, page, `[document.querySelectorAll("#dagpass").length, window.loadedOnce]`, "[1,true]")
}

// drawer is the navigation on a telephone: Escape closes what is on top, and
// only that.
func (m *menuWorld) drawer(t *testing.T) {
	page := m.w.chromium.Person(t)
	page.Size(400, 700)
	m.signInAs(page, parts.Viewer, "/jobs")
	page.Open(m.server.URL + "/jobs?layout=mobile")
	page.Click(`button[aria-label="Open navigation"]`)
	page.Await("the drawer is all the way out", `document.querySelector("#dagpass button").getBoundingClientRect().left === 16`)
	page.Click("#dagpass button")
	page.Screenshot("menu-drawer")
	page.Press(kb.Escape)
	evaluates(t, page, isOpen, `[false,"false"]`)
	evaluates(t, page, `document.querySelector('[class*="AppContainer_drawer"]').getAttribute("aria-hidden")`, `"false"`)
	page.Press(kb.Escape)
	page.Await("the drawer closes", `document.querySelector('[class*="AppContainer_drawer"]').getAttribute("aria-hidden") === "true"`)
}

// Whatever removes the menu, it comes back, once.
func (m *menuWorld) lostAndFound(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/overview")
	for range 3 {
		page.See("#dagpass button")
		page.Evaluate(`document.getElementById("dagpass").remove()`)
	}
	page.See("#dagpass button")
	evaluates(t, page, `document.querySelectorAll("#dagpass").length`, "1")
}

// A name is text, whatever it looks like.
func (m *menuWorld) names(t *testing.T) {
	const name = `"><img src=x onerror=window.hacked=1>`
	page := m.w.chromium.Person(t)
	m.signInAs(page, name, "/overview")
	page.Click("#dagpass button")
	page.SeeText(name)
	evaluates(t, page, `[window.hacked, document.querySelectorAll("img[src=x]").length]`, "[null,0]")
}

// forgets proves that of a former person's workspace nothing is left: what the
// app shows before Dagster has answered comes from the browser.
func (m *menuWorld) forgets(t *testing.T) {
	req, err := post(m.dagster.URL+"/report_asset_materialization/atlantis", jsonType, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	newPerson(m.dagster.URL).do(t, req)
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Editor, "/assets")
	page.SeeText("orders")
	page.SeeText("atlantis")
	page.Open(m.server.URL + "/locations")
	page.SeeText("marketing")
	page.Await("the app keeps its workspace", kept("LocationWorkspace", "orders"))
	for _, location := range []string{"sales", "marketing", "broken"} {
		page.Await("the app keeps that there is "+location, kept("CodeLocationStatusQuery", location))
		page.Await("the app keeps "+location, kept("LocationWorkspace/"+location, location))
	}
	page.Await("the app keeps its assets", kept("MaterializedAssets", "atlantis"))
	const draft = "dagster.v2.-sales-__repository__-counting"
	page.Evaluate(`localStorage.setItem("` + draft + `", '{"sessions":{},"current":"mine"}')`)
	page.Evaluate(`localStorage.setItem("kept", "x".repeat(` + restOfStorage + `))`) // and no note can be taken
	editor := page.Evaluate(mark)

	defer m.release()
	m.hold()
	page.Open(m.server.URL + "/assets")
	m.asked(t)
	page.SeeText("orders") // the control: what is kept is shown
	page.SeeText("atlantis")
	m.signOut(page)

	m.signInAs(page, parts.Viewer, "/assets")
	for _, path := range []string{"/assets", "/locations", "/jobs"} {
		m.hold()
		page.Open(m.server.URL + path)
		m.asked(t)
		page.See("#dagpass button")
		for _, theirs := range []string{"orders", "atlantis", "marketing", "counting", "edda"} {
			if strings.Contains(page.Text(), theirs) {
				t.Errorf("%s shows %q", path, theirs)
			}
		}
	}
	if page.Evaluate(mark) == editor {
		t.Error("two people have one mark")
	}
	page.Await("their databases are gone", `indexedDB.databases().then(all => !all.some(d => d.name.includes(`+editor+`)))`)
	for _, theirs := range []string{"orders", "atlantis"} {
		evaluates(t, page, kept("indexdbQueryCache", theirs), "false")
		evaluates(t, page, kept("MaterializedAssets", theirs), "false")
	}
	evaluates(t, page, `localStorage.getItem("`+draft+`")`, "null")
	m.release()
	page.Open(m.server.URL + "/assets")
	page.SeeText("orders")
	page.SeeText("atlantis")
}

// instance is what the app names most of its caches by, mark what Dagpass puts
// in front of it.
const (
	instance = `JSON.parse(document.getElementById("initialization-data").textContent).instanceId`
	mark     = instance + `.slice(0, 33)`
)

// restOfStorage is how many letters fit into what is left of local storage, under
// the name "kept".
const restOfStorage = `(5 << 20) - "kept".length - Object.entries(localStorage).reduce((n, [k, v]) => n + k.length + v.length, 0)`

// kept asks whether a database of the browser with a name like this one holds a
// word.
func kept(name, word string) string {
	return fmt.Sprintf(`(async () => {
		const done = (request) => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = no; });
		for (const { name } of await indexedDB.databases()) {
			if (!name.includes(%q)) continue;
			const db = await done(indexedDB.open(name));
			let all = [];
			for (const store of db.objectStoreNames) all.push(await done(db.transaction(store).objectStore(store).getAll()));
			db.close();
			const text = JSON.stringify(all, (_, v) => v instanceof Map ? [...v] : v);
			if (text.includes(%q)) return true;
		}
		return false;
	})()`, name, word)
}

// looks lets the page look who is signed in, as it does when somebody comes back
// to its tab.
const looks = `document.dispatchEvent(new Event("visibilitychange"))`

// ends: a tab whose session ended elsewhere says so, and leads back.
func (m *menuWorld) ends(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Editor, "/runs?q[0]=job:counting")
	page.See("#dagpass button")
	at := page.Location()
	page.Evaluate(`window.typing = "half a sentence"`)
	other := page.Tab()
	other.Open(m.server.URL + "/overview")
	m.signOut(other)
	page.SeeText("Your session has ended.") // by what the app is told as it polls
	page.Screenshot("menu-ended-" + strings.ReplaceAll(t.Name(), "/", "-"))
	evaluates(t, page, "window.typing", `"half a sentence"`)
	if page.Location() != at {
		t.Errorf("the page went to %s by itself", page.Location())
	}

	page.Click(`.dagpass-notice a`)
	page.AwaitLocation(m.server.URL + "/auth/login?next=" + url.QueryEscape(strings.TrimPrefix(at, m.server.URL)))
	page.Click(`a[href*="/auth/start/certified"]`)
	atOIDCProvider(page, parts.Editor)
	page.AwaitLocation(m.server.URL + "/runs?q")
	page.See("#dagpass button")
	if strings.Contains(page.Text(), "session has ended") {
		t.Error("the notice stays after signing in")
	}
}

// twoPeople use one browser, and a tab of the first stays open. It neither reads
// nor writes as the second, and what it kept meanwhile is gone when the first
// comes back.
func (m *menuWorld) twoPeople(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Editor, "/assets")
	page.See("#dagpass button")
	page.Evaluate(`window.typing = "half a sentence"`)
	name := page.Evaluate(instance)
	const status = `fetch("/graphql", {method: "POST", body: "{}"}).then(r => r.status, e => e.message)`
	evaluates(t, page, status, "415") // the control: it gets there
	other := page.Tab()
	other.Open(m.server.URL + "/overview")
	m.signOut(other)
	m.signInAs(other, parts.Viewer, "/overview")

	page.SeeText("Somebody else is signed in now.") // of itself
	page.Screenshot("menu-person-" + strings.ReplaceAll(t.Name(), "/", "-"))
	evaluates(t, page, status, `"Somebody else is signed in."`)
	evaluates(t, page, `new Promise(yes => { new WebSocket(location.origin.replace("http", "ws") + "/graphql", "graphql-ws").onclose = () => yes("shut"); })`, `"shut"`)
	evaluates(t, page, "window.typing", `"half a sentence"`)
	evaluates(t, other, status, "415")
	page.Evaluate(`localStorage.setItem(` + name + ` + ":answers", "of another person")`)
	page.Evaluate(`new Promise(yes => { indexedDB.open("answers:" + ` + name + `).onsuccess = (e) => { e.target.result.close(); yes(1); }; })`)

	other.See("#dagpass button")
	m.signOut(other)
	m.signInAs(other, parts.Editor, "/assets")
	other.SeeText("orders")
	if again := other.Evaluate(instance); again == name || again[:34] != name[:34] {
		t.Errorf("what is kept was %s and is %s", name, again)
	}
	evaluates(t, other, `localStorage.getItem(`+name+` + ":answers")`, "null")
	other.Await("the databases are gone", `indexedDB.databases().then(all => !all.some(d => d.name === "answers:" + `+name+`))`)
	page.Evaluate(looks)
	page.Evaluate("fetch('/auth/me').catch(() => 0)")
	page.SeeText("Somebody else is signed in now.") // and still is silent
	evaluates(t, page, status, `"Somebody else is signed in."`)
	page.Click(`.dagpass-notice button`)
	page.SeeText("orders")
	page.See("#dagpass button")
	evaluates(t, page, `[window.typing ?? "", document.querySelectorAll(".dagpass-notice").length]`, `["",0]`)
}

// otherPermissions: somebody's role changes while their page is open.
func (m *menuWorld) otherPermissions(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/overview")
	page.See("#dagpass button")
	before := page.Evaluate(mark)
	defer m.grant(t, groupPolicy)
	m.grant(t, groupPolicy+`
  - { slot: certified, group: dagster-viewers, role: editor, locations: ["marketing"] }
`)
	page.Await("the page notices", looks+`, document.body.innerText.includes("Your permissions have changed.")`)
	page.Click(`.dagpass-notice button`)
	page.Await("another page", `document.readyState === "complete" && `+mark+` !== `+before)
	page.Click("#dagpass button")
	page.SeeText("Editor at marketing")
	evaluates(t, page, `document.querySelectorAll(".dagpass-notice").length`, "0")
	if after := page.Evaluate(mark); after[:17] != before[:17] {
		t.Errorf("one person is %s and %s", before, after)
	}
}

// activity: what a person does is told, once a minute, and nothing else.
func (m *menuWorld) activity(t *testing.T) {
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/overview")
	page.See("#dagpass button")
	beats := func() int {
		page.Evaluate("fetch('/auth/me').then(r => r.status)") // what was sent before this has arrived
		n := 0
		for line := range strings.Lines(m.printed(t)) {
			var entry struct {
				Path   string
				Status int
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Path == "/auth/activity" && entry.Status == http.StatusNoContent {
				n++
			}
		}
		return n
	}
	before := beats()
	page.Evaluate(`["keydown", "pointerdown"].map(kind => document.body.dispatchEvent(new Event(kind, {bubbles: true})))`)
	if n := beats() - before; n != 0 {
		t.Errorf("%d beats without anybody", n)
	}
	page.Press("x")
	eventually(t, "a beat", func() bool { return beats() == before+1 })
	page.Press("yz")
	page.Click("#dagpass button")
	if n := beats() - before; n != 1 {
		t.Errorf("%d beats in a minute", n)
	}
}

// corner is where the menu is when the app shows no navigation that we know.
func (m *menuWorld) corner(t *testing.T) {
	m.withoutFiles(true)
	defer m.withoutFiles(false)
	page := m.w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/overview")
	page.Click(`#dagpass[data-place="corner"] button`)
	evaluates(t, page, isOpen, `[true,"true"]`)
	page.Screenshot("menu-corner")
}

func menuBelowPrefix(t *testing.T, w *world) {
	set := w.settings(t, w.prefixed.URL)
	set["PUBLIC_URL"] = "http://localhost:" + set.port() + "/data"
	m := &menuWorld{server: w.serve(t, set), w: w}
	page := w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/overview")
	m.signOut(page)
}

func monitorMode(t *testing.T, w *world, d *parts.Dagster) {
	m := &menuWorld{server: w.serve(t, w.settings(t, d.URL).with(settings{"ENFORCE": "false"})), w: w}
	page := w.chromium.Person(t)
	m.signInAs(page, parts.Viewer, "/assets")
	page.SeeText("Monitor mode: permissions are recorded, not enforced.")
	page.SeeText("orders")
	page.Screenshot("menu-monitor")
}
