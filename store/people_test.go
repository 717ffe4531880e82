package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// noon is the time at which tests begin, with the microseconds that both
// databases keep.
func noon() time.Time { return time.Date(2026, 3, 29, 12, 0, 0, 123456000, time.UTC) }

const day = 24 * time.Hour

func said() models.Event { return models.Event{Event: "test.change", Outcome: models.OutcomeOK} }

// change makes a change that must work.
func change(t *testing.T, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := tryChange(t.Context(), s, fn); err != nil {
		t.Fatal(err)
	}
}

func tryChange(ctx context.Context, s *store.Store, fn func(tx *store.Tx) error) error {
	return s.Change(ctx, func(tx *store.Tx) (models.Event, error) { return said(), fn(tx) })
}

// person is somebody who has signed in once.
type person struct {
	user     *models.User
	identity *models.Identity
	session  *models.Session
}

func newPerson(subject string, now time.Time) person {
	u := models.NewUser(subject, subject+"@example.com", now)
	i := models.NewIdentity(u.ID, "okta", "https://idp.example.com", subject, now)
	i.SignedInAt = now
	i.Claims = models.Claims{Email: subject + "@example.com", EmailVerified: true, Groups: []string{"data, eng", "ops"}}
	s, _ := models.NewSession(u.ID, i.ID, i.Slot, now, day)
	s.SeenFrom("203.0.113.7", "test")
	return person{u, i, s}
}

func (p person) insert(tx *store.Tx) error {
	p.user.SeenAt = p.session.LastSeenAt // as the store notes it
	if err := tx.InsertUser(p.user); err != nil {
		return err
	}
	if err := tx.SaveIdentity(p.identity); err != nil {
		return err
	}
	return tx.InsertSession(p.session)
}

// signedIn puts people into the store.
func signedIn(t *testing.T, s *store.Store, subjects ...string) (people []person) {
	t.Helper()
	change(t, s, func(tx *store.Tx) error {
		people = nil
		for i, subject := range subjects {
			p := newPerson(subject, noon().Add(time.Duration(i)*time.Minute))
			people = append(people, p)
			if err := p.insert(tx); err != nil {
				return err
			}
		}
		return nil
	})
	return people
}

// count counts the rows of a table.
func count(t *testing.T, s *store.Store, table string) (n int64) {
	t.Helper()
	if err := s.Reader().Table(table).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// unbroken reads the whole chain, in pieces, and checks it link by link.
func unbroken(t *testing.T, s *store.Store) (links []models.Link) {
	t.Helper()
	var last models.Link
	for {
		piece, err := s.Links(t.Context(), last.Seq, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range piece {
			if !l.Follows(last) {
				t.Fatalf("link %d does not follow link %d", l.Seq, last.Seq)
			}
			last = l
		}
		if links = append(links, piece...); len(piece) < 7 {
			return links
		}
	}
}
