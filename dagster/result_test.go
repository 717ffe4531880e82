package dagster_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

// answered gives Dagster's answer to a mutation to the call that asked for it.
func answered(t testing.TB, query, answer string) (string, []dagster.Result) {
	t.Helper()
	out, err := post(t, dagster.NewReader(nil), query, nil).Write(dagster.Writing{Label: me})
	if err != nil {
		t.Fatal(err)
	}
	if !out.Edits {
		t.Error("the answer is not looked at")
	}
	edited, results := out.Answer([]byte(answer))
	return string(edited), results
}

func TestAnswersTellTheResult(t *testing.T) {
	field := func(key string) dagster.Field { return dagster.Field{Name: strings.TrimSuffix(key, "2"), Key: key} }
	const launch = `mutation{launchRun(executionParams:{}){run{id}}}`
	for name, row := range map[string]struct {
		query, answer, edited string
		want                  []dagster.Result
	}{
		"a run": {
			launch,
			`{"data":{"launchRun":{"run":{"id":"a"},"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"a"}}}}`,
			`{"data":{"launchRun":{"run":{"id":"a"}}}}`,
			[]dagster.Result{{Field: field("launchRun"), Runs: []string{"a"}}},
		},
		"a refusal of Dagster's": {
			launch,
			`{"data":{"launchRun":{"message":"no","dagpass_type":"PythonError"}}}`,
			`{"data":{"launchRun":{"message":"no"}}}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "PythonError"}},
		},
		"nothing but what we asked for": {
			launch,
			`{"data":{"launchRun":{"dagpass_type":"RunConflict"}}}`,
			`{"data":{"launchRun":{}}}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "RunConflict"}},
		},
		"the rest as it was": {
			launch,
			"{\"data\": {\n\"launchRun\": {\"dagpass_type\":\"LaunchRunSuccess\",\"b\":1.50,\"a\":\"\\u0041<\", \"dagpass_run\" : {\"runId\":\"a\"} }}, \"extensions\":{\"x\":1e400}}\n",
			"{\"data\": {\n\"launchRun\": {\"b\":1.50,\"a\":\"\\u0041<\"}}, \"extensions\":{\"x\":1e400}}\n",
			[]dagster.Result{{Field: field("launchRun"), Runs: []string{"a"}}},
		},
		"a configuration with keys like ours": {
			`mutation{launchRun(executionParams:{}){...on LaunchRunSuccess{run{runConfig}}}}`,
			`{"data":{"launchRun":{"run":{"runConfig":{"ops":{"dagpass_loader":{"config":1}}}},"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"a"}}}}`,
			`{"data":{"launchRun":{"run":{"runConfig":{"ops":{"dagpass_loader":{"config":1}}}}}}}`,
			[]dagster.Result{{Field: field("launchRun"), Runs: []string{"a"}}},
		},
		"a client that says something else": {
			`mutation{launchRun(executionParams:{}){DAGPASS_TYPE:__typename Dagpass_run:__typename}}`,
			`{"data":{"launchRun":{"DAGPASS_TYPE":"LaunchRunSuccess","dagpass_type":"PythonError","Dagpass_run":{"runId":"b"}}}}`,
			`{"data":{"launchRun":{"DAGPASS_TYPE":"LaunchRunSuccess","Dagpass_run":{"runId":"b"}}}}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "PythonError"}},
		},
		"in the order of the request": {
			`mutation{deleteRun(runId:1){__typename} setNuxSeen launchRun2:launchRun(executionParams:{}){__typename} __typename}`,
			`{"data":{"launchRun2":{"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"a"}},"__typename":"Mutation","setNuxSeen":false,"deleteRun":{"dagpass_type":"RunNotFoundError"}}}`,
			`{"data":{"launchRun2":{},"__typename":"Mutation","setNuxSeen":false,"deleteRun":{}}}`,
			[]dagster.Result{
				{Field: field("deleteRun"), Failure: "RunNotFoundError"},
				{Field: field("setNuxSeen")},
				{Field: field("launchRun2"), Runs: []string{"a"}},
				{Field: field("__typename")},
			},
		},
		"several runs": {
			`mutation{launchMultipleRuns(executionParamsList:[]){__typename}}`,
			`{"data":{"launchMultipleRuns":{"__typename":"LaunchMultipleRunsResult","dagpass_type":"LaunchMultipleRunsResult","dagpass_items":[` +
				`{"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"a"}},{"dagpass_type":"PythonError"},` +
				`{"dagpass_type":"RunConflict"},{"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"b"}}]}}}`,
			`{"data":{"launchMultipleRuns":{"__typename":"LaunchMultipleRunsResult"}}}`,
			[]dagster.Result{{
				Field: field("launchMultipleRuns"), Failure: "PythonError", Runs: []string{"a", "b"},
				Items: []dagster.Result{
					{Field: field("launchMultipleRuns"), Runs: []string{"a"}},
					{Field: field("launchMultipleRuns"), Failure: "PythonError"},
					{Field: field("launchMultipleRuns"), Failure: "RunConflict"},
					{Field: field("launchMultipleRuns"), Runs: []string{"b"}},
				},
			}},
		},
		"several ends": {
			`mutation{terminateRuns(runIds:[]){__typename}}`,
			`{"data":{"terminateRuns":{"dagpass_type":"TerminateRunsResult","dagpass_items":[{"dagpass_type":"TerminateRunSuccess"},{"dagpass_type":"TerminateRunFailure"}]}}}`,
			`{"data":{"terminateRuns":{}}}`,
			[]dagster.Result{{
				Field: field("terminateRuns"), Failure: "TerminateRunFailure",
				Items: []dagster.Result{{Field: field("terminateRuns")}, {Field: field("terminateRuns"), Failure: "TerminateRunFailure"}},
			}},
		},
		"a backfill": {
			`mutation{launchPartitionBackfill(backfillParams:{}){__typename}}`,
			`{"data":{"launchPartitionBackfill":{"dagpass_type":"LaunchBackfillSuccess","dagpass_backfill":"abc","dagpass_runs":["a"]}}}`,
			`{"data":{"launchPartitionBackfill":{}}}`,
			[]dagster.Result{{Field: field("launchPartitionBackfill"), Backfill: "abc", Runs: []string{"a"}}},
		},
		"a backfill without runs": {
			`mutation{reexecutePartitionBackfill(reexecutionParams:{}){__typename}}`,
			`{"data":{"reexecutePartitionBackfill":{"dagpass_type":"LaunchBackfillSuccess","dagpass_backfill":"abc","dagpass_runs":null}}}`,
			`{"data":{"reexecutePartitionBackfill":{}}}`,
			[]dagster.Result{{Field: field("reexecutePartitionBackfill"), Backfill: "abc"}},
		},
		"errors": {
			launch, `{"data":null,"errors":[{"message":"no","dagpass_x":1}]}`, `{"data":null,"errors":[{"message":"no","dagpass_x":1}]}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "graphql_error"}},
		},
		"a request that does not validate": {
			launch, `{"errors":[{"message":"no"}]}`, `{"errors":[{"message":"no"}]}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "graphql_error"}},
		},
		"a field without value": {
			launch, `{"data":{"launchRun":null}}`, `{"data":{"launchRun":null}}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "graphql_error"}},
		},
		"an error of the field": {
			launch, `{"data":null,"errors":[{"path":["launchRun"]}]}`, `{"data":null,"errors":[{"path":["launchRun"]}]}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "graphql_error"}},
		},
		"an error after the change": {
			launch, `{"data":null,"errors":[{"path":["launchRun","run","id"]}]}`, `{"data":null,"errors":[{"path":["launchRun","run","id"]}]}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "not_told"}},
		},
		"an error after the change, which took no more than its field": {
			`mutation{launchRun(executionParams:{}){run{id}} setNuxSeen}`,
			`{"data":{"launchRun":null,"setNuxSeen":true},"errors":[{"path":["launchRun","run","id"]}]}`,
			`{"data":{"launchRun":null,"setNuxSeen":true},"errors":[{"path":["launchRun","run","id"]}]}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "not_told"}, {Field: field("setNuxSeen")}},
		},
		"an error of another field": {
			`mutation{setNuxSeen setNuxSeen2:setNuxSeen}`,
			`{"data":null,"errors":[{"path":["setNuxSeen2"]}]}`, `{"data":null,"errors":[{"path":["setNuxSeen2"]}]}`,
			[]dagster.Result{{Field: field("setNuxSeen"), Failure: "not_told"}, {Field: field("setNuxSeen2"), Failure: "graphql_error"}},
		},
		"a field that did not run": {
			`mutation{launchRun(executionParams:{})@skip(if:true){run{id}}}`, `{"data":{}}`, `{"data":{}}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "not_run"}},
		},
		"a page": {
			launch, `<html>dagpass_type`, `<html>dagpass_type`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "no_answer"}},
		},
		"nothing": {launch, ``, ``, []dagster.Result{{Field: field("launchRun"), Failure: "no_answer"}}},
		"another object": {
			launch, `{"dagpass":1,"detail":"x"}`, `{"dagpass":1,"detail":"x"}`,
			[]dagster.Result{{Field: field("launchRun"), Failure: "no_answer"}},
		},
		"a list": {launch, `[{"data":{}}]`, `[{"data":{}}]`, []dagster.Result{{Field: field("launchRun"), Failure: "no_answer"}}},
	} {
		t.Run(name, func(t *testing.T) {
			edited, results := answered(t, row.query, row.answer)
			if edited != row.edited {
				t.Errorf("given on\n%s\nwant\n%s", edited, row.edited)
			}
			if !reflect.DeepEqual(results, row.want) {
				t.Errorf("got  %+v\nwant %+v", results, row.want)
			}
		})
	}
}

func TestQueriesHaveNoResults(t *testing.T) {
	out, err := post(t, dagster.NewReader(nil), `{version}`, nil).Write(dagster.Writing{})
	if err != nil || out.Edits {
		t.Fatalf("%v %v", out, err)
	}
	if body, results := out.Answer([]byte(`{"data":{"dagpass_x":1}}`)); string(body) != `{"data":{"dagpass_x":1}}` || results != nil {
		t.Errorf("%s %v", body, results)
	}
}

// outcomes are the types that each mutation of 1.13.27 may answer with.
// testdata/same_launch.py holds them against the schema.
func outcomes(t testing.TB) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/outcomes.json")
	if err != nil {
		t.Fatal(err)
	}
	var table map[string][]string
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestEveryTypeIsDoneOrNot(t *testing.T) {
	done := strings.Fields(`
		AddDynamicPartitionSuccess AssetWipeSuccess CancelBackfillSuccess DeleteAppManagedComponentSuccess
		DeleteDynamicPartitionsSuccess DeletePipelineRunSuccess DryRunInstigationTick LaunchBackfillSuccess
		LaunchMultipleRunsResult LaunchRunSuccess LogTelemetrySuccess RefreshComponentStateAccepted
		RefreshComponentStateSuccess ReportAssetCheckEvaluationsSuccess ReportRunlessAssetEventsSuccess
		ResumeBackfillSuccess ScheduleStateResult Sensor SetAppManagedComponentSuccess
		ShutdownRepositoryLocationSuccess StopSensorMutationResult TerminateRunSuccess TerminateRunsResult
		Workspace WorkspaceLocationEntry
	`)
	for field, types := range outcomes(t) {
		for _, kind := range types {
			if kind == "Boolean" {
				continue
			}
			want := kind
			if slices.Contains(done, kind) {
				want = ""
			}
			_, results := answered(t, "mutation{"+field+"{__typename}}", `{"data":{"`+field+`":{"dagpass_type":"`+kind+`"}}}`)
			if got := results[0].Failure; got != want {
				t.Errorf("%s with %s: failure %q", field, kind, got)
			}
		}
	}
	if _, results := answered(t, "mutation{newThing{a}}", `{"data":{"newThing":{"dagpass_type":"NewThing"}}}`); results[0].Failure != "NewThing" {
		t.Errorf("a type nobody knows: %+v", results)
	}
}
