package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/dagpass/dagpass/models"
)

// term is one thing that a filter asks for. An index finds it, and in the order
// of the trail.
type term struct {
	// column is what has the value. Known is the condition under which the index
	// has it, where it leaves out what is empty.
	column, known, value string
}

// person stands for the two columns that tell who did something.
const person = "actor"

func terms(db *gorm.DB, f models.Filter) (all []term) {
	noun, ofAll := f.Noun()
	if ofAll {
		f.Event = ""
	} else {
		noun = ""
	}
	reason, provider, address := spoken(db, "reason"), spoken(db, "provider"), spoken(db, "client_ip")
	for _, t := range []term{
		{person, "", f.Person},
		{"run_id", "run_id <> ''", f.Run},
		{"request_id", "", f.Request},
		{"target_id", "target_id <> ''", f.Target},
		{address, address + " IS NOT NULL", f.Address},
		{reason, reason + " IS NOT NULL", f.Reason},
		{provider, provider + " IS NOT NULL", f.Provider},
		{"location", "location <> ''", f.Location},
		{"event", "", f.Event},
		{"noun", "", noun},
		{"outcome", "", f.Outcome},
	} {
		if t.value != "" {
			all = append(all, t)
		}
	}
	return all
}

// found is the condition as an index knows it. Of a person it is none: see pageOf.
func (t term) found(db *gorm.DB) *gorm.DB {
	if t.column == person {
		return db
	}
	if t.known != "" {
		db = db.Where(t.known)
	}
	return db.Where(t.column+" = ?", t.value)
}

// beside is the condition for events that the index of another term has found:
// for such words no index is used.
func (t term) beside(db *gorm.DB) *gorm.DB {
	if t.column == person {
		return db.Where("(actor_id || '' = ? OR actor_name || '' = ?)", t.value, t.value)
	}
	return db.Where(t.column+" || '' = ?", t.value)
}

// leads tells whether a term's index is read.
func (p Page) leads(column string) bool { return p.lead == "" || p.lead == column }

// between are the events between the bounds of a page.
func (p Page) between(db *gorm.DB) *gorm.DB {
	return db.Table("events").Where("seq > ? AND seq < ?", p.After, p.Before)
}

// led chooses which of several terms leads: the one of which there are the fewest
// near the page's beginning. It looks at so many events of each and no more, and
// tells the number of the last that it saw of the one that leads; zero where there
// are fewer. Neither database can choose: none knows what occurs together.
func led(db *gorm.DB, f models.Filter, p Page, many int) (Page, int64, error) {
	all := terms(db, f)
	if len(all) < 2 {
		return p, 0, nil
	}
	lead, reach := p, int64(0)
	for _, t := range all {
		at, err := numberOf(nth(db, t, p, many), 0)
		if err != nil {
			return p, 0, err
		}
		further := at < reach && !p.Oldest || at > reach && p.Oldest
		if lead.lead == "" || at == 0 || further {
			lead.lead, reach = t.column, at
		}
		if at == 0 {
			break
		}
	}
	return lead, reach, nil
}

// nth asks for the last of so many events of a term, from where a page begins.
func nth(db *gorm.DB, t term, p Page, many int) *gorm.DB {
	if t.column != person {
		return ordered(t.found(p.between(db)), p).Offset(many - 1).Limit(1)
	}
	p.Limit = many
	byID := ordered(p.between(db).Where("actor_id = ?", t.value), p).Select("seq")
	byName := ordered(p.between(db).Where("actor_name = ?", t.value), p).Select("seq")
	either := db.Table("(SELECT seq FROM (?) AS a UNION SELECT seq FROM (?) AS b) AS n", byID, byName)
	return ordered(either, p).Offset(many - 1).Limit(1)
}

// searchAtMost is how many events of the rarest term one search looks at.
const searchAtMost = 10_000

// Found is what a search found.
type Found struct {
	Records []models.Record
	// Next is the Before of the next page; zero where there is nothing more.
	Next int64
	// Back is set where the search has ended before the page was full and before
	// the trail was at its end: the time of the event that was looked at last.
	Back time.Time
}

// Search is [Store.Records], the newest first, in bounded time. Where a filter
// asks for several things of which each is common and all together are rare, a
// page may have fewer events than its limit, or none, although there is a next
// one.
func (s *Store) Search(ctx context.Context, f models.Filter, p Page) (found Found, err error) {
	return s.search(ctx, f, p, searchAtMost)
}

func (s *Store) search(ctx context.Context, f models.Filter, p Page, many int) (found Found, err error) {
	var rows []eventRow
	limit, reach := p.Limit, int64(0)
	p.Oldest, p.Limit = false, limit+1
	err = s.planned(ctx, func(db *gorm.DB) error {
		bounded, err := within(db, f, p)
		if err == nil {
			bounded, reach, err = led(db, f, bounded, many)
		}
		if err != nil {
			return err
		}
		bounded.After = max(bounded.After, reach-1)
		if err := pageOf(db, f, bounded).Select("seq", "hash", "body").Find(&rows).Error; err != nil || len(rows) >= limit || reach == 0 {
			return err
		}
		return db.Table("events").Where("seq = ?", reach).Pluck("time", &found.Back).Error
	})
	if err != nil {
		return Found{}, doing("audit trail", err)
	}
	if found.Next = reach; len(rows) > limit {
		rows = rows[:limit]
		found.Next = rows[limit-1].Seq
	}
	found.Records, err = recordsOf(rows)
	return found, err
}
