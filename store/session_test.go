package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

func TestSessionsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		ada := people[0]
		second, _ := models.NewSession(ada.user.ID, ada.identity.ID, "okta", noon().Add(time.Hour), day)
		change(t, s, func(tx *store.Tx) error { return tx.InsertSession(second) })
		if got := sessionsOf(t, s, ada); !cmp.Equal(got, []string{second.ID, ada.session.ID}) {
			t.Errorf("sessions %v, want the newest first", got)
		}
		for _, step := range []struct {
			end  func(tx *store.Tx) (int64, error)
			n    int64
			left int
		}{
			{func(tx *store.Tx) (int64, error) { return tx.DeleteSession("nobody") }, 0, 2},
			{func(tx *store.Tx) (int64, error) { return tx.DeleteSession("") }, 0, 2},
			{func(tx *store.Tx) (int64, error) { return tx.DeleteSessionsOf("") }, 0, 2},
			{func(tx *store.Tx) (int64, error) { return tx.DeleteSession(second.ID) }, 1, 1},
			{func(tx *store.Tx) (int64, error) { return tx.DeleteSession(second.ID) }, 0, 1},
			{func(tx *store.Tx) (int64, error) { return tx.DeleteSessionsOf(ada.user.ID) }, 1, 0},
		} {
			change(t, s, func(tx *store.Tx) error {
				n, err := step.end(tx)
				if n != step.n {
					t.Errorf("%d ended, want %d", n, step.n)
				}
				return err
			})
			if got := sessionsOf(t, s, ada); len(got) != step.left {
				t.Errorf("%d left, want %d", len(got), step.left)
			}
		}
		if got := sessionsOf(t, s, people[1]); len(got) != 1 {
			t.Errorf("somebody else's session ended too: %v", got)
		}
	})
}

// The others end, one's own stays; and one ends only for whose it is.
func TestSessionsEndOneByOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		ada := people[0]
		var more []*models.Session
		for i := range 3 {
			session, _ := models.NewSession(ada.user.ID, ada.identity.ID, "okta", noon().Add(time.Duration(i)*time.Hour), day)
			more = append(more, session)
			change(t, s, func(tx *store.Tx) error { return tx.InsertSession(session) })
		}
		change(t, s, func(tx *store.Tx) error { return tx.DeleteSessionOf(ada.user.ID, more[0].ID) })
		for _, want := range []int64{2, 0} {
			change(t, s, func(tx *store.Tx) error {
				n, err := tx.DeleteOtherSessionsOf(ada.user.ID, more[1].ID)
				if n != want {
					t.Errorf("%d ended, want %d", n, want)
				}
				return err
			})
		}
		if got := sessionsOf(t, s, ada); !cmp.Equal(got, []string{more[1].ID}) {
			t.Errorf("%v left", got)
		}
		if got := sessionsOf(t, s, people[1]); len(got) != 1 {
			t.Errorf("somebody else has %v", got)
		}
	})
}

func TestProveSession(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		change(t, s, func(tx *store.Tx) error { return tx.ProveSession(people[0].session.ID, noon()) })
		want := *people[0].session
		want.ProvenAt = new(noon())
		got, _, _, err := s.Session(t.Context(), want.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if other, _, _, err := s.Session(t.Context(), people[1].session.ID); other.ProvenAt != nil || err != nil {
			t.Errorf("somebody else proved it too: %v %v", other.ProvenAt, err)
		}
	})
}

// Open are the sessions that are alive, whosever they are.
func TestOpenSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace") // a minute apart, for a day each
		ada, grace := people[0].session.ID, people[1].session.ID
		for _, tt := range []struct {
			at, idle time.Duration
			want     []string
		}{
			{time.Hour, day, []string{grace, ada}}, {day, 2 * day, []string{grace}}, {day + time.Minute, 2 * day, nil}, {time.Hour, time.Hour, []string{grace}},
		} {
			sessions, err := s.OpenSessions(t.Context(), noon().Add(tt.at), tt.idle)
			var got []string
			for _, session := range sessions {
				got = append(got, session.ID)
			}
			if !cmp.Equal(got, tt.want) || err != nil {
				t.Errorf("%s after noon, idle %s: %v (%v)", tt.at, tt.idle, got, err)
			}
		}
	})
}

// What was not finished in time goes, and what still may be stays.
func TestSweepTakesWhatWasNotFinished(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, _ := equipped(t, s, "ada") // a link for an hour, a half sign-in for ten minutes
		for _, step := range []struct {
			at             time.Duration
			links, pending int64
		}{
			{models.PendingFor - time.Microsecond, 1, 1}, {models.PendingFor, 1, 0}, {time.Hour - time.Microsecond, 1, 0}, {time.Hour, 0, 0},
		} {
			if _, err := s.Sweep(t.Context(), noon().Add(step.at), day); err != nil {
				t.Fatal(err)
			}
			if links, pending := count(t, s, "one_time_links"), count(t, s, "pending_sign_ins"); links != step.links || pending != step.pending {
				t.Errorf("%s after noon: %d links, %d half sign-ins", step.at, links, pending)
			}
		}
		if _, err := s.User(t.Context(), people[0].user.ID); err != nil || count(t, s, "credentials")+count(t, s, "factors")+count(t, s, "recovery_codes") != 3 {
			t.Errorf("something else was swept: %v", err)
		}
	})
}

func sessionsOf(t *testing.T, s *store.Store, p person) (ids []string) {
	t.Helper()
	sessions, err := s.SessionsOf(t.Context(), p.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, session := range sessions {
		ids = append(ids, session.ID)
	}
	return ids
}

func TestTouchMovesForwardOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		for _, step := range []struct{ at, want time.Duration }{{time.Minute, time.Minute}, {30 * time.Second, time.Minute}, {2 * time.Minute, 2 * time.Minute}} {
			if err := s.TouchSession(t.Context(), people[0].session.ID, noon().Add(step.at)); err != nil {
				t.Fatal(err)
			}
			session, _, _, err := s.Session(t.Context(), people[0].session.ID)
			if !session.LastSeenAt.Equal(noon().Add(step.want)) || err != nil {
				t.Errorf("last seen %s (%v), want %s after noon", session.LastSeenAt, err, step.want)
			}
		}
		other, _, _, err := s.Session(t.Context(), people[1].session.ID)
		if !other.LastSeenAt.Equal(people[1].session.LastSeenAt) || err != nil {
			t.Errorf("somebody else was touched: %s (%v)", other.LastSeenAt, err)
		}
		for _, gone := range []string{"nobody", ""} {
			if err := s.TouchSession(t.Context(), gone, noon()); err != nil {
				t.Errorf("touching %q: %v", gone, err)
			}
		}
	})
}

// Of many callbacks with one state, through two replicas, exactly one wins.
func TestStateIsSpentOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		replicas := []*store.Store{storetest.Migrated(t, url), storetest.Migrated(t, url)}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				switch err := replicas[i%2].SpendState(t.Context(), "state", noon()); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, models.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won, want 1", won.Load())
		}
		if err := replicas[0].SpendState(t.Context(), "another", noon()); err != nil {
			t.Errorf("another state: %v", err)
		}
	})
}

func TestSweepTakesWhatHasExpiredAndNothingElse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := signedIn(t, s, "ada")[0]
		now, idle := noon().Add(time.Hour), 10*time.Minute
		keep := map[string]bool{}
		change(t, s, func(tx *store.Tx) error {
			if _, err := tx.DeleteSession(p.session.ID); err != nil {
				return err
			}
			for name, c := range map[string]struct {
				seen, expires time.Duration
				keep          bool
			}{
				"alive":        {-time.Minute, time.Minute, true},
				"just alive":   {-idle + time.Microsecond, time.Microsecond, true},
				"expired":      {-time.Minute, 0, false},
				"idle":         {-idle, time.Minute, false},
				"idle, long":   {-day, day, false},
				"both, of old": {-day, -day, false},
			} {
				session, _ := models.NewSession(p.user.ID, p.identity.ID, "okta", noon(), 0)
				session.ID, session.LastSeenAt, session.ExpiresAt = name, now.Add(c.seen), now.Add(c.expires)
				keep[name] = c.keep
				if got := session.Alive(now, idle); got != c.keep {
					t.Errorf("%s: alive %t, so the test is wrong", name, got)
				}
				if err := tx.InsertSession(session); err != nil {
					return err
				}
			}
			return errors.Join(insertKey(tx, "good key", now.Add(time.Microsecond)), insertKey(tx, "old key", now))
		})
		for hash, until := range map[string]time.Time{"fresh": now.Add(time.Microsecond), "stale": now} {
			if err := s.SpendState(t.Context(), hash, until); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Sweep(t.Context(), now, idle); n != 6 || err != nil {
			t.Errorf("swept %d (%v), want 6", n, err)
		}
		for id, want := range keep {
			if _, _, _, err := s.Session(t.Context(), id); (err == nil) != want {
				t.Errorf("session %q kept %t, want %t", id, err == nil, want)
			}
		}
		if err := s.SpendState(t.Context(), "fresh", now); !errors.Is(err, models.ErrConflict) {
			t.Errorf("a state that is still good can be spent again: %v", err)
		}
		if keys, err := s.SigningKeys(t.Context()); len(keys) != 1 || keys[0].ID != "good key" || err != nil {
			t.Errorf("keys %+v (%v), want the good one", keys, err)
		}
	})
}

func TestSweepGoesOnAfterAFullBatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for i := range 2*store.SweepBatch + 1 {
			if err := s.SpendState(t.Context(), fmt.Sprint(i), noon()); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Sweep(t.Context(), noon(), day); n != 2*store.SweepBatch+1 || err != nil {
			t.Errorf("swept %d (%v)", n, err)
		}
	})
}

// On PostgreSQL a sweep does not wait for, and does not take, what somebody is
// changing. On SQLite one transaction writes at a time.
func TestSweepLeavesAloneWhatIsBeingChanged(t *testing.T) {
	s := storetest.Migrated(t, pgtest.URL(t))
	people := signedIn(t, s, "ada", "grace")
	tx := s.Writer().Begin()
	defer tx.Rollback()
	if err := tx.Exec("UPDATE sessions SET last_seen_at = ? WHERE id = ?", noon().Add(day), people[0].session.ID).Error; err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), noon().Add(time.Hour), time.Minute); n != 1 || err != nil {
		t.Errorf("swept %d (%v), want the one that nobody is changing", n, err)
	}
}

func TestCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		signedIn(t, s, "ada", "grace") // a minute apart, for a day each
		for at, want := range map[time.Duration]store.Counts{
			0: {2, 2}, day: {2, 1}, day + time.Minute: {2, 0},
		} {
			if got, err := s.Counts(t.Context(), noon().Add(at)); got != want || err != nil {
				t.Errorf("%s after noon: %+v (%v), want %+v", at, got, err, want)
			}
		}
	})
}

func insertKey(tx *store.Tx, id string, until time.Time) error {
	return tx.InsertSigningKey(&models.SigningKey{ID: id, Sealed: "sealed", CreatedAt: noon(), SignsFrom: until.Add(-day), SignsUntil: until, VerifiesUntil: until})
}

func TestSigningKeysInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		change(t, s, func(tx *store.Tx) error {
			return errors.Join(insertKey(tx, "third", noon().Add(3*day)), insertKey(tx, "first", noon()), insertKey(tx, "second", noon().Add(day)))
		})
		keys, err := s.SigningKeys(t.Context())
		var ids []string
		for _, k := range keys {
			ids = append(ids, k.ID)
		}
		if diff := cmp.Diff([]string{"first", "second", "third"}, ids); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if want := (models.SigningKey{ID: "first", Sealed: "sealed", CreatedAt: noon(), SignsFrom: noon().Add(-day), SignsUntil: noon(), VerifiesUntil: noon()}); keys[0] != want {
			t.Errorf("got %+v, want %+v", keys[0], want)
		}
	})
}

// Many replicas find at once that a key is due; one makes it.
func TestOneReplicaMakesTheKey(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		replicas := []*store.Store{storetest.Migrated(t, url), storetest.Migrated(t, url)}
		errNotDue := errors.New("there is one")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				err := tryChange(t.Context(), replicas[i%2], func(tx *store.Tx) error {
					if err := tx.LockSigningKeys(); err != nil {
						return err
					}
					if keys, err := tx.SigningKeys(); err != nil || len(keys) > 0 {
						return errors.Join(err, errNotDue)
					}
					return insertKey(tx, models.NewID(), noon())
				})
				if err != nil && !errors.Is(err, errNotDue) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if keys, err := replicas[0].SigningKeys(t.Context()); len(keys) != 1 || err != nil {
			t.Errorf("%d keys (%v), want 1", len(keys), err)
		}
	})
}
