package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/policy"
)

func TestPassed(t *testing.T) {
	ada := policy.Subject{
		Email: "ada@corp.com", Groups: []string{"data", "ops"}, Orgs: []string{"Acme"}, Teams: []string{"Acme/Core"},
	}
	google := ada
	google.Hosted, google.HostedDomain = true, "corp.com"
	type by = []policy.Passed
	for name, row := range map[string]struct {
		gate  policy.Gate
		who   policy.Subject
		named bool
		want  by
	}{
		"no list":           {policy.Gate{}, ada, false, by{{"open", ""}}},
		"public":            {policy.Gate{Public: true}, ada, false, nil},
		"public, named":     {policy.Gate{Public: true}, ada, true, by{{"named", ""}}},
		"everyone":          {policy.Gate{Public: true, Everyone: true}, ada, false, by{{"everyone", ""}}},
		"domain":            {policy.Gate{Domains: []string{"corp.com"}}, ada, false, by{{"domain", "corp.com"}}},
		"hosted domain":     {policy.Gate{Domains: []string{"corp.com"}}, google, false, by{{"domain", "corp.com"}}},
		"address first":     {policy.Gate{Domains: []string{"corp.com"}, Emails: []string{"ada@corp.com"}}, ada, false, by{{"email", "ada@corp.com"}}},
		"other domain":      {policy.Gate{Domains: []string{"evil.com"}}, ada, false, nil},
		"team":              {policy.Gate{Orgs: []string{"evil", "acme/core"}}, ada, false, by{{"org", "acme/core"}}},
		"org":               {policy.Gate{Orgs: []string{"acme"}}, ada, false, by{{"org", "acme"}}},
		"group":             {policy.Gate{Groups: []string{"nobody", "ops"}}, ada, false, by{{"group", "ops"}}},
		"domain and group":  {policy.Gate{Domains: []string{"corp.com"}, Groups: []string{"data"}}, ada, false, by{{"domain", "corp.com"}, {"group", "data"}}},
		"domain, not group": {policy.Gate{Domains: []string{"corp.com"}, Groups: []string{"x"}}, ada, false, nil},
	} {
		if diff := cmp.Diff(row.want, row.gate.Passed(row.who, row.named)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
