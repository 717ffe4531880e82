package dagster_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
)

const sub = `subscription S{capturedLogs(logKey:[\"a\"]) {stdout}}`

func TestReadSocketMessage(t *testing.T) {
	printed := `"subscription S {\ncapturedLogs(logKey: [\"a\"]) {\nstdout\n}\n}\n"`
	for name, row := range map[string]struct{ message, want string }{
		"init":      {`{"type":"connection_init","payload":{"token":"x"}}`, `{"type":"connection_init"}`},
		"terminate": {`{"type":"connection_terminate"}`, `{"type":"connection_terminate"}`},
		"stop":      {`{"id":"1","type":"stop","payload":null}`, `{"type":"stop","id":"1"}`},
		"start": {
			`{"id":"1","type":"start","payload":{"query":"` + sub + `","variables":{"x":[1.0]}}}`,
			`{"type":"start","id":"1","payload":{"query":` + printed + `,"variables":{"x":[1.0]},"operation_name":"S"}}`,
		},
		"start as the app sends it": {
			`{"id":"1","type":"start","payload":{"variables":{},"extensions":{},"operationName":"S","query":"` + sub + `"}}`,
			`{"type":"start","id":"1","payload":{"query":` + printed + `,"variables":{},"operation_name":"S"}}`,
		},
		"start that names one of two": {
			`{"id":"1","type":"start","payload":{"operation_name":"S","query":"` + sub + ` mutation M{setNuxSeen}"}}`,
			`{"type":"start","id":"1","payload":{"query":` + printed + `,"operation_name":"S"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newReader().ReadSocketMessage([]byte(row.message))
			if err != nil || string(m.Bytes()) != row.want {
				t.Errorf("%v\n got %s\nwant %s", err, m.Bytes(), row.want)
			}
		})
	}
}

func TestReadSocketMessageRefuses(t *testing.T) {
	for name, row := range map[string]struct{ message, reason string }{
		"a query":    {start(`"query":"{version}"`), "only_subscriptions"},
		"a mutation": {start(`"query":"mutation{setNuxSeen}"`), "only_subscriptions"},
		"a mutation, named by the key that Dagster reads": {
			start(`"operation_name":"M","operationName":"S","query":"` + sub + ` mutation M{setNuxSeen}"`), "only_subscriptions",
		},
		"the key that Dagster does not read": {
			start(`"operationName":"S","query":"` + sub + ` mutation M{setNuxSeen}"`), "which_operation",
		},
		"two names":                  {start(`"operation_name":"S","operationName":"M","query":"` + sub + `"`), "which_operation"},
		"variables as a string":      {start(`"variables":"{}","query":"` + sub + `"`), "bad_variables"},
		"no query":                   {start(`"variables":{}`), "no_query"},
		"unknown key":                {start(`"Query":"x","query":"` + sub + `"`), "unknown_key"},
		"no payload":                 {`{"type":"start","id":"1"}`, "malformed_json"},
		"no id":                      {`{"type":"start","payload":{"query":"` + sub + `"}}`, "bad_socket_message"},
		"id is a number":             {`{"type":"stop","id":1}`, "bad_socket_message"},
		"id is too long":             {`{"type":"stop","id":"` + strings.Repeat("x", 129) + `"}`, "bad_socket_message"},
		"type of the newer protocol": {`{"type":"subscribe","id":"1"}`, "bad_socket_message"},
		"a server's type":            {`{"type":"data","id":"1"}`, "bad_socket_message"},
		"no type":                    {`{"id":"1"}`, "bad_socket_message"},
		"type given twice":           {`{"type":"stop","type":"start","id":"1"}`, "malformed_json"},
		"list":                       {`[{"type":"connection_init"}]`, "not_an_object"},
		"text":                       {`ping`, "malformed_json"},
		"huge":                       {`{"type":"` + strings.Repeat("x", dagster.MaxBody) + `"}`, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newReader().ReadSocketMessage([]byte(row.message))
			if got := reading(nil, err); got != row.reason || m.Call != nil {
				t.Errorf("%s with %v, want %s", got, m.Call, row.reason)
			}
		})
	}
}

func start(payload string) string { return `{"type":"start","id":"1","payload":{` + payload + `}}` }

func TestASocketRefusalNamesTheOperation(t *testing.T) {
	m, err := newReader().ReadSocketMessage([]byte(start(`"query":"mutation{setNuxSeen}"`)))
	var refusal *dagster.Error
	if !errors.As(err, &refusal) || m.ID != "1" || refusal.Call == nil || refusal.Call.Kind != dagster.Mutation {
		t.Errorf("%+v, %v", m, err)
	}
}

// What we write is what the double understands, up to the first data.
func TestSocketMessagesWork(t *testing.T) {
	s := dagstertest.New(t, "")
	conn, _, err := websocket.Dial(t.Context(), s.URL+"/graphql", &websocket.DialOptions{Subprotocols: []string{dagster.SocketProtocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	payload := map[string]any{"query": `subscription S{a:pipelineRunLogs(runId:"1"){__typename}}`}
	say(t, conn, dagstertest.Frame("connection_init", "", nil), `{"type":"connection_ack"}`)
	say(t, conn, dagstertest.Frame("start", "7", payload), `{"type":"data","id":"7","payload":{"data":{"a":"first"}}}`)
	if ran := s.Ran(); len(ran) != 1 || ran[0].Fields[0] != "pipelineRunLogs" {
		t.Errorf("ran %+v", ran)
	}
}

// say sends a client's message, rewritten by us, and expects an answer.
func say(t *testing.T, conn *websocket.Conn, message []byte, want string) {
	t.Helper()
	m, err := newReader().ReadSocketMessage(message)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(context.Background(), websocket.MessageText, m.Bytes()); err != nil {
		t.Fatal(err)
	}
	_, got, err := conn.Read(t.Context())
	if err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
