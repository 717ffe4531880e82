package dagster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNesting is how deep a JSON body may nest. Run configuration stays far
// below; Python's own parser gives up near a thousand.
const maxNesting = 128

// envelope is what surrounds a GraphQL document.
type envelope struct {
	query     json.RawMessage // a JSON string, not decoded: documents are known by it
	operation *string         // nil where none was named, which "" is not
	variables json.RawMessage // a JSON object, or nil
}

// openHTTP finds the envelope where Dagster looks for it
// (GraphQLServer.graphql_http_endpoint): in the query string of a GET, in the
// JSON body of a POST. The two other places Dagster would look in, a body of
// application/graphql and the query string of any other POST, are refused.
func openHTTP(method string, contentType []string, rawQuery string, body []byte) (envelope, error) {
	parameters, err := readQuery(rawQuery)
	if err != nil {
		return envelope{}, err
	}
	switch method {
	case http.MethodGet:
		return openQuery(parameters)
	case http.MethodPost:
		return openPost(contentType, parameters, body)
	}
	return envelope{}, wrongMethod()
}

func openPost(contentType []string, parameters url.Values, body []byte) (envelope, error) {
	if err := requireJSON(contentType); err != nil {
		return envelope{}, err
	}
	if parameters.Has("query") || parameters.Has("variables") || parameters.Has("operationName") {
		return envelope{}, unreadable("two_requests", "A GraphQL request stands in the body or in the address, not in both.", nil)
	}
	if len(body) > MaxBody {
		return envelope{}, tooLarge()
	}
	members, err := readObject(body, "query", "variables", "operationName", "extensions")
	if err != nil {
		return envelope{}, err
	}
	return openMembers(members, "operationName")
}

// requireJSON wants the media type to be JSON by the rules of MIME and by
// Dagster's own, a case-sensitive search for the words.
func requireJSON(contentType []string) error {
	if len(contentType) == 1 && contentType[0] == "application/json" {
		return nil // as nearly every client writes it
	}
	refusal := &Error{
		Status: http.StatusUnsupportedMediaType, Reason: "not_json",
		Message: "A GraphQL request is sent with Content-Type: application/json.",
	}
	if len(contentType) != 1 || !strings.Contains(contentType[0], "application/json") {
		return refusal
	}
	media, parameters, err := mime.ParseMediaType(contentType[0])
	if err != nil || media != "application/json" {
		return refusal
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return refusal
	}
	return nil
}

func readQuery(raw string) (url.Values, error) {
	if len(raw) > MaxBody {
		return nil, tooLarge()
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, unreadable("bad_query_string", "The query string could not be read.", err)
	}
	return values, nil
}

func openQuery(parameters url.Values) (envelope, error) {
	members := map[string]json.RawMessage{}
	for _, name := range []string{"query", "variables", "operationName"} {
		values := parameters[name]
		if len(values) > 1 {
			return envelope{}, unreadable("repeated_parameter", "The query string names a parameter twice.", nil)
		}
		if len(values) == 1 {
			if err := checkText(values[0]); err != nil {
				return envelope{}, badJSON(err)
			}
			members[name], _ = json.Marshal(values[0])
		}
	}
	return openMembers(members, "operationName")
}

// openMembers takes the three members out. The key of the operation's name is
// not the same over HTTP and on a socket.
func openMembers(members map[string]json.RawMessage, operationKey string) (e envelope, err error) {
	if e.query = members["query"]; !isText(e.query) {
		return envelope{}, unreadable("no_query", "No GraphQL query was found in the request.", nil)
	}
	if name := members[operationKey]; !isNull(name) {
		if err := json.Unmarshal(name, &e.operation); err != nil {
			return envelope{}, unreadable("bad_operation_name", "The name of the operation is not a string.", err)
		}
	}
	e.variables, err = readVariables(members["variables"])
	return e, err
}

// readVariables takes an object, or a string that holds one: both are an object
// to Dagster over HTTP.
func readVariables(raw json.RawMessage) (json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	if isText(raw) {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, badJSON(err)
		}
		raw = json.RawMessage(text)
		if err := checkJSON(raw); err != nil {
			return nil, err
		}
	}
	raw = bytes.TrimSpace(raw)
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, unreadable("bad_variables", "The variables are not an object.", nil)
	}
	return compact(raw)
}

func compact(raw json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, badJSON(err)
	}
	return b.Bytes(), nil
}

func isText(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '"' }

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// readObject reads a JSON object whose keys are all among those given. Keys are
// compared exactly: encoding/json would take "Query" for "query" when it fills
// a struct, Python would not.
func readObject(raw []byte, keys ...string) (map[string]json.RawMessage, error) {
	s, err := newStrict(raw)
	if err != nil {
		return nil, badJSON(err)
	}
	if s.space() != '{' {
		if err := checkJSON(raw); err != nil {
			return nil, err
		}
		return nil, unreadable("not_an_object", "A GraphQL request is one JSON object.", nil)
	}
	members, err := s.object(1)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, badJSON(err)
	}
	for key := range members {
		if !slices.Contains(keys, key) {
			return nil, unreadable("unknown_key", "The GraphQL request has a key that nobody reads.", fmt.Errorf("key %q", key))
		}
	}
	return members, nil
}

// newDecoder reads what was checked already, and leaves numbers as they are
// written.
func newDecoder(raw []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d
}

// checkJSON refuses what is not strict JSON, one value of it.
func checkJSON(raw []byte) error {
	s, err := newStrict(raw)
	if err == nil {
		err = s.value(0)
	}
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return badJSON(err)
	}
	return nil
}

// checkText refuses the replacement character. Decoders put it in the place of
// whatever they cannot decode, so that a text with one in it may have been
// another text before.
func checkText(s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return errors.New("text is not Unicode")
	}
	return nil
}

func badJSON(cause error) *Error {
	return unreadable("malformed_json", "The request could not be read as JSON.", cause)
}

func tooLarge() *Error {
	return &Error{
		Status: http.StatusRequestEntityTooLarge, Reason: "too_large",
		Message: "The GraphQL request is larger than 1 MiB.",
	}
}
