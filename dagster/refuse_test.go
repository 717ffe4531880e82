package dagster_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

func TestRefuse(t *testing.T) {
	r := newReader()
	for name, row := range map[string]struct{ query, want string }{
		"a type with UnauthorizedError": {
			`mutation{deleteRun(runId:1){__typename}}`,
			`{"data":{"deleteRun":{"__typename":"UnauthorizedError","message":"no"}}}`,
		},
		"under its alias, beside others": {
			`mutation{__typename a:deleteRun(runId:1){__typename} ...f} fragment f on Mutation{b:reloadWorkspace{__typename}}`,
			`{"data":{"__typename":"Mutation","a":{"__typename":"UnauthorizedError","message":"no"},"b":{"__typename":"UnauthorizedError","message":"no"}}}`,
		},
		"a Boolean": {
			`mutation{x:setNuxSeen}`,
			`{"data":null,"errors":[{"message":"no","path":["x"]}]}`,
		},
		"a launch, of which the app shows the errors": {
			`mutation{launchRun(executionParams:{}){__typename} b:launchPipelineReexecution(executionParams:{}){__typename}}`,
			`{"data":{"b":{"__typename":"UnauthorizedError","errors":[{"message":"no"}],"message":"no"},` +
				`"launchRun":{"__typename":"UnauthorizedError","errors":[{"message":"no"}],"message":"no"}}}`,
		},
		"a type with another error": {
			`mutation{x:launchMultipleRuns(executionParamsList:[]){__typename}}`,
			`{"data":{"x":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"telemetry": {
			`mutation{logTelemetry(action:""){__typename}}`,
			`{"data":{"logTelemetry":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"a type with the error inside a list": {
			`mutation{terminateRuns(runIds:["a","b"]){...on TerminateRunsResult{terminateRunResults{__typename}}}}`,
			`{"data":{"terminateRuns":{"__typename":"TerminateRunsResult","terminateRunResults":[` +
				`{"__typename":"UnauthorizedError","message":"no"},{"__typename":"UnauthorizedError","message":"no"}]}}}`,
		},
		"a list under its alias, in a fragment": {
			`mutation{x:terminateRuns(runIds:"a"){...f}} ` +
				`fragment f on TerminateRunsResultOrError{...g ...f} fragment g on TerminateRunsResult{l:terminateRunResults{__typename}}`,
			`{"data":{"x":{"__typename":"TerminateRunsResult","l":[{"__typename":"UnauthorizedError","message":"no"}]}}}`,
		},
		"a list nobody asks for": {
			`mutation{terminateRuns(runIds:["b","c"]){__typename}}`,
			`{"data":{"terminateRuns":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"a list under several keys": {
			`mutation{x:terminateRuns(runIds:"a"){...on TerminateRunsResult{a:terminateRunResults{__typename} b:terminateRunResults{__typename}}}}`,
			`{"data":{"x":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"several lists": {
			`mutation{x:terminateRuns(runIds:"a"){...f} y:terminateRuns(runIds:["b","c"]){...f}} fragment f on TerminateRunsResult{terminateRunResults{__typename}}`,
			`{"data":{"x":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]},"y":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"a list without items": {
			`mutation{terminateRuns(runIds:[]){...on TerminateRunsResult{terminateRunResults{__typename}}}}`,
			`{"data":{"terminateRuns":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"a list that cannot be read": {
			`mutation{terminateRuns(runIds:$x){...on TerminateRunsResult{terminateRunResults{__typename}}}}`,
			`{"data":{"terminateRuns":{"__typename":"PythonError","errorChain":[],"message":"no","stack":[]}}}`,
		},
		"one that has it beside one that has not": {
			`mutation{deleteRun(runId:1){__typename} setNuxSeen}`,
			`{"data":null,"errors":[{"message":"no","path":["deleteRun"]},{"message":"no","path":["setNuxSeen"]}]}`,
		},
		"a mutation nobody knows": {
			`mutation{dropEverything}`,
			`{"data":null,"errors":[{"message":"no","path":["dropEverything"]}]}`,
		},
		"a query with the name of a mutation": {
			`{deleteRun{__typename}}`,
			`{"data":null,"errors":[{"message":"no","path":["deleteRun"]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := dagster.Refuse(post(t, r, row.query, nil), "no")
			if status != 200 || string(body) != row.want {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// A refusal has the error that Dagster's own type for the field has.
func TestRefusalsAreOfTheTypeOfTheField(t *testing.T) {
	r := dagster.NewReader(nil)
	for field, types := range outcomes(t) {
		_, body := dagster.Refuse(post(t, r, "mutation{x:"+field+"{__typename}}", nil), "no")
		var a struct {
			Data map[string]struct {
				Typename string `json:"__typename"`
			}
			Errors []any
		}
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatal(err)
		}
		switch got := a.Data["x"].Typename; {
		case len(a.Errors) == 1 && slices.Equal(types, []string{"Boolean"}):
		case got == "UnauthorizedError" && slices.Contains(types, got):
		case got == "PythonError" && slices.Contains(types, got) && !slices.Contains(types, "UnauthorizedError"):
		default:
			t.Errorf("%s of %v: %s", field, types, body)
		}
	}
}

func TestRefuseSocket(t *testing.T) {
	want := `{"type":"error","id":"a\"b","payload":{"message":"no"}}`
	if got := dagster.RefuseSocket(`a"b`, "no"); string(got) != want {
		t.Errorf("%s", got)
	}
}

// post reads a query over POST that is expected to be understood.
func post(t testing.TB, r *dagster.Reader, query string, variables any) *dagster.Call {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	call, err := r.ReadHTTP("POST", []string{"application/json"}, "", body)
	if err != nil {
		t.Fatal(err)
	}
	return call
}
