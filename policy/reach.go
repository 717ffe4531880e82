package policy

import (
	"fmt"
	"slices"
)

// Door is one way in, as far as grants can tell: who may come through it, and
// what is said there of whoever does.
type Door struct {
	Slot string
	Gate Gate
	// Groups and Orgs tell that the provider can send groups, or organisations
	// and teams.
	Groups, Orgs bool
	// Hosted tells that it may say which organisation hosts an account
	// (Subject.Hosted): there an address does not prove its domain.
	Hosted bool
}

// Unreachable lists what of the policy can give nobody anything, a sentence
// each: grants that nobody can match, grants that add nothing to another, and
// patterns that add nothing to another of their grant. It speaks only of what is
// certain: a role that no rule gives may be one that an admin assigns.
func (p *Policy) Unreachable(doors []Door) (problems []string) {
	ways := make([][]Door, len(p.grants))
	why := make([]string, len(p.grants))
	for i, g := range p.grants {
		ways[i], why[i] = g.ways(doors)
	}
	for i, g := range p.grants {
		if why[i] != "" {
			problems = append(problems, p.grantName(i)+" can match nobody: "+why[i])
		} else if j := p.coveredBy(i, ways); j >= 0 {
			problems = append(problems, fmt.Sprintf("%s gives nobody anything: whomever it matches has as much by %s", p.grantName(i), p.grantName(j)))
		}
		for _, pattern := range g.idleLocations() {
			problems = append(problems, fmt.Sprintf("%s: the location %q adds nothing to its others", p.grantName(i), pattern))
		}
	}
	return problems
}

// ways are the doors through which somebody can come whom the grant matches; if
// there is none, why.
func (g Grant) ways(doors []Door) (ways []Door, why string) {
	if g.Email != "" && g.Domain != "" && domainOf(Fold(g.Email)) != Fold(g.Domain) {
		return nil, "its email is not of its domain"
	}
	for _, step := range []struct {
		passes func(Door) bool
		why    string
	}{
		{func(d Door) bool { return matches(g.Slot, d.Slot) }, "its provider is not configured"},
		{func(d Door) bool { return g.Group == "" || d.Groups }, "no provider that it may mean sends groups"},
		{func(d Door) bool { return g.Org+g.Team == "" || d.Orgs }, "no provider that it may mean sends organisations and teams"},
		{func(d Door) bool { return g.hasAddressFor(d.Gate) }, "the allow-lists keep out everybody whom it names"},
	} {
		doors = slices.DeleteFunc(slices.Clone(doors), func(d Door) bool { return !step.passes(d) })
		if len(doors) == 0 {
			return nil, step.why
		}
	}
	return doors, ""
}

// hasAddressFor tells whether an address that the grant leaves open is on the
// gate's list. Organisations and groups keep nobody out for certain: somebody
// can be in several.
func (g Grant) hasAddressFor(gate Gate) bool {
	email, domain := Fold(g.Email), Fold(g.Domain)
	switch {
	case len(gate.Domains)+len(gate.Emails) == 0:
		return true
	case email != "":
		return slices.Contains(gate.Emails, email) || slices.Contains(gate.Domains, domainOf(email))
	case domain != "":
		return slices.Contains(gate.Domains, domain) ||
			slices.ContainsFunc(gate.Emails, func(e string) bool { return domainOf(e) == domain })
	}
	return true
}

// coveredBy finds a grant that gives whomever grant i matches all that i does;
// -1 for none. Of grants that do so for each other the first one counts.
func (p *Policy) coveredBy(i int, ways [][]Door) int {
	for j := range p.grants {
		if j != i && p.covers(j, i, ways[i]) && (j < i || !p.covers(i, j, ways[j])) {
			return j
		}
	}
	return -1
}

// covers tells whether grant j matches whomever grant i does, by whichever of
// i's ways they come, and gives them as much.
func (p *Policy) covers(j, i int, ways []Door) bool {
	apart := func(d Door) bool { return !p.grants[i].implies(p.grants[j], d) }
	return !slices.ContainsFunc(ways, apart) && p.givesAll(p.grants[j], p.grants[i])
}

// implies tells whether whoever comes through the door and matches g matches
// the other grant too.
func (g Grant) implies(other Grant, d Door) bool {
	return matches(other.Slot, d.Slot) &&
		matches(Fold(other.Email), Fold(g.Email)) &&
		g.impliesDomain(Fold(other.Domain), d) &&
		matches(other.Group, g.Group) &&
		matches(Fold(other.Org), Fold(g.Org)) &&
		matches(Fold(other.Team), Fold(g.Team))
}

func (g Grant) impliesDomain(domain string, d Door) bool {
	return matches(domain, Fold(g.Domain)) || !d.Hosted && domain == domainOf(Fold(g.Email))
}

// givesAll tells whether one grant gives all that another does, wherever that
// one gives it.
func (p *Policy) givesAll(one, other Grant) bool {
	everywhere, there := gives(p.roles[one.Role], one.Locations)
	wanted, wantedThere := gives(p.roles[other.Role], other.Locations)
	if !everywhere.holds(wanted) {
		return false
	}
	uncovered := func(pattern Pattern) bool { return !covered(pattern, one.Locations) }
	return everywhere.holds(wantedThere) || there.holds(wantedThere) && !slices.ContainsFunc(other.Locations, uncovered)
}

// covered tells whether one of the patterns names whatever this one does. A
// pattern holds no literal "*", so this one's can only meet one of theirs.
func covered(pattern Pattern, by []Pattern) bool {
	return slices.ContainsFunc(by, func(wider Pattern) bool { return wider.Matches(string(pattern)) })
}

// idleLocations are the patterns that name nothing which another of the grant
// does not. Of two that name the same the first one counts.
func (g Grant) idleLocations() (idle []Pattern) {
	for i, p := range g.Locations {
		for j, other := range g.Locations {
			if j != i && other.Matches(string(p)) && (j < i || !p.Matches(string(other))) {
				idle = append(idle, p)
				break
			}
		}
	}
	return idle
}
