package policy

import (
	"reflect"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	somewhere := func(role Role, places ...Pattern) Grant {
		return Grant{Domain: "corp.com", Role: role, Locations: places}
	}
	everywhere := func(role Role) Grant { return Grant{Domain: "corp.com", Role: role} }
	launching := "cancel_partition_backfill launch_partition_backfill launch_pipeline_execution launch_pipeline_reexecution terminate_pipeline_execution"
	at := func(place string) string {
		return strings.ReplaceAll(launching, " ", " at "+place+" ") + " at " + place
	}
	for name, test := range map[string]struct {
		before, after []Grant
		gains, loses  string
	}{
		"nothing":                 {nil, nil, "", ""},
		"the same":                {[]Grant{everywhere(Viewer)}, []Grant{everywhere(Viewer)}, "", ""},
		"more":                    {[]Grant{everywhere(Viewer)}, []Grant{everywhere(Launcher)}, launching, ""},
		"less":                    {[]Grant{everywhere(Launcher)}, []Grant{everywhere(Viewer)}, "", launching},
		"somewhere":               {[]Grant{everywhere(Viewer)}, []Grant{somewhere(Launcher, "a")}, at("a"), ""},
		"from all to one place":   {[]Grant{everywhere(Launcher)}, []Grant{somewhere(Launcher, "a")}, "", launching},
		"from one place to all":   {[]Grant{somewhere(Launcher, "a")}, []Grant{everywhere(Launcher)}, launching, ""},
		"a wider place":           {[]Grant{somewhere(Launcher, "ab")}, []Grant{somewhere(Launcher, "a*")}, at("a*"), ""},
		"a narrower place":        {[]Grant{somewhere(Launcher, "a*")}, []Grant{somewhere(Launcher, "ab")}, "", at("a*")},
		"all places, no more":     {[]Grant{everywhere(Viewer)}, []Grant{everywhere(Viewer), somewhere(Launcher, "*")}, at("*"), ""},
		"another place":           {[]Grant{somewhere(Launcher, "a")}, []Grant{somewhere(Launcher, "b")}, at("b"), at("a")},
		"by another rule as much": {[]Grant{everywhere(Launcher)}, []Grant{somewhere(Launcher, "a"), everywhere(Launcher)}, "", ""},
	} {
		who := NewSubject("okta", "ann@corp.com", true)
		access := func(grants []Grant) *Access {
			p := &Policy{roles: builtInRoles(), grants: grants}
			return p.Crowd().Enter(Gate{}, who)
		}
		gains, loses := Diff(access(test.before), access(test.after))
		all := func(s string) []string {
			words := strings.Fields(strings.ReplaceAll(s, " at ", "@"))
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "@", " at ")
			}
			return words
		}
		if strings.Join(gains, ",") != strings.Join(all(test.gains), ",") || strings.Join(loses, ",") != strings.Join(all(test.loses), ",") {
			t.Errorf("%s: gains %q, loses %q", name, gains, loses)
		}
	}
}

// Whoever is let in gains all there is, and whoever is not loses it.
func TestDiffAtTheDoor(t *testing.T) {
	a := &Access{Permissions: setOf(Read), Scopes: []Scope{{Locations: []Pattern{"a"}, Permissions: setOf(EditSensor)}}}
	want := []string{"edit_sensor at a", "read"}
	if gains, loses := Diff(nil, a); !reflect.DeepEqual(gains, want) || loses != nil {
		t.Errorf("in: %q %q", gains, loses)
	}
	if gains, loses := Diff(a, nil); !reflect.DeepEqual(loses, want) || gains != nil {
		t.Errorf("out: %q %q", gains, loses)
	}
}

// A crowd is judged as each of it would be alone, in whichever order they come.
func TestCrowdIsAdmitAndAccess(t *testing.T) {
	p, err := New(Options{
		File:  []byte("roles: {empty: {}}\ngrants: [{domain: corp.com, role: viewer}, {slot: okta, group: data, role: editor, locations: [a]}, {org: acme, role: empty}]"),
		Slots: []string{"okta"}, AdminEmails: []string{"boss@corp.com"}, DefaultRole: Launcher,
		Grants: []Grant{{ID: "a3f09c21", Email: "ann@corp.com", Role: Editor}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Crowd()
	for range 2 {
		for _, g := range []Gate{{}, {Public: true}, {Public: true, Everyone: true}, {Domains: []string{"corp.com"}}, {Groups: []string{"data"}}, {Orgs: []string{"acme"}}} {
			for _, email := range []string{"", "ann@corp.com", "boss@corp.com", "x@else.com"} {
				for _, role := range []Role{None, Viewer, Editor, "gone", "empty"} {
					for _, groups := range [][]string{nil, {"data"}} {
						for _, orgs := range [][]string{nil, {"acme"}} {
							s := NewSubject("okta", email, true)
							s.Assigned, s.Groups, s.Orgs = role, groups, orgs
							_, ok := p.Admit(g, s)
							got, want := c.Enter(g, s), p.Access(s)
							if (got != nil) != ok || ok && !reflect.DeepEqual(*got, want) {
								t.Errorf("%+v at %+v: %+v, want %t %+v", s, g, got, ok, want)
							}
						}
					}
				}
			}
		}
	}
}
