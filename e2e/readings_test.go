package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// readings are what is read and takes more than being let in, and who may.
var readings = []struct {
	name   string
	path   string // or
	query  string
	accept string
	may    []string
}{
	{name: "a page", path: "/runs", may: []string{"visitor", "viewer", "marketing-editor", "editor"}},
	{name: "versions", path: "/server_info", may: []string{"visitor", "viewer", "marketing-editor", "editor"}},
	{name: "a query", query: "{ version }", may: []string{"visitor", "viewer", "marketing-editor", "editor"}},
	{name: "the console for GraphQL", path: "/graphql", accept: "text/html", may: []string{"editor"}},
	{name: "a query in the address", path: "/graphql?query={version}", may: []string{"visitor", "viewer", "marketing-editor", "editor"}},
	{name: "a debug file", path: "/download_debug/%I", may: []string{"viewer", "marketing-editor", "editor"}},
	{name: "a log", path: "/logs/%I/compute_logs/x/out", may: []string{"viewer", "marketing-editor", "editor"}},
	{name: "a notebook", path: "/notebook?repoLocName=sales&path=notebook.ipynb", may: []string{"viewer", "marketing-editor", "editor"}},
	{name: "captured output", query: `{ x: capturedLogs(logKey: ["%I", "compute_logs", "x"]) { stdout } }`, may: []string{"viewer", "marketing-editor", "editor"}},
	{name: "captured output in a fragment", query: `{ ...A } fragment A on Query { x: capturedLogsMetadata(logKey: ["%I"]) { stdoutLocation } }`, may: []string{"viewer", "marketing-editor", "editor"}},
	{name: "the instance's configuration", query: `{ instance { x: info } }`, may: []string{"viewer", "marketing-editor", "editor"}},
}

func takeReadings(t *testing.T, b *bench) {
	run := aRun(t, b, places[0])
	for _, name := range []string{"visitor", "viewer", "marketing-editor", "editor"} {
		p := signedIn(t, b.server, "certified", name)
		for _, r := range readings {
			t.Run(r.name+" for "+name, func(t *testing.T) {
				var a answer
				if r.query != "" {
					a = p.graphql(t, strings.ReplaceAll(r.query, "%I", run))
				} else {
					a = p.fetch(t, strings.ReplaceAll(r.path, "%I", run), r.accept)
				}
				refused := a.StatusCode == http.StatusForbidden || strings.Contains(a.body, "You may not do this")
				if refused == slices.Contains(r.may, name) {
					t.Errorf("answered %s %.300s", a.Status, a.body)
				}
			})
		}
	}
}

func (p *person) fetch(t *testing.T, path, accept string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	return p.do(t, req)
}

// noMutationOverSocket asks for changes over a socket, as somebody who could
// make them by other ways.
func noMutationOverSocket(t *testing.T, b *bench) {
	p := signedIn(t, b.server, "certified", "admin")
	before := b.Checksum(t)
	launch := `launchRun(executionParams: ` + strings.ReplaceAll(countSales, `"`, `\"`) + `) { __typename }`
	for _, query := range []string{
		`mutation Run { ` + launch + ` }`,
		`subscription Watch { locationStateChangeEvents { __typename } } mutation Run { ` + launch + ` }`,
		`subscription Run { ` + launch + ` }`,
		`subscription Run { ...A } fragment A on Mutation { ` + launch + ` }`,
	} {
		for _, name := range []string{``, `,"operationName":"Run"`, `,"operation_name":"Run"`, `,"operation_name":"Watch","operationName":"Run"`} {
			socket := p.socket(t)
			message := `{"type":"start","id":"2","payload":{"query":"` + query + `"` + name + `}}`
			if err := socket.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
				t.Fatal(err)
			}
			if _, frame, err := socket.Read(t.Context()); err == nil && (!strings.Contains(string(frame), `"2"`) || strings.Contains(string(frame), `"launchRun":{`)) {
				t.Errorf("%s is answered %s", message, frame)
			}
		}
	}
	if b.Checksum(t) != before || len(b.witness.take()) > 0 {
		t.Error("it reached Dagster")
	}
}

// nothingUnclassified holds that this Dagster has no mutation that nobody knows.
func nothingUnclassified(t *testing.T, b *bench) {
	eventually(t, "the schema is looked at", func() bool {
		req, err := http.NewRequest(http.MethodGet, b.server.URL+"/auth/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+metricsToken)
		return strings.Contains(newPerson(b.server.URL).do(t, req).body, "dagpass_unclassified_fields 0\n")
	})
}
