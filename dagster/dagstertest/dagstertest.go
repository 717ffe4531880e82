// Package dagstertest is a Dagster webserver for tests: it takes requests in
// Dagster's own order of decisions and remembers what it would have run.
//
//	request ──routes──▶ endpoint ──graphql──▶ Operation, remembered
//	                        └──▶ index, logs, notebook, debug, report, static
//
// It stands where proxy and whole-program tests want a Dagster that can be
// asked "what reached you, and what did you run?". It is written from the
// source of dagster-webserver 1.13.27 (webserver.py, graphql.py and
// external_assets.py, with Starlette's routing and uvicorn's decoding), on
// purpose without package dagster: the two must agree because both are right.
// It knows no schema. What Dagster's validation would refuse it takes to run,
// so it errs towards having run too much. It answers with what it knows of a
// small [World], and with "ok" where it knows nothing.
package dagstertest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// Request is one HTTP request as it arrived; an upgrade to a socket is one too.
type Request struct {
	Method string
	// URI is the request target, as it stood on the request line.
	URI    string
	Host   string
	Header http.Header
	Body   []byte
	// Endpoint is the handler that took it: "graphql", "graphiql", "socket",
	// "server_info", "static", "logs", "notebook", "debug", "index" or the name
	// of a report, such as "report_asset_check". Empty for a 404 or a 405.
	Endpoint string
	// Ran is the operation that would have run, nil if none.
	Ran *Operation
}

// Operation is a GraphQL operation that would have run, or an asset report.
type Operation struct {
	// Kind is "query", "mutation", "subscription" or "report".
	Kind string
	Name string
	// Fields are the names of the root fields; of a report, the asset key.
	Fields    []string
	Variables map[string]any
	// Arguments are those of each root field, with variables and defaults in
	// their places.
	Arguments []map[string]any

	roots []*ast.Field
}

// Server is the double. URL and Close are those of the httptest.Server within.
type Server struct {
	*httptest.Server
	prefix string
	routes []route

	// life ends with the test, and every socket with it.
	life context.Context
	end  context.CancelFunc

	// world is what look-ups find, instead what answers in the double's place;
	// both are set before the first request.
	world   World
	instead func(Request) (status int, body string)

	mu       sync.Mutex
	launches int
	requests []Request
	ran      []Operation
	streams  map[*stream]bool
	closed   chan struct{}
}

// New starts a double below a path prefix ("" or "/dagster"), which Dagster
// calls --path-prefix. It is stopped when the test ends.
func New(t testing.TB, prefix string) *Server {
	t.Helper()
	s := &Server{prefix: prefix, world: DefaultWorld(), streams: map[*stream]bool{}, closed: make(chan struct{}, 64)}
	s.life, s.end = context.WithCancel(context.Background())
	s.routes = s.table()
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.stop)
	return s
}

func (s *Server) stop() {
	s.end()
	s.Close()
}

// Know gives the double another world. Call it before the first request.
func (s *Server) Know(w World) { s.world = w }

// Instead has GraphQL over HTTP answered by a function, which may take its time;
// with status 0 it leaves the answer to the double. What was asked for has run
// all the same. Call it before the first request.
func (s *Server) Instead(answer func(Request) (status int, body string)) { s.instead = answer }

// Requests are all requests so far, in order of their ending.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Last is the newest request; the zero Request if there was none.
func (s *Server) Last() Request {
	all := s.Requests()
	if len(all) == 0 {
		return Request{}
	}
	return all[len(all)-1]
}

// Ran are all operations that would have run so far, over HTTP and on sockets.
func (s *Server) Ran() []Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ran)
}

// Changed are the mutations and reports among Ran.
func (s *Server) Changed() []Operation {
	return slices.DeleteFunc(s.Ran(), func(o Operation) bool { return o.Kind != "mutation" && o.Kind != "report" })
}

// ServeHTTP answers as the webserver would; it can be called without a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	seen := Request{Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), Body: body}
	r.Body = io.NopCloser(bytes.NewReader(body))
	// Every answer carries it (DagsterTracedCounterMiddleware).
	w.Header().Set("X-Dagster-Call-Counts", "{}")
	s.route(w, r, &seen)
}

func (s *Server) remember(seen Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, seen)
	if seen.Ran != nil {
		s.ran = append(s.ran, *seen.Ran)
	}
}
