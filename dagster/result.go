package dagster

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Result is what became of one root field of a mutation.
type Result struct {
	Field Field
	// Failure is the name of the GraphQL type that says why not (such as
	// "PythonError"), or a fixed word: "graphql_error" where Dagster gave errors
	// in place of a value, "not_run" where @skip or @include kept it from
	// running, "no_answer" where the answer is none. Empty where Dagster did it.
	// Of several items it is that of the first that failed.
	Failure string
	// Runs are the ids of the runs launched, Backfill that of the backfill.
	Runs     []string
	Backfill string
	// Items are the results of launchMultipleRuns and terminateRuns one by one,
	// in the order of the argument; nil for any other field.
	Items []Result
}

const (
	graphQLError = "graphql_error"
	notRun       = "not_run"
	noAnswer     = "no_answer"
)

// reserved begins the response keys that only we ask for. A document that has
// such a key of its own is not read.
const reserved = "dagpass_"

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
	Type     string                 `json:"dagpass_type"`
	Run      struct{ RunID string } `json:"dagpass_run"`
	Items    []told                 `json:"dagpass_items"`
	Backfill string                 `json:"dagpass_backfill"`
	Runs     []string               `json:"dagpass_runs"`
}

func (t told) result(f Field) Result {
	r := Result{Field: f, Runs: t.Runs, Backfill: t.Backfill}
	if !done(t.Type) {
		r.Failure = t.Type
	}
	if t.Run.RunID != "" {
		r.Runs = []string{t.Run.RunID}
	}
	for _, item := range t.Items {
		one := item.result(f)
		r.Items, r.Runs = append(r.Items, one), append(r.Runs, one.Runs...)
		if r.Failure == "" {
			r.Failure = one.Failure
		}
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

// told takes the answers to our questions out of Dagster's answer to a mutation
// and reads them.
func (c *Call) told(body []byte) ([]byte, []Result) {
	answer, err := readOrdered(body)
	if err != nil || !answer.has("data") && !answer.has("errors") {
		return body, c.failed(noAnswer)
	}
	data, err := readOrdered(answer.get("data"))
	if err != nil {
		return body, c.failed(graphQLError)
	}
	var results []Result
	for _, f := range c.Fields {
		results = append(results, resultOf(f, data))
	}
	for i, m := range data {
		value, err := readOrdered(m.value)
		if theirs := value.keep(isTheirs); err == nil && len(theirs) < len(value) {
			data[i].value = theirs.bytes()
		}
	}
	answer.set("data", data.bytes())
	return answer.bytes(), results
}

func (c *Call) failed(word string) (results []Result) {
	for _, f := range c.Fields {
		results = append(results, Result{Field: f, Failure: word})
	}
	return results
}

func resultOf(f Field, data ordered) Result {
	value := data.get(f.Key)
	switch {
	case !data.has(f.Key):
		return Result{Field: f, Failure: notRun}
	case isNull(value):
		return Result{Field: f, Failure: graphQLError}
	}
	members, err := readOrdered(value)
	if err != nil {
		return Result{Field: f} // a scalar, which was given
	}
	var t told
	// Only keys of ours: encoding/json would take DAGPASS_TYPE for dagpass_type.
	if err := json.Unmarshal(members.keep(isOurs).bytes(), &t); err != nil {
		return Result{Field: f, Failure: noAnswer}
	}
	return t.result(f)
}

func isOurs(key string) bool   { return strings.HasPrefix(key, reserved) }
func isTheirs(key string) bool { return !isOurs(key) }

// ordered is a JSON object in its own order, its values as they are written.
type ordered []member

type member struct {
	key   string
	value json.RawMessage
}

// readOrdered reads one JSON object; anything else is an error.
func readOrdered(raw []byte) (o ordered, err error) {
	d := newDecoder(raw)
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("no object")
	}
	for d.More() {
		var m member
		if err := errors.Join(d.Decode(&m.key), d.Decode(&m.value)); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	return o, requireNoMore(d)
}

func (o ordered) bytes() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(m.key) // a string: this cannot fail
		b.Write(append(key, ':'))
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func (o ordered) index(key string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.key == key })
}

func (o ordered) has(key string) bool { return o.index(key) >= 0 }

func (o ordered) get(key string) json.RawMessage {
	if i := o.index(key); i >= 0 {
		return o[i].value
	}
	return nil
}

func (o ordered) set(key string, value json.RawMessage) {
	if i := o.index(key); i >= 0 {
		o[i].value = value
	}
}

func (o ordered) keep(wanted func(key string) bool) (kept ordered) {
	for _, m := range o {
		if wanted(m.key) {
			kept = append(kept, m)
		}
	}
	return kept
}
