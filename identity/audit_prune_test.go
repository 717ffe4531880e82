package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// old is a trail of 1206 events with checkpoints of 600, 1200 and 1206, the first
// two older than the least retention.
func (w *trail) old() {
	w.t.Helper()
	w.sign(600)
	w.clock.pass(time.Hour)
	w.sign(1200)
	w.clock.pass(identity.MinRetention)
	w.sign(1206)
}

func (w *trail) prune(want int64) {
	w.t.Helper()
	if n, err := w.PruneAudit(ctx, identity.MinRetention); n != want || err != nil {
		w.t.Errorf("pruned %d (%v), want %d", n, err, want)
	}
}

func (w *trail) count(what string) (n int64) {
	w.t.Helper()
	if err := w.db.QueryRowContext(ctx, "SELECT count(*) FROM "+what).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// The chain goes on verifying, the removal is told, and it goes on.
func TestPruning(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.prune(0) // nothing is signed
		w.sign(600)
		w.prune(0) // nothing is old
		w.clock.pass(identity.MinRetention)
		w.upTo(700) // not older than what is signed
		w.prune(600)
		if v := w.isWhole(); v.Pruned != 600 || v.Events != 101 || !v.PrunedAt.Equal(w.clock.now()) || v.Seq != 701 || v.Checkpoints != 1 {
			w.t.Errorf("%+v", v)
		}
		e, err := w.Store.Records(ctx, models.Filter{Event: "audit.prune"}, pageOf(10))
		if err != nil || len(e) != 1 || e[0].Event.Count != 600 || e[0].Event.Target.ID != "600" || e[0].Event.Actor.Kind != "system" {
			w.t.Errorf("%+v (%v)", e, err)
		}
		if n := w.count("events WHERE seq <= 600"); n != 0 {
			w.t.Errorf("%d events are left", n)
		}
		w.prune(0)
		w.sign(800)
		w.clock.pass(time.Hour)
		w.sign(900)
		w.clock.pass(identity.MinRetention)
		w.prune(300) // all there is
		if v := w.isWhole(); v.Pruned != 900 || v.Events != 1 {
			w.t.Errorf("%+v", v)
		}
		w.sign(910)
		if v := w.isWhole(); v.Seq != 910 || w.count("checkpoints") != 2 || v.Unsigned != 0 {
			w.t.Errorf("%+v, %d checkpoints", v, w.count("checkpoints"))
		}
	})
}

func TestRetentionIsBounded(t *testing.T) {
	w := newTrail(t, "sqlite:"+t.TempDir()+"/x.db")
	w.old()
	for _, keep := range []time.Duration{-time.Hour, 0, time.Second, identity.MinRetention - 1} {
		if n, err := w.PruneAudit(ctx, keep); n != 0 || err == nil {
			t.Errorf("%s: pruned %d (%v)", keep, n, err)
		}
	}
	if n, err := w.PruneAudit(ctx, 48*time.Hour); n != 0 || err != nil {
		t.Errorf("pruned %d (%v)", n, err)
	}
}

// Replicas at once prune once, while others append.
func TestReplicasPruneAtOnce(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.old()
		replicas := []*identity.Service{w.replica(w.Store, policy.Gate{}, key(1)), w.replica(w.Store, policy.Gate{}, key(1)), w.replica(w.Store, policy.Gate{}, key(1))}
		done := make(chan int64)
		for _, r := range replicas {
			go func() {
				n, err := r.PruneAudit(ctx, identity.MinRetention)
				if err != nil {
					w.t.Error(err)
				}
				done <- n
			}()
		}
		appended := make(chan error)
		go func() {
			var err error
			for range 50 {
				err = errors.Join(err, w.Store.Record(ctx, models.Event{Event: "test.meanwhile"}))
			}
			appended <- err
		}()
		verified := make(chan error)
		go func() {
			_, err := w.VerifyAudit(ctx, "")
			verified <- err
		}()
		if n := <-done + <-done + <-done; n != 1200 {
			w.t.Errorf("pruned %d in all", n)
		}
		if err := errors.Join(<-appended, <-verified); err != nil {
			w.t.Error(err)
		}
		if v := w.isWhole(); v.Pruned != 1200 || v.Seq != 1206+50+1 || w.count("events WHERE event = 'audit.prune'") != 1 {
			w.t.Errorf("%+v", v)
		}
	})
}

// Verifying begins again where events are pruned meanwhile, and gives up where that
// does not end. What somebody else removed meanwhile it does not excuse.
func TestVerifyWhilePruning(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.sign(2)
		for i := range int64(6) {
			w.clock.pass(identity.MinRetention)
			w.sign(10 + 10*i)
		}
		begun := 0
		identity.OnVerify(w.Service, func() {
			if begun++; begun == 1 {
				w.prune(50)
			}
		})
		if v := w.isWhole(); begun != 2 || v.Pruned != 50 {
			w.t.Errorf("begun %d times: %+v", begun, v)
		}
		seq := int64(70)
		identity.OnVerify(w.Service, func() {
			w.clock.pass(identity.MinRetention)
			w.sign(seq)
			if _, err := w.PruneAudit(ctx, identity.MinRetention); err != nil {
				w.t.Error(err)
			}
			seq += 10
		})
		if _, err := w.VerifyAudit(ctx, ""); !errors.Is(err, models.ErrConflict) || seq != 120 {
			w.t.Errorf("%v, up to %d", err, seq)
		}
		begun = 0
		identity.OnVerify(w.Service, func() {
			begun++
			w.do(`DELETE FROM events WHERE seq = (SELECT max(seq) - 1 FROM events)`)
		})
		var broken *identity.BrokenTrail
		if _, err := w.VerifyAudit(ctx, ""); !errors.As(err, &broken) || begun != 1 {
			w.t.Errorf("begun %d times: %v", begun, err)
		}
	})
}

// It is killed between two batches: the trail is whole and shows nothing of
// what is still there, and the next time the rest goes.
func TestPruningIsKilledBetweenBatches(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.old()
		drop := "DROP TRIGGER killed"
		if w.Store.Dialect() == "sqlite" {
			w.do(`CREATE TRIGGER killed BEFORE DELETE ON events WHEN OLD.seq = 700 BEGIN SELECT RAISE(ABORT, 'killed'); END`)
		} else {
			w.do(`CREATE FUNCTION killed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$`,
				`CREATE TRIGGER killed BEFORE DELETE ON events FOR EACH ROW WHEN (OLD.seq = 700) EXECUTE FUNCTION killed()`)
			drop += " ON events"
		}
		if _, err := w.PruneAudit(ctx, identity.MinRetention); err == nil || !strings.Contains(err.Error(), "killed") {
			w.t.Errorf("%v", err)
		}
		if n := w.count("events WHERE seq <= 1200"); n == 0 || n == 1200 {
			w.t.Errorf("%d events are left, so this shows nothing", n)
		}
		w.upTo(1300)
		if v := w.isWhole(); v.Pruned != 1200 || v.Events != 100 {
			w.t.Errorf("%+v", v)
		}
		if shown, err := w.Store.Records(ctx, models.Filter{}, pageOf(2000)); len(shown) != 100 || err != nil {
			w.t.Errorf("%d events are shown (%v)", len(shown), err)
		}
		w.do(drop)
		w.prune(0)
		if n := w.count("events"); n != 100 {
			w.t.Errorf("%d events are left", n)
		}
		w.isWhole()
	})
}

// What a replica with a slow clock has signed is not old, and one with a fast clock
// holds nothing up.
func TestPruningByWrongClocks(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.sign(5)
		w.clock.pass(-100 * identity.MinRetention)
		w.sign(10)
		w.clock.pass(100 * identity.MinRetention)
		w.prune(0)
		w.clock.pass(1000 * time.Hour)
		w.sign(15)
		w.clock.pass(-1000 * time.Hour)
		w.clock.pass(identity.MinRetention)
		w.prune(5)
	})
}

// Nothing goes because of an anchor that is not ours.
func TestNothingIsDroppedForAForgedAnchor(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.sign(5)
		w.do(`INSERT INTO audit_anchors (id, seq, hash, time, key, signature) SELECT 1, seq, hash, time, key, signature FROM checkpoints`)
		var broken *identity.BrokenTrail
		if n, err := w.PruneAudit(ctx, identity.MinRetention); n != 0 || !errors.As(err, &broken) || w.count("events") != 5 {
			w.t.Errorf("pruned %d (%v), %d events are left", n, err, w.count("events"))
		}
	})
}

// A trail that is broken is not pruned: what proves it would go.
func TestBrokenTrailIsNotPruned(t *testing.T) {
	for name, do := range map[string]string{
		"altered":           `UPDATE events SET body = replace(body, 'Ada', 'Eve') WHERE seq = 300`,
		"removed":           `DELETE FROM events WHERE seq = 300`,
		"checkpoint forged": `UPDATE checkpoints SET signature = '' WHERE seq = 1200`,
		"checkpoint gone":   `DELETE FROM checkpoints WHERE seq = 600`,
		"checkpoint's time": `UPDATE checkpoints SET time = (SELECT time FROM checkpoints WHERE seq = 1200) WHERE seq = 1206`,
	} {
		t.Run(name, func(t *testing.T) {
			eachTrail(t, func(w *trail) {
				w.old()
				w.do(do)
				before := w.count("events")
				var broken *identity.BrokenTrail
				if n, err := w.PruneAudit(ctx, identity.MinRetention); n != 0 || !errors.As(err, &broken) {
					w.t.Errorf("pruned %d (%v)", n, err)
				}
				if after := w.count("events"); after != before {
					w.t.Errorf("%d events of %d are left", after, before)
				}
			})
		})
	}
}

// anchored are done to a trail whose first 1200 events were pruned, the first 600
// of them before the others.
var anchored = map[string]struct {
	do   func(w *trail, former string)
	seq  int64
	says string
}{
	"moved": {func(w *trail, _ string) {
		w.do(`UPDATE audit_anchors SET seq = 1201`, `DELETE FROM events WHERE seq = 1201`)
	}, 1, "the anchor that says so has a signature that is not ours"},
	"its hash": {func(w *trail, _ string) { w.do(`UPDATE audit_anchors SET hash = '` + zeros() + `'`) }, 1, "not ours"},
	"its time": {func(w *trail, _ string) {
		w.do(`UPDATE audit_anchors SET time = (SELECT time FROM events WHERE seq = 1203)`)
	}, 1, "not ours"},
	"removed": {func(w *trail, _ string) { w.do(`DELETE FROM audit_anchors`) }, 1, "event 1 is missing"},
	"replaced by a checkpoint": {func(w *trail, _ string) {
		c := w.checkpoint(1206)
		w.do(fmt.Sprintf(`UPDATE audit_anchors SET seq = 1206, hash = %s, signature = %s`, quote(c.Hash), quote(c.Signature)), `DELETE FROM events WHERE seq <= 1206`)
	}, 1, "it should begin behind event 1206, but the anchor that says so has a signature that is not ours"},
	"put back":                 {func(w *trail, former string) { w.do(former) }, 601, "event 601 is missing"},
	"events behind it removed": {func(w *trail, _ string) { w.do(`DELETE FROM events WHERE seq <= 1203`) }, 1201, "event 1201 is missing"},
	"the event behind it": {func(w *trail, _ string) {
		w.do(`UPDATE events SET body = replace(body, 'Ada', 'Eve') WHERE seq = 1201`)
	}, 1201, "event 1201 was altered"},
	"its checkpoint forged":     {func(w *trail, _ string) { w.do(`UPDATE checkpoints SET previous = 1 WHERE seq = 1200`) }, 1200, "the checkpoint of event 1200 has a signature"},
	"the checkpoint behind it":  {func(w *trail, _ string) { w.do(`DELETE FROM checkpoints WHERE seq = 1206`) }, 1206, "the checkpoint of event 1206 is missing"},
	"all checkpoints, and note": {func(w *trail, _ string) { w.do(`DELETE FROM checkpoints`, `UPDATE chain_heads SET checkpoint = 0`) }, 1200, "the checkpoint of event 1200 is missing"},
}

func TestAnchorIsTamperedWith(t *testing.T) {
	for name, row := range anchored {
		t.Run(name, func(t *testing.T) {
			eachTrail(t, func(w *trail) {
				w.sign(600)
				w.clock.pass(identity.MinRetention)
				w.prune(600)
				ends, err := w.Store.Ends(ctx)
				if err != nil {
					w.t.Fatal(err)
				}
				a := ends.Anchor
				at := quote(a.Time.Format(time.RFC3339Nano))
				if w.Store.Dialect() == "sqlite" {
					at = fmt.Sprint(a.Time.UnixMicro())
				}
				former := fmt.Sprintf(`UPDATE audit_anchors SET seq = %d, hash = %s, time = %s, signature = %s`, a.Seq, quote(a.Hash), at, quote(a.Signature))
				w.clock.pass(time.Hour)
				w.sign(1200)
				w.clock.pass(identity.MinRetention)
				w.sign(1206)
				w.prune(600)
				w.isWhole()
				row.do(w, former)
				w.isBroken(row.seq, row.says)
			})
		})
	}
}
