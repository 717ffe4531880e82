package differential

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/policy"
)

// contract is what contract.py says of a Dagster.
type contract struct {
	Routes []struct {
		Path     string
		Methods  []string
		Endpoint string
	}
	Mutations, Carriers, Permissions, Booleans []string
}

func (c *contract) of(t *testing.T, v parts.Version) {
	t.Helper()
	cmd := exec.Command(parts.DagsterBin(t, v, "python"), "contract.py")
	cmd.Env = parts.Environment(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("contract.py: %v", err)
	}
	if err := json.Unmarshal(out, c); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	for _, v := range []parts.Version{parts.Newest, parts.Oldest} {
		t.Run(string(v), func(t *testing.T) {
			var c contract
			c.of(t, v)
			t.Run("routes", c.routes)
			t.Run("permissions", c.permissions)
			t.Run("refusals", func(t *testing.T) { c.refusals(t, v) })
			t.Run("booleans", func(t *testing.T) { c.booleans(t, v) })
		})
	}
}

// endpoints are the methods of DagsterWebserver that answer requests, by what
// we take their paths for. One that is not here is one that nobody has looked
// at: it may write, or give away more than its neighbours.
var endpoints = map[string]dagster.Class{
	"webserver_info_endpoint":               dagster.ServerInfo,
	"graphql_http_endpoint":                 dagster.GraphQL,
	"graphql_ws_endpoint":                   dagster.Socket,
	"static":                                dagster.Static,
	"download_captured_logs_endpoint":       dagster.Logs,
	"download_notebook":                     dagster.Notebook,
	"download_debug_file_endpoint":          dagster.Debug,
	"report_asset_materialization_endpoint": dagster.Report,
	"report_asset_check_endpoint":           dagster.Report,
	"report_asset_observation_endpoint":     dagster.Report,
	"index_html_endpoint":                   dagster.Page,
}

func (c *contract) routes(t *testing.T) {
	if len(c.Routes) < len(endpoints) {
		t.Fatalf("%d routes", len(c.Routes))
	}
	samples := strings.NewReplacer("{path:path}", "a/b", "{run_id:str}", "1", "{asset_key:path}", "a/b")
	for _, route := range c.Routes {
		class, known := endpoints[route.Endpoint]
		if !known {
			t.Errorf("%s is answered by %s, which nobody has classified", route.Path, route.Endpoint)
		}
		path := samples.Replace(route.Path)
		if class == dagster.Static && !strings.Contains(path, ".") {
			path += "/file.js" // a folder
		}
		for _, method := range methodsOf(route.Methods) {
			got, err := dagster.Classify(method, path, "*/*", class == dagster.Socket)
			if err != nil || got.Class != class {
				t.Errorf("%s %s is taken for %s, %v; it is %s", method, path, got.Class, err, class)
			}
		}
	}
}

// methodsOf are those that a route means: Starlette adds HEAD to every GET,
// which the GraphQL endpoint itself refuses.
func methodsOf(methods []string) []string {
	if len(methods) == 0 {
		return []string{http.MethodGet} // a socket's
	}
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return m == http.MethodHead })
}

// Whatever Dagster asks for, some role holds.
func (c *contract) permissions(t *testing.T) {
	for _, permission := range c.Permissions {
		if !policy.BuiltIn(policy.Admin).Has(policy.Permission(permission)) {
			t.Errorf("Dagster asks for %s, which not even admins hold", permission)
		}
	}
}

// olderWithout are mutations of the older version whose type has no
// UnauthorizedError yet: its app shows the refusal as any other error.
var olderWithout = []string{"scheduleDryRun", "sensorDryRun"}

// A refusal says UnauthorizedError exactly where the schema has it.
func (c *contract) refusals(t *testing.T, v parts.Version) {
	for _, name := range c.Mutations {
		call := mustRead(t, "mutation{"+name+"{__typename}}")
		_, body := dagster.Refuse(call, "no")
		polite := strings.Contains(string(body), "UnauthorizedError")
		if v == parts.Oldest && slices.Contains(olderWithout, name) {
			continue
		}
		if polite != slices.Contains(c.Carriers, name) {
			t.Errorf("%s is refused with %s", name, body)
		}
	}
}

func mustRead(t *testing.T, document string) *dagster.Call {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"query": document})
	call, err := newSearcher(nil).reader.ReadHTTP("POST", []string{"application/json"}, "", body)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// trimmed are the fields that tell the app what to grey out; the journeys see
// them trimmed. A new one would tell people that they may what they may not.
var trimmed = []string{
	"AssetNode.hasMaterializePermission", "AssetNode.hasReportRunlessAssetEventPermission", "AssetNode.hasWipePermission",
	"InstigationState.hasStartPermission", "InstigationState.hasStopPermission",
	"Job.hasLaunchExecutionPermission", "Job.hasLaunchReexecutionPermission",
	"PartitionBackfill.hasCancelPermission", "PartitionBackfill.hasResumePermission",
	"PartitionSet.hasCancelBackfillPermission", "PartitionSet.hasLaunchBackfillPermission",
	"Pipeline.hasLaunchExecutionPermission", "Pipeline.hasLaunchReexecutionPermission",
	"Run.hasDeletePermission", "Run.hasReExecutePermission", "Run.hasTerminatePermission",
	"Sensor.hasCursorUpdatePermissions",
}

func (c *contract) booleans(t *testing.T, v parts.Version) {
	if v == parts.Newest {
		if diff := cmp.Diff(trimmed, c.Booleans); diff != "" {
			t.Errorf("Dagster's permission fields (-known +schema):\n%s", diff)
		}
	}
	for _, field := range c.Booleans {
		if !slices.Contains(trimmed, field) {
			t.Errorf("nobody knows %s", field)
		}
	}
}
