// Package storetest gives tests a real store, and puts both dialects through
// the same exam.
//
//	Each ─┬─▶ sqlite:   a fresh file ──────────┐
//	      └─▶ postgres: a fresh database of ───┴─▶ store.Open, Migrate ─▶ the test
//	                    pgtest
//
// Neighbours: store's own exam, and every room whose tests need a store. It is
// for tests only.
package storetest

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// Each runs the test once on SQLite and once on PostgreSQL, on a database that
// is fresh and migrated.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { test(t, Migrated(t, url)) })
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
	return Migrated(t, SQLiteURL(t))
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
