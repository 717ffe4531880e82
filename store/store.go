package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/dagpass/dagpass/migrations"
	"github.com/dagpass/dagpass/models"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	// OnEvent, if set, is called with every event after its commit, from the
	// goroutine that committed it. Set it before the first change.
	OnEvent func(models.Event)

	// Pseudonyms, if set, take people out of all events before they are appended.
	// Set it before the first change.
	Pseudonyms *models.Pseudonyms

	log     *slog.Logger
	dialect string
	read    *gorm.DB
	write   *gorm.DB // the same as read on PostgreSQL
}

// Open opens "sqlite:path", "sqlite:/absolute/path" or "postgres://…". It does
// not migrate. A SQLite file that is not there yet is created with mode 0600.
// No error repeats the URL, which may hold a password.
func Open(ctx context.Context, url string, log *slog.Logger) (*Store, error) {
	s := &Store{log: log}
	var err error
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		err = s.openSQLite(ctx, rest)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, url)
	default:
		err = errors.New("the database URL must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// config is GORM without what it would add of its own: no transaction around
// single statements, no logging (its lines hold values, and values may be
// secrets), no pings.
func config() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction:   true,
		DisableNestedTransaction: true,
		DisableAutomaticPing:     true,
		TranslateError:           true,
		Logger:                   logger.Discard,
		NowFunc:                  func() time.Time { return time.Now().UTC() },
	}
}

// Migrate brings the schema to this release's version and tells how many
// migrations it applied. Several replicas may start at once. A database that a
// newer release has migrated is refused with [migrations.ErrNewer].
func (s *Store) Migrate(ctx context.Context) (applied int, err error) {
	db, err := s.write.DB()
	if err != nil {
		return 0, err
	}
	applied, err = migrations.Up(ctx, db, s.dialect)
	if applied > 0 {
		s.log.InfoContext(ctx, "database migrated", "dialect", s.dialect, "applied", applied)
	}
	return applied, err
}

// Ready tells whether the database answers and has a schema that we can work
// with: ours, or the next release's during a rolling update.
func (s *Store) Ready(ctx context.Context) error {
	db, err := s.read.DB()
	if err != nil {
		return err
	}
	return migrations.Check(ctx, db, s.dialect)
}

// Dialect is "sqlite" or "postgres".
func (s *Store) Dialect() string { return s.dialect }

// Close waits for what is under way and closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, db := range s.pools() {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

func (s *Store) pools() (pools []*sql.DB) {
	for _, g := range []*gorm.DB{s.read, s.write} {
		if g == nil {
			continue
		}
		if db, err := g.DB(); err == nil && (len(pools) == 0 || pools[0] != db) {
			pools = append(pools, db)
		}
	}
	return pools
}

// found turns GORM's word for an absent row into ours.
func found(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.ErrNotFound
	}
	return err
}

// one is for statements that must hit a row: none is [models.ErrNotFound].
func one(result *gorm.DB) error {
	if result.Error == nil && result.RowsAffected == 0 {
		return models.ErrNotFound
	}
	return result.Error
}

// doing says what an error was about; nil stays nil.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
