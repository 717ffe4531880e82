package handlers_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// console is an installation with an admin at work.
type console struct {
	*site
	root models.User
	at   *browser
}

func newConsole(t *testing.T, edit ...func(*handlers.Config)) *console {
	t.Helper()
	s := newSite(t, edit...)
	return s.console()
}

func (s *site) console() *console {
	s.t.Helper()
	c := &console{site: s, root: s.admin("root"), at: s.browser()}
	c.at.signInAs("root")
	return c
}

// consoleRows are the rows of the table that belong to the console.
func consoleRows(t *testing.T) (rows []row) {
	t.Helper()
	for _, r := range table(t) {
		if strings.HasPrefix(r.path, "/auth/admin") {
			rows = append(rows, r)
		}
	}
	return rows
}

// enter asks for a row of the console about somebody, as its own pages do.
func (b *browser) enter(r row, id string) answer {
	b.s.t.Helper()
	path := strings.ReplaceAll(r.path, ":id", id)
	if r.method == "POST" {
		return b.form(path, "role", "admin", "username", "mallory", "purpose", "signin", "confirm", "yes")
	}
	return b.open(path)
}

// open goes to a page from another page of ours.
func (b *browser) open(path string) answer {
	b.s.t.Helper()
	return b.do("GET", path, "Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")
}

var version = regexp.MustCompile(`name="version" value="([^"]+)"`)

// versionOf is what the forms of somebody's page carry.
func (b *browser) versionOf(id string) string {
	b.s.t.Helper()
	a := b.open("/auth/admin/people/" + id)
	found := version.FindStringSubmatch(a.body)
	if found == nil {
		b.s.t.Fatalf("no version: %d %s", a.StatusCode, a.body)
	}
	return html.UnescapeString(found[1])
}

// about sends one of the forms of somebody's page.
func (b *browser) about(id, what string, fields ...string) answer {
	b.s.t.Helper()
	return b.form("/auth/admin/people/"+id+"/"+what, append([]string{"version", b.versionOf(id)}, fields...)...)
}

// user is somebody as the store has them.
func (s *site) user(id string) models.User {
	s.t.Helper()
	u, err := s.svc.Store.User(context.Background(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// Nobody but admins reads anything, or changes it, whatever else they may do.
func TestConsoleIsForAdmins(t *testing.T) {
	rules := parsed(t, `
roles: { almost: { extends: editor, allow: [edit_app_managed_components] } }
grants: [{ email: ada@example.com, role: admin, locations: ["*"] }]
`)
	c := newConsole(t, func(c *handlers.Config) { policed(c.Identity, rules) })
	canary := c.account("canary")
	everybody := map[string]*browser{"a stranger": c.browser(), "an admin of all locations": c.browser()}
	everybody["an admin of all locations"].signIn()
	for name, role := range map[string]policy.Role{"a viewer": policy.None, "an editor": policy.Editor, "almost an admin": "almost"} {
		everybody[name] = c.browser()
		c.assign(c.account(string("as-"+role)).ID, role)
		everybody[name].signInAs(string("as-" + role))
	}
	for name, b := range everybody {
		for _, r := range consoleRows(t) {
			want := http.StatusForbidden
			if name == "a stranger" {
				want = http.StatusSeeOther
			}
			if a := b.enter(r, canary.ID); a.StatusCode != want || strings.Contains(a.body, "canary") {
				t.Errorf("%s %s, %s: %d %.300s", r.method, r.path, name, a.StatusCode, a.body)
			}
		}
	}
	if u := c.user(canary.ID); u.Role != policy.None || u.Disabled() {
		t.Errorf("changed: %+v", u)
	}
}

// A refusal says which role is missing; a program is told the same in JSON.
func TestConsoleSaysWhatIsMissing(t *testing.T) {
	b := newSite(t).browser()
	b.signIn()
	if a := b.open("/auth/admin"); !strings.Contains(a.body, "it takes the role admin") {
		t.Errorf("%s", a.body)
	}
	if a := b.do("GET", "/auth/admin/people"); got(a) != "403 not_allowed" {
		t.Errorf("%s", got(a))
	}
}

// Each form wants to be sent from here.
func TestConsoleForeignOrigin(t *testing.T) {
	c := newConsole(t)
	bob := c.account("bob")
	seen := c.at.versionOf(bob.ID)
	for _, r := range consoleRows(t) {
		if r.method != "POST" {
			continue
		}
		for _, origin := range [][]string{
			{"Origin", "https://evil.example"},
			{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Sec-Fetch-Site", "none"},
			{},
		} {
			header := append(origin, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
			body := form("version", seen, "role", "editor", "username", "mallory", "purpose", "signin", "confirm", "yes")
			if a := c.at.send("POST", strings.ReplaceAll(r.path, ":id", bob.ID), body, header...); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %v: %d", r.path, origin, a.StatusCode)
			}
		}
	}
	if u := c.user(bob.ID); u.Role != policy.None || u.Disabled() {
		t.Errorf("changed: %+v", u)
	}
}

// A file with all there is in it is not begun by a page of another site.
func TestExportIsAskedForHere(t *testing.T) {
	c := newConsole(t)
	for _, path := range []string{"/auth/admin/people/export", "/auth/admin/audit/export?format=csv", "/auth/admin/audit/export?format=jsonl"} {
		for site, want := range map[string]int{"same-origin": 200, "none": 200, "same-site": 403, "cross-site": 403, "": 403, "evil": 403} {
			a := c.at.do("GET", path, "Accept", "text/html", "Sec-Fetch-Site", site)
			if a.StatusCode != want || (a.Header.Get("Content-Disposition") != "") != (want == 200) {
				t.Errorf("%s from %q: %d %q", path, site, a.StatusCode, a.Header.Get("Content-Disposition"))
			}
		}
	}
}

func TestExportHeaders(t *testing.T) {
	c := newConsole(t)
	for path, want := range map[string][2]string{
		"/auth/admin/people/export":             {"text/csv; charset=utf-8", `attachment; filename="people.csv"`},
		"/auth/admin/audit/export?format=csv":   {"text/csv; charset=utf-8", `attachment; filename="audit.csv"`},
		"/auth/admin/audit/export?format=jsonl": {"application/jsonl", `attachment; filename="audit.jsonl"`},
	} {
		h := c.at.open(path).Header
		if h.Get("Content-Type") != want[0] || h.Get("Content-Disposition") != want[1] || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
		if a := c.at.do("HEAD", path, "Sec-Fetch-Site", "same-origin"); a.StatusCode != 404 {
			t.Errorf("HEAD %s: %d", path, a.StatusCode)
		}
	}
}

// Whoever takes everything with them is recorded, and whoever is refused takes
// nothing.
// No page offers a key to the account of somebody who is an admin already.
func TestNoLinkToAnotherAdmin(t *testing.T) {
	c := newConsole(t)
	bob := c.account("bob")
	for id, want := range map[string]bool{bob.ID: true, c.root.ID: false} {
		if got := strings.Contains(c.at.open("/auth/admin/people/"+id).body, `name="purpose"`); got != want {
			t.Errorf("%s: links offered: %t", id, got)
		}
	}
}

// A script in one of Dagster's pages reads no file, nor does a frame.
func TestExportByScript(t *testing.T) {
	c := newConsole(t)
	for _, path := range []string{"/auth/admin/people/export", "/auth/admin/audit/export?format=jsonl"} {
		for _, by := range [][2]string{{"cors", "empty"}, {"no-cors", "script"}, {"same-origin", "empty"}, {"navigate", "iframe"}} {
			a := c.at.do("GET", path, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", by[0], "Sec-Fetch-Dest", by[1])
			if a.StatusCode != 403 || strings.Contains(a.body, c.root.ID) {
				t.Errorf("%s by %v: %d", path, by, a.StatusCode)
			}
		}
		if a := c.at.do("GET", path, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); a.StatusCode != 200 {
			t.Errorf("%s by hand: %d", path, a.StatusCode)
		}
	}
}

func TestExportIsRecorded(t *testing.T) {
	c := newConsole(t)
	c.at.open("/auth/admin/people/export")
	c.at.open("/auth/admin/audit/export?format=csv")
	trail := c.at.open("/auth/admin/audit/export?format=jsonl&person=" + c.root.ID).body
	for _, event := range []string{`"event":"user.export"`, `"event":"audit.export"`} {
		if !strings.Contains(trail, event) {
			t.Errorf("%s is missing in %s", event, trail)
		}
	}
}

// A file goes out while it is read: nothing but its last bytes is in memory. Fill
// here writes more only when the browser has what was written before.
func TestDownloadStreams(t *testing.T) {
	s := newSite(t)
	read := make(chan int)
	block := strings.Repeat("x", 64<<10)
	s.server.Download("/auth/test/long", func(w io.Writer) error {
		for range 50 {
			if _, err := io.WriteString(w, block); err != nil {
				return err
			}
			select {
			case <-read:
			case <-time.After(10 * time.Second):
				return errors.New("the browser has nothing")
			}
		}
		return nil
	})
	a, err := http.Get(s.url + "/auth/test/long")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	buffer := make([]byte, len(block)/2) // the rest may be in the writer still
	for range 50 {
		if _, err := io.ReadFull(a.Body, buffer); err != nil {
			t.Fatal(err)
		}
		read <- 1
	}
	if rest, err := io.ReadAll(a.Body); err != nil || len(rest) != 50*len(block)/2 {
		t.Errorf("%d bytes more, %v", len(rest), err)
	}
}

// What fails half-way breaks off, and what fails before has a page.
func TestDownloadFails(t *testing.T) {
	s := newSite(t)
	for path, written := range map[string]int{"/auth/test/early": 100, "/auth/test/late": 1 << 20} {
		s.server.Download(path, func(w io.Writer) error {
			_, _ = io.WriteString(w, strings.Repeat("x", written))
			return errors.New("canary")
		})
	}
	if a := s.browser().page("/auth/test/early"); a.StatusCode != 500 || a.Header.Get("Content-Disposition") != "" || strings.Contains(a.body, "canary") {
		t.Errorf("early: %d %v %s", a.StatusCode, a.Header, a.body)
	}
	a, err := http.Get(s.url + "/auth/test/late")
	if err == nil {
		_, err = io.Copy(io.Discard, a.Body)
	}
	if err == nil || !strings.Contains(s.log.String(), "canary") {
		t.Errorf("late: %v %s", err, s.log.String())
	}
}

// A file has everybody once, however many pages of the store that takes, and the
// filter holds for it too.
func TestExportIsWhole(t *testing.T) {
	c := newConsole(t)
	ctx := models.WithOperator(context.Background())
	for i := range 1010 {
		if _, err := c.svc.AddAccount(ctx, identity.NewAccount{Username: fmt.Sprintf("user%d", i), Name: fmt.Sprintf("Number %d", i%7)}); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{"": 1011, "?sort=created": 1011, "?sort=seen&after=x": 1011, "?text=user100": 11, "?role=admin": 1, "?state=disabled": 0} {
		rows, err := csv.NewReader(strings.NewReader(c.at.open("/auth/admin/people/export" + query).body)).ReadAll()
		ids := map[string]bool{}
		for _, row := range rows {
			ids[row[0]] = true
		}
		if err != nil || len(rows) != want+1 || len(ids) != len(rows) {
			t.Errorf("%q: %v, %d rows, %d of them different, want %d", query, err, len(rows), len(ids), want+1)
		}
	}
}

// What a stranger chose is no formula in a spreadsheet.
func TestExportHasNoFormulas(t *testing.T) {
	c := newConsole(t)
	ctx := models.WithOperator(context.Background())
	for _, name := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "＝1", `=HYPERLINK("https://evil.example")`} {
		if _, err := c.svc.AddAccount(ctx, identity.NewAccount{Username: "u" + models.NewID(), Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	c.browser().send("POST", "/auth/login", form("username", "root", "password", "wrong"), append(c.at.person(), "User-Agent", "=cmd|' /C calc'!A0")...)
	for _, path := range []string{"/auth/admin/people/export", "/auth/admin/audit/export?format=csv"} {
		rows, err := csv.NewReader(strings.NewReader(c.at.open(path).body)).ReadAll()
		if err != nil || len(rows) < 3 {
			t.Fatalf("%s: %v, %d rows", path, err, len(rows))
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r\n") || strings.HasPrefix(cell, "＝") {
					t.Errorf("%s: the cell %q", path, cell)
				}
			}
		}
	}
}

// Names, groups, browsers, claims and filters are text wherever they are shown.
func TestConsoleInjection(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`
	c := newConsole(t)
	c.idp.Misbehave(providertest.Fault{Claims: providertest.Both(
		providertest.Set("name", evil), providertest.Set("groups", []string{evil, "<b>group</b>"}))})
	victim := c.browser()
	a := victim.do("GET", victim.callback("/"), "Accept", "text/html", "User-Agent", "Firefox/"+evil)
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	found, err := c.svc.People(models.WithOperator(context.Background()), identity.PeopleQuery{Text: "ada@"})
	if err != nil || len(found.Lines) != 1 {
		t.Fatalf("%v %+v", err, found)
	}
	id, q := found.Lines[0].User.ID, url.QueryEscape(evil)
	pages := []string{
		"/auth/admin", "/auth/admin/people?text=script", "/auth/admin/people/" + id, "/auth/admin/sessions", "/auth/admin/access?permission=read", "/auth/admin/audit",
	}
	shown := 0
	for _, path := range pages {
		a := c.at.open(path)
		shown += strings.Count(a.body, html.EscapeString("<script>alert(1)"))
		if a.StatusCode != 200 || strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if shown < 4 {
		t.Errorf("the name is shown %d times: what does this test look at?", shown)
	}
	for _, path := range []string{
		"/auth/admin/people?text=" + q + "&state=" + q + "&role=" + q + "&slot=" + q + "&sort=" + q, "/auth/admin/people?after=" + q,
		"/auth/admin/sessions?text=" + q, "/auth/admin/sessions?after=" + q, "/auth/admin/access?permission=" + q + "&location=" + q,
		"/auth/admin/access?permission=read&location=" + q, "/auth/admin/access?permission=read&after=" + q, "/auth/admin?notice=" + q,
		"/auth/admin/audit?person=" + q + "&event=" + q + "&outcome=" + q + "&target=" + q + "&location=" + q + "&run=" + q + "&request=" + q,
		"/auth/admin/audit?since=" + q + "&until=" + q + "&before=" + q, "/auth/admin/people/" + url.PathEscape(evil),
	} {
		if a := c.at.open(path); a.StatusCode >= 500 || strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
}

// Somebody who is admin no longer is refused by the very next request. A changed
// file bites within the seconds for which a session is believed.
func TestDemotedWhileOpen(t *testing.T) {
	for name, demote := range map[string]func(*console, func(*policy.Policy)){
		"by hand": func(c *console, _ func(*policy.Policy)) { c.assign(c.root.ID, policy.Viewer) },
		"disabled": func(c *console, _ func(*policy.Policy)) {
			_ = c.svc.Disable(models.WithOperator(context.Background()), c.root.ID)
		},
		"by the file": func(_ *console, change func(*policy.Policy)) { change(parsed(t, "grants: []")) },
	} {
		s, pass := stale(t)
		rules := parsed(t, "grants: [{ email: ada@example.com, role: admin }]")
		policed(s.svc, rules)
		c := s.console()
		other := c.admin("other")
		if name == "by the file" {
			c.at = c.browser()
			c.at.signIn()
		}
		if a := c.at.open("/auth/admin/people"); a.StatusCode != 200 || !strings.Contains(a.body, "other") {
			t.Fatalf("%s: before: %d %s", name, a.StatusCode, a.body)
		}
		demote(c, func(p *policy.Policy) { policed(s.svc, p) })
		if name == "by the file" {
			pass(3 * time.Second)
		}
		for _, r := range consoleRows(t) {
			if a := c.at.enter(r, other.ID); a.StatusCode != http.StatusForbidden && a.Header.Get("Location") == "" || strings.Contains(a.body, "other") {
				t.Errorf("%s: %s %s: %d %.300s", name, r.method, r.path, a.StatusCode, a.body)
			}
		}
		if u := c.user(other.ID); u.Role != policy.Admin || u.Disabled() {
			t.Errorf("%s: changed: %+v", name, u)
		}
	}
}

// Of two admins at once the second is told of the first, and nothing is lost.
func TestTwoAdmins(t *testing.T) {
	c := newConsole(t)
	c.admin("other")
	other := c.browser()
	other.signInAs("other")
	for _, what := range [][]string{
		{"role", "role", "editor"},
		{"disable", "confirm", "yes"},
		{"enable"},
		{"sign-out"},
		{"reset-mfa", "confirm", "yes"},
		{"link", "purpose", "password"},
		{"delete", "confirm", "yes"},
	} {
		bob := c.account("bob-" + what[0])
		seen := c.at.versionOf(bob.ID)
		if a := other.about(bob.ID, "role", "role", "launcher"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		path := "/auth/admin/people/" + bob.ID + "/" + what[0]
		a := c.at.form(path, append([]string{"version", seen}, what[1:]...)...)
		if a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "Somebody else has changed this person") {
			t.Errorf("%s: %d %s", what[0], a.StatusCode, a.body)
		}
		if u := c.user(bob.ID); u.Role != policy.Launcher || u.Disabled() {
			t.Errorf("%s: %+v", what[0], u)
		}
		if a := c.at.form(path, what[1:]...); a.StatusCode != http.StatusConflict {
			t.Errorf("%s, without a version: %d", what[0], a.StatusCode)
		}
		now := version.FindStringSubmatch(a.body)
		if now == nil || now[1] == seen {
			t.Fatalf("%s: the page that tells it has the former version", what[0])
		}
		if a := c.at.form(path, append([]string{"version", now[1]}, what[1:]...)...); a.StatusCode >= 400 {
			t.Errorf("%s, again: %d %s", what[0], a.StatusCode, a.body)
		}
	}
}

// Every change that the console makes, from its page and back to it.
func TestConsoleChanges(t *testing.T) {
	c := newConsole(t)
	bob := c.account("bob")
	page := "/auth/admin/people/" + bob.ID
	for _, step := range []struct {
		what   []string
		to     string
		says   string
		role   policy.Role
		barred bool
	}{
		{[]string{"role", "role", "editor"}, page + "?notice=role_set", "The role is set.", policy.Editor, false},
		{[]string{"role", "role", ""}, page + "?notice=role_set", "The role is set.", policy.None, false},
		{[]string{"sign-out"}, page + "?notice=signed_out", "All sessions of this person have ended.", policy.None, false},
		{[]string{"reset-mfa", "confirm", "yes"}, page + "?notice=mfa_reset", "second factors of this person are removed", policy.None, false},
		{[]string{"disable", "confirm", "yes"}, page + "?notice=disabled", "The account is disabled", policy.None, true},
		{[]string{"enable"}, page + "?notice=enabled", "The account is enabled again.", policy.None, false},
	} {
		b := c.browser()
		if u := c.user(bob.ID); !u.Disabled() {
			b.signInAs("bob")
		}
		a := c.at.about(bob.ID, step.what[0], step.what[1:]...)
		if a.Header.Get("Location") != step.to {
			t.Fatalf("%v: %d %q %s", step.what, a.StatusCode, a.Header.Get("Location"), a.body)
		}
		if shown := c.at.open(step.to); !strings.Contains(shown.body, step.says) {
			t.Errorf("%v: does not say %q", step.what, step.says)
		}
		if u := c.user(bob.ID); u.Role != step.role || u.Disabled() != step.barred {
			t.Errorf("%v: %+v", step.what, u)
		}
	}
	if a := c.at.about(bob.ID, "delete", "confirm", "yes"); a.Header.Get("Location") != "/auth/admin/people?notice=deleted" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := c.at.open(page); a.StatusCode != http.StatusNotFound {
		t.Errorf("it is still there: %d", a.StatusCode)
	}
}

// What cannot be is said on the page of the person, and nothing is changed.
func TestConsoleRefusals(t *testing.T) {
	c := newConsole(t, func(c *handlers.Config) {
		policed(c.Identity, parsed(t, "grants: []"))
	})
	bob := c.account("bob")
	for _, step := range []struct {
		id   string
		what []string
		want int
		says string
	}{
		{bob.ID, []string{"role", "role", "emperor"}, 400, "There is no such role."},
		{c.root.ID, []string{"role", "role", "viewer", "confirm", "yes"}, 409, "This is the last admin."},
		{c.root.ID, []string{"disable", "confirm", "yes"}, 409, "This is the last admin."},
		{c.root.ID, []string{"delete", "confirm", "yes"}, 409, "This is the last admin."},
		{bob.ID, []string{"link", "purpose", "setup"}, 404, "There is nothing here."},
		{c.root.ID, []string{"link", "purpose", "signin"}, 403, "command line"},
	} {
		a := c.at.about(step.id, step.what[0], step.what[1:]...)
		if a.StatusCode != step.want || !strings.Contains(a.body, step.says) {
			t.Errorf("%v: %d %s", step.what, a.StatusCode, a.body)
		}
	}
	if root, bob := c.user(c.root.ID), c.user(bob.ID); root.Role != policy.Admin || root.Disabled() || bob.Role != policy.None {
		t.Errorf("changed: %+v %+v", root, bob)
	}
}

// A notice is one of ours, whatever an address says.
func TestConsoleNotices(t *testing.T) {
	c := newConsole(t)
	for _, page := range []string{"", "/people", "/people/" + c.root.ID, "/sessions", "/access", "/providers", "/audit"} {
		if a := c.at.open("/auth/admin" + page + "?notice=canary&n=4711"); a.StatusCode != 200 || strings.Contains(a.body, "canary") {
			t.Errorf("%s: %d %s", page, a.StatusCode, a.body)
		}
	}
}

// Nobody locks themself out without saying that they mean it.
func TestConsoleOneself(t *testing.T) {
	for _, what := range [][]string{{"role", "role", "viewer"}, {"disable"}, {"delete"}} {
		c := newConsole(t)
		c.admin("other")
		a := c.at.about(c.root.ID, what[0], what[1:]...)
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "This is your own account") {
			t.Errorf("%s: %d %s", what[0], a.StatusCode, a.body)
		}
		if u := c.user(c.root.ID); u.Role != policy.Admin || u.Disabled() {
			t.Errorf("%s: %+v", what[0], u)
		}
		if a := c.at.about(c.root.ID, what[0], append([]string{"confirm", "yes"}, what[1:]...)...); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s, confirmed: %d %s", what[0], a.StatusCode, a.body)
		}
	}
}

// Whoever proved long ago who they are proves it again, and is back where the
// form stands. Reading takes no proof.
func TestConsoleConfirms(t *testing.T) {
	s, pass := stale(t)
	c := s.console()
	bob := c.account("bob")
	page := "/auth/admin/people/" + bob.ID
	pass(20 * time.Minute)
	for path, back := range map[string]string{
		"/auth/admin/people": "/auth/admin/people", page + "/role": page, page + "/delete": page, page + "/link": page, page + "/revoke-token": page,
		"/auth/admin/sessions/end": "/auth/admin/sessions", tryPath: "/auth/admin/access", addPath: "/auth/admin/access", removePath: "/auth/admin/access",
	} {
		a := c.at.form(path, "version", c.at.versionOf(bob.ID), "role", "editor", "username", "x", "purpose", "password", "confirm", "yes")
		if want := "/auth/confirm?next=" + url.QueryEscape(back); a.Header.Get("Location") != want {
			t.Errorf("%s: %d %q, want %q", path, a.StatusCode, a.Header.Get("Location"), want)
		}
	}
	if u := c.user(bob.ID); u.Role != policy.None {
		t.Errorf("%+v", u)
	}
	if a := c.at.form("/auth/confirm", "password", password, "next", page); a.Header.Get("Location") != page {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := c.at.about(bob.ID, "role", "role", "editor"); a.StatusCode != http.StatusSeeOther || c.user(bob.ID).Role != policy.Editor {
		t.Errorf("after: %d %s", a.StatusCode, a.body)
	}
}

var linkIn = regexp.MustCompile(`http://localhost:\d+(/auth/link\?token=[\w-]+)`)

// A one-time link is shown in the answer to the form, and nowhere else.
func TestInvite(t *testing.T) {
	c := newConsole(t)
	a := c.at.form("/auth/admin/people", "username", "eve", "name", "Eve", "email", "eve@example.com", "role", "editor")
	link := linkIn.FindStringSubmatch(html.UnescapeString(a.body))
	if a.StatusCode != 200 || link == nil || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Location") != "" {
		t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.body)
	}
	_, token, _ := strings.Cut(link[1], "=")
	for _, path := range []string{"/auth/admin/people", "/auth/admin/audit", "/auth/admin"} {
		if strings.Contains(c.at.open(path).body, token) {
			t.Errorf("%s shows it", path)
		}
	}
	if strings.Contains(c.log.String(), token) {
		t.Error("the log shows it")
	}
	eve := c.browser()
	if a := eve.form("/auth/link", "token", token, "password", "another long enough one"); a.Header.Get("Location") != "/" {
		t.Errorf("it does not work: %d %s", a.StatusCode, a.body)
	}
}

func TestInviteRefusals(t *testing.T) {
	c := newConsole(t)
	c.account("bob")
	for _, row := range []struct {
		username, email, role string
		want                  int
		says                  string
	}{
		{"bob", "", "", 409, "This name is taken."},
		{"", "", "", 400, "A name has 1 to 64"},
		{"eve", "nonsense", "", 400, "This is not an e-mail address."},
		{"eve", "", "emperor", 400, "There is no such role."},
	} {
		a := c.at.form("/auth/admin/people", "username", row.username, "name", "Canary Name", "email", row.email, "role", row.role)
		if a.StatusCode != row.want || !strings.Contains(a.body, row.says) || !strings.Contains(a.body, "Canary Name") {
			t.Errorf("%+v: %d %s", row, a.StatusCode, a.body)
		}
	}
}

// Links for somebody who has an account: to choose a password, and to sign in.
func TestMakeLink(t *testing.T) {
	c := newConsole(t)
	bob := c.account("bob")
	for _, purpose := range []string{"password", "signin"} {
		a := c.at.about(bob.ID, "link", "purpose", purpose)
		link := linkIn.FindStringSubmatch(html.UnescapeString(a.body))
		if a.StatusCode != 200 || link == nil || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %s", purpose, a.StatusCode, a.body)
		}
		if a := c.browser().page(link[1]); a.StatusCode != 200 {
			t.Errorf("%s: it does not work: %d", purpose, a.StatusCode)
		}
	}
}

// Any session ends here, from the list or from the page of its person; one that
// has ended meanwhile is no error.
func TestConsoleEndsSessions(t *testing.T) {
	c := newConsole(t)
	bob := c.account("bob")
	for person, back := range map[string]string{"": "/auth/admin/sessions", bob.ID: "/auth/admin/people/" + bob.ID, "//evil.example": "/auth/admin/sessions"} {
		b := c.browser()
		b.signInAs("bob")
		id, _, _ := strings.Cut(b.cookies()["dagpass"], ".")
		if a := c.at.open("/auth/admin/sessions?text=bob"); !strings.Contains(a.body, id) {
			t.Errorf("it is not listed: %d", a.StatusCode)
		}
		for range 2 {
			if a := c.at.form("/auth/admin/sessions/end", "id", id, "person", person); a.Header.Get("Location") != back+"?notice=session_ended" {
				t.Errorf("%d %q %s", a.StatusCode, a.Header.Get("Location"), a.body)
			}
		}
		if a := b.do("GET", "/auth/me"); a.StatusCode != 401 {
			t.Errorf("it goes on: %d", a.StatusCode)
		}
	}
}

// What cannot be understood is said at its field, and nothing is listed.
func TestConsoleFilters(t *testing.T) {
	c := newConsole(t)
	for _, username := range []string{"castor", "pollux"} {
		if _, err := c.svc.AddAccount(models.WithOperator(context.Background()), identity.NewAccount{Username: username, Name: "twin"}); err != nil {
			t.Fatal(err)
		}
	}
	for path, says := range map[string]string{
		"/auth/admin/audit?since=yesterday":                         "This is no time",
		"/auth/admin/audit?until=2026-13-01":                        "This is no time",
		"/auth/admin/audit?since=2026-01-02&until=2026-01-01T10:00": "This is not after the beginning.",
		"/auth/admin/audit?before=-1":                               "There is no such page",
		"/auth/admin/audit?before=99999999999999999999":             "There is no such page",
		"/auth/admin/audit/export?format=csv&since=yesterday":       "This is no time",
		"/auth/admin/access?permission=fly":                         "There is no such permission.",
		"/auth/admin/people?after=nonsense":                         "There is no such page.",
		"/auth/admin/sessions?after=nonsense":                       "There is no such page.",
		"/auth/admin/access?permission=read&after=nonsense":         "There is no such page.",
		"/auth/admin/audit?event=signin":                            "An event is called like",
		"/auth/admin/audit?event=*.finish":                          "An event is called like",
		"/auth/admin/audit?outcome=refusal":                         "There is no such outcome.",
		"/auth/admin/audit?person=twin":                             "Several people are called that.",
	} {
		a := c.at.open(path)
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, says) || a.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	for _, query := range []string{
		"since=2026-01-01&until=2026-01-01", "since=2026-01-01T00:00&until=2026-01-01T00:01", "since=2026-01-01T00:00:00Z", "until=2026-01-01T00:00:00%2B01:00",
		"event=user.*", "event=user.add", "outcome=refused", "person=root", "target=x", "location=x", "run=x", "request=x", "before=3",
	} {
		if a := c.at.open("/auth/admin/audit?" + query); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
		}
	}
}

var older = regexp.MustCompile(`[?&;]before=(\d+)`)

// Events name the people that they are about, as long as there is somebody.
func TestEventsNamePeople(t *testing.T) {
	c := newConsole(t)
	bob, gone := c.account("bob"), c.account("gone")
	c.assign(bob.ID, policy.Editor)
	if err := c.svc.Delete(models.WithOperator(context.Background()), gone.ID); err != nil {
		t.Fatal(err)
	}
	page := c.at.open("/auth/admin/audit?event=user.*").body
	for _, want := range []string{">bob<", "user " + gone.ID, `href="/auth/admin/people/` + bob.ID} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(page, `href="/auth/admin/people/`+gone.ID) {
		t.Error("leads to a page that is not there")
	}
}

// A filter may be as long and as odd as an address can be, and a form too: no
// database is asked what it cannot be asked.
func TestConsoleOddText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		c := newConsole(t, func(c *handlers.Config) { c.Identity.Store = st })
		for _, odd := range []string{strings.Repeat("x", 60000), strings.Repeat("%", 5000), "\x00", "\xff\xfe", "%_\\", "'; DROP TABLE users; --", "😀"} {
			q := url.QueryEscape(odd)
			for _, path := range []string{
				"people?text=", "people?state=", "people?role=", "people?slot=", "people?sort=", "people?after=", "sessions?text=", "sessions?after=",
				"access?permission=read&location=", "access?permission=read&after=", "audit?person=", "audit?event=", "audit?target=", "audit?location=",
				"audit?run=", "audit?request=", "audit?since=", "audit?before=", "people/export?text=", "audit/export?person=", "people/",
			} {
				if a := c.at.open("/auth/admin/" + path + q); a.StatusCode >= 500 {
					t.Errorf("%s%.20q: %d", path, odd, a.StatusCode)
				}
			}
			bob := c.admin("bob" + models.NewID())
			for _, f := range []string{"people", "sessions/end", "people/" + bob.ID + "/role", "people/" + bob.ID + "/link"} {
				a := c.at.form("/auth/admin/"+f, "version", c.at.versionOf(bob.ID), "id", odd, "role", odd, "purpose", odd, "username", odd, "name", odd, "email", odd)
				if a.StatusCode >= 500 {
					t.Errorf("%s, %.20q: %d", f, odd, a.StatusCode)
				}
			}
		}
		if log := c.log.String(); strings.Contains(log, "code=internal") {
			t.Errorf("%s", log)
		}
	})
}

// Whoever is looked for by what they are called now is found by what they did
// under another name.
func TestAuditByPerson(t *testing.T) {
	c := newConsole(t)
	user, err := c.svc.AddAccount(models.WithOperator(context.Background()), identity.NewAccount{Username: "nick", Name: "Nikola", Email: "nik@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	c.assign(user.ID, policy.Editor)
	e := models.NewEvent(context.Background(), "user.test", models.OutcomeOK)
	e.Actor = models.Actor{ID: user.ID, Name: "Canary", Kind: "user"}
	if err := c.svc.Record(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"nick", "Nikola", "nik@example.com", user.ID, "Canary"} {
		if a := c.at.open("/auth/admin/audit?person=" + url.QueryEscape(who)); a.StatusCode != 200 || !strings.Contains(a.body, "user.test") {
			t.Errorf("%s: %d, not found", who, a.StatusCode)
		}
	}
}

// The trail is read page by page, each event once.
func TestAuditPages(t *testing.T) {
	c := newConsole(t)
	bob := c.account("bob")
	for range 60 {
		if _, err := c.svc.EndSessionsOf(models.WithOperator(context.Background()), bob.ID); err != nil {
			t.Fatal(err)
		}
	}
	seen, path := map[string]bool{}, "/auth/admin/audit?event=session.revoke"
	for range 5 {
		a := c.at.open(path)
		for _, id := range regexp.MustCompile(`>[0-9a-f]{64}<`).FindAllString(a.body, -1) {
			if seen[id] {
				t.Errorf("%s is shown twice", id)
			}
			seen[id] = true
		}
		next := older.FindStringSubmatch(a.body)
		if next == nil {
			break
		}
		path = "/auth/admin/audit?event=session.revoke&before=" + next[1]
	}
	if len(seen) != 60 {
		t.Errorf("%d events", len(seen))
	}
}

// Every page answers HEAD, without a body.
func TestConsoleHead(t *testing.T) {
	c := newConsole(t)
	for _, page := range []string{"", "/people", "/people/" + c.root.ID, "/sessions", "/access", "/providers", "/audit"} {
		if a := c.at.do("HEAD", "/auth/admin"+page, "Accept", "text/html"); a.StatusCode != 200 || a.body != "" {
			t.Errorf("%s: %d", page, a.StatusCode)
		}
	}
}
