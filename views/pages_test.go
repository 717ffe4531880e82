package views_test

import (
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/views"
)

// TestPagesSay asks each page for what its struct told it: the text and one
// attribute of the first element that a selector finds.
func TestPagesSay(t *testing.T) {
	for _, c := range []struct {
		name      string
		page      templ.Component
		selector  string
		text      string
		attr, val string
	}{
		{"provider", login(button("google")), "a.provider", "Continue with Acme", "href", "/auth/start/google?next=%2Fruns"},
		{"only provider leads", login(button("oidc")), "a.provider", "Continue with Acme", "data-variant", "primary"},
		{"several are equals", login(button("oidc"), button("ldap")), "a.provider", "Continue with Acme", "data-variant", "outline"},
		{"provider that is down", login(down()), "button[disabled]", "Continue with Acme", "aria-describedby", "down-acme"},
		{"why it is down", login(down()), "#down-acme", "Acme cannot be reached right now. Please try again in a minute.", "", ""},
		{"no provider", login(), "[role=alert]", "No way to sign in is set up here. Please tell your administrator.", "", ""},
		{"information", views.Login{Notice: "You are signed out."}.Component(), ".notice", "You are signed out.", "role", "status"},
		{"refusal", views.Login{Notice: "No.", NoticeTone: "error"}.Component(), ".notice", "No.", "role", "alert"},
		{"demonstration", views.Login{Demo: true}.Component(), ".notice strong", "Demonstration.", "", ""},
		{"problem", problem(), "h1", "Not now", "", ""},
		{"status", problem(), "main p", "Error 502", "", ""},
		{"action", problem(), "main a", "Try now", "href", "/dagster/runs"},
		{"reference", problem(), ".reference code", "01ABC", "", ""},
		{"retry", problem(), "meta[http-equiv=refresh]", "", "content", "5"},
		{"wrong account", problem(), "form[method=post]", "Sign out", "action", "/dagster/auth/logout"},
		{"who is refused", problem(), "main strong", "ada@example.com", "", ""},
		{"account name", account(), "main .text-lg", "Ada", "", ""},
		{"account role", account(), ".role", "Role: editor", "", ""},
		{"account sign-out", account(), "form[method=post] button", "Sign out", "type", "submit"},
		{"account time in UTC", account(), "time", "1 Feb 2026, 02:04 UTC", "datetime", "2026-02-01T02:04:05Z"},
		{"current session", account(), "li .badge", "This browser", "", ""},
		{"folded groups", account(), "summary", "Show 3 more", "", ""},
		{"role at a location", scoped(), "#scopes > li p", "Role: editor", "", ""},
		{"location of a role", scoped(), "#scopes > li .chip", "marketing*", "", ""},
		{"permission at a location", scoped(), "#scopes > li:nth-child(2) .chip:contains(start_schedule)", "start_schedule", "", ""},
		{"sign-out asks", views.SignOut{SignedInAs: "ada"}.Component(), "main form button", "Sign out", "type", "submit"},
		{"sign-out says who", views.SignOut{SignedInAs: "ada"}.Component(), "main strong", "ada", "", ""},
	} {
		found := parse(t, c.page).Find(c.selector).First()
		if got := text(found); found.Length() != 1 || got != c.text || found.AttrOr(c.attr, "") != c.val {
			t.Errorf("%s: %d of %q, %q, %s=%q", c.name, found.Length(), c.selector, got, c.attr, found.AttrOr(c.attr, ""))
		}
	}
}

// TestPagesCount looks for what must be there so often, or must not be there.
func TestPagesCount(t *testing.T) {
	for _, c := range []struct {
		name     string
		page     templ.Component
		selector string
		want     int
	}{
		{"a whole role is not told in pieces", scoped(), "#scopes .chip:contains(hidden)", 0},
		{"nothing at locations", account(), "#scopes", 0},
		{"every provider has its button", login(button("google"), button("github"), down()), ".provider", 3},
		{"one that is down cannot be followed", login(down()), "a.provider", 0},
		{"no notice unless there is one", login(button("oidc")), ".notice", 0},
		{"a real page is no demonstration", login(button("oidc")), ".notice", 0},
		{"no retry unless asked for", views.Problem{Title: "No"}.Component(), "meta[http-equiv]", 0},
		{"no reference unless there is one", views.Problem{Title: "No"}.Component(), ".reference", 0},
		{"no action unless there is one", views.Problem{Title: "No"}.Component(), "main a", 0},
		{"nobody signs out who is not signed in", views.Problem{Title: "No"}.Component(), "form", 0},
		{"all groups are on the page", account(), "section[aria-labelledby=access] .chip", 15},
		{"the first ones are not folded", account(), "details .chip", 3},
		{"an unknown time is left out", account(), "li time", 1},
		{"sign-out is a form, never a link", account(), "a[href*=logout]", 0},
	} {
		if got := parse(t, c.page).Find(c.selector).Length(); got != c.want {
			t.Errorf("%s: %d of %q, want %d", c.name, got, c.selector, c.want)
		}
	}
}

func login(buttons ...views.ProviderButton) templ.Component {
	return views.Login{Site: views.Site{Name: "Dagpass"}, Providers: buttons}.Component()
}

func button(kind string) views.ProviderButton {
	return views.ProviderButton{Slot: "acme", Label: "Acme", Type: kind, Href: "/auth/start/google?next=%2Fruns"}
}

func down() views.ProviderButton {
	b := button("oidc")
	b.Down = true
	return b
}

func problem() templ.Component {
	return views.Problem{
		Site: views.Site{Prefix: "/dagster", Name: "Dagpass"}, Status: 502, Title: "Not now", Message: "Later.",
		Reference: "01ABC", Action: "Try now", ActionHref: "/dagster/runs", RetrySeconds: 5, SignedInAs: "ada@example.com",
	}.Component()
}

func account() templ.Component {
	tokyo := time.FixedZone("Tokyo", 9*3600)
	return views.Account{
		Name: "Ada", Email: "ada@example.com", Role: "editor", Groups: make([]string, 15),
		SignedInAt: time.Date(2026, time.February, 1, 11, 4, 5, 0, tokyo), Permissions: nil,
		Sessions: []views.AccountSession{{Device: "Firefox", Current: true, Since: time.Unix(1e9, 0)}},
	}.Component()
}

func scoped() templ.Component {
	return views.Account{Scopes: []views.AccountScope{
		{Locations: []string{"marketing*"}, Role: "editor", Permissions: []string{"hidden"}},
		{Locations: []string{"sales"}, Permissions: []string{"start_schedule"}},
	}}.Component()
}
