package identity_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

func TestEnrolTOTP(t *testing.T) {
	each(t, func(w *world) {
		p := w.local("ada")
		other := p.whole()
		who := p.whole()
		whom := w.self(who)
		offer, err := w.OfferTOTP(ctx, whom)
		if err != nil {
			w.t.Fatal(err)
		}
		u, err := url.Parse(offer.URL)
		if q := u.Query(); err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Dagpass:ada" || q.Get("issuer") != "Dagpass" || q.Get("secret") != offer.Secret || len(offer.Secret) != 32 {
			w.t.Errorf("%s", offer.URL)
		}
		p.secret = offer.Secret
		if _, err := w.EnrolTOTP(ctx, whom, offer.Sealed, "000000", "", identity.Entry{}); !errors.Is(err, identity.ErrWrongCode) {
			w.t.Error(err)
		}
		if n := len(w.factors(p.user.ID)); n != 0 {
			w.t.Errorf("%d factors before the first code", n)
		}
		again, err := w.ReopenTOTP(ctx, whom, offer.Sealed)
		if err != nil || again != offer {
			w.t.Errorf("%+v, %v", again, err)
		}
		done, err := w.EnrolTOTP(ctx, whom, offer.Sealed, p.code(), " Phone\n", identity.Entry{})
		if err != nil || len(done.RecoveryCodes) != 10 || done.SignedIn != nil || done.Others != 1 {
			w.t.Fatalf("%+v, %v", done, err)
		}
		f := w.factors(p.user.ID)[0]
		if f.Name != "Phone" || f.Kind != models.FactorTOTP || strings.Contains(f.Sealed, offer.Secret) {
			w.t.Errorf("%+v", f)
		}
		if e := w.lastEvent(); e.Event != "mfa.enrol" || e.Reason != "totp" || e.Target.ID != f.ID || e.Actor.ID != p.user.ID || e.Session != who.SessionID {
			w.t.Errorf("%+v", e)
		}
		w.session(other) // it goes on
	})
}

// An offer is for one person, for a while, and for one factor.
func TestOfferRefused(t *testing.T) {
	for name, spoil := range map[string]func(w *world, p *person, sealed *string){
		"none":      func(_ *world, _ *person, sealed *string) { *sealed = "" },
		"forged":    func(w *world, _ *person, sealed *string) { *sealed = sealElsewhere(w) },
		"too late":  func(w *world, _ *person, _ *string) { w.clock.pass(10 * time.Minute) },
		"another's": func(w *world, _ *person, sealed *string) { *sealed = w.offer(w.local("violet")) },
		"used": func(w *world, p *person, sealed *string) {
			_, _ = w.EnrolTOTP(ctx, w.self(p.whole()), *sealed, w.codeAt(p.secret, 0), "", identity.Entry{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.local("ada")
			whom := w.self(p.whole())
			sealed := w.offer(p)
			spoil(w, p, &sealed)
			before := len(w.factors(p.user.ID))
			_, err := w.EnrolTOTP(ctx, whom, sealed, w.codeAt(p.secret, 0), "", identity.Entry{})
			if !errors.Is(err, identity.ErrEnrolmentFailed) || len(w.factors(p.user.ID)) != before {
				t.Errorf("%v, %d factors", err, len(w.factors(p.user.ID)))
			}
		})
	}
}

// offer is one for somebody signed in.
func (w *world) offer(p *person) string {
	w.t.Helper()
	offer, err := w.OfferTOTP(ctx, w.self(p.whole()))
	if err != nil {
		w.t.Fatal(err)
	}
	p.secret = offer.Secret
	return offer.Sealed
}

// Halfway, somebody sets up their first factor and is signed in; never a second
// one, which would be a way around the first.
func TestEnrolHalfway(t *testing.T) {
	eachWith(t, required, func(w *world) {
		p := w.local("ada")
		begun := p.password().Token
		first, second := p.half(), w.halfway(begun)
		if first.Wants != models.WantsEnrol {
			w.t.Fatal(first.Wants)
		}
		_, err := w.FinishWithCode(ctx, first, "123456", identity.Entry{})
		if !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("finished without a factor: %v", err)
		}
		whom, late := w.whom(first), w.whom(second)
		sealed, err := w.OfferTOTP(ctx, late)
		if err != nil {
			w.t.Fatal(err)
		}
		done := p.enrolTOTP(whom)
		if done.SignedIn == nil || len(done.RecoveryCodes) != 10 {
			w.t.Fatalf("%+v", done)
		}
		who := w.who(done.SignedIn.Token)
		if s := w.session(who); s.Factor != models.FactorTOTP || !w.Fresh(who) {
			w.t.Errorf("%+v", s)
		}
		if _, err := w.EnrolTOTP(ctx, late, sealed.Sealed, w.codeAt(sealed.Secret, 0), "", identity.Entry{}); !errors.Is(err, identity.ErrSignInExpired) {
			w.t.Errorf("a second factor beside the first: %v", err)
		}
		if n := len(w.factors(p.user.ID)); n != 1 {
			w.t.Errorf("%d factors", n)
		}
		h := w.halfway(begun)
		if h.Wants != models.WantsFactor {
			w.t.Errorf("wants %q once there is a factor", h.Wants)
		}
		if _, err := h.Self(); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("enrols with a factor to prove: %v", err)
		}
	})
}

func (w *world) whom(h *identity.Half) identity.Whom {
	w.t.Helper()
	whom, err := h.Self()
	if err != nil {
		w.t.Fatal(err)
	}
	return whom
}

// What a thief sets up does not outlast the session, or the sign-in, that its
// owner has ended meanwhile, though a replica believes it for a moment still.
func TestNothingIsSetUpAfterTheEnd(t *testing.T) {
	each(t, func(w *world) {
		halfway, whole := w.local("ada"), w.protected("violet")
		in := whole.whole()
		w.mfa(identity.MFARequired)
		for who, whom := range map[*person]identity.Whom{halfway: w.whom(halfway.half()), whole: w.self(in)} {
			offer, err := w.OfferTOTP(ctx, whom)
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := w.SetPassword(models.WithOperator(ctx), who.user.ID, another); err != nil {
				w.t.Fatal(err)
			}
			had := len(w.factors(who.user.ID))
			if _, err := w.EnrolTOTP(ctx, whom, offer.Sealed, w.codeAt(offer.Secret, 0), "", identity.Entry{}); err == nil || len(w.factors(who.user.ID)) != had {
				w.t.Errorf("%s: a factor was set up, %v", who.name, err)
			}
		}
		if codes, err := w.NewRecoveryCodes(ctx, w.self(in)); !errors.Is(err, identity.ErrUnauthenticated) || codes != nil {
			w.t.Errorf("recovery codes: %v", err)
		}
		if e := w.lastEvent(); e.Reason != "session_gone" {
			w.t.Errorf("%+v", e)
		}
	})
}

// Of two first factors at once one is set up, where only a first one may be.
func TestFirstFactorRace(t *testing.T) {
	eachWith(t, required, func(w *world) {
		p := w.local("ada")
		var tries []func()
		for range 3 {
			whom := w.whom(p.half())
			offer, err := w.OfferTOTP(ctx, whom)
			if err != nil {
				w.t.Fatal(err)
			}
			code := w.codeAt(offer.Secret, 0)
			tries = append(tries, func() { _, _ = w.EnrolTOTP(ctx, whom, offer.Sealed, code, "", identity.Entry{}) })
		}
		var all sync.WaitGroup
		for _, try := range tries {
			all.Go(try)
		}
		all.Wait()
		if n := len(w.factors(p.user.ID)); n != 1 {
			w.t.Errorf("%d factors", n)
		}
	})
}

// Whoever is nobody, or has not proved lately who they are, changes nothing.
func TestWhomIsNeeded(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.protected("ada")
	who := p.whole()
	whom := w.self(who)
	c, _ := w.OfferPasskey(ctx, whom)
	sealed := w.offer(p)
	for name, err := range map[string]error{
		"offer":    second(w.OfferTOTP(ctx, identity.Whom{})),
		"reopen":   second(w.ReopenTOTP(ctx, identity.Whom{}, sealed)),
		"totp":     second(w.EnrolTOTP(ctx, identity.Whom{}, sealed, w.codeAt(p.secret, 0), "", identity.Entry{})),
		"begin":    second(w.OfferPasskey(ctx, identity.Whom{})),
		"passkey":  second(w.EnrolPasskey(ctx, identity.Whom{}, c.Sealed, p.key.create(c.Options), "", identity.Entry{})),
		"remove":   w.RemoveFactor(ctx, identity.Whom{}, w.factors(p.user.ID)[0].ID),
		"recovery": second(w.NewRecoveryCodes(ctx, identity.Whom{})),
		"nobody":   second(w.Self(nil)),
		"no half":  second((*identity.Half)(nil).Self()),
	} {
		if !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.clock.pass(identity.FreshFor)
	if _, err := w.Self(who); !errors.Is(err, identity.ErrConfirm) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// Where the provider never says when it asked somebody, they can set up a first
// factor after a sign-in, and no more than that.
func TestFirstFactorWithoutProof(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.idp.Misbehave(providertest.Fault{Claims: providertest.Both(providertest.Drop("auth_time"), providertest.Set("hd", "example.com"))})
	signIn := func(slot string) *models.Principal {
		in, err := w.Finish(ctx, w.comeBy(slot, providertest.Violet))
		if err != nil {
			t.Fatal(err)
		}
		return w.who(in.Token)
	}
	if _, err := w.Self(signIn("oidc")); !errors.Is(err, identity.ErrConfirm) {
		t.Errorf("who can be asked anew is not: %v", err)
	}
	who := signIn("google") // which never says it
	if w.Fresh(who) {
		t.Error("it counts as a proof")
	}
	whom := w.self(who)
	if err := w.RemoveFactor(ctx, whom, "x"); !errors.Is(err, identity.ErrConfirm) {
		t.Error(err)
	}
	if _, err := w.NewRecoveryCodes(ctx, whom); !errors.Is(err, identity.ErrConfirm) {
		t.Error(err)
	}
	p := &person{w: w, user: who.User}
	p.enrolTOTP(whom)
	offer, err := w.OfferTOTP(ctx, whom)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EnrolTOTP(ctx, whom, offer.Sealed, w.codeAt(offer.Secret, 0), "", identity.Entry{}); !errors.Is(err, identity.ErrConfirm) {
		t.Errorf("a second one: %v", err)
	}
	w.clock.pass(identity.FreshFor)
	if _, err := w.Self(who); !errors.Is(err, identity.ErrConfirm) {
		t.Errorf("long after: %v", err)
	}
}

func TestRemoveFactor(t *testing.T) {
	each(t, func(w *world) {
		p, other := w.protected("ada"), w.protected("violet")
		whom := w.self(p.whole())
		p.enrolPasskey(whom)
		if err := w.RemoveFactor(ctx, whom, w.factors(other.user.ID)[0].ID); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("another's: %v", err)
		}
		for i, f := range w.factors(p.user.ID) {
			if err := w.RemoveFactor(ctx, whom, f.ID); err != nil {
				w.t.Fatal(err)
			}
			if e := w.lastEvent(); e.Event != "mfa.remove" || e.Target.ID != f.ID || e.Reason != string(f.Kind) || e.Actor.ID != p.user.ID {
				w.t.Errorf("%+v", e)
			}
			if _, codes, _ := w.FactorsOf(ctx, p.user.ID); codes != []int{10, 0}[i] {
				w.t.Errorf("%d recovery codes without a factor", codes)
			}
		}
		if in := p.password(); in.Wants != "" {
			w.t.Errorf("wants %q", in.Wants)
		}
		if n := len(w.factors(other.user.ID)); n != 1 {
			w.t.Errorf("another has %d", n)
		}
	})
}

// The last factor stays where one is needed, whichever way in it is for.
func TestLastFactor(t *testing.T) {
	for name, row := range map[string]struct {
		sso    bool
		mfa    identity.MFA
		policy string
		amr    []string
		want   error
	}{
		"optional":         {mfa: identity.MFAOptional},
		"required":         {mfa: identity.MFARequired, want: identity.ErrLastFactor},
		"role":             {mfa: identity.MFAOptional, policy: "mfa: {roles: [viewer]}", want: identity.ErrLastFactor},
		"off":              {mfa: identity.MFAOff, policy: "mfa: {roles: [viewer]}"},
		"sso":              {sso: true, mfa: identity.MFARequired},
		"sso, asked":       {sso: true, mfa: identity.MFARequired, policy: "mfa: {sso: true}", want: identity.ErrLastFactor},
		"sso, asked there": {sso: true, mfa: identity.MFARequired, policy: "mfa: {sso: true}", amr: []string{"mfa"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("amr", row.amr)})
			p := &person{w: w}
			if row.sso {
				_, who := w.signIn(providertest.Violet)
				p.user = who.User
				p.enrolTOTP(w.self(who))
			} else {
				p = w.protected("ada")
			}
			w.policyFile(row.policy)
			identities, err := w.IdentitiesOf(ctx, p.user.ID)
			if err != nil {
				t.Fatal(err)
			}
			whom := w.self(&models.Principal{User: p.user, Identity: identities[0], ProvenAt: w.clock.now()})
			strict := w.with(mfa(row.mfa))
			if err := strict.RemoveFactor(ctx, whom, w.factors(p.user.ID)[0].ID); !errors.Is(err, row.want) {
				t.Errorf("%v, want %v", err, row.want)
			}
		})
	}
}

func TestNewRecoveryCodes(t *testing.T) {
	each(t, func(w *world) {
		p := w.protected("ada")
		whom := w.self(p.whole())
		codes, err := w.NewRecoveryCodes(ctx, whom)
		if e := w.lastEvent(); err != nil || len(codes) != 10 || e.Event != "mfa.recovery_codes" || e.Actor.ID != p.user.ID {
			w.t.Fatalf("%v, %+v", err, e)
		}
		_, err = w.FinishWithCode(ctx, p.half(), p.codes[0], identity.Entry{})
		w.refused(err, identity.ErrWrongCode, "wrong_code")
		if _, err = w.FinishWithCode(ctx, p.half(), codes[9], identity.Entry{}); err != nil {
			w.t.Error(err)
		}
		if _, err := w.NewRecoveryCodes(ctx, w.self(w.local("violet").whole())); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("codes for no factor: %v", err)
		}
	})
}

func TestResetFactors(t *testing.T) {
	each(t, func(w *world) {
		p, other := w.protected("ada"), w.protected("violet")
		who, half := p.whole(), p.password()
		operator := models.WithOperator(ctx)
		n, err := w.ResetFactors(operator, p.user.ID)
		if e := w.lastEvent(); err != nil || n != 1 || e.Event != "mfa.reset" || e.Target.ID != p.user.ID || e.Actor.Kind != "operator" {
			w.t.Fatalf("%d, %v, %+v", n, err, e)
		}
		w.clock.pass(bites)
		if _, err := w.Still(ctx, who); err == nil {
			w.t.Error("a session goes on")
		}
		if _, err := w.Halfway(ctx, half.Token); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("a pending sign-in goes on: %v", err)
		}
		if factors, codes, _ := w.FactorsOf(ctx, p.user.ID); len(factors)+codes != 0 {
			w.t.Errorf("%d factors, %d codes", len(factors), codes)
		}
		if in := p.password(); in.Wants != "" {
			w.t.Errorf("wants %q", in.Wants)
		}
		if len(w.factors(other.user.ID)) != 1 {
			w.t.Error("another's are gone")
		}
	})
}

// Admins reset others' factors, but not those of who may do more than they.
func TestWhoResetsFactors(t *testing.T) {
	holds := func(all policy.Permissions) context.Context {
		return models.WithPrincipal(ctx, &models.Principal{ProvenAt: time.Now(), Access: policy.Access{Permissions: all}})
	}
	for name, row := range map[string]struct {
		ctx  context.Context
		want error
	}{
		"a stranger":     {ctx, identity.ErrNotAdmin},
		"an editor":      {holds(policy.BuiltIn(policy.Editor)), identity.ErrNotAdmin},
		"half an admin":  {holds(policy.Permissions{policy.Administer: {}}), identity.ErrNotAdmin},
		"an admin":       {holds(policy.BuiltIn(policy.Admin)), nil},
		"who is at hand": {models.WithOperator(ctx), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.protected("ada")
			if _, err := w.ResetFactors(row.ctx, p.user.ID); !errors.Is(err, row.want) {
				t.Errorf("%v, want %v", err, row.want)
			}
			if n := len(w.factors(p.user.ID)); (n == 0) != (row.want == nil) {
				t.Errorf("%d factors", n)
			}
		})
	}
}

// MFA=off hides what could be set up.
func TestMFAOff(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.local("ada")
	whom := w.self(p.whole())
	sealed := w.offer(p)
	closed := w.with(off)
	for name, err := range map[string]error{
		"offer":   second(closed.OfferTOTP(ctx, whom)),
		"totp":    second(closed.EnrolTOTP(ctx, whom, sealed, w.codeAt(p.secret, 0), "", identity.Entry{})),
		"begin":   second(closed.OfferPasskey(ctx, whom)),
		"passkey": second(closed.EnrolPasskey(ctx, whom, "", nil, "", identity.Entry{})),
	} {
		if !errors.Is(err, identity.ErrMFAOff) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever has the database and not the key can use no factor that is in it.
func TestFactorsAreSealed(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.protected("ada")
	p.enrolPasskey(w.self(p.whole()))
	h := p.half()
	owner := w.Keys
	w.Keys = ring(t, key(2))
	if _, err := w.FinishWithCode(ctx, h, p.code(), identity.Entry{}); !errors.Is(err, identity.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := w.BeginPasskeyOf(ctx, p.user.ID); err == nil {
		t.Error("a passkey is read without the key")
	}
	w.Keys = owner
	for _, f := range w.factors(p.user.ID) {
		for _, other := range w.factors(p.user.ID) {
			if text, err := w.Keys.Open("factor:"+other.ID, f.Sealed); (err == nil) != (f.ID == other.ID) || strings.Contains(f.Sealed, text) && text != "" {
				t.Errorf("%s opens %s: %v", other.Kind, f.Kind, err)
			}
		}
	}
}

// After a change of keys a factor is sealed anew when it is used.
func TestFactorsFollowTheKey(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.protected("ada")
	w.Keys = ring(t, key(2), key(1))
	p.whole()
	if !w.Keys.Current(w.factors(p.user.ID)[0].Sealed) {
		t.Error("it is still sealed with the former key")
	}
}

func ring(t *testing.T, keys ...[]byte) *identity.Keyring {
	t.Helper()
	k, err := identity.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
