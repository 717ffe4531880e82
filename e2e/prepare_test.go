package e2e

import (
	"crypto/rand"
	"fmt"
	"testing"
)

// What a mutation of the matrix changes is made by asking Dagster itself.

func aRun(t *testing.T, b *bench, p place) string {
	t.Helper()
	return b.ask(t, p.write(`mutation { launchRun(executionParams: {selector: {%S, jobName: "%J"}}) { ... on LaunchRunSuccess { run { runId } } } }`, ""),
		"launchRun", "run", "runId")
}

func aBackfill(t *testing.T, b *bench, p place) string {
	t.Helper()
	return b.ask(t, p.write(`mutation { launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["%B"]}], partitionNames: ["%F"]}) { ... on LaunchBackfillSuccess { backfillId } } }`, ""),
		"launchPartitionBackfill", "backfillId")
}

func aJobBackfill(t *testing.T, b *bench, p place) string {
	t.Helper()
	return b.ask(t, p.write(`mutation { launchPartitionBackfill(backfillParams: {selector: {partitionSetName: "%G_partition_set", repositorySelector: {%S}}, partitionNames: ["%K"]}) { ... on LaunchBackfillSuccess { backfillId } } }`, ""),
		"launchPartitionBackfill", "backfillId")
}

func aFailedBackfill(t *testing.T, b *bench, p place) string {
	t.Helper()
	id := aBackfill(t, b, p)
	b.SetBackfill(t, id, "FAILED")
	return id
}

func aFailedJobBackfill(t *testing.T, b *bench, p place) string {
	t.Helper()
	id := aJobBackfill(t, b, p)
	b.SetBackfill(t, id, "FAILED")
	return id
}

func aRunningSchedule(t *testing.T, b *bench, p place) string {
	t.Helper()
	b.alone.graphql(t, p.write(`mutation { startSchedule(scheduleSelector: {%S, scheduleName: "%T"}) { __typename } }`, ""))
	return b.ask(t, p.write(`{ scheduleOrError(scheduleSelector: {%S, scheduleName: "%T"}) { ... on Schedule { id } } }`, ""), "scheduleOrError", "id")
}

func aStoppedSchedule(t *testing.T, b *bench, p place) string {
	t.Helper()
	id := aRunningSchedule(t, b, p)
	b.alone.graphql(t, fmt.Sprintf(`mutation { stopRunningSchedule(id: %q) { __typename } }`, id))
	return id
}

func aRunningSensor(t *testing.T, b *bench, p place) string {
	t.Helper()
	b.alone.graphql(t, p.write(`mutation { startSensor(sensorSelector: {%S, sensorName: "%N"}) { __typename } }`, ""))
	return b.ask(t, p.write(`{ sensorOrError(sensorSelector: {%S, sensorName: "%N"}) { ... on Sensor { id } } }`, ""), "sensorOrError", "id")
}

func aStoppedSensor(t *testing.T, b *bench, p place) string {
	t.Helper()
	id := aRunningSensor(t, b, p)
	b.alone.graphql(t, fmt.Sprintf(`mutation { stopSensor(id: %q) { __typename } }`, id))
	return id
}

func aMaterialization(t *testing.T, b *bench, p place) string {
	t.Helper()
	b.ask(t, p.write(`mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION, assetKey: {path: ["%A"]}}) { ... on ReportRunlessAssetEventsSuccess { __typename } } }`, ""),
		"reportRunlessAssetEvents", "__typename")
	return ""
}

func aWord(*testing.T, *bench, place) string { return "word-" + rand.Text() }

func aPartition(t *testing.T, b *bench, p place) string {
	t.Helper()
	key := aWord(t, b, p)
	b.ask(t, p.write(`mutation { addDynamicPartition(repositorySelector: {%S}, partitionsDefName: "%D", partitionKey: "%I") { ... on AddDynamicPartitionSuccess { partitionKey } } }`, key),
		"addDynamicPartition", "partitionKey")
	return key
}

func aLimit(t *testing.T, b *bench, p place) string {
	t.Helper()
	key := aWord(t, b, p)
	b.alone.graphql(t, fmt.Sprintf(`mutation { setConcurrencyLimit(concurrencyKey: %q, limit: 1) }`, key))
	return key
}

// aSlot is a run that has a slot.
func aSlot(t *testing.T, b *bench, p place) string {
	t.Helper()
	key, run := aLimit(t, b, p), aRun(t, b, p)
	b.Claim(t, key, run)
	return run
}

func theOtherPause(t *testing.T, b *bench, _ place) string {
	t.Helper()
	return fmt.Sprint(!b.State(t).Paused)
}
