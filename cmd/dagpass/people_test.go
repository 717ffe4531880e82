package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

const (
	aPassword     = "seven lazy llamas hum"
	otherPassword = "nine brisk badgers dig"
)

// send sends a form as a page of ours does, and gives the answer's status and
// where it leads.
func (b *person) send(path string, fields ...string) (status int, location string) {
	b.p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res := b.do("POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	return res.StatusCode, res.Header.Get("Location")
}

// enters sends a form that must sign somebody in, with that role.
func (b *person) enters(role, path string, fields ...string) {
	b.p.t.Helper()
	if status, location := b.send(path, fields...); status != http.StatusSeeOther || location != "/" {
		b.p.t.Fatalf("%s: %d %q", path, status, location)
	}
	if got := b.role(); got != role {
		b.p.t.Errorf("%s: the role is %q, want %q", path, got, role)
	}
}

// role is what /auth/me says; empty for a stranger.
func (b *person) role() string {
	var me struct{ Role string }
	_ = json.NewDecoder(b.do("GET", "/auth/me", "").Body).Decode(&me)
	return me.Role
}

// operator runs verbs on a program's database.
type operator struct {
	t       *testing.T
	environ []string
}

func (p *program) operator(database string, more ...string) operator {
	return operator{p.t, replaced([]string{
		"DAGPASS_DATABASE_URL=" + database, "DAGPASS_PUBLIC_URL=" + p.url, "DAGPASS_OIDC_PROVIDERS=oidc", "DAGPASS_OIDC_OIDC_ISSUER=" + p.idp.Issuer,
		"DAGPASS_OIDC_OIDC_CLIENT_ID=x", "DAGPASS_OIDC_OIDC_CLIENT_SECRET=x", "DAGPASS_ADMIN_EMAILS=root@example.com",
		"DAGPASS_SECRET_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}, more...)}
}

// run runs a verb, with what is typed into it.
func (o operator) run(typed string, args ...string) (status int, out, said string) {
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	status = run(ctx, args, o.environ, stdio{In: strings.NewReader(typed), Out: &stdout, Err: &stderr})
	return status, stdout.String(), stderr.String()
}

// must runs a verb that must succeed, and gives what it prints.
func (o operator) must(typed string, args ...string) string {
	o.t.Helper()
	status, out, said := o.run(typed, args...)
	if status != exitDone {
		o.t.Fatalf("%v: status %d, %s", args, status, said)
	}
	return out
}

// token is the last one of a link's address.
func token(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Path != "/auth/link" || u.Query().Get("token") == "" {
		t.Fatalf("no link: %q", address)
	}
	return u.Query().Get("token")
}

// TestLocalAccountVerbs goes through the life of an account.
func TestLocalAccountVerbs(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database)
		o := p.operator(database)
		status, link, said := o.run("", "user", "add", "Ann", "--email", "ann@corp.com", "--role", "launcher")
		if status != exitDone || strings.Count(link, "\n") != 1 || !strings.Contains(said, "It works once, within 72 hours") {
			t.Fatalf("add: %d %s %s", status, link, said)
		}
		ann := p.as("")
		ann.enters("launcher", "/auth/link", "token", token(t, link), "password", aPassword)
		if status, _ := p.as("").send("/auth/link", "token", token(t, link), "password", otherPassword); status != http.StatusBadRequest {
			t.Errorf("the link a second time: %d", status)
		}
		p.as("").enters("launcher", "/auth/login", "username", "ANN", "password", aPassword)

		if out := o.must("", "user", "set-role", "ann", "editor"); out != "assigned editor; in the whole deployment that makes editor\n" {
			t.Errorf("set-role: %s", out)
		}
		p.ends(ann, 5*time.Second)
		if out := o.must(otherPassword+"\r\n", "user", "set-password", "ann"); out != "the password is set; 0 sessions ended\n" {
			t.Errorf("set-password: %s", out)
		}
		if status, _ := p.as("").send("/auth/login", "username", "ann", "password", aPassword); status != http.StatusBadRequest {
			t.Errorf("the former password: %d", status)
		}
		ann = p.as("")
		ann.enters("editor", "/auth/login", "username", "ann@corp.com", "password", otherPassword)

		o.must("", "user", "disable", "ann")
		p.ends(ann, 5*time.Second)
		if status, _, said := o.run("", "user", "link", "ann"); status != exitFailed || !strings.Contains(said, "is disabled") {
			t.Errorf("a link for somebody who is barred: %d %s", status, said)
		}
		o.must("", "user", "enable", "ann")
		ann.enters("editor", "/auth/link", "token", token(t, o.must("", "user", "link", "ann")))
		o.must("", "user", "delete", "ann")
		p.ends(ann, 5*time.Second)
		if status, _ := ann.send("/auth/login", "username", "ann", "password", otherPassword); status != http.StatusBadRequest {
			t.Errorf("whom nobody knows any more: %d", status)
		}
		o.must("", "audit", "verify")
	})
}

// A password of one's own choice is for the account's owner; where an operator
// chooses one it comes from standard input, and by the same rules.
func TestUserAddWithAPassword(t *testing.T) {
	database := storetest.SQLiteURL(t)
	p := start(t, database)
	o := p.operator(database)
	if out := o.must(aPassword+"\nanother line", "user", "add", "bob", "--password-stdin"); out != "" {
		t.Errorf("add: %s", out)
	}
	p.as("").enters("viewer", "/auth/login", "username", "bob", "password", aPassword)
	link := o.must("", "user", "link", "--password", "bob")
	p.as("").enters("viewer", "/auth/link", "token", token(t, link), "password", otherPassword)
	p.as("").enters("viewer", "/auth/login", "username", "bob", "password", otherPassword)
}

// TestVerbsThatRefuse says what is wrong in a sentence, and with which status.
func TestVerbsThatRefuse(t *testing.T) {
	database := storetest.SQLiteURL(t)
	p := start(t, database)
	p.as(providertest.Violet)
	o := p.operator(database)
	o.must("", "user", "add", "ann", "--name", "Same Name")
	o.must("", "user", "add", "bob", "--name", "Same Name", "--role", "admin")
	for _, tt := range []struct {
		args, typed string
		status      int
		want        string
	}{
		{"user add ann", "", exitFailed, "This name is taken."},
		{"user add a\tb", "", exitFailed, "A name has 1 to 64 letters, digits or marks, and no blanks; with an @ it is the account's e-mail address."},
		{"user add eve --email eve", "", exitFailed, "This is not an e-mail address."},
		{"user add eve --role owner", "", exitFailed, "There is no such role."},
		{"user add eve --password-stdin", "", exitFailed, "there is no password on standard input"},
		{"user add", "", exitUsage, `expected "<username>"`},
		{"user set-password ann", "short\n", exitFailed, "A password has 12 characters or more."},
		{"user set-password ann", "Password12345\n", exitFailed, "This password is one of those that are tried first. Please choose another one."},
		{"user set-password ann", "\n", exitFailed, "there is no password on standard input"},
		{"user set-password ann " + aPassword, "", exitUsage, "unexpected argument seven"},
		{"user set-password violet@example.com", aPassword, exitFailed, `"Violet Viewer" has no local account, and so no password`},
		{"user link --password violet@example.com", "", exitFailed, `"Violet Viewer" has no local account, and so no password`},
		{"user set-role ann owner", "", exitFailed, "There is no such role."},
		{"user set-role nobody admin", "", exitFailed, `no account is called "nobody"`},
		{"user delete Same\tName", "", exitFailed, `2 accounts are called "Same Name"; name one by its id (dagpass user list)`},
		{"user merge ann ann", "", exitFailed, "An account cannot be merged with itself, nor with one that is disabled."},
		{"user delete ", "", exitUsage, "an account has no empty name"},
		{"session revoke 0123", "", exitFailed, `no session has the id "0123"`},
		{"session revoke", "", exitUsage, "name a session by its id, or a person by --user"},
		{"session revoke 0123 --user ann", "", exitUsage, "name a session by its id, or a person by --user"},
	} {
		args := strings.Split(tt.args, " ")
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\t", " ")
		}
		status, out, said := o.run(tt.typed, args...)
		if status != tt.status || !strings.HasSuffix(said, "dagpass: "+tt.want+"\n") && (status != exitUsage || !strings.Contains(said, tt.want)) {
			t.Errorf("%s: status %d, %s%s", tt.args, status, out, said)
		}
	}
}

// The last admin stays one, and stays, where nothing else could make one.
func TestVerbsKeepTheLastAdmin(t *testing.T) {
	database := storetest.SQLiteURL(t)
	o := operator{t, []string{"DAGPASS_DATABASE_URL=" + database, "DAGPASS_PUBLIC_URL=http://localhost:3000"}}
	o.must("", "user", "add", "ann", "--role", "admin")
	for _, args := range []string{"set-role ann editor", "disable ann", "delete ann"} {
		if status, _, said := o.run("", append([]string{"user"}, strings.Fields(args)...)...); status != exitFailed || !strings.Contains(said, "This is the last admin.") {
			t.Errorf("%s: %d %s", args, status, said)
		}
	}
	o.must("", "user", "add", "bob", "--role", "admin")
	o.must("", "user", "delete", "ann")
}

// What a role comes to is told with the rules that give more.
func TestSetRoleTellsWhatGivesMore(t *testing.T) {
	database := storetest.SQLiteURL(t)
	p := start(t, database, "DAGPASS_POLICY="+rolesByGroup)
	p.as(providertest.Edgar)
	o := p.operator(database, "DAGPASS_POLICY="+rolesByGroup)
	for _, tt := range []struct{ role, want string }{
		{"viewer", "assigned viewer; in the whole deployment that makes editor\nby grant 2: {group: editors, role: editor}\n"},
		{"admin", "assigned admin; in the whole deployment that makes admin\n"},
		{"none", "assigned none; in the whole deployment that makes editor\nby grant 2: {group: editors, role: editor}\n"},
	} {
		if got := o.must("", "user", "set-role", "edgar@example.com", tt.role); got != tt.want {
			t.Errorf("%s: %s", tt.role, got)
		}
	}
	o.must("", "user", "set-role", "edgar@example.com", "admin")
	out := o.must("", "policy", "explain", "--user", "edgar@example.com", "administer")
	for _, want := range []string{"allowed: administer", "rule     assigned_role: an admin has given it to them", "matches  grant 2"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

// Two accounts of one person become one, and who had them is signed out.
func TestUserMerge(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database)
		violet := p.as(providertest.Violet)
		o := p.operator(database)
		o.must(aPassword, "user", "add", "ann", "--role", "editor", "--password-stdin")
		if out := o.must("", "user", "merge", "violet@example.com", "ann"); out != "accounts at providers that now belong to \"ann\": 1; \"Violet Viewer\" is gone\n" {
			t.Errorf("merge: %s", out)
		}
		p.ends(violet, 5*time.Second)
		if role := p.as(providertest.Violet).role(); role != "editor" {
			t.Errorf("the role is %q", role)
		}
	})
}

// TestSessionVerbs lists who is signed in, and ends it.
func TestSessionVerbs(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database)
		o := p.operator(database)
		o.must(aPassword, "user", "add", "ann", "--password-stdin")
		ann, again, violet := p.as(""), p.as(""), p.as(providertest.Violet)
		ann.enters("viewer", "/auth/login", "username", "ann", "password", aPassword)
		again.enters("viewer", "/auth/login", "username", "ann", "password", aPassword)
		lines := o.sessions("session", "list", "--json")
		if len(lines) != 3 {
			t.Fatalf("%+v", lines)
		}
		mine := o.sessions("session", "list", "--json", "ann")
		if len(mine) != 2 || mine[0].User != "ann" || mine[0].Method != models.MethodPassword || mine[0].ClientIP != "127.0.0.1" && mine[0].ClientIP != "::1" {
			t.Fatalf("%+v", mine)
		}
		if out := o.must("", "session", "list"); strings.Count(out, "\n") != 4 || !strings.Contains(out, "  password ") || !strings.Contains(out, "  oidc ") {
			t.Errorf("list: %s", out)
		}
		o.must("", "session", "revoke", mine[1].ID)
		p.ends(ann, 5*time.Second)
		if again.role() != "viewer" || violet.role() != "viewer" {
			t.Error("others ended too")
		}
		if out := o.must("", "session", "revoke", "--user", "ann"); out != "1 session ended\n" {
			t.Errorf("revoke: %s", out)
		}
		p.ends(again, 5*time.Second)
		if violet.role() != "viewer" {
			t.Error("somebody else's ended too")
		}
	})
}

func (o operator) sessions(args ...string) (lines []sessionLine) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.must("", args...)), &lines); err != nil {
		o.t.Fatal(err)
	}
	return lines
}

// TestUserList shows how somebody signs in, and as what.
func TestUserList(t *testing.T) {
	database := storetest.SQLiteURL(t)
	p := start(t, database)
	p.as(providertest.Violet)
	o := p.operator(database)
	o.must("", "user", "add", "Ann", "--email", "ann@corp.com", "--name", "Ann\x1b[2J", "--role", "editor")
	var lines []userLine
	if err := json.Unmarshal([]byte(o.must("", "user", "list", "--json", "ann@CORP.com")), &lines); err != nil || len(lines) != 1 {
		t.Fatal(err, lines)
	}
	if l := lines[0]; l.Username != "Ann" || l.Role != "editor" || l.Email != "ann@corp.com" || l.Factors != 0 || l.Disabled {
		t.Errorf("%+v", l)
	}
	out := o.must("", "user", "list")
	for _, want := range []string{`"Ann"     "Ann[2J"`, `-         "Violet Viewer"  "violet@example.com"  -`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

var setupLine = regexp.MustCompile(`(?m)^setup token: (\S+)$`)

// TestSetup claims a new installation with the token of the log, once.
func TestSetup(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database, "DAGPASS_ADMIN_EMAILS=")
		said := setupLine.FindStringSubmatch(p.log.String())
		if said == nil {
			t.Fatalf("no token in the log: %s", p.log)
		}
		nobody := p.as("")
		if res := nobody.do("GET", "/runs", "", "Accept", "application/json"); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("Dagster answers %d", res.StatusCode)
		}
		violet := p.as(providertest.Violet)
		if text, _ := io.ReadAll(violet.graphql("{version}").Body); !strings.Contains(string(text), `"setup_required"`) {
			t.Errorf("whom a provider lets in gets %s", text)
		}
		if status, _ := nobody.send("/auth/setup", "token", "guess", "username", "eve", "password", aPassword); status != http.StatusBadRequest {
			t.Errorf("a stranger: %d", status)
		}
		nobody.enters("admin", "/auth/setup", "token", said[1], "username", "boss", "password", aPassword)
		if status, _ := p.as("").send("/auth/setup", "token", said[1], "username", "eve", "password", aPassword); status != http.StatusConflict {
			t.Errorf("the token again: %d", status)
		}
		if res := nobody.do("GET", "/runs", "", "Accept", "text/html"); res.StatusCode != http.StatusOK {
			t.Errorf("Dagster answers the admin %d", res.StatusCode)
		}
		if again := start(t, database, "DAGPASS_ADMIN_EMAILS="); setupLine.MatchString(again.log.String()) {
			t.Error("a token where there is an admin")
		}
	})
}

// TestBootstrap makes an admin once, and never overwrites.
func TestBootstrap(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database, "DAGPASS_ADMIN_EMAILS=", "DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD="+aPassword)
		if setupLine.MatchString(p.log.String()) || strings.Contains(p.log.String(), aPassword) {
			t.Errorf("the log says %s", p.log)
		}
		p.as("").enters("admin", "/auth/login", "username", "boss", "password", aPassword)
		again := start(t, database, "DAGPASS_ADMIN_EMAILS=", "DAGPASS_BOOTSTRAP_ADMIN_USERNAME=boss", "DAGPASS_BOOTSTRAP_ADMIN_PASSWORD="+otherPassword)
		if status, _ := again.as("").send("/auth/login", "username", "boss", "password", otherPassword); status != http.StatusBadRequest {
			t.Errorf("another password: %d", status)
		}
		again.as("").enters("admin", "/auth/login", "username", "boss", "password", aPassword)
	})
}

// TestOAuthOnlyNeedsAnAdmin refuses a start after which nobody could be admin,
// and lets an operator make one of somebody who has signed in before.
func TestOAuthOnlyNeedsAnAdmin(t *testing.T) {
	database := storetest.SQLiteURL(t)
	p := start(t, database)
	p.as(providertest.Violet)
	o := p.operator(database, "DAGPASS_ADMIN_EMAILS=", "DAGPASS_PASSWORD_LOGIN=false", "DAGPASS_LISTEN=127.0.0.1:0", "DAGPASS_UPSTREAM="+p.dagster.URL)
	status, _, said := o.run("", "serve")
	if want := "dagpass: the configuration has problems:\n  - " + noAdmin + "\n"; status != exitUsage || !strings.HasSuffix(said, want) {
		t.Fatalf("status %d, %s", status, said)
	}
	if status, _, said := o.run("", "user", "add", "ann"); status != exitFailed || !strings.Contains(said, errNoAccounts.Error()) {
		t.Errorf("a local account: %d %s", status, said)
	}
	o.must("", "user", "set-role", "violet@example.com", "admin")
	cfg, err := loadConfig(o.environ, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	err = serveWith(ctx, cfg, stdio{Out: io.Discard, Err: io.Discard}, func(net.Addr) { stop() })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestBreakGlass lets in by a link whom nothing else would.
func TestBreakGlass(t *testing.T) {
	database := storetest.SQLiteURL(t)
	before := start(t, database)
	before.operator(database).must(aPassword, "user", "add", "boss", "--role", "admin", "--password-stdin")
	p := start(t, database, "DAGPASS_PASSWORD_LOGIN=false")
	o := p.operator(database, "DAGPASS_PASSWORD_LOGIN=false")
	if status, _ := p.as("").send("/auth/login", "username", "boss", "password", aPassword); status != http.StatusNotFound {
		t.Errorf("a password: %d", status)
	}
	status, link, said := o.run("", "user", "link", "boss")
	if status != exitDone || !strings.Contains(said, "It works once, within 15 minutes; that it was made and who uses it is recorded.") {
		t.Fatalf("link: %d %s", status, said)
	}
	p.as("").enters("admin", "/auth/link", "token", token(t, link))
	if status, _, said := o.run(aPassword, "user", "set-password", "boss"); status != exitFailed || !strings.Contains(said, errNoAccounts.Error()) {
		t.Errorf("a password where none sign in: %d %s", status, said)
	}
}

// A link that leads nowhere is not made.
func TestLinkNeedsAnAddress(t *testing.T) {
	database := storetest.SQLiteURL(t)
	o := operator{t, []string{"DAGPASS_DATABASE_URL=" + database, "DAGPASS_LISTEN=127.0.0.1:0"}}
	status, out, said := o.run("", "user", "add", "ann")
	if status != exitUsage || out != "" || !strings.Contains(said, "set DAGPASS_PUBLIC_URL") {
		t.Errorf("status %d, %s %s", status, out, said)
	}
}

// A line is a password as it was typed, blanks included.
func TestReadLine(t *testing.T) {
	for typed, want := range map[string]string{
		"a b \n": "a b ", "a": "a", "a\r\nb\n": "a", "": "", "\n": "", "\r\n": "", strings.Repeat("x", maxLine+1): "",
	} {
		got, err := readLine(strings.NewReader(typed))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q, %v", typed, got, err)
		}
	}
}
