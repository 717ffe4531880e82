package policy

import "slices"

// Want is a permission that something takes, at one code location or, with an
// empty Location, in the whole deployment.
type Want struct {
	Permission Permission
	Location   string
}

// Access is what a person may do, where, and by which rules. The zero Access
// may do nothing.
type Access struct {
	// Role is the highest built-in role fully held in the whole deployment.
	Role Role
	// Permissions hold in the whole deployment: the union of all rules that
	// match and name no locations, and what those that do may read.
	Permissions Permissions
	// Rules names, per permission, the first rule that gave it: a grant of the
	// policy file ("grant 2"), "admin_emails", "assigned_role" or "default_role".
	Rules map[Permission]string
	// Scopes hold at some code locations only, one for each matching grant that
	// names locations.
	Scopes []Scope
}

// Scope is what one grant gives at the code locations it names.
type Scope struct {
	Locations   []Pattern
	Permissions Permissions
	// Rule is the grant: "grant 2".
	Rule string
}

// At tells whether the scope covers a code location; it never covers the empty
// name, which stands for the whole deployment.
func (s Scope) At(location string) bool {
	return slices.ContainsFunc(s.Locations, func(p Pattern) bool { return p.Matches(location) })
}

// Role is the built-in role that holds at the scope's locations exactly what
// the scope does; None where no role does.
func (s Scope) Role() Role {
	for _, rung := range ladder {
		if there := BuiltIn(rung.role).and(located); there.holds(s.Permissions) && s.Permissions.holds(there) {
			return rung.role
		}
	}
	return None
}

// RoleAt is the highest built-in role held at a code location, by what of a
// role can be held at one: reading, and the permissions that Dagster asks per
// location. Without a location it is the role in the whole deployment.
func (a Access) RoleAt(location string) Role {
	if location == "" {
		return a.Role
	}
	for _, rung := range slices.Backward(ladder) {
		if a.holdsAt(location, BuiltIn(rung.role)) {
			return rung.role
		}
	}
	return None
}

func (a Access) holdsAt(location string, all Permissions) bool {
	for p := range all {
		if (reading.Has(p) || located.Has(p)) && !Decide(a, Want{p, location}).Allowed {
			return false
		}
	}
	return true
}

// Anywhere tells whether a permission is held in the whole deployment or at a
// code location at least.
func (a Access) Anywhere(p Permission) bool {
	return a.Permissions.Has(p) || slices.ContainsFunc(a.Scopes, func(s Scope) bool { return s.Permissions.Has(p) })
}

// Decision is the answer to one want.
type Decision struct {
	Allowed bool
	Want
	// Rule names the rule that allowed; for a refusal it says what was missing.
	Rule string
	// Missing is the lowest built-in role that would have been enough, for the
	// sentence that the person sees. None when no role gives the permission.
	Missing Role
}

// Decide holds one want against an access. It fails closed: what wants nothing,
// or something nobody knows, is refused. A permission held in the whole
// deployment is held at every location, never the other way round. What cannot
// be held at a location is decided, and refused in words, for the deployment.
func Decide(a Access, want Want) Decision {
	if !known(want.Permission) {
		return Decision{Want: want, Rule: "unknown permission", Missing: Admin}
	}
	if !Located(want.Permission) {
		want.Location = ""
	}
	if a.Permissions.Has(want.Permission) {
		return Decision{Allowed: true, Want: want, Rule: a.Rules[want.Permission]}
	}
	for _, s := range a.Scopes {
		if s.Permissions.Has(want.Permission) && s.At(want.Location) {
			return Decision{Allowed: true, Want: want, Rule: s.Rule}
		}
	}
	return Decision{Want: want, Rule: "no grant", Missing: lowestWith(want.Permission)}
}
