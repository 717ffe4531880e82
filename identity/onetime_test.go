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
	"github.com/dagpass/dagpass/store"
)

func TestPasswordLink(t *testing.T) {
	each(t, func(w *world) {
		user, err := w.AddAccount(operator, identity.NewAccount{Username: "ada", Role: policy.Editor})
		if err != nil {
			w.t.Fatal(err)
		}
		link := w.link(user, models.LinkPassword)
		if e := w.lastEvent(); e.Event != "user.link" || e.Reason != "password" || e.Target.ID != user.ID {
			w.t.Errorf("%+v", e)
		}
		whose, purpose, err := w.LinkFor(ctx, link)
		if err != nil || whose.ID != user.ID || purpose != models.LinkPassword {
			w.t.Errorf("%+v %q %v", whose, purpose, err)
		}
		for password, want := range map[string]*models.Error{"short": identity.ErrShortPassword, "password123456": identity.ErrCommonPassword, "": identity.ErrShortPassword} {
			if _, err := w.SpendLink(ctx, link, password, identity.Entry{}); !errors.Is(err, want) {
				w.t.Errorf("%q: %v", password, err)
			}
		}
		in, err := w.SpendLink(ctx, link, passphrase, identity.Entry{Next: "/runs"})
		if err != nil {
			w.t.Fatal(err)
		}
		if p := w.recognised(in); p.User.ID != user.ID || p.Method != models.MethodPassword || in.Next != "/runs" {
			w.t.Errorf("%+v", p)
		}
		if _, err := w.SpendLink(ctx, link, another, identity.Entry{}); !errors.Is(err, identity.ErrLinkSpent) || w.lastEvent().Reason != "link_spent" {
			w.t.Errorf("a second time: %v", err)
		}
		w.enter("ada")
	})
}

// A password chosen by a link ends what was open before.
func TestPasswordLinkEndsSessions(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	in, _ := w.enter("ada")
	if _, err := w.SpendLink(ctx, w.link(user, models.LinkPassword), another, identity.Entry{}); err != nil || !w.isOut(in) {
		t.Errorf("a session goes on; %v", err)
	}
	for _, e := range w.events() {
		if e.Event == "user.set_password" && e.Reason == "link" && e.Actor.ID == user.ID && e.Target.ID == user.ID {
			return
		}
	}
	t.Error("nothing tells that the password was set")
}

// Of many who spend one link at once, one comes in.
func TestLinkOnce(t *testing.T) {
	for purpose, password := range map[models.LinkPurpose]string{models.LinkSignIn: "", models.LinkPassword: another} {
		each(t, func(w *world) {
			link := w.link(w.account("ada", policy.None), purpose)
			var all sync.WaitGroup
			var in atomic.Int64
			for range 6 {
				all.Go(func() {
					if _, err := w.SpendLink(ctx, link, password, identity.Entry{}); err == nil {
						in.Add(1)
					} else if !errors.Is(err, identity.ErrLinkSpent) && !errors.Is(err, models.ErrConflict) {
						w.t.Error(err)
					}
				})
			}
			all.Wait()
			if in.Load() != 1 {
				w.t.Errorf("%s: %d came in", purpose, in.Load())
			}
		})
	}
}

func TestLinkRefused(t *testing.T) {
	for name, spoil := range map[string]func(w *world, user models.User, link string) string{
		"too late":      func(w *world, _ models.User, link string) string { w.clock.pass(15 * time.Minute); return link },
		"made anew":     func(w *world, u models.User, link string) string { w.link(u, models.LinkSignIn); return link },
		"another made":  func(w *world, u models.User, link string) string { w.link(u, models.LinkPassword); return link },
		"disabled":      func(w *world, u models.User, link string) string { _ = w.Disable(operator, u.ID); return link },
		"deleted":       func(w *world, u models.User, link string) string { _ = w.Delete(operator, u.ID); return link },
		"cut":           func(_ *world, _ models.User, link string) string { return link[1:] },
		"empty":         func(*world, models.User, string) string { return "" },
		"its digest":    func(_ *world, _ models.User, link string) string { return models.Digest(link) },
		"a setup token": func(w *world, _ models.User, _ string) string { return w.setupToken() },
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			w.change(policy.Options{DefaultRole: policy.Viewer})
			user := w.account("ada", policy.None)
			link := spoil(w, user, w.link(user, models.LinkSignIn))
			if _, _, err := w.LinkFor(ctx, link); !errors.Is(err, identity.ErrLinkSpent) {
				t.Error(err)
			}
			if _, err := w.SpendLink(ctx, link, passphrase, identity.Entry{}); !errors.Is(err, identity.ErrLinkSpent) {
				t.Error(err)
			}
		})
	}
}

// Links to choose a password last three days.
func TestPasswordLinkLasts(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	link := w.link(w.account("ada", policy.None), models.LinkPassword)
	w.clock.pass(72*time.Hour - time.Second)
	if _, _, err := w.LinkFor(ctx, link); err != nil {
		t.Error(err)
	}
	w.clock.pass(time.Second)
	if _, _, err := w.LinkFor(ctx, link); !errors.Is(err, identity.ErrLinkSpent) {
		t.Error(err)
	}
}

func TestMakeLinkRefused(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	_, sso := w.signIn(providertest.Violet)
	for name, row := range map[string]struct {
		id      string
		purpose models.LinkPurpose
		want    error
	}{
		"nobody's":                     {models.NewID(), models.LinkSignIn, models.ErrNotFound},
		"nobody's password":            {models.NewID(), models.LinkPassword, models.ErrNotFound},
		"setup":                        {user.ID, models.LinkSetup, models.ErrNotFound},
		"no purpose":                   {user.ID, "", models.ErrNotFound},
		"password, no account of ours": {sso.User.ID, models.LinkPassword, models.ErrNotFound},
	} {
		if _, err := w.MakeLink(operator, row.id, row.purpose); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Disable(operator, user.ID); err != nil {
		t.Fatal(err)
	}
	for _, purpose := range []models.LinkPurpose{models.LinkSignIn, models.LinkPassword} {
		if _, err := w.MakeLink(operator, user.ID, purpose); !errors.Is(err, identity.ErrNotAllowed) {
			t.Errorf("disabled: %v", err)
		}
	}
}

// The way in when nothing else works: in OAuth-only mode, for somebody with an
// account here and for somebody without; loud, and its session lives on.
func TestBreakGlass(t *testing.T) {
	each(t, func(w *world) {
		local := w.account("boss", policy.Admin)
		_, sso := w.signIn(providertest.Violet)
		w.PasswordLogin = false
		for user, slot := range map[*models.User]string{&local: models.LocalSlot, &sso.User: "oidc"} {
			log := w.logged()
			link := w.link(*user, models.LinkSignIn)
			if e := w.lastEvent(); e.Event != "user.link" || e.Reason != "signin" || e.Actor != models.Operator {
				w.t.Errorf("%+v", e)
			}
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), user.ID) || strings.Contains(log.String(), link) {
				w.t.Errorf("the log says %q", log)
			}
			in, err := w.SpendLink(ctx, link, "", identity.Entry{})
			if err != nil {
				w.t.Fatal(err)
			}
			w.clock.pass(bites)
			p := w.recognised(in)
			if p.User.ID != user.ID || p.Identity.Slot != slot || p.Method != models.MethodLink || p.ProvenAt.IsZero() {
				w.t.Errorf("%+v", p)
			}
			if e := w.lastEvent(); e.Event != "signin.finish" || e.Reason != "link" || e.Provider != slot {
				w.t.Errorf("%+v", e)
			}
		}
	})
}

// A refused sign-in leaves the link as it is.
func TestLinkOutlivesRefusal(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	link := w.link(w.account("ada", policy.None), models.LinkSignIn)
	w.change(policy.Options{})
	if _, err := w.SpendLink(ctx, link, "", identity.Entry{}); !errors.Is(err, identity.ErrNotAllowed) || w.lastEvent().Reason != "no_role" {
		t.Error(err)
	}
	w.change(viewers)
	if _, err := w.SpendLink(ctx, link, "", identity.Entry{}); err != nil {
		t.Error(err)
	}
}

// Somebody with several accounts at providers comes in by the last one that may.
func TestLinkFindsAWay(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, p := w.signIn(providertest.Violet)
	err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		gone := models.NewIdentity(p.User.ID, "retired", "https://retired.example", "x", w.clock.now())
		gone.SignedInAt = w.clock.now().Add(time.Minute)
		return models.Event{Event: "test", Outcome: models.OutcomeOK}, tx.SaveIdentity(gone)
	})
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.SpendLink(ctx, w.link(p.User, models.LinkSignIn), "", identity.Entry{})
	if err != nil || w.recognised(in).Identity.Slot != "oidc" {
		t.Error(err)
	}
}

// A link opens nothing past a second factor.
func TestLinkWantsTheSecondFactor(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.mfa(identity.MFARequired)
	user := w.account("ada", policy.None)
	for _, purpose := range []models.LinkPurpose{models.LinkSignIn, models.LinkPassword} {
		in, err := w.SpendLink(ctx, w.link(user, purpose), another, identity.Entry{})
		if err != nil || in.Wants != models.WantsEnrol {
			t.Errorf("%s: wants %q, %v", purpose, in.Wants, err)
		}
		if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v", purpose, err)
		}
	}
}

// It stands in for the provider, and never for the second factor that somebody
// from a provider has set up here, though the policy asks for none at sign-in.
func TestLinkWantsTheSecondFactorOfAnybody(t *testing.T) {
	for mfa, want := range map[identity.MFA]models.Wants{identity.MFAOptional: models.WantsFactor, identity.MFAOff: ""} {
		w := onSQLite(t, policy.Gate{})
		_, p := w.signIn(providertest.Edgar)
		(&person{w: w, user: p.User}).enrolTOTP(w.self(p))
		w.mfa(mfa)
		in, err := w.SpendLink(ctx, w.link(p.User, models.LinkSignIn), "", identity.Entry{})
		if err != nil || in.Wants != want {
			t.Errorf("%s: wants %q, %v", mfa, in.Wants, err)
		}
	}
}

// Guesses at links stop after a while at one address, and nowhere else.
func TestLinksAreLimited(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.Attempts = 1
	link := w.link(w.account("ada", policy.None), models.LinkSignIn)
	var last error
	for range 30 {
		_, last = w.SpendLink(from("203.0.113.9"), models.RandomToken(), "", identity.Entry{})
	}
	if !errors.Is(last, identity.ErrTooMany) {
		t.Error(last)
	}
	if _, err := w.SpendLink(from("198.51.100.7"), link, "", identity.Entry{}); err != nil {
		t.Error(err)
	}
}
