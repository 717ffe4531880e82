package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// told are questions whose answers tell what somebody may. Each boolean stands
// under the name of the permission that it is about, and {here.…} is made at
// the place in question.
var told = []struct {
	document string
	newest   bool // not in the oldest version
	// anywhere is told to whoever may at some place: of what it is about the
	// place is not known without a question more.
	anywhere bool
}{
	{document: `{ it: runOrError(runId: "{here.run}") { ... on Run {
		launch_pipeline_reexecution: hasReExecutePermission terminate_pipeline_execution: hasTerminatePermission delete_pipeline_run: hasDeletePermission } } }`},
	{document: `query Assets { assetNodes(assetKeys: [{path: ["%A"]}]) { ...asset } }
		fragment asset on AssetNode { launch_pipeline_execution: hasMaterializePermission ... on AssetNode { report_runless_asset_events: hasReportRunlessAssetEventPermission } }`},
	{document: `{ assetNodes(assetKeys: [{path: ["%A"]}]) { wipe_assets: hasWipePermission } }`, newest: true},
	{document: `{ scheduleOrError(scheduleSelector: {%S, scheduleName: "%T"}) { ... on Schedule { scheduleState {
		start_schedule: hasStartPermission stop_running_schedule: hasStopPermission } } } }`},
	{document: `{ sensorOrError(sensorSelector: {%S, sensorName: "%N"}) { ... on Sensor { sensorState { edit_sensor: hasStartPermission } } } }`},
	{document: `{ sensorOrError(sensorSelector: {%S, sensorName: "%N"}) { ... on Sensor { sensorState { edit_sensor: hasStopPermission } update_sensor_cursor: hasCursorUpdatePermissions } } }`, newest: true},
	{document: `{ partitionBackfillOrError(backfillId: "{here.backfill}") { ... on PartitionBackfill { cancel_partition_backfill: hasCancelPermission launch_partition_backfill: hasResumePermission } } }`, anywhere: true},
	{document: `{ partitionBackfillOrError(backfillId: "{here.job backfill}") { ... on PartitionBackfill { cancel_partition_backfill: hasCancelPermission launch_partition_backfill: hasResumePermission } } }`},
	{document: `{ pipelineOrError(params: {%S, pipelineName: "%J"}) { ... on Pipeline { launch_pipeline_execution: hasLaunchExecutionPermission launch_pipeline_reexecution: hasLaunchReexecutionPermission } } }`, newest: true},
	{document: `{ partitionSetOrError(repositorySelector: {%S}, partitionSetName: "%G_partition_set") { ... on PartitionSet { launch_partition_backfill: hasLaunchBackfillPermission cancel_partition_backfill: hasCancelBackfillPermission } } }`, newest: true},
}

// takeTold holds what the answers say against what the matrix lets people do.
func takeTold(t *testing.T, b *bench, v parts.Version, people []somebody) {
	for _, s := range people {
		p := signedIn(t, b.server, "certified", s.name)
		for _, at := range places {
			t.Run(s.name+" at "+at.location, func(t *testing.T) {
				for _, question := range told {
					if !question.newest || v == parts.Newest {
						mustTell(t, b, p, s, at, question.document, question.anywhere)
					}
				}
				mustList(t, p, s, at)
			})
		}
	}
}

func mustTell(t *testing.T, b *bench, p *person, s somebody, at place, document string, anywhere bool) {
	t.Helper()
	document = strings.ReplaceAll(at.write(document, ""), "{here.", "{"+at.location+".")
	a := p.operate(t, slip{document: document}.fill(t, b))
	var answer map[string]any
	a.into(t, &answer)
	found := booleans(answer["data"])
	if len(found) == 0 || strings.Contains(a.body, "dagpass_") {
		t.Errorf("answered %s to %s", a.body, document)
	}
	for permission, says := range found {
		may := s.may(rowOf(permission), at)
		if anywhere {
			may = slices.ContainsFunc(places, func(p place) bool { return s.may(rowOf(permission), p) })
		}
		if says != may {
			t.Errorf("%s is told as %v, it is %v: %s", permission, says, may, document)
		}
	}
}

// booleans are all below a value, by their names.
func booleans(value any) map[string]bool {
	all := map[string]bool{}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			for name, is := range booleans(item) {
				all[name] = is
			}
		}
	case map[string]any:
		for name, member := range v {
			if is, ok := member.(bool); ok {
				all[name] = is
			}
			for name, is := range booleans(member) {
				all[name] = is
			}
		}
	}
	return all
}

func rowOf(permission string) row {
	return rows[slices.IndexFunc(rows, func(r row) bool { return r.permission == permission })]
}

// permission is what Dagster lists of each.
type permission struct {
	Permission     string
	Value          bool
	DisabledReason string
}

// mustList asks as Dagster's app does once per page, under an alias.
func mustList(t *testing.T, p *person, s somebody, at place) {
	t.Helper()
	var answer struct {
		Data struct {
			Unscoped  []permission
			Locations struct {
				Entries []struct {
					Name        string
					Permissions []permission
				}
			}
		}
	}
	p.graphql(t, `query PermissionsQuery { unscoped: permissions { ...p } locations: locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { name permissions { ...p } } } } }
		fragment p on Permission { permission value disabledReason }`).into(t, &answer)
	nowhere := place{}
	mustBeListed(t, s, nowhere, answer.Data.Unscoped)
	for _, entry := range answer.Data.Locations.Entries {
		if entry.Name == at.location {
			mustBeListed(t, s, at, entry.Permissions)
		}
	}
}

func mustBeListed(t *testing.T, s somebody, at place, all []permission) {
	t.Helper()
	if len(all) < 10 {
		t.Fatalf("%d permissions at %q", len(all), at.location)
	}
	for _, listed := range all {
		r := rowOf(listed.Permission)
		if r.permission == "edit_app_managed_components" {
			continue // Dagster gives it to nobody
		}
		if may := s.may(r, at); listed.Value != may || !may && !strings.Contains(listed.DisabledReason, r.least) {
			t.Errorf("at %q %s is told as %+v, it is %v", at.location, listed.Permission, listed, may)
		}
	}
}
