package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dagpass/dagpass/models"
)

// linksAtOnce is how many events are read in one go.
const linksAtOnce = 1000

// Verification is what was found of the trail.
type Verification struct {
	// Seq and Hash are the last event that was found good.
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	// Events is how many were walked, and Checkpoints how many of theirs are good.
	Events      int64 `json:"events"`
	Checkpoints int64 `json:"checkpoints"`
	// Unsigned is how many events stand behind the last checkpoint: of these only
	// the chain speaks.
	Unsigned int64 `json:"unsigned"`
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

// ErrBadHead is the refusal of a head that is no hash: 64 hexadecimal digits.
var ErrBadHead = errors.New("the head is not the hash of an event: it has 64 hexadecimal digits")

// VerifyAudit walks the trail from its beginning to its end. With a head, that
// hash must be among its events. What was changed is a [*BrokenTrail], and the
// verification then tells how far the trail is good.
func (s *Service) VerifyAudit(ctx context.Context, head string) (v Verification, err error) {
	last, err := s.verify(ctx)
	return Verification{Seq: last.Seq, Hash: last.Hash}, err
}

func (s *Service) verify(ctx context.Context) (last models.Link, err error) {
	head, err := s.Store.Head(ctx)
	if err != nil {
		return last, err
	}
	for last.Seq < head.Seq {
		links, err := s.Store.Links(ctx, last.Seq, linksAtOnce)
		if err != nil {
			return last, err
		}
		if len(links) == 0 {
			return last, fmt.Errorf("the audit trail is cut: it ends at event %d and should end at %d", last.Seq, head.Seq)
		}
		if last, err = follow(last, links, head); err != nil {
			return last, err
		}
	}
	return last, nil
}

// follow steps from link to link, up to the noted end: the trail goes on while
// it is read.
func follow(last models.Link, links []models.Link, head models.Link) (models.Link, error) {
	for _, link := range links {
		if !link.Follows(last) || (link.Seq == head.Seq && link.Hash != head.Hash) {
			return last, fmt.Errorf("the audit trail is broken: event %d does not follow event %d", link.Seq, last.Seq)
		}
		if last = link; last.Seq == head.Seq {
			break
		}
	}
	return last, nil
}
