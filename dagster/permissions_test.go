package dagster

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

var update = flag.Bool("update", false, "write testdata/trimmed.json anew")

const trimmedFile = "testdata/trimmed.json"

// trimmed is a document and what is sent instead of it. testdata/still_valid.py
// holds the two against Dagster's schema; here we only hold ourselves to them.
type trimmed struct {
	Name   string `json:"name"`
	Query  string `json:"query"`
	All    string `json:"all"`
	Scoped string `json:"scoped"`
}

func trimmedDocuments(t testing.TB) (table []trimmed) {
	t.Helper()
	raw, err := os.ReadFile(trimmedFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

func planOf(t testing.TB, query string) *trimPlan {
	t.Helper()
	d, err := readDocument(query, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.trim
}

func asText(t testing.TB, quoted json.RawMessage) (s string) {
	t.Helper()
	if err := json.Unmarshal(quoted, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHiddenSelections(t *testing.T) {
	table := trimmedDocuments(t)
	for i, row := range table {
		p := planOf(t, row.Query)
		if p == nil {
			t.Fatalf("%s: no plan", row.Name)
		}
		table[i].All, table[i].Scoped = asText(t, p.quoted(viewer)), asText(t, p.quoted(marketing))
		if table[i] != row && !*update {
			t.Errorf("%s: sent are now\n%s\n%s", row.Name, table[i].All, table[i].Scoped)
		}
	}
	if *update {
		b, _ := json.MarshalIndent(table, "", " ")
		if err := os.WriteFile(trimmedFile, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	viewer   = policy.Access{Permissions: policy.BuiltIn(policy.Viewer)}
	launcher = policy.Access{Permissions: policy.BuiltIn(policy.Launcher)}
	admin    = policy.Access{Permissions: policy.BuiltIn(policy.Admin)}
	// marketing edits at the code locations whose name begins so.
	marketing = policy.Access{
		Permissions: policy.BuiltIn(policy.Viewer),
		Scopes:      []policy.Scope{{Locations: []policy.Pattern{"marketing*"}, Permissions: policy.BuiltIn(policy.Editor)}},
	}
)

func TestTrim(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		who         policy.Access
		answer      string
		want        string
	}{
		{
			"deployment-wide, viewer", `{permissions{permission value disabledReason}}`, viewer,
			`{"data":{"permissions":[{"dagpass_permission":"wipe_assets","permission":"wipe_assets","value":true,"disabledReason":null}]}}`,
			`{"data":{"permissions":[{"permission":"wipe_assets","value":false,"disabledReason":"It takes the role editor."}]}}`,
		},
		{
			"held", `{permissions{permission value disabledReason}}`, launcher,
			`{"data":{"permissions":[{"dagpass_permission":"terminate_pipeline_execution","permission":"terminate_pipeline_execution","value":true,"disabledReason":null}]}}`,
			`{"data":{"permissions":[{"permission":"terminate_pipeline_execution","value":true,"disabledReason":null}]}}`,
		},
		{
			"Dagster's own false and reason stay", `{permissions{permission value disabledReason}}`, viewer,
			`{"data":{"permissions":[{"dagpass_permission":"wipe_assets","permission":"wipe_assets","value":false,"disabledReason":"Disabled by your administrator"}]}}`,
			`{"data":{"permissions":[{"permission":"wipe_assets","value":false,"disabledReason":"Disabled by your administrator"}]}}`,
		},
		{
			"false stays false for whoever holds it", `{permissions{value disabledReason}}`, launcher,
			`{"data":{"permissions":[{"dagpass_permission":"terminate_pipeline_execution","value":false,"disabledReason":null}]}}`,
			`{"data":{"permissions":[{"value":false,"disabledReason":null}]}}`,
		},
		{
			"aliases", `{p:permissions{r:disabledReason n:permission v:value}}`, viewer,
			`{"data":{"p":[{"dagpass_permission":"edit_sensor","r":null,"n":"edit_sensor","v":true}]}}`,
			`{"data":{"p":[{"r":"It takes the role editor.","n":"edit_sensor","v":false}]}}`,
		},
		{
			"an alias that is another field's name", `{permissions{value:permission permission:value}}`, viewer,
			`{"data":{"permissions":[{"dagpass_permission":"edit_sensor","value":"edit_sensor","permission":true}]}}`,
			`{"data":{"permissions":[{"value":"edit_sensor","permission":false}]}}`,
		},
		{
			"one permission does not speak for the next", `{permissions{value}}`, launcher,
			`{"data":{"permissions":[{"dagpass_permission":"launch_pipeline_execution","value":true},{"dagpass_permission":"edit_sensor","value":true},{"value":true}]}}`,
			`{"data":{"permissions":[{"value":true},{"value":false},{"value":true}]}}`,
		},
		{
			"a permission of a newer Dagster stays", `{permissions{value}}`, viewer,
			`{"data":{"permissions":[{"dagpass_permission":"edit_weather","value":true},{"dagpass_permission":"read_logs","value":true}]}}`,
			`{"data":{"permissions":[{"value":true},{"value":true}]}}`,
		},
		{
			"deployment-wide, scoped", `{permissions{value disabledReason}}`, marketing,
			`{"data":{"permissions":[{"dagpass_permission":"launch_pipeline_execution","value":true,"disabledReason":null}]}}`,
			`{"data":{"permissions":[{"value":false,"disabledReason":"It takes the role launcher."}]}}`,
		},
		{
			"per location", `{locationStatusesOrError{...on WorkspaceLocationStatusEntries{entries{permissions{value disabledReason}}}}}`, marketing,
			`{"data":{"locationStatusesOrError":{"entries":[{"dagpass_at_entry":"finance","permissions":[{"dagpass_permission":"start_schedule","value":true,"disabledReason":null}]},{"dagpass_at_entry":"marketing_eu","permissions":[{"dagpass_permission":"start_schedule","value":true,"disabledReason":null}]}]}}}`,
			`{"data":{"locationStatusesOrError":{"entries":[{"permissions":[{"value":false,"disabledReason":"It takes the role editor at the code location finance."}]},{"permissions":[{"value":true,"disabledReason":null}]}]}}}`,
		},
		{
			"a location cannot give what holds everywhere or nowhere", `{workspaceOrError{...on Workspace{locationEntries{permissions{value disabledReason}}}}}`,
			policy.Access{Permissions: policy.BuiltIn(policy.Viewer), Scopes: []policy.Scope{{Locations: []policy.Pattern{"*"}, Permissions: policy.BuiltIn(policy.Launcher)}}},
			`{"data":{"workspaceOrError":{"locationEntries":[{"dagpass_at_entry":"a","permissions":[{"dagpass_permission":"reload_workspace","value":true,"disabledReason":null}]}]}}}`,
			`{"data":{"workspaceOrError":{"locationEntries":[{"permissions":[{"value":false,"disabledReason":"It takes the role editor."}]}]}}}`,
		},
		{
			"a location with quotes and an umlaut", `{workspaceOrError{...on Workspace{locationEntries{permissions{value disabledReason}}}}}`, marketing,
			`{"data":{"workspaceOrError":{"locationEntries":[{"dagpass_at_entry":"\"K\u00fc\"","permissions":[{"dagpass_permission":"wipe_assets","value":true,"disabledReason":null}]},{"dagpass_at_entry":"market\u0069ng","permissions":[{"dagpass_permission":"wipe_assets","value":true,"disabledReason":null}]}]}}}`,
			`{"data":{"workspaceOrError":{"locationEntries":[{"permissions":[{"value":false,"disabledReason":"It takes the role editor at the code location \"Kü\"."}]},{"permissions":[{"value":true,"disabledReason":null}]}]}}}`,
		},
		{
			"bulk termination, viewer", `{may:canBulkTerminate}`, viewer, `{"data":{"may":true}}`, `{"data":{"may":false}}`,
		},
		{
			"bulk termination, one location is enough", `{canBulkTerminate}`, marketing, `{"data":{"canBulkTerminate":true}}`, `{"data":{"canBulkTerminate":true}}`,
		},
		{
			"run, viewer", `{runOrError(runId:"1"){...on Run{id hasTerminatePermission}}}`, viewer,
			`{"data":{"runOrError":{"id":"1","hasTerminatePermission":true}}}`,
			`{"data":{"runOrError":{"id":"1","hasTerminatePermission":false}}}`,
		},
		{
			"runs, scoped", `{runsOrError{...on Runs{results{id t:hasTerminatePermission d:hasDeletePermission}}}}`, marketing,
			`{"data":{"runsOrError":{"results":[{"id":"1","dagpass_at_run":{"repositoryLocationName":"marketing"},"t":true,"d":true},{"id":"2","dagpass_at_run":{"repositoryLocationName":"finance"},"t":true,"d":false},{"id":"3","dagpass_at_run":null,"t":true,"d":true}]}}}`,
			`{"data":{"runsOrError":{"results":[{"id":"1","t":true,"d":true},{"id":"2","t":false,"d":false},{"id":"3","t":false,"d":false}]}}}`,
		},
		{
			"an object without its location stays", `{runsOrError{...on Runs{results{hasTerminatePermission}}}}`, marketing,
			`{"data":{"runsOrError":{"results":[{"dagpass_at_run":{"repositoryLocationName":"finance"},"hasTerminatePermission":true},{"hasTerminatePermission":true}]}}}`,
			`{"data":{"runsOrError":{"results":[{"hasTerminatePermission":false},{"hasTerminatePermission":true}]}}}`,
		},
		{
			"asset in a run of another location", `{runsOrError{...on Runs{results{hasTerminatePermission assets{definition{hasWipePermission}} hasDeletePermission}}}}`, marketing,
			`{"data":{"runsOrError":{"results":[{"dagpass_at_run":{"repositoryLocationName":"marketing"},"hasTerminatePermission":true,"assets":[{"definition":{"dagpass_at_asset":{"repository":{"location":{"name":"finance"}}},"hasWipePermission":true}},{"definition":null}],"hasDeletePermission":true}]}}}`,
			`{"data":{"runsOrError":{"results":[{"hasTerminatePermission":true,"assets":[{"definition":{"hasWipePermission":false}},{"definition":null}],"hasDeletePermission":true}]}}}`,
		},
		{
			"schedule and sensor", `{instigationStatesOrError(repositoryID:"1"){...on InstigationStates{results{hasStartPermission}}}}`,
			policy.Access{Permissions: policy.Permissions{policy.EditSensor: {}}},
			`{"data":{"instigationStatesOrError":{"results":[{"dagpass_kind":"SCHEDULE","hasStartPermission":true},{"dagpass_kind":"SENSOR","hasStartPermission":true},{"hasStartPermission":true}]}}}`,
			`{"data":{"instigationStatesOrError":{"results":[{"hasStartPermission":false},{"hasStartPermission":true},{"hasStartPermission":true}]}}}`,
		},
		{
			"stop is another permission", `{instigationStateOrError(id:"1",instigationSelector:{}){...on InstigationState{hasStartPermission hasStopPermission}}}`,
			policy.Access{Permissions: policy.Permissions{policy.StopRunningSchedule: {}}},
			`{"data":{"instigationStateOrError":{"dagpass_kind":"SCHEDULE","hasStartPermission":true,"hasStopPermission":true}}}`,
			`{"data":{"instigationStateOrError":{"hasStartPermission":false,"hasStopPermission":true}}}`,
		},
		{
			"sensor cursor", `{sensorOrError(sensorSelector:{}){...on Sensor{hasCursorUpdatePermissions}}}`, marketing,
			`{"data":{"sensorOrError":{"dagpass_at_sensor":{"repositoryLocationName":"finance"},"hasCursorUpdatePermissions":true}}}`,
			`{"data":{"sensorOrError":{"hasCursorUpdatePermissions":false}}}`,
		},
		{
			"backfills", `{partitionBackfillsOrError{...on PartitionBackfills{results{hasCancelPermission}}}}`, marketing,
			`{"data":{"partitionBackfillsOrError":{"results":[` +
				`{"dagpass_assets":false,"dagpass_at_backfill":{"repositoryOrigin":{"repositoryLocationName":"marketing"}},"hasCancelPermission":true},` +
				`{"dagpass_assets":false,"dagpass_at_backfill":{"repositoryOrigin":{"repositoryLocationName":"finance"}},"hasCancelPermission":true},` +
				`{"dagpass_assets":false,"dagpass_at_backfill":null,"hasCancelPermission":true},` +
				`{"dagpass_assets":true,"dagpass_at_backfill":null,"hasCancelPermission":true}]}}}`,
			`{"data":{"partitionBackfillsOrError":{"results":[{"hasCancelPermission":true},{"hasCancelPermission":false},{"hasCancelPermission":false},{"hasCancelPermission":true}]}}}`,
		},
		{
			"backfill of assets, nowhere held", `{partitionBackfillOrError(backfillId:"1"){...on PartitionBackfill{hasCancelPermission}}}`,
			policy.Access{Scopes: []policy.Scope{{Locations: []policy.Pattern{"*"}, Permissions: policy.Permissions{policy.WipeAssets: {}}}}},
			`{"data":{"partitionBackfillOrError":{"dagpass_assets":true,"dagpass_at_backfill":null,"hasCancelPermission":true}}}`,
			`{"data":{"partitionBackfillOrError":{"hasCancelPermission":false}}}`,
		},
		{
			"manifest", `{repositoriesOrError{...on RepositoryConnection{nodes{assetManifest}}}}`, marketing,
			`{"data":{"repositoriesOrError":{"nodes":[{"dagpass_at_repository":{"name":"marketing"},"assetManifest":[{"id":"r.a","hasWipePermission":true}]},{"dagpass_at_repository":{"name":"finance"},"assetManifest":[{"id":"r.b","hasWipePermission":true,"hasMaterializePermission":false},{"hasMaterializePermission":true,"hasReportRunlessAssetEventPermission":true}]}]}}}`,
			`{"data":{"repositoriesOrError":{"nodes":[{"assetManifest":[{"id":"r.a","hasWipePermission":true}]},{"assetManifest":[{"id":"r.b","hasWipePermission":false,"hasMaterializePermission":false},{"hasMaterializePermission":false,"hasReportRunlessAssetEventPermission":false}]}]}}}`,
		},
		{
			"fragments in fragments", `{...A}fragment A on Query{runOrError(runId:"1"){...B}}fragment B on RunOrError{...on Run{...C}}fragment C on Run{h:hasTerminatePermission}`, viewer,
			`{"data":{"runOrError":{"h":true}}}`, `{"data":{"runOrError":{"h":false}}}`,
		},
		{
			"one key for one field of one type and another of another", `{runsFeedOrError{...on RunsFeedConnection{results{...on Run{x:hasTerminatePermission}...on PartitionBackfill{x:isAssetBackfill}}}}}`, viewer,
			`{"data":{"runsFeedOrError":{"results":[{"x":true},{"x":true}]}}}`,
			`{"data":{"runsFeedOrError":{"results":[{"x":true},{"x":true}]}}}`,
		},
		{
			"the same key elsewhere", `{runOrError(runId:"1"){...on Run{x:hasTerminatePermission stats{...on RunStatsSnapshot{x:enqueuedTime}}}} x:version}`, viewer,
			`{"data":{"runOrError":{"x":true,"stats":{"x":true}},"x":true}}`,
			`{"data":{"runOrError":{"x":false,"stats":{"x":true}},"x":true}}`,
		},
		{
			"errors beside the data", `{canBulkTerminate runOrError(runId:"1"){id}}`, viewer,
			`{"data":{"canBulkTerminate":true,"runOrError":null},"errors":[{"message":"\"canBulkTerminate\":true","path":["canBulkTerminate"]}]}`,
			`{"data":{"canBulkTerminate":false,"runOrError":null},"errors":[{"message":"\"canBulkTerminate\":true","path":["canBulkTerminate"]}]}`,
		},
		{"no data", `{canBulkTerminate}`, viewer, `{"data":null,"errors":[]}`, `{"data":null,"errors":[]}`},
		{"an odd shape", `{canBulkTerminate}`, viewer, `{"data":{"canBulkTerminate":[true,{"canBulkTerminate":true}]}}`, `{"data":{"canBulkTerminate":[true,{"canBulkTerminate":true}]}}`},
		{
			"white space and escaped keys", `{runOrError(runId:"1"){...on Run{id hasTerminatePermission}}}`, marketing,
			" { \"data\" : { \"runOr\\u0045rror\" : { \"id\" : 1 ,\n \"\\u0064agpass_at_run\" : { \"repositoryLocationName\" : \"finance\" } ,\n \"hasTerminatePermission\" : true } } } ",
			" { \"data\" : { \"runOr\\u0045rror\" : { \"id\" : 1 ,\n \"hasTerminatePermission\" : false } } } ",
		},
		{"broken off", `{canBulkTerminate}`, viewer, `{"data":{"canBulkTerminate":true}`, `{"data":{"canBulkTerminate":true}`},
		{"a page", `{canBulkTerminate}`, viewer, `<html>`, `<html>`},
		{"nothing", `{canBulkTerminate}`, viewer, ``, ``},
	} {
		p := planOf(t, tt.query)
		if got := string(p.apply([]byte(tt.answer), tt.who)); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

func TestPlan(t *testing.T) {
	twice := "{...F0}"
	for i := range 40 {
		twice += fmt.Sprintf("fragment F%d on T{a{...F%d}b{...F%d}}", i, i+1, i+1)
	}
	for _, tt := range []struct {
		name, query string
		planned     bool
	}{
		{"something to trim", `{canBulkTerminate}`, true},
		{"nothing to trim", `{version runOrError(runId:"1"){...on Run{id tags{key value}}}}`, false},
		{"a mutation", `mutation{terminateRun(runId:"1"){...on TerminateRunSuccess{run{hasTerminatePermission}}}}`, false},
		{"a fragment that is not used", `{version}fragment F on Query{canBulkTerminate}`, false},
		{"another type's field", `{runOrError(runId:"1"){...on Job{hasTerminatePermission}}}`, false},
		{"value of something else", `{permissions:runTagsOrError{...on RunTags{tags{value}}}}`, false},
		{"a circle", `{...F}fragment F on Query{canBulkTerminate a{...F}}`, false},
		{"doubles with every level", twice + `fragment F40 on Run{hasTerminatePermission}`, false},
	} {
		if p := planOf(t, tt.query); (p != nil) != tt.planned {
			t.Errorf("%s: planned %v, want %v", tt.name, p != nil, tt.planned)
		}
	}
}

func TestTrimNeeded(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		who         policy.Access
		want        bool
	}{
		{"nothing to trim", `{version}`, viewer, false},
		{"viewer", `{canBulkTerminate}`, viewer, true},
		{"launcher", `{canBulkTerminate}`, launcher, false},
		{"scoped", `{canBulkTerminate}`, marketing, true},
		{"a list, admin", `{permissions{value}}`, admin, false},
		{"a list, editor", `{permissions{value}}`, policy.Access{Permissions: policy.BuiltIn(policy.Editor)}, true},
		{"a list, all that Dagster lists", `{permissions{value}}`, policy.Access{Permissions: listed}, false},
		{"sensors besides", `{instigationStateOrError(id:"1"){...on InstigationState{hasStartPermission}}}`, policy.Access{Permissions: policy.Permissions{policy.StartSchedule: {}}}, true},
		{"a manifest", `{repositoriesOrError{...on RepositoryConnection{nodes{assetManifest}}}}`, launcher, true},
	} {
		if got := planOf(t, tt.query).needed(tt.who); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestListed holds what is trimmed in lists against the roles: a permission
// that a person can have and Dagster does not list is one of ours.
func TestListed(t *testing.T) {
	ours := "administer audit download_debug graphiql read read_logs read_notebook show_instance_config unclassified_mutation"
	var rest []string
	for _, name := range policy.BuiltIn(policy.Admin).Names() {
		if !listed.Has(policy.Permission(name)) {
			rest = append(rest, name)
		}
	}
	if got := strings.Join(rest, " "); got != ours {
		t.Errorf("not listed: %s, want %s", got, ours)
	}
}

// BenchmarkTrim trims 1 MB: the permissions of 50 code locations and 5,000
// assets.
func BenchmarkTrim(b *testing.B) {
	p := planOf(b, `{permissions{permission value disabledReason}locationStatusesOrError{...on WorkspaceLocationStatusEntries{entries{id name permissions{permission value disabledReason}}}}assetNodes{id assetKey{path}groupName hasMaterializePermission hasWipePermission hasReportRunlessAssetEventPermission}}`)
	for _, who := range []struct {
		name   string
		access policy.Access
	}{{"viewer", viewer}, {"scoped", marketing}} {
		answer := largeAnswer(scoped(who.access))
		b.Run(who.name, func(b *testing.B) {
			b.SetBytes(int64(len(answer)))
			b.ReportAllocs()
			for b.Loop() {
				p.apply(answer, who.access)
			}
		})
	}
}

func largeAnswer(located bool) []byte {
	at := func(format, location string) string {
		if !located {
			return ""
		}
		return fmt.Sprintf(format, location)
	}
	var entries, assets []string
	for i := range 50 {
		location := []string{"marketing", "finance"}[i%2]
		entries = append(entries, fmt.Sprintf(`{"id":"%d","name":"%s",%s"permissions":%s}`, i, location, at(`"dagpass_at_entry":"%s",`, location), largeList()))
	}
	for i := range 5000 {
		assets = append(assets, fmt.Sprintf(`{"id":"%064d","assetKey":{"path":["some","asset_%d"]},"groupName":"default",%s"hasMaterializePermission":true,"hasWipePermission":true,"hasReportRunlessAssetEventPermission":true}`,
			i, i, at(`"dagpass_at_asset":{"location":{"name":"%s"}},`, []string{"marketing", "finance"}[i%2])))
	}
	return []byte(`{"data":{"permissions":` + largeList() + `,"locationStatusesOrError":{"entries":[` + strings.Join(entries, ",") + `]},"assetNodes":[` + strings.Join(assets, ",") + `]}}`)
}

func largeList() string {
	var items []string
	for _, p := range listed.Names() {
		items = append(items, fmt.Sprintf(`{"dagpass_permission":"%s","permission":"%s","value":true,"disabledReason":null}`, p, p))
	}
	return "[" + strings.Join(items, ",") + "]"
}

// TestTrimOnTheWay goes the whole way of a query: what is sent asks for what
// the answer is trimmed by, and the client sees none of it.
func TestTrimOnTheWay(t *testing.T) {
	call, err := NewReader(nil).ReadHTTP("POST", []string{"application/json"}, "", []byte(`{"query":"{runOrError(runId:\"1\"){...on Run{may:hasTerminatePermission}}}"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name             string
		who              policy.Access
		asks, told, want string
	}{
		{"viewer", viewer, ``, ``, `false`},
		{"scoped, there", marketing, `dagpass_at_run`, `"dagpass_at_run":{"repositoryLocationName":"marketing"},`, `true`},
		{"scoped, elsewhere", marketing, `dagpass_at_run`, `"dagpass_at_run":{"repositoryLocationName":"finance"},`, `false`},
		{"launcher", launcher, ``, ``, `true`},
	} {
		out, err := call.Write(Writing{Access: tt.who})
		if err != nil {
			t.Fatal(err)
		}
		if hides := strings.Contains(string(out.Body), hiddenPrefix); hides != (tt.asks != "") || !strings.Contains(string(out.Body), tt.asks) {
			t.Errorf("%s: sent %s", tt.name, out.Body)
		}
		got, _ := out.Answer([]byte(`{"data":{"runOrError":{` + tt.told + `"may":true}}}`))
		if want := `{"data":{"runOrError":{"may":` + tt.want + `}}}`; string(got) != want {
			t.Errorf("%s: %s, want %s", tt.name, got, want)
		}
	}
}
