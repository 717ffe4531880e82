package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
)

func (w *world) setting(name string) identity.SettingLine {
	w.t.Helper()
	all, err := w.Settings(operator)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range all {
		if line.Name == name {
			return line
		}
	}
	w.t.Fatalf("no setting %s", name)
	return identity.SettingLine{}
}

// put writes a setting as no replica of ours would.
func (w *world) put(name, value string) {
	w.t.Helper()
	err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		return models.NewEvent(ctx, "setting.set", models.OutcomeOK), tx.SetSetting(models.Setting{Name: name, Value: value, ChangedAt: w.clock.now()})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// What is changed at one replica holds at the other once it looks, for sessions
// that were open before, too.
func TestSettingsReachEveryReplica(t *testing.T) {
	each(t, func(w *world) {
		other := w.replica(w.Store, policy.Gate{}, key(1))
		_, edgar := w.signIn(providertest.Edgar)
		in, _ := w.signIn(providertest.Violet)
		see := func(s *identity.Service) error { _, err := s.Authenticate(ctx, in.Token); return err }
		if err := errors.Join(see(w.Service), see(other)); err != nil {
			t.Fatal(err)
		}
		if err := w.SetSetting(operator, "OIDC_ALLOWED_EMAILS", edgar.Identity.Claims.Email); err != nil {
			t.Fatal(err)
		}
		if err := see(w.Service); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("where it was changed: %v", err)
		}
		if err := see(other); err != nil {
			t.Errorf("elsewhere before it looked: %v", err)
		}
		if err := other.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if err := see(other); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("elsewhere: %v", err)
		}
		if err := other.ClearSetting(operator, "OIDC_ALLOWED_EMAILS"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Refresh(ctx), see(w.Service), see(other)); err != nil {
			t.Errorf("cleared: %v", err)
		}
	})
}

// The idle time holds for open sessions; how long one lasts is decided when it
// begins.
func TestSettingsOfSessions(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, before := w.signIn(providertest.Violet)
	for name, value := range map[string]string{"SESSION_IDLE": "30m", "SESSION_TTL": "1h"} {
		if err := w.SetSetting(operator, name, value); err != nil {
			t.Fatal(err)
		}
	}
	_, after := w.signIn(providertest.Violet)
	if got := after.ExpiresAt.Sub(w.clock.now()); got != 30*time.Minute {
		t.Errorf("a new one ends in %s", got)
	}
	if open := w.who(in.Token); open.SignedInAt != before.SignedInAt || open.ExpiresAt.Sub(w.clock.now()) != 30*time.Minute {
		t.Errorf("an open one ends in %s", open.ExpiresAt.Sub(w.clock.now()))
	}
	w.clock.pass(31 * time.Minute)
	if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("idle: %v", err)
	}
	if session := w.sessionRow(before); session.ExpiresAt.Sub(session.CreatedAt) != 24*time.Hour {
		t.Errorf("an open one lasts %s", session.ExpiresAt.Sub(session.CreatedAt))
	}
}

func (w *world) sessionRow(p *models.Principal) models.Session {
	w.t.Helper()
	row, _, _, err := w.Store.Session(ctx, p.SessionID)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func TestSettingLines(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, ada := w.signIn(providertest.Ada)
	if err := errors.Join(w.SetSetting(as(ada), "SESSION_IDLE", "1h"), w.SetSetting(operator, "MESSAGE", "")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]identity.SettingLine{
		"SESSION_IDLE": {Override: new(string), Effective: "1h", ChangedBy: ada.User.Name, ChangedAt: w.clock.now()},
		"MESSAGE":      {Override: new(string), Effective: "", ChangedBy: "operator", ChangedAt: w.clock.now()},
		"SESSION_TTL":  {Effective: "24h"},
		"MFA":          {Effective: "optional"},
	} {
		got := w.setting(name)
		if (got.Override == nil) != (want.Override == nil) || got.Effective != want.Effective || got.ChangedBy != want.ChangedBy || !got.ChangedAt.Equal(want.ChangedAt) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What may not be is refused, changes nothing and is not told as if it had been.
func TestSettingsRefused(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, ada := w.signIn(providertest.Ada)
	_, violet := w.signIn(providertest.Violet)
	admin, viewer := as(ada), as(violet)
	stale := *ada
	stale.ProvenAt = w.clock.now().Add(-11 * time.Minute)
	for name, row := range map[string]struct {
		ctx         context.Context
		name, value string
		want        *models.Error
		field       string
	}{
		"a stranger":            {ctx, "MESSAGE", "x", identity.ErrNotAdmin, ""},
		"a viewer":              {viewer, "MESSAGE", "x", identity.ErrNotAdmin, ""},
		"no recent proof":       {as(&stale), "MESSAGE", "x", identity.ErrConfirm, ""},
		"not one":               {admin, "SECRET_KEY", "x", identity.ErrNoSetting, "name"},
		"only the environment":  {admin, "PASSWORD_LOGIN", "false", identity.ErrNoSetting, "name"},
		"pinned":                {admin, "MFA", "off", identity.ErrPinned, "MFA"},
		"pinned, the operator":  {operator, "MFA", "off", identity.ErrPinned, "MFA"},
		"not a duration":        {admin, "SESSION_IDLE", "soon", models.NewError("", "bad_setting", ""), "SESSION_IDLE"},
		"a list of nothing":     {admin, "OIDC_ALLOWED_EMAILS", "", identity.ErrNothingSet, "OIDC_ALLOWED_EMAILS"},
		"somebody else changed": {identity.WithVersion(admin, "x"), "MESSAGE", "x", identity.ErrSettingChanged, ""},
		"their own access":      {admin, "OIDC_ALLOWED_EMAILS", "edgar@example.com", identity.ErrSelf, "confirm"},
	} {
		before := len(w.events())
		err := w.SetSetting(row.ctx, row.name, row.value)
		var got *models.Error
		if !errors.As(err, &got) || !errors.Is(err, row.want) || got.Field != row.field {
			t.Errorf("%s: %v, field %q", name, err, models.AsError(err).Field)
		}
		if stored, err := w.Store.Rules(ctx); err != nil || stored.Revision != 0 || len(stored.Settings) != 0 || len(w.events()) != before {
			t.Errorf("%s: it was changed: %+v, %v", name, stored, err)
		}
	}
	if err := w.ClearSetting(viewer, "MESSAGE"); !errors.Is(err, identity.ErrNotAdmin) {
		t.Errorf("a viewer clears: %v", err)
	}
	if err := w.ClearSetting(admin, "MESSAGE"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("nothing is cleared: %v", err)
	}
	if _, err := w.Settings(viewer); !errors.Is(err, identity.ErrNotAdmin) {
		t.Errorf("a viewer looks: %v", err)
	}
	if _, err := w.FixedSettings(viewer); !errors.Is(err, identity.ErrNotAdmin) {
		t.Errorf("a viewer looks at the others: %v", err)
	}
}

// Who says that they want to lose their own access may.
func TestSettingsWithConsent(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, ada := w.signIn(providertest.Ada)
	if err := w.SetSetting(identity.WithConsent(as(ada)), "OIDC_ALLOWED_EMAILS", "edgar@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("%v", err)
	}
}

// Two admins have the same form open: the second is told.
func TestSettingsByTwo(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, ada := w.signIn(providertest.Ada)
	shown := identity.WithVersion(as(ada), w.setting("MESSAGE").Version)
	if err := w.SetSetting(shown, "MESSAGE", "one"); err != nil {
		t.Fatal(err)
	}
	if err := w.SetSetting(shown, "MESSAGE", "two"); !errors.Is(err, identity.ErrSettingChanged) {
		t.Errorf("set: %v", err)
	}
	if err := w.ClearSetting(shown, "MESSAGE"); !errors.Is(err, identity.ErrSettingChanged) {
		t.Errorf("cleared: %v", err)
	}
	if got := w.Rules().Brand.Message; got != "one" {
		t.Errorf("in effect: %q", got)
	}
}

// The trail tells what a setting was and what it is.
func TestSettingEvents(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	for _, step := range []struct{ name, value, event, reason string }{
		{"SESSION_IDLE", "1h", "setting.set", `from "8h" to "1h"`},
		{"SESSION_IDLE", "2h", "setting.set", `from "1h" to "2h"`},
		{"SESSION_IDLE", "-", "setting.clear", `from "2h" to "8h"`},
		{"MESSAGE", "a\nb", "setting.set", `from nothing to "a\nb"`},
		{"OIDC_ALLOWED_EMAILS", "a@example.com,b@example.com", "setting.set", "added 2: a@example.com, b@example.com"},
		{"OIDC_ALLOWED_EMAILS", "b@example.com,c@example.com", "setting.set", "added 1: c@example.com; removed 1: a@example.com"},
		{"OIDC_ALLOWED_EMAILS", "-", "setting.clear", "removed 2: b@example.com, c@example.com"},
		{"MESSAGE", strings.Repeat("ä", 3000), "setting.set", ""},
	} {
		set := func() error { return w.SetSetting(operator, step.name, step.value) }
		if step.value == "-" {
			set = func() error { return w.ClearSetting(operator, step.name) }
		}
		err := set()
		e := w.lastEvent()
		if err != nil || e.Event != step.event || e.Outcome != models.OutcomeOK || *e.Target != (models.Target{Kind: "setting", ID: step.name}) || e.Actor != models.Operator {
			t.Errorf("%s %s: %v %+v", step.name, step.value, err, e)
		}
		if step.reason != "" && e.Reason != step.reason || len(e.Reason) > 2100 {
			t.Errorf("%s %s: %s", step.name, step.value, e.Reason)
		}
	}
}

// With a change in the database that cannot be, the last good rules stay, and it
// is told once. What is cleared is right again, whatever else is wrong.
func TestBadChangeKeepsTheLastGoodRules(t *testing.T) {
	each(t, func(w *world) {
		if err := w.SetSetting(operator, "MESSAGE", "good"); err != nil {
			t.Fatal(err)
		}
		other := w.replica(w.Store, policy.Gate{}, key(1))
		w.put("SESSION_IDLE", "soon")
		w.put("OIDC_GONE", "x")
		w.put("MESSAGE", "later")
		if err := w.Refresh(ctx); err == nil || w.Rules().Brand.Message != "good" || w.Rules().SessionIdle != 8*time.Hour {
			t.Errorf("%v, in effect %+v", err, w.Rules())
		}
		if err := w.Refresh(ctx); err != nil {
			t.Errorf("told twice: %v", err)
		}
		if _, err := identity.New(ctx, w.Config); models.AsError(err).Code != "bad_setting" {
			t.Errorf("it starts: %v", err)
		}
		for _, name := range []string{"SESSION_IDLE", "OIDC_GONE"} {
			if err := other.ClearSetting(operator, name); err != nil {
				t.Errorf("clear %s: %v", name, err)
			}
		}
		if err := w.Refresh(ctx); err != nil || w.Rules().Brand.Message != "later" || other.Rules().Brand.Message != "later" {
			t.Errorf("%v, in effect %q and %q", err, w.Rules().Brand.Message, other.Rules().Brand.Message)
		}
	})
}

// An override is not cleared where the environment's value cannot hold by now: it
// would seem done, and the next start would fail.
func TestClearWithNoWayBack(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	if err := w.SetSetting(operator, "MESSAGE", "good"); err != nil {
		t.Fatal(err)
	}
	compose := w.Compose
	w.Compose = func(c identity.Changes) (*identity.Rules, error) {
		if c.Settings["MESSAGE"] == "" {
			return nil, errors.New("the environment's is bad")
		}
		return compose(c)
	}
	if err := w.ClearSetting(operator, "MESSAGE"); models.AsError(err).Field != "MESSAGE" || w.setting("MESSAGE").Override == nil {
		t.Errorf("%v, %+v", err, w.setting("MESSAGE"))
	}
}
