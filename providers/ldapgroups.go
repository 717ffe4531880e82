package providers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

const (
	maxMemberships = 1000 // of one person; more are refused, for half a list is none
	maxGroupDepth  = 10   // groups in groups in groups; deeper ones do not count
	maxGroupDN     = 1024 // bytes; a longer one does not count
	groupsAtOnce   = 40   // whose groups one search asks for
)

// groups returns the names of the groups that somebody is in, directly or by
// another group. Only groups below the base count, and only those lead on: what
// is elsewhere may have other owners.
func (l *LDAP) groups(ctx context.Context, kind ldapKind, person *ldap.Entry) ([]string, error) {
	w := &groupWalk{ldap: l, filter: cmp.Or(l.cfg.GroupFilter, otherGroups), found: map[string]string{}}
	if kind.active && l.cfg.GroupFilter == "" {
		_, err := w.search(ctx, fill(activeGroups, person.DN, ""))
		return w.names(), err
	}
	level, err := w.search(ctx, fill(w.filter, person.DN, accountName(kind, person)))
	if err == nil && l.cfg.GroupFilter == "" {
		level = append(level, w.add(person.GetEqualFoldAttributeValues("memberOf"))...)
	}
	for depth := 1; depth < maxGroupDepth && len(level) > 0 && err == nil; depth++ {
		level, err = w.above(ctx, level)
	}
	if err == nil && len(w.found) > maxMemberships {
		err = refused(ReasonEntry, "more than %d groups", maxMemberships)
	}
	return w.names(), err
}

// groupWalk goes from a person to groups, and from groups to theirs.
type groupWalk struct {
	ldap   *LDAP
	filter string
	found  map[string]string // normal DN: as the directory writes it
}

// above returns the groups that groups are in and that were not found before,
// so that circles come to an end.
func (w *groupWalk) above(ctx context.Context, groups []string) (fresh []string, err error) {
	if !strings.Contains(w.filter, "{dn}") || len(w.found) > maxMemberships {
		return nil, nil
	}
	for chunk := range slices.Chunk(groups, groupsAtOnce) {
		var either strings.Builder
		for _, dn := range chunk {
			either.WriteString(fill(w.filter, dn, "")) // a group has no name that memberUid could mean
		}
		found, err := w.search(ctx, "(|"+either.String()+")")
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, found...)
	}
	return fresh, nil
}

func (w *groupWalk) search(ctx context.Context, filter string) (fresh []string, err error) {
	found, err := w.ldap.servers.search(ctx, ldap.NewSearchRequest(w.ldap.cfg.GroupBaseDN, ldap.ScopeWholeSubtree,
		ldap.NeverDerefAliases, maxMemberships, 0, false, filter, []string{"1.1"}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return nil, refused(ReasonEntry, "more than %d groups, or than the directory tells at once", maxMemberships)
	}
	if err != nil {
		return nil, asOutage(err)
	}
	var all []string
	for _, group := range found {
		all = append(all, group.DN)
	}
	return w.add(all), nil
}

// add notes the groups that count, and returns those that are new.
func (w *groupWalk) add(groups []string) (fresh []string) {
	for _, written := range groups {
		dn, err := ldap.ParseDN(written)
		if err != nil || !w.ldap.groupBase.AncestorOfFold(dn) || len(written) > maxGroupDN || !utf8.ValidString(written) {
			continue
		}
		if normal := normalDN(dn); w.found[normal] == "" {
			w.found[normal] = written
			fresh = append(fresh, written)
		}
	}
	return fresh
}

// names are the groups' DNs and, besides, their bare names.
func (w *groupWalk) names() []string {
	var names []string
	for written := range maps.Values(w.found) {
		names = append(names, written)
		if cn := commonName(written); cn != "" {
			names = append(names, cn)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// commonName is the cn of a DN. One that could be read as a DN is none: whoever
// may make groups somewhere below the base must not be able to make one that
// has the full name of another.
func commonName(written string) string {
	dn, err := ldap.ParseDN(written)
	if err != nil || len(dn.RDNs) == 0 {
		return ""
	}
	for _, part := range dn.RDNs[0].Attributes {
		name := part.Value
		if strings.EqualFold(part.Type, "cn") && !strings.Contains(name, "=") && len(name) <= maxName && utf8.ValidString(name) {
			return name
		}
	}
	return ""
}

// normalDN is the same for all ways to write a DN that differ by case, escapes
// and blanks around separators.
func normalDN(dn *ldap.DN) string { return strings.ToLower(dn.String()) }
