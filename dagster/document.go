package dagster

import (
	"cmp"
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
	// maxDepth bounds how deeply selections nest, fragments included: Dagster's
	// parser and its validation call themselves for each level. The app nests to
	// about 20.
	maxDepth = 100
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
	// occurrences are the root fields of a mutation, each time that one stands
	// there. Two of one response key may have different arguments for all we know.
	occurrences []*ast.Field
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
		used:      map[string]*ast.FragmentDefinition{}, depths: map[string]int{},
	}
	if err := s.read(chosen); err != nil {
		return nil, unreadable("ambiguous_graphql", "The GraphQL document uses something that cannot be forwarded.", err)
	}
	if s.reserved {
		return nil, unreadable("reserved_alias", "Response keys that begin with "+hiddenPrefix+" are not for clients.", nil)
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
	depths    map[string]int // of fragments
	fields    []Field
	// occurrences are all root fields, those that are in fields already as well.
	occurrences []*ast.Field
	logs        bool
	// evaluates tells that the code of a schedule or a sensor is run.
	evaluates bool
	// reserved tells that a response key looks like one of ours.
	reserved bool
}

func (s *survey) read(o *ast.OperationDefinition) error {
	if err := checkVariables(o.VariableDefinitions); err != nil {
		return err
	}
	if err := checkDirectives(o.Directives); err != nil {
		return err
	}
	if err := s.reach(o.SelectionSet); err != nil {
		return err
	}
	s.direct(o.SelectionSet, map[string]bool{}, s.add)
	return s.checkLimits(o)
}

// checkLimits counts a field of a mutation each time that it stands there, for
// each is judged.
func (s *survey) checkLimits(o *ast.OperationDefinition) error {
	if len(s.fields) > maxRootFields || o.Operation == ast.Mutation && len(s.occurrences) > maxRootFields {
		return errors.New("too many root fields")
	}
	if s.depth(o.SelectionSet) > maxDepth {
		return errors.New("selections nest too deeply")
	}
	return nil
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
		s.evaluates = s.evaluates || x.Name == "evaluationResult"
		s.reserved = s.reserved || strings.HasPrefix(x.Alias, hiddenPrefix)
		return cmp.Or(checkArguments(x.Arguments), checkDirectives(x.Directives), s.reach(x.SelectionSet))
	case *ast.InlineFragment:
		return cmp.Or(checkDirectives(x.Directives), s.reach(x.SelectionSet))
	case *ast.FragmentSpread:
		return cmp.Or(checkDirectives(x.Directives), s.use(x.Name))
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
	return cmp.Or(checkDirectives(f.Directives), s.reach(f.SelectionSet))
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

// direct visits the fields of a selection itself, those in its fragments among
// them; after reach, so that every fragment is known. @skip and @include are not
// evaluated: a field that might run is one that runs. Each fragment is taken
// once: fragments that spread each other twice would otherwise double with every
// level, and a circle would never end.
func (s *survey) direct(set ast.SelectionSet, seen map[string]bool, visit func(*ast.Field)) {
	for _, selection := range set {
		switch x := selection.(type) {
		case *ast.Field:
			visit(x)
		case *ast.InlineFragment:
			s.direct(x.SelectionSet, seen, visit)
		case *ast.FragmentSpread:
			if !seen[x.Name] {
				seen[x.Name] = true
				s.direct(s.used[x.Name].SelectionSet, seen, visit)
			}
		}
	}
}

// depth is how deeply a selection nests. A circle of fragments, which Dagster
// refuses, counts once.
func (s *survey) depth(set ast.SelectionSet) (deepest int) {
	for _, selection := range set {
		below := 0
		switch x := selection.(type) {
		case *ast.Field:
			below = s.depth(x.SelectionSet)
		case *ast.InlineFragment:
			below = s.depth(x.SelectionSet)
		case *ast.FragmentSpread:
			below = s.depthOf(x.Name)
		}
		deepest = max(deepest, below+1)
	}
	return deepest
}

func (s *survey) depthOf(fragment string) int {
	if _, known := s.depths[fragment]; !known {
		s.depths[fragment] = 0
		s.depths[fragment] = s.depth(s.used[fragment].SelectionSet)
	}
	return s.depths[fragment]
}

func (s *survey) add(x *ast.Field) {
	s.occurrences = append(s.occurrences, x)
	if f := (Field{Name: x.Name, Key: x.Alias}); !slices.Contains(s.fields, f) {
		s.fields = append(s.fields, f)
	}
}

func (s *survey) document(o *ast.OperationDefinition) (*document, error) {
	fragments := s.selected()
	quoted, err := quote(o, fragments)
	if err != nil {
		return nil, err
	}
	d := &document{kind: Kind(o.Operation), name: o.Name, fields: s.fields, needs: s.needs(o), quoted: quoted, trim: planTrim(o, fragments)}
	if d.kind == Mutation {
		d.operation, d.fragments, d.occurrences = o, fragments, s.occurrences
	}
	return d, nil
}

// needs is what the selection takes, whatever the arguments. What a mutation
// takes besides is told by Deeds.
func (s *survey) needs(o *ast.OperationDefinition) []policy.Want {
	needs := []policy.Want{{Permission: policy.Read}}
	if s.logs {
		needs = append(needs, policy.Want{Permission: policy.ReadLogs})
	}
	if o.Operation == ast.Query && s.showsConfig() {
		needs = append(needs, policy.Want{Permission: policy.ShowInstanceConfig})
	}
	if s.evaluates && !s.isDryRun(o) {
		needs = append(needs, policy.Want{Permission: policy.ScheduleDryRun}, policy.Want{Permission: policy.SensorDryRun})
	}
	return needs
}

// showsConfig tells whether the instance's configuration is asked for: info of
// the type Instance, which nothing but this root field has.
func (s *survey) showsConfig() (found bool) {
	for _, x := range s.occurrences {
		if x.Name == "instance" {
			s.direct(x.SelectionSet, map[string]bool{}, func(f *ast.Field) { found = found || f.Name == "info" })
		}
	}
	return found
}

// isDryRun tells whether only the mutations are there that are made to run the
// code of a schedule or a sensor, and whose deeds take the permission. Dagster
// runs it for a query just as well, by way of nextTick and futureTick, and asks
// for nothing.
func (s *survey) isDryRun(o *ast.OperationDefinition) bool {
	return o.Operation == ast.Mutation && !slices.ContainsFunc(s.fields, func(f Field) bool {
		return f.Name != "scheduleDryRun" && f.Name != "sensorDryRun" && f.Name != "__typename"
	})
}

// holdsLogs tells the fields that give the captured output of a step, of a
// backfill or of a tick, or say how to get at it. They hang on runs and events as
// well as on the root.
func holdsLogs(field string) bool {
	switch field {
	case "capturedLogs", "capturedLogsMetadata", "logEvents", "externalUrl", "externalStdoutUrl", "externalStderrUrl", "shellCmd":
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

// checkVariables refuses directives on variables, which the printer would drop;
// Dagster's schema has none. Of two variables of one name two readers may take
// different ones.
func checkVariables(definitions ast.VariableDefinitionList) error {
	seen := map[string]bool{}
	for _, d := range definitions {
		if seen[d.Variable] {
			return errors.New("variable defined twice")
		}
		seen[d.Variable] = true
		if d.DefaultValue != nil && nests(d.DefaultValue, maxNesting) {
			return errNesting
		}
		if len(d.Directives) > 0 {
			return errors.New("directive on a variable")
		}
	}
	return nil
}

func checkDirectives(list ast.DirectiveList) error {
	for _, d := range list {
		if err := checkArguments(d.Arguments); err != nil {
			return err
		}
	}
	return nil
}

// checkArguments refuses literals that nest more deeply than the JSON of a
// variable may: the printer copies what is inside once for each level.
func checkArguments(list ast.ArgumentList) error {
	for _, a := range list {
		if nests(a.Value, maxNesting) {
			return errNesting
		}
	}
	return nil
}

// nests tells whether a literal has more levels of lists and objects than that.
func nests(v *ast.Value, levels int) bool {
	if v.Kind != ast.ListValue && v.Kind != ast.ObjectValue {
		return false
	}
	return levels == 0 || slices.ContainsFunc(v.Children, func(child *ast.ChildValue) bool { return nests(child.Value, levels-1) })
}

var errNesting = errors.New("literals nest too deeply")

func malformedGraphQL(cause error) *Error {
	return unreadable("malformed_graphql", "The GraphQL document could not be read.", cause)
}
