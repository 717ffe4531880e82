package policy

// Access is what a person may do, and by which rules. The zero Access may do
// nothing.
type Access struct {
	// Role is the highest built-in role fully held.
	Role Role
	// Permissions is the union of all rules that match.
	Permissions Permissions
	// Rules names, per permission, the first rule that gave it: a grant of the
	// policy file ("grant 2"), "admin_emails" or "default_role".
	Rules map[Permission]string
}

// Decision is the answer to one wanted permission.
type Decision struct {
	Allowed    bool
	Permission Permission
	// Rule names the rule that allowed; for a refusal it says what was missing.
	Rule string
	// Missing is the lowest built-in role that would have been enough, for the
	// sentence that the person sees. None when no role gives the permission.
	Missing Role
}

// Decide holds one wanted permission against an access. It fails closed: a
// request that wants nothing, or something nobody knows, is refused.
func Decide(a Access, want Permission) Decision {
	if !known(want) {
		return Decision{Permission: want, Rule: "unknown permission", Missing: Admin}
	}
	if !a.Permissions.Has(want) {
		return Decision{Permission: want, Rule: "no grant", Missing: lowestWith(want)}
	}
	return Decision{Allowed: true, Permission: want, Rule: a.Rules[want]}
}
