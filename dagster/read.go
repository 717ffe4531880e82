package dagster

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"net/http"

	"github.com/dagpass/dagpass/policy"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// MaxBody is the largest GraphQL request, in bytes: of a body, of a query
	// string and of a message on a socket. Read one byte more to see that a
	// body is larger.
	MaxBody = 1 << 20

	// The app sends the same two hundred documents all day, of 8 KB at most.
	// Larger ones are not kept, so that the cache cannot grow beyond some
	// megabytes.
	cachedDocuments   = 256
	maxCachedDocument = 16 << 10
)

// Kind is the kind of an operation.
type Kind string

const (
	Query        Kind = "query"
	Mutation     Kind = "mutation"
	Subscription Kind = "subscription"
)

// Field is a root field of an operation.
type Field struct {
	// Name is the field of Dagster's schema, such as launchRun.
	Name string
	// Key is where the answer has it: the alias, or the name.
	Key string
}

// Call is one GraphQL operation, understood.
type Call struct {
	Kind Kind
	// Name is the operation's own, chosen by the client; empty if it has none.
	Name string
	// Fields are the root fields in their order, each once, those behind @skip
	// and @include among them. Shared between calls: read only.
	Fields []Field
	// Needs are what its selection takes, every one of them. Never empty. What
	// the mutations in it take besides is told by Reader.Deeds. Shared between
	// calls: read only.
	Needs []policy.Want

	document  *document
	variables json.RawMessage
}

// payload is the request to forward as a JSON object: keys query, variables and
// the one of the operation's name, the last two where there is something to say.
func (c *Call) payload(query, variables json.RawMessage, operationKey string) []byte {
	b := make([]byte, 0, len(query)+len(variables)+len(c.Name)+64)
	b = append(append(b, `{"query":`...), query...)
	if variables != nil {
		b = append(append(b, `,"variables":`...), variables...)
	}
	if c.Name != "" {
		// A GraphQL name needs no escaping.
		b = append(append(b, `,"`+operationKey+`":"`...), c.Name...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// Reader reads GraphQL requests. It remembers the documents it has seen, which
// saves parsing what the app sends again and again. It is safe for concurrent
// use.
type Reader struct {
	documents *lru.Cache[documentKey, known]
	seed      maphash.Seed
	ask       Ask
	lookups   lookups
}

// Ask sends the body of a GraphQL request to Dagster as one POST of
// application/json, as ourselves, and gives the body of the answer. Anything
// but status 200 is an error. It is expected to take bounded time.
type Ask func(ctx context.Context, body []byte) ([]byte, error)

// documentKey finds a document quickly. Two documents may have one, so that it
// does not tell which it is.
type documentKey struct {
	hash      uint64 // of the query
	named     bool
	operation string
}

// known is a document with the query that it was read from, as that is written
// in JSON.
type known struct {
	query string
	*document
}

// NewReader makes a Reader with an empty memory, which asks Dagster where an
// argument names only a run, a backfill, an asset or the like.
func NewReader(ask Ask) *Reader {
	// The size is positive, which is all that New can complain about.
	documents, _ := lru.New[documentKey, known](cachedDocuments)
	return &Reader{documents: documents, seed: maphash.MakeSeed(), ask: ask, lookups: newLookups()}
}

// ReadHTTP reads a request for /graphql that Classify gave the class GraphQL.
// contentType is the header with all its lines; rawQuery the query string,
// still escaped; body at most MaxBody bytes and one more. The error is an
// *Error.
//
// A mutation over GET is refused for everybody: a picture on a foreign page
// could send it. (GraphQL over HTTP, section 6.2.1, asks for the same.)
func (r *Reader) ReadHTTP(method string, contentType []string, rawQuery string, body []byte) (*Call, error) {
	e, err := openHTTP(method, contentType, rawQuery, body)
	if err != nil {
		return nil, err
	}
	call, err := r.call(e)
	if err != nil {
		return nil, err
	}
	if err := call.requireHTTP(method); err != nil {
		return nil, err
	}
	return call, nil
}

func (r *Reader) call(e envelope) (*Call, error) {
	d, err := r.document(e.query, e.operation)
	if err != nil {
		return nil, err
	}
	return &Call{
		Kind: d.kind, Name: d.name, Fields: d.fields, Needs: d.needs,
		document: d, variables: e.variables,
	}, nil
}

func (r *Reader) document(query json.RawMessage, operation *string) (*document, error) {
	key := r.key(query, operation)
	if k, ok := r.documents.Get(key); ok && k.query == string(query) {
		return k.document, nil
	}
	var text string
	if err := json.Unmarshal(query, &text); err != nil {
		return nil, badJSON(err)
	}
	d, err := readDocument(text, operation)
	if err == nil && len(query) <= maxCachedDocument {
		r.documents.Add(key, known{string(query), d})
	}
	return d, err
}

func (r *Reader) key(query json.RawMessage, operation *string) documentKey {
	key := documentKey{hash: maphash.Bytes(r.seed, query), named: operation != nil}
	if key.named {
		key.operation = *operation
	}
	return key
}

func (c *Call) requireHTTP(method string) error {
	switch {
	case c.Kind == Mutation && method == http.MethodGet:
		return &Error{
			Status: http.StatusMethodNotAllowed, Reason: "mutation_over_get",
			Message: "A mutation is sent with POST.", Call: c,
		}
	case c.Kind == Subscription:
		return &Error{
			Status: http.StatusBadRequest, Reason: "subscription_over_http",
			Message: "A subscription is opened over a WebSocket.", Call: c,
		}
	}
	return nil
}
