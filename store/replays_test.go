package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// Of many who begin the same at once, one does it; the others are told what is
// kept of it, until its time is over.
func TestReplayBeginsOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := signedIn(t, s, "ada")[0].user
		r := models.Replay{UserID: user.ID, KeyHash: "k", Request: "one", ExpiresAt: noon().Add(time.Hour)}
		var began atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, ok, err := s.BeginReplay(t.Context(), r, noon())
				if ok {
					began.Add(1)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if began.Load() != 1 {
			t.Errorf("%d began", began.Load())
		}
		if err := s.FinishReplay(t.Context(), models.Replay{UserID: user.ID, KeyHash: "k", Status: 200, Answer: "sealed"}); err != nil {
			t.Error(err)
		}
		again := r
		again.Request = "another"
		for _, step := range []struct {
			at     time.Time
			began  bool
			status int64
		}{{noon(), false, 200}, {noon().Add(time.Hour), true, 0}} {
			if kept, ok, err := s.BeginReplay(t.Context(), again, step.at); ok != step.began || kept.Status != step.status || err != nil {
				t.Errorf("at %v: %+v %t %v", step.at, kept, ok, err)
			}
		}
		if _, err := s.Sweep(t.Context(), noon().Add(time.Hour), day); count(t, s, "replays") != 0 || err != nil {
			t.Errorf("a sweep leaves it (%v)", err)
		}
	})
}

// What came to nothing may be tried again; what was answered is not forgotten by
// that.
func TestReplayIsDropped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := signedIn(t, s, "ada")[0].user
		r := models.Replay{UserID: user.ID, KeyHash: "k", ExpiresAt: noon().Add(time.Hour)}
		begins := func(want bool) {
			t.Helper()
			if _, began, err := s.BeginReplay(t.Context(), r, noon()); began != want || err != nil {
				t.Errorf("%t %v, want %t", began, err, want)
			}
		}
		begins(true)
		begins(false)
		if err := s.DropReplay(t.Context(), r); err != nil {
			t.Error(err)
		}
		begins(true)
		r.Status = 204
		if err := errors.Join(s.FinishReplay(t.Context(), r), s.DropReplay(t.Context(), r)); err != nil {
			t.Error(err)
		}
		begins(false)
	})
}

// A token goes with its session, whatever ends that, and with its person.
func TestAPITokenGoesWithItsSession(t *testing.T) {
	for name, end := range map[string]func(tx *store.Tx, of *models.Session) error{
		"signed out": func(tx *store.Tx, of *models.Session) error { _, err := tx.DeleteSession(of.ID); return err },
		"all ended":  func(tx *store.Tx, of *models.Session) error { _, err := tx.DeleteSessionsOf(of.UserID); return err },
		"deleted":    func(tx *store.Tx, of *models.Session) error { return tx.DeleteUser(of.UserID) },
		"revoked":    func(*store.Tx, *models.Session) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				p := signedIn(t, s, "ada")[0]
				user, session := p.user, p.session
				token, _ := models.NewAPIToken(&models.Principal{User: *user, SessionID: session.ID}, "ci", noon(), noon().Add(time.Hour))
				change(t, s, func(tx *store.Tx) error { return tx.InsertAPIToken(token) })
				if all, err := s.APITokensOf(t.Context(), user.ID, noon()); len(all) != 1 || all[0].Name != "ci" || err != nil {
					t.Errorf("%+v %v", all, err)
				}
				if all, err := s.APITokensOf(t.Context(), user.ID, noon().Add(time.Hour)); len(all) != 0 || err != nil {
					t.Errorf("expired: %+v %v", all, err)
				}
				change(t, s, func(tx *store.Tx) error { return end(tx, session) })
				if name == "revoked" {
					change(t, s, func(tx *store.Tx) error { return tx.DeleteAPITokenOf(user.ID, token.ID) })
				}
				if _, err := s.APIToken(t.Context(), token.ID); !errors.Is(err, models.ErrNotFound) {
					t.Errorf("it is there still: %v", err)
				}
			})
		})
	}
}
