package handlers_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// ruled is a console whose policy is a file and the grants of the database.
func ruled(t *testing.T, file string) *console {
	t.Helper()
	return newConsole(t, func(c *handlers.Config) {
		compose := c.Identity.Compose
		c.Locations = func(context.Context) []string { return []string{"marketing", "sales"} }
		c.Identity.Compose = func(ch identity.Changes) (*identity.Rules, error) {
			rules, err := compose(ch)
			if err != nil {
				return nil, err
			}
			o := policy.Options{DefaultRole: policy.Viewer, File: []byte(file), Slots: []string{"oidc", "second"}, GroupSlots: []string{"oidc", "second"}}
			for _, g := range ch.Grants {
				o.Grants = append(o.Grants, g.Rule())
			}
			rules.Policy, err = policy.New(o)
			return rules, err
		}
		if err := c.Identity.Recompose(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// find is what a page has at a selector.
func (a answer) find(selector string) *goquery.Selection {
	page, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		panic(err)
	}
	return page.Find(selector)
}

// fields are what the form that posts to an address would send, as it stands.
func (a answer) fields(action string) (fields []string) {
	a.find(`form[action="` + action + `"]`).First().Find("input[type=hidden]").Each(func(_ int, s *goquery.Selection) {
		fields = append(fields, s.AttrOr("name", ""), s.AttrOr("value", ""))
	})
	return fields
}

const (
	tryPath    = "/auth/admin/access/grants/preview"
	addPath    = "/auth/admin/access/grants"
	removePath = "/auth/admin/access/grants/remove"
)

// From the form over the dry run to the rule, and back: nothing happens before it
// is applied.
func TestGrantByHand(t *testing.T) {
	c := ruled(t, rules)
	ada := c.browser()
	ada.signIn()
	form := c.at.open("/auth/admin/access")
	if n := form.find(`form[action="` + tryPath + `"] select[name=role] option`).Length(); n != 7 {
		t.Errorf("%d roles to choose", n)
	}
	if known := form.find("#give-locations-known .chip").Text(); known != "marketingsales" {
		t.Errorf("locations %q", known)
	}
	shown := c.at.form(tryPath, "email", "ada@example.com", "role", "launcher", "locations", " finance\r\n\r\nops* ")
	if shown.StatusCode != http.StatusOK || len(c.kept()) != 0 {
		t.Fatalf("%d, kept %v: %s", shown.StatusCode, c.kept(), shown.body)
	}
	if text := shown.find("#effect").Parent().Text(); !strings.Contains(text, "1 person gains something") || strings.Contains(text, "loses") {
		t.Errorf("%s", text)
	}
	row := shown.find("table tbody tr")
	if row.Length() != 1 || !strings.Contains(row.Text(), "Ada") || !strings.Contains(row.Text(), "launch_pipeline_execution at ops*") {
		t.Errorf("%s", row.Text())
	}
	done := c.at.form(addPath, shown.fields(addPath)...)
	if done.Header.Get("Location") != "/auth/admin/access?notice=granted" {
		t.Fatalf("%s %s", got(done), done.body)
	}
	kept := c.kept()
	if len(kept) != 1 || kept[0].Text != "{email: ada@example.com, role: launcher, locations: [finance, ops*]}" {
		t.Fatalf("%+v", kept)
	}
	if body := ada.do("GET", "/auth/me").body; !strings.Contains(body, `"marketing"`) {
		t.Errorf("%s", body)
	}
	page := c.at.open("/auth/admin/access?notice=granted")
	rule := page.find(".rules > li").Last()
	if !strings.Contains(rule.Text(), "Grant "+kept[0].ID+", made here") || !strings.Contains(rule.Text(), "Made here by root.") {
		t.Errorf("%s", rule.Text())
	}
	if n := page.find(`.rules > li form`).Length(); n != 1 {
		t.Errorf("%d grants can be removed: the file's cannot", n)
	}
	shown = c.at.form(tryPath, page.fieldsOf(rule)...)
	if shown.StatusCode != http.StatusOK || !strings.Contains(shown.find("#effect").Parent().Text(), "1 person loses something") {
		t.Fatalf("%d %s", shown.StatusCode, shown.body)
	}
	if done := c.at.form(removePath, shown.fields(removePath)...); done.Header.Get("Location") != "/auth/admin/access?notice=revoked" || len(c.kept()) != 0 {
		t.Errorf("%s %v", got(done), c.kept())
	}
}

func (a answer) fieldsOf(s *goquery.Selection) []string {
	in := s.Find("input[type=hidden]")
	return []string{in.AttrOr("name", ""), in.AttrOr("value", "")}
}

func (c *console) kept() []identity.KeptGrant {
	c.t.Helper()
	all, err := c.svc.Grants(models.WithOperator(context.Background()))
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

// A bad form comes back with what was typed and a sentence at the field, from the
// dry run and from what applies it.
func TestGrantFormComesBack(t *testing.T) {
	c := ruled(t, rules)
	const markup = `"><script>alert(1)</script></textarea>'`
	for name, test := range map[string]struct {
		fields []string
		at     string // the id of the sentence
	}{
		"nothing":         {nil, "give-role-wrong"},
		"nobody":          {[]string{"role", "viewer", "slot", "oidc"}, "give-wrong"},
		"no role":         {[]string{"domain", "example.com"}, "give-role-wrong"},
		"markup for role": {[]string{"domain", "example.com", "role", markup}, "give-role-wrong"},
		"markup for all":  {[]string{"email", markup, "domain", markup, "slot", markup, "group", markup, "org", markup, "team", markup, "role", "viewer", "locations", markup}, "give-slot-wrong"},
		"no address":      {[]string{"email", markup, "role", "viewer"}, "give-email-wrong"},
		"no provider":     {[]string{"group", "data", "role", "viewer"}, "give-slot-wrong"},
		"a NUL":           {[]string{"email", "a\x00@b.c", "role", "viewer"}, "give-email-wrong"},
		"no text":         {[]string{"domain", "\xff", "role", "viewer"}, "give-domain-wrong"},
		"long":            {[]string{"domain", strings.Repeat("x", 600), "role", "viewer"}, "give-domain-wrong"},
		"many lines":      {[]string{"domain", "example.com", "role", "viewer", "locations", strings.Repeat("a\n", 101)}, "give-locations-wrong"},
		"an org":          {[]string{"org", "a/b", "role", "viewer"}, "give-org-wrong"},
		"a team":          {[]string{"team", "a", "role", "viewer"}, "give-team-wrong"},
	} {
		for _, path := range []string{tryPath, addPath} {
			a := c.at.form(path, test.fields...)
			if a.StatusCode != http.StatusBadRequest || a.find("#"+test.at).Length() != 1 || a.find("#give[open]").Length() != 1 {
				t.Errorf("%s at %s: %d, %d sentences: %.2000s", name, path, a.StatusCode, a.find("#"+test.at).Length(), a.find("#give").Text())
			}
			if strings.Contains(a.body, "<script>alert") || a.find("script").Length() > 2 {
				t.Errorf("%s at %s: the markup is in the page", name, path)
			}
			for i := 0; i+1 < len(test.fields); i += 2 {
				if in := a.find("#give [name=" + test.fields[i] + "]"); test.fields[i] == "email" && !strings.Contains(test.fields[i+1], "\x00") && in.AttrOr("value", "") != test.fields[i+1] {
					t.Errorf("%s: what was typed is gone: %q", name, in.AttrOr("value", ""))
				}
			}
		}
	}
	if len(c.kept()) != 0 {
		t.Errorf("%v", c.kept())
	}
}

// What was shown is what is done; else it is shown anew, with why.
func TestGrantShownAnew(t *testing.T) {
	c := ruled(t, rules)
	shown := c.at.form(tryPath, "email", "ada@example.com", "role", "launcher")
	c.must(c.svc.AddGrant(models.WithOperator(context.Background()), models.Grant{Domain: "example.com", Role: policy.Editor}))
	late := c.at.form(addPath, shown.fields(addPath)...)
	if late.StatusCode != http.StatusConflict || !strings.Contains(late.find("#wrong").Text(), "Somebody else has changed the rules") || len(c.kept()) != 1 {
		t.Fatalf("%d %s", late.StatusCode, late.body)
	}
	if a := c.at.form(addPath, late.fields(addPath)...); a.StatusCode != http.StatusSeeOther || len(c.kept()) != 2 {
		t.Errorf("%s", got(a))
	}
	if a := c.at.form(addPath, "email", "x@example.com", "role", "viewer"); a.StatusCode != http.StatusConflict || len(c.kept()) != 2 {
		t.Errorf("without a version: %s", got(a))
	}
}

func (c *console) must(_ models.Grant, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// A grant that somebody else has removed is said to be gone.
func TestGrantIsGone(t *testing.T) {
	c := ruled(t, rules)
	for _, a := range []answer{c.at.form(tryPath, "remove", "a0000000"), c.at.form(removePath, "id", "a0000000", "version", "x"), c.at.form(removePath)} {
		if a.find(".notice[data-tone=error]").Length() != 1 || a.StatusCode != http.StatusConflict {
			t.Errorf("%d %.300s", a.StatusCode, a.find("main").Text())
		}
	}
}

// Whoever loses the console by it ticks that they know, and then has lost it.
func TestGrantOfOnesOwnByHand(t *testing.T) {
	c := ruled(t, "{}")
	c.must(c.svc.AddGrant(models.WithOperator(context.Background()), models.Grant{Email: "ada@example.com", Role: policy.Admin}))
	ada := c.browser()
	ada.signIn()
	id := c.kept()[0].ID
	shown := ada.form(tryPath, "remove", id)
	if shown.find("input[name=confirm][required]").Length() != 1 {
		t.Fatalf("%d %s", shown.StatusCode, shown.body)
	}
	fields := shown.fields(removePath)
	a := ada.form(removePath, fields...)
	if a.StatusCode != http.StatusBadRequest || a.find("#confirm-wrong").Length() != 1 || len(c.kept()) != 1 {
		t.Errorf("not confirmed: %d %s", a.StatusCode, a.body)
	}
	if a := ada.form(removePath, append(fields, "confirm", "yes")...); a.StatusCode != http.StatusSeeOther || len(c.kept()) != 0 {
		t.Errorf("confirmed: %s", got(a))
	}
	if a := ada.open("/auth/admin/access"); a.StatusCode != http.StatusForbidden {
		t.Errorf("still there: %d", a.StatusCode)
	}
	if a := ada.form(tryPath, "email", "ada@example.com", "role", "admin"); a.StatusCode != http.StatusForbidden {
		t.Errorf("still shown: %d", a.StatusCode)
	}
}

// The last admin's grant has no button to take it away.
func TestLastAdminsGrant(t *testing.T) {
	c := ruled(t, "{}")
	c.must(c.svc.AddGrant(models.WithOperator(context.Background()), models.Grant{Email: "ada@example.com", Role: policy.Admin}))
	ada := c.browser()
	ada.signIn()
	id := c.kept()[0].ID
	c.assign(c.root.ID, policy.None)
	shown := ada.form(tryPath, "remove", id)
	if shown.find(`form[action="`+removePath+`"]`).Length() != 0 || !strings.Contains(shown.body, "This is the last admin") {
		t.Errorf("%d %s", shown.StatusCode, shown.body)
	}
	version := "version"
	if a := ada.form(removePath, "id", id, version, "x", "confirm", "yes"); a.StatusCode != http.StatusConflict || len(c.kept()) != 1 {
		t.Errorf("%s", got(a))
	}
}

// A broken grant is shown with its reason and can be taken away, and markup in a
// group's name stays text on every page.
func TestGrantsAreShownAsTheyAre(t *testing.T) {
	c := ruled(t, rules)
	const group = `"><img src=x onerror=alert(1)>`
	c.must(c.svc.AddGrant(models.WithOperator(context.Background()), models.Grant{Slot: "oidc", Group: group, Role: "starter", Locations: []policy.Pattern{group}}))
	for _, a := range []answer{c.at.open("/auth/admin/access"), c.at.form(tryPath, "remove", c.kept()[0].ID), c.at.form(tryPath, "slot", "oidc", "group", group, "role", "viewer")} {
		if a.StatusCode != http.StatusOK || a.find("img[src=x]").Length() != 0 || !slices.Contains(a.find(".source").Map(func(_ int, s *goquery.Selection) string { return first(s.Text()) }), "{") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	compose := c.svc.Compose
	c.svc.Compose = func(ch identity.Changes) (*identity.Rules, error) {
		r, err := compose(ch)
		if err != nil {
			return nil, err
		}
		o := policy.Options{DefaultRole: policy.Viewer}
		for _, g := range ch.Grants {
			o.Grants = append(o.Grants, g.Rule())
		}
		r.Policy, err = policy.New(o)
		return r, err
	}
	if err := c.svc.Recompose(context.Background()); err != nil {
		t.Fatal(err)
	}
	page := c.at.open("/auth/admin/access")
	if !strings.Contains(page.find(".rules li").Text(), `role "starter" is not a role`) || page.find(".rules li form").Length() != 1 {
		t.Errorf("%s", page.body)
	}
}

func first(s string) string { return s[:min(1, len(s))] }

// A person's page tells what their rules come to at each code location.
func TestPersonAtLocations(t *testing.T) {
	c := ruled(t, rules)
	ada := c.browser()
	ada.signIn()
	found, err := c.svc.Users(models.WithOperator(context.Background()), "ada@example.com")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	page := c.at.open("/auth/admin/people/" + found[0].ID)
	if chips := page.find(".way > ul .chip").Map(func(_ int, s *goquery.Selection) string { return s.Text() }); !slices.Equal(chips, []string{"editor at marketing"}) {
		t.Errorf("%q", chips)
	}
}
