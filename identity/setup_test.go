package identity_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// fresh puts a policy in force that makes nobody admin.
func (w *world) fresh() { w.change(policy.Options{DefaultRole: policy.Viewer}) }

// setupToken is what the log would show.
func (w *world) setupToken() string {
	w.t.Helper()
	offer, err := w.OfferSetup(ctx)
	if err != nil || offer == "" {
		w.t.Fatalf("no setup is offered: %v", err)
	}
	return offer.Reveal()
}

func (w *world) isClaimed() bool {
	w.t.Helper()
	is, err := w.Claimed(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return is
}

func TestClaim(t *testing.T) {
	each(t, func(w *world) {
		w.fresh()
		first, second := w.setupToken(), w.setupToken() // two replicas, or two starts
		if e := w.lastEvent(); e.Event != "setup.offer" || w.isClaimed() {
			w.t.Errorf("%+v", e)
		}
		for _, row := range []struct {
			n        identity.NewAccount
			password string
			want     *models.Error
		}{
			{identity.NewAccount{}, passphrase, identity.ErrBadUsername},
			{identity.NewAccount{Username: "boss"}, "short", identity.ErrShortPassword},
			{identity.NewAccount{Username: "boss", Email: "x"}, passphrase, identity.ErrBadEmail},
		} {
			if _, err := w.Claim(ctx, first, row.n, row.password, identity.Entry{}); !errors.Is(err, row.want) {
				w.t.Errorf("%+v: %v", row, err)
			}
		}
		in, err := w.Claim(ctx, first, identity.NewAccount{Username: "Boss", Name: "The Boss", Email: "boss@example.com", Role: policy.Viewer}, passphrase, identity.Entry{})
		if err != nil {
			w.t.Fatal(err)
		}
		p := w.recognised(in)
		if p.Access.Role != policy.Admin || p.User.Name != "The Boss" || p.Method != models.MethodPassword || !w.isClaimed() {
			w.t.Errorf("%+v", p)
		}
		all := w.events()
		if e := all[len(all)-2]; e.Event != "setup.claim" || e.Actor.ID != p.User.ID || e.Target.ID != p.User.ID {
			w.t.Errorf("%+v", e)
		}
		for _, token := range []string{first, second, models.RandomToken()} {
			if _, err := w.Claim(ctx, token, identity.NewAccount{Username: "mallory"}, another, identity.Entry{}); !errors.Is(err, identity.ErrClaimed) {
				w.t.Errorf("a second claim: %v", err)
			}
		}
		if offer, err := w.OfferSetup(ctx); offer != "" || err != nil {
			w.t.Error("setup is offered again", err)
		}
		w.enter("boss")
	})
}

// However many claim at once, with one token or with several, one wins; another
// replica is no other.
func TestOneClaimWins(t *testing.T) {
	for _, tokens := range []int{1, 6} {
		each(t, func(w *world) {
			w.fresh()
			var given []string
			for range tokens {
				given = append(given, w.setupToken())
			}
			services := []*identity.Service{w.Service, w.replica(w.Store, policy.Gate{}, key(1))}
			var all sync.WaitGroup
			var won atomic.Int64
			for i := range 6 {
				all.Go(func() {
					_, err := services[i%2].Claim(ctx, given[i%tokens], identity.NewAccount{Username: fmt.Sprint("boss", i)}, passphrase, identity.Entry{})
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, identity.ErrClaimed) && !errors.Is(err, identity.ErrSetupToken) {
						w.t.Error(err)
					}
				})
			}
			all.Wait()
			admins, err := w.Store.CountAdmins(ctx)
			if users, _ := w.Users(ctx, ""); won.Load() != 1 || admins != 1 || len(users) != 1 || err != nil {
				w.t.Errorf("%d won, %d admins of %d, %v", won.Load(), admins, len(users), err)
			}
		})
	}
}

// A stranger never wins, and is stopped after a while; whoever has the token is
// not.
func TestStrangersDoNotClaim(t *testing.T) {
	each(t, func(w *world) {
		w.fresh()
		w.Attempts = 1
		offer := w.setupToken()
		link := w.link(w.account("ada", policy.None), models.LinkSignIn)
		hashes, _ := w.CountHashes()
		guesses := []string{"", offer[1:], offer + "x", models.Digest(offer), link}
		var last error
		for i := range 40 {
			_, last = w.Claim(from("203.0.113.9"), guesses[i%len(guesses)], identity.NewAccount{Username: "mallory"}, another, identity.Entry{})
			if i < len(guesses) && (!errors.Is(last, identity.ErrSetupToken) || w.lastEvent().Reason != "wrong_setup_token") {
				w.t.Errorf("%q: %v", guesses[i], last)
			}
		}
		if !errors.Is(last, identity.ErrTooMany) || hashes.Load() != 0 || w.isClaimed() {
			w.t.Errorf("%v, %d hashes", last, hashes.Load())
		}
		if _, err := w.Claim(from("198.51.100.7"), offer, identity.NewAccount{Username: "boss"}, passphrase, identity.Entry{}); err != nil {
			w.t.Error(err)
		}
	})
}

// A token of long ago works no more.
func TestSetupTokenExpires(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fresh()
	offer := w.setupToken()
	w.clock.pass(7 * 24 * time.Hour)
	if _, err := w.Claim(ctx, offer, identity.NewAccount{Username: "boss"}, passphrase, identity.Entry{}); !errors.Is(err, identity.ErrSetupToken) {
		t.Error(err)
	}
}

// What could make an admin is enough: nothing is offered, no token works.
func TestClaimedByThePolicy(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fresh()
	offer := w.setupToken()
	w.change(viewers)
	if !w.isClaimed() {
		t.Error("ADMIN_EMAILS make no admin")
	}
	if again, err := w.OfferSetup(ctx); again != "" || err != nil {
		t.Error("setup is offered", err)
	}
	if _, err := w.Claim(ctx, offer, identity.NewAccount{Username: "boss"}, passphrase, identity.Entry{}); !errors.Is(err, identity.ErrClaimed) {
		t.Error(err)
	}
}

// Claimed asks the database seldom, and a claim elsewhere is seen at once.
func TestClaimedIsCheap(t *testing.T) {
	each(t, func(w *world) {
		w.fresh()
		other := w.replica(w.Store, policy.Gate{}, key(1))
		if is, err := other.Claimed(ctx); is || err != nil {
			w.t.Error(is, err)
		}
		w.account("boss", policy.Admin)
		if is, err := other.Claimed(ctx); !is || err != nil {
			w.t.Error(is, err)
		}
		_ = w.Store.Close()
		w.clock.pass(5*time.Second - 1)
		if is, err := other.Claimed(ctx); !is || err != nil {
			w.t.Error("it asked again", is, err)
		}
		w.clock.pass(1)
		if is, err := other.Claimed(ctx); is || !errors.Is(err, identity.ErrUnavailable) {
			w.t.Error("it believes an old answer", is, err)
		}
	})
}

func TestBootstrap(t *testing.T) {
	each(t, func(w *world) {
		w.fresh()
		offer := w.setupToken()
		for range 3 {
			if err := w.Bootstrap(ctx, "boss", passphrase); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := w.Bootstrap(ctx, "boss", another); err != nil {
			w.t.Error(err)
		}
		if err := w.Bootstrap(ctx, "another", another); err != nil {
			w.t.Error(err)
		}
		if _, p := w.enter("boss"); p.Access.Role != policy.Admin || !w.isClaimed() {
			w.t.Errorf("%+v", p)
		}
		if users, _ := w.Users(ctx, ""); len(users) != 1 {
			w.t.Errorf("%d accounts", len(users))
		}
		if _, err := w.Claim(ctx, offer, identity.NewAccount{Username: "mallory"}, passphrase, identity.Entry{}); !errors.Is(err, identity.ErrClaimed) {
			w.t.Errorf("the token works on: %v", err)
		}
	})
}

// It touches nothing that is there: neither an account of the name, nor an
// installation whose admin came another way.
func TestBootstrapOverwritesNothing(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fresh()
	user := w.account("boss", policy.Viewer)
	before, _ := w.Store.CredentialOf(ctx, user.ID)
	log := w.logged()
	if err := w.Bootstrap(ctx, "BOSS", another); err != nil || log.Len() == 0 {
		t.Errorf("%v, the log says %q", err, log)
	}
	after, _ := w.Store.CredentialOf(ctx, user.ID)
	if n, _ := w.Store.CountAdmins(ctx); n != 0 || after.Password != before.Password || after.Username != before.Username {
		t.Errorf("%d admins; %q became %q", n, before.Username, after.Username)
	}
	_, p := w.signIn(providertest.Violet)
	if _, err := w.SetRole(operator, p.User.ID, policy.Admin); err != nil {
		t.Fatal(err)
	}
	if err := w.Bootstrap(ctx, "second", another); err != nil {
		t.Error(err)
	}
	if n, _ := w.Store.CountAdmins(ctx); n != 1 {
		t.Errorf("%d admins", n)
	}
	if err := w.Disable(operator, p.User.ID); !errors.Is(err, identity.ErrLastAdmin) {
		t.Error(err)
	}
}

// A password that will not do is told at the start.
func TestBootstrapWantsAPassword(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fresh()
	for password, want := range map[string]*models.Error{"short": identity.ErrShortPassword, "boss1234567890": identity.ErrCommonPassword} {
		if err := w.Bootstrap(ctx, "boss", password); !errors.Is(err, want) {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// Who claims has to set up a second factor where everybody has one; they are the
// admin already.
func TestClaimWantsAFactor(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.fresh()
	w.mfa(identity.MFARequired)
	in, err := w.Claim(ctx, w.setupToken(), identity.NewAccount{Username: "boss"}, passphrase, identity.Entry{})
	if err != nil || in.Wants != models.WantsEnrol || !w.isClaimed() {
		t.Errorf("%q %v", in.Wants, err)
	}
}

// Replicas that start at once with different names, while somebody claims, make
// one admin too.
func TestOneFirstAdmin(t *testing.T) {
	each(t, func(w *world) {
		w.fresh()
		offer := w.setupToken()
		services := []*identity.Service{w.Service, w.replica(w.Store, policy.Gate{}, key(1))}
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				if err := services[i%2].Bootstrap(ctx, fmt.Sprint("boss", i), passphrase); err != nil {
					w.t.Error(err)
				}
			})
		}
		all.Go(func() {
			_, err := w.Claim(ctx, offer, identity.NewAccount{Username: "claims"}, passphrase, identity.Entry{})
			if err != nil && !errors.Is(err, identity.ErrClaimed) && !errors.Is(err, identity.ErrSetupToken) {
				w.t.Error(err)
			}
		})
		all.Wait()
		if n, err := w.Store.CountAdmins(ctx); n != 1 || err != nil {
			w.t.Errorf("%d admins, %v", n, err)
		}
	})
}
