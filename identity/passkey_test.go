package identity_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// keyed is a person with a passkey.
func (w *world) keyed(name string) *person {
	w.t.Helper()
	p := w.local(name)
	p.enrolPasskey(w.self(p.whole()))
	return p
}

// proving is a ceremony to prove one of the person's passkeys.
func (p *person) proving() identity.Ceremony {
	p.w.t.Helper()
	c, err := p.w.BeginPasskeyOf(ctx, p.user.ID)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return c
}

func (w *world) alone() identity.Ceremony {
	w.t.Helper()
	c, err := w.BeginPasskey(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestPasskeyAsSecondFactor(t *testing.T) {
	each(t, func(w *world) {
		p := w.keyed("ada")
		p.key.count, p.key.unverified = 1, true // it need not ask for more than a touch
		h := p.half()
		if !h.Ways.Passkey || h.Ways.TOTP || h.Ways.Recovery != 10 {
			w.t.Errorf("%+v", h.Ways)
		}
		c := p.proving()
		if o := p.key.read(c.Options).PublicKey; len(o.AllowCredentials) != 1 || o.AllowCredentials[0].ID != b64(p.key.id) || o.UserVerification != "preferred" {
			w.t.Errorf("%+v", o)
		}
		done, err := w.FinishWithPasskey(ctx, h, c.Sealed, p.key.get(c.Options), identity.Entry{Next: "/runs"})
		if err != nil || done.Next != "/runs" {
			w.t.Fatal(err)
		}
		if s := w.session(w.who(done.Token)); s.Factor != models.FactorPasskey || s.Method != models.MethodPassword {
			w.t.Errorf("%+v", s)
		}
	})
}

// A passkey alone is both factors, whoever must have a second one.
func TestPasskeyAlone(t *testing.T) {
	eachWith(t, required, func(w *world) {
		p := w.local("ada")
		whom, err := p.half().Self()
		if err != nil {
			w.t.Fatal(err)
		}
		p.enrolPasskey(whom)
		c := w.alone()
		if o := p.key.read(c.Options).PublicKey; len(o.AllowCredentials) != 0 || o.UserVerification != "required" {
			w.t.Errorf("%+v", o)
		}
		done, err := w.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{Next: "/runs"})
		if err != nil || done.Wants != "" || done.Next != "/runs" {
			w.t.Fatal(err)
		}
		who := w.who(done.Token)
		if s := w.session(who); s.Factor != models.FactorPasskey || s.Method != models.MethodPasskey || !w.Fresh(who) || who.User.ID != p.user.ID {
			w.t.Errorf("%+v", s)
		}
		if e := w.lastEvent(); e.Event != "signin.finish" || e.Actor.ID != p.user.ID || e.Provider != models.LocalSlot {
			w.t.Errorf("%+v", e)
		}
	})
}

// What a passkey, a browser or somebody between may do wrong.
func TestPasskeyRefused(t *testing.T) {
	type answer struct {
		sealed string
		body   []byte
	}
	get := func(p *person, c identity.Ceremony) answer { return answer{c.Sealed, p.key.get(c.Options)} }
	for name, row := range map[string]struct {
		// answer gives what comes back for the person's ceremony, alone or not.
		answer func(w *world, p *person, c identity.Ceremony) answer
		reason string
	}{
		"another key": {func(w *world, p *person, c identity.Ceremony) answer {
			p.key.key = newAuthenticator(w.t).key
			return get(p, c)
		}, "wrong_passkey"},
		"another origin": {func(_ *world, p *person, c identity.Ceremony) answer {
			p.key.origin = "http://localhost:3001"
			return get(p, c)
		}, "wrong_passkey"},
		"another party": {func(_ *world, p *person, c identity.Ceremony) answer {
			p.key.rpID = "example.com"
			return get(p, c)
		}, "wrong_passkey"},
		"another's handle": {func(w *world, p *person, c identity.Ceremony) answer {
			p.key.handle = []byte(w.local("violet").user.ID)
			return get(p, c)
		}, "wrong_passkey"},
		"the count stands still": {func(_ *world, p *person, c identity.Ceremony) answer {
			p.key.count = 7
			return get(p, c)
		}, "passkey_cloned"},
		"the count goes back": {func(_ *world, p *person, c identity.Ceremony) answer {
			p.key.count = 3
			return get(p, c)
		}, "passkey_cloned"},
		"no answer": {func(_ *world, _ *person, c identity.Ceremony) answer { return answer{c.Sealed, nil} }, "wrong_passkey"},
		"no object": {func(_ *world, _ *person, c identity.Ceremony) answer { return answer{c.Sealed, []byte(`"x"`)} }, "wrong_passkey"},
		"a creation": {func(w *world, p *person, c identity.Ceremony) answer {
			return answer{c.Sealed, newAuthenticator(w.t).create(c.Options)}
		}, "wrong_passkey"},
		"no ceremony": {func(_ *world, p *person, c identity.Ceremony) answer {
			return answer{"", p.key.get(c.Options)}
		}, "passkey_ceremony"},
		"forged": {func(w *world, p *person, c identity.Ceremony) answer {
			return answer{sealElsewhere(w), p.key.get(c.Options)}
		}, "passkey_ceremony"},
		"too late": {func(w *world, p *person, c identity.Ceremony) answer {
			w.clock.pass(5 * time.Minute)
			return get(p, c)
		}, "passkey_expired"},
		"another challenge": {func(w *world, p *person, c identity.Ceremony) answer {
			return answer{c.Sealed, p.key.get(w.alone().Options)}
		}, "wrong_passkey"},
		"an enrolment": {func(w *world, p *person, c identity.Ceremony) answer {
			offer, err := w.OfferPasskey(ctx, w.self(w.who(p.session)))
			if err != nil {
				w.t.Fatal(err)
			}
			return get(p, offer)
		}, "passkey_ceremony"},
	} {
		for _, alone := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", alone", false: ", second"}[alone], func(t *testing.T) {
				w := onSQLite(t, policy.Gate{})
				p := w.keyed("ada")
				w.useTo(p, 7)
				h, c := p.half(), p.proving()
				if alone {
					c = w.alone()
				}
				a := row.answer(w, p, c)
				var err error
				if alone {
					_, err = w.SignInPasskey(ctx, a.sealed, a.body, identity.Entry{})
				} else {
					_, err = w.FinishWithPasskey(ctx, h, a.sealed, a.body, identity.Entry{})
				}
				public := identity.ErrPasskeyExpired
				if row.reason == "wrong_passkey" || row.reason == "passkey_cloned" {
					public = identity.ErrWrongPasskey
				}
				w.refused(err, public, row.reason)
			})
		}
	}
}

// useTo signs in with the passkey alone, and leaves its count there.
func (w *world) useTo(p *person, count uint32) {
	w.t.Helper()
	p.key.count = count
	c := w.alone()
	in, err := w.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{})
	if err != nil {
		w.t.Fatal(err)
	}
	p.session = in.Token
	p.key.count++
}

// A ceremony works once, for whom and for what it was begun.
func TestCeremonyIsForOneThing(t *testing.T) {
	each(t, func(w *world) {
		ada, violet := w.keyed("ada"), w.keyed("violet")
		c := ada.proving()
		answer := ada.key.get(c.Options)
		_, err := w.FinishWithPasskey(ctx, violet.half(), c.Sealed, answer, identity.Entry{})
		w.refused(err, identity.ErrPasskeyExpired, "passkey_ceremony")
		_, err = w.SignInPasskey(ctx, c.Sealed, answer, identity.Entry{})
		w.refused(err, identity.ErrPasskeyExpired, "passkey_ceremony")
		if _, err = w.FinishWithPasskey(ctx, ada.half(), c.Sealed, answer, identity.Entry{}); err != nil {
			w.t.Fatal(err)
		}
		_, err = w.FinishWithPasskey(ctx, ada.half(), c.Sealed, answer, identity.Entry{})
		w.refused(err, identity.ErrPasskeyExpired, "passkey_spent")

		c = w.alone()
		answer = ada.key.get(c.Options)
		_, err = w.FinishWithPasskey(ctx, ada.half(), c.Sealed, answer, identity.Entry{})
		w.refused(err, identity.ErrPasskeyExpired, "passkey_ceremony")
		if _, err = w.SignInPasskey(ctx, c.Sealed, answer, identity.Entry{}); err != nil {
			w.t.Fatal(err)
		}
		_, err = w.SignInPasskey(ctx, c.Sealed, answer, identity.Entry{})
		w.refused(err, identity.ErrPasskeyExpired, "passkey_spent")

		// Another's passkey does not prove this person, whatever it answers.
		c = ada.proving()
		violet.key.handle = ada.key.handle
		_, err = w.FinishWithPasskey(ctx, ada.half(), c.Sealed, violet.key.get(c.Options), identity.Entry{})
		w.refused(err, identity.ErrWrongPasskey, "wrong_passkey")
	})
}

// Alone, a passkey must have asked who holds it.
func TestPasskeyAloneVerifiesItsOwner(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.keyed("ada")
	p.key.unverified = true
	c := w.alone()
	_, err := w.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{})
	w.refused(err, identity.ErrWrongPasskey, "wrong_passkey")
}

func TestUnknownPasskey(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.keyed("ada")
	stranger := newAuthenticator(t)
	stranger.handle = p.key.handle
	c := w.alone()
	_, err := w.SignInPasskey(ctx, c.Sealed, stranger.get(c.Options), identity.Entry{})
	w.refused(err, identity.ErrWrongPasskey, "unknown_passkey")
}

// Strangers fill no table with what they spent: an attempt too many, and one with
// a passkey that nobody has, use nothing up.
func TestStrangersSpendNothing(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.keyed("ada")
	stranger, c := newAuthenticator(t), w.alone()
	for range 100 {
		_, err := w.SignInPasskey(from("203.0.113.9"), c.Sealed, stranger.get(c.Options), identity.Entry{})
		if !errors.Is(err, identity.ErrWrongPasskey) {
			t.Fatal(err)
		}
	}
	if _, err := w.SignInPasskey(from("203.0.113.9"), c.Sealed, p.key.get(c.Options), identity.Entry{}); !errors.Is(err, identity.ErrTooMany) {
		t.Fatal(err)
	}
	w.clock.pass(time.Minute)
	if _, err := w.SignInPasskey(from("203.0.113.9"), c.Sealed, p.key.get(c.Options), identity.Entry{}); err != nil {
		t.Error(err)
	}
}

// Whoever has no account here proves a passkey only beside their provider.
func TestPasskeyOfProvidersPerson(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, who := w.signIn(providertest.Violet)
	p := &person{w: w, user: who.User, key: newAuthenticator(t)}
	p.enrolPasskey(w.self(who))
	c := w.alone()
	_, err := w.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{})
	w.refused(err, identity.ErrWrongPasskey, "no_local_account")

	w.policyFile("mfa: {sso: true}")
	in := w.ssoSignIn()
	c = p.proving()
	done, err := w.FinishWithPasskey(ctx, w.halfway(in.Token), c.Sealed, p.key.get(c.Options), identity.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	address, err := w.SignOut(ctx, w.who(done.Token))
	if err != nil || !strings.Contains(address, "id_token_hint=eyJ") {
		t.Errorf("the ID token was lost on the way: %q, %v", address, err)
	}
}

// Passwordless sign-in is refused to whom the policy no longer knows, who is
// disabled, and in OAuth-only mode.
func TestPasskeyAloneIsJudged(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.keyed("ada")
	c := w.alone()
	closed := w.with(func(c *identity.Config) { c.PasswordLogin = false })
	if _, err := closed.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{}); !errors.Is(err, identity.ErrPasswordOff) {
		t.Error(err)
	}
	if _, err := closed.BeginPasskey(ctx); !errors.Is(err, identity.ErrPasswordOff) {
		t.Error(err)
	}
	w.change(policy.Options{})
	_, err := w.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{})
	w.refused(err, identity.ErrNotAllowed, "no_role")
	w.change(viewers)
	if err := w.Disable(models.WithOperator(ctx), p.user.ID); err != nil {
		t.Fatal(err)
	}
	c = w.alone()
	_, err = w.SignInPasskey(ctx, c.Sealed, p.key.get(c.Options), identity.Entry{})
	w.refused(err, identity.ErrNotAllowed, "user_disabled")
}

func TestEnrolPasskey(t *testing.T) {
	each(t, func(w *world) {
		p := w.local("ada")
		whom := w.self(p.whole())
		c, err := w.OfferPasskey(ctx, whom)
		if err != nil {
			w.t.Fatal(err)
		}
		o := p.key.read(c.Options).PublicKey
		if o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "required" || len(o.ExcludeCredentials) != 0 {
			w.t.Errorf("%+v", o)
		}
		done, err := w.EnrolPasskey(ctx, whom, c.Sealed, p.key.create(c.Options), " \x00 ", identity.Entry{})
		if err != nil || len(done.RecoveryCodes) != 10 || done.SignedIn != nil {
			w.t.Fatalf("%+v, %v", done, err)
		}
		if string(p.key.handle) != p.user.ID {
			w.t.Errorf("the user handle is %q", p.key.handle)
		}
		f := w.factors(p.user.ID)[0]
		if e := w.lastEvent(); e.Event != "mfa.enrol" || e.Reason != "passkey" || e.Target.ID != f.ID || e.Actor.ID != p.user.ID || f.Name != "Passkey" {
			w.t.Errorf("%+v, %+v", e, f)
		}
		c, err = w.OfferPasskey(ctx, whom)
		if err != nil {
			w.t.Fatal(err)
		}
		if o := p.key.read(c.Options).PublicKey; len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != b64(p.key.id) {
			w.t.Errorf("%+v", o)
		}
		if len(c.Sealed) > 2048 {
			w.t.Errorf("a ceremony of %d bytes is long for a cookie", len(c.Sealed))
		}
	})
}

func TestEnrolPasskeyRefused(t *testing.T) {
	for name, row := range map[string]struct {
		spoil  func(w *world, p *person, c *identity.Ceremony, whom *identity.Whom)
		public *models.Error
		reason string
	}{
		"nobody is verified": {func(_ *world, p *person, _ *identity.Ceremony, _ *identity.Whom) { p.key.unverified = true }, identity.ErrWrongPasskey, "wrong_passkey"},
		"another origin": {func(_ *world, p *person, _ *identity.Ceremony, _ *identity.Whom) {
			p.key.origin = "https://evil.example"
		}, identity.ErrWrongPasskey, "wrong_passkey"},
		"another party": {func(_ *world, p *person, _ *identity.Ceremony, _ *identity.Whom) { p.key.rpID = "evil.example" }, identity.ErrWrongPasskey, "wrong_passkey"},
		"too late":      {func(w *world, _ *person, _ *identity.Ceremony, _ *identity.Whom) { w.clock.pass(5 * time.Minute) }, identity.ErrPasskeyExpired, "passkey_expired"},
		"a sign-in":     {func(w *world, _ *person, c *identity.Ceremony, _ *identity.Whom) { *c = w.alone() }, identity.ErrPasskeyExpired, "passkey_ceremony"},
		"another's ceremony": {func(w *world, _ *person, c *identity.Ceremony, _ *identity.Whom) {
			*c, _ = w.OfferPasskey(ctx, w.self(w.local("violet").whole()))
		}, identity.ErrPasskeyExpired, "passkey_ceremony"},
		"twice": {func(w *world, p *person, c *identity.Ceremony, whom *identity.Whom) {
			_, _ = w.EnrolPasskey(ctx, *whom, c.Sealed, p.key.create(c.Options), "", identity.Entry{})
		}, identity.ErrPasskeyExpired, "passkey_spent"},
		"another's passkey": {func(w *world, p *person, _ *identity.Ceremony, _ *identity.Whom) {
			other := w.local("violet")
			other.key = p.key
			other.enrolPasskey(w.self(other.whole()))
		}, identity.ErrPasskeyTaken, "passkey_taken"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.local("ada")
			whom := w.self(p.whole())
			c, err := w.OfferPasskey(ctx, whom)
			if err != nil {
				t.Fatal(err)
			}
			row.spoil(w, p, &c, &whom)
			before := len(w.factors(p.user.ID))
			_, err = w.EnrolPasskey(ctx, whom, c.Sealed, p.key.create(c.Options), "", identity.Entry{})
			w.refused(err, row.public, row.reason)
			if len(w.factors(p.user.ID)) != before {
				t.Error("it was set up")
			}
		})
	}
}

// Browsers have passkeys for domains, over https or on this machine.
func TestWherePasskeysWork(t *testing.T) {
	for address, want := range map[string]bool{
		"http://localhost:3000": true, "https://dagster.example.com/path": true, "http://a.localhost": true,
		"http://dagster.example.com": false, "https://10.0.0.1": false, "https://[::1]:3000": false, "http://127.0.0.1:3000": false,
		"http://evil-localhost": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		s := &identity.Service{Config: identity.Config{Site: models.Site{URL: u}, Keys: ring(t, key(1)), Now: time.Now, PasswordLogin: true}}
		if s.PasskeysWork() != want {
			t.Errorf("%s: %v", address, !want)
		}
		if _, err := s.BeginPasskey(ctx); !want && !errors.Is(err, identity.ErrNoPasskeys) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
