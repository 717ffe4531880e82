package dagster

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dagpass/dagpass/policy"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

const (
	// maxTokens bounds the work of reading a document, ours and Dagster's, whose
	// validation is quadratic: a few seconds at worst for this many. The largest query
	// of Dagster's own app has about 800.
	maxTokens = 4_000
	// maxRootFields bounds what one request may ask for. The app asks for three
	// at most.
	maxRootFields = 50
)

// document is one operation of a GraphQL document, understood, with all that
// does not depend on variables. It is shared between calls: never change one.
type document struct {
	kind   Kind
	name   string
	fields []Field
	needs  []policy.Want
	// operation and fragments are the syntax tree of a mutation, for what is
	// read and written per request: its arguments. Nil otherwise, for a tree is
	// many times as large as its text.
	operation *ast.OperationDefinition
	fragments ast.FragmentDefinitionList
	// quoted is the operation with the fragments it uses, printed anew from the
	// syntax tree, as a JSON string.
	quoted json.RawMessage
	// trim says how the answers are trimmed to a person; nil if there is nothing
	// to trim.
	trim *trimPlan
}

// readDocument understands one operation of a document. Comments, descriptions,
// operations not chosen and fragments not used are left behind.
func readDocument(query string, operation *string) (*document, error) {
	parsed, err := parse(query)
	if err != nil {
		return nil, malformedGraphQL(err)
	}
	chosen, err := choose(parsed.Operations, operation)
	if err != nil {
		return nil, err
	}
	s := &survey{
		fragments: parsed.Fragments,
		used:      map[string]*ast.FragmentDefinition{}, spread: map[string]bool{},
	}
	if err := s.read(chosen); err != nil {
		return nil, unreadable("ambiguous_graphql", "The GraphQL document uses something that cannot be forwarded.", err)
	}
	return s.document(chosen)
}

func parse(query string) (*ast.QueryDocument, error) {
	plain, err := plainStrings(query)
	if err != nil {
		return nil, err
	}
	return parser.ParseQueryWithTokenLimit(&ast.Source{Input: plain}, maxTokens)
}

// choose picks the operation as graphql-core does (ExecutionContext.build in
// graphql/execution/execute.py): the one named, or the only one if none is.
func choose(operations ast.OperationList, name *string) (*ast.OperationDefinition, error) {
	if name == nil {
		if len(operations) != 1 {
			return nil, unreadable("which_operation", "The GraphQL document does not hold exactly one operation; name the one to run.", nil)
		}
		return operations[0], nil
	}
	var found ast.OperationList
	for _, o := range operations {
		if o.Name == *name && o.Name != "" {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		return nil, unreadable("which_operation", "The GraphQL document does not hold exactly one operation of that name.", nil)
	}
	return found[0], nil
}

// survey walks everything that an operation can reach.
type survey struct {
	fragments ast.FragmentDefinitionList
	used      map[string]*ast.FragmentDefinition
	spread    map[string]bool // fragments whose root fields were gathered
	fields    []Field
	logs      bool
}

func (s *survey) read(o *ast.OperationDefinition) error {
	if err := checkVariables(o.VariableDefinitions); err != nil {
		return err
	}
	if err := s.reach(o.SelectionSet); err != nil {
		return err
	}
	return s.root(o.SelectionSet)
}

// reach visits every selection once, at any depth, and gathers the fragments.
func (s *survey) reach(set ast.SelectionSet) error {
	for _, selection := range set {
		if err := s.reachOne(selection); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) reachOne(selection ast.Selection) error {
	switch x := selection.(type) {
	case *ast.Field:
		s.logs = s.logs || holdsLogs(x.Name)
		return s.reach(x.SelectionSet)
	case *ast.InlineFragment:
		return s.reach(x.SelectionSet)
	case *ast.FragmentSpread:
		return s.use(x.Name)
	}
	return fmt.Errorf("selection %T", selection)
}

func (s *survey) use(name string) error {
	if s.used[name] != nil {
		return nil
	}
	f, err := s.fragment(name)
	if err != nil {
		return err
	}
	s.used[name] = f
	return s.reach(f.SelectionSet)
}

func (s *survey) fragment(name string) (*ast.FragmentDefinition, error) {
	var found ast.FragmentDefinitionList
	for _, f := range s.fragments {
		if f.Name == name {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("fragment %q is defined %d times", name, len(found))
	}
	if len(found[0].VariableDefinition) > 0 {
		return nil, errors.New("fragment with variables of its own")
	}
	return found[0], nil
}

// root gathers the root fields. @skip and @include are not evaluated: a field
// that might run is one that runs.
func (s *survey) root(set ast.SelectionSet) error {
	for _, selection := range set {
		if err := s.rootOne(selection); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) rootOne(selection ast.Selection) error {
	switch x := selection.(type) {
	case *ast.Field:
		return s.add(Field{Name: x.Name, Key: x.Alias})
	case *ast.InlineFragment:
		return s.root(x.SelectionSet)
	case *ast.FragmentSpread:
		return s.rootSpread(x.Name)
	}
	return fmt.Errorf("selection %T", selection)
}

// rootSpread takes each fragment once: fragments that spread each other twice
// would otherwise double with every level, and a circle would never end.
func (s *survey) rootSpread(name string) error {
	if s.spread[name] {
		return nil
	}
	s.spread[name] = true
	return s.root(s.used[name].SelectionSet)
}

func (s *survey) add(f Field) error {
	if slices.Contains(s.fields, f) {
		return nil
	}
	if len(s.fields) == maxRootFields {
		return errors.New("too many root fields")
	}
	s.fields = append(s.fields, f)
	return nil
}

func (s *survey) document(o *ast.OperationDefinition) (*document, error) {
	fragments := s.selected()
	quoted, err := quote(o, fragments)
	if err != nil {
		return nil, err
	}
	d := &document{kind: Kind(o.Operation), name: o.Name, fields: s.fields, needs: s.needs(), quoted: quoted, trim: planTrim(o, fragments)}
	if d.kind == Mutation {
		d.operation, d.fragments = o, fragments
	}
	return d, nil
}

// needs is what the selection takes, whatever the arguments. What a mutation
// takes besides is told by Deeds.
func (s *survey) needs() []policy.Want {
	needs := []policy.Want{{Permission: policy.Read}}
	if s.logs {
		needs = append(needs, policy.Want{Permission: policy.ReadLogs})
	}
	return needs
}

// holdsLogs tells the fields that give the captured output of a step, of a
// backfill or of a tick, or an address of it. They hang on runs and events as
// well as on the root.
func holdsLogs(field string) bool {
	switch field {
	case "capturedLogs", "capturedLogsMetadata", "logEvents", "externalUrl", "externalStdoutUrl", "externalStderrUrl":
		return true
	}
	return false
}

// selected are the fragments that the operation uses, in their order.
func (s *survey) selected() (list ast.FragmentDefinitionList) {
	for _, f := range s.fragments {
		if s.used[f.Name] != nil {
			list = append(list, f)
		}
	}
	return list
}

// quote writes the operation and its fragments anew, as a JSON string. What is
// judged above and what Dagster's parser sees is thereby one thing, even where
// two parsers would have read the original text differently.
func quote(o *ast.OperationDefinition, fragments ast.FragmentDefinitionList) (json.RawMessage, error) {
	selected := &ast.QueryDocument{Operations: ast.OperationList{o}, Fragments: fragments}
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent(""), formatter.WithoutDescription()).FormatQueryDocument(selected)
	if err := checkText(b.String()); err != nil {
		return nil, malformedGraphQL(err)
	}
	return json.Marshal(b.String())
}

// checkVariables refuses directives on variables, which the printer would drop.
// Dagster's schema has none.
func checkVariables(definitions ast.VariableDefinitionList) error {
	for _, d := range definitions {
		if len(d.Directives) > 0 {
			return errors.New("directive on a variable")
		}
	}
	return nil
}

func malformedGraphQL(cause error) *Error {
	return unreadable("malformed_graphql", "The GraphQL document could not be read.", cause)
}
