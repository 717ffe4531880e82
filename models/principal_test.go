package models_test

import (
	"slices"
	"testing"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func TestMark(t *testing.T) {
	viewer, editor := policy.BuiltIn(policy.Viewer), policy.BuiltIn(policy.Editor)
	at := func(rule string, all policy.Permissions, locations ...policy.Pattern) policy.Scope {
		return policy.Scope{Locations: locations, Permissions: all, Rule: rule}
	}
	mark := func(id string, untrimmed bool, all policy.Permissions, rule string, scopes ...policy.Scope) string {
		rules := map[policy.Permission]string{policy.Read: rule}
		p := models.Principal{
			User: models.User{ID: id}, SessionID: rule,
			Access: policy.Access{Permissions: all, Rules: rules, Scopes: scopes},
		}
		return p.Mark(untrimmed)
	}
	for what, same := range map[string][]string{
		"without scopes": {
			mark("1", false, viewer, "grant 1"),
			mark("1", false, viewer, "grant 2"),
			mark("1", false, policy.BuiltIn(policy.Viewer), "grant 1", at("grant 2", nil, "a*")),
		},
		"with scopes": {
			mark("1", false, viewer, "grant 1", at("grant 2", editor, "a*", "b"), at("grant 3", viewer, "c")),
			mark("1", false, viewer, "grant 2", at("grant 3", editor, "a*", "b"), at("grant 4", viewer, "c")),
			mark("1", false, viewer, "grant 1", at("grant 2", viewer, "c"), at("grant 3", editor, "b", "a*")),
			mark("1", false, viewer, "grant 1", at("grant 2", viewer, "c"), at("grant 3", editor, "a*", "b"), at("grant 4", viewer, "c")),
		},
	} {
		if len(slices.Compact(same)) != 1 || len(same[0]) != 33 {
			t.Errorf("one access %s: %q", what, same)
		}
	}
	first := mark("1", false, viewer, "grant 1")
	if other := mark("2", false, viewer, "grant 1"); other[:16] == first[:16] || other[16:] != first[16:] {
		t.Errorf("two people: %q and %q", first, other)
	}
	seen := map[string]bool{first: true}
	for _, changed := range []string{
		mark("1", true, viewer, "grant 1"),
		mark("1", false, editor, "grant 1"),
		mark("1", false, viewer, "grant 1", at("grant 2", editor, "a*")),
		mark("1", false, viewer, "grant 1", at("grant 2", editor, "b*")),
		mark("1", false, viewer, "grant 1", at("grant 2", viewer, "a*")),
		mark("1", false, viewer, "grant 1", at("grant 2", editor, "a*", "b*")),
		mark("1", false, viewer, "grant 1", at("grant 2", editor, `a*" "b*`)),
		mark("1", false, viewer, "grant 1", at("grant 2", editor, "a*"), at("grant 3", viewer, "b*")),
	} {
		if seen[changed] || changed[:16] != first[:16] {
			t.Errorf("another access of the same person: %q after %v", changed, seen)
		}
		seen[changed] = true
	}
}
