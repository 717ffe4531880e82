package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// failOnce counts one failure more for each key.
func failOnce(proofs map[string]*store.FailedProof) error {
	for _, p := range proofs {
		p.Failures++
		p.ExpiresAt = noon().Add(time.Hour)
	}
	return nil
}

// failures are the counts, by key.
func failures(t *testing.T, s *store.Store) map[string]int64 {
	t.Helper()
	var rows []store.FailedProof
	if err := s.Reader().Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.Key] = r.Failures
	}
	return counts
}

func TestCountFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		errNo := errors.New("no")
		for _, keys := range [][]string{{"b", "a"}, {"a"}, {"a", "c"}} {
			if err := s.CountFailures(t.Context(), keys, failOnce); err != nil {
				t.Fatal(err)
			}
		}
		err := s.CountFailures(t.Context(), []string{"a", "d"}, func(proofs map[string]*store.FailedProof) error {
			if proofs["a"].Failures != 3 || !proofs["a"].ExpiresAt.Equal(noon().Add(time.Hour)) || proofs["d"].Failures != 0 || len(proofs) != 2 {
				t.Errorf("%+v %+v", proofs["a"], proofs["d"])
			}
			_ = failOnce(proofs)
			return errNo
		})
		if diff := cmp.Diff(map[string]int64{"a": 3, "b": 1, "c": 1}, failures(t, s)); diff != "" || !errors.Is(err, errNo) {
			t.Errorf("%v %s", err, diff)
		}
	})
}

// Nobody's count is lost, through two replicas, in whichever order they name the
// keys; whoever is refused leaves no trace.
func TestNoCountIsLost(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		replicas := []*store.Store{storetest.Migrated(t, url), storetest.Migrated(t, url)}
		keys := [][]string{{"a", "b"}, {"b", "a"}, {"a", "c"}, {"c", "a"}}
		errFull := errors.New("full")
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				err := replicas[i%2].CountFailures(t.Context(), keys[i%len(keys)], func(proofs map[string]*store.FailedProof) error {
					if proofs["a"].Failures == 30 {
						return errFull
					}
					return failOnce(proofs)
				})
				if err != nil && !errors.Is(err, errFull) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := failures(t, replicas[0])
		if got["a"] != 30 || got["b"]+got["c"] != 30 {
			t.Errorf("%v", got)
		}
	})
}

func TestTakeBackFailure(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		until := noon().Add(time.Minute)
		count := func(until time.Time) {
			err := s.CountFailures(t.Context(), []string{"a", "b"}, func(proofs map[string]*store.FailedProof) error {
				for _, p := range proofs {
					p.Failures, p.Until, p.ExpiresAt = 2, until, noon().Add(time.Hour)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for name, step := range map[string]struct {
			set, counted time.Time
			waits        bool
		}{
			"it made the key wait":     {until, until, false},
			"a later one did":          {until.Add(time.Microsecond), until, true},
			"it did not, and one does": {until, noon(), true},
		} {
			count(step.set)
			for range 3 { // never below zero
				if err := s.TakeBackFailure(t.Context(), "a", step.counted); err != nil {
					t.Fatal(err)
				}
			}
			err := s.CountFailures(t.Context(), []string{"a", "b"}, func(proofs map[string]*store.FailedProof) error {
				a, b := proofs["a"], proofs["b"]
				if a.Failures != 0 || a.Until.After(noon()) != step.waits || b.Failures != 2 || !b.Until.Equal(step.set) {
					t.Errorf("%s: %+v, another %+v", name, a, b)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, key := range []string{"", "nobody", "a"} {
			if err := s.ForgetFailures(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(map[string]int64{"b": 2}, failures(t, s)); diff != "" {
			t.Error(diff)
		}
		if err := errors.Join(s.TakeBackFailure(t.Context(), "a", until), s.TakeBackFailure(t.Context(), "", until)); err != nil || len(failures(t, s)) != 1 {
			t.Errorf("taking back what is not there: %v %v", err, failures(t, s))
		}
	})
}

// However many names somebody makes up, a sweep leaves so many rows: those that
// failed most, and what has expired it takes first.
func TestSweepBoundsFailedProofs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const more = store.SweepBatch + 3
		var rows []store.FailedProof
		for i := range store.MaxFailedProofs + more {
			rows = append(rows, store.FailedProof{Key: fmt.Sprintf("%06d", i), Failures: 2, Until: noon(), ExpiresAt: noon().Add(day)})
		}
		for i := range more { // scattered
			rows[i*7].Failures = 1
		}
		rows[50_000].Failures, rows[50_001].ExpiresAt = 1, noon()
		if err := s.Writer().CreateInBatches(rows, 5000).Error; err != nil {
			t.Fatal(err)
		}
		for _, want := range []int64{more, 0} {
			if n, err := s.Sweep(t.Context(), noon(), day); n != want || err != nil {
				t.Errorf("swept %d (%v), want %d", n, err, want)
			}
		}
		left := failures(t, s)
		least := 0
		for _, n := range left {
			if n == 1 {
				least++
			}
		}
		if _, there := left["050001"]; len(left) != store.MaxFailedProofs || least != 2 || there {
			t.Errorf("%d left, %d of those that count least, the expired one %t", len(left), least, there)
		}
	})
}
