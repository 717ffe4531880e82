package identity

import (
	"context"
	"time"
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
func (s *Service) Checkpoint(ctx context.Context, force bool) error { return errUnfinished }

// MinRetention is the least time that events are kept, if not for ever.
const MinRetention = 24 * time.Hour

// PruneAudit removes events that are older than keep, up to the last checkpoint
// that was made before then, and tells how many that were. Every replica calls
// it once an hour; one of them does it. It is recorded (audit.prune). A trail
// that is broken is not pruned.
func (s *Service) PruneAudit(ctx context.Context, keep time.Duration) (int64, error) {
	return 0, errUnfinished
}
