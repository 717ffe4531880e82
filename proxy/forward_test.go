package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/models"
)

// at starts a house in front of a server that answers as told, and knows
// nothing when we ask it ourselves.
func at(t *testing.T, serve http.HandlerFunc) *house {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOwn(r.Header) && r.URL.Path == "/graphql" {
			_, _ = io.WriteString(w, `{"data":null}`)
			return
		}
		serve(w, r)
	}))
	t.Cleanup(upstream.Close)
	return newHouseAt(t, "", upstream.URL, nil)
}

func TestPathsArriveInOneSpelling(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	for target, want := range map[string]string{
		"/dagster/":                     "/dagster/",
		"/dagster/locations/a%2Fb":      "/dagster/locations/a/b",
		"/dagster/l%6fgs/a/out":         "/dagster/logs/a/out",
		"/%64agster/runs":               "/dagster/runs",
		"/dagster%2Fruns":               "/dagster/runs",
		"/dagster/a%2520b":              "/dagster/a%2520b",
		"/dagster/%252e%252e/x":         "/dagster/%252e%252e/x",
		"/dagster/a%3Fb%23c":            "/dagster/a%3Fb%23c",
		"/dagster/j%C3%BCrgen":          "/dagster/j%C3%BCrgen",
		"/dagster/a;b":                  "/dagster/a;b",
		"/dagster/runs?b=2&a=1&b=%20x+": "/dagster/runs?a=1&b=2&b=+x+",
		"/dagster/runs?":                "/dagster/runs",
		"/dagster/runs?q=%00":           "/dagster/runs?q=%00",
		"http://evil.example/dagster/x": "/dagster/x",
	} {
		got := h.raw("GET " + target + " HTTP/1.1\nHost: x\nCookie: dagpass=viewer\n\n")
		same(t, target, []any{got.StatusCode, h.dagster.Last().URI}, []any{200, want})
	}
}

func TestPathsThatMeanTwoThings(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	for _, target := range []string{
		"/dagster/../x", "/dagster/a/..", "/dagster/./a", "/dagster/%2e%2e/x", "/dagster/..%2fx", "/dagster/a%00b", "/dagster/a%0ab",
		"/dagster/a%0d%0ab", "/dagster/a%7fb", "/dagster/a%5cb", `/dagster/a\b`, "/dagster/%ff", "/dagster/%c0%ae%c0%ae/", "//dagster/",
		"/%2Fdagster/", "/dagster/a%C2%85b", "*", "/dagster/runs?a;b", "/dagster/runs?a=%zz", "/dagster/runs?a=%",
	} {
		got := h.raw("GET " + target + " HTTP/1.1\nHost: x\nCookie: dagpass=admin\nAccept: */*\n\n")
		same(t, target, got.StatusCode, 400)
	}
	same(t, "requests at Dagster", len(h.dagster.Requests()), 0)
}

// FuzzTargets holds what we took an address for against what the double served
// there: a viewer changes nothing, and what users wrote is in its sandbox.
func FuzzTargets(f *testing.F) {
	for _, target := range []string{
		"/", "/logs/a/out", "/l%6fgs%2fa", "/notebook?path=a.ipynb", "/dagit%2Fnotebook?path=a.ipynb", "/download_debug/1",
		"/graphql?query=mutation{a}", "/graph%71l", "/graphql/", "/report_asset_check/a", "//logs/a", "/logs/%2e%2e/x", "/logs%0a/x",
	} {
		f.Add(target)
	}
	h := newHouse(f, "", nil)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "/", nil)
			r.URL = u
			r.Header.Set("Origin", h.Site.Origin())
			before, answer := len(h.dagster.Requests()), httptest.NewRecorder()
			h.Proxy.ServeHTTP(answer, as(r, person("viewer", "viewer")))
			if len(h.dagster.Requests()) == before {
				continue
			}
			served := h.dagster.Last().Endpoint
			wrote := served == "logs" || served == "notebook" || served == "debug"
			if wrote && !strings.HasPrefix(answer.Header().Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("%s %q: %s without a sandbox", method, target, served)
			}
			if changed := h.dagster.Changed(); len(changed) > 0 {
				t.Fatalf("%s %q: would have run %v", method, target, changed)
			}
		}
	})
}

func TestOnlyOurUpgradeArrives(t *testing.T) {
	h := newHouse(t, "", nil)
	for name, row := range map[string]struct {
		target, lines string
		status        int
	}{
		"h2c":                       {"/", "Upgrade: h2c\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\n", 200},
		"another":                   {"/server_info", "Upgrade: TLS/1.2\nConnection: Upgrade\n", 200},
		"a socket of no connection": {"/", "Upgrade: websocket\n", 200},
		"a socket elsewhere":        {"/runs", "Upgrade: websocket\nConnection: Upgrade\n", 400},
		"a socket at an asset":      {"/_next/a.js", "Upgrade: WebSocket\nConnection: keep-alive, upgrade\n", 400},
	} {
		got := h.raw("GET " + row.target + " HTTP/1.1\nHost: x\nCookie: dagpass=viewer\n" + row.lines + "\n")
		same(t, name, got.StatusCode, row.status)
		for _, r := range h.dagster.Requests() {
			same(t, name, []any{r.Header.Values("Upgrade"), r.Header.Values("Http2-Settings")}, []any{[]string(nil), []string(nil)})
		}
	}
}

// A server that switches protocols without being asked gets no raw line to the
// client.
func TestNobodySwitchesUnasked(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	same(t, "status", h.do("viewer", "GET", "/", "").StatusCode, 502)
}

func TestAnswersAreGuarded(t *testing.T) {
	h := newHouse(t, "", nil)
	for target, want := range map[string]struct{ csp, nosniff, cache string }{
		"/runs": {"base-uri 'none'; object-src 'none'; script-src 'nonce-" + dagstertest.Nonce + "' 'unsafe-inline' https: http: 'strict-dynamic'; " +
			"style-src 'unsafe-inline' 'self' 'unsafe-eval';, frame-ancestors 'self'", "nosniff", "no-store"},
		"/_next/a.js":                      {"frame-ancestors 'self'", "", "private"},
		"/server_info":                     {"frame-ancestors 'self'", "", "private"},
		"/logs/a/out":                      {"sandbox, frame-ancestors 'self'", "nosniff", "no-store"},
		"/download_debug/1":                {"sandbox, frame-ancestors 'self'", "nosniff", "no-store"},
		"/notebook?path=a.ipynb":           {"sandbox, frame-ancestors 'self'", "nosniff", "no-store"},
		"/dagit/notebook?path=a.ipynb":     {"sandbox, frame-ancestors 'self'", "nosniff", "no-store"},
		"/notebook?path=not-a-notebook.md": {"sandbox, frame-ancestors 'self'", "nosniff", "no-store"},
	} {
		got := h.do("admin", "GET", target, "")
		same(t, target, got.Header.Values("Content-Security-Policy"), []string{want.csp})
		same(t, target, []string{got.Header.Get("X-Content-Type-Options"), got.Header.Get("Cache-Control")}, []string{want.nosniff, want.cache})
		same(t, target, []any{got.Header.Values("X-Dagster-Call-Counts"), got.Header.Values("X-Request-Id")}, []any{[]string(nil), []string{"request-1"}})
	}
}

// A policy of a notebook's own is kept beside the sandbox, not in its place.
func TestSandboxStaysBesideAnotherPolicy(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Content-Security-Policy", "default-src *")
		w.Header().Add("Content-Security-Policy", "sandbox allow-scripts")
	})
	same(t, "policy", h.do("admin", "GET", "/notebook", "").Header.Values("Content-Security-Policy"),
		[]string{"default-src *, sandbox allow-scripts, sandbox, frame-ancestors 'self'"})
}

// A script in a page of Dagster's must not get hold of one of ours, as an opener
// of the same policy or from beneath it.
func TestDagstersPagesStayApartFromOurs(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Service-Worker-Allowed", "/")
	})
	got := h.do("admin", "GET", "/runs", "").Header
	same(t, "headers", []string{got.Get("Cross-Origin-Opener-Policy"), got.Get("Service-Worker-Allowed")}, []string{"", ""})
	worker := h.raw("GET /_next/a.js HTTP/1.1\nHost: x\nCookie: dagpass=admin\nService-Worker: script\nSec-Fetch-Dest: serviceworker\n\n")
	same(t, "worker", worker.StatusCode, 404)
}

func TestAnswersPassUntouched(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Set-Cookie"] = []string{"a=1; Path=/", "dagpass=forged", "b=2", "__Host-dagpass=forged; Secure"}
		header["Link"] = []string{"<a>", "<b>"}
		header.Set("Location", "http://dagster.internal/elsewhere")
		header.Set("Cache-Control", "max-age=60")
		header.Set("X-Request-Id", "theirs")
		w.WriteHeader(http.StatusFound)
	})
	got := h.do("viewer", "GET", "/", "")
	same(t, "status", got.StatusCode, 302)
	for name, want := range map[string][]string{
		"Set-Cookie": {"a=1; Path=/", "b=2"}, "Link": {"<a>", "<b>"}, "Location": {"http://dagster.internal/elsewhere"},
		"Cache-Control": {"max-age=60"}, "X-Request-Id": {"request-1"},
	} {
		same(t, name, got.Header.Values(name), want)
	}
}

func TestRangesAndTags(t *testing.T) {
	h := newHouse(t, "", nil)
	for name, row := range map[string]struct {
		header, body string
		status       int
	}{
		"range":     {"Range: bytes=3-5", "a.j", 206},
		"unchanged": {`If-None-Match: "build"`, "", 304},
		"whole":     {"Accept: */*", "/* a.js */\n", 200},
		"too far":   {"Range: bytes=1000-", "invalid range: failed to overlap\n", 416},
	} {
		got := h.do("viewer", "GET", "/_next/a.js", "", row.header)
		same(t, name, []any{got.StatusCode, got.body}, []any{row.status, row.body})
	}
	same(t, "ETag", h.do("viewer", "HEAD", "/_next/a.js", "").Header.Get("ETag"), `"build"`)
}

func TestCompressionPasses(t *testing.T) {
	var accepted []string
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		accepted = append(accepted, strings.Join(r.Header["Accept-Encoding"], "|"))
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "packed")
		_ = z.Close()
	})
	got := h.do("viewer", "GET", "/_next/a.js", "", "Accept-Encoding: gzip, br")
	z, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := io.ReadAll(z)
	h.raw("GET /_next/a.js HTTP/1.1\nHost: x\nCookie: dagpass=viewer\n\n")
	same(t, "packed", []any{got.Header.Get("Content-Encoding"), string(plain), accepted}, []any{"gzip", "packed", []string{"gzip, br", ""}})
}

// An answer of unknown length is passed on as it comes.
func TestStreaming(t *testing.T) {
	more := make(chan struct{})
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "second")
	})
	res := h.open("viewer", "/")
	defer res.Body.Close()
	first := make([]byte, 5)
	_, err := io.ReadFull(res.Body, first)
	close(more)
	rest, _ := io.ReadAll(res.Body)
	same(t, "streamed", []any{err, string(first), string(rest)}, []any{nil, "first", "second"})
}

// open sends a GET whose answer is read by the caller.
func (h *house) open(who, target string) *http.Response {
	h.t.Helper()
	r, _ := http.NewRequest(http.MethodGet, h.front.URL+target, nil) //nolint:noctx // the test ends before it could matter
	r.AddCookie(&http.Cookie{Name: "dagpass", Value: who})
	res, err := h.front.Client().Transport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

func TestLargeDownloads(t *testing.T) {
	const size = 64 << 20
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		for range size / len(block) {
			_, _ = w.Write(block)
		}
	})
	res := h.open("viewer", "/logs/a/out")
	defer res.Body.Close()
	sum, want := sha256.New(), sha256.New()
	n, err := io.Copy(sum, res.Body)
	for range size / len(block) {
		_, _ = want.Write(block)
	}
	same(t, "download", []any{err, n, res.ContentLength, sum.Sum(nil)}, []any{nil, size, size, want.Sum(nil)})
}

// Who hangs up does not choose what the audit trail tells: Dagster does the
// change all the same.
func TestChangesOutliveTheirSenders(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(arrived)
		<-gone
		if r.Context().Err() != nil {
			t.Error("the line to Dagster was cut")
		}
		_, _ = io.WriteString(w, `{"data":{"deleteRun":{"__typename":"DeletePipelineRunSuccess","dagpass_type":"DeletePipelineRunSuccess"}}}`)
	})
	h.leave("mutation {deleteRun(runId: \"1\") {__typename}}", arrived)
	close(gone)
	<-h.returned
	same(t, "trail", h.trail(), []string{
		"dagster.mutation | allowed | deleteRun | run 1 | delete_pipeline_run | grant 3",
		"dagster.mutation | ok | deleteRun | run 1 | delete_pipeline_run | grant 3",
	})
}

// A report with an empty body is not sent twice, whatever its headers say.
func TestReportsAreSentOnce(t *testing.T) {
	var mu sync.Mutex
	times := 0
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method != http.MethodPost {
			return
		}
		if times++; times == 1 {
			panic(http.ErrAbortHandler) // the connection closes, which was used before
		}
	})
	h.do("editor", "GET", "/", "")
	got := h.do("editor", "POST", "/report_asset_check/a", "", "Idempotency-Key: x", "X-Idempotency-Key: y")
	mu.Lock()
	defer mu.Unlock()
	same(t, "answer", []any{got.StatusCode, times}, []any{502, 1})
}

// A download that breaks off at Dagster breaks off at the client too, and is
// not taken for a whole one.
func TestBrokenDownloads(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = io.WriteString(w, strings.Repeat("half", 25000))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	res := h.open("viewer", "/")
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("half an answer passed for a whole one")
	}
	<-h.returned
	same(t, "observed", h.observed, []string{"page failed"})
}

func TestBodiesOfReadsStayBehind(t *testing.T) {
	h := newHouse(t, "", nil)
	h.raw("GET /runs HTTP/1.1\nHost: x\nCookie: dagpass=viewer\nContent-Type: application/json\nContent-Length: 2\n\n{}")
	seen := h.dagster.Last()
	same(t, "request", []any{seen.URI, len(seen.Body), seen.Header.Values("Content-Type"), seen.Header.Values("Content-Length")},
		[]any{"/runs", 0, []string(nil), []string(nil)})
}

func TestReportsArrive(t *testing.T) {
	h := newHouse(t, "", nil)
	for name, row := range map[string]struct {
		target, body string
		header       []string
		status       int
		ran          []string
	}{
		"by path":            {"/report_asset_check/a%2Fb?passed=true", "", nil, 200, []string{"a/b"}},
		"by body":            {"/report_asset_materialization/", `{"asset_key":"x"}`, []string{"Content-Type: application/json"}, 200, []string{"x"}},
		"by address":         {"/report_asset_observation/?asset_key=y", "", nil, 200, []string{"y"}},
		"as another type":    {"/report_asset_check/a", "{}", []string{"Content-Type: application/json; charset=utf-8"}, 415, nil},
		"as text":            {"/report_asset_check/a", "{}", []string{"Content-Type: text/plain"}, 415, nil},
		"as two types":       {"/report_asset_check/a", "{}", []string{"Content-Type: application/json", "Content-Type: text/plain"}, 415, nil},
		"too large":          {"/report_asset_check/a", strings.Repeat(" ", dagster.MaxBody+1), []string{"Content-Type: application/json"}, 413, nil},
		"without any length": {"/report_asset_check/a", "", nil, 200, []string{"a"}},
	} {
		before := len(h.dagster.Changed())
		got := h.do("editor", "POST", row.target, row.body, row.header...)
		var ran []string
		for _, o := range h.dagster.Changed()[before:] {
			ran = append(ran, o.Fields...)
		}
		same(t, name, []any{got.StatusCode, ran}, []any{row.status, row.ran})
	}
}

// A body that turns out to be too large never starts on its way.
func TestEndlessReports(t *testing.T) {
	h := newHouse(t, "", nil)
	same(t, "answer", h.endless("/report_asset_check/a"), 413)
	<-h.returned
	same(t, "requests", len(h.dagster.Requests()), 0)
	same(t, "trail", len(h.trail()), 0)
}

// endless posts JSON that does not end and gives the status of the answer.
func (h *house) endless(target string) int {
	h.t.Helper()
	r, _ := http.NewRequest(http.MethodPost, h.front.URL+target, endless{}) //nolint:noctx // it ends by itself
	r.AddCookie(&http.Cookie{Name: "dagpass", Value: "editor"})
	r.Header.Set("Origin", h.Site.Origin())
	r.Header.Set("Content-Type", "application/json")
	res, err := h.front.Client().Transport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return read(h.t, res).StatusCode
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	listener, err := net.Listen("unix", path) //nolint:noctx // a test's
	if err != nil {
		t.Fatal(err)
	}
	double := dagstertest.New(t, "/dagster")
	server := &http.Server{Handler: double, ReadHeaderTimeout: time.Second}
	t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }()
	h := newHouseAt(t, "/dagster", "unix://"+path+":/dagster", nil)
	same(t, "page", h.do("viewer", "GET", "/dagster/runs", "").StatusCode, 200)
	same(t, "request", []string{double.Last().URI, double.Last().Host}, []string{"/dagster/runs", "localhost"})
	h.dagster = double
	s := h.socket("viewer")
	s.start("1", "subscription { pipelineRunLogs(runId: 1) }")
	same(t, "socket", s.next(), `{"type":"data","id":"1","payload":{"data":{"pipelineRunLogs":"first"}}}`)
}

func TestOwnRequestsToDagster(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	client := &http.Client{Transport: h.Transport()}
	res, err := client.Get(h.Upstream.URL("/server_info")) //nolint:noctx // a loopback
	if err != nil {
		t.Fatal(err)
	}
	same(t, "versions", read(t, res).StatusCode, 200)
}

// Dagster down is told to person and program, logged once with its reason, and
// closes the books on a mutation.
func TestDagsterDown(t *testing.T) {
	var log bytes.Buffer
	closed := httptest.NewServer(nil)
	closed.Close()
	h := newHouseAt(t, "", closed.URL, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	got := h.do("viewer", "GET", "/runs", "")
	same(t, "page", []any{got.StatusCode, got.body},
		[]any{502, `{"error":{"code":"dagster_unreachable","message":"The Dagster webserver could not be reached. This will be tried again."},` +
			`"retry":5,"title":"Dagster is not answering"}`})
	same(t, "lines", []int{strings.Count(log.String(), "\n"), strings.Count(log.String(), "connection refused")}, []int{1, 1})
	same(t, "query", h.graphql("viewer", "{version}").StatusCode, 502)
	same(t, "socket", h.raw("GET /graphql HTTP/1.1\nHost: x\nCookie: dagpass=viewer\n"+handshake(h)).StatusCode, 502)
	same(t, "mutation", h.graphql("admin", "mutation {"+deletion+"}").StatusCode, 502)
	for range 4 {
		<-h.returned
	}
	same(t, "trail", h.trail(), []string{
		"dagster.mutation | allowed | deleteRun | run run-sales | delete_pipeline_run | grant 4",
		"dagster.mutation | failed | deleteRun | run run-sales | delete_pipeline_run | grant 4 | dagster_unreachable",
	})
}

// A mutation whose connection breaks is not sent a second time, whatever the
// client says about sending it again: Dagster would launch two runs.
func TestMutationsAreSentOnce(t *testing.T) {
	sent := make(chan string, 10)
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- string(body)
		if strings.Contains(string(body), "deleteRun") {
			panic(http.ErrAbortHandler) // ends the connection that was idle before
		}
	})
	for range 3 {
		h.graphql("editor", "{version}") // leaves a connection to use again
		same(t, "status", h.graphql("editor", "mutation {"+deletion+"}", "Idempotency-Key: k", "X-Idempotency-Key: k").StatusCode, 502)
	}
	same(t, "requests", len(sent), 6)
}

// A reader who leaves is let go at Dagster too.
func TestClientsThatLeave(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(arrived)
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(context.Background())
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, h.front.URL+"/graphql", strings.NewReader(`{"query":"{ version }"}`))
	r.AddCookie(&http.Cookie{Name: "dagpass", Value: "editor"})
	r.Header.Set("Origin", h.Site.Origin())
	r.Header.Set("Content-Type", "application/json")
	go func() { <-arrived; cancel() }()
	res, err := h.front.Client().Transport.RoundTrip(r)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v %v", res, err)
	}
	<-left
	<-h.returned
	same(t, "observed", h.observed, []string{"graphql failed"})
}

// The second event is written even when the first one's client is long gone.
func TestAnswersAreRecordedForThoseWhoLeft(t *testing.T) {
	h := newHouse(t, "", func(c *Config) {
		record := c.Record
		c.Record = func(ctx context.Context, events ...models.Event) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return record(ctx, events...)
		}
	})
	ctx, cancel := context.WithCancel(models.WithPrincipal(context.Background(), person("editor", "editor")))
	cancel()
	left := &trip{Proxy: h.Proxy, v: &visit{}, pass: &pass{wish: wish{route: dagster.Route{Class: dagster.Report}}}}
	left.recordAnswer(ctx)
	same(t, "events", len(h.trail()), 1)
}

func TestTrailersPass(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "1")
	})
	same(t, "trailer", h.do("viewer", "GET", "/", "").Trailer.Get("X-Sum"), "1")
}
