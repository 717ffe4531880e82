// Package storetest gives tests a real store, and puts both dialects through
// the same exam.
//
//	Each ─┬─▶ sqlite:   a fresh file ──────────┐
//	      └─▶ postgres: a fresh database of ───┴─▶ store.Open ─▶ the test
//	                    pgtest
//
// Both are copies of one that was migrated once for the test binary: migrating
// took most of the time of most tests. Tests of migrating itself start empty.
//
// Neighbours: store's own exam, and every room whose tests need a store. It is
// for tests only.
package storetest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// Each runs the test once on SQLite and once on PostgreSQL, on a database that
// is fresh and migrated.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Open(t, postgresTemplate.URL(t))) })
}

// EachURL runs the test with the URL of an empty database of either dialect,
// for tests that open it themselves, or several times.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLiteURL(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.URL(t)) })
}

// SQLite opens a fresh, migrated SQLite database, where the dialect does not
// matter.
func SQLite(t testing.TB) *store.Store {
	t.Helper()
	file, err := sqliteTemplate()
	if err != nil {
		t.Fatal(err)
	}
	url := SQLiteURL(t)
	if err := os.WriteFile(strings.TrimPrefix(url, "sqlite:"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(t, url)
}

var (
	postgresTemplate = pgtest.NewTemplate("migrated", migrate)
	sqliteTemplate   = sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "storetest-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "migrated.db")
		if err := migrate("sqlite:" + path); err != nil {
			return nil, err
		}
		return os.ReadFile(path)
	})
)

// migrate makes a schema and lets go of the database.
func migrate(url string) error {
	s, err := store.Open(context.Background(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	_, err = s.Migrate(context.Background())
	return errors.Join(err, s.Close())
}

// SQLiteURL names a file that is not there yet.
func SQLiteURL(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "dagpass.db")
}

// Open opens a store that is closed when t ends.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return s
}

// Migrated opens and migrates a store.
func Migrated(t testing.TB, url string) *store.Store {
	t.Helper()
	s := Open(t, url)
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}
