package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/providers/slapdtest"
	"github.com/dagpass/dagpass/store/storetest"
)

// A directory's settings lead to the directory, and its groups to a role.
func TestDirectorySettings(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	server.LDIF(t, "dn: uid=alice,ou=people,"+slapdtest.Base+"\nchangetype: add\nobjectClass: inetOrgPerson\nuid: alice\ncn: Alice\nsn: L\n"+
		"mail: alice@example.org\nuserPassword: looking-glass\n\n"+
		"dn: cn=tea,ou=groups,"+slapdtest.Base+"\nchangetype: add\nobjectClass: groupOfNames\ncn: tea\nmember: uid=alice,ou=people,"+slapdtest.Base+"\n\n")
	p := start(t, storetest.SQLiteURL(t),
		"DAGPASS_LDAP_URLS="+server.TLSURL, "DAGPASS_LDAP_CA_FILE="+server.CAFile, "DAGPASS_LDAP_BASE_DN="+slapdtest.Base,
		"DAGPASS_LDAP_BIND_DN="+slapdtest.Search, "DAGPASS_LDAP_BIND_PASSWORD_FILE="+tempFile(t, "password", slapdtest.SearchPassword+"\n"),
		"DAGPASS_LDAP_GROUP_FILTER=(member={dn})", "DAGPASS_LDAP_EMAIL_VERIFIED=trusted", "DAGPASS_PASSWORD_LOGIN=false",
		"DAGPASS_LDAP_ALLOWED_GROUPS=tea", "DAGPASS_POLICY=grants: [{ slot: ldap, email: alice@example.org, role: editor }]")
	if status, _ := p.as("").send("/auth/start/ldap", "username", "alice", "password", "wrong"); status != http.StatusBadRequest {
		t.Errorf("a wrong password: %d", status)
	}
	p.as("").enters("editor", "/auth/start/ldap", "username", "alice", "password", "looking-glass", "next", "/")
}

// The headers of a proxy sign in at one route, from named addresses alone.
func TestHeaderSettings(t *testing.T) {
	for from, role := range map[string]string{"127.0.0.1,::1": "editor", "192.0.2.1": ""} {
		p := start(t, storetest.SQLiteURL(t), "DAGPASS_HEADER_LOGIN=plain", "DAGPASS_HEADER_FROM="+from, "DAGPASS_HEADER_USER=X-User",
			"DAGPASS_HEADER_GROUPS=X-Groups", "DAGPASS_HEADER_ALLOWED_GROUPS=tea", "DAGPASS_POLICY=grants: [{ slot: header, group: tea, role: editor }]")
		ann := p.as("")
		ann.do("GET", "/auth/me", "", "X-User", "ann", "X-Groups", "tea")
		if got := ann.role(); got != "" {
			t.Errorf("from %s elsewhere: %q", from, got)
		}
		ann.do("GET", "/auth/start/header?next=/", "", "X-User", "ann", "X-Groups", "tea", "Accept", "text/html")
		if got := ann.role(); got != role {
			t.Errorf("from %s: %q, want %q", from, got, role)
		}
	}
}

// Whose password nobody asks for is told so, and that a link lets them in.
func TestPolicyExplainInOAuthOnlyMode(t *testing.T) {
	database := storetest.SQLiteURL(t)
	p := start(t, database)
	p.operator(database).must("", "user", "add", "ann", "--role", "editor")
	for mode, want := range map[string]string{"true": "allowed: wipe_assets", "false": "DAGPASS_PASSWORD_LOGIN is false, so that only a link of dagpass user link lets them in"} {
		out := p.operator(database, "DAGPASS_PASSWORD_LOGIN="+mode).must("", "policy", "explain", "--user", "ann", "wipe_assets")
		if !strings.Contains(out, want) || strings.Contains(out, "refused") == (mode == "true") {
			t.Errorf("%s: %s", mode, out)
		}
	}
}

// TestConfigCheckTellsOfAccounts is what an operator reads before the start.
func TestConfigCheckTellsOfAccounts(t *testing.T) {
	t.Chdir(t.TempDir())
	const mfa = "DAGPASS_POLICY=mfa: { roles: [admin, editor], sso: true }"
	for _, tt := range []struct {
		environ []string
		want    string
	}{
		{okta(), "\nLocal accounts are on: people whom an admin gives one sign in with a password or a passkey.\n"},
		{okta("DAGPASS_PASSWORD_LOGIN=false"), "\nLocal accounts are off: nobody signs in without a provider, but by a link of dagpass user link.\n"},
		{okta("DAGPASS_PASSWORD_LOGIN=false"), " makes an admin: where the database has none, serve refuses to start.\n"},
		{okta(), " makes an admin: where the database has none, serve logs a setup token.\n"},
		{
			[]string{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD=" + aPassword},
			" makes an admin: where the database has none, serve makes that of DAGPASS_BOOTSTRAP_ADMIN_USERNAME.\n",
		},
		{okta("DAGPASS_MFA=off", mfa), "\nSecond factors: off; nobody is asked for one.\n"},
		{okta("DAGPASS_MFA=required"), "\nSecond factors: local accounts must have one.\n"},
		{okta(mfa), "\nSecond factors: all accounts, unless their provider says that it has asked for one, are asked for one that they have set up, and must have one if they hold all of admin or editor.\n"},
		{ldap(), "\nldap (ldap)\n  people type name and password: into our sign-in page; nothing to register\n  who gets in:                   whoever the provider vouches for.\n"},
		{cloudflare(), "\nheader (header)\n  the proxy's headers are read:  at http://localhost:3000/auth/start/header alone\n"},
	} {
		if status, said := runWith(tt.environ, "config", "check"); status != exitDone || !strings.Contains(said, tt.want) {
			t.Errorf("%q: no %q in\n%s", tt.environ, tt.want, said)
		}
	}
}
