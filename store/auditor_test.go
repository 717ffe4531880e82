package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// judged are events 1 to 8 of a trail, one every hour since noon.
func judged(t *testing.T, s *store.Store) {
	t.Helper()
	ada, eve := models.Actor{ID: "u1", Name: "Ada", Kind: "user"}, models.Actor{ID: "u2", Name: `"reason":"wrong"`, Kind: "user"}
	events := []models.Event{
		{Event: "signin.finish", Outcome: "ok", Actor: ada, ClientIP: "192.0.2.1"},
		{Event: "signin.finish", Outcome: "refused", Reason: "wrong", Provider: "oidc", Actor: eve, ClientIP: "2001:db8::1"},
		{Event: "signin.begin", Outcome: "failed", Reason: "provider_error", ClientIP: "192.0.2.1"},
		{Event: "user.set_role", Outcome: "ok", Actor: ada, Target: &models.Target{Kind: "user", ID: `","reason":"wrong`}},
		{Event: "dagster.mutation", Outcome: "allowed", Actor: eve, Permission: "wipe_assets", Reason: "would_have_refused"},
		{Event: "dagster.mutation", Outcome: "refused", Actor: ada, Permission: "wipe_assets", Reason: "permission_missing"},
		{Event: "dagster.mutation", Outcome: "ok", Actor: ada, Permission: "launch_pipeline_execution", UserAgent: `"permission":"wipe_assets"`},
		{Event: "user.disable", Outcome: "refused", Reason: `wr"ong`, Actor: eve},
	}
	for i := range events {
		events[i].Time = noon().Add(time.Duration(i) * time.Hour)
	}
	if err := s.Record(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

func TestReasonProviderAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		judged(t, s)
		for _, c := range []struct {
			models.Filter
			want []int64
		}{
			{models.Filter{Reason: "wrong"}, []int64{2}}, // and nobody who is called so
			{models.Filter{Reason: "would_have_refused"}, []int64{5}},
			{models.Filter{Reason: "%"}, nil},
			{models.Filter{Address: "192.0.2.1"}, []int64{3, 1}},
			{models.Filter{Address: "2001:db8::1", Reason: "wrong", Outcome: "refused"}, []int64{2}},
			{models.Filter{Address: "192.0.2"}, nil},
			{models.Filter{Provider: "oidc"}, []int64{2}},
			{models.Filter{Person: "Ada", Reason: "permission_missing"}, []int64{6}},
		} {
			if got, err := s.Records(t.Context(), c.Filter, store.Page{Limit: 9}); !slices.Equal(seqs(got), c.want) || err != nil {
				t.Errorf("%s: %v (%v)", c.Filter, seqs(got), err)
			}
		}
	})
}

func TestKinds(t *testing.T) {
	user, wipes, signIns := store.Kind{Event: "user.*"}, store.Kind{Permission: "wipe_assets"}, store.Kind{Event: "signin.finish", Failed: true}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		judged(t, s)
		for name, c := range map[string]struct {
			kinds []store.Kind
			models.Filter
			store.Page
			want []int64
		}{
			"one":              {[]store.Kind{user}, models.Filter{}, store.Page{}, []int64{8, 4}},
			"a permission":     {[]store.Kind{wipes}, models.Filter{}, store.Page{}, []int64{6, 5}},
			"what failed":      {[]store.Kind{signIns}, models.Filter{}, store.Page{}, []int64{2}},
			"all of it":        {[]store.Kind{user, wipes, signIns}, models.Filter{}, store.Page{}, []int64{8, 6, 5, 4, 2}},
			"twice the same":   {[]store.Kind{user, user, {Event: "user.disable"}}, models.Filter{}, store.Page{}, []int64{8, 4}},
			"a page":           {[]store.Kind{user, wipes, signIns}, models.Filter{}, store.Page{Before: 8, Limit: 2}, []int64{6, 5}},
			"the oldest":       {[]store.Kind{user, wipes, signIns}, models.Filter{}, store.Page{After: 2, Limit: 2, Oldest: true}, []int64{4, 5}},
			"of a person":      {[]store.Kind{user, wipes, signIns}, models.Filter{Person: "u1"}, store.Page{}, []int64{6, 4}},
			"of a name":        {[]store.Kind{user, wipes}, models.Filter{Person: "Ada"}, store.Page{}, []int64{6, 4}},
			"of a time":        {[]store.Kind{user, wipes, signIns}, models.Filter{Since: hour(3), Until: hour(5)}, store.Page{}, []int64{5, 4}},
			"its own event":    {[]store.Kind{wipes}, models.Filter{Event: "user.*"}, store.Page{}, []int64{6, 5}},
			"what is not said": {[]store.Kind{{Permission: "read"}}, models.Filter{}, store.Page{}, nil},
		} {
			c.Limit = max(c.Limit, 2)
			if c.Page.Before+c.Page.After == 0 {
				c.Limit = 9
			}
			if got, err := s.RecordsOf(t.Context(), c.kinds, c.Filter, c.Page); !slices.Equal(seqs(got), c.want) || err != nil {
				t.Errorf("%s: %v (%v)", name, seqs(got), err)
			}
		}
	})
}

// A forgotten index is seen: each kind is read by one of its own, and nothing
// reads the table from one end to the other.
func TestKindsHaveIndexes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		manyJudged(t, s, 20_000)
		whole := regexp.MustCompile(`Seq Scan on events|SCAN events(\n|$)`)
		for index, query := range map[string]string{
			"idx_events_refused":    s.KindQuery([]store.Kind{{Event: "noun7.verb7", Failed: true}}, models.Filter{}, store.Page{Limit: 5000}),
			"idx_events_permission": s.KindQuery([]store.Kind{{Permission: "p7"}}, models.Filter{}, store.Page{Limit: 50}),
			"idx_events_noun":       s.KindQuery([]store.Kind{{Event: "noun7.*"}, {Permission: "p7"}}, models.Filter{}, store.Page{Limit: 50}),
			"idx_events_reason":     s.RecordQueries(models.Filter{Reason: "r7"}, store.Page{Limit: 50})[0],
			"idx_events_provider":   s.RecordQueries(models.Filter{Provider: "p7"}, store.Page{Limit: 50})[0],
			"idx_events_client_ip":  s.RecordQueries(models.Filter{Address: "192.0.2.7"}, store.Page{Limit: 50})[0],
		} {
			plan := explain(t, s, query)
			if !strings.Contains(plan, index) || whole.MatchString(plan) {
				t.Errorf("%s:\n%s\n%s", index, query, plan)
			}
		}
	})
}

// manyJudged fills the trail past the chain; one event of seven has failed.
func manyJudged(t *testing.T, s *store.Store, n int) {
	t.Helper()
	numbers, at := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)", "1767225600000000 + i * 60000000"
	if s.Dialect() == "postgres" {
		numbers, at = "WITH n(i) AS (SELECT generate_series(1, ?))", "timestamptz '2026-01-01 00:00:00Z' + i * interval '1 minute'"
	}
	for _, do := range []string{
		`INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id) ` + numbers + `
		SELECT i, '', '', '{"reason":"r' || (i % 1000) || '","client_ip":"192.0.2.' || (i % 1000) || '","provider":"p' || (i % 1000) || '","permission":"p' || (i % 1000) || '"}',
		` + at + `, 'noun' || (i % 997) || '.verb' || (i % 997), CASE WHEN i % 7 = 0 THEN 'refused' ELSE 'ok' END, '', '' FROM n`,
		"UPDATE chain_heads SET seq = ?",
	} {
		if err := s.Writer().Exec(do, n).Error; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Writer().Exec("ANALYZE").Error; err != nil {
		t.Fatal(err)
	}
}

func TestUsersBy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var ids []string
		for i := range 3 {
			p := newPerson(fmt.Sprintf("person%d", i), noon())
			if err := tryChange(t.Context(), s, p.insert); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, p.user.ID)
		}
		got, err := s.UsersBy(t.Context(), []string{ids[0], ids[2], "nobody", ids[0]})
		if err != nil || len(got) != 2 || got[ids[0]].ID != ids[0] || got[ids[2]].ID != ids[2] {
			t.Errorf("%v %v", got, err)
		}
		if none, err := s.UsersBy(t.Context(), nil); len(none) != 0 || err != nil {
			t.Errorf("%v %v", none, err)
		}
		if diff := cmp.Diff(map[string][]models.FactorKind{}, must(s.FactorKinds(t.Context(), ids))); diff != "" {
			t.Error(diff)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
