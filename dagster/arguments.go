package dagster

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
)

// enum is a name that stands in a document where a text would have quotes.
type enum string

// values makes plain values of what stands in a document, as graphql-core does
// (value_from_ast and coerce_input_value): texts, json.Number, bool, enum, nil,
// lists, and maps for input objects.
type values struct {
	variables map[string]any
	defined   map[string]*ast.VariableDefinition
	// left is how much may still be read of them, see maxRead.
	left int
}

const (
	// maxRead bounds what is read of one request's arguments, in bytes. It is more
	// than fits into a request, but not into one where a variable stands a thousand
	// times.
	maxRead = 4 * MaxBody
	// itemRead is what an item of a list counts for besides its text.
	itemRead = 40
)

// values reads the variables that came with a call. Text that was checked when
// it arrived (checkJSON) is read here again without a second look.
func (c *Call) values() (*values, error) {
	v := &values{defined: map[string]*ast.VariableDefinition{}, left: maxRead}
	for _, d := range c.document.operation.VariableDefinitions {
		v.defined[d.Variable] = d
	}
	if c.variables == nil {
		return v, nil
	}
	if err := newDecoder(c.variables).Decode(&v.variables); err != nil {
		return nil, badJSON(err)
	}
	return v, nil
}

// arguments are those of a root field.
func (v *values) arguments(field *ast.Field) (input, error) {
	members := map[string]any{}
	for _, a := range field.Arguments {
		if err := v.set(members, a.Name, a.Value); err != nil {
			return input{}, badArgument(fmt.Errorf("%s: %w", a.Name, err))
		}
	}
	return input{members: members, problem: new(error), left: &v.left}, nil
}

// set puts a value under its name. Of two values of one name two readers may
// take different ones.
func (v *values) set(members map[string]any, name string, x *ast.Value) (err error) {
	if _, twice := members[name]; twice {
		return fmt.Errorf("%q is given twice", name)
	}
	members[name], err = v.value(x)
	return err
}

// value is nil for null and for a variable that is not given.
func (v *values) value(x *ast.Value) (any, error) {
	switch x.Kind {
	case ast.Variable:
		return v.variable(x.Raw)
	case ast.StringValue, ast.BlockValue:
		return x.Raw, nil
	case ast.IntValue, ast.FloatValue:
		return json.Number(x.Raw), nil
	case ast.BooleanValue:
		return x.Raw == "true", nil
	case ast.NullValue:
		return nil, nil
	case ast.EnumValue:
		return enum(x.Raw), nil
	case ast.ListValue:
		return v.list(x)
	case ast.ObjectValue:
		return v.object(x)
	}
	return nil, fmt.Errorf("value of kind %d", x.Kind)
}

// variable is what was sent, null included, else the default, else not given: a
// default does not stand in for a null.
func (v *values) variable(name string) (any, error) {
	definition := v.defined[name]
	if definition == nil {
		return nil, fmt.Errorf("variable %q is not defined", name)
	}
	value, sent := v.variables[name]
	if !sent && definition.DefaultValue != nil {
		// A default is a constant: no variable of ours can be in it.
		return (&values{}).value(definition.DefaultValue)
	}
	if definition.Type.NonNull && value == nil {
		return nil, fmt.Errorf("variable %q is required", name)
	}
	return value, nil
}

func (v *values) list(x *ast.Value) ([]any, error) {
	items := make([]any, len(x.Children))
	for i, child := range x.Children {
		var err error
		if items[i], err = v.value(child.Value); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (v *values) object(x *ast.Value) (map[string]any, error) {
	members := map[string]any{}
	for _, child := range x.Children {
		if err := v.set(members, child.Name, child.Value); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// input is an input object, or the arguments of a field. Null and not given are
// the same: for everything that is looked for here Dagster takes them so. What
// has another shape than Dagster takes is noted in problem, which is shared by
// all that was taken out of one field's arguments; left is shared by all that is
// read of one request's.
type input struct {
	members map[string]any
	problem *error
	left    *int
}

var (
	errShape   = errors.New("another type than Dagster takes")
	errTooMuch = errors.New("too many items")
)

func (in input) note(key string) {
	*in.problem = fmt.Errorf("%s: %w", key, errShape)
}

// given tells whether there is anything but null.
func (in input) given(key string) bool { return in.members[key] != nil }

func (in input) text(key string) string {
	text := member[string](in, key)
	in.spend(len(text))
	return text
}

// spend counts what is read. Once there is too much of it nothing more is.
func (in input) spend(bytes int) (enough bool) {
	*in.left -= bytes
	if *in.left < 0 {
		*in.problem = errTooMuch
	}
	return *in.left >= 0
}

func (in input) flag(key string) bool { return member[bool](in, key) }

func member[T any](in input, key string) T {
	value, ok := in.members[key].(T)
	if !ok && in.given(key) {
		in.note(key)
	}
	return value
}

func (in input) object(key string) input {
	return in.objectOf(key, in.members[key])
}

func (in input) objectOf(key string, value any) input {
	members, ok := value.(map[string]any)
	if !ok && value != nil {
		in.note(key)
	}
	return input{members: members, problem: in.problem, left: in.left}
}

// items are those of a list, none if they are too many. A single value stands for
// a list of one.
func (in input) items(key string) []any {
	switch value := in.members[key].(type) {
	case nil:
		return nil
	case []any:
		if len(value) > maxNamed {
			*in.problem = errTooMuch
			return nil
		}
		if !in.spend(len(value) * itemRead) {
			return nil
		}
		return value
	default:
		return []any{value}
	}
}

func (in input) objects(key string) (list []input) {
	for _, item := range in.items(key) {
		if item == nil {
			in.note(key)
		}
		list = append(list, in.objectOf(key, item))
	}
	return list
}

func (in input) texts(key string) (list []string) {
	for _, item := range in.items(key) {
		text, ok := item.(string)
		if !ok {
			in.note(key)
		}
		in.spend(len(text))
		list = append(list, text)
	}
	return list
}

func badArgument(cause error) *Error {
	return unreadable("bad_argument", "An argument is not of a kind that Dagster takes.", cause)
}
