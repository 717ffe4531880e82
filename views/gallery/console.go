package gallery

import (
	"strconv"
	"strings"
	"time"

	"github.com/dagpass/dagpass/views"
)

// console is the frame of the console for an admin.
func console() views.Console { return views.Console{Site: site(), Admin: "Ada Lovelace"} }

// hostileConsole is the frame in which everything is markup.
func hostileConsole() views.Console {
	return views.Console{Site: prefixed(), Admin: Markup, Notice: Markup}
}

func consoles() []Page {
	var all []Page
	for _, pages := range [][]Page{consoleOverviews(), consolePeople(), consolePersons(), consoleSessions(), consoleAccesses(), consolePreviews(), consoleProviders(), consoleTrials(), consoleAudits(), auditors(), consoleSettingPages(), brandeds(), consoleLinks()} {
		all = append(all, pages...)
	}
	return all
}

func consoleOverviews() []Page {
	page := func(name string, p views.ConsoleOverview) Page {
		return Page{"console-overview-" + name, p.Prefix, p.Component()}
	}
	signIns := []int64{0, 0, 1, 0, 2, 6, 18, 42, 51, 30, 22, 19, 25, 31, 28, 17, 12, 8, 4, 3, 2, 0, 1, 5}
	refusals := []int64{0, 0, 0, 0, 0, 1, 0, 3, 2, 0, 0, 1, 0, 0, 14, 3, 0, 0, 0, 0, 0, 0, 0, 0}
	down := views.ConsoleOverview{
		Console: console(), People: 1, SignIns: make([]int64, 24), Refusals: make([]int64, 24), LastHour: at(0), Version: "1.0.0", Monitor: true,
		Providers: consoleProviderLines()[2:3],
		Warnings: []string{
			"DAGPASS_PUBLIC_URL has no https: cookies and passwords travel in the open.",
			"Nobody but you is an admin. If you lose your account, only the command line helps.",
		},
		Unclassified: []string{"setNewThing", "doAnotherThing"},
	}
	return []Page{
		page("usual", views.ConsoleOverview{
			Console: console(), People: 1284, Disabled: 17, OpenSessions: 326, SignInsToday: 412, RefusalsToday: 24,
			SignIns: signIns, Refusals: refusals, LastHour: at(0), Providers: consoleProviderLines(), DagsterUp: true, DagsterVersion: "1.11.16", Version: "1.0.0",
			Recent: consoleEvents(),
		}),
		page("new", down),
		page("empty", views.ConsoleOverview{Console: console()}),
		page("hostile", views.ConsoleOverview{
			Console: hostileConsole(), People: 123456789, Disabled: 1, SignIns: []int64{-1, 1 << 60}, Refusals: []int64{1}, LastHour: at(0),
			Providers: hostileConsoleProviders(), DagsterVersion: Markup, Version: Markup, Warnings: []string{Markup}, Unclassified: []string{Markup}, Recent: hostileEvents(),
		}),
	}
}

func consolePeople() []Page {
	page := func(name string, p views.ConsolePeople) Page {
		return Page{"console-people-" + name, p.Prefix, p.Component()}
	}
	slots := []views.ConsoleChoice{{Value: "google", Label: "Google"}, {Value: "password", Label: "Password"}}
	usual := views.ConsolePeople{
		Console: console(), Roles: roleNames(), Slots: slots, Lines: consolePersonLines(), Total: 1284, Next: "cursor",
		Invite: &views.ConsoleInvite{Roles: roleNames()},
	}
	wrong, none := usual, usual
	wrong.Invite = &views.ConsoleInvite{
		Username: "ada lovelace", FullName: "Ada Lovelace", Email: "ada@example", Role: "admin", Roles: roleNames(),
		Wrong: views.Wrong{"username": "This name is taken.", "email": "This is not an e-mail address.", "role": "You may not give this role.", "": "The account is not made."},
	}
	none.Lines, none.Total, none.Next, none.Invite = nil, 0, "", nil
	none.Filter = views.ConsolePeopleFilter{Text: "nobody", State: "disabled", Role: "viewer", Slot: "google", Sort: "seen", After: "cursor"}
	return []Page{
		page("usual", usual), page("invite-wrong", wrong), page("none", none), page("empty", views.ConsolePeople{Console: console()}),
		page("hostile", views.ConsolePeople{
			Console: hostileConsole(), Roles: []string{Markup}, Slots: []views.ConsoleChoice{{Value: Markup, Label: Markup}}, Lines: hostilePersonLines(), Total: 1, Next: Markup,
			Filter: views.ConsolePeopleFilter{Text: Markup, State: Markup, Role: Markup, Slot: Markup, Sort: Markup, After: Markup},
			Invite: &views.ConsoleInvite{
				Username: Markup, FullName: Markup, Email: Markup, Role: Markup, Roles: []string{Markup}, Wrong: hostile("username", "name", "email", "role", ""),
			},
		}),
	}
}

func roleNames() []string { return []string{"viewer", "launcher", "editor", "admin"} }

func consolePersonLines() []views.ConsolePersonLine {
	names := []string{"Ada Lovelace", "Grace Hopper", "Katherine Johnson", "Alan Turing", "Mary Jackson", "Barbara Liskov", "Edsger Dijkstra", "Radia Perlman"}
	var lines []views.ConsolePersonLine
	for i, name := range names {
		first := strings.ToLower(strings.Fields(name)[0])
		lines = append(lines, views.ConsolePersonLine{
			ID: strings.Repeat(strconv.Itoa(i+1), 32), Name: name, Email: first + "@example.com", Ways: []string{"Google"},
			Sessions: i % 3, Created: at(-time.Duration(i) * 999 * time.Hour), LastSeen: at(-time.Duration(i) * 7 * time.Hour),
		})
	}
	lines[0].Role, lines[0].Username, lines[0].Factors, lines[0].Ways = "admin", "ada", 2, []string{"Password", "Google", "Acme single sign-on"}
	lines[3].Disabled, lines[3].LastSeen = true, time.Time{}
	lines[5].Name, lines[5].Role = "", "editor"
	return lines
}

func hostilePersonLines() []views.ConsolePersonLine {
	return []views.ConsolePersonLine{
		{ID: Markup, Name: Markup, Email: Markup, Username: Markup, Ways: []string{Markup}, Role: Markup, Disabled: true},
		{ID: "2", Name: strings.Repeat("Maximiliane", 20), Email: strings.Repeat("m", 120) + "@example.com", Ways: []string{strings.Repeat("Provider", 20)}, Factors: 1 << 30, Sessions: 1 << 30},
		{ID: "3"},
	}
}

func consolePersons() []Page {
	page := func(name string, p views.ConsolePerson) Page {
		return Page{"console-person-" + name, p.Prefix, p.Component()}
	}
	usual := views.ConsolePerson{
		Console: console(), ID: "3f2a9c0d4e5b6a7f8091a2b3c4d5e6f7", Name: "Grace Hopper", Email: "grace@example.com", Username: "grace",
		Created: at(-4000 * time.Hour), LastSeen: at(-10 * time.Minute), Version: "v1", Role: "editor", Roles: roleNames(), Ways: consoleWays(),
		Sessions: consoleSessionLines()[1:4], HasPassword: true, Factors: factors(), RecoveryCodes: 8, Tokens: personTokens(), Recent: consoleEvents(), Links: []string{"password", "signin"},
	}
	disabled, self, wrong, role := usual, usual, usual, usual
	disabled.DisabledAt, disabled.Sessions, disabled.Tokens, disabled.Notice = at(-time.Hour), nil, nil, "The account is disabled. 3 sessions have ended."
	self.Self, self.Name, self.Email, self.Username, self.Role = true, "Ada Lovelace", "ada@example.com", "ada", "admin"
	self.Tried, self.Wrong = "role", views.Wrong{"confirm": "Please confirm that you mean your own account."}
	wrong.Tried, wrong.Wrong = "delete", views.Wrong{"confirm": "Please confirm this.", "": "This is the last admin. Make somebody else admin first."}
	role.Tried, role.Wrong = "role", views.Wrong{"role": "You may not give this role.", "": "Somebody else changed this person in the meantime. The page shows how things are now."}
	bad := views.ConsolePerson{
		Console: hostileConsole(), ID: Markup, Name: Markup, Email: Markup, Username: Markup, Self: true, Version: Markup, Role: Markup, Roles: []string{Markup, "viewer"},
		Ways: []views.ConsoleWay{{
			ID: Markup, Provider: Markup, Type: Markup, Who: Markup, Subject: Markup, Groups: []string{Markup}, Reason: Markup, Role: Markup,
			At: []string{Markup}, Rules: []views.ConsoleRule{{Name: Markup, Text: Markup, Role: Markup, Locations: []string{Markup}, Permissions: []string{Markup}}},
		}},
		Sessions: hostileSessions(), Factors: []views.Factor{{ID: Markup, Kind: Markup, Name: Markup}}, Tokens: []views.APIToken{{ID: Markup, Name: Markup}}, Recent: hostileEvents(), Links: []string{Markup},
		Tried: "disable", Wrong: hostile("role", "confirm", ""),
	}
	lost := views.ConsolePerson{Console: console(), ID: "1", Wrong: views.Wrong{"": "Somebody else changed this in the meantime."}}
	return []Page{
		page("usual", usual), page("disabled", disabled), page("self", self), page("delete-wrong", wrong), page("role-wrong", role), page("bare", lost), page("hostile", bad),
	}
}

func personTokens() []views.APIToken {
	return []views.APIToken{
		{ID: "1", Name: "Nightly report of who has what", Made: at(-time.Hour), Expires: at(11 * time.Hour)},
		{ID: "2", Name: "onboarding.py", Made: at(-5 * time.Hour), Expires: at(7 * time.Hour)},
	}
}

func consoleWays() []views.ConsoleWay {
	return []views.ConsoleWay{
		{
			ID: "1", Provider: "Google", Type: "google", Who: "grace@example.com", Subject: "110169484474386276334", Groups: []string{"data-platform", "marketing"},
			Since: at(-4000 * time.Hour), LastUsed: at(-10 * time.Minute), Open: true, Role: "editor",
			At: []string{"admin at marketing", "admin at marketing_eu"}, Rules: []views.ConsoleRule{
				{Name: "The assigned role", Role: "editor", Permissions: permissions()},
				{Name: "Grant 2 of the policy file", Text: "{domain: example.com, role: viewer}", Role: "viewer", Permissions: permissions()[:2]},
				{
					Name: "Grant 5 of the policy file", Text: "{group: marketing, role: admin, locations: [marketing*, shared]}", Role: "admin",
					Locations: []string{"marketing*", "shared"}, Permissions: permissions()[2:],
				},
			},
		},
		{
			ID: "2", Provider: "Password", Type: "password", Who: "grace", Since: at(-900 * time.Hour),
			Reason: "A second factor is required here, and none is set up.",
		},
	}
}

func consoleSessionLines() []views.ConsoleSession {
	devices := []string{"Firefox on Linux", "Safari on iPhone", "Chrome on Windows", "Edge on Windows", "Unknown browser"}
	var lines []views.ConsoleSession
	for i, p := range consolePersonLines()[:5] {
		lines = append(lines, views.ConsoleSession{
			ID: strconv.Itoa(i + 1), UserID: p.ID, User: p.Name, Device: devices[i], Agent: "Mozilla/5.0 (" + devices[i] + ")", Address: "192.0.2." + strconv.Itoa(i+1),
			Method: "Google", Since: at(-time.Duration(i) * time.Hour), LastSeen: at(-time.Duration(i) * time.Minute), Ends: at(8 * time.Hour), Current: i == 0,
		})
	}
	lines[0].Method, lines[0].Factor = "Password", "with an authenticator app"
	lines[2].Address = "2001:db8:1234:5678:9abc:def0:1234:5678"
	return lines
}

func hostileSessions() []views.ConsoleSession {
	return []views.ConsoleSession{
		{ID: Markup, UserID: Markup, User: Markup, Device: Markup, Agent: Markup, Address: Markup, Method: Markup, Factor: Markup},
		{ID: "2", UserID: "2", User: strings.Repeat("Maximiliane ", 20), Device: strings.Repeat("x", 300), Address: strings.Repeat("2001:db8:", 8), Method: strings.Repeat("Provider", 20), Since: at(0)},
	}
}

func consoleSessions() []Page {
	page := func(name string, p views.ConsoleSessions) Page {
		return Page{"console-sessions-" + name, p.Prefix, p.Component()}
	}
	notice := console()
	notice.Notice = "That session has ended."
	return []Page{
		page("usual", views.ConsoleSessions{Console: notice, Lines: consoleSessionLines(), Next: "cursor"}),
		page("none", views.ConsoleSessions{Console: console(), Text: "nobody", After: "cursor"}),
		page("empty", views.ConsoleSessions{Console: console()}),
		page("hostile", views.ConsoleSessions{Console: hostileConsole(), Text: Markup, After: Markup, Next: Markup, Lines: hostileSessions()}),
	}
}

func consoleAccesses() []Page {
	page := func(name string, p views.ConsoleAccess) Page {
		return Page{"console-access-" + name, p.Prefix, p.Component()}
	}
	usual := views.ConsoleAccess{
		Console: console(), Permissions: consolePermissions(), Roles: consoleRoles(), Grants: consoleGrants(), Assigned: assigned(), DefaultRole: "viewer",
		Ask: views.ConsoleWhoCan{Locations: []string{"marketing", "sales"}}, Give: consoleGive(),
	}
	asked, nobody, wrong, give := usual, usual, usual, usual
	give.Give = wrongGive()
	asked.Ask = views.ConsoleWhoCan{
		Permission: "launch_pipeline_execution", Location: "marketing", Asked: true, Next: "cursor",
		Lines: []views.ConsoleWho{
			{UserID: "1", Name: "Ada Lovelace", Email: "ada@example.com", Provider: "Password", Rule: "The assigned role"},
			{UserID: "2", Name: "Grace Hopper", Email: "grace@example.com", Provider: "Google", Rule: "Grant 5 of the policy file", Place: "marketing*"},
		},
	}
	nobody.Ask = views.ConsoleWhoCan{Permission: "administer", Asked: true, After: "cursor"}
	wrong.Ask = views.ConsoleWhoCan{Permission: "fly", Location: "x", Wrong: views.Wrong{"permission": "There is no such permission.", "location": "This permission is not held at single code locations."}}
	return []Page{
		page("usual", usual), page("asked", asked), page("nobody", nobody), page("wrong", wrong), page("give-wrong", give), page("empty", views.ConsoleAccess{Console: console()}),
		page("hostile", views.ConsoleAccess{
			Console: hostileConsole(), Permissions: []views.ConsolePermission{{Name: Markup, Located: true}}, Roles: []views.ConsoleRole{{Name: Markup, Holds: []string{Markup}}},
			Grants:   []views.ConsoleGrant{{Name: Markup, Text: Markup, Role: Markup, Locations: []string{Markup}, ID: Markup, Broken: Markup, By: Markup}, {Text: strings.Repeat("x", 400), Fixed: Markup}},
			Give:     hostileGive(),
			Assigned: hostilePersonLines(), DefaultRole: Markup,
			Ask: views.ConsoleWhoCan{
				Permission: Markup, Location: Markup, Locations: []string{Markup}, Wrong: hostile("permission", "location"), Asked: true, After: Markup, Next: Markup,
				Lines: []views.ConsoleWho{{UserID: Markup, Name: Markup, Email: Markup, Provider: Markup, Rule: Markup, Place: Markup}},
			},
		}),
	}
}

func assigned() []views.ConsolePersonLine {
	lines := consolePersonLines()
	return []views.ConsolePersonLine{lines[0], lines[5]}
}

func consolePermissions() []views.ConsolePermission {
	var all []views.ConsolePermission
	for _, name := range append(permissions(), "delete_pipeline_run", "wipe_assets", "edit_concurrency_limit", "administer", "audit", "unclassified_mutation") {
		all = append(all, views.ConsolePermission{Name: name, Located: strings.Contains(name, "_") && name != "read_logs" && name != "edit_concurrency_limit" && name != "unclassified_mutation"})
	}
	return all
}

func consoleRoles() []views.ConsoleRole {
	var all []string
	for _, p := range consolePermissions() {
		all = append(all, p.Name)
	}
	return []views.ConsoleRole{
		{Name: "viewer", BuiltIn: true, Holds: all[:2]},
		{Name: "launcher", BuiltIn: true, Holds: all[:5]},
		{Name: "editor", BuiltIn: true, Holds: all[:9]},
		{Name: "admin", BuiltIn: true, Holds: all},
		{Name: "operator", Holds: []string{"read", "terminate_pipeline_execution"}},
	}
}

func consoleEvents() []views.ConsoleEvent {
	id := strings.Repeat("3", 32)
	details := []views.ConsoleFact{
		{Name: "Address", Value: "192.0.2.17"},
		{Name: "Browser", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{Name: "Request", Value: "01KAJ5Z8Q4W7M2R9XN3TBV6C0E"},
		{Name: "Hash", Value: strings.Repeat("9f86d081", 8)},
	}
	event := func(seq int64, name, outcome, actor, target string) views.ConsoleEvent {
		return views.ConsoleEvent{Seq: seq, Time: at(time.Duration(seq-1000) * time.Minute), Event: name, Outcome: outcome, Actor: actor, ActorID: id, Target: target, Request: "01KAJ5Z8Q4W7M2R9XN3TBV6C0E", Details: details}
	}
	list := []views.ConsoleEvent{
		event(1000, "signin.finish", "ok", "Grace Hopper", ""),
		asked("launchRun", event(999, "dagster.mutation", "allowed", "Grace Hopper", "job counting at marketing")),
		event(996, "user.set_role", "ok", "Ada Lovelace", "Alan Turing"),
		asked("deletePipelineRun", event(990, "dagster.mutation", "refused", "Katherine Johnson", "run 9f1c2b7e")),
		event(982, "signin.finish", "failed", "", ""),
		event(970, "audit.export", "ok", "operator", ""),
	}
	list[1].Run, list[3].Run = "9f1c2b7e", "9f1c2b7e"
	list[2].TargetID = strings.Repeat("4", 32)
	list[3].Reason = "The role launcher does not hold this permission."
	list[4].Reason, list[4].Count, list[4].ActorID = "The name or the password was wrong.", 14, ""
	return list
}

func hostileEvents() []views.ConsoleEvent {
	return []views.ConsoleEvent{
		{Time: at(0), Event: Markup, Operation: Markup, Outcome: Markup, Reason: Markup, Actor: Markup, ActorID: Markup, Target: Markup, TargetID: "2", Run: Markup, Request: Markup, Count: 2, Details: []views.ConsoleFact{{Name: Markup, Value: Markup}}},
		{Event: strings.Repeat("long", 60), Outcome: "refused", Actor: strings.Repeat("long", 60), Target: strings.Repeat("long", 60), Details: []views.ConsoleFact{{Name: strings.Repeat("long", 20), Value: strings.Repeat("long", 99)}}},
	}
}

func consoleAudits() []Page {
	page := func(name string, p views.ConsoleAudit) Page {
		return Page{"console-audit-" + name, p.Prefix, p.Component()}
	}
	names := []string{"signin.finish", "user.*", "dagster.*"}
	all := views.ConsoleAuditFilter{
		Person: "Ada", Event: "user.*", Outcome: "refused", Target: "1", Location: "marketing", Run: "9f1c", Request: "01KA", Since: "yesterday", Until: "2026-11-22", Before: "990",
	}
	return []Page{
		page("usual", views.ConsoleAudit{Console: console(), Events: names, Lines: consoleEvents(), Older: "970"}),
		page("filtered", views.ConsoleAudit{Console: console(), Events: names, Filter: all, Wrong: views.Wrong{"since": "This is not a date, such as 2026-11-21."}}),
		page("empty", views.ConsoleAudit{Console: console()}),
		page("searched", views.ConsoleAudit{Console: console(), Events: names, Filter: all, Lines: consoleEvents()[:2], Older: "970", Back: consoleEvents()[1].Time}),
		page("nothing-yet", views.ConsoleAudit{Console: console(), Events: names, Filter: all, Older: "970", Back: consoleEvents()[1].Time}),
		page("hostile", views.ConsoleAudit{
			Console: hostileConsole(), Events: []string{Markup}, Lines: hostileEvents(), Older: Markup,
			Filter: views.ConsoleAuditFilter{Person: Markup, Event: Markup, Outcome: Markup, Target: Markup, Location: Markup, Run: Markup, Request: Markup, Reason: Markup, Provider: Markup, Address: Markup, Since: Markup, Until: Markup, Before: Markup},
			Wrong:  hostile("person", "event", "outcome", "target", "location", "run", "request", "since", "until", ""),
		}),
	}
}

func consoleLinks() []Page {
	page := func(name string, p views.ConsoleLink) Page {
		return Page{"console-link-" + name, p.Prefix, p.Component()}
	}
	link := views.ConsoleLink{
		Console: console(), PersonID: strings.Repeat("2", 32), Person: "Grace Hopper", Address: "https://dagster.example.com/auth/link?token=q3Zk" + strings.Repeat("8fKx", 9), Expires: at(time.Hour),
	}
	invited, password := link, link
	invited.Invited, invited.NewPassword, password.NewPassword = true, true, true
	return []Page{
		page("invited", invited), page("password", password), page("sign-in", link),
		page("hostile", views.ConsoleLink{Console: hostileConsole(), PersonID: Markup, Person: Markup, Address: Markup}),
	}
}

// asked is an event of Dagster's with what was asked for.
func asked(operation string, e views.ConsoleEvent) views.ConsoleEvent {
	e.Operation = operation
	return e
}
