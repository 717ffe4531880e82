// Package seed fills a migrated database with as many people and events as a
// large installation has after a year, in minutes.
//
//	Fill ─▶ people.go, events.go: what there is ─▶ sink: PostgreSQL | SQLite
//
// It writes rows past the store, for that is quick, but the chain of the audit
// trail is real: it can be verified. All but the times is the same whenever it
// is made.
//
// Neighbours: tools/bench keeps what is made here and measures on it; models
// makes the links of the chain.
package seed

import (
	"context"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/dagpass/dagpass/models"
)

// Size is how much there shall be.
type Size struct{ People, Sessions, Events int }

// year is how far back events go.
const year = 365 * 24 * time.Hour

//go:embed *.go
var source embed.FS

// Version is another one whenever what is made may be another.
func Version() string {
	return Digest(source, "seed.go", "people.go", "events.go", "sink.go", "postgres.go", "sqlite.go")
}

// Fill puts everything into a database that has its schema, and nobody in it.
func Fill(ctx context.Context, url string, size Size) error {
	s, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer s.close()
	now := time.Now().UTC()
	c := newCrowd(size, now)
	for _, t := range c.tables() {
		if err := s.insert(ctx, t.name, t.columns, t.next); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return trail(ctx, s, c, now.Add(-year), now, size, true)
}

// Renew brings what was made a while ago to today: sessions are open again, and
// the trail goes on as it went before.
func Renew(ctx context.Context, url string, size Size) error {
	s, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer s.close()
	now := time.Now().UTC()
	since, err := s.lastEvent(ctx)
	if err != nil {
		return err
	}
	if err := s.reopen(ctx, now); err != nil {
		return err
	}
	return trail(ctx, s, newCrowd(size, now), since, now, size, false)
}

// Unsigned is how many events of the trail no checkpoint has signed.
func Unsigned(ctx context.Context, url string) (int64, error) {
	s, err := open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer s.close()
	return s.unsigned(ctx)
}

// RunBehind is the first event behind a number of the trail that is of a run.
func RunBehind(ctx context.Context, url string, seq int64) (e models.Event, err error) {
	s, err := open(ctx, url)
	if err != nil {
		return e, err
	}
	defer s.close()
	body, err := s.eventBehind(ctx, seq)
	if err == nil {
		err = json.Unmarshal([]byte(body), &e)
	}
	return e, err
}

// trail appends the events of a time. Where they are many, indexes are made
// behind them.
func trail(ctx context.Context, s sink, c *crowd, since, until time.Time, size Size, many bool) error {
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	step := year / time.Duration(size.Events)
	t := newTrail(c, head, since, step, int(until.Sub(since)/step))
	rebuild := func() error { return nil }
	if many {
		if rebuild, err = s.dropIndexes(ctx); err != nil {
			return err
		}
	}
	if err := s.insert(ctx, "events", eventColumns, t.next); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := s.setHead(ctx, t.last); err != nil {
		return err
	}
	return rebuild()
}

// rnd is chance that is the same every time.
type rnd struct{ *rand.Rand }

func chance(seed uint64) rnd { return rnd{rand.New(rand.NewPCG(seed, 5))} } //nolint:gosec // nothing is secret here

// id is as models.NewID writes.
func (r rnd) id() string {
	var b [16]byte
	for i := 0; i < len(b); i += 8 {
		n := r.Uint64()
		for j := range 8 {
			b[i+j] = byte(n >> (8 * j))
		}
	}
	return hex.EncodeToString(b[:])
}

// hot is a number below n of which the low ones come far more often.
func (r rnd) hot(n int) int {
	return min(int(float64(n)*math.Pow(r.Float64(), 4)), n-1)
}

// in tells what happens so often in a hundred times.
func (r rnd) in(percent float64) bool { return r.Float64()*100 < percent }

func pick[T any](r rnd, all []T) T { return all[r.IntN(len(all))] }
