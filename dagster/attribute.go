package dagster

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// userTag is the key of the tag that Dagster's app shows as "Launched by"
	// (USER_TAG of dagster/_core/storage/tags.py).
	userTag = "user"
	// nobody is the tag's value for a person without a label. Without the tag a
	// re-execution would keep that of its parent, who is somebody else.
	nobody = "unknown"
	// each stands in a way for every item of a list.
	each = "*"
)

// ways tells, for each argument of a root field that launches something, the
// way to the tags of what is launched (dagster_graphql/schema/inputs.py).
//
// Dagster reads no tags of reexecutePartitionBackfill: it takes those of the
// first backfill. They are set for the day it does.
func ways(field string) map[string][]string {
	inExecution := []string{"executionMetadata", "tags"}
	switch field {
	case "launchRun", "launchPipelineExecution":
		return map[string][]string{"executionParams": inExecution}
	case "launchMultipleRuns":
		return map[string][]string{"executionParamsList": append([]string{each}, inExecution...)}
	case "launchRunReexecution", "launchPipelineReexecution":
		return map[string][]string{"executionParams": inExecution, "reexecutionParams": {"extraTags"}}
	case "reexecutePartitionBackfill":
		return map[string][]string{"reexecutionParams": {"extraTags"}}
	case "launchPartitionBackfill":
		return map[string][]string{"backfillParams": {"tags"}}
	}
	return nil
}

// attribution puts the tag of one person into the launches of one operation,
// and takes out whatever the client says of its own about it. The tag goes
// where the value stands: into a literal, into a variable that was sent, or
// into the default of one that was not. The rest of an argument stays as it is,
// for a literal and a variable of the same look are not always the same thing
// to Dagster: in a literal of RunConfigData it drops variables and large
// numbers (GenericScalar of graphene).
type attribution struct {
	label       string
	definitions ast.VariableDefinitionList
	variables   map[string]json.RawMessage
	// resent tells that a variable got another value.
	resent bool
	// dropped tells that a tag of the client's went out of a literal, and maybe
	// the last use of a variable with it.
	dropped bool
}

// plain makes a label one line of Unicode: Dagster would not take the request
// otherwise.
func plain(label string) string {
	label = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return '?'
		}
		return r
	}, label)
	if label == "" {
		return nobody
	}
	return label
}

// field attributes one root field. An argument that is null launches nothing.
func (a *attribution) field(f *ast.Field) error {
	for _, argument := range f.Arguments {
		way, ok := ways(f.Name)[argument.Name]
		if !ok || a.isNull(argument.Value) {
			continue
		}
		var err error
		if argument.Value, err = a.put(argument.Value, way); err != nil {
			return err
		}
	}
	return nil
}

// stand gives what a value comes to: JSON where it is a variable that was sent,
// a literal otherwise, and neither where there is nothing.
func (a *attribution) stand(v *ast.Value) (*ast.Value, json.RawMessage) {
	if v.Kind != ast.Variable {
		return v, nil
	}
	if raw, ok := a.variables[v.Raw]; ok {
		return nil, raw
	}
	if d := a.definitions.ForName(v.Raw); d != nil {
		return d.DefaultValue, nil
	}
	return nil, nil
}

func (a *attribution) isNull(v *ast.Value) bool {
	literal, raw := a.stand(v)
	return isNull(raw) && (literal == nil || literal.Kind == ast.NullValue)
}

// put goes the way into a value and sets the tags at its end. What is missing
// on the way is made. Where a list is expected one value is a list of one, as
// GraphQL has it (section 3.11, input coercion).
func (a *attribution) put(v *ast.Value, way []string) (*ast.Value, error) {
	switch {
	case v == nil || v.Kind == ast.NullValue:
		return a.made(way), nil
	case v.Kind == ast.Variable:
		return v, a.putVariable(v.Raw, way)
	case len(way) == 0:
		return a.retag(v)
	case way[0] == each:
		return a.putItems(v, way[1:])
	case v.Kind == ast.ObjectValue:
		return v, a.putMember(v, way[0], way[1:])
	}
	return nil, badTags(nil)
}

func (a *attribution) putItems(v *ast.Value, way []string) (*ast.Value, error) {
	if v.Kind != ast.ListValue {
		return a.put(v, way)
	}
	for _, item := range v.Children {
		var err error
		if item.Value, err = a.put(item.Value, way); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (a *attribution) putMember(v *ast.Value, name string, way []string) (err error) {
	found := false
	for _, member := range v.Children {
		if member.Name != name {
			continue
		}
		found = true
		if member.Value, err = a.put(member.Value, way); err != nil {
			return err
		}
	}
	if !found {
		v.Children = append(v.Children, &ast.ChildValue{Name: name, Value: a.made(way)})
	}
	return nil
}

// made is what stands at the end of a way where nothing stood before.
func (a *attribution) made(way []string) *ast.Value {
	if len(way) == 0 {
		return listOf(a.tag())
	}
	return objectOf(way[0], a.made(way[1:]))
}

func (a *attribution) tag() *ast.Value {
	tag := objectOf("key", &ast.Value{Kind: ast.StringValue, Raw: userTag})
	tag.Children = append(tag.Children, objectOf("value", &ast.Value{Kind: ast.StringValue, Raw: a.label}).Children...)
	return tag
}

func listOf(v *ast.Value) *ast.Value {
	return &ast.Value{Kind: ast.ListValue, Children: ast.ChildValueList{{Value: v}}}
}

func objectOf(name string, v *ast.Value) *ast.Value {
	return &ast.Value{Kind: ast.ObjectValue, Children: ast.ChildValueList{{Name: name, Value: v}}}
}

// retag gives a literal list of tags with ours at its head.
func (a *attribution) retag(v *ast.Value) (*ast.Value, error) {
	if v.Kind == ast.ObjectValue {
		v = listOf(v)
	}
	if v.Kind != ast.ListValue {
		return nil, badTags(nil)
	}
	list := listOf(a.tag())
	for _, item := range v.Children {
		theirs, err := a.isUser(item.Value)
		if err != nil {
			return nil, err
		}
		if theirs {
			a.dropped = true
			continue
		}
		list.Children = append(list.Children, item)
	}
	return list, nil
}

func (a *attribution) isUser(item *ast.Value) (bool, error) {
	literal, raw := a.stand(item)
	if literal == nil {
		return isUserJSON(raw)
	}
	if literal.Kind != ast.ObjectValue {
		return false, badTags(nil)
	}
	for _, member := range literal.Children {
		if member.Name == "key" && isUserKey(a.text(member.Value)) {
			return true, nil
		}
	}
	return false, nil
}

// text is the value of a string; empty for anything else, which Dagster would
// make no "user" of either.
func (a *attribution) text(v *ast.Value) (s string) {
	literal, raw := a.stand(v)
	if literal != nil && literal.Kind == ast.StringValue {
		return literal.Raw
	}
	_ = json.Unmarshal(raw, &s)
	return s
}

func isUserKey(key string) bool { return isKey(key, userTag) }

// isKey tells the key of a tag in any case and with spaces around it. Dagster's
// own code and its app read keys exactly as written; a filter in MySQL, where
// Dagster may keep its runs, compares neither case nor, with older collations,
// spaces at the end. MySQL 8's default equates accents and full-width letters
// too. We do not, so such a filter finds a key that we did not take for it.
func isKey(key, tag string) bool { return strings.EqualFold(strings.TrimSpace(key), tag) }

func (a *attribution) putVariable(name string, way []string) (err error) {
	raw, ok := a.variables[name]
	if d := a.definitions.ForName(name); !ok && d != nil && d.DefaultValue != nil {
		d.DefaultValue, err = a.put(d.DefaultValue, way)
		return err
	}
	a.resent = true
	a.variables[name], err = a.putJSON(raw, way)
	return err
}

// putJSON is put for the value of a variable.
func (a *attribution) putJSON(raw json.RawMessage, way []string) (json.RawMessage, error) {
	switch {
	case len(way) == 0:
		return a.retagJSON(raw)
	case way[0] == each:
		return a.putItemsJSON(raw, way[1:])
	}
	members := map[string]json.RawMessage{}
	if err := unmarshalUnlessNull(raw, &members); err != nil {
		return nil, badTags(err)
	}
	var err error
	if members[way[0]], err = a.putJSON(members[way[0]], way[1:]); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

func (a *attribution) putItemsJSON(raw json.RawMessage, way []string) (json.RawMessage, error) {
	items, isList := readList(raw)
	if !isList {
		return a.putJSON(raw, way)
	}
	for i := range items {
		var err error
		if items[i], err = a.putJSON(items[i], way); err != nil {
			return nil, err
		}
	}
	return json.Marshal(items)
}

func (a *attribution) retagJSON(raw json.RawMessage) (json.RawMessage, error) {
	items, isList := readList(raw)
	if !isList && !isNull(raw) {
		items = []json.RawMessage{raw}
	}
	list := []any{map[string]string{"key": userTag, "value": a.label}}
	for _, item := range items {
		theirs, err := isUserJSON(item)
		if err != nil {
			return nil, err
		}
		if !theirs {
			list = append(list, item)
		}
	}
	return json.Marshal(list)
}

func isUserJSON(raw json.RawMessage) (bool, error) {
	var members map[string]json.RawMessage // exact keys, as Python compares them
	if err := json.Unmarshal(raw, &members); err != nil {
		return false, badTags(err)
	}
	var key string
	_ = json.Unmarshal(members["key"], &key) // what is no string is another key
	return isUserKey(key), nil
}

func readList(raw json.RawMessage) (items []json.RawMessage, isList bool) {
	return items, bytes.HasPrefix(raw, []byte("[")) && json.Unmarshal(raw, &items) == nil
}

func unmarshalUnlessNull(raw json.RawMessage, into any) error {
	if isNull(raw) {
		return nil
	}
	return json.Unmarshal(raw, into)
}

func badTags(cause error) *Error {
	return unreadable("bad_tags", "The tags of what is to be launched could not be read.", cause)
}
