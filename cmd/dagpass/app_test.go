package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

// program is Dagpass as a user starts it, between a provider and a Dagster that
// are doubles.
type program struct {
	t       *testing.T
	url     string
	idp     *providertest.Server
	dagster *dagstertest.Server
	out     *lines
	log     *lines
	stop    func() error
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }

func (l *lines) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

const rolesByGroup = "grants: [{group: admins, role: admin}, {group: editors, role: editor}]"

// start runs the program with an OIDC slot; more settings may follow.
func start(t *testing.T, database string, more ...string) *program {
	t.Helper()
	p := &program{t: t, idp: providertest.New(t), dagster: dagstertest.New(t, ""), out: &lines{}, log: &lines{}}
	environ := replaced([]string{
		"DAGPASS_LISTEN=127.0.0.1:0", "DAGPASS_UPSTREAM=" + p.dagster.URL, "DAGPASS_DATABASE_URL=" + database,
		"DAGPASS_OIDC_PROVIDERS=oidc", "DAGPASS_OIDC_OIDC_ISSUER=" + p.idp.Issuer, "DAGPASS_OIDC_OIDC_CLIENT_ID=" + p.idp.ClientID,
		"DAGPASS_OIDC_OIDC_CLIENT_SECRET=" + p.idp.ClientSecret, "DAGPASS_ADMIN_EMAILS=root@example.com",
		"DAGPASS_SECRET_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}, more...)
	cfg, err := loadConfig(environ, "")
	if err != nil {
		t.Fatal(err)
	}
	p.serve(cfg)
	return p
}

// replaced is an environment with more settings; NAME= takes one away.
func replaced(environ []string, more ...string) []string {
	for _, setting := range more {
		name, _, _ := strings.Cut(setting, "=")
		environ = append(without(environ, name+"="), setting)
	}
	return environ
}

func (p *program) serve(cfg Config) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- serveWith(ctx, cfg, stdio{Out: p.out, Err: p.log}, func(a net.Addr) { ready <- a })
	}()
	select {
	case a := <-ready:
		p.url = "http://localhost:" + port(a)
	case err := <-ended:
		p.t.Fatal(err)
	}
	p.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	p.t.Cleanup(func() { _ = p.stop() })
}

// person is somebody's browser.
type person struct {
	*http.Client
	p *program
}

func (p *program) as(who string) *person {
	p.t.Helper()
	jar, _ := cookiejar.New(nil)
	b := &person{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, p}
	if who == "" {
		return b
	}
	res := b.do("GET", "/auth/start/oidc?next=/", "")
	q := p.idp.Login(res.Header.Get("Location"), who)
	if res := b.do("GET", "/auth/callback/oidc?"+q.Encode(), ""); res.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("callback answers %d", res.StatusCode)
	}
	return b
}

func (b *person) do(method, path, body string, header ...string) *http.Response {
	b.p.t.Helper()
	r, err := http.NewRequest(method, b.p.url+path, strings.NewReader(body))
	if err != nil {
		b.p.t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Origin", b.p.url)
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.Do(r)
	if err != nil {
		b.p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res
}

func (b *person) graphql(query string) *http.Response {
	body, _ := json.Marshal(map[string]any{"query": query})
	return b.do("POST", "/graphql", string(body))
}

const deleteRun = `mutation { deleteRun(runId: "1") { __typename } }`

func TestProgram(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database, "DAGPASS_POLICY="+rolesByGroup)
		violet, edgar := p.as(providertest.Violet), p.as(providertest.Edgar)
		if res := violet.graphql(deleteRun); res.StatusCode != 200 || len(p.dagster.Changed()) != 0 {
			t.Errorf("a viewer: %d, ran %v", res.StatusCode, p.dagster.Changed())
		}
		if edgar.graphql(deleteRun); len(p.dagster.Changed()) != 1 {
			t.Errorf("an editor: ran %v", p.dagster.Changed())
		}
		h := p.dagster.Last().Header
		if h.Get("X-Forwarded-Email") != "edgar@example.com" || h.Get("X-Dagpass-Role") != "editor" || h.Get("X-Dagpass-Assertion") == "" {
			t.Errorf("headers %v", h)
		}
		want := []string{
			"config.rotate_signing_key ok", "signin.finish ok", "signin.finish ok",
			"dagster.mutation refused", "dagster.mutation allowed", "dagster.mutation ok",
		}
		if got := p.events(); strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("events %q", got)
		}
	})
}

// wait is for a line of the log.
func (p *program) wait(text string) {
	p.t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !strings.Contains(p.log.String(), text) {
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatalf("the log never says %q", text)
		}
	}
}

// events are the lines on standard output, without checkpoints.
func (p *program) events() (all []string) {
	for line := range strings.SplitSeq(strings.TrimSpace(p.out.String()), "\n") {
		if strings.HasPrefix(line, `{"checkpoint":`) {
			continue
		}
		var e models.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			p.t.Errorf("not an event: %q", line)
		}
		all = append(all, e.Event+" "+e.Outcome)
	}
	return all
}

func TestStranger(t *testing.T) {
	p := start(t, storetest.SQLiteURL(t))
	nobody := p.as("")
	res := nobody.do("GET", "/locations/a%2Fb?x=1&y=%2F", "", "Accept", "text/html")
	if want := "/auth/login?next=" + url.QueryEscape("/locations/a/b?x=1&y=%2F"); res.Header.Get("Location") != want {
		t.Errorf("%d %q, not %q", res.StatusCode, res.Header.Get("Location"), want)
	}
	if res := nobody.graphql("{version}"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d", res.StatusCode)
	}
	for _, r := range p.dagster.Requests() {
		if r.Endpoint != "server_info" && !strings.Contains(string(r.Body), "__schema") { // which we ask ourselves
			t.Errorf("reached Dagster: %s %s", r.Method, r.URI)
		}
	}
}

// A changed policy file reaches open sessions within five seconds.
func TestPolicyFileIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, file, rolesByGroup)
	p := start(t, storetest.SQLiteURL(t), "DAGPASS_POLICY_FILE="+file)
	edgar := p.as(providertest.Edgar)
	p.settles(edgar, "editor", 0)
	write(t, file, "grants: [{group: editors, role: launcher}]")
	p.settles(edgar, "launcher", 5*time.Second)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settles asks for the role until it is the wanted one, or time is over.
func (p *program) settles(b *person, role string, within time.Duration) {
	p.t.Helper()
	for began := time.Now(); ; {
		var me struct{ Role string }
		_ = json.NewDecoder(b.do("GET", "/auth/me", "").Body).Decode(&me)
		if me.Role == role {
			return
		}
		if time.Since(began) > within+time.Second {
			p.t.Fatalf("the role is %q after %v", me.Role, within)
		}
	}
}

// Stopping lets a request under way end, and takes no new one.
func TestGracefulStop(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/runs" {
			return // whether we are up is asked in the background
		}
		close(reached)
		<-release
		_, _ = io.WriteString(w, "whole")
	}))
	defer slow.Close()
	p := start(t, storetest.SQLiteURL(t), "DAGPASS_UPSTREAM="+slow.URL)
	ada := p.as(providertest.Ada)
	answer := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(ada.do("GET", "/runs", "", "Accept", "text/html").Body)
		answer <- string(text)
	}()
	<-reached
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	for _, err := http.Get(p.url + "/auth/health?type=live"); err == nil; {
		_, err = http.Get(p.url + "/auth/health?type=live")
	}
	close(release)
	if got := <-answer; got != "whole" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// What was counted and not yet told is told when the program stops.
func TestStopTellsWhatWasCounted(t *testing.T) {
	p := start(t, storetest.SQLiteURL(t))
	nobody, told := p.as(""), 0
	for range 40 {
		nobody.do("GET", "/auth/callback/oidc?code=c&state=s", "")
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		var e models.Event
		if _ = json.Unmarshal([]byte(line), &e); e.Event == "signin.finish" {
			told += max(1, e.Count)
		}
	}
	if told != 40 {
		t.Errorf("told of %d refusals", told)
	}
}

func TestMetricsListen(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	start(t, storetest.SQLiteURL(t), "DAGPASS_METRICS_LISTEN="+address)
	for _, path := range []string{"/auth/metrics", "/auth/health"} {
		res, err := http.Get("http://" + address + path)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %v %v", path, res, err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if path == "/auth/metrics" && !strings.Contains(string(text), "dagpass_sessions 0") {
			t.Errorf("no count of sessions")
		}
	}
}

// At the start, and again when Dagster has become another version, Dagster is
// asked for mutations that nobody has classified.
func TestUnclassifiedFieldsAreListed(t *testing.T) {
	asked, version, schema := 0, "1.13.27", []string(nil)
	err := errors.New("not there yet")
	var log bytes.Buffer
	p := &lookout{log: slog.New(slog.NewTextHandler(&log, nil)), schema: func(context.Context) ([]string, error) { asked++; return schema, err }}
	p.unclassified.Store(-1)
	for i, step := range []struct {
		change func()
		asked  int
		known  int64
		lines  int
	}{
		{func() { version = "" }, 0, -1, 0}, // Dagster does not answer
		{func() { version = "1.13.27" }, 1, -1, 0},
		{func() {}, 2, -1, 0},
		{func() { err = nil }, 3, 0, 0},
		{func() {}, 3, 0, 0},
		{func() { version = "" }, 3, 0, 0},
		{func() { version, schema = "1.14.0", []string{"newThing", "newerThing"} }, 4, 2, 1},
		{func() {}, 4, 2, 1},
	} {
		step.change()
		p.askSchema(t.Context(), version)
		if asked != step.asked || p.unclassified.Load() != step.known || strings.Count(log.String(), "[newThing newerThing]") != step.lines {
			t.Errorf("step %d: asked %d times, %d known, log %q", i, asked, p.unclassified.Load(), log.String())
		}
	}
}

// What an operator should know of the roles stands in metrics and log.
func TestRolesInMetricsAndLog(t *testing.T) {
	for setting, want := range map[string][]string{
		"DAGPASS_ENFORCE=true":  {"dagpass_monitor_mode 0", "dagpass_would_have_refused_total 0", "dagpass_unclassified_fields 1", "dagpass_unclassified_mutations_total 1"},
		"DAGPASS_ENFORCE=false": {"dagpass_monitor_mode 1", "dagpass_would_have_refused_total 1", "dagpass_unclassified_fields 1", "dagpass_unclassified_mutations_total 1"},
	} {
		p := start(t, storetest.SQLiteURL(t), setting, "DAGPASS_METRICS_TOKEN=scrape", "DAGPASS_DEFAULT_ROLE=viewer")
		violet := p.as(providertest.Violet)
		violet.graphql("mutation { newThing }")
		p.wait("mutations of this Dagster are not classified")
		text, _ := io.ReadAll(violet.do("GET", "/auth/metrics", "", "Authorization", "Bearer scrape").Body)
		for _, line := range want {
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("%s: no %q", setting, line)
			}
		}
		if monitored := strings.Contains(p.log.String(), "monitor mode"); monitored != strings.HasSuffix(setting, "false") || len(p.dagster.Changed()) == 1 != monitored {
			t.Errorf("%s: told in the log %v, ran %v", setting, monitored, p.dagster.Changed())
		}
	}
}

// The label of a run is what the setting says of whoever launched it.
func TestRunLabels(t *testing.T) {
	const launch = `mutation { launchRun(executionParams: {selector: {repositoryLocationName: "sales", repositoryName: "r", jobName: "j"}}) { __typename } }`
	for setting, want := range map[string]string{"email": `"value":"edgar@example.com"`, "name": `"value":"Edgar`, "pseudonym": `"value":"user-`} {
		p := start(t, storetest.SQLiteURL(t), "DAGPASS_POLICY="+rolesByGroup, "DAGPASS_RUN_LABEL="+setting)
		p.as(providertest.Edgar).graphql(launch)
		changed, _ := json.Marshal(p.dagster.Changed())
		if !strings.Contains(string(changed), `{"key":"user",`+want) {
			t.Errorf("%s: %s", setting, changed)
		}
	}
}

// Our own pages know Dagster's code locations.
func TestLocationsAreKnown(t *testing.T) {
	p := start(t, storetest.SQLiteURL(t))
	text, _ := io.ReadAll(p.as(providertest.Violet).do("GET", "/auth/me", "").Body)
	if !strings.Contains(string(text), `"marketing":"viewer"`) {
		t.Errorf("%s", text)
	}
}

// A Dagster that hangs is asked once, however many want to know.
func TestWhoDoesNotAnswerIsLeftAlone(t *testing.T) {
	at, asked, silent := time.Unix(0, 0), 0, errors.New("no answer")
	locations := patient(func() time.Time { return at }, func(context.Context) ([]string, error) {
		asked++
		return []string{"a"}, silent
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { locations(context.Background()) })
	}
	all.Wait()
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	at, silent = at.Add(askAgainAfter), nil
	for range 2 {
		if names := locations(context.Background()); len(names) != 1 {
			t.Errorf("%v", names)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}

// The verbs act on the database that a server uses, by the same rules.
func TestUserVerbs(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p := start(t, database)
		violet := p.as(providertest.Violet)
		environ := []string{
			"DAGPASS_DATABASE_URL=" + database, "DAGPASS_OIDC_PROVIDERS=oidc", "DAGPASS_OIDC_OIDC_ISSUER=" + p.idp.Issuer,
			"DAGPASS_OIDC_OIDC_CLIENT_ID=x", "DAGPASS_OIDC_OIDC_CLIENT_SECRET=x",
			"DAGPASS_SECRET_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		}
		verb := func(args ...string) (int, string) {
			var out bytes.Buffer
			status := run(context.Background(), args, environ, stdio{Out: &out, Err: &out})
			return status, out.String()
		}
		if status, out := verb("user", "list", "--json"); status != 0 || !strings.Contains(out, "violet@example.com") {
			t.Errorf("list: %d %s", status, out)
		}
		if status, out := verb("user", "disable", "nobody@example.com"); status != 1 || !strings.Contains(out, "no account") {
			t.Errorf("disable nobody: %d %s", status, out)
		}
		if status, out := verb("user", "disable", "violet@example.com"); status != 0 {
			t.Errorf("disable: %d %s", status, out)
		}
		p.ends(violet, 5*time.Second)
		if status, out := verb("audit", "verify"); status != 0 || !strings.Contains(out, "the chain is whole") {
			t.Errorf("verify: %d %s", status, out)
		}
	})
}

// ends asks until the session is over, or time is.
func (p *program) ends(b *person, within time.Duration) {
	p.t.Helper()
	for began := time.Now(); b.do("GET", "/auth/me", "").StatusCode != http.StatusUnauthorized; {
		if time.Since(began) > within {
			p.t.Fatalf("the session lives after %v", within)
		}
	}
}

// A key beside a SQLite database is made once and read afterwards.
func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "dagpass.db.key")
	var all sync.WaitGroup
	keys := make([]string, 8)
	for i := range keys {
		all.Go(func() {
			key, err := keyFile(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(key)
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] || len(k) != 32 {
			t.Error("two keys")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	write(t, path, "garbage")
	if _, err := keyFile(path); err == nil {
		t.Error("garbage is a key")
	}
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg, err := loadConfig([]string{
		"DAGPASS_LISTEN=" + taken.Addr().String(), "DAGPASS_DATABASE_URL=" + storetest.SQLiteURL(t),
		"DAGPASS_GOOGLE_CLIENT_ID=x", "DAGPASS_GOOGLE_CLIENT_SECRET=x",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	err = serveWith(context.Background(), cfg, stdio{Out: io.Discard, Err: io.Discard}, func(net.Addr) {})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(taken.Addr())) {
		t.Error(err)
	}
}
