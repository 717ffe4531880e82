package seed

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dagpass/dagpass/models"
)

type postgres struct{ conn *pgx.Conn }

func openPostgres(ctx context.Context, url string) (sink, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "SET maintenance_work_mem = '1GB'; SET synchronous_commit = off; SET timezone = 'UTC'")
	return &postgres{conn}, err
}

func (p *postgres) insert(ctx context.Context, table string, columns []string, next func() ([]any, bool)) error {
	var row []any
	_, err := p.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, &copied{next: next, row: row})
	return err
}

// copied implements pgx.CopyFromSource.
type copied struct {
	next func() ([]any, bool)
	row  []any
}

// Next implements pgx.CopyFromSource.
func (c *copied) Next() (ok bool) {
	c.row, ok = c.next()
	return ok
}

// Values implements pgx.CopyFromSource.
func (c *copied) Values() ([]any, error) { return c.row, nil }

// Err implements pgx.CopyFromSource.
func (c *copied) Err() error { return nil }

func (p *postgres) dropIndexes(ctx context.Context) (func() error, error) {
	rows, err := p.conn.Query(ctx, "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'events' AND indexdef NOT LIKE '%UNIQUE%'")
	if err != nil {
		return nil, err
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Definition string }])
	for _, i := range indexes {
		_, dropped := p.conn.Exec(ctx, "DROP INDEX "+pgx.Identifier{i.Name}.Sanitize())
		err = errors.Join(err, dropped)
	}
	return func() error {
		for _, i := range indexes {
			if _, err := p.conn.Exec(ctx, i.Definition); err != nil {
				return err
			}
		}
		_, err := p.conn.Exec(ctx, "VACUUM ANALYZE") // what autovacuum does by itself
		return err
	}, err
}

func (p *postgres) head(ctx context.Context) (last models.Link, err error) {
	err = p.conn.QueryRow(ctx, "SELECT seq, hash FROM chain_heads").Scan(&last.Seq, &last.Hash)
	return last, err
}

func (p *postgres) setHead(ctx context.Context, last models.Link) error {
	_, err := p.conn.Exec(ctx, "UPDATE chain_heads SET seq = $1, hash = $2", last.Seq, last.Hash)
	return err
}

func (p *postgres) lastEvent(ctx context.Context) (at time.Time, err error) {
	err = p.conn.QueryRow(ctx, "SELECT time FROM events ORDER BY seq DESC LIMIT 1").Scan(&at)
	return at, err
}

func (p *postgres) unsigned(ctx context.Context) (n int64, err error) {
	err = p.conn.QueryRow(ctx, "SELECT seq - coalesce((SELECT max(seq) FROM checkpoints), 0) FROM chain_heads").Scan(&n)
	return n, err
}

func (p *postgres) eventBehind(ctx context.Context, seq int64) (body string, err error) {
	err = p.conn.QueryRow(ctx, "SELECT body FROM events WHERE seq > $1 AND run_id <> '' ORDER BY seq LIMIT 1", seq).Scan(&body)
	return body, err
}

func (p *postgres) reopen(ctx context.Context, now time.Time) error {
	_, err := p.conn.Exec(ctx, `UPDATE sessions SET created_at = created_at + age, last_seen_at = last_seen_at + age, expires_at = expires_at + age
		FROM (SELECT $1 - max(created_at) AS age FROM sessions) AS a`, now)
	return err
}

func (p *postgres) close() { _ = p.conn.Close(context.Background()) }

// Empty takes away all that is in a PostgreSQL database.
func Empty(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	return errors.Join(err, conn.Close(ctx))
}

// Await waits until a PostgreSQL that listens takes connections.
func Await(ctx context.Context, url string) error {
	tick, patience := time.NewTicker(100*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-patience:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
