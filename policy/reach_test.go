package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

// The doors of a house: a company's own provider, one that hosts accounts for
// organisations, and GitHub.
var (
	okta    = policy.Door{Slot: "okta", Groups: true}
	google  = policy.Door{Slot: "google", Hosted: true}
	gitHub  = policy.Door{Slot: "github", Orgs: true}
	corpCom = policy.Gate{Domains: words{"corp.com"}}
)

// listed is a door with an allow-list.
func listed(d policy.Door, g policy.Gate) policy.Door { d.Gate = g; return d }

func TestUnreachable(t *testing.T) {
	all := []policy.Door{okta, google, gitHub}
	for _, tt := range []struct {
		name  string
		doors []policy.Door
		file  string
		want  []string
	}{
		{"no file", all, "", nil},
		{"several that differ", all, grantsOf(`
			{ slot: okta, group: a, role: editor }
			{ slot: okta, group: b, role: editor }
			{ domain: corp.com, role: viewer }
			{ org: acme, role: launcher }
			{ team: acme/data, role: launcher }`), nil},

		// Duplicates and what is implied.
		{"a duplicate: the later one", all, grantsOf(`
			{ domain: corp.com, role: viewer }
			{ domain: CORP.com, role: viewer }`), covers(2, 1)},
		{"three of a kind", all, grantsOf(`
			{ domain: corp.com, role: viewer }
			{ domain: corp.com, role: viewer }
			{ domain: corp.com, role: viewer }`), append(covers(2, 1), covers(3, 1)...)},
		{"less for the same", all, grantsOf(`
			{ domain: corp.com, role: viewer }
			{ domain: corp.com, role: editor }`), covers(1, 2)},
		{"less for fewer, before", all, grantsOf(`
			{ slot: okta, group: a, domain: corp.com, role: launcher }
			{ domain: corp.com, role: editor }`), covers(1, 2)},
		{"less for fewer, after", all, grantsOf(`
			{ domain: corp.com, role: editor }
			{ slot: okta, group: a, domain: corp.com, role: launcher }`), covers(2, 1)},
		{"more for fewer", all, grantsOf(`
			{ domain: corp.com, role: viewer }
			{ slot: okta, domain: corp.com, role: editor }`), nil},
		{"less for more", all, grantsOf(`
			{ domain: corp.com, role: viewer }
			{ slot: okta, domain: corp.com, role: editor }`), nil},
		{"neither role holds the other", all, "roles:\n  a: { extends: viewer, allow: [wipe_assets] }\n  b: { extends: viewer, allow: [start_schedule] }\n" + grantsOf(`
			{ domain: corp.com, role: a }
			{ domain: corp.com, role: b }`), nil},
		{"a role that holds less under another name", all, "roles:\n  a: { extends: viewer, allow: [wipe_assets] }\n" + grantsOf(`
			{ domain: corp.com, role: a }
			{ domain: corp.com, role: editor }`), covers(1, 2)},
		{"groups keep their case", all, grantsOf(`
			{ slot: okta, group: a, role: viewer }
			{ slot: okta, group: A, role: viewer }`), nil},
		{"organisations do not", all, grantsOf(`
			{ org: Acme, role: viewer }
			{ org: acme, role: viewer }`), covers(2, 1)},
		{"a slot, where one door is left", []policy.Door{okta}, grantsOf(`
			{ slot: okta, group: a, role: viewer }
			{ group: a, role: viewer }`), covers(2, 1)},
		{"a slot, where one door sends groups", []policy.Door{okta, google}, grantsOf(`
			{ group: a, role: viewer }
			{ slot: okta, group: a, role: viewer }`), covers(2, 1)},
		{"a slot, where there are two doors", all, grantsOf(`
			{ slot: okta, domain: corp.com, role: viewer }
			{ domain: corp.com, role: viewer }`), covers(1, 2)},
		{"a slot each", all, grantsOf(`
			{ slot: okta, domain: corp.com, role: viewer }
			{ slot: github, domain: corp.com, role: viewer }`), nil},
		{"an address is of its domain", []policy.Door{okta, gitHub}, grantsOf(`
			{ email: A@corp.com, role: viewer }
			{ domain: corp.com, role: viewer }`), covers(1, 2)},
		{"but not where somebody hosts it", all, grantsOf(`
			{ email: a@corp.com, role: viewer }
			{ domain: corp.com, role: viewer }`), nil},
		{"unless the slot says that nobody does", all, grantsOf(`
			{ slot: okta, email: a@corp.com, role: viewer }
			{ domain: corp.com, role: viewer }`), covers(1, 2)},
		{"another domain", []policy.Door{okta}, grantsOf(`
			{ email: a@x.corp.com, role: viewer }
			{ domain: corp.com, role: viewer }`), nil},
		{"a team proves no organisation", all, grantsOf(`
			{ team: acme/data, role: viewer }
			{ org: acme, role: viewer }`), nil},
		{"a role that only takes away the default one", all, "roles:\n  idle: {}\n" + grantsOf(`{ domain: corp.com, role: idle }`), nil},

		// Locations.
		{"the whole deployment holds at a location", all, grantsOf(`
			{ slot: okta, group: a, role: editor }
			{ slot: okta, group: a, role: editor, locations: [x] }`), covers(2, 1)},
		{"a location is not the deployment", all, grantsOf(`
			{ slot: okta, group: a, role: editor }
			{ slot: okta, group: a, role: admin, locations: ["*"] }`), nil},
		{"less everywhere, more at a location", all, grantsOf(`
			{ slot: okta, group: a, role: launcher }
			{ slot: okta, group: a, role: editor, locations: ["*"] }`), nil},
		{"reading everywhere comes with a location", all, grantsOf(`
			{ slot: okta, group: a, role: viewer }
			{ slot: okta, group: a, role: editor, locations: [x] }`), covers(1, 2)},
		{"launching everywhere does not", all, grantsOf(`
			{ slot: okta, group: a, role: launcher }
			{ slot: okta, group: a, role: editor, locations: ["*"] }`), nil},
		{"a pattern holds a name", all, grantsOf(`
			{ slot: okta, group: a, role: editor, locations: ["market*"] }
			{ slot: okta, group: a, role: editor, locations: [marketing, "market*eu"] }`), covers(2, 1)},
		{"a role at fewer locations", all, grantsOf(`
			{ slot: okta, group: a, role: launcher, locations: [x] }
			{ slot: okta, group: a, role: editor, locations: [x, y] }`), covers(1, 2)},
		{"one location more", all, grantsOf(`
			{ slot: okta, group: a, role: editor, locations: [x] }
			{ slot: okta, group: a, role: launcher, locations: [x, y] }`), nil},
		{"a viewer at locations is a viewer", all, grantsOf(`
			{ slot: okta, group: a, role: viewer, locations: [x] }
			{ slot: okta, group: a, role: viewer }`), covers(2, 1)},
		{"the same locations in another order", all, grantsOf(`
			{ slot: okta, group: a, role: editor, locations: [y, x] }
			{ slot: okta, group: a, role: editor, locations: [x, y] }`), covers(2, 1)},
		{"reading that the other's role lacks", all, "roles:\n  starter: { allow: [read, start_schedule] }\n" + grantsOf(`
			{ slot: okta, group: a, role: viewer, locations: [x] }
			{ slot: okta, group: a, role: starter, locations: [x] }`), nil},

		// Patterns of one grant.
		{"a name under a pattern", all, grantsOf(`{ domain: d, role: editor, locations: [marketing, "market*"] }`), idle("marketing")},
		{"a name twice: once", all, grantsOf(`{ domain: d, role: editor, locations: [x, y, x] }`), idle("x")},
		{"everything beside names", all, grantsOf(`{ domain: d, role: editor, locations: ["*", x, "y*"] }`), append(idle("x"), idle("y*")...)},
		{"two spellings: the later one", all, grantsOf(`{ domain: d, role: editor, locations: ["a*", "a**"] }`), idle("a**")},
		{"patterns that overlap", all, grantsOf(`{ domain: d, role: editor, locations: ["a*", "*b", "a*b*", A] }`), idle("a*b*")},

		// Nobody.
		{
			"groups of a provider that sends none", all, grantsOf(`{ slot: google, group: a, role: viewer }`),
			words{"grant 1 can match nobody: no provider that it may mean sends groups"},
		},
		{
			"groups where nobody sends any",
			[]policy.Door{google, gitHub},
			grantsOf(`{ group: a, role: viewer }`),
			words{"grant 1 can match nobody: no provider that it may mean sends groups"},
		},
		{
			"organisations at a company's provider", all, grantsOf(`{ slot: okta, org: acme, role: viewer }`),
			words{"grant 1 can match nobody: no provider that it may mean sends organisations and teams"},
		},
		{
			"teams without GitHub",
			[]policy.Door{okta, google},
			grantsOf(`{ team: acme/a, role: viewer }`),
			words{"grant 1 can match nobody: no provider that it may mean sends organisations and teams"},
		},
		{
			"a group and an organisation, which nobody sends both", all, grantsOf(`{ slot: okta, group: a, org: acme, role: viewer }`),
			words{"grant 1 can match nobody: no provider that it may mean sends organisations and teams"},
		},
		{
			"an address of another domain", all, grantsOf(`{ email: a@corp.net, domain: corp.com, role: viewer }`),
			words{"grant 1 can match nobody: its email is not of its domain"},
		},
		{"an address of its domain", all, grantsOf(`{ email: A@corp.com, domain: Corp.com, role: viewer }`), nil},
		{
			"nobody, and a duplicate of it", all, grantsOf(`
			{ slot: google, group: a, role: viewer }
			{ slot: google, group: a, role: viewer }`),
			words{"grant 1 can match nobody: no provider that it may mean sends groups", "grant 2 can match nobody: no provider that it may mean sends groups"},
		},

		// Allow-lists.
		{"a domain on no list", []policy.Door{listed(okta, corpCom)}, grantsOf(`{ domain: corp.net, role: viewer }`), keptOut},
		{"a domain on the list", []policy.Door{listed(okta, corpCom)}, grantsOf(`{ domain: Corp.com, role: viewer }`), nil},
		{"a domain of an address on the list", []policy.Door{listed(okta, policy.Gate{Emails: words{"a@corp.net"}})}, grantsOf(`{ domain: corp.net, role: viewer }`), nil},
		{"an address on no list", []policy.Door{listed(okta, corpCom)}, grantsOf(`{ email: a@corp.net, role: viewer }`), keptOut},
		{"an address on the list", []policy.Door{listed(okta, policy.Gate{Emails: words{"a@corp.net"}})}, grantsOf(`{ email: A@corp.net, role: viewer }`), nil},
		{"an address beside the one on the list", []policy.Door{listed(okta, policy.Gate{Emails: words{"a@corp.net"}})}, grantsOf(`{ email: b@corp.net, role: viewer }`), keptOut},
		{"an address of a domain on the list", []policy.Door{listed(okta, corpCom)}, grantsOf(`{ email: a@corp.com, role: viewer }`), nil},
		{"a subdomain", []policy.Door{listed(okta, corpCom)}, grantsOf(`{ domain: x.corp.com, role: viewer }`), keptOut},
		{"a list beside an open door", []policy.Door{listed(okta, corpCom), gitHub}, grantsOf(`{ domain: corp.net, role: viewer }`), nil},
		{"the open door is not the one meant", []policy.Door{listed(okta, corpCom), gitHub}, grantsOf(`{ slot: okta, domain: corp.net, role: viewer }`), keptOut},
		{"the open door sends no groups", []policy.Door{listed(okta, corpCom), gitHub}, grantsOf(`{ group: a, domain: corp.net, role: viewer }`), keptOut},
		{"a group behind a list of domains", []policy.Door{listed(okta, corpCom)}, grantsOf(`{ group: a, role: viewer }`), nil},
		{"a group behind a list of groups", []policy.Door{listed(okta, policy.Gate{Groups: words{"b"}})}, grantsOf(`{ group: a, role: viewer }`), nil},
		{"an organisation behind a list of others", []policy.Door{listed(gitHub, policy.Gate{Orgs: words{"other"}})}, grantsOf(`{ org: acme, role: viewer }`), nil},
		{"a list that says *", []policy.Door{listed(okta, policy.Gate{Everyone: true})}, grantsOf(`{ domain: corp.net, role: viewer }`), nil},
		{"a public door opens for whom a grant names", []policy.Door{listed(gitHub, policy.Gate{Public: true})}, grantsOf(`{ email: a@corp.net, role: viewer }`), nil},
		{"a door that is shut does not tell two grants apart", []policy.Door{okta, listed(google, corpCom)}, grantsOf(`
			{ slot: okta, domain: corp.net, role: viewer }
			{ domain: corp.net, role: viewer }`), covers(2, 1)},

		// Roles.
		{
			"a role that no rule gives can be assigned", all, "roles:\n  a: { extends: viewer }\n  b: { extends: viewer }\n" + grantsOf(`{ domain: d, role: b }`), nil,
		},
		{"the default role", all, "roles:\n  courier: { allow: [read] }\n", nil},
	} {
		o := options(tt.file)
		if tt.name == "the default role" {
			o.DefaultRole = "courier"
		}
		o.Slots, o.GroupSlots = words{"okta", "google", "github"}, words{"okta"}
		if got := mustNew(t, o).Unreachable(tt.doors); !slices.Equal(got, tt.want) {
			t.Errorf("%s\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	p := mustNew(t, options(scopes))
	for rule, want := range map[string]string{
		"grant 1":      "{slot: okta, group: marketing, role: editor, locations: [marketing*, shared]}",
		"grant 2":      "{slot: okta, group: boss, role: admin, locations: ['*']}",
		"grant 3":      "{slot: okta, group: launch, role: launcher}",
		"grant 99":     "",
		"default_role": "",
		"":             "",
	} {
		if got := p.Text(rule); got != want {
			t.Errorf("%s: %s", rule, got)
		}
	}
}

func TestRules(t *testing.T) {
	o := options(scopes)
	o.AdminEmails = words{"boss@corp.com"}
	p := mustNew(t, o)
	for _, tt := range []struct {
		who  policy.Subject
		want []string
	}{
		{inGroups("okta", "boss@corp.com", "finance", "marketing"), words{"admin_emails", "grant 1", "grant 4"}},
		{inGroups("okta", "a@b.c", "x"), words{"default_role"}},
		{inGroups("keycloak", "a@b.c", "marketing"), words{"default_role"}},
	} {
		if got := p.Rules(tt.who); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %q", tt.who, got)
		}
	}
}

// keptOut is what is said of a single grant that every list keeps out.
var keptOut = words{"grant 1 can match nobody: the allow-lists keep out everybody whom it names"}

// covers is what is said of a grant that adds nothing to another.
func covers(idle, other int) words {
	return words{fmt.Sprintf("grant %d gives nobody anything: whomever it matches has as much by grant %d", idle, other)}
}

// idle is what is said of a pattern of a single grant.
func idle(pattern string) words {
	return words{fmt.Sprintf("grant 1: the location %q adds nothing to its others", pattern)}
}

// grantsOf makes a file of grants, one a line.
func grantsOf(lines string) string {
	file := "grants:\n"
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		file += "  - " + strings.TrimSpace(line) + "\n"
	}
	return file
}

// FuzzUnreachable takes away what is called unreachable, and nobody who gets in
// may do less or more than before, nor does anybody else get in or stay out.
func FuzzUnreachable(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // samples, no secrets
		doors, grants := someDoors(r), someGrants(r)
		whole := mustNew(t, housed(grants))
		gone := map[int]bool{}
		for _, problem := range whole.Unreachable(doors) {
			var i int
			if _, err := fmt.Sscanf(problem, "grant %d ", &i); err == nil {
				gone[i-1] = true
			}
		}
		var left []policy.Grant
		for i, g := range grants {
			if !gone[i] {
				left = append(left, g)
			}
		}
		rest := mustNew(t, housed(left))
		for range 100 {
			door := doors[r.IntN(len(doors))]
			if s := somebody(r, door); holdings(whole, door, s) != holdings(rest, door, s) {
				t.Fatalf("%+v at %+v\nby %v\n%s\nwithout %v\n%s", s, door, grants, holdings(whole, door, s), gone, holdings(rest, door, s))
			}
		}
	})
}

// holdings is all that somebody may do who comes through a door.
func holdings(p *policy.Policy, d policy.Door, s policy.Subject) string {
	if _, ok := p.Admit(d.Gate, s); !ok {
		return "stays out"
	}
	a := p.Access(s)
	held := []string{string(a.Role)}
	for _, perm := range policy.BuiltIn(policy.Admin).Names() {
		for _, location := range []string{"", "x", "xy", "y", "z"} {
			if policy.Decide(a, at(location, policy.Permission(perm))).Allowed {
				held = append(held, perm+"@"+location)
			}
		}
	}
	return strings.Join(held, " ")
}

func housed(grants []policy.Grant) policy.Options {
	file := "roles: { starter: { allow: [read, start_schedule] }, idle: {} }\ngrants:\n"
	for _, g := range grants {
		file += "  - " + g.String() + "\n"
	}
	return policy.Options{
		File: []byte(file), DefaultRole: policy.Viewer, AdminEmails: words{"boss@b"},
		Slots: words{"okta", "google", "github"}, GroupSlots: words{"okta"},
	}
}

func someDoors(r *rand.Rand) []policy.Door {
	all := []policy.Door{okta, google, gitHub}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:1+r.IntN(len(all))]
	for i := range all {
		all[i].Gate.Public = r.IntN(2) == 0
		if r.IntN(2) == 0 {
			all[i].Gate.Domains = words{pick(r, "a", "b")}
		}
		if r.IntN(3) == 0 {
			all[i].Gate.Emails = words{pick(r, "p@a", "q@b")}
		}
	}
	return all
}

func someGrants(r *rand.Rand) []policy.Grant {
	grants := make([]policy.Grant, 1+r.IntN(6))
	for i := range grants {
		g := &grants[i]
		g.Role = policy.Role(pick(r, "viewer", "viewer", "launcher", "editor", "admin", "starter", "idle"))
		g.Slot = pick(r, "", "", "okta", "google", "github")
		for g.Email+g.Domain+g.Group+g.Org+g.Team == "" {
			g.Email, g.Domain = pick(r, "", "", "p@a", "Q@b"), pick(r, "", "", "a", "B")
			g.Group, g.Org, g.Team = pick(r, "", "", "g", "h"), pick(r, "", "", "", "o"), pick(r, "", "", "", "o/t")
		}
		if r.IntN(2) == 0 {
			g.Locations = []policy.Pattern{policy.Pattern(pick(r, "*", "x", "x*", "*y", "z")), policy.Pattern(pick(r, "x", "y", "x*y"))}
		}
	}
	return grants
}

// somebody is whom the provider behind a door could send.
func somebody(r *rand.Rand, d policy.Door) policy.Subject {
	s := policy.NewSubject(d.Slot, pick(r, "p@a", "q@b", "p@b", "boss@b", ""), r.IntN(4) > 0)
	s.Hosted, s.HostedDomain = d.Hosted, pick(r, "", "a", "b")
	s.Assigned = policy.Role(pick(r, "", "", "viewer", "editor", "starter", "gone"))
	if d.Groups {
		s.Groups = words{pick(r, "g", "h", "k")}
	}
	if d.Orgs {
		s.Orgs, s.Teams = words{pick(r, "o", "k")}, words{pick(r, "o/t", "k/t")}
	}
	return s
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }
