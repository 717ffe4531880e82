package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
)

// Tx is a change under way; see [Store.Change].
type Tx struct{ db *gorm.DB }

var errSilent = errors.New("a change that says nothing cannot be committed")

const (
	// attempts is how often a change is tried in all when others are in its way.
	attempts = 5
	// recordWithin bounds the writing of a refusal.
	recordWithin = 10 * time.Second
)

// Change runs fn and commits what it did together with the event that it gives
// back, or nothing at all: an error, an event without a name and a panic roll
// everything back. Where another change got in the way (a deadlock, a
// serialization failure, a row that somebody else inserted first) fn runs
// again from the start, a few times; then it is [models.ErrConflict]. So fn
// keeps its hands off everything but tx and what it sets anew on every run,
// and off the Store above all: on SQLite there is one connection that writes.
func (s *Store) Change(ctx context.Context, fn func(tx *Tx) (models.Event, error)) error {
	return s.append(ctx, func(tx *Tx) ([]models.Event, error) {
		e, err := fn(tx)
		return []models.Event{e}, err
	})
}

// Record appends events while nothing else changes: a refusal, for example. All
// of them are written or none. They are written even if whoever was refused has
// hung up.
func (s *Store) Record(ctx context.Context, events ...models.Event) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	return s.append(ctx, func(*Tx) ([]models.Event, error) { return events, nil })
}

func (s *Store) append(ctx context.Context, fn func(tx *Tx) ([]models.Event, error)) error {
	var events []models.Event
	err := s.transact(ctx, func(db *gorm.DB) (err error) {
		if events, err = fn(&Tx{db}); err != nil {
			return err
		}
		if events, err = s.hide(db, events); err != nil {
			return err
		}
		events, err = chain(db, events)
		return err
	})
	if err != nil || s.OnEvent == nil {
		return err
	}
	for _, e := range events {
		s.OnEvent(e)
	}
	return nil
}

func (s *Store) transact(ctx context.Context, fn func(*gorm.DB) error) (err error) {
	for range attempts {
		err = s.write.WithContext(ctx).Transaction(fn)
		if !again(err) {
			return err
		}
		s.log.DebugContext(ctx, "transaction rolled back", "cause", err)
	}
	return models.ErrConflict.Because(err)
}

// again tells whether the database undid a transaction only because of another
// one (PostgreSQL, Appendix A: serialization_failure, deadlock_detected).
func again(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") {
		return true
	}
	return errors.Is(err, gorm.ErrDuplicatedKey)
}

// eventRow is a link of the chain with what it is searched by: first what is
// copied out of its body, then what the database computes from it. Reason,
// permission, provider and address have indexes of what the body says, no columns.
type eventRow struct {
	Seq int64 `gorm:"primaryKey;autoIncrement:false;index:idx_events_event,priority:2;index:idx_events_noun,priority:2;index:idx_events_outcome,priority:2;index:idx_events_actor_id,priority:2;index:idx_events_actor_name,priority:2;index:idx_events_request_id,priority:2;index:idx_events_target_id,priority:2;index:idx_events_location,priority:2;index:idx_events_run_id,priority:2;index:idx_events_refused,priority:2;index:idx_events_reason;index:idx_events_provider;index:idx_events_permission;index:idx_events_client_ip"`

	Previous, Hash, Body string

	Time      time.Time `gorm:"index"`
	Event     string    `gorm:"index:idx_events_event,priority:1;index:idx_events_refused,priority:1"`
	Outcome   string    `gorm:"index:idx_events_outcome,priority:1"`
	ActorID   string    `gorm:"index:idx_events_actor_id,priority:1"`
	RequestID string    `gorm:"index:idx_events_request_id,priority:1"`

	Noun      string `gorm:"->;index:idx_events_noun,priority:1"`
	ActorName string `gorm:"->;index:idx_events_actor_name,priority:1"`
	TargetID  string `gorm:"->;index:idx_events_target_id,priority:1"`
	Location  string `gorm:"->;index:idx_events_location,priority:1"`
	RunID     string `gorm:"->;index:idx_events_run_id,priority:1"`
}

// TableName implements GORM's Tabler.
func (eventRow) TableName() string { return "events" }

func newEventRow(l models.Link, e models.Event) eventRow {
	return eventRow{
		Seq: l.Seq, Previous: l.Previous, Hash: l.Hash, Body: l.Body,
		Time: e.Time, Event: e.Event, Outcome: e.Outcome, ActorID: e.Actor.ID, RequestID: e.RequestID,
	}
}

func (r eventRow) link() models.Link {
	return models.Link{Seq: r.Seq, Previous: r.Previous, Hash: r.Hash, Body: r.Body}
}

// chainHead is the one row that says where the chain ends. It is more than the
// last link: a chain that was cut off at its end no longer reaches it.
type chainHead struct {
	ID   int64 `gorm:"primaryKey;autoIncrement:false"`
	Seq  int64
	Hash string
	// Checkpoint is the event of the last checkpoint.
	Checkpoint int64
	// Installation is whose trail it is: an id that was made with the database.
	Installation string
}

// chain appends the events and gives them back with id and time. It comes last
// in a transaction, because whoever holds the head makes all others wait, and
// because a lock that everybody takes last cannot be part of a deadlock.
func chain(db *gorm.DB, said []models.Event) ([]models.Event, error) {
	if slices.ContainsFunc(said, func(e models.Event) bool { return e.Event == "" }) {
		return nil, errSilent
	}
	var head chainHead
	if err := locked(db).Where("id = ?", 1).Take(&head).Error; err != nil {
		return nil, doing("audit chain", err)
	}
	last := models.Link{Seq: head.Seq, Hash: head.Hash}
	events, rows := make([]models.Event, len(said)), make([]eventRow, len(said))
	for i, e := range said {
		e = e.WithoutNUL()
		e.ID, e.Time = cmp.Or(e.ID, models.NewID()), stamp(e.Time)
		link, err := models.NewLink(last, e)
		if err != nil {
			return nil, doing("audit chain", err)
		}
		last, events[i] = link, e
		rows[i] = newEventRow(link, e)
	}
	return events, doing("audit chain", extend(db, rows, last))
}

// rowsAtOnce bounds one statement: databases take so many parameters and no
// more.
const rowsAtOnce = 500

func extend(db *gorm.DB, rows []eventRow, last models.Link) error {
	if err := db.CreateInBatches(rows, rowsAtOnce).Error; err != nil {
		return err
	}
	head := &chainHead{Seq: last.Seq, Hash: last.Hash}
	return one(db.Model(head).Where("id = ?", 1).Select("seq", "hash").Updates(head))
}

// stamp is now unless there is a time already; in UTC and to the millisecond,
// so that every reader of the JSON can tell it.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC().Truncate(time.Millisecond)
}

// locked makes a read lock its rows until the transaction ends. SQLite leaves
// it out: there, one transaction writes at a time.
func locked(db *gorm.DB) *gorm.DB {
	return db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate})
}

// Links reads up to limit links of the audit chain behind seq number after, in
// order.
func (s *Store) Links(ctx context.Context, after int64, limit int) ([]models.Link, error) {
	var links []models.Link
	err := s.read.WithContext(ctx).Table("events").Select("seq", "previous", "hash", "body").
		Where("seq > ?", after).Order("seq").Limit(limit).Find(&links).Error
	return links, err
}

// Head tells where the audit chain ends: its last link without the body, as it
// was noted beside the chain.
func (s *Store) Head(ctx context.Context) (models.Link, error) {
	var head chainHead
	err := s.read.WithContext(ctx).Where("id = ?", 1).Take(&head).Error
	return models.Link{Seq: head.Seq, Hash: head.Hash}, err
}
