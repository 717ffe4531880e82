package identity_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// auditing is somebody in a session who holds the permission audit, and nothing
// else.
func auditing(user models.User, session string) context.Context {
	return as(&models.Principal{User: user, SessionID: session, Access: policy.Access{Permissions: policy.Permissions{policy.Audit: {}}}})
}

// views are all by which an auditor reads; each tells how much it got.
func views(w *world) map[string]func(c context.Context) (int, error) {
	return map[string]func(c context.Context) (int, error){
		"review": func(c context.Context) (int, error) {
			lines, _, err := w.Review(c, identity.ReviewQuery{})
			return len(lines), err
		},
		"privileged": func(c context.Context) (int, error) {
			all, err := w.PrivilegedEvents(c, models.Filter{}, 0, 0)
			return len(all.Records), err
		},
		"checkpoints": func(c context.Context) (int, error) {
			all, err := w.Checkpoints(c, 0, 0)
			return len(all), err
		},
		"failures": func(c context.Context) (int, error) {
			f, err := w.Failures(c, w.clock.now().Add(-time.Hour), w.clock.now().Add(time.Hour))
			return int(f.Total), err
		},
		"tail": func(c context.Context) (int, error) {
			t, err := w.OpenTail(c, models.Filter{})
			return len(t.Records) + len(t.Token), err
		},
	}
}

// Who may not audit gets nothing from any view, and leaves no word that they
// looked; who may is told of.
func TestWhoSeesTheAuditorsViews(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("audrey", policy.Admin)
		w.fail("192.0.2.1", "wrong_password")
		if err := w.Checkpoint(ctx, true); err != nil {
			w.t.Fatal(err)
		}
		holding := func(all policy.Permissions) context.Context {
			return as(&models.Principal{User: user, SessionID: "s1", Access: policy.Access{Role: policy.Admin, Permissions: all}})
		}
		clerk := policy.BuiltIn(policy.Admin)
		delete(clerk, policy.Audit)
		for name, look := range views(w) {
			for who, c := range map[string]context.Context{"a stranger": ctx, "nobody": as(nil), "an editor": holding(policy.BuiltIn(policy.Editor)), "a clerk": holding(clerk)} {
				before := len(w.events())
				if got, err := look(c); !errors.Is(err, identity.ErrNotAuditor) || got != 0 || len(w.events()) != before {
					w.t.Errorf("%s by %s: got %d, %v", name, who, got, err)
				}
			}
			for who, c := range map[string]context.Context{"an auditor": auditing(user, "s1"), "an admin": holding(policy.BuiltIn(policy.Admin))} {
				if got, err := look(c); got == 0 || err != nil {
					w.t.Errorf("%s by %s: got %d, %v", name, who, got, err)
				}
				if e := w.lastEvent(); e.Event != "audit.read" || e.Actor.ID != user.ID || !strings.HasPrefix(e.Target.ID, name) {
					w.t.Errorf("%s by %s is told as %+v", name, who, e)
				}
			}
		}
	})
}

// An auditor changes nothing, and looks at nothing but the trail.
func TestAuditorsOnlyAudit(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("audrey", policy.None)
	for name, read := range reads(w, user.ID) {
		if got, err := read(auditing(user, "s1")); !errors.Is(err, identity.ErrNotAdmin) || got != 0 {
			t.Errorf("%s: got %d, %v", name, got, err)
		}
	}
	if _, err := w.SetRole(auditing(user, "s1"), user.ID, policy.Admin); !errors.Is(err, identity.ErrNotAdmin) {
		t.Error(err)
	}
}

// fail records a failed sign-in.
func (w *world) fail(address, reason string, edit ...func(*models.Event)) {
	w.t.Helper()
	e := models.Event{
		Event: "signin.finish", Outcome: models.OutcomeRefused, Reason: reason, Provider: "oidc", ClientIP: address,
		Actor: models.Actor{Kind: "anonymous"}, Time: w.clock.now(),
	}
	for _, change := range edit {
		change(&e)
	}
	if err := w.Store.Record(ctx, e); err != nil {
		w.t.Fatal(err)
	}
}

func TestFailures(t *testing.T) {
	each(t, func(w *world) {
		now := w.clock.now().Truncate(time.Hour)
		w.clock.at = now
		at := func(d time.Duration) func(*models.Event) { return func(e *models.Event) { e.Time = now.Add(d) } }
		times := func(n int) func(*models.Event) { return func(e *models.Event) { e.Count = n } }
		called := func(event, outcome string) func(*models.Event) {
			return func(e *models.Event) { e.Event, e.Outcome, e.Provider = event, outcome, "password" }
		}
		w.fail("192.0.2.1", "wrong", at(-25*time.Hour))
		w.fail("192.0.2.1", "wrong", at(-24*time.Hour))
		w.fail("192.0.2.1", "wrong", at(-90*time.Minute), times(40))
		w.fail("192.0.2.2", "wrong", at(-time.Minute), called("session.confirm", models.OutcomeRefused))
		w.fail("192.0.2.2", "down", at(-time.Minute), called("signin.begin", models.OutcomeFailed))
		w.fail("192.0.2.2", "fine", at(-time.Minute), called("signin.finish", models.OutcomeOK))
		w.fail("192.0.2.2", "no_right", at(-time.Minute), called("dagster.mutation", models.OutcomeRefused))
		w.fail("192.0.2.3", "wrong", at(0))
		f, err := w.Failures(operator, now.Add(-24*time.Hour), now)
		if err != nil {
			w.t.Fatal(err)
		}
		reasons := []identity.FailureReason{
			{Reason: "wrong", Provider: "oidc", Count: 41, Last: now.Add(-90 * time.Minute)},
			{Reason: "down", Provider: "password", Count: 1, Last: now.Add(-time.Minute)},
			{Reason: "wrong", Provider: "password", Count: 1, Last: now.Add(-time.Minute)},
		}
		addresses := []identity.FailureAddress{
			{Address: "192.0.2.1", Count: 41, Last: now.Add(-90 * time.Minute)}, {Address: "192.0.2.2", Count: 2, Last: now.Add(-time.Minute)},
		}
		counts := make([]int64, 24)
		counts[0], counts[22], counts[23] = 1, 40, 2
		if diff := cmp.Diff(reasons, f.Reasons) + cmp.Diff(addresses, f.Addresses) + cmp.Diff(counts, f.Counts); diff != "" || f.Total != 43 || !f.Cut.IsZero() || f.Each != time.Hour || !f.Begins.Equal(f.Since) {
			w.t.Errorf("%+v\n%s", f, diff)
		}
	})
}

// However long or short a time is, there are a few pieces of it, and every event
// is in one of them.
func TestFailuresOfAnyTime(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fail("192.0.2.1", "wrong")
	for _, length := range []time.Duration{time.Millisecond, time.Second, time.Minute, 50 * time.Minute, 24 * time.Hour, 7 * 24 * time.Hour, 30*24*time.Hour + 7, 90 * 365 * 24 * time.Hour} {
		f, err := w.Failures(operator, w.clock.now(), w.clock.now().Add(length))
		sum := int64(0)
		for _, n := range f.Counts {
			sum += n
		}
		if err != nil || sum != 1 || len(f.Counts) > 50 || f.Begins.After(f.Since) || f.Begins.Add(time.Duration(len(f.Counts))*f.Each).Before(f.Until) {
			t.Errorf("%s: %v, %d in %d pieces of %s", length, err, sum, len(f.Counts), f.Each)
		}
	}
}

// Nor is a time too long, or turned around.
func TestFailuresOfAllTime(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fail("192.0.2.1", "wrong")
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for want, f := range []func() (identity.Failures, error){
		func() (identity.Failures, error) { return w.Failures(operator, last, first) },
		func() (identity.Failures, error) { return w.Failures(operator, first.Add(1), last) },
	} {
		if got, err := f(); err != nil || got.Total != int64(want) || len(got.Counts) == 0 || len(got.Counts) > 50 {
			t.Errorf("%v: %d in %d pieces", err, got.Total, len(got.Counts))
		}
	}
}

// Of very many the newest are counted, and the page says so.
func TestFailuresAreBounded(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	began := w.clock.now()
	events := make([]models.Event, 3010)
	for i := range events {
		events[i] = models.Event{
			Event: "signin.finish", Outcome: models.OutcomeRefused, Reason: "wrong", ClientIP: fmt.Sprintf("192.0.2.%d", i%30),
			Actor: models.Actor{Kind: "anonymous"}, Time: began.Add(time.Duration(i) * time.Millisecond),
		}
	}
	if err := w.Store.Record(ctx, events...); err != nil {
		t.Fatal(err)
	}
	f, err := w.Failures(operator, began, began.Add(time.Hour))
	if err != nil || f.Total != 3000 || !f.Cut.Equal(events[10].Time) || len(f.Addresses) != identity.FailureAddresses || f.OtherAddresses != 10 {
		t.Errorf("%v: %d since %s, %d addresses and %d", err, f.Total, f.Cut, len(f.Addresses), f.OtherAddresses)
	}
}

func TestPrivilegedEvents(t *testing.T) {
	each(t, func(w *world) {
		bob := w.account("bob", policy.Editor) // an account is made, with a role and a password
		w.signIn(providertest.Ada)
		did := func(permission string) models.Event {
			return models.Event{Event: "dagster.mutation", Outcome: "ok", Permission: permission, Actor: models.Actor{ID: bob.ID, Name: "bob", Kind: "user"}, Time: w.clock.now()}
		}
		if err := w.Store.Record(ctx, did("wipe_assets"), did("launch_pipeline_execution"), did("delete_pipeline_run"), did("unclassified_mutation")); err != nil {
			w.t.Fatal(err)
		}
		said := func(all identity.EventPage, err error) (words []string) {
			if err != nil {
				w.t.Fatal(err)
			}
			for _, r := range all.Records {
				words = append(words, strings.TrimSpace(r.Event.Event+" "+r.Event.Permission))
			}
			return words
		}
		all := said(w.PrivilegedEvents(operator, models.Filter{}, 0, 100))
		bobs := said(w.PrivilegedEvents(operator, models.Filter{Person: bob.ID, Event: "user.*", Outcome: "refused"}, 0, 100))
		want := []string{"dagster.mutation unclassified_mutation", "dagster.mutation delete_pipeline_run", "dagster.mutation wipe_assets"}
		if diff := cmp.Diff(want, bobs); diff != "" || len(all) < 4 || !slices.Contains(all, "user.add") || slices.Contains(all, "signin.finish") {
			w.t.Errorf("%v\n%s", all, diff)
		}
		first, err := w.PrivilegedEvents(operator, models.Filter{}, 0, 2)
		if err != nil || len(first.Records) != 2 {
			w.t.Fatal(err, len(first.Records))
		}
		rest := said(w.PrivilegedEvents(operator, models.Filter{}, first.Next, 100))
		if diff := cmp.Diff(all, append(said(first, nil), rest...)); diff != "" {
			w.t.Errorf("the pages are not the whole: %s", diff)
		}
	})
}

// ordinary are our own events that no auditor looks at one by one: the rest is
// privileged.
var ordinary = []string{
	"signin.begin", "signin.finish", "signin.start", "signout.finish", "session.confirm", "audit.read",
	"dagster.mutation", "dagster.read", "dagster.request", "dagster.socket", // these by their permission
}

var eventInCode = regexp.MustCompile(`(?:NewEvent\(ctx, |refused\(ctx, |refuseAs\(ctx, |audited\(ctx, |event\(ctx, |Event: )"([a-z]+\.[a-z_]+)"`)

// Whoever adds an event decides whether it is privileged.
func TestEveryEventIsJudged(t *testing.T) {
	found := 0
	for _, pattern := range []string{"../identity/*.go", "../proxy/*.go", "../handlers/*.go", "../cmd/dagpass/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range eventInCode.FindAllStringSubmatch(string(code), -1) {
				if strings.HasSuffix(file, "_test.go") {
					continue
				}
				found++
				if !slices.Contains(ordinary, match[1]) && !slices.ContainsFunc(identity.PrivilegedKinds(), func(k identity.PrivilegedKind) bool {
					return k.Event == match[1] || k.Event == strings.Split(match[1], ".")[0]+".*"
				}) {
					t.Errorf("%s: is %s privileged? It stands in neither list", file, match[1])
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("%d events found: what does this test look at?", found)
	}
	for _, k := range identity.PrivilegedKinds() {
		if k.Permission != "" && !slices.Contains(policy.All(), k.Permission) || (k.Event == "") == (k.Permission == "") || !strings.HasSuffix(k.Why, ".") {
			t.Errorf("%+v", k)
		}
	}
}

// A page of the review is what the whole review says, and the pages are the whole.
func TestReviewPages(t *testing.T) {
	each(t, func(w *world) {
		for i := range 7 {
			w.account(fmt.Sprintf("person%d", i), []policy.Role{policy.None, policy.Editor}[i%2])
		}
		w.signIn(providertest.Ada)
		whole, paged := map[string]identity.Reviewed{}, map[string]identity.Reviewed{}
		if err := w.AccessReview(operator, func(r identity.Reviewed) error { whole[r.ID] = r; return nil }); err != nil {
			w.t.Fatal(err)
		}
		after := ""
		for pages := 0; pages == 0 || after != ""; pages++ {
			lines, next, err := w.Review(operator, identity.ReviewQuery{After: after, Limit: 3})
			if err != nil || len(lines) > 3 || pages > 3 {
				w.t.Fatalf("page %d: %d lines, %v", pages, len(lines), err)
			}
			for _, l := range lines {
				paged[l.ID] = l
			}
			after = next
		}
		if diff := cmp.Diff(whole, paged); diff != "" || len(whole) != 8 {
			w.t.Errorf("%d people: %s", len(whole), diff)
		}
		for name, c := range map[string]struct {
			identity.ReviewQuery
			want int
		}{
			"a text":           {identity.ReviewQuery{Text: "PERSON3"}, 1},
			"an assigned role": {identity.ReviewQuery{Role: policy.Editor}, 3},
			"a given role":     {identity.ReviewQuery{Role: policy.Admin}, 1}, // ADMIN_EMAILS
			"a permission":     {identity.ReviewQuery{Permission: policy.WipeAssets}, 4},
			"both":             {identity.ReviewQuery{Permission: policy.WipeAssets, Role: policy.Admin}, 1},
			"nobody":           {identity.ReviewQuery{Text: "person", Permission: policy.Administer}, 0},
		} {
			lines, next, err := w.Review(operator, c.ReviewQuery)
			if err != nil || len(lines) != c.want || next != "" {
				w.t.Errorf("%s: %d lines, %q, %v", name, len(lines), next, err)
			}
		}
		if _, _, err := w.Review(operator, identity.ReviewQuery{After: "%"}); !errors.Is(err, identity.ErrBadPage) {
			w.t.Error(err)
		}
	})
}

// Why somebody has a role, and since when.
func TestReviewSaysWhy(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("edgar", policy.Editor)
	lines, _, err := w.Review(operator, identity.ReviewQuery{})
	if err != nil || len(lines) != 1 || len(lines[0].Ways) != 1 {
		t.Fatalf("%v %+v", err, lines)
	}
	l, way := lines[0], lines[0].Ways[0]
	if l.ID != user.ID || l.Assigned != policy.Editor || way.Role != policy.Editor || !slices.Equal(way.Rules, []string{"assigned_role"}) || way.Since == nil || !way.Enters {
		t.Errorf("%+v", l)
	}
	rows := l.Rows(func(name string) string { return "<" + name + ">" })
	if len(rows) != 1 || len(rows[0]) != len(identity.ReviewColumns()) || !slices.Contains(rows[0], "<assigned_role>") {
		t.Errorf("%q", rows)
	}
}

func TestNames(t *testing.T) {
	each(t, func(w *world) {
		one, two := w.account("one", ""), w.account("two", "")
		for who, c := range map[string]context.Context{"an auditor": auditing(one, "s"), "who looks at people": as(&models.Principal{User: one, Access: policy.Access{Permissions: policy.Permissions{policy.Administer: {}}}})} {
			names, err := w.Names(c, []string{one.ID, two.ID, one.ID, "nobody"})
			if diff := cmp.Diff(map[string]string{one.ID: one.Label(), two.ID: two.Label()}, names); diff != "" || err != nil {
				w.t.Errorf("%s: %v %s", who, err, diff)
			}
		}
		if names, err := w.Names(as(&models.Principal{User: one}), []string{two.ID}); err == nil || names != nil {
			w.t.Errorf("%v %v", names, err)
		}
	})
}
