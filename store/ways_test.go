package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// What a way has is the latest of each kind, whoever wrote it last, and one says
// nothing of the other.
func TestWays(t *testing.T) {
	at := func(minute int) *time.Time {
		t := time.Date(2026, 11, 21, 9, minute, 0, 0, time.UTC)
		return &t
	}
	good := func(minute int) store.Way { return store.Way{Slot: "oidc", SucceededAt: at(minute)} }
	bad := func(minute int, reason string) store.Way {
		return store.Way{Slot: "oidc", FailedAt: at(minute), Reason: reason, Reference: "of " + reason}
	}
	for name, row := range map[string]struct {
		notes []store.Way
		want  store.Way
	}{
		"never":           {nil, store.Way{}},
		"once":            {[]store.Way{good(1)}, good(1)},
		"failed":          {[]store.Way{bad(1, "unreachable")}, bad(1, "unreachable")},
		"both":            {[]store.Way{good(1), bad(2, "a"), good(3)}, store.Way{Slot: "oidc", SucceededAt: at(3), FailedAt: at(2), Reason: "a", Reference: "of a"}},
		"an older one":    {[]store.Way{bad(5, "late"), bad(3, "early"), good(4), good(2)}, store.Way{Slot: "oidc", SucceededAt: at(4), FailedAt: at(5), Reason: "late", Reference: "of late"}},
		"both in one":     {[]store.Way{{Slot: "oidc", SucceededAt: at(1), FailedAt: at(2), Reason: "a", Reference: "of a"}}, store.Way{Slot: "oidc", SucceededAt: at(1), FailedAt: at(2), Reason: "a", Reference: "of a"}},
		"nothing in it":   {[]store.Way{good(1), {Slot: "oidc"}}, good(1)},
		"another one's":   {[]store.Way{good(1), {Slot: "github", FailedAt: at(2), Reason: "b"}}, good(1)},
		"another failure": {[]store.Way{bad(1, "a"), bad(2, "b")}, bad(2, "b")},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				for _, w := range row.notes {
					if err := s.NoteWay(context.Background(), w); err != nil {
						t.Fatal(err)
					}
				}
				all, err := s.Ways(context.Background())
				if got := all["oidc"]; err != nil || told(got) != told(row.want) {
					t.Errorf("%v: %s, want %s", err, told(got), told(row.want))
				}
			})
		})
	}
}

func told(w store.Way) string {
	text := w.Slot + " " + w.Reason + " " + w.Reference
	for _, at := range []*time.Time{w.SucceededAt, w.FailedAt} {
		if at == nil {
			text += " never"
		} else {
			text += " " + at.UTC().Format(time.RFC3339)
		}
	}
	return text
}

// Several replicas note at once, and none is in another's way.
func TestWaysAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var all sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			all.Go(func() {
				at := time.Unix(int64(i), 0).UTC()
				errs[i] = s.NoteWay(context.Background(), store.Way{Slot: "oidc", SucceededAt: &at})
			})
		}
		all.Wait()
		ways, err := s.Ways(context.Background())
		if err := errors.Join(append(errs, err)...); err != nil || ways["oidc"].SucceededAt.Unix() != 19 {
			t.Errorf("%v: %s", err, told(ways["oidc"]))
		}
	})
}
