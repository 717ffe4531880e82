package store_test

import (
	"bytes"
	"errors"
	"io"
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
	closed := storetest.SQLite(t)
	closed.Close()
	for name, s := range map[string]*store.Store{
		"closed": closed, "empty": storetest.Open(t, storetest.SQLiteURL(t)), "damaged": damaged(t),
	} {
		path := filepath.Join(t.TempDir(), "backup.db")
		if err := s.Backup(t.Context(), path); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: half a backup is there: %v", name, err)
		}
	}
}

// damaged is a store whose file has garbage in its last pages.
func damaged(t *testing.T) *store.Store {
	t.Helper()
	url := storetest.SQLiteURL(t)
	s := storetest.Migrated(t, url)
	for range 500 {
		if err := s.Record(t.Context(), said()); err != nil {
			t.Fatal(err)
		}
	}
	s.Close() // writes the log back into the file
	file, err := os.OpenFile(strings.TrimPrefix(url, "sqlite:"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(bytes.Repeat([]byte("garbage!"), 1024), size-8*1024); err != nil {
		t.Fatal(err)
	}
	return storetest.Open(t, url)
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
