package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// inTheApp glances at Dagster's own app as people of different roles: what they
// may not do is grey and says why, and what they try all the same is refused in
// words.
func inTheApp(t *testing.T, w *world) {
	a := w.newApp(t)
	run := aRun(t, a.bench, places[0])
	for _, l := range glances {
		t.Run(l.who+" at "+l.path, func(t *testing.T) { a.glance(t, l, run) })
	}
	t.Run("the switches of one code location", a.switches)
	t.Run("a preview is refused", a.previewRefused)
	t.Run("a limit is refused", a.limitRefused)
	t.Run("demoted with the page open", a.demoted)
}

// app is a bench with a policy that changes, and one page for each person.
type app struct {
	*bench
	w      *world
	policy string // path
	pages  map[string]*parts.Page
}

func (w *world) newApp(t *testing.T) *app {
	t.Helper()
	d := parts.StartDagster(t, parts.DagsterOptions{Settings: "queued.yaml"})
	d.Await(t)
	a := &app{bench: &bench{Dagster: d, alone: newPerson(d.URL)}, w: w, policy: filepath.Join(t.TempDir(), "policy.yaml"), pages: map[string]*parts.Page{}}
	a.alone.graphql(t, "mutation { setNuxSeen }") // else a dialog greets each person
	a.write(t, matrixPolicy)
	set := w.settings(t, d.URL).with(settings{"POLICY_FILE": a.policy})
	delete(set, "POLICY")
	a.server = w.serve(t, set)
	return a
}

func (a *app) write(t *testing.T, policy string) {
	t.Helper()
	if err := os.WriteFile(a.policy, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
}

// page is somebody's page, signed in once.
func (a *app) page(t *testing.T, name, path string) *parts.Page {
	t.Helper()
	page := a.w.chromium.Person(t)
	page.Open(a.server.URL + path)
	page.Click(`a[href*="/auth/start/certified"]`)
	atOIDCProvider(page, name)
	page.AwaitLocation(a.server.URL + path)
	return page
}

// A glance is at the buttons of a page, some of which may be pressed.
type glance struct {
	who, path string // %R in the path is a run in sales
	on, off   []string
	// why is what the first button that is off says.
	why     string
	picture string
}

// Where the app asks whether somebody may and not why not, it says so in its own
// words.
var glances = []glance{
	{who: "viewer", path: "/assets/campaigns", off: []string{"Materialize"}, why: "You do not have permission to materialize assets", picture: "viewer-asset"},
	{who: "viewer", path: "/runs/%R", off: []string{"Re-execute all (*)", "Terminate"}, why: "Insufficient permissions"},
	{who: "viewer", path: "/locations", off: []string{"Reload all", "Reload"}, why: "It takes the role editor."},
	{who: "launcher", path: "/assets/campaigns", on: []string{"Materialize"}},
	{who: "launcher", path: "/runs/%R", on: []string{"Re-execute all (*)", "Terminate"}},
	{who: "launcher", path: "/locations", off: []string{"Reload all"}, why: "It takes the role editor."},
	{who: "marketing-editor", path: "/assets/campaigns", on: []string{"Materialize"}},
	{who: "marketing-editor", path: "/assets/orders", off: []string{"Materialize"}, why: "You do not have permission to materialize assets"},
	{who: "marketing-editor", path: "/runs/%R", off: []string{"Re-execute all (*)", "Terminate"}},
	{who: "marketing-editor", path: "/locations", on: []string{"Reload"}, off: []string{"Reload all", "Reload"}, why: "It takes the role editor."},
	{who: "admin", path: "/locations", on: []string{"Reload all", "Reload"}},
}

func (a *app) glance(t *testing.T, l glance, run string) {
	page := a.page(t, l.who, strings.Replace(l.path, "%R", run, 1))
	for _, text := range l.on {
		find(page, text, "on")
	}
	for _, text := range l.off {
		find(page, text, "off")
	}
	if l.why != "" {
		find(page, l.off[0], "off")
		page.Hover(`[data-found]`)
		page.SeeText(l.why)
	}
	if l.picture != "" {
		page.Screenshot(l.picture)
		page.Dark()
		page.Screenshot(l.picture + "-dark")
	}
}

// find waits for a button with a text that can be pressed ("on") or cannot
// ("off"), and marks it with data-found.
func find(page *parts.Page, text, state string) {
	page.Await("see "+text+" "+state, fmt.Sprintf(`(() => {
		document.querySelectorAll('[data-found]').forEach(b => delete b.dataset.found);
		const button = [...document.querySelectorAll('button')].find(b => b.innerText.trim() === %q && b.disabled === %v);
		if (button) button.dataset.found = 'yes';
		return !!button;
	})()`, text, state == "off"))
}

func press(page *parts.Page, text string) {
	find(page, text, "on")
	page.Click(`[data-found]`)
}

// switches are those of schedules and sensors: two in marketing, two in sales.
func (a *app) switches(t *testing.T) {
	page := a.page(t, "marketing-editor", "/automation")
	page.Await("see two switches that are off", `document.querySelectorAll('label[class*="Checkbox_disabled"]').length === 2`)
	for _, name := range []string{"weekly", "openings", "nightly", "watcher"} {
		page.SeeText(name)
	}
	page.Screenshot("location-editor")
	page.Dark()
	page.Screenshot("location-editor-dark")
}

// Dagster's app lets anybody press this one.
func (a *app) previewRefused(t *testing.T) {
	page := a.page(t, "viewer", "/locations/sales/sensors/watcher")
	press(page, "Preview tick result")
	press(page, "Continue")
	page.SeeText("You do not have permission to dry run this sensor.")
	page.Screenshot("refused-preview")
}

// This one has no type for refusals, so that it comes as a GraphQL error.
func (a *app) limitRefused(t *testing.T) {
	page := a.page(t, "viewer", "/deployment/concurrency")
	press(page, "Add pool limit")
	page.Type(`input[placeholder="Pool"]`, "everything")
	page.Type(`input[placeholder="0 - 1000"]`, "1")
	press(page, "Add limit")
	page.SeeText("Unexpected GraphQL error")
	page.Screenshot("refused-limit")
	page.Evaluate(`[...document.querySelectorAll('button, a, span')].find(b => b.innerText.trim() === 'View error info').click()`)
	page.SeeText("it takes the role editor")
	if limits := a.State(t).Concurrency; len(limits) > 0 {
		t.Errorf("Dagster has %v", limits)
	}
}

// demoted presses a button that was there before the role changed.
func (a *app) demoted(t *testing.T) {
	page := a.page(t, "launcher", "/locations/sales/jobs/counting/playground")
	find(page, "Launch Run", "on")
	a.write(t, strings.Replace(matrixPolicy, "{ email: launcher@example.com, role: launcher }", "{ email: launcher@example.com, role: viewer }", 1))
	page.Await("be demoted", `fetch('/auth/me').then(r => r.json()).then(me => me.role === 'viewer')`)
	before := a.Checksum(t)
	press(page, "Launch Run")
	page.SeeText("You may not do this: it takes the role launcher")
	page.Screenshot("refused-launch")
	find(page, "Launch Run", "on") // it can be pressed again: nothing hangs
	if a.Checksum(t) != before {
		t.Error("Dagster's storage changed")
	}
}
