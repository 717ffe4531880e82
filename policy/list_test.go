package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

// What is told of the rules is what they give.
func TestMatching(t *testing.T) {
	p := mustNew(t, policy.Options{
		DefaultRole: policy.Viewer, AdminEmails: []string{"ada@example.com"},
		File: []byte("roles: { clerk: { extends: viewer, allow: [wipe_assets] } }\n" +
			"grants:\n  - { domain: example.com, role: clerk, locations: [\"sales*\", ops] }\n  - { email: bo@example.com, role: launcher }\n"),
	})
	for _, row := range []struct {
		email string
		role  policy.Role
		want  string
	}{
		{"ada@example.com", policy.None, "[admin_emails:admin[] grant 1:clerk[sales* ops]]"},
		{"bo@example.com", policy.Editor, "[assigned_role:editor[] grant 1:clerk[sales* ops] grant 2:launcher[]]"},
		{"cy@elsewhere.com", policy.None, "[default_role:viewer[]]"},
		{"cy@elsewhere.com", "gone", "[assigned_role:gone[]]"},
	} {
		who := policy.NewSubject("okta", row.email, true)
		who.Assigned = row.role
		var got, names []string
		united := policy.Permissions{}
		for _, r := range p.Matching(who) {
			got, names = append(got, fmt.Sprintf("%s:%s%v", r.Name, r.Role, r.Locations)), append(names, r.Name)
			for perm := range r.Permissions {
				united[perm] = struct{}{}
			}
			if r.Text != p.Text(r.Name) {
				t.Errorf("%s: %q", r.Name, r.Text)
			}
		}
		if fmt.Sprint(got) != row.want || !slices.Equal(names, p.Rules(who)) {
			t.Errorf("%s: %v", row.email, got)
		}
		for _, perm := range policy.All() {
			if united.Has(perm) != p.Access(who).Anywhere(perm) {
				t.Errorf("%s: %s", row.email, perm)
			}
		}
	}
}

func TestPlace(t *testing.T) {
	p := mustNew(t, policy.Options{File: []byte("grants:\n  - { domain: example.com, role: editor, locations: [\"sales*\", ops] }\n  - { email: ada@example.com, role: launcher }\n")})
	for email, places := range map[string]map[policy.Want]policy.Pattern{
		"bo@example.com": {
			{Permission: policy.WipeAssets, Location: "sales_eu"}: "sales*", {Permission: policy.WipeAssets, Location: "ops"}: "ops",
			{Permission: policy.WipeAssets, Location: "other"}: "", {Permission: policy.WipeAssets}: "", {Permission: policy.Read, Location: "ops"}: "",
			{Permission: policy.GraphiQL, Location: "ops"}: "",
		},
		"ada@example.com": {{Permission: policy.LaunchPipelineExecution, Location: "ops"}: "", {Permission: policy.WipeAssets, Location: "ops"}: "ops"},
	} {
		for want, place := range places {
			if got := p.Access(policy.NewSubject("okta", email, true)).Place(want); got != place {
				t.Errorf("%s, %+v: %q", email, want, got)
			}
		}
	}
}

func TestRolesListed(t *testing.T) {
	p := mustNew(t, policy.Options{File: []byte("roles: { b: { extends: viewer }, a: { extends: editor } }")})
	if got := fmt.Sprint(p.Roles()); got != "[viewer launcher editor admin a b]" {
		t.Error(got)
	}
	if len(policy.All()) != len(policy.BuiltIn(policy.Admin)) || policy.All()[0] != policy.Read {
		t.Error(policy.All())
	}
}
