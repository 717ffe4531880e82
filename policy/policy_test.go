package policy_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

// options is a house with two providers that send groups and GitHub.
func options(file string) policy.Options {
	return policy.Options{
		File: []byte(file), DefaultRole: policy.Viewer,
		Slots: []string{"github", "okta", "keycloak"}, GroupSlots: []string{"okta", "keycloak"},
	}
}

func mustNew(t *testing.T, o policy.Options) *policy.Policy {
	t.Helper()
	p, err := policy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const grants = `
roles:
  operator: { extends: launcher, allow: [start_schedule, edit_sensor] }
  courier: { allow: [read] }
  idle: {}
grants:
  - { slot: okta, group: data-eng, role: editor }
  - { domain: corp.com, role: launcher }
  - { email: Ops@Corp.com, role: operator }
  - { slot: github, team: Acme/Platform, role: admin }
  - { org: ACME, role: launcher }
  - { slot: okta, group: Night, domain: corp.com, role: operator }
  - { email: courier@corp.net, role: courier }
  - { email: idle@corp.net, role: idle }
  - { email: both@corp.net, role: operator }
  - { email: both@corp.net, role: courier }
`

func verified(slot, email string) policy.Subject { return policy.NewSubject(slot, email, true) }

func inGroups(slot, email string, groups ...string) policy.Subject {
	s := verified(slot, email)
	s.Groups = groups
	return s
}

func atGitHub(orgs, teams []string) policy.Subject {
	s := verified("github", "someone@else.where")
	s.Orgs, s.Teams = orgs, teams
	return s
}

func TestAccess(t *testing.T) {
	p := mustNew(t, func() policy.Options {
		o := options(grants)
		o.AdminEmails = []string{"Boss@corp.com"}
		return o
	}())
	for _, tt := range []struct {
		name string
		who  policy.Subject
		role policy.Role
		rule string // that gave the permission below
		perm policy.Permission
	}{
		{"nobody names them", verified("okta", "a@b.c"), policy.Viewer, "default_role", policy.Read},
		{"nothing is known of them", policy.Subject{}, policy.Viewer, "default_role", policy.Read},
		{"group of the slot", inGroups("okta", "a@b.c", "data-eng"), policy.Editor, "grant 1", policy.WipeAssets},
		{"group among others", inGroups("okta", "a@b.c", "x", "data-eng", "y"), policy.Editor, "grant 1", policy.WipeAssets},
		{"the same group at another slot", inGroups("keycloak", "a@b.c", "data-eng"), policy.Viewer, "default_role", policy.Read},
		{"group in another case", inGroups("okta", "a@b.c", "Data-Eng"), policy.Viewer, "default_role", policy.Read},
		{"part of a group's name", inGroups("okta", "a@b.c", "data-engineers", "data"), policy.Viewer, "default_role", policy.Read},
		{"domain", verified("okta", "a@corp.com"), policy.Launcher, "grant 2", policy.LaunchPipelineExecution},
		{"domain in another case", verified("okta", "A@CORP.com"), policy.Launcher, "grant 2", policy.LaunchPipelineExecution},
		{"domain at a provider that hosts it", hostedBy("corp.com", "a@corp.com"), policy.Launcher, "grant 2", policy.LaunchPipelineExecution},
		{"domain of an account of one's own", hostedBy("", "a@corp.com"), policy.Viewer, "default_role", policy.Read},
		{"domain of an account of another's", hostedBy("evil.com", "a@corp.com"), policy.Viewer, "default_role", policy.Read},
		{"subdomain", verified("okta", "a@x.corp.com"), policy.Viewer, "default_role", policy.Read},
		{"domain that ends alike", verified("okta", "a@evilcorp.com"), policy.Viewer, "default_role", policy.Read},
		{"domain in front of another", verified("okta", "a@corp.com.evil"), policy.Viewer, "default_role", policy.Read},
		{"two signs", verified("okta", "a@corp.com@evil"), policy.Viewer, "default_role", policy.Read},
		{"two signs the other way", verified("okta", "a@evil@corp.com"), policy.Viewer, "default_role", policy.Read},
		{"address in another case", verified("okta", "OPS@corp.com"), policy.Launcher, "grant 3", policy.StartSchedule},
		{"address not verified", policy.NewSubject("okta", "ops@corp.com", false), policy.Viewer, "default_role", policy.Read},
		{"admin e-mail", verified("okta", "boss@corp.com"), policy.Admin, "admin_emails", policy.Administer},
		{"admin e-mail in another case", verified("okta", "BOSS@corp.COM"), policy.Admin, "admin_emails", policy.Administer},
		{"admin e-mail not verified", policy.NewSubject("okta", "boss@corp.com", false), policy.Viewer, "default_role", policy.Read},
		{"Unicode's other letters are other letters", verified("okta", "a@corp.com\u212A"), policy.Viewer, "default_role", policy.Read},
		{"team in another case", atGitHub(nil, []string{"acme/platform"}), policy.Admin, "grant 4", policy.Administer},
		{"team of another organisation", atGitHub(nil, []string{"evil/platform"}), policy.Viewer, "default_role", policy.Read},
		{"organisation alone is no team", atGitHub([]string{"acme"}, nil), policy.Launcher, "grant 5", policy.LaunchPipelineExecution},
		{"both halves of a grant", inGroups("okta", "a@corp.com", "Night"), policy.Launcher, "grant 6", policy.StartSchedule},
		{"one half of a grant", inGroups("okta", "a@b.c", "Night"), policy.Viewer, "default_role", policy.Read},
		{"a role without the viewer's rights", verified("okta", "courier@corp.net"), policy.None, "grant 7", policy.Read},
		{"the first of two rules is named", verified("okta", "both@corp.net"), policy.Launcher, "grant 9", policy.Read},
	} {
		got := p.Access(tt.who)
		if d := policy.Decide(got, policy.Want{Permission: tt.perm}); got.Role != tt.role || !d.Allowed || d.Rule != tt.rule {
			t.Errorf("%s: role %q by %q (%v), want %q by %q", tt.name, got.Role, d.Rule, d.Allowed, tt.role, tt.rule)
		}
	}
}

// A Kelvin sign is a k in lower case, to Unicode. It is not to us.
func TestFoldIsASCII(t *testing.T) {
	o := options(`grants: [{ email: mike@corp.com, role: editor }, { domain: bank.com, role: editor }]`)
	o.AdminEmails = []string{"kim@corp.com"}
	p := mustNew(t, o)
	for _, email := range []string{"mi\u212Ae@corp.com", "\u212Aim@corp.com", "a@ban\u212A.com"} {
		if got := p.Access(verified("okta", email)).Role; got != policy.Viewer {
			t.Errorf("%q is %s", email, got)
		}
	}
}

// hostedBy is somebody at a provider that says which organisation hosts whom.
func hostedBy(hd, email string) policy.Subject {
	s := verified("google", email)
	s.Hosted, s.HostedDomain = true, hd
	return s
}

// A permission that one rule does not give is not there because another rule
// names the person: what is held is the union, no more.
func TestAccessIsTheUnion(t *testing.T) {
	p := mustNew(t, options(grants))
	got := p.Access(inGroups("okta", "ops@corp.com", "Night")).Permissions
	want := policy.BuiltIn(policy.Launcher)
	want[policy.StartSchedule], want[policy.EditSensor] = struct{}{}, struct{}{}
	if !slices.Equal(got.Names(), want.Names()) {
		t.Errorf("got %v, want %v", got.Names(), want.Names())
	}
}

func TestEveryPermissionHasARule(t *testing.T) {
	p := mustNew(t, options(grants))
	a := p.Access(inGroups("okta", "ops@corp.com", "data-eng"))
	if got, want := slices.Sorted(maps.Keys(a.Rules)), slices.Sorted(maps.Keys(a.Permissions)); !slices.Equal(got, want) {
		t.Errorf("rules for %v, permissions %v", got, want)
	}
}

func TestDefaultRole(t *testing.T) {
	for _, tt := range []struct {
		role policy.Role
		who  policy.Subject
		want []string
	}{
		{policy.None, verified("okta", "a@b.c"), []string{}},
		{policy.None, policy.Subject{}, []string{}},
		{policy.Launcher, verified("okta", "a@b.c"), policy.BuiltIn(policy.Launcher).Names()},
		{"courier", verified("okta", "a@b.c"), []string{"read"}},
		{policy.Editor, verified("okta", "courier@corp.net"), []string{"read"}}, // a grant that names you replaces it, even by less
		{policy.Editor, verified("okta", "idle@corp.net"), []string{}},
	} {
		o := options(grants)
		o.DefaultRole = tt.role
		if got := mustNew(t, o).Access(tt.who).Permissions.Names(); !slices.Equal(got, tt.want) {
			t.Errorf("default role %q: %v holds %v, want %v", tt.role, tt.who.Email, got, tt.want)
		}
	}
}

// An empty entry of a list is nobody's address, above all not of those who have
// none.
func TestEmptyEntries(t *testing.T) {
	o := options("")
	o.AdminEmails = []string{""}
	if got := mustNew(t, o).Access(policy.Subject{}).Role; got != policy.Viewer {
		t.Errorf("nobody is %s", got)
	}
	for _, g := range []policy.Gate{{Domains: []string{""}}, {Emails: []string{""}}} {
		if _, ok := g.Admit(policy.Subject{}, false); ok {
			t.Errorf("%+v lets nobody in", g)
		}
	}
}

func TestNewSubject(t *testing.T) {
	for _, tt := range []struct {
		email    string
		verified bool
		want     string
	}{
		{"Ann@Corp.com", true, "ann@corp.com"},
		{"ann@corp.com", false, ""},
		{"ann", true, ""},
		{"@corp.com", true, ""},
		{"ann@", true, ""},
		{"ann@evil@corp.com", true, ""},
		{"", true, ""},
	} {
		if got := policy.NewSubject("okta", tt.email, tt.verified); got.Email != tt.want || got.Slot != "okta" {
			t.Errorf("%q, verified %v: %+v", tt.email, tt.verified, got)
		}
	}
}

func TestNames(t *testing.T) {
	o := options(grants)
	o.AdminEmails = []string{"boss@b.c"}
	p := mustNew(t, o)
	for _, tt := range []struct {
		who  policy.Subject
		want bool
	}{
		{policy.Subject{}, false},
		{verified("okta", "a@b.c"), false}, // the default role names nobody
		{verified("okta", "boss@b.c"), true},
		{policy.NewSubject("okta", "boss@b.c", false), false},
		{verified("okta", "a@corp.com"), true},
		{inGroups("okta", "", "data-eng"), true},
		{inGroups("keycloak", "", "data-eng"), false},
		{atGitHub([]string{"acme"}, nil), true},
	} {
		if got := p.Names(tt.who); got != tt.want {
			t.Errorf("%+v is named: %v", tt.who, got)
		}
	}
}

func everywhere(p policy.Permission) policy.Want { return policy.Want{Permission: p} }

func at(location string, p policy.Permission) policy.Want {
	return policy.Want{Permission: p, Location: location}
}

func TestDecide(t *testing.T) {
	viewer := policy.Access{Permissions: policy.BuiltIn(policy.Viewer), Rules: map[policy.Permission]string{policy.Read: "grant 1"}}
	all := policy.Access{Permissions: policy.Permissions{"": {}, "no_such": {}, policy.Read: {}}}
	for _, tt := range []struct {
		name string
		a    policy.Access
		want policy.Want
		d    policy.Decision
	}{
		{"held", viewer, everywhere(policy.Read), policy.Decision{Allowed: true, Want: everywhere(policy.Read), Rule: "grant 1"}},
		{"not held", viewer, everywhere(policy.WipeAssets), policy.Decision{Want: everywhere(policy.WipeAssets), Rule: "no grant", Missing: policy.Editor}},
		{"not held, for launchers", viewer, everywhere(policy.LaunchPipelineExecution), policy.Decision{Want: everywhere(policy.LaunchPipelineExecution), Rule: "no grant", Missing: policy.Launcher}},
		{"not held, for admins", viewer, everywhere(policy.Administer), policy.Decision{Want: everywhere(policy.Administer), Rule: "no grant", Missing: policy.Admin}},
		{"not held at a location", viewer, at("a", policy.WipeAssets), policy.Decision{Want: at("a", policy.WipeAssets), Rule: "no grant", Missing: policy.Editor}},
		{"no location would be enough", viewer, at("a", policy.ReloadWorkspace), policy.Decision{Want: everywhere(policy.ReloadWorkspace), Rule: "no grant", Missing: policy.Editor}},
		{"nobody's access", policy.Access{}, everywhere(policy.Read), policy.Decision{Want: everywhere(policy.Read), Rule: "no grant", Missing: policy.Viewer}},
		{"nothing wanted, though held", all, policy.Want{}, policy.Decision{Rule: "unknown permission", Missing: policy.Admin}},
		{"nothing wanted at a location, though held", all, at("a", ""), policy.Decision{Want: at("a", ""), Rule: "unknown permission", Missing: policy.Admin}},
		{"nobody knows it, though held", all, everywhere("no_such"), policy.Decision{Want: everywhere("no_such"), Rule: "unknown permission", Missing: policy.Admin}},
	} {
		if got := policy.Decide(tt.a, tt.want); got != tt.d {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.d)
		}
	}
}

// Each built-in role adds to the one below it, and only admins administer.
func TestLadder(t *testing.T) {
	below := policy.Permissions{}
	for _, role := range []policy.Role{policy.Viewer, policy.Launcher, policy.Editor, policy.Admin} {
		holds := policy.BuiltIn(role)
		for perm := range below {
			if !holds.Has(perm) {
				t.Errorf("%s lacks %s", role, perm)
			}
		}
		if len(holds) <= len(below) {
			t.Errorf("%s adds nothing", role)
		}
		if holds.Has(policy.Administer) != (role == policy.Admin) {
			t.Errorf("%s administers: %v", role, holds.Has(policy.Administer))
		}
		if holds.Has(policy.Audit) != (role == policy.Admin) {
			t.Errorf("%s reads the audit trail: %v", role, holds.Has(policy.Audit))
		}
		below = holds
	}
	if got := policy.BuiltIn("no such role"); len(got) != 0 {
		t.Errorf("a role that does not exist holds %v", got.Names())
	}
}

func TestCanMakeAdmin(t *testing.T) {
	for _, tt := range []struct {
		file   string
		emails []string
		want   bool
	}{
		{"", nil, false},
		{"", []string{"boss@corp.com"}, true},
		{"grants: [{ domain: corp.com, role: editor }]", nil, false},
		{"grants: [{ domain: corp.com, role: editor }, { email: a@corp.com, role: admin }]", nil, true},
		{"grants: [{ email: a@corp.com, role: admin, locations: ['*'] }]", nil, false},
		{"grants: [{ email: a@corp.com, role: admin, locations: ['*'] }, { domain: corp.com, role: admin }]", nil, true},
	} {
		o := options(tt.file)
		o.AdminEmails = tt.emails
		if got := mustNew(t, o).CanMakeAdmin(); got != tt.want {
			t.Errorf("%q with %v: %v", tt.file, tt.emails, got)
		}
	}
}

func TestUsesOrgs(t *testing.T) {
	for file, want := range map[string]bool{
		"": false,
		"grants: [{ slot: okta, group: a, role: viewer }]": false,
		"grants: [{ org: acme, role: viewer }]":            true,
		"grants: [{ team: acme/a, role: viewer }]":         true,
	} {
		if got := mustNew(t, options(file)).UsesOrgs(); got != want {
			t.Errorf("%q: %v", file, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		file string
		want []string // a line each
	}{
		{"grants: [{ domain: corp.com, role: owner }]", []string{`grant 1: role "owner" is not a role`}},
		{"grants: [{ domain: corp.com }]", []string{`grant 1: role "" is not a role`}},
		{"grants: [{ domain: corp.com, role: none }]", []string{`grant 1: role "none" is not a role`}},
		{"grants: [{ domain: corp.com, role: Admin }]", []string{`grant 1: role "Admin" is not a role`}},
		{"grants: [{ role: viewer }]", []string{"grant 1: it must name an email, domain, group, org or team"}},
		{"grants: [{ slot: okta, role: viewer }]", []string{"grant 1: it must name an email, domain, group, org or team"}},
		{"grants: [~]", []string{"grant 1 is empty"}},
		{"grants: [{}]", []string{`grant 1: role "" is not a role`, "grant 1: it must name an email, domain, group, org or team"}},
		{"grants: [{ slot: okta, group: '', domain: corp.com, role: admin }]", []string{"grant 1: group is empty"}}, // a template's variable was missing
		{"grants:\n- slot: okta\n  group:\n  domain: corp.com\n  role: admin", []string{"grant 1: group is empty"}},
		{"grants: [{ slot: ~, group: a, role: admin }]", []string{"grant 1: slot is empty"}},
		{"grants: [{ slot: dex, group: a, role: viewer }]", []string{`grant 1: slot "dex" is not a configured provider`}},
		{"grants: [{ group: a, role: viewer }]", []string{`grant 1: group "a" must name its slot, for several providers send groups: okta, keycloak`}},
		{"grants: [{ email: corp.com, role: viewer }]", []string{`grant 1: email "corp.com" must be one address`}},
		{"grants: [{ email: a@b@c, role: viewer }]", []string{`grant 1: email "a@b@c" must be one address`}},
		{"grants: [{ domain: '@corp.com', role: viewer }]", []string{`grant 1: domain "@corp.com" must be written without @`}},
		{"grants: [{ org: acme/a, role: viewer }]", []string{`grant 1: org "acme/a" must be written without a team`}},
		{"grants: [{ team: acme, role: viewer }]", []string{`grant 1: team "acme" must be written org/team`}},
		{"grants: [{ team: acme/a/b, role: viewer }]", []string{`grant 1: team "acme/a/b" must be written org/team`}},
		{"grants: [{ team: /a, role: viewer }]", []string{`grant 1: team "/a" must be written org/team`}},
		{"grants: [{ domain: corp.com, role: editor, locations: [] }]", []string{"grant 1: locations is empty"}},
		{"grants: [{ domain: corp.com, role: editor, locations: }]", []string{"grant 1: locations is empty"}},
		{"grants: [{ domain: corp.com, role: editor, locations: ~ }]", []string{"grant 1: locations is empty"}},
		{"grants: [{ domain: corp.com, role: editor, locations: [''] }]", []string{"grant 1: locations has an empty entry"}},
		{"grants: [{ domain: corp.com, role: editor, locations: [a, ~] }]", []string{"grant 1: locations has an empty entry"}},
		{"grants: [{ domain: corp.com, role: editor, locations: [~] }]", []string{"grant 1: locations has an empty entry"}},
		{"grants: [{ domain: corp.com, role: editor, locations: a }]", []string{"line 1: cannot unmarshal !!str"}},
		{"grants: [{ domain: corp.com, role: editor, locations: '' }]", []string{"line 1: cannot unmarshal !!str"}},
		{"grants: [{ domain: corp.com, role: editor, locations: { a: b } }]", []string{"line 1: cannot unmarshal !!map"}},
		{"grants: [{ domain: corp.com, role: editor, locations: [[a]] }]", []string{"line 1: cannot unmarshal !!seq"}},
		{"grants: [{ <<: { locations: [] }, domain: corp.com, role: editor }]", []string{"grant 1: locations is empty"}},                  // merged
		{"roles: { r: { allow: &e [] } }\ngrants: [{ domain: d, role: editor, locations: *e }]", []string{"grant 1: locations is empty"}}, // by an alias
		{"roles: { r: { extends: &e '' } }\ngrants: [{ domain: d, group: *e, role: editor }]", []string{"grant 1: group is empty"}},
		{"roles: { admin: { allow: [read] } }", []string{`role "admin": the name is taken`}},
		{"roles: { viewer: { extends: viewer } }", []string{`role "viewer": the name is taken`}},
		{"roles: { none: { extends: viewer } }", []string{`role "none": the name is taken`}},
		{"roles: { '': { extends: viewer } }", []string{`role "": the name is taken`}},
		{"roles: { boss: { extends: admin } }", []string{`role "boss": extends "admin": it may extend viewer, launcher or editor`}},
		{"roles: { a: { extends: viewer }, b: { extends: a } }", []string{`role "b": extends "a": it may extend viewer, launcher or editor`}},
		{"roles: { a: { extends: nobody } }", []string{`role "a": extends "nobody": it may extend viewer, launcher or editor`}},
		{"roles: { a: { allow: [wipe_asset] } }", []string{`role "a": permission "wipe_asset" is not one that a role can be given`}},
		{"roles: { a: { allow: [''] } }", []string{`role "a": permission "" is not one that a role can be given`}},
		{"roles: { a: { allow: [administer] } }", []string{`role "a": permission "administer" is not one that a role can be given`}},
		{"roles: { a: { extends: editor, allow: [unclassified_mutation] } }", []string{`role "a": permission "unclassified_mutation" is not one that a role can be given`}},
		{"roles: { a: { extends: editor, allow: [mutate] } }", []string{`role "a": permission "mutate" is not one that a role can be given`}}, // an older release's
		{"roles: { b: { extends: x }, a: { allow: [x] } }\ngrants: [{ role: c, domain: d }]", []string{ // all at once
			`role "a": permission "x" is not one that a role can be given`,
			`role "b": extends "x": it may extend viewer, launcher or editor`,
			`grant 1: role "c" is not a role`,
		}},
		{"rules: {}\ngrants: [{ domain: d, role: viewer, roles: x }]", []string{"line 1: field rules not found", "line 2: field roles not found"}},
		{"roles: { a: { deny: [read] } }", []string{"line 1: field deny not found"}},
		{"grants: [{ role: [viewer], domain: d }]", []string{"line 1: cannot unmarshal !!seq"}},
		{"- just a list", []string{"line 1: cannot unmarshal !!seq"}},
		{"a secret that is no policy", []string{"line 1: cannot unmarshal !!str"}}, // quotes nothing of it
		{"grants: []\ngrants: [{ domain: d, role: admin }]", []string{`line 2: mapping key "grants" already defined at line 1`}},
		{"grants: []\n---\ngrants: [{ domain: d, role: admin }]", []string{"one YAML document is expected"}},
		{"grants: []\n---\n", []string{"one YAML document is expected"}},
		{"grants: [", []string{"yaml: line 1: did not find expected node content"}},
	} {
		_, err := policy.New(options(tt.file))
		if got := lines(err); !slices.Equal(got, tt.want) {
			t.Errorf("%s\n got %q\nwant %q", tt.file, got, tt.want)
		}
	}
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestNewRefusesDefaultRole(t *testing.T) {
	for role, want := range map[policy.Role]string{
		policy.Admin: "default role: admin is not accepted, for everybody let in would be one",
		"owner":      `default role: "owner" is neither built in nor a role of the policy file`,
	} {
		o := options("")
		o.DefaultRole = role
		if _, err := policy.New(o); !errors.Is(err, policy.ErrDefaultRole) || err.Error() != want {
			t.Errorf("%q: %v", role, err)
		}
	}
}

func TestNewAccepts(t *testing.T) {
	for _, o := range []policy.Options{
		{},
		options(""),
		options("# nothing but a comment\n"),
		options("roles:\ngrants:\n"),
		options(grants),
		options(scopes),
		{File: []byte("grants: [{ group: a, role: viewer }]"), GroupSlots: []string{"okta"}}, // one slot sends groups: whose they are is clear
	} {
		mustNew(t, o)
	}
}

func FuzzNew(f *testing.F) {
	f.Add([]byte(grants), "a@corp.com", "data-eng")
	f.Add([]byte("grants: [{ group: '', domain: '', role: admin }]"), "", "")
	f.Add([]byte("a: &a [*a]"), "x", "y")
	f.Add([]byte("grants: [{ slot: okta, group: g, role: admin, locations: ['*'] }]"), "a@corp.com", "g")
	f.Fuzz(func(t *testing.T, file []byte, email, group string) {
		p, err := policy.New(options(string(file)))
		if err != nil {
			return
		}
		// Whatever the file says, it gives nothing to somebody of whom nothing
		// is known, and to nobody what no built-in role holds.
		if a := p.Access(policy.Subject{}); len(a.Scopes) > 0 || a.Role != policy.Viewer || len(a.Permissions) != len(policy.BuiltIn(policy.Viewer)) {
			t.Errorf("a stranger holds %v", a.Permissions.Names())
		}
		a := p.Access(inGroups("okta", email, group))
		for perm := range a.Permissions {
			if d := policy.Decide(a, policy.Want{Permission: perm}); !d.Allowed || d.Rule == "" {
				t.Errorf("%q: %+v", perm, d)
			}
		}
		if a.Permissions.Has(policy.Administer) && a.Role != policy.Admin {
			t.Errorf("an administrator of role %q", a.Role)
		}
	})
}
