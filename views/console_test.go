package views_test

import (
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/views"
)

// TestConsoleSays asks each page of the console for what its struct told it, as
// TestPagesSay does.
func TestConsoleSays(t *testing.T) {
	for _, c := range []struct {
		name      string
		page      templ.Component
		selector  string
		text      string
		attr, val string
	}{
		{"where one is", people(), "nav a[aria-current=page]", "People", "href", "/dagster/auth/admin/people"},
		{"the first that the keyboard reaches", people(), "body > a:first-child", "Skip to the content", "href", "#content"},
		{"who is looking", people(), ".side-end p", "Signed in as Ada", "", ""},
		{"the way to Dagster", people(), ".side a.btn", "Open Dagster", "href", "/dagster/"},
		{"what was done", people(), "main > .notice", "Done.", "role", "alert"},

		{"numbers have thousands", overview(), ".number:contains(People) dd", "1,234,567 17 disabled", "", ""},
		{"what a chart says", overview(), "section[aria-labelledby=sign-ins] > p", "12 sign-ins in the last 24 hours, at most 9 in an hour, from 09:00 UTC.", "", ""},
		{"the highest hour", overview(), "svg[data-of=sign-ins] g:nth-child(2) .bar", "", "height", "64"},
		{"another hour", overview(), "svg[data-of=sign-ins] g:first-child .bar", "", "height", "21"},
		{"an hour with little is seen", overview(), "svg[data-of=refusals] g:first-child .bar", "", "height", "2"},
		{"each hour in a table", overview(), "section[aria-labelledby=sign-ins] tbody tr:first-child", "08:003", "", ""},
		{"one refusal is one", views.ConsoleOverview{Refusals: []int64{1}}.Component(), "section[aria-labelledby=refusals] > p", "1 refusal in the last 24 hours, in the hour from 00:00 UTC.", "", ""},
		{"nothing happened", views.ConsoleOverview{SignIns: make([]int64, 24)}.Component(), "section[aria-labelledby=sign-ins] > p", "No sign-ins in the last 24 hours.", "", ""},
		{"Dagster does not answer", overview(), "section[aria-labelledby=dagster] .tag", "Does not answer", "data-tone", "bad"},
		{"a provider that is down", overview(), "section[aria-labelledby=providers] .tag", "Cannot be reached", "data-tone", "bad"},
		{"what is wrong here", overview(), ".notice[data-tone=demo]", "Warning: Mind this.", "", ""},

		{"what was searched", people(), "#text", "", "value", "a&b"},
		{"what was chosen", people(), "#state option[selected]", "Disabled", "value", "disabled"},
		{"the next page keeps the filter", people(), "a[rel=next]", "Next page", "href", "/dagster/auth/admin/people?after=c%3D2&state=disabled&text=a%26b"},
		{"back to the first", people(), "nav[aria-label^=Pages] a:not([rel])", "First page", "href", "/dagster/auth/admin/people?state=disabled&text=a%26b"},
		{"the export has the filter", people(), ".head a", "Export as CSV", "href", "/dagster/auth/admin/people/export?state=disabled&text=a%26b"},
		{"one person", people(), "tbody a", "Grace", "href", "/dagster/auth/admin/people/..%2Fx%3Fy"},
		{"whole in its title", people(), "tbody a", "Grace", "title", "Grace"},
		{"an invitation that came back", people(), "details[open] #username-wrong", "Error: No.", "", ""},
		{"what was typed", people(), "#username", "", "value", "grace"},
		{"the news come first", people(), "head > title", "Error: People · Console ·", "", ""},

		{"whose page it is", person(), "h1", "Grace", "", ""},
		{"the role that they have", person(), "#role option[selected]", "curator", "value", "curator"},
		{"how things were", person(), "form[action$='/role'] input[name=version]", "", "value", "v1"},
		{"why they may not enter", person(), ".way p:contains(gone)", "It is gone.", "", ""},
		{"which rule gives what", person(), ".rules li > p", "Grant 2 gives editor at", "", ""},
		{"and where", person(), ".rules .chip", "sales*", "", ""},
		{"and what", person(), ".rules summary", "1 permission of Grant 2", "", ""},
		{"a session ends and one is here again", person(), "form[action$='/sessions/end'] input[name=person]", "", "value", "u1"},
		{"a link for a password", person(), "form[action='/auth/admin/people/u1/link'] input[name=purpose]", "", "value", "password"},
		{"a form that came back is open", person(), "details[open] form[action='/auth/admin/people/u1/delete'] .notice", "No.", "role", "alert"},
		{"a box that was not ticked", person(), "#delete-confirm", "", "aria-describedby", "delete-confirm-wrong"},
		{"deleting is confirmed", person(), "form[action$='/delete'] input[required]", "", "value", "yes"},
		{"disabling is confirmed", person(), "form[action$='/disable'] input[required]", "", "name", "confirm"},
		{"their part of the trail", person(), "section[aria-labelledby=recent] a", "All of it in the audit trail", "href", "/auth/admin/audit?person=u1"},
		{"one's own role is confirmed", views.ConsolePerson{Self: true}.Component(), "form[action$='/role'] input[required]", "", "value", "yes"},
		{"one's own end is told", views.ConsolePerson{Self: true}.Component(), "label[for=delete-confirm]", "Yes, delete it for good. It is my own: I lose this console.", "", ""},

		{"a session to end", sessions(), "form[action='/auth/admin/sessions/end'] input", "", "value", "s2"},
		{"which one", sessions(), "form[action='/auth/admin/sessions/end'] button", "End Grace · Firefox", "", ""},
		{"one's own is not ended here", sessions(), "tbody .badge", "Yours", "", ""},

		{"a permission in words", access(), ".matrix tbody th", "Open Dagster and read everything read", "", ""},
		{"who may do it", access(), "#who-can tbody tr", "Grace GoogleGrant 2Whole deployment", "", ""},
		{"more of them", access(), "a[rel=next]", "Next page", "href", "/auth/admin/access?after=c&permission=read#who-can"},

		{"a redirect URI to copy", views.ConsoleProviders{Lines: []views.ConsoleProvider{{RedirectURI: "https://x/y"}}}.Component(), "[data-copy]", "Copy redirect URI of", "data-copy", "#redirect-1"},
		{"the address of a directory", views.ConsoleProviders{Lines: []views.ConsoleProvider{{Type: "ldap", Issuer: "ldap://x"}}}.Component(), ".reference", "Addressldap://x", "", ""},

		{"an event", audit(), ".trail summary", "21 Nov 2026, 09:10:00 user.set_role by Ada to Grace Refused", "", ""},
		{"how often", audit(), ".trail li:last-child .trail-event", "signin.finish × 1,200", "", ""},
		{"why", audit(), ".trail-more p", "The last admin.", "", ""},
		{"all about it", audit(), ".trail-more dl div", "Address192.0.2.1", "", ""},
		{"who did it", audit(), ".trail-more a", "Page of Ada", "href", "/auth/admin/people/a"},
		{"older ones keep the filter", audit(), "a[rel=next]", "Older", "href", "/auth/admin/audit?before=7&event=user.%2A"},
		{"an export keeps it too", audit(), ".head a:last-child", "Export as JSON Lines", "href", "/auth/admin/audit/export?event=user.%2A&format=jsonl"},
		{"a filter that is folded away and wrong", views.ConsoleAudit{Wrong: views.Wrong{"since": "No."}}.Component(), "details[open] #since-wrong", "Error: No.", "", ""},

		{"a link is shown", views.ConsoleLink{Address: "https://x/auth/link?token=t"}.Component(), "#link", "https://x/auth/link?token=t", "", ""},
		{"and the person's page after it", views.ConsoleLink{PersonID: "u1"}.Component(), "main a", "I have it", "href", "/auth/admin/people/u1"},
	} {
		found := parse(t, c.page).Find(c.selector).First()
		if got := text(found); found.Length() != 1 || got != c.text || found.AttrOr(c.attr, "") != c.val {
			t.Errorf("%s: %d of %q, %q, %s=%q", c.name, found.Length(), c.selector, got, c.attr, found.AttrOr(c.attr, ""))
		}
	}
}

// TestConsoleCounts looks for what must be there so often, or must not be there.
func TestConsoleCounts(t *testing.T) {
	disabled := views.ConsolePerson{ID: "u1", DisabledAt: time.Unix(1e9, 0)}.Component()
	for _, c := range []struct {
		name     string
		page     templ.Component
		selector string
		want     int
	}{
		{"one place is marked", person(), "[aria-current]", 1},
		{"a search carries nothing that is empty", people(), "a[href*='role=']", 0},
		{"nobody to invite where no accounts are kept", views.ConsolePeople{}.Component(), "form[method=post][action$='/people']", 0},
		{"no way on from the only page", views.ConsolePeople{}.Component(), "nav[aria-label^=Pages]", 0},
		{"nobody is found, in words", views.ConsolePeople{Filter: views.ConsolePeopleFilter{Text: "x"}}.Component(), ".nothing:contains('Nobody is like this')", 1},
		{"each way to change asks for the version", person(), "main form[method=post]:not([action$='/sessions/end']):not(:has(input[name=version]))", 0},
		{"what is dangerous is folded and confirmed", person(), ".dangers details:has(summary):has(form input[required])", 3},
		{"nothing to reset", disabled, "form[action$='/reset-mfa']", 0},
		{"a disabled one is enabled, not disabled", disabled, "form[action$='/disable']", 0},
		{"and that needs no box", disabled, "form[action$='/enable']:not(:has([name=confirm]))", 1},
		{"a role of others needs no box", person(), "form[action$='/role'] [name=confirm]", 0},
		{"ticks are said", access(), ".matrix tbody td .sr-only:contains(yes)", 1},
		{"and so are gaps", access(), ".matrix tbody td .sr-only:contains(no)", 1},
		{"no answer to what was not asked", views.ConsoleAccess{}.Component(), "#who-can table, #who-can .nothing", 0},
		{"nobody may, in words", views.ConsoleAccess{Ask: views.ConsoleWhoCan{Asked: true}}.Component(), "#who-can .nothing", 1},
		{"an actor without a page has no link", audit(), ".trail li:last-child a", 0},
		{"a wrong filter does not say that nothing happened", views.ConsoleAudit{Wrong: views.Wrong{"since": "No."}}.Component(), ".nothing:contains('No event')", 0},
		{"a secret stands in no address", views.ConsoleLink{Address: "https://x/auth/link?token=t"}.Component(), "[href*='token=']", 0},
	} {
		if got := parse(t, c.page).Find(c.selector).Length(); got != c.want {
			t.Errorf("%s: %d of %q, want %d", c.name, got, c.selector, c.want)
		}
	}
}

func overview() templ.Component {
	return views.ConsoleOverview{
		People: 1234567, Disabled: 17, SignIns: []int64{3, 9}, Refusals: []int64{1, 1000}, LastHour: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		Providers: []views.ConsoleProvider{{Label: "Acme"}}, Warnings: []string{"Mind this."},
	}.Component()
}

func people() templ.Component {
	return views.ConsolePeople{
		Console: views.Console{Site: views.Site{Prefix: "/dagster"}, Admin: "Ada", Notice: "Done.", NoticeTone: "error"},
		Filter:  views.ConsolePeopleFilter{Text: "a&b", State: "disabled", After: "c=1"}, Next: "c=2",
		Lines:  []views.ConsolePersonLine{{ID: "../x?y", Name: "Grace"}},
		Invite: &views.ConsoleInvite{Username: "grace", Wrong: views.Wrong{"username": "No."}},
	}.Component()
}

func person() templ.Component {
	return views.ConsolePerson{
		ID: "u1", Name: "Grace", Version: "v1", Role: "curator", Roles: []string{"viewer", "editor"}, Links: []string{"password"}, RecoveryCodes: 1,
		Ways: []views.ConsoleWay{{
			Reason: "It is gone.",
			Rules:  []views.ConsoleRule{{Name: "Grant 2", Role: "editor", Locations: []string{"sales*"}, Permissions: []string{"start_schedule"}}},
		}},
		Sessions: []views.ConsoleSession{{ID: "s1"}}, Tried: "delete", Wrong: views.Wrong{"": "No.", "confirm": "Please tick this."},
	}.Component()
}

func sessions() templ.Component {
	return views.ConsoleSessions{Lines: []views.ConsoleSession{{ID: "s1", Current: true}, {ID: "s2", User: "Grace", Device: "Firefox"}}}.Component()
}

func access() templ.Component {
	return views.ConsoleAccess{
		Permissions: []views.ConsolePermission{{Name: "read"}},
		Roles:       []views.ConsoleRole{{Name: "viewer", Holds: []string{"read"}}},
		Ask:         views.ConsoleWhoCan{Permission: "read", Asked: true, Next: "c", Lines: []views.ConsoleWho{{Name: "Grace", Provider: "Google", Rule: "Grant 2"}}},
	}.Component()
}

func audit() templ.Component {
	return views.ConsoleAudit{
		Filter: views.ConsoleAuditFilter{Event: "user.*", Before: "9"}, Older: "7",
		Lines: []views.ConsoleEvent{
			{
				Time: time.Date(2026, 11, 21, 9, 10, 0, 0, time.UTC), Event: "user.set_role", Outcome: "refused", Reason: "The last admin.", Actor: "Ada", ActorID: "a", Target: "Grace",
				Details: []views.ConsoleFact{{Name: "Address", Value: "192.0.2.1"}},
			},
			{Event: "signin.finish", Count: 1200},
		},
	}.Component()
}

// crowdedConsole has the text in every place of the console that holds foreign
// text.
func crowdedConsole(said string, wrong views.Wrong) templ.Component {
	c := views.Console{Admin: said, Notice: said}
	line := []views.ConsolePersonLine{{ID: said, Name: said, Email: said, Username: said, Ways: []string{said}, Role: said}}
	session := []views.ConsoleSession{{ID: said, UserID: said, User: said, Device: said, Agent: said, Address: said, Method: said, Factor: said}}
	event := []views.ConsoleEvent{{
		Event: said, Outcome: said, Reason: said, Actor: said, ActorID: said, Target: said, TargetID: said + "2", Details: []views.ConsoleFact{{Name: said, Value: said}},
	}}
	provider := []views.ConsoleProvider{{Slot: said, Label: said, Type: said, Kind: said, Issuer: said, RedirectURI: said, Problem: said}}
	rule := views.ConsoleRule{Name: said, Text: said, Role: said, Locations: []string{said}, Permissions: []string{said}}
	filter := views.ConsoleAuditFilter{Person: said, Event: said, Outcome: said, Target: said, Location: said, Run: said, Request: said, Since: said, Until: said, Before: said}
	list := []string{said}
	return templ.Join(
		views.ConsoleOverview{Console: c, Providers: provider, DagsterVersion: said, Version: said, Warnings: list, Unclassified: list, Recent: event}.Component(),
		views.ConsolePeople{
			Console: c, Filter: views.ConsolePeopleFilter{Text: said, State: said, Role: said, Slot: said, Sort: said, After: said}, Roles: list,
			Slots: []views.ConsoleChoice{{Value: said, Label: said}}, Lines: line, Next: said,
			Invite: &views.ConsoleInvite{Username: said, FullName: said, Email: said, Role: said, Roles: list, Wrong: wrong},
		}.Component(),
		views.ConsolePerson{
			Console: c, ID: said, Name: said, Email: said, Username: said, Version: said, Role: said, Sessions: session, Recent: event, Links: list,
			Ways:    []views.ConsoleWay{{ID: said, Provider: said, Type: said, Who: said, Subject: said, Groups: list, Reason: said, Role: said, Rules: []views.ConsoleRule{rule}}},
			Factors: []views.Factor{{ID: said, Kind: said, Name: said}}, Tried: "role", Wrong: views.Wrong{"": said, "role": said},
		}.Component(),
		views.ConsoleSessions{Console: c, Text: said, After: said, Next: said, Lines: session}.Component(),
		views.ConsoleAccess{
			Console: c, Permissions: []views.ConsolePermission{{Name: said}}, Roles: []views.ConsoleRole{{Name: said, Holds: list}}, Assigned: line, DefaultRole: said,
			Grants: []views.ConsoleGrant{{Name: said, Text: said, Role: said, Locations: list}},
			Ask: views.ConsoleWhoCan{
				Permission: said, Location: said, Locations: list, Wrong: views.Wrong{"permission": said, "location": said}, Asked: true, After: said, Next: said,
				Lines: []views.ConsoleWho{{UserID: said, Name: said, Email: said + "2", Provider: said, Rule: said, Place: said}},
			},
		}.Component(),
		views.ConsoleProviders{Console: c, Lines: provider}.Component(),
		views.ConsoleAudit{Console: c, Filter: filter, Events: list, Wrong: wrong, Lines: event, Older: said}.Component(),
		views.ConsoleLink{Console: c, PersonID: said, Person: said, Address: said}.Component(),
	)
}
