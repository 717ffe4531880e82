package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

// everyDeed is every permission that a policy can want a recent proof for.
func everyDeed() (all []policy.Permission) {
	reading := policy.BuiltIn(policy.Viewer)
	for perm := range policy.BuiltIn(policy.Admin) {
		if !reading.Has(perm) {
			all = append(all, perm)
		}
	}
	return all
}

// Where every deed takes a recent proof, nobody without one changes anything,
// in monitor mode too; with one it is as ever.
func TestNoChangeWithoutAProof(t *testing.T) {
	for _, monitor := range []bool{false, true} {
		h := newHouse(t, "", func(c *Config) { monitored(c, monitor) })
		h.stepUp = everyDeed()
		for _, row := range matrix {
			for _, who := range everybody {
				for _, proven := range []bool{false, true} {
					h.proven["id-"+who] = proven
					changes, events := len(h.dagster.Changed()), len(h.events)
					h.graphql(who, "mutation { "+row.mutation+" }")
					<-h.returned
					harmless := strings.HasSuffix(row.may, "viewer operator seller marketer launcher editor admin")
					may := (harmless || proven) && (monitor || slices.Contains(strings.Fields(row.may), who))
					if ran := len(h.dagster.Changed()) > changes; ran != may {
						t.Errorf("monitor %t, %s, proven %t: %s: ran %t", monitor, who, proven, row.mutation, ran)
					}
					if len(h.events) == events {
						t.Errorf("%s by %s left nothing in the trail", row.mutation, who)
					}
				}
			}
		}
	}
}

// What is refused for want of a proof, in whose shape, and what the trail says.
func TestStepUp(t *testing.T) {
	const sentence = "Please confirm that it is you: open http://HOST/auth/confirm in another tab, then try again."
	for name, row := range map[string]struct {
		stepUp  policy.Permission
		who     string
		monitor bool
		query   string
		body    string // "" is Dagster's own answer
		trail   []string
	}{
		"a deed": {
			policy.DeletePipelineRun, "editor", false, `mutation { deleteRun(runId: "run-sales") {__typename} }`,
			`{"data":{"deleteRun":{"__typename":"UnauthorizedError","message":"` + sentence + `"}}}`,
			[]string{"dagster.mutation | refused | deleteRun | run run-sales @sales | delete_pipeline_run | step_up | step_up_required"},
		},
		"at a code location": {
			policy.DeletePipelineRun, "marketer", false, `mutation { deleteRun(runId: "run-marketing") {__typename} }`,
			`{"data":{"deleteRun":{"__typename":"UnauthorizedError","message":"` + sentence + `"}}}`,
			[]string{"dagster.mutation | refused | deleteRun | run run-marketing @marketing | delete_pipeline_run | step_up | step_up_required"},
		},
		"one of two": {
			policy.DeletePipelineRun, "editor", false, `mutation { a: terminateRun(runId: "run-sales") {__typename} b: deleteRun(runId: "run-sales") {__typename} }`,
			`{"data":{"a":{"__typename":"UnauthorizedError","message":"` + sentence + `"},"b":{"__typename":"UnauthorizedError","message":"` + sentence + `"}}}`,
			[]string{
				"dagster.mutation | refused | terminateRun | run run-sales @sales | terminate_pipeline_execution | grant 3 | refused_together",
				"dagster.mutation | refused | deleteRun | run run-sales @sales | delete_pipeline_run | step_up | step_up_required",
			},
		},
		"a mutation that nobody knows": {
			policy.UnclassifiedMutation, "admin", false, `mutation { newThing }`,
			`{"data":null,"errors":[{"message":"` + sentence + `","path":["newThing"]}]}`,
			[]string{"dagster.mutation | refused | newThing | unclassified_mutation | step_up | step_up_required"},
		},
		"in monitor mode": {
			policy.DeletePipelineRun, "editor", true, `mutation { deleteRun(runId: "run-sales") {__typename} }`,
			`{"data":{"deleteRun":{"__typename":"UnauthorizedError","message":"` + sentence + `"}}}`,
			[]string{"dagster.mutation | refused | deleteRun | run run-sales @sales | delete_pipeline_run | step_up | step_up_required"},
		},
		"in monitor mode, beside what a role forbids": {
			policy.DeletePipelineRun, "marketer", true, `mutation { a: terminateRun(runId: "run-sales") {__typename} b: deleteRun(runId: "run-marketing") {__typename} }`,
			`{"data":{"a":{"__typename":"UnauthorizedError","message":"` + sentence + `"},"b":{"__typename":"UnauthorizedError","message":"` + sentence + `"}}}`,
			[]string{
				"dagster.mutation | refused | terminateRun | run run-sales @sales | terminate_pipeline_execution | no grant | permission_missing",
				"dagster.mutation | refused | deleteRun | run run-marketing @marketing | delete_pipeline_run | step_up | step_up_required",
			},
		},
		"what a role forbids is told as that": {
			policy.DeletePipelineRun, "launcher", false, `mutation { deleteRun(runId: "run-sales") {__typename} }`,
			`{"data":{"deleteRun":{"__typename":"UnauthorizedError","message":"You may not do this: it takes the role editor at the code location sales."}}}`,
			[]string{"dagster.mutation | refused | deleteRun | run run-sales @sales | delete_pipeline_run | no grant | permission_missing"},
		},
		"another deed": {policy.WipeAssets, "editor", false, `mutation { setNuxSeen }`, "", nil},
		"a read":       {policy.WipeAssets, "editor", false, `{ version }`, "", nil},
	} {
		h := newHouse(t, "", func(c *Config) { monitored(c, row.monitor) })
		h.stepUp = []policy.Permission{row.stepUp}
		got := h.graphql(row.who, row.query)
		<-h.returned
		if row.body == "" {
			same(t, name, strings.Contains(got.body, "confirm"), false)
			continue
		}
		want := strings.ReplaceAll(row.body, "http://HOST", h.Site.Origin())
		same(t, name, []any{got.body, h.trail(), len(h.dagster.Changed())}, []any{want, row.trail, 0})
	}
}

func TestStepUpOfReports(t *testing.T) {
	h := newHouse(t, "/below", nil)
	h.stepUp = []policy.Permission{policy.ReportRunlessAssetEvents}
	for who, want := range map[string]int{"editor": http.StatusForbidden, "proven": http.StatusOK} {
		h.promote("proven", "editor")
		h.proven["id-proven"] = true
		got := h.do(who, "POST", "/below/report_asset_materialization/orders", "")
		<-h.returned
		same(t, who, got.StatusCode, want)
		if want == http.StatusForbidden {
			same(t, who, []bool{strings.Contains(got.body, `"code":"step_up_required"`), strings.Contains(got.body, h.Site.Origin()+"/below/auth/confirm ")}, []bool{true, true})
			same(t, "the trail", h.trail()[len(h.trail())-1], "dagster.report | refused | report_asset_materialization | asset orders @sales | report_runless_asset_events | step_up | step_up_required")
		}
	}
}

// What is read and takes a permission that wants a proof is refused like a
// change: no way to use it is left out.
func TestStepUpOfWhatIsRead(t *testing.T) {
	h := newHouse(t, "", nil)
	h.stepUp = []policy.Permission{policy.GraphiQL}
	got := h.do("editor", "GET", "/graphql", "", "Accept: text/html")
	<-h.returned
	same(t, "GraphiQL", []any{got.StatusCode, h.trail()}, []any{http.StatusForbidden, []string{"dagster.read | refused | graphiql | graphiql | step_up | step_up_required"}})
}
