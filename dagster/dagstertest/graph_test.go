package dagstertest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster/dagstertest"
)

// post sends an operation and gives the answer's data.
func post(t *testing.T, s *dagstertest.Server, query string, variables map[string]any) string {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query, "variables": variables})
	res, err := http.Post(s.URL+"/graphql", "application/json", strings.NewReader(string(body))) //nolint:noctx // a loopback
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(text)), `{"data":`), "}")
}

// The double answers what is asked for, under the keys and in the fragments that
// it is asked in.
func TestWorld(t *testing.T) {
	s := dagstertest.New(t, "")
	for _, row := range []struct {
		query     string
		variables map[string]any
		want      string
	}{
		{`{a: version, permissions {permission}}`, nil, `{"a":"1.13.27","permissions":[{"permission":"launch_pipeline_execution"}`},
		{
			`query($id: ID!) {runOrError(runId: $id) {__typename ...f}} fragment f on Run {at: repositoryOrigin {repositoryLocationName}}`,
			map[string]any{"id": "run-sales"},
			`{"runOrError":{"__typename":"Run","at":{"repositoryLocationName":"sales"}}}`,
		},
		{`query($id: ID = "orphan-run") {runOrError(runId: $id) {... on Run {repositoryOrigin {id}}}}`, nil, `{"runOrError":{"repositoryOrigin":null}}`},
		{`{runOrError(runId: "x") {... on Run {id} ... on Error {message}}}`, nil, `{"runOrError":{"message":"Run x could not be found."}}`},
		{`{runsOrError(filter: {runIds: ["run-sales", "x"]}) {... on Runs {results {runId}}}}`, nil, `{"runsOrError":{"results":[{"runId":"run-sales"}]}}`},
		{`{partitionBackfillOrError(backfillId: "x") {__typename}}`, nil, `{"partitionBackfillOrError":{"__typename":"BackfillNotFoundError"}}`},
		{`{assetNodes(assetKeys: [{path: ["shared"]}, {path: ["x"]}]) {repository {location {name}}}}`, nil, `{"assetNodes":[{"repository":{"location":{"name":"sales"}}}]}`},
		{`{assetNodeDefinitionCollisions(assetKeys: [{path: ["shared"]}, {path: ["orders"]}]) {repositories {location {name}}}}`, nil, `{"assetNodeDefinitionCollisions":[{"repositories":[{"location":{"name":"sales"}},{"location":{"name":"marketing"}}]}]}`},
		{`{workspaceOrError {... on Workspace {locationEntries {name}}}}`, nil, `{"workspaceOrError":{"locationEntries":[{"name":"sales"},{"name":"marketing"}]}}`},
		{`mutation {launchRun(executionParams: {}) {... on LaunchRunSuccess {run {runId}}}}`, nil, `{"launchRun":{"run":{"runId":"run-1"}}}`},
		{`mutation {launchMultipleRuns(executionParamsList: [{}, {}]) {... on LaunchMultipleRunsResult {launchMultipleRunsResult {... on LaunchRunSuccess {run {id}}}}}}`, nil, `{"launchMultipleRuns":{"launchMultipleRunsResult":[{"run":{"id":"run-2"}},{"run":{"id":"run-3"}}]}}`},
		{`mutation {newThing}`, nil, `{"newThing":"ok"}`},
	} {
		if got := post(t, s, row.query, row.variables); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s:\n got %s\nwant %s", row.query, got, row.want)
		}
	}
}

// What would have run is remembered with its arguments, and also where something
// else answers.
func TestArgumentsAreRemembered(t *testing.T) {
	s := dagstertest.New(t, "")
	s.Instead(func(r dagstertest.Request) (int, string) { return 500, r.Ran.Fields[0] })
	got := post(t, s, `mutation($id: String!, $policy: P = MARK) {terminateRun(runId: $id, terminatePolicy: $policy) {__typename}}`, map[string]any{"id": "r"})
	args := s.Changed()[0].Arguments[0]
	if got != "terminateRun" || args["runId"] != "r" || args["terminatePolicy"] != "MARK" {
		t.Errorf("%s %v", got, args)
	}
}
