package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/policy"
)

// What is read of a file decides only when it is whole: the last good policy
// stays through a bad one, an empty one, and one that is being written.
func TestPolicyFileKeepsTheLastGoodOne(t *testing.T) {
	const editors, launchers = "grants: [{group: editors, role: editor}]", "grants: [{group: editors, role: launcher}]"
	for _, tt := range []struct {
		name, content string
		readings      int
		want          policy.Role
	}{
		{"good", launchers, 2, policy.Launcher},
		{"read once", launchers, 1, policy.Editor},
		{"bad", "grants: [{group: editors, role: nonsense}]", 3, policy.Editor},
		{"not YAML", "grants: [", 3, policy.Editor},
		{"empty", "", 3, policy.Editor},
	} {
		path := filepath.Join(t.TempDir(), "policy.yaml")
		write(t, path, editors)
		cfg := mustLoad(t, okta("DAGPASS_POLICY_FILE="+path), "")
		f := newPolicyFile(cfg, slog.New(slog.DiscardHandler))
		rules := &live{cfg: cfg, file: f}
		f.recompose = func(context.Context) error { _, err := rules.compose(identity.Changes{}); return err }
		write(t, path, tt.content)
		for range tt.readings {
			f.read(t.Context())
		}
		s := policy.NewSubject("okta", "a@b.c", true)
		s.Groups = []string{"editors"}
		now, err := rules.compose(identity.Changes{})
		if err != nil {
			t.Fatal(err)
		}
		if got := now.Policy.Access(s).Role; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
