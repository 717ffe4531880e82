package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/dagpass/dagpass/models"
)

// says is the condition that the body of an event says something.
func says(db *gorm.DB, name string) string {
	said, known := spoken(db, name)
	return said + " = ? AND " + known
}

// spoken is what the body of an event says, and that it says something, in the
// words of the index for it (migration 10). The name is one of ours, never a
// client's.
func spoken(db *gorm.DB, name string) (said, known string) {
	if db.Name() != "sqlite" {
		known = `split_part(body, '"` + name + `":"', 2)`
		return `(left(split_part(` + known + `, '"', 1), 100))`, known + " <> ''"
	}
	said = "json_extract(body, '$." + name + "')"
	return said, said + " IS NOT NULL"
}

// Kind is one kind of events: those called so, or those that took a permission.
type Kind struct {
	// Event is a name or all of a noun, as in [models.Filter].
	Event      string
	Permission string
	// Failed leaves out what went well.
	Failed bool
}

// RecordsOf reads a page of the events that are of one of the kinds and that the
// filter chooses; the filter's own event counts for nothing. Each kind has an
// index and all together have none, so that the page is made of a page of each.
func (s *Store) RecordsOf(ctx context.Context, kinds []Kind, f models.Filter, p Page) ([]models.Record, error) {
	var rows []eventRow
	err := s.planned(ctx, func(db *gorm.DB) error {
		bounded, err := s.within(db, f, p)
		if err != nil {
			return err
		}
		return chosen(db, kinds, f, bounded).Select("seq", "hash", "body").Find(&rows).Error
	})
	if err != nil {
		return nil, doing("audit trail", err)
	}
	return s.recordsOf(ctx, rows, p)
}

// SearchOf is [Store.RecordsOf], the newest first, in bounded time. Of a person
// who has done much and little of these kinds, a page may have fewer events than
// its limit, or none, although there is a next one.
func (s *Store) SearchOf(ctx context.Context, kinds []Kind, f models.Filter, p Page) (Found, error) {
	return s.searchOf(ctx, kinds, f, p, searchAtMost)
}

func (s *Store) searchOf(ctx context.Context, kinds []Kind, f models.Filter, p Page, many int) (Found, error) {
	p.Oldest, f.Event = false, ""
	return s.find(ctx, f, p, func(db *gorm.DB, bounded Page) (*gorm.DB, int64, error) {
		all := terms(db, f, bounded)
		if len(all) == 0 { // each kind has an index, and gives a page at once
			return chosen(db, kinds, f, bounded), 0, nil
		}
		bounded.lead = all[0].name
		reach, err := numberOf(nth(db, all[0], bounded, many), 0)
		bounded.After = max(bounded.After, reach-1)
		is, values := anyOf(db, kinds)
		return pageOf(db.Where(is, values...).Session(&gorm.Session{}), f, bounded), reach, err
	})
}

// anyOf is the condition for an event to be of one of the kinds. For such words
// no index is used.
func anyOf(db *gorm.DB, kinds []Kind) (is string, values []any) {
	said, _ := spoken(db, "permission")
	var all []string
	for _, failed := range []bool{false, true} {
		var events, nouns, permissions []string
		for _, k := range kinds {
			noun, ofAll := models.Filter{Event: k.Event}.Noun()
			switch {
			case k.Failed != failed:
			case k.Permission != "":
				permissions = append(permissions, k.Permission)
			case ofAll:
				nouns = append(nouns, noun)
			default:
				events = append(events, k.Event)
			}
		}
		one := "(noun || '' IN ? OR event || '' IN ? OR " + said + " || '' IN ?)"
		if failed {
			one = "(outcome NOT IN ('ok', 'allowed') AND " + one + ")"
		}
		all, values = append(all, one), append(values, nouns, events, permissions)
	}
	return "(" + strings.Join(all, " OR ") + ")", values
}

func chosen(db *gorm.DB, kinds []Kind, f models.Filter, p Page) *gorm.DB {
	each, pages := make([]string, len(kinds)), make([]any, len(kinds))
	for i, k := range kinds {
		each[i], pages[i] = fmt.Sprintf("SELECT seq FROM (?) AS k%d", i), k.page(db, f, p).Select("seq")
	}
	return ordered(db.Table("events").Where("seq IN ("+strings.Join(each, " UNION ")+")", pages...), p)
}

func (k Kind) page(db *gorm.DB, f models.Filter, p Page) *gorm.DB {
	f.Event = k.Event
	if k.Permission != "" {
		db = db.Where(says(db, "permission"), k.Permission)
	}
	if k.Failed {
		db = db.Where("outcome NOT IN ('ok', 'allowed')")
	}
	return pageOf(db.Session(&gorm.Session{}), f, p) // which builds several queries on it
}

func (s *Store) recordsOf(ctx context.Context, rows []eventRow, p Page) ([]models.Record, error) {
	records := make([]models.Record, len(rows))
	for i, r := range rows {
		records[i] = models.Record{Seq: r.Seq, Hash: r.Hash, Body: r.Body}
		if err := json.Unmarshal([]byte(r.Body), &records[i].Event); err != nil {
			return nil, fmt.Errorf("event %d of the audit trail cannot be read: %w", r.Seq, err)
		}
	}
	if p.Kept {
		return records, nil
	}
	return records, s.reveal(ctx, records)
}

// UsersBy reads some accounts, by their ids. Who is not there has none.
func (s *Store) UsersBy(ctx context.Context, ids []string) (map[string]models.User, error) {
	var users []models.User
	by := map[string]models.User{}
	if len(ids) == 0 {
		return by, nil
	}
	err := s.read.WithContext(ctx).Where("id IN ?", ids).Find(&users).Error
	for _, u := range users {
		by[u.ID] = u
	}
	return by, doing("users", err)
}

// FactorKinds reads which second factors some accounts have, by their ids, each
// kind once, in the order in which they were set up.
func (s *Store) FactorKinds(ctx context.Context, ids []string) (map[string][]models.FactorKind, error) {
	var rows []models.Factor
	err := s.read.WithContext(ctx).Select("user_id", "kind").Where("user_id IN ?", ids).Order("created_at, id").Find(&rows).Error
	of := map[string][]models.FactorKind{}
	for _, f := range rows {
		if !slices.Contains(of[f.UserID], f.Kind) {
			of[f.UserID] = append(of[f.UserID], f.Kind)
		}
	}
	return of, doing("factors", err)
}
