package seed

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/dagpass/dagpass/models"
)

type sqlite struct{ db *sql.DB }

func openSQLite(ctx context.Context, path string) (sink, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "PRAGMA synchronous = OFF; PRAGMA cache_size = -500000")
	return &sqlite{db}, err
}

func (s *sqlite) insert(ctx context.Context, table string, columns []string, next func() ([]any, bool)) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	//nolint:gosec // the names are ours
	insert, err := tx.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
	if err != nil {
		return err
	}
	defer insert.Close()
	for row, ok := next(); ok; row, ok = next() {
		for i, value := range row {
			if at, ok := value.(time.Time); ok {
				row[i] = at.UnixMicro() // as the store keeps times
			}
		}
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *sqlite) dropIndexes(ctx context.Context) (func() error, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'events' AND sql IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names, definitions []string
	for rows.Next() {
		var name, definition string
		err = errors.Join(err, rows.Scan(&name, &definition))
		names, definitions = append(names, name), append(definitions, definition)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := s.db.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			return nil, err
		}
	}
	return func() error {
		for _, definition := range definitions {
			if _, err := s.db.ExecContext(ctx, definition); err != nil {
				return err
			}
		}
		_, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		return err
	}, nil
}

func (s *sqlite) head(ctx context.Context) (last models.Link, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT seq, hash FROM chain_heads").Scan(&last.Seq, &last.Hash)
	return last, err
}

func (s *sqlite) setHead(ctx context.Context, last models.Link) error {
	_, err := s.db.ExecContext(ctx, "UPDATE chain_heads SET seq = ?, hash = ?", last.Seq, last.Hash)
	return err
}

func (s *sqlite) lastEvent(ctx context.Context) (time.Time, error) {
	var micros int64
	err := s.db.QueryRowContext(ctx, "SELECT time + 0 FROM events ORDER BY seq DESC LIMIT 1").Scan(&micros)
	return time.UnixMicro(micros).UTC(), err
}

func (s *sqlite) unsigned(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT seq - coalesce((SELECT max(seq) FROM checkpoints), 0) FROM chain_heads").Scan(&n)
	return n, err
}

func (s *sqlite) eventBehind(ctx context.Context, seq int64) (body string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT body FROM events WHERE seq > ? AND run_id <> '' ORDER BY seq LIMIT 1", seq).Scan(&body)
	return body, err
}

func (s *sqlite) reopen(ctx context.Context, now time.Time) error {
	_, err := s.db.ExecContext(ctx, `UPDATE sessions SET created_at = created_at + a.age, last_seen_at = last_seen_at + a.age, expires_at = expires_at + a.age
		FROM (SELECT ? - max(created_at) AS age FROM sessions) AS a`, now.UnixMicro())
	return err
}

func (s *sqlite) close() { _ = s.db.Close() }
