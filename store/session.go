package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
)

// sessionRow is a session with whose it is, as one query reads them.
type sessionRow struct {
	models.Session
	User     models.User
	Identity models.Identity
}

// TableName implements GORM's Tabler.
func (sessionRow) TableName() string { return "sessions" }

// Session is the session with that id, alive or not, with its user and the
// identity that they signed in with, in one query; or [models.ErrNotFound].
func (s *Store) Session(ctx context.Context, id string) (models.Session, models.User, models.Identity, error) {
	var row sessionRow
	err := s.read.WithContext(ctx).InnerJoins("User").InnerJoins("Identity").
		Where("sessions.id = ?", id).Take(&row).Error
	return row.Session, row.User, row.Identity, found(err)
}

// SessionsOf lists a user's sessions, the newest first.
func (s *Store) SessionsOf(ctx context.Context, userID string) (sessions []models.Session, err error) {
	err = s.read.WithContext(ctx).Where("user_id = ?", userID).
		Order("created_at DESC, id").Limit(listLimit).Find(&sessions).Error
	return sessions, err
}

// OpenSessions lists whose sessions are open at now, given how long one may be
// unused, the newest first, a thousand at most.
func (s *Store) OpenSessions(ctx context.Context, now time.Time, idle time.Duration) (sessions []models.Session, err error) {
	err = s.read.WithContext(ctx).Where("expires_at > ? AND last_seen_at > ?", now, now.Add(-idle)).
		Order("created_at DESC, id").Limit(listLimit).Find(&sessions).Error
	return sessions, err
}

// TouchSession notes activity. It only ever moves forward, and it is no error
// if the session has ended in the meantime.
func (s *Store) TouchSession(ctx context.Context, id string, at time.Time) error {
	db := s.write.WithContext(ctx)
	err := db.Model(&models.Session{}).Where("id = ? AND last_seen_at < ?", id, at).Update("last_seen_at", at).Error
	if err == nil {
		err = seen(db, db.Model(&models.Session{}).Select("user_id").Where("id = ?", id), at)
	}
	return doing("touch session", err)
}

// InsertSession adds a session; its person was seen then.
func (t *Tx) InsertSession(session *models.Session) error {
	if err := t.db.Create(session).Error; err != nil {
		return doing("insert session", err)
	}
	return doing("insert session", seen(t.db, session.UserID, session.LastSeenAt))
}

// seen notes when somebody was seen; it only ever moves forward.
func seen(db *gorm.DB, userID any, at time.Time) error {
	return db.Model(&models.User{}).Where("id = (?) AND seen_at < ?", userID, at).Update("seen_at", at).Error
}

// DeleteSession ends a session and tells how many that were: one or none.
func (t *Tx) DeleteSession(id string) (n int64, err error) {
	done := t.db.Where("id = ?", id).Delete(&models.Session{})
	return done.RowsAffected, doing("delete session", done.Error)
}

// DeleteSessionsOf ends all sessions of a user and tells how many that were.
func (t *Tx) DeleteSessionsOf(userID string) (n int64, err error) {
	done := t.db.Where("user_id = ?", userID).Delete(&models.Session{})
	return done.RowsAffected, doing("delete sessions", done.Error)
}

// DeleteOtherSessionsOf ends all sessions of a user but one and tells how many
// that were.
func (t *Tx) DeleteOtherSessionsOf(userID, but string) (n int64, err error) {
	done := t.db.Where("user_id = ? AND id <> ?", userID, but).Delete(&models.Session{})
	return done.RowsAffected, doing("delete sessions", done.Error)
}

// DeleteSessionOf ends one session of a user, or is [models.ErrNotFound].
func (t *Tx) DeleteSessionOf(userID, id string) error {
	return doing("delete session", one(t.db.Where("id = ? AND user_id = ?", id, userID).Delete(&models.Session{})))
}

// HasSession tells whether a session is there still.
func (t *Tx) HasSession(id string) (bool, error) {
	var n int64
	err := t.db.Model(&models.Session{}).Where("id = ?", id).Count(&n).Error
	return n > 0, doing("session", err)
}

// ProveSession notes that the person of a session has proved again who they
// are, or is [models.ErrNotFound].
func (t *Tx) ProveSession(id string, at time.Time) error {
	return doing("prove session", one(t.db.Model(&models.Session{}).Where("id = ?", id).Update("proven_at", at)))
}

// spentState is a state that a callback has used up.
type spentState struct {
	Hash      string    `gorm:"primaryKey"`
	ExpiresAt time.Time `gorm:"index"`
}

// SpendState uses up the state of a sign-in, by its hash. For the same hash it
// succeeds once, on whichever replica, and is [models.ErrConflict] from then
// on; after until, [Store.Sweep] forgets it, so until must not be before the
// state itself expires.
func (s *Store) SpendState(ctx context.Context, hash string, until time.Time) error {
	done := s.write.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).
		Create(&spentState{Hash: hash, ExpiresAt: until})
	if done.Error == nil && done.RowsAffected == 0 {
		return models.ErrConflict
	}
	return doing("spend state", done.Error)
}

// Counts is what the metrics show.
type Counts struct {
	Users int64
	// Sessions are those within their absolute lifetime.
	Sessions int64
}

// Counts counts what there is at that moment.
func (s *Store) Counts(ctx context.Context, now time.Time) (c Counts, err error) {
	db := s.read.WithContext(ctx)
	if err := db.Model(&models.User{}).Count(&c.Users).Error; err != nil {
		return c, err
	}
	err = db.Model(&models.Session{}).Where("expires_at > ?", now).Count(&c.Sessions).Error
	return c, err
}

// sweepBatch is how many rows one statement of [Store.Sweep] removes at most,
// so that nobody waits for it long.
const sweepBatch = 500

// knownFor is how long an address is known from which somebody does not sign in.
const knownFor = 90 * 24 * time.Hour

// skipLocked leaves alone what another has its hands on.
var skipLocked = clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked}

// Sweep removes what has expired at now: sessions past their absolute lifetime
// or unused for idle, spent states past their time, signing keys that verify
// nothing any more, sign-ins and links that were not finished in time, tokens and
// answers past their time, addresses that nobody has signed in from for 90 days,
// failures that count no more, and of these the least where there are more than
// 100,000. It tells how many rows
// that were. Every replica may call it; each leaves alone what another has its
// hands on.
func (s *Store) Sweep(ctx context.Context, now time.Time, idle time.Duration) (n int64, err error) {
	db := s.write.WithContext(ctx)
	for _, what := range []struct {
		table, key string
		expired    *gorm.DB
	}{
		{"sessions", "id", db.Where("expires_at <= ? OR last_seen_at <= ?", now, now.Add(-idle))},
		{"spent_states", "hash", db.Where("expires_at <= ?", now)},
		{"signing_keys", "id", db.Where("verifies_until <= ?", now)},
		{"pending_sign_ins", "id", db.Where("expires_at <= ?", now)},
		{"one_time_links", "hash", db.Where("expires_at <= ?", now)},
		{"failed_proofs", "key", db.Where("expires_at <= ?", now)},
		{"api_tokens", "id", db.Where("expires_at <= ?", now)},
		{"replays", "user_id, key_hash", db.Where("expires_at <= ?", now)},
		{"known_addresses", "user_id, address", db.Where("seen_at <= ?", now.Add(-knownFor))},
	} {
		swept, err := sweep(db, what.table, what.key, what.expired)
		if n += swept; err != nil {
			return n, doing("sweep "+what.table, err)
		}
	}
	thinned, err := thin(db)
	return n + thinned, doing("sweep failed_proofs", err)
}

func sweep(db *gorm.DB, table, key string, expired *gorm.DB) (n int64, err error) {
	batch := db.Table(table).Select(key).Where(expired).Limit(sweepBatch).Clauses(skipLocked)
	for {
		done := db.Table(table).Where("("+key+") IN (?)", batch).Delete(nil)
		if n += done.RowsAffected; done.Error != nil || done.RowsAffected < sweepBatch {
			return n, done.Error
		}
	}
}
