package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
)

const (
	passphrase = "eleven grey herons"
	another    = "twelve white storks"
)

// operator is the command line's context.
var operator = models.WithOperator(ctx)

// as is the context of a request by somebody.
func as(p *models.Principal) context.Context { return models.WithPrincipal(ctx, p) }

// from is the context of a stranger at an address.
func from(address string) context.Context {
	return models.WithRequest(ctx, models.Request{ID: "r", ClientIP: address, UserAgent: "test"})
}

// account makes a local account with a password.
func (w *world) account(username string, role policy.Role) models.User {
	w.t.Helper()
	user, err := w.AddAccount(operator, identity.NewAccount{Username: username, Email: username + "@example.com", Role: role})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.SetPassword(operator, user.ID, passphrase); err != nil {
		w.t.Fatal(err)
	}
	return user
}

// enter signs in with a password; it must work.
func (w *world) enter(username string) (identity.SignedIn, *models.Principal) {
	w.t.Helper()
	in, err := w.SignInPassword(ctx, username, passphrase, identity.Entry{})
	if err != nil {
		w.t.Fatal(err)
	}
	return in, w.recognised(in)
}

func (w *world) recognised(in identity.SignedIn) *models.Principal {
	w.t.Helper()
	p, err := w.Authenticate(ctx, in.Token)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// isOut tells whether a session is over, as soon as it has to be.
func (w *world) isOut(in identity.SignedIn) bool {
	w.t.Helper()
	w.clock.pass(bites)
	_, err := w.Authenticate(ctx, in.Token)
	return errors.Is(err, identity.ErrUnauthenticated)
}

// pending puts a pending sign-in into the store.
func (w *world) pending(p *models.Principal) models.Secret {
	w.t.Helper()
	pending, token := models.NewPendingSignIn(p.User.ID, p.Identity.ID, p.Identity.Slot, p.Method, models.WantsEnrol, w.clock.now())
	err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		return models.Event{Event: "test", Outcome: models.OutcomeOK}, tx.InsertPendingSignIn(pending)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// token is a link's.
func token(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Path != "/auth/link" {
		t.Fatalf("%q is no link", address)
	}
	return u.Query().Get("token")
}

// link makes a link; it must work.
func (w *world) link(user models.User, purpose models.LinkPurpose) string {
	w.t.Helper()
	address, err := w.MakeLink(operator, user.ID, purpose)
	if err != nil {
		w.t.Fatal(err)
	}
	return token(w.t, address)
}

func TestSignInPassword(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("Ada", policy.Editor)
		for _, name := range []string{"Ada", "ada", "ADA", " ada ", "Ａda", "ada@example.com", "ADA@EXAMPLE.COM"} {
			in, err := w.SignInPassword(from("203.0.113.9"), name, passphrase, identity.Entry{Next: "/runs"})
			if err != nil {
				w.t.Fatalf("%q: %v", name, err)
			}
			p := w.recognised(in)
			if p.User.ID != user.ID || p.Access.Role != policy.Editor || p.Method != models.MethodPassword || in.Next != "/runs" || !p.ProvenAt.Equal(w.clock.now()) {
				w.t.Errorf("%q: %+v", name, p)
			}
		}
		if e := w.lastEvent(); e.Event != "signin.finish" || e.Outcome != models.OutcomeOK || e.Provider != models.LocalSlot || e.Actor.ID != user.ID {
			w.t.Errorf("%+v", e)
		}
	})
}

// Whatever is wrong: one hash, one sentence, its true reason in the trail, and
// never what was typed.
func TestSignInPasswordRefused(t *testing.T) {
	const typed = "typed into the wrong field"
	for name, row := range map[string]struct {
		username, password string
		prepare            func(w *world, user models.User) error
		reason             string
		public             *models.Error
	}{
		"unknown name":         {"grace", typed, nil, "unknown_name", identity.ErrWrongPassword},
		"unknown address":      {"grace@example.com", typed, nil, "unknown_name", identity.ErrWrongPassword},
		"no name at all":       {typed, typed, nil, "unknown_name", identity.ErrWrongPassword},
		"empty":                {"", "", nil, "unknown_name", identity.ErrWrongPassword},
		"wrong":                {"ada", typed, nil, "wrong_password", identity.ErrWrongPassword},
		"by address":           {"ada@example.com", typed, nil, "wrong_password", identity.ErrWrongPassword},
		"empty password":       {"ada", "", nil, "wrong_password", identity.ErrWrongPassword},
		"other case":           {"ada", strings.ToUpper(passphrase), nil, "wrong_password", identity.ErrWrongPassword},
		"disabled":             {"ada", typed, func(w *world, u models.User) error { return w.Disable(operator, u.ID) }, "wrong_password", identity.ErrWrongPassword},
		"disabled, right":      {"ada", passphrase, func(w *world, u models.User) error { return w.Disable(operator, u.ID) }, "user_disabled", identity.ErrNotAllowed},
		"without a password":   {"ada", passphrase, withoutPassword, "no_password", identity.ErrWrongPassword},
		"without, empty":       {"ada", "", withoutPassword, "no_password", identity.ErrWrongPassword},
		"another's hash":       {"ada", another, withAnothersHash, "password_unreadable", identity.ErrWrongPassword},
		"deleted":              {"ada", passphrase, func(w *world, u models.User) error { return w.Delete(operator, u.ID) }, "unknown_name", identity.ErrWrongPassword},
		"let in by no rule":    {"ada", passphrase, func(w *world, _ models.User) error { w.change(policy.Options{}); return nil }, "no_role", identity.ErrNotAllowed},
		"the user's id":        {"", passphrase, nil, "unknown_name", identity.ErrWrongPassword}, // filled in below
		"the hash of the name": {models.Digest("ada"), passphrase, nil, "unknown_name", identity.ErrWrongPassword},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			user := w.account("ada", policy.None)
			if name == "the user's id" {
				row.username = user.ID
			}
			if row.prepare != nil {
				if err := row.prepare(w, user); err != nil {
					t.Fatal(err)
				}
			}
			hashes, _ := w.CountHashes()
			_, err := w.SignInPassword(from("203.0.113.9"), row.username, row.password, identity.Entry{})
			e := w.lastEvent()
			if !errors.Is(err, row.public) || e.Reason != row.reason || e.Outcome != models.OutcomeRefused || e.Provider != models.LocalSlot {
				t.Errorf("%v; recorded %s %q", err, e.Outcome, e.Reason)
			}
			if body, _ := json.Marshal(e); strings.Contains(string(body), typed) || strings.Contains(err.Error(), typed) {
				t.Errorf("what was typed is told: %s; %v", body, err)
			}
			if n := hashes.Load(); n != 1 {
				t.Errorf("%d hashes", n)
			}
		})
	}
}

// withoutPassword takes the password away.
func withoutPassword(w *world, user models.User) error {
	return w.setHash(user, "")
}

// withAnothersHash puts the hash of somebody whose password one knows into the
// row of somebody else, as whoever can write to the database may.
func withAnothersHash(w *world, user models.User) error {
	mallory, err := w.AddAccount(operator, identity.NewAccount{Username: "mallory"})
	if err != nil {
		return err
	}
	if _, err := w.SetPassword(operator, mallory.ID, another); err != nil {
		return err
	}
	c, err := w.Store.CredentialOf(ctx, mallory.ID)
	if err != nil {
		return err
	}
	return w.setHash(user, c.Password)
}

func (w *world) setHash(user models.User, sealed string) error {
	return w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		c, err := tx.Credential(user.ID)
		if err != nil {
			return models.Event{}, err
		}
		c.Password = sealed
		return models.Event{Event: "test", Outcome: models.OutcomeOK}, tx.SaveCredential(&c)
	})
}

// A wrong password is told with whose it was; the name that nobody has is not.
func TestWrongPasswordNamesTheAccount(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	_, _ = w.SignInPassword(ctx, "ada", another, identity.Entry{})
	if e := w.lastEvent(); e.Target == nil || e.Target.ID != user.ID {
		t.Errorf("%+v", e)
	}
	_, _ = w.SignInPassword(ctx, "hunter2hunter2", another, identity.Entry{})
	if e := w.lastEvent(); e.Target != nil || e.Actor.ID != "" {
		t.Errorf("%+v", e)
	}
}

// Many wrong ones stop; the right one after some takes the count back.
func TestPasswordsAreLimited(t *testing.T) {
	each(t, func(w *world) {
		w.account("ada", policy.None)
		for name, public := range map[string]*models.Error{"ada": identity.ErrTooMany, "nobody": identity.ErrTooMany} {
			hashes, _ := w.CountHashes()
			var last error
			for range 8 {
				_, last = w.SignInPassword(from("203.0.113.9"), name, another, identity.Entry{})
			}
			if n := hashes.Load(); !errors.Is(last, public) || n > 5 {
				w.t.Errorf("%s: %v after %d hashes", name, last, n)
			}
		}
		for range 4 {
			for range 3 {
				_, _ = w.SignInPassword(from("198.51.100.7"), "ada", another, identity.Entry{})
			}
			w.clock.pass(time.Hour)
			if _, err := w.SignInPassword(from("198.51.100.7"), "ada", passphrase, identity.Entry{}); err != nil {
				w.t.Fatal(err)
			}
		}
	})
}

// Somebody's id as a name does not count against them.
func TestNamesAreNoIDs(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	for range 20 {
		_, _ = w.SignInPassword(from("203.0.113.9"), user.ID, another, identity.Entry{})
	}
	if _, err := w.SignInPassword(from("198.51.100.7"), "ada", passphrase, identity.Entry{}); err != nil {
		t.Error(err)
	}
}

func TestPromisedCost(t *testing.T) {
	if got := identity.PromisedCost(); got != "$argon2id$v=19$m=19456,t=2,p=1" {
		t.Error(got)
	}
}

// A hash of former cost, or sealed with a former key, is made anew by the
// sign-in that proves its password, and nothing else changes.
func TestHashIsUpgraded(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		if err := w.KeepCheapHash(ctx, user.ID, passphrase); err != nil {
			w.t.Fatal(err)
		}
		before, _ := w.Store.CredentialOf(ctx, user.ID)
		if _, err := w.SignInPassword(ctx, "ada", another, identity.Entry{}); err == nil {
			w.t.Error("a wrong password")
		}
		if c, _ := w.Store.CredentialOf(ctx, user.ID); c.Password != before.Password {
			w.t.Error("a wrong password changed the hash")
		}
		w.enter("ada")
		after, _ := w.Store.CredentialOf(ctx, user.ID)
		if w.CostOf(before) != "$argon2id$v=19$m=64,t=1,p=1" || w.CostOf(after) != "$argon2id$v=19$m=128,t=2,p=1" || !after.ChangedAt.Equal(before.ChangedAt) {
			w.t.Errorf("%s became %s", w.CostOf(before), w.CostOf(after))
		}
		w.enter("ada")
		if same, _ := w.Store.CredentialOf(ctx, user.ID); same.Password != after.Password {
			w.t.Error("a hash of today was made anew")
		}
		w.Service = w.replica(w.Store, policy.Gate{}, key(2), key(1))
		w.enter("ada")
		resealed, _ := w.Store.CredentialOf(ctx, user.ID)
		if !w.Keys.Current(resealed.Password) {
			w.t.Error("the former key still seals")
		}
	})
}

// Who has the database but not the key finds no hash, and signs in as nobody.
func TestPasswordsAreSealed(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.Admin)
	c, _ := w.Store.CredentialOf(ctx, user.ID)
	if strings.Contains(c.Password, "argon2") || c.Password == "" {
		t.Errorf("the row holds %q", c.Password)
	}
	ring, err := identity.NewKeyring(key(7))
	if err != nil {
		t.Fatal(err)
	}
	w.Keys = ring
	for _, guess := range []string{passphrase, c.Password, ""} {
		if _, err := w.SignInPassword(ctx, "ada", guess, identity.Entry{}); !errors.Is(err, identity.ErrWrongPassword) {
			t.Errorf("%v", err)
		}
	}
}

// However many come at once, a few hash, some wait, and the rest is told so.
func TestHashingIsBounded(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	w.Attempts = 1 << 20
	_, most := w.CountHashes()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, _ = w.SignInPassword(from("203.0.113.9"), fmt.Sprint("nobody", i), another, identity.Entry{})
		})
	}
	all.Wait()
	if places := w.Places(); most.Load() > int64(places) {
		t.Errorf("%d at once for %d places", most.Load(), places)
	}
	leave := w.Crowd(true)
	_, err := w.SignInPassword(ctx, "ada", passphrase, identity.Entry{})
	if e := w.lastEvent(); !errors.Is(err, identity.ErrBusy) || e.Reason != "busy" || e.Outcome != models.OutcomeFailed {
		t.Errorf("%v, %q", err, e.Reason)
	}
	leave()
	w.enter("ada")
}

// A crowd that takes all places fills no account's count: whoever waited among it
// comes in when it is gone.
func TestBusyIsNoFailure(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	fail := func(n int) {
		for range n {
			_, _ = w.SignInPassword(from("203.0.113.9"), "ada", another, identity.Entry{})
		}
	}
	leave := w.Crowd(true)
	fail(10)
	leave()
	if _, err := w.SignInPassword(from("203.0.113.9"), "ada", passphrase, identity.Entry{}); err != nil {
		t.Error(err)
	}
	leave = w.Crowd(true)
	fail(200)
	leave()
	if _, err := w.SignInPassword(from("203.0.113.9"), "ada", passphrase, identity.Entry{}); !errors.Is(err, identity.ErrTooMany) {
		t.Errorf("an address crowds on: %v", err)
	}
}

// However many strangers wait to be judged, whoever has signed in from an address
// before comes in from there.
func TestStrangersStandInTheirOwnLine(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	if _, err := w.SignInPassword(from("192.0.2.1"), "ada", passphrase, identity.Entry{}); err != nil {
		t.Fatal(err)
	}
	defer w.CrowdOfStrangers()()
	if _, err := w.SignInPassword(from("192.0.2.1"), "ada", passphrase, identity.Entry{}); err != nil {
		t.Error(err)
	}
	if _, err := w.SignInPassword(from("203.0.113.9"), "ada", passphrase, identity.Entry{}); !errors.Is(err, identity.ErrBusy) {
		t.Error(err)
	}
}

// The names of an account are counted apart, as names are that nobody has: no
// stranger learns by the count that two of them belong together.
func TestCountsTellNothing(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	for _, name := range []string{"ada", "nobody"} {
		for range 5 {
			_, _ = w.SignInPassword(from("203.0.113.9"), name, another, identity.Entry{})
		}
		for typed, want := range map[string]*models.Error{name: identity.ErrTooMany, name + "@example.com": identity.ErrWrongPassword} {
			if _, err := w.SignInPassword(from("203.0.113.10"), typed, another, identity.Entry{}); !errors.Is(err, want) {
				t.Errorf("%s: %v", typed, err)
			}
		}
	}
}

// Who waits and is gone leaves the line.
func TestWhoIsGoneDoesNotWait(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	leave := w.Crowd(false)
	defer leave()
	gone, cancel := context.WithTimeout(operator, 50*time.Millisecond)
	defer cancel()
	if _, err := w.SetPassword(gone, user.ID, another); !errors.Is(err, identity.ErrBusy) || w.Waiting() != 0 {
		t.Errorf("%v, %d wait", err, w.Waiting())
	}
}

// In OAuth-only mode nothing about passwords works, whoever asks, and no
// password is hashed.
func TestPasswordOff(t *testing.T) {
	for name, ask := range map[string]func(w *world, p *models.Principal) error{
		"sign in": func(w *world, _ *models.Principal) error {
			_, err := w.SignInPassword(ctx, "ada", passphrase, identity.Entry{})
			return err
		},
		"add": func(w *world, _ *models.Principal) error {
			_, err := w.AddAccount(operator, identity.NewAccount{Username: "grace"})
			return err
		},
		"set": func(w *world, p *models.Principal) error {
			_, err := w.SetPassword(operator, p.User.ID, another)
			return err
		},
		"change": func(w *world, p *models.Principal) error {
			_, err := w.ChangePassword(as(p), p, passphrase, another)
			return err
		},
		"make a link": func(w *world, p *models.Principal) error {
			_, err := w.MakeLink(operator, p.User.ID, models.LinkPassword)
			return err
		},
		"claim": func(w *world, _ *models.Principal) error {
			_, err := w.Claim(ctx, "x", identity.NewAccount{Username: "grace"}, another, identity.Entry{})
			return err
		},
		"bootstrap": func(w *world, _ *models.Principal) error { return w.Bootstrap(operator, "grace", another) },
	} {
		w := onSQLite(t, policy.Gate{})
		w.account("ada", policy.Admin)
		_, p := w.enter("ada")
		hashes, _ := w.CountHashes()
		w.PasswordLogin = false
		if err := ask(w, p); !errors.Is(err, identity.ErrPasswordOff) || hashes.Load() != 0 {
			t.Errorf("%s: %v, %d hashes", name, err, hashes.Load())
		}
	}
}

// OAuth-only mode ends the sessions of passwords, forgets the links to choose
// one, and offers no setup.
func TestPasswordOffReachesWhatIsOpen(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.change(policy.Options{DefaultRole: policy.Viewer})
	user := w.account("ada", policy.None)
	in, _ := w.enter("ada")
	choose := w.link(user, models.LinkPassword)
	w.PasswordLogin = false
	if !w.isOut(in) {
		t.Error("a password's session goes on")
	}
	if _, _, err := w.LinkFor(ctx, choose); !errors.Is(err, identity.ErrPasswordOff) {
		t.Error(err)
	}
	if _, err := w.SpendLink(ctx, choose, another, identity.Entry{}); !errors.Is(err, identity.ErrPasswordOff) {
		t.Error(err)
	}
	if offer, err := w.OfferSetup(ctx); err != nil || offer != "" {
		t.Error("setup is offered", err)
	}
}

// A session that has ended meanwhile chooses no password, though another replica
// believes it for a moment still.
func TestNoPasswordAfterTheEnd(t *testing.T) {
	each(t, func(w *world) {
		user, err := w.AddAccount(operator, identity.NewAccount{Username: "ada"})
		if err != nil {
			w.t.Fatal(err)
		}
		in, err := w.SpendLink(ctx, w.link(user, models.LinkSignIn), "", identity.Entry{})
		if err != nil {
			w.t.Fatal(err)
		}
		p := w.recognised(in)
		if _, err := w.EndSessionsOf(operator, user.ID); err != nil {
			w.t.Fatal(err)
		}
		_, err = w.ChangePassword(as(p), p, "", another)
		if _, has, _ := w.HasPassword(ctx, user.ID); has || !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("has one: %t, %v", has, err)
		}
		if e := w.lastEvent(); e.Event != "user.change_password" || e.Reason != "session_gone" {
			w.t.Errorf("%+v", e)
		}
	})
}

// Whoever calls themself at a provider as somebody is called here is not found in
// their place, nor beside them: a command means the owner of the name.
func TestNamesAreTheirOwners(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	ada := w.account("ada", policy.Admin)
	for _, name := range []string{"ada", "ada@example.com", "boss@example.com"} {
		w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("name", name)})
		w.signIn(providertest.Edgar)
		found, err := w.Users(ctx, name)
		if want := name != "boss@example.com"; err != nil || (len(found) == 1 && found[0].ID == ada.ID) != want || !want && len(found) > 0 {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
}

func TestAddAccount(t *testing.T) {
	each(t, func(w *world) {
		user, err := w.AddAccount(operator, identity.NewAccount{Username: "Ada", Email: "Ada@Example.com", Role: policy.Launcher})
		if err != nil || user.Name != "Ada" || user.Email != "Ada@Example.com" || user.Role != policy.Launcher {
			w.t.Fatalf("%+v %v", user, err)
		}
		if e := w.lastEvent(); e.Event != "user.add" || e.Target.ID != user.ID || e.Actor != models.Operator || e.Reason != "launcher" {
			w.t.Errorf("%+v", e)
		}
		if account, password, err := w.HasPassword(ctx, user.ID); !account || password || err != nil {
			w.t.Error(account, password, err)
		}
		for _, row := range []struct {
			n    identity.NewAccount
			want *models.Error
		}{
			{identity.NewAccount{Username: "ADA"}, identity.ErrUsernameTaken},
			{identity.NewAccount{Username: "ａda", Email: "other@example.com"}, identity.ErrUsernameTaken},
			{identity.NewAccount{Username: "grace", Email: "ada@EXAMPLE.com"}, identity.ErrEmailTaken},
			{identity.NewAccount{Username: "ada@example.com", Email: "ada@example.com"}, identity.ErrEmailTaken},
			{identity.NewAccount{Username: "grace@example.com"}, identity.ErrBadUsername},
			{identity.NewAccount{Username: "grace", Email: "grace"}, identity.ErrBadEmail},
			{identity.NewAccount{Username: "grace", Role: "emperor"}, identity.ErrUnknownRole},
		} {
			if _, err := w.AddAccount(operator, row.n); !errors.Is(err, row.want) {
				w.t.Errorf("%+v: %v, want %v", row.n, err, row.want)
			}
		}
		if all, _ := w.Users(ctx, ""); len(all) != 1 {
			w.t.Errorf("%d accounts", len(all))
		}
	})
}

// Of two accounts with one name at once one is made.
func TestOneNameOneAccount(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		for _, name := range []string{"ada", "Ada", "ADA", "aDa"} {
			all.Go(func() {
				if _, err := w.AddAccount(operator, identity.NewAccount{Username: name}); err != nil && !errors.Is(err, identity.ErrUsernameTaken) {
					w.t.Error(err)
				}
			})
		}
		all.Wait()
		if users, _ := w.Users(ctx, ""); len(users) != 1 {
			w.t.Errorf("%d accounts", len(users))
		}
	})
}

// An unverified address here is no address of a rule: nobody becomes admin by
// what was typed into a form.
func TestLocalAddressesCountForNothing(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None) // ada@example.com is one of ADMIN_EMAILS
	if _, p := w.enter("ada"); p.Access.Role != policy.Viewer {
		t.Errorf("role %q", p.Access.Role)
	}
	if _, p := w.signIn(providertest.Ada); p.User.ID == user.ID || p.Access.Role != policy.Admin {
		t.Errorf("an equal address made one of two accounts: %+v", p)
	}
}

func TestChangePassword(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		mine, p := w.enter("ada")
		first, _ := w.enter("ada")
		second, _ := w.enter("ada")
		half, choose := w.pending(p), w.link(user, models.LinkPassword)
		for _, row := range []struct {
			old, new string
			want     *models.Error
		}{
			{another, "thirteen blue kingfishers", identity.ErrWrongPassword},
			{"", "thirteen blue kingfishers", identity.ErrWrongPassword},
			{passphrase, passphrase, identity.ErrSamePassword},
			{passphrase, "short", identity.ErrShortPassword},
			{passphrase, "password123456", identity.ErrCommonPassword},
		} {
			if _, err := w.ChangePassword(as(p), p, row.old, row.new); !errors.Is(err, row.want) {
				w.t.Errorf("%q to %q: %v", row.old, row.new, err)
			}
		}
		ended, err := w.ChangePassword(as(p), p, passphrase, another)
		if err != nil || ended != 2 {
			w.t.Fatalf("%d ended, %v", ended, err)
		}
		if e := w.lastEvent(); e.Event != "user.change_password" || e.Target.ID != user.ID || e.Actor.ID != user.ID {
			w.t.Errorf("%+v", e)
		}
		if !w.isOut(first) || !w.isOut(second) || w.isOut(mine) {
			w.t.Error("the wrong sessions ended")
		}
		if _, err := w.Halfway(ctx, half); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("a sign-in under way goes on: %v", err)
		}
		if _, _, err := w.LinkFor(ctx, choose); !errors.Is(err, identity.ErrLinkSpent) {
			w.t.Errorf("a link still works: %v", err)
		}
		for password, want := range map[string]error{passphrase: identity.ErrWrongPassword, another: nil} {
			if _, err := w.SignInPassword(ctx, "ada", password, identity.Entry{}); !errors.Is(err, want) {
				w.t.Errorf("%q: %v", password, err)
			}
		}
	})
}

// The old password is guessed at no longer than at the sign-in.
func TestOldPasswordIsLimited(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	_, p := w.enter("ada")
	var last error
	for range 10 {
		_, last = w.ChangePassword(as(p), p, another, "thirteen blue kingfishers")
	}
	if !errors.Is(last, identity.ErrTooMany) {
		t.Error(last)
	}
}

// Who has no password proves with something else, lately, who they are.
func TestFirstPasswordWantsProof(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	_, p := w.enter("ada")
	if err := withoutPassword(w, user); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(identity.FreshFor)
	if _, err := w.ChangePassword(as(p), p, "", another); !errors.Is(err, identity.ErrConfirm) {
		t.Error(err)
	}
	again := *p
	again.ProvenAt = w.clock.now()
	if _, err := w.ChangePassword(as(&again), &again, "", another); err != nil {
		t.Error(err)
	}
	_, sso := w.signIn(providertest.Violet)
	if _, err := w.ChangePassword(as(sso), sso, "", another); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("somebody without an account here: %v", err)
	}
}

func TestSetPassword(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		boss := w.account("boss", policy.Admin)
		_, admin := w.enter("boss")
		in, p := w.enter("ada")
		half := w.pending(p)
		for _, asking := range []context.Context{ctx, as(p), as(admin)} {
			if _, err := w.SetPassword(asking, user.ID, another); !errors.Is(err, identity.ErrOperatorOnly) {
				w.t.Error(err)
			}
		}
		if _, err := w.SetPassword(operator, user.ID, "ada1234567890"); !errors.Is(err, identity.ErrCommonPassword) {
			w.t.Error(err)
		}
		if ended, err := w.SetPassword(operator, user.ID, another); err != nil || ended != 1 {
			w.t.Errorf("%d %v", ended, err)
		}
		if _, err := w.Halfway(ctx, half); !w.isOut(in) || !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("somebody is still in: %v", err)
		}
		if _, err := w.SetPassword(operator, models.NewID(), another); !errors.Is(err, models.ErrNotFound) {
			w.t.Error(err)
		}
		_ = boss
	})
}

// What takes somebody's access away, or changes it, ends all by which they are
// in or could come in, in the same change.
func TestWhatEndsEverything(t *testing.T) {
	for name, end := range map[string]func(w *world, id string) error{
		"disabled": func(w *world, id string) error { return w.Disable(operator, id) },
		"deleted":  func(w *world, id string) error { return w.Delete(operator, id) },
		"demoted":  func(w *world, id string) error { _, err := w.SetRole(operator, id, policy.Viewer); return err },
		"promoted": func(w *world, id string) error { _, err := w.SetRole(operator, id, policy.Admin); return err },
		"no role":  func(w *world, id string) error { _, err := w.SetRole(operator, id, policy.None); return err },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				user := w.account("ada", policy.Editor)
				in, p := w.enter("ada")
				half, link := w.pending(p), w.link(user, models.LinkSignIn)
				if err := end(w, user.ID); err != nil {
					w.t.Fatal(err)
				}
				if all, err := w.Store.SessionsOf(ctx, user.ID); len(all) != 0 || err != nil {
					w.t.Errorf("%d sessions, %v", len(all), err)
				}
				if !w.isOut(in) {
					w.t.Error("the session goes on")
				}
				if _, err := w.Halfway(ctx, half); !errors.Is(err, identity.ErrUnauthenticated) {
					w.t.Errorf("a sign-in under way goes on: %v", err)
				}
				if _, err := w.SpendLink(ctx, link, "", identity.Entry{}); !errors.Is(err, identity.ErrLinkSpent) {
					w.t.Errorf("a link still works: %v", err)
				}
			})
		})
	}
}

func TestSetRole(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.Editor)
	in, _ := w.enter("ada")
	set, err := w.SetRole(operator, user.ID, policy.Editor)
	if err != nil || set.Assigned != policy.Editor || set.Effective != policy.Editor || fmt.Sprint(set.Rules) != "[assigned_role]" {
		t.Errorf("%+v %v", set, err)
	}
	if w.isOut(in) {
		t.Error("the same role ended the session")
	}
	set, err = w.SetRole(operator, user.ID, policy.None)
	if err != nil || set.Assigned != policy.None || set.Effective != policy.Viewer || fmt.Sprint(set.Rules) != "[default_role]" {
		t.Errorf("%+v %v", set, err)
	}
	if e := w.lastEvent(); e.Event != "user.set_role" || e.Reason != "none" || e.Target.ID != user.ID {
		t.Errorf("%+v", e)
	}
	if _, err := w.SetRole(operator, user.ID, "emperor"); !errors.Is(err, identity.ErrUnknownRole) {
		t.Error(err)
	}
	_, sso := w.signIn(providertest.Ada) // an admin by ADMIN_EMAILS
	if set, err := w.SetRole(operator, sso.User.ID, policy.Viewer); err != nil || set.Effective != policy.Admin {
		t.Errorf("%+v %v", set, err)
	}
}

// Nobody but the operator and admins changes another, and nobody gives, or
// touches, more than they hold themself.
func TestWhoMayAdminister(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	viewer, editor, admin := w.account("viewer", policy.Viewer), w.account("editor", policy.Editor), w.account("boss", policy.Admin)
	deeds := map[string]func(c context.Context, id string) error{
		"add": func(c context.Context, _ string) error {
			_, err := w.AddAccount(c, identity.NewAccount{Username: models.NewID(), Role: policy.Editor})
			return err
		},
		"role":         func(c context.Context, id string) error { _, err := w.SetRole(c, id, policy.Editor); return err },
		"disable":      func(c context.Context, id string) error { return w.Disable(c, id) },
		"enable":       func(c context.Context, id string) error { return w.Enable(c, id) },
		"link":         func(c context.Context, id string) error { _, err := w.MakeLink(c, id, models.LinkPassword); return err },
		"sign-in link": func(c context.Context, id string) error { _, err := w.MakeLink(c, id, models.LinkSignIn); return err },
		"end sessions": func(c context.Context, id string) error { _, err := w.EndSessionsOf(c, id); return err },
		"revoke":       func(c context.Context, id string) error { return w.RevokeSession(c, w.sessionOf(id)) },
		"token": func(c context.Context, id string) error {
			if err := w.RevokeAPITokenOf(c, id, models.NewID()); !errors.Is(err, models.ErrNotFound) {
				return err
			}
			return nil
		},
		"sessions":   func(c context.Context, id string) error { _, err := w.AllSessions(c, id); return err },
		"merge":      func(c context.Context, id string) error { _, err := w.Merge(c, id, editor.ID); return err },
		"merge into": func(c context.Context, id string) error { _, err := w.Merge(c, editor.ID, id); return err },
		"delete":     func(c context.Context, id string) error { return w.Delete(c, id) },
	}
	some := func(perms ...policy.Permission) *models.Principal {
		p := &models.Principal{User: models.User{ID: models.NewID(), Name: "some"}, ProvenAt: w.clock.now(), Access: policy.Access{Permissions: policy.Permissions{}}}
		for _, perm := range perms {
			p.Access.Permissions[perm] = struct{}{}
		}
		return p
	}
	clerk := some(policy.Administer, policy.Read)
	w.principal(admin) // has a session
	for name, deed := range deeds {
		for who, asking := range map[string]context.Context{"a stranger": ctx, "an editor": as(w.principal(editor)), "who holds nothing": as(some())} {
			if err := deed(asking, viewer.ID); !errors.Is(err, identity.ErrNotAdmin) {
				t.Errorf("%s: %s: %v", name, who, err)
			}
		}
		switch name {
		case "enable", "sessions":
		case "merge into", "add":
		default:
			if err := deed(as(clerk), admin.ID); !errors.Is(err, identity.ErrNotAdmin) {
				t.Errorf("%s: by somebody who holds less: %v", name, err)
			}
		}
	}
	if err := deeds["merge into"](as(clerk), admin.ID); !errors.Is(err, identity.ErrNotAdmin) {
		t.Errorf("merge into somebody who holds more: %v", err)
	}
	for _, name := range []string{"add", "role"} {
		if err := deeds[name](as(clerk), viewer.ID); !errors.Is(err, identity.ErrNotAdmin) {
			t.Errorf("%s: a role that holds more: %v", name, err)
		}
		if err := deeds[name](as(w.principal(admin)), viewer.ID); err != nil {
			t.Errorf("%s: by an admin: %v", name, err)
		}
	}
	stale := *w.principal(admin)
	stale.ProvenAt = w.clock.now().Add(-identity.FreshFor)
	for name, deed := range deeds {
		want := identity.ErrConfirm
		if name == "sessions" { // which only reads
			want = nil
		}
		if err := deed(as(&stale), viewer.ID); want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: by an admin who has not proved it lately: %v", name, err)
		}
	}
	other := w.account("chief", policy.Admin)
	for _, name := range []string{"sign-in link", "link"} {
		if err := deeds[name](as(w.principal(admin)), other.ID); !errors.Is(err, identity.ErrOperatorOnly) {
			t.Errorf("%s: an admin made one for another admin: %v", name, err)
		}
	}
	if _, err := w.AddAccount(as(w.principal(admin)), identity.NewAccount{Username: "new-chief", Role: policy.Admin}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(deeds["sign-in link"](operator, admin.ID), deeds["sign-in link"](as(w.principal(admin)), viewer.ID), deeds["link"](as(w.principal(admin)), viewer.ID)); err != nil {
		t.Error(err)
	}
}

// principal is somebody signed in.
func (w *world) principal(user models.User) *models.Principal {
	w.t.Helper()
	_, p := w.enter(user.Name)
	return p
}

// sessionOf is the id of one of somebody's sessions.
func (w *world) sessionOf(userID string) string {
	w.t.Helper()
	all, err := w.Store.SessionsOf(ctx, userID)
	if err != nil || len(all) == 0 {
		return models.NewID()
	}
	return all[0].ID
}

// The last admin stays, whoever asks, unless something else can make one.
func TestLastAdmin(t *testing.T) {
	table := map[string]func(w *world, id, other string) error{
		"demoted":  func(w *world, id, _ string) error { _, err := w.SetRole(operator, id, policy.Editor); return err },
		"no role":  func(w *world, id, _ string) error { _, err := w.SetRole(operator, id, policy.None); return err },
		"disabled": func(w *world, id, _ string) error { return w.Disable(operator, id) },
		"deleted":  func(w *world, id, _ string) error { return w.Delete(operator, id) },
		"merged":   func(w *world, id, other string) error { _, err := w.Merge(operator, id, other); return err },
	}
	for name, takeAway := range table {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				w.change(policy.Options{DefaultRole: policy.Viewer})
				admin, barred, other := w.account("ada", policy.Admin), w.account("barred", policy.Admin), w.account("other", policy.Editor)
				if err := w.Disable(operator, barred.ID); err != nil {
					w.t.Fatal(err)
				}
				in, _ := w.enter("ada")
				if err := takeAway(w, admin.ID, other.ID); !errors.Is(err, identity.ErrLastAdmin) {
					w.t.Fatal(err)
				}
				if w.isOut(in) {
					w.t.Error("what was refused ended the session")
				}
				w.change(viewers) // ADMIN_EMAILS can make one
				if err := takeAway(w, admin.ID, other.ID); err != nil {
					w.t.Error(err)
				}
			})
		})
	}
}

// Two admins who take each other away at once do not both succeed.
func TestLastTwoAdmins(t *testing.T) {
	each(t, func(w *world) {
		w.change(policy.Options{DefaultRole: policy.Viewer})
		admins := []models.User{w.account("ada", policy.Admin), w.account("grace", policy.Admin), w.account("edith", policy.Admin)}
		var all sync.WaitGroup
		for i, admin := range admins {
			all.Go(func() {
				var err error
				switch i {
				case 0:
					_, err = w.SetRole(operator, admin.ID, policy.None)
				case 1:
					err = w.Disable(operator, admin.ID)
				default:
					err = w.Delete(operator, admin.ID)
				}
				if err != nil && !errors.Is(err, identity.ErrLastAdmin) {
					w.t.Error(err)
				}
			})
		}
		all.Wait()
		if n, err := w.Store.CountAdmins(ctx); n != 1 || err != nil {
			w.t.Errorf("%d admins, %v", n, err)
		}
	})
}

// logged is a log that the test reads.
func (w *world) logged() *strings.Builder {
	var text strings.Builder
	w.Log = slog.New(slog.NewTextHandler(&text, nil))
	return &text
}

// A password that is changed while the old one is judged lets nobody in, and of
// two changes at once one wins.
func TestChangedMeanwhile(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	_, p := w.enter("ada")
	change := func() {
		err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
			c, err := tx.Credential(user.ID)
			c.ChangedAt = c.ChangedAt.Add(time.Second)
			return models.Event{Event: "test", Outcome: models.OutcomeOK}, errors.Join(err, tx.SaveCredential(&c))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.WhileHashing(change)
	if _, err := w.SignInPassword(ctx, "ada", passphrase, identity.Entry{}); !errors.Is(err, identity.ErrWrongPassword) {
		t.Error(err)
	}
	w.WhileHashing(change)
	if _, err := w.ChangePassword(as(p), p, passphrase, another); !errors.Is(err, models.ErrConflict) {
		t.Error(err)
	}
	w.enter("ada")
}
