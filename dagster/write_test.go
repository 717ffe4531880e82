package dagster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/policy"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// arrival is a request as Dagster gets it, taken apart without the package under
// test.
type arrival struct {
	Query     string
	Variables map[string]any
	tree      *ast.QueryDocument
}

func arrive(t testing.TB, body []byte) arrival {
	t.Helper()
	var a arrival
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var err error
	if a.tree, err = parser.ParseQuery(&ast.Source{Input: a.Query}); err != nil {
		t.Fatalf("%v: %s", err, a.Query)
	}
	return a
}

// value is what an argument comes to.
func (a arrival) value(v *ast.Value) any {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case ast.Variable:
		if value, ok := a.Variables[v.Raw]; ok {
			return value
		}
		if d := a.tree.Operations[0].VariableDefinitions.ForName(v.Raw); d != nil {
			return a.value(d.DefaultValue)
		}
		return nil
	case ast.ListValue:
		list := []any{}
		for _, item := range v.Children {
			list = append(list, a.value(item.Value))
		}
		return list
	case ast.ObjectValue:
		object := map[string]any{}
		for _, member := range v.Children {
			object[member.Name] = a.value(member.Value)
		}
		return object
	case ast.StringValue, ast.BlockValue:
		return v.Raw
	case ast.NullValue:
		return nil
	}
	return json.Number(v.Raw)
}

// roots are the root fields, wherever they stand.
func (a arrival) roots(set ast.SelectionSet, seen map[string]bool) (fields []*ast.Field) {
	for _, s := range set {
		switch x := s.(type) {
		case *ast.Field:
			fields = append(fields, x)
		case *ast.InlineFragment:
			fields = append(fields, a.roots(x.SelectionSet, seen)...)
		case *ast.FragmentSpread:
			if !seen[x.Name] {
				seen[x.Name] = true
				fields = append(fields, a.roots(a.tree.Fragments.ForName(x.Name).SelectionSet, seen)...)
			}
		}
	}
	return fields
}

// launched are the tags of each thing that would be launched.
func (a arrival) launched() (all [][]any) {
	path := map[string][]string{
		"launchRun executionParams": {"executionMetadata", "tags"}, "launchPipelineExecution executionParams": {"executionMetadata", "tags"},
		"launchRunReexecution executionParams": {"executionMetadata", "tags"}, "launchPipelineReexecution executionParams": {"executionMetadata", "tags"},
		"launchMultipleRuns executionParamsList": {"executionMetadata", "tags"},
		"launchRunReexecution reexecutionParams": {"extraTags"}, "launchPipelineReexecution reexecutionParams": {"extraTags"},
		"reexecutePartitionBackfill reexecutionParams": {"extraTags"},
		"launchPartitionBackfill backfillParams":       {"tags"},
	}
	for _, f := range a.roots(a.tree.Operations[0].SelectionSet, map[string]bool{}) {
		for _, argument := range f.Arguments {
			steps, ok := path[f.Name+" "+argument.Name]
			if !ok {
				continue
			}
			for _, launch := range asList(a.value(argument.Value)) {
				for _, step := range steps {
					members, _ := launch.(map[string]any)
					launch = members[step]
				}
				all = append(all, asList(launch))
			}
		}
	}
	return all
}

func asList(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

// userTags are the values of the tags "user", in any spelling, of a body that
// goes to Dagster. Each launch must have one.
func userTags(t testing.TB, body []byte) (values []string) {
	t.Helper()
	for _, tags := range arrive(t, body).launched() {
		var mine []string
		for i, tag := range tags {
			members, _ := tag.(map[string]any)
			key, _ := members["key"].(string)
			if !strings.EqualFold(strings.TrimSpace(key), "user") {
				continue
			}
			value, _ := members["value"].(string)
			mine = append(mine, value)
			if i > 0 || key != "user" {
				t.Errorf("the tag is number %d with the key %q", i, key)
			}
		}
		if len(mine) != 1 {
			t.Errorf("a launch says it was by %q: %s", mine, body)
		}
		values = append(values, mine...)
	}
	return values
}

func TestMutationsAskForTheirResult(t *testing.T) {
	for query, want := range map[string]string{
		`mutation{deleteRun(runId:1){__typename}}`: "mutation {\ndeleteRun(runId: 1) {\n__typename\ndagpass_type: __typename\n}\n}\n",
		`mutation{x:setNuxSeen __typename}`:        "mutation {\nx: setNuxSeen\n__typename\n}\n",
		`mutation{newThing{a{b}}}`:                 "mutation {\nnewThing {\na {\nb\n}\ndagpass_type: __typename\n}\n}\n",
		`{runOrError(runId:1){__typename}}`:        "query {\nrunOrError(runId: 1) {\n__typename\n}\n}\n",
	} {
		if got := arrive(t, write(t, post(t, dagster.NewReader(nil), query, nil), me)).Query; got != want {
			t.Errorf("%s is written as %q", query, got)
		}
	}
}

// Nothing but the launches of a request is touched: the order of its variables,
// and what a string says, stay.
func TestVariablesOfOthersStay(t *testing.T) {
	body := readBody(t, []byte(`{"query":"mutation($z:String!){deleteRun(runId:$z){__typename}}","variables":{"z":"<a>","a":1.50}}`))
	if got := write(t, body, me); !bytes.Contains(got, []byte(`"variables":{"z":"<a>","a":1.50}`)) {
		t.Errorf("%s", got)
	}
}

// What a person lacks is taken out of the answer; for others nothing is asked.
func TestQueriesAreTrimmedToAPerson(t *testing.T) {
	const answer = `{"data":{"permissions":[{"dagpass_permission":"wipe_assets","value":true}]}}`
	for name, row := range map[string]struct {
		role      policy.Role
		untrimmed bool
		want      string
	}{
		"viewer":             {policy.Viewer, false, `{"data":{"permissions":[{"value":false}]}}`},
		"admin":              {policy.Admin, false, answer},
		"viewer, monitoring": {policy.Viewer, true, answer},
	} {
		out, err := post(t, dagster.NewReader(nil), `{permissions{value}}`, nil).Write(dagster.Writing{
			Access: policy.Access{Role: row.role, Permissions: policy.BuiltIn(row.role)}, Untrimmed: row.untrimmed,
		})
		if err != nil {
			t.Fatal(err)
		}
		got, results := out.Answer([]byte(answer))
		if string(got) != row.want || results != nil {
			t.Errorf("%s gets %s, %v", name, got, results)
		}
		if asked := strings.Contains(string(out.Body), "dagpass_"); out.Edits != asked || asked != (row.want != answer) {
			t.Errorf("%s: edits %v of %s", name, out.Edits, out.Body)
		}
	}
}

// Whatever in an answer looks like ours is ours.
func TestReservedKeysAreRefused(t *testing.T) {
	for query, want := range map[string]string{
		`{dagpass_type:version}`:                                                       "reserved_alias",
		`mutation{deleteRun(runId:1){dagpass_type:__typename}}`:                        "reserved_alias",
		`mutation{x:deleteRun(runId:1){...f}} fragment f on R{...on S{y{dagpass_:z}}}`: "reserved_alias",
		`{dagpass_new{a}}`: "reserved_alias",
		`subscription{dagpass_x:pipelineRunLogs(runId:1){a}}`:      "reserved_alias",
		`{Dagpass_type:version dagpass:version _dagpass_:version}`: "query",
		`{runOrError(runId:"dagpass_"){__typename}}`:               "query",
		`{version} fragment f on R{dagpass_x:a}`:                   "query",
	} {
		body, err := json.Marshal(map[string]any{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		if got := reading(dagster.NewReader(nil).ReadHTTP("POST", []string{"application/json"}, "", body)); got != want {
			t.Errorf("%s is read as %s", query, got)
		}
	}
}

// deedsOf are the deeds of a call where Dagster answers no question.
func deedsOf(call *dagster.Call) ([]dagster.Deed, error) {
	silent := func(context.Context, []byte) ([]byte, error) { return nil, errors.New("silent") }
	deeds, err := dagster.NewReader(silent).Deeds(context.Background(), call)
	for i := range deeds {
		deeds[i].Err = nil
	}
	return deeds, err
}

func FuzzWrite(f *testing.F) {
	for _, l := range launches(f) {
		f.Add(l.Query, string(l.Variables), me)
	}
	f.Add(`mutation{launchRun(executionParams:{executionMetadata:{tags:[{key:"user"}],tags:{key:"user"}}},executionParams:$p){a}}`, `{"p":{}}`, "\xff")
	f.Fuzz(func(t *testing.T, query, variables, label string) {
		body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
		if err != nil {
			return
		}
		call, err := dagster.NewReader(nil).ReadHTTP("POST", []string{"application/json"}, "", body)
		if err != nil || call.Kind != dagster.Mutation {
			return
		}
		out, err := call.Write(dagster.Writing{Label: label})
		if err != nil {
			return
		}
		again := reread(t, out.Body)
		if again.Kind != call.Kind || again.Name != call.Name || !slices.Equal(again.Fields, call.Fields) {
			t.Errorf("judged %s %v, written %s %v", call.Name, call.Fields, again.Name, again.Fields)
		}
		if judged, err := deedsOf(call); err == nil {
			if done, err := deedsOf(again); err != nil || !reflect.DeepEqual(judged, done) {
				t.Errorf("judged %+v, written %+v, %v", judged, done, err)
			}
		}
		values := userTags(t, out.Body)
		if len(slices.Compact(values)) > 1 {
			t.Errorf("launches by %q", values)
		}
	})
}

// An answer tells that nothing ran only by errors that stand at no field.
func TestNotRun(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"data":null,"errors":[{"message":"Cannot query field"}]}`:                       true,
		`{"errors":[{"message":"Cannot query field"}]}`:                                   true,
		`{"data":null,"errors":[{"message":"no"},{"message":"no","path":["launchRun"]}]}`: false,
		`{"data":{},"errors":[{"message":"no"}]}`:                                         false,
		`{"data":null}`:             false,
		`{"data":null,"errors":[]}`: false,
		`no`:                        false,
	} {
		if got := dagster.NotRun([]byte(answer)); got != want {
			t.Errorf("%s: %v", answer, got)
		}
	}
}
