package gallery

import (
	"strconv"
	"time"

	"github.com/dagpass/dagpass/views"
)

// auditors are the pages that an auditor sees besides the trail.
func auditors() []Page {
	var all []Page
	for _, pages := range [][]Page{reviews(), privileges(), failures(), runs(), tails()} {
		all = append(all, pages...)
	}
	return all
}

// auditor is the frame of the console for somebody who reads the trail alone.
func auditor() views.Console {
	return views.Console{Site: site(), Admin: "Audrey Auditor", Auditor: true}
}

func reviews() []Page {
	page := func(name string, p views.ConsoleReview) Page {
		return Page{"console-review-" + name, p.Prefix, p.Component()}
	}
	perms := []views.ConsoleChoice{views.PermissionChoice("wipe_assets"), views.PermissionChoice("audit")}
	grace := views.ConsoleReviewed{
		ID: "2", Name: "Grace Hopper", Email: "grace@example.com", LastSignIn: at(-10 * time.Minute), Factors: []string{"Passkey", "Authenticator app"},
		Assigned: "editor", AssignedAt: at(-2000 * time.Hour), AssignedBy: "Ada Lovelace",
		Ways: []views.ConsoleReviewedWay{
			{
				Provider: "Google", Subject: "110169484474386276334", Since: at(-4000 * time.Hour), LastUsed: at(-10 * time.Minute), Enters: true, Role: "editor",
				Rules: []views.ConsoleRule{
					{Name: "The role that is assigned here"},
					{Name: "Grant 2 of the policy file", Text: "{domain: example.com, role: viewer}"},
					{Name: "Grant 5 of the policy file", Text: "{group: marketing, role: admin, locations: [marketing*, shared]}", Locations: []string{"marketing*", "shared"}},
					{Name: "Grant caaeb865, made here", Text: "{email: grace@example.com, role: viewer}", Since: at(-70 * time.Hour), By: "Ada Lovelace"},
				},
			},
			{Provider: "Password", Since: at(-900 * time.Hour), Rules: []views.ConsoleRule{{Name: "The role that is assigned here"}}, Role: "editor"},
		},
	}
	alan := views.ConsoleReviewed{ID: "4", Name: "Alan Turing", Email: "alan@example.com", Disabled: at(-30 * time.Hour), Ways: []views.ConsoleReviewedWay{{Provider: "Acme single sign-on", Since: at(-300 * time.Hour), LastUsed: at(-100 * time.Hour)}}}
	usual := views.ConsoleReview{
		Console: console(), Roles: roleNames(), Permissions: perms, Lines: []views.ConsoleReviewed{grace, alan, {ID: "5", Email: "nobody@example.com"}}, Next: "cursor",
	}
	return []Page{
		page("usual", usual),
		page("wrong", views.ConsoleReview{Console: auditor(), Filter: views.ConsoleReviewFilter{Role: "x"}, Roles: roleNames(), Wrong: views.Wrong{"role": "There is no such role."}}),
		page("further", views.ConsoleReview{Console: auditor(), Filter: views.ConsoleReviewFilter{Permission: "audit", After: "c"}, Permissions: perms, Next: "cursor"}),
		page("empty", views.ConsoleReview{Console: console()}),
		page("hostile", views.ConsoleReview{
			Console: hostileConsole(), Filter: views.ConsoleReviewFilter{Text: Markup, Role: Markup, Permission: Markup, After: Markup}, Roles: []string{Markup},
			Permissions: []views.ConsoleChoice{{Value: Markup, Label: Markup}}, Next: Markup,
			Lines: []views.ConsoleReviewed{{
				ID: Markup, Name: Markup, Email: "e" + Markup, Factors: []string{Markup}, Assigned: Markup, AssignedAt: at(0), AssignedBy: Markup,
				Ways: []views.ConsoleReviewedWay{{Provider: Markup, Subject: Markup, Role: Markup, Rules: []views.ConsoleRule{{Name: Markup, Text: Markup, Locations: []string{Markup}, Since: at(0), By: Markup}}}},
			}},
		}),
	}
}

func privileges() []Page {
	page := func(name string, p views.ConsolePrivileged) Page {
		return Page{"console-privileged-" + name, p.Prefix, p.Component()}
	}
	kinds := []views.ConsoleKind{
		{Name: "user.*", Why: "Accounts: who came to be, which role they were given, who was barred."},
		{Name: "wipe_assets", Why: "What is known of an asset is gone."},
	}
	return []Page{
		page("usual", views.ConsolePrivileged{Console: console(), Kinds: kinds, Lines: consoleEvents()[1:4], Older: "990"}),
		page("empty", views.ConsolePrivileged{Console: auditor(), Kinds: kinds}),
		page("searching", views.ConsolePrivileged{Console: auditor(), Kinds: kinds, Older: "990", Back: consoleEvents()[0].Time}),
		page("hostile", views.ConsolePrivileged{
			Console: hostileConsole(), Filter: views.ConsoleAuditFilter{Person: Markup, Since: Markup, Until: Markup, Before: Markup},
			Wrong: hostile("person", "since", "until", ""), Kinds: []views.ConsoleKind{{Name: Markup, Why: Markup}}, Lines: hostileEvents(), Older: Markup,
		}),
	}
}

func failures() []Page {
	page := func(name string, p views.ConsoleFailures) Page {
		return Page{"console-failures-" + name, p.Prefix, p.Component()}
	}
	usual := views.ConsoleFailures{
		Console: console(), Range: "24h", From: at(-24 * time.Hour), To: at(0), Begins: at(-24*time.Hour - 10*time.Minute), Each: time.Hour, Total: 131,
		Counts: []int64{0, 0, 1, 0, 2, 6, 18, 42, 31, 3, 2, 1, 2, 3, 2, 1, 1, 8, 4, 3, 0, 0, 1, 0, 0},
		Reasons: []views.ConsoleFailure{
			{Reason: "wrong_password", Slot: "password", Provider: "Password", Count: 104, Last: at(-time.Hour)},
			{Reason: "group_not_allowed", Slot: "keycloak", Provider: "Acme single sign-on", Count: 22, Last: at(-5 * time.Hour)},
			{Reason: "state", Slot: "google", Provider: "Google", Count: 5, Last: at(-23 * time.Hour)},
		},
	}
	for i := range 20 {
		usual.Addresses = append(usual.Addresses, views.ConsoleFailure{Address: "192.0.2." + strconv.Itoa(i+1), Count: int64(max(1, 60-i*7)), Last: at(-time.Duration(i) * time.Hour)})
	}
	usual.Others = 1204
	cut := usual
	cut.Range, cut.Since, cut.Until, cut.Cut, cut.Each = "", "2026-01-01", "2026-11-21", at(-100*time.Hour), 28*24*time.Hour
	return []Page{
		page("usual", usual), page("cut", cut),
		page("wrong", views.ConsoleFailures{Console: auditor(), Since: "yesterday", Wrong: views.Wrong{"since": "This is no time: write 2026-11-21 or 2026-11-21T09:10, in UTC."}}),
		page("empty", views.ConsoleFailures{Console: auditor(), Range: "24h", From: at(-24 * time.Hour), To: at(0), Begins: at(-24 * time.Hour), Each: time.Hour, Counts: make([]int64, 24)}),
		page("hostile", views.ConsoleFailures{
			Console: hostileConsole(), Range: Markup, Since: Markup, Until: Markup, Total: 1 << 60, Counts: []int64{-1, 1 << 60}, Each: time.Minute, Cut: at(0), Others: 1 << 30,
			Reasons: []views.ConsoleFailure{{Reason: Markup, Provider: Markup, Slot: Markup, Count: 1 << 60}}, Addresses: []views.ConsoleFailure{{Address: Markup, Count: -1}, {}},
		}),
		page("hostile-wrong", views.ConsoleFailures{Console: hostileConsole(), Since: Markup, Wrong: hostile("since", "until", "")}),
	}
}

func runs() []Page {
	page := func(name string, p views.ConsoleRun) Page {
		return Page{"console-run-" + name, p.Prefix, p.Component()}
	}
	id := "9f1c2b7e-5a4d-4c3b-8f6e-1d2c3b4a5f60"
	return []Page{
		page("usual", views.ConsoleRun{
			Console: console(), Run: id, Refused: 2, Cut: true, Lines: consoleEvents(),
			Deeds: []views.ConsoleDeed{
				{What: "Launched", Who: "Grace Hopper", ID: "3", At: at(-5 * time.Hour)},
				{What: "Launched again, as another run,", Who: "Alan Turing", ID: "4", At: at(-4 * time.Hour), Other: "11112222-5a4d-4c3b-8f6e-1d2c3b4a5f60"},
				{What: "Deleted", Who: "operator", At: at(-time.Hour)},
			},
		}),
		page("unknown", views.ConsoleRun{Console: auditor(), Run: id}),
		page("empty", views.ConsoleRun{Console: console()}),
		page("hostile", views.ConsoleRun{
			Console: hostileConsole(), Run: Markup, Refused: 1, Lines: hostileEvents(), Deeds: []views.ConsoleDeed{{What: Markup, Who: Markup, ID: Markup, Other: Markup}, {}},
		}),
		page("hostile-wrong", views.ConsoleRun{Console: hostileConsole(), Run: Markup, Wrong: hostile("run", "")}),
	}
}

func tails() []Page {
	page := func(name string, p views.ConsoleTail) Page {
		return Page{"console-tail-" + name, p.Prefix, p.Component()}
	}
	return []Page{
		page("usual", views.ConsoleTail{Console: console(), Events: []string{"user.*"}, Lines: consoleEvents(), Last: 1000, Token: "1.00000000.sealed"}),
		page("wrong", views.ConsoleTail{Console: auditor(), Filter: views.ConsoleAuditFilter{Event: "x"}, Wrong: views.Wrong{"event": "An event is called like user.disable."}}),
		page("empty", views.ConsoleTail{Console: auditor()}),
		page("hostile", views.ConsoleTail{
			Console: hostileConsole(), Filter: views.ConsoleAuditFilter{Person: Markup, Event: Markup, Outcome: Markup, Location: Markup, Run: Markup},
			Events: []string{Markup}, Lines: hostileEvents(), Token: Markup,
		}),
	}
}
