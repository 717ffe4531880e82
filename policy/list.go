package policy

import (
	"maps"
	"slices"
	"strings"
)

// Rule is a rule of the policy and what it gives.
type Rule struct {
	// Name is "grant 2", "grant a3f09c21", "admin_emails", "assigned_role" or
	// "default_role".
	Name string
	// ID is that of a grant in the database; empty for all else.
	ID string
	// Text is the grant on one line, or the addresses of ADMIN_EMAILS; empty for
	// the others.
	Text string
	Role Role
	// Locations are where it holds; none is the whole deployment.
	Locations   []Pattern
	Permissions Permissions
}

// Matching lists the rules that match somebody, as [Policy.Rules] names them.
func (p *Policy) Matching(s Subject) (rules []Rule) {
	for _, r := range p.matching(s) {
		everywhere, there := gives(p.roles[r.role], r.locations)
		all := maps.Clone(everywhere)
		maps.Copy(all, there)
		rules = append(rules, Rule{r.name, r.id, p.Text(r.name), r.role, r.locations, all})
	}
	return rules
}

// Grants lists the rules that stand in ADMIN_EMAILS, in the file and in the
// database, in the order in which they count.
func (p *Policy) Grants() (rules []Rule) {
	if len(p.adminEmails) > 0 {
		rules = append(rules, Rule{Name: "admin_emails", Text: strings.Join(p.adminEmails, ", "), Role: Admin, Permissions: p.roles[Admin]})
	}
	for i, g := range p.grants {
		rules = append(rules, Rule{p.grantName(i), g.ID, g.String(), g.Role, g.Locations, p.roles[g.Role]})
	}
	return rules
}

// DefaultRole is the role of people whom no rule names.
func (p *Policy) DefaultRole() Role { return p.defaultRole }

// Roles lists the roles, the built-in ones from least to most and then the
// file's by name.
func (p *Policy) Roles() (roles []Role) {
	for _, rung := range ladder {
		roles = append(roles, rung.role)
	}
	for _, role := range slices.Sorted(maps.Keys(p.roles)) {
		if len(BuiltIn(role)) == 0 {
			roles = append(roles, role)
		}
	}
	return roles
}

// PermissionsOf is what a role holds; it is read only.
func (p *Policy) PermissionsOf(r Role) Permissions { return p.roles[r] }

// All lists the permissions there are, in the order of the roles that give them.
func All() (all []Permission) {
	for _, rung := range ladder {
		all = append(all, rung.adds...)
	}
	return all
}

// Place is the pattern of locations by which something is allowed; empty for
// what is allowed in the whole deployment, and for what is not allowed.
func (a Access) Place(w Want) Pattern {
	if a.Permissions.Has(w.Permission) || !Located(w.Permission) {
		return ""
	}
	for _, s := range a.Scopes {
		at := slices.IndexFunc(s.Locations, func(p Pattern) bool { return p.Matches(w.Location) })
		if s.Permissions.Has(w.Permission) && at >= 0 {
			return s.Locations[at]
		}
	}
	return ""
}
