package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// bench is a Dagster on which nothing moves by itself: no daemon runs, and
// what is launched stays in its queue. Whatever changes there was asked for.
type bench struct {
	*parts.Dagster
	*server // dagpass in front of it
	// witness sees every change on the way from dagpass to Dagster.
	witness *witness
	// alone asks Dagster itself, past dagpass.
	alone *person
}

// matrixPolicy has one person of each kind, named by their address.
const matrixPolicy = `
roles:
  operator: { extends: launcher, allow: [start_schedule, stop_running_schedule, edit_sensor] }
  visitor: { allow: [read] }
grants:
  - { email: launcher@example.com, role: launcher }
  - { email: editor@example.com, role: editor }
  - { email: admin@example.com, role: admin }
  - { email: operator@example.com, role: operator }
  - { email: visitor@example.com, role: visitor }
  - { email: marketing-editor@example.com, role: editor, locations: ["marketing*"] }
  - { email: sales-launcher@example.com, role: launcher, locations: [sales] }
  - { email: both@example.com, role: launcher, locations: [sales] }
  - { email: both@example.com, role: editor, locations: ["market*"] }
`

const metricsToken = "a token for metrics, long enough"

func (w *world) bench(t *testing.T, v parts.Version) *bench {
	t.Helper()
	b := &bench{Dagster: parts.StartDagster(t, parts.DagsterOptions{Version: v, Settings: "queued.yaml"})}
	b.Dagster.Await(t)
	b.witness = witnessOf(t, b.Dagster.URL)
	b.server = w.serve(t, w.settings(t, b.witness.URL).with(settings{"POLICY": matrixPolicy, "METRICS_TOKEN": metricsToken}))
	b.alone = newPerson(b.Dagster.URL)
	return b
}

// ask asks Dagster itself for something that must work, and returns what stands
// at a path of the answer's data.
func (b *bench) ask(t *testing.T, document string, path ...string) string {
	t.Helper()
	a := b.alone.graphql(t, document)
	var answer map[string]any
	a.into(t, &answer)
	var at any = answer["data"]
	for _, name := range path {
		members, _ := at.(map[string]any)
		at = members[name]
	}
	text, ok := at.(string)
	if !ok {
		t.Fatalf("no %s in the answer to %s: %s", strings.Join(path, "."), document, a.body)
	}
	return text
}

// witness stands between dagpass and Dagster and writes down what goes by.
type witness struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
	kept bool
}

// keep makes it answer changes by itself from now on.
func (w *witness) keep(all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = all
}

func witnessOf(t *testing.T, dagster string) *witness {
	t.Helper()
	target, err := url.Parse(dagster)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if w.look(r, body) {
			proxy.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", jsonType)
		io.WriteString(rw, `{"data":{"it":{"__typename":"Kept"}}}`)
	}))
	t.Cleanup(w.Close)
	return w
}

// look notes whatever could change something: mutations, reports, and what is
// sent in a way that dagpass never uses. It tells whether it may go on.
func (w *witness) look(r *http.Request, body []byte) bool {
	var sent operation
	plain := r.URL.Path == "/graphql" && r.Method == http.MethodPost && json.Unmarshal(body, &sent) == nil
	if plain && !strings.HasPrefix(sent.Query, "mutation") || r.Method == http.MethodGet && !r.URL.Query().Has("query") {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, r.Method+" "+r.URL.Path+" "+string(body))
	return !w.kept
}

// take returns what was seen since the last time.
func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return slices.Clip(seen)
}
