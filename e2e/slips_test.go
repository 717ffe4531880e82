package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// A slip is a request of somebody who may everything in marketing and nothing
// but read elsewhere, for something elsewhere. In braces stand things that are
// made for it: {sales.run}, {marketing.sensor} and the like.
type slip struct {
	name      string
	document  string
	variables string
	// harmless does nothing when Dagster gets it without us, either.
	harmless bool
	// differs is run by the newest version and not by the oldest.
	differs bool
	// passes is refused by Dagster and not by us.
	passes bool
}

const (
	inSales     = `repositoryLocationName: "sales", repositoryName: "__repository__"`
	inMarketing = `repositoryLocationName: "marketing", repositoryName: "__repository__"`
	countSales  = `{selector: {` + inSales + `, jobName: "counting"}}`
	mailOurs    = `{selector: {` + inMarketing + `, jobName: "mailing"}}`
)

var slipList = []slip{
	{name: "beside what is allowed", document: `mutation { a: launchRun(executionParams: ` + mailOurs + `) { __typename } b: launchRun(executionParams: ` + countSales + `) { __typename } }`},
	{name: "under the name of what is allowed", document: `mutation { startSensor: launchRun(executionParams: ` + countSales + `) { __typename } }`},
	{name: "one item of a list", document: `mutation { launchMultipleRuns(executionParamsList: [` + mailOurs + `, ` + countSales + `]) { __typename } }`},
	{name: "an item for a list", document: `mutation { launchMultipleRuns(executionParamsList: ` + countSales + `) { __typename } }`},
	{name: "an item for a list, in a variable", document: `mutation($p: [ExecutionParams!]!) { launchMultipleRuns(executionParamsList: $p) { __typename } }`, variables: `{"p": {"selector": {"repositoryLocationName": "sales", "repositoryName": "__repository__", "jobName": "counting"}}}`},
	{name: "a variable", document: `mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename } }`, variables: `{"p": {"selector": {"repositoryLocationName": "sales", "repositoryName": "__repository__", "jobName": "counting"}}}`},
	{name: "a variable inside an object", document: `mutation($l: String!) { launchRun(executionParams: {selector: {repositoryLocationName: $l, repositoryName: "__repository__", jobName: "counting"}}) { __typename } }`, variables: `{"l": "sales"}`},
	{name: "a variable's default", document: `mutation($l: String! = "sales") { launchRun(executionParams: {selector: {repositoryLocationName: $l, repositoryName: "__repository__", jobName: "counting"}}) { __typename } }`},
	{name: "a default that is overridden", document: `mutation($l: String! = "marketing") { launchRun(executionParams: {selector: {repositoryLocationName: $l, repositoryName: "__repository__", jobName: "counting"}}) { __typename } }`, variables: `{"l": "sales"}`},
	{name: "a default that is an object", document: `mutation($p: ExecutionParams! = ` + countSales + `) { launchRun(executionParams: $p) { __typename } }`},
	{name: "a string with escapes", document: `mutation { launchRun(executionParams: {selector: {repositoryLocationName: "\u0073\u{61}les", repositoryName: "__repository__", jobName: "counting"}}) { __typename } }`},
	{name: "a block string", document: `mutation { launchRun(executionParams: {selector: {repositoryLocationName: """` + "\n    sales\n" + `""", repositoryName: "__repository__", jobName: "counting"}}) { __typename } }`},
	{name: "behind a variable that includes", document: `mutation($yes: Boolean! = true) { ... on Mutation @include(if: $yes) { launchRun(executionParams: ` + countSales + `) { __typename } } }`},
	{name: "pipelineName over jobName", document: `mutation { launchRun(executionParams: {selector: {` + inSales + `, jobName: "mailing", pipelineName: "counting"}}) { __typename } }`},

	{name: "our asset job with another's asset", document: `mutation { launchRun(executionParams: {selector: {` + inMarketing + `, jobName: "__ASSET_JOB", assetSelection: [{path: ["campaigns"]}, {path: ["orders"]}]}}) { __typename } }`, harmless: true},
	{name: "their asset job with our asset", document: `mutation { launchRun(executionParams: {selector: {` + inSales + `, jobName: "__ASSET_JOB", assetSelection: [{path: ["campaigns"]}]}}) { __typename } }`, harmless: true},
	{name: "their asset job without a selection", document: `mutation { launchRun(executionParams: {selector: {` + inSales + `, jobName: "__ASSET_JOB"}}) { __typename } }`},
	{name: "a check of another's asset", document: `mutation { launchRun(executionParams: {selector: {` + inSales + `, jobName: "__ASSET_JOB", assetSelection: [], assetCheckSelection: [{assetKey: {path: ["orders"]}, name: "orders_are_plenty"}]}}) { __typename } }`},
	{name: "the name of our job, elsewhere", document: `mutation { launchRun(executionParams: {selector: {` + inSales + `, jobName: "mailing"}}) { __typename } }`, harmless: true},
	{name: "a location in other letters", document: `mutation { launchRun(executionParams: {selector: {repositoryLocationName: "Sales", repositoryName: "__repository__", jobName: "counting"}}) { __typename } }`, harmless: true},
	{name: "a location that does not load", document: `mutation { reloadRepositoryLocation(repositoryLocationName: "broken") { __typename } }`, harmless: true},

	{name: "another's run to terminate", document: `mutation { terminateRun(runId: "{sales.run}") { __typename } }`},
	{name: "one of the runs to terminate", document: `mutation { terminateRuns(runIds: ["{marketing.run}", "{sales.run}"]) { __typename } }`},
	{name: "a run for a list", document: `mutation { terminateRuns(runIds: "{sales.run}") { __typename } }`},
	{name: "runs in a variable", document: `mutation($ids: [String!]!) { terminateRuns(runIds: $ids) { __typename } }`, variables: `{"ids": ["{marketing.run}", "{sales.run}"]}`},
	{name: "a run in a variable of a list", document: `mutation($id: String!) { terminateRuns(runIds: ["{marketing.run}", $id]) { __typename } }`, variables: `{"id": "{sales.run}"}`},
	{name: "another's run to delete", document: `mutation { deleteRun(runId: "{sales.run}") { __typename } }`},
	{name: "two runs to delete", document: `mutation { a: deleteRun(runId: "{marketing.run}") { __typename } b: deleteRun(runId: "{sales.run}") { __typename } }`},
	{name: "a run that is not there", document: `mutation { deleteRun(runId: "00000000-0000-0000-0000-000000000000") { __typename } }`, harmless: true},
	{name: "another's run to re-execute", document: `mutation { launchRunReexecution(reexecutionParams: {parentRunId: "{sales.run}", strategy: ALL_STEPS}) { __typename } }`},
	{name: "nothing beside another's run", document: `mutation { launchRunReexecution(executionParams: null, reexecutionParams: {parentRunId: "{sales.run}", strategy: ALL_STEPS}) { __typename } }`},
	{name: "no value beside another's run", document: `mutation($none: ExecutionParams) { launchRunReexecution(executionParams: $none, reexecutionParams: {parentRunId: "{sales.run}", strategy: ALL_STEPS}) { __typename } }`},
	{name: "our job beside another's run", document: `mutation { launchRunReexecution(executionParams: ` + mailOurs + `, reexecutionParams: {parentRunId: "{sales.run}", strategy: ALL_STEPS}) { __typename } }`, harmless: true},
	{name: "another's job, our parent", document: `mutation { launchRunReexecution(executionParams: {selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {parentRunId: "{marketing.run}", rootRunId: "{marketing.run}"}}) { __typename } }`},

	{name: "our job in the group of another's run", document: `mutation { launchRun(executionParams: {selector: {` + inMarketing + `, jobName: "mailing"}, executionMetadata: {parentRunId: "{sales.run}", rootRunId: "{sales.run}"}}) { __typename } }`},
	{name: "our job in the group of another's run, by tags", document: `mutation { launchRun(executionParams: {selector: {` + inMarketing + `, jobName: "mailing"}, executionMetadata: {tags: [{key: "dagster/root_run_id", value: "{sales.run}"}, {key: "dagster/parent_run_id", value: "{sales.run}"}]}}) { __typename } }`},
	{name: "our job in another's backfill", document: `mutation { launchRun(executionParams: {selector: {` + inMarketing + `, jobName: "mailing"}, executionMetadata: {tags: [{key: "dagster/backfill", value: "{sales.backfill}"}]}}) { __typename } }`},
	{name: "behind a variable that does not skip", document: `mutation($no: Boolean! = false) { ... on Mutation @skip(if: $no) { launchRun(executionParams: ` + countSales + `) { __typename } } }`},
	{name: "one name for two", document: `mutation { a: launchRun(executionParams: ` + mailOurs + `) { __typename } a: launchRun(executionParams: ` + countSales + `) { __typename } }`, harmless: true},

	{name: "a sensor by its id", document: `mutation { stopSensor(id: "{sales.sensor}") { __typename } }`},
	{name: "a sensor by its two ids", document: `mutation { stopSensor(jobOriginId: "{sales.sensor.origin}", jobSelectorId: "{sales.sensor.selector}") { __typename } }`},
	{name: "a sensor by half of our id", document: `mutation { stopSensor(id: "{marketing.sensor.origin}::{sales.sensor.selector}") { __typename } }`},
	{name: "a sensor by the other half", document: `mutation { stopSensor(id: "{sales.sensor.origin}::{marketing.sensor.selector}") { __typename } }`},
	{name: "a sensor by one id of ours", document: `mutation { stopSensor(jobOriginId: "{marketing.sensor.origin}", jobSelectorId: "{sales.sensor.selector}") { __typename } }`},
	{name: "a sensor whose whole id is the first", document: `mutation { stopSensor(jobOriginId: "{sales.sensor}", jobSelectorId: "{marketing.sensor.selector}") { __typename } }`},
	{name: "a sensor by id, beside ours", document: `mutation { stopSensor(id: "{sales.sensor}", jobOriginId: "{marketing.sensor.origin}", jobSelectorId: "{marketing.sensor.selector}") { __typename } }`},
	{name: "a sensor beside an empty id", document: `mutation { stopSensor(id: "", jobOriginId: "{sales.sensor.origin}", jobSelectorId: "{sales.sensor.selector}") { __typename } }`},
	{name: "a sensor by an unknown origin", document: `mutation { stopSensor(jobOriginId: "x", jobSelectorId: "{sales.sensor.selector}") { __typename } }`},
	{name: "a schedule by its id", document: `mutation { stopRunningSchedule(id: "{sales.schedule}") { __typename } }`},
	{name: "a schedule by half of our id", document: `mutation { stopRunningSchedule(id: "{marketing.schedule.origin}::{sales.schedule.selector}") { __typename } }`},
	{name: "a schedule by one id of ours", document: `mutation { stopRunningSchedule(scheduleOriginId: "{marketing.schedule.origin}", scheduleSelectorId: "{sales.schedule.selector}") { __typename } }`},
	{name: "a sensor as if it were our schedule", document: `mutation { stopRunningSchedule(id: "{marketing.schedule.origin}::{sales.sensor.selector}") { __typename } }`, differs: true},

	{name: "a backfill of both", document: `mutation { launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["audiences"]}, {path: ["regions"]}], allPartitions: true}) { __typename } }`},
	{name: "a backfill by partitions of assets", document: `mutation { launchPartitionBackfill(backfillParams: {partitionsByAssets: [{assetKey: {path: ["regions"]}, partitions: {ranges: [{start: "north", end: "north"}]}}]}) { __typename } }`},
	{name: "a backfill of another's job", document: `mutation { launchPartitionBackfill(backfillParams: {selector: {partitionSetName: "stocktaking_partition_set", repositorySelector: {` + inSales + `}}, partitionNames: ["morning"]}) { __typename } }`},
	{name: "a backfill of our job and another's asset", document: `mutation { launchPartitionBackfill(backfillParams: {selector: {partitionSetName: "greeting_partition_set", repositorySelector: {` + inMarketing + `}}, assetSelection: [{path: ["regions"]}], partitionNames: ["north"]}) { __typename } }`},
	{name: "a backfill of our asset and another's partitions", document: `mutation { launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["audiences"]}], partitionsByAssets: [{assetKey: {path: ["regions"]}, partitions: {ranges: [{start: "north", end: "north"}]}}]}) { __typename } }`, harmless: true},
	{name: "another's backfill to re-execute", document: `mutation { reexecutePartitionBackfill(reexecutionParams: {parentRunId: "{sales.failed backfill}", strategy: ALL_STEPS}) { __typename } }`},
	{name: "another's backfill to resume", document: `mutation { resumePartitionBackfill(backfillId: "{sales.failed job backfill}") { __typename } }`},
	{name: "another's backfill to cancel", document: `mutation { cancelPartitionBackfill(backfillId: "{sales.backfill}") { __typename } }`},
	{name: "another's job backfill to cancel", document: `mutation { cancelPartitionBackfill(backfillId: "{sales.job backfill}") { __typename } }`},

	{name: "one of the assets to wipe", document: `mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["campaigns"]}}, {assetKey: {path: ["{sales.asset}"]}}]) { __typename } }`},
	{name: "an asset of both to wipe", document: `mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["{sales.shared asset}"]}}]) { __typename } }`},
	{name: "an asset for a path", document: `mutation { wipeAssets(assetPartitionRanges: {assetKey: {path: "{sales.asset}"}}) { __typename } }`},
	{name: "an event of another's asset", document: `mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION, assetKey: {path: ["orders"]}}) { __typename } }`},
	{name: "an event of an asset of both", document: `mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION, assetKey: {path: ["calendar"]}}) { __typename } }`},
	{name: "an event of an asset of nobody", document: `mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION, assetKey: {path: ["nobody"]}}) { __typename } }`},
	{name: "another's partitions through our repository", document: `mutation { addDynamicPartition(repositorySelector: {` + inMarketing + `}, partitionsDefName: "customers", partitionKey: "x") { __typename } }`, harmless: true, passes: true},
	{name: "another's partitions", document: `mutation { addDynamicPartition(repositorySelector: {` + inSales + `}, partitionsDefName: "customers", partitionKey: "{sales.word}") { __typename } }`},
	{name: "what is at no location", document: `mutation { setConcurrencyLimit(concurrencyKey: "{sales.word}", limit: 1) }`},
	{name: "every location", document: `mutation { setAutoMaterializePaused(paused: {sales.other pause}) }`},
	{name: "a dry run of another's sensor", document: `mutation { sensorDryRun(selectorData: {` + inSales + `, sensorName: "watcher"}, cursor: "x") { ... on DryRunInstigationTick { evaluationResult { error { message } } } } }`},
}

// made are the things in braces.
var made = map[string]func(*testing.T, *bench, place) string{
	"run": aRun, "backfill": aBackfill, "failed backfill": aFailedBackfill, "job backfill": aJobBackfill, "failed job backfill": aFailedJobBackfill,
	"sensor": aRunningSensor, "schedule": aRunningSchedule, "word": aWord, "other pause": theOtherPause,
	"asset": func(t *testing.T, b *bench, p place) string { aMaterialization(t, b, p); return p.asset },
	"shared asset": func(t *testing.T, b *bench, p place) string {
		p.asset = "calendar"
		aMaterialization(t, b, p)
		return p.asset
	},
}

var braces = regexp.MustCompile(`\{(sales|marketing)\.([a-z ]+)(\.origin|\.selector)?\}`)

// fill makes what stands in braces.
func (s slip) fill(t *testing.T, b *bench) operation {
	t.Helper()
	place := func(text string) string {
		return braces.ReplaceAllStringFunc(text, func(found string) string {
			part := braces.FindStringSubmatch(found)
			p := places[0]
			if part[1] == "marketing" {
				p = places[1]
			}
			id := made[part[2]](t, b, p)
			origin, selector, _ := strings.Cut(id, "::")
			return map[string]string{"": id, ".origin": origin, ".selector": selector}[part[3]]
		})
	}
	o := operation{Query: place(s.document)}
	if s.variables != "" {
		if err := json.Unmarshal([]byte(place(s.variables)), &o.Variables); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// slips holds that nothing of it runs for an editor of marketing, and that
// Dagster would have run it: all of it, and each spelling and shape of a launch
// that the roles are tested with.
func slips(t *testing.T, b *bench) {
	p := signedIn(t, b.server, "certified", "marketing-editor")
	for _, s := range slipList {
		t.Run(s.name, func(t *testing.T) {
			o := s.fill(t, b)
			before := b.Checksum(t)
			if a := p.operate(t, o); b.Checksum(t) != before {
				t.Errorf("it changed Dagster's storage: %s %.300s", a.Status, a.body)
			}
			if seen := b.witness.take(); len(seen) > 0 != s.passes {
				t.Errorf("it reached Dagster: %s", seen)
			}
			a := b.alone.operate(t, o)
			if ran := b.Checksum(t) != before; ran == s.harmless && !s.differs {
				t.Errorf("Dagster alone ran it: %v: %s %.600s", ran, a.Status, a.body)
			}
		})
	}
	launch := `launchRun(executionParams: ` + countSales + `) { __typename }`
	for _, d := range spelled(t, b.server.URL, func(int) string { return launch }) {
		t.Run(d.name, func(t *testing.T) {
			before := b.Checksum(t)
			a := p.do(t, d.request)
			if b.Checksum(t) != before || len(b.witness.take()) > 0 {
				t.Errorf("it reached Dagster: %s %.300s", a.Status, a.body)
			}
		})
	}
	reports(t, b, p)
}

// reports name an asset in the path, in the body and in the query string.
func reports(t *testing.T, b *bench, p *person) {
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"/report_asset_materialization/campaigns", `{}`, 200},
		{"/report_asset_materialization/orders", `{}`, 403},
		{"/report_asset_materialization/orders", `{"asset_key":["campaigns"]}`, 400},
		{"/report_asset_materialization/orders?asset_key=campaigns", `{}`, 400},
		{"/report_asset_materialization/", `{"asset_key":["orders"]}`, 403},
		{"/report_asset_materialization/", `{"asset_key":["campaigns"]}`, 200},
		{"/report_asset_materialization/?asset_key=orders", `{}`, 403},
		{`/report_asset_materialization/?asset_key=["orders"]`, `{}`, 403},
		{"/report_asset_materialization/?asset_key=campaigns", `{"asset_key":["orders"]}`, 400},
		{"/report_asset_materialization/calendar", `{}`, 403},
		{"/report_asset_materialization/nobody", `{}`, 403},
		{"/report_asset_materialization/%6frders", `{}`, 403},
		{"/report_asset_materialization/campaigns%2Forders", `{}`, 403},
		{"/report_asset_materialization/campaigns/../orders", `{}`, 400},
		{"/report_asset_materialization/orders/", `{}`, 403},
		{"/report_asset_observation/orders", `{}`, 403},
		{"/report_asset_observation/campaigns", `{}`, 200},
		{"/report_asset_check/orders", `{"check_name":"orders_are_plenty","passed":true}`, 403},
		{"/report_asset_check/campaigns", `{"check_name":"campaigns_are_few","passed":true}`, 200},
	} {
		t.Run(test.path+" "+test.body, func(t *testing.T) {
			before := b.Checksum(t)
			req, err := post(p.base+test.path, jsonType, test.body)
			if err != nil {
				t.Fatal(err)
			}
			a := p.do(t, req)
			ran, seen := b.Checksum(t) != before, len(b.witness.take()) > 0
			if allowed := test.status == 200; a.StatusCode != test.status || ran != allowed || seen != allowed {
				t.Errorf("it was reported: %v, it reached Dagster: %v: %s %.300s", ran, seen, a.Status, a.body)
			}
		})
	}
}
