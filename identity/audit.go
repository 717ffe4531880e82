package identity

import (
	"context"
	"fmt"

	"github.com/dagpass/dagpass/models"
)

// linksAtOnce is how many events are read in one go.
const linksAtOnce = 1000

// VerifyAudit walks the chain of the audit trail from its beginning and returns
// its last link. The error names the first event that does not follow. A tail
// that was cut off leaves no trace in the chain itself: keep the head that is
// returned and compare.
func (s *Service) VerifyAudit(ctx context.Context) (last models.Link, err error) {
	for {
		links, err := s.Store.Links(ctx, last.Seq, linksAtOnce)
		if err != nil || len(links) == 0 {
			return last, err
		}
		for _, link := range links {
			if !link.Follows(last) {
				return last, fmt.Errorf("the audit trail is broken: event %d does not follow event %d", link.Seq, last.Seq)
			}
			last = link
		}
	}
}
