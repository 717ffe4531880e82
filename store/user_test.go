package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

func TestPeopleComeBackAsTheyWent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, want := range signedIn(t, s, "ada", "grace") {
			session, user, identity, err := s.Session(t.Context(), want.session.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, person{&user, &identity, &session}, cmp.AllowUnexported(person{})); diff != "" {
				t.Errorf("went (-) and came (+) differ:\n%s", diff)
			}
		}
	})
}

func TestAbsentIsNotFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		signedIn(t, s, "ada")
		for _, id := range []string{"", "nobody", "%", "' OR 1=1 --"} {
			if _, _, _, err := s.Session(t.Context(), id); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("session %q: %v", id, err)
			}
			if _, err := s.User(t.Context(), id); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("user %q: %v", id, err)
			}
			if sessions, err := s.SessionsOf(t.Context(), id); len(sessions) != 0 || err != nil {
				t.Errorf("sessions of %q: %d, %v", id, len(sessions), err)
			}
			if identities, err := s.IdentitiesOf(t.Context(), id); len(identities) != 0 || err != nil {
				t.Errorf("identities of %q: %d, %v", id, len(identities), err)
			}
			if users, err := s.FindUsers(t.Context(), id); len(users) != 0 || err != nil {
				t.Errorf("users %q: %d, %v", id, len(users), err)
			}
		}
	})
}

func TestUsersNewestFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		signedIn(t, s, "ada", "grace", "hedy")
		users, err := s.Users(t.Context())
		if diff := cmp.Diff([]string{"hedy", "grace", "ada"}, labels(users)); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	})
}

func TestListIsBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		change(t, s, func(tx *store.Tx) error {
			for i := range 1001 {
				if err := tx.InsertUser(models.NewUser(fmt.Sprint(i), "", noon())); err != nil {
					return err
				}
			}
			return nil
		})
		if users, err := s.Users(t.Context()); len(users) != 1000 || err != nil {
			t.Errorf("%d users (%v), want 1000", len(users), err)
		}
	})
}

func TestFindUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace", "grace@example.com", "boss@example.com")
		for who, want := range map[string][]string{
			people[0].user.ID:   {"ada"},
			"ada":               {"ada"},
			"Grace@Example.COM": {"grace"},
			"grace@example.com": {"grace"}, // and not whoever calls themself so
			"boss@example.com":  nil,
			"ADA":               nil,
			"%@example.com":     nil,
			"example.com":       nil,
		} {
			users, err := s.FindUsers(t.Context(), who)
			if diff := cmp.Diff(want, labels(users)); diff != "" || err != nil {
				t.Errorf("%s: %v %s", who, err, diff)
			}
		}
	})
}

func labels(users []models.User) (labels []string) {
	for _, u := range users {
		labels = append(labels, u.Label())
	}
	return labels
}

// All fields are saved, also those that become empty again.
func TestSaveUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		at := noon().Add(time.Hour)
		for _, step := range []func(u *models.User){
			func(u *models.User) { u.DisabledAt = &at },
			func(u *models.User) { u.DisabledAt, u.Email, u.Name = nil, "", "Ada L." },
		} {
			var want models.User
			change(t, s, func(tx *store.Tx) (err error) {
				if want, err = tx.User(people[0].user.ID); err != nil {
					return err
				}
				step(&want)
				return tx.SaveUser(&want)
			})
			got, err := s.User(t.Context(), want.ID)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		}
		if other, err := s.User(t.Context(), people[1].user.ID); !cmp.Equal(other, *people[1].user) || err != nil {
			t.Errorf("somebody else was saved too: %+v %v", other, err)
		}
	})
}

func TestSaveIdentityKeepsWhoseItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		ada := *people[0].identity
		ada.UserID, ada.Issuer, ada.Subject = people[1].user.ID, "https://evil.example.com", "grace"
		ada.Slot, ada.Claims, ada.SignedInAt = "entra", models.Claims{Groups: []string{"x"}}, noon().Add(time.Hour)
		change(t, s, func(tx *store.Tx) error { return tx.SaveIdentity(&ada) })
		want := *people[0].identity
		want.Slot, want.Claims, want.SignedInAt = ada.Slot, ada.Claims, ada.SignedInAt
		change(t, s, func(tx *store.Tx) error {
			got, err := tx.Identity(want.Issuer, want.Subject)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			return err
		})
	})
}

func TestIdentitiesOfLastUsedFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ada := signedIn(t, s, "ada", "grace")[0]
		other := models.NewIdentity(ada.user.ID, "github", "https://github.com", "1815", noon())
		other.Claims, other.SignedInAt = models.Claims{Orgs: []string{"acme"}}, noon().Add(time.Hour)
		change(t, s, func(tx *store.Tx) error { return tx.SaveIdentity(other) })
		got, err := s.IdentitiesOf(t.Context(), ada.user.ID)
		if diff := cmp.Diff([]models.Identity{*other, *ada.identity}, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	})
}

// Issuer and subject belong together: neither is anybody alone.
func TestIdentityIsIssuerAndSubject(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ada := signedIn(t, s, "ada")[0]
		for _, c := range []struct{ issuer, subject string }{
			{ada.identity.Issuer, ""}, {"", "ada"}, {"https://other.example.com", "ada"}, {ada.identity.Issuer, "ADA"}, {ada.identity.Issuer, "ada "},
		} {
			err := tryChange(t.Context(), s, func(tx *store.Tx) error { _, err := tx.Identity(c.issuer, c.subject); return err })
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%q at %q: %v, want %v", c.subject, c.issuer, err, models.ErrNotFound)
			}
		}
	})
}

// When somebody was seen only moves forward, and saving them as they were before
// does not take it back.
func TestLastSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		later := noon().Add(time.Hour)
		for _, at := range []time.Time{later, noon()} {
			if err := s.TouchSession(t.Context(), people[0].session.ID, at); err != nil {
				t.Fatal(err)
			}
		}
		stale := *people[0].user
		change(t, s, func(tx *store.Tx) error { return tx.SaveUser(&stale) })
		for i, want := range []time.Time{later, people[1].session.LastSeenAt} {
			if u, err := s.User(t.Context(), people[i].user.ID); !u.SeenAt.Equal(want) || err != nil {
				t.Errorf("%v, want %v, %v", u.SeenAt, want, err)
			}
		}
	})
}
