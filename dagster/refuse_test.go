package dagster_test

import (
	"encoding/json"
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
			`mutation{__typename a:deleteRun(runId:1){__typename} ...f} fragment f on Mutation{b:launchRun{__typename}}`,
			`{"data":{"__typename":"Mutation","a":{"__typename":"UnauthorizedError","message":"no"},"b":{"__typename":"UnauthorizedError","message":"no"}}}`,
		},
		"a Boolean": {
			`mutation{x:setNuxSeen}`,
			`{"data":null,"errors":[{"message":"no","path":["x"]}]}`,
		},
		"a type with the error inside a list": {
			`mutation{launchMultipleRuns(executionParamsList:[]){__typename}}`,
			`{"data":null,"errors":[{"message":"no","path":["launchMultipleRuns"]}]}`,
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
