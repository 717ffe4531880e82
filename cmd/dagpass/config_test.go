package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// okta is the least that starts: one slot.
func okta(more ...string) []string {
	return append([]string{
		"DAGPASS_OIDC_PROVIDERS=okta",
		"DAGPASS_OIDC_OKTA_ISSUER=https://corp.okta.com",
		"DAGPASS_OIDC_OKTA_CLIENT_ID=id",
		"DAGPASS_OIDC_OKTA_CLIENT_SECRET=secret",
	}, more...)
}

// google is a start with Google alone.
func google(more ...string) []string {
	return append([]string{"DAGPASS_GOOGLE_CLIENT_ID=id", "DAGPASS_GOOGLE_CLIENT_SECRET=secret"}, more...)
}

// github is a start with GitHub alone.
func github(more ...string) []string {
	return append([]string{"DAGPASS_GITHUB_CLIENT_ID=id", "DAGPASS_GITHUB_CLIENT_SECRET=secret"}, more...)
}

// ldap is a start with a directory alone.
func ldap(more ...string) []string {
	return append([]string{"DAGPASS_LDAP_URLS=ldaps://dc.corp.com", "DAGPASS_LDAP_BASE_DN=dc=corp,dc=com"}, more...)
}

// cloudflare is a start behind Cloudflare Access alone.
func cloudflare(more ...string) []string {
	return append([]string{
		"DAGPASS_HEADER_LOGIN=cloudflare", "DAGPASS_HEADER_ISSUER=https://corp.cloudflareaccess.com", "DAGPASS_HEADER_AUDIENCE=aud",
	}, more...)
}

// aKey is a good secret key.
var aKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// problemsOf loads an environment that must be refused.
func problemsOf(t *testing.T, environ []string) []string {
	t.Helper()
	_, err := loadConfig(environ, "")
	var config *configError
	if err != nil && !errors.As(err, &config) {
		t.Fatalf("%v is no configError", err)
	}
	if err == nil {
		return nil
	}
	return config.problems
}

func mustLoad(t *testing.T, environ []string, dotenv string) Config {
	t.Helper()
	cfg, err := loadConfig(environ, dotenv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestConfigDefaults(t *testing.T) {
	c := mustLoad(t, okta(), "")
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"LISTEN", c.Listen, "127.0.0.1:3000"},
		{"PUBLIC_URL", c.site("3000").Link("/"), "http://localhost:3000/"},
		{"UPSTREAM", c.upstream.String(), "http://127.0.0.1:3001"},
		{"UPSTREAM_NAME", c.UpstreamName, "dagster"},
		{"DATABASE_URL", c.databaseFile(), "dagpass.db"},
		{"SESSION_TTL", c.SessionTTL, 24 * time.Hour},
		{"SESSION_IDLE", c.SessionIdle, 8 * time.Hour},
		{"LOG_LEVEL", c.LogLevel, "info"},
		{"DEFAULT_ROLE", c.DefaultRole, "viewer"},
		{"ENFORCE", c.Enforce, true},
		{"RUN_LABEL", c.RunLabel, "email"},
		{"PASSWORD_LOGIN", c.PasswordLogin, true},
		{"MFA", c.MFA, "optional"},
		{"RATE_LIMIT_ATTEMPTS", c.Attempts, 5},
		{"RATE_LIMIT_WINDOW", c.Window, 5 * time.Minute},
		{"ALB_HEADERS", c.ALBHeaders, false},
		{"AUDIT_RETENTION", c.AuditRetention, time.Duration(0)},
		{"AUDIT_FILE", c.AuditFile, ""},
		{"AUDIT_FILE_MAX_MB", c.AuditFileMaxMB, 100},
		{"AUDIT_FILE_KEEP", c.AuditFileKeep, 10},
		{"AUDIT_PSEUDONYM_KEY", c.AuditKey, models.Secret("")},
		{"TRUSTED_PROXIES", len(c.trusted), 0},
		{"GOOGLE_ISSUER", c.Google.Issuer, "https://accounts.google.com"},
		{"GITHUB_URL", c.GitHub.URL, "https://github.com"},
		{"OIDC_OKTA_SCOPES", c.OIDC[0].Scopes, "openid profile email"},
		{"OIDC_OKTA_GROUPS_CLAIM", c.OIDC[0].GroupsClaim, "groups"},
		{"OIDC_OKTA_EMAIL_VERIFIED", c.OIDC[0].EmailVerified, "required"},
		{"providers", len(c.providers()), 1},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

const (
	needsKey    = "DAGPASS_SECRET_KEY is required with https or PostgreSQL; make one with: openssl rand -base64 32"
	badAuditKey = "DAGPASS_AUDIT_PSEUDONYM_KEY must be base64 of 32 bytes or more, and one key"
	badKey      = "DAGPASS_SECRET_KEY must be base64 of 32 bytes or more, or a comma-separated list of such"
	noProvider  = "DAGPASS_PASSWORD_LOGIN is false and no identity provider is configured, so nobody could sign in; set DAGPASS_GOOGLE_CLIENT_ID, DAGPASS_GITHUB_CLIENT_ID, DAGPASS_OIDC_PROVIDERS or DAGPASS_LDAP_URLS"
	notHTTPS    = "DAGPASS_PUBLIC_URL must be https: without it anybody on the way can take over a session (http is for loopback only)"
	notAURL     = "DAGPASS_PUBLIC_URL must be what people type into the browser, such as https://dagster.example.com"
	notHost     = "must be host:port, such as 127.0.0.1:3000"
	notPlain    = "DAGPASS_PUBLIC_URL must be scheme, host and path alone"
)

func TestConfigRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		environ []string
		want    []string
	}{
		{"no provider", []string{"DAGPASS_PASSWORD_LOGIN=false"}, []string{noProvider}},
		{"no provider, because its variables are empty", []string{"DAGPASS_PASSWORD_LOGIN=false", "DAGPASS_GOOGLE_CLIENT_ID=", "DAGPASS_OIDC_PROVIDERS="}, []string{noProvider}},
		{"half of Google", []string{"DAGPASS_GOOGLE_CLIENT_ID=id"}, []string{"DAGPASS_GOOGLE_CLIENT_SECRET is missing"}},
		{"the other half of Google", []string{"DAGPASS_GOOGLE_CLIENT_SECRET=s"}, []string{"DAGPASS_GOOGLE_CLIENT_ID is missing"}},
		{"a list for Google and no more", okta("DAGPASS_GOOGLE_ALLOWED_DOMAINS=corp.com"), []string{"DAGPASS_GOOGLE_CLIENT_ID is missing", "DAGPASS_GOOGLE_CLIENT_SECRET is missing"}},
		{"half of GitHub", []string{"DAGPASS_GITHUB_CLIENT_ID=id"}, []string{"DAGPASS_GITHUB_CLIENT_SECRET is missing"}},
		{"GitHub's secret is empty", []string{"DAGPASS_GITHUB_CLIENT_ID=id", "DAGPASS_GITHUB_CLIENT_SECRET="}, []string{"DAGPASS_GITHUB_CLIENT_SECRET is missing"}},
		{"a slot without anything", []string{"DAGPASS_OIDC_PROVIDERS=okta"}, []string{
			"DAGPASS_OIDC_OKTA_CLIENT_ID is missing", "DAGPASS_OIDC_OKTA_CLIENT_SECRET is missing", "DAGPASS_OIDC_OKTA_ISSUER is missing",
		}},
		{"a slot without its issuer", []string{"DAGPASS_OIDC_PROVIDERS=my-okta", "DAGPASS_OIDC_MY_OKTA_CLIENT_ID=id", "DAGPASS_OIDC_MY_OKTA_CLIENT_SECRET=s"}, []string{
			"DAGPASS_OIDC_MY_OKTA_ISSUER is missing",
		}},
		{"slot twice", append(okta(), "DAGPASS_OIDC_PROVIDERS=okta, okta"), []string{`DAGPASS_OIDC_PROVIDERS names "okta" twice`}},
		{"slots that share variables", []string{
			"DAGPASS_OIDC_PROVIDERS=a-b,a_b", "DAGPASS_OIDC_A_B_ISSUER=https://a.example.com", "DAGPASS_OIDC_A_B_CLIENT_ID=id", "DAGPASS_OIDC_A_B_CLIENT_SECRET=s",
		}, []string{`DAGPASS_OIDC_PROVIDERS: "a-b" and "a_b" would share the variables DAGPASS_OIDC_A_B_*`}},
		{"slot names of ours", []string{"DAGPASS_OIDC_PROVIDERS=google,github,ldap,header,password"}, []string{
			`DAGPASS_OIDC_PROVIDERS: "google" is a name that Dagpass uses itself`,
			`DAGPASS_OIDC_PROVIDERS: "github" is a name that Dagpass uses itself`,
			`DAGPASS_OIDC_PROVIDERS: "ldap" is a name that Dagpass uses itself`,
			`DAGPASS_OIDC_PROVIDERS: "header" is a name that Dagpass uses itself`,
			`DAGPASS_OIDC_PROVIDERS: "password" is a name that Dagpass uses itself`,
			"DAGPASS_OIDC_GOOGLE_CLIENT_ID is missing", "DAGPASS_OIDC_GOOGLE_CLIENT_SECRET is missing", "DAGPASS_OIDC_GOOGLE_ISSUER is missing",
			"DAGPASS_OIDC_GITHUB_CLIENT_ID is missing", "DAGPASS_OIDC_GITHUB_CLIENT_SECRET is missing", "DAGPASS_OIDC_GITHUB_ISSUER is missing",
			"DAGPASS_OIDC_LDAP_CLIENT_ID is missing", "DAGPASS_OIDC_LDAP_CLIENT_SECRET is missing", "DAGPASS_OIDC_LDAP_ISSUER is missing",
			"DAGPASS_OIDC_HEADER_CLIENT_ID is missing", "DAGPASS_OIDC_HEADER_CLIENT_SECRET is missing", "DAGPASS_OIDC_HEADER_ISSUER is missing",
			"DAGPASS_OIDC_PASSWORD_CLIENT_ID is missing", "DAGPASS_OIDC_PASSWORD_CLIENT_SECRET is missing", "DAGPASS_OIDC_PASSWORD_ISSUER is missing",
		}},
		{"issuer over http", okta("DAGPASS_OIDC_OKTA_ISSUER=http://corp.okta.com"), []string{"DAGPASS_OIDC_OKTA_ISSUER must be https (http is for loopback only)"}},
		{"issuer without a scheme", okta("DAGPASS_OIDC_OKTA_ISSUER=corp.okta.com"), []string{"DAGPASS_OIDC_OKTA_ISSUER must be an https address"}},
		{"issuer with a query", okta("DAGPASS_OIDC_OKTA_ISSUER=https://corp.okta.com?x=y"), []string{"DAGPASS_OIDC_OKTA_ISSUER must be an https address"}},
		{"GitHub over http", github("DAGPASS_GITHUB_URL=http://github.corp.com"), []string{"DAGPASS_GITHUB_URL must be https (http is for loopback only)"}},
		{"no openid scope", okta("DAGPASS_OIDC_OKTA_SCOPES=profile email"), []string{"DAGPASS_OIDC_OKTA_SCOPES must contain openid"}},
		{"e-mail policy", okta("DAGPASS_OIDC_OKTA_EMAIL_VERIFIED=false"), []string{"DAGPASS_OIDC_OKTA_EMAIL_VERIFIED must be required or trusted"}},
		{"not an address", okta("DAGPASS_OIDC_OKTA_ALLOWED_EMAILS=a@b.c,corp.com"), []string{`DAGPASS_OIDC_OKTA_ALLOWED_EMAILS: "corp.com" is not an e-mail address`}},
		{"not a domain", google("DAGPASS_GOOGLE_ALLOWED_DOMAINS=@corp.com"), []string{`DAGPASS_GOOGLE_ALLOWED_DOMAINS: "@corp.com" must be written without @`}},
		{"not an organisation", github("DAGPASS_GITHUB_ALLOWED_ORGS=acme/"), []string{"DAGPASS_GITHUB_ALLOWED_ORGS: an entry is org or org/team"}},
		{"a list of nothing", okta("DAGPASS_OIDC_OKTA_ALLOWED_GROUPS= , "), []string{"DAGPASS_OIDC_OKTA_ALLOWED_GROUPS is blank"}},
		{"not an admin's address", okta("DAGPASS_ADMIN_EMAILS=@corp.com"), []string{`DAGPASS_ADMIN_EMAILS: "@corp.com" is not an e-mail address`}},

		{"http in public", okta("DAGPASS_PUBLIC_URL=http://dagster.corp.com"), []string{notHTTPS}},
		{"no scheme", okta("DAGPASS_PUBLIC_URL=dagster.corp.com"), []string{notAURL}},
		{"no host", okta("DAGPASS_PUBLIC_URL=https://:8443", "DAGPASS_SECRET_KEY="+aKey), []string{notAURL}},
		{"not a URL at all", okta("DAGPASS_PUBLIC_URL=https://[::1"), []string{notAURL, needsKey}},
		{"a URL with more", okta("DAGPASS_PUBLIC_URL=https://dagster.corp.com/?a=b", "DAGPASS_SECRET_KEY="+aKey), []string{notPlain}},
		{"a URL with a user", okta("DAGPASS_PUBLIC_URL=https://me@dagster.corp.com", "DAGPASS_SECRET_KEY="+aKey), []string{notPlain}},
		{"an escaped path", okta("DAGPASS_PUBLIC_URL=https://dagster.corp.com/a%2Fb", "DAGPASS_SECRET_KEY="+aKey), []string{"DAGPASS_PUBLIC_URL must have a plain path"}},
		{"a bad public URL is no mismatch too", okta("DAGPASS_PUBLIC_URL=http://dagster.corp.com/d", "DAGPASS_UPSTREAM=http://127.0.0.1:3001/d"), []string{notHTTPS}},
		{"https without a key", okta("DAGPASS_PUBLIC_URL=https://dagster.corp.com"), []string{needsKey}},
		{"PostgreSQL without a key", okta("DAGPASS_DATABASE_URL=postgres://u:p@db/dagpass"), []string{needsKey}},
		{"a key of nothing", okta("DAGPASS_PUBLIC_URL=https://dagster.corp.com", "DAGPASS_SECRET_KEY=,"), []string{"DAGPASS_SECRET_KEY is blank", needsKey}},
		{"a short key", okta("DAGPASS_SECRET_KEY=c2hvcnQ="), []string{badKey}},
		{"a key that is no base64", okta("DAGPASS_SECRET_KEY=" + strings.Repeat("~", 64)), []string{badKey}},
		{"one of two keys is short", okta("DAGPASS_SECRET_KEY=" + aKey + ",c2hvcnQ="), []string{badKey}},
		{"another database", okta("DAGPASS_DATABASE_URL=mysql://u:p@db/dagpass", "DAGPASS_SECRET_KEY="+aKey), []string{"DAGPASS_DATABASE_URL must begin with sqlite: or postgres://"}},
		{"almost PostgreSQL", okta("DAGPASS_DATABASE_URL=postgres:u:p@db", "DAGPASS_SECRET_KEY="+aKey), []string{"DAGPASS_DATABASE_URL must begin with sqlite: or postgres://"}},
		{"a password with special characters", okta("DAGPASS_DATABASE_URL=postgres://u:a/b@db/dagpass", "DAGPASS_SECRET_KEY="+aKey), []string{"DAGPASS_DATABASE_URL is not a URL; percent-encode the special characters of the password"}},
		{"a password that looks like a port and a path", okta("DAGPASS_DATABASE_URL=postgres://u:12/b@db/dagpass", "DAGPASS_SECRET_KEY="+aKey), []string{"DAGPASS_DATABASE_URL is not a URL; percent-encode the special characters of the password"}},
		{"SQLite without a file", okta("DAGPASS_DATABASE_URL=sqlite:"), []string{"DAGPASS_DATABASE_URL must name a file: sqlite:dagpass.db or sqlite:/var/lib/dagpass/dagpass.db"}},
		{"SQLite in memory", okta("DAGPASS_DATABASE_URL=sqlite::memory:"), []string{"DAGPASS_DATABASE_URL must name a file: sqlite:dagpass.db or sqlite:/var/lib/dagpass/dagpass.db"}},
		{"SQLite with a host", okta("DAGPASS_DATABASE_URL=sqlite://host/file"), []string{"DAGPASS_DATABASE_URL must name a file: sqlite:dagpass.db or sqlite:/var/lib/dagpass/dagpass.db"}},

		{"addresses to listen on", okta("DAGPASS_LISTEN=3000", "DAGPASS_METRICS_LISTEN=localhost:http"), []string{"DAGPASS_LISTEN " + notHost, "DAGPASS_METRICS_LISTEN " + notHost}},
		{"a port that is none", okta("DAGPASS_LISTEN=127.0.0.1:70000"), []string{"DAGPASS_LISTEN " + notHost}},
		{"upstream", okta("DAGPASS_UPSTREAM=127.0.0.1:3001"), []string{"DAGPASS_UPSTREAM is not a URL"}},
		{"prefix at one end", okta("DAGPASS_PUBLIC_URL=https://corp.com/dagster", "DAGPASS_SECRET_KEY="+aKey), []string{
			`DAGPASS_PUBLIC_URL has the path "/dagster" and DAGPASS_UPSTREAM "": they must be the same, for Dagster writes its prefix into its pages; start it with --path-prefix /dagster and give both addresses that path`,
		}},
		{"prefix at the other end", okta("DAGPASS_UPSTREAM=http://127.0.0.1:3001/dagster"), []string{
			`DAGPASS_PUBLIC_URL has the path "" and DAGPASS_UPSTREAM "/dagster": they must be the same, for Dagster writes its prefix into its pages; start it with --path-prefix /dagster and give both addresses that path`,
		}},
		{"proxies", okta("DAGPASS_TRUSTED_PROXIES=10.0.0.0/8,*"), []string{`DAGPASS_TRUSTED_PROXIES: "*" is not an address or a network such as 10.0.0.0/8`}},
		{"lifetimes", okta("DAGPASS_SESSION_TTL=24", "DAGPASS_SESSION_IDLE=soon"), []string{
			"DAGPASS_SESSION_IDLE is not a duration such as 30m or 24h", "DAGPASS_SESSION_TTL is not a duration such as 30m or 24h",
			"DAGPASS_SESSION_TTL must be between 1m and 8760h", "DAGPASS_SESSION_IDLE must be 1m or more",
		}},
		{"lifetimes out of reason", okta("DAGPASS_SESSION_TTL=9000h", "DAGPASS_SESSION_IDLE=-1h"), []string{
			"DAGPASS_SESSION_TTL must be between 1m and 8760h", "DAGPASS_SESSION_IDLE must be 1m or more",
		}},
		{"a switch", okta("DAGPASS_ALB_HEADERS=on"), []string{"DAGPASS_ALB_HEADERS is not true or false"}},
		{"logs", okta("DAGPASS_LOG_FORMAT=xml", "DAGPASS_LOG_LEVEL=chatty"), []string{
			"DAGPASS_LOG_FORMAT must be text or json", "DAGPASS_LOG_LEVEL must be debug, info, warn or error",
		}},

		{"everybody an admin", okta("DAGPASS_DEFAULT_ROLE=admin"), []string{"DAGPASS_DEFAULT_ROLE: default role: admin is not accepted, for everybody let in would be one"}},
		{"a label nobody knows", okta("DAGPASS_RUN_LABEL=id"), []string{"DAGPASS_RUN_LABEL must be email, name or pseudonym"}},
		{"neither true nor false", okta("DAGPASS_ENFORCE=maybe"), []string{"DAGPASS_ENFORCE is not true or false"}},
		{"a default role that is none", okta("DAGPASS_DEFAULT_ROLE=owner"), []string{`DAGPASS_DEFAULT_ROLE: default role: "owner" is neither built in nor a role of the policy file`}},
		{"policy", okta("DAGPASS_POLICY=grants: [{ slot: dex, group: a, role: owner }]"), []string{
			`DAGPASS_POLICY: grant 1: role "owner" is not a role`, `DAGPASS_POLICY: grant 1: slot "dex" is not a configured provider`,
		}},
		{"policy with locations that name none", okta("DAGPASS_POLICY=grants: [{ group: a, role: viewer, locations: [] }]"), []string{
			"DAGPASS_POLICY: grant 1: locations is empty",
		}},
		{"groups of two slots", []string{
			"DAGPASS_OIDC_PROVIDERS=a,b",
			"DAGPASS_OIDC_A_ISSUER=https://a.example.com", "DAGPASS_OIDC_A_CLIENT_ID=id", "DAGPASS_OIDC_A_CLIENT_SECRET=s",
			"DAGPASS_OIDC_B_ISSUER=https://b.example.com", "DAGPASS_OIDC_B_CLIENT_ID=id", "DAGPASS_OIDC_B_CLIENT_SECRET=s",
			"DAGPASS_POLICY=grants: [{ group: data, role: viewer }]",
		}, []string{`DAGPASS_POLICY: grant 1: group "data" must name its slot, for several providers send groups: a, b`}},

		{"unknown names, with the nearest", okta("DAGPASS_LISTN=x", "DAGPASS_GOGGLE_CLIENT_ID=x", "DAGPASS_OIDC_OKTA_CLIENTID=x", "DAGPASS_QUITE_ANOTHER=x", "DAGPASS_SESSION_TDLL=x"), []string{
			"DAGPASS_GOGGLE_CLIENT_ID is not a setting; did you mean DAGPASS_GOOGLE_CLIENT_ID?",
			"DAGPASS_LISTN is not a setting; did you mean DAGPASS_LISTEN?",
			"DAGPASS_OIDC_OKTA_CLIENTID is not a setting; did you mean DAGPASS_OIDC_OKTA_CLIENT_ID?",
			"DAGPASS_QUITE_ANOTHER is not a setting",
			"DAGPASS_SESSION_TDLL is not a setting; did you mean DAGPASS_SESSION_IDLE?", // of two as near, always the same
		}},
		{"settings of a slot that is not listed", okta("DAGPASS_OIDC_KEYCLOAK_CLIENT_SECRET=x"), []string{
			"DAGPASS_OIDC_KEYCLOAK_CLIENT_SECRET is not a setting; is its slot missing in DAGPASS_OIDC_PROVIDERS?",
		}},
		{"a setting of a later release", okta("DAGPASS_WEBHOOK_URL=https://corp.com"), []string{"DAGPASS_WEBHOOK_URL is not a setting"}},
		{"a name in lower case", okta("DAGPASS_listen=x"), []string{"DAGPASS_listen is not a setting"}},
		{"half of an admin", []string{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss"}, []string{"DAGPASS_BOOTSTRAP_ADMIN_PASSWORD is missing"}},
		{"the other half", []string{"DAGPASS_BOOTSTRAP_ADMIN_PASSWORD=correct horse battery"}, []string{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME is missing"}},
		{"an admin with a password where none sign in", okta("DAGPASS_PASSWORD_LOGIN=false", "DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss"), []string{
			"DAGPASS_BOOTSTRAP_ADMIN_USERNAME and _PASSWORD make a local account, and DAGPASS_PASSWORD_LOGIN is false; leave out the one or the other",
		}},
		{"an admin with a password that is tried first", []string{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD=Password12345"}, []string{
			"DAGPASS_BOOTSTRAP_ADMIN_PASSWORD: This password is one of those that are tried first. Please choose another one.",
		}},
		{"an admin with a short password", []string{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD=Xa9!Xb8?"}, []string{
			"DAGPASS_BOOTSTRAP_ADMIN_PASSWORD: A password has 12 characters or more.",
		}},
		{"an admin with a name that is none", []string{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME=the boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD=correct horse battery"}, []string{
			"DAGPASS_BOOTSTRAP_ADMIN_USERNAME: A name has 1 to 64 letters, digits or marks, and no blanks; with an @ it is the account's e-mail address.",
		}},
		{"admins whom nobody vouches for", []string{"DAGPASS_ADMIN_EMAILS=a@b.c"}, []string{
			"DAGPASS_ADMIN_EMAILS and grants of the policy look at what an identity provider says, and none is configured",
		}},
		{"a grant of admin that nobody can have", []string{"DAGPASS_POLICY=grants: [{ email: a@b.c, role: admin }]"}, []string{
			"DAGPASS_ADMIN_EMAILS and grants of the policy look at what an identity provider says, and none is configured",
		}},
		{"factors", okta("DAGPASS_MFA=yes"), []string{"DAGPASS_MFA must be optional, required or off"}},
		{"attempts", okta("DAGPASS_RATE_LIMIT_ATTEMPTS=0", "DAGPASS_RATE_LIMIT_WINDOW=0s"), []string{
			"DAGPASS_RATE_LIMIT_ATTEMPTS must be between 1 and 1000", "DAGPASS_RATE_LIMIT_WINDOW must be between 1s and 24h",
		}},
		{"not a number", okta("DAGPASS_RATE_LIMIT_ATTEMPTS=many", "DAGPASS_PASSWORD_LOGIN=no"), []string{
			"DAGPASS_PASSWORD_LOGIN is not true or false", "DAGPASS_RATE_LIMIT_ATTEMPTS is not a whole number", "DAGPASS_RATE_LIMIT_ATTEMPTS must be between 1 and 1000",
		}},
		{"half of a directory", []string{"DAGPASS_LDAP_URLS=ldaps://dc.corp.com"}, []string{"DAGPASS_LDAP_BASE_DN is missing"}},
		{"the other half of it", []string{"DAGPASS_LDAP_BASE_DN=dc=corp"}, []string{"DAGPASS_LDAP_URLS is missing"}},
		{"a label and no directory", okta("DAGPASS_LDAP_LABEL=Corp"), []string{"DAGPASS_LDAP_URLS is missing", "DAGPASS_LDAP_BASE_DN is missing"}},
		{"half an account that searches", ldap("DAGPASS_LDAP_BIND_DN=cn=a"), []string{"DAGPASS_LDAP_BIND_PASSWORD is missing"}},
		{"its password alone", ldap("DAGPASS_LDAP_BIND_PASSWORD=x"), []string{"DAGPASS_LDAP_BIND_DN is missing"}},
		{"a directory in the clear", []string{"DAGPASS_LDAP_URLS=ldap://dc.corp.com", "DAGPASS_LDAP_BASE_DN=corp", "DAGPASS_LDAP_USER_FILTER=(uid=x)"}, []string{
			`DAGPASS_LDAP_*: "ldap://dc.corp.com" must be ldaps, or use StartTLS (plain ldap is for loopback alone)`,
			`DAGPASS_LDAP_*: base DN: "corp" is no distinguished name`, "DAGPASS_LDAP_*: user filter: {username} is missing",
		}},
		{"a directory's switch", ldap("DAGPASS_LDAP_STARTTLS=on"), []string{"DAGPASS_LDAP_STARTTLS is not true or false"}},
		{"a directory's word", ldap("DAGPASS_LDAP_EMAIL_VERIFIED=true"), []string{"DAGPASS_LDAP_EMAIL_VERIFIED must be required or trusted"}},
		{"an authority that is no file", ldap("DAGPASS_LDAP_CA=x"), []string{"DAGPASS_LDAP_CA must be given as DAGPASS_LDAP_CA_FILE"}},
		{"a header's settings and no header", okta("DAGPASS_HEADER_USER=X-User"), []string{"DAGPASS_HEADER_LOGIN is missing"}},
		{"a proxy nobody knows", []string{"DAGPASS_HEADER_LOGIN=on"}, []string{`DAGPASS_HEADER_LOGIN: "on" is none of iap, cloudflare, dagpass, jwt, alb and plain`}},
		{"half a proxy", []string{"DAGPASS_HEADER_LOGIN=cloudflare", "DAGPASS_HEADER_USER=X-User"}, []string{
			"DAGPASS_HEADER_ISSUER is missing; cloudflare needs it", "DAGPASS_HEADER_AUDIENCE is missing; cloudflare needs it",
			"DAGPASS_HEADER_USER is not read with HEADER_LOGIN=cloudflare",
		}},
		{"plain headers from anywhere", []string{"DAGPASS_HEADER_LOGIN=plain", "DAGPASS_HEADER_USER=X-User"}, []string{
			"DAGPASS_HEADER_FROM is missing; without it anybody could sign in as anybody",
		}},
		{"plain headers from almost anywhere", []string{"DAGPASS_HEADER_LOGIN=plain", "DAGPASS_HEADER_USER=X-User", "DAGPASS_HEADER_FROM=0.0.0.0/0,x"}, []string{
			`DAGPASS_HEADER_FROM: "x" is not an address or a network such as 10.0.0.0/8`, "DAGPASS_HEADER_FROM: 0.0.0.0/0 is too wide; name the proxy's addresses",
		}},
		{"what we say ourselves", []string{
			"DAGPASS_HEADER_LOGIN=dagpass", "DAGPASS_HEADER_ISSUER=https://dagster.example.com/d/auth", "DAGPASS_HEADER_AUDIENCE=dagster",
			"DAGPASS_PUBLIC_URL=https://Dagster.example.com:443/d/", "DAGPASS_UPSTREAM=http://127.0.0.1:3001/d", "DAGPASS_SECRET_KEY=" + aKey,
		}, []string{"DAGPASS_HEADER_ISSUER is what this Dagpass itself issues to Dagster"}},
		{"groups of a directory and a proxy", ldap(cloudflare("DAGPASS_POLICY=grants: [{ group: data, role: viewer }]")...), []string{
			`DAGPASS_POLICY: grant 1: group "data" must name its slot, for several providers send groups: ldap, header`,
		}},
		{"a grant for local accounts, whose addresses prove nothing", okta("DAGPASS_POLICY=grants: [{ slot: password, email: a@b.c, role: admin }]"), []string{
			`DAGPASS_POLICY: grant 1: slot "password" is not a configured provider`,
		}},
		{"a trail of half a minute", okta("DAGPASS_AUDIT_RETENTION=30s"), []string{"DAGPASS_AUDIT_RETENTION must be 24h or more, or 0 to keep everything"}},
		{"a trail of less than nothing", okta("DAGPASS_AUDIT_RETENTION=-24h"), []string{"DAGPASS_AUDIT_RETENTION must be 24h or more, or 0 to keep everything"}},
		{"audit files without a size or a number", okta("DAGPASS_AUDIT_FILE_MAX_MB=0", "DAGPASS_AUDIT_FILE_KEEP=0"), []string{
			"DAGPASS_AUDIT_FILE_MAX_MB must be between 1 and 10000", "DAGPASS_AUDIT_FILE_KEEP must be between 1 and 10000",
		}},
		{"a short key of pseudonyms", okta("DAGPASS_AUDIT_PSEUDONYM_KEY=c2hvcnQ="), []string{badAuditKey}},
		{"two of them", okta("DAGPASS_AUDIT_PSEUDONYM_KEY=" + aKey + "," + aKey), []string{badAuditKey}},
		{"none, and a comma", okta("DAGPASS_AUDIT_PSEUDONYM_KEY=,"), []string{"DAGPASS_AUDIT_PSEUDONYM_KEY is blank"}},
		{"the secret key for pseudonyms", okta("DAGPASS_SECRET_KEY="+aKey, "DAGPASS_AUDIT_PSEUDONYM_KEY="+aKey), []string{"DAGPASS_AUDIT_PSEUDONYM_KEY must be another key than DAGPASS_SECRET_KEY"}},
		{"the database as audit file", okta("DAGPASS_DATABASE_URL=sqlite:/var/lib/d.db", "DAGPASS_AUDIT_FILE=/var/lib/../lib/d.db"), []string{"DAGPASS_AUDIT_FILE must be another file than those of the database"}},
		{"its log as audit file", okta("DAGPASS_AUDIT_FILE=./dagpass.db-wal"), []string{"DAGPASS_AUDIT_FILE must be another file than those of the database"}},
		{"a file with the audit file's name", okta("DAGPASS_AUDIT_FILE_FILE=/no/such/file"), []string{"DAGPASS_AUDIT_FILE_FILE names a file that cannot be read: no such file or directory"}},
		{"all at once", []string{
			"DAGPASS_GITHUB_CLIENT_ID=id", "DAGPASS_OIDC_PROVIDERS=okta,okta", "DAGPASS_PUBLIC_URL=http://dagster.corp.com", "DAGPASS_UPSTREAM=ftp://x",
			"DAGPASS_LOG_LEVEL=loud", "DAGPASS_LITSEN=x", "DAGPASS_SESSION_TTL=x", "DAGPASS_SECRET_KEY=x", "DAGPASS_TRUSTED_PROXIES=x",
		}, []string{
			"DAGPASS_LITSEN is not a setting; did you mean DAGPASS_LISTEN?",
			"DAGPASS_SESSION_TTL is not a duration such as 30m or 24h",
			notHTTPS,
			"DAGPASS_UPSTREAM must begin with http://, https:// or unix://",
			badKey,
			`DAGPASS_TRUSTED_PROXIES: "x" is not an address or a network such as 10.0.0.0/8`,
			"DAGPASS_LOG_LEVEL must be debug, info, warn or error",
			`DAGPASS_OIDC_PROVIDERS names "okta" twice`,
			"DAGPASS_GITHUB_CLIENT_SECRET is missing",
			"DAGPASS_OIDC_OKTA_CLIENT_ID is missing", "DAGPASS_OIDC_OKTA_CLIENT_SECRET is missing", "DAGPASS_OIDC_OKTA_ISSUER is missing",
			"DAGPASS_SESSION_TTL must be between 1m and 8760h",
		}},
	} {
		if got := problemsOf(t, tt.environ); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func TestSlotNames(t *testing.T) {
	for slot, good := range map[string]bool{
		"a": true, "okta": true, "my-okta_2": true, strings.Repeat("a", 32): true,
		strings.Repeat("a", 33): false, "Okta": false, "2okta": false, "-okta": false, "ok.ta": false, "ok ta": false, "ok/ta": false, "öl": false,
	} {
		refused := slices.ContainsFunc(problemsOf(t, []string{"DAGPASS_OIDC_PROVIDERS=" + slot}), func(p string) bool {
			return strings.HasSuffix(p, "is not a slot name (lower-case letters, digits, - and _)")
		})
		if refused == good {
			t.Errorf("slot %q is refused: %v", slot, refused)
		}
	}
}

func TestTrustedEmailIsRefusedInPublic(t *testing.T) {
	const refusal = "DAGPASS_OIDC_OKTA_EMAIL_VERIFIED=trusted is refused at an issuer where anybody can have any address"
	for issuer, refused := range map[string]bool{
		"https://login.microsoftonline.com/8f9b4c6e-0000-4000-8000-000000000000/v2.0": false,
		"https://corp.okta.com":                                                       false,
		"https://login.microsoftonline.com/common/v2.0":                               true,
		"https://login.microsoftonline.com/Organizations/v2.0":                        true,
		"https://login.microsoftonline.com/consumers/v2.0":                            true,
		"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0": true,
		"https://login.microsoftonline.us/common/v2.0":                                true,
		"https://login.partner.microsoftonline.cn/common/v2.0":                        true,
		"https://sts.windows.net/common/":                                             true,
		"https://accounts.google.com":                                                 true,
		"https://gitlab.com":                                                          true,
		"https://GitLab.com.":                                                         true,
		"https://appleid.apple.com":                                                   true,
	} {
		got := problemsOf(t, okta("DAGPASS_OIDC_OKTA_ISSUER="+issuer, "DAGPASS_OIDC_OKTA_EMAIL_VERIFIED=trusted"))
		if slices.Contains(got, refusal) != refused || len(got) > 1 {
			t.Errorf("%s: %q", issuer, got)
		}
	}
}

func TestConfigAccepts(t *testing.T) {
	key := "DAGPASS_SECRET_KEY=" + aKey
	for _, environ := range [][]string{
		google(), github(),
		okta("DAGPASS_PUBLIC_URL=http://localhost:3000"),
		okta("DAGPASS_PUBLIC_URL=http://127.0.0.1:8080/"),
		okta("DAGPASS_PUBLIC_URL=http://[::1]:8080"),
		okta("DAGPASS_PUBLIC_URL=https://dagster.corp.com", key),
		okta("DAGPASS_PUBLIC_URL=https://corp.com/dagster/", "DAGPASS_UPSTREAM=http://127.0.0.1:3001/dagster", key),
		okta("DAGPASS_PUBLIC_URL=https://corp.com/dagster", "DAGPASS_UPSTREAM=unix:///run/d.sock:/dagster", key),
		okta("DAGPASS_DATABASE_URL=postgres://u:p@db:5432/dagpass?sslmode=require", key),
		okta("DAGPASS_DATABASE_URL=postgresql://u:p@h1:5432,h2:5432/dagpass", key),
		okta("DAGPASS_DATABASE_URL=postgres:///dagpass?host=/run/postgresql", key),
		okta("DAGPASS_SECRET_KEY=" + aKey + ", " + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 40))),
		okta("DAGPASS_LISTEN=:0", "DAGPASS_METRICS_LISTEN=[::1]:9090"),
		okta("DAGPASS_OIDC_OKTA_ISSUER=http://127.0.0.1:5556/dex"),
		nil, // local accounts need no provider
		{"DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD=correct horse battery staple"},
		{"DAGPASS_MFA=required", "DAGPASS_RATE_LIMIT_ATTEMPTS=1", "DAGPASS_RATE_LIMIT_WINDOW=24h"},
		okta("DAGPASS_PASSWORD_LOGIN=false", "DAGPASS_MFA=off"),
		okta("DAGPASS_AUDIT_RETENTION=24h", "DAGPASS_AUDIT_FILE=/no/such/dir/audit.jsonl", "DAGPASS_AUDIT_FILE_MAX_MB=1", "DAGPASS_AUDIT_FILE_KEEP=1"),
		okta("DAGPASS_AUDIT_PSEUDONYM_KEY=" + aKey),
		ldap("DAGPASS_PASSWORD_LOGIN=false", "DAGPASS_LDAP_BIND_DN=cn=a", "DAGPASS_LDAP_BIND_PASSWORD=b"),
		{"DAGPASS_LDAP_URLS=ldap://a.corp.com,ldap://b.corp.com", "DAGPASS_LDAP_STARTTLS=true", "DAGPASS_LDAP_BASE_DN=dc=corp,dc=com"},
		ldap("DAGPASS_POLICY=grants: [{ slot: ldap, group: a, role: admin }]"),
		okta(cloudflare("DAGPASS_POLICY=grants: [{ slot: header, group: a, role: admin }]")...),
		{"DAGPASS_HEADER_LOGIN=plain", "DAGPASS_HEADER_USER=X-User", "DAGPASS_HEADER_FROM=10.1.2.3, 10.2.0.0/16"},
		github("DAGPASS_GITHUB_URL=http://localhost:9000", "DAGPASS_GITHUB_ALLOWED_ORGS=acme,acme/data,*"),
		okta("DAGPASS_DEFAULT_ROLE=none", "DAGPASS_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.1,fd00::/8"),
		okta("DAGPASS_DEFAULT_ROLE=operator", "DAGPASS_POLICY=roles: { operator: { extends: viewer } }"),
		okta("DAGPASS_SESSION_TTL=1m", "DAGPASS_SESSION_IDLE=8760h", "DAGPASS_ALB_HEADERS=true"),
		okta("DAGPASS_LISTEN=", "DAGPASS_UPSTREAM_NAME=", "DAGPASS_GOOGLE_CLIENT_ID=", "DAGPASS_DEFAULT_ROLE="), // empty is not set
		okta("DAGSTER_HOME=/x", "PATH=/bin", "DAGPASSWORD=x"),                                                   // not ours
	} {
		if problems := problemsOf(t, environ); problems != nil {
			t.Errorf("%q: %q", environ, problems)
		}
	}
}

// Kubernetes sets these in every pod beside a Service called dagpass, or
// dagpass-postgres.
func TestKubernetesNamesAreIgnored(t *testing.T) {
	mustLoad(t, okta(
		"DAGPASS_SERVICE_HOST=10.0.0.1", "DAGPASS_SERVICE_PORT=3000", "DAGPASS_SERVICE_PORT_HTTP=3000",
		"DAGPASS_PORT=tcp://10.0.0.1:3000", "DAGPASS_PORT_3000_TCP=tcp://10.0.0.1:3000", "DAGPASS_PORT_3000_TCP_PROTO=tcp",
		"DAGPASS_PORT_3000_TCP_PORT=3000", "DAGPASS_PORT_3000_TCP_ADDR=10.0.0.1",
		"DAGPASS_POSTGRES_SERVICE_HOST=10.0.0.2", "DAGPASS_POSTGRES_PORT=tcp://10.0.0.2:5432", "DAGPASS_POSTGRES_PORT_5432_TCP_ADDR=10.0.0.2",
	), "")
	if got := problemsOf(t, okta("DAGPASS_PORT=3000")); len(got) != 1 {
		t.Errorf("a port that somebody wrote: %q", got)
	}
}

func tempFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Wherever a value comes from, the environment wins over the .env file, and
// within one of them a name is given once. It runs often enough to notice an
// answer that depends on the order of a map.
func TestWhereValuesComeFrom(t *testing.T) {
	file := tempFile(t, "name", "from-file\r\n")
	for _, tt := range []struct {
		name           string
		environ, lines string // one name each, or none
		want           string
	}{
		{"neither", "", "", "dagster"},
		{"environment", "DAGPASS_UPSTREAM_NAME=env", "", "env"},
		{"environment's file", "DAGPASS_UPSTREAM_NAME_FILE=" + file, "", "from-file"},
		{".env", "", "DAGPASS_UPSTREAM_NAME=dot", "dot"},
		{".env's file", "", "DAGPASS_UPSTREAM_NAME_FILE=" + file, "from-file"},
		{"both", "DAGPASS_UPSTREAM_NAME=env", "DAGPASS_UPSTREAM_NAME=dot", "env"},
		{"environment, .env's file", "DAGPASS_UPSTREAM_NAME=env", "DAGPASS_UPSTREAM_NAME_FILE=" + file, "env"},
		{"environment's file, .env", "DAGPASS_UPSTREAM_NAME_FILE=" + file, "DAGPASS_UPSTREAM_NAME=dot", "from-file"},
		{"quoted, with others' names", "", "# comment\nOTHER=x\nexport DAGPASS_UPSTREAM_NAME=\"a b\"", "a b"},
	} {
		dotenv := tempFile(t, ".env", tt.lines)
		for range 20 {
			if got := mustLoad(t, okta(tt.environ), dotenv).UpstreamName; got != tt.want {
				t.Fatalf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	file, dotenv := tempFile(t, "name", "x"), tempFile(t, ".env", "DAGPASS_UPSTREAM_NAME=x\nDAGPASS_UPSTREAM_NAME_FILE=x")
	broken := tempFile(t, ".env", "DAGPASS_SECRET_KEY=\"canary")
	for _, tt := range []struct {
		environ []string
		dotenv  string
		want    string
	}{
		{okta("DAGPASS_UPSTREAM_NAME=x", "DAGPASS_UPSTREAM_NAME_FILE="+file), "", "DAGPASS_UPSTREAM_NAME and DAGPASS_UPSTREAM_NAME_FILE are both set; keep one"},
		{okta(), dotenv, "DAGPASS_UPSTREAM_NAME and DAGPASS_UPSTREAM_NAME_FILE are both set; keep one"},
		{okta("DAGPASS_SECRET_KEY_FILE=/no/such/file"), "", "DAGPASS_SECRET_KEY_FILE names a file that cannot be read: no such file or directory"},
		{okta("DAGPASS_SECRET_KEY_FILE=" + filepath.Dir(file)), "", "DAGPASS_SECRET_KEY_FILE names a file that cannot be read: is a directory"},
		{okta("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS_FILE=" + tempFile(t, "domains", "\n")), "", "DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS_FILE names a file that is empty"},
		{okta(), broken, broken + " cannot be read as NAME=value lines"},
		{okta(), filepath.Dir(file), filepath.Dir(file) + " cannot be read as NAME=value lines"},
		{okta("DAGPASS_LISTN_FILE=" + file), "", "DAGPASS_LISTN is not a setting; did you mean DAGPASS_LISTEN?"},
	} {
		_, err := loadConfig(tt.environ, tt.dotenv)
		if err == nil || !strings.HasSuffix(err.Error(), "\n  - "+tt.want) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%v\nwant %s", err, tt.want)
		}
	}
}

func TestPolicyFile(t *testing.T) {
	file := tempFile(t, "policy.yaml", "grants: [{ email: a@b.c, role: admin }]\n")
	if c := mustLoad(t, okta("DAGPASS_POLICY_FILE="+file), ""); c.PolicyPath != file || !c.policy.CanMakeAdmin() {
		t.Errorf("path %q, admin %v", c.PolicyPath, c.policy.CanMakeAdmin())
	}
}

// secretNames are the settings that must never be printed.
func secretNames(of reflect.Type, prefix string) []string {
	var names []string
	for i := range of.NumField() {
		f := of.Field(i)
		switch {
		case f.Type == reflect.TypeFor[models.Secret]():
			names = append(names, prefix+f.Tag.Get("env"))
		case f.Type.Kind() == reflect.Struct && f.IsExported():
			names = append(names, secretNames(f.Type, prefix+f.Tag.Get("envPrefix"))...)
		}
	}
	return names
}

const canary = "cAnArY0123456789cAnArY0123456789cAnArY"

// TestSecretsAreNotPrinted puts a canary into each secret, good or not, and
// looks for it in everything that is said.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	values := map[string][]string{
		"SECRET_KEY": {base64.StdEncoding.EncodeToString([]byte(canary)), canary[:31], canary + "," + canary, "\"" + canary},
		"DATABASE_URL": {
			"postgres://user:" + canary + "@db/dagpass", "postgres://" + canary + "@db/dagpass", "postgres://db/dagpass?password=" + canary,
			"postgres:///dagpass?user=a&password=a@" + canary, "postgres://user:12?" + canary + "@db/dagpass", "postgres://user:12#" + canary + "@db/dagpass",
			"postgres://user:a/" + canary + "@db/dagpass", "postgres://user:" + canary + "@db:port/dagpass", "mysql://user:" + canary + "@db", canary,
			"postgres://user:%zz" + canary + "@db/dagpass",
		},
	}
	names := append(secretNames(reflect.TypeFor[Config](), ""), secretNames(reflect.TypeFor[OIDCConfig](), "OIDC_OKTA_")...)
	if len(names) != 9 {
		t.Errorf("secrets are %v", names)
	}
	for _, name := range names {
		for _, value := range append(values[name], canary, canary+"\n"+canary, "") {
			for _, setting := range []string{"DAGPASS_" + name + "=" + value, "DAGPASS_" + name + "_FILE=" + tempFile(t, "secret", value)} {
				for _, other := range []string{"DAGPASS_LOG_LEVEL=info", "DAGPASS_LOG_LEVEL=wrong", "DAGPASS_PUBLIC_URL=https://dagster.corp.com"} {
					mentionsNoCanary(t, append(okta(other), google(github(setting)...)...))
				}
			}
		}
	}
}

func mentionsNoCanary(t *testing.T, environ []string) {
	t.Helper()
	if given, ok := strings.CutSuffix(environ[len(environ)-1], "_FILE"); ok {
		environ = without(environ, given+"=")
	}
	cfg, err := loadConfig(environ, "")
	said := fmt.Sprintf("%v %+v %#v %+v", err, cfg, cfg.OIDC, cfg.providers())
	for _, verb := range [][]string{{"config", "check"}} {
		status, out := runWith(environ, verb...)
		if (status == exitDone) != (err == nil) {
			t.Errorf("status %d, error %v", status, err)
		}
		said += out
	}
	for _, word := range []string{canary, canary[:31], base64.StdEncoding.EncodeToString([]byte(canary))} {
		if strings.Contains(said, word) {
			t.Errorf("%q: the secret is printed: %s", environ[len(environ)-1], said)
		}
	}
}

// runWith runs the program as the shell does, with an environment of its own.
func runWith(environ []string, args ...string) (status int, said string) {
	var out bytes.Buffer
	status = run(context.Background(), args, environ, stdio{In: strings.NewReader(""), Out: &out, Err: &out})
	return status, out.String()
}

// A bad configuration is exit status 2, whatever the verb, and nothing has been
// started or made.
func TestBadConfigurationStartsNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, args := range [][]string{{"serve"}, {"config", "check"}, {"migrate"}, {"user", "list"}, {"backup", "copy.db"}, {"audit", "verify"}} {
		status, said := runWith([]string{"DAGPASS_GITHUB_CLIENT_ID=id", "DAGPASS_LISTN=x"}, args...)
		want := "dagpass: the configuration has problems:\n  - DAGPASS_LISTN is not a setting; did you mean DAGPASS_LISTEN?\n  - DAGPASS_GITHUB_CLIENT_SECRET is missing\n"
		if status != exitUsage || said != want {
			t.Errorf("%v: status %d, %s", args, status, said)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

func TestDotenvIsReadInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".env", []byte("DAGPASS_UPSTREAM_NAME=from-dotenv\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, said := runWith(okta(), "config", "check"); status != exitDone || !strings.Contains(said, "from-dotenv") {
		t.Errorf("status %d: %s", status, said)
	}
}

// TestConfigCheck is what an operator sees, to the letter.
func TestConfigCheck(t *testing.T) {
	golden, err := filepath.Abs("testdata/config_check.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	status, said := runWith(okta(google(github(
		"DAGPASS_PUBLIC_URL=https://Corp.com:443/dagster/", "DAGPASS_UPSTREAM=http://127.0.0.1:3001/dagster",
		"DAGPASS_SECRET_KEY="+aKey, "DAGPASS_DATABASE_URL=postgres://dagpass:pw@db:5432/dagpass?sslmode=require",
		"DAGPASS_POLICY=grants: [{ slot: okta, group: data, role: editor }]", "DAGPASS_GOOGLE_ALLOWED_DOMAINS=Corp.com",
		"DAGPASS_GITHUB_ALLOWED_EMAILS=*", "DAGPASS_OIDC_OKTA_LABEL=Corp", "DAGPASS_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.1",
	)...)...), "config", "check")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if status != exitDone || said != string(want) {
		t.Errorf("status %d:\n%s\nwant\n%s", status, said, want)
	}
}

// With nothing set but a provider the key is made beside the database, and the
// port may be unknown.
func TestConfigCheckOfASmallStart(t *testing.T) {
	t.Chdir(t.TempDir())
	_, said := runWith(okta("DAGPASS_LISTEN=127.0.0.1:0", "DAGPASS_ADMIN_EMAILS=boss@corp.com"), "config", "check")
	_, said, _ = strings.Cut(said, "\n\n")
	want := `People open http://localhost:0/
The port is chosen at the start; set DAGPASS_PUBLIC_URL to register an address that stays.
The secret key is kept in dagpass.db.key; back it up with the database.
`
	if !strings.HasPrefix(said, want) {
		t.Errorf("got\n%s\nwant\n%s", said, want)
	}
}

func TestWhoGetsIn(t *testing.T) {
	const onlyNamed = "only ADMIN_EMAILS and people whom a grant of the policy names, for anybody can open an account there."
	for _, tt := range []struct {
		environ []string
		want    string
	}{
		{okta(), "whoever the provider vouches for."},
		{okta("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS=*"), "whoever the provider vouches for."},
		{okta("DAGPASS_DEFAULT_ROLE=none"), "whoever the provider vouches for, if ADMIN_EMAILS or a grant of the policy names them."},
		{okta("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS=corp.com,corp.net", "DAGPASS_OIDC_OKTA_ALLOWED_EMAILS=a@b.c"), "people with a verified address of @corp.com or @corp.net or a@b.c."},
		{okta("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS=corp.com", "DAGPASS_OIDC_OKTA_ALLOWED_GROUPS=Data,Ops"), "people with a verified address of @corp.com and in the group Data or Ops."},
		{okta("DAGPASS_OIDC_OKTA_ISSUER=https://gitlab.com"), onlyNamed},
		{okta("DAGPASS_OIDC_OKTA_ISSUER=https://gitlab.com", "DAGPASS_OIDC_OKTA_ALLOWED_GROUPS=acme"), "people in the group acme."},
		{okta("DAGPASS_OIDC_OKTA_ISSUER=https://login.microsoftonline.com/common/v2.0"), onlyNamed},
		{google(), onlyNamed},
		{google("DAGPASS_GOOGLE_ALLOWED_EMAILS=*"), "WARNING: anybody in the world with an account there."},
		{google("DAGPASS_GOOGLE_ALLOWED_EMAILS=*", "DAGPASS_DEFAULT_ROLE=none"), "WARNING: anybody in the world with an account there, if ADMIN_EMAILS or a grant of the policy names them."},
		{google("DAGPASS_GOOGLE_ALLOWED_EMAILS=*,a@b.c"), "people with a verified address of a@b.c."},
		{github(), onlyNamed},
		{github("DAGPASS_GITHUB_URL=https://www.github.com"), onlyNamed},
		{github("DAGPASS_GITHUB_URL=https://github.corp.com"), "whoever the provider vouches for."},
		{github("DAGPASS_GITHUB_ALLOWED_ORGS=Acme,acme/Data"), "people in the organisation or team acme or acme/data."},
		{github("DAGPASS_GITHUB_ALLOWED_ORGS=*"), "WARNING: anybody in the world with an account there."},
		{ldap(), "whoever the provider vouches for."},
		{ldap("DAGPASS_LDAP_ALLOWED_GROUPS=data"), "people in the group data."},
		{ldap("DAGPASS_LDAP_EMAIL_VERIFIED=trusted", "DAGPASS_LDAP_ALLOWED_EMAILS=a@b.c"), "people with a verified address of a@b.c."},
		{cloudflare(), "whoever the provider vouches for."},
		{cloudflare("DAGPASS_HEADER_ALLOWED_DOMAINS=corp.com", "DAGPASS_HEADER_ALLOWED_GROUPS=data"), "people with a verified address of @corp.com and in the group data."},
		{[]string{
			"DAGPASS_HEADER_LOGIN=jwt", "DAGPASS_HEADER_ISSUER=https://accounts.google.com", "DAGPASS_HEADER_AUDIENCE=x",
			"DAGPASS_HEADER_ASSERTION=X-Jwt", "DAGPASS_HEADER_KEYS_URL=https://www.googleapis.com/oauth2/v3/certs",
		}, onlyNamed},
	} {
		c := mustLoad(t, tt.environ, "")
		if got := c.providers()[0].whoGetsIn(c.DefaultRole); got != tt.want {
			t.Errorf("%q: %s", tt.environ, got)
		}
		if warns := len(c.warnings()) > 0; warns != strings.HasPrefix(tt.want, "WARNING") {
			t.Errorf("%q: warnings %q", tt.environ, c.warnings())
		}
	}
}

// Monitor mode is told at every start, and by config check.
func TestMonitorModeWarns(t *testing.T) {
	t.Chdir(t.TempDir())
	for setting, want := range map[string]bool{"DAGPASS_ENFORCE=false": true, "DAGPASS_ENFORCE=true": false} {
		c := mustLoad(t, okta(setting), "")
		_, said := runWith(okta(setting), "config", "check")
		if len(c.warnings()) == 1 != want || strings.Contains(said, "Monitor mode") != want {
			t.Errorf("%s: warnings %q, config check says %s", setting, c.warnings(), said)
		}
	}
}

// TestGates holds what the lists become against people who knock.
func TestGates(t *testing.T) {
	type person struct {
		email, hd    string
		groups, orgs []string
	}
	for _, tt := range []struct {
		name    string
		environ []string
		who     person
		enters  bool
	}{
		{"Google, domain and hd", google("DAGPASS_GOOGLE_ALLOWED_DOMAINS=Corp.com"), person{email: "a@corp.com", hd: "corp.com"}, true},
		{"Google, no hd", google("DAGPASS_GOOGLE_ALLOWED_DOMAINS=Corp.com"), person{email: "a@corp.com"}, false},
		{"Google, no list", google(), person{email: "a@corp.com", hd: "corp.com"}, false},
		{"OIDC, domain alone", okta("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS=Corp.com"), person{email: "a@corp.com"}, true},
		{"OIDC, other domain", okta("DAGPASS_OIDC_OKTA_ALLOWED_DOMAINS=Corp.com"), person{email: "a@corp.net"}, false},
		{"OIDC, address", okta("DAGPASS_OIDC_OKTA_ALLOWED_EMAILS=A@corp.com"), person{email: "a@corp.com"}, true},
		{"OIDC, group", okta("DAGPASS_OIDC_OKTA_ALLOWED_GROUPS=Data"), person{groups: []string{"Data"}}, true},
		{"OIDC, group in another case", okta("DAGPASS_OIDC_OKTA_ALLOWED_GROUPS=Data"), person{groups: []string{"data"}}, false},
		{"OIDC, no list", okta(), person{}, true},
		{"GitHub, organisation", github("DAGPASS_GITHUB_ALLOWED_ORGS=Acme"), person{email: "a@b.c", orgs: []string{"acme"}}, true},
		{"GitHub, other organisation", github("DAGPASS_GITHUB_ALLOWED_ORGS=Acme"), person{email: "a@b.c", orgs: []string{"evil"}}, false},
	} {
		s := policy.NewSubject("", tt.who.email, true)
		c := mustLoad(t, tt.environ, "")
		s.Hosted = c.providers()[0].kind == "google"
		s.HostedDomain, s.Groups, s.Orgs = tt.who.hd, tt.who.groups, tt.who.orgs
		if reason, ok := c.providers()[0].gate.Admit(s, false); ok != tt.enters {
			t.Errorf("%s: %v, %s", tt.name, ok, reason)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	c := mustLoad(t, okta("DAGPASS_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1,fd00::1"), "")
	if got, want := fmt.Sprint(c.trusted), "[10.0.0.0/8 192.0.2.1/32 fd00::1/128]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Redirect URIs are compared to the letter by providers, and origins by us.
func TestSite(t *testing.T) {
	key := "DAGPASS_SECRET_KEY=" + aKey
	for public, want := range map[string]string{
		"":                              "http://localhost:3000/auth/callback/okta",
		"https://Dagster.Corp.com":      "https://dagster.corp.com/auth/callback/okta",
		"https://dagster.corp.com:443/": "https://dagster.corp.com/auth/callback/okta",
		"https://dagster.corp.com:80":   "https://dagster.corp.com:80/auth/callback/okta",
		"http://localhost:80":           "http://localhost/auth/callback/okta",
		"http://[::1]:80":               "http://[::1]/auth/callback/okta",
		"http://[::1]:8080":             "http://[::1]:8080/auth/callback/okta",
	} {
		c := mustLoad(t, okta(key, "DAGPASS_PUBLIC_URL="+public), "")
		if got := c.site("3000").Link("/auth/callback/okta"); got != want {
			t.Errorf("%q: %s, want %s", public, got, want)
		}
	}
}

// askedFor is every name the loader asks for, the slot's as OIDC_<SLOT>_…, with
// its default.
func askedFor(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	for prefix, target := range map[string]any{"": &Config{}, "OIDC_<SLOT>_": &OIDCConfig{}} {
		params, err := env.GetFieldParamsWithOptions(target, env.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range params {
			names[p.Key] = p.DefaultValue
		}
	}
	l := newLoader()
	l.vars["OIDC_PROVIDERS"] = "slot"
	l.parse()
	for name := range l.names {
		if _, ok := names[strings.ReplaceAll(name, "OIDC_SLOT_", "OIDC_<SLOT>_")]; !ok {
			t.Errorf("the loader asks for %s, which no struct has", name)
		}
	}
	if len(l.names) != len(names) {
		t.Errorf("the loader asks for %d names, the structs have %d", len(l.names), len(names))
	}
	return names
}

// TestSettingsAreDocumented holds the names and defaults against .env.example
// and docs/configuration.md, both ways.
func TestSettingsAreDocumented(t *testing.T) {
	for file, line := range map[string]*regexp.Regexp{
		"../../.env.example":          regexp.MustCompile(`(?m)^# DAGPASS_([A-Z_<>]+)=(.*)$`),
		"../../docs/configuration.md": regexp.MustCompile("(?m)^\\| `DAGPASS_([A-Z_<>]+)` \\|(?: `([^`]*)`)? \\|"),
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := askedFor(t)
		for _, found := range line.FindAllStringSubmatch(string(text), -1) {
			name, value := found[1], found[2]
			if want, ok := names[name]; !ok {
				t.Errorf("%s has DAGPASS_%s, which is not a setting, or has it twice", file, name)
			} else if value != want {
				t.Errorf("%s says that DAGPASS_%s is %q by default, and it is %q", file, name, value, want)
			}
			delete(names, name)
		}
		for name := range names {
			t.Errorf("%s does not have DAGPASS_%s", file, name)
		}
	}
}

// TestErrorCodesAreDocumented holds the fixed words of all rooms against the
// tables of docs/configuration.md, both ways.
func TestErrorCodesAreDocumented(t *testing.T) {
	said := regexp.MustCompile(`NewError\((?:models\.)?Kind\w+, "(\w+)"|\bcode: "(\w+)"|unreadable\("(\w+)"|Reason: "(\w+)"`)
	documented := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| \\d{3} \\|")
	codes := map[string]bool{}
	for _, room := range []string{"models", "identity", "handlers", "handlers/api", "proxy", "dagster"} {
		for _, text := range sources(t, room) {
			for _, found := range said.FindAllStringSubmatch(text, -1) {
				codes[strings.Join(found[1:], "")] = true
			}
		}
	}
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range documented.FindAllStringSubmatch(string(doc), -1) {
		if !codes[found[1]] {
			t.Errorf("docs/configuration.md has %s, which no room says, or has it twice", found[1])
		}
		delete(codes, found[1])
	}
	for code := range codes {
		t.Errorf("docs/configuration.md does not have the code %s", code)
	}
}

// sources are the files of a room without its tests.
func sources(t *testing.T, room string) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../../" + room + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", room, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			all = append(all, string(text))
		}
	}
	return all
}
