package policy

import (
	"slices"
	"strings"
	"testing"
)

// shop has two providers that send groups, a role of the file and a grant there.
func shop(t *testing.T, kept ...Grant) *Policy {
	t.Helper()
	p, err := New(Options{
		File:  []byte("roles: {operator: {extends: launcher, allow: [start_schedule]}}\ngrants: [{domain: corp.com, role: viewer}]"),
		Slots: []string{"okta", "entra", "github"}, GroupSlots: []string{"okta", "entra"}, Grants: kept,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckGrant(t *testing.T) {
	for name, test := range map[string]struct {
		g    Grant
		want string // the fields that are wrong
	}{
		"somebody":                   {Grant{Email: "ann@corp.com", Role: Editor}, ""},
		"a domain":                   {Grant{Domain: "corp.com", Role: Viewer}, ""},
		"a group of a provider":      {Grant{Slot: "okta", Group: "data-eng", Role: "operator"}, ""},
		"a team at locations":        {Grant{Team: "acme/platform", Role: Launcher, Locations: []Pattern{"marketing*"}}, ""},
		"an admin at locations":      {Grant{Org: "acme", Role: Admin, Locations: []Pattern{"a"}}, ""},
		"nobody":                     {Grant{Role: Editor}, "who"},
		"a provider's people":        {Grant{Slot: "okta", Role: Editor}, "who"},
		"nothing at all":             {Grant{}, "role who"},
		"no role":                    {Grant{Domain: "corp.com"}, "role"},
		"the role none":              {Grant{Domain: "corp.com", Role: "none"}, "role"},
		"an unknown role":            {Grant{Domain: "corp.com", Role: "editors"}, "role"},
		"an unknown provider":        {Grant{Slot: "octa", Domain: "corp.com", Role: Editor}, "slot"},
		"the accounts that are here": {Grant{Slot: "password", Domain: "corp.com", Role: Editor}, "slot"},
		"a group of any provider":    {Grant{Group: "data-eng", Role: Editor}, "slot"},
		"no address":                 {Grant{Email: "corp.com", Role: Editor}, "email"},
		"an address as a domain":     {Grant{Domain: "@corp.com", Role: Editor}, "domain"},
		"a team as an org":           {Grant{Org: "acme/platform", Role: Editor}, "org"},
		"a team without its org":     {Grant{Team: "platform", Role: Editor}, "team"},
		"an empty location":          {Grant{Domain: "corp.com", Role: Editor, Locations: []Pattern{"a", ""}}, "locations"},
		"much":                       {Grant{Slot: "x", Email: "a", Domain: "@", Org: "a/b", Team: "a", Role: "x", Locations: []Pattern{""}}, "role slot locations email domain org team"},
	} {
		var got []string
		for _, p := range shop(t).Check(test.g) {
			got = append(got, p.Field)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v are wrong, want %q", name, got, test.want)
		}
	}
}

func TestKeptGrantIsARule(t *testing.T) {
	p := shop(t, Grant{ID: "a3f09c21", Slot: "okta", Group: "data", Role: Editor}, Grant{ID: "b0000001", Domain: "Corp.com", Role: Launcher, Locations: []Pattern{"sales"}})
	who := NewSubject("okta", "ann@corp.com", true)
	who.Groups = []string{"data"}
	if got, want := strings.Join(p.Rules(who), ", "), "grant 1, grant a3f09c21, grant b0000001"; got != want {
		t.Errorf("rules %s, want %s", got, want)
	}
	if got, want := p.Text("grant a3f09c21"), "{slot: okta, group: data, role: editor}"; got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	a := p.Access(who)
	if a.Role != Editor || a.Rules[EditSensor] != "grant a3f09c21" || a.Rules[Read] != "grant 1" || a.Scopes[0].Rule != "grant b0000001" {
		t.Errorf("access %+v", a)
	}
	var ids []string
	for _, r := range append(p.Grants(), p.Matching(who)...) {
		ids = append(ids, r.Name+"="+r.ID)
	}
	all := "grant 1= grant a3f09c21=a3f09c21 grant b0000001=b0000001"
	if got := strings.Join(ids, " "); got != all+" "+all {
		t.Errorf("listed %s", got)
	}
	if g, ok := p.Grant("a3f09c21"); !ok || g.Group != "data" {
		t.Errorf("grant %v %v", g, ok)
	}
	if _, ok := p.Grant(""); ok {
		t.Error("a grant of the file was found by an empty id")
	}
}

// A kept grant that the policy does not accept gives nothing, and the others go on.
func TestBrokenGrantGivesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		g    Grant
		want string
	}{
		"its role is gone":        {Grant{ID: "b0000001", Domain: "corp.com", Role: "gone"}, `role "gone" is not a role`},
		"its provider is gone":    {Grant{ID: "b0000001", Slot: "gone", Domain: "corp.com", Role: Admin}, `slot "gone" is not a configured provider`},
		"it names nobody":         {Grant{ID: "b0000001", Role: Admin}, "it must name an email"},
		"its provider is unclear": {Grant{ID: "b0000001", Group: "g", Role: Admin}, "must name its slot"},
		"it holds nowhere":        {Grant{ID: "b0000001", Domain: "corp.com", Role: Editor, Locations: []Pattern{""}}, "locations has an empty entry"},
		"it has no id":            {Grant{Domain: "corp.com", Role: Admin}, `id ""`},
		"it would be the file's":  {Grant{ID: "1", Domain: "corp.com", Role: Admin}, `id "1"`},
		"it is there twice":       {Grant{ID: "a3f09c21", Domain: "corp.com", Role: Admin}, "another grant's too"},
	} {
		p := shop(t, Grant{ID: "a3f09c21", Domain: "corp.com", Role: Launcher}, test.g)
		who := NewSubject("okta", "ann@corp.com", true)
		who.Groups = []string{"g"}
		if got, want := strings.Join(p.Rules(who), ", "), "grant 1, grant a3f09c21"; got != want {
			t.Errorf("%s: rules %s, want %s", name, got, want)
		}
		if p.CanMakeAdmin() {
			t.Errorf("%s: it can make an admin", name)
		}
		broken := p.Broken()
		if len(broken) != 1 || !strings.Contains(broken[0].Reason(), test.want) {
			t.Errorf("%s: broken %v, want %s", name, broken, test.want)
		}
		if g, ok := p.Grant(test.g.ID); test.g.ID != "" && (!ok || g.Role != test.g.Role && test.g.ID != "a3f09c21") {
			t.Errorf("%s: it is not found, but %v", name, g)
		}
	}
}

func TestKeptAdminGrant(t *testing.T) {
	p := shop(t, Grant{ID: "a3f09c21", Email: "ann@corp.com", Role: Admin})
	if !p.CanMakeAdmin() || len(p.Broken()) != 0 || p.UsesOrgs() {
		t.Errorf("admin %v, broken %v, orgs %v", p.CanMakeAdmin(), p.Broken(), p.UsesOrgs())
	}
	if !shop(t, Grant{ID: "a3f09c21", Org: "acme", Role: Viewer}).UsesOrgs() {
		t.Error("a kept grant names an organisation and nobody asks for it")
	}
}

func TestUnreachableNamesKeptGrants(t *testing.T) {
	p := shop(t, Grant{ID: "a3f09c21", Email: "ann@corp.com", Role: Viewer}, Grant{ID: "b0000001", Org: "acme", Role: Viewer})
	got := p.Unreachable([]Door{{Slot: "okta"}})
	want := []string{
		"grant a3f09c21 gives nobody anything: whomever it matches has as much by grant 1",
		"grant b0000001 can match nobody: no provider that it may mean sends organisations and teams",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
