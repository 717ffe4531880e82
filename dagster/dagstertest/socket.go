package dagstertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// stream is one subscription that is open.
type stream struct{ send func(value any) }

// Publish sends one message to every open subscription, with value under its
// response keys.
func (s *Server) Publish(value any) {
	for _, st := range s.live() {
		st.send(value)
	}
}

// Streams is the number of open subscriptions.
func (s *Server) Streams() int { return len(s.live()) }

// SocketClosed gets a value whenever a socket has ended.
func (s *Server) SocketClosed() <-chan struct{} { return s.closed }

func (s *Server) live() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.streams))
}

func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// upgrade accepts a socket at /graphql alone; elsewhere Starlette answers 403.
// No origin is looked at, and the protocol is named whatever was offered.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, path string, seen *Request) {
	if !exactly("/graphql").MatchString(path) {
		s.remember(*seen)
		http.Error(w, "", http.StatusForbidden)
		return
	}
	seen.Endpoint = "socket"
	s.remember(*seen)
	w.Header().Set("Sec-WebSocket-Protocol", "graphql-ws")
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	s.talk(conn)
}

type message struct {
	Type    string         `json:"type"`
	ID      any            `json:"id,omitempty"`
	Payload map[string]any `json:"payload,omitempty"`
}

// talk is GraphQLServer.graphql_ws_endpoint. A start needs no connection_init
// before it.
func (s *Server) talk(conn *websocket.Conn) {
	open := map[any]*stream{}
	defer func() {
		s.forget(slices.Collect(maps.Values(open))...)
		_ = conn.CloseNow()
		s.tellClosed()
	}()
	for {
		var m message
		if err := wsjson.Read(s.life, conn, &m); err != nil {
			return
		}
		if !s.take(conn, m, open) {
			return
		}
	}
}

// tellClosed never waits: a test that does not listen loses nothing.
func (s *Server) tellClosed() {
	select {
	case s.closed <- struct{}{}:
	default:
	}
}

// take answers one message; false ends the socket.
func (s *Server) take(conn *websocket.Conn, m message, open map[any]*stream) bool {
	switch m.Type {
	case "connection_init":
		return wsjson.Write(s.life, conn, message{Type: "connection_ack"}) == nil
	case "connection_terminate":
		_ = conn.Close(websocket.StatusNormalClosure, "")
		return false
	case "stop":
		s.forget(open[m.ID])
		delete(open, m.ID)
	case "start":
		if open[m.ID] == nil {
			s.start(conn, m, open)
		}
	}
	return true
}

// start opens a subscription and sends a first value. Queries and mutations do
// not run here: Dagster looks their fields up in Subscription. The operation's
// name is read from operation_name, never from operationName.
func (s *Server) start(conn *websocket.Conn, m message, open map[any]*stream) {
	query, _ := m.Payload["query"].(string)
	variables, _ := m.Payload["variables"].(map[string]any)
	o, _, err := resolve(query, m.Payload["operation_name"], variables)
	if err != nil || o.Kind != "subscription" {
		_ = wsjson.Write(s.life, conn, message{Type: "error", ID: m.ID, Payload: map[string]any{"message": "refused"}})
		return
	}
	st := &stream{send: func(value any) {
		payload := map[string]any{"data": o.data(value)}
		_ = wsjson.Write(s.life, conn, message{Type: "data", ID: m.ID, Payload: payload})
	}}
	open[m.ID] = st
	s.begin(st, o)
	st.send("first")
}

func (s *Server) begin(st *stream, o Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[st] = true
	s.ran = append(s.ran, o)
}

func (s *Server) forget(ended ...*stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range ended {
		delete(s.streams, st)
	}
}

// Frame is a client's message of the socket protocol, for tests to send.
func Frame(kind, id string, payload map[string]any) []byte {
	// Maps and strings: this cannot fail.
	b, _ := json.Marshal(message{Type: kind, ID: id, Payload: payload})
	return b
}
