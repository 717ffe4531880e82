package providers

import (
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Whatever is put into a filter is one value to be compared, and changes
// nothing else.
func FuzzLDAPFilter(f *testing.F) {
	for _, name := range []string{"alice", "*", "a*b", ")(uid=*", `\2a`, `\`, "\x00", "{dn}", "{username}", "é", "\xff\xfe", "", " a ", "=~<>:&|!"} {
		f.Add(name, "cn="+name+",dc=example,dc=org")
	}
	f.Fuzz(func(t *testing.T, name, dn string) {
		for _, template := range []string{
			defaultUserFilter(ldapKind{}, name), defaultUserFilter(ldapKind{active: true}, name), otherGroups, activeGroups,
			"(|(!(cn={dn}{username}))(member:caseIgnoreMatch:={username}))",
		} {
			got, err := ldap.CompileFilter(fill(template, dn, name))
			if err != nil {
				t.Fatalf("%s of %q, %q: %v", template, name, dn, err)
			}
			want, err := ldap.CompileFilter(fill(template, "d", "u"))
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, want, map[string]string{"d": dn, "u": name, "du": dn + name})
		}
	})
}

// same wants two filters of one shape, whose values differ as told.
func same(t *testing.T, got, want *ber.Packet, values map[string]string) {
	t.Helper()
	if got.Tag != want.Tag || got.ClassType != want.ClassType || len(got.Children) != len(want.Children) {
		t.Fatalf("the shape differs: %v, want %v", got, want)
	}
	for i := range want.Children {
		same(t, got.Children[i], want.Children[i], values)
	}
	expected := want.Data.String()
	if value, ok := values[expected]; ok {
		expected = value
	}
	if len(want.Children) == 0 && got.Data.String() != expected {
		t.Fatalf("the value is %q, want %q", got.Data, expected)
	}
}

func TestLDAPCommonName(t *testing.T) {
	for dn, want := range map[string]string{
		"cn=data,dc=example":                    "data",
		"CN=Data Team,OU=Groups,DC=corp":        "Data Team",
		`cn=a\2cb,dc=example`:                   "a,b",
		"ou=x+cn=data,dc=example":               "data",
		"ou=data,dc=example":                    "",
		`cn=cn\3dadmins\,dc\3dexample,dc=other`: "",
		"no DN":                                 "",
	} {
		if got := commonName(dn); got != want {
			t.Errorf("%s: %q, want %q", dn, got, want)
		}
	}
}
