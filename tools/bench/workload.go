package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// workload is a kind of request.
type workload struct {
	name, about, method, path string
	// body is sent as it is, but with another number each time in the place of
	// number, if that stands in it.
	body string
}

// number is letters that a GraphQL name may have, and no other text has.
const number = "NUMBER"

var (
	file = workload{
		name: "file", about: "`GET` of a file of the app's bundle, 1 KB",
		method: http.MethodGet, path: "/_next/static/chunks/main.js",
	}
	// small is what an open page of Dagster polls with, cut to its bones.
	small = operation("graphql", "`POST /graphql` with a query of 0.2 KB, seen before, 1 KB answer", "RunsQuery",
		`query RunsQuery($limit: Int!) { runsOrError(limit: $limit) { __typename ... on Runs { results `+
			`{ id runId status jobName startTime endTime tags { key value } } } } }`, `{"limit":25}`)
)

// operation is a query or a mutation as Dagster's app sends it: its name stands
// in the address too.
func operation(name, about, operationName, document, variables string) workload {
	quoted, _ := json.Marshal(document) // a string cannot fail
	return workload{
		name: name, about: about, method: http.MethodPost, path: "/graphql?op=" + operationName,
		body: `{"operationName":"` + operationName + `","variables":` + variables + `,"query":` + string(quoted) + `}`,
	}
}

// largestQuery is the largest of Dagster's own app, with fragments.
const largestQuery = "PipelineExplorerRootQuery"

// large reads it where the tests of the product keep it. Seen is the same every
// time; fresh has another number in an alias each time.
func large(root string) (seen, fresh workload, err error) {
	raw, err := os.ReadFile(filepath.Join(root, "dagster/testdata/rewrites.json"))
	if err != nil {
		return seen, fresh, err
	}
	var rows []struct{ Name, Query string }
	if err := json.Unmarshal(raw, &rows); err != nil {
		return seen, fresh, err
	}
	for _, row := range rows {
		if row.Name == "app: "+largestQuery {
			seen = operation("6 KB, seen", "`POST /graphql` with a query of 6 KB with fragments, seen before, 1 KB answer", largestQuery, row.Query,
				`{"snapshotPipelineSelector":{"pipelineName":"daily","repositoryName":"__repository__","repositoryLocationName":"marketing"},"rootHandleID":"","requestScopeHandleID":""}`)
			fresh = seen
			fresh.name, fresh.about = "6 KB, new", "The same, but another document every time"
			fresh.body = strings.Replace(seen.body, "pipelineSnapshotOrError(", "a"+number+": pipelineSnapshotOrError(", 1)
			return seen, fresh, nil
		}
	}
	return seen, fresh, errors.New("the largest query is not there")
}

const permissionsName = "AppPermissions"

// permissionsQuery asks for what the app greys buttons out by.
var permissionsQuery = operation("permissions", "`POST /graphql` for the permissions at 50 code locations and of some thousand assets, 1 MB answer", permissionsName,
	`query AppPermissions { permissions { permission value disabledReason } locationStatusesOrError { ... on WorkspaceLocationStatusEntries `+
		`{ entries { id name permissions { permission value disabledReason } } } } assetNodes { id assetKey { path } groupName `+
		`hasMaterializePermission hasWipePermission hasReportRunlessAssetEventPermission } }`, `{}`)

const launchName = "LaunchReexecution"

// launch re-executes a run, which is all that the request names.
func launch(run string) workload {
	return operation("launch", "`POST /graphql` with a re-execution of a run", launchName,
		`mutation LaunchReexecution($parameters: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $parameters) `+
			`{ __typename ... on LaunchRunSuccess { run { id } } } }`, `{"parameters":{"parentRunId":"`+run+`","strategy":"FROM_FAILURE"}}`)
}
