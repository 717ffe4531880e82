package policy

import "slices"

// Passed is what of an allow-list lets somebody in.
type Passed struct {
	// By is "email", "domain", "org" or "group" for the entry that matches;
	// "everyone" where the list says "*", "named" where a rule names the person at
	// a public provider without a list, and "open" where there is no list.
	By string
	// Entry is as the list has it; empty for what is no entry.
	Entry string
}

// Passed tells by what the list lets somebody in, one for each kind that it asks
// for; none where it does not. Named is as for [Gate.Admit], which decides.
func (g Gate) Passed(s Subject, named bool) (by []Passed) {
	if _, ok := g.Admit(s, named); !ok {
		return nil
	}
	if len(g.Domains)+len(g.Emails) > 0 {
		by = append(by, g.addressPassed(s))
	}
	if len(g.Orgs) > 0 {
		by = append(by, Passed{"org", common(g.Orgs, slices.Concat(folded(s.Orgs), folded(s.Teams)))})
	}
	if len(g.Groups) > 0 {
		by = append(by, Passed{"group", common(g.Groups, s.Groups)})
	}
	switch {
	case len(by) > 0:
		return by
	case g.Everyone:
		return []Passed{{By: "everyone"}}
	case g.Public:
		return []Passed{{By: "named"}}
	}
	return []Passed{{By: "open"}}
}

func (g Gate) addressPassed(s Subject) Passed {
	if slices.Contains(g.Emails, s.Email) {
		return Passed{"email", s.Email}
	}
	return Passed{"domain", s.addressDomain()}
}

// common is the first of a that is in b.
func common(a, b []string) string {
	if i := slices.IndexFunc(a, func(x string) bool { return slices.Contains(b, x) }); i >= 0 {
		return a[i]
	}
	return ""
}
