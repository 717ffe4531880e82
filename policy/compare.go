package policy

import (
	"slices"
	"strings"
)

// Crowd holds a policy against many people in a row. It remembers what each set
// of rules comes to, for there are few such sets. It is for one goroutine.
type Crowd struct {
	p     *Policy
	known map[string]*Access
}

// Crowd makes one.
func (p *Policy) Crowd() *Crowd { return &Crowd{p, map[string]*Access{}} }

// Enter is [Policy.Admit] and [Policy.Access] in one: nil is for whoever is not
// let in. Whom the same rules match get the same pointer.
func (c *Crowd) Enter(g Gate, s Subject) *Access {
	rules := c.p.matching(s)
	if _, ok := g.Admit(s, names(rules)); !ok {
		return nil
	}
	key := setOfRules(rules)
	a, ok := c.known[key]
	if !ok {
		all := c.p.unite(rules)
		if a = &all; len(all.Permissions) == 0 {
			a = nil
		}
		c.known[key] = a
	}
	return a
}

// setOfRules names the rules with the role of each: which one was assigned, the
// name does not tell.
func setOfRules(rules []rule) string {
	var b strings.Builder
	for _, r := range rules {
		b.WriteString(r.name + "\x00" + string(r.role) + "\x00")
	}
	return b.String()
}

// Diff says what somebody gains and loses who had one access and then has
// another; nil is none. Each is a permission, with the pattern of code locations
// where it does not hold in the whole deployment: "edit_sensor at marketing*". A
// place that is part of another one is not told apart from it.
func Diff(before, after *Access) (gains, loses []string) {
	if before == after {
		return nil, nil
	}
	return after.beyond(before), before.beyond(after)
}

// beyond lists what somebody has that they would not have by the other access.
func (a *Access) beyond(other *Access) (all []string) {
	if a == nil {
		return nil
	}
	for p := range a.Permissions {
		if other == nil || !other.Permissions.Has(p) {
			all = append(all, string(p))
		}
	}
	for _, s := range a.Scopes {
		for p := range s.Permissions {
			for _, place := range s.Locations {
				if !a.Permissions.Has(p) && !other.coversAt(p, place) {
					all = append(all, string(p)+" at "+string(place))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// coversAt tells whether a permission is held wherever the pattern says.
func (a *Access) coversAt(p Permission, place Pattern) bool {
	if a == nil {
		return false
	}
	return a.Permissions.Has(p) || slices.ContainsFunc(a.Scopes, func(s Scope) bool {
		return s.Permissions.Has(p) && covered(place, s.Locations)
	})
}
