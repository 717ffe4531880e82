package identity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// personChanges are the changes that a form about a person can make.
func personChanges(w *world) map[string]func(c context.Context, id string) error {
	return map[string]func(c context.Context, id string) error{
		"role":     func(c context.Context, id string) error { _, err := w.SetRole(c, id, policy.Launcher); return err },
		"disable":  func(c context.Context, id string) error { return w.Disable(c, id) },
		"enable":   func(c context.Context, id string) error { return w.Enable(c, id) },
		"link":     func(c context.Context, id string) error { _, err := w.MakeLink(c, id, models.LinkPassword); return err },
		"sign out": func(c context.Context, id string) error { _, err := w.EndSessionsOf(c, id); return err },
		"mfa":      func(c context.Context, id string) error { _, err := w.ResetFactors(c, id); return err },
		"delete":   func(c context.Context, id string) error { return w.Delete(c, id) },
	}
}

// What was decided upon somebody as they no longer are does not happen, and what
// the other admin did stays.
func TestPersonChangedMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		admin := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin}))
		for name, change := range personChanges(w) {
			user := w.made(identity.NewAccount{Username: "of-" + strings.ReplaceAll(name, " ", "-")})
			before := w.person(admin, user.ID).Version
			if _, err := w.SetRole(admin, user.ID, policy.Editor); err != nil {
				w.t.Fatal(err)
			}
			session := w.session1(user)
			after := w.person(admin, user.ID).Version
			for _, version := range []string{before, "", "x"} {
				if err := change(identity.WithVersion(admin, version), user.ID); !errors.Is(err, identity.ErrChanged) {
					w.t.Errorf("%s with version %q: %v", name, version, err)
				}
			}
			page := w.person(admin, user.ID)
			if page.User.Role != policy.Editor || page.User.Disabled() || page.Version != after || w.sessionOf(user.ID) != session {
				w.t.Errorf("%s: it happened all the same: %+v", name, page.User)
			}
			if err := change(identity.WithVersion(admin, after), user.ID); err != nil {
				w.t.Errorf("%s with the version that is: %v", name, err)
			}
		}
	})
}

// Of two admins who decide upon the same, one wins, and the other is told.
func TestTwoAdminsAtOnce(t *testing.T) {
	each(t, func(w *world) {
		admins := []context.Context{
			w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin})),
			w.acting(w.made(identity.NewAccount{Username: "chief", Role: policy.Admin})),
		}
		user := w.made(identity.NewAccount{Username: "ada"})
		for _, pair := range [][2]policy.Role{{policy.Viewer, policy.Launcher}, {policy.Editor, policy.None}, {policy.Launcher, policy.Viewer}} {
			version := w.person(admins[0], user.ID).Version
			var errs [2]error
			var both sync.WaitGroup
			for i, c := range admins {
				both.Go(func() { _, errs[i] = w.SetRole(identity.WithVersion(c, version), user.ID, pair[i]) })
			}
			both.Wait()
			won := slices.Index(errs[:], nil)
			if won < 0 || !errors.Is(errs[1-won], identity.ErrChanged) || w.person(admins[0], user.ID).User.Role != pair[won] {
				w.t.Errorf("%v: %v", pair, errs)
			}
		}
	})
}

// Nobody takes their own access away by accident: they confirm it, and then it
// happens.
func TestLeavingOneself(t *testing.T) {
	for name, deed := range map[string]func(w *world, c context.Context, id string) error{
		"disable": func(w *world, c context.Context, id string) error { return w.Disable(c, id) },
		"demote": func(w *world, c context.Context, id string) error {
			_, err := w.SetRole(c, id, policy.Editor)
			return err
		},
		"no role": func(w *world, c context.Context, id string) error {
			_, err := w.SetRole(c, id, policy.None)
			return err
		},
		"delete": func(w *world, c context.Context, id string) error { return w.Delete(c, id) },
		"merge": func(w *world, c context.Context, id string) error {
			_, err := w.Merge(c, id, w.made(identity.NewAccount{Username: models.NewID()}).ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				user := w.made(identity.NewAccount{Username: "boss", Role: policy.Admin})
				admin, other := w.acting(user), w.made(identity.NewAccount{Username: "other", Role: policy.Admin})
				err := deed(w, admin, user.ID)
				if !errors.Is(err, identity.ErrSelf) || models.AsError(err).Field != "confirm" {
					w.t.Fatal(err)
				}
				if page := w.person(admin, user.ID); !page.Self || page.User.Role != policy.Admin || page.User.Disabled() {
					w.t.Errorf("%+v", page.User)
				}
				if err := deed(w, admin, other.ID); err != nil {
					w.t.Errorf("to another: %v", err)
				}
				w.made(identity.NewAccount{Username: "third", Role: policy.Admin})
				if err := deed(w, identity.WithConsent(admin), user.ID); err != nil {
					w.t.Errorf("confirmed: %v", err)
				}
			})
		})
	}
}

// A role of one's own may go where the rules give all of it anyway, and rise.
func TestOwnRoleThatTakesNothing(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, ada := w.signIn(providertest.Ada) // an admin by ADMIN_EMAILS
	admin := w.acting(ada.User)
	for _, role := range []policy.Role{policy.Admin, policy.Viewer, policy.None} {
		if _, err := w.SetRole(admin, ada.User.ID, role); err != nil {
			t.Errorf("%q: %v", role, err)
		}
	}
}

// The last admin stays, whatever they confirm.
func TestLastAdminByThemself(t *testing.T) {
	each(t, func(w *world) {
		w.change(lonely)
		user := w.made(identity.NewAccount{Username: "boss", Role: policy.Admin})
		admin := identity.WithConsent(w.acting(user))
		for name, err := range map[string]error{
			"disable": w.Disable(admin, user.ID), "demote": second(w.SetRole(admin, user.ID, policy.Editor)), "delete": w.Delete(admin, user.ID),
		} {
			if !errors.Is(err, identity.ErrLastAdmin) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		if page := w.person(admin, user.ID); page.User.Role != policy.Admin || page.User.Disabled() {
			w.t.Errorf("%+v", page.User)
		}
	})
}

// Who has proved lately who they are may change others. Where there is nothing to
// prove it with, a sign-in of the last ten minutes is as good, and a second factor
// ends that.
func TestChangesWantProof(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.change(policy.Options{DefaultRole: policy.Viewer, AdminEmails: []string{"violet@example.com"}})
	user := w.made(identity.NewAccount{Username: "ada"})
	w.idp.Misbehave(providertest.Fault{Claims: providertest.Both(providertest.Drop("auth_time"), providertest.Set("hd", "example.com"))})
	come := func(slot string) *models.Principal {
		in, err := w.Finish(ctx, w.comeBy(slot, providertest.Violet))
		if err != nil {
			t.Fatal(err)
		}
		p := w.who(in.Token)
		if p.Access.Role != policy.Admin || w.Fresh(p) {
			t.Fatalf("%+v", p.Access.Role)
		}
		return p
	}
	try := func(p *models.Principal, want error) {
		t.Helper()
		if err := w.Enable(as(p), user.ID); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	try(come("oidc"), identity.ErrConfirm) // which can ask them anew
	who := come("google")
	try(who, nil)
	proven := *who
	proven.ProvenAt = w.clock.now()
	p := &person{w: w, user: who.User}
	p.enrolTOTP(w.self(who))
	try(who, identity.ErrConfirm)
	try(&proven, nil)
	w.clock.pass(identity.FreshFor)
	try(&proven, identity.ErrConfirm)
	if err := w.RemoveFactor(ctx, w.self(&models.Principal{User: who.User, Identity: who.Identity, ProvenAt: w.clock.now()}), w.factors(who.User.ID)[0].ID); err != nil {
		t.Fatal(err)
	}
	try(who, identity.ErrConfirm) // they signed in long ago
}

// A person's page explains each way in and holds no secret.
func TestPersonPage(t *testing.T) {
	each(t, func(w *world) {
		w.change(policy.Options{DefaultRole: policy.Viewer, AdminEmails: []string{"ada@example.com"}, File: []byte(`
grants:
  - { domain: example.com, role: launcher, locations: ["sales*", ops] }
`)})
		p := w.protected("violet")
		w.session1(p.user)
		if err := w.Disable(operator, p.user.ID); err != nil {
			w.t.Fatal(err)
		}
		w.session1(p.user)
		page := w.person(operator, p.user.ID)
		way := page.Ways[0]
		if way.Open || way.Reason != "user_disabled" || len(way.Rules) != 1 || way.Rules[0].Name != "default_role" || !page.HasPassword || page.Username != "violet" {
			w.t.Errorf("%+v", page)
		}
		if len(page.Sessions) != 1 || len(page.Factors) != 1 || page.RecoveryCodes != 10 {
			w.t.Errorf("%d sessions, %d factors, %d codes", len(page.Sessions), len(page.Factors), page.RecoveryCodes)
		}
		for _, s := range page.Sessions {
			if s.SecretHash+s.IDToken != "" {
				w.t.Error("a session's secrets are told")
			}
		}
		if page.Factors[0].Sealed != "" {
			w.t.Error("a factor's secret is told")
		}
		if r := page.Recent[0]; len(page.Recent) < 4 || r.Event.Event != "user.disable" || r.Event.Target.ID != p.user.ID {
			w.t.Errorf("%+v", page.Recent)
		}
		_, ada := w.signIn(providertest.Ada)
		page = w.person(operator, ada.User.ID)
		if rules := page.Ways[0].Rules; len(rules) != 2 || rules[0].Role != policy.Admin || !slices.Equal(rules[1].Locations, []string{"sales*", "ops"}) ||
			!strings.Contains(rules[1].Text, "launcher") || !rules[1].Permissions.Has(policy.LaunchPipelineExecution) || !page.Ways[0].Open || page.Ways[0].Reason != "" {
			w.t.Errorf("%+v", rules)
		}
		for _, id := range []string{"", "x", "'", "\x00", models.NewID()} {
			if _, err := w.Person(operator, id); !errors.Is(err, models.ErrNotFound) {
				w.t.Errorf("%q: %v", id, err)
			}
		}
	})
}

func TestGrantable(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.policyFile("roles: { clerk: { extends: viewer, allow: [wipe_assets] } }")
	clerk := policy.BuiltIn(policy.Launcher)
	clerk[policy.Administer] = struct{}{}
	for want, c := range map[string]context.Context{
		"[viewer launcher editor admin clerk]": operator,
		"[viewer launcher]":                    as(&models.Principal{Access: policy.Access{Permissions: clerk}}),
	} {
		roles, err := w.Grantable(c)
		if fmt.Sprint(roles) != want || err != nil {
			t.Errorf("%v, want %s, %v", roles, want, err)
		}
	}
}

func TestSessionLines(t *testing.T) {
	each(t, func(w *world) {
		want := map[string]bool{}
		for i := range 7 {
			user := w.made(identity.NewAccount{Username: fmt.Sprintf("u%d", i), Name: fmt.Sprintf("Person %% %d", i)})
			want[w.session1(user)] = true
			if i%2 == 0 {
				w.clock.pass(time.Second)
			}
		}
		for _, limit := range []int{1, 3, 7, 0} {
			got, after := map[string]bool{}, ""
			for {
				lines, next, err := w.SessionLines(operator, "", after, limit)
				if err != nil {
					w.t.Fatal(err)
				}
				for _, l := range lines {
					if got[l.Session.ID] || l.User.ID != l.Session.UserID || l.Session.SecretHash+l.Session.IDToken != "" {
						w.t.Errorf("%+v", l)
					}
					got[l.Session.ID] = true
				}
				if after = next; after == "" {
					break
				}
			}
			for id := range want {
				if !got[id] {
					w.t.Errorf("by %d: %s is left out", limit, id)
				}
			}
		}
		for text, n := range map[string]int{"person % 3": 1, "PERSON": 7, "203.0.113.7": 7, "<B>fire": 7, "_": 0, "'": 0, "\x00": 7} {
			if lines, _, err := w.SessionLines(operator, text, "", 0); len(lines) != n || err != nil {
				w.t.Errorf("%q: %d, %v", text, len(lines), err)
			}
		}
		w.clock.pass(2 * time.Hour)
		if lines, _, err := w.SessionLines(operator, "", "", 0); len(lines) != 0 || err != nil {
			w.t.Errorf("%d that are over, %v", len(lines), err)
		}
	})
}

func TestOverview(t *testing.T) {
	each(t, func(w *world) {
		w.clock.mu.Lock()
		w.clock.at = time.Date(2026, 3, 29, 14, 30, 0, 0, time.UTC)
		now := w.clock.at
		w.clock.mu.Unlock()
		bo := w.made(identity.NewAccount{Username: "bo"})
		w.session1(w.made(identity.NewAccount{Username: "cy"}))
		if err := w.Disable(operator, bo.ID); err != nil {
			w.t.Fatal(err)
		}
		for _, e := range []models.Event{
			{Event: "signin.finish", Outcome: models.OutcomeOK, Time: now},
			{Event: "signin.finish", Outcome: models.OutcomeOK, Time: now.Add(-31 * time.Minute)},
			{Event: "signin.finish", Outcome: models.OutcomeOK, Time: now.Add(-20 * time.Hour)},
			{Event: "signin.finish", Outcome: models.OutcomeOK, Time: now.Add(-25 * time.Hour)},
			{Event: "signin.finish", Outcome: models.OutcomeFailed, Time: now},
			{Event: "signin.finish", Outcome: models.OutcomeRefused, Time: now},
			{Event: "dagster.mutation", Outcome: models.OutcomeRefused, Count: 5, Time: now.Add(-14 * time.Hour)},
			{Event: "dagster.mutation", Outcome: models.OutcomeRefused, Time: now.Add(-15 * time.Hour)},
			{Event: "dagster.mutation", Outcome: models.OutcomeOK, Time: now},
			{Event: "signin.finish", Outcome: models.OutcomeOK, Time: now.Add(2 * time.Hour)},
		} {
			if err := w.Store.Record(ctx, e); err != nil {
				w.t.Fatal(err)
			}
		}
		o, err := w.Overview(operator)
		if err != nil {
			w.t.Fatal(err)
		}
		ins, outs := make([]int64, 24), make([]int64, 24)
		ins[23], ins[22], ins[3] = 2, 1, 1
		outs[23], outs[9], outs[8] = 1, 5, 1
		if !slices.Equal(o.SignIns, ins) || !slices.Equal(o.Refusals, outs) || o.SignInsToday != 3 || o.RefusalsToday != 6 || !o.LastHour.Equal(now.Truncate(time.Hour)) {
			w.t.Errorf("%+v", o)
		}
		if o.People != 2 || o.Disabled != 1 || o.OpenSessions != 1 || len(o.Recent) != 10 || o.Recent[0].Seq <= o.Recent[9].Seq {
			w.t.Errorf("%d people, %d disabled, %d sessions, %d events", o.People, o.Disabled, o.OpenSessions, len(o.Recent))
		}
	})
}

func TestAccessOverview(t *testing.T) {
	each(t, func(w *world) {
		w.change(policy.Options{DefaultRole: policy.Viewer, AdminEmails: []string{"ada@example.com", "bo@example.com"}, File: []byte(`
roles: { clerk: { extends: viewer, allow: [wipe_assets] } }
grants:
  - { group: "<b>eng</b>", role: clerk, locations: ["a*"] }
  - { domain: example.com, role: editor }
`)})
		w.made(identity.NewAccount{Username: "ada"})
		bo := w.made(identity.NewAccount{Username: "bo", Role: "clerk"})
		page, err := w.AccessOverview(operator)
		if err != nil || page.DefaultRole != policy.Viewer || len(page.Permissions) != len(policy.BuiltIn(policy.Admin)) {
			w.t.Fatalf("%+v, %v", page, err)
		}
		if len(page.Roles) != 5 || page.Roles[0].Role != policy.Viewer || !page.Roles[3].BuiltIn || page.Roles[4].Role != "clerk" || page.Roles[4].BuiltIn || !page.Roles[4].Permissions.Has(policy.WipeAssets) {
			w.t.Errorf("%+v", page.Roles)
		}
		if len(page.Grants) != 3 || page.Grants[0].Text != "ada@example.com, bo@example.com" || page.Grants[1].Rule != "grant 1" || !slices.Equal(page.Grants[1].Locations, []string{"a*"}) || page.Grants[2].Role != policy.Editor {
			w.t.Errorf("%+v", page.Grants)
		}
		if len(page.Assigned) != 1 || page.AssignedTotal != 1 || page.Assigned[0].User.ID != bo.ID {
			w.t.Errorf("%+v", page.Assigned)
		}
	})
}

// Who can do something is whoever Decide says, of those who may sign in.
func TestWhoCan(t *testing.T) {
	each(t, func(w *world) {
		w.change(policy.Options{DefaultRole: policy.Viewer, Slots: []string{"oidc"}, AdminEmails: []string{"ada@example.com"}, File: []byte(`
grants:
  - { slot: oidc, domain: example.com, role: editor, locations: ["sales*", ops] }
`)})
		for i, role := range []policy.Role{policy.None, policy.Viewer, policy.Launcher, policy.Editor, policy.Admin, policy.None} {
			w.made(identity.NewAccount{Username: fmt.Sprintf("u%d", i), Role: role})
		}
		w.signIn(providertest.Violet)
		w.signIn(providertest.Ada)
		barred := w.made(identity.NewAccount{Username: "barred", Role: policy.Admin})
		if err := w.Disable(operator, barred.ID); err != nil {
			w.t.Fatal(err)
		}
		all := w.everybody()
		for _, perm := range []policy.Permission{
			policy.Read, policy.LaunchPipelineExecution, policy.WipeAssets, policy.ReloadWorkspace, policy.Administer, "nonsense", "",
		} {
			for _, location := range []string{"", "sales", "ops", "marketing", "<b>"} {
				w.sameWho(all, policy.Want{Permission: perm, Location: location}, 2)
			}
		}
		for _, limit := range []int{0, 1, 3, 8, 9} {
			w.sameWho(all, policy.Want{Permission: policy.Read}, limit)
		}
	})
}

// way is one way in of somebody who is not disabled.
type way struct {
	key, slot string
	access    policy.Access
}

func (w *world) everybody() (all []way) {
	w.t.Helper()
	for _, l := range w.walk(identity.PeopleQuery{Limit: 100, State: "active"}, func() {}) {
		identities, err := w.Store.IdentitiesOf(ctx, l.User.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, i := range identities {
			who := i.Claims.Subject(i.Slot)
			who.Assigned = l.User.Role
			all = append(all, way{l.User.ID, i.Slot, w.Policy().Access(who)})
		}
	}
	return all
}

func (w *world) sameWho(all []way, want policy.Want, limit int) {
	w.t.Helper()
	expected := map[string]policy.Decision{}
	for _, one := range all {
		if d := policy.Decide(one.access, want); d.Allowed {
			expected[one.key+one.slot] = d
		}
	}
	after, pages := "", 0
	for {
		lines, next, err := w.WhoCan(operator, want, after, limit)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, l := range lines {
			d, ok := expected[l.User.ID+l.Slot]
			somewhere := d.Rule == "grant 1" && want.Permission != policy.Read
			if !ok || d.Rule != l.Rule || (l.Place != "") != somewhere {
				w.t.Errorf("%+v: %+v, want %+v", want, l, d)
			}
			delete(expected, l.User.ID+l.Slot)
		}
		if after, pages = next, pages+1; after == "" || pages > 50 {
			break
		}
	}
	if len(expected) != 0 {
		w.t.Errorf("%+v by %d: %d are left out", want, limit, len(expected))
	}
}
