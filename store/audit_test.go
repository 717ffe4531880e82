package store_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// happened are events 1 to 8 of a trail, one every hour since noon.
func happened(t *testing.T, s *store.Store) {
	t.Helper()
	ada, eve := models.Actor{ID: "u1", Name: "Ada", Kind: "user"}, models.Actor{ID: "u2", Name: "u1", Kind: "user"}
	events := []models.Event{
		{Event: "signin.finish", Outcome: "ok", Actor: ada, RequestID: "r1"},
		{Event: "dagster.mutation", Outcome: "allowed", Actor: ada, RequestID: "r2", Target: &models.Target{Kind: "job", ID: "etl", Location: "prod"}},
		{Event: "dagster.mutation", Outcome: "ok", Actor: ada, RequestID: "r2", RunID: "run1", Target: &models.Target{Kind: "job", ID: "etl", Location: "prod"}},
		{Event: "dagster.read", Outcome: "refused", Actor: eve, RequestID: "r3", Target: &models.Target{Kind: "run", ID: "run1", Location: "Prod"}},
		{Event: "user.disable", Outcome: "ok", Actor: models.Operator, Target: &models.Target{Kind: "user", ID: "u2"}},
		{Event: "signin.finish", Outcome: "refused", Actor: models.Actor{Kind: "anonymous"}, RequestID: "r4"},
		{Event: "dagster", Outcome: "failed", Actor: eve, RequestID: "%"},
		{Event: "dagsterx.mutation", Outcome: "ok", Actor: models.Actor{ID: "u3", Name: "A'; --", Kind: "user"}, RunID: "x\x00y", Target: &models.Target{Kind: "asset", ID: `"\ü%_`, Location: "\x00"}},
	}
	for i := range events {
		events[i].Time = noon().Add(time.Duration(i) * time.Hour)
	}
	if err := s.Record(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

func hour(n int) time.Time {
	return noon().Truncate(time.Millisecond).Add(time.Duration(n) * time.Hour)
}

var filters = []struct {
	models.Filter
	want []int64
}{
	{models.Filter{}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
	{models.Filter{Person: "u1"}, []int64{7, 4, 3, 2, 1}}, // an id, and somebody who is called so
	{models.Filter{Person: "Ada"}, []int64{3, 2, 1}},
	{models.Filter{Person: "ada"}, nil},
	{models.Filter{Person: "operator:cli"}, []int64{5}},
	{models.Filter{Person: "A'; --"}, []int64{8}},
	{models.Filter{Person: "nobody"}, nil},
	{models.Filter{Event: "signin.finish"}, []int64{6, 1}},
	{models.Filter{Event: "dagster.*"}, []int64{4, 3, 2}},
	{models.Filter{Event: "dagster"}, []int64{7}},
	{models.Filter{Event: "dagster.%"}, nil},
	{models.Filter{Event: ".*"}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
	{models.Filter{Outcome: "refused"}, []int64{6, 4}},
	{models.Filter{Target: "etl"}, []int64{3, 2}},
	{models.Filter{Target: "run1"}, []int64{4}},
	{models.Filter{Target: `"\ü%_`}, []int64{8}},
	{models.Filter{Target: "%"}, nil},
	{models.Filter{Location: "prod"}, []int64{3, 2}},
	{models.Filter{Run: "run1"}, []int64{3}},
	{models.Filter{Run: "xy"}, []int64{8}},
	{models.Filter{Request: "r2"}, []int64{3, 2}},
	{models.Filter{Request: "%"}, []int64{7}},
	{models.Filter{Since: hour(6)}, []int64{8, 7}},
	{models.Filter{Until: hour(2)}, []int64{2, 1}},
	{models.Filter{Since: hour(2), Until: hour(4)}, []int64{4, 3}},
	{models.Filter{Since: hour(2).In(time.FixedZone("", -7200)), Until: hour(4)}, []int64{4, 3}},
	{models.Filter{Since: hour(99)}, nil},
	{models.Filter{Until: hour(-99)}, nil},
	{models.Filter{Person: "Ada", Event: "dagster.*", Outcome: "ok", Target: "etl", Location: "prod", Run: "run1", Request: "r2", Since: hour(1), Until: hour(9)}, []int64{3}},
	{models.Filter{Person: "Ada", Outcome: "refused"}, nil},
}

func seqs(records []models.Record) (seqs []int64) {
	for _, r := range records {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

func TestFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		happened(t, s)
		for _, c := range filters {
			got, err := s.Records(t.Context(), c.Filter, store.Page{Limit: 100})
			if diff := cmp.Diff(c.want, seqs(got)); diff != "" || err != nil {
				t.Errorf("%s: %v %s", c.Filter, err, diff)
			}
			slices.Reverse(got)
			oldest, err := s.Records(t.Context(), c.Filter, store.Page{Limit: 100, Oldest: true})
			if diff := cmp.Diff(got, oldest, cmp.Transformer("", func(r []models.Record) []int64 { return append([]int64{}, seqs(r)...) })); diff != "" || err != nil {
				t.Errorf("%s, the oldest first: %v %s", c.Filter, err, diff)
			}
		}
	})
}

// A record is the row, to the byte.
func TestRecordIsWhatTheTrailHas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		happened(t, s)
		links := unbroken(t, s)
		records, err := s.Records(t.Context(), models.Filter{}, store.Page{Limit: 100, Oldest: true})
		if err != nil || len(records) != len(links) {
			t.Fatalf("%d records (%v)", len(records), err)
		}
		for i, r := range records {
			var e models.Event
			if err := json.Unmarshal([]byte(r.Body), &e); err != nil {
				t.Fatal(err)
			}
			if r.Seq != links[i].Seq || r.Hash != links[i].Hash || r.Body != links[i].Body || !cmp.Equal(r.Event, e) {
				t.Errorf("%+v is not %+v", r, links[i])
			}
		}
	})
}

// Pages have every event once, while others append.
func TestPagesWhileOthersAppend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const there = 120
		say := func(n int) error {
			return s.Record(t.Context(), models.Event{Event: "test.say", Outcome: "ok", Actor: models.Actor{ID: "u1", Name: []string{"u1", "Ada"}[n%2]}})
		}
		for i := range there {
			if err := say(i); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range []models.Filter{{}, {Person: "u1"}, {Event: "test.*", Since: time.Now().Add(-time.Hour)}} {
			var others sync.WaitGroup
			others.Go(func() {
				for i := range 40 {
					if err := say(i); err != nil {
						t.Error(err)
					}
				}
			})
			first, err := s.Records(t.Context(), f, store.Page{Limit: 7})
			if err != nil {
				t.Fatal(err)
			}
			for next := first[0].Seq; next > 0; next-- {
				if len(first) == 0 || first[0].Seq != next {
					t.Fatalf("%s: want event %d, got %v", f, next, seqs(first))
				}
				if first = first[1:]; len(first) == 0 {
					if first, err = s.Records(t.Context(), f, store.Page{Before: next, Limit: 7}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if len(first) != 0 {
				t.Errorf("%s: %v is too many", f, seqs(first))
			}
			others.Wait()
		}
	})
}

// An event may be appended later than its time, and a replica's clock be wrong.
func TestTimesThatAreNotInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, at := range []int{0, 30, 60, 37, 90, 71, 120, 98, 121} {
			if err := s.Record(t.Context(), models.Event{Event: "test.say", Time: hour(at)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			since, until int
			want         []int64
		}{{0, 200, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1}}, {37, 61, []int64{4, 3}}, {61, 72, []int64{6}}, {98, 99, []int64{8}}, {0, 31, []int64{2, 1}}, {121, 122, []int64{9}}} {
			got, err := s.Records(t.Context(), models.Filter{Since: hour(c.since), Until: hour(c.until)}, store.Page{Limit: 100})
			if diff := cmp.Diff(c.want, seqs(got)); diff != "" || err != nil {
				t.Errorf("%d to %d: %v %s", c.since, c.until, err, diff)
			}
		}
	})
}

// What was put behind the noted end, or before the beginning, is not shown.
func TestStrangersAreNotShown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		happened(t, s)
		const insert = "INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id) VALUES (?, '', '', '{}', ?, 'test.lie', 'ok', 'u1', 'r2')"
		for _, seq := range []int64{-1, 0, 9, 99} {
			if err := s.Writer().Exec(insert, seq, noon()).Error; err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Writer().Exec("INSERT INTO audit_anchors (id, seq, hash, time, key, signature) VALUES (1, 2, '', ?, '', '')", noon()).Error; err != nil {
			t.Fatal(err)
		}
		for _, f := range []models.Filter{{}, {Person: "u1"}, {Request: "r2"}} {
			got, err := s.Records(t.Context(), f, store.Page{Limit: 100})
			if len(got) == 0 || got[0].Seq > 8 || got[len(got)-1].Seq < 3 || err != nil {
				t.Errorf("%s: %v (%v)", f, seqs(got), err)
			}
		}
	})
}

// What each filter must be found by: the condition is looked up in the index,
// and the order comes out of it.
var indexOf = map[string]struct {
	models.Filter
	index []string
}{
	"none":     {models.Filter{}, nil},
	"person":   {models.Filter{Person: "n77"}, []string{"idx_events_actor_id", "idx_events_actor_name"}},
	"event":    {models.Filter{Event: "noun7.verb7"}, []string{"idx_events_event"}},
	"noun":     {models.Filter{Event: "noun7.*"}, []string{"idx_events_noun"}},
	"outcome":  {models.Filter{Outcome: "o7"}, []string{"idx_events_outcome"}},
	"target":   {models.Filter{Target: "t7"}, []string{"idx_events_target_id"}},
	"location": {models.Filter{Location: "l7"}, []string{"idx_events_location"}},
	"run":      {models.Filter{Run: "run7"}, []string{"idx_events_run_id"}},
	"request":  {models.Filter{Request: "r7"}, []string{"idx_events_request_id"}},
	"since":    {models.Filter{Since: hour(72)}, nil},
	"until":    {models.Filter{Until: hour(72)}, nil},
}

// A forgotten index is seen: no filter reads the table from one end to the
// other, or sorts it.
func TestEveryFilterHasAnIndex(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		manyEvents(t, s, 5000)
		for name, c := range indexOf {
			for _, oldest := range []bool{false, true} {
				for _, query := range s.RecordQueries(c.Filter, store.Page{Limit: 50, Oldest: oldest}) {
					plan := explain(t, s, query)
					if name == "person" { // two pages become one: a hundred rows are sorted, not the table
						plan = strings.ReplaceAll(plan, "TEMP B-TREE", "")
					}
					if bad := regexp.MustCompile(`Seq Scan on events|SCAN events(\n|$)|TEMP B-TREE FOR ORDER|Sort Key: events\.time`).FindString(plan); bad != "" {
						t.Errorf("%s: %s\n%s\n%s", name, bad, query, plan)
					}
				}
				all := ""
				for _, query := range s.RecordQueries(c.Filter, store.Page{Limit: 50, Oldest: oldest}) {
					all += explain(t, s, query)
				}
				for _, index := range c.index {
					if !strings.Contains(all, index) {
						t.Errorf("%s: not by %s\n%s", name, index, all)
					}
				}
				if timed := name == "since" || name == "until"; timed && !strings.Contains(all, "idx_events_time") {
					t.Errorf("%s: not by the time\n%s", name, all)
				}
			}
		}
	})
}

// manyEvents fills the trail past the chain, with values that are told apart.
func manyEvents(t *testing.T, s *store.Store, n int) {
	t.Helper()
	numbers, at := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)", "1767225600000000 + i * 3600000000"
	if s.Dialect() == "postgres" {
		numbers, at = "WITH n(i) AS (SELECT generate_series(1, ?))", "timestamptz '2026-01-01 00:00:00Z' + i * interval '1 hour'"
	}
	err := s.Writer().Exec(`INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id) `+numbers+`
		SELECT i, '', '', '{"actor":{"name":"n' || (i % 1000) || '"},"target":{"id":"t' || (i % 1000) || '","location":"l' || (i % 100) || '"},"run_id":"run' || (i % 1000) || '"}',
		`+at+`, 'noun' || (i % 100) || '.verb' || (i % 100), 'o' || (i % 100), 'u' || (i % 1000), 'r' || i FROM n`, n).Error
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []string{fmt.Sprintf("UPDATE chain_heads SET seq = %d", n), "ANALYZE"} {
		if err := s.Writer().Exec(do).Error; err != nil {
			t.Fatalf("%s: %v", do, err)
		}
	}
}

func explain(t *testing.T, s *store.Store, query string) string {
	t.Helper()
	how := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN "}[s.Dialect()]
	rows, err := s.Writer().Raw(how + query).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var line string
		if s.Dialect() == "sqlite" {
			err = rows.Scan(&id, &parent, &unused, &line)
		} else {
			err = rows.Scan(&line)
		}
		if err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	return plan.String()
}

// The release before goes on appending while this one has migrated: it knows
// none of the new columns, and what it appends is found by them.
func TestReleaseBeforeAppends(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		happened(t, s)
		last := unbroken(t, s)[7]
		e := models.Event{ID: "e", Time: hour(9), Event: "dagster.mutation", Outcome: "ok", Actor: models.Actor{ID: "u9", Name: "Old"}, RequestID: "r9", RunID: "run9", Target: &models.Target{ID: `t\u0000`, Location: "l\x00\x00"}}
		link, err := models.NewLink(last, e)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Writer().Exec("INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			link.Seq, link.Previous, link.Hash, link.Body, e.Time, e.Event, e.Outcome, e.Actor.ID, e.RequestID).Error
		if err == nil {
			err = s.Writer().Exec("UPDATE chain_heads SET seq = ?, hash = ? WHERE id = 1", link.Seq, link.Hash).Error
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []models.Filter{{Person: "u9"}, {Person: "Old"}, {Event: "dagster.*", Request: "r9"}, {Run: "run9"}, {Target: `t\u0000`}} {
			if got, err := s.Records(t.Context(), f, store.Page{Limit: 1}); err != nil || len(got) != 1 || got[0].Seq != 9 {
				t.Errorf("%s: %v (%v)", f, seqs(got), err)
			}
		}
		if err := s.Record(t.Context(), said()); err != nil {
			t.Error(err)
		}
		unbroken(t, s)
	})
}
