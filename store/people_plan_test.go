package store_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// What is counted by the hour is read by its time, and who is named by an index:
// neither reads a table from one end to the other.
func TestHoursAndNamesHaveIndexes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		manyEvents(t, s, 5000)
		crowd(t, s, 5000)
		if err := s.Writer().Exec("ANALYZE").Error; err != nil {
			t.Fatal(err)
		}
		whole := regexp.MustCompile(`Seq Scan on (events|users)|SCAN (events|users)(\n|$)`)
		for index, asks := range map[string]func(*store.Store) error{
			"idx_events_time": func(s *store.Store) error { _, err := s.Hours(t.Context(), noon().AddDate(0, 0, 1)); return err },
			"idx_users_name":  func(s *store.Store) error { _, err := s.FindUsers(t.Context(), "Ada 7"); return err },
			"idx_users_email": func(s *store.Store) error { _, err := s.FindUsers(t.Context(), "A7@example.com"); return err },
		} {
			for _, query := range s.Asked(t, asks) {
				if plan := explain(t, s, query); !strings.Contains(plan, index) || whole.MatchString(plan) {
					t.Errorf("%s:\n%s\n%s", index, query, plan)
				}
			}
		}
	})
}

// An event that stands for several counts as so many, and nobody writes a count
// into their name.
func TestHoursCount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for i, e := range []models.Event{
			{Event: "signin.finish", Outcome: "ok"},
			{Event: "signin.finish", Outcome: "refused", Count: 12},
			{Event: "dagster.read", Outcome: "refused", Actor: models.Actor{Name: `","count":99,"`}},
			{Event: "signin.finish", Outcome: "failed"},
		} {
			e.Time = hour(2 + i/3)
			if err := s.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Hours(t.Context(), hour(1))
		if err != nil || len(got) != 1 || got[0] != (store.Hour{Hour: 1, SignIns: 1, Refusals: 13}) {
			t.Errorf("%+v (%v)", got, err)
		}
	})
}
