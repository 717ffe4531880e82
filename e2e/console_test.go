package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// theConsole is a day of a new admin: they find out by what the pages say.
func theConsole(t *testing.T, w *world) {
	c := w.company(t)
	barbara := &invitee{factorPage: &factorPage{w.chromium.Person(t), t, c.server}}
	t.Run("invited, and follows the link", func(t *testing.T) { c.of(t).invites(t, barbara) })
	t.Run("a role, by keyboard alone", func(t *testing.T) { c.of(t).givesRole(t, barbara) })
	t.Run("second factors are removed", func(t *testing.T) { c.of(t).resetsFactors(t, barbara) })
	t.Run("signed out everywhere", func(t *testing.T) { c.of(t).signsOut(t, barbara) })
	t.Run("disabled", func(t *testing.T) { c.of(t).disables(t, barbara) })
	t.Run("who can", func(t *testing.T) { c.of(t).asksWhoCan() })
	t.Run("a grant, after a dry run", func(t *testing.T) { c.of(t).grants() })
	t.Run("a sign-in is tried", func(t *testing.T) { c.of(t).triesSignIn() })
	t.Run("a setting, on two replicas", func(t *testing.T) { setOnBoth(t, w) })
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

// goes where a link of the navigation leads, and waits until the page is another.
func (c *company) goes(place string) {
	c.admin.See(`nav a[href$="/auth/admin/` + place + `"]`)
	c.admin.Open(c.URL + "/auth/admin/" + place)
}

func (c *company) invites(t *testing.T, n *invitee) {
	c.goes("people")
	c.admin.Click(`details:has(form [name="username"]) summary`)
	c.admin.Type(`#username`, "barbara")
	c.admin.Type(`#name`, "Barbara Liskov")
	c.admin.Type(`#email`, "barbara@example.com")
	c.admin.Click(`form[action$="/auth/admin/people"] button[type="submit"]`)
	c.admin.SeeText("/auth/link?token=")
	link := strings.Trim(c.admin.Evaluate(`document.body.innerText.match(/http\S+token=\S+/)[0]`), `"`)

	her := n.of(t)
	her.Open(link)
	her.SeeText("This link is for Barbara Liskov")
	her.Type(`input[name="password"]`, firstPassword)
	her.submit("/auth/link")
	her.AwaitLocation(c.URL + "/")
	her.mustBeIn("viewer") // by a grant for her domain, or she would not be let in

	c.goes("people")
	c.admin.Type(`input[type="search"]`, "liskov")
	c.admin.Press(kb.Enter)
	c.admin.Await("see her alone", `document.querySelectorAll("table.list tbody tr").length === 1`)
	c.admin.Click(`table.list tbody a`)
	c.admin.SeeText("Ways in, and what they give")
	n.about = c.admin.Location()
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
	n = n.of(t)
	n.mustBeIn("") // another role is another session
	n.password("barbara", "/auth/account")
	n.AwaitLocation(c.URL + "/auth/account")
	n.mustBeIn("editor")
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
	c.admin.AwaitLocation(c.URL + "/auth/admin/audit?person=Ada")
	c.admin.Await("see what was done to Barbara", `document.querySelectorAll(".trail summary").length >= 4`)
	c.admin.Click(`.trail summary`)
	c.admin.SeeText("Hash")
	export := c.admin.Download(`a[href*="format=csv"]`)
	for _, name := range []string{"user.disable", "user.set_role"} {
		if !strings.Contains(export, name) {
			t.Errorf("%s is not in the file: %.400s", name, export)
		}
	}
	if strings.Contains(export, "signin.finish") {
		t.Error("the file has more than the filter")
	}
}

func (c *company) grants() {
	c.goes("access")
	c.admin.Click("#give summary")
	c.admin.Evaluate(`document.getElementById("give-slot").value = "certified"`)
	c.admin.Type("#give-group", "analytics")
	c.admin.Evaluate(`document.getElementById("give-role").value = "editor"`)
	c.admin.Evaluate(`document.getElementById("give-locations").value = "marketing"`)
	c.admin.Click(`#give form button`)
	c.admin.SeeText("This is a dry run: nothing has changed yet.")
	c.admin.SeeText("Mary Jackson")
	c.admin.Click(`form[action$="/access/grants"] button`)
	c.admin.SeeText("The role is given.")
	c.admin.Open(c.URL + "/auth/admin/access?permission=wipe_assets&location=marketing")
	c.admin.Await("Mary too", `document.querySelector("#who-can").innerText.includes("Mary Jackson")`)
}

// triesSignIn sees what the provider tells of her: she is signed in there.
func (c *company) triesSignIn() {
	c.goes("providers")
	c.admin.Click(`form[action$="/providers/certified/test"] button`)
	c.admin.Click(`form:has(input[value="consent"]) button`)
	c.admin.SeeText("Nobody was signed in")
	for _, text := range []string{"ada.lovelace@example.com", "data-platform"} {
		c.admin.SeeText(text)
	}
}

// setOnBoth changes the name of the installation at one replica and reads it at
// the other.
func setOnBoth(t *testing.T, w *world) {
	port := parts.FreePort(t)
	set := w.noProvider(t, pgtest.URL(t)).with(settings{
		"LISTEN": "127.0.0.1:" + port, "PUBLIC_URL": "http://localhost:" + port, "BOOTSTRAP_ADMIN_USERNAME": "root", "BOOTSTRAP_ADMIN_PASSWORD": firstPassword,
	})
	one := w.serve(t, set)
	two := w.launch(t, set.with(settings{"LISTEN": "127.0.0.1:" + parts.FreePort(t)}))
	two.ready(t)
	admin := &factorPage{w.chromium.Person(t), t, one}
	admin.password("root", "/auth/admin/settings")
	admin.Click("#BRAND_NAME summary")
	admin.Type(`#BRAND_NAME [name="value"]`, "Acme Data")
	admin.Click(`#BRAND_NAME details button`)
	admin.SeeText("The setting is changed.")
	promised, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	until(promised, t, "the other replica has it", func() bool {
		return strings.Contains(newPerson(one.URL).using(two).get(t, "/auth/login").body, "Acme Data")
	})
	admin.Click(`#BRAND_NAME form[action$="/settings/clear"] button`)
	admin.SeeText("The override is cleared")
}
