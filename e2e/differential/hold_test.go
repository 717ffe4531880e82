package differential

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/policy"
)

// label is what every run must carry, whatever tags its launcher wrote.
const label = "launcher@example.com"

// searcher holds requests against the rules.
type searcher struct {
	*webserver
	reader *dagster.Reader
	tally
}

// tally tells that a search has found something to compare.
type tally struct{ requests, accepted, mutations, deeds, fields int }

// Nobody answers where something is: what is not in the arguments is then
// wanted in the whole deployment.
func newSearcher(w *webserver) *searcher {
	return &searcher{webserver: w, reader: dagster.NewReader(func(context.Context, []byte) ([]byte, error) {
		return nil, errors.New("nobody answers")
	})}
}

// hold returns what is wrong with how we read a request, a line each.
func (s *searcher) hold(t testing.TB, r request) []string {
	t.Helper()
	s.requests++
	call, forwarded, err := s.accept(r)
	if err != nil {
		return err.complaints
	}
	s.accepted++
	original, sent := s.read(t, r), s.read(t, forwarded)
	wrong := slices.Concat(
		within("original, strict", original.Strict, call), within("original, lenient", original.Lenient, call),
		within("forwarded, strict", sent.Strict, call), within("forwarded, lenient", sent.Lenient, call),
		s.alike(original.Strict, sent.Strict, call),
	)
	if call.Kind != dagster.Mutation {
		return wrong
	}
	s.mutations++
	deeds, refusal := s.reader.Deeds(context.Background(), call)
	if refusal != nil {
		return append(wrong, needlessly(original.Strict, call, refusal)...)
	}
	s.deeds++
	for _, field := range slices.Concat(original.Strict.Ran, sent.Strict.Ran) {
		s.fields++
		wrong = append(wrong, targeted(field, deeds)...)
	}
	for _, field := range slices.Concat(original.Strict.Ran, sent.Strict.Ran, original.Lenient.Ran, sent.Lenient.Ran) {
		wrong = append(wrong, located(field, deeds)...)
	}
	for _, field := range slices.Concat(sent.Strict.Ran, sent.Lenient.Ran) {
		wrong = append(wrong, labelled(field)...)
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// needlessly tells of a refusal of arguments that Dagster takes, all of them. A
// list with null in it is aside: graphql-core gives it to Dagster's own code,
// which fails.
func needlessly(original reading, call *dagster.Call, refusal error) []string {
	holed := slices.ContainsFunc(original.Ran, func(field ran) bool { return hasHole(field.Arguments) })
	if len(original.Ran) < len(call.Fields) || holed {
		return nil
	}
	return []string{fmt.Sprintf("refused, and Dagster runs it: %v", refusal)}
}

// refused is a request that we do not take.
type refused struct{ complaints []string }

// accept reads a request as the proxy does, and gives what it would forward.
func (s *searcher) accept(r request) (*dagster.Call, request, *refused) {
	if r.Socket != nil {
		return s.acceptMessage(r)
	}
	call, err := s.reader.ReadHTTP(r.Method, r.ContentType, string(r.Query), r.Body)
	if err != nil {
		return nil, request{}, &refused{known(err)}
	}
	out, err := call.Write(dagster.Writing{Label: label, Untrimmed: true})
	if err != nil {
		return nil, request{}, &refused{known(err)}
	}
	return call, request{Method: "POST", ContentType: []string{"application/json"}, Body: out.Body}, nil
}

func (s *searcher) acceptMessage(r request) (*dagster.Call, request, *refused) {
	message, err := s.reader.ReadSocketMessage(r.Socket)
	if err != nil {
		return nil, request{}, &refused{known(err)}
	}
	if message.Call == nil {
		return nil, request{}, &refused{}
	}
	return message.Call, request{Socket: message.Bytes()}, nil
}

// known wants a refusal to be one that has a sentence for its sender.
func known(err error) []string {
	var refusal *dagster.Error
	if errors.As(err, &refusal) && refusal.Message != "" {
		return nil
	}
	return []string{fmt.Sprintf("refused without a sentence: %v", err)}
}

// within holds that nothing runs that was not reported.
func within(what string, r reading, call *dagster.Call) (wrong []string) {
	for _, field := range r.Ran {
		reported := slices.Contains(call.Fields, dagster.Field{Name: field.Name, Key: field.Key})
		if field.Kind != string(call.Kind) || field.Operation != call.Name || !reported {
			wrong = append(wrong, fmt.Sprintf("%s: Dagster runs %s %s %q as %q; read was %s %q %v",
				what, field.Kind, field.Operation, field.Name, field.Key, call.Kind, call.Name, call.Fields))
		}
	}
	return wrong
}

// alike holds that the request we write does what the original would have done,
// to the letter of every argument. Where Dagster would have run nothing of the
// original, because of a part that does not go on, there is nothing to compare.
// The same holds where Dagster would have run some of the fields and fails at the
// arguments of another: what we write of those may fail as a whole. And the older
// version overlooks two fields under one response key where a fragment that has
// one of them stands before the operation, which it never does in what we write.
func (s *searcher) alike(original, sent reading, call *dagster.Call) []string {
	mended := len(original.Ran) < len(call.Fields) || s.version == parts.Oldest
	if len(original.Ran) == 0 || mended && len(sent.Ran) == 0 {
		return nil
	}
	plain := func(list []ran) (all []ran) {
		for _, field := range list {
			field.Arguments = unlabelled(field.Arguments).(map[string]any)
			all = append(all, field)
		}
		return all
	}
	if diff := gocmp.Diff(plain(original.Ran), plain(sent.Ran)); diff != "" {
		return []string{"the request we wrote does something else (-original +ours):\n" + diff}
	}
	return nil
}

// unlabelled is a value without the tags "user", and without the empty lists and
// objects that are there for them.
func unlabelled(value any) any {
	switch v := value.(type) {
	case []any:
		list := []any{}
		for _, item := range v {
			if tag, ok := item.(map[string]any); !ok || !isUser(tag["key"]) {
				list = append(list, unlabelled(item))
			}
		}
		return list
	case map[string]any:
		members := map[string]any{}
		for name, member := range v {
			member = unlabelled(member)
			if isTags(name) && (member == nil || gocmp.Equal(member, []any{}) || gocmp.Equal(member, map[string]any{})) {
				continue
			}
			members[name] = member
		}
		return members
	}
	return value
}

func isTags(name string) bool {
	return slices.Contains([]string{"tags", "extraTags", "executionMetadata"}, name)
}

func isUser(key any) bool {
	text, _ := key.(string)
	return strings.EqualFold(strings.TrimSpace(text), "user")
}

func hasHole(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return item == nil || hasHole(item) })
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), hasHole)
	}
	return false
}

// located holds that at every code location in a field's arguments a permission
// is wanted, there or in the whole deployment.
func located(field ran, deeds []dagster.Deed) (wrong []string) {
	var needs []policy.Want
	for _, d := range of(field, deeds) {
		needs = append(needs, d.Needs...)
	}
	if len(needs) == 0 {
		return []string{fmt.Sprintf("no deed for %s", field.Name)}
	}
	for _, location := range found(field.Arguments, "repositoryLocationName", "locationName") {
		if !slices.ContainsFunc(needs, func(w policy.Want) bool { return cmp.Or(w.Location, location) == location }) {
			wrong = append(wrong, fmt.Sprintf("%s at %q wants %v", field.Name, location, needs))
		}
	}
	return wrong
}

// targeted holds that the runs and backfills in a field's arguments are what the
// audit trail would name.
func targeted(field ran, deeds []dagster.Deed) (wrong []string) {
	var targets []string
	for _, d := range of(field, deeds) {
		targets = append(targets, d.Target.ID)
	}
	for _, id := range found(field.Arguments, "runId", "runIds", "backfillId") {
		if !slices.Contains(targets, id) {
			wrong = append(wrong, fmt.Sprintf("%s of %q has the targets %q", field.Name, id, targets))
		}
	}
	return wrong
}

func of(field ran, deeds []dagster.Deed) []dagster.Deed {
	return slices.DeleteFunc(slices.Clone(deeds), func(d dagster.Deed) bool {
		return d.Field != dagster.Field{Name: field.Name, Key: field.Key}
	})
}

// found are the strings under some names, at any depth, run configuration and
// tags aside.
func found(value any, names ...string) (all []string) {
	members, _ := value.(map[string]any)
	for name, member := range members {
		if slices.Contains(names, name) {
			all = append(all, texts(member)...)
		}
		if name != "runConfigData" {
			all = append(all, found(member, names...)...)
		}
	}
	list, _ := value.([]any)
	for _, item := range list {
		all = append(all, found(item, names...)...)
	}
	return all
}

func texts(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			all = append(all, texts(item)...)
		}
	}
	return all
}

// launching are the mutations that launch runs, and the arguments which say how,
// with the place of their tags.
var launching = map[string][][]string{
	"launchRun":                 {{"executionParams", "executionMetadata", "tags"}},
	"launchPipelineExecution":   {{"executionParams", "executionMetadata", "tags"}},
	"launchMultipleRuns":        {{"executionParamsList", "executionMetadata", "tags"}},
	"launchRunReexecution":      {{"executionParams", "executionMetadata", "tags"}, {"reexecutionParams", "extraTags"}},
	"launchPipelineReexecution": {{"executionParams", "executionMetadata", "tags"}, {"reexecutionParams", "extraTags"}},
	"launchPartitionBackfill":   {{"backfillParams", "tags"}},
}

// labelled holds that whatever is launched carries our label and no other.
func labelled(field ran) (wrong []string) {
	for _, path := range launching[field.Name] {
		for _, params := range items(field.Arguments[path[0]]) {
			var users []any
			for _, tag := range items(at(params, path[1:])) {
				if tag, ok := tag.(map[string]any); ok && isUser(tag["key"]) {
					users = append(users, tag["key"], tag["value"])
				}
			}
			if !gocmp.Equal(users, []any{"user", label}) {
				wrong = append(wrong, fmt.Sprintf("%s is labelled %v", field.Name, users))
			}
		}
	}
	return wrong
}

func items(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

func at(value any, path []string) any {
	for _, name := range path {
		members, _ := value.(map[string]any)
		value = members[name]
	}
	return value
}

// describe shows a request that was read wrongly.
func describe(r request) string {
	if r.Socket != nil {
		return fmt.Sprintf("socket %q", r.Socket)
	}
	var members map[string]json.RawMessage
	var document string
	json.Unmarshal(r.Body, &members)
	json.Unmarshal(members["query"], &document)
	return fmt.Sprintf("%s %q ?%s\n%q\n%s", r.Method, r.ContentType, r.Query, r.Body, document)
}
