package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/models"
)

const (
	launchSales  = `launchRun(executionParams: {selector: {` + atSales + `, jobName: "j"}}) {__typename}`
	launchTwo    = `launchMultipleRuns(executionParamsList: [{selector: {` + atSales + `, jobName: "j"}}, {selector: {` + atMarketing + `, jobName: "k"}}]) {__typename}`
	terminateTwo = `terminateRuns(runIds: ["run-sales", "run-marketing"]) {__typename}`
	backfillOf   = `launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["campaigns"]}], partitionNames: ["a"]}) {__typename}`
)

// What became of a change is told by Dagster's answer, by its status where that
// says enough, and for each thing that was to be changed.
func TestWhatBecameOfAChange(t *testing.T) {
	type answer struct {
		status int
		body   string
	}
	deleted := func(kind string) string {
		return `{"data":{"deleteRun":{"__typename":"` + kind + `","dagpass_type":"` + kind + `"}}}`
	}
	const (
		aDeletion = "dagster.mutation | %s | deleteRun | run run-sales @sales | delete_pipeline_run | grant 3"
		aLaunch   = "dagster.mutation | ok | launchRun | job j @sales | launch_pipeline_execution | grant 3"
	)
	failed := func(reason string) []string { return []string{fmt.Sprintf(aDeletion, "failed") + " | " + reason} }
	for name, row := range map[string]struct {
		mutation string
		answer   answer
		want     []string // the events after the answer
	}{
		"done":                   {deletion, answer{}, []string{fmt.Sprintf(aDeletion, "ok")}},
		"refused by Dagster":     {deletion, answer{200, deleted("UnauthorizedError")}, failed("UnauthorizedError")},
		"a Python error":         {deletion, answer{200, deleted("PythonError")}, failed("PythonError")},
		"a type nobody knows":    {deletion, answer{200, deleted("Newer")}, failed("Newer")},
		"a type that is large":   {deletion, answer{200, deleted(strings.Repeat("x", 1000))}, failed(strings.Repeat("x", 256) + "…")},
		"errors":                 {deletion, answer{200, `{"data":null,"errors":[{"message":"secret"}]}`}, failed("graphql_error")},
		"no such field":          {deletion, answer{400, `{"data":null,"errors":[{"message":"secret"}]}`}, failed("status_400")},
		"a fault":                {deletion, answer{500, "Internal Server Error"}, failed("status_500")},
		"a fault that says ok":   {deletion, answer{500, deleted("DeletePipelineRunSuccess")}, []string{fmt.Sprintf(aDeletion, "ok") + " | status_500"}},
		"a fault of its own":     {deletion, answer{500, deleted("PythonError")}, failed("PythonError")},
		"a fault after it":       {deletion, answer{500, `{"data":null,"errors":[{"path":["deleteRun","runId"]}]}`}, failed("not_told")},
		"a fault in its place":   {deletion, answer{500, `{"data":null,"errors":[{"path":["deleteRun"]}]}`}, failed("status_500")},
		"a page":                 {deletion, answer{200, "<html>"}, failed("no_answer")},
		"nothing":                {deletion, answer{200, ""}, failed("no_answer")},
		"an answer about else":   {deletion, answer{200, `{"data":{"a":{"__typename":"DeletePipelineRunSuccess"}}}`}, failed("not_run")},
		"a type of the sender's": {deletion, answer{200, `{"data":{"deleteRun":{"__typename":"DeletePipelineRunSuccess","dagpass_type":"PythonError"}}}`}, failed("PythonError")},
		"launched":               {launchSales, answer{}, []string{aLaunch + " | run-1"}},
		"two launched": {launchTwo, answer{}, []string{
			"dagster.mutation | ok | launchMultipleRuns | job j @sales | launch_pipeline_execution | grant 3 | run-1",
			"dagster.mutation | ok | launchMultipleRuns | job k @marketing | launch_pipeline_execution | grant 3 | run-2",
		}},
		"one of two launched": {
			launchTwo,
			answer{200, `{"data":{"launchMultipleRuns":{"dagpass_type":"LaunchMultipleRunsResult","dagpass_items":[` +
				`{"dagpass_type":"RunConfigValidationInvalid"},{"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"r2"}}]}}}`},
			[]string{
				"dagster.mutation | failed | launchMultipleRuns | job j @sales | launch_pipeline_execution | grant 3 | RunConfigValidationInvalid",
				"dagster.mutation | ok | launchMultipleRuns | job k @marketing | launch_pipeline_execution | grant 3 | r2",
			},
		},
		"one launched of two, which is not said": {
			launchTwo,
			answer{200, `{"data":{"launchMultipleRuns":{"dagpass_type":"LaunchMultipleRunsResult","dagpass_items":[{"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"r2"}}]}}}`},
			[]string{
				"dagster.mutation | ok | launchMultipleRuns | job j @sales | launch_pipeline_execution | grant 3",
				"dagster.mutation | ok | launchMultipleRuns | job k @marketing | launch_pipeline_execution | grant 3",
				"dagster.mutation | ok | launchMultipleRuns | launch_pipeline_execution | grant 3 | r2",
			},
		},
		"one of two terminated": {
			terminateTwo,
			answer{200, `{"data":{"terminateRuns":{"dagpass_type":"TerminateRunsResult","dagpass_items":[{"dagpass_type":"TerminateRunSuccess"},{"dagpass_type":"RunNotFoundError"}]}}}`},
			[]string{
				"dagster.mutation | ok | terminateRuns | run run-sales @sales | terminate_pipeline_execution | grant 3",
				"dagster.mutation | failed | terminateRuns | run run-marketing @marketing | terminate_pipeline_execution | grant 3 | RunNotFoundError",
			},
		},
		"a backfill": {backfillOf, answer{}, []string{
			"dagster.mutation | ok | launchPartitionBackfill | backfill backfill-1 @marketing | launch_partition_backfill | grant 3",
		}},
		"a backfill with runs": {
			backfillOf,
			answer{200, `{"data":{"launchPartitionBackfill":{"dagpass_type":"LaunchBackfillSuccess","dagpass_backfill":"b","dagpass_runs":["r1","r2"]}}}`},
			[]string{
				"dagster.mutation | ok | launchPartitionBackfill | backfill b @marketing | launch_partition_backfill | grant 3",
				"dagster.mutation | ok | launchPartitionBackfill | backfill b @marketing | launch_partition_backfill | grant 3 | r1",
				"dagster.mutation | ok | launchPartitionBackfill | backfill b @marketing | launch_partition_backfill | grant 3 | r2",
			},
		},
		"one done, one failed": {
			"a: " + deletion + " b: " + deletion,
			answer{200, `{"data":{"a":{"dagpass_type":"DeletePipelineRunSuccess"},"b":{"dagpass_type":"RunNotFoundError"}}}`},
			[]string{fmt.Sprintf(aDeletion, "ok"), fmt.Sprintf(aDeletion, "failed") + " | RunNotFoundError"},
		},
	} {
		h := newHouse(t, "", nil)
		h.dagster.Instead(func(r dagstertest.Request) (int, string) {
			if isOwn(r.Header) {
				return 0, ""
			}
			return row.answer.status, row.answer.body
		})
		got := h.graphql("editor", "mutation { "+row.mutation+" }")
		<-h.returned
		trail := h.trail()
		same(t, name, trail[h.batches[0]:], row.want)
		same(t, name+", batches", h.batches[1:], []int{len(row.want)})
		same(t, name+", to the client", []any{strings.Contains(got.body, "dagpass_"), got.Header.Get("Content-Length")}, []any{false, strconv.Itoa(len(got.body))})
	}
}

// An answer is asked for as it can be read, and told anew how long it is.
func TestEditedAnswers(t *testing.T) {
	var asked []string
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, strings.Join(r.Header["Accept-Encoding"], "|"))
		w.Header().Set("ETag", `"theirs"`)
		w.Header().Set("Content-Encoding", "identity")
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, `{"data":{"deleteRun":{"__typename":"DeletePipelineRunSuccess","dagpass_type":"DeletePipelineRunSuccess"}}}`)
	})
	got := h.graphql("editor", "mutation {"+deletion+"}", "Accept-Encoding: gzip, br")
	same(t, "body", got.body, `{"data":{"deleteRun":{"__typename":"DeletePipelineRunSuccess"}}}`)
	same(t, "headers", []any{got.ContentLength, got.Header["Etag"], got.Header["Content-Encoding"], asked},
		[]any{len(got.body), []string(nil), []string(nil), []string{"identity"}})
}

// What comes in an encoding all the same goes on as it came; the trail says that
// only the status is known.
func TestEncodedAnswersPass(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"data":{"deleteRun":{"dagpass_type":"PythonError"}}}`)
	_ = z.Close()
	h := at(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	got := h.graphql("editor", "mutation {"+deletion+"}", "Accept-Encoding: gzip") // which the client then leaves alone
	<-h.returned
	same(t, "body", []any{got.body == packed.String(), got.Header.Get("Content-Encoding")}, []any{true, "gzip"})
	same(t, "trail", h.trail()[1], "dagster.mutation | ok | deleteRun | run run-sales | delete_pipeline_run | grant 3 | answer_unread")
}

// A larger answer than is read passes whole.
func TestAnswersTooLargeToRead(t *testing.T) {
	body := `{"data":{"deleteRun":{"dagpass_type":"PythonError"}}}` + strings.Repeat(" ", maxTold)
	for _, announced := range []bool{true, false} {
		h := at(t, func(w http.ResponseWriter, _ *http.Request) {
			if announced {
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			}
			_, _ = io.WriteString(w, body)
		})
		got := h.graphql("editor", "mutation {"+deletion+"}")
		<-h.returned
		same(t, "whole", got.body == body, true)
		same(t, "trail", h.trail()[1], "dagster.mutation | ok | deleteRun | run run-sales | delete_pipeline_run | grant 3 | answer_unread")
	}
}

// Clients that do not read hold no more than there is room for: what is beyond
// it passes as Dagster gave it.
func TestAnswersBeyondTheRoom(t *testing.T) {
	for name, row := range map[string]struct {
		room    int64
		chunked bool
		trail   string
		trimmed bool
	}{
		"room":                 {maxHeld, false, "ok | setNuxSeen | read | grant 1", true},
		"room, length unknown": {maxHeld, true, "ok | setNuxSeen | read | grant 1", true},
		// Nobody keeps the trail from telling what became of another's change.
		"too little":                {20, false, "ok | setNuxSeen | read | grant 1", false},
		"too little for any length": {maxTrimmed - 1, true, "ok | setNuxSeen | read | grant 1", false},
	} {
		h := at(t, func(w http.ResponseWriter, r *http.Request) {
			body := `{"data":{"setNuxSeen":true,"permissions":[{"dagpass_permission":"start_schedule","value":true}]}}`
			if row.chunked {
				w.Header().Set("Transfer-Encoding", "chunked")
			}
			_, _ = io.WriteString(w, body)
		})
		h.room.Store(row.room)
		got := h.graphql("viewer", `{permissions {permission value}}`)
		<-h.returned
		same(t, name+", trimmed", !strings.Contains(got.body, `"value":true`), row.trimmed)
		h.graphql("viewer", "mutation {setNuxSeen}")
		<-h.returned
		same(t, name+", trail", h.trail()[1], "dagster.mutation | "+row.trail)
		same(t, name+", room afterwards", h.room.Load(), row.room)
	}
}

// The room is taken until the client has read, or is gone.
func TestTheRoomIsTakenUntilTheClientHasRead(t *testing.T) {
	const size = 20 << 20 // more than fits between the client and us
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = io.WriteString(w, `{"data":{}}`+strings.Repeat(" ", size-len(`{"data":{}}`)))
	})
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, h.front.URL+"/graphql?query="+url.QueryEscape(`{permissions {value}}`), nil)
	r.AddCookie(&http.Cookie{Name: "dagpass", Value: "viewer"})
	res, err := h.front.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "room while it waits", h.room.Load(), maxHeld-size)
	_ = res.Body.Close()
	<-h.returned
	same(t, "room afterwards", h.room.Load(), maxHeld)
}

// Who does not read at all holds an answer for a bounded time.
func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	const size = 15 << 20 // more than fits between the client and us
	h := at(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = io.WriteString(w, `{"data":{}}`+strings.Repeat(" ", size-len(`{"data":{}}`)))
	})
	h.takeTime = 100 * time.Millisecond
	for _, query := range []string{`{"query":"{permissions {value}}"}`, `{"query":"mutation {setNuxSeen}"}`} {
		r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, h.front.URL+"/graphql", strings.NewReader(query))
		r.AddCookie(&http.Cookie{Name: "dagpass", Value: "viewer"})
		r.Header.Set("Origin", h.Site.Origin())
		r.Header.Set("Content-Type", "application/json")
		res, err := h.front.Client().Transport.RoundTrip(r)
		<-h.returned    // although nobody reads
		if err == nil { // on a slow machine it was cut off before it began
			_ = res.Body.Close()
		}
	}
}

// deadlines remembers the times by which what is written must be taken.
type deadlines struct {
	*httptest.ResponseRecorder
	set []bool
}

func (d *deadlines) SetWriteDeadline(by time.Time) error {
	d.set = append(d.set, !by.IsZero())
	return nil
}

// The time that one answer has is not that of the connection's next.
func TestTheNextAnswerHasItsOwnTime(t *testing.T) {
	h := newHouse(t, "", nil)
	r := httptest.NewRequest(http.MethodGet, h.front.URL+"/graphql?query="+url.QueryEscape(`{permissions {value}}`), nil)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	h.Proxy.ServeHTTP(w, r.WithContext(models.WithPrincipal(r.Context(), h.person("viewer"))))
	same(t, "set and lifted", w.set, []bool{true, false})
}

// An answer that breaks off is nobody's success: not for whoever waits for it,
// and not in the trail.
func TestAnswersThatBreakOff(t *testing.T) {
	h := at(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = io.WriteString(w, `{"data":{"deleteRun":{"dagpass_type":"DeletePipelineRunSuccess"}}}`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	got := h.graphql("editor", "mutation {"+deletion+"}")
	<-h.returned
	same(t, "answer", []any{got.StatusCode, strings.Contains(got.body, `"answer_broken"`)}, []any{502, true})
	same(t, "trail", h.trail()[1:], []string{"dagster.mutation | failed | deleteRun | run run-sales | delete_pipeline_run | grant 3 | answer_broken"})
}

// Who leaves while Dagster still works, or in the middle of its answer, changes
// nothing of what is recorded.
func TestWhoLeavesIsToldOfToTheEnd(t *testing.T) {
	began, gone := make(chan struct{}), make(chan struct{})
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"data":{"deleteRun":`)
		_ = http.NewResponseController(w).Flush()
		close(began)
		<-gone
		_, _ = io.WriteString(w, `{"dagpass_type":"PythonError"}}}`)
	})
	h.leave("mutation {"+deletion+"}", began)
	close(gone)
	<-h.returned
	same(t, "trail", h.trail()[1:], []string{"dagster.mutation | failed | deleteRun | run run-sales | delete_pipeline_run | grant 3 | PythonError"})
}

// Where Dagster does not answer whoever left, that is what is recorded.
func TestWhoLeavesHidesNothing(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	h := at(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(arrived)
		<-gone
		panic(http.ErrAbortHandler)
	})
	h.leave("mutation {"+deletion+"}", arrived)
	close(gone)
	<-h.returned
	same(t, "trail", h.trail()[1:], []string{"dagster.mutation | failed | deleteRun | run run-sales | delete_pipeline_run | grant 3 | dagster_unreachable"})
}

// leave sends an operation of an editor's who hangs up at a given moment, and
// waits until the house has noticed.
func (h *house) leave(query string, when <-chan struct{}) {
	h.t.Helper()
	ctx, hangUp := context.WithCancel(context.Background())
	go func() { <-when; hangUp() }()
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, h.front.URL+"/graphql", strings.NewReader(`{"query":`+strconv.Quote(query)+`}`))
	r.AddCookie(&http.Cookie{Name: "dagpass", Value: "editor"})
	r.Header.Set("Origin", h.Site.Origin())
	r.Header.Set("Content-Type", "application/json")
	if res, err := h.front.Client().Transport.RoundTrip(r); err == nil {
		_ = res.Body.Close()
	}
	h.mu.Lock()
	left := h.visitor
	h.mu.Unlock()
	<-left.Done()
}

// A result that fits no deed does not get lost, and so many runs are bounded.
func TestResultsThatDoNotFit(t *testing.T) {
	field := dagster.Field{Name: "f", Key: "f"}
	ids := make([]string, 5000)
	one := []entry{{field: field, outcome: "ok"}}
	same(t, "another field", len(tell(one, dagster.Result{Field: dagster.Field{Name: "g"}, Runs: ids})), 1)
	same(t, "many", len(tell(one, dagster.Result{Field: field, Runs: ids})), 1+maxRuns)
}

// Permissions in an answer are those of the person, and in monitor mode
// Dagster's own.
func TestPermissionsAreThePersons(t *testing.T) {
	const query = `{permissions {permission value}}`
	for _, row := range []struct {
		who     string
		monitor bool
		want    bool
	}{{"viewer", false, false}, {"editor", false, true}, {"viewer", true, true}} {
		h := newHouse(t, "", func(c *Config) { monitored(c, row.monitor) })
		got := h.graphql(row.who, query)
		same(t, row.who, strings.Contains(got.body, `{"permission":"start_schedule","value":true}`), row.want)
	}
}

// What is answered about a person is for nobody else: no cache keeps it.
func TestOperationsAreNotCached(t *testing.T) {
	h := newHouse(t, "", nil)
	for what, got := range map[string]answer{"POST": h.graphql("viewer", "{version}"), "GET": h.do("viewer", "GET", "/graphql?query={version}", "")} {
		same(t, what, got.Header.Get("Cache-Control"), "no-store")
	}
}

// A Dagster that does not know what we ask for beside the client's own words is
// asked without; the tag of who launched stays. Once something may have run,
// nothing is sent again.
func TestADagsterThatDoesNotKnowOurQuestions(t *testing.T) {
	const (
		invalid = `{"data":null,"errors":[{"message":"Cannot query field"}]}`
		ran     = `{"data":null,"errors":[{"message":"no","path":["launchRun"]}]}`
	)
	for name, row := range map[string]struct {
		who, query, refusal string
		sent                int
		want                string
	}{
		"a launch":              {"editor", "mutation {" + launchSales + "}", invalid, 2, `{"data":{}}`},
		"permissions":           {"viewer", "{permissions {value}}", invalid, 2, `{"data":{}}`},
		"it ran":                {"editor", "mutation {" + launchSales + "}", ran, 1, ran},
		"no GraphQL":            {"editor", "mutation {" + launchSales + "}", "no", 1, "no"},
		"nothing of ours in it": {"viewer", "{version}", invalid, 1, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			h := at(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				sent = append(sent, string(body))
				if strings.Contains(string(body), "dagpass_") || row.sent == 1 {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, row.refusal)
					return
				}
				_, _ = io.WriteString(w, `{"data":{}}`)
			})
			got := h.graphql(row.who, row.query)
			same(t, "answer", got.body, row.want)
			same(t, "times", len(sent), row.sent)
			same(t, "label", strings.Contains(sent[len(sent)-1], `\"user\"`), strings.Contains(row.query, "launchRun"))
		})
	}
}
