package dagster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	query     string
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
	if err := json.Unmarshal(members["query"], &e.query); err != nil || isNull(members["query"]) {
		return envelope{}, unreadable("no_query", "No GraphQL query was found in the request.", err)
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
	var text string
	if json.Unmarshal(raw, &text) == nil {
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
	return compact(raw), nil
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	// checkJSON went before, so that this cannot fail.
	_ = json.Compact(&b, raw)
	return b.Bytes()
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// readObject reads a JSON object whose keys are all among those given. Keys are
// compared exactly: encoding/json would take "Query" for "query" when it fills
// a struct, Python would not.
func readObject(raw []byte, keys ...string) (map[string]json.RawMessage, error) {
	d := newDecoder(raw)
	token, err := d.Token()
	if err != nil {
		return nil, badJSON(err)
	}
	if token != json.Delim('{') {
		return nil, unreadable("not_an_object", "A GraphQL request is one JSON object.", nil)
	}
	members, err := readMembers(d, raw)
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

// readMembers reads the rest of an object whose brace was read, and nothing may
// come after it. Values are checked and kept as they are written in raw.
func readMembers(d *json.Decoder, raw []byte) (map[string]json.RawMessage, error) {
	members, seen := map[string]json.RawMessage{}, map[string]bool{}
	for d.More() {
		key, err := readKey(d, seen)
		if err != nil {
			return nil, err
		}
		from := d.InputOffset()
		if err := checkValue(d, 1); err != nil {
			return nil, err
		}
		members[key] = bytes.TrimLeft(raw[from:d.InputOffset()], ": \t\r\n")
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	return members, requireNoMore(d)
}

func newDecoder(raw []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d
}

// checkJSON refuses what two readers of JSON may read differently: keys given
// twice, and text that is not Unicode (broken UTF-8, half a surrogate pair).
// What Python takes and the standard does not, such as NaN or UTF-16, is no
// JSON here either.
func checkJSON(raw []byte) error {
	d := newDecoder(raw)
	if err := checkValue(d, 0); err != nil {
		return badJSON(err)
	}
	if err := requireNoMore(d); err != nil {
		return badJSON(err)
	}
	return nil
}

func requireNoMore(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more after the value")
	}
	return nil
}

func checkValue(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case string:
		return checkText(t)
	case json.Delim:
		return checkMembers(d, t == '{', depth+1)
	}
	return nil
}

// checkMembers reads up to the end of an object or a list.
func checkMembers(d *json.Decoder, object bool, depth int) error {
	if depth > maxNesting {
		return errors.New("nests too deeply")
	}
	seen := map[string]bool{}
	for d.More() {
		if object {
			if _, err := readKey(d, seen); err != nil {
				return err
			}
		}
		if err := checkValue(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func readKey(d *json.Decoder, seen map[string]bool) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", err
	}
	key, ok := token.(string)
	if !ok {
		return "", errors.New("key is not a string")
	}
	if seen[key] {
		return "", errors.New("key given twice")
	}
	seen[key] = true
	return key, checkText(key)
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
