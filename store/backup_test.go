package store_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// These tests do what docs/operations.md tells people to do.

// restored is whether a store has the same people and the same chain, and goes
// on with both.
func restored(t *testing.T, url string, people []person, links []models.Link) {
	t.Helper()
	s := storetest.Open(t, url)
	if applied, err := s.Migrate(t.Context()); applied != 0 || err != nil {
		t.Errorf("applied %d (%v), want nothing to do", applied, err)
	}
	for _, p := range people {
		session, user, identity, err := s.Session(t.Context(), p.session.ID)
		if got := (person{&user, &identity, &session}); !cmp.Equal(got, p, cmp.AllowUnexported(person{})) || err != nil {
			t.Errorf("got %+v (%v), want %+v", got, err, p)
		}
	}
	if diff := cmp.Diff(links, unbroken(t, s)); diff != "" {
		t.Errorf("saved (-) and restored (+) chain differ:\n%s", diff)
	}
	signedIn(t, s, "later")
	unbroken(t, s)
}

func TestBackupWhileItGoesOn(t *testing.T) {
	s := storetest.SQLite(t)
	people := signedIn(t, s, "ada", "grace")
	links := unbroken(t, s)
	copied := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	signedIn(t, s, "not in the backup")
	restored(t, "sqlite:"+copied, people, links)
}

func TestBackupReplacesNothing(t *testing.T) {
	s := storetest.SQLite(t)
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); err == nil || !strings.Contains(err.Error(), "does not replace") {
		t.Errorf("%v, want a refusal", err)
	}
	if content, err := os.ReadFile(path); string(content) != "precious" || err != nil {
		t.Errorf("the file is now %q (%v)", content, err)
	}
}

func TestFailedBackupLeavesNoFile(t *testing.T) {
	for name, s := range map[string]*store.Store{"closed": storetest.SQLite(t), "empty": storetest.Open(t, storetest.SQLiteURL(t)), "damaged": storetest.SQLite(t)} {
		switch name {
		case "closed":
			s.Close()
		case "damaged":
			s.Writer().Exec("PRAGMA writable_schema = 1")
			s.Writer().Exec("UPDATE sqlite_schema SET rootpage = 999999 WHERE name = 'users'")
		}
		path := filepath.Join(t.TempDir(), "backup.db")
		if err := s.Backup(t.Context(), path); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: half a backup is there: %v", name, err)
		}
	}
}

func TestBackupOfPostgresSaysWhatToUse(t *testing.T) {
	s := storetest.Migrated(t, pgtest.URL(t))
	if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup")); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("%v, want a word about pg_dump", err)
	}
}

// The database and its log, copied while no process has them open. The process
// was killed here, so that much is in the log alone.
func TestCopyOfTheFiles(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	url := "sqlite:" + filepath.Join(dir, "dagpass.db")
	killAfter(t, itself(t, "TestKilledUnderLoad", "STORE_TEST_LOAD="+url), 10)
	if log, err := os.Stat(filepath.Join(dir, "dagpass.db-wal")); err != nil || log.Size() == 0 {
		t.Fatalf("the log is empty (%v), so this shows nothing", err)
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s := storetest.Open(t, url)
	restored(t, "sqlite:"+filepath.Join(copied, "dagpass.db"), nil, unbroken(t, s))
}

func TestDumpOfPostgres(t *testing.T) {
	from, to := pgtest.URL(t), pgtest.URL(t)
	s := storetest.Migrated(t, from)
	people, file := signedIn(t, s, "ada", "grace"), filepath.Join(t.TempDir(), "dagpass.dump")
	run(t, "pg_dump", "--format=custom", "--file="+file, from)
	run(t, "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+to, file)
	restored(t, to, people, unbroken(t, s))
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
