package identity

import (
	"context"
	"fmt"

	"github.com/dagpass/dagpass/models"
)

// linksAtOnce is how many events are read in one go.
const linksAtOnce = 1000

// VerifyAudit walks the chain of the audit trail from its beginning to the end
// that the store has noted, and returns that end. The error names the first
// event that does not follow, or says that the end is missing. Whoever can
// write to the database can cut the chain and the note alike: keep what is
// returned elsewhere, and compare.
func (s *Service) VerifyAudit(ctx context.Context) (last models.Link, err error) {
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
