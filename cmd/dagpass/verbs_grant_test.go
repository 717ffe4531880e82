package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

// Grants come and go on the command line, after a dry run that changes nothing,
// and whoever explains names them.
func TestGrantVerbs(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database)
		p.as(providertest.Violet)
		environ := []string{
			"DAGPASS_DATABASE_URL=" + database, "DAGPASS_OIDC_PROVIDERS=oidc", "DAGPASS_OIDC_OIDC_ISSUER=" + p.idp.Issuer,
			"DAGPASS_OIDC_OIDC_CLIENT_ID=x", "DAGPASS_OIDC_OIDC_CLIENT_SECRET=x",
			"DAGPASS_SECRET_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		}
		add := []string{"policy", "grant", "add", "editor", "--email=violet@example.com", "--location=sales", "--location=market*"}
		tried := verb(t, environ, append(add, "--dry-run")...)
		for _, want := range []string{"gain 1, lose 0,", `"Violet Viewer" "violet@example.com" by oidc: viewer, then viewer`, "  + edit_sensor at market*\n"} {
			if !strings.Contains(tried, want) {
				t.Errorf("the dry run lacks %q: %s", want, tried)
			}
		}
		if out := verb(t, environ, "policy", "grant", "list", "--json"); out != "[]\n" {
			t.Errorf("the dry run did it: %s", out)
		}
		text := "{email: violet@example.com, role: editor, locations: [sales, market*]}"
		out := verb(t, environ, add...)
		id, line, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(out), "grant "), ": ")
		if line != text {
			t.Fatalf("%q", out)
		}
		var listed []grantLine
		if err := json.Unmarshal([]byte(verb(t, environ, "policy", "grant", "list", "--json")), &listed); err != nil || len(listed) != 1 ||
			listed[0].ID != id || listed[0].CreatedBy != "operator" || listed[0].Role != "editor" || len(listed[0].Locations) != 2 || listed[0].Broken != "" {
			t.Errorf("%+v, %v", listed, err)
		}
		if out := verb(t, environ, "policy", "grant", "list"); !strings.Contains(out, id) || !strings.Contains(out, text) || !strings.Contains(out, "holds") {
			t.Errorf("%s", out)
		}
		for _, who := range []string{"--user=violet@example.com", "--email=violet@example.com"} {
			out := verb(t, environ, "policy", "explain", who, "wipe_assets", "--location=marketing")
			if !strings.Contains(out, "allowed: wipe_assets at the code location marketing") || !strings.Contains(out, "grant "+id+": "+text) {
				t.Errorf("%s: %s", who, out)
			}
		}
		if out := verb(t, environ, "policy", "grant", "remove", id, "--dry-run"); !strings.Contains(out, "lose 1,") || !strings.Contains(out, "  - edit_sensor at sales\n") {
			t.Errorf("%s", out)
		}
		verb(t, environ, "policy", "grant", "remove", id)
		if out := verb(t, environ, "policy", "grant", "list", "--json"); out != "[]\n" {
			t.Errorf("%s", out)
		}
		for _, tt := range []struct{ args, want string }{
			{"remove " + id, "There is no such grant, or somebody has removed it in the meantime."},
			{"add viewer", "Name an e-mail address, a domain, a group, an organisation or a team."},
			{"add emperor --domain=example.com", "Choose a role."},
			{"add viewer --domain=example.com --slot=octa", "Choose the provider"},
			{"add viewer --email=violet", "Write one e-mail address"},
		} {
			status, said := runWith(environ, append([]string{"policy", "grant"}, strings.Fields(tt.args)...)...)
			if status != exitFailed || !strings.Contains(said, tt.want) {
				t.Errorf("%s: status %d, %s", tt.args, status, said)
			}
		}
	})
}

// To try rules out makes no database.
func TestPolicyExplainMakesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	status, said := runWith(house(rulesAtLocations, "DAGPASS_DATABASE_URL=sqlite:"+filepath.Join(dir, "new.db")), "policy", "explain", "read", "--slot=okta", "--email=ann@corp.com")
	left, _ := os.ReadDir(dir)
	if status != exitDone || len(left) > 0 {
		t.Errorf("status %d, %v is left: %s", status, left, said)
	}
}
