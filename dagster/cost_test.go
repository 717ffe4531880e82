package dagster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

// allocated is how many megabytes are asked for while something is done: what
// it costs, which no other work of this machine changes.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int((after.TotalAlloc - before.TotalAlloc) >> 20)
}

// assetRuns is a Dagster where every run that it is asked for is one of an asset
// job, of so many assets.
type assetRuns struct {
	assets func(run string) (names []string)
	asked  []string
}

func (d *assetRuns) ask(_ context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	var data string
	switch {
	case strings.Contains(q.Query, "runsOrError"):
		d.asked = append(d.asked, "runs")
		data = `"runsOrError":{"__typename":"Runs","results":[` + joined(idsOf(q.Variables["ids"]), d.run) + `]}`
	case strings.Contains(q.Query, "assetNodeDefinitionCollisions"):
		data = `"assetNodeDefinitionCollisions":[]`
	case strings.Contains(q.Query, "assetNodes"):
		d.asked = append(d.asked, "assets")
		data = `"assetNodes":[` + joined(keysOf(q.Variables["keys"]), func(key string) string {
			return `{"assetKey":{"path":` + key + `},"repository":{"location":{"name":"sales"}}}`
		}) + `]`
	default:
		return []byte(`{"data":` + oracleLocations + `}`), nil
	}
	return []byte(`{"data":{` + data + `}}`), nil
}

func (d *assetRuns) run(id string) string {
	return `{"runId":"` + id + `","jobName":"__ASSET_JOB","repositoryOrigin":{"repositoryLocationName":"sales"},"assetSelection":[` +
		joined(d.assets(id), func(name string) string { return `{"path":["` + name + `"]}` }) + `]}`
}

func joined(list []string, write func(string) string) string {
	var written []string
	for _, item := range list {
		written = append(written, write(item))
	}
	return strings.Join(written, ",")
}

func numbered(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint(prefix, i))
	}
	return names
}

const terminate = `mutation($r:[String!]!){terminateRuns(runIds:$r){__typename}}`

// A thing costs once, however often it is named.
func TestTheSameRunOverAndOver(t *testing.T) {
	d := &assetRuns{assets: func(string) []string { return numbered("a", 2000) }}
	ids, _ := json.Marshal(slices.Repeat([]string{"x"}, 1000))
	var got []string
	cost := allocated(func() { got = deeds(t, dagster.NewReader(d.ask), terminate, `{"r":`+string(ids)+`}`) })
	if len(got) != 1000 || got[999] != "terminateRuns run x @sales: terminate_pipeline_execution@sales" {
		t.Errorf("%d deeds, %q", len(got), got[0])
	}
	if cost > 40 {
		t.Errorf("%d MB", cost)
	}
}

// Dagster is not asked where more assets are than somebody may name.
func TestRunsOfTooManyAssets(t *testing.T) {
	for n, want := range map[int]string{
		5000: "terminateRuns run x @sales: terminate_pipeline_execution@sales",
		5001: "terminateRuns run x: terminate_pipeline_execution@*",
	} {
		d := &assetRuns{assets: func(run string) []string { return numbered(run, n) }}
		got := deeds(t, dagster.NewReader(d.ask), terminate, `{"r":["x","y"]}`)
		if asked := slices.Contains(d.asked, "assets"); got[0] != want || asked != strings.Contains(want, "@sales") {
			t.Errorf("%d assets each: %q, asked %v", n, got, d.asked)
		}
	}
}

// Each backfill takes a field of a query.
func TestTagsOfTooManyBackfills(t *testing.T) {
	for n, want := range map[int]string{
		100: "launchRun job a @sales: launch_pipeline_execution@sales",
		101: "launchRun job a: launch_pipeline_execution@*",
	} {
		tags := joined(numbered("later-", n), func(id string) string { return `{"key":"dagster/backfill","value":"` + id + `"}` })
		o := new(oracle)
		got := deeds(t, dagster.NewReader(o.ask), `mutation($t:[ExecutionTag!]){launchRun(executionParams:{selector:{`+atSales+`,jobName:"a"},executionMetadata:{tags:$t}}){__typename}}`, `{"t":[`+tags+`]}`)
		if len(got) != 1 || got[0] != want || len(o.asked) > 0 != (n == 100) {
			t.Errorf("%d backfills: %q, asked %v", n, got, o.asked)
		}
	}
}

// What is remembered is small.
func TestRunsOfManyAssetsAreNotRemembered(t *testing.T) {
	for n, want := range map[int]int{50: 1, 51: 2} {
		d := &assetRuns{assets: func(string) []string { return numbered("a", n) }}
		r := dagster.NewReader(d.ask)
		for range 2 {
			deeds(t, r, `mutation{deleteRun(runId:"x"){__typename}}`, "")
		}
		asked := slices.DeleteFunc(d.asked, func(kind string) bool { return kind != "runs" })
		if len(asked) != want {
			t.Errorf("asked %d times for a run of %d assets", len(asked), n)
		}
	}
}

// What is too much is refused before it is gone through.
func TestListsWithoutAnEnd(t *testing.T) {
	list := func(item string, n int) string { return "[" + strings.Repeat(item+",", n-1) + item + "]" }
	assets := `{"a":{"selector":{"assetSelection":` + list(`{"path":"x"}`, 9_000) + `,"jobName":"__ASSET_JOB"},"executionMetadata":{"tags":` + list(`{"key":"a","value":""}`, 9_000) + `}}}`
	for name, row := range map[string]struct{ selection, variables string }{
		"of texts":            {terminate, `{"r":` + list(`""`, 340_000) + `}`},
		"of fewer texts":      {terminate, `{"r":` + list(`""`, 100_000) + `}`},
		"of objects":          {`mutation($r:[ExecutionParams!]!){launchMultipleRuns(executionParamsList:$r){__typename}}`, `{"r":` + list(`{}`, 340_000) + `}`},
		"of tags":             {`mutation($r:[ExecutionTag!]!){launchRun(executionParams:{executionMetadata:{tags:$r}}){__typename}}`, `{"r":` + list(`{}`, 340_000) + `}`},
		"in the same objects": {`mutation($a:ExecutionParams!){launchMultipleRuns(executionParamsList:` + list("$a", 999) + `){__typename}}`, assets},
		"of the same long text": {
			`mutation($a:String!){wipeAssets(assetKeys:` + list(`{path:["a",$a]}`, 400) + `){__typename}}`, `{"a":"` + strings.Repeat("x", 1_000_000) + `"}`,
		},
	} {
		call, err := send(t, newReader(), row.selection, row.variables)
		if err != nil {
			t.Fatal(name, err)
		}
		cost := allocated(func() { _, err = newReader().Deeds(t.Context(), call) })
		if got := reading(call, err); got != "too_many_items" || cost > 60 {
			t.Errorf("%s: %s, %d MB", name, got, cost)
		}
	}
}

// A refusal is not much larger than what it refuses.
func TestRefusalsAreSmall(t *testing.T) {
	ids := func(n int) string { return `{"r":[` + strings.Repeat(`"",`, n-1) + `""]}` }
	for name, row := range map[string]struct{ selection, variables string }{
		"a list under many keys": {
			`mutation($r:[String!]!){terminateRuns(runIds:$r){` + joined(numbered("a", 600), func(key string) string { return key + ":terminateRunResults{__typename}" }) + `}}`, ids(1000),
		},
		"many lists": {
			`mutation($r:[String!]!){` + joined(numbered("a", 50), func(key string) string { return key + ":terminateRuns(runIds:$r){terminateRunResults{__typename}}" }) + `}`, ids(20_000),
		},
		"a long list":          {`mutation($r:[String!]!){terminateRuns(runIds:$r){terminateRunResults{__typename}}}`, ids(300_000)},
		"a list of 10,000 ids": {`mutation($r:[String!]!){terminateRuns(runIds:$r){terminateRunResults{__typename}}}`, ids(10_000)},
		"a list of 1,000 ids":  {`mutation($r:[String!]!){terminateRuns(runIds:$r){terminateRunResults{__typename}}}`, ids(1_000)},
	} {
		call, err := send(t, newReader(), row.selection, row.variables)
		if err != nil {
			t.Fatal(name, err)
		}
		var body []byte
		cost := allocated(func() { _, body = dagster.Refuse(call, "You may not do this: it takes the role launcher.") })
		if len(body) > 200<<10 || cost > 60 {
			t.Errorf("%s: %d KB at the cost of %d MB", name, len(body)>>10, cost)
		}
	}
}

// Literals nest no deeper than JSON, wherever they stand.
func TestLiteralsNest(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("{a:[", n/2) + strings.Repeat("]}", n/2) }
	for name, row := range map[string]string{
		"in an argument":              `{a(b:%s)}`,
		"in an argument below":        `mutation{launchRun{...{a{b(c:[],d:%s)}}}}`,
		"in a default":                `query($a:X=%s){b(a:$a)}`,
		"at a field":                  `{a@b(c:%s)}`,
		"at a fragment":               `{...@b(c:%s){a}}`,
		"at the spread of a fragment": `{...f@b(c:%s)} fragment f on Q{a}`,
		"at the definition of one":    `{...f} fragment f on Q@b(c:%s){a}`,
		"at an operation":             `query@b(c:%s){a}`,
		"in a fragment":               `{...f} fragment f on Q{a(b:%s)}`,
	} {
		for n, want := range map[int]bool{128: false, 130: true} {
			call, err := send(t, newReader(), fmt.Sprintf(row, nested(n)), "")
			if refused := reading(call, err) == "ambiguous_graphql"; refused != want || !refused && err != nil {
				t.Errorf("%s, %d levels: %v", name, n, err)
			}
		}
	}
}
