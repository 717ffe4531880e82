package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
)

// attribution runs a team's own run coordinator inside Dagster, which verifies
// the assertion with the published keys and notes the name on the run.
func attribution(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL).with(settings{"LISTEN": "127.0.0.1:" + w.port, "ALB_HEADERS": "true"}))
	id := signedIn(t, s, "keycloak", parts.Editor).launch(t)
	run, ok := w.dagster.State(t).Run(id)
	if !ok {
		t.Fatalf("Dagster does not know run %q", id)
	}
	for _, tag := range []string{"launched/header", "launched/assertion", "launched/alb"} {
		if run.Tags[tag] != "edda@example.com" {
			t.Errorf("%s is %q", tag, run.Tags[tag])
		}
	}
}

// launchedBy holds that whatever somebody launches says who it was, however it
// is launched and whatever the client says. Nothing runs until the end, when a
// daemon launches the runs of backfills.
func launchedBy(t *testing.T, w *world) {
	b := &bench{Dagster: parts.StartDagster(t, parts.DagsterOptions{Settings: "documented.yaml"})}
	b.Dagster.Await(t)
	b.alone = newPerson(b.Dagster.URL)
	b.alone.graphql(t, "mutation { setNuxSeen }") // else a dialog greets each person
	set := w.settings(t, b.Dagster.URL).with(settings{"DEFAULT_ROLE": "launcher"})
	s := w.serve(t, set)
	lena := signedIn(t, s, "certified", "lena")
	others := signedIn(t, s, "certified", "otto").launch(t)

	for _, l := range launches {
		t.Run(l.name, func(t *testing.T) { b.mustSay(t, lena, l, others, "lena@example.com") })
	}
	t.Run("another label", func(t *testing.T) { labels(t, w, b, set) })
	t.Run("the header of a load balancer", func(t *testing.T) { loadBalancer(t, w, b, set) })
	t.Run("backfills", func(t *testing.T) { backfilled(t, b, lena) })
	t.Run("in the app", func(t *testing.T) { launchedByShown(t, w, s) })
}

// A launch is one way to launch a run. In braces stands the run of somebody
// else.
type launch struct{ name, document, variables string }

const (
	countAs = `{selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {tags: [%s]}}`
	inJSON  = `"selector": {"repositoryLocationName": "sales", "repositoryName": "__repository__", "jobName": "counting"}`
	runID   = `{ __typename ... on LaunchRunSuccess { run { runId } } }`
)

var launches = []launch{
	{"without a tag", `mutation { it: launchRun(executionParams: ` + countSales + `) ` + runID + ` }`, ""},
	{"as somebody else", `mutation { it: launchRun(executionParams: ` + fmt.Sprintf(countAs, `{key: "user", value: "otto@example.com"}`) + `) ` + runID + ` }`, ""},
	{"as two others", `mutation { it: launchRun(executionParams: ` + fmt.Sprintf(countAs, `{key: "user", value: "otto@example.com"}, {key: "\u0075ser", value: "edda"}`) + `) ` + runID + ` }`, ""},
	{"a single tag for the list", `mutation { it: launchRun(executionParams: {selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {tags: {key: "user", value: "otto"}}}) ` + runID + ` }`, ""},
	{"in a variable", `mutation($p: ExecutionParams!) { it: launchRun(executionParams: $p) ` + runID + ` }`, `{"p": {` + inJSON + `, "executionMetadata": {"tags": [{"key": "user", "value": "otto"}, {"key": "team", "value": "blue"}]}}}`},
	{"tags in a variable", `mutation($t: [ExecutionTag!]) { it: launchRun(executionParams: {selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {tags: $t}}) ` + runID + ` }`, `{"t": [{"key": "user", "value": "otto"}]}`},
	{"the tag in a variable", `mutation($t: ExecutionTag!) { it: launchRun(executionParams: {selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {tags: [$t]}}) ` + runID + ` }`, `{"t": {"key": "user", "value": "otto"}}`},
	{"the key in a variable", `mutation($k: String!) { it: launchRun(executionParams: {selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {tags: [{key: $k, value: "otto"}]}}) ` + runID + ` }`, `{"k": "user"}`},
	{"in a default", `mutation($p: ExecutionParams! = ` + fmt.Sprintf(countAs, `{key: "user", value: "otto"}`) + `) { it: launchRun(executionParams: $p) ` + runID + ` }`, ""},
	{"nothing for the tags", `mutation($p: ExecutionParams!) { it: launchRun(executionParams: $p) ` + runID + ` }`, `{"p": {` + inJSON + `, "executionMetadata": null}}`},
	{"by the older name", `mutation { it: launchPipelineExecution(executionParams: ` + countSales + `) ` + runID + ` }`, ""},
	{"several at once", `mutation { it: launchMultipleRuns(executionParamsList: [` + countSales + `, ` + fmt.Sprintf(countAs, `{key: "user", value: "otto"}`) + `]) { ... on LaunchMultipleRunsResult { launchMultipleRunsResult ` + runID + ` } } }`, ""},
	{"several in a variable", `mutation($p: [ExecutionParams!]!) { it: launchMultipleRuns(executionParamsList: $p) { ... on LaunchMultipleRunsResult { launchMultipleRunsResult ` + runID + ` } } }`, `{"p": [{` + inJSON + `}, {` + inJSON + `, "executionMetadata": {"tags": [{"key": "user", "value": "otto"}]}}]}`},
	{"somebody else's run again", `mutation { it: launchRunReexecution(reexecutionParams: {parentRunId: "{run}", strategy: ALL_STEPS}) ` + runID + ` }`, ""},
	{"somebody else's run again, with its tags", `mutation { it: launchRunReexecution(reexecutionParams: {parentRunId: "{run}", strategy: ALL_STEPS, useParentRunTags: true, extraTags: [{key: "user", value: "otto"}]}) ` + runID + ` }`, ""},
	{"again in a variable", `mutation($p: ReexecutionParams!) { it: launchPipelineReexecution(reexecutionParams: $p) ` + runID + ` }`, `{"p": {"parentRunId": "{run}", "strategy": "ALL_STEPS", "useParentRunTags": true}}`},
	{"again from the launchpad", `mutation { it: launchRunReexecution(executionParams: {selector: {` + inSales + `, jobName: "counting"}, executionMetadata: {parentRunId: "{run}", rootRunId: "{run}", tags: [{key: "user", value: "otto"}]}}) ` + runID + ` }`, ""},
}

// mustSay holds that what a launch launches carries a person's label, and that
// other tags stay.
func (b *bench) mustSay(t *testing.T, p *person, l launch, others, label string) {
	t.Helper()
	known := map[string]bool{}
	for _, run := range b.State(t).Runs {
		known[run.ID] = true
	}
	fill := strings.NewReplacer("{run}", others).Replace
	a := p.operate(t, slip{document: fill(l.document), variables: fill(l.variables)}.fill(t, b))
	launched := 0
	for _, run := range b.State(t).Runs {
		if known[run.ID] {
			continue
		}
		launched++
		if run.Tags["user"] != label {
			t.Errorf("it says %q: %v", run.Tags["user"], run.Tags)
		}
		if strings.Contains(l.variables, "team") && run.Tags["team"] != "blue" {
			t.Errorf("another tag is gone: %v", run.Tags)
		}
		if !strings.Contains(a.body, run.ID) {
			t.Errorf("the answer does not name it: %s", a.body)
		}
	}
	if want := 1 + strings.Count(l.name, "several"); launched != want {
		t.Errorf("launched %d, want %d: %s %.600s", launched, want, a.Status, a.body)
	}
	if strings.Contains(a.body, "dagpass_") {
		t.Errorf("the answer has what was not asked for: %s", a.body)
	}
}

// labels are the other ways to tell people apart.
func labels(t *testing.T, w *world, b *bench, set settings) {
	for label, looks := range map[string]func(me, string) bool{
		"name":      func(who me, tag string) bool { return tag == who.User.Name },
		"pseudonym": func(who me, tag string) bool { return tag != "" && !strings.Contains(tag, "lena") },
	} {
		t.Run(label, func(t *testing.T) {
			s := w.serve(t, w.settings(t, set["UPSTREAM"]).with(settings{"RUN_LABEL": label, "DEFAULT_ROLE": "launcher"}))
			p := signedIn(t, s, "certified", "lena")
			who, _ := p.me(t)
			id := p.launch(t)
			run, _ := b.State(t).Run(id)
			if !looks(who, run.Tags["user"]) {
				t.Errorf("the run of %+v says %q", who.User, run.Tags["user"])
			}
		})
	}
}

// loadBalancer has Dagster's documented coordinator read the header, which then
// decides what the tag says.
func loadBalancer(t *testing.T, w *world, b *bench, set settings) {
	s := w.serve(t, w.settings(t, set["UPSTREAM"]).with(settings{"ALB_HEADERS": "true", "RUN_LABEL": "pseudonym", "DEFAULT_ROLE": "launcher"}))
	p := signedIn(t, s, "certified", "lena")
	id := p.launch(t)
	run, _ := b.State(t).Run(id)
	if run.Tags["user"] != "lena@example.com" {
		t.Errorf("the coordinator wrote %q", run.Tags["user"])
	}
}

// backfilled has a daemon launch the runs of backfills, long after whoever asked
// for them.
func backfilled(t *testing.T, b *bench, p *person) {
	tags := `tags: [{key: "user", value: "otto"}, {key: "team", value: "blue"}]`
	for _, params := range []string{
		`{assetSelection: [{path: ["regions"]}], partitionNames: ["north", "south"], ` + tags + `}`,
		`{selector: {partitionSetName: "stocktaking_partition_set", repositorySelector: {` + inSales + `}}, partitionNames: ["morning"], ` + tags + `}`,
	} {
		a := p.graphql(t, `mutation { launchPartitionBackfill(backfillParams: `+params+`) { __typename } }`)
		if !strings.Contains(a.body, "LaunchBackfillSuccess") {
			t.Errorf("%s %.600s", a.Status, a.body)
		}
	}
	for id, backfill := range b.State(t).Backfills {
		if backfill.Tags["user"] != "lena@example.com" || backfill.Tags["team"] != "blue" {
			t.Errorf("backfill %s says %v", id, backfill.Tags)
		}
	}
	daemon := b.StartDaemon(t)
	deadline := time.Now().Add(3 * time.Minute)
	for len(b.ofBackfills(t)) < 3 && time.Now().Before(deadline) {
		<-time.After(time.Second)
	}
	daemon.Stop() // before it launches all that waits
	runs := b.ofBackfills(t)
	if len(runs) != 3 {
		t.Errorf("the daemon launched %d runs, want 3", len(runs))
	}
	for _, run := range runs {
		if run.Tags["user"] != "lena@example.com" || run.Tags["team"] != "blue" {
			t.Errorf("a run of a backfill says %v", run.Tags)
		}
	}
}

func (b *bench) ofBackfills(t *testing.T) (all []parts.Run) {
	t.Helper()
	for _, run := range b.State(t).Runs {
		if run.Tags["dagster/backfill"] != "" {
			all = append(all, run)
		}
	}
	return all
}

// launchedByShown looks at Dagster's own pages.
func launchedByShown(t *testing.T, w *world, s *server) {
	page := w.chromium.Person(t)
	page.Open(s.URL + "/runs")
	page.Click(`a[href*="/auth/start/certified"]`)
	atOIDCProvider(page, "viola")
	page.SeeText("lena@example.com")
	page.Screenshot("launched-by")
}
