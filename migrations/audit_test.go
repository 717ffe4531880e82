package migrations

import (
	"database/sql"
	"io/fs"
	"testing"
	"testing/fstest"
)

// The first two migrations are the release before the audit trail could be
// searched: what it wrote is found by what its events say.
func TestEventsThatAreThereCanBeSearched(t *testing.T) {
	const there = `INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id) VALUES ($1, '', '', $2, $3, $4, 'ok', '', '')`
	rows := []struct{ event, body, found string }{
		{"dagster.mutation", `{"actor":{"name":"Ada"},"target":{"id":"etl","location":"prod"},"run_id":"r1"}`, "dagster Ada etl prod r1"},
		{"noverb", `{"actor":{"kind":"anonymous"}}`, "    "},
		{"a.b.c", `{"actor":{"name":"Ünal \"x\" 'y' \\"},"target":{"id":"a\/b"}}`, `a Ünal "x" 'y' \ a/b  `},
		{"x.y", `{"target":{"id":"\\u0000"},"run_id":"\\\\u0000x"}`, `x  \u0000  \\u0000x`},
	}
	withNUL := struct{ event, body, found string }{"x.y", `{"actor":{"name":"A\u0000\u0000da"},"target":{"id":"\u0000","location":"\\\u0000p"},"run_id":"r\\u0000"}`, `x Ada  \p r\u0000`}
	each(t, func(t *testing.T, dialect string, connect func() *sql.DB) {
		if dialect == Postgres { // SQLite keeps NUL in a text
			rows = append(rows, withNUL)
		}
		db, when := connect(), map[string]any{SQLite: 0, Postgres: "2026-03-29"}[dialect]
		if _, err := migratorFor(t, db, dialect, firstTwo(t, dialect)).up(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			if _, err := db.Exec(there, i+1, row.body, when, row.event); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Up(t.Context(), db, dialect); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			var found string
			err := db.QueryRow("SELECT noun || ' ' || actor_name || ' ' || target_id || ' ' || location || ' ' || run_id FROM events WHERE seq = $1", i+1).Scan(&found)
			if found != row.found || err != nil {
				t.Errorf("%s: %q (%v), want %q", row.body, found, err, row.found)
			}
		}
	})
}

func firstTwo(t *testing.T, dialect string) fs.FS {
	t.Helper()
	two := fstest.MapFS{}
	for _, name := range names(t, dialect)[:2] {
		content, err := files.ReadFile(dialect + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		two[dialect+"/"+name] = &fstest.MapFile{Data: content}
	}
	return two
}
