package providers

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	freshFor = 15 * time.Minute // a document is used this long without asking again
	lately   = time.Minute      // what Ready calls lately
	coolDown = 15 * time.Second // between two fetches of one document, whoever asks
)

// remote is a document that a provider publishes for everybody, kept in memory.
// Callers that want it at once share one fetch; a provider that fails, or that
// is asked about ever new key ids, is asked once per coolDown; and the last
// good document is kept while the provider is down.
type remote[T any] struct {
	fetch func(context.Context) (T, error)
	now   func() time.Time

	flight singleflight.Group

	mu      sync.Mutex
	value   T
	fetched time.Time // last success; zero before the first
	tried   time.Time // last attempt, successful or not
	err     error     // of the last attempt
}

// get returns the document, at most maxAge old if the provider can be reached.
func (r *remote[T]) get(ctx context.Context, maxAge time.Duration) (T, error) {
	err := r.refresh(ctx, maxAge)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fetched.IsZero() {
		return r.value, nil
	}
	return r.value, err
}

// refresh fetches the document unless it is at most maxAge old. It returns nil
// when it is, or when the last attempt within the cool-down made it new.
func (r *remote[T]) refresh(ctx context.Context, maxAge time.Duration) error {
	if settled, err := r.settled(maxAge); settled {
		return err
	}
	// The fetch belongs to all who wait for it, so it outlives the one who
	// happened to come first. The client bounds it to fetchTimeout.
	shared := context.WithoutCancel(ctx)
	done := r.flight.DoChan("", func() (any, error) { return nil, r.load(shared, maxAge) })
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return outage(ReasonUnreachable, "waiting for the provider: %w", ctx.Err())
	}
}

// load asks again whether a fetch is needed: between the question in refresh
// and the start of this flight another flight may have landed.
func (r *remote[T]) load(ctx context.Context, maxAge time.Duration) error {
	if settled, err := r.settled(maxAge); settled {
		return err
	}
	value, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.err = r.now(), err
	if err == nil {
		r.value, r.fetched = value, r.tried
	}
	return err
}

func (r *remote[T]) settled(maxAge time.Duration) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if !r.fetched.IsZero() && now.Sub(r.fetched) <= maxAge {
		return true, nil
	}
	return !r.tried.IsZero() && now.Sub(r.tried) < coolDown, r.err
}
