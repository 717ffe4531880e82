package policy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dagpass/dagpass/policy"
)

const scopes = `
roles:
  almost:
    extends: launcher
    allow: [delete_pipeline_run, start_schedule, stop_running_schedule, schedule_dry_run, edit_sensor, sensor_dry_run, update_sensor_cursor,
      reload_repository_location, wipe_assets, report_runless_asset_events, edit_dynamic_partitions, refresh_component_state]
  keeper: { extends: editor, allow: [edit_app_managed_components] }
  reader: { allow: [read] }
  starter: { allow: [read, start_schedule, graphiql] }
grants:
  - { slot: okta, group: marketing, role: editor, locations: ["marketing*", shared] }
  - { slot: okta, group: boss, role: admin, locations: ["*"] }
  - { slot: okta, group: launch, role: launcher }
  - { slot: okta, group: finance, role: launcher, locations: [finance] }
  - { slot: okta, group: keep, role: keeper, locations: ["*"] }
  - { slot: okta, group: start, role: starter, locations: [finance] }
  - { slot: okta, group: edit, role: editor }
  - { slot: okta, group: almost, role: almost }
`

// everywhereOnly are the permissions that no location can hold.
var everywhereOnly = []policy.Permission{
	policy.GraphiQL, policy.ReloadWorkspace, policy.ToggleAutoMaterialize,
	policy.EditConcurrencyLimit, policy.Administer, policy.Audit, policy.UnclassifiedMutation,
}

func member(t *testing.T, groups ...string) policy.Access {
	t.Helper()
	return mustNew(t, options(scopes)).Access(inGroups("okta", "a@b.c", groups...))
}

func TestDecideByScope(t *testing.T) {
	const none = "no grant"
	for _, tt := range []struct {
		groups []string
		want   policy.Want
		rule   string
	}{
		{words{"marketing"}, at("marketing", policy.WipeAssets), "grant 1"},
		{words{"marketing"}, at("marketing_eu", policy.WipeAssets), "grant 1"},
		{words{"marketing"}, at("shared", policy.WipeAssets), "grant 1"},
		{words{"marketing"}, at("shared2", policy.WipeAssets), none},
		{words{"marketing"}, at("Marketing", policy.WipeAssets), none},
		{words{"marketing"}, at("finance", policy.WipeAssets), none},
		{words{"marketing"}, at("finance", policy.LaunchPipelineExecution), none},
		{words{"marketing"}, everywhere(policy.WipeAssets), none}, // never the other way round
		{words{"marketing"}, everywhere(policy.Read), "grant 1"},
		{words{"marketing"}, at("finance", policy.Read), "grant 1"},
		{words{"marketing"}, everywhere(policy.ReadLogs), "grant 1"},
		{words{"marketing"}, everywhere(policy.DownloadDebug), "grant 1"},
		{words{"marketing"}, everywhere(policy.ShowInstanceConfig), "grant 1"},
		{words{"marketing"}, everywhere(policy.ReadNotebook), "grant 1"},
		{words{"marketing"}, at("marketing", policy.EditAppManagedComponents), none}, // editor has not got it

		{words{"boss"}, at("finance", policy.WipeAssets), "grant 2"},
		{words{"boss"}, at("finance", policy.EditAppManagedComponents), "grant 2"},
		{words{"boss"}, everywhere(policy.WipeAssets), none}, // "*" names no empty location
		{words{"boss"}, everywhere(policy.LaunchPipelineExecution), none},
		{words{"keep"}, at("finance", policy.EditAppManagedComponents), "grant 5"},

		{words{"launch"}, everywhere(policy.LaunchPipelineExecution), "grant 3"},
		{words{"launch"}, at("finance", policy.LaunchPipelineExecution), "grant 3"}, // held everywhere
		{words{"launch"}, at("finance", policy.WipeAssets), none},

		{words{"marketing", "finance"}, at("marketing", policy.WipeAssets), "grant 1"}, // several unite
		{words{"marketing", "finance"}, at("finance", policy.TerminatePipeline), "grant 4"},
		{words{"marketing", "finance"}, at("finance", policy.WipeAssets), none}, // each where it holds
		{words{"finance", "start"}, at("finance", policy.StartSchedule), "grant 6"},
		{words{"finance", "start"}, at("finance", policy.TerminatePipeline), "grant 4"},
		{words{"launch", "marketing"}, at("marketing", policy.WipeAssets), "grant 1"},
		{words{"launch", "marketing"}, at("marketing", policy.TerminatePipeline), "grant 3"},

		{words{"start"}, everywhere(policy.Read), "grant 6"},
		{words{"start"}, everywhere(policy.ReadLogs), none}, // of reading, what the role has
		{words{"start"}, everywhere(policy.StartSchedule), none},
		{words{"stranger"}, at("finance", policy.Read), "default_role"},
		{words{"stranger"}, at("finance", policy.TerminatePipeline), none},
	} {
		if d := policy.Decide(member(t, tt.groups...), tt.want); d.Rule != tt.rule || d.Allowed != (tt.rule != none) {
			t.Errorf("%v, %+v: %v by %q, want %q", tt.groups, tt.want, d.Allowed, d.Rule, tt.rule)
		}
	}
}

// What no location can hold, no grant with locations gives, be it an admin's.
func TestScopesGiveNothingDeploymentWide(t *testing.T) {
	a := member(t, "marketing", "boss", "finance", "keep", "start")
	for _, p := range everywhereOnly {
		if policy.Located(p) || a.Anywhere(p) || policy.Decide(a, everywhere(p)).Allowed || policy.Decide(a, at("finance", p)).Allowed {
			t.Errorf("%s is held through a scope", p)
		}
	}
}

// Every permission is one that can be held at a location, one that reads, or
// one of those that hold in the whole deployment only.
func TestLocated(t *testing.T) {
	for p := range policy.BuiltIn(policy.Admin) {
		reads := policy.BuiltIn(policy.Viewer).Has(p)
		if kinds := []bool{policy.Located(p), reads, slices.Contains(everywhereOnly, p)}; count(kinds) != 1 {
			t.Errorf("%s: located, reads, everywhere only: %v", p, kinds)
		}
	}
}

func count(all []bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

func TestRoles(t *testing.T) {
	for _, tt := range []struct {
		groups []string
		role   policy.Role // in the whole deployment
		at     map[string]policy.Role
	}{
		{words{"stranger"}, policy.Viewer, map[string]policy.Role{"": policy.Viewer, "finance": policy.Viewer}},
		{words{"marketing"}, policy.Viewer, map[string]policy.Role{"": policy.Viewer, "marketing": policy.Editor, "finance": policy.Viewer}},
		{words{"boss"}, policy.Viewer, map[string]policy.Role{"": policy.Viewer, "finance": policy.Admin}},
		{words{"launch"}, policy.Launcher, map[string]policy.Role{"": policy.Launcher, "finance": policy.Launcher}},
		{words{"edit"}, policy.Editor, map[string]policy.Role{"": policy.Editor, "finance": policy.Editor}},
		{words{"almost"}, policy.Launcher, map[string]policy.Role{"": policy.Launcher, "finance": policy.Editor}}, // all but what no location can hold
		{words{"launch", "marketing"}, policy.Launcher, map[string]policy.Role{"": policy.Launcher, "marketing": policy.Editor, "finance": policy.Launcher}},
		{words{"marketing", "finance"}, policy.Viewer, map[string]policy.Role{"marketing": policy.Editor, "finance": policy.Launcher, "x": policy.Viewer}},
		{words{"start"}, policy.None, map[string]policy.Role{"": policy.None, "finance": policy.None}},
	} {
		a := member(t, tt.groups...)
		if a.Role != tt.role {
			t.Errorf("%v: role %q, want %q", tt.groups, a.Role, tt.role)
		}
		for location, want := range tt.at {
			if got := a.RoleAt(location); got != want {
				t.Errorf("%v at %q: %q, want %q", tt.groups, location, got, want)
			}
		}
	}
	if got := (policy.Access{}).RoleAt("finance"); got != policy.None {
		t.Errorf("nobody is %s", got)
	}
}

func TestRoleOfScope(t *testing.T) {
	for group, want := range map[string]policy.Role{
		"marketing": policy.Editor, "boss": policy.Admin, "finance": policy.Launcher,
		"keep":  policy.Admin, // all that an admin holds at a location
		"start": policy.None,
	} {
		if got := member(t, group).Scopes[0].Role(); got != want {
			t.Errorf("%s: %q", group, got)
		}
	}
}

func TestAnywhere(t *testing.T) {
	for _, tt := range []struct {
		group string
		p     policy.Permission
		want  bool
	}{
		{"marketing", policy.WipeAssets, true},
		{"marketing", policy.Read, true},
		{"marketing", policy.GraphiQL, false},
		{"finance", policy.WipeAssets, false},
		{"launch", policy.TerminatePipeline, true},
		{"stranger", policy.TerminatePipeline, false},
	} {
		if got := member(t, tt.group).Anywhere(tt.p); got != tt.want {
			t.Errorf("%s, %s: %v", tt.group, tt.p, got)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern  policy.Pattern
		location string
		want     bool
	}{
		{"a", "a", true},
		{"a", "A", false},
		{"a", "ab", false},
		{"a", "", false},
		{"", "", false},
		{"", "a", false},
		{"*", "", false},
		{"*", "a", true},
		{"*", "a b/c:d\n", true},
		{"**", "a", true},
		{"a*", "a", true},
		{"a*", "abc", true},
		{"a*", "ba", false},
		{"*a", "a", true},
		{"*a", "bca", true},
		{"*a", "ab", false},
		{"a*a", "a", false}, // one letter is not both ends
		{"a*a", "aa", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "ac", false},
		{"a*b*c", "acb", false},
		{"a*bc*c", "abc", false},
		{"*b*", "abc", true},
		{"*b*", "ac", false},
		{"*aa*a", "aa", false},
		{"*ab*ab*", "abxab", true},
		{"*ab*ab*", "abxb", false},
		{"a?", "ab", false}, // nothing else is special
		{"a.c", "abc", false},
		{"[ab]", "a", false},
	} {
		if got := tt.pattern.Matches(tt.location); got != tt.want {
			t.Errorf("%q, %q: %v", tt.pattern, tt.location, got)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*a", "a"}, {"*ab*ab*", "abxab"}, {"a**b", "a\nb"}, {"é*", "é"}, {".*", "x"}, {"*aa*a", "aaa"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, location string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(location) {
			return // regexp takes text only
		}
		same := regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
		if got, want := policy.Pattern(pattern).Matches(location), location != "" && same.MatchString(location); got != want {
			t.Errorf("%q, %q: %v", pattern, location, got)
		}
	})
}

// A role of the file can have the audit trail, in the whole deployment alone.
func TestAuditor(t *testing.T) {
	p := mustNew(t, options(`
roles: { auditor: { extends: viewer, allow: [audit] } }
grants:
  - { slot: okta, group: audit, role: auditor }
  - { slot: okta, group: nowhere, role: auditor, locations: ["*"] }
`))
	for group, want := range map[string]bool{"audit": true, "nowhere": false} {
		a := p.Access(inGroups("okta", "a@b.c", group))
		if got := policy.Decide(a, everywhere(policy.Audit)).Allowed; got != want || a.Anywhere(policy.Audit) != want || a.Role != policy.Viewer {
			t.Errorf("%s: %v, role %q", group, got, a.Role)
		}
	}
}
