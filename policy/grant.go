package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Problem is what is wrong with a grant.
type Problem struct {
	// Field is the one it is about, as the file calls it; "who" for all those
	// together that say whom the grant is for, and "id".
	Field string
	// Text says it for whoever wrote the grant, and may repeat what they wrote.
	Text string
}

// Broken is a grant of the database that gives nothing, because the policy does
// not accept it: its role has gone from the file, or its provider.
type Broken struct {
	Grant
	Problems []Problem
}

// Reason is what is wrong with it, on one line.
func (b Broken) Reason() string {
	texts := make([]string, len(b.Problems))
	for i, problem := range b.Problems {
		texts[i] = problem.Text
	}
	return strings.Join(texts, "; ")
}

// Broken lists the grants of the database that give nothing.
func (p *Policy) Broken() []Broken { return p.broken }

// Grant finds a grant of the database by its id, a broken one too.
func (p *Policy) Grant(id string) (Grant, bool) {
	for _, g := range p.grants {
		if g.ID == id && id != "" {
			return g, true
		}
	}
	i := slices.IndexFunc(p.broken, func(b Broken) bool { return b.ID == id })
	if i < 0 || id == "" {
		return Grant{}, false
	}
	return p.broken[i].Grant, true
}

// add takes the grants of the database, each by itself: what is wrong with one
// of them must neither stop the others nor give anything.
func (p *Policy) add(grants []Grant) {
	for _, g := range grants {
		problems := p.Check(g)
		if !grantID.MatchString(g.ID) {
			problems = append(problems, Problem{"id", fmt.Sprintf("id %q is not one of a grant", g.ID)})
		} else if _, twice := p.Grant(g.ID); twice {
			problems = append(problems, Problem{"id", fmt.Sprintf("id %q is another grant's too", g.ID)})
		}
		if len(problems) > 0 {
			p.broken = append(p.broken, Broken{g, problems})
		} else {
			p.grants = append(p.grants, g)
		}
	}
}

// grantID is the form of the database's ids: eight hex digits, of which the first
// is a letter, so that none is the number of a grant of the file.
var grantID = regexp.MustCompile("^[a-f][0-9a-f]{7}$")

// grantName is what the grant is called as a rule.
func (p *Policy) grantName(i int) string {
	if id := p.grants[i].ID; id != "" {
		return "grant " + id
	}
	return fileGrant(i)
}

func named(grant string, problems []Problem) (errs []error) {
	for _, problem := range problems {
		errs = append(errs, fmt.Errorf("%s: %s", grant, problem.Text))
	}
	return errs
}

// Check says what is wrong with a grant, wherever it is kept; nothing for one
// that the policy accepts.
func (p *Policy) Check(g Grant) (problems []Problem) {
	bad := func(field, format string, args ...any) {
		problems = append(problems, Problem{field, fmt.Sprintf(format, args...)})
	}
	if _, ok := p.roles[g.Role]; !ok {
		bad("role", "role %q is not a role", g.Role)
	}
	if g.Slot != "" && !slices.Contains(p.slots, g.Slot) {
		bad("slot", "slot %q is not a configured provider", g.Slot)
	}
	if g.Group != "" && g.Slot == "" && len(p.groupSlots) > 1 {
		bad("slot", "group %q must name its slot, for several providers send groups: %s", g.Group, strings.Join(p.groupSlots, ", "))
	}
	if slices.Contains(g.Locations, "") {
		bad("locations", "locations has an empty entry")
	}
	g.checkWho(bad)
	return problems
}

// checkWho refuses a grant that names nobody, and names that nobody can have:
// they would never match, and their author would not learn it.
func (g Grant) checkWho(bad func(field, format string, args ...any)) {
	if g.Email+g.Domain+g.Group+g.Org+g.Team == "" {
		bad("who", "it must name an email, domain, group, org or team")
	}
	if g.Email != "" && !isEmail(g.Email) {
		bad("email", "email %q must be one address", g.Email)
	}
	if strings.Contains(g.Domain, "@") {
		bad("domain", "domain %q must be written without @", g.Domain)
	}
	if strings.Contains(g.Org, "/") {
		bad("org", "org %q must be written without a team", g.Org)
	}
	if g.Team != "" && !isTeam(g.Team) {
		bad("team", "team %q must be written org/team", g.Team)
	}
}
