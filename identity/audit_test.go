package identity_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

func TestAuditChain(t *testing.T) {
	each(t, func(w *world) {
		w.signIn(providertest.Ada)
		if last, err := w.VerifyAudit(ctx); err != nil || last.Seq < 2 {
			w.t.Errorf("%d %v", last.Seq, err)
		}
	})
}

// Whatever is done to the rows behind our back is seen.
func TestTampering(t *testing.T) {
	table := map[string]struct{ sql, says string }{
		"altered":   {`UPDATE events SET body = replace(body, 'signin', 'signed') WHERE seq = 2`, "event 2 does not follow"},
		"removed":   {`DELETE FROM events WHERE seq = 2`, "event 3 does not follow event 1"},
		"reordered": {`UPDATE events SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3); UPDATE events SET seq = -seq WHERE seq < 0`, "does not follow"},
		"cut":       {`DELETE FROM events WHERE seq = 4`, "should end at 4"},
		"emptied":   {`DELETE FROM events`, "should end at 4"},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			url := storetest.SQLiteURL(t)
			w := newWorld(t, storetest.Migrated(t, url), policy.Gate{})
			for range 3 {
				w.signIn(providertest.Ada)
			}
			db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(ctx, row.sql); err != nil {
				t.Fatal(err)
			}
			if _, err := w.VerifyAudit(ctx); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v", err)
			}
		})
	}
}
