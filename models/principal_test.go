package models_test

import (
	"testing"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func TestMark(t *testing.T) {
	ann := models.Principal{User: models.User{ID: "1"}, Access: policy.Access{Role: policy.Viewer, Permissions: policy.BuiltIn(policy.Viewer)}}
	same, other, editor, scoped := ann, ann, ann, ann
	same.SessionID, same.User.Name, same.Access.Permissions = "2", "Ann", policy.BuiltIn(policy.Viewer)
	other.User.ID = "2"
	editor.Access.Permissions = policy.BuiltIn(policy.Editor)
	scoped.Access.Scopes = []policy.Scope{{Locations: []policy.Pattern{"a*"}, Permissions: policy.BuiltIn(policy.Editor)}}
	elsewhere := scoped
	elsewhere.Access.Scopes = []policy.Scope{{Locations: []policy.Pattern{"b*"}, Permissions: policy.BuiltIn(policy.Editor)}}

	mark := ann.Mark(false)
	if same.Mark(false) != mark || len(mark) != 33 {
		t.Errorf("one person, one access: %q and %q", mark, same.Mark(false))
	}
	if other.Mark(false)[:16] == mark[:16] {
		t.Error("two people, one mark")
	}
	seen := map[string]bool{mark: true}
	for _, changed := range []string{editor.Mark(false), scoped.Mark(false), elsewhere.Mark(false), ann.Mark(true)} {
		if seen[changed] || changed[:16] != mark[:16] {
			t.Errorf("another access of the same person: %q after %v", changed, seen)
		}
		seen[changed] = true
	}
}
