package identity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

const longPassword = "violet-lantern-72-harbour"

// with is the same installation with other settings.
func (w *world) with(edit func(*identity.Config)) *world {
	w.t.Helper()
	c := w.Config
	edit(&c)
	s, err := identity.New(ctx, c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.rules.adopt(s)
	other := *w
	other.Service = s
	return &other
}

// policyFile puts a policy file in force, with people viewers by default.
func (w *world) policyFile(text string) {
	w.t.Helper()
	w.change(policy.Options{DefaultRole: policy.Viewer, File: []byte(text)})
}

// person is somebody with an account here.
type person struct {
	w      *world
	user   models.User
	name   string
	secret string // of their TOTP
	codes  []string
	key    *authenticator
	// session is their last one by passkey.
	session models.Secret
}

func (w *world) local(name string) *person {
	w.t.Helper()
	operator := models.WithOperator(ctx)
	user, err := w.AddAccount(operator, identity.NewAccount{Username: name})
	if err == nil {
		_, err = w.SetPassword(operator, user.ID, longPassword)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return &person{w: w, user: user, name: name, key: newAuthenticator(w.t)}
}

// password is a sign-in with the first factor.
func (p *person) password() identity.SignedIn {
	p.w.t.Helper()
	in, err := p.w.SignInPassword(ctx, p.name, longPassword, identity.Entry{Next: "/runs"})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return in
}

// half is the person with the first factor proved.
func (p *person) half() *identity.Half {
	p.w.t.Helper()
	in := p.password()
	if in.Wants == "" {
		p.w.t.Fatal("no second factor is wanted")
	}
	return p.w.halfway(in.Token)
}

func (w *world) halfway(token models.Secret) *identity.Half {
	w.t.Helper()
	h, err := w.Halfway(ctx, token)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// whole is the person signed in with whatever is asked of them.
func (p *person) whole() *models.Principal {
	p.w.t.Helper()
	in := p.password()
	if in.Wants == models.WantsFactor {
		var err error
		if in, err = p.w.FinishWithCode(ctx, p.w.halfway(in.Token), p.code(), identity.Entry{}); err != nil {
			p.w.t.Fatal(err)
		}
	}
	return p.w.who(in.Token)
}

func (w *world) who(token models.Secret) *models.Principal {
	w.t.Helper()
	p, err := w.Authenticate(ctx, token)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// self is somebody who has proved lately who they are.
func (w *world) self(p *models.Principal) identity.Whom {
	w.t.Helper()
	whom, err := w.Self(p)
	if err != nil {
		w.t.Fatal(err)
	}
	return whom
}

// code is the next one-time password that was not used yet.
func (p *person) code() string {
	p.w.t.Helper()
	p.w.clock.pass(30 * time.Second)
	return p.w.codeAt(p.secret, 0)
}

// codeAt is the code of a clock that drifts.
func (w *world) codeAt(secret string, drift time.Duration) string {
	w.t.Helper()
	code, err := totp.GenerateCode(secret, w.clock.now().Add(drift))
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// enrolTOTP sets one-time passwords up.
func (p *person) enrolTOTP(whom identity.Whom) identity.Enrolled {
	p.w.t.Helper()
	offer, err := p.w.OfferTOTP(ctx, whom)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.secret = offer.Secret
	done, err := p.w.EnrolTOTP(ctx, whom, offer.Sealed, p.code(), "Phone", identity.Entry{})
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.codes = done.RecoveryCodes
	return done
}

func (p *person) enrolPasskey(whom identity.Whom) identity.Enrolled {
	p.w.t.Helper()
	c, err := p.w.OfferPasskey(ctx, whom)
	if err != nil {
		p.w.t.Fatal(err)
	}
	done, err := p.w.EnrolPasskey(ctx, whom, c.Sealed, p.key.create(c.Options), "Laptop", identity.Entry{})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return done
}

// protected is a person with one-time passwords.
func (w *world) protected(name string) *person {
	w.t.Helper()
	p := w.local(name)
	p.enrolTOTP(w.self(p.whole()))
	return p
}

// refused wants an error, and its reason in the audit trail.
func (w *world) refused(err error, public *models.Error, reason string) {
	w.t.Helper()
	e := w.lastEvent()
	if !errors.Is(err, public) || e.Outcome != models.OutcomeRefused || e.Reason != reason {
		w.t.Errorf("%v; recorded %s %s %q, want %q", err, e.Event, e.Outcome, e.Reason, reason)
	}
}

func (w *world) session(p *models.Principal) models.Session {
	w.t.Helper()
	session, _, _, err := w.Store.Session(ctx, p.SessionID)
	if err != nil {
		w.t.Fatal(err)
	}
	return session
}

func (w *world) factors(userID string) []models.Factor {
	w.t.Helper()
	factors, _, err := w.FactorsOf(ctx, userID)
	if err != nil {
		w.t.Fatal(err)
	}
	return factors
}

// eachWith is each with other settings.
func eachWith(t *testing.T, edit func(*identity.Config), test func(w *world)) {
	t.Helper()
	each(t, func(w *world) { test(w.with(edit)) })
}

func required(c *identity.Config) { mfa(identity.MFARequired)(c) }

func off(c *identity.Config) { mfa(identity.MFAOff)(c) }

// mfa is a setting for with.
func mfa(m identity.MFA) func(*identity.Config) {
	return func(c *identity.Config) { c.Compose = amended(c.Compose, func(r *identity.Rules) { r.MFA = m }) }
}

// mfa has the service ask so from now on.
func (w *world) mfa(m identity.MFA) {
	w.t.Helper()
	amend(w.t, w.Service, func(r *identity.Rules) { r.MFA = m })
}
