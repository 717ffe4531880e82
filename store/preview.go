package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/dagpass/dagpass/models"
)

// EachWay reads the ways in of active accounts with whose they are, by name, from
// behind the cursor, of so many accounts at most, and tells where the next ones
// begin. Of both it reads what rules look at and what a line shows: it is made
// for reading all there are.
func (s *Store) EachWay(ctx context.Context, after Cursor, accounts int, each func(models.User, models.Identity)) (next Cursor, err error) {
	rows, err := s.waysBehind(ctx, after, accounts)
	if err != nil {
		return Cursor{}, doing("ways in", err)
	}
	defer func() { _ = rows.Close() }()
	var last models.User
	seen := 0
	for rows.Next() {
		u, i, ok, err := scanWay(rows)
		if err != nil {
			return Cursor{}, doing("ways in", err)
		}
		if u.ID != last.ID {
			seen++
		}
		if last = u; ok {
			each(u, i)
		}
	}
	if seen == accounts {
		next = CursorOf(last, ByName)
	}
	return next, doing("ways in", rows.Err())
}

func (s *Store) waysBehind(ctx context.Context, after Cursor, accounts int) (*sql.Rows, error) {
	users := after.from(s.read.WithContext(ctx).Model(&models.User{}).Where("disabled_at IS NULL"), "search_key", "id").Limit(accounts)
	return s.read.WithContext(ctx).Table("(?) AS u", users).
		Select("u.id, u.name, u.email, u.role, u.search_key, i.id, i.slot, i.claims").
		Joins("LEFT JOIN identities i ON i.user_id = u.id").Order("u.search_key, u.id, i.id").Rows()
}

// scanWay reads a row; not ok is an account without a way in.
func scanWay(rows *sql.Rows) (u models.User, i models.Identity, ok bool, err error) {
	var id, slot sql.NullString
	var claims []byte
	if err := rows.Scan(&u.ID, &u.Name, &u.Email, &u.Role, &u.SearchKey, &id, &slot, &claims); err != nil || !id.Valid {
		return u, i, false, err
	}
	i.ID, i.UserID, i.Slot = id.String, u.ID, slot.String
	return u, i, true, json.Unmarshal(claims, &i.Claims)
}

// sessionsOfAtOnce bounds the parameters of a statement.
const sessionsOfAtOnce = 500

// CountSessionsBy counts the sessions made by some identities, given their ids,
// that are open at now.
func (s *Store) CountSessionsBy(ctx context.Context, identities []string, now time.Time, idle time.Duration) (all int64, err error) {
	for ids := range slices.Chunk(identities, sessionsOfAtOnce) {
		var n int64
		if err := open(s.read.WithContext(ctx).Model(&models.Session{}), now, idle).Where("identity_id IN ?", ids).Count(&n).Error; err != nil {
			return 0, doing("count sessions", err)
		}
		all += n
	}
	return all, nil
}
