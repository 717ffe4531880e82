package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

const factors = `
roles:
  operator: { extends: launcher, allow: [start_schedule, graphiql] }
  starter: { allow: [read, start_schedule] }
  stopper: { allow: [read, stop_running_schedule] }
  switch: { allow: [read, start_schedule, stop_running_schedule] }
  console: { allow: [read, graphiql] }
  reader: { allow: [read] }
grants:
  - { slot: okta, group: boss, role: admin }
  - { slot: okta, group: edit, role: editor }
  - { slot: okta, group: launch, role: launcher }
  - { slot: okta, group: operate, role: operator }
  - { slot: okta, group: read, role: viewer }
  - { slot: okta, group: start, role: starter }
  - { slot: okta, group: boss there, role: admin, locations: [x] }
  - { slot: okta, group: edit there, role: editor, locations: [x] }
  - { slot: okta, group: launch there, role: launcher, locations: [x] }
  - { slot: okta, group: operate there, role: operator, locations: [x] }
  - { slot: okta, group: read there, role: viewer, locations: [x] }
  - { slot: okta, group: start there, role: starter, locations: [x] }
  - { slot: okta, group: stop elsewhere, role: stopper, locations: [y] }
mfa: { roles: [%s] }
`

func factorsFor(roles string) string { return fmt.Sprintf(factors, roles) }

func TestNeedsFactor(t *testing.T) {
	for _, tt := range []struct {
		role string
		need []string // those groups, and nobody else
	}{
		{"admin", words{"boss", "boss there"}},
		{"editor", words{"boss", "edit", "boss there", "edit there"}},
		{"launcher", words{"boss", "edit", "launch", "operate", "boss there", "edit there", "launch there", "operate there"}},
		{"viewer", words{"boss", "edit", "launch", "operate", "read", "boss there", "edit there", "launch there", "operate there", "read there", "start there+read"}},
		{"operator", words{"boss", "edit", "operate", "boss there", "edit there", "operate there"}}, // a launcher does not start schedules
		{"switch", words{"boss", "edit", "boss there", "edit there", "start there+stop elsewhere"}}, // apart counts together
		{"console", words{"boss", "edit", "operate"}},                                               // no location can hold it, and reading is not enough
		{"admin, launcher", words{"boss", "edit", "launch", "operate", "boss there", "edit there", "launch there", "operate there"}},
	} {
		p := mustNew(t, options(factorsFor(tt.role)))
		for _, groups := range [][]string{
			{},
			{"boss"},
			{"edit"},
			{"launch"},
			{"operate"},
			{"read"},
			{"start"},
			{"boss there"},
			{"edit there"},
			{"launch there"},
			{"operate there"},
			{"read there"},
			{"start there"},
			{"stop elsewhere"},
			{"start there", "stop elsewhere"},
			{"start there", "read"},
		} {
			want := slices.Contains(tt.need, strings.Join(groups, "+")) || tt.role == "viewer" && len(groups) == 0 // the default role
			if got := p.NeedsFactor(p.Access(inGroups("okta", "a@b.c", groups...))); got != want {
				t.Errorf("mfa for %s: %v needs a factor: %v", tt.role, groups, got)
			}
		}
	}
}

func TestNobodyNeedsAFactorUnasked(t *testing.T) {
	for _, file := range []string{"", "mfa: {}", "mfa: { sso: true }", "mfa: { step_up: [administer] }"} {
		p := mustNew(t, options(file))
		if p.NeedsFactor(policy.Access{Permissions: policy.BuiltIn(policy.Admin)}) {
			t.Errorf("%q asks for one", file)
		}
	}
	p := mustNew(t, options("mfa: { roles: [viewer, admin] }"))
	if p.NeedsFactor(policy.Access{}) {
		t.Error("somebody who may do nothing needs one")
	}
}

func TestMFA(t *testing.T) {
	p := mustNew(t, options(`mfa: { roles: [admin, editor], sso: true, step_up: [wipe_assets, administer] }`))
	m := p.MFA()
	if !slices.Equal(m.Roles, []policy.Role{policy.Admin, policy.Editor}) || !m.SSO ||
		!slices.Equal(m.StepUp, []policy.Permission{policy.WipeAssets, policy.Administer}) {
		t.Errorf("%+v", m)
	}
}

func TestMFARefuses(t *testing.T) {
	for file, want := range map[string][]string{
		"mfa:":                                        {"mfa is empty"},
		"mfa: ~":                                      {"mfa is empty"},
		"mfa: { roles: }":                             {"mfa: roles is empty"},
		"mfa: { roles: [] }":                          {"mfa: roles is empty"},
		"mfa: { roles: [''] }":                        {"mfa: roles has an empty entry"},
		"mfa: { roles: [admin, ~] }":                  {"mfa: roles has an empty entry"},
		"mfa: { sso: }":                               {"mfa: sso is empty"},
		"mfa: { sso: ~, step_up: [] }":                {"mfa: sso is empty", "mfa: step_up is empty"},
		"mfa: { sso: sometimes }":                     {"line 1: cannot unmarshal !!str"},
		"mfa: { roles: admin }":                       {"line 1: cannot unmarshal !!str"},
		"mfa: { rolls: [admin] }":                     {"line 1: field rolls not found"},
		"mfa: [admin]":                                {"line 1: cannot unmarshal !!seq"},
		"mfa: { roles: [owner] }":                     {`mfa: role "owner" is not a role`},
		"mfa: { roles: [none] }":                      {`mfa: role "none" is not a role`},
		"roles: { idle: {} }\nmfa: { roles: [idle] }": {`mfa: role "idle" has no permissions, so everybody would have all of it`},
		"mfa: { step_up: [wipe_asset] }":              {`mfa: step_up: "wipe_asset" is not a permission`},
		"mfa: { step_up: [admin] }":                   {`mfa: step_up: "admin" is not a permission`},
		"mfa: { step_up: [audit] }":                   {`mfa: step_up: "audit" only reads, and what is read is never confirmed`},
		"mfa: { step_up: [read, read_logs] }": {
			`mfa: step_up: "read" only reads, and what is read is never confirmed`,
			`mfa: step_up: "read_logs" only reads, and what is read is never confirmed`,
		},
		"x: &e []\nmfa: { roles: *e }":                          {"line 1: field x not found"},
		"roles: { a: { allow: &e [] } }\nmfa: { step_up: *e }":  {"mfa: step_up is empty"},
		"<<: { mfa: { roles: [] } }":                            {"mfa: roles is empty"},
		"grants: [{ role: a, domain: d }]\nmfa: { roles: [b] }": {`grant 1: role "a" is not a role`, `mfa: role "b" is not a role`}, // all at once
	} {
		_, err := policy.New(options(file))
		if got := lines(err); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", file, got, want)
		}
	}
}

func TestHasRole(t *testing.T) {
	p := mustNew(t, options(factorsFor("admin")))
	for role, want := range map[policy.Role]bool{
		policy.Viewer: true, policy.Admin: true, "operator": true, policy.None: false, "none": false, "owner": false, "Admin": false,
	} {
		if p.HasRole(role) != want {
			t.Errorf("%q", role)
		}
	}
}

// assigned is somebody whom an admin gave a role here.
func assigned(s policy.Subject, r policy.Role) policy.Subject { s.Assigned = r; return s }

func TestAssigned(t *testing.T) {
	o := options(factorsFor("admin"))
	o.AdminEmails, o.DefaultRole = words{"chief@b.c"}, policy.Launcher
	p := mustNew(t, o)
	for _, tt := range []struct {
		name  string
		who   policy.Subject
		role  policy.Role
		rules []string
	}{
		{"alone", assigned(verified("okta", "a@b.c"), policy.Editor), policy.Editor, words{"assigned_role"}},
		{"of whom nothing else is known", assigned(policy.Subject{Slot: "password"}, policy.Admin), policy.Admin, words{"assigned_role"}},
		{"the default role is not for them", assigned(verified("okta", "a@b.c"), policy.Viewer), policy.Viewer, words{"assigned_role"}},
		{"more than a grant", assigned(inGroups("okta", "a@b.c", "read"), policy.Editor), policy.Editor, words{"assigned_role", "grant 5"}},
		{"less than a grant", assigned(inGroups("okta", "a@b.c", "edit"), policy.Viewer), policy.Editor, words{"assigned_role", "grant 2"}},
		{"less than an admin", assigned(verified("okta", "chief@b.c"), policy.Viewer), policy.Admin, words{"admin_emails", "assigned_role"}},
		{"a role of the file", assigned(verified("okta", "a@b.c"), "operator"), policy.Launcher, words{"assigned_role"}},
		{"a role that is gone", assigned(verified("okta", "a@b.c"), "gone"), policy.None, words{"assigned_role"}},
		{"a role that is gone, and a grant", assigned(inGroups("okta", "a@b.c", "edit"), "gone"), policy.Editor, words{"assigned_role", "grant 2"}},
	} {
		if got, rules := p.Access(tt.who).Role, p.Rules(tt.who); got != tt.role || !slices.Equal(rules, tt.rules) {
			t.Errorf("%s: role %q by %q", tt.name, got, rules)
		}
	}
}

// An assigned role unites with the rest, permission by permission, and holds in
// the whole deployment.
func TestAssignedUnites(t *testing.T) {
	p := mustNew(t, options(factorsFor("admin")))
	a := p.Access(assigned(inGroups("okta", "a@b.c", "stop elsewhere"), "starter"))
	for want, rule := range map[policy.Want]string{
		at("x", policy.StartSchedule):        "assigned_role",
		everywhere(policy.StartSchedule):     "assigned_role",
		at("y", policy.StopRunningSchedule):  "grant 13",
		at("x", policy.StopRunningSchedule):  "no grant",
		everywhere(policy.TerminatePipeline): "no grant",
	} {
		if got := policy.Decide(a, want); got.Rule != rule || got.Allowed != (rule != "no grant") {
			t.Errorf("%+v: %+v", want, got)
		}
	}
}

// Whom an admin gave a role is named: a public door opens for them, a list all
// the same does not. A role that is gone opens nothing.
func TestAssignedAtAGate(t *testing.T) {
	p := mustNew(t, options(factorsFor("admin")))
	stranger := policy.NewSubject("github", "a@b.c", true)
	for _, tt := range []struct {
		gate   policy.Gate
		who    policy.Subject
		reason string
	}{
		{policy.Gate{Public: true}, stranger, "not_on_a_list"},
		{policy.Gate{Public: true}, assigned(stranger, policy.Viewer), ""},
		{policy.Gate{Public: true}, assigned(stranger, "gone"), "no_role"},
		{policy.Gate{Domains: words{"corp.com"}}, assigned(stranger, policy.Admin), "address_not_allowed"},
		{policy.Gate{}, assigned(stranger, "gone"), "no_role"},
		{policy.Gate{}, stranger, ""},
	} {
		if reason, ok := p.Admit(tt.gate, tt.who); reason != tt.reason || ok != (tt.reason == "") {
			t.Errorf("%+v at %+v: %q", tt.who, tt.gate, reason)
		}
	}
}
