package providers

import (
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// The default filters. Active Directory's sAMAccountType is that of people, so
// that computers, which any member of a domain may add, cannot sign in.
const (
	activePeople = "(sAMAccountType=805306368)"
	otherPeople  = "(|(objectClass=person)(objectClass=account)(objectClass=posixAccount))"

	activeGroups = "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))" // LDAP_MATCHING_RULE_IN_CHAIN
	otherGroups  = "(|(member={dn})(uniqueMember={dn})(memberUid={username}))"
)

// defaultUserFilter looks where a name of this form belongs. Were all
// attributes looked up, whoever may write their own mail address could take a
// colleague's name for one and make it ambiguous.
func defaultUserFilter(kind ldapKind, name string) string {
	address := strings.Contains(name, "@")
	switch {
	case kind.active && address:
		return "(&" + activePeople + "(|(userPrincipalName={username})(mail={username})))"
	case kind.active:
		return "(&" + activePeople + "(sAMAccountName={username}))"
	case address:
		return "(&" + otherPeople + "(|(mail={username})(uid={username})))"
	}
	return "(&" + otherPeople + "(uid={username}))"
}

// fill puts values into a filter. They are escaped (RFC 4515 section 3), and in
// one pass: a name that reads {dn} stays one.
func fill(filter, dn, username string) string {
	return strings.NewReplacer("{dn}", ldap.EscapeFilter(dn), "{username}", ldap.EscapeFilter(username)).Replace(filter)
}

// checkFilter wants a filter with one of the placeholders, each of them to be
// compared for equality: beside a star, a name's beginning would do.
func checkFilter(what, filter string, placeholders ...string) error {
	if _, err := ldap.CompileFilter(fill(filter, "x", "x")); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	found := false
	for comparison := range strings.FieldsFuncSeq(filter, func(r rune) bool { return r == '(' || r == ')' }) {
		attribute, value, _ := strings.Cut(comparison, "=")
		if !containsAny(comparison, "{dn}", "{username}") {
			continue
		}
		if containsAny(attribute, "{dn}", "{username}") || strings.ContainsAny(attribute, "<>~") || strings.Contains(value, "*") {
			return fmt.Errorf("%s: (%s) must compare for equality", what, comparison)
		}
		found = found || containsAny(value, placeholders...)
	}
	if !found {
		return fmt.Errorf("%s: %s is missing", what, strings.Join(placeholders, " or "))
	}
	return nil
}

func containsAny(s string, wanted ...string) bool {
	for _, w := range wanted {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
