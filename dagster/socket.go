package dagster

import (
	"encoding/json"
	"net/http"
	"strings"
)

// SocketProtocol is the only subprotocol Dagster speaks: the older one of
// subscriptions-transport-ws, whatever the client offers.
const SocketProtocol = "graphql-ws"

// maxID bounds the id that a client gives to an operation, in bytes.
const maxID = 128

// SocketType is the type of a client's message.
type SocketType string

const (
	ConnectionInit      SocketType = "connection_init"
	Start               SocketType = "start"
	Stop                SocketType = "stop"
	ConnectionTerminate SocketType = "connection_terminate"
)

// SocketMessage is one message of a client, understood.
type SocketMessage struct {
	Type SocketType
	// ID is the client's name for the operation that a message starts or stops.
	ID string
	// Call is the subscription of a start; nil otherwise.
	Call *Call
}

// Bytes is the message to forward, written anew. The server looks for the
// operation's name under operation_name, where over HTTP it is operationName
// (GraphQLServer.graphql_ws_endpoint).
func (m SocketMessage) Bytes() []byte {
	frame := frame{Type: m.Type, ID: m.ID}
	if m.Call != nil {
		frame.Payload = m.Call.payload(m.Call.document.quoted, m.Call.variables, "operation_name")
	}
	// Strings and JSON of our own writing: this cannot fail.
	b, _ := json.Marshal(frame)
	return b
}

type frame struct {
	Type    SocketType      `json:"type"`
	ID      string          `json:"id,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// ReadSocketMessage reads a text message of a client. The error is an *Error;
// the ID is given with it once it was read, so that the refusal can name it.
// Only subscriptions are let through: Dagster runs nothing else on a socket.
func (r *Reader) ReadSocketMessage(message []byte) (SocketMessage, error) {
	if len(message) > MaxBody {
		return SocketMessage{}, tooLarge()
	}
	members, err := readObject(message, "type", "id", "payload")
	if err != nil {
		return SocketMessage{}, err
	}
	m, err := openFrame(members)
	if err != nil || m.Type != Start {
		return m, err
	}
	m.Call, err = r.subscription(members["payload"])
	return m, err
}

func openFrame(members map[string]json.RawMessage) (m SocketMessage, err error) {
	if id := members["id"]; !isNull(id) {
		if err := json.Unmarshal(id, &m.ID); err != nil {
			return m, badMessage(err)
		}
	}
	if err := json.Unmarshal(members["type"], &m.Type); err != nil {
		return m, badMessage(err)
	}
	return m, m.check()
}

func (m SocketMessage) check() error {
	switch m.Type {
	case ConnectionInit, ConnectionTerminate:
		return nil
	case Start, Stop:
		if m.ID != "" && len(m.ID) <= maxID {
			return nil
		}
	}
	return badMessage(nil)
}

func (r *Reader) subscription(payload json.RawMessage) (*Call, error) {
	members, err := readObject(payload, "query", "variables", "operation_name", "operationName", "extensions")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(members["variables"]), `"`) {
		return nil, unreadable("bad_variables", "The variables are not an object.", nil)
	}
	e, err := openMembers(members, "operation_name")
	if err != nil {
		return nil, err
	}
	call, err := r.call(e)
	if err != nil {
		return nil, err
	}
	if err := call.requireSocket(members["operationName"]); err != nil {
		return nil, err
	}
	return call, nil
}

// requireSocket wants a subscription, and no second name for another operation:
// the app's client sends operationName, which Dagster does not read.
func (c *Call) requireSocket(otherName json.RawMessage) error {
	if c.Kind != Subscription {
		return &Error{
			Status: http.StatusBadRequest, Reason: "only_subscriptions",
			Message: "Only a subscription can be opened over a WebSocket.", Call: c,
		}
	}
	if !isNull(otherName) && string(otherName) != `"`+c.Name+`"` {
		return unreadable("which_operation", "The message names two operations.", nil)
	}
	return nil
}

func badMessage(cause error) *Error {
	return unreadable("bad_socket_message", "The message is not one of Dagster's socket protocol.", cause)
}
