package dagster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

func TestDropHidden(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"none", `{"a":1}`, `{"a":1}`},
		{"alone", `{"dagpass_a":1}`, `{}`},
		{"first", `{"dagpass_a":1,"b":2}`, `{"b":2}`},
		{"last", `{"b":2,"dagpass_a":1}`, `{"b":2}`},
		{"middle", `{"b":2,"dagpass_a":{"c":[1,{"d":"}"}]},"e":3}`, `{"b":2,"e":3}`},
		{"two at the end", `{"b":2,"dagpass_a":1,"dagpass_b":2}`, `{"b":2}`},
		{"two at the beginning", `{"dagpass_a":1,"dagpass_b":2,"c":3}`, `{"c":3}`},
		{"all", `{"dagpass_a":1,"dagpass_b":2}`, `{}`},
		{"here and there", `{"dagpass_a":1,"b":2,"dagpass_c":3,"d":4,"dagpass_e":5}`, `{"b":2,"d":4}`},
		{"what is the client's", `{"runConfig":{"ops":{"dagpass_loader":1}},"dagpass_a":2,"b":[{"dagpass_c":3}]}`, `{"runConfig":{"ops":{"dagpass_loader":1}},"b":[{"dagpass_c":3}]}`},
		{"white space", "{ \"a\" : 1 ,\n \"dagpass_b\" : 2 }", "{ \"a\" : 1 }"},
		{"an escaped key", `{"\u0064agpass_a":1,"b":2}`, `{"b":2}`},
		{"a key that ends so", `{"a_dagpass_":1,"Dagpass_b":2}`, `{"a_dagpass_":1,"Dagpass_b":2}`},
		{"in a text", `{"a":"{\"dagpass_b\":1}"}`, `{"a":"{\"dagpass_b\":1}"}`},
		{"a text that ends in a backslash", `{"a":"\\","dagpass_b":"\\\"","c":"\\"}`, `{"a":"\\","c":"\\"}`},
		{"twice", `{"dagpass_a":1,"b":2,"dagpass_a":1}`, `{"b":2}`},
		{"no JSON after it", `{"dagpass_a":1}}`, `{"dagpass_a":1}}`},
		{"broken off", `{"dagpass_a":1,`, `{"dagpass_a":1,`},
	} {
		around := func(value string) string {
			return `{"data":{"x":` + value + `,"other":{"dagpass_a":1}},"errors":[{"message":"no","path":[{"dagpass_a":1}]}]}`
		}
		if got := string(dropHidden([]byte(around(tt.body)), []Field{{Name: "launchRun", Key: "x"}})); got != around(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, around(tt.want))
		}
	}
}

// TestDepth gives up where a stack would grow without end.
func TestDepth(t *testing.T) {
	deep := `{"data":{"x":{"dagpass_a":1,"b":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + `}}}`
	if got := string(dropHidden([]byte(deep), []Field{{Key: "x"}})); got != deep {
		t.Error("edited")
	}
}

// pair is a member of an object, for JSON with its order and its repetitions.
type pair struct {
	key   string
	value any // []pair, []any, or a json.RawMessage of a scalar
}

// decoded reads JSON with encoding/json, for comparison.
func decoded(d *json.Decoder, t json.Token) any {
	switch t {
	case json.Delim('{'):
		list := []pair{}
		for key := token(d); key != json.Delim('}'); key = token(d) {
			list = append(list, pair{key.(string), decoded(d, token(d))})
		}
		return list
	case json.Delim('['):
		list := []any{}
		for item := token(d); item != json.Delim(']'); item = token(d) {
			list = append(list, decoded(d, item))
		}
		return list
	}
	b, _ := json.Marshal(t)
	return json.RawMessage(b)
}

func token(d *json.Decoder) json.Token { t, _ := d.Token(); return t }

func decodedFrom(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return decoded(d, token(d))
}

// followed is what a plan makes of a value, with trees instead of bytes.
func followed(t *trimmer, v any, n *node, around *scene) any {
	switch x := v.(type) {
	case []pair:
		own := &scene{}
		if n != nil && n.inherits {
			*own = *around
		}
		if n != nil && n.rule != nil {
			n = nil
		}
		out := []pair{}
		for _, m := range x {
			if n != nil && strings.HasPrefix(m.key, hiddenPrefix) {
				own.learn([]byte(m.key), flat(m.value))
				continue
			}
			out = append(out, pair{m.key, followed(t, m.value, n.at([]byte(m.key)), own)})
		}
		return out
	case []any:
		if n != nil && n.rule != nil {
			n = nil
		}
		out := []any{}
		for _, item := range x {
			out = append(out, followed(t, item, n, around))
		}
		return out
	}
	if n != nil && n.rule != nil {
		if instead, ok := t.edit(n.rule, around, v.(json.RawMessage)); ok {
			return decodedFrom(instead)
		}
	}
	return v
}

// flat is JSON of a tree.
func flat(v any) []byte {
	switch x := v.(type) {
	case []pair:
		var parts []string
		for _, m := range x {
			key, _ := json.Marshal(m.key)
			parts = append(parts, string(key)+":"+string(flat(m.value)))
		}
		return []byte("{" + strings.Join(parts, ",") + "}")
	case []any:
		var parts []string
		for _, item := range x {
			parts = append(parts, string(flat(item)))
		}
		return []byte("[" + strings.Join(parts, ",") + "]")
	}
	return v.(json.RawMessage)
}

func nesting(b []byte) (deepest int) {
	d, now := json.NewDecoder(bytes.NewReader(b)), 0
	for t, err := d.Token(); err == nil; t, err = d.Token() {
		switch t {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
	return deepest
}

// FuzzScan holds the scanner against encoding/json: what is no JSON stays, an
// empty plan changes no byte, and any other gives JSON that differs only where
// the plan says so.
func FuzzScan(f *testing.F) {
	for _, row := range seeds {
		f.Add([]byte(row))
	}
	plans := []*node{{}, {below: map[string]*node{"data": {below: map[string]*node{"a": {}, "p": {}}}}}}
	for _, row := range trimmedDocuments(f) {
		plans = append(plans, planOf(f, row.Query).top)
	}
	people := []policy.Access{viewer, marketing, launcher, admin}
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := json.Valid(body)
		for i, plan := range slices.Insert(plans, 0, nil) {
			who := &trimmer{access: people[i%len(people)], scoped: i%len(people) == 1}
			got := edited(bytes.Clone(body), plan, &scene{located: true}, who.edit)
			if !valid || plan == nil || nesting(body) > maxAnswerDepth {
				if !bytes.Equal(got, body) {
					t.Fatalf("plan %d: %q became %q", i, body, got)
				}
				continue
			}
			want := followed(who, decodedFrom(body), plan, &scene{located: true})
			if !json.Valid(got) || !bytes.Equal(flat(decodedFrom(got)), flat(want)) {
				t.Fatalf("plan %d: %q became %q, want %s", i, body, got, flat(want))
			}
		}
	})
}

var seeds = []string{
	``, ` `, `null`, `[]`, `{}`, `-0.5e+3`, `01`, `1.`, `"\ud834\udd1e"`, `"\x"`, "\"\t\"", `{"a":}`, `[1,]`, `{"a":1,}`, `{"data":tru}`,
	`{"data":{"canBulkTerminate":true,"dagpass_x":1},"errors":[{"dagpass_x":2}]}`,
	`{"data":{"p":[{"dagpass_permission":"edit_sensor","value":true,"disabledReason":null},{"dagpass_permission":null,"value":true}]}}`,
	`{"data":{"permissions":[[{"dagpass_permission":"wipe_assets","value":true,"disabledReason":null,"dagpass_permission":{"a":"edit_sensor"},"value":true}]]}}`,
	`{"data":{"locationStatusesOrError":{"entries":[{"dagpass_at_entry":"finance","permissions":[{"dagpass_permission":"edit_sensor","value":true}]}]}}}`,
	`{"data":{"runOrError":{"dagpass_at_run":{"repositoryLocationName":"marketing"},"hasTerminatePermission":true,"hasDeletePermission":true}}}`,
	`{"data":{"runsFeedOrError":{"results":[{"dagpass_at_run":null,"hasTerminatePermission":true,"x":true},{"dagpass_assets":true,"dagpass_at_backfill":{"repositoryOrigin":{"repositoryLocationName":"a"}},"hasCancelPermission":true}]}}}`,
	`{"data":{"repositoriesOrError":{"nodes":[{"dagpass_at_repository":{"name":"marketing"},"assetManifest":[{"hasWipePermission":true,"dagpass_a":1}]}]}}}`,
	`{"data":{"instigationStatesOrError":{"results":[{"dagpass_kind":"SENSOR","dagpass_at_instigator":"a","hasStartPermission":true,"hasStopPermission":true}]}}}`,
	` { "dagpass_a" : [ { } , null ] , "\u0064agpass_b" : { "c" : "\\" } } `,
	fmt.Sprintf(`{"a":%s%s}`, strings.Repeat("[", 600), strings.Repeat("]", 600)),
}
