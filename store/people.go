package store

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/dagpass/dagpass/migrations"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// searchKey is the name and the address in one form of letters, with what no
// name has between them.
func searchKey(u *models.User) string {
	return strings.ToLower(u.Name) + "\n" + strings.ToLower(u.Email)
}

// PeopleFilter chooses accounts; zero fields choose all.
type PeopleFilter struct {
	// Text is part of the name, the address or the username in any case, or the id.
	Text             string
	Active, Disabled bool
	// Role is the assigned one; with Assigned it is any but none.
	Role     policy.Role
	Assigned bool
	Slot     string
}

// PeopleSort is an order of accounts.
type PeopleSort string

const (
	ByName    PeopleSort = "name"
	ByCreated PeopleSort = "created" // the newest first
	BySeen    PeopleSort = "seen"    // the last seen first
)

// Cursor is where a list goes on: behind this row, by what it is sorted by.
type Cursor struct{ key, id string }

// ParseCursor reads what [Cursor.String] wrote. Empty is the beginning. Not ok is
// what we have not written; it may still be a cursor of another list.
func ParseCursor(s string) (c Cursor, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	c.id, c.key, ok = strings.Cut(string(text), " ")
	if s == "" {
		return Cursor{}, true
	}
	return c, ok && err == nil && models.IsID(c.id) && utf8.ValidString(c.key) && !strings.Contains(c.key, "\x00")
}

// String is the cursor as an address carries it.
func (c Cursor) String() string {
	if c.id == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(c.id + " " + c.key))
}

// atTime is the cursor of a row in a list by time.
func atTime(t time.Time, id string) Cursor { return Cursor{strconv.FormatInt(t.UnixMicro(), 10), id} }

// time reads the key of a list by time.
func (c Cursor) time() time.Time {
	micros, _ := strconv.ParseInt(c.key, 10, 64) // of no number it is 1970: the end of such lists
	return time.UnixMicro(micros).UTC()
}

// from sorts by a column and the id, and begins behind the cursor's row.
func (c Cursor) from(db *gorm.DB, column, id string) *gorm.DB {
	if c.id != "" {
		db = db.Where("("+column+", "+id+") > (?, ?)", c.key, c.id)
	}
	return db.Order(column + ", " + id)
}

// back is from by a time, the newest first.
func (c Cursor) back(db *gorm.DB, column, id string) *gorm.DB {
	if c.id != "" {
		db = db.Where("("+column+", "+id+") < (?, ?)", c.time(), c.id)
	}
	return db.Order(column + " DESC, " + id + " DESC")
}

// People lists accounts of a filter in an order, from behind the cursor, limit at
// most, and tells where the next ones begin; empty where there are none.
func (s *Store) People(ctx context.Context, f PeopleFilter, by PeopleSort, after Cursor, limit int) (users []models.User, next Cursor, err error) {
	few, err := s.fewOf(ctx, f)
	if err != nil {
		return nil, Cursor{}, doing("people", err)
	}
	return s.people(s.chosen(ctx, f, few), by, after, limit)
}

func (s *Store) people(db *gorm.DB, by PeopleSort, after Cursor, limit int) (users []models.User, next Cursor, err error) {
	switch by {
	case ByCreated:
		db = after.back(db, "created_at", "id")
	case BySeen:
		db = after.back(db, "seen_at", "id")
	default:
		db = after.from(db, "search_key", "id")
	}
	if err = db.Limit(limit + 1).Find(&users).Error; err != nil || len(users) <= limit {
		return users, Cursor{}, doing("people", err)
	}
	users = users[:limit]
	return users, CursorOf(users[limit-1], by), nil
}

// CursorOf is where a list in that order goes on behind an account.
func CursorOf(u models.User, by PeopleSort) Cursor {
	switch by {
	case ByCreated:
		return atTime(u.CreatedAt, u.ID)
	case BySeen:
		return atTime(u.SeenAt, u.ID)
	}
	return Cursor{u.SearchKey, u.ID}
}

// CountPeople counts the accounts of a filter.
func (s *Store) CountPeople(ctx context.Context, f PeopleFilter) (n int64, err error) {
	if f.Active && !f.Disabled { // nearly all are: the others are counted in no time
		f.Active = false
		all, err := s.CountPeople(ctx, f)
		if err != nil {
			return 0, err
		}
		f.Disabled = true
		n, err = s.CountPeople(ctx, f)
		return all - n, err
	}
	err = s.chosen(ctx, f, nil).Count(&n).Error
	return n, doing("count people", err)
}

// PeopleCounted is [Store.People] with how many there are on all pages. More tells
// that there are more than that: many are not counted, for counting them would
// mean to look at everybody.
func (s *Store) PeopleCounted(ctx context.Context, f PeopleFilter, by PeopleSort, after Cursor, limit int) (
	users []models.User, next Cursor, n int64, more bool, err error,
) {
	few, err := s.fewOf(ctx, f)
	if err != nil {
		return nil, next, 0, false, doing("people", err)
	}
	users, next, err = s.people(s.chosen(ctx, f, few), by, after, limit)
	switch n = int64(len(users)); {
	case err != nil || after == (Cursor{}) && next == (Cursor{}): // this is all there is
	case few != nil:
		err = doing("count people", s.chosen(ctx, f, few).Count(&n).Error)
	case f == PeopleFilter{Active: f.Active, Disabled: f.Disabled, Assigned: f.Assigned}: // an index counts them
		n, err = s.CountPeople(ctx, f)
	default:
		n, more = max(n, f.least()), true
	}
	return users, next, n, more, err
}

// least is how many a filter chooses at least that chooses no few.
func (f PeopleFilter) least() int64 {
	switch f {
	case PeopleFilter{Text: f.Text}, PeopleFilter{Role: f.Role}, PeopleFilter{Slot: f.Slot}:
		return fewUpTo
	}
	return 0
}

// fewUpTo is how many rows a condition chooses at most for which they are read
// and sorted. For one that chooses more, the order's index is read until the page
// is full. Neither database knows which of both it is: a text may be anywhere.
const fewUpTo = 2000

// fewOf are the ids that one condition of a filter chooses, if there is one that
// chooses few; else nil. A text comes last: everybody is looked at for it.
func (s *Store) fewOf(ctx context.Context, f PeopleFilter) (ids []string, err error) {
	db := s.read.WithContext(ctx)
	low := strings.ToLower(f.Text)
	for _, c := range []struct {
		asked bool
		query *gorm.DB
	}{
		{f.Role != policy.None, db.Table("users").Select("id").Where("role = ?", f.Role)},
		{f.Disabled, db.Table("users").Select("id").Where("disabled_at IS NOT NULL")},
		{f.Slot != "", db.Table("identities").Select("user_id").Where("slot = ?", f.Slot)},
		{f.Text != "", db.Table("(SELECT id FROM users WHERE "+s.has("search_key")+" UNION ALL SELECT user_id FROM credentials WHERE "+
			s.has("username_key")+" UNION ALL SELECT id FROM users WHERE id = ?) AS t", low, low, low).Select("id")},
	} {
		if !c.asked {
			continue
		}
		ids = make([]string, 0, 64)
		if err := c.query.Limit(fewUpTo + 1).Find(&ids).Error; err != nil || len(ids) <= fewUpTo {
			return ids, err
		}
	}
	return nil, nil
}

// chosen is the query for the accounts of a filter. Few are ids to choose from;
// nil is everybody. Then the order's index is read: for such terms no other is.
func (s *Store) chosen(ctx context.Context, f PeopleFilter, few []string) *gorm.DB {
	db := s.inState(ctx, f).Scopes(s.text(f.Text), equal("role || ''", f.Role), exists(f.Slot))
	if few == nil {
		return db
	}
	if s.dialect == migrations.SQLite {
		return db.Where("id IN (SELECT value FROM json_each(?))", `["`+strings.Join(few, `","`)+`"]`) // ids are hexadecimal
	}
	return db.Where("id = ANY(string_to_array(?, ','))", strings.Join(few, ","))
}

func equal(column string, role policy.Role) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if role == policy.None {
			return db
		}
		return db.Where(column+" = ?", role)
	}
}

func exists(slot string) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if slot == "" {
			return db
		}
		return db.Where("EXISTS (SELECT 1 FROM identities WHERE slot = ? AND user_id = users.id)", slot)
	}
}

func (s *Store) text(text string) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if text == "" {
			return db
		}
		low := strings.ToLower(text)
		return db.Where("("+s.has("search_key")+" OR id = ? OR EXISTS (SELECT 1 FROM credentials WHERE user_id = users.id AND "+s.has("username_key")+"))", low, low, low)
	}
}

// inState are the accounts by what a filter says of their state.
func (s *Store) inState(ctx context.Context, f PeopleFilter) *gorm.DB {
	db := s.read.WithContext(ctx).Model(&models.User{})
	if f.Active {
		db = db.Where("disabled_at IS NULL")
	}
	if f.Disabled {
		db = db.Where("disabled_at IS NOT NULL")
	}
	if f.Assigned {
		db = db.Where("role <> ''")
	}
	return db
}

// has is the condition that a text is part of a column. Unlike LIKE it knows no
// special characters.
func (s *Store) has(column string) string {
	if s.dialect == migrations.SQLite {
		return "instr(" + column + ", ?) > 0"
	}
	return "strpos(" + column + ", ?) > 0"
}

// Belongings are what hangs on accounts, by their ids.
type Belongings struct {
	// Identities are the last used first.
	Identities map[string][]models.Identity
	Usernames  map[string]string
	Factors    map[string]int
	// Sessions counts those that are open.
	Sessions map[string]int
}

// BelongingsOf reads what hangs on some accounts, at now and given how long a
// session may be unused.
func (s *Store) BelongingsOf(ctx context.Context, users []models.User, now time.Time, idle time.Duration) (b Belongings, err error) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	if b.Identities, err = s.IdentitiesOfAll(ctx, ids); err != nil {
		return b, err
	}
	db := s.read.WithContext(ctx)
	var credentials []models.Credential
	if err := db.Select("user_id", "username").Where("user_id IN ?", ids).Find(&credentials).Error; err != nil {
		return b, doing("usernames", err)
	}
	b.Usernames = map[string]string{}
	for _, c := range credentials {
		b.Usernames[c.UserID] = c.Username
	}
	if b.Factors, err = countBy(db.Model(&models.Factor{}), ids); err != nil {
		return b, doing("count factors", err)
	}
	b.Sessions, err = countBy(open(db.Model(&models.Session{}), now, idle), ids)
	return b, doing("count sessions", err)
}

// IdentitiesOfAll reads the identities of some accounts, by their ids, the last
// used first.
func (s *Store) IdentitiesOfAll(ctx context.Context, ids []string) (map[string][]models.Identity, error) {
	var all []models.Identity
	err := s.read.WithContext(ctx).Where("user_id IN ?", ids).Order("signed_in_at DESC, id").Find(&all).Error
	of := map[string][]models.Identity{}
	for _, i := range all {
		of[i.UserID] = append(of[i.UserID], i)
	}
	return of, doing("identities", err)
}

func countBy(db *gorm.DB, ids []string) (map[string]int, error) {
	var rows []struct {
		UserID string
		N      int
	}
	err := db.Select("user_id, count(*) AS n").Where("user_id IN ?", ids).Group("user_id").Find(&rows).Error
	of := map[string]int{}
	for _, r := range rows {
		of[r.UserID] = r.N
	}
	return of, err
}

// open are the sessions that have not expired at now.
func open(db *gorm.DB, now time.Time, idle time.Duration) *gorm.DB {
	return db.Where("sessions.expires_at > ? AND sessions.last_seen_at > ?", now, now.Add(-idle))
}

const (
	sessionsAtOnce = 250  // sessions that are looked at in one go
	sessionsAtMost = 2000 // sessions that one search looks at
	// lookFor is how long a search goes on to look at more.
	lookFor = 30 * time.Millisecond
)

// OpenSessionsBy lists sessions that are open at now, the newest first, from
// behind the cursor, limit at most, with whose they are by their ids, and tells
// where the next ones begin. Text is part of the person's name or address, of the
// network address or of the browser's name; with one, a page may have fewer than
// limit, or none, although there is a next one. Their secrets are left out.
func (s *Store) OpenSessionsBy(ctx context.Context, text string, after Cursor, limit int, now time.Time, idle time.Duration) (
	sessions []models.Session, users map[string]models.User, next Cursor, err error,
) {
	return s.openSessions(ctx, text, after, limit, sessionsAtMost, now, idle)
}

func (s *Store) openSessions(ctx context.Context, text string, after Cursor, limit, most int, now time.Time, idle time.Duration) (
	sessions []models.Session, users map[string]models.User, next Cursor, err error,
) {
	db := s.read.WithContext(ctx).Omit("secret_hash", "id_token")
	if text == "" {
		err = after.back(open(db, now, idle), "created_at", "id").Limit(limit + 1).Find(&sessions).Error
		if len(sessions) > limit {
			sessions = sessions[:limit]
			next = atTime(sessions[limit-1].CreatedAt, sessions[limit-1].ID)
		}
	} else {
		var ids []string
		if ids, next, err = s.matching(ctx, text, after, limit, most, now, idle); err == nil {
			err = db.Where("id IN ?", ids).Order("created_at DESC, id DESC").Find(&sessions).Error
		}
	}
	if err != nil {
		return nil, nil, Cursor{}, doing("sessions", err)
	}
	users, err = s.owners(ctx, sessions)
	return sessions, users, next, err
}

// matching are the ids of open sessions that a text is part of. It looks at so
// many sessions and no longer than a while, and tells behind which one to go on.
// Some it always looks at, so that whoever goes on comes to the end.
func (s *Store) matching(ctx context.Context, text string, after Cursor, limit, most int, now time.Time, idle time.Duration) (ids []string, next Cursor, err error) {
	next = after
	for looked, began := 0, time.Now(); looked == 0 || looked < most && time.Since(began) < lookFor; {
		n := min(most-looked, sessionsAtOnce)
		rows, err := s.looksLike(ctx, text, next, n, now, idle)
		if err != nil {
			return nil, Cursor{}, err
		}
		for _, r := range rows {
			if next = atTime(r.CreatedAt, r.ID); r.Found {
				ids = append(ids, r.ID)
			}
			if len(ids) == limit {
				return ids, next, nil
			}
		}
		if looked += n; len(rows) < n {
			return ids, Cursor{}, nil
		}
	}
	return ids, next, nil
}

// looked is a session that was looked at, and whether a text is part of it.
type looked struct {
	ID        string
	CreatedAt time.Time
	Found     bool
}

func (s *Store) looksLike(ctx context.Context, text string, after Cursor, n int, now time.Time, idle time.Duration) (rows []looked, err error) {
	low := strings.ToLower(text)
	db := after.back(open(s.read.WithContext(ctx).Model(&models.Session{}), now, idle), "created_at", "id")
	err = db.Select("id, created_at, ("+s.has("client_ip")+" OR "+s.has("lower(user_agent)")+
		" OR EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND "+s.has("search_key")+")) AS found", low, low, low).
		Limit(n).Find(&rows).Error
	return rows, err
}

func (s *Store) owners(ctx context.Context, sessions []models.Session) (map[string]models.User, error) {
	ids := make([]string, len(sessions))
	for i, session := range sessions {
		ids[i] = session.UserID
	}
	var users []models.User
	err := s.read.WithContext(ctx).Where("id IN ?", ids).Find(&users).Error
	by := map[string]models.User{}
	for _, u := range users {
		by[u.ID] = u
	}
	return by, doing("owners of sessions", err)
}

// CountOpenSessions counts the sessions that are open at now.
func (s *Store) CountOpenSessions(ctx context.Context, now time.Time, idle time.Duration) (n int64, err error) {
	err = open(s.read.WithContext(ctx).Model(&models.Session{}), now, idle).Count(&n).Error
	return n, doing("count sessions", err)
}

// Hour is what happened within an hour.
type Hour struct {
	// Hour counts from the time that was asked for.
	Hour              int
	SignIns, Refusals int64
}

// Hours counts sign-ins and refusals by the hour since a time; an hour in which
// nothing happened is left out. An event that stands for several counts as so
// many.
func (s *Store) Hours(ctx context.Context, since time.Time) (hours []Hour, err error) {
	hour := "floor(extract(epoch FROM time - ?::timestamptz) / 3600)::bigint"
	// Cut out of the text, as in migration 10: reading it as jsonb takes ten times as long.
	count := `CASE WHEN strpos(body, '"count":') > 0 THEN substring(split_part(body, '"count":', 2) from '^[0-9]+')::bigint ELSE 1 END`
	var from any = since
	if s.dialect == migrations.SQLite {
		hour, count, from = "(time - ?) / 3600000000", "coalesce(json_extract(body, '$.count'), 1)", since.UnixMicro()
	}
	err = s.read.WithContext(ctx).Raw("WITH e AS MATERIALIZED (SELECT "+hour+" AS hour, outcome, CASE WHEN outcome = 'refused' THEN "+count+" ELSE 0 END AS refused"+ // so that no body is sorted
		" FROM events WHERE time >= ? AND (outcome || '' = 'refused' OR event || '' = 'signin.finish' AND outcome || '' = 'ok'))"+ // by the time's index and no other
		" SELECT hour, sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS sign_ins, sum(refused) AS refusals FROM e GROUP BY hour",
		from, since).Scan(&hours).Error
	return hours, doing("count events", err)
}
