package parts

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "modernc.org/sqlite"
)

// Checksum covers all that stands in Dagster's databases, and the notes of code
// that ran (evaluated.py). Two equal sums mean that nothing ran and nothing was
// changed in between. It is quick; State tells what it was.
func (d *Dagster) Checksum(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(d.home, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".db" {
			fmt.Fprintln(sum, path)
			if !ofRun(path) {
				err = addDatabase(sum, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("Dagster's databases: %v", err)
	}
	notes, _ := os.ReadFile(filepath.Join(d.home, "evaluated.txt")) // not there before the first
	sum.Write(notes)
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// ofRun tells the databases that hold the events of one run each, of which the
// others say enough.
func ofRun(path string) bool {
	return len(filepath.Base(path)) == len("00000000-0000-0000-0000-000000000000.db")
}

// bookkeeping are tables that say nothing of what was asked for.
var bookkeeping = []string{"alembic_version", "secondary_indexes", "daemon_heartbeats", "instance_info", "snapshots"}

func addDatabase(sum hash.Hash, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	tables, err := column(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
	for _, table := range tables {
		if err == nil && !slices.Contains(bookkeeping, table) {
			err = addTable(sum, db, table)
		}
	}
	return err
}

// brief says of large tables what is enough: events are only ever added or
// deleted, and a change of a run is dated.
var brief = map[string]string{
	"event_logs": "SELECT count(*), max(id) FROM event_logs",
	"runs":       "SELECT run_id, status, update_timestamp FROM runs",
	"run_tags":   "SELECT count(*), max(id) FROM run_tags",
}

// addTable adds what a table holds.
func addTable(sum hash.Hash, db *sql.DB, table string) error {
	rows, err := db.Query(cmp.Or(brief[table], "SELECT * FROM "+table))
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		fmt.Fprintln(sum, table, values)
	}
	return rows.Err()
}

func column(db *sql.DB, query string) (all []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, rows.Err()
}
