package identity_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// Who is asked for a second factor, by setting, policy, way in and what they
// have.
func TestWhoIsAskedForASecondFactor(t *testing.T) {
	const (
		roles  = "mfa: {roles: [viewer]}"
		editor = "mfa: {roles: [editor]}"
		sso    = "mfa: {sso: true}"
		both   = "mfa: {roles: [viewer], sso: true}"
	)
	set := func(words ...string) providertest.Fault {
		return providertest.Fault{Claims: providertest.Set("amr", words)}
	}
	for name, row := range map[string]struct {
		mfa    identity.MFA
		policy string
		sso    bool // else local
		has    bool
		amr    providertest.Fault
		wants  models.Wants
		factor models.FactorKind
	}{
		"local, optional":             {mfa: identity.MFAOptional},
		"local, optional, has one":    {mfa: identity.MFAOptional, has: true, wants: models.WantsFactor},
		"local, required":             {mfa: identity.MFARequired, wants: models.WantsEnrol},
		"local, required, has one":    {mfa: identity.MFARequired, has: true, wants: models.WantsFactor},
		"local, off":                  {mfa: identity.MFAOff, policy: both},
		"local, off, has one":         {mfa: identity.MFAOff, policy: both, has: true},
		"local, role":                 {mfa: identity.MFAOptional, policy: roles, wants: models.WantsEnrol},
		"local, role, has one":        {mfa: identity.MFAOptional, policy: roles, has: true, wants: models.WantsFactor},
		"local, another role":         {mfa: identity.MFAOptional, policy: editor},
		"sso, optional":               {mfa: identity.MFAOptional, sso: true},
		"sso, required":               {mfa: identity.MFARequired, sso: true},
		"sso, required, has one":      {mfa: identity.MFARequired, sso: true, has: true},
		"sso, role alone":             {mfa: identity.MFAOptional, policy: roles, sso: true},
		"sso, policy":                 {mfa: identity.MFAOptional, policy: sso, sso: true},
		"sso, policy, has one":        {mfa: identity.MFAOptional, policy: sso, sso: true, has: true, wants: models.WantsFactor},
		"sso, policy and required":    {mfa: identity.MFARequired, policy: sso, sso: true, wants: models.WantsEnrol},
		"sso, policy and role":        {mfa: identity.MFAOptional, policy: both, sso: true, wants: models.WantsEnrol},
		"sso, policy, off":            {mfa: identity.MFAOff, policy: both, sso: true, has: true},
		"sso, one factor there":       {mfa: identity.MFAOptional, policy: both, sso: true, amr: set("pwd"), wants: models.WantsEnrol},
		"sso, knows twice":            {mfa: identity.MFAOptional, policy: both, sso: true, amr: set("pwd", "pin", "kba"), wants: models.WantsEnrol},
		"sso, has one, knows nothing": {mfa: identity.MFAOptional, policy: both, sso: true, amr: set("otp", "hwk"), wants: models.WantsEnrol},
		"sso, something else":         {mfa: identity.MFAOptional, policy: both, sso: true, amr: set("rba", "MFA", "mfa2"), wants: models.WantsEnrol},
		"sso, mfa there":              {mfa: identity.MFAOptional, policy: both, sso: true, has: true, amr: set("mfa"), factor: models.FactorProvider},
		"sso, password and code":      {mfa: identity.MFAOptional, policy: both, sso: true, amr: set("pwd", "otp"), factor: models.FactorProvider},
		"sso, pin and key":            {mfa: identity.MFARequired, policy: both, sso: true, amr: set("hwk", "pin"), factor: models.FactorProvider},
		"sso, mfa there, not wanted":  {mfa: identity.MFAOptional, sso: true, amr: set("mfa"), factor: models.FactorProvider},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			signIn := w.ssoSignIn
			if !row.sso {
				signIn = w.local("ada").password
			}
			if row.has {
				p := &person{w: w}
				p.enrolTOTP(w.self(w.who(signIn().Token)))
			}
			w.policyFile(row.policy)
			w.idp.Misbehave(row.amr)
			asking := w.with(mfa(row.mfa))
			*w = *asking
			in := signIn()
			if in.Wants != row.wants {
				t.Fatalf("wants %q, not %q", in.Wants, row.wants)
			}
			if in.Wants == "" && w.session(w.who(in.Token)).Factor != row.factor {
				t.Errorf("the session's factor is %q", w.session(w.who(in.Token)).Factor)
			}
		})
	}
}

// ssoSignIn is a sign-in at the provider, whatever it wants.
func (w *world) ssoSignIn() identity.SignedIn {
	w.t.Helper()
	in, err := w.Finish(ctx, w.come(providertest.Violet))
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

// What a provider said once is not said of a sign-in by a link.
func TestAMRIsOfOneSignIn(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.policyFile("mfa: {roles: [viewer], sso: true}")
	w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("amr", []string{"mfa"})})
	_, p := w.signIn(providertest.Violet)
	address, err := w.MakeLink(models.WithOperator(ctx), p.User.ID, models.LinkSignIn)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(address, "token=")
	in, err := w.SpendLink(ctx, token, "", identity.Entry{})
	if err != nil || in.Wants != models.WantsEnrol {
		t.Errorf("%v, wants %q", err, in.Wants)
	}
}

func TestSecondFactorByCode(t *testing.T) {
	each(t, func(w *world) {
		p := w.protected("ada")
		in := p.password()
		if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("half a sign-in opens a session: %v", err)
		}
		if e := w.lastEvent(); e.Event != "signin.start" || e.Actor.ID != p.user.ID {
			w.t.Errorf("%+v", e)
		}
		h := w.halfway(in.Token)
		if h.Wants != models.WantsFactor || !h.Ways.TOTP || h.Ways.Passkey || h.Ways.Recovery != 10 || h.User.ID != p.user.ID {
			w.t.Errorf("%+v", h)
		}
		_, err := w.FinishWithCode(ctx, h, w.codeAt(p.secret, time.Hour), identity.Entry{})
		w.refused(err, identity.ErrWrongCode, "wrong_code")
		if e := w.lastEvent(); e.Target == nil || e.Target.ID != p.user.ID {
			w.t.Errorf("whose code it was is not told: %+v", e.Target)
		}
		done, err := w.FinishWithCode(ctx, h, p.code(), identity.Entry{Next: "/runs"})
		if err != nil || done.Wants != "" || done.Next != "/runs" {
			w.t.Fatalf("%+v, %v", done, err)
		}
		who := w.who(done.Token)
		if s := w.session(who); s.Factor != models.FactorTOTP || s.Method != models.MethodPassword || !w.Fresh(who) {
			w.t.Errorf("%+v", s)
		}
		_, err = w.FinishWithCode(ctx, h, p.code(), identity.Entry{})
		w.refused(err, identity.ErrSignInExpired, "pending_gone")
	})
}

// A code is good for one step to either side, once, and none before it is.
func TestDriftAndReuse(t *testing.T) {
	for name, row := range map[string]struct {
		drifts []time.Duration // of one code after the other
		reason string          // of the last one; empty if it is good
	}{
		"on time":          {[]time.Duration{0}, ""},
		"a step behind":    {[]time.Duration{-30 * time.Second}, ""},
		"a step ahead":     {[]time.Duration{30 * time.Second}, ""},
		"two behind":       {[]time.Duration{-60 * time.Second}, "wrong_code"},
		"two ahead":        {[]time.Duration{60 * time.Second}, "wrong_code"},
		"twice":            {[]time.Duration{0, 0}, "code_used"},
		"ahead, twice":     {[]time.Duration{30 * time.Second, 30 * time.Second}, "code_used"},
		"then the former":  {[]time.Duration{0, -30 * time.Second}, "code_used"},
		"then the next":    {[]time.Duration{0, 30 * time.Second}, ""},
		"ahead, then this": {[]time.Duration{30 * time.Second, 0}, "code_used"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.protected("ada")
			w.clock.pass(5 * time.Minute)
			for i, drift := range row.drifts {
				_, err := w.FinishWithCode(ctx, p.half(), w.codeAt(p.secret, drift), identity.Entry{})
				if last := i == len(row.drifts)-1; last && row.reason != "" {
					w.refused(err, identity.ErrWrongCode, row.reason)
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// The code that set a factor up has been used.
func TestFirstCodeIsUsed(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.protected("ada")
	_, err := w.FinishWithCode(ctx, p.half(), w.codeAt(p.secret, 0), identity.Entry{})
	w.refused(err, identity.ErrWrongCode, "code_used")
}

// What is no code is wrong, however it looks.
func TestNoCodes(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.protected("ada")
	for _, code := range []string{"", " ", "12345", "1234567", "١٢٣٤٥٦", "+12345", "12345\x00", strings.Repeat("a", 16), strings.Repeat("9", 1<<16), "aaaa-aaaa-aaaa-aaa1"} {
		w.clock.pass(2 * time.Hour)
		_, err := w.FinishWithCode(ctx, p.half(), code, identity.Entry{})
		w.refused(err, identity.ErrWrongCode, "wrong_code")
	}
}

// Of two that finish at once with the same code or the same sign-in, one does.
func TestFinishRaces(t *testing.T) {
	each(t, func(w *world) {
		p := w.protected("ada")
		one, two := p.half(), p.half()
		code, recovery := p.code(), p.codes[0]
		for name, tries := range map[string][]func() error{
			"one code":     {finish(w, one, code), finish(w, two, code)},
			"one recovery": {finish(w, p.half(), recovery), finish(w, p.half(), recovery)},
		} {
			var in atomic.Int32
			var all sync.WaitGroup
			for _, try := range tries {
				all.Go(func() {
					if try() == nil {
						in.Add(1)
					}
				})
			}
			all.Wait()
			if in.Load() != 1 {
				w.t.Errorf("%s: %d got in", name, in.Load())
			}
		}
		h := p.half()
		next := []string{p.codes[1], p.codes[2], p.codes[3]}
		var in atomic.Int32
		var all sync.WaitGroup
		for _, code := range next {
			all.Go(func() {
				if finish(w, h, code)() == nil {
					in.Add(1)
				}
			})
		}
		all.Wait()
		if in.Load() != 1 {
			w.t.Errorf("one sign-in became %d sessions", in.Load())
		}
	})
}

// A session without a second factor ends once its person needs one: by a changed
// policy, by a changed setting, or by what the provider says of them at a sign-in
// that has not proved it yet.
func TestSessionsWantTheSecondFactorToo(t *testing.T) {
	for name, row := range map[string]struct {
		change func(w *world)
		ends   bool
	}{
		"nothing":      {func(*world) {}, false},
		"other roles":  {func(w *world) { w.policyFile("mfa: {roles: [admin], sso: true}") }, false},
		"local alone":  {func(w *world) { w.policyFile("mfa: {roles: [viewer]}") }, false},
		"their role":   {func(w *world) { w.policyFile("mfa: {roles: [viewer], sso: true}") }, true},
		"all":          {func(w *world) { w.mfa(identity.MFARequired) }, true},
		"another role": {raise, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			w.policyFile("mfa: {roles: [editor], sso: true}\ngrants: [{group: raised, role: editor}]")
			in, _ := w.signIn(providertest.Edgar)
			if row.change(w); w.isOut(in) != row.ends {
				t.Errorf("ended: %t", !row.ends)
			}
		})
	}
}

// raise begins a sign-in after the provider has put the person into a group.
func raise(w *world) {
	w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("groups", []string{"raised"})})
	if in, err := w.Finish(ctx, w.come(providertest.Edgar)); err != nil || in.Wants != models.WantsEnrol {
		w.t.Errorf("wants %q, %v", in.Wants, err)
	}
}

func finish(w *world, h *identity.Half, code string) func() error {
	return func() error {
		_, err := w.FinishWithCode(ctx, h, code, identity.Entry{})
		return err
	}
}

// A pending sign-in is what its cookie says, and only as long as whoever began
// it may sign in.
func TestHalfway(t *testing.T) {
	for name, spoil := range map[string]func(w *world, p *person, in *identity.SignedIn){
		"nothing":        func(_ *world, _ *person, in *identity.SignedIn) { in.Token = "" },
		"another secret": func(_ *world, _ *person, in *identity.SignedIn) { in.Token += "x" },
		"a guess": func(_ *world, _ *person, in *identity.SignedIn) {
			in.Token = in.Token[:33] + models.Secret(models.RandomToken())
		},
		"another's": func(_ *world, p *person, in *identity.SignedIn) { in.Token = in.Token[:33] + p.password().Token[33:] },
		"a session": func(w *world, _ *person, in *identity.SignedIn) { in.Token = w.local("violet").password().Token },
		"too late":  func(w *world, _ *person, _ *identity.SignedIn) { w.clock.pass(models.PendingFor) },
		"disabled":  func(w *world, p *person, _ *identity.SignedIn) { _ = w.Disable(models.WithOperator(ctx), p.user.ID) },
		"password change": func(w *world, p *person, _ *identity.SignedIn) {
			_, _ = w.SetPassword(models.WithOperator(ctx), p.user.ID, longPassword+"2")
		},
		"reset": func(w *world, p *person, _ *identity.SignedIn) {
			_, _ = w.ResetFactors(models.WithOperator(ctx), p.user.ID)
		},
		"no role": func(w *world, _ *person, _ *identity.SignedIn) { w.change(policy.Options{}) },
		"oauth only": func(w *world, _ *person, _ *identity.SignedIn) {
			*w = *w.with(func(c *identity.Config) { c.PasswordLogin = false })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.protected("ada")
			in := p.password()
			spoil(w, p, &in)
			if h, err := w.Halfway(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) || h != nil {
				t.Errorf("%v, %v", h, err)
			}
		})
	}
}

// Everything is judged again when the second factor is proved.
func TestFinishJudgesAgain(t *testing.T) {
	for name, row := range map[string]struct {
		spoil  func(w *world, p *person)
		reason string
	}{
		"disabled": {func(w *world, p *person) { _ = w.Disable(models.WithOperator(ctx), p.user.ID) }, "pending_gone"},
		"deleted":  {func(w *world, p *person) { _ = w.Delete(models.WithOperator(ctx), p.user.ID) }, "pending_gone"},
		"reset":    {func(w *world, p *person) { _, _ = w.ResetFactors(models.WithOperator(ctx), p.user.ID) }, "pending_gone"},
		"no role":  {func(w *world, _ *person) { w.change(policy.Options{}) }, "no_role"},
		"oauth only": {func(w *world, _ *person) {
			*w = *w.with(func(c *identity.Config) { c.PasswordLogin = false })
		}, "password_login_off"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			p := w.protected("ada")
			h := p.half()
			row.spoil(w, p)
			_, err := w.FinishWithCode(ctx, h, p.code(), identity.Entry{})
			if e := w.lastEvent(); err == nil || e.Reason != row.reason {
				t.Errorf("%v, recorded %q", err, e.Reason)
			}
		})
	}
}

// Wrong codes are counted, and good ones are not judged beyond the limit.
func TestCodesAreLimited(t *testing.T) {
	each(t, func(w *world) {
		p := w.protected("ada")
		h := p.half()
		for range 5 {
			_, err := w.FinishWithCode(ctx, h, "000000", identity.Entry{})
			w.refused(err, identity.ErrWrongCode, "wrong_code")
		}
		_, err := w.FinishWithCode(ctx, h, p.code(), identity.Entry{})
		w.refused(err, identity.ErrTooMany, "too_many_attempts")
		if models.AsError(err).Retry <= 0 {
			w.t.Error("nobody is told when to try again")
		}
	})
}

func TestRecoveryCode(t *testing.T) {
	each(t, func(w *world) {
		p, other := w.protected("ada"), w.protected("violet")
		if len(p.codes) != 10 || len(p.codes[0]) != 19 || strings.Count(p.codes[0], "-") != 3 {
			w.t.Fatalf("%q", p.codes)
		}
		_, err := w.FinishWithCode(ctx, p.half(), other.codes[0], identity.Entry{})
		w.refused(err, identity.ErrWrongCode, "wrong_code")
		typed := " " + strings.ToUpper(strings.ReplaceAll(p.codes[0], "-", " ")) + "\t"
		done, err := w.FinishWithCode(ctx, p.half(), typed, identity.Entry{})
		if err != nil {
			w.t.Fatal(err)
		}
		if s := w.session(w.who(done.Token)); s.Factor != models.FactorRecovery {
			w.t.Errorf("%q", s.Factor)
		}
		_, err = w.FinishWithCode(ctx, p.half(), p.codes[0], identity.Entry{})
		w.refused(err, identity.ErrWrongCode, "wrong_code")
		if h := p.half(); h.Ways.Recovery != 9 {
			w.t.Errorf("%d codes are left", h.Ways.Recovery)
		}
		if h := other.half(); h.Ways.Recovery != 10 {
			w.t.Errorf("%d codes of another are left", h.Ways.Recovery)
		}
	})
}
