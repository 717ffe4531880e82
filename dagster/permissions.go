package dagster

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/dagpass/dagpass/policy"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// maxPlan bounds the selections that a plan is made of. Fragments that spread
// each other twice double it with every level; the app's largest query has
// about 800.
const maxPlan = 20_000

// owner is a kind of object that tells what a person may do, and how its code
// location is asked for.
type owner struct {
	// types are its names in Dagster's schema.
	types []string
	// known tells that the owner is only found where the type is certain.
	// Elsewhere the name of a field tells whose it is.
	known bool
	// at is selected before its fields for whom locations matter, always for
	// everybody. A response key has the same type wherever it stands, for two
	// members of a union may not use one key for different types.
	at, always ast.SelectionSet
}

// The selections were read in dagster_graphql/schema of 1.13.27 and hold for
// 1.10 as well; testdata/still_valid.py asks the schema itself.
var (
	ofDeployment = &owner{types: []string{"Query"}, known: true}
	ofPermission = &owner{types: []string{"Permission"}, known: true, always: selection("dagpass_permission: permission")}
	ofEntry      = &owner{types: []string{"WorkspaceLocationEntry", "WorkspaceLocationStatusEntry"}, at: selection("dagpass_at_entry: name")}
	ofRepository = &owner{types: []string{"Repository"}, at: selection("dagpass_at_repository: location {name}")}
	ofJob        = &owner{types: []string{"Job", "Pipeline"}, at: selection("dagpass_at_job: repository {location {name}}")}
	ofAsset      = &owner{types: []string{"AssetNode"}, at: selection("dagpass_at_asset: repository {location {name}}")}
	ofRun        = &owner{types: []string{"Run"}, at: selection("dagpass_at_run: repositoryOrigin {repositoryLocationName}")}
	ofSensor     = &owner{types: []string{"Sensor"}, at: selection("dagpass_at_sensor: sensorState {repositoryLocationName}")}
	ofInstigator = &owner{
		types: []string{"InstigationState"}, always: selection("dagpass_kind: instigationType"),
		at: selection("dagpass_at_instigator: repositoryLocationName"),
	}
	ofPartitions = &owner{types: []string{"PartitionSet"}, at: selection("dagpass_at_partitions: repositoryOrigin {repositoryLocationName}")}
	ofBackfill   = &owner{
		types: []string{"PartitionBackfill"},
		at:    selection("dagpass_assets: isAssetBackfill dagpass_at_backfill: partitionSet {repositoryOrigin {repositoryLocationName}}"),
	}
)

func selection(text string) ast.SelectionSet {
	parsed, err := parser.ParseQuery(&ast.Source{Input: "{" + text + "}"})
	if err != nil {
		panic(err) // a constant of ours
	}
	return parsed.Operations[0].SelectionSet
}

func (o *owner) is(typ string) bool {
	return slices.Contains(o.types, typ) || typ == "" && !o.known
}

func (o *owner) hidden(scoped bool) ast.SelectionSet {
	if scoped {
		return slices.Concat(o.always, o.at)
	}
	return o.always
}

// rule trims one field of Dagster's schema.
type rule struct {
	owner *owner
	field string
	// permission is what a boolean stands for; empty where the object says.
	permission policy.Permission
	// sensor is what it stands for on the state of a sensor, where permission
	// is that of a schedule.
	sensor policy.Permission
	// anywhere tells that one location is enough.
	anywhere bool
	// reason tells that the field says why not.
	reason bool
	// inside is the type of the field's objects.
	inside string
	// plain are the members of its objects that have no type in the schema.
	plain []*rule
}

// Each boolean stands for the permission that its resolver asks for in 1.13.27.
var (
	assetRules = []*rule{
		{owner: ofAsset, field: "hasMaterializePermission", permission: policy.LaunchPipelineExecution},
		{owner: ofAsset, field: "hasWipePermission", permission: policy.WipeAssets},
		{owner: ofAsset, field: "hasReportRunlessAssetEventPermission", permission: policy.ReportRunlessAssetEvents},
	}
	rules = slices.Concat(assetRules, []*rule{
		{owner: ofDeployment, field: "permissions", inside: "Permission"},
		{owner: ofEntry, field: "permissions", inside: "Permission"},
		{owner: ofPermission, field: "value"},
		{owner: ofPermission, field: "disabledReason", reason: true},
		{owner: ofDeployment, field: "canBulkTerminate", permission: policy.TerminatePipeline, anywhere: true},
		{owner: ofRepository, field: "assetManifest", plain: assetRules},
		{owner: ofJob, field: "hasLaunchExecutionPermission", permission: policy.LaunchPipelineExecution},
		{owner: ofJob, field: "hasLaunchReexecutionPermission", permission: policy.LaunchPipelineReexecution},
		{owner: ofRun, field: "hasReExecutePermission", permission: policy.LaunchPipelineReexecution},
		{owner: ofRun, field: "hasTerminatePermission", permission: policy.TerminatePipeline},
		{owner: ofRun, field: "hasDeletePermission", permission: policy.DeletePipelineRun},
		{owner: ofInstigator, field: "hasStartPermission", permission: policy.StartSchedule, sensor: policy.EditSensor},
		{owner: ofInstigator, field: "hasStopPermission", permission: policy.StopRunningSchedule, sensor: policy.EditSensor},
		{owner: ofSensor, field: "hasCursorUpdatePermissions", permission: policy.UpdateSensorCursor},
		{owner: ofPartitions, field: "hasLaunchBackfillPermission", permission: policy.LaunchPartitionBackfill},
		{owner: ofPartitions, field: "hasCancelBackfillPermission", permission: policy.CancelPartitionBackfill},
		{owner: ofBackfill, field: "hasCancelPermission", permission: policy.CancelPartitionBackfill},
		{owner: ofBackfill, field: "hasResumePermission", permission: policy.LaunchPartitionBackfill},
	})
)

// listed are the permissions that Dagster lists. One that it lists besides,
// because it is newer, stays as Dagster gives it.
var listed = policy.Permissions{
	policy.LaunchPipelineExecution: {}, policy.LaunchPipelineReexecution: {}, policy.StartSchedule: {},
	policy.StopRunningSchedule: {}, policy.ScheduleDryRun: {}, policy.EditSensor: {}, policy.SensorDryRun: {},
	policy.UpdateSensorCursor: {}, policy.TerminatePipeline: {}, policy.DeletePipelineRun: {},
	policy.ReloadRepositoryLocation: {}, policy.ReloadWorkspace: {}, policy.WipeAssets: {},
	policy.ReportRunlessAssetEvents: {}, policy.LaunchPartitionBackfill: {}, policy.CancelPartitionBackfill: {},
	policy.EditDynamicPartitions: {}, policy.ToggleAutoMaterialize: {}, policy.EditConcurrencyLimit: {},
	policy.EditAppManagedComponents: {}, policy.RefreshComponentState: {},
}

var rulesOf = byField(rules)

func byField(all []*rule) map[string][]*rule {
	m := map[string][]*rule{}
	for _, r := range all {
		m[r.field] = append(m[r.field], r)
	}
	return m
}

// ruleFor is the rule for a field of a type, which is empty where the document
// does not name it; nil if there is none.
func ruleFor(field, typ string) *rule {
	for _, r := range rulesOf[field] {
		if r.owner.is(typ) {
			return r
		}
	}
	return nil
}

// needs are the permissions that the rule may find missing.
func (r *rule) needs() policy.Permissions {
	if r.owner == ofPermission {
		return listed
	}
	all := policy.Permissions{}
	for _, m := range append([]*rule{r}, r.plain...) {
		all[m.permission], all[m.sensor] = struct{}{}, struct{}{}
	}
	delete(all, "")
	return all
}

// trimPlan says how to trim the answers to a query to one person. It is shared
// between calls: never change one.
type trimPlan struct {
	top *node
	// needs are the permissions that may be found missing.
	needs policy.Permissions
	// forAll and forScoped are the document with the selections that tell what
	// the answer speaks of: for those who hold everything deployment-wide or
	// not at all, and for those to whom the code location matters.
	forAll, forScoped json.RawMessage
}

// planTrim makes the plan of a query; nil if there is nothing to trim.
func planTrim(o *ast.OperationDefinition, fragments ast.FragmentDefinitionList) *trimPlan {
	if o.Operation != ast.Query || !namesRules(o, fragments) {
		return nil
	}
	p := &planner{fragments: fragments, needs: policy.Permissions{}}
	data := &node{below: map[string]*node{}}
	if !p.add(data, o.SelectionSet, "Query") || !data.prune() {
		return nil
	}
	data.inherits = true // of the scene that apply sets
	plan := &trimPlan{top: &node{below: map[string]*node{"data": data}, inherits: true}, needs: p.needs}
	var err, err2 error
	plan.forAll, err = quoteWith(o, fragments, false)
	plan.forScoped, err2 = quoteWith(o, fragments, true)
	if err != nil || err2 != nil {
		return nil
	}
	return plan
}

// namesRules looks once at every selection, which is all that most
// documents cost.
func namesRules(o *ast.OperationDefinition, fragments ast.FragmentDefinitionList) bool {
	if anyRule(o.SelectionSet) {
		return true
	}
	return slices.ContainsFunc(fragments, func(f *ast.FragmentDefinition) bool { return anyRule(f.SelectionSet) })
}

func anyRule(set ast.SelectionSet) bool {
	return slices.ContainsFunc(set, func(s ast.Selection) bool {
		switch x := s.(type) {
		case *ast.Field:
			return rulesOf[x.Name] != nil || anyRule(x.SelectionSet)
		case *ast.InlineFragment:
			return anyRule(x.SelectionSet)
		}
		return false
	})
}

// planner makes nodes of selections. Fragments are followed wherever they are
// spread, and what has one response key is merged.
type planner struct {
	fragments ast.FragmentDefinitionList
	needs     policy.Permissions
	seen      int
}

// add tells false when the document is too large to be planned.
func (p *planner) add(n *node, set ast.SelectionSet, typ string) bool {
	for _, s := range set {
		if p.seen++; p.seen > maxPlan || !p.addOne(n, s, typ) {
			return false
		}
	}
	return true
}

func (p *planner) addOne(n *node, s ast.Selection, typ string) bool {
	switch x := s.(type) {
	case *ast.Field:
		return p.addField(n, x, typ)
	case *ast.InlineFragment:
		return p.add(n, x.SelectionSet, typeOf(x, typ))
	case *ast.FragmentSpread:
		f := p.fragments.ForName(x.Name)
		return f != nil && p.add(n, f.SelectionSet, f.TypeCondition)
	}
	return false
}

func typeOf(f *ast.InlineFragment, around string) string {
	if f.TypeCondition != "" {
		return f.TypeCondition
	}
	return around
}

func (p *planner) addField(n *node, f *ast.Field, typ string) bool {
	r := ruleFor(f.Name, typ)
	child := n.below[f.Alias]
	if child == nil {
		child = &node{below: map[string]*node{}, rule: r}
		n.below[f.Alias] = child
	}
	child.clash = child.clash || child.rule != r
	n.tells = n.tells || r != nil
	return p.add(child, f.SelectionSet, p.take(child, r))
}

// take notes what a rule needs and what is below it, and gives the type there.
func (p *planner) take(n *node, r *rule) string {
	if r == nil {
		return ""
	}
	maps.Copy(p.needs, r.needs())
	for _, m := range r.plain {
		n.below[m.field] = &node{rule: m}
	}
	n.inherits = n.inherits || r.plain != nil || r.inside != ""
	return r.inside
}

// prune leaves what leads to a rule or to something hidden, and tells whether
// anything does. A response key that stands for different fields is left alone:
// which of them an answer has cannot be told.
func (n *node) prune() bool {
	if n.clash || n.rule != nil && !n.rule.isLeaf() {
		n.rule = nil
	}
	for key, child := range n.below {
		if !child.prune() {
			delete(n.below, key)
		}
	}
	return n.rule != nil || n.tells || len(n.below) > 0
}

func (r *rule) isLeaf() bool { return r.inside == "" && r.plain == nil }

// quoteWith writes the document with hidden selections, as a JSON string.
func quoteWith(o *ast.OperationDefinition, fragments ast.FragmentDefinitionList, scoped bool) (json.RawMessage, error) {
	written := *o
	written.SelectionSet = withHidden(o.SelectionSet, "Query", scoped)
	list := make(ast.FragmentDefinitionList, len(fragments))
	for i, f := range fragments {
		c := *f
		c.SelectionSet = withHidden(f.SelectionSet, f.TypeCondition, scoped)
		list[i] = &c
	}
	return quote(&written, list)
}

// withHidden puts what an owner has to tell before the first of its fields: an
// answer has its members in the order of the document, and is read once. It
// stands in the same selection set, so that it is asked for where they are.
func withHidden(set ast.SelectionSet, typ string, scoped bool) ast.SelectionSet {
	var out ast.SelectionSet
	var told []*owner
	for _, s := range set {
		switch x := s.(type) {
		case *ast.Field:
			c, inside := *x, ""
			if r := ruleFor(x.Name, typ); r != nil {
				inside = r.inside
				if !slices.Contains(told, r.owner) {
					told = append(told, r.owner)
					out = append(out, r.owner.hidden(scoped)...)
				}
			}
			c.SelectionSet = withHidden(x.SelectionSet, inside, scoped)
			s = &c
		case *ast.InlineFragment:
			c := *x
			c.SelectionSet = withHidden(x.SelectionSet, typeOf(x, typ), scoped)
			s = &c
		}
		out = append(out, s)
	}
	return out
}

// needed tells whether answers have to be trimmed for a person.
func (p *trimPlan) needed(a policy.Access) bool {
	if p != nil {
		for permission := range p.needs {
			if !a.Permissions.Has(permission) {
				return true
			}
		}
	}
	return false
}

// quoted is the document to send instead of the plain one, as a JSON string.
func (p *trimPlan) quoted(a policy.Access) json.RawMessage {
	if scoped(a) {
		return p.forScoped
	}
	return p.forAll
}

// apply trims the answer to the document that quoted gave for the same person.
func (p *trimPlan) apply(answer []byte, a policy.Access) []byte {
	t := &trimmer{access: a, scoped: scoped(a)}
	return edited(answer, p.top, &scene{located: true}, t.edit)
}

func scoped(a policy.Access) bool { return len(a.Scopes) > 0 }

// scene is what an answer has told of an object by the time that one of its
// permissions comes.
type scene struct {
	// location is its code location; empty for the whole deployment, and where
	// Dagster knows none. located tells that Dagster was asked and answered.
	location string
	located  bool
	// kind is the InstigationType.
	kind string
	// anywhere tells of a backfill of assets, which may have several locations
	// that only a look-up would tell.
	anywhere bool
	// permission is the name of the Permission.
	permission policy.Permission
}

// learn takes what a hidden member tells.
func (s *scene) learn(key, value []byte) {
	switch string(key) {
	case "dagpass_kind":
		s.kind = leaf(value)
	case "dagpass_permission":
		s.permission = policy.Permission(leaf(value))
	case "dagpass_assets":
		s.anywhere = string(value) == "true"
	default:
		s.location, s.located = leaf(value), true
	}
}

// trimmer trims to one person.
type trimmer struct {
	access policy.Access
	scoped bool
}

// edit gives false instead of true, and a reason instead of none, where the
// person lacks the permission. Everything else stays: what Dagster itself
// refuses, and whatever is not certain.
func (t *trimmer) edit(r *rule, s *scene, value []byte) ([]byte, bool) {
	if r.reason && string(value) != "null" || !r.reason && string(value) != "true" {
		return nil, false
	}
	d, certain := t.decide(r, s)
	switch {
	case !certain || d.Allowed:
		return nil, false
	case r.reason:
		return reason(d), true
	}
	return falsehood, true
}

var falsehood = []byte("false")

func (t *trimmer) decide(r *rule, s *scene) (d policy.Decision, certain bool) {
	permission := r.asks(s)
	if !listed.Has(permission) || t.scoped && !s.located {
		return d, false
	}
	if (r.anywhere || s.anywhere) && t.access.Anywhere(permission) {
		return policy.Decision{Allowed: true}, true
	}
	return policy.Decide(t.access, policy.Want{Permission: permission, Location: s.location}), true
}

// asks is the permission that the field stands for on this object; empty if the
// answer did not tell.
func (r *rule) asks(s *scene) policy.Permission {
	switch {
	case r.owner == ofPermission:
		return s.permission
	case r.sensor == "" || s.kind == "SCHEDULE":
		return r.permission
	case s.kind == "":
		return ""
	}
	return r.sensor
}

// reason says why not, in the words of a refusal, as a JSON string.
func reason(d policy.Decision) []byte {
	var b strings.Builder
	b.WriteString("It takes the role " + string(d.Missing))
	if d.Location != "" {
		b.WriteString(" at the code location " + d.Location)
	}
	// A string cannot fail.
	quoted, _ := json.Marshal(b.String() + ".")
	return quoted
}
