package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/dagpass/dagpass/migrations"
)

// openSQLite opens the file twice: one connection that writes, so that writers
// queue here in order of arrival instead of polling for the file's lock, and
// several that read beside it, which write-ahead logging makes possible.
func (s *Store) openSQLite(ctx context.Context, path string) error {
	s.dialect = migrations.SQLite
	dsn, err := sqliteDSN(path)
	if err != nil {
		return err
	}
	if s.write, err = openSQLitePool(ctx, dsn, "&_txlock=immediate", 1); err != nil {
		return err
	}
	s.read, err = openSQLitePool(ctx, dsn, "&_query_only=1", max(4, 2*runtime.NumCPU()))
	return err
}

// settings hold for every connection.
//
//   - WAL with synchronous NORMAL: a commit survives the death of the process,
//     kill -9 included. A power failure may cost the last commits, but never
//     the order or the wholeness of what is there.
//   - busy_timeout in milliseconds: how long to wait for another process.
//   - Times are kept as microseconds since 1970, which is what PostgreSQL
//     resolves too. As text, the driver's default, a time from another zone
//     would compare wrongly.
//   - secure_delete: what is deleted is written over with zeros. Whoever was
//     deleted must not be found in the file.
const settings = "_busy_timeout=10000&_journal_mode=WAL&_synchronous=NORMAL&_foreign_keys=1&_pragma=secure_delete(1)" +
	"&_time_integer_format=unix_micro&_inttotime=1"

// sqliteDSN makes sure that the file is there, for its owner alone: SQLite
// itself would create it as wide as the umask allows. The files of the log
// take over its mode.
func sqliteDSN(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "//") {
		return "", errors.New("the database URL must be sqlite:path or sqlite:/absolute/path, and name a file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", doing("database file", err)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: settings}).String(), file.Close()
}

func openSQLitePool(ctx context.Context, dsn, more string, size int) (*gorm.DB, error) {
	db, err := sql.Open("sqlite", dsn+more)
	if err != nil {
		return nil, doing("open SQLite", err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(doing("open SQLite", err), db.Close())
	}
	c := config()
	c.PrepareStmt = true
	return gorm.Open(sqliteDialector{driver.Dialector{Conn: db}}, c)
}

// sqliteDialector knows the errors of the driver in use; the dialect's own
// translation expects those of another one.
type sqliteDialector struct{ driver.Dialector }

// Translate implements gorm.ErrorTranslator.
func (sqliteDialector) Translate(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case codes.SQLITE_CONSTRAINT_PRIMARYKEY, codes.SQLITE_CONSTRAINT_UNIQUE:
		return fmt.Errorf("%w: %w", gorm.ErrDuplicatedKey, err)
	case codes.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", gorm.ErrForeignKeyViolated, err)
	}
	return err
}

// Backup writes a whole, consistent copy of a SQLite database to a file that
// must not exist, with mode 0600, while everything goes on. PostgreSQL has its
// own means.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.dialect != migrations.SQLite {
		return errors.New("this backup is for SQLite; use pg_dump for PostgreSQL")
	}
	if err := s.notEmpty(ctx); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and a backup does not replace a file", path)
	}
	if err != nil {
		return doing("backup", err)
	}
	defer file.Close()
	if err := s.write.WithContext(ctx).Exec("VACUUM INTO ?", path).Error; err != nil {
		return errors.Join(doing("backup", err), os.Remove(path))
	}
	return doing("backup", file.Sync())
}

// Scrub writes what was deleted out of SQLite's log, too. PostgreSQL does so by
// itself in time (VACUUM, and the age of its log).
func (s *Store) Scrub(ctx context.Context) error {
	if s.dialect != migrations.SQLite {
		return nil
	}
	var done struct{ Busy, Log, Checkpointed int }
	err := s.write.WithContext(ctx).Raw("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&done).Error
	if err == nil && done.Busy != 0 {
		err = errors.New("somebody reads the database")
	}
	return doing("scrub", err)
}

// notEmpty is an error for a database without tables. A mistyped path makes
// one, and a backup of it would look like a good one.
func (s *Store) notEmpty(ctx context.Context) error {
	var tables int64
	err := s.read.WithContext(ctx).Table("sqlite_schema").Count(&tables).Error
	if err == nil && tables == 0 {
		err = errors.New("the database is empty; is its URL right?")
	}
	return doing("backup", err)
}
