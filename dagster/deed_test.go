package dagster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/policy"
)

// oracle answers look-ups as Dagster does, from what the tables below name. Its
// answers were compared with those of 1.13.27 and 1.10.21.
type oracle struct {
	mu    sync.Mutex
	asked []string // kinds of questions
	// fails is a kind of question that is answered with failure instead.
	fails   string
	failure string
	err     error
}

// The runs, backfills, assets and so on, each as Dagster writes it.
var (
	oracleRuns = map[string]string{
		"run-sales":     `{"runId":"run-sales","jobName":"counting","repositoryOrigin":{"repositoryLocationName":"sales"},"assetSelection":null,"assetCheckSelection":null}`,
		"run-marketing": `{"runId":"run-marketing","jobName":"mailing","repositoryOrigin":{"repositoryLocationName":"marketing"},"assetSelection":null,"assetCheckSelection":null}`,
		"run-homeless":  `{"runId":"run-homeless","jobName":"mailing","repositoryOrigin":null,"assetSelection":null,"assetCheckSelection":null}`,
		"run-gone":      `{"runId":"run-gone","jobName":"mailing","repositoryOrigin":{"repositoryLocationName":"closed"},"assetSelection":null,"assetCheckSelection":null}`,
		"run-assets":    `{"runId":"run-assets","jobName":"__ASSET_JOB","repositoryOrigin":{"repositoryLocationName":"sales"},"assetSelection":[{"path":["orders"]},{"path":["calendar"]}],"assetCheckSelection":[]}`,
		"run-check":     `{"runId":"run-check","jobName":"__ASSET_JOB_0","repositoryOrigin":{"repositoryLocationName":"marketing"},"assetSelection":[],"assetCheckSelection":[{"assetKey":{"path":["orders"]}}]}`,
		"run-all":       `{"runId":"run-all","jobName":"__ASSET_JOB","repositoryOrigin":{"repositoryLocationName":"sales"},"assetSelection":null,"assetCheckSelection":null}`,
		"run-removed":   `{"runId":"run-removed","jobName":"__ASSET_JOB","repositoryOrigin":{"repositoryLocationName":"sales"},"assetSelection":[{"path":["removed"]}],"assetCheckSelection":null}`,
		// A job of the user's own is where it is, whatever it makes.
		"run-named": `{"runId":"run-named","jobName":"refresh","repositoryOrigin":{"repositoryLocationName":"sales"},"assetSelection":[{"path":["campaigns"]}],"assetCheckSelection":null}`,
	}
	oracleBackfills = map[string]string{
		"bf-sales":    `{"__typename":"PartitionBackfill","id":"bf-sales","isAssetBackfill":false,"assetSelection":null,"partitionSetName":"stocktaking_partition_set","partitionSet":{"repositoryOrigin":{"repositoryLocationName":"sales"}}}`,
		"bf-assets":   `{"__typename":"PartitionBackfill","id":"bf-assets","isAssetBackfill":true,"assetSelection":[{"path":["orders"]},{"path":["campaigns"]}],"partitionSetName":null,"partitionSet":null}`,
		"bf-empty":    `{"__typename":"PartitionBackfill","id":"bf-empty","isAssetBackfill":true,"assetSelection":[],"partitionSetName":null,"partitionSet":null}`,
		"bf-gone":     `{"__typename":"PartitionBackfill","id":"bf-gone","isAssetBackfill":false,"assetSelection":null,"partitionSetName":"x_partition_set","partitionSet":null}`,
		"bf-implicit": `{"__typename":"PartitionBackfill","id":"bf-implicit","isAssetBackfill":false,"assetSelection":null,"partitionSetName":"__ASSET_JOB_partition_set","partitionSet":{"repositoryOrigin":{"repositoryLocationName":"sales"}}}`,
		"bf-failing":  `{"__typename":"PythonError"}`,
	}
	// Of the locations of an asset the first is the one that Dagster takes.
	oracleAssets = map[string][]string{
		`["orders"]`: {"sales"}, `["campaigns"]`: {"marketing"}, `["calendar"]`: {"marketing", "sales"},
		`["a/b","c"]`: {"marketing"}, `["a","b","c"]`: {"sales"}, `["unloaded"]`: {"sales"},
	}
	oracleInstigators = `{"repositoriesOrError":{"__typename":"RepositoryConnection","nodes":[
		{"location":{"name":"sales"},"schedules":[{"id":"o-nightly::s-nightly"},{"id":"o-same::s-same"}],"sensors":[{"id":"o-watcher::s-watcher"}]},
		{"location":{"name":"marketing"},"schedules":[{"id":"o-weekly::s-weekly"},{"id":"o-other::s-same"}],"sensors":[{"id":"o-openings::s-openings"}]}]}}`
	oracleLocations = `{"workspaceOrError":{"__typename":"Workspace","locationEntries":[{"name":"sales"},{"name":"marketing"},{"name":"broken"}]}}`
)

type question struct {
	Query     string
	Variables map[string]json.RawMessage
}

func (o *oracle) ask(_ context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	for kind, answer := range map[string]func(question) string{
		"runsOrError": o.runs, "partitionBackfillOrError": o.backfills, "assetNodes": o.nodes,
		"assetNodeDefinitionCollisions": o.collisions,
		"repositoriesOrError":           func(question) string { return oracleInstigators },
		"workspaceOrError":              func(question) string { return oracleLocations },
		"mutationType": func(question) string {
			return `{"__schema":{"mutationType":{"fields":[{"name":"newThing"},{"name":"deleteRun"},{"name":"another"}]}}}`
		},
	} {
		if !strings.Contains(q.Query, kind) {
			continue
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked = append(o.asked, kind)
		if o.fails == kind {
			return []byte(o.failure), o.err
		}
		return []byte(`{"data":` + answer(q) + `}`), nil
	}
	return nil, fmt.Errorf("asked %s", body)
}

func (o *oracle) runs(q question) string {
	var found []string
	for _, id := range idsOf(q.Variables["ids"]) {
		if run, ok := oracleRuns[id]; ok {
			found = append(found, run)
		}
	}
	return `{"runsOrError":{"__typename":"Runs","results":[` + strings.Join(found, ",") + `]}}`
}

func (o *oracle) backfills(q question) string {
	var found []string
	for name, raw := range q.Variables {
		var id string
		_ = json.Unmarshal(raw, &id)
		backfill, ok := oracleBackfills[id]
		if !ok {
			backfill = `{"__typename":"BackfillNotFoundError"}`
		}
		found = append(found, `"`+name+`":`+backfill)
	}
	return `{` + strings.Join(found, ",") + `}`
}

func (o *oracle) nodes(q question) string {
	var found []string
	for _, key := range keysOf(q.Variables["keys"]) {
		if locations := oracleAssets[key]; len(locations) > 0 {
			// Something at sales depends on it; the location that makes it does not load.
			stub := ""
			if key == `["unloaded"]` && strings.Contains(q.Query, "isAutoCreatedStub") {
				stub = `"isAutoCreatedStub":true,`
			}
			found = append(found, `{"assetKey":{"path":`+key+`},`+stub+`"repository":{"location":{"name":"`+locations[0]+`"}}}`)
		}
	}
	return `{"assetNodes":[` + strings.Join(found, ",") + `]}`
}

// collisions fails for a key that is not known, as Dagster does.
func (o *oracle) collisions(q question) string {
	var found []string
	for _, key := range keysOf(q.Variables["keys"]) {
		locations := oracleAssets[key]
		if len(locations) == 0 {
			return `null,"errors":[{"message":"AssetKey"}]`
		}
		if len(locations) > 1 {
			found = append(found, `{"assetKey":{"path":`+key+`},"repositories":[{"location":{"name":"`+strings.Join(locations, `"}},{"location":{"name":"`)+`"}}]}`)
		}
	}
	return `{"assetNodeDefinitionCollisions":[` + strings.Join(found, ",") + `]}`
}

func idsOf(raw json.RawMessage) (ids []string) {
	_ = json.Unmarshal(raw, &ids)
	return ids
}

func keysOf(raw json.RawMessage) (keys []string) {
	var list []struct{ Path []string }
	_ = json.Unmarshal(raw, &list)
	for _, key := range list {
		b, _ := json.Marshal(key.Path)
		keys = append(keys, string(b))
	}
	return keys
}

// send reads a mutation with variables as they stand in JSON.
func send(t testing.TB, r *dagster.Reader, selection, variables string) (*dagster.Call, error) {
	t.Helper()
	query, _ := json.Marshal(selection)
	if variables == "" {
		variables = "null"
	}
	return r.ReadHTTP("POST", []string{"application/json"}, "", []byte(`{"query":`+string(query)+`,"variables":`+variables+`}`))
}

// deeds are what a mutation would change, or the reason of a refusal.
func deeds(t testing.TB, r *dagster.Reader, selection, variables string) []string {
	t.Helper()
	call, err := send(t, r, selection, variables)
	if err != nil {
		return []string{reading(nil, err)}
	}
	all, err := r.Deeds(t.Context(), call)
	if err != nil {
		return []string{reading(nil, err)}
	}
	return told(all)
}

// told writes each deed as "field kind id @location: permission@location …",
// with * for the whole deployment.
func told(all []dagster.Deed) (list []string) {
	for _, d := range all {
		var words []string
		for _, word := range []string{d.Field.Name, d.Target.Kind, d.Target.ID} {
			if word != "" {
				words = append(words, word)
			}
		}
		if d.Target.Location != "" {
			words = append(words, "@"+d.Target.Location)
		}
		line := strings.Join(words, " ") + ":"
		for _, want := range d.Needs {
			line += " " + string(want.Permission) + "@"
			if line += want.Location; want.Location == "" {
				line += "*"
			}
		}
		list = append(list, line)
	}
	return list
}

const (
	atSales     = `repositoryLocationName:"sales", repositoryName:"r"`
	atMarketing = `repositoryLocationName:"marketing", repositoryName:"r"`
)

type deedRow struct {
	name, selection, variables string
	want                       []string
}

// Every mutation has a row here at least (TestEveryMutationHasARow).
var deedRows = []deedRow{
	{
		"launchRun", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"}}){__typename}}`, "",
		[]string{"launchRun job counting @sales: launch_pipeline_execution@sales"},
	},
	{
		"launchPipelineExecution", `mutation{launchPipelineExecution(executionParams:{selector:{` + atSales + `, pipelineName:"counting"}}){__typename}}`, "",
		[]string{"launchPipelineExecution job counting @sales: launch_pipeline_execution@sales"},
	},
	{
		"launchMultipleRuns", `mutation($a:[ExecutionParams!]!){launchMultipleRuns(executionParamsList:$a){__typename}}`,
		`{"a":[{"selector":{"repositoryLocationName":"sales","jobName":"a"}},{"selector":{"repositoryLocationName":"marketing","jobName":"b"}}]}`,
		[]string{
			"launchMultipleRuns job a @sales: launch_pipeline_execution@sales",
			"launchMultipleRuns job b @marketing: launch_pipeline_execution@marketing",
		},
	},
	{
		"launchMultipleRuns of one that is no list", `mutation($a:ExecutionParams!){launchMultipleRuns(executionParamsList:[$a]){__typename}}`,
		`{"a":{"selector":{"repositoryLocationName":"sales","jobName":"a"}}}`,
		[]string{"launchMultipleRuns job a @sales: launch_pipeline_execution@sales"},
	},
	{
		"launchMultipleRuns coerces", `mutation($a:[ExecutionParams!]!){launchMultipleRuns(executionParamsList:$a){__typename}}`,
		`{"a":{"selector":{"repositoryLocationName":"sales","jobName":"a"}}}`,
		[]string{"launchMultipleRuns job a @sales: launch_pipeline_execution@sales"},
	},
	{"launchMultipleRuns of none", `mutation{launchMultipleRuns(executionParamsList:[]){__typename}}`, "", []string{"launchMultipleRuns: launch_pipeline_execution@*"}},
	{
		"launchRunReexecution by params", `mutation{launchRunReexecution(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{parentRunId:"run-sales",rootRunId:"run-sales"}}){__typename}}`, "",
		[]string{"launchRunReexecution job counting @sales: launch_pipeline_reexecution@sales"},
	},
	{
		"launchPipelineReexecution by parent", `mutation{launchPipelineReexecution(reexecutionParams:{parentRunId:"run-sales",strategy:ALL_STEPS}){__typename}}`, "",
		[]string{"launchPipelineReexecution run run-sales @sales: launch_pipeline_reexecution@sales"},
	},
	{"launchRunReexecution of nothing", `mutation{launchRunReexecution{__typename}}`, "", []string{"launchRunReexecution: launch_pipeline_reexecution@*"}},
	{"terminateRun", `mutation($r:String!){terminateRun(runId:$r){__typename}}`, `{"r":"run-marketing"}`, []string{"terminateRun run run-marketing @marketing: terminate_pipeline_execution@marketing"}},
	{"terminatePipelineExecution", `mutation{terminatePipelineExecution(runId:"run-sales",terminatePolicy:SAFE_TERMINATE){__typename}}`, "", []string{"terminatePipelineExecution run run-sales @sales: terminate_pipeline_execution@sales"}},
	{
		"terminateRuns", `mutation{terminateRuns(runIds:["run-sales","run-marketing"]){__typename}}`, "",
		[]string{"terminateRuns run run-sales @sales: terminate_pipeline_execution@sales", "terminateRuns run run-marketing @marketing: terminate_pipeline_execution@marketing"},
	},
	{"terminateRuns of one", `mutation{terminateRuns(runIds:"run-sales"){__typename}}`, "", []string{"terminateRuns run run-sales @sales: terminate_pipeline_execution@sales"}},
	{"terminateRuns of none", `mutation{terminateRuns(runIds:[]){__typename}}`, "", []string{"terminateRuns: terminate_pipeline_execution@*"}},
	{"deleteRun", `mutation{deleteRun(runId:"run-sales"){__typename}}`, "", []string{"deleteRun run run-sales @sales: delete_pipeline_run@sales"}},
	{"deletePipelineRun", `mutation{deletePipelineRun(runId:"run-sales"){__typename}}`, "", []string{"deletePipelineRun run run-sales @sales: delete_pipeline_run@sales"}},
	{
		"launchPartitionBackfill of a job", `mutation{launchPartitionBackfill(backfillParams:{selector:{partitionSetName:"stocktaking_partition_set",repositorySelector:{` + atSales + `}},allPartitions:true}){__typename}}`, "",
		[]string{"launchPartitionBackfill partition_set stocktaking_partition_set @sales: launch_partition_backfill@sales"},
	},
	{
		"launchPartitionBackfill of assets", `mutation($p:LaunchBackfillParams!){launchPartitionBackfill(backfillParams:$p){__typename}}`, `{"p":{"assetSelection":[{"path":["orders"]},{"path":["campaigns"]}]}}`,
		[]string{"launchPartitionBackfill asset orders, campaigns @marketing,sales: launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{
		"launchPartitionBackfill of partitions by asset", `mutation{launchPartitionBackfill(backfillParams:{partitionsByAssets:[{assetKey:{path:["orders"]}}]}){__typename}}`, "",
		[]string{"launchPartitionBackfill asset orders @sales: launch_partition_backfill@sales"},
	},
	{"launchPartitionBackfill of nothing", `mutation{launchPartitionBackfill(backfillParams:{allPartitions:true}){__typename}}`, "", []string{"launchPartitionBackfill: launch_partition_backfill@*"}},
	{"resumePartitionBackfill", `mutation{resumePartitionBackfill(backfillId:"bf-sales"){__typename}}`, "", []string{"resumePartitionBackfill backfill bf-sales @sales: launch_partition_backfill@sales"}},
	{"reexecutePartitionBackfill", `mutation{reexecutePartitionBackfill(reexecutionParams:{parentRunId:"bf-sales",strategy:ALL_STEPS}){__typename}}`, "", []string{"reexecutePartitionBackfill backfill bf-sales @sales: launch_partition_backfill@sales"}},
	{
		"cancelPartitionBackfill of assets", `mutation{cancelPartitionBackfill(backfillId:"bf-assets"){__typename}}`, "",
		[]string{"cancelPartitionBackfill backfill bf-assets @marketing,sales: cancel_partition_backfill@marketing cancel_partition_backfill@sales"},
	},
	{"startSchedule", `mutation{startSchedule(scheduleSelector:{` + atSales + `, scheduleName:"nightly"}){__typename}}`, "", []string{"startSchedule schedule nightly @sales: start_schedule@sales"}},
	{"stopRunningSchedule", `mutation{stopRunningSchedule(id:"o-nightly::s-nightly"){__typename}}`, "", []string{"stopRunningSchedule schedule o-nightly::s-nightly @sales: stop_running_schedule@sales"}},
	{
		"stopRunningSchedule by two ids", `mutation{stopRunningSchedule(scheduleOriginId:"o-weekly",scheduleSelectorId:"s-weekly"){__typename}}`, "",
		[]string{"stopRunningSchedule schedule o-weekly @marketing: stop_running_schedule@marketing"},
	},
	{
		"resetSchedule", `mutation{resetSchedule(scheduleSelector:{` + atSales + `, scheduleName:"nightly"}){__typename}}`, "",
		[]string{"resetSchedule schedule nightly @sales: start_schedule@sales stop_running_schedule@sales"},
	},
	{"scheduleDryRun", `mutation{scheduleDryRun(selectorData:{` + atSales + `, scheduleName:"nightly"},timestamp:1){__typename}}`, "", []string{"scheduleDryRun schedule nightly @sales: schedule_dry_run@sales"}},
	{
		"reconcileSchedulerState", `mutation{reconcileSchedulerState(repositorySelector:{` + atSales + `}){__typename}}`, "",
		[]string{"reconcileSchedulerState repository r @sales: start_schedule@sales stop_running_schedule@sales"},
	},
	{"startSensor", `mutation{startSensor(sensorSelector:{` + atSales + `, sensorName:"watcher"}){__typename}}`, "", []string{"startSensor sensor watcher @sales: edit_sensor@sales"}},
	{"resetSensor", `mutation{resetSensor(sensorSelector:{` + atSales + `, sensorName:"watcher"}){__typename}}`, "", []string{"resetSensor sensor watcher @sales: edit_sensor@sales"}},
	{"stopSensor", `mutation{stopSensor(id:"o-watcher::s-watcher"){__typename}}`, "", []string{"stopSensor sensor o-watcher::s-watcher @sales: edit_sensor@sales"}},
	{"stopSensor with the whole id for the first", `mutation{stopSensor(jobOriginId:"o-watcher::s-watcher"){__typename}}`, "", []string{"stopSensor sensor o-watcher::s-watcher @sales: edit_sensor@sales"}},
	{"setSensorCursor", `mutation{setSensorCursor(sensorSelector:{` + atSales + `, sensorName:"watcher"},cursor:"1"){__typename}}`, "", []string{"setSensorCursor sensor watcher @sales: update_sensor_cursor@sales"}},
	{"sensorDryRun", `mutation{sensorDryRun(selectorData:{` + atSales + `, sensorName:"watcher"}){__typename}}`, "", []string{"sensorDryRun sensor watcher @sales: sensor_dry_run@sales"}},
	{"reloadRepositoryLocation", `mutation{reloadRepositoryLocation(repositoryLocationName:"sales"){__typename}}`, "", []string{"reloadRepositoryLocation location sales @sales: reload_repository_location@sales"}},
	{"shutdownRepositoryLocation", `mutation{shutdownRepositoryLocation(repositoryLocationName:"sales"){__typename}}`, "", []string{"shutdownRepositoryLocation location sales @sales: reload_repository_location@sales"}},
	{"reloadWorkspace", `mutation{reloadWorkspace{__typename}}`, "", []string{"reloadWorkspace: reload_workspace@*"}},
	{
		"wipeAssets", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["orders"]}},{assetKey:{path:["campaigns"]}}]){__typename}}`, "",
		[]string{"wipeAssets asset orders @sales: wipe_assets@sales", "wipeAssets asset campaigns @marketing: wipe_assets@marketing"},
	},
	{"wipeAssets of old", `mutation{wipeAssets(assetKeys:[{path:["orders"]}]){__typename}}`, "", []string{"wipeAssets asset orders @sales: wipe_assets@sales"}},
	{"wipeAssets of none", `mutation{wipeAssets(assetPartitionRanges:[]){__typename}}`, "", []string{"wipeAssets: wipe_assets@*"}},
	{
		"reportRunlessAssetEvents", `mutation{reportRunlessAssetEvents(eventParams:{eventType:ASSET_MATERIALIZATION,assetKey:{path:["orders"]}}){__typename}}`, "",
		[]string{"reportRunlessAssetEvents asset orders @sales: report_runless_asset_events@sales"},
	},
	{
		"reportAssetCheckEvaluations", `mutation{reportAssetCheckEvaluations(eventParams:{assetKey:{path:"orders"},checkName:"c",passed:true}){__typename}}`, "",
		[]string{"reportAssetCheckEvaluations asset orders @sales: report_runless_asset_events@sales"},
	},
	{
		"addDynamicPartition", `mutation{addDynamicPartition(repositorySelector:{` + atSales + `},partitionsDefName:"customers",partitionKey:"x"){__typename}}`, "",
		[]string{"addDynamicPartition partitions customers @sales: edit_dynamic_partitions@sales"},
	},
	{
		"deleteDynamicPartitions", `mutation{deleteDynamicPartitions(repositorySelector:{` + atSales + `},partitionsDefName:"customers",partitionKeys:["x"],wipeMaterializations:false){__typename}}`, "",
		[]string{"deleteDynamicPartitions partitions customers @sales: edit_dynamic_partitions@sales"},
	},
	{
		"setAppManagedComponent", `mutation{setAppManagedComponent(locationName:"sales",componentId:"c",componentType:"t",attributes:""){__typename}}`, "",
		[]string{"setAppManagedComponent component c @sales: edit_app_managed_components@sales"},
	},
	{
		"setUIComponent", `mutation{setUIComponent(locationName:"sales",componentId:"c",componentType:"t",attributes:""){__typename}}`, "",
		[]string{"setUIComponent component c @sales: edit_app_managed_components@sales"},
	},
	{"deleteAppManagedComponent", `mutation{deleteAppManagedComponent(locationName:"sales",componentId:"c"){__typename}}`, "", []string{"deleteAppManagedComponent component c @sales: edit_app_managed_components@sales"}},
	{"deleteUIComponent", `mutation{deleteUIComponent(locationName:"sales",componentId:"c"){__typename}}`, "", []string{"deleteUIComponent component c @sales: edit_app_managed_components@sales"}},
	{"refreshComponentState", `mutation{refreshComponentState(locationName:"sales",defsStateKey:"k"){__typename}}`, "", []string{"refreshComponentState component k @sales: refresh_component_state@sales"}},
	{"setAutoMaterializePaused", `mutation{setAutoMaterializePaused(paused:true)}`, "", []string{"setAutoMaterializePaused: toggle_auto_materialize@*"}},
	{"setConcurrencyLimit", `mutation{setConcurrencyLimit(concurrencyKey:"k",limit:1)}`, "", []string{"setConcurrencyLimit concurrency_key k: edit_concurrency_limit@*"}},
	{"deleteConcurrencyLimit", `mutation{deleteConcurrencyLimit(concurrencyKey:"k")}`, "", []string{"deleteConcurrencyLimit concurrency_key k: edit_concurrency_limit@*"}},
	{"freeConcurrencySlots", `mutation{freeConcurrencySlots(runId:"run-sales",stepKey:"s")}`, "", []string{"freeConcurrencySlots run run-sales: edit_concurrency_limit@*"}},
	{"freeConcurrencySlotsForRun", `mutation{freeConcurrencySlotsForRun(runId:"run-sales")}`, "", []string{"freeConcurrencySlotsForRun run run-sales: edit_concurrency_limit@*"}},
	{"logTelemetry", `mutation{logTelemetry(action:"a",clientId:"b",clientTime:"c",metadata:"d"){__typename}}`, "", []string{"logTelemetry: read@*"}},
	{"setNuxSeen", `mutation{setNuxSeen}`, "", []string{"setNuxSeen: read@*"}},
	{"__typename", `mutation{__typename}`, "", []string{"__typename: read@*"}},
}

// What somebody might try who may change things at the code location sales, and
// at no other.
var attackRows = []deedRow{
	{"a mutation that nobody has classified", `mutation{newThing(locationName:"sales"){__typename}}`, "", []string{"newThing: unclassified_mutation@*"}},
	{"a known one with an argument that it did not have", `mutation{deleteRun(runId:"run-sales",cascade:true){__typename}}`, "", []string{"deleteRun: unclassified_mutation@*"}},
	{"in other letters", `mutation{DeleteRun(runId:"run-sales"){__typename}}`, "", []string{"DeleteRun: unclassified_mutation@*"}},
	{
		"harmless fields before it", `mutation{__typename setNuxSeen deleteRun(runId:"run-marketing"){__typename}}`, "",
		[]string{"__typename: read@*", "setNuxSeen: read@*", "deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"},
	},
	{"behind an alias", `mutation{version:deleteRun(runId:"run-marketing"){__typename}}`, "", []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{
		"in fragments, behind conditions", `mutation{...f @skip(if:true)} fragment f on Mutation{...on Mutation{deleteRun(runId:"run-marketing") @include(if:false){__typename}} ...f}`, "",
		[]string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"},
	},
	{
		"twice under one key, the second of another location", `mutation{deleteRun(runId:"run-sales"){__typename} ...{deleteRun(runId:"run-marketing"){__typename}}}`, "",
		[]string{"deleteRun run run-sales @sales: delete_pipeline_run@sales", "deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"},
	},
	{"a run that does not exist", `mutation{deleteRun(runId:"run-later"){__typename}}`, "", []string{"deleteRun run run-later: delete_pipeline_run@*"}},
	{"the id in other letters", `mutation{deleteRun(runId:"RUN-SALES"){__typename}}`, "", []string{"deleteRun run RUN-SALES: delete_pipeline_run@*"}},
	{"the id with a space", `mutation{deleteRun(runId:"run-sales "){__typename}}`, "", []string{"deleteRun run run-sales : delete_pipeline_run@*"}},
	{"an empty id", `mutation{deleteRun(runId:""){__typename}}`, "", []string{"deleteRun run: delete_pipeline_run@*"}},
	{"no id", `mutation{deleteRun{__typename}}`, "", []string{"deleteRun run: delete_pipeline_run@*"}},
	{"a run without origin", `mutation{deleteRun(runId:"run-homeless"){__typename}}`, "", []string{"deleteRun run run-homeless: delete_pipeline_run@*"}},
	{"a run of a code location that is gone", `mutation{deleteRun(runId:"run-gone"){__typename}}`, "", []string{"deleteRun run run-gone: delete_pipeline_run@*"}},
	{
		"terminateRuns with ids of others and of nobody", `mutation{terminateRuns(runIds:["run-sales","run-marketing","run-later"]){__typename}}`, "",
		[]string{
			"terminateRuns run run-sales @sales: terminate_pipeline_execution@sales",
			"terminateRuns run run-marketing @marketing: terminate_pipeline_execution@marketing",
			"terminateRuns run run-later: terminate_pipeline_execution@*",
		},
	},
	{"a run of an asset job of several locations", `mutation{deleteRun(runId:"run-assets"){__typename}}`, "", []string{"deleteRun run run-assets @marketing,sales: delete_pipeline_run@marketing delete_pipeline_run@sales"}},
	{"a run of checks of another's asset", `mutation{deleteRun(runId:"run-check"){__typename}}`, "", []string{"deleteRun run run-check @marketing,sales: delete_pipeline_run@marketing delete_pipeline_run@sales"}},
	{
		"a run of all assets", `mutation{deleteRun(runId:"run-all"){__typename}}`, "",
		[]string{"deleteRun run run-all @broken,marketing,sales: delete_pipeline_run@broken delete_pipeline_run@marketing delete_pipeline_run@sales"},
	},
	{"a run of an asset that is gone", `mutation{deleteRun(runId:"run-removed"){__typename}}`, "", []string{"deleteRun run run-removed: delete_pipeline_run@*"}},
	{"a run of a named job", `mutation{deleteRun(runId:"run-named"){__typename}}`, "", []string{"deleteRun run run-named @sales: delete_pipeline_run@sales"}},
	{
		"the older name of the job wins", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting", pipelineName:"__ASSET_JOB", assetSelection:[{path:["campaigns"]}]}}){__typename}}`, "",
		[]string{"launchRun asset campaigns @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"an empty older name does not", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB", pipelineName:"", assetSelection:[{path:["orders"]}]}}){__typename}}`, "",
		[]string{"launchRun asset orders @sales: launch_pipeline_execution@sales"},
	},
	{
		"the name of another's job at my location", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"mailing"}}){__typename}}`, "",
		[]string{"launchRun job mailing @sales: launch_pipeline_execution@sales"}, // Dagster looks for it at sales and finds none
	},
	{
		"an asset job without a selection", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB"}}){__typename}}`, "",
		[]string{"launchRun job __ASSET_JOB @broken,marketing,sales: launch_pipeline_execution@broken launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"an asset job with empty selections", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB_1", assetSelection:[], assetCheckSelection:[]}}){__typename}}`, "",
		[]string{"launchRun job __ASSET_JOB_1 @broken,marketing,sales: launch_pipeline_execution@broken launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"an asset job with a preset, which replaces the selection", `mutation{launchRun(executionParams:{preset:"p",selector:{` + atSales + `, jobName:"__ASSET_JOB", assetSelection:[{path:["orders"]}]}}){__typename}}`, "",
		[]string{"launchRun asset orders @broken,marketing,sales: launch_pipeline_execution@broken launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"an asset of several locations", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB", assetSelection:[{path:["calendar"]}]}}){__typename}}`, "",
		[]string{"launchRun asset calendar @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"an asset that nobody knows", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB", assetSelection:[{path:["orders"]},{path:["nothing"]}]}}){__typename}}`, "",
		[]string{"launchRun asset orders, nothing: launch_pipeline_execution@*"},
	},
	{
		"a check of another's asset", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB", assetSelection:[{path:["orders"]}], assetCheckSelection:[{name:"c",assetKey:{path:["campaigns"]}}]}}){__typename}}`, "",
		[]string{"launchRun asset orders @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"a parent run of somebody else's", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{parentRunId:"run-marketing",rootRunId:"run-sales"}}){__typename}}`, "",
		[]string{"launchRun job counting @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"a root run of somebody else's", `mutation{launchRunReexecution(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{parentRunId:"run-sales",rootRunId:"run-marketing"}}){__typename}}`, "",
		[]string{"launchRunReexecution job counting @marketing,sales: launch_pipeline_reexecution@marketing launch_pipeline_reexecution@sales"},
	},
	{
		"a parent run that does not exist", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{parentRunId:"run-later",rootRunId:"run-sales"}}){__typename}}`, "",
		[]string{"launchRun job counting @sales: launch_pipeline_execution@sales"},
	},
	{
		"a parent run without origin", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{parentRunId:"run-homeless"}}){__typename}}`, "",
		[]string{"launchRun job counting: launch_pipeline_execution@*"},
	},
	{
		"a root run of somebody else's by a tag", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{tags:[{key:"a",value:"run-later"},{key:"dagster/root_run_id",value:"run-marketing"}]}}){__typename}}`, "",
		[]string{"launchRun job counting @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"a parent run by one tag in other letters, in variables", `mutation($v:String!,$p:[ExecutionParams!]!){launchMultipleRuns(executionParamsList:$p){__typename} launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{tags:{key:"Dagster/Parent_Run_ID ",value:$v}}}){__typename}}`,
		`{"v":"run-marketing","p":{"selector":{"repositoryLocationName":"sales","jobName":"a"},"executionMetadata":{"tags":{"key":"dagster/parent_run_id","value":"run-marketing"}}}}`,
		[]string{
			"launchMultipleRuns job a @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales",
			"launchRun job counting @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales",
		},
	},
	{
		"among the runs of somebody else's backfill", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{tags:[{key:"dagster/backfill",value:"bf-assets"}]}}){__typename}}`, "",
		[]string{"launchRun job counting @marketing,sales: launch_pipeline_execution@marketing launch_pipeline_execution@sales"},
	},
	{
		"among those of a backfill without assets", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{tags:[{key:"dagster/backfill",value:"bf-empty"}]}}){__typename}}`, "",
		[]string{"launchRun job counting: launch_pipeline_execution@*"},
	},
	{
		"among those of a backfill that is not there", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"counting"},executionMetadata:{tags:[{key:"dagster/backfill",value:"bf-later"}]}}){__typename}}`, "",
		[]string{"launchRun job counting @sales: launch_pipeline_execution@sales"},
	},
	{
		"a run again among others", `mutation{launchRunReexecution(reexecutionParams:{parentRunId:"run-sales",extraTags:[{key:"dagster/root_run_id",value:"run-marketing"}],strategy:ALL_STEPS}){__typename}}`, "",
		[]string{"launchRunReexecution run run-sales @marketing,sales: launch_pipeline_reexecution@marketing launch_pipeline_reexecution@sales"},
	},
	{
		"a run again that is not there, among mine", `mutation{launchRunReexecution(reexecutionParams:{parentRunId:"run-later",extraTags:[{key:"dagster/root_run_id",value:"run-sales"}],strategy:ALL_STEPS}){__typename}}`, "",
		[]string{"launchRunReexecution run run-later: launch_pipeline_reexecution@*"},
	},
	{
		"a backfill again among others", `mutation{reexecutePartitionBackfill(reexecutionParams:{parentRunId:"bf-sales",extraTags:[{key:"dagster/backfill",value:"bf-assets"}],strategy:ALL_STEPS}){__typename}}`, "",
		[]string{"reexecutePartitionBackfill backfill bf-sales @marketing,sales: launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{
		"a backfill whose runs have a parent of somebody else's", `mutation{launchPartitionBackfill(backfillParams:{assetSelection:[{path:["orders"]}],tags:{key:"dagster/parent_run_id",value:"run-marketing"}}){__typename}}`, "",
		[]string{"launchPartitionBackfill asset orders @marketing,sales: launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{
		"a backfill of nothing with a parent of mine", `mutation{launchPartitionBackfill(backfillParams:{allPartitions:true,tags:{key:"dagster/parent_run_id",value:"run-sales"}}){__typename}}`, "",
		[]string{"launchPartitionBackfill: launch_partition_backfill@*"},
	},
	{
		"both ways to say what is run again", `mutation{launchRunReexecution(executionParams:{selector:{` + atSales + `, jobName:"counting"}},reexecutionParams:{parentRunId:"run-marketing",strategy:ALL_STEPS}){__typename}}`, "",
		[]string{
			"launchRunReexecution job counting @sales: launch_pipeline_reexecution@sales",
			"launchRunReexecution run run-marketing @marketing: launch_pipeline_reexecution@marketing",
		},
	},
	{"a run again that made all assets", `mutation{launchRunReexecution(reexecutionParams:{parentRunId:"run-assets",strategy:ALL_STEPS}){__typename}}`, "", []string{"launchRunReexecution run run-assets @marketing,sales: launch_pipeline_reexecution@marketing launch_pipeline_reexecution@sales"}},
	{"a run for a backfill", `mutation{reexecutePartitionBackfill(reexecutionParams:{parentRunId:"run-sales",strategy:ALL_STEPS}){__typename}}`, "", []string{"reexecutePartitionBackfill backfill run-sales: launch_partition_backfill@*"}},
	{"a backfill for a run", `mutation{deleteRun(runId:"bf-sales"){__typename}}`, "", []string{"deleteRun run bf-sales: delete_pipeline_run@*"}},
	{"no location", `mutation{launchRun(executionParams:{selector:{jobName:"counting"}}){__typename}}`, "", []string{"launchRun job counting: launch_pipeline_execution@*"}},
	{
		"an empty location besides one of mine", `mutation{launchRun(executionParams:{selector:{repositoryLocationName:"",jobName:"counting"},executionMetadata:{parentRunId:"run-sales"}}){__typename}}`, "",
		[]string{"launchRun job counting: launch_pipeline_execution@*"},
	},
	{"an empty location", `mutation{reloadRepositoryLocation(repositoryLocationName:""){__typename}}`, "", []string{"reloadRepositoryLocation location: reload_repository_location@*"}},
	{"a location in other letters", `mutation{reloadRepositoryLocation(repositoryLocationName:"Sales"){__typename}}`, "", []string{"reloadRepositoryLocation location Sales @Sales: reload_repository_location@Sales"}},
	{
		"a backfill of my job and of another's assets", `mutation{launchPartitionBackfill(backfillParams:{selector:{partitionSetName:"p",repositorySelector:{` + atSales + `}},assetSelection:[{path:["campaigns"]}]}){__typename}}`, "",
		[]string{"launchPartitionBackfill partition_set p @marketing,sales: launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{
		"a backfill of my assets and of another's partitions", `mutation{launchPartitionBackfill(backfillParams:{assetSelection:[{path:["orders"]}],partitionsByAssets:[{assetKey:{path:["campaigns"]}}]}){__typename}}`, "",
		[]string{"launchPartitionBackfill asset orders, campaigns @marketing,sales: launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{
		"a backfill of the job of all assets", `mutation{launchPartitionBackfill(backfillParams:{selector:{partitionSetName:"__ASSET_JOB_partition_set",repositorySelector:{` + atSales + `}}}){__typename}}`, "",
		[]string{"launchPartitionBackfill partition_set __ASSET_JOB_partition_set @broken,marketing,sales: launch_partition_backfill@broken launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{
		"to resume such a backfill", `mutation{resumePartitionBackfill(backfillId:"bf-implicit"){__typename}}`, "",
		[]string{"resumePartitionBackfill backfill bf-implicit @broken,marketing,sales: launch_partition_backfill@broken launch_partition_backfill@marketing launch_partition_backfill@sales"},
	},
	{"a backfill of no assets", `mutation{resumePartitionBackfill(backfillId:"bf-empty"){__typename}}`, "", []string{"resumePartitionBackfill backfill bf-empty: launch_partition_backfill@*"}},
	{"a backfill of a job that is gone", `mutation{resumePartitionBackfill(backfillId:"bf-gone"){__typename}}`, "", []string{"resumePartitionBackfill backfill bf-gone: launch_partition_backfill@*"}},
	{"a backfill that nobody knows", `mutation{resumePartitionBackfill(backfillId:"bf-later"){__typename}}`, "", []string{"resumePartitionBackfill backfill bf-later: launch_partition_backfill@*"}},
	{
		"several backfills", `mutation{a:cancelPartitionBackfill(backfillId:"bf-sales"){__typename} b:cancelPartitionBackfill(backfillId:"bf-assets"){__typename}}`, "",
		[]string{
			"cancelPartitionBackfill backfill bf-sales @sales: cancel_partition_backfill@sales",
			"cancelPartitionBackfill backfill bf-assets @marketing,sales: cancel_partition_backfill@marketing cancel_partition_backfill@sales",
		},
	},
	// Dagster asks for the permission by the first part and stops by the second.
	{
		"my first part and another's second", `mutation{stopRunningSchedule(id:"o-nightly::s-weekly"){__typename}}`, "",
		[]string{"stopRunningSchedule schedule o-nightly::s-weekly @marketing,sales: stop_running_schedule@marketing stop_running_schedule@sales"},
	},
	{
		"another's first part and my second", `mutation{stopSensor(jobOriginId:"o-openings",jobSelectorId:"s-watcher"){__typename}}`, "",
		[]string{"stopSensor sensor o-openings @marketing,sales: edit_sensor@marketing edit_sensor@sales"},
	},
	{
		"my id besides another's", `mutation{stopSensor(id:"o-watcher::s-watcher",jobOriginId:"o-openings",jobSelectorId:"s-openings"){__typename}}`, "",
		[]string{"stopSensor sensor o-watcher::s-watcher @marketing,sales: edit_sensor@marketing edit_sensor@sales"},
	},
	{
		"a second part of two schedules", `mutation{stopRunningSchedule(id:"o-other::s-same"){__typename}}`, "",
		[]string{"stopRunningSchedule schedule o-other::s-same @marketing,sales: stop_running_schedule@marketing stop_running_schedule@sales"},
	},
	{"a second part that nobody knows", `mutation{stopSensor(id:"o-watcher::s-old"){__typename}}`, "", []string{"stopSensor sensor o-watcher::s-old: edit_sensor@* stop_running_schedule@*"}},
	{"an id of one part", `mutation{stopSensor(id:"watcher"){__typename}}`, "", []string{"stopSensor sensor watcher: edit_sensor@* stop_running_schedule@*"}},
	{"no id at all", `mutation{stopRunningSchedule{__typename}}`, "", []string{"stopRunningSchedule schedule: stop_running_schedule@* edit_sensor@*"}},
	// Dagster stops a schedule by way of stopSensor if it has no such sensor.
	{"a schedule stopped as a sensor", `mutation{stopSensor(id:"o-nightly::s-nightly"){__typename}}`, "", []string{"stopSensor sensor o-nightly::s-nightly: edit_sensor@* stop_running_schedule@*"}},
	{"a sensor stopped as a schedule", `mutation{stopRunningSchedule(id:"o-watcher::s-watcher"){__typename}}`, "", []string{"stopRunningSchedule schedule o-watcher::s-watcher: stop_running_schedule@* edit_sensor@*"}},
	{
		"wiping what was made of partitions", `mutation{deleteDynamicPartitions(repositorySelector:{` + atSales + `},partitionsDefName:"customers",partitionKeys:["x"],wipeMaterializations:true){__typename}}`, "",
		[]string{"deleteDynamicPartitions partitions customers @sales: edit_dynamic_partitions@sales wipe_assets@*"},
	},
	{"wiping an asset of several locations", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["calendar"]}}]){__typename}}`, "", []string{"wipeAssets asset calendar @marketing,sales: wipe_assets@marketing wipe_assets@sales"}},
	{"an asset that my code only depends on, of a location that does not load", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["unloaded"]}}]){__typename}}`, "", []string{"wipeAssets asset unloaded: wipe_assets@*"}},
	{"parts that hold a slash", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["a/b","c"]}}]){__typename}}`, "", []string{"wipeAssets asset a/b/c @marketing: wipe_assets@marketing"}},
	{"as many parts as slashes", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["a","b","c"]}}]){__typename}}`, "", []string{"wipeAssets asset a/b/c @sales: wipe_assets@sales"}},
	{"the same text as one part", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["a/b/c"]}}]){__typename}}`, "", []string{"wipeAssets asset a/b/c: wipe_assets@*"}},
	{
		"both spellings of what to wipe", `mutation{wipeAssets(assetKeys:[{path:["orders"]}],assetPartitionRanges:[{assetKey:{path:["campaigns"]}}]){__typename}}`, "",
		[]string{"wipeAssets asset orders @sales: wipe_assets@sales", "wipeAssets asset campaigns @marketing: wipe_assets@marketing"},
	},

	// Variables.
	{"a default", `mutation($r:String="run-marketing"){deleteRun(runId:$r){__typename}}`, "", []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{"a default that is not taken", `mutation($r:String!="run-sales"){deleteRun(runId:$r){__typename}}`, `{"r":"run-marketing"}`, []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{"null instead of the default", `mutation($r:String="run-sales"){deleteRun(runId:$r){__typename}}`, `{"r":null}`, []string{"deleteRun run: delete_pipeline_run@*"}},
	{"a default that is a list", `mutation($r:[String!]!=["run-marketing"]){terminateRuns(runIds:$r){__typename}}`, "", []string{"terminateRuns run run-marketing @marketing: terminate_pipeline_execution@marketing"}},
	{"a variable of another name's letters", `mutation($r:String="run-marketing"){deleteRun(runId:$r){__typename}}`, `{"R":"run-sales"}`, []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{
		"a variable that was not sent, inside an object", `mutation($j:String,$p:String){launchRun(executionParams:{selector:{` + atSales + `, jobName:$j, pipelineName:$p}}){__typename}}`, `{"j":"counting"}`,
		[]string{"launchRun job counting @sales: launch_pipeline_execution@sales"},
	},
	{
		"a variable inside an object inside a list", `mutation($k:[String!]!){wipeAssets(assetPartitionRanges:[{assetKey:{path:$k}}]){__typename}}`, `{"k":"campaigns"}`,
		[]string{"wipeAssets asset campaigns @marketing: wipe_assets@marketing"},
	},
	{"variables as a text", `mutation($r:String!){deleteRun(runId:$r){__typename}}`, `"{\"r\":\"run-marketing\"}"`, []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{"an id spelled with escapes", `mutation{deleteRun(runId:"\u0072un-marketing"){__typename}}`, "", []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{"an id in a block of text", `mutation{deleteRun(runId:"""` + "\n  run-marketing\n" + `"""){__typename}}`, "", []string{"deleteRun run run-marketing @marketing: delete_pipeline_run@marketing"}},
	{
		"keys that Dagster has not", `mutation($p:ExecutionParams!){launchRun(executionParams:$p){__typename}}`, `{"p":{"selector":{"repositoryLocationName":"sales","jobName":"a","locationName":"marketing"},"x":1}}`,
		[]string{"launchRun job a @sales: launch_pipeline_execution@sales"},
	},

	// What Dagster would not take.
	{"an argument given twice", `mutation{deleteRun(runId:"run-sales",runId:"run-marketing"){__typename}}`, "", []string{"bad_argument"}},
	{"a key given twice in an object", `mutation{launchRun(executionParams:{selector:{` + atSales + `, jobName:"a"},selector:{` + atMarketing + `, jobName:"a"}}){__typename}}`, "", []string{"bad_argument"}},
	{"a variable defined twice", `mutation($r:String="run-sales",$r:String="run-marketing"){deleteRun(runId:$r){__typename}}`, "", []string{"ambiguous_graphql"}},
	{"a variable that is not defined", `mutation{deleteRun(runId:$r){__typename}}`, `{"r":"run-sales"}`, []string{"bad_argument"}},
	{"a required variable that was not sent", `mutation($r:String!){deleteRun(runId:$r){__typename}}`, "", []string{"bad_argument"}},
	{"a required variable that is null", `mutation($r:String!){deleteRun(runId:$r){__typename}}`, `{"r":null}`, []string{"bad_argument"}},
	{"a default made of a variable", `mutation($a:String="run-sales",$r:String=$a){deleteRun(runId:$r){__typename}}`, "", []string{"malformed_graphql"}},
	{"a number for an id", `mutation($r:String!){deleteRun(runId:$r){__typename}}`, `{"r":1}`, []string{"bad_argument"}},
	{"a list for an id", `mutation($r:String!){deleteRun(runId:$r){__typename}}`, `{"r":["run-sales"]}`, []string{"bad_argument"}},
	{"true for the name of a job", `mutation($r:String!){launchRun(executionParams:{selector:{` + atSales + `, jobName:"a", pipelineName:$r}}){__typename}}`, `{"r":true}`, []string{"bad_argument"}},
	{"a text for true", `mutation($w:Boolean){deleteDynamicPartitions(repositorySelector:{` + atSales + `},partitionsDefName:"customers",partitionKeys:["x"],wipeMaterializations:$w){__typename}}`, `{"w":"true"}`, []string{"bad_argument"}},
	{"a name without quotes", `mutation{deleteRun(runId:run){__typename}}`, "", []string{"bad_argument"}},
	{"a text for an object", `mutation($p:ExecutionParams!){launchRun(executionParams:$p){__typename}}`, `{"p":"x"}`, []string{"bad_argument"}},
	{"a list for an object", `mutation($p:ExecutionParams!){launchRun(executionParams:$p){__typename}}`, `{"p":[{}]}`, []string{"bad_argument"}},
	{"null in a list of ids", `mutation{terminateRuns(runIds:["run-sales",null]){__typename}}`, "", []string{"bad_argument"}},
	{"nothing in a list of ids", `mutation($r:String){terminateRuns(runIds:["run-sales",$r]){__typename}}`, "", []string{"bad_argument"}},
	{"null in a list of objects", `mutation{launchMultipleRuns(executionParamsList:[null]){__typename}}`, "", []string{"bad_argument"}},
	{"a number in a key", `mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["a",1]}}]){__typename}}`, "", []string{"bad_argument"}},
}

func TestDeeds(t *testing.T) {
	for _, row := range slices.Concat(deedRows, attackRows) {
		t.Run(row.name, func(t *testing.T) {
			got := deeds(t, dagster.NewReader(new(oracle).ask), row.selection, row.variables)
			if !slices.Equal(got, row.want) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

func TestEveryMutationHasARow(t *testing.T) {
	raw, err := os.ReadFile("testdata/mutations-1.13.json")
	if err != nil {
		t.Fatal(err)
	}
	var mutations map[string]any
	if err := json.Unmarshal(raw, &mutations); err != nil {
		t.Fatal(err)
	}
	for name := range mutations {
		if !slices.ContainsFunc(deedRows, func(row deedRow) bool {
			return slices.ContainsFunc(row.want, func(deed string) bool { return strings.HasPrefix(deed, name+" ") || strings.HasPrefix(deed, name+":") })
		}) {
			t.Errorf("%s has no row", name)
		}
	}
}

// testdata/arguments.py asked graphql-core with Dagster's schema what it makes of
// each mutation. What it makes of it is judged like the mutation itself.
func TestArgumentsAreReadAsDagsterDoes(t *testing.T) {
	raw, err := os.ReadFile("testdata/arguments.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []struct {
		Query     string
		Variables json.RawMessage
		Read      []struct {
			Field     string
			Arguments map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &table); err != nil || len(table) == 0 {
		t.Fatal(err)
	}
	r := dagster.NewReader(new(oracle).ask)
	for _, row := range table {
		var want []string
		for _, f := range row.Read {
			definitions, arguments := "", ""
			for name := range f.Arguments {
				definitions += "$" + name + ":Any "
				arguments += name + ":$" + name + " "
			}
			variables, _ := json.Marshal(f.Arguments)
			want = append(want, deeds(t, r, strings.ReplaceAll("mutation("+definitions+"){"+f.Field+"("+arguments+"){__typename}}", "()", ""), string(variables))...)
		}
		// What Dagster refuses may be judged as anything.
		if got := deeds(t, r, row.Query, string(row.Variables)); row.Read != nil && !slices.Equal(got, want) {
			t.Errorf("%s %s\n got %q\nwant %q", row.Query, row.Variables, got, want)
		}
	}
}

func TestQueriesHaveNoDeeds(t *testing.T) {
	if got := deeds(t, newReader(), `{runOrError(runId:"run-sales"){__typename}}`, ""); got != nil {
		t.Errorf("%q", got)
	}
}

func TestReportDeeds(t *testing.T) {
	r := dagster.NewReader(new(oracle).ask)
	for _, row := range []struct {
		key  dagster.AssetKey
		want string
	}{
		{dagster.AssetKey{"orders"}, "asset orders @sales: report_runless_asset_events@sales"},
		{dagster.AssetKey{"calendar"}, "asset calendar @marketing,sales: report_runless_asset_events@marketing report_runless_asset_events@sales"},
		{dagster.AssetKey{"a/b", "c"}, "asset a/b/c @marketing: report_runless_asset_events@marketing"},
		{dagster.AssetKey{"a", "b", "c"}, "asset a/b/c @sales: report_runless_asset_events@sales"},
		{dagster.AssetKey{"nothing"}, "asset nothing: report_runless_asset_events@*"},
		{nil, "asset: report_runless_asset_events@*"},
	} {
		if got := told(r.ReportDeeds(t.Context(), row.key)); len(got) != 1 || got[0] != row.want {
			t.Errorf("%q: %q, want %s", row.key, got, row.want)
		}
	}
}

// A look-up that fails in any way takes the permission in the whole deployment.
func TestLookUpsThatFail(t *testing.T) {
	for name, row := range map[string]struct {
		kind, failure string
		err           error
		selection     string
		want          string
	}{
		"no answer":             {"runsOrError", "", errors.New("timed out"), `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"no JSON":               {"runsOrError", "<html>", nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"no data":               {"runsOrError", "{}", nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"null":                  {"runsOrError", `{"data":null}`, nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"a PythonError":         {"runsOrError", `{"data":{"runsOrError":{"__typename":"PythonError"}}}`, nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"data with errors":      {"runsOrError", `{"data":{"runsOrError":{"__typename":"Runs","results":[` + oracleRuns["run-sales"] + `]}},"errors":[{"message":"x"}]}`, nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"no code locations":     {"workspaceOrError", `{"data":{"workspaceOrError":{"__typename":"PythonError"}}}`, nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
		"none to count":         {"workspaceOrError", "", errors.New("timed out"), `launchRun(executionParams:{selector:{` + atSales + `, jobName:"__ASSET_JOB"}}){__typename}`, "launchRun job __ASSET_JOB: launch_pipeline_execution@*"},
		"null for backfills":    {"partitionBackfillOrError", `{"data":null}`, nil, `cancelPartitionBackfill(backfillId:"bf-sales"){__typename}`, "cancelPartitionBackfill backfill bf-sales: cancel_partition_backfill@*"},
		"failing backfill":      {"", "", nil, `cancelPartitionBackfill(backfillId:"bf-failing"){__typename}`, "cancelPartitionBackfill backfill bf-failing: cancel_partition_backfill@*"},
		"no assets":             {"assetNodes", `{"data":{"assetNodes":null},"errors":[{"message":"x"}]}`, nil, `wipeAssets(assetKeys:{path:"orders"}){__typename}`, "wipeAssets asset orders: wipe_assets@*"},
		"no other locations":    {"assetNodeDefinitionCollisions", "", errors.New("timed out"), `wipeAssets(assetKeys:{path:"calendar"}){__typename}`, "wipeAssets asset calendar: wipe_assets@*"},
		"no schedules":          {"repositoriesOrError", `{"data":{"repositoriesOrError":{"__typename":"PythonError"}}}`, nil, `stopSensor(id:"o-watcher::s-watcher"){__typename}`, "stopSensor sensor o-watcher::s-watcher: edit_sensor@* stop_running_schedule@*"},
		"a location unnamed":    {"assetNodes", `{"data":{"assetNodes":[{"assetKey":{"path":["orders"]},"repository":{"location":{"name":""}}}]}}`, nil, `wipeAssets(assetKeys:{path:"orders"}){__typename}`, "wipeAssets asset orders: wipe_assets@*"},
		"answer of another":     {"runsOrError", `{"data":{"runsOrError":{"__typename":"Runs","results":[` + oracleRuns["run-sales"] + `]}}}`, nil, `deleteRun(runId:"run-marketing"){__typename}`, "deleteRun run run-marketing: delete_pipeline_run@*"},
		"a parent unanswered":   {"runsOrError", "", errors.New("timed out"), `launchRun(executionParams:{selector:{` + atSales + `, jobName:"a"},executionMetadata:{parentRunId:"run-later"}}){__typename}`, "launchRun job a: launch_pipeline_execution@*"},
		"a parent in small":     {"runsOrError", `{"data":{"runsOrError":{"__typename":"Runs","results":[` + oracleRuns["run-marketing"] + `]}}}`, nil, `launchRun(executionParams:{selector:{` + atSales + `, jobName:"a"},executionMetadata:{parentRunId:"RUN-MARKETING"}}){__typename}`, "launchRun job a: launch_pipeline_execution@*"},
		"a backfill unanswered": {"partitionBackfillOrError", `{"data":null}`, nil, `launchRun(executionParams:{selector:{` + atSales + `, jobName:"a"},executionMetadata:{tags:{key:"dagster/backfill",value:"bf-later"}}}){__typename}`, "launchRun job a: launch_pipeline_execution@*"},
		"a backfill in small":   {"partitionBackfillOrError", `{"data":{"b0":` + oracleBackfills["bf-sales"] + `}}`, nil, `launchRun(executionParams:{selector:{` + atSales + `, jobName:"a"},executionMetadata:{tags:{key:"dagster/backfill",value:"BF-SALES"}}}){__typename}`, "launchRun job a: launch_pipeline_execution@*"},
		"answer out of shape":   {"runsOrError", `{"data":{"runsOrError":{"__typename":"Runs","results":[{"runId":1}]}}}`, nil, `deleteRun(runId:"run-sales"){__typename}`, "deleteRun run run-sales: delete_pipeline_run@*"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &oracle{fails: row.kind, failure: row.failure, err: row.err}
			r := dagster.NewReader(o.ask)
			call, err := send(t, r, "mutation{"+row.selection+"}", "")
			if err != nil {
				t.Fatal(err)
			}
			all, err := r.Deeds(t.Context(), call)
			if got := told(all); err != nil || len(got) != 1 || got[0] != row.want {
				t.Errorf("%q, %v, want %s", got, err, row.want)
			}
			if wasAsked := name != "a location unnamed"; (all[0].Err != nil) != wasAsked {
				t.Errorf("error %v", all[0].Err)
			}
		})
	}
}

// Nothing is asked where the arguments say it, and once for each kind of thing
// where they do not.
func TestLookUpsAreBatchedAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{}
		r := dagster.NewReader(o.ask)
		asked := func(want ...string) {
			t.Helper()
			if !slices.Equal(o.asked, want) {
				t.Errorf("asked %v, want %v", o.asked, want)
			}
			o.asked = nil
		}
		deeds(t, r, `mutation{startSchedule(scheduleSelector:{`+atSales+`,scheduleName:"x"}){__typename} launchRun(executionParams:{selector:{`+atSales+`, jobName:"a"}}){__typename}}`, "")
		asked()
		stop := `stopSensor(id:"o-watcher::s-watcher"){__typename} stopRunningSchedule(id:"o-weekly::s-weekly"){__typename}`
		all := `mutation{terminateRuns(runIds:["run-sales","run-marketing","run-assets"]){__typename} a:deleteRun(runId:"run-sales"){__typename}
			b:cancelPartitionBackfill(backfillId:"bf-sales"){__typename} c:cancelPartitionBackfill(backfillId:"bf-assets"){__typename}
			wipeAssets(assetKeys:[{path:"orders"},{path:"campaigns"}]){__typename} ` + stop + `}`
		deeds(t, r, all, "")
		asked("runsOrError", "partitionBackfillOrError", "repositoriesOrError", "assetNodes", "assetNodeDefinitionCollisions", "workspaceOrError")
		deeds(t, r, all, "")
		asked()
		time.Sleep(5 * time.Second)
		deeds(t, r, all, "")
		asked("partitionBackfillOrError", "repositoriesOrError", "assetNodes", "assetNodeDefinitionCollisions", "workspaceOrError")
		time.Sleep(time.Minute)
		deeds(t, r, `mutation{deleteRun(runId:"run-sales"){__typename}}`, "")
		asked("runsOrError", "workspaceOrError")
	})
}

// What was not there may be there now, and what failed may work.
func TestOnlyGoodAnswersAreRemembered(t *testing.T) {
	o := &oracle{fails: "runsOrError", err: errors.New("timed out")}
	r := dagster.NewReader(o.ask)
	selection := `mutation{terminateRuns(runIds:["run-sales","run-later"]){__typename}}`
	first := deeds(t, r, selection, "")
	o.fails = ""
	second := deeds(t, r, selection, "")
	o.asked = nil
	third := deeds(t, r, selection, "")
	if first[0] != "terminateRuns run run-sales: terminate_pipeline_execution@*" ||
		second[0] != "terminateRuns run run-sales @sales: terminate_pipeline_execution@sales" ||
		!slices.Equal(second, third) || !slices.Equal(o.asked, []string{"runsOrError"}) {
		t.Errorf("%q\n%q\n%q\n%v", first, second, third, o.asked)
	}
}

func TestDeedLimits(t *testing.T) {
	ids := func(n int) string { return strings.Repeat(`"run-later",`, n) }
	assets := func(n int) string { return strings.Repeat(`{"path":["orders"]},`, n-1) + `{"path":["orders"]}` }
	runs := `mutation($r:[String!]!){terminateRuns(runIds:$r){__typename}}`
	backfill := `mutation($r:[AssetKeyInput!]){launchPartitionBackfill(backfillParams:{assetSelection:$r}){__typename}}`
	r := dagster.NewReader(new(oracle).ask)
	for name, row := range map[string]struct {
		selection, variables string
		refused              bool
	}{
		"1,000 runs":                     {runs, `{"r":[` + ids(999) + `"x"]}`, false},
		"a run more":                     {runs, `{"r":[` + ids(1000) + `"x"]}`, true},
		"10,000 assets":                  {backfill, `{"r":[` + assets(10_000) + `]}`, false},
		"an asset more":                  {backfill, `{"r":[` + assets(10_001) + `]}`, true},
		"1,000 runs and a field more":    {`mutation($r:[String!]!){terminateRuns(runIds:$r){__typename} setNuxSeen}`, `{"r":[` + ids(999) + `"x"]}`, true},
		"a field 50 times under one key": {"mutation{" + strings.Repeat(" setNuxSeen", 50) + "}", "", false},
		"a field 51 times under one key": {"mutation{" + strings.Repeat(" setNuxSeen", 51) + "}", "", true},
		"a query 51 times under one key": {"{" + strings.Repeat(" version", 51) + "}", "", false},
		"a list of lists without an end": {"mutation{deleteRun(runId:" + strings.Repeat("[", 1900) + strings.Repeat("]", 1900) + "){__typename}}", "", true},
	} {
		got := deeds(t, r, row.selection, row.variables)
		if refused := len(got) == 1 && !strings.Contains(got[0], ":"); refused != row.refused {
			t.Errorf("%s: %d deeds, first %q", name, len(got), got[0])
		}
	}
}

// What a client calls a thing is cut before it goes into the trail.
func TestTargetsAreShort(t *testing.T) {
	long := strings.Repeat("é", 1000)
	got := deeds(t, newReader(), `mutation{setConcurrencyLimit(concurrencyKey:"`+long+`",limit:1)}`, "")
	if len(got) != 1 || len(got[0]) > 600 || !strings.Contains(got[0], "é…:") {
		t.Errorf("%d bytes", len(got[0]))
	}
}

func TestUnclassified(t *testing.T) {
	got, err := dagster.NewReader(new(oracle).ask).Unclassified(t.Context())
	if err != nil || !slices.Equal(got, []string{"another", "newThing"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, failure := range []string{`{}`, `{"data":{"__schema":{"mutationType":null}}}`, `{"data":{},"errors":[{"message":"introspection is off"}]}`} {
		o := &oracle{fails: "mutationType", failure: failure}
		if got, err := dagster.NewReader(o.ask).Unclassified(t.Context()); err == nil {
			t.Errorf("%s: %v", failure, got)
		}
	}
}

func TestLocations(t *testing.T) {
	o := &oracle{}
	r := dagster.NewReader(o.ask)
	for range 2 {
		got, err := r.Locations(t.Context())
		if err != nil || !slices.Equal(got, []string{"sales", "marketing", "broken"}) {
			t.Errorf("%v, %v", got, err)
		}
		got[0] = "changed"
	}
	if len(o.asked) != 1 {
		t.Errorf("asked %v", o.asked)
	}
}

func TestLookUpsAtOnce(t *testing.T) {
	r := dagster.NewReader(new(oracle).ask)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for _, row := range attackRows {
				if got := deeds(t, r, row.selection, row.variables); !slices.Equal(got, row.want) {
					t.Errorf("%s: %q", row.name, got)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzDeeds looks for a mutation with a field that is not judged, and for a deed
// that takes nothing.
func FuzzDeeds(f *testing.F) {
	for _, row := range slices.Concat(deedRows, attackRows) {
		f.Add(row.selection, row.variables)
	}
	r := dagster.NewReader(new(oracle).ask)
	f.Fuzz(func(t *testing.T, selection, variables string) {
		call, err := send(t, r, selection, variables)
		if err != nil || call.Kind != dagster.Mutation {
			return
		}
		all, err := r.Deeds(t.Context(), call)
		var refusal *dagster.Error
		if err != nil {
			if !errors.As(err, &refusal) || refusal.Status != 400 || len(all) > 0 {
				t.Errorf("%v with %d deeds", err, len(all))
			}
			return
		}
		for _, field := range call.Fields {
			if !slices.ContainsFunc(all, func(d dagster.Deed) bool { return d.Field == field }) {
				t.Errorf("%+v is not judged", field)
			}
		}
		for _, d := range all {
			if viewer := (policy.Access{Permissions: policy.BuiltIn(policy.Viewer)}); len(d.Needs) == 0 || mayAll(viewer, d.Needs) && !isHarmless(d.Field.Name) {
				t.Errorf("%+v", d)
			}
		}
	})
}

func mayAll(a policy.Access, wants []policy.Want) bool {
	return !slices.ContainsFunc(wants, func(w policy.Want) bool { return !policy.Decide(a, w).Allowed })
}

func isHarmless(field string) bool {
	return slices.Contains([]string{"__typename", "setNuxSeen", "logTelemetry"}, field)
}

func BenchmarkDeeds(b *testing.B) {
	r := dagster.NewReader(new(oracle).ask)
	for _, row := range deedRows {
		if row.name != "launchRun" && row.name != "terminateRun" {
			continue
		}
		call, err := send(b, r, row.selection, row.variables)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Deeds(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
