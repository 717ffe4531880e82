package identity

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// recordsAtOnce is how many events a reader holds in memory, and maxRecords how
// many a page or a run may have.
const (
	recordsAtOnce = 500
	maxRecords    = 10_000
)

// Events lists up to limit events, the newest first, of those before event
// number before; zero begins at the end. It is for auditors, admins and the
// operator, and every page is an event itself (audit.read).
func (s *Service) Events(ctx context.Context, f models.Filter, before int64, limit int) ([]models.Record, error) {
	if err := s.mayAudit(ctx); err != nil {
		return nil, err
	}
	records, err := s.Store.Records(ctx, f, store.Page{Before: before, Limit: min(max(limit, 1), maxRecords)})
	if err != nil {
		return nil, err
	}
	return records, s.Record(ctx, audited(ctx, "audit.read", f.String()))
}

// EventPage is a page of a search in the trail.
type EventPage struct {
	Records []models.Record
	// Next is the number before which the next page begins; zero where nothing is
	// left. A page may have fewer events than its limit, or none, and yet a next
	// one: where a filter asks for several things at once, so many events are looked
	// at and no more.
	Next int64
	// Back is how far such a page has looked back; zero for all others.
	Back time.Time
}

// SearchEvents is [Service.Events] in bounded time, however rare is what the filter
// chooses.
func (s *Service) SearchEvents(ctx context.Context, f models.Filter, before int64, limit int) (EventPage, error) {
	if err := s.mayAudit(ctx); err != nil {
		return EventPage{}, err
	}
	found, err := s.Store.Search(ctx, f, store.Page{Before: before, Limit: min(max(limit, 1), maxRecords)})
	if err != nil {
		return EventPage{}, err
	}
	return EventPage(found), s.Record(ctx, audited(ctx, "audit.read", f.String()))
}

// ErrNotAuditor is the refusal of whoever may not read the trail.
var ErrNotAuditor = models.NewError(models.KindForbidden, "not_allowed", "You may not do this: it takes the permission audit.")

// mayAudit is the law of reading the trail: whoever holds the permission audit,
// as admins do, and the operator.
func (s *Service) mayAudit(ctx context.Context) error {
	p := models.PrincipalOf(ctx)
	if models.IsOperator(ctx) || p != nil && p.Access.Permissions.Has(policy.Audit) {
		return nil
	}
	return ErrNotAuditor
}

// audited is the event of somebody who looks at the trail. Listing it again and
// again becomes one event with a count.
func audited(ctx context.Context, event, what string) models.Event {
	e := models.NewEvent(ctx, event, models.OutcomeOK)
	e.Target, e.Folds = &models.Target{Kind: "audit", ID: clip(what)}, event == "audit.read"
	return e
}

// maxWhat bounds what an event repeats of a search, in bytes.
const maxWhat = 512

func clip(s string) string {
	if len(s) <= maxWhat {
		return s
	}
	return strings.ToValidUTF8(s[:maxWhat], "") + "…"
}

// ExportEvents hands over the events, the oldest first, up to the one that tells
// of this (audit.export). It keeps few of them in memory. An error of fn ends it.
func (s *Service) ExportEvents(ctx context.Context, f models.Filter, fn func(models.Record) error) error {
	if err := s.mayAudit(ctx); err != nil {
		return err
	}
	head, err := s.Store.Head(ctx)
	if err != nil {
		return err
	}
	if err := s.Record(ctx, audited(ctx, "audit.export", f.String())); err != nil {
		return err
	}
	return s.eachRecord(ctx, f, head.Seq, fn)
}

// eachRecord goes through the events up to a number, the oldest first.
func (s *Service) eachRecord(ctx context.Context, f models.Filter, to int64, fn func(models.Record) error) error {
	page := store.Page{Before: to + 1, Limit: recordsAtOnce, Oldest: true, Kept: true}
	for {
		records, err := s.Store.Records(ctx, f, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := fn(r); err != nil {
				return err
			}
			page.After = r.Seq
		}
		if len(records) < recordsAtOnce {
			return nil
		}
	}
}

// RunTrail is everything about a run, the oldest first: what names it, what was
// done to it, and what else the same requests did, which is how a launch is
// found that had no run yet. It is for auditors, admins and the operator, and is
// recorded (audit.read). Cut tells that there is more: of what names the run, was
// done to it, or belongs to one of its requests, the newest 10,000 each are there.
func (s *Service) RunTrail(ctx context.Context, runID string) (all []models.Record, cut bool, err error) {
	if err := s.mayAudit(ctx); err != nil {
		return nil, false, err
	}
	if runID == "" {
		return nil, false, models.ErrNotFound
	}
	g := gathered{found: map[int64]models.Record{}}
	for _, f := range []models.Filter{{Run: runID}, {Target: runID}} {
		if err := g.add(ctx, s.Store, f); err != nil {
			return nil, false, err
		}
	}
	for _, request := range requestsOf(g.found) {
		if err := g.add(ctx, s.Store, models.Filter{Request: request, Event: "dagster.*"}); err != nil {
			return nil, false, err
		}
	}
	all = slices.SortedFunc(maps.Values(g.found), func(a, b models.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, g.cut, s.Record(ctx, audited(ctx, "audit.read", models.Filter{Run: runID}.String()))
}

// gathered are events that several filters chose, each once.
type gathered struct {
	found map[int64]models.Record
	// cut tells that a filter chose more than a run may have.
	cut bool
}

// add adds what a filter chooses, the newest, and no more than a run may have.
func (g *gathered) add(ctx context.Context, from *store.Store, f models.Filter) error {
	records, err := from.Records(ctx, f, store.Page{Limit: maxRecords + 1})
	if len(records) > maxRecords {
		records, g.cut = records[:maxRecords], true
	}
	for _, r := range records {
		g.found[r.Seq] = r
	}
	return err
}

func requestsOf(records map[int64]models.Record) []string {
	var ids []string
	for _, r := range records {
		if r.Event.RequestID != "" {
			ids = append(ids, r.Event.RequestID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
