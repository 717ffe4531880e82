package dagster

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// FuzzStrict holds our reading of JSON against encoding/json, token by token:
// the same is refused, and of the same object the same members are read.
func FuzzStrict(f *testing.F) {
	for _, row := range slices.Concat(bodies(f), []string{
		`{"a":[1,-0.5e+3,true,false,null,"x"],"b":{"c":{}}}`, ` { } `, `[]`, `[[],{}]`, `"a"`, `1`, ``, ` `,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[{"a":{"b":1,"b":1}}]`, `{"a":1,"A":2}`, `{"":1,"":1}`,
		`{"a":[1,]}`, `{"a":1,}`, `{,}`, `[,]`, `[1[2]]`, `[[1][2]]`, `{"a"{}}`, `{"a":{"b":1]}`, `[1}`, `[1 2]`, `{"a" 1}`, `{"a",1}`, `[1:2]`, `{1:2}`, `{"a"}`,
		`{"a":1}x`, `{"a":1}{}`, `{"a":1},`, `{"a":`, `{"a`, `[`, `{`,
		`01`, `-`, `1.`, `.1`, `1e`, `+1`, `-0`, `nul`, `nullx`, `True`, `NaN`, `Infinity`, `'a'`, `/**/1`,
		`"`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `{"a":"\/\b\f\n\r\t"}`,
		`"\ud800"`, `"\udc00"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"\ud83d\\ude00"`, `"\\ud800"`, `"\ufffd"`, `"�"`, `{"\ud800":1}`, `{"a":{"\uD800x":1}}`,
		"\"\xff\"", "\"\xed\xa0\x80\"", "\"\n\"", "\"\x00\"", "\"\x7f\"", "[1\x00]", "[1]\x00", "\ufeff{}", "{\"a\":\v1}", "{\"a\" : 1 ,\r\n\t\"b\":2}", "[1\u00a0]",
		nest(127), nest(128), nest(129), `{"a":` + nest(127) + `}`, `{"a":` + nest(128) + `}`,
	}) {
		f.Add([]byte(row))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, wanted := reference(raw)
		if err := checkJSON(raw); (err == nil) != (wanted == nil) {
			t.Errorf("%q: %v, want %v", raw, err, wanted)
		}
		got, err := readObject(raw, slices.Collect(maps.Keys(want))...)
		if (err == nil) != (want != nil) || !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%q: members %s, %v, want %s", raw, got, err, want)
		}
	})
}

// A document is known by its text: that two have one hash must not make one of
// them.
func TestDocumentsOfOneHash(t *testing.T) {
	r := NewReader(nil)
	query := json.RawMessage(`"mutation{setNuxSeen}"`)
	other, err := r.document(json.RawMessage(`"{version}"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.documents.Add(r.key(query, nil), known{`"{version}"`, other})
	if d, err := r.document(query, nil); err != nil || d.kind != Mutation {
		t.Errorf("%+v, %v", d, err)
	}
}

// reference reads JSON with encoding/json, and of an object gives the members.
func reference(raw []byte) (map[string]json.RawMessage, error) {
	d := newDecoder(raw)
	if err := referenceValue(d, 0); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more after the value")
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members) // nothing else is an object
	return members, nil
}

func referenceValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch x := t.(type) {
	case string:
		return checkText(x)
	case json.Delim:
		return referenceMembers(d, x == '{', depth+1)
	}
	return nil
}

func referenceMembers(d *json.Decoder, object bool, depth int) error {
	if depth > maxNesting {
		return errors.New("nests too deeply")
	}
	seen := map[json.Token]bool{}
	for d.More() {
		if object {
			key, err := d.Token()
			text, ok := key.(string)
			if err != nil || !ok || seen[key] || checkText(text) != nil {
				return errors.New("key")
			}
			seen[key] = true
		}
		if err := referenceValue(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func bodies(t testing.TB) (all []string) {
	raw, err := os.ReadFile("testdata/tricks.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Body string }
	if err := json.Unmarshal(raw, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		all = append(all, row.Body)
	}
	return all
}
