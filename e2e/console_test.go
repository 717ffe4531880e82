package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// theConsole is a day of a new admin: they find out by what the pages say.
func theConsole(t *testing.T, w *world) {
	c := w.company(t)
	var barbara *invitee
	if !t.Run("somebody is invited and follows the link", func(t *testing.T) { barbara = c.of(t).invites(t) }) {
		return
	}
	t.Run("a role, by keyboard alone", func(t *testing.T) { c.of(t).givesRole(t, barbara) })
	t.Run("second factors are removed", func(t *testing.T) { c.of(t).resetsFactors(t, barbara) })
	t.Run("signed out everywhere", func(t *testing.T) { c.of(t).signsOut(t, barbara) })
	t.Run("disabled", func(t *testing.T) { c.of(t).disables(t, barbara) })
	t.Run("who can", func(t *testing.T) { c.of(t).asksWhoCan() })
	t.Run("what happened, as a list and as a file", func(t *testing.T) { c.of(t).findsEvent(t) })
}

// of has what fails at the admin's page fail the test at hand.
func (c *company) of(t *testing.T) *company { return &company{c.server, c.w, c.admin.For(t)} }

// invitee is Barbara, her browser and her page of the console.
type invitee struct {
	*factorPage
	about string
}

func (n *invitee) of(t *testing.T) *invitee { return &invitee{n.factorPage.of(t), n.about} }

// mustBeIn holds what /auth/me answers: a role, or nobody.
func (n *invitee) mustBeIn(role string) {
	n.t.Helper()
	if got := n.Evaluate(`fetch("/auth/me").then(r => r.ok ? r.json() : {role: ""}).then(me => me.role)`); got != fmt.Sprintf("%q", role) {
		n.t.Errorf("Barbara's role is %s, want %q", got, role)
	}
}

// go follows a link of the navigation.
func (c *company) goes(place string) {
	c.admin.Click(`nav a[href$="/auth/admin/` + place + `"]`)
	c.admin.AwaitLocation(c.URL + "/auth/admin/" + place)
}

func (c *company) invites(t *testing.T) *invitee {
	c.goes("people")
	c.admin.Click(`details:has(form [name="username"]) summary`)
	c.admin.Type(`#username`, "barbara")
	c.admin.Type(`#name`, "Barbara Liskov")
	c.admin.Type(`#email`, "barbara@example.com")
	c.admin.Click(`form[action$="/auth/admin/people"] button[type="submit"]`)
	c.admin.SeeText("/auth/link?token=")
	link := strings.Trim(c.admin.Evaluate(`document.body.innerText.match(/http\S+token=\S+/)[0]`), `"`)

	n := &invitee{factorPage: &factorPage{c.w.chromium.Person(t), t, c.server}}
	n.Open(link)
	n.SeeText("This link is for Barbara Liskov")
	n.Type(`input[name="password"]`, firstPassword)
	n.submit("/auth/link")
	n.AwaitLocation(c.URL + "/")
	n.mustBeIn("viewer") // by a grant for her domain, or she would not be let in

	c.goes("people")
	c.admin.Type(`input[type="search"]`, "liskov")
	c.admin.Press(kb.Enter)
	c.admin.Await("see her alone", `document.querySelectorAll("table.list tbody tr").length === 1`)
	c.admin.Click(`table.list tbody a`)
	c.admin.SeeText("Ways in, and what they give")
	n.about = c.admin.Location()
	return n
}

// tab goes on with the keyboard until it is at an element.
func (c *company) tab(t *testing.T, selector string) {
	t.Helper()
	for range 80 {
		c.admin.Press(kb.Tab)
		if c.admin.Evaluate(fmt.Sprintf("document.activeElement.matches(%q)", selector)) == "true" {
			return
		}
	}
	t.Fatalf("the keyboard does not come to %s", selector)
}

func (c *company) givesRole(t *testing.T, n *invitee) {
	c.admin.Open(n.about)
	c.tab(t, "#role")
	c.admin.Press("editor")
	c.tab(t, `form[action$="/role"] button`)
	c.admin.Press(kb.Enter)
	c.admin.SeeText("The role is set.")
	n.of(t).mustBeIn("editor")
}

func (c *company) resetsFactors(t *testing.T, n *invitee) {
	n = n.of(t)
	n.Open(c.URL + "/auth/account")
	n.enrolApp("/auth/account/totp")
	c.admin.Open(n.about)
	c.dangerous("reset-mfa")
	c.admin.SeeText("second factors of this person are removed")
	n.mustBeIn("")
	n.password("barbara", "/auth/account")
	n.AwaitLocation(c.URL + "/auth/account")
	n.mustBeIn("editor")
}

// dangerous opens what is folded, ticks what it asks, and does it.
func (c *company) dangerous(form string) {
	c.admin.Click(`details:has(form[action$="/` + form + `"]) summary`)
	c.admin.Click(`#` + form + `-confirm`)
	c.admin.Click(`form[action$="/` + form + `"] button`)
}

func (c *company) signsOut(t *testing.T, n *invitee) {
	c.admin.Open(n.about)
	c.admin.Click(`form[action$="/sign-out"] button`)
	c.admin.SeeText("All sessions of this person have ended.")
	n.of(t).mustBeIn("")
}

func (c *company) disables(t *testing.T, n *invitee) {
	n = n.of(t)
	c.admin.Open(n.about)
	c.dangerous("disable")
	c.admin.SeeText("The account is disabled")
	n.password("barbara", "/auth/account")
	n.See(`[role="alert"]`)
	n.mustBeIn("")
}

func (c *company) asksWhoCan() {
	c.goes("access")
	c.admin.Evaluate(`document.getElementById("permission").value = "wipe_assets"`)
	c.admin.Type("#location", "marketing")
	c.admin.Click(`form:has(#permission) button`)
	for _, text := range []string{"Ada Lovelace", "Grace Hopper", "Alan Turing", "marketing*"} {
		c.admin.SeeText(text)
	}
	c.admin.Await("nobody else", `!document.querySelector("#who-can").innerText.includes("Mary Jackson")`)
}

func (c *company) findsEvent(t *testing.T) {
	c.goes("audit")
	c.admin.Type("#person", "Ada Lovelace")
	c.admin.Type("#event", "user.*")
	c.admin.Click(`form:has(#event) button`)
	c.admin.Await("see what was done to Barbara", `document.querySelectorAll(".trail summary").length >= 4`)
	c.admin.Click(`.trail summary`)
	c.admin.SeeText("Hash")
	export := c.admin.Evaluate(`fetch([...document.querySelectorAll("a")].find(a => a.innerText === "Export as CSV").href).then(r => r.text())`)
	for _, name := range []string{"user.disable", "user.set_role"} {
		if !strings.Contains(export, name) {
			t.Errorf("%s is not in the file: %.400s", name, export)
		}
	}
	if strings.Contains(export, "signin.finish") {
		t.Error("the file has more than the filter")
	}
}
