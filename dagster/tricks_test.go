package dagster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
)

// trick is a request that somebody might send to slip past us. The table is
// data so that testdata/against_dagster.py can hold it against a real Dagster.
type trick struct {
	Name    string
	Method  string
	Target  string
	Headers [][2]string
	Body    string
	Body64  []byte
	// Runs is what Dagster runs when it gets the request as it stands.
	Runs string
	// PythonOnly marks a body that only Python's JSON reader accepts; the double
	// has Go's.
	PythonOnly bool `json:"python_only"`
	// Reading is the kind of the call we read, or the reason of our refusal.
	Reading string
}

func tricks(t testing.TB) []trick {
	t.Helper()
	raw, err := os.ReadFile("testdata/tricks.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []trick
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

func (k trick) body() []byte {
	if k.Body64 != nil {
		return k.Body64
	}
	return []byte(k.Body)
}

// request is the trick as Go's server gives it to a handler.
func (k trick) request(t testing.TB) *http.Request {
	t.Helper()
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: dagster\r\nContent-Length: %d\r\n", k.Method, k.Target, len(k.body()))
	for _, h := range k.Headers {
		fmt.Fprintf(&raw, "%s: %s\r\n", h[0], h[1])
	}
	raw.WriteString("\r\n")
	raw.Write(k.body())
	r, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read does what the proxy does with a request for Dagster.
func read(r *dagster.Reader, req *http.Request, body []byte) (*dagster.Call, error) {
	path, err := dagster.CleanPath(req.URL.EscapedPath())
	if err != nil {
		return nil, err
	}
	route, err := dagster.Classify(req.Method, path, req.Header.Get("Accept"), false)
	if err != nil {
		return nil, err
	}
	if route.Class != dagster.GraphQL {
		return nil, fmt.Errorf("class %s", route.Class)
	}
	return r.ReadHTTP(req.Method, req.Header.Values("Content-Type"), req.URL.RawQuery, body)
}

// newReader reads for a Dagster that gives no answers.
func newReader() *dagster.Reader {
	return dagster.NewReader(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("nobody to ask") })
}

// reading is the kind of a call or the reason of its refusal.
func reading(call *dagster.Call, err error) string {
	var refusal *dagster.Error
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	if err != nil {
		return err.Error()
	}
	return string(call.Kind)
}

// forward sends a call to a double as the proxy would, and gives what ran.
func forward(t testing.TB, s *dagstertest.Server, call *dagster.Call) *dagstertest.Operation {
	t.Helper()
	out, err := call.Write(dagster.Writing{})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(out.Body))
	req.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(httptest.NewRecorder(), req)
	return s.Last().Ran
}

// within tells whether what ran is no more than what was judged.
func within(ran *dagstertest.Operation, call *dagster.Call) bool {
	if ran == nil {
		return true
	}
	judged := func(name string) bool {
		return slices.ContainsFunc(call.Fields, func(f dagster.Field) bool { return f.Name == name })
	}
	return ran.Kind == string(call.Kind) && ran.Name == call.Name &&
		!slices.ContainsFunc(ran.Fields, func(name string) bool { return !judged(name) })
}

func TestTricksRunOnABareDagster(t *testing.T) {
	for _, k := range tricks(t) {
		t.Run(k.Name, func(t *testing.T) {
			s := dagstertest.New(t, "")
			s.ServeHTTP(httptest.NewRecorder(), k.request(t))
			if ran := s.Last().Ran; !k.PythonOnly && k.Runs != "" && (ran == nil || ran.Kind != k.Runs) {
				t.Errorf("ran %+v, want a %s", ran, k.Runs)
			}
		})
	}
}

func TestTricksAreReadForWhatTheyAre(t *testing.T) {
	r := newReader()
	for _, k := range tricks(t) {
		t.Run(k.Name, func(t *testing.T) {
			call, err := read(r, k.request(t), k.body())
			if got := reading(call, err); got != k.Reading {
				t.Errorf("read as %s, want %s", got, k.Reading)
			}
		})
	}
}

// A request either is refused or runs what was judged. Nothing else.
func TestWhatRunsIsWhatWasJudged(t *testing.T) {
	r := newReader()
	s := dagstertest.New(t, "")
	for _, k := range tricks(t) {
		t.Run(k.Name, func(t *testing.T) {
			call, err := read(r, k.request(t), k.body())
			if err != nil {
				return
			}
			if ran := forward(t, s, call); ran == nil || !within(ran, call) {
				t.Errorf("ran %+v, judged %s %+v\n%s", ran, call.Kind, call.Fields, call.Plain())
			}
		})
	}
}

// Nobody gets a call together with an error, by mistake or otherwise.
func TestARefusalCarriesNoCall(t *testing.T) {
	r := newReader()
	for _, k := range tricks(t) {
		t.Run(k.Name, func(t *testing.T) {
			call, err := read(r, k.request(t), k.body())
			if (call == nil) != (err != nil) {
				t.Errorf("call %v with error %v", call, err)
			}
		})
	}
}

func TestMutationOverGetIsNamedForTheAuditTrail(t *testing.T) {
	_, err := newReader().ReadHTTP("GET", nil, "query=mutation+m{x:deleteRun(runId:1){__typename}}", nil)
	var refusal *dagster.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusMethodNotAllowed {
		t.Fatalf("got %v", err)
	}
	if got := refusal.Call.Fields; len(got) != 1 || got[0] != (dagster.Field{Name: "deleteRun", Key: "x"}) {
		t.Errorf("fields %v", got)
	}
}

// Messages are shown to people: they are fixed and never quote the request.
func TestMessagesQuoteNothing(t *testing.T) {
	r := newReader()
	for _, k := range tricks(t) {
		t.Run(k.Name, func(t *testing.T) {
			_, err := read(r, k.request(t), k.body())
			var refusal *dagster.Error
			if !errors.As(err, &refusal) {
				return
			}
			if refusal.Message == "" || refusal.Status < 400 || refusal.Status > 499 || strings.Contains(refusal.Message, "setNuxSeen") {
				t.Errorf("%+v", refusal)
			}
		})
	}
}
