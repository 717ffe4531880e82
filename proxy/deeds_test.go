package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// everybody is the people of the house.
var everybody = strings.Fields("nobody viewer operator seller marketer launcher editor admin")

const (
	atSales     = `repositoryLocationName: "sales", repositoryName: "__repository__"`
	atMarketing = `repositoryLocationName: "marketing", repositoryName: "__repository__"`
)

// matrix is who may run what: the seller launches at sales, the marketer edits
// at marketing, the operator turns schedules on.
var matrix = []struct{ mutation, may string }{
	{`launchRun(executionParams: {selector: {` + atSales + `, jobName: "j"}}) {__typename}`, "seller launcher editor admin"},
	{`launchRun(executionParams: {selector: {` + atMarketing + `, jobName: "j"}}) {__typename}`, "marketer launcher editor admin"},
	{`terminateRun(runId: "run-sales") {__typename}`, "seller launcher editor admin"},
	{`terminateRun(runId: "run-marketing") {__typename}`, "marketer launcher editor admin"},
	{`terminateRun(runId: "orphan-run") {__typename}`, "launcher editor admin"},
	{`terminateRun(runId: "nobody knows") {__typename}`, "launcher editor admin"},
	{`terminateRuns(runIds: ["run-sales", "run-marketing"]) {__typename}`, "launcher editor admin"},
	{`terminateRuns(runIds: ["run-marketing", "run-marketing"]) {__typename}`, "marketer launcher editor admin"},
	{`deleteRun(runId: "run-sales") {__typename}`, "editor admin"},
	{`deleteRun(runId: "run-marketing") {__typename}`, "marketer editor admin"},
	{`a: terminateRun(runId: "run-sales") {__typename} b: deleteRun(runId: "run-sales") {__typename}`, "editor admin"},
	{`a: terminateRun(runId: "run-marketing") {__typename} b: terminateRun(runId: "run-sales") {__typename}`, "launcher editor admin"},
	{`setNuxSeen a: deleteRun(runId: "run-marketing") {__typename}`, "marketer editor admin"},
	{`startSchedule(scheduleSelector: {` + atSales + `, scheduleName: "schedule-sales"}) {__typename}`, "operator editor admin"},
	{`startSchedule(scheduleSelector: {` + atMarketing + `, scheduleName: "schedule-marketing"}) {__typename}`, "operator marketer editor admin"},
	{`startSensor(sensorSelector: {` + atSales + `, sensorName: "sensor-sales"}) {__typename}`, "operator editor admin"},
	{`reloadRepositoryLocation(repositoryLocationName: "marketing") {__typename}`, "marketer editor admin"},
	{`reloadWorkspace {__typename}`, "editor admin"},
	{`setConcurrencyLimit(concurrencyKey: "k", limit: 1)`, "editor admin"},
	{`wipeAssets(assetPartitionRanges: [{assetKey: {path: ["campaigns"]}}]) {__typename}`, "marketer editor admin"},
	{`wipeAssets(assetPartitionRanges: [{assetKey: {path: ["shared"]}}]) {__typename}`, "editor admin"},
	{`wipeAssets(assetPartitionRanges: [{assetKey: {path: ["campaigns"]}}, {assetKey: {path: ["orders"]}}]) {__typename}`, "editor admin"},
	{`launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["campaigns"]}], partitionNames: ["a"]}) {__typename}`, "marketer launcher editor admin"},
	{`cancelPartitionBackfill(backfillId: "backfill-sales") {__typename}`, "seller launcher editor admin"},
	{`logTelemetry(action: "a", clientTime: "0", clientId: "c", metadata: "{}") {__typename}`, "viewer operator seller marketer launcher editor admin"},
	{`setNuxSeen`, "viewer operator seller marketer launcher editor admin"},
	{`__typename`, "viewer operator seller marketer launcher editor admin"},
	{`newThing`, "admin"},
	{`setNuxSeen newThing`, "admin"},
}

// Whoever may not run a mutation runs nothing of it, and both answers are in the
// trail.
func TestWhoMayRunWhat(t *testing.T) {
	h := newHouse(t, "", nil)
	for _, row := range matrix {
		var may []string
		for _, who := range everybody {
			changes, events := len(h.dagster.Changed()), len(h.events)
			h.graphql(who, "mutation { "+row.mutation+" }")
			<-h.returned
			ran, outcome := len(h.dagster.Changed()) > changes, "refused"
			if ran {
				may, outcome = append(may, who), "allowed"
			}
			for _, e := range h.events[events:] {
				if e.Outcome != outcome && (!ran || e.Outcome != "ok") {
					t.Errorf("%s: %s: the trail says %s", row.mutation, who, e.Outcome)
				}
			}
			if len(h.events) == events {
				t.Errorf("%s: %s left nothing in the trail", row.mutation, who)
			}
		}
		same(t, row.mutation, strings.Join(may, " "), row.may)
	}
}

func TestWhoMayReport(t *testing.T) {
	h := newHouse(t, "", nil)
	for asset, want := range map[string]string{
		"campaigns": "marketer editor admin", "orders": "editor admin", "shared": "editor admin", "nobody%20knows": "editor admin",
	} {
		var may []string
		for _, who := range everybody {
			if h.do(who, "POST", "/report_asset_materialization/"+asset, "").StatusCode == http.StatusOK {
				may = append(may, who)
			}
		}
		same(t, asset, strings.Join(may, " "), want)
	}
}

// Each thing that would change has an event of its own, with the permission and
// the rule that decided about it; those of one request are recorded together.
func TestEachDeedHasItsEvent(t *testing.T) {
	for name, row := range map[string]struct {
		who, mutation string
		want          []string
		batches       []int
	}{
		"three runs": {
			"launcher", `terminateRuns(runIds: ["run-sales", "run-marketing", "x"]) {__typename}`,
			[]string{
				"dagster.mutation | allowed | terminateRuns | run run-sales @sales | terminate_pipeline_execution | grant 2",
				"dagster.mutation | allowed | terminateRuns | run run-marketing @marketing | terminate_pipeline_execution | grant 2",
				"dagster.mutation | allowed | terminateRuns | run x | terminate_pipeline_execution | grant 2",
				"dagster.mutation | ok | terminateRuns | run run-sales @sales | terminate_pipeline_execution | grant 2",
				"dagster.mutation | ok | terminateRuns | run run-marketing @marketing | terminate_pipeline_execution | grant 2",
				"dagster.mutation | ok | terminateRuns | run x | terminate_pipeline_execution | grant 2",
			},
			[]int{3, 3},
		},
		"one of two refused": {
			"marketer", `a: terminateRun(runId: "run-marketing") {__typename} b: terminateRun(runId: "run-sales") {__typename}`,
			[]string{
				"dagster.mutation | refused | terminateRun | run run-marketing @marketing | terminate_pipeline_execution | grant 5 | refused_together",
				"dagster.mutation | refused | terminateRun | run run-sales @sales | terminate_pipeline_execution | no grant | permission_missing",
			},
			[]int{2},
		},
		"both refused": {
			"viewer", `a: terminateRun(runId: "run-marketing") {__typename} b: newThing`,
			[]string{
				"dagster.mutation | refused | terminateRun | run run-marketing @marketing | terminate_pipeline_execution | no grant | permission_missing",
				"dagster.mutation | refused | newThing | unclassified_mutation | no grant | permission_missing",
			},
			[]int{2},
		},
	} {
		h := newHouse(t, "", nil)
		h.graphql(row.who, "mutation { "+row.mutation+" }")
		<-h.returned
		same(t, name, []any{h.trail(), h.batches}, []any{row.want, row.batches})
	}
}

// What changes nothing may be told in one; a change never is, whoever makes it
// and whatever else is missing.
func TestWhatMayFold(t *testing.T) {
	for name, row := range map[string]struct {
		who, query string
		folds      []bool
	}{
		"telemetry":                         {"viewer", `mutation {setNuxSeen}`, []bool{true, true}},
		"telemetry beside a change":         {"editor", "mutation {setNuxSeen " + deletion + "}", []bool{true, false, true, false}},
		"a change":                          {"editor", "mutation {" + deletion + "}", []bool{false, false}},
		"a change by nobody":                {"nobody", "mutation {" + deletion + "}", []bool{false, false}},
		"a mutation nobody knows":           {"nobody", "mutation {newThing}", []bool{false, false}},
		"a read":                            {"nobody", "{version}", []bool{true}},
		"a change with a selection of logs": {"viewer_without_logs", `mutation {terminateRun(runId: "x") {... on TerminateRunSuccess {run {capturedLogs(fileKey: "") {stdout}}}}}`, []bool{false, false}},
	} {
		h := newHouse(t, "", func(c *Config) { monitored(c, true) })
		h.graphql(row.who, row.query)
		<-h.returned
		var folds []bool
		for _, e := range h.events {
			folds = append(folds, e.Folds)
		}
		same(t, name, folds, row.folds)
	}
}

// A name that a client made up is told from one that we know.
func TestWhoseNamesAreKnown(t *testing.T) {
	h := newHouse(t, "", nil)
	h.graphql("viewer", "mutation {newThing "+deletion+"}")
	h.graphql("nobody", "{ madeUp }")
	h.do("viewer", "POST", "/report_asset_check/orders", "")
	var known []bool
	for _, e := range h.events {
		known = append(known, e.Known)
	}
	same(t, "known", known, []bool{false, true, false, true})
}

// What is refused is told with the role that it takes, and where.
func TestRefusalsNameRoleAndLocation(t *testing.T) {
	h := newHouse(t, "", nil)
	long := strings.Repeat("x", 1000)
	for mutation, want := range map[string]string{
		`deleteRun(runId: "run-sales") {__typename}`: `{"data":{"deleteRun":{"__typename":"UnauthorizedError","message":"You may not do this: it takes the role editor at the code location sales."}}}`,
		`reloadWorkspace {__typename}`:               `{"data":{"reloadWorkspace":{"__typename":"UnauthorizedError","message":"You may not do this: it takes the role editor."}}}`,
		`newThing`:                                   `{"data":null,"errors":[{"message":"You may not do this: Dagpass does not know the mutation newThing; it takes the role admin.","path":["newThing"]}]}`,
		"a: " + long:                                 `{"data":null,"errors":[{"message":"You may not do this: Dagpass does not know the mutation ` + long[:256] + `…; it takes the role admin.","path":["a"]}]}`,
	} {
		same(t, mutation, h.graphql("launcher", "mutation { "+mutation+" }").body, want)
	}
}

// A mutation that nobody has classified is told to whoever runs Dagpass, also
// where an admin runs it.
func TestUnclassifiedMutationsAreTold(t *testing.T) {
	for who, ran := range map[string]int{"editor": 0, "admin": 1} {
		var log bytes.Buffer
		h := newHouse(t, "", func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		h.graphql(who, "mutation { newThing "+deletion+" }")
		same(t, who, []any{h.unknown, strings.Count(log.String(), `"mutations not classified" count=1 fields=[newThing]`), len(h.dagster.Changed())}, []any{1, 1, ran})
	}
}

// However many there are in one request, they take one line.
func TestManyUnclassifiedMutationsTakeOneLine(t *testing.T) {
	var log bytes.Buffer
	h := newHouse(t, "", func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	var many strings.Builder
	for i := range 20 {
		fmt.Fprintf(&many, "a%d: new%d b%d: new%d ", i, i, i, i)
	}
	h.graphql("viewer", "mutation {"+many.String()+"}")
	same(t, "counted", h.unknown, 20)
	same(t, "lines", []int{strings.Count(log.String(), "\n"), strings.Count(log.String(), "new")}, []int{1, maxListed})
}

// A mutation that we know with an argument that we do not is told as that.
func TestUnclassifiedArgumentsAreTold(t *testing.T) {
	var log bytes.Buffer
	h := newHouse(t, "", func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	got := h.graphql("editor", `mutation { reloadWorkspace(hard: true) {__typename} }`)
	same(t, "told", strings.Contains(got.body, "Dagpass does not know an argument of the mutation reloadWorkspace; it takes the role admin."), true)
	same(t, "log", []any{h.unknown, strings.Count(log.String(), `"mutations with arguments not classified" count=1 fields=[reloadWorkspace]`)}, []any{0, 1})
}

// What a client writes into an event is bounded.
func TestEventsAreBounded(t *testing.T) {
	h := newHouse(t, "", nil)
	long := strings.Repeat("x", 100_000)
	h.graphql("editor", `mutation { deleteRun(runId: "`+long+`") {__typename} }`)
	h.graphql("viewer", `mutation { `+long+` startSchedule(scheduleSelector: {repositoryLocationName: "`+long+`", repositoryName: "r", scheduleName: "`+long+`"}) {__typename} }`)
	h.do("nobody", "GET", "/logs/"+long[:10_000], "")
	h.do("viewer", "POST", "/report_asset_check/"+long[:10_000], "")
	for range 4 {
		<-h.returned
	}
	for _, e := range h.events {
		if b, _ := json.Marshal(e); len(b) > 2000 {
			t.Errorf("%d bytes: %.300s", len(b), b)
		}
	}
	same(t, "events", len(h.events), 6)
}

// A way to a change that forgot to ask what it takes leads nowhere, not even in
// monitor mode and not for an admin.
func TestWhatIsNotJudgedIsRefused(t *testing.T) {
	field := dagster.Field{Name: "deleteRun", Key: "deleteRun"}
	call := &dagster.Call{Kind: dagster.Mutation, Fields: []dagster.Field{field}, Needs: []policy.Want{{Permission: policy.Read}}}
	needs := []policy.Want{{Permission: policy.DeletePipelineRun}}
	graphql := dagster.Route{Class: dagster.GraphQL, Need: policy.Read}
	report := dagster.Route{Class: dagster.Report, Need: policy.Read}
	deed := []dagster.Deed{{Field: field, Needs: needs}}
	for name, row := range map[string]struct {
		wish
		want    bool
		unknown bool
	}{
		"judged":                      {wish{route: graphql, call: call, deeds: deed}, true, false},
		"a report that is judged":     {wish{route: report, deeds: []dagster.Deed{{Needs: needs}}}, true, false},
		"no deeds":                    {wish{route: graphql, call: call}, false, false},
		"a report without deeds":      {wish{route: report}, false, false},
		"a deed without needs":        {wish{route: graphql, call: call, deeds: []dagster.Deed{{Field: field}}}, false, false},
		"one of two without needs":    {wish{route: graphql, call: call, deeds: append(deed, dagster.Deed{Field: field})}, false, false},
		"a deed of another field":     {wish{route: graphql, call: call, deeds: []dagster.Deed{{Field: dagster.Field{Name: "x", Key: "x"}, Needs: needs}}}, false, false},
		"a route without a need":      {wish{route: dagster.Route{Class: dagster.Page}}, false, false},
		"a query without needs":       {wish{route: graphql, call: &dagster.Call{Kind: dagster.Query}}, false, false},
		"an operation without needs":  {wish{route: graphql, call: &dagster.Call{Kind: dagster.Mutation, Fields: call.Fields}, deeds: deed}, false, false},
		"a permission nobody knows":   {wish{route: dagster.Route{Class: dagster.Page, Need: "fly"}}, false, true},
		"a deed that nobody can hold": {wish{route: report, deeds: []dagster.Deed{{Needs: []policy.Want{{Permission: "fly"}}}}}, false, true},
	} {
		for _, monitor := range []bool{false, true} {
			if monitor && row.unknown {
				continue // monitor mode asks no permission
			}
			h := newHouse(t, "", func(c *Config) { monitored(c, monitor) })
			admitted, no := h.admit(models.WithPrincipal(context.Background(), person("admin", "admin")), row.wish)
			same(t, name, []bool{admitted != nil, no == nil}, []bool{row.want, row.want})
			admitted, no = h.admit(context.Background(), row.wish)
			same(t, name+", a stranger", []bool{admitted == nil, no != nil}, []bool{true, true})
		}
	}
}

// Our own questions carry nothing of whoever made us ask, and nobody makes us
// ask who may not read.
func TestOwnQuestions(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	h.graphql("nobody", "mutation {"+deletion+"}")
	same(t, "requests for somebody who may not read", len(h.dagster.Requests()), 0)
	h.graphql("editor", "mutation {"+deletion+"}", "Authorization: Basic x", "Cookie: a=b", "X-Custom: y", "Accept-Language: de")
	asked := slices.DeleteFunc(h.dagster.Requests(), func(r dagstertest.Request) bool { return !isOwn(r.Header) })
	if len(asked) == 0 {
		t.Fatal("nothing was asked")
	}
	for _, r := range asked {
		names := []string{}
		for name := range r.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		same(t, "question", []any{r.Method, r.URI, names, r.Header["Content-Type"], r.Ran.Kind},
			[]any{"POST", "/dagster/graphql", []string{"Content-Length", "Content-Type", "User-Agent"}, []string{"application/json"}, "query"})
	}
}

const didNotTell = "Dagster did not tell at which code location this is. Please try again shortly."

// Where Dagster does not tell the code location, a role at one is not enough,
// whatever it says instead; one in the whole deployment is.
func TestLookUpsThatFail(t *testing.T) {
	const truth = `{"data":{"runsOrError":{"__typename":"Runs","results":[{"runId":"run-marketing","jobName":"j","repositoryOrigin":{"repositoryLocationName":"marketing"}}]},` +
		`"workspaceOrError":{"__typename":"Workspace","locationEntries":[{"name":"marketing"}]}}}`
	for name, instead := range map[string]func() (status int, body string){
		"an error":               func() (int, string) { return 500, "no" },
		"a redirect":             func() (int, string) { return 302, "" },
		"GraphQL errors":         func() (int, string) { return 200, `{"data":null,"errors":[{"message":"secret"}]}` },
		"the truth, as an error": func() (int, string) { return 500, truth },
		"a page":                 func() (int, string) { return 200, "<html>" },
		"nothing":                func() (int, string) { return 200, "" },
		"null":                   func() (int, string) { return 200, "null" },
		"too much":               func() (int, string) { return 200, truth + strings.Repeat(" ", maxAsked) },
		"too much of nothing":    func() (int, string) { return 200, strings.Repeat(" ", maxAsked+1) },
		"another run":            func() (int, string) { return 200, strings.ReplaceAll(truth, "run-marketing", "run-sales") },
		"half of it":             func() (int, string) { return 200, `{"data":{` },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := newHouse(t, "", func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			h.dagster.Instead(func(r dagstertest.Request) (int, string) {
				if !isOwn(r.Header) {
					return 0, ""
				}
				return instead()
			})
			got := h.graphql("marketer", `mutation { a: terminateRun(runId: "run-marketing") {__typename} b: terminateRun(runId: "run-marketing") {__typename} }`)
			same(t, "the marketer's", []any{len(h.dagster.Changed()), strings.Contains(got.body, didNotTell)}, []any{0, true})
			same(t, "trail", h.trail()[0], "dagster.mutation | refused | terminateRun | run run-marketing | terminate_pipeline_execution | no grant | location_unknown")
			same(t, "lines", strings.Count(log.String(), "code location not known"), 1)
			got = h.graphql("viewer", `mutation { terminateRun(runId: "run-marketing") {__typename} }`)
			same(t, "the viewer's", strings.Contains(got.body, "You may not do this: it takes the role launcher."), true)
			same(t, "trail", h.trail()[2], "dagster.mutation | refused | terminateRun | run run-marketing | terminate_pipeline_execution | no grant | permission_missing")
			h.graphql("launcher", `mutation { terminateRun(runId: "run-marketing") {__typename} }`)
			same(t, "the launcher's", len(h.dagster.Changed()), 1)
		})
	}
	h := newHouse(t, "", nil)
	h.dagster.Instead(func(r dagstertest.Request) (int, string) { return 200, truth })
	h.graphql("marketer", `mutation { terminateRun(runId: "run-marketing") {__typename} }`)
	same(t, "with the truth", len(h.dagster.Changed()), 1)
}

// Dagster that takes its time is not waited for, and a client that left is not
// answered for.
func TestLookUpsThatHang(t *testing.T) {
	release := make(chan struct{})
	h := newHouse(t, "", nil)
	h.patience = 20 * time.Millisecond
	h.dagster.Instead(func(r dagstertest.Request) (int, string) {
		if isOwn(r.Header) {
			<-release
		}
		return 0, ""
	})
	began := time.Now()
	got := h.graphql("marketer", `mutation { terminateRun(runId: "run-marketing") {__typename} }`)
	same(t, "waited", time.Since(began) < askTime, true)
	close(release)
	same(t, "refused", strings.Contains(got.body, didNotTell), true)
	same(t, "changes", len(h.dagster.Changed()), 0)
}

// Whoever leaves while Dagster is asked where something is was not refused, and
// nothing goes on.
func TestWhoLeavesDuringALookUp(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	h := newHouse(t, "", nil)
	h.dagster.Instead(func(r dagstertest.Request) (int, string) {
		close(asked)
		<-release
		return 500, "no"
	})
	h.leave("mutation {"+deletion+"}", asked)
	<-h.returned
	close(release)
	same(t, "trail", []any{len(h.trail()), len(h.dagster.Changed())}, []any{0, 0})
}

// The label of whoever launches is what Dagster gets.
func TestRunsAreLabelled(t *testing.T) {
	h := newHouse(t, "", nil)
	h.graphql("launcher", `mutation { launchRun(executionParams: {selector: {`+atSales+`, jobName: "j"}, executionMetadata: {tags: [{key: "user", value: "somebody else"}]}}) {__typename} }`)
	b, _ := json.Marshal(h.dagster.Changed()[0].Arguments)
	same(t, "tags", []bool{strings.Contains(string(b), `{"key":"user","value":"launcher@corp.example"}`), strings.Contains(string(b), "somebody else")}, []bool{true, false})
}

// What Dagster would not take is refused with what it was, and recorded.
func TestArgumentsThatCannotBeRead(t *testing.T) {
	h := newHouse(t, "", nil)
	got := h.graphql("admin", `mutation($id: String!) { terminateRun(runId: $id) {__typename} }`)
	same(t, "answer", []any{got.StatusCode >= 400, len(h.dagster.Changed())}, []any{true, 0})
	same(t, "trail", len(h.trail()), 1)
}

// Monitor mode does what a role forbids, and records it as that.
func TestMonitorModeLetsPass(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(*house) answer
		want []string
	}{
		"a mutation": {
			func(h *house) answer { return h.graphql("viewer", "mutation {"+deletion+" setNuxSeen}") },
			[]string{
				"dagster.mutation | allowed | deleteRun | run run-sales @sales | delete_pipeline_run | no grant | would_have_refused",
				"dagster.mutation | allowed | setNuxSeen | read | grant 1",
				"dagster.mutation | ok | deleteRun | run run-sales @sales | delete_pipeline_run | no grant",
				"dagster.mutation | ok | setNuxSeen | read | grant 1",
			},
		},
		"a mutation of somebody without any role": {
			func(h *house) answer { return h.graphql("nobody", "mutation {"+deletion+"}") },
			[]string{
				"dagster.mutation | allowed | deleteRun | run run-sales @sales | delete_pipeline_run | no grant | would_have_refused",
				"dagster.mutation | ok | deleteRun | run run-sales @sales | delete_pipeline_run | no grant",
			},
		},
		"an unclassified mutation": {
			func(h *house) answer { return h.graphql("editor", "mutation {newThing}") },
			[]string{
				"dagster.mutation | allowed | newThing | unclassified_mutation | no grant | would_have_refused",
				"dagster.mutation | ok | newThing | unclassified_mutation | no grant",
			},
		},
		"a report": {
			func(h *house) answer { return h.do("viewer", "POST", "/report_asset_check/orders", "") },
			[]string{
				"dagster.report | allowed | report_asset_check | asset orders @sales | report_runless_asset_events | no grant | would_have_refused",
				"dagster.report | ok | report_asset_check | asset orders @sales | report_runless_asset_events | no grant",
			},
		},
		"the console": {
			func(h *house) answer { return h.do("viewer", "GET", "/graphql", "", "Accept: text/html") },
			[]string{"dagster.read | allowed | graphiql | graphiql | no grant | would_have_refused"},
		},
		"a query": {
			func(h *house) answer {
				return h.graphql("viewer_without_logs", `{a: capturedLogs(logKey: []) {stdout}}`)
			},
			[]string{"dagster.read | allowed | capturedLogs | read_logs | no grant | would_have_refused"},
		},
		"what is allowed": {func(h *house) answer { return h.graphql("viewer", "{version}") }, nil},
	} {
		h := newHouse(t, "", func(c *Config) { monitored(c, true) })
		got := row.do(h)
		<-h.returned
		same(t, name, []any{got.StatusCode, strings.Contains(got.body, "Unauthorized"), h.trail()}, []any{200, false, row.want})
	}
}

// Monitor mode changes nothing else.
func TestMonitorModeEnforcesTheRest(t *testing.T) {
	change := `{"query":"mutation {deleteRun(runId:\"1\") {__typename}}"}`
	typed := "Content-Type: application/json"
	for name, row := range map[string]struct {
		do     func(*house) answer
		status int
	}{
		"a stranger": {func(h *house) answer { return h.do("", "POST", "/graphql", change, typed) }, 401},
		"another site": {func(h *house) answer {
			return h.do("admin", "POST", "/graphql", change, typed, "Origin: https://evil.example")
		}, 403},
		"a mutation over GET":    {func(h *house) answer { return h.do("admin", "GET", "/graphql?query=mutation{deleteRun}", "") }, 405},
		"another type":           {func(h *house) answer { return h.do("admin", "POST", "/graphql", change, "Content-Type: text/plain") }, 415},
		"two requests":           {func(h *house) answer { return h.do("admin", "POST", "/graphql?query={version}", change, typed) }, 400},
		"a path with two sides":  {func(h *house) answer { return h.do("admin", "GET", "/a%5Cb", "") }, 400},
		"a method nobody serves": {func(h *house) answer { return h.do("admin", "DELETE", "/runs", "") }, 405},
		"nothing recorded": {func(h *house) answer {
			h.broken = errors.New("disk full")
			return h.do("viewer", "POST", "/graphql", change, typed)
		}, 503},
		"a read that is not recorded": {func(h *house) answer {
			h.broken = errors.New("disk full")
			return h.do("viewer", "GET", "/graphql", "", "Accept: text/html")
		}, 503},
	} {
		h := newHouse(t, "", func(c *Config) { monitored(c, true) })
		same(t, name, []any{row.do(h).StatusCode, len(h.dagster.Changed())}, []any{row.status, 0})
	}
	h := newHouse(t, "", func(c *Config) { monitored(c, true) })
	got := h.do("viewer", "GET", "/notebook?path=a.ipynb", "", "X-Forwarded-User: admin", "X-Dagpass-Role: admin")
	same(t, "sandbox", got.Header.Get("Content-Security-Policy"), "sandbox, frame-ancestors 'self'")
	seen := h.dagster.Last().Header
	same(t, "headers", []any{seen[headerUser], seen[headerRole]}, []any{[]string{"id-viewer"}, []string{"viewer"}})
}

// On sockets too: what a role forbids is subscribed to, and a session that ends
// ends the socket.
func TestMonitorModeOnSockets(t *testing.T) {
	h := newHouse(t, "", func(c *Config) { monitored(c, true) })
	h.promote("guest", "viewer_without_logs")
	s := h.socket("guest")
	s.start("1", `subscription { capturedLogs(logKey: "a") }`)
	same(t, "subscribed", s.next(), `{"type":"data","id":"1","payload":{"data":{"capturedLogs":"first"}}}`)
	same(t, "trail", h.trail(), []string{"dagster.read | allowed | capturedLogs | read_logs | no grant | would_have_refused"})
	h.promote("guest", "nobody")
	h.recheck()
	h.dagster.Publish("more")
	same(t, "goes on", s.next(), `{"type":"data","id":"1","payload":{"data":{"capturedLogs":"more"}}}`)
	h.end("guest")
	same(t, "end", s.end(), "1008 session_ended")
}

// What is asked for at a code location is looked at again there.
func TestSocketsAreJudgedByWant(t *testing.T) {
	b := &bridge{Proxy: &Proxy{Config: Config{Monitor: func() bool { return false }}}, needs: map[policy.Want]bool{}}
	b.hold([]policy.Want{{Permission: policy.WipeAssets, Location: "marketing"}})
	for who, want := range map[policy.Role]bool{"marketer": true, "editor": true, "seller": false, "viewer": false} {
		same(t, string(who), b.stillMay(person("x", who)) == nil, want)
	}
}
