package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// generator writes requests with mutations that Dagster would run, each in
// another of the many ways to write it.
type generator struct {
	*rand.Rand
	catalog catalog

	// Of the document being written:
	declarations []string
	variables    map[string]any
	fragments    []string
}

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

// in tells yes once in n times.
func (g *generator) in(n int) bool { return g.IntN(n) == 0 }

func (g *generator) request() request {
	g.declarations, g.variables, g.fragments = nil, map[string]any{}, nil
	if g.in(12) {
		return g.subscription()
	}
	name := g.one("", "", "Run", "query", "on", "mutation")
	document := g.document(name)
	if g.in(15) {
		return g.otherEnvelope(document)
	}
	return g.envelope(document, name)
}

func (g *generator) document(name string) string {
	var fields []string
	for range 1 + g.IntN(3) {
		fields = append(fields, g.field())
	}
	operation := "mutation " + name + g.space() + g.declared() + "{" + strings.Join(fields, g.space()) + "}"
	others := g.fragments
	if name != "" && g.in(4) {
		others = append(others, g.one("query Look{version}", "subscription Watch{locationStateChangeEvents{__typename}}", "mutation Other{setNuxSeen}", "{version}"))
	}
	if g.in(10) {
		others = append(others, g.one("fragment Unused on Mutation{setNuxSeen}", "fragment Unused on Run{id}", "fragment A on Mutation{version}"))
	}
	all := append([]string{operation}, others...)
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return g.one("", "", "", "\ufeff", "# {version}\n", ",,", "\"\"\"{version}\"\"\"") + strings.Join(all, g.space()+" ")
}

func (g *generator) declared() string {
	if len(g.declarations) == 0 {
		return ""
	}
	return "(" + strings.Join(g.declarations, g.space()) + ")"
}

func (g *generator) space() string {
	return g.one(" ", " ", " ", "\n", ",", "\t", "\r", " # }\n", " #\r", ",,")
}

// field writes a root field, somewhere below the root.
func (g *generator) field() string {
	name := g.one(slices.Sorted(maps.Keys(g.catalog.Mutations))...)
	mutation := g.catalog.Mutations[name]
	var arguments []string
	for _, argument := range slices.Sorted(maps.Keys(mutation.Arguments)) {
		if kind := mutation.Arguments[argument]; kind.Required || !g.in(3) {
			arguments = append(arguments, argument+":"+g.space()+g.literal(kind, g.value(argument, kind, 0)))
		}
	}
	g.Shuffle(len(arguments), func(i, j int) { arguments[i], arguments[j] = arguments[j], arguments[i] })
	text := g.one("", "", "", "version:", "deleteRun : ", "a"+strconv.Itoa(len(g.declarations))+":") + name
	if len(arguments) > 0 {
		text += "(" + strings.Join(arguments, g.space()) + ")"
	}
	text += g.directive()
	if !mutation.Leaf {
		text += "{__typename}"
	}
	return g.wrapped(text)
}

func (g *generator) directive() string {
	switch g.IntN(12) {
	case 0:
		return "@include(if:true)"
	case 1:
		return "@skip(if:" + g.literal(kind{Required: true, Scalar: "Boolean"}, g.in(2)) + ")"
	}
	return ""
}

// wrapped puts a field into fragments.
func (g *generator) wrapped(text string) string {
	for g.in(3) {
		if g.in(2) {
			text = "..." + g.one(" on Mutation", "") + g.directive() + "{" + text + "}"
			continue
		}
		name := "F" + strconv.Itoa(len(g.fragments))
		g.fragments = append(g.fragments, "fragment "+name+" on Mutation{"+text+"}")
		text = "..." + name + g.directive()
	}
	return text
}

// value is one that graphql-core takes for a kind, or nearly.
func (g *generator) value(name string, k kind, depth int) any {
	switch {
	case !k.Required && g.in(12):
		return nil
	case k.List != nil:
		if g.in(6) {
			return g.value(name, *k.List, depth) // a single value is taken for a list of it
		}
		list := make([]any, g.IntN(3))
		for i := range list {
			list[i] = g.value(name, *k.List, depth)
		}
		return list
	case k.Input != "":
		return g.object(k.Input, depth)
	case len(k.Values) > 0:
		return enum(g.one(k.Values...))
	}
	return g.scalar(name, k)
}

type enum string

func (g *generator) object(input string, depth int) map[string]any {
	members := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(g.catalog.Inputs[input])) {
		if k := g.catalog.Inputs[input][name]; k.Required || depth < 4 && g.in(2) {
			members[name] = g.value(name, k, depth+1)
		}
	}
	return members
}

func (g *generator) scalar(name string, k kind) any {
	switch k.Scalar {
	case "Boolean":
		return g.in(2)
	case "Int":
		return g.IntN(9)
	case "Float":
		return float64(g.IntN(9)) / 2
	case "RunConfigData", "GenericScalar":
		return map[string]any{"ops": map[string]any{"count": g.one("a", "b", "")}}
	}
	switch {
	case strings.HasSuffix(name, "ocationName"):
		return g.one("sales", "marketing", "broken", "", "sales ", "Sales", "s\u0430les", "sal\u200bes", "nowhere")
	case name == "jobName", name == "pipelineName":
		return g.one("counting", "mailing", "__ASSET_JOB", "__ASSET_JOB_0", "", "nothing")
	case name == "key":
		return g.one("user", "User", "user ", "dagster/partition", "")
	}
	return g.one("one", "two", "", "t\u00e9l\u00e9", "\u2028", "\"", "\\", "a\nb", "\U0001F600", "x;y:z", "null", "1")
}

// literal writes a value into the document, or a variable in its place.
func (g *generator) literal(k kind, value any) string {
	if g.in(5) {
		return g.variable(k, value)
	}
	switch v := value.(type) {
	case nil:
		return "null"
	case enum:
		return string(v)
	case string:
		return g.text(v)
	case []any:
		return g.list(k, v)
	case map[string]any:
		return g.members(k, v)
	}
	return fmt.Sprint(value)
}

func (g *generator) list(k kind, items []any) string {
	var written []string
	for _, item := range items {
		written = append(written, g.literal(element(k), item))
	}
	return "[" + strings.Join(written, g.space()) + "]"
}

func element(k kind) kind {
	if k.List != nil {
		return *k.List
	}
	return k
}

func (g *generator) members(k kind, members map[string]any) string {
	k = element(k)
	var written []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		inner, known := g.catalog.Inputs[k.Input][name]
		if text := g.constant(members[name]); !known {
			written = append(written, name+":"+text)
		} else {
			written = append(written, name+g.one(":", " : ")+g.literal(inner, members[name]))
		}
	}
	return "{" + strings.Join(written, g.space()) + "}"
}

// constant is a literal without variables, as a default has to be.
func (g *generator) constant(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case enum:
		return string(v)
	case string:
		return g.text(v)
	case []any:
		var written []string
		for _, item := range v {
			written = append(written, g.constant(item))
		}
		return "[" + strings.Join(written, " ") + "]"
	case map[string]any:
		var written []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			written = append(written, name+":"+g.constant(v[name]))
		}
		return "{" + strings.Join(written, ",") + "}"
	}
	return fmt.Sprint(value)
}

// text writes a string in one of GraphQL's ways.
func (g *generator) text(s string) string {
	if g.in(6) && !strings.ContainsAny(s, "\"\\\n") && s != "" {
		return `"""` + g.one("", "\n", "\n  ") + s + g.one("", "\n") + `"""`
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case g.in(8) && c > 0xffff:
			fmt.Fprintf(&b, `\u{%x}`, c)
		case g.in(8) && c <= 0xffff:
			fmt.Fprintf(&b, g.one(`\u%04x`, `\u%04X`), c)
		default:
			b.WriteRune(c)
		}
	}
	return `"` + b.String() + `"`
}

// variable declares one, with a value, a default, both, or neither.
func (g *generator) variable(k kind, value any) string {
	name := g.one("v", "query", "selector", "_") + strconv.Itoa(len(g.declarations))
	declaration := "$" + name + g.one(":", " : ") + k.String()
	if k.Required && g.in(3) {
		declaration = "$" + name + ":" + strings.TrimSuffix(k.String(), "!")
	}
	switch g.IntN(6) {
	case 0:
		declaration += "=" + g.constant(value)
	case 1: // the default is a decoy
		declaration += "=" + g.constant(g.value("repositoryLocationName", k, 2))
		g.variables[name] = value
	case 2: // the other way round, where null is a value too
		declaration += "=" + g.constant(value)
		g.variables[name] = nil
	default:
		g.variables[name] = value
	}
	g.declarations = append(g.declarations, declaration)
	return "$" + name
}

// String is the kind as GraphQL writes it.
func (k kind) String() string {
	name := k.Input + k.Scalar
	if k.List != nil {
		name = "[" + k.List.String() + "]"
	}
	if k.Required {
		name += "!"
	}
	return name
}

// envelope is a POST as the app sends it, with what else Dagster would take.
func (g *generator) envelope(document, name string) request {
	var variables any = g.variables
	if g.in(10) {
		text, _ := json.Marshal(g.variables)
		variables = string(text)
	}
	members := []string{`"query":` + g.json(document)}
	if len(g.variables) > 0 || g.in(3) {
		members = append(members, `"variables":`+g.json(variables))
	}
	switch {
	case g.in(12):
		members = append(members, `"operationName":`+g.one(g.json(name), "null", `"Look"`, `""`))
	case name != "":
		members = append(members, `"operationName":`+g.json(name))
	}
	if g.in(20) {
		members = append(members, g.one(`"extensions":{}`, `"Query":"{version}"`, `"query":"{version}"`, `"variables":{}`, `"id":1`))
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return request{
		Method: "POST", ContentType: []string{g.one("application/json", "application/json", "application/json; charset=utf-8", "application/json;")},
		Query: []byte(g.one("", "op=Test", "op=%7B", "Query=%7Bversion%7D")), Body: []byte("{" + strings.Join(members, g.one(",", ", ", " ,\n")) + "}"),
	}
}

// json writes a value with some of the escapes that JSON has.
func (g *generator) json(value any) string {
	plain, _ := json.Marshal(value)
	var b strings.Builder
	escaped := false
	for _, c := range string(plain) {
		if !escaped && g.in(60) && c > ' ' && c < 0xffff && !strings.ContainsRune(`"\{}[]:,0123456789.truefalsn-`, c) {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		escaped = c == '\\' && !escaped
		b.WriteRune(c)
	}
	return b.String()
}

// otherEnvelope puts the document where Dagster looks as well.
func (g *generator) otherEnvelope(document string) request {
	r := request{Method: g.one("GET", "POST", "POST", "PUT", "HEAD"), Body: []byte(g.one("", "{version}", `{"query":"{version}"}`, document))}
	r.Query = []byte(url.Values{"query": {document}, "variables": {g.json(g.variables)}}.Encode())
	for range g.IntN(3) {
		r.ContentType = append(r.ContentType, g.one("text/plain", "application/graphql", "application/json", "text/plain; application/json",
			"application/x-www-form-urlencoded", "Application/JSON", "application/json, application/graphql", ""))
	}
	return r
}

func (g *generator) subscription() request {
	id, _ := json.Marshal(g.one("1", "r", ""))
	document := g.one(
		`subscription S{locationStateChangeEvents{event{message}}}`,
		`subscription S($r:ID!){pipelineRunLogs(runId:$r){__typename}}`,
		`subscription{...A} fragment A on Subscription{x:capturedLogs(logKey:["a"]){stdout}}`,
		`subscription S{locationStateChangeEvents{__typename}} mutation T{setNuxSeen}`,
		`mutation S{setNuxSeen}`, `{version}`,
	)
	payload := fmt.Sprintf(`{"query":%s,"variables":{"r":%s}%s}`, g.json(document), id,
		g.one("", `,"operation_name":"S"`, `,"operationName":"S"`, `,"operation_name":"T"`, `,"operationName":"T","operation_name":"S"`))
	return request{Socket: []byte(`{"type":` + g.one(`"start"`, `"start"`, `"st\u0061rt"`, `"stop"`) + `,"id":` + string(id) + `,"payload":` + payload + `}`)}
}
