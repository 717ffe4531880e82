package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

func TestChangeCommitsWithItsEvent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var heard []models.Event
		s.OnEvent = func(e models.Event) {
			if n := count(t, s, "events"); n != 1 {
				t.Errorf("told with %d events committed, want 1", n)
			}
			heard = append(heard, e)
		}
		signedIn(t, s, "ada")
		links := unbroken(t, s)
		if len(links) != 1 || count(t, s, "users") != 1 {
			t.Fatalf("%d events, %d users, want 1 and 1", len(links), count(t, s, "users"))
		}
		var kept models.Event
		if err := json.Unmarshal([]byte(links[0].Body), &kept); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]models.Event{kept}, heard); diff != "" {
			t.Errorf("kept (-) and told (+) differ:\n%s", diff)
		}
		if kept.ID == "" || time.Since(kept.Time).Abs() > time.Minute || !strings.Contains(links[0].Body, `Z"`) {
			t.Errorf("id %q, time %s: want both set, in UTC", kept.ID, kept.Time)
		}
	})
}

// What is copied out of the body is what the body says.
func TestEventIsFoundByItsColumns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := models.Event{
			ID: "e1", Time: noon().In(time.FixedZone("east", 9*3600)), Event: "signin.finish", Outcome: models.OutcomeRefused,
			Actor: models.Actor{ID: "u1", Kind: "user"}, RequestID: "r1",
		}
		if err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		var found int64
		err := s.Reader().Table("events").
			Where("time = ? AND event = ? AND outcome = ?", noon().Truncate(time.Millisecond), "signin.finish", "refused").
			Where("actor_id = ? AND request_id = ?", "u1", "r1").Count(&found).Error
		if found != 1 || err != nil {
			t.Errorf("found %d (%v), want 1", found, err)
		}
		if body := unbroken(t, s)[0].Body; !strings.Contains(body, `"time":"2026-03-29T12:00:00.123Z"`) {
			t.Errorf("%s: want the time in UTC, to the millisecond", body)
		}
	})
}

var errOurs = errors.New("no")

func TestChangeLeavesNothingWhen(t *testing.T) {
	cases := map[string]func(tx *store.Tx) (models.Event, error){
		"it errs":               func(*store.Tx) (models.Event, error) { return said(), errOurs },
		"its event has no name": func(*store.Tx) (models.Event, error) { return models.Event{Outcome: "ok"}, nil },
		"it names nobody's user": func(tx *store.Tx) (models.Event, error) {
			return said(), tx.InsertSession(newPerson("x", noon()).session)
		},
		"it saves nobody":         func(tx *store.Tx) (models.Event, error) { return said(), tx.SaveUser(&models.User{ID: "nobody"}) },
		"it saves without an id":  func(tx *store.Tx) (models.Event, error) { return said(), tx.SaveUser(&models.User{}) },
		"it asks for nobody":      func(tx *store.Tx) (models.Event, error) { _, err := tx.User("nobody"); return said(), err },
		"it asks without an id":   func(tx *store.Tx) (models.Event, error) { _, err := tx.User(""); return said(), err },
		"it asks for no identity": func(tx *store.Tx) (models.Event, error) { _, err := tx.Identity("", ""); return said(), err },
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		signedIn(t, s, "ada")
		s.OnEvent = func(e models.Event) { t.Errorf("told of %+v", e) }
		for name, fn := range cases {
			t.Run(name, func(t *testing.T) { mustLeaveNothing(t, s, fn) })
		}
	})
}

// mustLeaveNothing tries a change that does something first, on a store with
// one user and one event.
func mustLeaveNothing(t *testing.T, s *store.Store, fn func(tx *store.Tx) (models.Event, error)) {
	err := s.Change(t.Context(), func(tx *store.Tx) (models.Event, error) {
		if err := newPerson("grace", noon()).insert(tx); err != nil {
			t.Fatal(err)
		}
		return fn(tx)
	})
	if err == nil {
		t.Error("no error")
	}
	if users, events := count(t, s, "users"), len(unbroken(t, s)); users != 1 || events != 1 {
		t.Errorf("%d users and %d events, want 1 and 1", users, events)
	}
}

func TestPanicRollsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			s.Change(t.Context(), func(tx *store.Tx) (models.Event, error) {
				if err := newPerson("ada", noon()).insert(tx); err != nil {
					t.Fatal(err)
				}
				panic("in the middle")
			})
		}()
		if n := count(t, s, "users"); n != 0 {
			t.Errorf("%d users, want none", n)
		}
		signedIn(t, s, "grace") // the connection is free again
	})
}

func TestRefusalIsRecordedAlthoughTheRefusedHasHungUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Record(gone, models.Event{Event: "signin.finish", Outcome: models.OutcomeRefused}); err != nil {
			t.Error(err)
		}
		if err := s.Record(t.Context(), models.Event{}); err == nil {
			t.Error("an event without a name was recorded")
		}
		if err := tryChange(gone, s, newPerson("ada", noon()).insert); err == nil {
			t.Error("a change was made for somebody who has hung up")
		}
		if events := len(unbroken(t, s)); events != 1 {
			t.Errorf("%d events, want 1", events)
		}
	})
}

// Several events are one change: all of them stand behind each other in the
// chain, in their order, or none is there.
func TestEventsAreRecordedTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const many = 1203 // more than one statement takes
		var heard []string
		s.OnEvent = func(e models.Event) { heard = append(heard, e.Operation) }
		events := make([]models.Event, many)
		for i := range events {
			events[i] = models.Event{Event: "dagster.mutation", Operation: strconv.Itoa(i)}
		}
		if err := s.Record(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		links := unbroken(t, s)
		if len(links) != many || len(heard) != many || heard[many-1] != "1202" || !strings.Contains(links[700].Body, `"operation":"700"`) {
			t.Fatalf("%d links, told of %d", len(links), len(heard))
		}
		if err := s.Record(t.Context(), append(events[:700:700], models.Event{})...); err == nil {
			t.Error("an event without a name was recorded among others")
		}
		if err := s.Record(t.Context()); err != nil || len(unbroken(t, s)) != many || len(heard) != many {
			t.Errorf("%v: %d events, told of %d, want %d", err, len(unbroken(t, s)), len(heard), many)
		}
	})
}

// What the database refuses of several events leaves none of the others.
func TestEventsThatCollideLeaveNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		signedIn(t, s, "ada")
		if err := s.Writer().Exec("INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id) VALUES (602, '', '', '{}', ?, '', '', '', '')", noon()).Error; err != nil {
			t.Fatal(err)
		}
		events := make([]models.Event, 700)
		for i := range events {
			events[i] = said()
		}
		if err := s.Record(t.Context(), events...); err == nil {
			t.Error("no error")
		}
		if n := count(t, s, "events"); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
	})
}

// Two replicas append at once, each with several writers.
func TestChainHoldsUnderConcurrentWriters(t *testing.T) {
	const writers, each = 8, 12
	storetest.EachURL(t, func(t *testing.T, url string) {
		replicas := []*store.Store{storetest.Migrated(t, url), storetest.Migrated(t, url)}
		var runs atomic.Int32
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for range each {
					if err := tryChange(t.Context(), replicas[w%2], func(*store.Tx) error { runs.Add(1); return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if runs.Load() != writers*each {
			t.Errorf("%d runs for %d changes: they must queue for the end of the chain, not fight for it", runs.Load(), writers*each)
		}
		if got := len(unbroken(t, replicas[0])); got != writers*each {
			t.Errorf("%d links, want %d", got, writers*each)
		}
	})
}

// rendezvous gives each of n parties a function that waits, when it is called
// first, until all have called theirs. On SQLite it does not wait: there, no
// change begins before the last one is done.
func rendezvous(s *store.Store, n int) (parties []func()) {
	var all sync.WaitGroup
	all.Add(n)
	for range n {
		parties = append(parties, sync.OnceFunc(func() {
			if all.Done(); s.Dialect() == "postgres" {
				all.Wait()
			}
		}))
	}
	return parties
}

// Somebody new signs in through two replicas at once: both look and find
// nobody, both try to make the account, one does, the other finds it then.
func TestSameNewPersonTwiceAtOnceIsOneUser(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		replicas := []*store.Store{storetest.Migrated(t, url), storetest.Migrated(t, url)}
		var wg sync.WaitGroup
		for i, looked := range rendezvous(replicas[0], 2) {
			wg.Go(func() {
				if err := tryChange(t.Context(), replicas[i], func(tx *store.Tx) error { return findOrMake(tx, looked) }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for table, want := range map[string]int64{"users": 1, "identities": 1, "sessions": 2, "events": 2} {
			if got := count(t, replicas[0], table); got != want {
				t.Errorf("%d %s, want %d", got, table, want)
			}
		}
	})
}

// findOrMake signs ada in.
func findOrMake(tx *store.Tx, looked func()) error {
	p := newPerson("ada", noon())
	found, err := tx.Identity(p.identity.Issuer, p.identity.Subject)
	looked()
	if errors.Is(err, models.ErrNotFound) {
		return p.insert(tx)
	}
	p.session.UserID, p.session.IdentityID = found.UserID, found.ID
	return errors.Join(err, tx.InsertSession(p.session))
}

// Two changes that lock the same rows in opposite order are a deadlock on
// PostgreSQL. It undoes one of them, and that one runs again.
func TestDeadlockIsTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		a, b := people[0].user.ID, people[1].user.ID
		orders := [][]string{{a, b}, {b, a}}
		var runs atomic.Int32
		var wg sync.WaitGroup
		for i, locked := range rendezvous(s, 2) {
			wg.Go(func() {
				err := tryChange(t.Context(), s, func(tx *store.Tx) error {
					runs.Add(1)
					_, first := tx.User(orders[i][0])
					locked()
					_, second := tx.User(orders[i][1])
					return errors.Join(first, second)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if least := map[string]int32{"sqlite": 2, "postgres": 3}[s.Dialect()]; runs.Load() < least {
			t.Errorf("%d runs, want %d at least", runs.Load(), least)
		}
	})
}

func TestChangeGivesUpInTheEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		signedIn(t, s, "ada")
		runs := 0
		err := tryChange(t.Context(), s, func(tx *store.Tx) error {
			runs++
			return newPerson("ada", noon()).insert(tx)
		})
		if !errors.Is(err, models.ErrConflict) || runs != 5 {
			t.Errorf("%v after %d runs, want %v after 5", err, runs, models.ErrConflict)
		}
		if n := count(t, s, "users"); n != 1 {
			t.Errorf("%d users, want 1", n)
		}
	})
}
