package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/dagpass/dagpass/migrations"
	"github.com/dagpass/dagpass/models"
)

// Page is a piece of the trail: up to Limit events behind number After and
// before number Before, the newest first unless Oldest asks for the others.
// Before zero is the end.
type Page struct {
	After, Before int64
	Limit         int
	Oldest        bool
	// Kept gives events as they are kept. Else a pseudonym in them is the person
	// for whom it stands, as long as they have an account.
	Kept bool

	// lead is the term whose index is read; empty lets the database choose.
	lead string
	// called is what else an event may call what the filter asks for, by the name
	// of the term: the pseudonyms of a person, for one.
	called map[string][]string
}

// late is how much later than its time an event may have been appended, and how
// wrong the clock of a replica may be. It bounds where events of a time are
// looked for.
const late = 24 * time.Hour

// Records reads a page of the events that a filter chooses. What is outside of
// the trail, behind its noted end or before its anchor, is not there.
func (s *Store) Records(ctx context.Context, f models.Filter, p Page) ([]models.Record, error) {
	var rows []eventRow
	err := s.planned(ctx, func(db *gorm.DB) error {
		bounded, err := s.within(db, f, p)
		if err == nil {
			bounded, _, err = led(db, f, bounded, fewUpTo)
		}
		if err != nil {
			return err
		}
		return pageOf(db, f, bounded).Select("seq", "hash", "body").Find(&rows).Error
	})
	if err != nil {
		return nil, doing("audit trail", err)
	}
	return s.recordsOf(ctx, rows, p)
}

// planned reads with plans for the values that are asked for. PostgreSQL would
// soon keep one plan for all of them, and read the whole table for a rare one. A
// page is read in the order of an index and ends when it is full, where a bitmap
// would be made of all that there is; and for so little nothing is compiled.
func (s *Store) planned(ctx context.Context, fn func(*gorm.DB) error) error {
	db := s.read.WithContext(ctx)
	if s.dialect == migrations.SQLite {
		return fn(db)
	}
	return db.Transaction(func(db *gorm.DB) error {
		if err := db.Exec("SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)").Error; err != nil {
			return err
		}
		return fn(db)
	})
}

// within makes the bounds of a page by number those of the trail and of its times,
// too: numbers are what every index is ordered by. One bound on either side is
// what a database reads an index between; of two, it may take the wider one.
func (s *Store) within(db *gorm.DB, f models.Filter, p Page) (Page, error) {
	if p.Before == 0 {
		p.Before = math.MaxInt64
	}
	var trail struct{ Anchor, Head int64 }
	err := db.Raw("SELECT coalesce((SELECT seq FROM audit_anchors WHERE id = 1), 0) AS anchor, seq AS head FROM chain_heads WHERE id = 1").Take(&trail).Error
	if err != nil {
		return p, err
	}
	p.After, p.Before = max(p.After, trail.Anchor), min(p.Before, trail.Head+1)
	if p.called, err = s.called(db, f); err != nil {
		return p, err
	}
	if !f.Since.IsZero() {
		last, err := numberOf(before(db, f.Since), p.After)
		if err != nil {
			return p, err
		}
		p.After = max(p.After, last)
	}
	if !f.Until.IsZero() {
		first, err := numberOf(behind(db, f.Until), p.Before)
		if err != nil {
			return p, err
		}
		p.Before = min(p.Before, first)
	}
	return p, nil
}

// before asks for an event that was appended before all of that time or later.
func before(db *gorm.DB, since time.Time) *gorm.DB {
	return db.Table("events").Where("time < ?", since.Add(-late)).Order("time DESC").Limit(1)
}

// behind asks for an event that was appended behind all before that time.
func behind(db *gorm.DB, until time.Time) *gorm.DB {
	return db.Table("events").Where("time >= ?", until.Add(late)).Order("time").Limit(1)
}

// numberOf is the number of the event of a query, or otherwise.
func numberOf(db *gorm.DB, otherwise int64) (int64, error) {
	var found []int64
	err := db.Pluck("seq", &found).Error
	if err != nil || len(found) == 0 {
		return otherwise, err
	}
	return found[0], nil
}

// pageOf is the query for a page. Where an event may say in several ways what is
// asked for, such as a person by id or by name, each way has an index and all
// together have none, so that the page is made of one page of each.
func pageOf(db *gorm.DB, f models.Filter, p Page) *gorm.DB {
	ways := p.apart(terms(db, f, p))
	if len(ways) == 1 {
		return ordered(filtered(db, f, p, ways[0]), p)
	}
	each, pages := make([]string, len(ways)), make([]any, len(ways))
	for i, all := range ways {
		each[i], pages[i] = fmt.Sprintf("SELECT seq FROM (?) AS w%d", i), ordered(filtered(db, f, p, all), p).Select("seq")
	}
	return ordered(db.Table("events").Where("seq IN ("+strings.Join(each, " UNION ")+")", pages...), p)
}

func ordered(db *gorm.DB, p Page) *gorm.DB {
	if p.Oldest {
		return db.Order("seq").Limit(p.Limit)
	}
	return db.Order("seq DESC").Limit(p.Limit)
}

// filtered says what is chosen.
func filtered(db *gorm.DB, f models.Filter, p Page, all []term) *gorm.DB {
	db = p.between(db)
	for _, t := range all {
		if p.leads(t.name) {
			db = t.found(db)
		} else {
			db = t.beside(db)
		}
	}
	if !f.Since.IsZero() {
		db = db.Where("time >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		db = db.Where("time < ?", f.Until)
	}
	return db
}

// Ends is how the trail stands at one moment.
type Ends struct {
	// Head is where it ends, as it was noted beside it; without the body.
	Head models.Link
	// Newest is the highest number that an event has.
	Newest int64
	// Checkpoint is the event of the last checkpoint, as it was noted, and Last
	// the last checkpoint; zero for none.
	Checkpoint int64
	Last       models.Checkpoint
	// Anchor is where the trail begins; zero if nothing was removed.
	Anchor models.Anchor
	// Installation is whose trail it is.
	Installation string
}

type endsRow struct {
	Seq          int64
	Hash         string
	Checkpoint   int64
	Installation string
	Newest       int64
	Last         models.Checkpoint `gorm:"embedded;embeddedPrefix:last_"`
	Anchor       models.Anchor     `gorm:"embedded;embeddedPrefix:anchor_"`
}

// Ends reads them in one statement, so that they belong together.
func (s *Store) Ends(ctx context.Context) (Ends, error) {
	var row endsRow
	err := s.read.WithContext(ctx).Raw(`
SELECT ` + s.number("h.seq") + ` AS seq, h.hash, ` + s.number("h.checkpoint") + ` AS checkpoint, h.installation, coalesce((SELECT max(seq) FROM events), 0) AS newest,
       c.seq AS last_seq, c.hash AS last_hash, ct.time AS last_time, ` + s.number("c.previous") + ` AS last_previous, c.key AS last_key, c.signature AS last_signature, c.installation AS last_installation,
       ` + s.number("a.seq") + ` AS anchor_seq, a.hash AS anchor_hash, at.time AS anchor_time, a.key AS anchor_key, a.signature AS anchor_signature, a.installation AS anchor_installation
  FROM chain_heads h
  LEFT JOIN checkpoints c ON c.seq = (SELECT max(seq) FROM checkpoints)
  LEFT JOIN checkpoints ct ON ct.seq = c.seq AND ` + s.timed("ct.time") + `
  LEFT JOIN audit_anchors a ON a.id = 1
  LEFT JOIN audit_anchors at ON at.id = a.id AND ` + s.timed("at.time") + `
 WHERE h.id = 1`).Take(&row).Error
	return Ends{models.Link{Seq: row.Seq, Hash: row.Hash}, row.Newest, row.Checkpoint, row.Last, row.Anchor, row.Installation}, doing("ends of the audit trail", err)
}

// number reads a column of numbers, whatever somebody has put there: SQLite keeps
// whatever it is given, and what is no number must not keep the trail from being
// read.
func (s *Store) number(column string) string {
	if s.dialect == migrations.SQLite {
		return "CAST(" + column + " AS integer)"
	}
	return column
}

// timed tells whether a time is one, for the same reason.
func (s *Store) timed(column string) string {
	if s.dialect == migrations.SQLite {
		return "typeof(" + column + ") = 'integer'"
	}
	return "true"
}

// Step is a link of the chain as it stands in the database.
type Step struct {
	models.Link
	// Time is what the event is found by; zero for what is no time.
	Time time.Time
	// Copied tells that what it is searched by is what it says.
	Copied bool
}

// stepRow is an event with all that it is searched by. Typed tells that none of
// it has another type: SQLite keeps whatever it is given, and a blob of the same
// bytes reads alike, but no search finds it.
type stepRow struct {
	Row   eventRow `gorm:"embedded"`
	Typed bool
}

// Steps reads up to limit links behind number after, in order.
func (s *Store) Steps(ctx context.Context, after int64, limit int) ([]Step, error) {
	typed := "true"
	if s.dialect == migrations.SQLite {
		typed = "typeof(e.time) || typeof(e.event) || typeof(e.outcome) || typeof(e.actor_id) || typeof(e.request_id) || typeof(e.body) = 'integertexttexttexttexttext'"
	}
	var rows []stepRow
	err := s.read.WithContext(ctx).Table("events e").
		// That the other one is behind it, too, PostgreSQL does not see by itself: it
		// would go through the whole trail up to there.
		Joins("LEFT JOIN events t ON t.seq = e.seq AND t.seq > ? AND "+s.timed("t.time"), after).
		Select("e.seq, e.previous, e.hash, e.body, t.time, e.event, e.outcome, e.actor_id, e.request_id, "+
			"e.noun, e.actor_name, e.target_id, e.location, e.run_id, "+typed+" AS typed").
		Where("e.seq > ?", after).Order("e.seq").Limit(limit).Find(&rows).Error
	steps := make([]Step, len(rows))
	for i, r := range rows {
		steps[i] = Step{r.Row.link(), r.Row.Time, r.Typed && r.Row.copied()}
	}
	return steps, doing("audit trail", err)
}

func (r eventRow) copied() bool {
	var e models.Event
	if json.Unmarshal([]byte(r.Body), &e) != nil || !e.Time.Equal(r.Time) {
		return false
	}
	e.Time = r.Time
	said := newEventRow(r.link(), e)
	return said.computed(e) == r || said.computed(e.WithoutNUL()) == r // PostgreSQL has none of a former release's NUL, SQLite has it
}

// computed is the row with what the database computes of an event.
func (r eventRow) computed(e models.Event) eventRow {
	if noun, _, ok := strings.Cut(e.Event, "."); ok {
		r.Noun = noun
	}
	if e.Target != nil {
		r.TargetID, r.Location = e.Target.ID, e.Target.Location
	}
	r.ActorName, r.RunID = e.Actor.Name, e.RunID
	return r
}

// checkpoints reads them as c, a time that is none as zero.
func (s *Store) checkpoints(ctx context.Context) *gorm.DB {
	return s.read.WithContext(ctx).Table("checkpoints c").Joins("LEFT JOIN checkpoints t ON t.seq = c.seq AND " + s.timed("t.time")).
		Select("c.seq, c.hash, t.time, " + s.number("c.previous") + " AS previous, c.installation, c.key, c.signature")
}

// Checkpoints lists those of the events from one number to another, in order.
func (s *Store) Checkpoints(ctx context.Context, from, to int64) (all []models.Checkpoint, err error) {
	err = doing("checkpoints", s.checkpoints(ctx).Where("c.seq BETWEEN ? AND ?", from, to).Order("c.seq").Find(&all).Error)
	return all, err
}

// CheckpointsUnder lists up to limit checkpoints of events below a number, the
// newest first; zero is no bound.
func (s *Store) CheckpointsUnder(ctx context.Context, before int64, limit int) (all []models.Checkpoint, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = doing("checkpoints", s.checkpoints(ctx).Where("c.seq < ?", before).Order("c.seq DESC").Limit(limit).Find(&all).Error)
	return all, err
}

// CheckpointBefore is the last checkpoint made at or before a time, or
// [models.ErrNotFound]. One behind another that was made later than that, up to
// now, is none: the clock of whoever made it was slow.
func (s *Store) CheckpointBefore(ctx context.Context, at, now time.Time) (c models.Checkpoint, err error) {
	err = found(s.checkpoints(ctx).Where("c.time <= ?", at).
		Where("c.seq < coalesce((SELECT min(seq) FROM checkpoints WHERE time > ? AND time <= ?), ?)", at, now, int64(math.MaxInt64)).
		Order("c.time DESC, c.seq DESC").Limit(1).Take(&c).Error)
	return c, err
}

// InsertCheckpoint adds the checkpoint that follows its previous one, or is
// [models.ErrConflict] where another replica has added one meanwhile.
func (s *Store) InsertCheckpoint(ctx context.Context, c models.Checkpoint) error {
	return s.transact(ctx, func(db *gorm.DB) error {
		noted := db.Model(&chainHead{}).Where("id = ? AND checkpoint = ?", 1, c.Previous).Update("checkpoint", c.Seq)
		if err := one(noted); errors.Is(err, models.ErrNotFound) {
			return models.ErrConflict
		} else if err != nil {
			return doing("insert checkpoint", err)
		}
		return doing("insert checkpoint", db.Create(&c).Error)
	})
}

// MoveAnchor makes the trail begin behind the anchor's event, or is
// [models.ErrConflict] where it does not begin behind event from any more.
func (t *Tx) MoveAnchor(from int64, a models.Anchor) error {
	done := t.db.Exec(`
INSERT INTO audit_anchors (id, seq, hash, time, installation, key, signature) VALUES (1, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, time = excluded.time, installation = excluded.installation,
       key = excluded.key, signature = excluded.signature
 WHERE audit_anchors.seq = ?`, a.Seq, a.Hash, a.Time, a.Installation, a.Key, a.Signature, from)
	if err := one(done); errors.Is(err, models.ErrNotFound) {
		return models.ErrConflict
	}
	return doing("move anchor", done.Error)
}

// DropPruned removes the events up to the anchor, in batches, and the
// checkpoints before it. Several replicas may do so at once.
func (s *Store) DropPruned(ctx context.Context) error {
	db := s.write.WithContext(ctx)
	const anchor = "(SELECT seq FROM audit_anchors WHERE id = 1)"
	_, events := sweep(db, "events", "seq", db.Where("seq <= "+anchor))
	_, checkpoints := sweep(db, "checkpoints", "seq", db.Where("seq < "+anchor))
	return doing("drop pruned events", cmp.Or(events, checkpoints))
}

// CheckpointsBut lists those that another key than this one has signed.
func (s *Store) CheckpointsBut(ctx context.Context, key string) (all []models.Checkpoint, err error) {
	err = doing("checkpoints", s.checkpoints(ctx).Where("c.key <> ?", key).Order("c.seq").Find(&all).Error)
	return all, err
}

// ResignCheckpoint replaces who signed a checkpoint, and nothing else of it.
func (s *Store) ResignCheckpoint(ctx context.Context, c models.Checkpoint) error {
	return doing("sign checkpoint anew", s.write.WithContext(ctx).Model(&models.Checkpoint{}).Where("seq = ?", c.Seq).
		Select("key", "signature").Updates(&c).Error)
}

// ResignAnchor replaces who signed the anchor, unless it has moved.
func (s *Store) ResignAnchor(ctx context.Context, a models.Anchor) error {
	return doing("sign anchor anew", s.write.WithContext(ctx).Model(&models.Anchor{}).Where("id = ? AND seq = ?", 1, a.Seq).
		Select("key", "signature").Updates(&a).Error)
}

// Clock is what time it is for the database.
func (s *Store) Clock(ctx context.Context) (now time.Time, err error) {
	if s.dialect == migrations.SQLite {
		return time.Now(), nil // it has the clock of this machine
	}
	err = s.read.WithContext(ctx).Raw("SELECT clock_timestamp()").Scan(&now).Error
	return now, doing("clock of the database", err)
}
