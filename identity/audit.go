package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// Verification is what was found of the trail.
type Verification struct {
	// Seq and Hash are the last event that was found good.
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	// Events is how many were walked, and Checkpoints how many of theirs are good.
	Events      int64 `json:"events"`
	Checkpoints int64 `json:"checkpoints"`
	// Unsigned is how many events stand behind the last checkpoint: of these only
	// the chain speaks. The first of them is UnsignedFrom, of the time UnsignedSince.
	Unsigned      int64     `json:"unsigned"`
	UnsignedFrom  int64     `json:"unsigned_from,omitempty"`
	UnsignedSince time.Time `json:"unsigned_since,omitzero"`
	// Overdue tells that a server that runs would have signed some of these.
	Overdue bool `json:"overdue,omitempty"`
	// Installation is whose trail it is.
	Installation string `json:"installation"`
	// Pruned is how many old events were removed, the last time at PrunedAt.
	Pruned   int64      `json:"pruned"`
	PrunedAt *time.Time `json:"pruned_at,omitempty"`
}

// BrokenTrail is the error of a trail that somebody has changed.
type BrokenTrail struct {
	// Seq is the first event that is not as it should be.
	Seq int64
	// Why says in words what is wrong, with the number of the event.
	Why string
}

// Error says what is wrong.
func (b *BrokenTrail) Error() string { return "the audit trail is broken: " + b.Why }

func broken(seq int64, format string, args ...any) error {
	return &BrokenTrail{seq, fmt.Sprintf(format, args...)}
}

// ErrBadHead is the refusal of a head that is no hash: 64 hexadecimal digits.
var ErrBadHead = errors.New("the head is not the hash of an event: it has 64 hexadecimal digits")

// verifyAttempts is how often verifying begins again because events were pruned
// meanwhile.
const verifyAttempts = 5

// VerifyAudit walks the trail from its beginning to its end: every event must
// follow the one before, every checkpoint must be ours and say what the trail
// says. With a head, that hash must be among its events. What was changed is a
// [*BrokenTrail], and the verification then tells how far the trail is good.
//
// Whoever can write to the database can still cut the events behind the last
// checkpoint, or that checkpoint too with the notes of both: a head, or a
// checkpoint, that was kept elsewhere shows it.
func (s *Service) VerifyAudit(ctx context.Context, head string) (v Verification, err error) {
	head = strings.ToLower(head)
	if head != "" && (len(head) != 64 || strings.Trim(head, "0123456789abcdef") != "") {
		return v, ErrBadHead
	}
	for range verifyAttempts {
		began, err := s.Store.Ends(ctx)
		if err != nil {
			return v, err
		}
		if s.onVerify != nil {
			s.onVerify()
		}
		v, err = s.verify(ctx, began, head)
		if err == nil || !s.prunedSince(ctx, began) {
			return v, err
		}
	}
	return v, models.ErrConflict.Because(errors.New("events are pruned faster than they can be verified"))
}

func (s *Service) prunedSince(ctx context.Context, began store.Ends) bool {
	now, err := s.Store.Ends(ctx)
	return err == nil && now.Anchor.Seq != began.Anchor.Seq
}

func (s *Service) verify(ctx context.Context, ends store.Ends, head string) (Verification, error) {
	w := &walk{s: s, ends: ends, wanted: head}
	err := w.begin(ctx)
	if err == nil {
		err = w.to(ctx, ends.Head.Seq)
	}
	if err == nil {
		err = w.end()
	}
	v := Verification{
		Seq: w.last.Seq, Hash: w.last.Hash, Events: w.last.Seq - ends.Anchor.Seq, Checkpoints: w.checkpoints,
		Unsigned: w.last.Seq - w.signed.Seq, Pruned: ends.Anchor.Seq, Installation: ends.Installation,
	}
	if v.Unsigned > 0 {
		v.UnsignedFrom, v.UnsignedSince = w.signed.Seq+1, w.unsignedSince
		v.Overdue = v.Unsigned > unsignedAtMost || s.Now().Sub(v.UnsignedSince) > unsignedFor(w.signed.Seq)
	}
	if v.Pruned > 0 {
		v.PrunedAt = &ends.Anchor.Time
	}
	return v, err
}

// unsignedAtMost is how many events may be unsigned: twice as many as a server
// that runs leaves so.
const unsignedAtMost = 2 * checkpointEvery

// unsignedFor is how long they may be: twice as long as a server that runs leaves
// them so. The first of a trail is signed within a minute.
func unsignedFor(signed int64) time.Duration {
	if signed == 0 {
		return 10 * time.Minute
	}
	return 2 * checkpointAfter
}

// stepsAtOnce is how many events are read in one go.
const stepsAtOnce = 1000

// walk follows the trail, event by event.
type walk struct {
	s    *Service
	ends store.Ends
	// wanted is a hash that must be met; empty once it was.
	wanted string

	// last is the last event found good, and signed that of the last checkpoint
	// found good, or the anchor's; without their bodies.
	last, signed models.Link
	checkpoints  int64
	// unsignedSince is the time of the first event behind the one signed last.
	unsignedSince time.Time
	// due are checkpoints of events that are yet to come.
	due []models.Checkpoint
}

// begin stands at the beginning of the trail, which an anchor may have moved.
func (w *walk) begin(ctx context.Context) error {
	a := w.ends.Anchor
	if a.Seq == 0 {
		return nil
	}
	if err := w.s.checkAnchor(w.ends); err != nil {
		return err
	}
	w.last = models.Link{Seq: a.Seq, Hash: a.Hash}
	w.signed = w.last
	w.meet(a.Hash)
	kept, err := w.s.Store.Checkpoints(ctx, a.Seq, a.Seq)
	if err != nil || len(kept) == 0 {
		return err
	}
	return w.check(kept[0], w.last, kept[0].Previous)
}

// from stands behind a checkpoint.
func (w *walk) from(c models.Checkpoint) error {
	w.last = models.Link{Seq: c.Seq, Hash: c.Hash}
	return w.check(c, w.last, c.Previous)
}

// to walks up to an event, no further: the trail goes on while it is read.
func (w *walk) to(ctx context.Context, seq int64) error {
	for w.last.Seq < seq {
		steps, err := w.s.Store.Steps(ctx, w.last.Seq, stepsAtOnce)
		if err != nil {
			return err
		}
		if len(steps) == 0 {
			return broken(w.last.Seq+1, "it is cut, it ends at event %d and should end at %d", w.last.Seq, w.ends.Head.Seq)
		}
		to := min(steps[len(steps)-1].Seq, seq, w.ends.Last.Seq)
		if w.due, err = w.s.Store.Checkpoints(ctx, w.last.Seq+1, to); err != nil {
			return err
		}
		for i := 0; i < len(steps) && w.last.Seq < seq; i++ {
			if err := w.step(steps[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// step goes to the next event, and looks at its checkpoint if it has one.
func (w *walk) step(next store.Step) error {
	switch seq := next.Seq; {
	case seq != w.last.Seq+1:
		return broken(w.last.Seq+1, "event %d is missing", w.last.Seq+1)
	case !next.Whole():
		return broken(seq, "event %d was altered, it does not have its hash", seq)
	case !next.Follows(w.last):
		return broken(seq, "event %d does not follow event %d", seq, seq-1)
	case !next.Copied:
		return broken(seq, "event %d is found by something else than it says", seq)
	case seq == w.ends.Head.Seq && next.Hash != w.ends.Head.Hash:
		return broken(seq, "event %d is not the one that was noted as its end", seq)
	}
	if w.last.Seq == w.signed.Seq {
		w.unsignedSince = next.Time
	}
	if len(w.due) > 0 && w.due[0].Seq == next.Seq {
		if err := w.check(w.due[0], next.Link, w.signed.Seq); err != nil {
			return err
		}
		w.due = w.due[1:]
	}
	w.last = models.Link{Seq: next.Seq, Hash: next.Hash}
	w.meet(next.Hash)
	return nil
}

// check holds a checkpoint against its event.
func (w *walk) check(c models.Checkpoint, at models.Link, previous int64) error {
	if err := w.s.Keys.CheckSignature(c.Text(), c.Key, c.Signature); err != nil {
		return broken(c.Seq, "the checkpoint of event %d %v", c.Seq, err)
	}
	if foreign(c.Installation, w.ends.Installation) {
		return broken(c.Seq, "the checkpoint of event %d is of another installation", c.Seq)
	}
	if c.Hash != at.Hash {
		w.last = w.signed // what is between is whole, but which of it is true nobody knows
		return broken(w.last.Seq+1, "event %d is not the one that was signed, the trail was rewritten somewhere from event %d on", c.Seq, w.last.Seq+1)
	}
	if c.Previous != previous {
		return broken(c.Previous, "the checkpoint of event %d is missing", c.Previous)
	}
	w.signed, w.checkpoints = models.Link{Seq: c.Seq, Hash: c.Hash}, w.checkpoints+1
	return nil
}

// checkAnchor holds the anchor against our keys and our installation.
func (s *Service) checkAnchor(ends store.Ends) error {
	a := ends.Anchor
	if err := s.Keys.CheckSignature(a.Text(), a.Key, a.Signature); err != nil {
		return broken(1, "it should begin behind event %d, but the anchor that says so %v", a.Seq, err)
	}
	if foreign(a.Installation, ends.Installation) {
		return broken(1, "it should begin behind event %d, but the anchor that says so is of another installation", a.Seq)
	}
	return nil
}

// foreign tells what another installation has signed, with the same keys. What a
// former release has signed does not say whose it is.
func foreign(said, ours string) bool { return said != "" && said != ours }

func (w *walk) meet(hash string) {
	if hash == w.wanted {
		w.wanted = ""
	}
}

// end judges what the trail alone cannot tell.
func (w *walk) end() error {
	at := w.ends.Head.Seq
	switch {
	case w.ends.Newest > at:
		return broken(at+1, "it ends at event %d, and behind that there is an event %d", at, w.ends.Newest)
	case w.ends.Last.Seq > at:
		return broken(at+1, "it is cut, it ends at event %d, and event %d was signed", at, w.ends.Last.Seq)
	case w.ends.Last.Seq < max(w.ends.Checkpoint, w.ends.Anchor.Seq): // an anchor stands where a checkpoint was
		seq := max(w.ends.Checkpoint, w.ends.Anchor.Seq)
		return broken(seq, "the checkpoint of event %d is missing", seq)
	case w.ends.Last.Seq > w.ends.Checkpoint:
		return broken(w.ends.Last.Seq, "the checkpoint of event %d is not noted as the last one", w.ends.Last.Seq)
	case w.wanted != "" && w.ends.Anchor.Seq > 0:
		return broken(at+1, "no event has the hash %s; its end was cut, or rewritten, or that event was pruned", w.wanted)
	case w.wanted != "":
		return broken(at+1, "no event has the hash %s; its end was cut, or rewritten, or that is the head of another trail", w.wanted)
	}
	return nil
}
