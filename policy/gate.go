package policy

import "slices"

// Gate is the allow-list of one provider. Domains and addresses are
// alternatives; organisations (or teams) and groups are required besides.
type Gate struct {
	// Public marks a provider at which anybody can open an account. With an
	// empty list such a gate lets in only people named elsewhere.
	Public bool
	// Everyone is the list that says "*".
	Everyone bool
	Domains  []string // folded
	Emails   []string // folded
	Orgs     []string // "org" or "org/team", folded
	Groups   []string // exact case
}

// Admit says whether somebody gets in through a gate: its list must let them,
// and a rule must give them something. If not, the reason is a fixed word.
func (p *Policy) Admit(g Gate, s Subject) (reason string, ok bool) {
	if reason, ok := g.Admit(s, p.Names(s)); !ok {
		return reason, false
	}
	if len(p.Access(s).Permissions) == 0 {
		return "no_role", false
	}
	return "", true
}

// Admit says whether the list lets somebody in, and if not, the reason as a
// fixed word. Named tells that ADMIN_EMAILS or a grant of the policy file names
// the person by e-mail, domain, group, organisation or team, or that an admin
// has assigned them a role.
func (g Gate) Admit(s Subject, named bool) (reason string, ok bool) {
	switch {
	case len(g.Domains)+len(g.Emails) > 0 && !g.address(s):
		return "address_not_allowed", false
	case len(g.Orgs) > 0 && !g.org(s):
		return "org_not_allowed", false
	case len(g.Groups) > 0 && !overlaps(g.Groups, s.Groups):
		return "group_not_allowed", false
	case g.Public && g.empty() && !g.Everyone && !named:
		return "not_on_a_list", false
	}
	return "", true
}

// Fill takes the entries of one list, each brought to its compared form; "*"
// says that whoever the provider vouches for may come.
func (g *Gate) Fill(entries []string, form func(string) string) []string {
	var out []string
	for _, e := range entries {
		if e == "*" {
			g.Everyone = true
			continue
		}
		out = append(out, form(e))
	}
	return out
}

func (g Gate) empty() bool {
	return len(g.Domains)+len(g.Emails)+len(g.Orgs)+len(g.Groups) == 0
}

func (g Gate) address(s Subject) bool {
	if s.Email == "" {
		return false
	}
	if slices.Contains(g.Emails, s.Email) {
		return true
	}
	if s.Hosted && !slices.Contains(g.Domains, Fold(s.HostedDomain)) {
		return false
	}
	return slices.Contains(g.Domains, s.addressDomain())
}

func (g Gate) org(s Subject) bool {
	return overlaps(g.Orgs, folded(s.Orgs)) || overlaps(g.Orgs, folded(s.Teams))
}

func overlaps(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

func folded(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = Fold(s)
	}
	return out
}
