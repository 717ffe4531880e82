package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// mixed are events of which any two values may occur together, or never do.
func mixed(t *testing.T, s *store.Store) {
	t.Helper()
	var events []models.Event
	for i := range 300 {
		who := models.Actor{ID: fmt.Sprint("u", i%7), Name: fmt.Sprint("u", (i+1)%7)}
		e := models.Event{
			Event: fmt.Sprintf("noun%d.verb%d", i%2, i%5), Outcome: []string{"ok", "allowed", "refused"}[i%3], Actor: who, Time: hour(i),
			RequestID: fmt.Sprint("r", i/20), Reason: []string{"", "wrong"}[i%2], Provider: fmt.Sprint("p", i%4), ClientIP: fmt.Sprint("10.0.0.", i%6),
		}
		if i%3 > 0 {
			e.Target = &models.Target{Kind: "job", ID: fmt.Sprint("t", i%9), Location: fmt.Sprint("l", i%4)}
		}
		if i%11 == 0 {
			e.Permission = "wipe"
		}
		if i > 250 {
			e.RunID = "late"
		}
		events = append(events, e)
	}
	if err := s.Record(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

// pairsOf are filters of one, two, three and all terms.
func pairsOf() (all []models.Filter) {
	one := []func(*models.Filter){
		func(f *models.Filter) { f.Person = "u3" }, func(f *models.Filter) { f.Person = "u99" },
		func(f *models.Filter) { f.Event = "noun1.verb2" }, func(f *models.Filter) { f.Event = "noun1.*" },
		func(f *models.Filter) { f.Outcome = "refused" }, func(f *models.Filter) { f.Target = "t5" }, func(f *models.Filter) { f.Location = "l2" },
		func(f *models.Filter) { f.Run = "late" }, func(f *models.Filter) { f.Request = "r3" }, func(f *models.Filter) { f.Reason = "wrong" },
		func(f *models.Filter) { f.Provider = "p1" }, func(f *models.Filter) { f.Address = "10.0.0.2" },
		func(f *models.Filter) { f.Since = hour(100) }, func(f *models.Filter) { f.Until = hour(200) },
	}
	whole := models.Filter{}
	for i, a := range one {
		for j, b := range one[:i+1] {
			f := models.Filter{}
			a(&f)
			b(&f)
			all = append(all, f)
			if (i+j)%3 == 0 {
				one[(i*j+5)%len(one)](&f)
				all = append(all, f)
			}
		}
		a(&whole)
	}
	return append(all, models.Filter{}, whole)
}

// chosen is the filter in plain words, as a test of it.
func chosen(f models.Filter, e models.Event) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	noun, all := f.Noun()
	named := is(f.Event, e.Event) || all && len(e.Event) > len(noun) && e.Event[:len(noun)+1] == noun+"."
	target := e.DoneTo()
	return named && is(f.Outcome, e.Outcome) && (f.Person == "" || f.Person == e.Actor.ID || f.Person == e.Actor.Name) &&
		is(f.Target, target.ID) && is(f.Location, target.Location) && is(f.Run, e.RunID) && is(f.Request, e.RequestID) &&
		is(f.Reason, e.Reason) && is(f.Provider, e.Provider) && is(f.Address, e.ClientIP) &&
		(f.Since.IsZero() || !e.Time.Before(f.Since)) && (f.Until.IsZero() || e.Time.Before(f.Until))
}

// However few events a search looks at, and however short its pages are, going on
// finds every event that the filter chooses, once and in order, and nothing else.
func TestSearchLosesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mixed(t, s)
		everything, err := s.Records(t.Context(), models.Filter{}, store.Page{Limit: 1000})
		if err != nil || len(everything) != 300 {
			t.Fatalf("%d events (%v)", len(everything), err)
		}
		for _, f := range pairsOf() {
			var want []int64
			for _, r := range everything {
				if chosen(f, r.Event) {
					want = append(want, r.Seq)
				}
			}
			for _, by := range steps {
				if got := searched(t, by, s.SearchFew, f); !slices.Equal(got, want) {
					t.Errorf("%s, by %+v: got %v, want %v", f, by, got, want)
				}
			}
		}
	})
}

// steps are how long pages are, and how many events are looked at for one.
var steps = []step{{3, 1}, {1, 4}, {7, 11}, {50, 40}, {5, 1000}}

type step struct{ limit, many int }

// The same for events of several kinds.
func TestSearchOfKindsLosesNothing(t *testing.T) {
	kinds := []store.Kind{{Event: "noun1.verb3"}, {Event: "noun0.*"}, {Permission: "wipe"}, {Event: "noun1.verb1", Failed: true}}
	of := func(e models.Event) bool {
		return e.Event == "noun1.verb3" || strings.HasPrefix(e.Event, "noun0.") || e.Permission == "wipe" || e.Event == "noun1.verb1" && e.Outcome == "refused"
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mixed(t, s)
		everything := must(s.Records(t.Context(), models.Filter{}, store.Page{Limit: 1000}))
		for _, f := range []models.Filter{{}, {Person: "u3"}, {Person: "u99"}, {Person: "u3", Since: hour(40), Until: hour(90)}, {Since: hour(40)}} {
			var want []int64
			for _, r := range everything {
				if of(r.Event) && chosen(f, r.Event) {
					want = append(want, r.Seq)
				}
			}
			search := func(ctx context.Context, f models.Filter, p store.Page, many int) (store.Found, error) {
				return s.SearchOfFew(ctx, kinds, f, p, many)
			}
			for _, by := range steps {
				if got := searched(t, by, search, f); !slices.Equal(got, want) {
					t.Errorf("%s, by %+v: got %v, want %v", f, by, got, want)
				}
			}
		}
	})
}

// searched goes through all pages of a search.
func searched(t *testing.T, by step, search func(context.Context, models.Filter, store.Page, int) (store.Found, error), f models.Filter) (all []int64) {
	t.Helper()
	limit := by.limit
	for before := int64(0); ; {
		found, err := search(t.Context(), f, store.Page{Before: before, Limit: limit}, by.many)
		if err != nil || len(found.Records) > limit {
			t.Fatalf("%s: %d events (%v)", f, len(found.Records), err)
		}
		if short := found.Next != 0 && len(found.Records) < limit; short == found.Back.IsZero() {
			t.Fatalf("%s: %d events of %d, next %d, and looked back to %s", f, len(found.Records), limit, found.Next, found.Back)
		}
		if all = append(all, seqs(found.Records)...); found.Next == 0 {
			return all
		}
		if before > 0 && found.Next >= before {
			t.Fatalf("%s: the page behind %d is the one before %d", f, before, found.Next)
		}
		before = found.Next
	}
}
