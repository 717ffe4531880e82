package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// answerSize is the size of a small answer's body, in bytes; largeSize that of
// one full of permissions, at least.
const (
	answerSize = 1 << 10
	largeSize  = 1 << 20
)

var (
	script = []byte(strings.Repeat("a line of a script of about 32 b\n", answerSize/32)[:answerSize])
	data   = fmt.Appendf(nil, `{"data":{"text":%q}}`, strings.Repeat("x", answerSize-len(`{"data":{"text":""}}`)))
)

// upstream stands for Dagster: a file for GET, a ready answer for an operation,
// and for Dagpass's own questions what it needs to know. Nothing is computed
// that can be kept, for the upstream shares the machine.
type upstream struct {
	// permissions are the large answer: as it was asked for by a client, with
	// the names of permissions, and with the code locations besides.
	permissions [3][]byte
}

func newUpstream() *upstream {
	u := &upstream{}
	for i := range u.permissions {
		u.permissions[i] = permissions(i > 0, i > 1)
	}
	return u
}

// ServeHTTP tells operations apart by the query string, where Dagster's app
// names them and Dagpass does so too. A question of Dagpass's own has no name.
// /whoami repeats the headers that tell who asks, so that it can be checked
// that they are sent.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/whoami":
		fmt.Fprintln(w, r.Header.Get("X-Forwarded-Email"), len(r.Header.Get("X-Dagpass-Assertion")))
	case r.Header.Get("Upgrade") != "":
		stream(w, r)
	case r.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(u.answer(r))
	default:
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	}
}

func (u *upstream) answer(r *http.Request) []byte {
	switch r.URL.RawQuery {
	case "op=" + permissionsName:
		return u.permissionsFor(read(r))
	case "op=" + launchName:
		if bytes.Contains(read(r), []byte("dagpass_type:")) {
			return launchedTold
		}
		return launched
	case "":
		return lookUp(read(r))
	}
	return data
}

func read(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body) // what is missing is not found in it
	return body
}

func (u *upstream) permissionsFor(question []byte) []byte {
	with := 0
	for i, hidden := range []string{"dagpass_permission:", "dagpass_at_asset:"} {
		if bytes.Contains(question, []byte(hidden)) {
			with = i + 1
		}
	}
	return u.permissions[with]
}

// launched answers a re-execution, launchedTold with what Dagpass asks besides.
var (
	launched     = []byte(`{"data":{"launchRunReexecution":{"__typename":"LaunchRunSuccess","run":{"id":"new"}}}}`)
	launchedTold = []byte(`{"data":{"launchRunReexecution":{"__typename":"LaunchRunSuccess","run":{"id":"new"},"dagpass_type":"LaunchRunSuccess","dagpass_run":{"runId":"new"}}}}`)
)

// lookUp answers Dagpass: every run is of the code location marketing, and of
// finance if its id says so.
func lookUp(question []byte) []byte {
	var asked struct{ Variables struct{ IDs []string } }
	_ = json.Unmarshal(question, &asked)
	if len(asked.Variables.IDs) == 0 {
		return []byte(`{"data":{"workspaceOrError":{"__typename":"Workspace","locationEntries":[{"name":"marketing"},{"name":"finance"}]},` +
			`"__schema":{"mutationType":{"fields":[{"name":"launchRunReexecution"}]}}}}`)
	}
	var runs []string
	for _, id := range asked.Variables.IDs {
		location := "marketing"
		if strings.HasPrefix(id, finance) {
			location = "finance"
		}
		runs = append(runs, fmt.Sprintf(`{"runId":%q,"jobName":"daily","repositoryOrigin":{"repositoryLocationName":%q},"assetSelection":null,"assetCheckSelection":null}`, id, location))
	}
	return fmt.Appendf(nil, `{"data":{"runsOrError":{"__typename":"Runs","results":[%s]}}}`, strings.Join(runs, ","))
}

// finance begins the ids of runs that are not of marketing.
const finance = "finance-"

// permissions is what the app asks for when it starts, and of a large
// deployment: the permissions at 50 code locations, and of each asset three.
func permissions(named, located bool) []byte {
	var entries, assets []string
	for i := range 50 {
		name := []string{"marketing", "finance"}[i%2]
		entries = append(entries, fmt.Sprintf(`{"id":"%d","name":%q,%s"permissions":%s}`, i, name, optional(located, `"dagpass_at_entry":%q,`, name), permissionList(named)))
	}
	for size := (1 + len(entries)) * len(permissionList(false)); size < largeSize; {
		name := []string{"marketing", "finance"}[len(assets)%2]
		asset := `"hasMaterializePermission":true,"hasWipePermission":true,"hasReportRunlessAssetEventPermission":true}`
		id := fmt.Sprintf(`{"id":"%064d","assetKey":{"path":["some","asset_%d"]},"groupName":"default",`, len(assets), len(assets))
		assets = append(assets, id+optional(located, `"dagpass_at_asset":{"location":{"name":%q}},`, name)+asset)
		size += len(id) + len(asset) + len(",")
	}
	return fmt.Appendf(nil, `{"data":{"permissions":%s,"locationStatusesOrError":{"entries":[%s]},"assetNodes":[%s]}}`,
		permissionList(named), strings.Join(entries, ","), strings.Join(assets, ","))
}

func optional(given bool, format, value string) string {
	if !given {
		return ""
	}
	return fmt.Sprintf(format, value)
}

// permissionList is what Dagster lists for each code location.
func permissionList(named bool) string {
	names := strings.Fields(`launch_pipeline_execution launch_pipeline_reexecution start_schedule stop_running_schedule schedule_dry_run
		edit_sensor sensor_dry_run update_sensor_cursor terminate_pipeline_execution delete_pipeline_run reload_repository_location reload_workspace
		wipe_assets report_runless_asset_events launch_partition_backfill cancel_partition_backfill edit_dynamic_partitions
		toggle_auto_materialize edit_concurrency_limit edit_app_managed_components refresh_component_state`)
	items := slices.Clone(names)
	for i, name := range names {
		items[i] = fmt.Sprintf(`{%s"permission":%q,"value":true,"disabledReason":null}`, optional(named, `"dagpass_permission":%q,`, name), name)
	}
	return "[" + strings.Join(items, ",") + "]"
}
