package dagster

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Refuse writes the answer to a call that its sender may not make, in the shape
// that Dagster's app shows best: the UnauthorizedError of each root field's own
// type, with status 200, as Dagster itself does. If a root field's type has no
// such member the whole answer is GraphQL errors. message is shown.
func Refuse(c *Call, message string) (status int, body []byte) {
	a := answer{}
	if slices.ContainsFunc(c.Fields, func(f Field) bool { return !c.canCarry(f) }) {
		a.Errors = refusals(c.Fields, message)
	} else {
		a.Data = unauthorized(c.Fields, message)
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

func unauthorized(fields []Field, message string) map[string]any {
	data := map[string]any{}
	for _, f := range fields {
		if f.Name == "__typename" {
			data[f.Key] = "Mutation"
			continue
		}
		data[f.Key] = map[string]string{"__typename": "UnauthorizedError", "message": message}
	}
	return data
}

// canCarry tells whether the type of a root field has UnauthorizedError.
// Found by introspection of 1.13.27; a field that is missing here is answered
// with GraphQL errors, which is less pretty and no less a refusal.
func (c *Call) canCarry(f Field) bool {
	return c.Kind == Mutation && slices.Contains(carriers(), f.Name)
}

func carriers() []string {
	return strings.Fields(`
		__typename
		addDynamicPartition cancelPartitionBackfill deleteAppManagedComponent deleteDynamicPartitions
		deletePipelineRun deleteRun launchPartitionBackfill launchPipelineExecution
		launchPipelineReexecution launchRun launchRunReexecution reexecutePartitionBackfill
		refreshComponentState reloadRepositoryLocation reloadWorkspace reportAssetCheckEvaluations
		reportRunlessAssetEvents resetSchedule resetSensor resumePartitionBackfill scheduleDryRun
		sensorDryRun setAppManagedComponent setSensorCursor shutdownRepositoryLocation startSchedule
		startSensor stopRunningSchedule stopSensor terminatePipelineExecution terminateRun wipeAssets
	`)
}
