package dagster

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Result is what became of one root field of a mutation.
type Result struct {
	Field Field
	// Failure is the name of the GraphQL type that says why not (such as
	// "PythonError"), or a fixed word: "graphql_error" where Dagster gave errors
	// in place of a value, "not_told" where what failed was something else, so
	// that this may have been done, "not_run" where @skip or @include kept it
	// from running, "no_answer" where the answer is none. Empty where Dagster did
	// it. Of several items it is that of the first that failed.
	Failure string
	// Runs are the ids of the runs launched, Backfill that of the backfill.
	Runs     []string
	Backfill string
	// Items are the results of launchMultipleRuns and terminateRuns one by one,
	// in the order of the argument; nil for any other field.
	Items []Result
}

// Vague tells a failure of which the status of the answer says as much.
func (r Result) Vague() bool { return r.Failure == graphQLError || r.Failure == noAnswer }

const (
	graphQLError = "graphql_error"
	notTold      = "not_told"
	notRun       = "not_run"
	noAnswer     = "no_answer"
)

// questions are the selections that tell what became of a root field: in its
// own type by names that Dagster has had since 1.10 at least. A name that is
// missing would make Dagster refuse the mutation.
func questions(field string) string {
	const (
		kind = "dagpass_type:__typename "
		run  = kind + "...on LaunchRunSuccess{dagpass_run:run{runId}}"
	)
	switch field {
	case "launchRun", "launchPipelineExecution", "launchRunReexecution", "launchPipelineReexecution":
		return run
	case "launchMultipleRuns":
		return kind + "...on LaunchMultipleRunsResult{dagpass_items:launchMultipleRunsResult{" + run + "}}"
	case "terminateRuns":
		return kind + "...on TerminateRunsResult{dagpass_items:terminateRunResults{" + kind + "}}"
	case "launchPartitionBackfill", "reexecutePartitionBackfill":
		return kind + "...on LaunchBackfillSuccess{dagpass_backfill:backfillId dagpass_runs:launchedRunIds}"
	}
	return kind
}

// told is what the questions were answered with.
type told struct {
	kind     string
	run      struct{ RunID string }
	items    []map[string]json.RawMessage
	backfill string
	runs     []string
}

func (t told) result(f Field) Result {
	r := Result{Field: f, Runs: t.runs, Backfill: t.backfill}
	if !done(t.kind) {
		r.Failure = t.kind
	}
	if t.run.RunID != "" {
		r.Runs = []string{t.run.RunID}
	}
	for _, item := range t.items {
		one := readTold(item).result(f)
		r.Items, r.Runs = append(r.Items, one), append(r.Runs, one.Runs...)
		r.Failure = cmp.Or(r.Failure, one.Failure)
	}
	return r
}

// done tells whether a type says that something was done. Dagster's types for
// that end alike, but for a few; a type nobody knows is taken for a failure,
// which the trail names, rather than for a success, which it would not.
func done(name string) bool {
	switch name {
	case "", // a scalar has no type to tell
		"DryRunInstigationTick", "Sensor", "Workspace", "WorkspaceLocationEntry":
		return true
	}
	return strings.HasSuffix(name, "Success") || strings.HasSuffix(name, "Result") || strings.HasSuffix(name, "Accepted")
}

// results reads what Dagster's answer tells of each root field.
func (c *Call) results(body []byte) (list []Result) {
	var answer, data map[string]json.RawMessage
	err := json.Unmarshal(body, &answer)
	isAnswer := err == nil && (answer["data"] != nil || answer["errors"] != nil)
	_ = json.Unmarshal(answer["data"], &data) // null, or no object: the same as nothing
	errs := readErrors(answer["errors"])
	for _, f := range c.Fields {
		r := Result{Field: f, Failure: noAnswer}
		if isAnswer {
			r = resultOf(f, data, errs)
		}
		list = append(list, r)
	}
	return list
}

// fieldErrors are the errors of an answer that stand at a field: the document
// ran if there are any.
type fieldErrors []struct{ Path []any }

func readErrors(raw json.RawMessage) (errs fieldErrors) {
	_ = json.Unmarshal(raw, &errs) // what cannot be read names no field
	return slices.DeleteFunc(errs, func(e struct{ Path []any }) bool { return len(e.Path) == 0 })
}

// failed is the word for a field without a value. An error at the field itself
// is its own. One below it came after the change was made; and one at another
// field, where it took all data with it, says nothing of this one.
func (errs fieldErrors) failed(key string, all bool) string {
	word := graphQLError
	for _, e := range errs {
		switch mine := e.Path[0] == key; {
		case mine && len(e.Path) == 1:
			return graphQLError
		case mine, all:
			word = notTold
		}
	}
	return word
}

func resultOf(f Field, data map[string]json.RawMessage, errs fieldErrors) Result {
	value, given := data[f.Key]
	switch {
	case data == nil, string(value) == "null":
		return Result{Field: f, Failure: errs.failed(f.Key, data == nil)}
	case !given:
		return Result{Field: f, Failure: notRun}
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return Result{Field: f} // a scalar
	}
	return readTold(members).result(f)
}

// readTold takes exact keys: to fill a struct encoding/json would take
// Dagpass_type, which a client may ask for, for dagpass_type.
func readTold(members map[string]json.RawMessage) (t told) {
	for key, into := range map[string]any{
		"dagpass_type": &t.kind, "dagpass_run": &t.run, "dagpass_items": &t.items,
		"dagpass_backfill": &t.backfill, "dagpass_runs": &t.runs,
	} {
		// What is missing, or of another shape than was asked for, tells nothing.
		_ = json.Unmarshal(members[key], into)
	}
	return t
}
