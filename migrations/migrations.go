package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// The dialects that there are migrations for; each is the name of a folder.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

//go:embed sqlite postgres
var files embed.FS

var (
	// ErrNewer is the refusal of a database that a later release has migrated.
	ErrNewer = errors.New("the database was migrated by a newer dagpass: " +
		"start that version, or restore the backup made before the update")
	// ErrBehind says that a database lacks migrations of this release.
	ErrBehind = errors.New("the database is not migrated to this version: run dagpass migrate")
)

// Up brings the schema to this release's version and tells how many migrations
// it applied. Several processes may call it at once: one applies, the others
// wait for it. A database of a newer release is refused with [ErrNewer] and
// left alone.
func Up(ctx context.Context, db *sql.DB, dialect string) (applied int, err error) {
	m, err := open(db, dialect, files)
	if err != nil {
		return 0, err
	}
	return m.up(ctx)
}

// Check tells whether the database answers and has at least this release's
// schema. It changes nothing. A newer schema is good here, unlike in [Up]: in
// a rolling update the release before goes on serving while the next one has
// already migrated.
func Check(ctx context.Context, db *sql.DB, dialect string) error {
	m, err := open(db, dialect, files)
	if err != nil {
		return err
	}
	return m.check(ctx)
}

// migrator is one database together with the migrations for it.
type migrator struct {
	goose  *goose.Provider
	db     *sql.DB
	newest int64
}

func open(db *sql.DB, dialect string, files fs.FS) (*migrator, error) {
	folder, err := fs.Sub(files, dialect)
	if err != nil {
		return nil, err
	}
	options, err := optionsFor(dialect)
	if err != nil {
		return nil, err
	}
	g, err := goose.NewProvider(gooseDialect(dialect), db, folder, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations for %q: %w", dialect, err)
	}
	sources := g.ListSources()
	return &migrator{goose: g, db: db, newest: sources[len(sources)-1].Version}, nil
}

func gooseDialect(dialect string) goose.Dialect {
	if dialect == SQLite {
		return goose.DialectSQLite3
	}
	return goose.Dialect(dialect)
}

// optionsFor gives PostgreSQL a lock of the session, asked for once a second
// and for five minutes, so that replicas that start at once take turns.
func optionsFor(dialect string) ([]goose.ProviderOption, error) {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if dialect != Postgres {
		return options, nil
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	return append(options, goose.WithSessionLocker(locker)), err
}

// up applies what is pending. SQLite has no lock that spans transactions, so
// two processes may try the same migration: the transaction lets one of them
// through, and the other fails, sees that the version has moved on without it,
// and asks again. The version only grows, so this ends.
func (m *migrator) up(ctx context.Context) (applied int, err error) {
	for {
		before, err := m.version(ctx)
		if err != nil || before == m.newest {
			return applied, err
		}
		if before > m.newest {
			return applied, fmt.Errorf("%w (it has version %d, this one knows %d)", ErrNewer, before, m.newest)
		}
		done, err := m.goose.Up(ctx)
		if err == nil {
			return applied + len(done), nil
		}
		applied += doneBefore(err)
		if after, lost := m.version(ctx); lost != nil || after == before {
			return applied, fmt.Errorf("migrate: %w", err)
		}
	}
}

// doneBefore counts what a failed run had applied before it failed.
func doneBefore(err error) int {
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		return len(partial.Applied)
	}
	return 0
}

// version is the highest one applied; 0 for a database that is new.
func (m *migrator) version(ctx context.Context) (int64, error) {
	v, _, err := m.goose.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return v, nil
}

func (m *migrator) check(ctx context.Context) error {
	var version sql.NullInt64
	if err := m.db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return m.why(ctx, err)
	}
	if version.Int64 < m.newest {
		return ErrBehind
	}
	return nil
}

// why tells a database that does not answer from one without our tables.
func (m *migrator) why(ctx context.Context, err error) error {
	if ping := m.db.PingContext(ctx); ping != nil {
		return fmt.Errorf("database: %w", ping)
	}
	return fmt.Errorf("%w (%w)", ErrBehind, err)
}
