package e2e

import (
	"path/filepath"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

const auditorPolicy = `
roles: { auditor: { extends: viewer, allow: [audit] } }
grants: []
`

// audited is somebody who reads the trail and may do nothing else.
type audited struct {
	w *world
	*server
	page *parts.Page
}

// anAuditor follows the trail in a browser: events come by themselves, no other
// script can read them, and it ends with the role and with the server.
func anAuditor(t *testing.T, w *world) {
	set := w.noProvider(t, "sqlite:"+filepath.Join(t.TempDir(), "dagpass.db")).with(settings{"POLICY": auditorPolicy})
	a := &audited{w: w, server: w.launch(t, set)}
	a.ready(t)
	w.account(t, set, a.server, "root", "admin")
	w.account(t, set, a.server, "audrey", "auditor")
	a.page = w.chromium.Person(t)
	a.enter("/auth/admin/audit/tail")
	t.Run("what happens appears", a.appears)
	t.Run("paused", a.paused)
	t.Run("no script of Dagster's page reads it", a.unread)
	t.Run("what a telephone shows", a.small)
	t.Run("without the role", a.demoted)
	t.Run("without the server", a.gone)
}

// enter signs in and goes to a page.
func (a *audited) enter(path string) {
	a.page.Open(a.URL + "/auth/login?next=" + path)
	a.page.Type(`input[name="username"]`, "audrey")
	a.page.Type(`input[name="password"]`, firstPassword)
	a.page.Click(`form[action$="/auth/login"] button[type=submit]`)
	a.page.AwaitLocation(a.URL + path)
}

// somebody fails to sign in under a name of the browser that nobody else has.
func (a *audited) somebodyFails(t *testing.T) {
	t.Helper()
	newPerson(a.URL).using(a.server).password(t, "nobody-at-all", "not the password")
}

const (
	fresh   = `document.querySelectorAll("#tail .fresh").length`
	listed  = `document.querySelectorAll("#tail summary").length`
	tailing = `document.getElementById("tail-state").textContent`
)

func (a *audited) appears(t *testing.T) {
	page := a.page.For(t)
	page.SeeText("Following since the page was opened")
	before := page.Evaluate(listed)
	a.somebodyFails(t)
	page.Await("an event appears", fresh+` === 1 && document.querySelector("#tail .fresh").innerText.includes("signin.finish")`)
	if after := page.Evaluate(listed); after == before {
		t.Errorf("%s events before and after", after)
	}
	evaluates(t, page, `document.getElementById("tail-said").textContent`, `"1 new event."`)
	page.Evaluate(`document.querySelector("#tail .fresh summary").click()`)
	page.SeeText("unknown_name")
	page.Screenshot("auditor-live")
}

func (a *audited) paused(t *testing.T) {
	page := a.page.For(t)
	page.Click("#tail-pause")
	page.Await("it pauses", tailing+`.startsWith("Paused") && document.getElementById("tail-pause").getAttribute("aria-pressed") === "true"`)
	before := page.Evaluate(listed)
	a.somebodyFails(t)
	evaluates(t, page, listed, before)
	page.Click("#tail-pause")
	page.Await("it goes on", listed+" === "+before+" + 1")
}

// unread tries, in a page of Dagster's, all that a script there can try.
func (a *audited) unread(t *testing.T) {
	page := a.page.For(t).Tab()
	page.Open(a.URL + "/assets")
	page.See("#dagpass button")
	evaluates(t, page, `fetch("/auth/admin/audit/tail").then((a) => a.status)`, "403")
	evaluates(t, page, `fetch("/auth/admin/audit/tail", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}).then((a) => a.status)`, "403")
	evaluates(t, page, `new Promise((done) => {
		const frame = document.createElement("iframe");
		frame.onload = () => done(frame.contentDocument?.querySelector("[data-token]") ?? null);
		frame.src = "/auth/admin/audit/tail";
		document.body.append(frame);
	})`, "null")
	page.Evaluate(`void document.body.append(Object.assign(document.createElement("button"), {
		id: "peek", style: "position: fixed; inset: 0; z-index: 99999", textContent: "peek",
		onclick() { window.peeked = window.open("/auth/admin/audit/tail"); },
	}))`)
	page.Click("#peek")
	page.Await("a window of the trail is out of reach", "!!window.peeked && window.peeked.closed")
	page.Evaluate(`void document.getElementById("peek").remove()`)
	page.Click("#dagpass button")
	page.Await("the menu leads to the trail", `document.querySelector('#dagpass-popup a[href="/auth/admin/audit"]')?.textContent === "Console"`)
}

func (a *audited) small(t *testing.T) {
	page := a.page.For(t)
	page.Size(390, 844)
	for _, path := range []string{"", "/review", "/privileged", "/failures", "/run", "/tail"} {
		page.Open(a.URL + "/auth/admin/audit" + path)
		evaluates(t, page, "document.documentElement.scrollWidth <= innerWidth", "true")
	}
	page.Size(1280, 800)
}

func (a *audited) demoted(t *testing.T) {
	page := a.page.For(t)
	page.Open(a.URL + "/auth/admin/audit/tail")
	page.SeeText("Following since the page was opened")
	a.w.run(t, a.set, "user", "set-role", "audrey", "viewer")
	page.SeeText("Nothing more appears here.")
	evaluates(t, page, `document.getElementById("tail-pause").hidden`, "true")
	a.w.run(t, a.set, "user", "set-role", "audrey", "auditor")
}

func (a *audited) gone(t *testing.T) {
	a.page = a.page.For(t)
	a.enter("/auth/admin/audit/tail")
	a.page.SeeText("Following since the page was opened")
	a.Stop()
	a.page.SeeText("Disconnected. Trying again")
}
