package dagster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/policy"
)

// rewrite is a document and what we write of it. testdata/same_meaning.py holds
// the two against graphql-core; here we only hold ourselves to them.
type rewrite struct {
	Name, Query   string
	OperationName *string
	Written       *string // nil: refused
}

func rewrites(t testing.TB) []rewrite {
	t.Helper()
	raw, err := os.ReadFile("testdata/rewrites.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []rewrite
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

// written is the query of the call that a document becomes, nil if refused. It
// goes the way of subscriptions where HTTP does not take the document.
func written(t testing.TB, w rewrite) *string {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"query": w.Query, "operationName": w.OperationName, "operation_name": w.OperationName})
	if err != nil {
		t.Fatal(err)
	}
	m, err := newReader().ReadSocketMessage([]byte(`{"type":"start","id":"1","payload":` + string(payload) + `}`))
	call := m.Call
	if reading(call, err) == "only_subscriptions" {
		call = refused(err)
	}
	if call == nil {
		return nil
	}
	var body struct{ Query string }
	if err := json.Unmarshal(call.Plain(), &body); err != nil {
		t.Fatal(err)
	}
	return &body.Query
}

func TestDocumentsAreWrittenAnew(t *testing.T) {
	for _, w := range rewrites(t) {
		t.Run(w.Name, func(t *testing.T) {
			got, want := written(t, w), w.Written
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("got %s\nwant %s", show(got), show(want))
			}
		})
	}
}

// What we write we read back as the same: there is one spelling.
func TestWritingIsStable(t *testing.T) {
	for _, w := range rewrites(t) {
		if w.Written == nil {
			continue
		}
		if got := written(t, rewrite{Query: *w.Written}); got == nil || *got != *w.Written {
			t.Errorf("%s: got %s", w.Name, show(got))
		}
	}
}

func show(s *string) string {
	if s == nil {
		return "a refusal"
	}
	return *s
}

func refused(err error) *dagster.Call {
	var refusal *dagster.Error
	if errors.As(err, &refusal) {
		return refusal.Call
	}
	return nil
}

func TestNeeds(t *testing.T) {
	read := []policy.Want{{Permission: policy.Read}}
	and := func(more ...policy.Permission) []policy.Want {
		wants := slices.Clone(read)
		for _, p := range more {
			wants = append(wants, policy.Want{Permission: p})
		}
		return wants
	}
	logs, config, code := and(policy.ReadLogs), and(policy.ShowInstanceConfig), and(policy.ScheduleDryRun, policy.SensorDryRun)
	for query, want := range map[string][]policy.Want{
		`{version}`:                            read,
		`{__schema{types{name}}}`:              read,
		`{capturedLogs:version}`:               read,
		`{x:capturedLogs(logKey:[]){stdout}}`:  logs,
		`{capturedLogsMetadata(logKey:[]){x}}`: logs,
		`{runOrError(runId:1){...r}} fragment r on Run{...{x:capturedLogs(fileKey:""){stdout}}}`:          logs,
		`{logsForRun(runId:1){...on EventConnection{events{...on LogsCapturedEvent{shellCmd{stdout}}}}}}`: logs,
		`mutation{setNuxSeen}`: read,
		`mutation{launchRun{...on LaunchRunSuccess{run{capturedLogs(fileKey:""){stdout}}}}}`: logs,
		`{instance{id hasInfo daemonHealth{id}}}`:                                            read,
		`{instance{info}}`:     config,
		`{x:instance{y:info}}`: config,
		`{...f} fragment f on Query{i:instance{...g}} fragment g on Instance{id ...{...on Instance{info ...g}}}`: config,
		`{instance @skip(if:true){info @include(if:false)}}`:                                                     config,
		`{instance{id} instance{...on Instance{info}}}`:                                                          config,
		`{newField{info}}`: read,
		`{info:version}`:   read,
		`{latestDefsStateInfo{keyStateInfo{info{version}}} instance{id}}`:                                                                                                                          read,
		`{scheduleOrError(x:1){...on Schedule{futureTick(tickTimestamp:1){evaluationResult{skipReason}}}}}`:                                                                                        code,
		`{...f} fragment f on Query{sensorOrError(x:1){...on Sensor{nextTick{x:evaluationResult{skipReason}}}}}`:                                                                                   code,
		`mutation{scheduleDryRun(selectorData:{}){...on DryRunInstigationTick{evaluationResult{skipReason}}}}`:                                                                                     read,
		`mutation{__typename a:sensorDryRun(selectorData:{}){...t}} fragment t on DryRunInstigationTick{evaluationResult{cursor}}`:                                                                 read,
		`mutation{sensorDryRun(selectorData:{}){...t} stopSensor{...on StopSensorMutationResult{instigationState{nextTick{...t}}}}} fragment t on DryRunInstigationTick{evaluationResult{cursor}}`: code,
		`mutation{setNuxSeen startSensor(sensorSelector:{}){...on Sensor{nextTick{evaluationResult{cursor}}}}}`:                                                                                    code,
	} {
		if got := post(t, newReader(), query, nil).Needs; !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", query, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	query := `mutation m{b:a a ...f ...f b:a ...on Mutation{c}} fragment f on Mutation{d @skip(if:true) ...f}`
	call := post(t, newReader(), query, nil)
	want := []dagster.Field{{Name: "a", Key: "b"}, {Name: "a", Key: "a"}, {Name: "d", Key: "d"}, {Name: "c", Key: "c"}}
	if call.Name != "m" || !slices.Equal(call.Fields, want) {
		t.Errorf("%s %v", call.Name, call.Fields)
	}
}

// Variables arrive as they were sent: order, spelling of numbers, characters.
func TestVariablesArriveUntouched(t *testing.T) {
	for sent, want := range map[string]string{
		`null`: ``,
		`{}`:   `,"variables":{}`,
		` { "b" : 1.0, "a" : [ 12345678901234567890, 1e400, "é<\u2028\/" ] } `: `,"variables":{"b":1.0,"a":[12345678901234567890,1e400,"é<\u2028\/"]}`,
		`"{\"b\": \"\\u00e9\"}"`: `,"variables":{"b":"\u00e9"}`,
		`"null"`:                 ``,
	} {
		call, err := newReader().ReadHTTP("POST", []string{"application/json"}, "", []byte(`{"query":"{a}","variables":`+sent+`}`))
		if err != nil || string(call.Plain()) != `{"query":"query {\na\n}\n"`+want+`}` {
			t.Errorf("%s: %v\n%s", sent, err, call.Plain())
		}
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, row := range map[string]struct{ body, reason string }{
		"a body of 1 MiB":           {padded(dagster.MaxBody), "query"},
		"a body of a byte more":     {padded(dagster.MaxBody + 1), "too_large"},
		"50 root fields":            {document(aliases(50)), "query"},
		"51 root fields":            {document(aliases(51)), "ambiguous_graphql"},
		"51 root fields, scattered": {document(strings.Repeat(" ...{", 51) + aliases(51) + strings.Repeat("}", 51)), "ambiguous_graphql"},
		"as many tokens as allowed": {document(strings.Repeat(" a", 3998)), "query"},
		"a token more":              {document(strings.Repeat(" a", 3999)), "malformed_graphql"},
		"selections 100 deep":       {document(nest(99)), "query"},
		"selections 101 deep":       {document(nest(100)), "ambiguous_graphql"},
		"deep by way of fragments":  {document("...f0" + deepening(33)), "query"},
		"too deep by fragments":     {document("...f0" + deepening(34)), "ambiguous_graphql"},
		"a circle of fragments":     {document("...f0} fragment f0 on Query{...f1} fragment f1 on Query{a ...f0"), "query"},
		"fragments that double":     {document("...f0" + doubling(60)), "query"},
		"brackets without end":      {document("a(x:" + strings.Repeat("[", 100_000)), "malformed_graphql"},
		"JSON nested deeply":        {`{"query":"{a}","variables":{"x":` + nested(126) + `}}`, "query"},
		"JSON nested too deeply":    {`{"query":"{a}","variables":{"x":` + nested(127) + `}}`, "malformed_json"},
		"JSON nested without end":   {`{"query":"{a}","variables":{"x":` + nested(100_000) + `}}`, "malformed_json"},
	} {
		t.Run(name, func(t *testing.T) {
			got := reading(newReader().ReadHTTP("POST", []string{"application/json"}, "", []byte(row.body)))
			if got != row.reason {
				t.Errorf("%s, want %s", got, row.reason)
			}
		})
	}
}

func TestQueryStringIsBounded(t *testing.T) {
	got := reading(newReader().ReadHTTP("GET", nil, "query={a}&x="+strings.Repeat("x", dagster.MaxBody), nil))
	if got != "too_large" {
		t.Errorf("%s", got)
	}
}

func padded(n int) string {
	body := `{"query":"{a}"}`
	return body + strings.Repeat(" ", n-len(body))
}

func document(selection string) string { return fmt.Sprintf(`{"query":%q}`, "{"+selection+"}") }

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d:version", i)
	}
	return b.String()
}

// doubling are fragments each of which spreads the next one twice.
func doubling(n int) string {
	b := "} "
	for i := range n {
		b += fmt.Sprintf("fragment f%d on Query{...f%d ...f%d} ", i, i+1, i+1)
	}
	return b + fmt.Sprintf("fragment f%d on Query{a", n)
}

func nest(n int) string { return strings.Repeat("a{", n) + "a" + strings.Repeat("}", n) }

// deepening are fragments each of which adds three levels.
func deepening(n int) string {
	b := "} "
	for i := range n - 1 {
		b += fmt.Sprintf("fragment f%d on Query{a{...{...f%d}}} ", i, i+1)
	}
	return b + fmt.Sprintf("fragment f%d on Query{a{...{a}}", n-1)
}

// The memory of documents must not mix up operations of one document.
func TestOneReaderForAll(t *testing.T) {
	r := newReader()
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			name, kind := "a", dagster.Query
			if i%2 == 1 {
				name, kind = "b", dagster.Mutation
			}
			body := fmt.Sprintf(`{"query":"query a{version} mutation b{setNuxSeen} #%d","operationName":"%s"}`, i/4, name)
			call, err := r.ReadHTTP("POST", []string{"application/json"}, "", []byte(body))
			if err != nil || call.Kind != kind || call.Name != name {
				t.Errorf("%d: %+v, %v", i, call, err)
			}
		})
	}
	wg.Wait()
}

// FuzzReadHTTP looks for a request that runs more than was judged, and for one
// that we write so that we would read it differently ourselves.
func FuzzReadHTTP(f *testing.F) {
	for _, k := range tricks(f) {
		r := k.request(f)
		f.Add(k.Method, r.Header.Get("Content-Type"), r.URL.RawQuery, k.body())
	}
	for _, w := range rewrites(f) {
		body, _ := json.Marshal(map[string]any{"query": w.Query, "operationName": w.OperationName})
		f.Add("POST", "application/json", "", body)
	}
	s, r := dagstertest.New(f, ""), newReader()
	f.Fuzz(func(t *testing.T, method, contentType, rawQuery string, body []byte) {
		call, err := r.ReadHTTP(method, []string{contentType}, rawQuery, body)
		if err != nil {
			return
		}
		if method == "POST" && !json.Valid(body) {
			t.Errorf("read %q as JSON", body)
		}
		if ran := forward(t, s, call); ran == nil || !within(ran, call) {
			t.Errorf("ran %+v, judged %+v", ran, call)
		}
		again, err := r.ReadHTTP("POST", []string{"application/json"}, "", call.Plain())
		if err != nil || string(again.Plain()) != string(call.Plain()) {
			t.Errorf("%v\nfirst  %s\nsecond %s", err, call.Plain(), again.Plain())
		}
	})
}

// FuzzReadSocketMessage looks for a message that is no subscription, and for
// one that we would not understand ourselves.
func FuzzReadSocketMessage(f *testing.F) {
	f.Add([]byte(start(`"query":"` + sub + `"`)))
	f.Add([]byte(start(`"operation_name":"M","query":"` + sub + ` mutation M{setNuxSeen}"`)))
	f.Add([]byte(`{"type":"connection_init","payload":{}}`))
	f.Add([]byte(`{"type":"stop","id":"1"}`))
	r := newReader()
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := r.ReadSocketMessage(message)
		if err != nil {
			return
		}
		again, err := r.ReadSocketMessage(m.Bytes())
		if err != nil || string(again.Bytes()) != string(m.Bytes()) || (m.Call != nil && m.Call.Kind != dagster.Subscription) {
			t.Errorf("%v\n%s\n%s", err, m.Bytes(), again.Bytes())
		}
	})
}

func BenchmarkReadHTTP(b *testing.B) {
	for _, w := range rewrites(b) {
		if w.Name != "app: PipelineExplorerRootQuery" {
			continue
		}
		body, _ := json.Marshal(map[string]any{"query": w.Query, "variables": map[string]any{"x": 1}})
		b.Run("seen", func(b *testing.B) { benchmark(b, func() *dagster.Reader { return nil }, body) })
		b.Run("new", func(b *testing.B) { benchmark(b, newReader, body) })
	}
}

// benchmark reads body with one reader, or with a fresh one each time.
func benchmark(b *testing.B, fresh func() *dagster.Reader, body []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	one := newReader()
	for b.Loop() {
		r := fresh()
		if r == nil {
			r = one
		}
		call, err := r.ReadHTTP("POST", []string{"application/json"}, "op=X", body)
		if err != nil || len(call.Plain()) == 0 {
			b.Fatal(err)
		}
	}
}
