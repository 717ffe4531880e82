package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// governed is a policy with a role of its own and providers to name.
var governed = policy.Options{
	DefaultRole: policy.Viewer, AdminEmails: []string{"ada@example.com"}, Slots: []string{"oidc", "second", "google"}, GroupSlots: []string{"oidc", "second"},
	File: []byte("roles: { clerk: { extends: viewer, allow: [wipe_assets] } }"),
}

func violet(role policy.Role, at ...policy.Pattern) models.Grant {
	return models.Grant{Email: "violet@example.com", Role: role, Locations: at}
}

func (w *world) give(c context.Context, g models.Grant) models.Grant {
	w.t.Helper()
	made, err := w.AddGrant(c, g)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func (w *world) grants() []identity.KeptGrant {
	w.t.Helper()
	all, err := w.Grants(operator)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// A grant that was added holds with the next request, is told of as what it is,
// and is gone when it is removed. Both stand in the trail.
func TestGrantComesAndGoes(t *testing.T) {
	each(t, func(w *world) {
		w.change(governed)
		_, p := w.signIn(providertest.Violet)
		admin := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin}))
		made := w.give(admin, models.Grant{Email: " Violet@example.com ", Role: "clerk", Locations: []policy.Pattern{" marketing* ", "sales"}})
		rule := "grant " + made.ID
		a := w.who2(p).Access
		if d := policy.Decide(a, policy.Want{Permission: policy.WipeAssets, Location: "sales"}); !d.Allowed || d.Rule != rule {
			w.t.Errorf("%+v", d)
		}
		text := "{email: Violet@example.com, role: clerk, locations: [marketing*, sales]}"
		if e := w.lastEvent(); e.Event != "policy.grant" || e.Reason != text || e.Target.Kind != "grant" || e.Target.ID != made.ID || e.Actor.Name != "boss" {
			w.t.Errorf("%+v", e)
		}
		listed := w.grants()
		if len(listed) != 1 || listed[0].Rule != rule || listed[0].Text != text || listed[0].By != "boss" || listed[0].Broken != "" || !listed[0].CreatedAt.Equal(w.clock.now()) {
			w.t.Errorf("%+v", listed)
		}
		if err := w.RemoveGrant(admin, made.ID); err != nil {
			w.t.Fatal(err)
		}
		if a := w.who2(p).Access; a.Anywhere(policy.WipeAssets) || len(w.grants()) != 0 {
			w.t.Errorf("it still holds: %+v", a)
		}
		if e := w.lastEvent(); e.Event != "policy.revoke" || e.Reason != text || e.Target.ID != made.ID {
			w.t.Errorf("%+v", e)
		}
		for _, id := range []string{made.ID, "", "1", "a0000000", "\x00", "'"} {
			if err := w.RemoveGrant(admin, id); !errors.Is(err, identity.ErrNoGrant) {
				w.t.Errorf("%q: %v", id, err)
			}
		}
	})
}

// who2 recognises somebody anew.
func (w *world) who2(p *models.Principal) *models.Principal {
	w.t.Helper()
	now, err := w.Still(ctx, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

// What the file would not take is refused at its field, and nothing is kept.
func TestGrantIsRefusedAtItsField(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.change(governed)
	admin := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin}))
	long := strings.Repeat("x", 513)
	for name, test := range map[string]struct {
		g     models.Grant
		field string
	}{
		"nobody":                {models.Grant{Role: policy.Viewer}, "who"},
		"blanks":                {models.Grant{Email: " \t", Role: policy.Viewer}, "who"},
		"no role":               {models.Grant{Domain: "example.com"}, "role"},
		"an unknown role":       {models.Grant{Domain: "example.com", Role: "emperor"}, "role"},
		"an unknown provider":   {models.Grant{Slot: "octa", Domain: "example.com", Role: policy.Viewer}, "slot"},
		"a group of nobody":     {models.Grant{Group: "data", Role: policy.Viewer}, "slot"},
		"two addresses":         {models.Grant{Email: "a@x.y, b@x.y@", Role: policy.Viewer}, "email"},
		"an address for domain": {models.Grant{Domain: "@example.com", Role: policy.Viewer}, "domain"},
		"a team for org":        {models.Grant{Org: "a/b", Role: policy.Viewer}, "org"},
		"an org for team":       {models.Grant{Team: "a", Role: policy.Viewer}, "team"},
		"an empty location":     {violet(policy.Viewer, "a", " "), "locations"},
		"a line break":          {violet(policy.Viewer, "a\nb"), "locations"},
		"a NUL":                 {models.Grant{Slot: "oidc", Group: "a\x00b", Role: policy.Viewer}, "group"},
		"no text":               {models.Grant{Slot: "oidc", Group: "a\xff", Role: policy.Viewer}, "group"},
		"a turned text":         {models.Grant{Slot: "oidc", Group: "nimda\u202e", Role: policy.Viewer}, "group"},
		"much":                  {models.Grant{Slot: "oidc", Group: long, Role: policy.Viewer}, "group"},
		"much of a role":        {models.Grant{Domain: "example.com", Role: policy.Role(long)}, "role"},
		"many locations":        {violet(policy.Viewer, make([]policy.Pattern, 101)...), "locations"},
	} {
		_, err := w.AddGrant(admin, test.g)
		var e *models.Error
		if !errors.As(err, &e) || e.Kind != models.KindInvalid || e.Field != test.field || e.Msg == "" || strings.Contains(e.Msg, "emperor") {
			t.Errorf("%s: %v at %q", name, err, e.Field)
		}
		if _, err := w.PreviewGrant(admin, []models.Grant{test.g}, nil); models.AsError(err).Field != test.field {
			t.Errorf("%s: its dry run says %v", name, err)
		}
	}
	if len(w.grants()) != 0 {
		t.Errorf("kept: %v", w.grants())
	}
}

// Only admins and the operator touch grants, with a recent proof, and nobody gives
// or takes a role that they do not hold.
func TestGrantsAreForAdmins(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.change(governed)
	user := w.made(identity.NewAccount{Username: "boss", Role: policy.Admin})
	kept := w.give(operator, violet("clerk"))
	deeds := map[string]func(context.Context) error{
		"add":    func(c context.Context) error { _, err := w.AddGrant(c, violet("clerk")); return err },
		"remove": func(c context.Context) error { return w.RemoveGrant(c, kept.ID) },
		"try add": func(c context.Context) error {
			_, err := w.PreviewGrant(c, []models.Grant{violet("clerk")}, nil)
			return err
		},
		"try remove": func(c context.Context) error {
			p, err := w.PreviewGrant(c, nil, []string{kept.ID})
			if err != nil && p.Token != "" {
				t.Error("a refused dry run tells something")
			}
			return err
		},
		"try a setting": func(c context.Context) error { _, err := w.PreviewSetting(c, "DEFAULT_ROLE", nil); return err },
	}
	lesser := policy.BuiltIn(policy.Launcher)
	lesser[policy.Administer] = struct{}{}
	stale := models.PrincipalOf(w.acting(user))
	old := *stale
	old.ProvenAt = w.clock.now().Add(-identity.FreshFor)
	for name, deed := range deeds {
		for who, test := range map[string]struct {
			c    context.Context
			want error
		}{
			"a stranger":         {ctx, identity.ErrNotAdmin},
			"an editor":          {as(&models.Principal{User: user, ProvenAt: w.clock.now(), Access: policy.Access{Permissions: policy.BuiltIn(policy.Editor)}}), identity.ErrNotAdmin},
			"an admin long ago":  {as(&old), identity.ErrConfirm},
			"who lacks the role": {as(&models.Principal{User: user, Identity: stale.Identity, ProvenAt: w.clock.now(), Access: policy.Access{Permissions: lesser}}), identity.ErrNotAdmin},
		} {
			if name == "try a setting" && who == "who lacks the role" {
				continue
			}
			if err := deed(test.c); !errors.Is(err, test.want) {
				t.Errorf("%s by %s: %v", name, who, err)
			}
		}
	}
	if _, err := w.Grants(ctx); !errors.Is(err, identity.ErrNotAdmin) {
		t.Errorf("a stranger lists: %v", err)
	}
	if all := w.grants(); len(all) != 1 {
		t.Errorf("%v", all)
	}
}

// What was shown is what is done: after another change of the rules it is not.
func TestGrantWithVersion(t *testing.T) {
	each(t, func(w *world) {
		w.change(governed)
		admin := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin}))
		shown, err := w.PreviewGrant(admin, []models.Grant{violet(policy.Editor)}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		kept := w.give(admin, violet("clerk"))
		for _, version := range []string{shown.Token, "", "x"} {
			late := identity.WithVersion(admin, version)
			if _, err := w.AddGrant(late, violet(policy.Editor)); !errors.Is(err, identity.ErrRulesChanged) {
				w.t.Errorf("add with %q: %v", version, err)
			}
			if err := w.RemoveGrant(late, kept.ID); !errors.Is(err, identity.ErrRulesChanged) {
				w.t.Errorf("remove with %q: %v", version, err)
			}
		}
		if all := w.grants(); len(all) != 1 || all[0].ID != kept.ID {
			w.t.Errorf("%v", all)
		}
		shown, err = w.PreviewGrant(admin, nil, []string{kept.ID})
		if err != nil {
			w.t.Fatal(err)
		}
		if err := w.RemoveGrant(identity.WithVersion(admin, shown.Token), kept.ID); err != nil {
			w.t.Errorf("with the version that is: %v", err)
		}
	})
}

// Nobody takes their own access by accident, and the last admin stays.
func TestGrantOfOnesOwn(t *testing.T) {
	each(t, func(w *world) {
		o := governed
		o.AdminEmails = nil
		w.change(o)
		kept := w.give(operator, violet(policy.Admin))
		_, p := w.signIn(providertest.Violet)
		p = w.who2(p)
		p.ProvenAt = w.clock.now()
		own := as(p)
		if err := w.RemoveGrant(own, kept.ID); !errors.Is(err, identity.ErrLastAdmin) {
			w.t.Errorf("the last: %v", err)
		}
		if err := w.RemoveGrant(identity.WithConsent(own), kept.ID); !errors.Is(err, identity.ErrLastAdmin) {
			w.t.Errorf("the last, confirmed: %v", err)
		}
		if err := w.RemoveGrant(operator, kept.ID); !errors.Is(err, identity.ErrLastAdmin) {
			w.t.Errorf("the last, by the operator: %v", err)
		}
		shown, err := w.PreviewGrant(own, nil, []string{kept.ID})
		if err != nil || !shown.NoAdmin || !shown.Self {
			w.t.Errorf("the dry run: %+v, %v", shown, err)
		}
		w.made(identity.NewAccount{Username: "boss", Role: policy.Admin})
		err = w.RemoveGrant(own, kept.ID)
		if !errors.Is(err, identity.ErrSelf) || models.AsError(err).Field != "confirm" {
			w.t.Errorf("one's own: %v", err)
		}
		if shown, err := w.PreviewGrant(own, nil, []string{kept.ID}); err != nil || shown.NoAdmin || !shown.Self {
			w.t.Errorf("the dry run: %+v, %v", shown, err)
		}
		if len(w.grants()) != 1 || !w.who2(p).Access.Permissions.Has(policy.Administer) {
			w.t.Error("it happened all the same")
		}
		if err := w.RemoveGrant(identity.WithConsent(own), kept.ID); err != nil {
			w.t.Errorf("confirmed: %v", err)
		}
		if w.who2(p).Access.Permissions.Has(policy.Administer) {
			w.t.Error("still an admin")
		}
		if _, err := w.AddGrant(as(w.who2(p)), violet(policy.Viewer)); !errors.Is(err, identity.ErrNotAdmin) {
			w.t.Errorf("who is none any more: %v", err)
		}
	})
}

// Also what gives more to others can take something from oneself: whoever a rule
// names loses the default role.
func TestAddedGrantThatTakes(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	o := governed
	o.AdminEmails, o.DefaultRole = nil, policy.Editor
	w.change(o)
	_, p := w.signIn(providertest.Violet)
	shown, err := w.PreviewGrant(operator, []models.Grant{violet(policy.Viewer)}, nil)
	if err != nil || shown.Lose != 1 || shown.Gain != 0 || !slices.Contains(shown.Lines[0].Loses, "edit_sensor") {
		t.Errorf("%+v, %v", shown, err)
	}
	w.give(operator, violet(policy.Viewer))
	if a := w.who2(p).Access; a.Role != policy.Viewer {
		t.Errorf("%v", a.Role)
	}
}

// Every replica goes by it.
func TestGrantReachesReplicas(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.change(governed)
	other := w.replica(w.Store, policy.Gate{}, key(1))
	made := w.give(operator, violet(policy.Editor))
	if err := other.Refresh(ctx); err != nil || other.Policy().Text("grant "+made.ID) == "" {
		t.Errorf("%v", err)
	}
}

// A kept grant whose role or provider goes gives nothing and stops nothing. It is
// listed with the reason, logged once, can be removed, and is good again when its
// role is back.
func TestBrokenGrant(t *testing.T) {
	each(t, func(w *world) {
		var said bytes.Buffer
		w.Log = slog.New(slog.NewTextHandler(&said, nil))
		w.change(governed)
		_, p := w.signIn(providertest.Violet)
		admin := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin}))
		of := w.give(admin, violet("clerk"))
		w.clock.pass(time.Second) // they are listed by their age
		good := w.give(admin, violet(policy.Launcher))
		o := governed
		o.File = nil
		w.change(o)
		for range 3 {
			if err := w.Recompose(ctx); err != nil {
				w.t.Fatal(err)
			}
		}
		a := w.who2(p).Access
		if a.Anywhere(policy.WipeAssets) || !a.Permissions.Has(policy.LaunchPipelineExecution) {
			w.t.Errorf("%v", a.Permissions.Names())
		}
		all := w.grants()
		if len(all) != 2 || all[0].ID != of.ID || all[0].Broken != `role "clerk" is not a role` || all[1].ID != good.ID || all[1].Broken != "" {
			w.t.Errorf("%+v", all)
		}
		if n := strings.Count(said.String(), of.ID); n != 1 {
			w.t.Errorf("said %d times: %s", n, said.String())
		}
		page, err := w.AccessOverview(admin)
		if i := slices.IndexFunc(page.Grants, func(g identity.GrantLine) bool { return g.ID == of.ID }); err != nil || i < 0 || page.Grants[i].Broken == "" || page.Grants[i].Rule != "grant "+of.ID {
			w.t.Errorf("%+v, %v", page.Grants, err)
		}
		w.change(governed)
		if !w.who2(p).Access.Permissions.Has(policy.WipeAssets) {
			w.t.Error("it does not hold again")
		}
		w.change(o)
		if n := strings.Count(said.String(), of.ID); n != 2 {
			w.t.Errorf("broken anew, said %d times in all", n)
		}
		if err := w.RemoveGrant(admin, of.ID); err != nil || len(w.grants()) != 1 {
			w.t.Errorf("%v", err)
		}
	})
}

// Two admins at once: both grants are kept, with ids of their own.
func TestGrantsAtOnce(t *testing.T) {
	each(t, func(w *world) {
		w.change(governed)
		done := make(chan error)
		for i := range 8 {
			go func() {
				_, err := w.AddGrant(operator, models.Grant{Domain: fmt.Sprintf("d%d.example.com", i), Role: policy.Viewer})
				done <- err
			}()
		}
		for range 8 {
			if err := <-done; err != nil {
				w.t.Error(err)
			}
		}
		ids := map[string]bool{}
		for _, g := range w.grants() {
			ids[g.ID] = true
			if len(g.ID) != 8 || g.ID[0] < 'a' || g.ID[0] > 'f' || strings.Trim(g.ID, "0123456789abcdef") != "" {
				w.t.Errorf("id %q", g.ID)
			}
		}
		if len(ids) != 8 {
			w.t.Errorf("%d ids", len(ids))
		}
	})
}
