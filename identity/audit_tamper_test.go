package identity_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// trail is a world whose database somebody else writes to as well.
type trail struct {
	*world
	db *sql.DB
}

func eachTrail(t *testing.T, test func(w *trail)) {
	t.Helper()
	eachTrailAt(t, func(w *trail, _ string) { test(w) })
}

func eachTrailAt(t *testing.T, test func(w *trail, url string)) {
	t.Helper()
	storetest.EachURL(t, func(t *testing.T, url string) { test(newTrail(t, url), url) })
}

func newTrail(t *testing.T, url string) *trail {
	t.Helper()
	driver := "pgx"
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, url = "sqlite", path
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if driver == "sqlite" {
		url = "sqlite:" + url
	}
	return &trail{newWorld(t, storetest.Migrated(t, url), policy.Gate{}), db}
}

// upTo appends events until the trail has so many.
func (w *trail) upTo(n int64) {
	w.t.Helper()
	head, err := w.Store.Head(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	var events []models.Event
	for seq := head.Seq + 1; seq <= n; seq++ {
		events = append(events, models.Event{
			Event: "test.say", Outcome: models.OutcomeOK, Actor: models.Actor{ID: "u1", Name: "Ada", Kind: "user"}, RequestID: fmt.Sprint("r", seq),
			Target: &models.Target{Kind: "run", ID: fmt.Sprint("t", seq%3), Location: "prod"},
		})
	}
	if err := w.Store.Record(ctx, events...); err != nil {
		w.t.Fatal(err)
	}
}

// sign makes a checkpoint of the last event.
func (w *trail) sign(n int64) {
	w.t.Helper()
	w.upTo(n)
	if err := w.Checkpoint(ctx, true); err != nil {
		w.t.Fatal(err)
	}
}

// do writes to the database, past us.
func (w *trail) do(statements ...string) {
	w.t.Helper()
	for _, s := range statements {
		if _, err := w.db.ExecContext(ctx, s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// rewrite makes events from one number on say something else, and the chain
// whole again, the note of its end too.
func (w *trail) rewrite(from int64) {
	w.t.Helper()
	links, err := w.Store.Links(ctx, 0, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	last := links[from-2]
	for _, l := range links[from-1:] {
		last = w.link(last, strings.Replace(l.Body, `"test.say"`, `"test.lie"`, 1))
		w.do(fmt.Sprintf("UPDATE events SET previous = %s, hash = %s, body = %s, event = 'test.lie' WHERE seq = %d", quote(last.Previous), quote(last.Hash), quote(last.Body), last.Seq))
	}
	w.do(fmt.Sprintf("UPDATE chain_heads SET hash = %s", quote(last.Hash)))
}

// link is what NewLink makes of a body, for whoever has no event.
func (w *trail) link(last models.Link, body string) models.Link {
	w.t.Helper()
	l := models.Link{Seq: last.Seq + 1, Previous: last.Hash, Body: body}
	l.Hash = models.Digest(l.Previous + "\n" + l.Body)
	if !l.Follows(last) {
		w.t.Fatal("the test makes bad links")
	}
	return l
}

// cut removes the events behind one, and the note of the end alike.
func (w *trail) cut(at int64) {
	w.t.Helper()
	w.do(fmt.Sprintf("DELETE FROM events WHERE seq > %d", at),
		fmt.Sprintf("UPDATE chain_heads SET seq = %d, hash = (SELECT hash FROM events WHERE seq = %[1]d)", at))
}

func (w *trail) hash(seq int64) (hash string) {
	w.t.Helper()
	if err := w.db.QueryRowContext(ctx, fmt.Sprintf("SELECT hash FROM events WHERE seq = %d", seq)).Scan(&hash); err != nil {
		w.t.Fatal(err)
	}
	return hash
}

// signText puts a signature of ours under a text into the checkpoint of an event.
func (w *trail) signText(seq int64, text string) {
	w.t.Helper()
	key, signature, err := w.Keys.Sign(text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(fmt.Sprintf("UPDATE checkpoints SET key = %s, signature = %s WHERE seq = %d", quote(key), quote(signature), seq))
}

// checkpoint is one of those that there are.
func (w *trail) checkpoint(seq int64) models.Checkpoint {
	w.t.Helper()
	all, err := w.Store.Checkpoints(ctx, seq, seq)
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d checkpoints of event %d, %v", len(all), seq, err)
	}
	return all[0]
}

// signAs puts a signature of another key under what the checkpoint of an event
// should say now.
func (w *trail) signAs(seq int64, keys ...[]byte) {
	w.t.Helper()
	c := w.checkpoint(seq)
	c.Hash = w.hash(seq)
	ring, err := identity.NewKeyring(keys...)
	if err != nil {
		w.t.Fatal(err)
	}
	key, signature, err := ring.Sign(c.Text())
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(fmt.Sprintf("UPDATE checkpoints SET hash = %s, key = %s, signature = %s WHERE seq = %d", quote(c.Hash), quote(key), quote(signature), seq))
}

func zeros() string { return strings.Repeat("0", 64) }

// tamperings are done to a trail of 12 events with checkpoints of 4 and 8.
var tamperings = map[string]struct {
	do func(w *trail)
	// seq is the event that is named, and says what is said of it.
	seq  int64
	says string
}{
	"a body altered": {func(w *trail) {
		w.do(`UPDATE events SET body = replace(body, 'Ada', 'Eve') WHERE seq = 6`)
	}, 6, "event 6 was altered"},
	"a body altered and its hash": {func(w *trail) {
		w.do(`UPDATE events SET body = replace(body, 'Ada', 'Eve') WHERE seq = 6`)
		links, _ := w.Store.Links(ctx, 4, 2)
		w.do(`UPDATE events SET hash = ` + quote(models.Digest(links[1].Previous+"\n"+links[1].Body)) + ` WHERE seq = 6`)
	}, 7, "event 7 does not follow event 6"},
	"a hash altered":     {func(w *trail) { w.do(`UPDATE events SET hash = '` + zeros() + `' WHERE seq = 6`) }, 6, "event 6 was altered"},
	"a previous altered": {func(w *trail) { w.do(`UPDATE events SET previous = '` + zeros() + `' WHERE seq = 6`) }, 6, "event 6 was altered"},
	"a row removed":      {func(w *trail) { w.do(`DELETE FROM events WHERE seq = 6`) }, 6, "event 6 is missing"},
	"a row removed and the others moved up": {func(w *trail) {
		w.do(`DELETE FROM events WHERE seq = 6`, `UPDATE events SET seq = -seq WHERE seq > 6`, `UPDATE events SET seq = -seq - 1 WHERE seq < 0`, `UPDATE chain_heads SET seq = 11`)
	}, 6, "event 6 does not follow event 5"},
	"two rows swapped": {func(w *trail) {
		w.do(`UPDATE events SET seq = CASE seq WHEN 6 THEN -7 ELSE -6 END WHERE seq IN (6, 7)`, `UPDATE events SET seq = -seq WHERE seq < 0`)
	}, 6, "event 6 does not follow event 5"},
	"a row inserted": {func(w *trail) {
		w.do(`UPDATE events SET seq = -seq - 1 WHERE seq > 5`, `UPDATE events SET seq = -seq WHERE seq < 0`, `UPDATE chain_heads SET seq = 13`)
		links, _ := w.Store.Links(ctx, 4, 1)
		l := w.link(links[0], links[0].Body)
		w.do(fmt.Sprintf(`INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id)
			SELECT 6, %s, %s, body, time, event, outcome, actor_id, request_id FROM events WHERE seq = 5`, quote(l.Previous), quote(l.Hash)))
	}, 7, "event 7 does not follow event 6"},
	"a row inserted behind the end": {func(w *trail) {
		w.do(`INSERT INTO events (seq, previous, hash, body, time, event, outcome, actor_id, request_id)
			SELECT 99, previous, hash, body, time, event, outcome, actor_id, request_id FROM events WHERE seq = 12`)
	}, 13, "behind that there is an event 99"},
	"the first events removed": {func(w *trail) { w.do(`DELETE FROM events WHERE seq <= 4`) }, 1, "event 1 is missing"},
	"the tail cut":             {func(w *trail) { w.do(`DELETE FROM events WHERE seq > 10`) }, 11, "it ends at event 10 and should end at 12"},
	"emptied":                  {func(w *trail) { w.do(`DELETE FROM events`) }, 1, "it ends at event 0 and should end at 12"},
	"the end noted wrongly":    {func(w *trail) { w.do(`UPDATE chain_heads SET hash = '` + zeros() + `'`) }, 12, "not the one that was noted"},
	"the end noted too late":   {func(w *trail) { w.do(`UPDATE chain_heads SET seq = 13`) }, 13, "should end at 13"},
	"the end noted too early": {func(w *trail) {
		w.do(`UPDATE chain_heads SET seq = 11, hash = (SELECT hash FROM events WHERE seq = 11)`)
	}, 12, "behind that there is an event 12"},

	"the tail cut behind a checkpoint, with the note": {func(w *trail) { w.cut(6) }, 7, "it ends at event 6, and event 8 was signed"},
	"that, and the checkpoint removed": {func(w *trail) {
		w.cut(6)
		w.do(`DELETE FROM checkpoints WHERE seq = 8`)
	}, 8, "the checkpoint of event 8 is missing"},
	"all rewritten from an event on":                 {func(w *trail) { w.rewrite(6) }, 5, "event 8 is not the one that was signed, the trail was rewritten somewhere from event 5 on"},
	"all rewritten from the first events on":         {func(w *trail) { w.rewrite(3) }, 1, "event 4 is not the one that was signed"},
	"that, and a checkpoint signed by somebody else": {func(w *trail) { w.rewrite(6); w.signAs(8, key(2)) }, 8, "the checkpoint of event 8 is signed with a key that is not among"},
	"that, and a checkpoint signed by nobody": {func(w *trail) {
		w.rewrite(6)
		w.do(`UPDATE checkpoints SET hash = ` + quote(w.hash(8)) + ` WHERE seq = 8`)
	}, 8, "the checkpoint of event 8 has a signature that is not ours"},
	"that, and somebody else's key called ours": {func(w *trail) {
		ours := w.checkpoint(8).Key
		w.rewrite(6)
		w.signAs(8, key(2))
		w.do(`UPDATE checkpoints SET key = ` + quote(ours))
	}, 8, "the checkpoint of event 8 has a signature that is not ours"},
	"that, and no signature":        {func(w *trail) { w.rewrite(6); w.do(`UPDATE checkpoints SET signature = '', key = '' WHERE seq = 8`) }, 8, "the checkpoint of event 8"},
	"a checkpoint of another event": {func(w *trail) { w.do(`UPDATE checkpoints SET seq = 7 WHERE seq = 8`) }, 7, "the checkpoint of event 7 has a signature that is not ours"},
	"a checkpoint of another time": {func(w *trail) {
		w.do(`UPDATE checkpoints SET time = (SELECT time FROM checkpoints WHERE seq = 4) WHERE seq = 8`)
	}, 8, "the checkpoint of event 8 has a signature that is not ours"},
	"a checkpoint that follows another": {func(w *trail) { w.do(`UPDATE checkpoints SET previous = 0 WHERE seq = 8`) }, 8, "the checkpoint of event 8 has a signature that is not ours"},
	"a checkpoint removed":              {func(w *trail) { w.do(`DELETE FROM checkpoints WHERE seq = 4`) }, 4, "the checkpoint of event 4 is missing"},
	"the last checkpoint removed":       {func(w *trail) { w.do(`DELETE FROM checkpoints WHERE seq = 8`) }, 8, "the checkpoint of event 8 is missing"},
	"all checkpoints removed":           {func(w *trail) { w.do(`DELETE FROM checkpoints`) }, 8, "the checkpoint of event 8 is missing"},
	"the first checkpoint removed, the note of the last, too": {func(w *trail) {
		w.do(`DELETE FROM checkpoints WHERE seq = 4`, `UPDATE chain_heads SET checkpoint = 0`)
	}, 4, "the checkpoint of event 4 is missing"},
	"the last checkpoint noted wrongly": {func(w *trail) { w.do(`UPDATE chain_heads SET checkpoint = 4`) }, 8, "the checkpoint of event 8 is not noted as the last one"},
	"a checkpoint of another installation": {func(w *trail) {
		other := newTrail(w.t, storetest.SQLiteURL(w.t))
		other.do(`DELETE FROM signing_keys`)
		other.Service = other.replica(other.Store, policy.Gate{}, key(2))
		other.sign(10)
		c := other.checkpoint(10)
		w.do(fmt.Sprintf(`UPDATE checkpoints SET hash = %s, key = %s, signature = %s WHERE seq = 8`, quote(c.Hash), quote(c.Key), quote(c.Signature)))
	}, 8, "is signed with a key that is not among"},
	"a checkpoint of another installation with our key": {func(w *trail) {
		w.put(elsewhere(w).checkpoint(8))
	}, 8, "the checkpoint of event 8 is of another installation"},
	"that, said to be ours": {func(w *trail) {
		c := elsewhere(w).checkpoint(8)
		c.Installation = w.checkpoint(8).Installation
		w.put(c)
	}, 8, "the checkpoint of event 8 has a signature that is not ours"},
	"that, of a release that did not say whose it is": {func(w *trail) {
		other := elsewhere(w)
		other.old1(8)
		w.put(other.checkpoint(8))
	}, 5, "event 8 is not the one that was signed"},
	"a checkpoint that says less":       {func(w *trail) { w.do(`UPDATE checkpoints SET installation = '' WHERE seq = 4`) }, 4, "the checkpoint of event 4 has a signature that is not ours"},
	"the installation called otherwise": {func(w *trail) { w.do(`UPDATE chain_heads SET installation = 'x'`) }, 4, "the checkpoint of event 4 is of another installation"},

	"found by another person":  {func(w *trail) { w.do(`UPDATE events SET actor_id = 'u2' WHERE seq = 6`) }, 6, "event 6 is found by something else than it says"},
	"found by another event":   {func(w *trail) { w.do(`UPDATE events SET event = 'test.other' WHERE seq = 6`) }, 6, "event 6 is found by"},
	"found by another outcome": {func(w *trail) { w.do(`UPDATE events SET outcome = 'refused' WHERE seq = 6`) }, 6, "event 6 is found by"},
	"found by another request": {func(w *trail) { w.do(`UPDATE events SET request_id = '' WHERE seq = 6`) }, 6, "event 6 is found by"},
	"found by another time": {func(w *trail) {
		w.do(`UPDATE events SET time = (SELECT time FROM checkpoints WHERE seq = 8) WHERE seq = 6`)
	}, 6, "event 6 is found by"},
}

// Whatever is done to the rows behind our back is seen, and named.
func TestTampering(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.clock.pass(time.Minute) // so that no time of a checkpoint is that of an event
		w.sign(4)
		w.clock.pass(time.Minute)
		w.sign(8)
		w.upTo(12)
		w.save()
		for name, row := range tamperings {
			w.t.Run(name, func(t *testing.T) {
				all := w.t
				w.t = t
				defer func() { w.t = all; w.restore() }()
				row.do(w)
				w.isBroken(row.seq, row.says)
			})
		}
		w.isWhole()
	})
}

// What no search finds, though it reads as before: a blob of SQLite, and a column
// of PostgreSQL that is no longer computed.
func TestHiding(t *testing.T) {
	for dialect, hide := range map[string][]string{
		"sqlite": {
			"UPDATE events SET event = CAST(event AS blob) WHERE seq = 3", "UPDATE events SET outcome = CAST(outcome AS blob) WHERE seq = 3",
			"UPDATE events SET actor_id = CAST(actor_id AS blob) WHERE seq = 3", "UPDATE events SET request_id = CAST(request_id AS blob) WHERE seq = 3",
			"UPDATE events SET body = CAST(body AS blob) WHERE seq = 3",
			"UPDATE events SET time = CAST(time AS blob) WHERE seq = 3", "UPDATE events SET time = 'long ago' WHERE seq = 3",
			"UPDATE events SET time = time + 0.5 WHERE seq = 3", "UPDATE events SET time = x'00ff' WHERE seq = 3",
		},
		"postgres": {
			"ALTER TABLE events ALTER noun DROP EXPRESSION; UPDATE events SET noun = '' WHERE seq = 3",
			"ALTER TABLE events ALTER actor_name DROP EXPRESSION; UPDATE events SET actor_name = '' WHERE seq = 3",
			"ALTER TABLE events ALTER target_id DROP EXPRESSION; UPDATE events SET target_id = '' WHERE seq = 3",
			"ALTER TABLE events ALTER location DROP EXPRESSION; UPDATE events SET location = '' WHERE seq = 3",
			"ALTER TABLE events ALTER run_id DROP EXPRESSION; UPDATE events SET run_id = 'x' WHERE seq = 3",
		},
	} {
		for _, statement := range hide {
			t.Run(statement, func(t *testing.T) {
				eachTrail(t, func(w *trail) {
					if w.Store.Dialect() != dialect {
						return
					}
					w.upTo(5)
					w.isWhole()
					w.do(statement)
					w.isBroken(3, "event 3 is found by")
				})
			})
		}
	}
}

// What is no time and no number, where SQLite was given one, is found and named:
// verifying does not stop over it.
func TestGarbage(t *testing.T) {
	for statement, want := range map[string]string{
		"UPDATE checkpoints SET time = 'x' WHERE seq = 4":     "the checkpoint of event 4 has a signature",
		"UPDATE checkpoints SET time = x'00' WHERE seq = 6":   "the checkpoint of event 6 has a signature",
		"UPDATE checkpoints SET previous = 'x' WHERE seq = 6": "the checkpoint of event 6 has a signature",
		"UPDATE chain_heads SET seq = 'x'":                    "it ends at event 0, and behind that there is an event 8",
		"UPDATE chain_heads SET checkpoint = x'00'":           "the checkpoint of event 6 is not noted as the last one",
		"UPDATE chain_heads SET installation = x'00'":         "of another installation",
		"UPDATE audit_anchors SET time = 'x'":                 "the anchor that says so has a signature",
		"UPDATE audit_anchors SET seq = x'00'":                "event 1 is missing",
	} {
		w := newTrail(t, storetest.SQLiteURL(t))
		w.sign(2)
		w.clock.pass(identity.MinRetention)
		if strings.Contains(statement, "anchors") {
			w.prune(2)
		}
		w.sign(4)
		w.sign(6)
		w.upTo(8)
		w.isWhole()
		w.do(statement)
		var broken *identity.BrokenTrail
		if _, err := w.VerifyAudit(ctx, ""); !errors.As(err, &broken) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", statement, err, want)
		}
	}
}

// A former release kept the character NUL in an event: that hides nothing.
func TestEventWithNUL(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.upTo(2)
		links, err := w.Store.Links(ctx, 1, 1)
		if err != nil {
			w.t.Fatal(err)
		}
		l := w.link(models.Link{Seq: 1, Hash: links[0].Previous}, strings.NewReplacer(`"Ada"`, `"A\u0000da"`, `"prod"`, `"\u0000p"`).Replace(links[0].Body))
		w.do(fmt.Sprintf("UPDATE events SET hash = %s, body = %s WHERE seq = 2", quote(l.Hash), quote(l.Body)), "UPDATE chain_heads SET hash = "+quote(l.Hash))
		w.isWhole()
	})
}

// kept are the tables that a tampering writes to, with the columns that can be
// written.
var kept = map[string]string{
	"events":      "seq, previous, hash, body, time, event, outcome, actor_id, request_id",
	"chain_heads": "id, seq, hash, checkpoint, installation",
	"checkpoints": "seq, hash, time, previous, installation, key, signature",
}

func (w *trail) save() {
	for table, columns := range kept {
		w.do(fmt.Sprintf("CREATE TABLE saved_%s AS SELECT %s FROM %[1]s", table, columns))
	}
}

func (w *trail) restore() {
	for table, columns := range kept {
		w.do("DELETE FROM "+table, fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM saved_%[1]s", table, columns))
	}
}

func (w *trail) isBroken(seq int64, says string) {
	w.t.Helper()
	v, err := w.VerifyAudit(ctx, "")
	var broken *identity.BrokenTrail
	if !errors.As(err, &broken) || broken.Seq != seq || !strings.Contains(err.Error(), says) {
		w.t.Errorf("%v, want event %d named and %q", err, seq, says)
	}
	if v.Seq >= seq && !strings.Contains(says, "checkpoint") {
		w.t.Errorf("found good up to event %d", v.Seq)
	}
}

// isWhole verifies and gives what was found.
func (w *trail) isWhole() identity.Verification {
	w.t.Helper()
	v, err := w.VerifyAudit(ctx, "")
	if err != nil {
		w.t.Error(err)
	}
	return v
}

func TestWholeTrail(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.sign(4)
		w.sign(8)
		w.upTo(2500) // more than is read in one go
		want := identity.Verification{
			Seq: 2500, Hash: w.hash(2500), Events: 2500, Checkpoints: 2, Unsigned: 2492, UnsignedFrom: 9, Overdue: true,
			UnsignedSince: w.timeOf(9), Installation: w.checkpoint(8).Installation,
		}
		for _, head := range []string{"", w.hash(1), w.hash(1000), strings.ToUpper(w.hash(1001)), w.hash(2500)} {
			if v, err := w.VerifyAudit(ctx, head); v != want || err != nil {
				w.t.Errorf("%q: %+v (%v), want %+v", head, v, err, want)
			}
		}
	})
}

// What can be done to the tail that the database alone cannot show, a head or a
// checkpoint that was kept elsewhere shows.
func TestTailThatOnlyAHeadShows(t *testing.T) {
	for name, do := range map[string]func(w *trail){
		"cut":       func(w *trail) { w.cut(10) },
		"rewritten": func(w *trail) { w.rewrite(10) },
		"cut with its checkpoint": func(w *trail) {
			w.cut(6)
			w.do(`DELETE FROM checkpoints WHERE seq = 8`, `UPDATE chain_heads SET checkpoint = 4`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachTrail(t, func(w *trail) {
				w.sign(4)
				w.sign(8)
				w.upTo(12)
				kept := w.hash(12)
				do(w)
				w.isWhole()
				if _, err := w.VerifyAudit(ctx, kept); err == nil || !strings.Contains(err.Error(), "no event has the hash "+kept) {
					w.t.Errorf("%v", err)
				}
			})
		})
	}
}

// elsewhere is a trail of another installation that has the same keys.
func elsewhere(w *trail) *trail {
	other := newTrail(w.t, storetest.SQLiteURL(w.t))
	other.sign(4)
	other.sign(8)
	return other
}

// put replaces the checkpoint of an event.
func (w *trail) put(c models.Checkpoint) {
	w.t.Helper()
	var at any = c.Time
	if w.Store.Dialect() == "sqlite" {
		at = c.Time.UnixMicro()
	}
	if _, err := w.db.ExecContext(ctx, `UPDATE checkpoints SET hash = $1, time = $2, signature = $3, installation = $4 WHERE seq = $5`, c.Hash, at, c.Signature, c.Installation, c.Seq); err != nil {
		w.t.Fatal(err)
	}
}

// old1 makes the checkpoint of an event what a release made that did not say
// whose it is.
func (w *trail) old1(seq int64) {
	w.t.Helper()
	c := w.checkpoint(seq)
	c.Installation = ""
	w.do(fmt.Sprintf(`UPDATE checkpoints SET installation = '' WHERE seq = %d`, seq))
	w.signText(seq, c.Text())
}

// What a former release has signed goes on being good, also under another key,
// and the next ones say whose they are.
func TestCheckpointsThatDoNotSayWhose(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.sign(4)
		w.old1(4)
		w.isWhole()
		w.sign(8)
		if c := w.checkpoint(8); c.Installation != w.isWhole().Installation || len(c.Installation) != 32 {
			w.t.Errorf("%+v", c)
		}
		w.Service = w.replica(w.Store, policy.Gate{}, key(2), key(1))
		w.sign(20)
		w.do(`DELETE FROM signing_keys`)
		w.Service = w.replica(w.Store, policy.Gate{}, key(2))
		if v := w.isWhole(); v.Checkpoints != 3 || w.checkpoint(4).Installation != "" {
			w.t.Errorf("%+v", v)
		}
	})
}

// timeOf is when an event was, as it says.
func (w *trail) timeOf(seq int64) time.Time {
	w.t.Helper()
	r, err := w.Store.Records(ctx, models.Filter{}, store.Page{After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil || len(r) != 1 {
		w.t.Fatalf("event %d: %v", seq, err)
	}
	return r[0].Event.Time
}

func TestBadHead(t *testing.T) {
	w := newTrail(t, storetest.SQLiteURL(t))
	for _, head := range []string{"x", strings.Repeat("g", 64), strings.Repeat("0", 63), zeros() + "0", " " + zeros()[1:]} {
		if _, err := w.VerifyAudit(ctx, head); !errors.Is(err, identity.ErrBadHead) {
			t.Errorf("%q: %v", head, err)
		}
	}
}

// What the database computes nobody can write.
func TestComputedColumnsCannotBeWritten(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.upTo(3)
		for _, column := range []string{"noun", "actor_name", "target_id", "location", "run_id"} {
			if _, err := w.db.ExecContext(ctx, "UPDATE events SET "+column+" = 'x' WHERE seq = 2"); err == nil {
				w.t.Errorf("%s was written", column)
			}
		}
	})
}

// A checkpoint is due after an hour or a thousand events; one for each event.
func TestCheckpointWhenDue(t *testing.T) {
	eachTrail(t, func(w *trail) {
		var told []int64
		w.OnCheckpoint = func(c models.Checkpoint) { told = append(told, c.Seq) }
		for _, step := range []struct {
			upTo  int64
			pass  time.Duration
			force bool
			want  []int64
		}{
			{upTo: 3, want: []int64{3}}, // the first is due at once
			{upTo: 3, pass: 2 * time.Hour, force: true, want: []int64{3}},
			{upTo: 4, want: []int64{3, 4}},
			{upTo: 5, pass: 59 * time.Minute, want: []int64{3, 4}},
			{upTo: 5, pass: time.Minute, want: []int64{3, 4, 5}},
			{upTo: 1004, want: []int64{3, 4, 5}},
			{upTo: 1005, want: []int64{3, 4, 5, 1005}},
			{upTo: 1006, force: true, want: []int64{3, 4, 5, 1005, 1006}},
		} {
			w.upTo(step.upTo)
			w.clock.pass(step.pass)
			if err := w.Checkpoint(ctx, step.force); err != nil || !slices.Equal(told, step.want) {
				w.t.Errorf("%+v: %v (%v)", step, told, err)
			}
		}
		if v := w.isWhole(); v.Checkpoints != 5 || v.Unsigned != 0 {
			w.t.Errorf("%+v", v)
		}
	})
}

// Replicas at once make one checkpoint, and none of them fails.
func TestCheckpointsOfReplicas(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.upTo(10)
		replicas := make([]*identity.Service, 4)
		for i := range replicas {
			replicas[i] = w.replica(w.Store, policy.Gate{}, key(1))
		}
		for round := range int64(5) {
			w.upTo(20 + round)
			done := make(chan error)
			for _, r := range replicas {
				go func() { done <- r.Checkpoint(ctx, true) }()
			}
			for range replicas {
				if err := <-done; err != nil {
					w.t.Error(err)
				}
			}
		}
		if v := w.isWhole(); v.Checkpoints != 5 || v.Unsigned != 0 {
			w.t.Errorf("%+v", v)
		}
	})
}

// Nothing is signed that is not whole: a checkpoint would vouch for it.
func TestBrokenTrailIsNotSigned(t *testing.T) {
	for name, do := range map[string]func(w *trail){
		"altered":              func(w *trail) { w.do(`UPDATE events SET body = replace(body, 'Ada', 'Eve') WHERE seq = 10`) },
		"altered for searches": func(w *trail) { w.do(`UPDATE events SET actor_id = 'x' WHERE seq = 10`) },
		"removed":              func(w *trail) { w.do(`DELETE FROM events WHERE seq = 10`) },
		"cut":                  func(w *trail) { w.cut(6) },
		"last checkpoint gone": func(w *trail) { w.do(`DELETE FROM checkpoints WHERE seq = 8`) },
		"last forged":          func(w *trail) { w.do(`UPDATE checkpoints SET signature = '' WHERE seq = 8`) },
		"rewritten before it":  func(w *trail) { w.rewrite(8) },
		"cut, and all else, before our eyes": func(w *trail) {
			w.cut(6)
			w.do(`DELETE FROM checkpoints WHERE seq = 8`, `UPDATE chain_heads SET checkpoint = 4`)
			w.upTo(30)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachTrail(t, func(w *trail) {
				w.sign(4)
				w.sign(8)
				w.upTo(12)
				do(w)
				w.clock.pass(2 * time.Hour)
				var broken *identity.BrokenTrail
				if err := w.Checkpoint(ctx, true); !errors.As(err, &broken) {
					w.t.Errorf("%v", err)
				}
				if ends, err := w.Store.Ends(ctx); ends.Last.Seq > 8 || err != nil {
					w.t.Errorf("signed event %d (%v)", ends.Last.Seq, err)
				}
			})
		})
	}
}

// A key is replaced: what it signed is signed anew, and then it can go.
func TestCheckpointsOfAFormerKey(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.sign(4)
		w.clock.pass(48 * time.Hour)
		w.sign(8)
		if _, err := w.PruneAudit(ctx, identity.MinRetention); err != nil {
			w.t.Fatal(err)
		}
		w.Service = w.replica(w.Store, policy.Gate{}, key(2), key(1))
		w.isWhole()
		w.sign(20)
		w.do(`DELETE FROM signing_keys`)
		w.Service = w.replica(w.Store, policy.Gate{}, key(2))
		if v := w.isWhole(); v.Pruned != 4 || v.Checkpoints < 2 {
			w.t.Errorf("%+v", v)
		}
		w.do(`DELETE FROM signing_keys`)
		w.Service = w.replica(w.Store, policy.Gate{}, key(1))
		w.isBroken(1, "the anchor that says so is signed with a key that is not among")
	})
}

// Somebody without the database has what a checkpoint's line says, and the
// public key.
func TestCheckpointText(t *testing.T) {
	c := models.Checkpoint{Seq: 12, Hash: zeros(), Time: time.Date(2026, 3, 29, 14, 0, 0, 120e6, time.FixedZone("", 7200)), Previous: 7}
	if want := "dagpass checkpoint 1\n12\n" + zeros() + "\n2026-03-29T12:00:00.12Z\n7"; c.Text() != want {
		t.Errorf("%q, want %q", c.Text(), want)
	}
	a := models.Anchor{Seq: 12, Hash: zeros(), Time: c.Time}
	if want := "dagpass anchor 1\n12\n" + zeros() + "\n2026-03-29T12:00:00.12Z"; a.Text() != want {
		t.Errorf("%q, want %q", a.Text(), want)
	}
	c.Installation, a.Installation = "i1", "i1"
	if want := "dagpass checkpoint 2\ni1\n12\n" + zeros() + "\n2026-03-29T12:00:00.12Z\n7"; c.Text() != want {
		t.Errorf("%q, want %q", c.Text(), want)
	}
	if want := "dagpass anchor 2\ni1\n12\n" + zeros() + "\n2026-03-29T12:00:00.12Z"; a.Text() != want {
		t.Errorf("%q, want %q", a.Text(), want)
	}
}
