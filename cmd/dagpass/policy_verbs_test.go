package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// house is three providers: okta, which lets in its own domain, GitHub and
// Google, where a rule must name somebody.
func house(policy string, more ...string) []string {
	return append(okta(google(github("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS=corp.com", "DAGPASS_POLICY="+policy)...)...), more...)
}

func TestPolicyCheck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		environ []string
		status  int
		want    []string
	}{
		{"no policy", okta(), exitDone, []string{"every rule of the policy can be reached"}},
		{"rules that can be reached", house(rulesAtLocations), exitDone, []string{"every rule of the policy can be reached"}},
		{
			"a duplicate", house("grants: [{domain: corp.com, role: viewer}, {domain: corp.com, role: viewer}]"), exitFailed,
			[]string{"dagpass: the policy has unreachable rules:", "  - grant 2 gives nobody anything: whomever it matches has as much by grant 1"},
		},
		{
			"all at once", house("grants: [{slot: google, group: x, role: viewer}, {slot: okta, domain: corp.net, role: viewer}, " +
				"{slot: okta, org: acme, role: viewer}, {domain: corp.com, role: editor, locations: [x, '*']}]"), exitFailed,
			[]string{
				"dagpass: the policy has unreachable rules:",
				"  - grant 1 can match nobody: no provider that it may mean sends groups",
				"  - grant 2 can match nobody: the allow-lists keep out everybody whom it names",
				"  - grant 3 can match nobody: no provider that it may mean sends organisations and teams",
				`  - grant 4: the location "x" adds nothing to its others`,
			},
		},
		{
			"GitHub has organisations, and no list keeps corp.net out of it", house("grants: [{org: acme, role: viewer}, {domain: corp.net, role: viewer}]"), exitDone,
			[]string{"every rule of the policy can be reached"},
		},
		{
			"an address at Google proves no domain", google("DAGPASS_POLICY=grants: [{domain: corp.com, role: viewer}, {email: a@corp.com, role: viewer}]"), exitDone,
			[]string{"every rule of the policy can be reached"},
		},
		{
			"nor does one behind IAP", []string{
				"DAGPASS_HEADER_LOGIN=iap", "DAGPASS_HEADER_AUDIENCE=/projects/1/x",
				"DAGPASS_POLICY=grants: [{domain: corp.com, role: viewer}, {email: a@corp.com, role: viewer}]",
			}, exitDone, []string{"every rule of the policy can be reached"},
		},
		{
			"at a company's own provider it does", okta("DAGPASS_POLICY=grants: [{domain: corp.com, role: viewer}, {email: a@corp.com, role: viewer}]"), exitFailed,
			[]string{"dagpass: the policy has unreachable rules:", "  - grant 2 gives nobody anything: whomever it matches has as much by grant 1"},
		},
		{
			"the default role is given", okta("DAGPASS_DEFAULT_ROLE=a", "DAGPASS_POLICY=roles: {a: {extends: viewer}}"), exitDone,
			[]string{"every rule of the policy can be reached"},
		},
		{
			"a policy that is none", okta("DAGPASS_POLICY=grants: [{domain: corp.com, role: owner}]"), exitUsage,
			[]string{"dagpass: the configuration has problems:", `  - DAGPASS_POLICY: grant 1: role "owner" is not a role`},
		},
	} {
		t.Chdir(t.TempDir())
		status, said := runWith(tt.environ, "policy", "check")
		if want := strings.Join(tt.want, "\n") + "\n"; status != tt.status || said != want {
			t.Errorf("%s: status %d\n%s\nwant %d\n%s", tt.name, status, said, tt.status, want)
		}
	}
}

const rulesAtLocations = `
roles: { starter: { extends: viewer, allow: [start_schedule] } }
grants:
  - { slot: okta, group: marketing, role: editor, locations: ["marketing*"] }
  - { slot: okta, group: "a,b", role: starter }
  - { team: acme/data, role: launcher }
  - { org: acme, role: viewer }
  - { domain: corp.com, role: viewer }`

// TestPolicyExplain asks by claims, and reads what an operator reads.
func TestPolicyExplain(t *testing.T) {
	environ := house(rulesAtLocations, "DAGPASS_ADMIN_EMAILS=boss@corp.com")
	const ann = "--slot=okta --email=ann@corp.com"
	for _, tt := range []struct {
		args string
		want string
	}{
		{"wipe_assets --location marketing_eu --group marketing " + ann, `allowed: wipe_assets at the code location marketing_eu
  by       okta "ann@corp.com"
  role     viewer in the whole deployment
           editor at the code location marketing_eu
  rule     grant 1: {slot: okta, group: marketing, role: editor, locations: [marketing*]}
  matches  grant 5: {domain: corp.com, role: viewer}
`},
		{"wipe_assets --location sales --group marketing " + ann, `refused: wipe_assets at the code location sales
  by       okta "ann@corp.com"
  role     viewer in the whole deployment
           viewer at the code location sales
  rule     no grant: none of the rules that match gives it
  missing  the role editor at the code location sales, or one of the policy file with this permission
  matches  grant 1: {slot: okta, group: marketing, role: editor, locations: [marketing*]}
  matches  grant 5: {domain: corp.com, role: viewer}
`},
		{"wipe_assets --group marketing --slot=okta --email=ann@corp.net", `refused: wipe_assets in the whole deployment
  by       okta "ann@corp.net"
  barred   the provider's allow-list does not have their address
  role     viewer in the whole deployment
  rule     no grant: none of the rules that match gives it
  missing  the role editor in the whole deployment, or one of the policy file with this permission
  matches  grant 1: {slot: okta, group: marketing, role: editor, locations: [marketing*]}
`},
		{"reload_workspace --location marketing --group marketing " + ann, `refused: reload_workspace in the whole deployment, for no code location can hold it
  by       okta "ann@corp.com"
  role     viewer in the whole deployment
  rule     no grant: none of the rules that match gives it
  missing  the role editor in the whole deployment, or one of the policy file with this permission
  matches  grant 1: {slot: okta, group: marketing, role: editor, locations: [marketing*]}
  matches  grant 5: {domain: corp.com, role: viewer}
`},
		{"administer --slot=okta --email=Boss@corp.com", `allowed: administer in the whole deployment, for no code location can hold it
  by       okta "boss@corp.com"
  role     admin in the whole deployment
  rule     admin_emails: DAGPASS_ADMIN_EMAILS names the address
  matches  grant 5: {domain: corp.com, role: viewer}
`},
		{"read --slot=github --email=someone@else.where", `refused: read in the whole deployment, for no code location can hold it
  by      github "someone@else.where"
  barred  anybody can open an account at this provider, and neither a list nor a rule names them
  role    viewer in the whole deployment
  rule    default_role: DAGPASS_DEFAULT_ROLE is viewer, and no other rule names them
`},
		{"launch_pipeline_execution --slot=github --org=acme --team=Acme/Data", `allowed: launch_pipeline_execution in the whole deployment
  by       github ""
  role     launcher in the whole deployment
  rule     grant 3: {team: acme/data, role: launcher}
  matches  grant 4: {org: acme, role: viewer}
`},
		{"start_schedule --group=a,b --slot=okta --email=ann@corp.com", `allowed: start_schedule in the whole deployment
  by       okta "ann@corp.com"
  role     viewer in the whole deployment
  rule     grant 2: {slot: okta, group: 'a,b', role: starter}
  matches  grant 5: {domain: corp.com, role: viewer}
`},
		{"read --slot=google --email=ann@corp.com --hd=corp.com", `allowed: read in the whole deployment, for no code location can hold it
  by    google "ann@corp.com"
  role  viewer in the whole deployment
  rule  grant 5: {domain: corp.com, role: viewer}
`},
	} {
		status, said := runWith(environ, append([]string{"policy", "explain"}, strings.Fields(tt.args)...)...)
		if status != exitDone || said != tt.want {
			t.Errorf("%s: status %d\n%s\nwant\n%s", tt.args, status, said, tt.want)
		}
	}
}

// With an hd that does not fit, an account at Google is not of the domain.
func TestPolicyExplainWithoutHD(t *testing.T) {
	_, said := runWith(house(rulesAtLocations), "policy", "explain", "read", "--slot=google", "--email=ann@corp.com")
	if !strings.Contains(said, "refused") || !strings.Contains(said, "neither a list nor a rule names them") {
		t.Error(said)
	}
}

func TestPolicyExplainSaysMonitorMode(t *testing.T) {
	status, said := runWith(okta("DAGPASS_ENFORCE=false"), "policy", "explain", "wipe_assets", "--group=a")
	if status != exitDone || !strings.HasSuffix(said, "DAGPASS_ENFORCE is false: what a role forbids is recorded and done all the same\n") {
		t.Errorf("status %d: %s", status, said)
	}
}

func TestPolicyExplainRefusesQuestions(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{
		"wipe_asset --group=a --slot=okta":       `"wipe_asset" is not a permission; did you mean wipe_assets?`,
		"launch --group=a --slot=okta":           `"launch" is not a permission; docs/permissions.md lists them`,
		"WIPE_ASSETS --group=a --slot=okta":      `"WIPE_ASSETS" is not a permission; docs/permissions.md lists them`,
		"read":                                   "name an account by --user, or claims by --slot, --email, --hd, --group, --org and --team",
		"read --user=ann --group=a":              "name an account by --user, or claims; not both",
		"read --group=a":                         "name the provider by --slot: google, github, okta",
		"read --group=a --slot=dex":              "name the provider by --slot: google, github, okta",
		"read --group=a --slot=google":           "the provider google sends no groups",
		"read --org=a --slot=okta":               "the provider okta sends no organisations and teams",
		"read --team=a/b --slot=google":          "the provider google sends no organisations and teams",
		"read --hd=a --slot=okta":                "the provider okta does not say which organisation hosts an account",
		"read --email=ann --slot=okta":           `"ann" is not an e-mail address`,
		"read --email=a@b --slot=okta --nothing": "unknown flag --nothing",
	} {
		status, said := runWith(house(""), append([]string{"policy", "explain"}, strings.Fields(args)...)...)
		if status != exitUsage || !strings.HasSuffix(said, "dagpass: "+want+"\n") {
			t.Errorf("%s: status %d, %s", args, status, said)
		}
	}
	if status, said := runWith(house(""), "policy", "explain", "--group=a"); status != exitUsage {
		t.Errorf("no permission: status %d, %s", status, said)
	}
}

// TestPolicyExplainUser asks of people who have signed in, by the claims kept
// of each of their ways in.
func TestPolicyExplainUser(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database)
		p.as(providertest.Edgar)
		p.as(providertest.Violet)
		environ := func(more ...string) []string {
			return append([]string{
				"DAGPASS_DATABASE_URL=" + database, "DAGPASS_OIDC_PROVIDERS=oidc", "DAGPASS_OIDC_OIDC_ISSUER=" + p.idp.Issuer,
				"DAGPASS_OIDC_OIDC_CLIENT_ID=x", "DAGPASS_OIDC_OIDC_CLIENT_SECRET=x",
				"DAGPASS_SECRET_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
				`DAGPASS_POLICY=grants: [{group: editors, role: editor, locations: [sales]}, {org: acme, role: launcher}]`,
			}, more...)
		}
		alsoAtGitHub(t, database, "edgar@example.com")
		verb(t, environ(), "user", "disable", "violet@example.com")
		for _, tt := range []struct {
			name, who string
			location  string
			environ   []string
			want      []verdict
		}{
			{"at the location", "Edgar Editor", "sales", github(), []verdict{
				{Provider: "github", Allowed: true, Role: "launcher", LocationRole: "launcher", Rule: ruleLine{Name: "grant 2"}},
				{Provider: "oidc", Allowed: true, Role: "viewer", LocationRole: "editor", Rule: ruleLine{Name: "grant 1"}},
			}},
			{"at another", "EDGAR@example.com", "finance", github(), []verdict{
				{Provider: "github", Allowed: true, Role: "launcher", LocationRole: "launcher", Rule: ruleLine{Name: "grant 2"}},
				{Provider: "oidc", Role: "viewer", LocationRole: "viewer", Rule: ruleLine{Name: "no grant"}, Missing: "launcher"},
			}},
			{"a list that became shorter", "edgar@example.com", "", github("DAGPASS_GITHUB_ALLOWED_ORGS=other"), []verdict{
				{Provider: "github", Barred: "org_not_allowed", Role: "launcher", Rule: ruleLine{Name: "grant 2"}},
				{Provider: "oidc", Role: "viewer", Rule: ruleLine{Name: "no grant"}, Missing: "launcher"},
			}},
			{"a provider that is gone", "edgar@example.com", "", nil, []verdict{
				{Provider: "github", Barred: "provider_gone", Role: "launcher", Rule: ruleLine{Name: "grant 2"}},
				{Provider: "oidc", Role: "viewer", Rule: ruleLine{Name: "no grant"}, Missing: "launcher"},
			}},
			{"disabled", "violet@example.com", "", []string{"DAGPASS_DEFAULT_ROLE=launcher"}, []verdict{
				{Provider: "oidc", Barred: "user_disabled", Role: "launcher", Rule: ruleLine{Name: "default_role"}},
			}},
			{"without a role", "violet@example.com", "", []string{"DAGPASS_DEFAULT_ROLE=none"}, []verdict{
				{Provider: "oidc", Barred: "user_disabled", Rule: ruleLine{Name: "no grant"}, Missing: "launcher"},
			}},
		} {
			var got explanation
			out := verb(t, environ(tt.environ...), "policy", "explain", "--json", "--user", tt.who, "launch_pipeline_execution", "--location", tt.location)
			if err := json.Unmarshal([]byte(out), &got); err != nil || got.User == nil || len(got.Answers) != len(tt.want) {
				t.Errorf("%s: %v %s", tt.name, err, out)
				continue
			}
			for i, answer := range got.Answers {
				answer.Rule.Text, answer.Email, answer.Matching = "", "", nil
				if answer.plain() != tt.want[i].plain() {
					t.Errorf("%s:\n got %+v\nwant %+v", tt.name, answer, tt.want[i])
				}
			}
		}
		out := verb(t, environ(), "policy", "explain", "--user", "violet@example.com", "read")
		if !strings.HasPrefix(out, `"Violet Viewer" "violet@example.com", id `) || !strings.Contains(out, "\nrefused: read") || !strings.Contains(out, "the account is disabled") {
			t.Error(out)
		}
		if status, said := runWith(environ(), "policy", "explain", "--user", "nobody", "read"); status != exitFailed || !strings.Contains(said, `no account is called "nobody"`) {
			t.Errorf("nobody: %d %s", status, said)
		}
	})
}

// plain is a verdict that can be compared.
func (v verdict) plain() string {
	text, _ := json.Marshal(v)
	return string(text)
}

// verb runs one that must succeed, and gives what it printed.
func verb(t *testing.T, environ []string, args ...string) string {
	t.Helper()
	var out, said bytes.Buffer
	if status := run(context.Background(), args, environ, stdio{In: strings.NewReader(""), Out: &out, Err: &said}); status != exitDone {
		t.Fatalf("%v: status %d, %s", args, status, said.String())
	}
	return out.String()
}

// alsoAtGitHub gives somebody a second way in, used last.
func alsoAtGitHub(t *testing.T, database, email string) {
	t.Helper()
	s := storetest.Open(t, database)
	users, err := s.FindUsers(t.Context(), email)
	if err != nil || len(users) != 1 {
		t.Fatal(err, users)
	}
	i := models.NewIdentity(users[0].ID, "github", "https://github.com", "1815", time.Now().UTC())
	i.Claims, i.SignedInAt = models.Claims{Orgs: []string{"acme"}}, time.Now().UTC().Add(time.Hour)
	err = s.Change(t.Context(), func(tx *store.Tx) (models.Event, error) {
		return models.NewEvent(t.Context(), "user.link", models.OutcomeOK), tx.SaveIdentity(i)
	})
	if err != nil {
		t.Fatal(err)
	}
}
