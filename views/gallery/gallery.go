// Package gallery holds every page with sample data: the plain case, the crowded
// one and the hostile one.
//
//	gallery.Pages -> tests of views
//	              -> views/gallery/serve, to look at them in a browser
//
// Whoever adds a page to views adds it here; the tests of views then read it.
package gallery

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/views"
)

// Page is one page under a name that fits into an address.
type Page struct {
	Name      string
	Prefix    string // path prefix of the site that the page belongs to
	Component templ.Component
}

// Markup is a name that tries to leave the text it stands in. No rendered page
// may hold it unescaped.
const Markup = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`

// Pages returns all samples, in the order in which a person meets them.
func Pages() []Page {
	return slices.Concat(
		setups(), logins(), localLogins(), links(), secondFactors(), enrolments(), problems(), confirmations(), accounts(), localAccounts(), tokens(), consoles(), signOuts(),
	)
}

// site is at the root of a host, as most installations are.
func site() views.Site { return views.Site{Name: "Dagpass"} }

// prefixed is below a path, to see that every address follows.
func prefixed() views.Site { return views.Site{Prefix: "/dagster", Name: "Dagpass"} }

func logins() []Page {
	page := func(name string, p views.Login) Page { return Page{"login-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("one", views.Login{Site: site(), Providers: providers()[:1]}),
		page("three", views.Login{Site: site(), Providers: providers()}),
		page("demo", views.Login{Site: site(), Providers: demoProvider(), Demo: true}),
		page("signed-out", views.Login{Site: site(), Providers: providers(), Notice: "You are signed out."}),
		page("refused", views.Login{
			Site: site(), Providers: providers(), NoticeTone: "error",
			Notice: "This account may not sign in here. Choose another one, or ask your administrator.",
		}),
		page("down", views.Login{Site: site(), Providers: oneDown()}),
		page("none", views.Login{Site: site()}),
		page("hostile", views.Login{Site: prefixed(), Providers: hostileProviders(), Notice: Markup, NoticeTone: "error"}),
	}
}

func providers() []views.ProviderButton {
	return []views.ProviderButton{
		{Slot: "google", Label: "Google", Type: "google", Href: "/auth/start/google?next=%2Fruns"},
		{Slot: "github", Label: "GitHub", Type: "github", Href: "/auth/start/github?next=%2Fruns"},
		{Slot: "keycloak", Label: "Acme single sign-on", Type: "oidc", Href: "/auth/start/keycloak?next=%2Fruns"},
	}
}

func demoProvider() []views.ProviderButton {
	return []views.ProviderButton{{Slot: "demo", Label: "the demonstration provider", Type: "oidc", Href: "/auth/start/demo"}}
}

func oneDown() []views.ProviderButton {
	list := providers()
	list[2].Down = true
	return list
}

func hostileProviders() []views.ProviderButton {
	return []views.ProviderButton{
		{Slot: "markup", Label: Markup, Type: "oidc", Href: "/dagster/auth/start/markup?next=%22%3E"},
		{Slot: "script", Label: "a link that is a script", Type: "oidc", Href: "javascript:alert(1)"},
		{Slot: "long", Label: strings.Repeat("Directory of the department of ", 12), Type: "ldap", Href: "/dagster/auth/start/long"},
		{Slot: "down", Label: Markup, Type: Markup, Href: "/dagster/auth/start/down", Down: true},
	}
}

func problems() []Page {
	page := func(name string, p views.Problem) Page { return Page{"problem-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("refused", views.Problem{
			Site: site(), Status: 403, Title: "Your role does not allow this",
			Message:   "Launching runs needs the role editor or admin. Ask your administrator if you should have it.",
			Reference: "01KAJ5Z8Q4W7M2R9XN3TBV6C0E", Action: "Back to Dagster", ActionHref: "/", SignedInAs: "ada@example.com",
		}),
		page("callback", views.Problem{
			Site: site(), Status: 400, Title: "This sign-in could not be completed",
			Message:   "It was started too long ago, or in another browser. Please sign in again.",
			Reference: "01KAJ5Z8Q4W7M2R9XN3TBV6C0E", Action: "Sign in again", ActionHref: "/auth/login",
		}),
		page("upstream", views.Problem{
			Site: site(), Status: 502, Title: "Dagster is not answering",
			Message:   "It may be starting or being updated. You are still signed in, and nothing that you did is lost.",
			Reference: "01KAJ5Z8Q4W7M2R9XN3TBV6C0E", Action: "Try now", ActionHref: "/runs", RetrySeconds: 5,
		}),
		page("setup", views.Problem{
			Site: site(), Title: "This installation is not set up yet",
			Message: "It has no admin yet. Whoever runs it can set one up.", Action: "Set it up", ActionHref: "/auth/setup",
		}),
		page("too-many", views.Problem{
			Site: site(), Status: 429, Title: "Too many attempts", Message: "Too many attempts failed. Please wait before you try again.",
			Wait: 10 * time.Minute, Reference: "01KAJ5Z8Q4W7M2R9XN3TBV6C0E", Action: "To the sign-in page", ActionHref: "/auth/login",
		}),
		page("missing", views.Problem{
			Site: site(), Status: 404, Title: "There is no such page",
			Message: "The address may be misspelt.", Action: "Open Dagster", ActionHref: "/",
		}),
		page("hostile", views.Problem{
			Site: prefixed(), Status: 403, Title: Markup, Message: strings.Repeat(Markup+" ", 6), Reference: strings.Repeat("x", 200),
			Action: Markup, ActionHref: "javascript:alert(1)", RetrySeconds: 1, SignedInAs: strings.Repeat("a", 120) + "@example.com",
		}),
	}
}

func accounts() []Page {
	page := func(name string, p views.Account) Page { return Page{"account-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("usual", views.Account{
			Site: site(), Name: "Ada Lovelace", Email: "ada@example.com", Provider: "Google", Role: "editor",
			Groups: []string{"data-platform", "analytics"}, Sessions: sessions(), Permissions: permissions(),
			SignedInAt: at(0), ExpiresAt: at(24 * time.Hour),
		}),
		page("scoped", views.Account{
			Site: site(), Name: "Ada Lovelace", Email: "ada@example.com", Provider: "Google", Role: "viewer",
			Groups: []string{"marketing"}, Sessions: sessions(), Permissions: []string{"read", "read_logs"}, Scopes: scopes(),
			SignedInAt: at(0), ExpiresAt: at(24 * time.Hour),
		}),
		page("bare", views.Account{Site: site(), Email: "nobody@example.com"}),
		page("crowded", views.Account{
			Site: prefixed(), Name: strings.Repeat("Maximiliane ", 10), Email: strings.Repeat("m", 120) + "@example.com", Provider: strings.Repeat("Provider", 20),
			Role: "admin", Groups: groups(40), Sessions: manySessions(8), Permissions: permissions(),
			SignedInAt: at(0), ExpiresAt: at(24 * time.Hour),
		}),
		page("hostile", views.Account{
			Site: prefixed(), Name: Markup, Email: Markup, Provider: Markup, Role: Markup, Groups: []string{Markup},
			Sessions: []views.AccountSession{{ID: Markup, Device: Markup, Address: Markup, Method: Markup}}, Permissions: []string{Markup},
			Scopes: []views.AccountScope{{Locations: []string{Markup}, Role: Markup}, {Locations: []string{Markup}, Permissions: []string{Markup}}},
		}),
	}
}

func scopes() []views.AccountScope {
	return []views.AccountScope{
		{Locations: []string{"marketing*", "shared"}, Role: "editor"},
		{Locations: []string{"sales"}, Permissions: []string{"launch_pipeline_execution", "start_schedule"}},
	}
}

func sessions() []views.AccountSession {
	return []views.AccountSession{
		{ID: "1", Device: "Firefox on Linux", Address: "192.0.2.17", Method: "Google", Since: at(0), LastSeen: at(3 * time.Hour), Current: true},
		{ID: "2", Device: "Safari on iPhone", Address: "2001:db8::7", Method: "Google", Since: at(-20 * time.Hour), LastSeen: at(-2 * time.Hour)},
	}
}

func manySessions(n int) []views.AccountSession {
	list := sessions()
	for i := len(list); i < n; i++ {
		list = append(list, views.AccountSession{ID: strconv.Itoa(i), Device: "Unknown browser " + strconv.Itoa(i), Address: "192.0.2." + strconv.Itoa(i), Method: "GitHub"})
	}
	return list
}

func permissions() []string {
	return []string{"read", "read_logs", "launch_pipeline_execution", "launch_pipeline_reexecution", "terminate_pipeline_execution", "start_schedule"}
}

func groups(n int) []string {
	var list []string
	for i := range n {
		list = append(list, "engineering/team-"+strconv.Itoa(i+1))
	}
	return list
}

func signOuts() []Page {
	page := func(name string, p views.SignOut) Page { return Page{"sign-out-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("usual", views.SignOut{Site: site(), SignedInAs: "ada@example.com"}),
		page("hostile", views.SignOut{Site: prefixed(), SignedInAs: Markup}),
	}
}

// at is an instant counted from the moment at which the samples play.
func at(d time.Duration) time.Time {
	return time.Date(2026, time.November, 21, 9, 10, 0, 0, time.UTC).Add(d)
}
