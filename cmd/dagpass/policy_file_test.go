package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
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

// A file that is right is taken in the end, whatever was in its way: a database
// that did not answer, or a change of the console. A bad one is judged once.
func TestPolicyFileIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, "roles: { clerk: { extends: viewer } }")
	cfg := mustLoad(t, okta("DAGPASS_POLICY_FILE="+path), "")
	var told strings.Builder
	f := newPolicyFile(cfg, slog.New(slog.NewTextHandler(&told, nil)))
	tries, outage := 0, errors.New("no answer")
	f.recompose = func(context.Context) error { tries++; return outage }
	write(t, path, "roles: { porter: { extends: viewer } }")
	for range 4 {
		f.read(t.Context())
	}
	if tries != 3 || strings.Count(told.String(), "no answer") != 1 {
		t.Errorf("%d tries, told %s", tries, &told)
	}
	outage = nil
	for range 4 {
		f.read(t.Context())
	}
	if tries != 4 || !strings.Contains(string(f.current()), "porter") {
		t.Errorf("%d tries, %s", tries, f.current())
	}
	outage = errors.New("bad")
	write(t, path, "roles: { porter: { extends: nobody } }")
	for range 4 {
		f.read(t.Context())
	}
	if tries != 5 {
		t.Errorf("a bad file was tried %d times", tries-4)
	}
}

// What is wrong with the file is not blamed on a setting.
func TestBadFileIsNoBadSetting(t *testing.T) {
	l := liveOf(t, okta()...)
	bad := []byte("grants: [{group: a, role: nonsense}]")
	l.file.now.Store(&bad)
	if _, err := l.compose(with("MESSAGE", "hello")); err == nil || errors.Is(err, identity.ErrBadSetting) {
		t.Error(err)
	}
}
