package store

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/dagpass/dagpass/models"
)

// Tables are the rows as we mean them, one of each table.
func Tables() []any {
	return []any{
		&models.User{}, &models.Identity{}, &models.Session{}, &models.SigningKey{},
		&spentState{}, &eventRow{}, &chainHead{},
		&models.PendingSignIn{}, &models.Credential{}, &models.Factor{}, &models.RecoveryCode{}, &models.OneTimeLink{},
		&models.KnownAddress{}, &FailedProof{}, &models.Checkpoint{}, &models.Anchor{}, &models.Pseudonym{}, &models.APIToken{}, &models.Replay{},
		&models.Setting{}, &models.Grant{}, &ruleRevision{}, &Way{},
	}
}

// Writer is the connection that writes, for tests that look behind the curtain.
func (s *Store) Writer() *gorm.DB { return s.write }

// WriterDB is the same without GORM.
func (s *Store) WriterDB() *sql.DB { return s.pools()[len(s.pools())-1] }

// Reader is the pool that reads.
func (s *Store) Reader() *gorm.DB { return s.read }

// SweepBatch is how many rows one statement removes.
const SweepBatch = sweepBatch

// MaxFailedProofs is how many keys a sweep leaves.
const MaxFailedProofs = maxFailedProofs

// DemoteOne takes the role from one user who has one.
func (t *Tx) DemoteOne() error {
	some := t.db.Table("users").Select("id").Where("role <> ''").Limit(1)
	return one(t.db.Table("users").Where("id IN (?)", some).Update("role", ""))
}

// DemoteAll takes the role from everybody.
func (t *Tx) DemoteAll() error {
	return t.db.Table("users").Where("role <> ''").Update("role", "").Error
}

// RecordQueries are what [Store.Records] asks the database for a page, the bounds
// of its times first.
func (s *Store) RecordQueries(f models.Filter, p Page) (queries []string) {
	dry := s.read.Session(&gorm.Session{DryRun: true})
	said := func(db *gorm.DB) string { return db.Dialector.Explain(db.Statement.SQL.String(), db.Statement.Vars...) }
	var none []int64
	if !f.Since.IsZero() {
		queries = append(queries, said(before(dry, f.Since).Pluck("seq", &none)))
	}
	if !f.Until.IsZero() {
		queries = append(queries, said(behind(dry, f.Until).Pluck("seq", &none)))
	}
	p, _ = s.within(s.read, f, p)
	return append(queries, said(pageOf(dry, f, p).Find(&[]eventRow{})))
}

// SearchFew is [Store.Search] that looks at so many events of a term at once.
func (s *Store) SearchFew(ctx context.Context, f models.Filter, p Page, many int) (Found, error) {
	return s.search(ctx, f, p, many)
}

// SearchSessions is [Store.OpenSessionsBy] that looks at so many sessions at once.
func (s *Store) SearchSessions(ctx context.Context, text string, after Cursor, limit, most int, now time.Time, idle time.Duration) (
	[]models.Session, map[string]models.User, Cursor, error,
) {
	return s.openSessions(ctx, text, after, limit, most, now, idle)
}

// SearchOfFew is [Store.SearchOf] that looks at so many events of a person at once.
func (s *Store) SearchOfFew(ctx context.Context, kinds []Kind, f models.Filter, p Page, many int) (Found, error) {
	return s.searchOf(ctx, kinds, f, p, many)
}

// Asked are the queries with which a question is answered.
func (s *Store) Asked(t interface{ Fatal(...any) }, question func(*Store) error) (queries []string) {
	heard := &Store{dialect: s.dialect, write: s.write, read: s.read.Session(&gorm.Session{Logger: listener{logger.Discard, &queries}})}
	if err := question(heard); err != nil || len(queries) == 0 {
		t.Fatal(err, queries)
	}
	return queries
}

type listener struct {
	logger.Interface
	queries *[]string
}

func (l listener) Trace(_ context.Context, _ time.Time, said func() (string, int64), _ error) {
	query, _ := said()
	*l.queries = append(*l.queries, query)
}
