package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// crowd puts in more people than are few, past the store's own way, which would
// take a while. Every hundredth is disabled, every tenth of a small provider.
func crowd(t *testing.T, s *store.Store, n int) {
	t.Helper()
	var users []models.User
	var identities []models.Identity
	for i := range n {
		u := models.User{
			ID: fmt.Sprintf("%032x", i), Name: fmt.Sprintf("Ada %d", i), Email: fmt.Sprintf("a%d@example.com", i), CreatedAt: hour(i % 97), SeenAt: hour(i % 89),
			SearchKey: fmt.Sprintf("ada %d\na%d@example.com", i, i),
		}
		if i%100 == 0 {
			at := hour(i)
			u.DisabledAt = &at
		}
		if i%3 > 0 {
			u.Role = policy.Viewer
		}
		slot := []string{"okta", "small"}[map[bool]int{true: 1}[i%10 == 0]]
		users, identities = append(users, u), append(identities, models.Identity{ID: u.ID, UserID: u.ID, Slot: slot, Issuer: "i", Subject: u.ID, CreatedAt: hour(0), SignedInAt: hour(0)})
	}
	for _, rows := range []any{users, identities} {
		if err := s.Writer().CreateInBatches(rows, 500).Error; err != nil {
			t.Fatal(err)
		}
	}
}

var crowdFilters = []struct {
	store.PeopleFilter
	chosen func(i int) bool
}{
	{store.PeopleFilter{}, func(int) bool { return true }},
	{store.PeopleFilter{Text: "ADA"}, func(int) bool { return true }},
	{store.PeopleFilter{Text: "a99@"}, func(i int) bool { return i == 99 }},
	{store.PeopleFilter{Text: "nobody"}, func(int) bool { return false }},
	{store.PeopleFilter{Text: "ada", Disabled: true}, func(i int) bool { return i%100 == 0 }},
	{store.PeopleFilter{Text: "ada", Active: true, Role: policy.Viewer}, func(i int) bool { return i%100 > 0 && i%3 > 0 }},
	{store.PeopleFilter{Role: policy.Viewer}, func(i int) bool { return i%3 > 0 }},
	{store.PeopleFilter{Role: policy.Admin}, func(int) bool { return false }},
	{store.PeopleFilter{Slot: "small"}, func(i int) bool { return i%10 == 0 }},
	{store.PeopleFilter{Slot: "okta", Role: policy.Viewer}, func(i int) bool { return i%10 > 0 && i%3 > 0 }},
	{store.PeopleFilter{Slot: "small", Role: policy.Viewer, Text: "5", Disabled: false}, func(i int) bool {
		return i%10 == 0 && i%3 > 0 && strings.Contains(fmt.Sprint(i), "5")
	}},
}

// Whether what a filter chooses is few or many, all of it is listed, once and in
// order, and counted: exactly, or as more than so many.
func TestPeopleOfACrowd(t *testing.T) {
	const n = 6000
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		crowd(t, s, n)
		for _, c := range crowdFilters {
			var want []string
			for i := range n {
				if c.chosen(i) {
					want = append(want, fmt.Sprintf("%032x", i))
				}
			}
			for _, by := range []store.PeopleSort{store.ByName, store.ByCreated, store.BySeen} {
				if got := counted(t, s, c.PeopleFilter, by, int64(len(want))); !slices.Equal(got, want) {
					t.Errorf("%+v by %s: %d people, want %d", c.PeopleFilter, by, len(got), len(want))
				}
			}
		}
	})
}

// counted goes through all pages, and holds what each counts against how many
// there are.
func counted(t *testing.T, s *store.Store, f store.PeopleFilter, by store.PeopleSort, want int64) (ids []string) {
	t.Helper()
	for after := (store.Cursor{}); ; {
		users, next, n, more, err := s.PeopleCounted(t.Context(), f, by, after, 900)
		if err != nil || more && n >= want || !more && n != want {
			t.Fatalf("%+v by %s: %d, and more: %t, want %d (%v)", f, by, n, more, want, err)
		}
		for _, u := range users {
			ids = append(ids, u.ID)
		}
		if after = next; next == (store.Cursor{}) {
			slices.Sort(ids)
			return ids
		}
	}
}

// However few sessions a search looks at, going on finds all of them.
func TestSessionSearchLosesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "bob", "eve", "adam", "zoe", "ada2", "bob2", "eve2", "adam2")
		for text, want := range map[string]int{"ada": 4, "203.0.113": 9, "TEST": 9, "zoe@": 1, "nobody": 0, "": 9} {
			for _, most := range []int{1, 2, 4, 100} {
				got := map[string]bool{}
				n := allSessions(t.Context(), s, text, most, func(one models.Session) { got[one.ID] = true })
				if n != want || len(got) != want {
					t.Errorf("%q by %d: %d sessions, %d of them different, want %d of %d", text, most, n, len(got), want, len(people))
				}
			}
		}
	})
}

func allSessions(ctx context.Context, s *store.Store, text string, most int, each func(models.Session)) (n int) {
	for after := (store.Cursor{}); ; {
		sessions, users, next, err := s.SearchSessions(ctx, text, after, 3, most, noon().Add(time.Hour), day)
		if err != nil {
			return -1
		}
		for _, one := range sessions {
			if users[one.UserID].ID != "" && one.SecretHash == "" {
				n++
				each(one)
			}
		}
		if after = next; next == (store.Cursor{}) {
			return n
		}
	}
}
