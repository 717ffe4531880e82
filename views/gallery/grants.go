package gallery

import (
	"strconv"
	"strings"

	"github.com/dagpass/dagpass/views"
)

func consoleGrants() []views.ConsoleGrant {
	const file = "Written in the policy file, and changed there."
	return []views.ConsoleGrant{
		{Name: "DAGPASS_ADMIN_EMAILS", Text: "ada@example.com", Role: "admin", Fixed: "Set in the environment, and changed there."},
		{Name: "Grant 1 of the policy file", Text: "{domain: example.com, role: viewer}", Role: "viewer", Fixed: file},
		{Name: "Grant 2 of the policy file", Text: "{slot: google, group: marketing, role: editor, locations: [marketing*, shared]}", Role: "editor", Locations: []string{"marketing*", "shared"}, Fixed: file},
		{Name: "Grant a3f09c21, made here", ID: "a3f09c21", Text: "{slot: google, group: analysts, role: launcher, locations: [sales]}", Role: "launcher", Locations: []string{"sales"}, By: "Ada Lovelace", Since: at(-60)},
		{Name: "Grant c90d11fe, made here", ID: "c90d11fe", Text: "{team: acme/platform, role: operator}", Role: "operator", By: "operator", Since: at(-60), Broken: `role "operator" is not a role`},
	}
}

func consoleGive() views.ConsoleGive {
	return views.ConsoleGive{
		Slots: []views.ConsoleChoice{{Value: "google", Label: "Google"}, {Value: "github", Label: "GitHub"}},
		Roles: []string{"viewer", "launcher", "editor", "admin"}, Known: []string{"marketing", "sales"},
	}
}

// wrongGive is the form as it comes back.
func wrongGive() views.ConsoleGive {
	g := consoleGive()
	g.Group, g.Role, g.Locations, g.Email, g.Team = "analysts", "launcher", "sales\nmarketing*", "ann", "platform"
	g.Wrong = views.Wrong{"slot": "Choose the provider: several send groups, and the group of one is not that of another."}
	return g
}

func hostileGive() views.ConsoleGive {
	return views.ConsoleGive{
		Email: Markup, Domain: Markup, Group: Markup, Org: Markup, Team: Markup, Slot: Markup, Role: Markup, Locations: "</textarea>" + Markup + "\n" + Markup,
		Slots: []views.ConsoleChoice{{Value: Markup, Label: Markup}}, Roles: []string{Markup}, Known: []string{Markup, strings.Repeat("x", 300)},
		Wrong: hostile("email", "domain", "slot", "group", "org", "team", "role", "locations", "who", ""),
	}
}

func consolePreviews() []Page {
	page := func(name string, p views.ConsolePreview) Page {
		return Page{"console-preview-" + name, p.Prefix, p.Component()}
	}
	usual := views.ConsolePreview{
		Console: console(), Place: "access", Title: "Give a role", Apply: "/auth/admin/access/grants", Back: "/auth/admin/access", Button: "Give the role", Version: "x",
		Changes: []string{"This rule is added to those that are:"},
		Rule:    &views.ConsoleRule{Name: "A new grant", Role: "launcher", Locations: []string{"sales"}, Text: "{slot: google, group: analysts, role: launcher, locations: [sales]}"},
		Fields:  []views.ConsoleField{{Name: "slot", Value: "google"}, {Name: "group", Value: "analysts"}, {Name: "role", Value: "launcher"}, {Name: "locations", Value: "sales"}},
		Gain:    2, In: 1, Lines: []views.ConsolePreviewLine{
			{UserID: "2", Name: "Grace Hopper", Email: "grace@example.com", Provider: "Google", Before: "viewer", After: "viewer", Was: true, Is: true, Gains: located("sales")},
			{UserID: "3", Name: "alan@example.com", Email: "alan@example.com", Provider: "Google", After: "viewer", Is: true, Gains: append([]string{"read", "read_logs"}, located("sales")...)},
		},
	}
	nobody, self, refused := usual, usual, usual
	nobody.Gain, nobody.In, nobody.Lines = 0, 0, nil
	self.Title, self.Apply, self.Button, self.Danger, self.Self = "Remove a grant", "/auth/admin/access/grants/remove", "Remove the grant", true, true
	self.Changes = []string{"This rule goes:"}
	self.Rule = &views.ConsoleRule{Name: "Grant a3f09c21, made here", Role: "admin", Text: "{email: ada@example.com, role: admin}"}
	self.Gain, self.In, self.Lose, self.Out, self.Sessions = 0, 0, 1, 1, 3
	self.Lines = []views.ConsolePreviewLine{{UserID: "1", Name: "Ada Lovelace", Email: "ada@example.com", Provider: "Google", Before: "admin", Was: true, Loses: permissions()}}
	self.Wrong = views.Wrong{"confirm": "You would lose access of your own with this. Confirm that you want it."}
	refused.Changes, refused.Title, refused.Rule, refused.Lines, refused.Gain, refused.In, refused.Lose = self.Changes, self.Title, self.Rule, self.Lines, 0, 0, 1
	refused.Refused = "This is the last admin. Make somebody else admin first."
	return []Page{
		page("usual", usual), page("nobody", nobody), page("self", self), page("refused", refused), page("many", manyChange(usual)), page("setting", settingPreview()),
		page("hostile", hostilePreview()),
	}
}

func located(place string) (all []string) {
	for _, p := range []string{"launch_pipeline_execution", "launch_pipeline_reexecution", "terminate_pipeline_execution", "launch_partition_backfill", "cancel_partition_backfill"} {
		all = append(all, p+" at "+place)
	}
	return all
}

func manyChange(p views.ConsolePreview) views.ConsolePreview {
	p.Gain, p.Lose, p.In, p.Out, p.Sessions, p.More, p.Lines = 99872, 1204, 0, 17, 230, true, nil
	p.Notice, p.NoticeTone = "Somebody else has changed the rules in the meantime. Look at what would come of it now, and do it if you still want to.", "error"
	for i := range 100 {
		l := views.ConsolePreviewLine{UserID: strconv.Itoa(i), Name: "Person " + strconv.Itoa(i), Email: "person" + strconv.Itoa(i) + "@example.com", Provider: "Google", Before: "viewer", After: "launcher", Was: true, Is: true}
		if i < 40 {
			l.Loses = []string{"edit_sensor at a*", "edit_sensor at b", "start_schedule at a*"}
		}
		l.Gains = append(located("sales"), located("marketing_of_a_long_name_*")...)
		p.Lines = append(p.Lines, l)
	}
	return p
}

func settingPreview() views.ConsolePreview {
	return views.ConsolePreview{
		Console: console(), Place: "settings", Title: "Change who may sign in with Google", Changes: []string{"GOOGLE_ALLOWED_DOMAINS becomes “example.com, example.org”; it was “example.com”."},
		Apply: "/auth/admin/settings", Back: "/auth/admin/settings", Button: "Change it", In: 12, Gain: 12, Version: "x",
	}
}

func hostilePreview() views.ConsolePreview {
	return views.ConsolePreview{
		Console: hostileConsole(), Place: Markup, Title: Markup, Changes: []string{Markup}, Apply: "/" + Markup, Back: "/" + Markup, Button: Markup, Version: Markup, Danger: true, Self: true,
		Rule:   &views.ConsoleRule{Name: Markup, Text: Markup, Role: Markup, Locations: []string{Markup}, Permissions: []string{Markup}},
		Fields: []views.ConsoleField{{Name: Markup, Value: Markup}}, Wrong: hostile("confirm", ""), Gain: 1 << 60, Lose: -1, In: 1, Out: 1, Sessions: 1, More: true,
		Lines: []views.ConsolePreviewLine{{
			UserID: Markup, Name: Markup, Email: Markup + "@", Provider: Markup, Before: Markup, After: strings.Repeat("x", 300), Gains: []string{Markup + " at " + Markup}, Loses: []string{Markup}, Is: true,
		}},
	}
}
