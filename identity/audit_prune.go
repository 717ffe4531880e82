package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// MinRetention is the least time that events are kept, if not for ever.
const MinRetention = 24 * time.Hour

// clocksApart is how much our clock may differ from the database's.
const clocksApart = 5 * time.Minute

// PruneAudit removes events that are older than keep, up to the last checkpoint
// that was made before then, and tells how many that were. Every replica calls
// it once an hour; one of them does it. It is recorded (audit.prune). What goes
// is walked before: of a trail that is broken nothing is removed.
//
// The anchor moves first, with the event; then the events go, in batches. Where
// that stops in the middle the rest goes the next time: nobody reads it before.
func (s *Service) PruneAudit(ctx context.Context, keep time.Duration) (int64, error) {
	if keep < MinRetention {
		return 0, fmt.Errorf("audit events are kept for %s at least", MinRetention)
	}
	n, err := s.moveAnchor(ctx, keep)
	if err != nil {
		return 0, err
	}
	return n, s.Store.DropPruned(ctx)
}

// clockIsRight is an error where our clock is not the database's: one that is far
// ahead would remove events before their time.
func (s *Service) clockIsRight(ctx context.Context) error {
	clock := s.StoreClock
	if clock == nil {
		clock = s.Store.Clock
	}
	theirs, err := clock(ctx)
	if off := s.Now().Sub(theirs).Abs(); err == nil && off > clocksApart {
		return fmt.Errorf("the clock here and the database's are %s apart, and nothing is removed by a clock that may be wrong", off.Round(time.Second))
	}
	return err
}

// moveAnchor makes the trail begin behind the last checkpoint that is old enough.
func (s *Service) moveAnchor(ctx context.Context, keep time.Duration) (int64, error) {
	if err := s.clockIsRight(ctx); err != nil {
		return 0, err
	}
	ends, err := s.Store.Ends(ctx)
	if err != nil {
		return 0, err
	}
	if err := (&walk{s: s, ends: ends}).begin(ctx); err != nil { // what is before a forged anchor is not dropped
		return 0, err
	}
	c, err := s.Store.CheckpointBefore(ctx, s.Now().Add(-keep), s.Now())
	if errors.Is(err, models.ErrNotFound) || err == nil && c.Seq <= ends.Anchor.Seq {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if err := s.walkTo(ctx, ends, c); err != nil {
		if s.prunedSince(ctx, ends) {
			return 0, nil // another replica was faster, and took away what we walked on
		}
		return 0, err
	}
	a := models.Anchor{Seq: c.Seq, Hash: c.Hash, Time: s.Now().UTC().Truncate(time.Millisecond), Installation: ends.Installation}
	if err := s.Keys.signAnchor(&a); err != nil {
		return 0, err
	}
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		return pruned(ctx, a, ends.Anchor), tx.MoveAnchor(ends.Anchor.Seq, a)
	})
	if errors.Is(err, models.ErrConflict) {
		return 0, nil // another replica was faster
	}
	return a.Seq - ends.Anchor.Seq, err
}

// walkTo walks from the beginning to a checkpoint, which must be on the way.
func (s *Service) walkTo(ctx context.Context, ends store.Ends, c models.Checkpoint) error {
	w := &walk{s: s, ends: ends}
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := w.to(ctx, c.Seq); err != nil {
		return err
	}
	if w.signed.Seq != c.Seq || w.last.Hash != c.Hash {
		return broken(c.Seq, "the checkpoint of event %d is not its own", c.Seq)
	}
	return nil
}

// pruned is the event of pruning: its target is the last event that was removed.
func pruned(ctx context.Context, a, was models.Anchor) models.Event {
	e := models.NewEvent(ctx, "audit.prune", models.OutcomeOK)
	e.Actor, e.Target = models.Actor{Kind: "system"}, &models.Target{Kind: "event", ID: fmt.Sprint(a.Seq)}
	e.Count = int(a.Seq - was.Seq)
	return e
}
