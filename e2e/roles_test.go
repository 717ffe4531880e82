package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/e2e/parts"
)

// A spelling is one way to bring an operation to Dagster's /graphql.
type spelling struct {
	name        string
	method      string
	path        string // %Q stands for the operation, query-escaped
	contentType string
	body        string // %J stands for the operation as a JSON string, %R for it raw
	// runs tells whether Dagster, asked directly, runs it.
	runs bool
}

const jsonType = "application/json"

var spellings = []spelling{
	{"as the UI does", "POST", "/graphql?op=X", jsonType, `{"query":%J}`, true},
	{"with a charset", "POST", "/graphql", "application/json; charset=utf-8", `{"query":%J}`, true},
	{"GET with the query string", "GET", "/graphql?query=%Q", "", "", true},
	{"form, from the query string", "POST", "/graphql?query=%Q", "application/x-www-form-urlencoded", "query={version}", true},
	{"multipart, from the query string", "POST", "/graphql?query=%Q", "multipart/form-data; boundary=x", "--x--", true},
	{"text, from the query string", "POST", "/graphql?query=%Q", "text/plain", `{"query":"{version}"}`, true},
	{"no content type, from the query string", "POST", "/graphql?query=%Q", "", `{"query":"{version}"}`, true},
	{"a simple request that holds the words", "POST", "/graphql", "text/plain; application/json", `{"query":%J}`, true},
	{"a raw body", "POST", "/graphql", "application/graphql", `%R`, true},
	{"a raw body under another type", "POST", "/graphql", "application/graphql-response+json", `%R`, true},
	{"a raw body in a parameter", "POST", "/graphql", "text/plain; application/graphql", `%R`, true},
	{"a second key in other letters", "POST", "/graphql", jsonType, `{"query":%J,"Query":"{version}"}`, true},
	{"the same key twice", "POST", "/graphql", jsonType, `{"query":"{version}","query":%J}`, true},
	{"an escaped path", "POST", "/graph%71l", jsonType, `{"query":%J}`, true},
	{"an escaped key", "POST", "/graphql", jsonType, `{"quer\u0079":%J}`, true},
	{"an operation chosen by name", "POST", "/graphql", jsonType, `{"query":%J,"operationName":"Run"}`, true},
	{"a harmless operation beside it", "POST", "/graphql", jsonType, `{"query":"query Look {version} %E","operationName":"Run"}`, true},
	{"behind a comment and a comma", "POST", "/graphql", jsonType, `{"query":"# {version}\n,,%E"}`, true},
	{"variables as a string", "POST", "/graphql", jsonType, `{"query":%J,"variables":"{}"}`, true},
	{"a batch", "POST", "/graphql", jsonType, `[{"query":%J}]`, false},
	{"another method", "PUT", "/graphql", jsonType, `{"query":%J}`, false},
	{"a slash too many", "POST", "/graphql/", jsonType, `{"query":%J}`, false},
	{"two slashes", "POST", "//graphql", jsonType, `{"query":%J}`, false},
	{"another case", "POST", "/GraphQL", jsonType, `{"query":%J}`, false},
}

// shapes are ways to write the mutation inside the document.
var shapes = []struct{ name, document string }{
	{"an alias", `mutation Run { version: %F }`},
	{"a fragment", `mutation Run { ...A } fragment A on Mutation { %F }`},
	{"fragments in fragments", `mutation Run { ...A } fragment A on Mutation { ... on Mutation { ...B } } fragment B on Mutation { %F }`},
	{"behind __typename", `mutation Run { __typename %F }`},
	{"included by a variable", `mutation Run($yes: Boolean = true) { ... on Mutation @include(if: $yes) { %F } }`},
	{"a description that looks harmless", "\"\"\"query {version}\"\"\" mutation Run { %F }"},
}

// roles asks for mutations in every spelling: as a viewer, whom Dagster's own
// storage must not have noticed, and as an editor. In between come the same
// requests without us, the control without which a refusal proves nothing; not
// before, as some would leave no second trace.
func roles(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	viewer := signedIn(t, s, "certified", parts.Viewer)
	editor := signedIn(t, s, "certified", parts.Editor)
	t.Run("a viewer changes nothing", func(t *testing.T) { changesNothing(t, w, viewer) })
	t.Run("nobody changes anything", func(t *testing.T) { changesNothing(t, w, newPerson(s.URL)) })
	t.Run("Dagster alone runs it", func(t *testing.T) { control(t, w) })
	t.Run("a viewer reads", func(t *testing.T) { viewerReads(t, viewer) })
	t.Run("an editor works", func(t *testing.T) { editorWorks(t, w, editor) })
	t.Run("a mutation in the query string is refused to editors too", func(t *testing.T) { noMutationOverGET(t, w, editor) })
}

// field is a quick mutation that leaves a trace in the storage.
func field(partition string) string {
	return fmt.Sprintf(`addDynamicPartition(repositorySelector: {repositoryLocationName: "sales", repositoryName: "__repository__"}, `+
		`partitionsDefName: "customers", partitionKey: "%s") { __typename }`, partition)
}

// request writes a document in a spelling. base has no slash at its end.
func (s spelling) request(t *testing.T, base, document string) *http.Request {
	t.Helper()
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(document)
	body := strings.NewReplacer("%J", `"`+quoted+`"`, "%E", quoted, "%R", document).Replace(s.body)
	req, err := http.NewRequest(s.method, base+strings.Replace(s.path, "%Q", url.QueryEscape(document), 1), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if s.contentType != "" {
		req.Header.Set("Content-Type", s.contentType)
	}
	return req
}

// A deed is a request that would leave a trace in Dagster's storage, if runs.
type deed struct {
	name    string
	request *http.Request
	runs    bool
}

// deeds are the mutation in all spellings and shapes, the other mutations, and
// the reports, as requests to base. The mark tells the partitions apart.
func deeds(t *testing.T, base, mark string) []deed {
	all := spelled(t, base, func(i int) string { return field(fmt.Sprintf("%s-%d", mark, i)) })
	for _, mutation := range mutations {
		name, _, _ := strings.Cut(mutation, "(")
		all = append(all, deed{name, spellings[0].request(t, base, "mutation { "+mutation+" }"), true})
	}
	for _, kind := range []string{"materialization", "check", "observation"} {
		req, err := post(base+"/report_asset_"+kind+"/orders", jsonType, `{"check_name":"c","passed":true}`)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, deed{"report an asset " + kind, req, true})
	}
	return all
}

// spelled are the fields in all spellings and shapes, as requests to base.
func spelled(t *testing.T, base string, field func(int) string) (all []deed) {
	t.Helper()
	for i, s := range spellings {
		all = append(all, deed{s.name, s.request(t, base, `mutation Run { `+field(i)+` }`), s.runs})
	}
	for i, shape := range shapes {
		document := strings.Replace(shape.document, "%F", field(len(spellings)+i), 1)
		all = append(all, deed{shape.name, spellings[0].request(t, base, document), true})
	}
	return all
}

// control holds that each deed is worth refusing: what Dagster does when
// nobody stands in front of it.
func control(t *testing.T, w *world) {
	alone := newPerson(w.dagster.URL)
	for _, d := range deeds(t, w.dagster.URL, "control") {
		t.Run(d.name, func(t *testing.T) {
			before := lasting(w.dagster.State(t))
			a := alone.do(t, d.request)
			if ran := !cmp.Equal(before, lasting(w.dagster.State(t))); ran != d.runs {
				t.Errorf("Dagster ran it: %v, want %v: %s %.300s", ran, d.runs, a.Status, a.body)
			}
		})
	}
}

// lasting is a state without what changes by itself while a run goes on.
func lasting(s parts.State) parts.State {
	s.Runs = slices.Clone(s.Runs)
	for i, run := range s.Runs {
		s.Runs[i] = parts.Run{ID: run.ID, Job: run.Job}
	}
	return s
}

func changesNothing(t *testing.T, w *world, p *person) {
	for _, d := range deeds(t, p.base, "refused") {
		t.Run(d.name, func(t *testing.T) {
			before := w.dagster.State(t)
			p.do(t, d.request)
			if diff := cmp.Diff(before, w.dagster.State(t)); diff != "" {
				t.Errorf("Dagster's storage changed:\n%s", diff)
			}
		})
	}
}

// mutations are of each kind one that would leave a trace.
var mutations = []string{
	`launchRun(executionParams: {selector: {repositoryLocationName: "sales", repositoryName: "__repository__", jobName: "counting"}}) { __typename }`,
	`launchPipelineExecution(executionParams: {selector: {repositoryLocationName: "sales", repositoryName: "__repository__", jobName: "counting"}}) { __typename }`,
	`launchMultipleRuns(executionParamsList: [{selector: {repositoryLocationName: "sales", repositoryName: "__repository__", jobName: "counting"}}]) { __typename }`,
	`launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["regions"]}], partitionNames: ["north"]}) { __typename }`,
	`startSchedule(scheduleSelector: {repositoryLocationName: "sales", repositoryName: "__repository__", scheduleName: "nightly"}) { __typename }`,
	`startSensor(sensorSelector: {repositoryLocationName: "sales", repositoryName: "__repository__", sensorName: "watcher"}) { __typename }`,
	`setSensorCursor(sensorSelector: {repositoryLocationName: "sales", repositoryName: "__repository__", sensorName: "watcher"}, cursor: "x") { __typename }`,
	`setConcurrencyLimit(concurrencyKey: "x", limit: 1)`,
	`setAutoMaterializePaused(paused: false)`,
	`reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION, assetKey: {path: ["orders"]}}) { __typename }`,
}

func viewerReads(t *testing.T, p *person) {
	var answer struct{ Data struct{ Version string } }
	a := p.graphql(t, "{ version }")
	if a.into(t, &answer); answer.Data.Version == "" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	a = p.graphql(t, `mutation { renamed: `+mutations[0]+` }`)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"renamed":{`) || !strings.Contains(a.body, `"UnauthorizedError"`) {
		t.Errorf("a refusal that Dagster's UI does not show: %s %s", a.Status, a.body)
	}
}

func editorWorks(t *testing.T, w *world, p *person) {
	id := p.launch(t)
	if run, ok := w.dagster.State(t).Run(id); !ok || run.Job != "counting" {
		t.Errorf("launched %q, stored %+v", id, run)
	}
	for i, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			partition := fmt.Sprintf("editor-%d", i)
			a := p.graphql(t, strings.Replace(shape.document, "%F", field(partition), 1))
			if !strings.Contains(strings.Join(w.dagster.State(t).Partitions, " "), partition) {
				t.Errorf("it did not run: %s %s", a.Status, a.body)
			}
		})
	}
	t.Run("report an asset materialization", func(t *testing.T) {
		before := w.dagster.State(t).Events["ASSET_MATERIALIZATION"]
		req, err := post(p.base+"/report_asset_materialization/orders", jsonType, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if a := p.do(t, req); w.dagster.State(t).Events["ASSET_MATERIALIZATION"] != before+1 {
			t.Errorf("it was not reported: %s %s", a.Status, a.body)
		}
	})
}

func noMutationOverGET(t *testing.T, w *world, p *person) {
	before := w.dagster.State(t).Partitions
	for _, s := range spellings {
		if strings.Contains(s.path, "%Q") {
			p.do(t, s.request(t, p.base, `mutation Run { `+field("over-get")+` }`))
		}
	}
	if diff := cmp.Diff(before, w.dagster.State(t).Partitions); diff != "" {
		t.Errorf("Dagster's storage changed:\n%s", diff)
	}
}
