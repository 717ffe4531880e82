package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// eachWay reads all ways in by pages of so many accounts.
func eachWay(t *testing.T, s *store.Store, accounts int) (all []string) {
	t.Helper()
	var after store.Cursor
	for {
		next, err := s.EachWay(context.Background(), after, accounts, func(u models.User, i models.Identity) {
			if i.UserID != u.ID || i.ID == "" {
				t.Errorf("%+v of %+v", i, u)
			}
			all = append(all, fmt.Sprintf("%s %s %s %v", u.Name, u.Role, i.Slot, i.Claims.Groups))
		})
		if err != nil {
			t.Fatal(err)
		}
		if after = next; after == (store.Cursor{}) {
			return all
		}
	}
}

// Every way in of every active account is read once, in whichever pages.
func TestEachWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var want []string
		for n := range 7 {
			u := models.NewUser(fmt.Sprintf("Same %d", n/3), "", noon())
			u.Role = "viewer"
			if n == 4 {
				u.DisabledAt = &u.CreatedAt
			}
			if err := tryChange(t.Context(), s, func(tx *store.Tx) error { return tx.InsertUser(u) }); err != nil {
				t.Fatal(err)
			}
			for way := range n % 3 { // some have none
				i := models.NewIdentity(u.ID, fmt.Sprintf("slot%d", way), "https://id", fmt.Sprint(n, way), noon())
				i.Claims.Groups = []string{fmt.Sprint("g", n)}
				if err := tryChange(t.Context(), s, func(tx *store.Tx) error { return tx.SaveIdentity(i) }); err != nil {
					t.Fatal(err)
				}
				if u.DisabledAt == nil {
					want = append(want, fmt.Sprintf("%s viewer %s %v", u.Name, i.Slot, i.Claims.Groups))
				}
			}
		}
		for accounts := 1; accounts < 9; accounts++ {
			got := eachWay(t, s, accounts)
			if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(a[:6], b[:6]) }) {
				t.Errorf("%d at once: not by name: %q", accounts, got)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%d at once: %q, want %q", accounts, got, want)
			}
		}
	})
}

func TestCountSessionsBy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		one, other := newPerson("ada", noon()), newPerson("bob", noon())
		for _, p := range []person{one, other} {
			if err := tryChange(t.Context(), s, p.insert); err != nil {
				t.Fatal(err)
			}
		}
		many := make([]string, 1200)
		for i := range many {
			many[i] = models.NewID()
		}
		for name, test := range map[string]struct {
			ids  []string
			at   time.Time
			want int64
		}{
			"nobody's":   {nil, noon(), 0},
			"one's":      {[]string{one.identity.ID}, noon(), 1},
			"of many":    {append(many, one.identity.ID, other.identity.ID), noon(), 2},
			"no longer":  {[]string{one.identity.ID}, noon().Add(1000 * time.Hour), 0},
			"a stranger": {[]string{models.NewID()}, noon(), 0},
		} {
			if got, err := s.CountSessionsBy(t.Context(), test.ids, test.at, time.Hour); got != test.want || err != nil {
				t.Errorf("%s: %d, %v, want %d", name, got, err, test.want)
			}
		}
	})
}
