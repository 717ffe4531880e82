package policy_test

import (
	"slices"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

// gate reads the lists as the configuration does.
func gate(g policy.Gate, domains, emails, orgs, groups []string) policy.Gate {
	g.Domains = g.Fill(domains, policy.Fold)
	g.Emails = g.Fill(emails, policy.Fold)
	g.Orgs = g.Fill(orgs, policy.Fold)
	g.Groups = g.Fill(groups, func(s string) string { return s })
	return g
}

type words = []string

func TestGate(t *testing.T) {
	none := policy.Gate{}
	public := policy.Gate{Public: true}
	google := policy.Gate{Public: true}
	hosted := func(email, hd string) policy.Subject {
		s := verified("google", email)
		s.Hosted, s.HostedDomain = true, hd
		return s
	}
	for _, tt := range []struct {
		name   string
		gate   policy.Gate
		who    policy.Subject
		named  bool
		reason string // empty: gets in
	}{
		{"empty list, company's own", none, verified("okta", "a@b.c"), false, ""},
		{"empty list, no address", none, policy.Subject{}, false, ""},
		{"empty list, public", public, verified("github", "a@b.c"), false, "not_on_a_list"},
		{"empty list, public, named", public, verified("github", "a@b.c"), true, ""},
		{"* at a public one", gate(public, nil, words{"*"}, nil, nil), verified("github", "a@b.c"), false, ""},
		{"* beside a domain does not open", gate(public, words{"corp.com", "*"}, nil, nil, nil), verified("github", "a@b.c"), false, "address_not_allowed"},
		{"* for addresses, organisation required", gate(public, nil, words{"*"}, words{"acme"}, nil), verified("github", "a@b.c"), false, "org_not_allowed"},

		{"domain", gate(none, words{"corp.com"}, nil, nil, nil), verified("okta", "a@Corp.com"), false, ""},
		{"domain written in capitals", gate(none, words{"CORP.com"}, nil, nil, nil), verified("okta", "a@corp.com"), false, ""},
		{"other domain", gate(none, words{"corp.com"}, nil, nil, nil), verified("okta", "a@b.c"), false, "address_not_allowed"},
		{"other domain, named", gate(none, words{"corp.com"}, nil, nil, nil), verified("okta", "a@b.c"), true, "address_not_allowed"},
		{"subdomain", gate(none, words{"corp.com"}, nil, nil, nil), verified("okta", "a@x.corp.com"), false, "address_not_allowed"},
		{"domain that ends alike", gate(none, words{"corp.com"}, nil, nil, nil), verified("okta", "a@evilcorp.com"), false, "address_not_allowed"},
		{"two signs", gate(none, words{"corp.com"}, nil, nil, nil), verified("okta", "a@b.c@corp.com"), false, "address_not_allowed"},
		{"not verified", gate(none, words{"corp.com"}, nil, nil, nil), policy.NewSubject("okta", "a@corp.com", false), false, "address_not_allowed"},
		{"no address", gate(none, words{"corp.com"}, nil, nil, nil), policy.Subject{}, false, "address_not_allowed"},
		{"address", gate(none, nil, words{"A@b.c"}, nil, nil), verified("okta", "a@B.c"), false, ""},
		{"address or domain", gate(none, words{"corp.com"}, words{"a@b.c"}, nil, nil), verified("okta", "a@b.c"), false, ""},
		{"other address", gate(none, nil, words{"a@b.c"}, nil, nil), verified("okta", "b@b.c"), false, "address_not_allowed"},
		{"address not verified", gate(none, nil, words{"a@b.c"}, nil, nil), policy.NewSubject("okta", "a@b.c", false), false, "address_not_allowed"},
		{"Kelvin sign", gate(none, words{"bank.com"}, nil, nil, nil), verified("okta", "a@ban\u212A.com"), false, "address_not_allowed"},

		{"hd and address", gate(google, words{"corp.com"}, nil, nil, nil), hosted("a@corp.com", "corp.com"), false, ""},
		{"hd in capitals", gate(google, words{"corp.com"}, nil, nil, nil), hosted("a@corp.com", "CORP.com"), false, ""},
		{"no hd", gate(google, words{"corp.com"}, nil, nil, nil), hosted("a@corp.com", ""), false, "address_not_allowed"},
		{"hd and address of two allowed domains", gate(google, words{"corp.com", "corp.de"}, nil, nil, nil), hosted("a@corp.de", "corp.com"), false, ""},
		{"other hd", gate(google, words{"corp.com"}, nil, nil, nil), hosted("a@corp.com", "evil.com"), false, "address_not_allowed"},
		{"hd without the address", gate(google, words{"corp.com"}, nil, nil, nil), hosted("a@evil.com", "corp.com"), false, "address_not_allowed"},
		{"one person needs no hd", gate(google, nil, words{"a@gmail.com"}, nil, nil), hosted("a@gmail.com", ""), false, ""},
		{"hd alone opens nothing", google, hosted("a@corp.com", "corp.com"), false, "not_on_a_list"},

		{"organisation", gate(public, nil, nil, words{"Acme"}, nil), atGitHub(words{"ACME"}, nil), false, ""},
		{"one of two organisations", gate(public, nil, nil, words{"x", "acme"}, nil), atGitHub(words{"acme"}, nil), false, ""},
		{"team", gate(public, nil, nil, words{"acme/Data"}, nil), atGitHub(nil, words{"Acme/data"}), false, ""},
		{"organisation is no team", gate(public, nil, nil, words{"acme/data"}, nil), atGitHub(words{"acme"}, nil), false, "org_not_allowed"},
		{"team is no organisation", gate(public, nil, nil, words{"acme"}, nil), atGitHub(nil, words{"acme/data"}), false, "org_not_allowed"},
		{"no organisation, named", gate(public, nil, nil, words{"acme"}, nil), atGitHub(nil, nil), true, "org_not_allowed"},
		{"organisation besides the address", gate(public, nil, words{"x@y.z"}, words{"acme"}, nil), atGitHub(words{"acme"}, nil), false, "address_not_allowed"},

		{"group", gate(none, nil, nil, nil, words{"Data"}), inGroups("okta", "", "Data"), false, ""},
		{"group in another case", gate(none, nil, nil, nil, words{"Data"}), inGroups("okta", "", "data"), false, "group_not_allowed"},
		{"no group", gate(none, nil, nil, nil, words{"Data"}), verified("okta", "a@b.c"), true, "group_not_allowed"},
		{"group besides the domain", gate(none, words{"corp.com"}, nil, nil, words{"Data"}), inGroups("okta", "a@b.c", "Data"), false, "address_not_allowed"},
		{"domain besides the group", gate(none, words{"corp.com"}, nil, nil, words{"Data"}), inGroups("okta", "a@corp.com"), false, "group_not_allowed"},
		{"both", gate(none, words{"corp.com"}, nil, nil, words{"Data"}), inGroups("okta", "a@corp.com", "Data"), false, ""},
		{"group at a public one", gate(public, nil, nil, nil, words{"Data"}), inGroups("gitlab", "", "Data"), false, ""},
	} {
		reason, ok := tt.gate.Admit(tt.who, tt.named)
		if ok != (tt.reason == "") || reason != tt.reason {
			t.Errorf("%s: %v, %q, want %q", tt.name, ok, reason, tt.reason)
		}
	}
}

func TestFill(t *testing.T) {
	var g policy.Gate
	if got := g.Fill(words{"A", "b"}, policy.Fold); !slices.Equal(got, words{"a", "b"}) || g.Everyone {
		t.Errorf("%v, everyone %v", got, g.Everyone)
	}
	if got := g.Fill(words{"*"}, policy.Fold); len(got) != 0 || !g.Everyone {
		t.Errorf("%v, everyone %v", got, g.Everyone)
	}
}
