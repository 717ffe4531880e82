package dagster_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

// me is for whom testdata/launches.json was written.
const me = "ada@example.com"

// launch is a request and what we write of it. testdata/same_launch.py holds
// the two against Dagster's schema; here we only hold ourselves to them.
type launch struct {
	Name          string
	Query         string
	OperationName *string
	Variables     json.RawMessage
	Written       json.RawMessage // null: refused
}

func launches(t testing.TB) []launch {
	t.Helper()
	raw, err := os.ReadFile("testdata/launches.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []launch
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

func (l launch) read(t testing.TB) *dagster.Call {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": l.Query, "operationName": l.OperationName, "variables": l.Variables})
	if err != nil {
		t.Fatal(err)
	}
	return readBody(t, body)
}

func readBody(t testing.TB, body []byte) *dagster.Call {
	t.Helper()
	call, err := dagster.NewReader(nil).ReadHTTP("POST", []string{"application/json"}, "", body)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return call
}

// reread reads what we wrote as if a client had sent it.
func reread(t testing.TB, body []byte) *dagster.Call {
	t.Helper()
	return readBody(t, bytes.ReplaceAll(body, []byte("dagpass_"), []byte("hidden_")))
}

// write is the body that goes to Dagster in a person's name.
func write(t testing.TB, call *dagster.Call, label string) []byte {
	t.Helper()
	out, err := call.Write(dagster.Writing{Label: label})
	if err != nil {
		t.Fatal(err)
	}
	return out.Body
}

func TestLaunchesSayWhoLaunched(t *testing.T) {
	for _, l := range launches(t) {
		t.Run(l.Name, func(t *testing.T) {
			out, err := l.read(t).Write(dagster.Writing{Label: me})
			if string(l.Written) == "null" {
				if got := reading(nil, err); got != "bad_tags" {
					t.Errorf("got %s", got)
				}
				return
			}
			if err != nil || !bytes.Equal(out.Body, l.Written) {
				t.Errorf("%v\ngot  %s\nwant %s", err, out.Body, l.Written)
			}
		})
	}
}

// The document is shared with the calls of others.
func TestWritingLeavesTheCallAsItWas(t *testing.T) {
	for _, l := range launches(t) {
		call := l.read(t)
		before := call.Plain()
		judged, _ := deedsOf(call)
		_, _ = call.Write(dagster.Writing{Label: "eve@example.com"})
		if after := call.Plain(); !bytes.Equal(before, after) {
			t.Errorf("%s: changed to %s", l.Name, after)
		}
		if after, _ := deedsOf(call); !reflect.DeepEqual(judged, after) {
			t.Errorf("%s: judged %+v, then %+v", l.Name, judged, after)
		}
		if out, err := call.Write(dagster.Writing{Label: me}); err == nil && !bytes.Equal(out.Body, l.Written) {
			t.Errorf("%s: the second time %s", l.Name, out.Body)
		}
	}
}

func TestLabels(t *testing.T) {
	const query = `mutation($p:ExecutionParams!){a:launchRun(executionParams:$p){__typename} b:launchRun(executionParams:{mode:"x"}){__typename}}`
	for label, want := range map[string]string{
		"":                           "unknown",
		"Ada Lovelace":               "Ada Lovelace",
		"Zoë \"Q\" O'Hara \\ <i> 李":  "Zoë \"Q\" O'Hara \\ <i> 李",
		"two\nlines\x00\u0085":       "two?lines??",
		"broken \xff and \uFFFD":     "broken ? and ?",
		"$p":                         "$p",
		`"}]}) {x} evil: deleteRun(`: `"}]}) {x} evil: deleteRun(`,
		"\U0001F600\u2028":           "\U0001F600\u2028",
	} {
		body := write(t, post(t, dagster.NewReader(nil), query, map[string]any{"p": map[string]any{}}), label)
		for _, tag := range userTags(t, body) {
			if tag != want {
				t.Errorf("%q is written as %q", label, tag)
			}
		}
		if call := reread(t, body); len(call.Fields) != 2 {
			t.Errorf("%q makes the fields %v", label, call.Fields)
		}
	}
}
