package identity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
)

func pageOf(n int) store.Page { return store.Page{Limit: n} }

// reading is all ways to read the trail.
func (w *world) reading() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"audit.read": func(ctx context.Context) error {
			_, err := w.Events(ctx, models.Filter{Person: "Ada"}, 0, 5)
			return err
		},
		"audit.export": func(ctx context.Context) error {
			return w.ExportEvents(ctx, models.Filter{Person: "Ada"}, func(models.Record) error { return nil })
		},
		"audit.review": func(ctx context.Context) error {
			return w.AccessReview(ctx, func(identity.Reviewed) error { return nil })
		},
		"run": func(ctx context.Context) error { _, _, err := w.RunTrail(ctx, "run1"); return err },
	}
}

// Who holds the permission audit reads the trail, as admins and the operator do;
// nobody else does, and whoever does is in it.
func TestWhoReadsTheTrail(t *testing.T) {
	each(t, func(w *world) {
		_, admin := w.signIn(providertest.Ada)
		_, viewer := w.signIn(providertest.Violet)
		user := w.account("audrey", "")
		auditor := &models.Principal{User: user, Access: policy.Access{Permissions: policy.Permissions{policy.Audit: {}}}}
		clerk := &models.Principal{User: user, Access: policy.Access{Permissions: policy.BuiltIn(policy.Admin)}}
		delete(clerk.Access.Permissions, policy.Audit)
		for name, read := range w.reading() {
			for _, who := range []context.Context{ctx, as(viewer), as(clerk)} {
				before := len(w.events())
				if err := read(who); !errors.Is(err, identity.ErrNotAdmin) || len(w.events()) != before {
					w.t.Errorf("%s: %v", name, err)
				}
			}
			for _, who := range []context.Context{operator, as(admin), as(auditor)} {
				if err := read(who); err != nil {
					w.t.Errorf("%s: %v", name, err)
				}
				e := w.lastEvent()
				if e.Actor != models.ActorOf(who) || e.Target == nil || e.Target.Kind != "audit" || (e.Event != name && e.Event != "audit.read") {
					w.t.Errorf("%s: told as %+v", name, e)
				}
			}
		}
		e, err := w.Events(operator, models.Filter{Event: "audit.export"}, 0, 1)
		if err != nil || len(e) != 1 || e[0].Event.Target.ID != `person="Ada"` {
			w.t.Errorf("%+v (%v)", e, err)
		}
	})
}

// No page is read unseen, wherever it begins.
func TestEveryPageIsTold(t *testing.T) {
	each(t, func(w *world) {
		if _, err := w.Events(operator, models.Filter{}, 1<<62, 5); err != nil || len(w.events()) == 0 || w.lastEvent().Event != "audit.read" {
			w.t.Errorf("%d events (%v)", len(w.events()), err)
		}
	})
}

// Whoever calls themself by somebody's id keeps nobody from being found by it.
func TestNameThatIsAnID(t *testing.T) {
	each(t, func(w *world) {
		one := w.made(identity.NewAccount{Username: "one"})
		w.made(identity.NewAccount{Username: "two", Name: one.ID})
		if found, err := w.Users(operator, one.ID); err != nil || len(found) != 1 || found[0].ID != one.ID {
			w.t.Errorf("%+v (%v)", found, err)
		}
	})
}

// An export ends: it does not run after its own event, or those of others.
func TestExport(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.upTo(1203)
		var got []int64
		err := w.ExportEvents(operator, models.Filter{Event: "test.*"}, func(r models.Record) error {
			got = append(got, r.Seq)
			return w.Store.Record(ctx, models.Event{Event: "test.meanwhile"})
		})
		if err != nil || len(got) != 1202 || got[0] != 2 || !slices.IsSorted(got) {
			w.t.Errorf("%d events (%v)", len(got), err)
		}
		enough := errors.New("enough")
		n := 0
		if err := w.ExportEvents(operator, models.Filter{}, func(models.Record) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
			w.t.Errorf("%v after %d", err, n)
		}
	})
}

func TestRunTrail(t *testing.T) {
	each(t, func(w *world) {
		job := &models.Target{Kind: "job", ID: "etl", Location: "prod"}
		events := []models.Event{
			{Event: "dagster.mutation", Outcome: "allowed", RequestID: "r1", Operation: "launchRun", Target: job},
			{Event: "dagster.mutation", Outcome: "ok", RequestID: "r1", Operation: "launchRun", RunID: "run1", Target: job},
			{Event: "dagster.mutation", Outcome: "ok", RequestID: "r2", Operation: "launchRun", RunID: "run2", Target: job},
			{Event: "dagster.mutation", Outcome: "refused", Operation: "terminateRun", Target: &models.Target{Kind: "run", ID: "run1"}},
			{Event: "signin.finish", Outcome: "ok", RequestID: "r1", Operation: "not of the run"},
		}
		if err := w.Store.Record(ctx, events...); err != nil {
			w.t.Fatal(err)
		}
		for run, want := range map[string]string{"run1": "[launchRun allowed launchRun ok terminateRun refused]", "run2": "[launchRun ok]", "run3": "[]"} {
			all, cut, err := w.RunTrail(operator, run)
			got := []string{}
			for _, r := range all {
				got = append(got, r.Event.Operation+" "+r.Event.Outcome)
			}
			if fmt.Sprint(got) != want || cut || err != nil {
				w.t.Errorf("%s: %v (%v), want %s", run, got, err, want)
			}
		}
		if _, _, err := w.RunTrail(operator, ""); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("of no run: %v", err)
		}
	})
}

// A run has no more than 10,000 events of each kind, the newest, and says so.
func TestRunTrailIsCut(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	events := make([]models.Event, 10_001)
	for i := range events {
		events[i] = models.Event{Event: "dagster.mutation", RunID: "long", Operation: fmt.Sprint(i)}
	}
	if err := w.Store.Record(ctx, events...); err != nil {
		t.Fatal(err)
	}
	all, cut, err := w.RunTrail(operator, "long")
	if err != nil || !cut || len(all) != 10_000 || all[0].Event.Operation != "1" {
		t.Errorf("%d events, cut: %v (%v)", len(all), cut, err)
	}
}

// A review says who has what, by which rule, since when, and who gave it.
func TestAccessReview(t *testing.T) {
	each(t, func(w *world) {
		_, ada := w.signIn(providertest.Ada)
		w.clock.pass(time.Second)
		_, violet := w.signIn(providertest.Violet)
		w.clock.pass(time.Second)
		local := w.account("grace", policy.None)
		if _, err := w.SetRole(operator, local.ID, policy.Editor); err != nil {
			w.t.Fatal(err)
		}
		if err := w.Disable(operator, violet.User.ID); err != nil {
			w.t.Fatal(err)
		}
		var all []identity.Reviewed
		if err := w.AccessReview(operator, func(r identity.Reviewed) error { all = append(all, r); return nil }); err != nil {
			w.t.Fatal(err)
		}
		type line struct {
			ID, Assigned, By, Role, Rule string
			Disabled, Enters, Signed     bool
		}
		got := []line{}
		for _, r := range all {
			way := r.Ways[0]
			got = append(got, line{r.ID, string(r.Assigned), r.AssignedBy, string(way.Role), fmt.Sprint(way.Rules), r.DisabledAt != nil, way.Enters, r.LastSignIn != nil})
			if (r.AssignedAt != nil) != (r.Assigned != policy.None) {
				w.t.Errorf("%s assigned %v", r.Name, r.AssignedAt)
			}
		}
		want := []line{
			{ada.User.ID, "", "", "admin", "[admin_emails]", false, true, true},
			{violet.User.ID, "", "", "viewer", "[default_role]", true, false, true},
			{local.ID, "editor", "operator", "editor", "[assigned_role]", false, true, false},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("want (-) and got (+):\n%s", diff)
		}
	})
}

func TestAccessReviewOfMany(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		for i := range 450 { // at the same time, and more than are read in one go
			if err := tx.InsertUser(models.NewUser(fmt.Sprint(i), "", w.clock.now())); err != nil {
				return models.Event{}, err
			}
		}
		return models.Event{Event: "test.say"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	if err := w.AccessReview(operator, func(r identity.Reviewed) error { seen[r.Name] = true; return nil }); err != nil || len(seen) != 450 {
		t.Errorf("%d people (%v)", len(seen), err)
	}
}
