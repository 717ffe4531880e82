package identity_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

func TestAuditChain(t *testing.T) {
	each(t, func(w *world) {
		w.signIn(providertest.Ada)
		if last, err := w.VerifyAudit(ctx, ""); err != nil || last.Seq < 2 {
			w.t.Errorf("%d %v", last.Seq, err)
		}
	})
}

// Counted refusals that the database does not take are told once it does, and
// one that it never takes does not keep the others from being told.
func TestFoldedRefusalsWaitForTheStore(t *testing.T) {
	url := storetest.SQLiteURL(t)
	w := newWorld(t, storetest.Migrated(t, url), policy.Gate{})
	for i := range 3 * 40 {
		_ = w.Record(ctx, models.Event{Event: "dagster.mutation", Outcome: "refused", Operation: fmt.Sprint("f", i%3), Known: true, Actor: models.Actor{ID: "a"}})
	}
	w.clock.pass(time.Minute)
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, step := range []struct {
		sql    string
		fails  bool
		counts string
	}{
		{`CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END`, true, "map[f0:30 f1:30 f2:30]"},
		{`DROP TRIGGER full; CREATE TRIGGER never BEFORE INSERT ON events WHEN json_extract(NEW.body, '$.operation') = 'f1' BEGIN SELECT RAISE(ABORT, 'never'); END`, true, ""},
		{`SELECT 1`, true, "map[f0:40 f1:30 f2:40]"},
		{`DROP TRIGGER never`, false, "map[f0:40 f1:40 f2:40]"},
		{`SELECT 1`, false, "map[f0:40 f1:40 f2:40]"},
	} {
		if _, err := db.ExecContext(ctx, step.sql); err != nil {
			t.Fatal(err)
		}
		if err := w.Sweep(ctx); (err != nil) != step.fails {
			t.Errorf("%s: %v", step.sql, err)
		}
		told := map[string]int{}
		for _, e := range w.events() {
			if e.Operation != "" {
				told[e.Operation] += max(1, e.Count)
			}
		}
		if got := fmt.Sprint(told); step.counts != "" && got != step.counts {
			t.Errorf("%s: told %s, want %s", step.sql, got, step.counts)
		}
	}
}
