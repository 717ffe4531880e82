package policy

import (
	"fmt"
	"slices"
)

// MFA is what the policy file says about second factors.
type MFA struct {
	// Roles are those whose holders need one; see [Policy.NeedsFactor].
	Roles []Role `yaml:"roles"`
	// SSO asks people from providers too, unless the provider tells that it has
	// asked them for one.
	SSO bool `yaml:"sso"`
	// StepUp are the permissions that take a recent proof of who asks besides.
	// Changing other people takes one always, whether Administer is named or not.
	StepUp []Permission `yaml:"step_up"`
}

// MFA is what the file says about second factors; zero where it says nothing.
// It is read only.
func (p *Policy) MFA() MFA { return p.mfa }

// NeedsFactor tells whether somebody with this access needs a second factor:
// whoever holds all of one of the named roles, in the whole deployment, or at
// code locations all of it that can be held there. Permissions held at several
// locations count together, so that nobody escapes by having them apart.
func (p *Policy) NeedsFactor(a Access) bool {
	return slices.ContainsFunc(p.mfa.Roles, func(r Role) bool { return a.holdsRole(p.roles[r]) })
}

// holdsRole wants something of the role to be held at a location only: else
// everybody who reads would hold all that a role has besides what no location
// can hold.
func (a Access) holdsRole(role Permissions) bool {
	if a.Permissions.holds(role) {
		return true
	}
	there := role.and(located)
	for p := range role.and(reading) {
		there[p] = struct{}{}
	}
	return !a.Permissions.holds(there) && a.holdsApart(there)
}

func (a Access) holdsApart(all Permissions) bool {
	for p := range all {
		if !a.Anywhere(p) {
			return false
		}
	}
	return true
}

// HasRole tells whether there is such a role: a built-in one, or one that the
// policy file defines.
func (p *Policy) HasRole(r Role) bool {
	_, ok := p.roles[r]
	return ok
}

// checkMFA refuses names that nobody can mean. A role without permissions is one
// that everybody holds all of; what only reads is no deed that could be
// confirmed.
func (p *Policy) checkMFA() (problems []error) {
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("mfa: "+format, args...))
	}
	for _, role := range p.mfa.Roles {
		if held, ok := p.roles[role]; !ok {
			bad("role %q is not a role", role)
		} else if len(held) == 0 {
			bad("role %q has no permissions, so everybody would have all of it", role)
		}
	}
	for _, perm := range p.mfa.StepUp {
		if !known(perm) {
			bad("step_up: %q is not a permission", perm)
		} else if reading.Has(perm) || perm == Audit {
			bad("step_up: %q only reads, and what is read is never confirmed", perm)
		}
	}
	return problems
}
