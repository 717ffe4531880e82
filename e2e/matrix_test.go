package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// A somebody of the matrix: what they hold, written down from what the roles
// are said to mean and not from the code.
type somebody struct {
	name     string
	everyone string            // the role in the whole deployment
	at       map[string]string // the role at a code location
	extra    []string          // single permissions besides
}

var people = []somebody{
	{name: "viewer", everyone: "viewer"},
	{name: "launcher", everyone: "launcher"},
	{name: "operator", everyone: "launcher", extra: []string{"start_schedule", "stop_running_schedule", "edit_sensor"}},
	{name: "editor", everyone: "editor"},
	{name: "admin", everyone: "admin"},
	{name: "marketing-editor", everyone: "viewer", at: map[string]string{"marketing": "editor"}},
	{name: "sales-launcher", everyone: "viewer", at: map[string]string{"sales": "launcher"}},
	{name: "both", everyone: "viewer", at: map[string]string{"sales": "launcher", "marketing": "editor"}},
}

var ranks = []string{"viewer", "launcher", "editor", "admin"}

func atLeast(role, least string) bool {
	return slices.Index(ranks, role) >= slices.Index(ranks, least)
}

// may tells whether somebody may do what a row does at a place.
func (s somebody) may(r row, p place) bool {
	if slices.Contains(s.extra, r.permission) || atLeast(s.everyone, r.least) {
		return true
	}
	return !r.deployment && s.at[p.location] != "" && atLeast(s.at[p.location], r.least)
}

// A place is a code location and one of everything in it.
type place struct{ location, job, partitioned, partition, asset, assets, check, schedule, sensor, dynamic string }

var places = []place{
	{"sales", "counting", "stocktaking", "morning", "orders", "regions", "orders_are_plenty", "nightly", "watcher", "customers"},
	{"marketing", "mailing", "greeting", "north", "campaigns", "audiences", "campaigns_are_few", "weekly", "openings", "segments"},
}

// write puts a place and an id into a document. %L, %J, %A and the like stand
// for its parts, %S for the selector of its repository, %I for the id.
func (p place) write(document, id string) string {
	repository := fmt.Sprintf(`repositoryLocationName: %q, repositoryName: "__repository__"`, p.location)
	first := map[string]string{"regions": "north", "audiences": "young"}[p.assets]
	return strings.NewReplacer("%S", repository, "%L", p.location, "%J", p.job, "%G", p.partitioned, "%K", p.partition, "%A", p.asset, "%B", p.assets, "%F", first,
		"%C", p.check, "%T", p.schedule, "%N", p.sensor, "%D", p.dynamic, "%I", id).Replace(document)
}

// A row is a mutation and what it takes.
type row struct {
	field      string
	least      string // the lowest role of those built in
	permission string
	deployment bool // at no single code location
	// prepare makes what the mutation changes, and returns its id.
	prepare func(*testing.T, *bench, place) string
	// silent leaves no trace in Dagster's storage.
	silent bool
	newest bool // not in the oldest version
	slow   bool // takes Dagster seconds: that it would reach Dagster is enough
}

func (r row) name() string {
	name, _, _ := strings.Cut(r.field, "(")
	name, _, _ = strings.Cut(name, "{")
	return strings.TrimSpace(name)
}

// rows are all mutations of Dagster, some in more than one of their ways. That
// none is missing is held against the schema.
var rows = []row{
	{field: `launchRun(executionParams: {selector: {%S, jobName: "%J"}}) { __typename }`, least: "launcher", permission: "launch_pipeline_execution"},
	{field: `launchPipelineExecution(executionParams: {selector: {%S, pipelineName: "%J"}}) { __typename }`, least: "launcher", permission: "launch_pipeline_execution"},
	{field: `launchRun(executionParams: {selector: {%S, jobName: "__ASSET_JOB", assetSelection: [{path: ["%A"]}]}}) { __typename }`, least: "launcher", permission: "launch_pipeline_execution"},
	{field: `launchMultipleRuns(executionParamsList: [{selector: {%S, jobName: "%J"}}, {selector: {%S, jobName: "%J"}}]) { __typename }`, least: "launcher", permission: "launch_pipeline_execution"},
	{field: `launchRunReexecution(reexecutionParams: {parentRunId: "%I", strategy: ALL_STEPS}) { __typename }`, least: "launcher", permission: "launch_pipeline_reexecution", prepare: aRun},
	{field: `launchPipelineReexecution(executionParams: {selector: {%S, jobName: "%J"}, executionMetadata: {parentRunId: "%I", rootRunId: "%I"}}) { __typename }`, least: "launcher", permission: "launch_pipeline_reexecution", prepare: aRun},
	{field: `terminateRun(runId: "%I", terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename }`, least: "launcher", permission: "terminate_pipeline_execution", prepare: aRun},
	{field: `terminatePipelineExecution(runId: "%I") { __typename }`, least: "launcher", permission: "terminate_pipeline_execution", prepare: aRun},
	{field: `terminateRuns(runIds: ["%I"]) { __typename }`, least: "launcher", permission: "terminate_pipeline_execution", prepare: aRun},
	{field: `deleteRun(runId: "%I") { __typename }`, least: "editor", permission: "delete_pipeline_run", prepare: aRun},
	{field: `deletePipelineRun(runId: "%I") { __typename }`, least: "editor", permission: "delete_pipeline_run", prepare: aRun},

	{field: `launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["%B"]}], partitionNames: ["%F"]}) { __typename }`, least: "launcher", permission: "launch_partition_backfill"},
	{field: `launchPartitionBackfill(backfillParams: {selector: {partitionSetName: "%G_partition_set", repositorySelector: {%S}}, partitionNames: ["%K"]}) { __typename }`, least: "launcher", permission: "launch_partition_backfill"},
	{field: `resumePartitionBackfill(backfillId: "%I") { __typename }`, least: "launcher", permission: "launch_partition_backfill", prepare: aFailedJobBackfill},
	{field: `reexecutePartitionBackfill(reexecutionParams: {parentRunId: "%I", strategy: ALL_STEPS}) { __typename }`, least: "launcher", permission: "launch_partition_backfill", prepare: aFailedBackfill},
	{field: `cancelPartitionBackfill(backfillId: "%I") { __typename }`, least: "launcher", permission: "cancel_partition_backfill", prepare: aBackfill},
	{field: `cancelPartitionBackfill(backfillId: "%I") { __typename }`, least: "launcher", permission: "cancel_partition_backfill", prepare: aJobBackfill},

	{field: `startSchedule(scheduleSelector: {%S, scheduleName: "%T"}) { __typename }`, least: "editor", permission: "start_schedule", prepare: aStoppedSchedule},
	{field: `stopRunningSchedule(id: "%I") { __typename }`, least: "editor", permission: "stop_running_schedule", prepare: aRunningSchedule},
	{field: `resetSchedule(scheduleSelector: {%S, scheduleName: "%T"}) { __typename }`, least: "editor", permission: "start_schedule", prepare: aRunningSchedule},
	{field: `scheduleDryRun(selectorData: {%S, scheduleName: "%T"}, timestamp: 1700000000) { ... on DryRunInstigationTick { evaluationResult { error { message } } } }`, least: "editor", permission: "schedule_dry_run"},
	{field: `startSensor(sensorSelector: {%S, sensorName: "%N"}) { __typename }`, least: "editor", permission: "edit_sensor", prepare: aStoppedSensor},
	{field: `stopSensor(id: "%I") { __typename }`, least: "editor", permission: "edit_sensor", prepare: aRunningSensor},
	{field: `resetSensor(sensorSelector: {%S, sensorName: "%N"}) { __typename }`, least: "editor", permission: "edit_sensor", prepare: aRunningSensor},
	{field: `setSensorCursor(sensorSelector: {%S, sensorName: "%N"}, cursor: "%I") { __typename }`, least: "editor", permission: "update_sensor_cursor", prepare: aWord},
	{field: `sensorDryRun(selectorData: {%S, sensorName: "%N"}, cursor: "x") { ... on DryRunInstigationTick { evaluationResult { error { message } } } }`, least: "editor", permission: "sensor_dry_run"},

	{field: `wipeAssets(assetPartitionRanges: [{assetKey: {path: ["%A"]}}]) { __typename }`, least: "editor", permission: "wipe_assets", prepare: aMaterialization},
	{field: `reportRunlessAssetEvents(eventParams: {eventType: ASSET_OBSERVATION, assetKey: {path: ["%A"]}}) { __typename }`, least: "editor", permission: "report_runless_asset_events"},
	{field: `reportAssetCheckEvaluations(eventParams: {assetKey: {path: ["%A"]}, checkName: "%C", passed: true}) { __typename }`, least: "editor", permission: "report_runless_asset_events", newest: true},
	{field: `addDynamicPartition(repositorySelector: {%S}, partitionsDefName: "%D", partitionKey: "%I") { __typename }`, least: "editor", permission: "edit_dynamic_partitions", prepare: aWord},
	{field: `deleteDynamicPartitions(repositorySelector: {%S}, partitionsDefName: "%D", partitionKeys: ["%I"]) { __typename }`, least: "editor", permission: "edit_dynamic_partitions", prepare: aPartition},

	{field: `reloadRepositoryLocation(repositoryLocationName: "%L") { __typename }`, least: "editor", permission: "reload_repository_location", silent: true, slow: true},
	{field: `shutdownRepositoryLocation(repositoryLocationName: "%L") { __typename }`, least: "editor", permission: "reload_repository_location", silent: true},
	{field: `refreshComponentState(locationName: "%L", defsStateKey: "none") { __typename }`, least: "editor", permission: "refresh_component_state", silent: true, newest: true},
	{field: `setAppManagedComponent(locationName: "%L", componentId: "c", componentType: "t", attributes: "{}") { __typename }`, least: "admin", permission: "edit_app_managed_components", silent: true, newest: true},
	{field: `deleteAppManagedComponent(locationName: "%L", componentId: "c") { __typename }`, least: "admin", permission: "edit_app_managed_components", silent: true, newest: true},

	{field: `reloadWorkspace { __typename }`, least: "editor", permission: "reload_workspace", deployment: true, silent: true, slow: true},
	{field: `setAutoMaterializePaused(paused: %I)`, least: "editor", permission: "toggle_auto_materialize", deployment: true, prepare: theOtherPause},
	{field: `setConcurrencyLimit(concurrencyKey: "%I", limit: 2)`, least: "editor", permission: "edit_concurrency_limit", deployment: true, prepare: aWord},
	{field: `deleteConcurrencyLimit(concurrencyKey: "%I")`, least: "editor", permission: "edit_concurrency_limit", deployment: true, prepare: aLimit},
	{field: `freeConcurrencySlots(runId: "%I")`, least: "editor", permission: "edit_concurrency_limit", deployment: true, prepare: aSlot},
	{field: `freeConcurrencySlotsForRun(runId: "%I")`, least: "editor", permission: "edit_concurrency_limit", deployment: true, prepare: aSlot},

	{field: `logTelemetry(action: "a", clientTime: "0", clientId: "c", metadata: "{}") { __typename }`, least: "viewer", permission: "read", deployment: true, silent: true},
	{field: `setNuxSeen`, least: "viewer", permission: "read", deployment: true, silent: true},
}

// matrix takes every mutation, with arguments that would leave a trace, to
// people of every kind and to two code locations.
func matrix(t *testing.T, w *world) {
	t.Run("the newest Dagster", func(t *testing.T) {
		b := w.bench(t, parts.Newest)
		t.Run("no mutation is missing", func(t *testing.T) { nothingMissing(t, b) })
		t.Run("no mutation is unclassified", func(t *testing.T) { nothingUnclassified(t, b) })
		takeMatrix(t, b, rows, people)
		t.Run("what is read", func(t *testing.T) { takeReadings(t, b) })
		t.Run("no mutation over a socket", func(t *testing.T) { noMutationOverSocket(t, b) })
		t.Run("told", func(t *testing.T) { takeTold(t, b, parts.Newest, people) })
		t.Run("what slips past a check of the location", func(t *testing.T) { slips(t, b) })
	})
	t.Run("the oldest Dagster", func(t *testing.T) { theOldest(t, w.bench(t, parts.Oldest)) })
}

func theOldest(t *testing.T, b *bench) {
	older := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.newest })
	t.Run("no mutation is unclassified", func(t *testing.T) { nothingUnclassified(t, b) })
	t.Run("tricks", func(t *testing.T) { tricks(t, parts.Oldest, b.Dagster.URL) })
	few := []somebody{people[0], people[5], people[6]}
	takeMatrix(t, b, older, few)
	t.Run("told", func(t *testing.T) { takeTold(t, b, parts.Oldest, few) })
	t.Run("what slips past a check of the location", func(t *testing.T) { slips(t, b) })
}

func nothingMissing(t *testing.T, b *bench) {
	var schema struct {
		Data struct {
			Schema struct {
				MutationType struct{ Fields []struct{ Name string } }
			} `json:"__schema"`
		}
	}
	b.alone.graphql(t, "{ __schema { mutationType { fields { name } } } }").into(t, &schema)
	for _, field := range schema.Data.Schema.MutationType.Fields {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name() == field.Name }) {
			t.Errorf("%s has no row", field.Name)
		}
	}
}

func takeMatrix(t *testing.T, b *bench, rows []row, people []somebody) {
	crowd, m := map[string]*person{}, &matrixTrail{}
	for _, s := range people {
		crowd[s.name] = signedIn(t, b.server, "certified", s.name)
	}
	for _, r := range rows {
		t.Run(r.name(), func(t *testing.T) {
			for _, p := range places {
				r.mustRefuse(t, b, p, crowd, people, m)
				r.mustAllow(t, b, p, crowd, people, m)
			}
		})
	}
	t.Run("on the trail", func(t *testing.T) { m.mustBeOnTrail(t, b.set) })
}

func (r row) document(t *testing.T, b *bench, p place) string {
	t.Helper()
	id := ""
	if r.prepare != nil {
		id = r.prepare(t, b, p)
	}
	return "mutation { it: " + p.write(r.field, id) + " }"
}

// mustRefuse takes the row to whoever may not: nothing reaches Dagster, and
// what they read is readable.
func (r row) mustRefuse(t *testing.T, b *bench, p place, crowd map[string]*person, people []somebody, m *matrixTrail) {
	t.Helper()
	document := r.document(t, b, p)
	before := b.Checksum(t)
	for _, s := range people {
		if s.may(r, p) {
			continue
		}
		a := crowd[s.name].graphql(t, document)
		if !strings.Contains(a.body, "You may not do this") || a.StatusCode != 200 {
			t.Errorf("%s at %s: answered %s %.300s", s.name, p.location, a.Status, a.body)
		}
		if seen := b.witness.take(); len(seen) > 0 {
			t.Errorf("%s at %s: it reached Dagster: %s", s.name, p.location, seen)
		}
		m.note(a, r, p, false)
	}
	if b.Checksum(t) != before {
		t.Errorf("at %s: Dagster's storage changed", p.location)
	}
}

// mustAllow takes the row to whoever may.
func (r row) mustAllow(t *testing.T, b *bench, p place, crowd map[string]*person, people []somebody, m *matrixTrail) {
	t.Helper()
	b.witness.keep(r.slow)
	defer b.witness.keep(false)
	for _, s := range people {
		if !s.may(r, p) {
			continue
		}
		document := r.document(t, b, p)
		before := b.Checksum(t)
		a := crowd[s.name].graphql(t, document)
		if strings.Contains(a.body, "You may not do this") || len(b.witness.take()) != 1 {
			t.Errorf("%s at %s: it did not reach Dagster: %s %.300s", s.name, p.location, a.Status, a.body)
		}
		if ran := b.Checksum(t) != before; ran == r.silent {
			t.Errorf("%s at %s: it left a trace: %v: %s %.600s", s.name, p.location, ran, a.Status, a.body)
		}
		m.note(a, r, p, true)
	}
}
