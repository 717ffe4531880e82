package identity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// bites is how long a revocation may take, as promised to users.
const bites = 5 * time.Second

func TestSessionEnds(t *testing.T) {
	table := map[string]func(w *world, p *models.Principal) error{
		"absolute lifetime": func(w *world, p *models.Principal) error {
			for range 4 {
				w.clock.pass(6 * time.Hour)
				w.Touch(ctx, p)
			}
			return nil
		},
		"idle":       func(w *world, _ *models.Principal) error { w.clock.pass(8 * time.Hour); return nil },
		"signed out": func(w *world, p *models.Principal) error { _, err := w.SignOut(ctx, p); return err },
		"disabled":   func(w *world, p *models.Principal) error { return w.Disable(models.WithOperator(ctx), p.User.ID) },
		"no role any more": func(w *world, _ *models.Principal) error {
			w.change(policy.Options{})
			return nil
		},
	}
	for name, end := range table {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				in, p := w.signIn(providertest.Violet)
				if err := end(w, p); err != nil {
					w.t.Fatal(err)
				}
				w.clock.pass(bites)
				if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
					w.t.Errorf("recognised: %v", err)
				}
				if _, err := w.Still(ctx, p); err == nil {
					w.t.Error("an open socket would go on")
				}
			})
		})
	}
}

// Another replica, with a cache of its own, sees an end within the promise.
func TestEndSeenByReplica(t *testing.T) {
	each(t, func(w *world) {
		in, p := w.signIn(providertest.Violet)
		other := w.replica(w.Store, policy.Gate{}, key(1))
		if _, err := other.Authenticate(ctx, in.Token); err != nil {
			w.t.Fatal(err)
		}
		if err := w.Disable(models.WithOperator(ctx), p.User.ID); err != nil {
			w.t.Fatal(err)
		}
		w.clock.pass(bites)
		if _, err := other.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("recognised: %v", err)
		}
	})
}

// A shorter allow-list, or a provider taken away, reaches open sessions when
// the program starts again with it.
func TestGateReachesOpenSessions(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, _ := w.signIn(providertest.Violet)
	other := w.replica(w.Store, policy.Gate{Emails: []string{"ada@example.com"}}, key(1))
	if _, err := other.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("recognised: %v", err)
	}
}

func TestRoleFollowsPolicy(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, _ := w.signIn(providertest.Edgar)
	w.change(policy.Options{Slots: []string{"oidc"}, GroupSlots: []string{"oidc"}, File: []byte("grants: [{group: editors, role: editor}]")})
	w.clock.pass(bites)
	if p, err := w.Authenticate(ctx, in.Token); err != nil || p.Access.Role != policy.Editor {
		t.Errorf("%v %v", p, err)
	}
}

func TestDisabledCannotSignIn(t *testing.T) {
	each(t, func(w *world) {
		_, p := w.signIn(providertest.Violet)
		if err := w.Disable(models.WithOperator(ctx), p.User.ID); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.Finish(ctx, w.come(providertest.Violet)); !errors.Is(err, identity.ErrNotAllowed) || w.lastEvent().Reason != "user_disabled" {
			w.t.Errorf("%v, %q", err, w.lastEvent().Reason)
		}
		if err := w.Enable(models.WithOperator(ctx), p.User.ID); err != nil {
			w.t.Fatal(err)
		}
		w.signIn(providertest.Violet)
	})
}

// A session is new at every sign-in, and the browser's former one ends.
func TestRotation(t *testing.T) {
	each(t, func(w *world) {
		first, p := w.signIn(providertest.Ada)
		r := w.come(providertest.Ada)
		r.Former = p
		second, err := w.Finish(ctx, r)
		if err != nil || second.Token == first.Token {
			w.t.Fatal(err)
		}
		if _, err := w.Authenticate(ctx, first.Token); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("the former session lives: %v", err)
		}
	})
}

// What a row holds is not enough to sign in.
func TestOnlyTheDigestIsKept(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, p := w.signIn(providertest.Ada)
	row, _, _, err := w.Store.Session(ctx, p.SessionID)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(in.Token.Reveal(), ".")
	if strings.Contains(row.SecretHash, secret) || strings.Contains(row.IDToken, "eyJ") {
		t.Error("the row holds what it must not")
	}
	for _, guess := range []string{row.SecretHash, row.ID + "." + row.SecretHash[:43], row.ID + ".", row.ID, "", ".", in.Token.Reveal() + "x"} {
		if _, err := w.Authenticate(ctx, models.Secret(guess)); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%q is recognised", guess)
		}
	}
}

func TestTouchKeepsAlive(t *testing.T) {
	each(t, func(w *world) {
		in, _ := w.signIn(providertest.Ada)
		for range 3 {
			w.clock.pass(5 * time.Hour)
			p, err := w.Authenticate(ctx, in.Token)
			if err != nil {
				w.t.Fatal("the session ended although it was used")
			}
			w.Touch(ctx, p)
		}
	})
}

func TestSignOutAtProvider(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, p := w.signIn(providertest.Ada)
	address, err := w.SignOut(ctx, p)
	if err != nil || !strings.HasPrefix(address, w.idp.Issuer) || !strings.Contains(address, "id_token_hint=eyJ") {
		t.Errorf("%q %v", address, err)
	}
	if address, err := w.SignOut(ctx, p); err != nil || address != "" {
		t.Errorf("the second time: %q %v", address, err)
	}
}

// A database that does not answer is not a stranger.
func TestStoreDown(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, _ := w.signIn(providertest.Ada)
	w.clock.pass(bites)
	_ = w.Store.Close()
	if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnavailable) {
		t.Error(err)
	}
}

func TestSweep(t *testing.T) {
	each(t, func(w *world) {
		_, p := w.signIn(providertest.Ada)
		w.clock.pass(25 * time.Hour)
		if err := w.Sweep(ctx); err != nil {
			w.t.Fatal(err)
		}
		if _, _, _, err := w.Store.Session(ctx, p.SessionID); !errors.Is(err, models.ErrNotFound) {
			w.t.Error(err)
		}
	})
}
