package dagster

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Refuse writes the answer to a call that its sender may not make, in the shape
// that Dagster's app shows best: an error of each root field's own type, with
// status 200, as Dagster itself does. If a root field's type has none the whole
// answer is GraphQL errors. message is shown.
func Refuse(c *Call, message string) (status int, body []byte) {
	a := answer{Data: map[string]any{}}
	for _, f := range c.Fields {
		a.Data[f.Key] = c.refusal(f, message)
	}
	for _, value := range a.Data {
		if value == nil {
			a = answer{Errors: refusals(c.Fields, message)}
			break
		}
	}
	// Strings in maps and structs: this cannot fail.
	body, _ = json.Marshal(a)
	return http.StatusOK, body
}

// RefuseSocket writes the frame that ends the operation id before it started.
func RefuseSocket(id, message string) []byte {
	payload, _ := json.Marshal(problem{Message: message})
	b, _ := json.Marshal(frame{Type: "error", ID: id, Payload: payload})
	return b
}

type answer struct {
	Data   map[string]any `json:"data"`
	Errors []problem      `json:"errors,omitempty"`
}

type problem struct {
	Message string   `json:"message"`
	Path    []string `json:"path,omitempty"`
}

func refusals(fields []Field, message string) []problem {
	var list []problem
	for _, f := range fields {
		list = append(list, problem{Message: message, Path: []string{f.Key}})
	}
	return list
}

// refusal is the value of a root field; nil where its type has no error. What
// is in which type was found by introspection of 1.13.27. A field that is
// missing here is answered with GraphQL errors, which is less pretty and no
// less a refusal.
func (c *Call) refusal(f Field, message string) any {
	switch {
	case c.Kind != Mutation:
		return nil
	case f.Name == "__typename":
		return "Mutation"
	case f.Name == "terminateRuns":
		return c.notTerminated(f, message)
	case f.Name == "launchMultipleRuns", f.Name == "logTelemetry":
		return pythonError(message)
	case slices.Contains(carriers(), f.Name):
		return unauthorized(f, message)
	}
	return nil
}

// unauthorized is UnauthorizedError. For a launch it has errors besides: the
// app's launch dialogs know no UnauthorizedError, and of what they do not know
// they show errors and not the message.
func unauthorized(f Field, message string) map[string]any {
	value := map[string]any{"__typename": "UnauthorizedError", "message": message}
	switch f.Name {
	case "launchRun", "launchPipelineExecution", "launchRunReexecution", "launchPipelineReexecution":
		value["errors"] = []problem{{Message: message}}
	}
	return value
}

// pythonError is for the types that have no other error. The lists are what the
// app goes through.
func pythonError(message string) map[string]any {
	return map[string]any{"__typename": "PythonError", "message": message, "stack": []string{}, "errorChain": []string{}}
}

// notTerminated refuses each run by itself: of a PythonError for them all the
// app does not show the message. That is for what the app sends, one list under
// one key: what has to be written for any other may be as long as one likes.
func (c *Call) notTerminated(f Field, message string) map[string]any {
	all := c.document.occurrences
	if len(all) != 1 {
		return pythonError(message)
	}
	keys := c.keysOf("terminateRunResults", all[0].SelectionSet, map[string]bool{})
	if len(keys) != 1 {
		return pythonError(message)
	}
	runs := c.count(all[0], "runIds")
	if runs == 0 || runs > maxDeeds {
		return pythonError(message)
	}
	list := slices.Repeat([]any{unauthorized(f, message)}, runs)
	return map[string]any{"__typename": "TerminateRunsResult", keys[0]: list}
}

// count is how many items an argument has; none if it cannot be read.
func (c *Call) count(field *ast.Field, argument string) int {
	v, err := c.values()
	if err != nil {
		return 0
	}
	in, err := v.arguments(field)
	if err != nil {
		return 0
	}
	return len(in.items(argument))
}

// keysOf are the response keys that a selection gives to a field.
func (c *Call) keysOf(name string, set ast.SelectionSet, seen map[string]bool) (keys []string) {
	for _, selection := range set {
		switch x := selection.(type) {
		case *ast.Field:
			if x.Name == name {
				keys = append(keys, x.Alias)
			}
		case *ast.InlineFragment:
			keys = append(keys, c.keysOf(name, x.SelectionSet, seen)...)
		case *ast.FragmentSpread:
			if !seen[x.Name] {
				seen[x.Name] = true
				keys = append(keys, c.keysOf(name, c.document.fragments.ForName(x.Name).SelectionSet, seen)...)
			}
		}
	}
	return keys
}

func carriers() []string {
	return strings.Fields(`
		addDynamicPartition cancelPartitionBackfill deleteAppManagedComponent deleteDynamicPartitions
		deletePipelineRun deleteRun launchPartitionBackfill launchPipelineExecution
		launchPipelineReexecution launchRun launchRunReexecution reexecutePartitionBackfill
		refreshComponentState reloadRepositoryLocation reloadWorkspace reportAssetCheckEvaluations
		reportRunlessAssetEvents resetSchedule resetSensor resumePartitionBackfill scheduleDryRun
		sensorDryRun setAppManagedComponent setSensorCursor shutdownRepositoryLocation startSchedule
		startSensor stopRunningSchedule stopSensor terminatePipelineExecution terminateRun wipeAssets
	`)
}
