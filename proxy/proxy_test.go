package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// house is a proxy between people and a Dagster double. Who somebody is stands
// in the cookie: "dagpass=viewer".
type house struct {
	*Proxy
	t       testing.TB
	dagster *dagstertest.Server
	front   *httptest.Server

	mu     sync.Mutex
	events []models.Event
	// batches is how many events were recorded together, each time.
	batches  []int
	unknown  int // mutations that were counted as not classified
	observed []string
	touched  int
	rechecks int             // of sessions behind sockets
	visitor  context.Context // of the last request
	broken   error           // of the audit trail
	ended    map[string]bool
	roles    map[string]policy.Role
	// stepUp is what takes a recent proof, proven who gave one.
	stepUp []policy.Permission
	proven map[string]bool
	// returned gets a value whenever the proxy has finished a request.
	returned chan struct{}
}

// newHouse starts a house below a prefix. Change may be nil.
func newHouse(t testing.TB, prefix string, change func(*Config)) *house {
	t.Helper()
	double := dagstertest.New(t, prefix)
	h := newHouseAt(t, prefix, double.URL+prefix, change)
	h.dagster = double
	return h
}

// newHouseAt starts a house in front of any upstream.
func newHouseAt(t testing.TB, prefix, upstream string, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, ended: map[string]bool{}, roles: map[string]policy.Role{}, proven: map[string]bool{}, returned: make(chan struct{}, 1024)}
	h.front = httptest.NewUnstartedServer(h)
	at, err := ParseUpstream(upstream)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Site:     models.Site{URL: &url.URL{Scheme: "http", Host: h.front.Listener.Addr().String(), Path: prefix}},
		Upstream: at, Sign: sign, Alive: h.alive, Touch: h.touch, Record: h.record,
		RunLabel: func(p *models.Principal) string { return p.User.Email }, CountUnclassified: h.countUnknown,
		StepUp: func(p *models.Principal, perm policy.Permission) bool {
			return !h.proven[p.User.ID] && slices.Contains(h.stepUp, perm)
		},
		Menu:     func() bool { return true },
		LoginURL: func(next string) string { return prefix + "/auth/login?next=" + url.QueryEscape(next) },
		Problem:  problem, Observe: h.observe, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	monitored(&c, false)
	if change != nil {
		change(&c)
	}
	if h.Proxy, err = New(c); err != nil {
		t.Fatal(err)
	}
	h.times = socketTimes{recheck: 10 * time.Millisecond, ping: 10 * time.Millisecond, pong: 5 * time.Second}
	h.front.Start()
	t.Cleanup(h.front.Close)
	t.Cleanup(h.transport.CloseIdleConnections)
	return h
}

// monitored puts monitor mode on or off.
func monitored(c *Config, on bool) {
	c.Monitor = func() bool { return on }
	c.Untrimmed = c.Monitor
}

func sign(_ context.Context, p *models.Principal) (string, error) {
	return "assertion-of-" + p.User.ID, nil
}

func problem(w http.ResponseWriter, _ *http.Request, status int, code, title, message string, retry int) {
	b, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}, "title": title, "retry": retry})
	writeJSON(w, status, b)
}

// ServeHTTP is what stands before the proxy: it knows the client and the
// principal.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() { h.returned <- struct{}{} }()
	ctx := models.WithRequest(r.Context(), models.Request{ID: "request-1", ClientIP: "203.0.113.7", UserAgent: r.UserAgent()})
	if cookie, err := r.Cookie("dagpass"); err == nil {
		ctx = models.WithPrincipal(ctx, h.person(cookie.Value))
	}
	h.mu.Lock()
	h.visitor = ctx
	h.mu.Unlock()
	h.Proxy.ServeHTTP(w, r.WithContext(ctx))
}

func (h *house) person(name string) *models.Principal {
	h.mu.Lock()
	defer h.mu.Unlock()
	role, ok := h.roles[name]
	if !ok {
		role = policy.Role(name)
	}
	return person(name, role)
}

// roles is the policy of the house: people are named after what they may.
const roles = `
roles:
  operator: { extends: viewer, allow: [start_schedule, edit_sensor] }
grants:
  - { email: viewer@corp.example, role: viewer }
  - { email: launcher@corp.example, role: launcher }
  - { email: editor@corp.example, role: editor }
  - { email: admin@corp.example, role: admin }
  - { email: marketer@corp.example, role: editor, locations: ["market*"] }
  - { email: seller@corp.example, role: launcher, locations: [sales] }
  - { email: operator@corp.example, role: operator }
`

var policyOfTheHouse = sync.OnceValue(func() *policy.Policy {
	p, err := policy.New(policy.Options{File: []byte(roles), Slots: []string{"okta"}})
	if err != nil {
		panic(err)
	}
	return p
})

// person may what the policy gives to role@corp.example; with "_without_logs"
// behind the role, all of it but that.
func person(name string, role policy.Role) *models.Principal {
	base, without := strings.CutSuffix(string(role), "_without_logs")
	access := policyOfTheHouse().Access(policy.NewSubject("okta", base+"@corp.example", true))
	if without {
		delete(access.Permissions, policy.ReadLogs)
	}
	p := &models.Principal{
		User:      models.User{ID: "id-" + name, Name: name, Email: name + "@corp.example"},
		SessionID: "session-" + name, ExpiresAt: time.Now().Add(time.Hour),
		Access: access,
	}
	p.Identity.Slot = "okta"
	p.Identity.Claims = models.Claims{Username: name, Groups: []string{"data-eng", "a,b"}}
	return p
}

// end signs somebody out; promote gives another role. Both reach open sockets.
func (h *house) end(name string) { h.mu.Lock(); h.ended["id-"+name] = true; h.mu.Unlock() }

func (h *house) promote(name string, role policy.Role) {
	h.mu.Lock()
	h.roles[name] = role
	h.mu.Unlock()
}

func (h *house) alive(_ context.Context, p *models.Principal) (*models.Principal, error) {
	h.mu.Lock()
	gone := h.ended[p.User.ID]
	h.rechecks++
	h.mu.Unlock()
	if gone {
		return nil, errors.New("signed out")
	}
	return h.person(p.User.Name), nil
}

// recheck waits until sessions were looked at once more.
func (h *house) recheck() {
	h.t.Helper()
	h.mu.Lock()
	before := h.rechecks
	h.mu.Unlock()
	eventually(h.t, "a session was recognised again", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.rechecks > before+1 })
}

func (h *house) touch(context.Context, *models.Principal) { h.mu.Lock(); h.touched++; h.mu.Unlock() }

func (h *house) record(_ context.Context, events ...models.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return h.broken
	}
	h.events, h.batches = append(h.events, events...), append(h.batches, len(events))
	return nil
}

func (h *house) countUnknown() { h.mu.Lock(); h.unknown++; h.mu.Unlock() }

func (h *house) observe(class dagster.Class, outcome string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.observed = append(h.observed, string(class)+" "+outcome)
}

// trail is the audit trail, one line an event: name, outcome, operation, target,
// permission, rule, reason, run.
func (h *house) trail() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, e := range h.events {
		lines = append(lines, strings.Join(slices.DeleteFunc(
			[]string{e.Event, e.Outcome, e.Operation, shown(e.Target), e.Permission, e.Rule, e.Reason, e.RunID},
			func(s string) bool { return s == "" }), " | "))
	}
	return lines
}

// shown is a target in short: its kind, its id and "@" with the location.
func shown(t *models.Target) string {
	if t == nil {
		return ""
	}
	text := t.Kind + " " + t.ID
	if t.Location != "" {
		text += " @" + t.Location
	}
	return text
}

// do sends a request as somebody, from our own origin; "" is a stranger. Header
// lines are "Name: value". The answer's body is read to the end.
func (h *house) do(who, method, target, body string, header ...string) answer {
	h.t.Helper()
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, h.front.URL+target, b) //nolint:noctx // the test ends before it could matter
	if err != nil {
		h.t.Fatal(err)
	}
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "dagpass", Value: who})
	}
	if method != http.MethodGet {
		r.Header.Set("Origin", h.Site.Origin())
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header[http.CanonicalHeaderKey(name)] = append(r.Header[http.CanonicalHeaderKey(name)], value)
	}
	res, err := h.front.Client().Transport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return read(h.t, res)
}

// graphql posts an operation as Dagster's app does.
func (h *house) graphql(who, query string, header ...string) answer {
	h.t.Helper()
	body, _ := json.Marshal(map[string]string{"query": query})
	return h.do(who, http.MethodPost, h.Site.Prefix()+"/graphql", string(body),
		append([]string{"Content-Type: application/json"}, header...)...)
}

// raw writes a request to the letter and reads one answer.
func (h *house) raw(text string) answer {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.front.Listener.Addr().String()) //nolint:noctx // a loopback
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		h.t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	return read(h.t, res)
}

type answer struct {
	*http.Response
	body string
}

func read(t testing.TB, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(b)}
}

// isOwn tells a question of our own from what somebody sent.
func isOwn(h http.Header) bool { return h.Get(headerUser) == "" }

// same compares and says what differs.
func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// eventually waits for something that another goroutine will make true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("never happened: " + what)
		}
	}
}

// as puts somebody into a request's context.
func as(r *http.Request, who *models.Principal) *http.Request {
	ctx := models.WithRequest(r.Context(), models.Request{ID: "request-1", ClientIP: "203.0.113.7"})
	return r.WithContext(models.WithPrincipal(ctx, who))
}
