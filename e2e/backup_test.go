package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// backup does what docs/operations.md says, with a server that is in use and
// then killed. One person signs in before the backup, another after it.
func backup(t *testing.T, w *world) {
	t.Run("SQLite in use", func(t *testing.T) { backupSQLite(t, w) })
	t.Run("SQLite's files when stopped", func(t *testing.T) { copyFiles(t, w) })
	t.Run("PostgreSQL", func(t *testing.T) { backupPostgreSQL(t, w) })
}

// witnesses signed in before something and after it: who of them is still known?
type witnesses struct{ before, after *person }

func (n witnesses) mustBeKnown(t *testing.T, after bool) {
	t.Helper()
	if who, ok := n.before.me(t); !ok || who.User.Email != "before@example.com" {
		t.Errorf("who signed in before is %+v", who.User)
	}
	if who, ok := n.after.me(t); ok != after {
		t.Errorf("who signed in after is known: %v (%+v), want %v", ok, who.User, after)
	}
}

// around serves, has somebody sign in before and somebody after do, and is
// killed.
func (w *world) around(t *testing.T, set settings, do func()) witnesses {
	t.Helper()
	s := w.serve(t, set)
	before := signedIn(t, s, "certified", "before")
	do()
	after := signedIn(t, s, "certified", "after")
	s.Kill()
	return witnesses{before, after}
}

func backupSQLite(t *testing.T, w *world) {
	set := w.settings(t, w.dagster.URL)
	delete(set, "SECRET_KEY") // the key beside the database serves too
	database, saved := set.file(), filepath.Join(t.TempDir(), "saved.db")
	people := w.around(t, set, func() { w.run(t, set, "backup", saved) })
	if info, err := os.Stat(database + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("no log is left that could get in the way: %v, %v", info, err)
	}
	for _, name := range []string{database, database + "-wal", database + "-shm"} {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	duplicate(t, saved, database)
	w.serve(t, set)
	people.mustBeKnown(t, false)
	w.run(t, set, "audit", "verify")
}

// file is the path of the SQLite database.
func (s settings) file() string { return strings.TrimPrefix(s["DATABASE_URL"], "sqlite:") }

func duplicate(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// copyFiles takes the database together with its log, of which nothing is lost.
func copyFiles(t *testing.T, w *world) {
	set := w.settings(t, w.dagster.URL)
	people := w.around(t, set, func() {})
	moved := set.with(settings{"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "moved.db")})
	for _, suffix := range []string{"", "-wal"} {
		duplicate(t, set.file()+suffix, moved.file()+suffix)
	}
	w.serve(t, moved)
	people.mustBeKnown(t, true)
	w.run(t, moved, "audit", "verify")
}

func backupPostgreSQL(t *testing.T, w *world) {
	set := w.settings(t, w.dagster.URL).with(settings{"DATABASE_URL": pgtest.URL(t)})
	dump := filepath.Join(t.TempDir(), "dagpass.dump")
	people := w.around(t, set, func() {
		mustRun(t, "pg_dump", "--format=custom", "--file="+dump, set["DATABASE_URL"])
	})
	restored := set.with(settings{"DATABASE_URL": pgtest.URL(t)})
	mustRun(t, "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+restored["DATABASE_URL"], dump)
	w.serve(t, restored)
	people.mustBeKnown(t, false)
	w.run(t, restored, "audit", "verify")
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
