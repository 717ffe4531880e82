package dagstertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// World is what the double knows of code locations and what belongs to them, as
// far as somebody may ask.
type World struct {
	Locations []string
	// Runs and Backfills are ids with their code location. The location of an id
	// that begins with "orphan" is not known to Dagster either.
	Runs, Backfills map[string]string
	// Assets are keys, their parts joined with "/", with the locations that
	// define them; the first is the one that Dagster takes.
	Assets map[string][]string
	// Schedules and Sensors are names with their code location.
	Schedules, Sensors map[string]string
	// Mutations are those of the schema, as introspection tells.
	Mutations []string
}

// DefaultWorld has two code locations and one of everything in each.
func DefaultWorld() World {
	one := func(kind string) map[string]string {
		return map[string]string{kind + "-sales": "sales", kind + "-marketing": "marketing", "orphan-" + kind: ""}
	}
	return World{
		Locations: []string{"sales", "marketing"}, Runs: one("run"), Backfills: one("backfill"),
		Schedules: one("schedule"), Sensors: one("sensor"), Mutations: []string{"launchRun", "deleteRun", "newThing"},
		Assets: map[string][]string{"orders": {"sales"}, "campaigns": {"marketing"}, "shared": {"sales", "marketing"}},
	}
}

// object is a value of an object type; "__typename" names the type.
type object = map[string]any

// Permissions are the permissions that the double tells of, all of them held.
var Permissions = strings.Fields("launch_pipeline_execution launch_pipeline_reexecution delete_pipeline_run terminate_pipeline_execution start_schedule edit_sensor reload_repository_location reload_workspace wipe_assets launch_partition_backfill edit_concurrency_limit")

func allHeld() []any {
	var all []any
	for _, name := range Permissions {
		all = append(all, object{"__typename": "Permission", "permission": name, "value": true, "disabledReason": nil})
	}
	return all
}

// query answers a root field of Query, as schema/roots/query.py would.
func (w World) query(field string, args object) (value any, known bool) {
	switch field {
	case "version":
		return "1.13.27", true
	case "permissions":
		return allHeld(), true
	case "canBulkTerminate":
		return true, true
	case "runOrError", "pipelineRunOrError":
		return w.run(word(args["runId"])), true
	case "runsOrError", "pipelineRunsOrError":
		filter, _ := args["filter"].(object)
		return object{"__typename": "Runs", "results": each(filter["runIds"], w.runIfAny)}, true
	case "partitionBackfillOrError":
		return w.backfill(word(args["backfillId"])), true
	case "assetNodes":
		return w.assetNodes(args["assetKeys"]), true
	case "assetNodeDefinitionCollisions":
		return w.collisions(args["assetKeys"]), true
	case "__schema":
		return object{"mutationType": object{"fields": all(w.Mutations, func(name string) any { return object{"name": name} })}}, true
	case "workspaceOrError":
		return object{"__typename": "Workspace", "id": "workspace", "locationEntries": all(w.Locations, w.entry)}, true
	case "workspaceLocationEntryOrError":
		return w.entry(word(args["name"])), true
	case "repositoriesOrError":
		return object{"__typename": "RepositoryConnection", "nodes": all(w.Locations, w.repository)}, true
	}
	return nil, false
}

func (w World) run(id string) any {
	if r := w.runIfAny(id); r != nil {
		return r
	}
	return object{"__typename": "RunNotFoundError", "runId": id, "message": "Run " + id + " could not be found."}
}

func (w World) runIfAny(id string) any {
	location, ok := w.Runs[id]
	if !ok {
		return nil
	}
	return object{
		"__typename": "Run", "id": id, "runId": id, "pipelineName": "job", "jobName": "job",
		"repositoryOrigin": origin(location), "assetSelection": nil, "tags": []any{},
		"hasTerminatePermission": true, "hasDeletePermission": true, "hasReExecutePermission": true,
	}
}

func (w World) backfill(id string) any {
	location, ok := w.Backfills[id]
	if !ok {
		return object{"__typename": "BackfillNotFoundError", "backfillId": id, "message": "Backfill " + id + " could not be found."}
	}
	set := any(nil)
	if location != "" {
		set = object{"__typename": "PartitionSet", "id": id, "repositoryOrigin": origin(location)}
	}
	return object{
		"__typename": "PartitionBackfill", "id": id, "partitionSetName": "job_partition_set", "partitionSet": set,
		"assetSelection": nil, "isAssetBackfill": false, "hasCancelPermission": true, "hasResumePermission": true,
	}
}

// assetNodes are those of the keys that are defined anywhere, of all of them if
// none is named.
func (w World) assetNodes(keys any) any {
	nodes := []any{}
	for _, key := range w.wanted(keys) {
		if locations := w.Assets[key]; len(locations) > 0 {
			nodes = append(nodes, object{
				"__typename": "AssetNode", "id": key, "assetKey": assetKey(key), "repository": w.repository(locations[0]),
				"isExecutable": true, "hasMaterializePermission": true,
			})
		}
	}
	return nodes
}

// collisions are the keys that more than one code location defines.
func (w World) collisions(keys any) any {
	found := []any{}
	for _, key := range w.wanted(keys) {
		if locations := w.Assets[key]; len(locations) > 1 {
			found = append(found, object{
				"__typename": "AssetNodeDefinitionCollision", "assetKey": assetKey(key), "repositories": all(locations, w.repository),
			})
		}
	}
	return found
}

func (w World) wanted(keys any) []string {
	list, ok := keys.([]any)
	if !ok {
		return slices.Sorted(maps.Keys(w.Assets))
	}
	var names []string
	for _, key := range list {
		o, _ := key.(object)
		names = append(names, strings.Join(words(o["path"]), "/"))
	}
	return names
}

func assetKey(key string) object {
	return object{"__typename": "AssetKey", "path": anyOf(strings.Split(key, "/"))}
}

func (w World) entry(location string) any {
	return object{
		"__typename": "WorkspaceLocationEntry", "id": location, "name": location, "permissions": allHeld(), "loadStatus": "LOADED",
		"locationOrLoadError": object{
			"__typename": "RepositoryLocation", "id": location, "name": location, "repositories": []any{w.repository(location)},
		},
	}
}

func (w World) repository(location string) any {
	return object{
		"__typename": "Repository", "id": location + ".__repository__", "name": "__repository__", "origin": origin(location),
		"location":  object{"__typename": "RepositoryLocation", "id": location, "name": location},
		"schedules": w.instigators("Schedule", w.Schedules, location), "sensors": w.instigators("Sensor", w.Sensors, location),
	}
}

func (w World) instigators(kind string, of map[string]string, location string) []any {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if of[name] == location {
			state := object{
				"__typename": "InstigationState", "id": name + "-state", "selectorId": name + "-selector", "name": name,
				"repositoryOrigin": origin(location), "repositoryLocationName": location, "repositoryName": "__repository__",
			}
			list = append(list, object{"__typename": kind, "id": name, "name": name, "scheduleState": state, "sensorState": state})
		}
	}
	return list
}

func origin(location string) any {
	if location == "" {
		return nil
	}
	return object{
		"__typename": "RepositoryOrigin", "id": location, "repositoryLocationName": location, "repositoryName": "__repository__",
	}
}

// mutate answers a root field of Mutation as one that worked. Ids of what is
// launched count up: run-1, run-2, backfill-3.
func (s *Server) mutate(field string, args object) any {
	switch field {
	case "launchRun", "launchPipelineExecution", "launchRunReexecution", "launchPipelineReexecution":
		return s.launched(nil)
	case "launchMultipleRuns":
		return object{"__typename": "LaunchMultipleRunsResult", "launchMultipleRunsResult": each(args["executionParamsList"], s.launched)}
	case "launchPartitionBackfill", "reexecutePartitionBackfill":
		return object{"__typename": "LaunchBackfillSuccess", "backfillId": s.newID("backfill"), "launchedRunIds": nil}
	case "terminateRun", "terminatePipelineExecution":
		return terminated(args["runId"])
	case "terminateRuns":
		return object{"__typename": "TerminateRunsResult", "terminateRunResults": each(args["runIds"], terminated)}
	case "deleteRun", "deletePipelineRun":
		return object{"__typename": "DeletePipelineRunSuccess", "runId": args["runId"]}
	}
	return object{"__typename": strings.ToUpper(field[:1]) + field[1:] + "Success"}
}

func (s *Server) launched(any) any {
	id := s.newID("run")
	return object{"__typename": "LaunchRunSuccess", "run": object{"__typename": "Run", "id": id, "runId": id}}
}

func terminated(id any) any {
	return object{"__typename": "TerminateRunSuccess", "run": object{"__typename": "Run", "id": id, "runId": id}}
}

func (s *Server) newID(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.launches++
	return fmt.Sprintf("%s-%d", kind, s.launches)
}

// each maps a list of an argument and leaves out what is not there.
func each[T any](list any, do func(T) any) []any {
	out := []any{}
	items, _ := list.([]any)
	for _, item := range items {
		v, _ := item.(T)
		if made := do(v); made != nil {
			out = append(out, made)
		}
	}
	return out
}

func all(names []string, do func(string) any) []any {
	out := []any{}
	for _, name := range names {
		out = append(out, do(name))
	}
	return out
}

func word(v any) string { s, _ := v.(string); return s }

func words(v any) (list []string) {
	items, _ := v.([]any)
	for _, item := range items {
		list = append(list, word(item))
	}
	return list
}

func anyOf(list []string) (out []any) {
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// answer is the data of an operation: what is asked for of what the double
// knows, and "ok" for the rest.
func (s *Server) answer(d *ast.QueryDocument, o Operation) object {
	p := projection{d}
	root := object{}
	for i, f := range o.roots {
		root[f.Alias] = p.of(f.SelectionSet, s.resolve(o.Kind, f, o.Arguments[i]))
	}
	return root
}

func (s *Server) resolve(kind string, f *ast.Field, args object) any {
	switch {
	case f.Name == "__typename":
		return strings.ToUpper(kind[:1]) + kind[1:]
	case kind == "query":
		if value, known := s.world.query(f.Name, args); known {
			return value
		}
	case len(f.SelectionSet) > 0:
		return s.mutate(f.Name, args)
	}
	return "ok"
}

// projection picks what a selection asks for.
type projection struct{ *ast.QueryDocument }

func (p projection) of(set ast.SelectionSet, value any) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = p.of(set, item)
		}
		return out
	case object:
		out := object{}
		p.into(out, set, v)
		return out
	}
	return value
}

func (p projection) into(out object, set ast.SelectionSet, value object) {
	for _, selection := range set {
		switch x := selection.(type) {
		case *ast.Field:
			out[x.Alias] = p.of(x.SelectionSet, value[x.Name])
		case *ast.InlineFragment:
			if is(value, x.TypeCondition) {
				p.into(out, x.SelectionSet, value)
			}
		case *ast.FragmentSpread:
			if f := p.Fragments.ForName(x.Name); f != nil && is(value, f.TypeCondition) {
				p.into(out, f.SelectionSet, value)
			}
		}
	}
}

// is tells whether a value is of a type, or implements it where it is one of
// the interfaces that are asked for.
func is(value object, condition string) bool {
	name := word(value["__typename"])
	switch condition {
	case "", name:
		return true
	case "Error":
		return strings.HasSuffix(name, "Error")
	case "PipelineRun", "RunsFeedEntry":
		return name == "Run"
	case "LaunchPipelineRunSuccess":
		return name == "LaunchRunSuccess"
	case "TerminatePipelineExecutionSuccess":
		return name == "TerminateRunSuccess"
	}
	return false
}

// arguments are the values of a field's arguments, variables in their places.
func arguments(f *ast.Field, variables object) object {
	args := object{}
	for _, a := range f.Arguments {
		if v, err := a.Value.Value(variables); err == nil {
			args[a.Name] = plain(v)
		}
	}
	return args
}

// plain is a value as JSON has it.
func plain(v any) (out any) {
	b, err := json.Marshal(v)
	if err != nil || json.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}

// withDefaults are the variables, those that were not sent included.
func withDefaults(o *ast.OperationDefinition, sent object) object {
	variables := maps.Clone(sent)
	if variables == nil {
		variables = object{}
	}
	for _, d := range o.VariableDefinitions {
		if _, given := variables[d.Variable]; !given && d.DefaultValue != nil {
			variables[d.Variable], _ = d.DefaultValue.Value(nil)
		}
	}
	return variables
}
