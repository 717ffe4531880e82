package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/dagpass/dagpass/models"
)

// term is one thing that a filter asks for. An index finds it, and in the order
// of the trail.
type term struct {
	name string
	// ways are all that an event may say for it: a column with a value.
	ways []way
	// known is the condition under which the index has it, where it leaves out what
	// is empty.
	known string
}

type way struct{ column, value string }

// Names of terms that an event may tell of in several ways.
const (
	person  = "actor"
	target  = "target_id"
	address = "client_ip"
)

func terms(db *gorm.DB, f models.Filter, p Page) (all []term) {
	noun, ofAll := f.Noun()
	if ofAll {
		f.Event = ""
	} else {
		noun = ""
	}
	reason, reasoned := spoken(db, "reason")
	provider, provided := spoken(db, "provider")
	from, located := spoken(db, "client_ip")
	for _, t := range []struct{ name, column, known, value string }{
		{person, "actor_id", "", f.Person},
		{"run_id", "run_id", "run_id <> ''", f.Run},
		{"request_id", "request_id", "", f.Request},
		{target, "target_id", "target_id <> ''", f.Target},
		{address, from, located, f.Address},
		{"reason", reason, reasoned, f.Reason},
		{"provider", provider, provided, f.Provider},
		{"location", "location", "location <> ''", f.Location},
		{"event", "event", "", f.Event},
		{"noun", "noun", "", noun},
		{"outcome", "outcome", "", f.Outcome},
	} {
		if t.value != "" {
			all = append(all, term{t.name, p.ways(t.name, t.column, t.value), t.known})
		}
	}
	return all
}

// ways are what is asked for, and what else it is called.
func (p Page) ways(name, column, value string) []way {
	all := []way{{column, value}}
	if name == person {
		all = append(all, way{"actor_name", value})
	}
	for _, other := range p.called[name] {
		all = append(all, way{column, other})
	}
	return all
}

// apart is, for each way in which the terms that lead can be told, a list of all
// terms in which these have that way alone.
func (p Page) apart(all []term) [][]term {
	lists := [][]term{nil}
	for _, t := range all {
		var longer [][]term
		for _, list := range lists {
			for _, alone := range p.alone(t) {
				longer = append(longer, append(slices.Clip(list), alone))
			}
		}
		lists = longer
	}
	return lists
}

func (p Page) alone(t term) (all []term) {
	if !p.leads(t.name) {
		return []term{t}
	}
	for _, w := range t.ways {
		all = append(all, term{t.name, []way{w}, t.known})
	}
	return all
}

// found is the condition as an index knows it, of a term with one way.
func (t term) found(db *gorm.DB) *gorm.DB {
	if t.known != "" {
		db = db.Where(t.known)
	}
	return db.Where(t.ways[0].column+" = ?", t.ways[0].value)
}

// beside is the condition for events that the index of another term has found:
// for such words no index is used.
func (t term) beside(db *gorm.DB) *gorm.DB {
	either, values := make([]string, len(t.ways)), make([]any, len(t.ways))
	for i, w := range t.ways {
		either[i], values[i] = w.column+" || '' = ?", w.value
	}
	return db.Where("("+strings.Join(either, " OR ")+")", values...)
}

// leads tells whether a term's index is read.
func (p Page) leads(name string) bool { return p.lead == "" || p.lead == name }

// between are the events between the bounds of a page.
func (p Page) between(db *gorm.DB) *gorm.DB {
	return db.Table("events").Where("seq > ? AND seq < ?", p.After, p.Before)
}

// led chooses which of several terms leads: the one of which there are the fewest
// near the page's beginning. It looks at so many events of each and no more, and
// tells the number of the last that it saw of the one that leads; zero where there
// are fewer. Neither database can choose: none knows what occurs together.
func led(db *gorm.DB, f models.Filter, p Page, many int) (Page, int64, error) {
	all := terms(db, f, p)
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
			lead.lead, reach = t.name, at
		}
		if at == 0 {
			break
		}
	}
	return lead, reach, nil
}

// nth asks for the last of so many events of a term, from where a page begins.
func nth(db *gorm.DB, t term, p Page, many int) *gorm.DB {
	p.lead, p.Limit = "", many
	ways := p.alone(t)
	if len(ways) == 1 {
		return ordered(t.found(p.between(db)), p).Offset(many - 1).Limit(1)
	}
	each, pages := make([]string, len(ways)), make([]any, len(ways))
	for i, way := range ways {
		each[i], pages[i] = fmt.Sprintf("SELECT seq FROM (?) AS w%d", i), ordered(way.found(p.between(db)), p).Select("seq")
	}
	either := db.Table("("+strings.Join(each, " UNION ")+") AS n", pages...)
	return ordered(either, p).Offset(many - 1).Limit(1)
}

// searchAtMost is how many events of the rarest term one search looks at.
const searchAtMost = 3000

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

func (s *Store) search(ctx context.Context, f models.Filter, p Page, many int) (Found, error) {
	p.Oldest = false
	return s.find(ctx, f, p, func(db *gorm.DB, bounded Page) (*gorm.DB, int64, error) {
		bounded, reach, err := led(db, f, bounded, many)
		bounded.After = max(bounded.After, reach-1)
		return pageOf(db, f, bounded), reach, err
	})
}

// find reads a page of a query, which tells the number of the last event that it
// looks at; zero where that is the trail's end.
func (s *Store) find(ctx context.Context, f models.Filter, p Page, query func(*gorm.DB, Page) (page *gorm.DB, reach int64, err error)) (found Found, err error) {
	var rows []eventRow
	limit, reach := p.Limit, int64(0)
	p.Limit++
	err = s.planned(ctx, func(db *gorm.DB) error {
		bounded, err := s.within(db, f, p)
		if err != nil {
			return err
		}
		page, last, err := query(db, bounded)
		if err != nil {
			return err
		}
		reach = last
		if err := page.Select("seq", "hash", "body").Find(&rows).Error; err != nil || len(rows) >= limit || reach == 0 {
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
	found.Records, err = s.recordsOf(ctx, rows, p)
	return found, err
}
