package dagster

import (
	"slices"
	"strings"

	"github.com/dagpass/dagpass/policy"
)

// classification is what is known of a field of Dagster's Mutation type, or of
// several that are the same.
type classification struct {
	// names are those of the fields.
	names string
	// arguments are all that the fields had when they were classified. One that
	// is not among them may do anything: the field counts as unknown then.
	arguments string
	needs     []policy.Permission
	// where tells people how the code location is found.
	where string
	read  func(input) []claim
}

// catalog holds every mutation of 1.13.27, and older names of the same. What is
// needed was read in dagster_graphql/schema/roots/mutation.py and what it calls.
var catalog = []classification{
	{
		"launchRun launchPipelineExecution", "executionParams", take(policy.LaunchPipelineExecution),
		"`selector`, the parent run and the root run; an asset job: its assets as well", launch,
	},
	{
		"launchMultipleRuns", "executionParamsList", take(policy.LaunchPipelineExecution),
		"as `launchRun`, each item by itself", launchMany,
	},
	{
		"launchRunReexecution launchPipelineReexecution", "executionParams reexecutionParams", take(policy.LaunchPipelineReexecution),
		"as `launchRun`, or the parent run", reexecution,
	},
	{"terminateRun terminatePipelineExecution", "runId terminatePolicy", take(policy.TerminatePipeline), "the run", run("runId")},
	{"terminateRuns", "runIds terminatePolicy", take(policy.TerminatePipeline), "the run, each by itself", runs},
	{"deleteRun deletePipelineRun", "runId", take(policy.DeletePipelineRun), "the run", run("runId")},
	{
		"launchPartitionBackfill", "backfillParams", take(policy.LaunchPartitionBackfill),
		"`selector` and the assets, whatever is given", launchBackfill,
	},
	{"resumePartitionBackfill", "backfillId", take(policy.LaunchPartitionBackfill), "the backfill", backfill("backfillId")},
	{"reexecutePartitionBackfill", "reexecutionParams", take(policy.LaunchPartitionBackfill), "the backfill", reexecuteBackfill},
	{"cancelPartitionBackfill", "backfillId", take(policy.CancelPartitionBackfill), "the backfill", backfill("backfillId")},
	{"startSchedule", "scheduleSelector", take(policy.StartSchedule), "`scheduleSelector`", selected("scheduleSelector", "schedule", "scheduleName")},
	{
		"stopRunningSchedule", "id scheduleOriginId scheduleSelectorId", take(policy.StopRunningSchedule),
		"the schedule, by every part of its ids", stop("schedule", "scheduleOriginId", "scheduleSelectorId"),
	},
	{
		"resetSchedule", "scheduleSelector", take(policy.StartSchedule, policy.StopRunningSchedule),
		"`scheduleSelector`", selected("scheduleSelector", "schedule", "scheduleName"),
	},
	{"scheduleDryRun", "selectorData timestamp", take(policy.ScheduleDryRun), "`selectorData`", selected("selectorData", "schedule", "scheduleName")},
	{"reconcileSchedulerState", "repositorySelector", take(policy.StartSchedule, policy.StopRunningSchedule), "`repositorySelector`", repository},
	{"startSensor resetSensor", "sensorSelector", take(policy.EditSensor), "`sensorSelector`", selected("sensorSelector", "sensor", "sensorName")},
	{
		"stopSensor", "id jobOriginId jobSelectorId", take(policy.EditSensor),
		"the sensor, by every part of its ids", stop("sensor", "jobOriginId", "jobSelectorId"),
	},
	{"setSensorCursor", "cursor sensorSelector", take(policy.UpdateSensorCursor), "`sensorSelector`", selected("sensorSelector", "sensor", "sensorName")},
	{"sensorDryRun", "cursor selectorData", take(policy.SensorDryRun), "`selectorData`", selected("selectorData", "sensor", "sensorName")},
	{
		"reloadRepositoryLocation shutdownRepositoryLocation", "repositoryLocationName", take(policy.ReloadRepositoryLocation),
		"`repositoryLocationName`", at("repositoryLocationName", "location", "repositoryLocationName"),
	},
	{"reloadWorkspace", "", take(policy.ReloadWorkspace), "", anywhere},
	{"wipeAssets", "assetPartitionRanges assetKeys", take(policy.WipeAssets), "the asset, each by itself", wipe},
	{"reportRunlessAssetEvents reportAssetCheckEvaluations", "eventParams", take(policy.ReportRunlessAssetEvents), "the asset", report},
	{"addDynamicPartition", "partitionKey partitionsDefName repositorySelector", take(policy.EditDynamicPartitions), "`repositorySelector`", partitions},
	{
		"deleteDynamicPartitions", "partitionKeys partitionsDefName repositorySelector wipeMaterializations", take(policy.EditDynamicPartitions),
		"`repositorySelector`; with `wipeMaterializations` also `wipe_assets` deployment-wide", partitions,
	},
	{
		"setAppManagedComponent setUIComponent", "attributes componentId componentType locationName", take(policy.EditAppManagedComponents),
		"`locationName`", at("locationName", "component", "componentId"),
	},
	{
		"deleteAppManagedComponent deleteUIComponent", "componentId locationName", take(policy.EditAppManagedComponents),
		"`locationName`", at("locationName", "component", "componentId"),
	},
	{
		"refreshComponentState", "defsStateKey locationName", take(policy.RefreshComponentState),
		"`locationName`", at("locationName", "component", "defsStateKey"),
	},
	{"setAutoMaterializePaused", "paused", take(policy.ToggleAutoMaterialize), "", anywhere},
	{"setConcurrencyLimit", "concurrencyKey limit", take(policy.EditConcurrencyLimit), "", named("concurrency_key", "concurrencyKey")},
	{"deleteConcurrencyLimit", "concurrencyKey", take(policy.EditConcurrencyLimit), "", named("concurrency_key", "concurrencyKey")},
	{"freeConcurrencySlots", "runId stepKey", take(policy.EditConcurrencyLimit), "", named("run", "runId")},
	{"freeConcurrencySlotsForRun", "runId", take(policy.EditConcurrencyLimit), "", named("run", "runId")},
	{"logTelemetry", "action clientId clientTime metadata", take(policy.Read), "", anywhere},
	{"setNuxSeen __typename", "", take(policy.Read), "", anywhere},
}

func take(all ...policy.Permission) []policy.Permission { return all }

// byName finds the classification of a field.
var byName = indexed(catalog)

func indexed(list []classification) map[string]*classification {
	index := map[string]*classification{}
	for i := range list {
		for name := range strings.FieldsSeq(list[i].names) {
			index[name] = &list[i]
		}
	}
	return index
}

// IsKnown tells whether a mutation of this name is classified.
func IsKnown(mutation string) bool { return byName[mutation] != nil }

// IsHarmless tells a mutation that changes nothing anybody would ask about, such
// as Dagster's telemetry: it takes nothing but reading.
func IsHarmless(mutation string) bool {
	known := byName[mutation]
	return known != nil && slices.Equal(known.needs, take(policy.Read))
}

// classified is what is known of a field with these arguments; nil if nothing.
func classified(name string, in input) *classification {
	known := byName[name]
	if known == nil {
		return nil
	}
	arguments := strings.Fields(known.arguments)
	for key := range in.members {
		if !slices.Contains(arguments, key) {
			return nil
		}
	}
	return known
}
