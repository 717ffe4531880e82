package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

const (
	// checkpointEvery is after how many events a checkpoint is due, and
	// checkpointAfter after how long, if there is any event.
	checkpointEvery = 1000
	checkpointAfter = time.Hour
)

// Checkpoint signs the end of the trail where that is due, or with force
// wherever the last event is not signed yet. Every replica calls it once a
// minute and, forced, when it stops. It signs only what it has walked: behind a
// trail that is broken there is no further checkpoint, but an error.
func (s *Service) Checkpoint(ctx context.Context, force bool) error {
	ends, err := s.Store.Ends(ctx)
	if err != nil {
		return err
	}
	if seen := s.signed.Load(); seen > ends.Last.Seq {
		return broken(seen, "the checkpoint of event %d, which this process knows, is missing", seen)
	}
	s.signed.Store(ends.Last.Seq)
	if !s.checkpointDue(ends, force) {
		return nil
	}
	c, err := s.nextCheckpoint(ctx, ends)
	if err != nil {
		return err
	}
	err = s.Store.InsertCheckpoint(ctx, c)
	if errors.Is(err, models.ErrConflict) {
		return s.conceded(ctx, ends, err)
	}
	if err != nil {
		return err
	}
	s.signed.Store(c.Seq)
	if s.OnCheckpoint != nil {
		s.OnCheckpoint(c)
	}
	return s.resign(ctx, c.Key)
}

func (s *Service) checkpointDue(ends store.Ends, force bool) bool {
	more := ends.Head.Seq - ends.Last.Seq
	return more != 0 && (force || more >= checkpointEvery || more < 0 || s.Now().Sub(ends.Last.Time) >= checkpointAfter)
}

// nextCheckpoint walks from the last checkpoint to the end, and signs it.
func (s *Service) nextCheckpoint(ctx context.Context, ends store.Ends) (c models.Checkpoint, err error) {
	w := &walk{s: s, ends: ends}
	if ends.Last.Seq > 0 {
		err = w.from(ends.Last)
	} else {
		err = w.begin(ctx)
	}
	if err == nil {
		err = w.to(ctx, ends.Head.Seq)
	}
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return c, err
	}
	c = models.Checkpoint{Seq: w.last.Seq, Hash: w.last.Hash, Time: s.Now().UTC().Truncate(time.Millisecond), Previous: ends.Last.Seq, Installation: ends.Installation}
	return c, s.Keys.signCheckpoint(&c)
}

// conceded is nil where another replica has made the checkpoint that we lost.
func (s *Service) conceded(ctx context.Context, was store.Ends, lost error) error {
	now, err := s.Store.Ends(ctx)
	if err == nil && now.Checkpoint > was.Checkpoint {
		return nil
	}
	return errors.Join(lost, err)
}

// resign signs with today's key what a former one has signed, so that the former
// one can be given up. What no key of ours has signed stays as it is.
func (s *Service) resign(ctx context.Context, key string) error {
	former, err := s.Store.CheckpointsBut(ctx, key)
	if err != nil {
		return err
	}
	for _, c := range former {
		if err := s.Keys.CheckSignature(c.Text(), c.Key, c.Signature); err != nil {
			return broken(c.Seq, "the checkpoint of event %d %v", c.Seq, err)
		}
		if err := errors.Join(s.Keys.signCheckpoint(&c), s.Store.ResignCheckpoint(ctx, c)); err != nil {
			return fmt.Errorf("checkpoint of event %d: %w", c.Seq, err)
		}
	}
	return s.resignAnchor(ctx, key)
}

func (s *Service) resignAnchor(ctx context.Context, key string) error {
	ends, err := s.Store.Ends(ctx)
	a := ends.Anchor
	if err != nil || a.Seq == 0 || a.Key == key {
		return err
	}
	if err := s.checkAnchor(ends); err != nil {
		return err
	}
	return errors.Join(s.Keys.signAnchor(&a), s.Store.ResignAnchor(ctx, a))
}

// Checkpoints lists up to limit checkpoints as they are kept, the newest first,
// and with before only of events below that number. They are not verified by
// that. It is for auditors, admins and the operator, and is recorded (audit.read).
func (s *Service) Checkpoints(ctx context.Context, before int64, limit int) ([]models.Checkpoint, error) {
	if err := s.mayAudit(ctx); err != nil {
		return nil, err
	}
	all, err := s.Store.CheckpointsUnder(ctx, before, sized(limit))
	if err != nil {
		return nil, ErrNotNow.Because(err)
	}
	return all, s.looked(ctx, "checkpoints", models.Filter{})
}
