package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// deletion is a change that the house knows the code location of.
const deletion = `deleteRun(runId: "run-sales") { __typename }`

const mutation = `mutation { deleteRun(runId: \"1\") { __typename } }`

func TestStrangers(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	for name, row := range map[string]struct {
		method, target string
		header         []string
		status         int
		location       string
	}{
		"page":              {"GET", "/dagster/runs?q[]=a%20b", []string{"Accept: text/html", "Sec-Fetch-Mode: navigate"}, 303, "/dagster/auth/login?next=%2Fdagster%2Fruns%3Fq%5B%5D%3Da%2520b"},
		"deep page":         {"GET", "/dagster/locations/a%2Fb", []string{"Accept: text/html"}, 303, "/dagster/auth/login?next=%2Fdagster%2Flocations%2Fa%2Fb"},
		"page by HEAD":      {"HEAD", "/dagster/", []string{"Accept: text/html"}, 303, "/dagster/auth/login?next=%2Fdagster%2F"},
		"download":          {"GET", "/dagster/logs/a/compute_logs/b/out", []string{"Accept: text/html"}, 303, "/dagster/auth/login?next=%2Fdagster%2Flogs%2Fa%2Fcompute_logs%2Fb%2Fout"},
		"fetch of a page":   {"GET", "/dagster/", []string{"Accept: text/html", "Sec-Fetch-Mode: cors"}, 401, ""},
		"fetch":             {"GET", "/dagster/server_info", []string{"Accept: */*"}, 401, ""},
		"asset":             {"GET", "/dagster/_next/static/a.js", []string{"Accept: text/html"}, 401, ""},
		"operation":         {"POST", "/dagster/graphql", []string{"Accept: text/html", "Content-Type: application/json"}, 401, ""},
		"query over GET":    {"GET", "/dagster/graphql?query={version}", nil, 401, ""},
		"console":           {"GET", "/dagster/graphql", []string{"Accept: text/html"}, 401, ""},
		"socket":            {"GET", "/dagster/graphql", []string{"Accept: text/html", "Upgrade: websocket", "Connection: Upgrade"}, 401, ""},
		"report":            {"POST", "/dagster/report_asset_check/a", nil, 401, ""},
		"useless method":    {"DELETE", "/dagster/", nil, 401, ""},
		"beside the prefix": {"GET", "/elsewhere", nil, 404, ""},
		"before the prefix": {"GET", "/", nil, 303, "/dagster/"},
		"the bare prefix":   {"GET", "/dagster", nil, 303, "/dagster/"},
		"a longer prefix":   {"GET", "/dagsterous/", nil, 404, ""},
	} {
		got := h.do("", row.method, row.target, "", row.header...)
		same(t, name, []any{got.StatusCode, got.Header.Get("Location")}, []any{row.status, row.location})
		if got.StatusCode == 401 {
			same(t, name, got.body, `{"error":{"code":"unauthenticated","message":"Please sign in.","request_id":"request-1"},"login_url":"`+
				h.Site.Origin()+`/dagster/auth/login?next=%2Fdagster%2F"}`)
		}
	}
	same(t, "requests at Dagster", len(h.dagster.Requests()), 0)
}

// A stranger's body is not read, however much of it is announced: the answer
// comes at once, without the "100 Continue" that reading would send, and the
// connection ends.
func TestStrangersAreNotReadFrom(t *testing.T) {
	h := newHouse(t, "", nil)
	for _, lines := range []string{
		"Content-Length: 1000000000\nExpect: 100-continue\n",
		"Content-Length: 1000000000\n",
		"Transfer-Encoding: chunked\n",
		"Transfer-Encoding: chunked\nExpect: 100-continue\n",
	} {
		got := h.raw("POST /graphql HTTP/1.1\nHost: x\nContent-Type: application/json\n" + lines + "\n")
		same(t, lines, []any{got.StatusCode, got.Close}, []any{401, true})
	}
}

// Whoever is refused before their body was read is not read from either.
func TestForeignersAreNotReadFrom(t *testing.T) {
	h := newHouse(t, "", nil)
	got := h.raw("POST /graphql HTTP/1.1\nHost: x\nCookie: dagpass=admin\nOrigin: https://evil.example\nContent-Length: 1000000000\nExpect: 100-continue\n\n")
	same(t, "answer", []any{got.StatusCode, got.Close}, []any{403, true})
}

func TestOrigins(t *testing.T) {
	h := newHouse(t, "", nil)
	own := h.Site.Origin()
	for name, row := range map[string]struct {
		header  []string
		refused bool
	}{
		"our own":                 {[]string{"Origin: " + own}, false},
		"our own, shouted":        {[]string{"Origin: " + strings.ToUpper(own)}, false},
		"none, but metadata":      {[]string{"Sec-Fetch-Site: same-origin"}, false},
		"none at all":             {nil, true},
		"another":                 {[]string{"Origin: https://evil.example"}, true},
		"another, with metadata":  {[]string{"Origin: https://evil.example", "Sec-Fetch-Site: same-origin"}, true},
		"null":                    {[]string{"Origin: null"}, true},
		"another port":            {[]string{"Origin: http://127.0.0.1:1"}, true},
		"another scheme":          {[]string{"Origin: " + strings.Replace(own, "http:", "https:", 1)}, true},
		"ours as a prefix":        {[]string{"Origin: " + own + ".evil.example"}, true},
		"same site is not enough": {[]string{"Sec-Fetch-Site: same-site"}, true},
		"typed by hand":           {[]string{"Sec-Fetch-Site: none"}, true},
		"two, ours first":         {[]string{"Origin: " + own, "Origin: https://evil.example"}, true},
		"empty, then ours":        {[]string{"Origin: ", "Origin: " + own}, true},
	} {
		lines := "Host: x\nCookie: dagpass=admin\n"
		for _, line := range row.header {
			lines += line + "\n"
		}
		for kind, request := range map[string]string{
			"query":  "POST /graphql HTTP/1.1\n" + lines + "Content-Type: application/json\nContent-Length: 21\n\n{\"query\":\"{version}\"}",
			"report": "POST /report_asset_check/a HTTP/1.1\n" + lines + "Content-Length: 0\n\n",
			"socket": "GET /graphql HTTP/1.1\n" + lines + strings.Replace(handshake(h), "Origin: "+own+"\n", "", 1),
		} {
			before := len(h.dagster.Requests())
			got := h.raw(request)
			same(t, name+" "+kind, []bool{got.StatusCode == 403, len(h.dagster.Requests()) == before}, []bool{row.refused, row.refused})
		}
		got := h.raw("GET /runs HTTP/1.1\n" + lines + "\n")
		same(t, name+" page", got.StatusCode, 200)
	}
}

func TestRoles(t *testing.T) {
	h := newHouse(t, "", nil)
	for name, row := range map[string]struct {
		method, target, body string
		header               []string
		statuses             string // of nobody's role, viewer, launcher, editor, admin
	}{
		"page":      {"GET", "/runs", "", nil, "403 200 200 200 200"},
		"static":    {"GET", "/_next/a.js", "", nil, "403 200 200 200 200"},
		"versions":  {"GET", "/server_info", "", nil, "403 200 200 200 200"},
		"logs":      {"GET", "/logs/a/out", "", nil, "403 200 200 200 200"},
		"debug":     {"GET", "/download_debug/1", "", nil, "403 200 200 200 200"},
		"notebook":  {"GET", "/notebook?path=a.ipynb&repoLocName=l", "", nil, "403 200 200 200 200"},
		"console":   {"GET", "/graphql", "", []string{"Accept: text/html"}, "403 403 403 200 200"},
		"report":    {"POST", "/report_asset_check/a", "", nil, "403 403 403 200 200"},
		"method":    {"DELETE", "/runs", "", nil, "405 405 405 405 405"},
		"GET write": {"GET", "/graphql?query=mutation{deleteRun}", "", nil, "405 405 405 405 405"},
		"nonsense":  {"POST", "/graphql", "{", []string{"Content-Type: application/json"}, "400 400 400 400 400"},
		"no JSON":   {"POST", "/graphql", "{}", nil, "415 415 415 415 415"},
		"bad query": {"GET", "/runs?a;b", "", nil, "400 400 400 400 400"},
	} {
		var statuses []string
		for _, role := range []string{"nobody", "viewer", "launcher", "editor", "admin"} {
			statuses = append(statuses, fmt.Sprint(h.do(role, row.method, row.target, row.body, row.header...).StatusCode))
		}
		same(t, name, strings.Join(statuses, " "), row.statuses)
	}
}

// Everything that a wish needs is needed: of the route and of the operation,
// whatever comes after.
func TestEveryNeedCounts(t *testing.T) {
	h := newHouse(t, "", nil)
	h.graphql("editor_without_logs", `mutation { terminateRun(runId: "run-sales") { ... on TerminateRunSuccess { run { capturedLogs(fileKey: "") { stdout } } } } }`)
	same(t, "changes", len(h.dagster.Changed()), 0)
	same(t, "trail", h.trail(), []string{"dagster.mutation | refused | terminateRun | run run-sales @sales | read_logs | no grant | permission_missing"})
	w := wish{route: dagster.Route{Need: policy.GraphiQL}, call: &dagster.Call{Needs: []policy.Want{{Permission: policy.Read}}}}
	same(t, "the route's", w.decide(person("viewer", "viewer")).Permission, policy.GraphiQL)
}

// Every way to write a mutation that Dagster would run: as a viewer, nothing
// would have run, over HTTP in any shape and at any address.
func TestAViewerRunsNothing(t *testing.T) {
	h := newHouse(t, "", nil)
	inURL := "?query=" + url.QueryEscape(`mutation{deleteRun(runId:"1"){__typename}}`)
	document := `{"query":"` + mutation + `"}`
	for name, row := range map[string]struct{ method, target, contentType, body string }{
		"plainly":                      {"POST", "/graphql", "application/json", document},
		"over GET":                     {"GET", "/graphql" + inURL, "", ""},
		"over HEAD":                    {"HEAD", "/graphql" + inURL, "", ""},
		"over PUT":                     {"PUT", "/graphql" + inURL, "application/json", document},
		"as a form":                    {"POST", "/graphql" + inURL, "application/x-www-form-urlencoded", "a=1"},
		"as a multipart form":          {"POST", "/graphql" + inURL, "multipart/form-data; boundary=x", "--x--"},
		"as nothing":                   {"POST", "/graphql" + inURL, "", "{}"},
		"as nothing, without a body":   {"POST", "/graphql" + inURL, "", ""},
		"beside a harmless body":       {"POST", "/graphql" + inURL, "application/json", `{"query":"{version}"}`},
		"as simple JSON":               {"POST", "/graphql", "text/plain; application/json", document},
		"as JSON for Dagster only":     {"POST", "/graphql", "application/json-patch", document},
		"as a raw document":            {"POST", "/graphql", "application/graphql", strings.ReplaceAll(mutation, `\"`, `"`)},
		"as a raw document, disguised": {"POST", "/graphql", "text/plain; application/graphql", strings.ReplaceAll(mutation, `\"`, `"`)},
		"beside a key of another case": {"POST", "/graphql", "application/json", `{"query":"` + mutation + `","Query":"{version}"}`},
		"beside a second key":          {"POST", "/graphql", "application/json", `{"query":"{version}","query":"` + mutation + `"}`},
		"in a batch":                   {"POST", "/graphql", "application/json", "[" + document + "]"},
		"under an alias":               {"POST", "/graphql", "application/json", `{"query":"mutation { version: deleteRun(runId: \"1\") { __typename } }"}`},
		"in a fragment":                {"POST", "/graphql", "application/json", `{"query":"mutation { ...f } fragment f on Mutation { ... { deleteRun(runId: \"1\") { __typename } } }"}`},
		"under a condition":            {"POST", "/graphql", "application/json", `{"query":"mutation($a: Boolean = true) { deleteRun(runId: \"1\") @include(if: $a) { __typename } }"}`},
		"as one of two operations":     {"POST", "/graphql", "application/json", `{"query":"query a { version } mutation b { deleteRun(runId: \"1\") { __typename } }","operationName":"b"}`},
		"in an escaped key":            {"POST", "/graphql", "application/json", `{"\u0071uery":"` + mutation + `"}`},
		"behind a mark":                {"POST", "/graphql", "application/json", "{\"query\":\"\ufeff,,# x\\n" + mutation + "\"}"},
		"at an escaped address":        {"POST", "/graph%71l", "application/json", document},
		"at a doubly escaped address":  {"POST", "/graph%2571l", "application/json", document},
		"at an escaped slash":          {"POST", "/%67raphql", "application/json", document},
		"at a longer address":          {"POST", "/graphql/", "application/json", document},
		"at an address with a line":    {"POST", "/graphql%0A", "application/json", document},
		"at a dotted address":          {"POST", "/x/../graphql", "application/json", document},
		"at an escaped dotted address": {"POST", "/x/%2e%2e/graphql", "application/json", document},
		"at two slashes":               {"POST", "//graphql", "application/json", document},
		"at a backslash":               {"POST", "/%5Cgraphql", "application/json", document},
		"at a report":                  {"POST", "/report_asset_materialization/a", "application/json", "{}"},
		"at a report without a key":    {"POST", "/report_asset_check/?asset_key=a", "application/json", "{}"},
		"at an escaped report":         {"POST", "/report%5Fasset_observation%2Fa", "", ""},
		"at a report over GET":         {"GET", "/report_asset_check/a", "", ""},
	} {
		lines := "Host: x\nCookie: dagpass=viewer\nOrigin: " + h.Site.Origin() + "\n"
		if row.contentType != "" {
			lines += "Content-Type: " + row.contentType + "\n"
		}
		got := h.raw(fmt.Sprintf("%s %s HTTP/1.1\n%sContent-Length: %d\n\n%s", row.method, row.target, lines, len(row.body), row.body))
		if changed := h.dagster.Changed(); len(changed) > 0 {
			t.Fatalf("%s: would have run %v", name, changed)
		}
		if got.StatusCode == 200 && !strings.Contains(got.body, "Unauthorized") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}

// What an editor sends reaches Dagster in the one form that we write ourselves.
func TestOperationsAreWrittenAnew(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	for name, row := range map[string]struct{ method, target, contentType, body, ran, uri string }{
		"mutation":         {"POST", "/graphql?op=X&a=1", "application/json; charset=utf-8", `{"operationName":"B","query":"query A{version} mutation B{deleteRun(runId:\"1\"){__typename}}"}`, "mutation B", "/dagster/graphql?op=B"},
		"query":            {"POST", "/graphql", "application/json", `{"query":"{version}","variables":{"a":1},"extensions":{}}`, "query ", "/dagster/graphql"},
		"query over GET":   {"GET", "/graphql?query=query+C{version}&variables={}", "", "", "query C", "/dagster/graphql?op=C"},
		"escaped address":  {"POST", "/graph%71l", "application/json", `{"query":"{version}"}`, "query ", "/dagster/graphql"},
		"a name too large": {"POST", "/graphql", "application/json", `{"query":"query ` + strings.Repeat("a", 129) + `{version}"}`, "query " + strings.Repeat("a", 129), "/dagster/graphql"},
	} {
		var header []string
		if row.contentType != "" {
			header = []string{"Content-Type: " + row.contentType, "Content-Encoding: identity"}
		}
		got := h.do("editor", row.method, "/dagster"+row.target, row.body, header...)
		same(t, name, got.StatusCode, 200)
		seen, ran := h.dagster.Last(), h.dagster.Ran()
		same(t, name, ran[len(ran)-1].Kind+" "+ran[len(ran)-1].Name, row.ran)
		same(t, name, []any{seen.Method, seen.URI, seen.Header.Values("Content-Type"), seen.Header.Values("Content-Encoding")},
			[]any{"POST", row.uri, []string{"application/json"}, []string(nil)})
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(seen.Body, &keys); err != nil || keys["query"] == nil || keys["extensions"] != nil {
			t.Errorf("%s: %s", name, seen.Body)
		}
	}
}

// The console runs nothing on the server, whatever its address says.
func TestConsoleIsOnlyThePage(t *testing.T) {
	h := newHouse(t, "", nil)
	got := h.do("editor", "GET", "/graphql?query=mutation{deleteRun}", "", "Accept: text/html;q=0.1, */*")
	seen := h.dagster.Last()
	same(t, "console", []any{got.StatusCode, seen.Endpoint, seen.URI, seen.Header.Values("Accept")},
		[]any{200, "graphiql", "/graphql", []string{"text/html"}})
}

func TestTrail(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(*house)
		want []string
	}{
		"a mutation": {
			func(h *house) {
				h.graphql("editor", `mutation { a: `+deletion+` terminateRun(runId:"run-marketing"){__typename} }`)
			},
			[]string{
				"dagster.mutation | allowed | deleteRun | run run-sales @sales | delete_pipeline_run | grant 3",
				"dagster.mutation | allowed | terminateRun | run run-marketing @marketing | terminate_pipeline_execution | grant 3",
				"dagster.mutation | ok | deleteRun | run run-sales @sales | delete_pipeline_run | grant 3",
				"dagster.mutation | ok | terminateRun | run run-marketing @marketing | terminate_pipeline_execution | grant 3",
			},
		},
		"a refused mutation": {
			func(h *house) { h.graphql("viewer", "mutation {"+deletion+"}") },
			[]string{"dagster.mutation | refused | deleteRun | run run-sales @sales | delete_pipeline_run | no grant | permission_missing"},
		},
		"a mutation over GET": {
			func(h *house) { h.do("admin", "GET", "/graphql?query=mutation{deleteRun}", "") },
			[]string{"dagster.mutation | refused | deleteRun | read | mutation_over_get"},
		},
		"a report": {
			func(h *house) { h.do("admin", "POST", "/report_asset_check/orders", "") },
			[]string{
				"dagster.report | allowed | report_asset_check | asset orders @sales | report_runless_asset_events | grant 4",
				"dagster.report | ok | report_asset_check | asset orders @sales | report_runless_asset_events | grant 4",
			},
		},
		"a report of nothing": {func(h *house) { h.do("admin", "POST", "/report_asset_check/", "") }, nil},
		"a refused report":    {func(h *house) { h.do("viewer", "POST", "/report_asset_check/a", "") }, []string{"dagster.report | refused | report_asset_check | asset a | report_runless_asset_events | no grant | permission_missing"}},
		"a refused console":   {func(h *house) { h.do("viewer", "GET", "/graphql", "", "Accept: text/html") }, []string{"dagster.read | refused | graphiql | graphiql | no grant | permission_missing"}},
		"refused logs":        {func(h *house) { h.do("nobody", "GET", "/logs/a/out", "") }, []string{"dagster.read | refused | logs | logs a/out | read_logs | no grant | permission_missing"}},
		"a refused query":     {func(h *house) { h.graphql("nobody", "{version}") }, []string{"dagster.read | refused | version | read | no grant | permission_missing"}},
		"a foreign operation": {func(h *house) { h.do("admin", "POST", "/graphql", "{}", "Origin: https://evil.example") }, []string{"dagster.request | refused | graphql | read | foreign_origin"}},
		"a query":             {func(h *house) { h.graphql("viewer", "{version}") }, nil},
		"a page":              {func(h *house) { h.do("viewer", "GET", "/", "") }, nil},
		"a stranger":          {func(h *house) { h.graphql("", "{version}") }, nil},
	} {
		h := newHouse(t, "", nil)
		row.do(h)
		<-h.returned
		same(t, name, h.trail(), row.want)
		for _, e := range h.events {
			same(t, name, []any{e.RequestID, e.ClientIP, e.Actor.Kind, e.Provider, e.Session != ""}, []any{"request-1", "203.0.113.7", "user", "okta", true})
		}
	}
}

func TestReportsThatDagsterRefuses(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	h.do("admin", "POST", "/report_asset_check/orders", "")
	<-h.returned
	same(t, "trail", h.trail(), []string{
		"dagster.report | allowed | report_asset_check | asset orders | report_runless_asset_events | grant 4",
		"dagster.report | failed | report_asset_check | asset orders | report_runless_asset_events | grant 4 | status_400",
	})
}

func TestReportsNameTheirAsset(t *testing.T) {
	h := newHouse(t, "", nil)
	h.do("viewer", "POST", "/report_asset_check/team%2Fasset", "")
	same(t, "target", h.events[0].Target, &models.Target{Kind: "asset", ID: "team/asset"})
}

// What cannot be recorded is not done, and a refusal that cannot be is none.
func TestNothingRunsUnrecorded(t *testing.T) {
	h := newHouse(t, "", nil)
	h.broken = errors.New("disk full: /secret/path")
	for name, got := range map[string]answer{
		"mutation":         h.graphql("admin", "mutation {"+deletion+"}"),
		"report":           h.do("admin", "POST", "/report_asset_check/a", ""),
		"refused mutation": h.graphql("viewer", "mutation {"+deletion+"}"),
		"refused console":  h.do("viewer", "GET", "/graphql", "", "Accept: text/html"),
	} {
		same(t, name, got.StatusCode, 503)
		same(t, name, strings.Contains(got.body, "disk"), false)
	}
	same(t, "a query", h.graphql("viewer", "{version}").StatusCode, 200)
	same(t, "changes", len(h.dagster.Changed()), 0)
}

// Whoever cannot be introduced to Dagster does not get there.
func TestNobodyGoesUnsigned(t *testing.T) {
	h := newHouse(t, "", func(c *Config) {
		c.Sign = func(context.Context, *models.Principal) (string, error) { return "", errors.New("no key") }
	})
	same(t, "status", h.do("admin", "GET", "/", "").StatusCode, 503)
	same(t, "requests", len(h.dagster.Requests()), 0)
}

func TestActivity(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(*house)
		want int
	}{
		"a page":             {func(h *house) { h.do("viewer", "GET", "/runs", "", "Accept: text/html") }, 1},
		"a mutation":         {func(h *house) { h.graphql("editor", "mutation {"+deletion+"}") }, 1},
		"a report":           {func(h *house) { h.do("editor", "POST", "/report_asset_check/a", "") }, 1},
		"polling":            {func(h *house) { h.graphql("viewer", "{version}") }, 0},
		"a fetched page":     {func(h *house) { h.do("viewer", "GET", "/runs", "", "Accept: text/html", "Sec-Fetch-Mode: cors") }, 0},
		"a part of the app":  {func(h *house) { h.do("viewer", "GET", "/_next/a.js", "", "Accept: text/html") }, 0},
		"a refused mutation": {func(h *house) { h.graphql("viewer", "mutation {"+deletion+"}") }, 0},
	} {
		h := newHouse(t, "", nil)
		row.do(h)
		same(t, name, h.touched, row.want)
	}
}

func TestObserved(t *testing.T) {
	h := newHouse(t, "", nil)
	h.do("viewer", "GET", "/runs", "")
	h.graphql("viewer", "mutation {"+deletion+"}")
	h.graphql("", "{version}")
	h.do("viewer", "GET", "/a%0Ab", "")
	h.do("viewer", "DELETE", "/runs", "")
	for range 5 {
		<-h.returned
	}
	same(t, "observed", h.observed, []string{"page forwarded", "graphql refused", "graphql unauthenticated", "none invalid", "none invalid"})
}

func TestLargeOperations(t *testing.T) {
	h := newHouse(t, "", nil)
	query := `{"query":"{version}","variables":{"a":"%s"}}`
	room := dagster.MaxBody - len(query) + 2
	same(t, "the largest", h.do("viewer", "POST", "/graphql", fmt.Sprintf(query, strings.Repeat("a", room)), "Content-Type: application/json").StatusCode, 200)
	same(t, "a larger one", h.do("viewer", "POST", "/graphql", fmt.Sprintf(query, strings.Repeat("a", room+1)), "Content-Type: application/json").StatusCode, 413)
	got := h.raw("POST /graphql HTTP/1.1\nHost: x\nCookie: dagpass=viewer\nOrigin: " + h.Site.Origin() +
		"\nContent-Type: application/json\nContent-Length: 1000000000\nExpect: 100-continue\n\n")
	same(t, "one that is announced", []any{got.StatusCode, got.Close}, []any{413, true})
	same(t, "one without an end", h.endless("/graphql"), 413)
}

func TestNewWantsOnePrefix(t *testing.T) {
	up, _ := ParseUpstream("http://127.0.0.1:1/other")
	if _, err := New(Config{Site: models.Site{URL: &url.URL{Scheme: "http", Host: "h", Path: "/dagster"}}, Upstream: up}); err == nil {
		t.Error("two prefixes were taken")
	}
	if _, err := New(Config{Site: models.Site{URL: &url.URL{Scheme: "http", Host: "h"}}}); err == nil {
		t.Error("no upstream was taken")
	}
}

// A request that was not decided about has no principal, and is refused.
func TestAdmitRefusesNobody(t *testing.T) {
	h := newHouse(t, "", nil)
	route, err := dagster.Classify(http.MethodGet, "/", "", false)
	if err != nil {
		t.Fatal(err)
	}
	if admitted, no := h.admit(context.Background(), wish{route: route}); admitted != nil || no == nil {
		t.Error("nobody was admitted")
	}
	if admitted, no := h.admit(models.WithPrincipal(context.Background(), person("admin", "admin")), wish{}); admitted != nil || no == nil {
		t.Error("a wish for nothing was admitted")
	}
}
