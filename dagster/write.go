package dagster

import (
	"encoding/json"

	"github.com/dagpass/dagpass/policy"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"
)

// Writing is what of a call depends on who sends it.
type Writing struct {
	// Access is what the sender may do: permissions in the answer are trimmed
	// to it.
	Access policy.Access
	// Untrimmed leaves the permissions in the answer as Dagster gives them.
	Untrimmed bool
	// Label is the value of the tag "user" on every run and backfill the call
	// launches; "unknown" if it is empty.
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

// Write makes the request to forward. The error is an *Error: tags of a launch
// that cannot be read.
func (c *Call) Write(w Writing) (*Outgoing, error) {
	o := &Outgoing{call: c, writing: w}
	query, variables := c.document.quoted, c.variables
	switch {
	case c.Kind == Mutation:
		var err error
		if query, variables, err = c.rewrite(w.Label, true); err != nil {
			return nil, err
		}
		o.Edits = true
	case !w.Untrimmed && c.document.trim.needed(w.Access):
		query, o.Edits = c.document.trim.quoted(w.Access), true
	}
	o.Body = c.payload(query, variables, "operationName")
	return o, nil
}

// Unasked makes the same request without what only we ask for, for a Dagster
// whose schema does not have it.
func (o *Outgoing) Unasked() ([]byte, error) {
	query, variables := o.call.document.quoted, o.call.variables
	if o.call.Kind == Mutation {
		var err error
		if query, variables, err = o.call.rewrite(o.writing.Label, false); err != nil {
			return nil, err
		}
	}
	return o.call.payload(query, variables, "operationName"), nil
}

// NotRun tells an answer by which Dagster ran nothing at all, for it did not
// take the document or its variables: errors that stand at no field, and no data
// (execute_graphql_request in dagster_webserver/graphql.py).
func NotRun(answer []byte) bool {
	var a struct {
		Data   any
		Errors []struct{ Path any }
	}
	if json.Unmarshal(answer, &a) != nil || a.Data != nil || len(a.Errors) == 0 {
		return false
	}
	for _, e := range a.Errors {
		if e.Path != nil {
			return false
		}
	}
	return true
}

// Answer edits Dagster's answer: what only we had asked for is taken out, and
// permissions are trimmed. The results of a mutation are given in the order of
// its fields; none for anything else. What is no GraphQL answer is given back
// as it is.
func (o *Outgoing) Answer(body []byte) (edited []byte, results []Result) {
	switch {
	case !o.Edits:
		return body, nil
	case o.call.Kind == Mutation:
		return dropHidden(body, o.call.Fields), o.call.results(body)
	}
	return o.call.document.trim.apply(body, o.writing.Access), nil
}

// rewrite writes the sender's label into a mutation and, if we ask, the questions
// after the result. It reads the document again to have a tree of its own; that of the
// call is shared.
func (c *Call) rewrite(label string, ask bool) (query, variables json.RawMessage, err error) {
	m, err := c.mutation(label)
	if err != nil {
		return nil, nil, err
	}
	m.asks = ask
	if err := m.selections(m.operation.SelectionSet); err != nil {
		return nil, nil, err
	}
	if m.dropped {
		if err := m.dropUnused(); err != nil {
			return nil, nil, err
		}
	}
	query, err = quote(m.operation, m.fragments)
	if err != nil {
		return nil, nil, err
	}
	if !m.resent {
		return query, c.variables, nil
	}
	variables, err = json.Marshal(m.variables)
	return query, variables, err
}

// mutation is an operation with a tree of its own, on its way to Dagster.
type mutation struct {
	attribution
	operation *ast.OperationDefinition
	fragments ast.FragmentDefinitionList
	spread    map[string]bool // fragments that were visited
	asks      bool
}

func (c *Call) mutation(label string) (*mutation, error) {
	var text string
	if err := json.Unmarshal(c.document.quoted, &text); err != nil {
		return nil, malformedGraphQL(err)
	}
	tree, err := parse(text)
	if err != nil {
		return nil, malformedGraphQL(err)
	}
	m := &mutation{operation: tree.Operations[0], fragments: tree.Fragments, spread: map[string]bool{}}
	m.attribution = attribution{label: plain(label), definitions: m.operation.VariableDefinitions, variables: map[string]json.RawMessage{}}
	if err := unmarshalUnlessNull(c.variables, &m.variables); err != nil {
		return nil, badJSON(err)
	}
	return m, nil
}

// selections visits the root fields, those in fragments too.
func (m *mutation) selections(set ast.SelectionSet) error {
	for _, selection := range set {
		if err := m.visit(selection); err != nil {
			return err
		}
	}
	return nil
}

func (m *mutation) visit(selection ast.Selection) error {
	switch x := selection.(type) {
	case *ast.Field:
		return m.root(x)
	case *ast.InlineFragment:
		return m.selections(x.SelectionSet)
	case *ast.FragmentSpread:
		if m.spread[x.Name] {
			return nil
		}
		m.spread[x.Name] = true
		return m.selections(m.fragments.ForName(x.Name).SelectionSet)
	}
	return nil
}

func (m *mutation) root(f *ast.Field) error {
	if err := m.field(f); err != nil {
		return err
	}
	if m.asks && len(f.SelectionSet) > 0 {
		f.SelectionSet = append(f.SelectionSet, selection(questions(f.Name))...)
	}
	return nil
}

// dropUnused drops the variables that stood nowhere but in a tag that went:
// Dagster refuses an operation that does not use what it defines.
func (m *mutation) dropUnused() error {
	used, err := m.used()
	if err != nil {
		return err
	}
	var definitions ast.VariableDefinitionList
	for _, d := range m.operation.VariableDefinitions {
		if used[d.Variable] {
			definitions = append(definitions, d)
			continue
		}
		delete(m.variables, d.Variable)
		m.resent = true
	}
	m.operation.VariableDefinitions = definitions
	return nil
}

// used gives the variables that stand anywhere in the operation, by the tokens
// of what would be printed of it.
func (m *mutation) used() (map[string]bool, error) {
	body := *m.operation
	body.VariableDefinitions = nil
	quoted, err := quote(&body, m.fragments)
	if err != nil {
		return nil, err
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // a string of our own quoting
	used, tokens := map[string]bool{}, lexer.New(&ast.Source{Input: text})
	for dollar := false; ; {
		token, err := tokens.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return used, err
		}
		if dollar {
			used[token.Value] = true
		}
		dollar = token.Kind == lexer.Dollar
	}
}
