package e2e

import (
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// A picture is of a page, as somebody sees it by day and by night. Whoever wants
// one more adds a line here and names it in a document; `task screenshots` then
// takes it. Other journeys take those of what only they get to see.
type picture struct {
	name, who, path string
	// see is a text that the page has when all of it is there.
	see string
	// on is JavaScript that leads from there to the page of the picture.
	on string
}

var ofCompany = []picture{
	{"login", "", "/auth/login", "Sign in", ""},
	{"dagster", "grace.hopper", "/runs", "counting", ""},
	{"dagster-viewer", "mary.jackson", "/assets/campaigns", "Materialize", ""},
	{"account", "alan.turing", "/auth/account", "alan.turing@example.com", ""},
	{"console-overview", "ada.lovelace", "/auth/admin", "Sign-ins per hour", ""},
	{"console-people", "ada.lovelace", "/auth/admin/people", "Grace Hopper", ""},
	{"console-person", "ada.lovelace", "/auth/admin/people", "Grace Hopper", `person("Alan Turing")`},
	{"console-sessions", "ada.lovelace", "/auth/admin/sessions", "Firefox on Linux", ""},
	{"console-access", "ada.lovelace", "/auth/admin/access?permission=wipe_assets&location=marketing", "Alan Turing", ""},
	{"console-dry-run", "ada.lovelace", "/auth/admin/access", "Roles and permissions", `grant("analytics", "editor", "marketing*")`},
	{"console-providers", "ada.lovelace", "/auth/admin/providers", "Acme", ""},
	{"console-settings", "ada.lovelace", "/auth/admin/settings", "Settings", ""},
	{"audit", "ada.lovelace", "/auth/admin/audit?event=dagster.*", "dagster.mutation", ""},
	{"audit-review", "ada.lovelace", "/auth/admin/audit/review", "Mary Jackson", ""},
	{"audit-failures", "ada.lovelace", "/auth/admin/audit/failures", "", ""},
}

// steps are what a picture's JavaScript may call.
const steps = `
const person = (name) => [...document.querySelectorAll("table.list a")].find((a) => a.innerText === name).click();
const grant = (group, role, locations) => {
	const form = document.querySelector('form[action$="/access/grants/preview"]:has([name=group])');
	form.closest("details")?.setAttribute("open", "");
	form.elements.slot.value = "certified";
	form.elements.group.value = group;
	form.elements.role.value = role;
	form.elements.locations.value = locations;
	form.requestSubmit();
};`

// pictures leaves in e2e/out what people see. That the pages show is tested; how
// they look is for somebody to look at.
func pictures(t *testing.T, w *world) {
	c := w.company(t)
	pages := map[string]*parts.Page{"": w.chromium.Person(t), "ada.lovelace": c.admin}
	pages[""].Still()
	for _, one := range ofCompany {
		t.Run(one.name, func(t *testing.T) {
			if pages[one.who] == nil {
				pages[one.who] = c.signIn(t, one.who, "/auth/account")
			}
			one.take(c, pages[one.who].For(t))
		})
	}
}

func (one picture) take(c *company, page *parts.Page) {
	page.Desk()
	page.Open(c.URL + one.path)
	page.SeeText(one.see)
	if one.on != "" {
		page.Evaluate("(() => { window.former = true;" + steps + one.on + "})()")
		page.Await("the next page", `!window.former && document.readyState === "complete"`)
	}
	page.Evaluate(`document.fonts.ready.then(() => new Promise(requestAnimationFrame)).then(() => 1)`)
	page.Screenshot(one.name)
	page.Dark()
	page.Screenshot(one.name + "-dark")
	page.Light()
}
