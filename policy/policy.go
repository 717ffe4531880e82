package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Subject is what grants look at: the claims kept at sign-in, and nothing that
// a person could have typed themself.
type Subject struct {
	// Slot is the provider that vouches; a group of one is not a group of
	// another.
	Slot string
	// Email is folded and verified by the provider, else empty.
	Email string
	// Hosted tells that the provider says which organisation hosts an account
	// (Google's hd claim): there an address alone proves no membership, for
	// anybody can open an account of their own under an address they once had.
	Hosted       bool
	HostedDomain string
	Groups       []string
	Orgs, Teams  []string
	// Assigned is the role that an admin of this installation gave them. It is a
	// rule that names them. A role of the file that is gone gives nothing, and the
	// default role does not take its place: nobody meant them to have that one.
	Assigned Role
}

// NewSubject makes a subject whose e-mail counts only if it was verified.
func NewSubject(slot, email string, verified bool) Subject {
	s := Subject{Slot: slot}
	if verified && isEmail(email) {
		s.Email = Fold(email)
	}
	return s
}

// addressDomain is the domain of the address, whoever hosts the account.
func (s Subject) addressDomain() string { return domainOf(s.Email) }

func domainOf(email string) string {
	_, domain, _ := strings.Cut(email, "@")
	return domain
}

// domain is the one that the person belongs to, by what the provider vouches
// for; empty where there is none.
func (s Subject) domain() string {
	if domain := s.addressDomain(); !s.Hosted || Fold(s.HostedDomain) == domain {
		return domain
	}
	return ""
}

// Fold is the form in which addresses, domains, organisations and teams are
// compared: ASCII letters in lower case, all else as it is. Unicode's own
// lower case would make one name of two: it takes the Kelvin sign for a k.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func isEmail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && name != "" && domain != "" && !strings.Contains(domain, "@")
}

// Grant gives a role to whoever matches everything it names.
type Grant struct {
	// ID is that of a grant kept in the database, which rules are named by; empty
	// for one of the file, which counts by its place there.
	ID     string `yaml:"-"`
	Slot   string `yaml:"slot,omitempty"`
	Email  string `yaml:"email,omitempty"`
	Domain string `yaml:"domain,omitempty"`
	Group  string `yaml:"group,omitempty"`
	Org    string `yaml:"org,omitempty"`
	Team   string `yaml:"team,omitempty"`
	Role   Role   `yaml:"role"`
	// Locations are the code locations where the role holds; with none it holds
	// in the whole deployment.
	Locations []Pattern `yaml:"locations,omitempty"`
}

// String is the grant on one line of YAML.
func (g Grant) String() string {
	var node yaml.Node
	if err := node.Encode(g); err != nil {
		return "" // strings only: this cannot fail
	}
	node.Style = yaml.FlowStyle
	text, _ := yaml.Marshal(&node)
	return strings.TrimSpace(string(text))
}

func (g Grant) matches(s Subject) bool {
	return matches(g.Slot, s.Slot) &&
		matches(Fold(g.Email), s.Email) &&
		matches(Fold(g.Domain), s.domain()) &&
		matchesAny(g.Group, s.Groups) &&
		matchesAny(Fold(g.Org), folded(s.Orgs)) &&
		matchesAny(Fold(g.Team), folded(s.Teams))
}

func matches(want, got string) bool { return want == "" || want == got }

func matchesAny(want string, got []string) bool { return want == "" || slices.Contains(got, want) }

// Policy is the rules in force: the file's, and those of the environment.
type Policy struct {
	roles map[Role]Permissions
	// grants are the file's in their order, and then the database's.
	grants      []Grant
	broken      []Broken
	adminEmails []string
	defaultRole Role
	mfa         MFA
	// slots and groupSlots are what grants are held against.
	slots, groupSlots []string
}

// Access unites the permissions of every rule that matches. The default role
// is for people whom no rule names.
func (p *Policy) Access(s Subject) Access { return p.unite(p.matching(s)) }

func (p *Policy) unite(rules []rule) Access {
	a := Access{Permissions: Permissions{}, Rules: map[Permission]string{}}
	for _, rule := range rules {
		a.add(rule, p.roles[rule.role])
	}
	a.Role = a.Permissions.highest()
	return a
}

func (a *Access) add(r rule, role Permissions) {
	everywhere, there := gives(role, r.locations)
	if len(r.locations) > 0 {
		a.Scopes = append(a.Scopes, Scope{Locations: r.locations, Permissions: there, Rule: r.name})
	}
	for perm := range everywhere {
		if !a.Permissions.Has(perm) {
			a.Permissions[perm] = struct{}{}
			a.Rules[perm] = r.name
		}
	}
}

// gives is what a rule gives in the whole deployment and at its locations: with
// locations it is reading everywhere, and there what can be held at a location.
func gives(role Permissions, locations []Pattern) (everywhere, there Permissions) {
	if len(locations) == 0 {
		return role, nil
	}
	return role.and(reading), role.and(located)
}

// Names tells whether a rule other than the default role names the subject.
func (p *Policy) Names(s Subject) bool { return names(p.matching(s)) }

func names(rules []rule) bool { return len(rules) > 0 && rules[0].name != byDefault }

// CanMakeAdmin tells whether any rule could make somebody an admin.
func (p *Policy) CanMakeAdmin() bool {
	return len(p.adminEmails) > 0 || slices.ContainsFunc(p.grants, func(g Grant) bool { return g.Role == Admin && len(g.Locations) == 0 })
}

// UsesOrgs tells whether a grant names an organisation or a team, which have
// to be asked of GitHub.
func (p *Policy) UsesOrgs() bool {
	return slices.ContainsFunc(p.grants, func(g Grant) bool { return g.Org+g.Team != "" })
}

// Rules names the rules that match somebody, in the order in which they count:
// "admin_emails", "assigned_role", "grant 2" of the file, "grant a3f09c21" of the
// database, or "default_role" where none of these does.
func (p *Policy) Rules(s Subject) []string {
	var names []string
	for _, rule := range p.matching(s) {
		names = append(names, rule.name)
	}
	return names
}

// Text is a rule as the file would say it on one line; empty for what is no
// grant.
func (p *Policy) Text(rule string) string {
	for i, g := range p.grants {
		if p.grantName(i) == rule {
			return g.String()
		}
	}
	return ""
}

type rule struct {
	name, id  string
	role      Role
	locations []Pattern
}

// byDefault is the rule for whoever no other one names.
const byDefault = "default_role"

func (p *Policy) matching(s Subject) []rule {
	if rules := p.named(s); len(rules) > 0 || p.defaultRole == None {
		return rules
	}
	return []rule{{name: byDefault, role: p.defaultRole}}
}

func (p *Policy) named(s Subject) []rule {
	var rules []rule
	if s.Email != "" && slices.Contains(p.adminEmails, s.Email) {
		rules = append(rules, rule{name: "admin_emails", role: Admin})
	}
	if s.Assigned != None {
		rules = append(rules, rule{name: "assigned_role", role: s.Assigned})
	}
	for i, g := range p.grants {
		if g.matches(s) {
			rules = append(rules, rule{p.grantName(i), g.ID, g.Role, g.Locations})
		}
	}
	return rules
}
