package policy

import (
	"slices"
)

// Permission is one thing a person may do. Names without a comment are
// Dagster's own (dagster/_core/workspace/permissions.py).
type Permission string

const (
	// Read opens Dagster at all: pages, static files, queries, subscriptions.
	Read Permission = "read"
	// ReadLogs opens /logs/…, the captured output of steps.
	ReadLogs Permission = "read_logs"
	// ReadNotebook opens /notebook, which renders what a code server can read.
	ReadNotebook Permission = "read_notebook"
	// DownloadDebug opens /download_debug/…, a run's whole event log.
	DownloadDebug Permission = "download_debug"
	// ShowInstanceConfig shows the instance's configuration.
	ShowInstanceConfig Permission = "show_instance_config"
	// GraphiQL opens Dagster's GraphQL console.
	GraphiQL Permission = "graphiql"
	// UnclassifiedMutation runs a mutation that Dagpass does not know, such as
	// one of a Dagster newer than it.
	UnclassifiedMutation Permission = "unclassified_mutation"
	// Administer opens the console: access, settings, other people.
	Administer Permission = "administer"
	// Audit reads the audit trail, its exports and what the console shows to
	// auditors, and changes nothing. A role of the policy file can have it.
	Audit Permission = "audit"

	LaunchPipelineExecution   Permission = "launch_pipeline_execution"
	LaunchPipelineReexecution Permission = "launch_pipeline_reexecution"
	StartSchedule             Permission = "start_schedule"
	StopRunningSchedule       Permission = "stop_running_schedule"
	ScheduleDryRun            Permission = "schedule_dry_run"
	EditSensor                Permission = "edit_sensor"
	SensorDryRun              Permission = "sensor_dry_run"
	UpdateSensorCursor        Permission = "update_sensor_cursor"
	TerminatePipeline         Permission = "terminate_pipeline_execution"
	DeletePipelineRun         Permission = "delete_pipeline_run"
	ReloadRepositoryLocation  Permission = "reload_repository_location"
	ReloadWorkspace           Permission = "reload_workspace"
	WipeAssets                Permission = "wipe_assets"
	ReportRunlessAssetEvents  Permission = "report_runless_asset_events"
	LaunchPartitionBackfill   Permission = "launch_partition_backfill"
	CancelPartitionBackfill   Permission = "cancel_partition_backfill"
	EditDynamicPartitions     Permission = "edit_dynamic_partitions"
	ToggleAutoMaterialize     Permission = "toggle_auto_materialize"
	EditConcurrencyLimit      Permission = "edit_concurrency_limit"
	EditAppManagedComponents  Permission = "edit_app_managed_components"
	RefreshComponentState     Permission = "refresh_component_state"
)

// Role names a set of permissions: one of the four built-in ones, or one that
// the policy file defines.
type Role string

const (
	// None is the role of somebody who may do nothing.
	None     Role = ""
	Viewer   Role = "viewer"
	Launcher Role = "launcher"
	Editor   Role = "editor"
	Admin    Role = "admin"
)

// ladder is the built-in roles from least to most; each adds to the one below.
var ladder = []struct {
	role Role
	adds []Permission
}{
	{Viewer, []Permission{Read, ReadLogs, ReadNotebook, DownloadDebug, ShowInstanceConfig}},
	{Launcher, []Permission{
		LaunchPipelineExecution, LaunchPipelineReexecution, TerminatePipeline,
		LaunchPartitionBackfill, CancelPartitionBackfill,
	}},
	{Editor, []Permission{
		GraphiQL, DeletePipelineRun, StartSchedule, StopRunningSchedule, ScheduleDryRun,
		EditSensor, SensorDryRun, UpdateSensorCursor, ReloadRepositoryLocation, ReloadWorkspace,
		WipeAssets, ReportRunlessAssetEvents, EditDynamicPartitions, ToggleAutoMaterialize,
		EditConcurrencyLimit, RefreshComponentState,
	}},
	{Admin, []Permission{Administer, Audit, UnclassifiedMutation, EditAppManagedComponents}},
}

// reserved may be held through a built-in role only: the file cannot hand
// them out one by one.
var reserved = Permissions{Administer: {}, UnclassifiedMutation: {}}

// reading is what a grant that names locations gives in the whole deployment:
// whoever may read at all reads everything.
var reading = setOf(Read, ReadLogs, ReadNotebook, DownloadDebug, ShowInstanceConfig)

// located are the permissions that Dagster asks per code location
// (LOCATION_SCOPED_PERMISSIONS in dagster/_core/workspace/permissions.py); all
// others hold in the whole deployment or not at all.
var located = setOf(
	LaunchPipelineExecution, LaunchPipelineReexecution, StartSchedule, StopRunningSchedule, ScheduleDryRun,
	EditSensor, SensorDryRun, UpdateSensorCursor, TerminatePipeline, DeletePipelineRun, ReloadRepositoryLocation,
	WipeAssets, ReportRunlessAssetEvents, LaunchPartitionBackfill, CancelPartitionBackfill,
	EditDynamicPartitions, EditAppManagedComponents, RefreshComponentState,
)

// Located tells whether a permission can be held at a single code location.
func Located(p Permission) bool { return located.Has(p) }

func setOf(all ...Permission) Permissions {
	set := Permissions{}
	for _, p := range all {
		set[p] = struct{}{}
	}
	return set
}

// Permissions is a set.
type Permissions map[Permission]struct{}

// Has tells whether p is in the set.
func (s Permissions) Has(p Permission) bool { _, ok := s[p]; return ok }

// Names lists the set in alphabetical order.
func (s Permissions) Names() []string {
	names := make([]string, 0, len(s))
	for p := range s {
		names = append(names, string(p))
	}
	slices.Sort(names)
	return names
}

func (s Permissions) and(other Permissions) Permissions {
	both := Permissions{}
	for p := range s {
		if other.Has(p) {
			both[p] = struct{}{}
		}
	}
	return both
}

func (s Permissions) holds(all Permissions) bool {
	for p := range all {
		if !s.Has(p) {
			return false
		}
	}
	return true
}

// BuiltIn gives the permissions of a built-in role; none for another name.
func BuiltIn(role Role) Permissions {
	set := Permissions{}
	for _, rung := range ladder {
		for _, p := range rung.adds {
			set[p] = struct{}{}
		}
		if rung.role == role {
			return set
		}
	}
	return Permissions{}
}

// highest is the highest built-in role whose permissions the set holds whole.
func (s Permissions) highest() Role {
	for _, rung := range slices.Backward(ladder) {
		if s.holds(BuiltIn(rung.role)) {
			return rung.role
		}
	}
	return None
}

// lowestWith is the lowest built-in role that holds p: the one a refusal names.
func lowestWith(p Permission) Role {
	for _, rung := range ladder {
		if slices.Contains(rung.adds, p) {
			return rung.role
		}
	}
	return None
}

func known(p Permission) bool { return lowestWith(p) != None }
