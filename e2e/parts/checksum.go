package parts

import (
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
			err = addDatabase(sum, path)
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

// bookkeeping are tables that say nothing of what was asked for.
var bookkeeping = []string{"alembic_version", "secondary_indexes", "daemon_heartbeats", "instance_info"}

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

// addTable adds what a table holds. Events are only ever added or deleted, and
// are many: their number and the last one will do.
func addTable(sum hash.Hash, db *sql.DB, table string) error {
	query := "SELECT * FROM " + table
	if table == "event_logs" {
		query = "SELECT count(*), max(id) FROM event_logs"
	}
	rows, err := db.Query(query)
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
