package identity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// settable has a world's rules follow a setting, as the program's do.
func (w *world) settable() {
	w.t.Helper()
	w.SettingDefs = []identity.SettingDef{{Name: "OIDC_ALLOWED_DOMAINS", Kind: identity.SettingList, Access: true}}
	compose := w.Compose
	w.Compose = func(c identity.Changes) (*identity.Rules, error) {
		list, ok := c.Settings["OIDC_ALLOWED_DOMAINS"]
		c.Settings = nil
		rules, err := compose(c)
		if ok && err == nil {
			rules.Gates["oidc"] = policy.Gate{Domains: strings.Split(list, ",")}
		}
		if list == "bad" {
			return nil, models.NewError(models.KindInvalid, "bad_setting", "It is bad.").At("OIDC_ALLOWED_DOMAINS")
		}
		return rules, err
	}
	if err := w.Recompose(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func today() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// crowd puts n people into the store, of many sorts.
func (w *world) crowd(n int) {
	w.t.Helper()
	fill(w.t, w.Store, n, rand.New(rand.NewPCG(1, 2)), "oidc", "oidc", "oidc", "second", "google", "gone", models.LocalSlot)
}

func fill(t testing.TB, s *store.Store, n int, r *rand.Rand, slots ...string) {
	t.Helper()
	any1 := func(of ...string) string { return of[r.IntN(len(of))] }
	err := s.Change(context.Background(), func(tx *store.Tx) (models.Event, error) {
		var errs []error
		for i := range n {
			email := fmt.Sprintf("%s%d@%s", any1("ann", "bob", "cyd"), i, any1("example.com", "example.com", "example.org", "other.com"))
			u := models.NewUser(fmt.Sprintf("Person %d", r.IntN(n)), email, today())
			u.Role = policy.Role(any1("", "", "", "", "viewer", "editor", "clerk", "gone"))
			if r.IntN(10) == 0 {
				u.DisabledAt = &u.CreatedAt
			}
			errs = append(errs, tx.InsertUser(u))
			for range 1 + r.IntN(6)/4 {
				way := models.NewIdentity(u.ID, any1(slots...), "https://id", models.NewID(), today())
				way.Claims = models.Claims{Email: email, EmailVerified: r.IntN(9) > 0, Groups: strings.Fields(any1("", "data", "data ops", "ops"))}
				errs = append(errs, tx.SaveIdentity(way))
			}
		}
		return models.Event{Event: "test"}, errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// held is what everybody may do by each of their ways in, for whom it is open.
func (w *world) held() map[string]*policy.Access {
	w.t.Helper()
	all := map[string]*policy.Access{}
	for after := ""; ; {
		page, err := w.People(operator, identity.PeopleQuery{After: after, Limit: 500})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, l := range page.Lines {
			for _, way := range w.person(operator, l.User.ID).Ways {
				if all[way.Identity.ID] = nil; way.Open {
					all[way.Identity.ID] = &way.Access
				}
			}
		}
		if after = page.Next; after == "" {
			return all
		}
	}
}

// ruleChanges are changes of the rules with their dry runs, given the id of a
// grant that is there.
func ruleChanges(kept string) map[string]struct {
	try func(*world, context.Context) (identity.Preview, error)
	do  func(*world, context.Context) error
} {
	type change = struct {
		try func(*world, context.Context) (identity.Preview, error)
		do  func(*world, context.Context) error
	}
	add := func(g models.Grant) change {
		return change{
			func(w *world, c context.Context) (identity.Preview, error) {
				return w.PreviewGrant(c, []models.Grant{g}, nil)
			},
			func(w *world, c context.Context) error { _, err := w.AddGrant(c, g); return err },
		}
	}
	set := func(value *string) change {
		return change{
			func(w *world, c context.Context) (identity.Preview, error) {
				return w.PreviewSetting(c, "OIDC_ALLOWED_DOMAINS", value)
			},
			func(w *world, _ context.Context) error {
				return w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
					if value == nil {
						return models.Event{Event: "test"}, tx.ClearSetting("OIDC_ALLOWED_DOMAINS")
					}
					return models.Event{Event: "test"}, tx.SetSetting(models.Setting{Name: "OIDC_ALLOWED_DOMAINS", Value: *value, ChangedAt: today()})
				})
			},
		}
	}
	return map[string]change{
		"1 a domain":     add(models.Grant{Domain: "example.com", Role: policy.Launcher}),
		"2 a group":      add(models.Grant{Slot: "oidc", Group: "data", Role: policy.Editor, Locations: []policy.Pattern{"sales*"}}),
		"3 of the file":  add(models.Grant{Slot: "oidc", Domain: "other.com", Role: "clerk"}),
		"4 nobody":       add(models.Grant{Domain: "nowhere.com", Role: policy.Editor}),
		"5 to a list":    set(new("example.com,example.org")),
		"6 to a shorter": set(new("example.org")),
		"7 to none":      set(nil),
		"8 a removal": {
			func(w *world, c context.Context) (identity.Preview, error) {
				return w.PreviewGrant(c, nil, []string{kept})
			},
			func(w *world, c context.Context) error { return w.RemoveGrant(c, kept) },
		},
	}
}

// What the dry run says is what happens to everybody, and it changes nothing.
func TestPreviewIsWhatHappens(t *testing.T) {
	each(t, func(w *world) {
		w.change(governed)
		w.settable()
		w.crowd(24)
		kept := w.give(operator, models.Grant{Domain: "example.org", Role: policy.Editor, Locations: []policy.Pattern{"a", "b*"}})
		all := ruleChanges(kept.ID)
		for _, name := range []string{"1 a domain", "2 a group", "3 of the file", "4 nobody", "5 to a list", "6 to a shorter", "7 to none", "8 a removal"} {
			before := w.held()
			shown, err := all[name].try(w, operator)
			if err != nil {
				w.t.Fatal(name, err)
			}
			if !reflect.DeepEqual(w.held(), before) {
				w.t.Errorf("%s: the dry run changed something", name)
			}
			if err := errors.Join(all[name].do(w, operator), w.Refresh(ctx)); err != nil {
				w.t.Fatal(name, err)
			}
			w.sameAs(name, shown, before, w.held())
		}
	})
}

// sameAs holds a dry run against what everybody held before and after.
func (w *world) sameAs(name string, shown identity.Preview, before, after map[string]*policy.Access) {
	w.t.Helper()
	changed := map[string]bool{}
	for id := range before {
		gains, loses := policy.Diff(before[id], after[id])
		changed[id] = len(gains)+len(loses) > 0
	}
	want, people := 0, map[string]bool{}
	for _, yes := range changed {
		if yes {
			want++
		}
	}
	for _, l := range shown.Lines {
		people[l.User.ID] = true
		ways := w.person(operator, l.User.ID).Ways
		if !slices.ContainsFunc(ways, func(way identity.PersonWay) bool {
			was, is := before[way.Identity.ID], after[way.Identity.ID]
			gains, loses := policy.Diff(was, is)
			return way.Identity.Slot == l.Slot && changed[way.Identity.ID] && (was != nil) == l.Was && (is != nil) == l.Is &&
				slices.Equal(gains, l.Gains) && slices.Equal(loses, l.Loses)
		}) {
			w.t.Errorf("%s: %+v did not happen", name, l)
		}
	}
	if len(shown.Lines) != want || shown.More || int(max(shown.Gain, shown.Lose)) > len(people) || int(shown.Gain+shown.Lose) < len(people) {
		w.t.Errorf("%s: %d lines, %d gain, %d lose; it were %d ways of %d", name, len(shown.Lines), shown.Gain, shown.Lose, want, len(people))
	}
	if want > 0 == (name == "4 nobody") {
		w.t.Errorf("%s: %d ways change", name, want)
	}
}

// Whoever cannot come in by any way any more is counted once, and the sessions
// that end; who can by another way is not.
func TestPreviewAtTheDoor(t *testing.T) {
	each(t, func(w *world) {
		w.change(governed)
		w.settable()
		_, p := w.signIn(providertest.Violet)
		w.signIn(providertest.Violet)
		w.signIn(providertest.Ada)
		shut := "example.org"
		shown, err := w.PreviewSetting(as(proven(w, p)), "OIDC_ALLOWED_DOMAINS", &shut)
		if !errors.Is(err, identity.ErrNotAdmin) || shown.Lines != nil {
			w.t.Errorf("by a viewer: %+v, %v", shown, err)
		}
		shown, err = w.PreviewSetting(operator, "OIDC_ALLOWED_DOMAINS", &shut)
		if err != nil || shown.Out != 2 || shown.In != 0 || shown.Lose != 2 || shown.Gain != 0 || shown.Sessions != 3 || shown.Self {
			w.t.Errorf("%+v, %v", shown, err)
		}
		other := models.NewIdentity(p.User.ID, "second", "https://other", "v", today())
		if err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) { return models.Event{Event: "test"}, tx.SaveIdentity(other) }); err != nil {
			w.t.Fatal(err)
		}
		shown, err = w.PreviewSetting(operator, "OIDC_ALLOWED_DOMAINS", &shut)
		if err != nil || shown.Out != 1 || shown.In != 0 || shown.Lose != 2 || shown.Sessions != 3 {
			w.t.Errorf("with another way: %+v, %v", shown, err)
		}
		bad := "bad"
		if _, err := w.PreviewSetting(operator, "OIDC_ALLOWED_DOMAINS", &bad); models.AsError(err).Field != "OIDC_ALLOWED_DOMAINS" {
			w.t.Errorf("%v", err)
		}
	})
}

func proven(w *world, p *models.Principal) *models.Principal {
	now := *p
	now.ProvenAt = w.clock.now()
	return &now
}

// A long dry run tells of those who lose something first, and counts all.
func TestPreviewIsBounded(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	o := governed
	o.AdminEmails, o.DefaultRole = nil, policy.Editor
	w.change(o)
	err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		var errs []error
		for i := range 300 {
			domain := map[bool]string{true: "gain.com", false: "lose.com"}[i < 250]
			u := models.NewUser(fmt.Sprintf("Person %03d", i), fmt.Sprintf("p%d@%s", i, domain), today())
			u.Role = map[bool]policy.Role{true: policy.Viewer}[i < 250]
			way := models.NewIdentity(u.ID, "oidc", "https://id", fmt.Sprint(i), today())
			way.Claims = models.Claims{Email: u.Email, EmailVerified: true}
			errs = append(errs, tx.InsertUser(u), tx.SaveIdentity(way))
		}
		return models.Event{Event: "test"}, errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := w.PreviewGrant(operator, []models.Grant{{Domain: "gain.com", Role: policy.Editor}, {Domain: "lose.com", Role: policy.Viewer}}, nil)
	if err != nil || shown.Gain != 250 || shown.Lose != 50 || len(shown.Lines) != 100 || !shown.More {
		t.Fatalf("%d gain, %d lose, %d lines, %v", shown.Gain, shown.Lose, len(shown.Lines), err)
	}
	if len(shown.Lines[49].Loses) == 0 || len(shown.Lines[50].Gains) == 0 || shown.Lines[0].User.Name != "Person 250" || shown.Lines[50].User.Name != "Person 000" {
		t.Errorf("%+v %+v", shown.Lines[49], shown.Lines[50])
	}
}

// BenchmarkPreview is the dry run over 100,000 people, of whom nobody changes or
// about half.
func BenchmarkPreview(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkPreview(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchmarkPreview(b, storetest.Migrated(b, pgtest.URL(b))) })
}

func benchmarkPreview(b *testing.B, s *store.Store) {
	for range 10 {
		fill(b, s, 10_000, rand.New(rand.NewPCG(1, 2)), models.LocalSlot)
	}
	ring, _ := identity.NewKeyring(key(1))
	service, err := identity.New(ctx, identity.Config{
		Store: s, Compose: (&rules{options: governed}).compose(policy.Gate{}), Keys: ring, PasswordLogin: true, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	for what, g := range map[string]models.Grant{"nobody": {Domain: "nowhere.com", Role: policy.Editor}, "many": {Domain: "example.com", Role: policy.Launcher}} {
		b.Run(what, func(b *testing.B) {
			var held runtime.MemStats
			for b.Loop() {
				if _, err := service.PreviewGrant(operator, []models.Grant{g}, nil); err != nil {
					b.Fatal(err)
				}
			}
			runtime.ReadMemStats(&held)
			b.ReportMetric(float64(held.HeapInuse>>20), "MiB-heap")
		})
	}
}
