package migrations

import (
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// each runs the test with a way to open, again and again, one empty database of
// either dialect; every opening stands for a process.
func each(t *testing.T, test func(t *testing.T, dialect string, connect func() *sql.DB)) {
	t.Run(SQLite, func(t *testing.T) {
		dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_busy_timeout=10000&_journal_mode=WAL&_txlock=immediate"
		test(t, SQLite, func() *sql.DB { return connect(t, "sqlite", dsn) })
	})
	t.Run(Postgres, func(t *testing.T) {
		url := pgtest.URL(t)
		test(t, Postgres, func() *sql.DB { return connect(t, "pgx", url) })
	})
}

func connect(t *testing.T, driver, dsn string) *sql.DB {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// release is the migrations of a release: those embedded here and more, by
// name and content.
func release(t *testing.T, dialect string, more map[string]string) fs.FS {
	t.Helper()
	release := fstest.MapFS{}
	for _, name := range names(t, dialect) {
		content, err := files.ReadFile(dialect + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		release[dialect+"/"+name] = &fstest.MapFile{Data: content}
	}
	for name, statement := range more {
		release[dialect+"/"+name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement)}
	}
	return release
}

func names(t *testing.T, dialect string) (names []string) {
	t.Helper()
	entries, err := files.ReadDir(dialect)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func migratorFor(t *testing.T, db *sql.DB, dialect string, files fs.FS) *migrator {
	t.Helper()
	m, err := open(db, dialect, files)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBothDialectsHaveTheSameMigrations(t *testing.T) {
	if diff := cmp.Diff(names(t, SQLite), names(t, Postgres)); diff != "" {
		t.Errorf("sqlite (-) and postgres (+) differ:\n%s", diff)
	}
}

func TestUpAppliesAllOnce(t *testing.T) {
	each(t, func(t *testing.T, dialect string, connect func() *sql.DB) {
		db := connect()
		for _, want := range []int{len(names(t, dialect)), 0} {
			applied, err := Up(t.Context(), db, dialect)
			if applied != want || err != nil {
				t.Errorf("applied %d (%v), want %d", applied, err, want)
			}
		}
	})
}

func TestManyAtOnceApplyEachMigrationOnce(t *testing.T) {
	more := map[string]string{
		"90001_a.sql": "CREATE TABLE a (id integer);", "90002_b.sql": "CREATE TABLE b (id integer);",
		"90003_c.sql": "CREATE TABLE c (id integer);", "90004_d.sql": "INSERT INTO a VALUES (1);",
	}
	each(t, func(t *testing.T, dialect string, connect func() *sql.DB) {
		release := release(t, dialect, more)
		var mu sync.Mutex
		var wg sync.WaitGroup
		total := 0
		for range 6 {
			m := migratorFor(t, connect(), dialect, release)
			wg.Go(func() {
				applied, err := m.up(t.Context())
				mu.Lock()
				defer mu.Unlock()
				if total += applied; err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if want := len(names(t, dialect)) + len(more); total != want {
			t.Errorf("applied %d in all, want %d", total, want)
		}
		var rows int
		if err := connect().QueryRow("SELECT count(*) FROM a").Scan(&rows); rows != 1 || err != nil {
			t.Errorf("the insert ran %d times (%v), want once", rows, err)
		}
	})
}

func TestOlderReleaseRefusesNewerSchema(t *testing.T) {
	each(t, func(t *testing.T, dialect string, connect func() *sql.DB) {
		db := connect()
		next := migratorFor(t, db, dialect, release(t, dialect, map[string]string{"90001_next.sql": "CREATE TABLE next (id integer);"}))
		if _, err := next.up(t.Context()); err != nil {
			t.Fatal(err)
		}
		if applied, err := Up(t.Context(), db, dialect); !errors.Is(err, ErrNewer) || applied != 0 {
			t.Errorf("applied %d (%v), want %v", applied, err, ErrNewer)
		}
		if err := Check(t.Context(), db, dialect); err != nil {
			t.Errorf("a release that is running already must go on: %v", err)
		}
	})
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	each(t, func(t *testing.T, dialect string, connect func() *sql.DB) {
		db := connect()
		if err := Check(t.Context(), db, dialect); !errors.Is(err, ErrBehind) {
			t.Errorf("empty database: %v, want %v", err, ErrBehind)
		}
		if _, err := Up(t.Context(), db, dialect); err != nil {
			t.Fatal(err)
		}
		if err := Check(t.Context(), db, dialect); err != nil {
			t.Errorf("migrated database: %v", err)
		}
		next := migratorFor(t, db, dialect, release(t, dialect, map[string]string{"90001_next.sql": "CREATE TABLE next (id integer);"}))
		if err := next.check(t.Context()); !errors.Is(err, ErrBehind) {
			t.Errorf("database of the release before: %v, want %v", err, ErrBehind)
		}
		db.Close()
		if err := Check(t.Context(), db, dialect); err == nil || errors.Is(err, ErrBehind) {
			t.Errorf("database that does not answer: %v, want another error than %v", err, ErrBehind)
		}
	})
}

// A migration that fails leaves nothing of itself, keeps what went before it,
// and can be tried again once it is mended.
func TestFailedMigrationLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, dialect string, connect func() *sql.DB) {
		db := connect()
		broken := map[string]string{"90001_broken.sql": "CREATE TABLE half (id integer); INSERT INTO nowhere VALUES (1);"}
		m := migratorFor(t, db, dialect, release(t, dialect, broken))
		applied, err := m.up(t.Context())
		if applied != len(names(t, dialect)) || err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("applied %d (%v), want the good ones and an error about nowhere", applied, err)
		}
		if _, err := db.Exec("SELECT * FROM half"); err == nil {
			t.Error("the failed migration left its table")
		}
		mended := map[string]string{"90001_broken.sql": "CREATE TABLE half (id integer);"}
		if applied, err := migratorFor(t, db, dialect, release(t, dialect, mended)).up(t.Context()); applied != 1 || err != nil {
			t.Errorf("mended: applied %d (%v), want 1", applied, err)
		}
	})
}

func TestUnknownDialectIsAnError(t *testing.T) {
	if _, err := Up(t.Context(), nil, "oracle"); err == nil {
		t.Error("no error")
	}
}
