package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/models"
)

// socket is a client's end.
type socket struct {
	*websocket.Conn
	t   testing.TB
	ctx context.Context
}

// socket opens one at /graphql as Dagster's app does.
func (h *house) socket(who string) *socket {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	h.t.Cleanup(cancel)
	conn, res, err := websocket.Dial(ctx, h.front.URL+h.Site.Prefix()+"/graphql", &websocket.DialOptions{
		HTTPHeader:   http.Header{"Cookie": {"dagpass=" + who}, "Origin": {h.Site.Origin()}},
		Subprotocols: []string{"graphql-ws"},
	})
	if err != nil {
		h.t.Fatalf("%v: %v", err, res)
	}
	h.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(-1)
	return &socket{conn, h.t, ctx}
}

func (s *socket) send(message string) {
	s.t.Helper()
	if err := s.Write(s.ctx, websocket.MessageText, []byte(message)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) start(id, query string) {
	s.t.Helper()
	s.send(string(dagstertest.Frame("start", id, map[string]any{"query": query})))
}

func (s *socket) next() string {
	s.t.Helper()
	_, message, err := s.Read(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(message))
}

// end is how the other end closed: code and reason.
func (s *socket) end() string {
	s.t.Helper()
	for {
		_, _, err := s.Read(s.ctx)
		if e := new(websocket.CloseError); errors.As(err, e) {
			return fmt.Sprint(int(e.Code), " ", e.Reason)
		}
		if err != nil {
			return err.Error()
		}
	}
}

func TestSubscriptions(t *testing.T) {
	h := newHouse(t, "/dagster", nil)
	s := h.socket("viewer")
	same(t, "protocol", s.Subprotocol(), "graphql-ws")
	s.send(`{"type":"connection_init","payload":{"token":"x"}}`)
	same(t, "ack", s.next(), `{"type":"connection_ack"}`)
	s.send(`{"id":"1","type":"start","payload":{"query":"subscription A { logs: pipelineRunLogs(runId: \"1\") } subscription B { locationStateChangeEvents }","variables":{},"operationName":"A","operation_name":"A","extensions":{}}}`)
	same(t, "first", s.next(), `{"type":"data","id":"1","payload":{"data":{"logs":"first"}}}`)
	h.dagster.Publish(strings.Repeat("x", 1<<20))
	same(t, "large", len(s.next()) > 1<<20, true)
	s.send(`{"id":"1","type":"stop"}`)
	eventually(t, "the subscription stopped", func() bool { return h.dagster.Streams() == 0 })
	s.send(`{"type":"connection_terminate"}`)
	same(t, "end", s.end(), "1000 ")
	<-h.dagster.SocketClosed()
	<-h.returned
	same(t, "ran", len(h.dagster.Ran()), 1)
}

// What has no place on a socket is answered, recorded and not forwarded; the
// socket stays open for what has.
func TestSocketsRunSubscriptionsOnly(t *testing.T) {
	h := newHouse(t, "", nil)
	s := h.socket("admin")
	s.start("1", "mutation { deleteRun(runId: 1) { __typename } }")
	same(t, "mutation", s.next(), `{"type":"error","id":"1","payload":{"message":"Only a subscription can be opened over a WebSocket."}}`)
	s.start("2", "{version}")
	same(t, "query", s.next(), `{"type":"error","id":"2","payload":{"message":"Only a subscription can be opened over a WebSocket."}}`)
	s.start("3", "subscription { locationStateChangeEvents }")
	same(t, "subscription", s.next(), `{"type":"data","id":"3","payload":{"data":{"locationStateChangeEvents":"first"}}}`)
	same(t, "trail", h.trail(), []string{
		"dagster.mutation | refused | deleteRun | read | only_subscriptions", "dagster.read | refused | version | read | only_subscriptions",
	})
	same(t, "ran", len(h.dagster.Ran()), 1)
}

// Each operation goes through the door, with what the person may do by then.
func TestOperationsOnSocketsAreAdmitted(t *testing.T) {
	h := newHouse(t, "", nil)
	h.promote("guest", "viewer_without_logs")
	s := h.socket("guest")
	s.start("1", `subscription { capturedLogs(logKey: "a") }`)
	same(t, "refused", s.next(), `{"type":"error","id":"1","payload":{"message":"You may not do this: it takes the role viewer."}}`)
	same(t, "trail", h.trail(), []string{"dagster.read | refused | capturedLogs | read_logs | no grant | permission_missing"})
	h.promote("guest", "viewer")
	eventually(t, "the promotion reached the socket", func() bool {
		s.start("2", `subscription { capturedLogs(logKey: "a") }`)
		return s.next() == `{"type":"data","id":"2","payload":{"data":{"capturedLogs":"first"}}}`
	})
	same(t, "ran", len(h.dagster.Ran()), 1)
}

// A refusal that cannot be recorded is told as that, and nothing runs.
func TestNothingRunsUnrecordedOnSockets(t *testing.T) {
	h := newHouse(t, "", nil)
	s := h.socket("admin")
	h.mu.Lock()
	h.broken = errors.New("disk full")
	h.mu.Unlock()
	s.start("1", "mutation { deleteRun(runId: 1) { __typename } }")
	same(t, "answer", s.next(), `{"type":"error","id":"1","payload":{"message":"This was not done, because it could not be recorded. Please try again shortly."}}`)
	same(t, "ran", len(h.dagster.Ran()), 0)
}

func TestMalformedMessagesEndTheSocket(t *testing.T) {
	h := newHouse(t, "", nil)
	for message, want := range map[string]string{
		`{`:                             "1008 malformed_json",
		`[]`:                            "1008 not_an_object",
		`{"type":"subscribe","id":"1"}`: "1008 bad_socket_message",
		`{"type":"start","id":"1","payload":{"query":"subscription {"}}`:               "1008 malformed_graphql",
		`{"type":"start","id":"1","payload":{"query":"subscription {a}","Query":"b"}}`: "1008 unknown_key",
		`{"type":"start","payload":{"query":"mutation {deleteRun}"}}`:                  "1008 bad_socket_message",
	} {
		s := h.socket("viewer")
		s.send(message)
		same(t, message, s.end(), want)
	}
	s := h.socket("viewer")
	if err := s.Write(s.ctx, websocket.MessageBinary, []byte(`{"type":"connection_init"}`)); err != nil {
		t.Fatal(err)
	}
	same(t, "binary", s.end(), "1003 not_text")
	s = h.socket("viewer")
	_ = s.Write(s.ctx, websocket.MessageText, []byte(strings.Repeat(" ", 2<<20)))
	same(t, "too large", strings.HasPrefix(s.end(), "1009"), true)
	same(t, "ran", len(h.dagster.Ran()), 0)
}

func TestSocketsEndWithTheirSession(t *testing.T) {
	for name, row := range map[string]struct {
		happens func(*house)
		want    string
	}{
		"signed out":        {func(h *house) { h.end("guest") }, "1008 session_ended"},
		"lost its role":     {func(h *house) { h.promote("guest", "nobody") }, "1008 permission_lost"},
		"lost a permission": {func(h *house) { h.promote("guest", "viewer_without_logs") }, "1008 permission_lost"},
		"promoted":          {func(h *house) { h.promote("guest", "admin"); h.dagster.Publish("more"); h.end("guest") }, "1008 session_ended"},
	} {
		h := newHouse(t, "", nil)
		h.promote("guest", "viewer")
		s := h.socket("guest")
		s.start("1", `subscription { capturedLogs(logKey: "a") }`)
		s.next()
		row.happens(h)
		same(t, name, s.end(), row.want)
		<-h.dagster.SocketClosed()
		<-h.returned
		same(t, name, h.dagster.Streams(), 0)
	}
}

// How Dagster ends a socket is what the client hears.
func TestSocketsEndWithDagster(t *testing.T) {
	for want, end := range map[string]func(*websocket.Conn) error{
		"1001 ": (*websocket.Conn).CloseNow,
		"1000 ": func(c *websocket.Conn) error { return c.Close(websocket.StatusNormalClosure, "") },
		"1012 ": func(c *websocket.Conn) error { return c.Close(websocket.StatusServiceRestart, "details") },
	} {
		h := at(t, func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-ws"}, InsecureSkipVerify: true})
			if err == nil {
				_ = end(conn)
			}
		})
		same(t, want, h.socket("viewer").end(), want)
		<-h.returned
	}
}

// Dagster hears a goodbye too, and not a line that broke.
func TestDagsterHearsTheEnd(t *testing.T) {
	heard := make(chan websocket.StatusCode, 1)
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-ws"}, InsecureSkipVerify: true})
		if err == nil {
			_, _, err = conn.Read(context.Background())
		}
		heard <- websocket.CloseStatus(err)
	})
	_ = h.socket("viewer").CloseNow()
	same(t, "status", <-heard, websocket.StatusNormalClosure)
}

// An absolute end bites even if whoever recognises sessions remembers longer.
func TestSocketsEndOnTime(t *testing.T) {
	late := false
	h := newHouse(t, "", func(c *Config) {
		c.Now = func() time.Time {
			if late {
				return time.Now().Add(2 * time.Hour)
			}
			return time.Now()
		}
	})
	late = true
	same(t, "end", h.socket("viewer").end(), "1008 session_ended")
}

// A stopping server says goodbye: hijacked connections are nobody else's.
func TestSocketsEndWithTheServer(t *testing.T) {
	h := newHouse(t, "", nil)
	ctx, stop := context.WithCancel(context.Background())
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer front.Close()
	h.front = front
	s := h.socket("viewer")
	stop()
	same(t, "end", s.end(), "1001 server_stopping")
	<-h.returned
}

// A client that answers no ping is gone.
func TestSilentClients(t *testing.T) {
	h := newHouse(t, "", nil)
	h.times.pong = 10 * time.Millisecond
	h.socket("viewer") // nobody reads, so nobody answers
	<-h.dagster.SocketClosed()
	<-h.returned
}

func TestHandshakes(t *testing.T) {
	h := newHouse(t, "", nil)
	for name, row := range map[string]struct {
		from, to string
		status   int
	}{
		"whole":             {"", "", 101},
		"several protocols": {"Protocol: graphql-ws", "Protocol: graphql-transport-ws, graphql-ws", 101},
		"no protocol":       {"Sec-WebSocket-Protocol: graphql-ws\n", "", 400},
		"another protocol":  {"Protocol: graphql-ws", "Protocol: graphql-transport-ws", 400},
		"no key":            {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n", "", 400},
		"a bad key":         {"dGhlIHNhbXBsZSBub25jZQ==", "short", 400},
		"another version":   {"Version: 13", "Version: 8", 400},
		"another origin":    {"Origin: ", "Origin: https://evil.example", 403},
		"two of two minds":  {"Upgrade: websocket\n", "Upgrade: h2c, websocket\n", 101},
		"an old HTTP":       {"HTTP/1.1", "HTTP/1.0", 400},
	} {
		request := "GET /graphql?query=mutation{deleteRun} HTTP/1.1\nHost: x\nCookie: dagpass=viewer\n" + handshake(h)
		got := h.raw(strings.Replace(request, row.from, row.to, 1))
		same(t, name, got.StatusCode, row.status)
	}
	for _, r := range h.dagster.Requests() {
		same(t, "address", r.URI, "/graphql")
	}
}

// Sockets leave nothing behind, however they end.
func TestSocketsLeaveNoGoroutine(t *testing.T) {
	h := newHouse(t, "", nil)
	for range 20 {
		s := h.socket("viewer")
		s.start("1", "subscription { locationStateChangeEvents }")
		s.next()
		_ = s.CloseNow()
		<-h.dagster.SocketClosed()
		<-h.returned
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	same(t, "goroutines of sockets", strings.Count(string(stacks), "proxy.(*bridge)"), 0)
}

// A request returns after all that works for it, not before: whoever waits for
// the requests of a stopping server waits for this too.
func TestSocketsWaitForTheirParts(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	h := newHouse(t, "", func(c *Config) {
		c.Alive = func(_ context.Context, p *models.Principal) (*models.Principal, error) {
			asked <- struct{}{}
			<-release
			return p, nil
		}
	})
	s := h.socket("viewer")
	<-asked
	_ = s.CloseNow()
	<-h.dagster.SocketClosed()
	select {
	case <-h.returned:
		t.Error("it returned while a part was at work")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-h.returned
}

// A client that does not read makes Dagster wait; it does not fill our memory.
func TestSlowClientsMakeDagsterWait(t *testing.T) {
	written, stop := make(chan int, 1), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-ws"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // a test's
		ctx, cancel := context.WithTimeout(r.Context(), 300*time.Millisecond)
		defer cancel()
		n := 0
		for conn.Write(ctx, websocket.MessageText, make([]byte, 1<<20)) == nil {
			n++
		}
		written <- n
		<-stop
	}))
	defer upstream.Close()
	defer close(stop)
	h := newHouseAt(t, "", upstream.URL, nil)
	h.times.ping = time.Hour
	h.socket("viewer")
	if n := <-written; n > 64 {
		t.Errorf("%d MiB went to a client that read nothing", n)
	}
}
