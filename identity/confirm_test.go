package identity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
)

func TestFresh(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	now := w.clock.now()
	for at, want := range map[time.Time]bool{
		{}: false, now: true, now.Add(-9 * time.Minute): true, now.Add(-identity.FreshFor): false,
		now.Add(time.Minute): true, now.Add(time.Hour): false,
	} {
		if got := w.Fresh(&models.Principal{ProvenAt: at}); got != want {
			t.Errorf("%v: %v", at.Sub(now), got)
		}
	}
	if w.Fresh(nil) {
		t.Error("nobody is fresh")
	}
}

// When a provider asked somebody is what it says, but for times to come.
func TestProvenAtProvider(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	now := w.clock.now().Truncate(time.Second)
	for ago, want := range map[time.Duration]time.Time{0: now, time.Hour: now.Add(-time.Hour), -time.Hour: {}} {
		w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("auth_time", now.Add(-ago).Unix())})
		if _, p := w.signIn(providertest.Violet); !p.ProvenAt.Equal(want) {
			t.Errorf("%v ago: proven at %v", ago, p.ProvenAt)
		}
	}
}

// stale is somebody who proved who they are a while ago.
func (p *person) stale() *models.Principal {
	p.w.t.Helper()
	in := p.password()
	if in.Wants != "" {
		var err error
		if in, err = p.w.FinishWithCode(ctx, p.w.halfway(in.Token), p.code(), identity.Entry{}); err != nil {
			p.w.t.Fatal(err)
		}
	}
	p.session = in.Token
	p.w.clock.pass(identity.FreshFor)
	who := p.w.who(in.Token)
	if p.w.Fresh(who) {
		p.w.t.Fatal("fresh after all that time")
	}
	return who
}

// proven wants the very next request to be a fresh one.
func (p *person) proven(err error, how string) {
	p.w.t.Helper()
	if err != nil {
		p.w.t.Fatal(err)
	}
	who := p.w.who(p.session)
	if !p.w.Fresh(who) {
		p.w.t.Error("the next request is not fresh")
	}
	if e := p.w.lastEvent(); e.Event != "session.confirm" || e.Outcome != models.OutcomeOK || e.Reason != how || e.Actor.ID != who.User.ID || e.Session != who.SessionID {
		p.w.t.Errorf("%+v", e)
	}
}

func (w *world) ways(p *models.Principal) identity.Ways {
	w.t.Helper()
	ways, err := w.ConfirmWays(ctx, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return ways
}

func TestConfirmByPassword(t *testing.T) {
	each(t, func(w *world) {
		p := w.local("ada")
		who := p.stale()
		if ways := w.ways(who); ways != (identity.Ways{Password: true}) {
			w.t.Errorf("%+v", ways)
		}
		err := w.ConfirmPassword(ctx, who, longPassword+"x")
		w.refused(err, identity.ErrWrongPassword, "wrong_password")
		if w.Fresh(w.who(p.session)) {
			w.t.Error("a wrong password proves")
		}
		p.proven(w.ConfirmPassword(ctx, who, longPassword), "password")
	})
}

// Whoever has a second factor proves that, and no password instead.
func TestConfirmByCode(t *testing.T) {
	each(t, func(w *world) {
		p := w.protected("ada")
		who := p.stale()
		if ways := w.ways(who); ways != (identity.Ways{TOTP: true, Recovery: 10}) {
			w.t.Errorf("%+v", ways)
		}
		if err := w.ConfirmPassword(ctx, who, longPassword); !errors.Is(err, identity.ErrCannotConfirm) {
			w.t.Error(err)
		}
		if _, err := w.BeginConfirm(ctx, who, "/"); !errors.Is(err, identity.ErrCannotConfirm) {
			w.t.Error(err)
		}
		code := p.code()
		p.proven(w.ConfirmCode(ctx, who, code), "totp")
		err := w.ConfirmCode(ctx, who, code)
		w.refused(err, identity.ErrWrongCode, "code_used")
		if e := w.lastEvent(); e.Event != "session.confirm" || e.Actor.ID != p.user.ID {
			w.t.Errorf("%+v", e)
		}
		w.clock.pass(identity.FreshFor)
		p.proven(w.ConfirmCode(ctx, who, p.codes[3]), "recovery")
		err = w.ConfirmCode(ctx, who, p.codes[3])
		w.refused(err, identity.ErrWrongCode, "wrong_code")
		for range 10 {
			_ = w.ConfirmCode(ctx, who, "000000")
		}
		if err := w.ConfirmCode(ctx, who, p.code()); !errors.Is(err, identity.ErrTooMany) {
			w.t.Error(err)
		}
		w.who(p.session) // a session is never in the way
	})
}

func TestConfirmByPasskey(t *testing.T) {
	each(t, func(w *world) {
		p, other := w.keyed("ada"), w.keyed("violet")
		w.useTo(p, 1)
		w.clock.pass(identity.FreshFor)
		who := w.who(p.session)
		if ways := w.ways(who); !ways.Passkey || ways.Password {
			w.t.Errorf("%+v", ways)
		}
		c := other.proving()
		err := w.ConfirmPasskey(ctx, who, c.Sealed, other.key.get(c.Options))
		w.refused(err, identity.ErrPasskeyExpired, "passkey_ceremony")
		c = p.proving()
		answer := p.key.get(c.Options)
		p.proven(w.ConfirmPasskey(ctx, who, c.Sealed, answer), "passkey")
		err = w.ConfirmPasskey(ctx, who, c.Sealed, answer)
		w.refused(err, identity.ErrPasskeyExpired, "passkey_spent")
		c = p.proving()
		err = w.ConfirmPasskey(ctx, who, c.Sealed, p.key.get(c.Options))
		w.refused(err, identity.ErrWrongPasskey, "passkey_cloned")
		if e := w.lastEvent(); e.Event != "session.confirm" || e.Actor.ID != p.user.ID {
			w.t.Errorf("%+v", e)
		}
	})
}

// A session that has ended is not proved by anything.
func TestConfirmEndedSession(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.protected("ada")
	who := p.stale()
	if _, err := w.SignOut(ctx, who); err != nil {
		t.Fatal(err)
	}
	if err := w.ConfirmCode(ctx, who, p.code()); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Error(err)
	}
}

// leave signs somebody in at a provider that asked them a while ago.
func (w *world) leave(slot, name string) *person {
	w.t.Helper()
	asked := w.clock.now().Add(-identity.FreshFor).Unix()
	w.idp.Misbehave(providertest.Fault{Claims: providertest.Both(providertest.Set("hd", "example.com"), providertest.Set("auth_time", asked))})
	in, err := w.Finish(ctx, w.comeBy(slot, name))
	if err != nil {
		w.t.Fatal(err)
	}
	who := w.who(in.Token)
	return &person{w: w, user: who.User, session: in.Token, key: newAuthenticator(w.t)}
}

// confirming brings somebody back from the provider whom we sent there to
// confirm, and who is asked there that long since.
func (w *world) confirming(who *models.Principal, as string, since time.Duration) identity.Return {
	w.t.Helper()
	begun, err := w.BeginConfirm(ctx, who, "/runs?x=2")
	if err != nil {
		w.t.Fatal(err)
	}
	cb, err := providers.ParseCallback(w.idp.Login(begun.Redirect, as))
	if err != nil {
		w.t.Fatal(err)
	}
	w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("auth_time", w.clock.now().Add(since).Unix())})
	return identity.Return{Slot: who.Identity.Slot, Callback: cb, Sealed: begun.Sealed, Former: who}
}

func TestConfirmAtProvider(t *testing.T) {
	each(t, func(w *world) {
		p := w.leave("oidc", providertest.Violet)
		who := w.who(p.session)
		if ways := w.ways(who); ways != (identity.Ways{Provider: "oidc"}) {
			w.t.Errorf("%+v", ways)
		}
		r := w.confirming(who, providertest.Violet, time.Second)
		in, err := w.Finish(ctx, r)
		if in.Token != "" || in.Wants != "" || in.Next != "/runs?x=2" {
			w.t.Errorf("%+v", in)
		}
		p.proven(err, "provider")
		if sessions, _ := w.Sessions(ctx, who); len(sessions) != 1 {
			w.t.Errorf("%d sessions", len(sessions))
		}
		_, err = w.Finish(ctx, r)
		w.refused(err, identity.ErrSignInExpired, "state_spent")
	})
}

func TestConfirmAtProviderRefused(t *testing.T) {
	for name, row := range map[string]struct {
		as     string
		since  time.Duration
		spoil  func(w *world, p *person, r *identity.Return)
		public *models.Error
		reason string
	}{
		"another account": {as: providertest.Ada, public: identity.ErrConfirmOther, reason: "confirm_account"},
		"asked before":    {since: -2 * time.Minute, public: identity.ErrSignInFailed, reason: "auth_time"},
		"never asked": {spoil: func(w *world, _ *person, _ *identity.Return) {
			w.idp.Misbehave(providertest.Fault{Claims: providertest.Drop("auth_time")})
		}, public: identity.ErrSignInFailed, reason: "auth_time"},
		"signed out": {spoil: func(_ *world, _ *person, r *identity.Return) { r.Former = nil }, public: identity.ErrSignInExpired, reason: "confirm_session"},
		"another's session": {spoil: func(w *world, _ *person, r *identity.Return) {
			r.Former = w.who(w.local("edgar").password().Token)
		}, public: identity.ErrSignInExpired, reason: "confirm_session"},
		"another session of theirs": {spoil: func(w *world, _ *person, r *identity.Return) {
			former := *r.Former
			former.SessionID = models.NewID()
			r.Former = &former
		}, public: identity.ErrSignInExpired, reason: "confirm_session"},
		"an attempt to sign in": {spoil: func(w *world, _ *person, r *identity.Return) {
			begun, err := w.Begin(ctx, "oidc", "/")
			if err != nil {
				w.t.Fatal(err)
			}
			r.Sealed = begun.Sealed
		}, public: identity.ErrSignInExpired, reason: "state"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.leave("oidc", providertest.Violet)
			as := row.as
			if as == "" {
				as = providertest.Violet
			}
			r := w.confirming(w.who(p.session), as, row.since)
			if row.spoil != nil {
				row.spoil(w, p, &r)
			}
			in, err := w.Finish(ctx, r)
			w.refused(err, row.public, row.reason)
			if in != (identity.SignedIn{}) || w.Fresh(w.who(p.session)) {
				t.Errorf("%+v", in)
			}
		})
	}
}

// The way over the provider closes with the first factor, also for who is under
// way there.
func TestConfirmAtProviderOrFactor(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.leave("oidc", providertest.Violet)
	who := w.who(p.session)
	r := w.confirming(who, providertest.Violet, time.Second)
	fresh := *who
	fresh.ProvenAt = w.clock.now()
	p.enrolTOTP(w.self(&fresh))
	if _, err := w.Finish(ctx, r); !errors.Is(err, identity.ErrCannotConfirm) || w.Fresh(w.who(p.session)) {
		t.Error(err)
	}
	if ways := w.with(off).ways(who); ways != (identity.Ways{Provider: "oidc"}) {
		t.Errorf("factors count although they are switched off: %+v", ways)
	}
}

// Where a provider cannot ask anew, and there is no factor, nothing confirms.
func TestCannotConfirm(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.leave("google", providertest.Violet)
	who := w.who(p.session)
	if ways := w.ways(who); ways != (identity.Ways{}) {
		t.Errorf("%+v", ways)
	}
	if _, err := w.BeginConfirm(ctx, who, "/"); !errors.Is(err, identity.ErrCannotConfirm) {
		t.Error(err)
	}
	if err := w.ConfirmPassword(ctx, who, ""); !errors.Is(err, identity.ErrCannotConfirm) {
		t.Error(err)
	}
	err := w.ConfirmCode(ctx, who, "123456")
	w.refused(err, identity.ErrWrongCode, "wrong_code")
}

// In OAuth-only mode no password confirms, whoever still has one.
func TestNoPasswordConfirmsOAuthOnly(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	who := w.local("ada").stale()
	closed := w.with(func(c *identity.Config) { c.PasswordLogin = false })
	if ways := closed.ways(who); ways != (identity.Ways{}) {
		t.Errorf("%+v", ways)
	}
	if err := closed.ConfirmPassword(ctx, who, longPassword); !errors.Is(err, identity.ErrCannotConfirm) {
		t.Error(err)
	}
}
