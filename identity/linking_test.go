package identity_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
)

// comeToLink brings somebody who is signed in back from a provider.
func (w *world) comeToLink(p *models.Principal, slot, person string) identity.Return {
	w.t.Helper()
	begun, err := w.BeginLinking(as(p), p, slot)
	if err != nil {
		w.t.Fatal(err)
	}
	cb, err := providers.ParseCallback(w.idp.Login(begun.Redirect, person))
	if err != nil {
		w.t.Fatal(err)
	}
	return identity.Return{Slot: slot, Callback: cb, Sealed: begun.Sealed, Former: p}
}

// linked adds somebody's account at the provider; it must work.
func (w *world) linked(p *models.Principal, person string) models.Identity {
	w.t.Helper()
	if _, err := w.Finish(as(p), w.comeToLink(p, "oidc", person)); err != nil {
		w.t.Fatal(err)
	}
	all, err := w.IdentitiesOf(ctx, p.User.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, one := range all {
		if one.Slot != models.LocalSlot {
			return one
		}
	}
	w.t.Fatal("nothing was linked")
	return models.Identity{}
}

func TestLinking(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		mine, p := w.enter("ada")
		r := w.comeToLink(p, "oidc", providertest.Edgar)
		in, err := w.Finish(as(p), r)
		if err != nil || in.Token != "" || in.Next != "/auth/account" {
			w.t.Fatalf("%+v %v", in, err)
		}
		if e := w.lastEvent(); e.Event != "identity.link" || e.Provider != "oidc" || e.Actor.ID != user.ID || e.Target.Kind != "identity" {
			w.t.Errorf("%+v", e)
		}
		if _, err := w.Finish(as(p), r); !errors.Is(err, identity.ErrSignInExpired) {
			w.t.Errorf("the callback works twice: %v", err)
		}
		if w.isOut(mine) {
			w.t.Error("the session that linked ended")
		}
		if _, at := w.signIn(providertest.Edgar); at.User.ID != user.ID || at.Identity.Slot != "oidc" {
			w.t.Errorf("another account: %+v", at)
		}
		if _, err := w.Finish(as(p), w.comeToLink(p, "oidc", providertest.Edgar)); err != nil {
			w.t.Errorf("once more: %v", err)
		}
		if all, _ := w.IdentitiesOf(ctx, user.ID); len(all) != 2 {
			w.t.Errorf("%d identities", len(all))
		}
	})
}

// Nothing but the very session that began it links, and nothing that is
// somebody else's.
func TestLinkingRefused(t *testing.T) {
	type scene struct {
		*world
		p     *models.Principal
		grace *models.Principal
	}
	for name, row := range map[string]struct {
		spoil  func(s scene, r *identity.Return)
		reason string
		public *models.Error
	}{
		"no session":           {func(_ scene, r *identity.Return) { r.Former = nil }, "other_session", identity.ErrSignInExpired},
		"somebody else's":      {func(s scene, r *identity.Return) { r.Former = s.grace }, "other_session", identity.ErrSignInExpired},
		"another of one's own": {func(s scene, r *identity.Return) { _, r.Former = s.enter("ada") }, "other_session", identity.ErrSignInExpired},
		"somebody else's account": {func(s scene, r *identity.Return) {
			s.signIn(providertest.Edgar)
			*r = s.comeToLink(s.p, "oidc", providertest.Edgar)
		}, "identity_taken", identity.ErrLinkTaken},
		"linked by somebody else": {func(s scene, r *identity.Return) {
			s.world.linked(s.grace, providertest.Edgar)
			*r = s.comeToLink(s.p, "oidc", providertest.Edgar)
		}, "identity_taken", identity.ErrLinkTaken},
		"disabled meanwhile": {func(s scene, _ *identity.Return) { _ = s.Disable(operator, s.p.User.ID) }, "user_disabled", identity.ErrNotAllowed},
		"not on the list":    {func(s scene, r *identity.Return) { *r = s.comeToLink(s.p, "google", providertest.Edgar) }, "address_not_allowed", identity.ErrNotAllowed},
		"too late":           {func(s scene, _ *identity.Return) { s.clock.pass(10 * time.Minute) }, "state", identity.ErrSignInExpired},
		"a sign-in's cookie": {func(s scene, r *identity.Return) { r.Sealed = s.come(providertest.Edgar).Sealed }, "state", identity.ErrSignInExpired},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			w.account("ada", policy.None)
			w.account("grace", policy.None)
			_, p := w.enter("ada")
			_, grace := w.enter("grace")
			r := w.comeToLink(p, "oidc", providertest.Edgar)
			row.spoil(scene{w, p, grace}, &r)
			_, err := w.Finish(as(p), r)
			if e := w.lastEvent(); !errors.Is(err, row.public) || e.Reason != row.reason {
				t.Errorf("%v, %q", err, e.Reason)
			}
			if all, _ := w.IdentitiesOf(ctx, p.User.ID); len(all) != 1 {
				t.Errorf("%d identities", len(all))
			}
		})
	}
}

// A callback of a sign-in signs in, though somebody is signed in here: it never
// links, not even where the addresses are equal.
func TestSignInLinksNothing(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("edgar", policy.None) // edgar@example.com, as at the provider
	_, p := w.enter("edgar")
	r := w.come(providertest.Edgar)
	r.Former = p
	in, err := w.Finish(as(p), r)
	if err != nil || w.recognised(in).User.ID == user.ID {
		t.Errorf("one account of two: %v", err)
	}
}

func TestLinkingWantsProof(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	_, p := w.enter("ada")
	if _, err := w.BeginLinking(as(p), p, "nowhere"); !errors.Is(err, identity.ErrNoProvider) {
		t.Error(err)
	}
	one := w.linked(p, providertest.Edgar)
	w.clock.pass(identity.FreshFor)
	if _, err := w.BeginLinking(as(p), p, "oidc"); !errors.Is(err, identity.ErrConfirm) {
		t.Error(err)
	}
	if err := w.Unlink(as(p), p, one.ID); !errors.Is(err, identity.ErrConfirm) {
		t.Error(err)
	}
}

func TestUnlink(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		w.account("grace", policy.None)
		mine, p := w.enter("ada")
		_, grace := w.enter("grace")
		theirs, one := w.linked(grace, providertest.Violet), w.linked(p, providertest.Edgar)
		there, _ := w.signIn(providertest.Edgar)
		for name, id := range map[string]string{"the account here": p.Identity.ID, "somebody else's": theirs.ID, "nobody's": models.NewID()} {
			if err := w.Unlink(as(p), p, id); !errors.Is(err, models.ErrNotFound) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.Unlink(as(p), p, one.ID); err != nil {
			w.t.Fatal(err)
		}
		if e := w.lastEvent(); e.Event != "identity.unlink" || e.Target.ID != one.ID || e.Actor.ID != user.ID {
			w.t.Errorf("%+v", e)
		}
		if !w.isOut(there) || w.isOut(mine) {
			w.t.Error("the wrong session ended")
		}
		if _, p := w.signIn(providertest.Edgar); p.User.ID == user.ID {
			w.t.Error("it still signs in")
		}
	})
}

// save keeps an identity that no sign-in made.
func (w *world) save(i *models.Identity) {
	w.t.Helper()
	err := w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		i.SignedInAt = i.CreatedAt
		return models.NewEvent(ctx, "identity.link", models.OutcomeOK), tx.SaveIdentity(i)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Nobody removes their last way in: the account here is none without a password,
// nor in OAuth-only mode. Two at once do not remove both.
func TestLastWayIn(t *testing.T) {
	for name, prepare := range map[string]func(w *world, u models.User) error{
		"OAuth-only":       func(w *world, _ models.User) error { w.PasswordLogin = false; return nil },
		"without password": withoutPassword,
	} {
		w := onSQLite(t, policy.Gate{})
		user := w.account("ada", policy.None)
		_, p := w.enter("ada")
		one := w.linked(p, providertest.Edgar)
		if err := prepare(w, user); err != nil {
			t.Fatal(err)
		}
		if err := w.Unlink(as(p), p, one.ID); !errors.Is(err, identity.ErrLastIdentity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	each(t, func(w *world) {
		_, p := w.signIn(providertest.Edgar)
		gone := models.NewIdentity(p.User.ID, "gone", "https://gone.example", "edgar", w.clock.now())
		w.save(gone)
		if err := w.Unlink(as(p), p, p.Identity.ID); !errors.Is(err, identity.ErrLastIdentity) {
			w.t.Errorf("a provider that is gone is a way in: %v", err)
		}
		if err := w.Unlink(as(p), p, gone.ID); err != nil {
			w.t.Errorf("what is no way in stays: %v", err)
		}
	})
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		_, p := w.enter("ada")
		w.linked(p, providertest.Edgar)
		w.linked(p, providertest.Violet)
		w.PasswordLogin = false
		all, _ := w.IdentitiesOf(ctx, user.ID)
		var both sync.WaitGroup
		for _, one := range all {
			if one.Slot != models.LocalSlot {
				both.Go(func() { _ = w.Unlink(as(p), p, one.ID) })
			}
		}
		both.Wait()
		if left, _ := w.IdentitiesOf(ctx, user.ID); len(left) != 2 {
			w.t.Errorf("%d identities are left", len(left))
		}
	})
}

func TestMerge(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.Editor)
		mine, _ := w.enter("ada")
		there, sso := w.signIn(providertest.Edgar)
		moved, err := w.Merge(operator, sso.User.ID, user.ID)
		if err != nil || moved != 1 {
			w.t.Fatalf("%d %v", moved, err)
		}
		if e := w.lastEvent(); e.Event != "user.merge" || e.Target.ID != sso.User.ID || e.Reason != "into "+user.ID {
			w.t.Errorf("%+v", e)
		}
		if !w.isOut(there) || w.isOut(mine) {
			w.t.Error("the wrong session ended")
		}
		if _, p := w.signIn(providertest.Edgar); p.User.ID != user.ID || p.Access.Role != policy.Editor {
			w.t.Errorf("%+v", p)
		}
		if all, _ := w.Users(ctx, ""); len(all) != 1 {
			w.t.Errorf("%d users", len(all))
		}
	})
}

func TestMergeRefused(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	ada, barred := w.account("ada", policy.None), w.account("barred", policy.None)
	if err := w.Disable(operator, barred.ID); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		from, to string
		want     error
	}{
		"with itself":     {ada.ID, ada.ID, identity.ErrMerge},
		"who is barred":   {barred.ID, ada.ID, identity.ErrMerge},
		"into the barred": {ada.ID, barred.ID, identity.ErrMerge},
		"nobody":          {models.NewID(), ada.ID, models.ErrNotFound},
		"into nobody":     {ada.ID, models.NewID(), models.ErrNotFound},
	} {
		if _, err := w.Merge(operator, row.from, row.to); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, _ := w.Users(ctx, ""); len(all) != 2 {
		t.Errorf("%d users", len(all))
	}
}

func TestEndSessions(t *testing.T) {
	each(t, func(w *world) {
		w.account("ada", policy.None)
		w.account("grace", policy.None)
		mine, p := w.enter("ada")
		second, other := w.enter("ada")
		third, _ := w.enter("ada")
		theirs, grace := w.enter("grace")
		half := w.pending(p)
		if all, err := w.AllSessions(operator, ""); len(all) != 4 || err != nil {
			w.t.Errorf("%d sessions, %v", len(all), err)
		}
		if all, err := w.AllSessions(operator, grace.User.ID); len(all) != 1 || err != nil {
			w.t.Errorf("%d sessions, %v", len(all), err)
		}
		if err := w.EndSession(as(p), p, grace.SessionID); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("somebody else's: %v", err)
		}
		if err := w.EndSession(as(p), p, other.SessionID); err != nil {
			w.t.Error(err)
		}
		if e := w.lastEvent(); e.Event != "session.revoke" || e.Target.ID != other.SessionID || e.Actor.ID != p.User.ID {
			w.t.Errorf("%+v", e)
		}
		if ended, err := w.EndOtherSessions(as(p), p); ended != 1 || err != nil {
			w.t.Errorf("%d ended, %v", ended, err)
		}
		if _, err := w.Halfway(ctx, half); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Error(err)
		}
		if !w.isOut(second) || !w.isOut(third) || w.isOut(mine) || w.isOut(theirs) {
			w.t.Error("the wrong sessions ended")
		}
		if err := w.RevokeSession(operator, grace.SessionID); err != nil || !w.isOut(theirs) {
			w.t.Error(err)
		}
		if err := w.RevokeSession(operator, grace.SessionID); !errors.Is(err, models.ErrNotFound) {
			w.t.Error(err)
		}
		if ended, err := w.EndSessionsOf(operator, p.User.ID); ended != 1 || err != nil || !w.isOut(mine) {
			w.t.Errorf("%d ended, %v", ended, err)
		}
		if _, err := w.EndSessionsOf(operator, models.NewID()); !errors.Is(err, models.ErrNotFound) {
			w.t.Error(err)
		}
		if all, err := w.AllSessions(operator, ""); len(all) != 0 || err != nil {
			w.t.Errorf("%d sessions, %v", len(all), err)
		}
	})
}

// A session that its owner has ended links nothing, though another replica
// believes it for a moment still.
func TestNothingIsLinkedAfterTheEnd(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.None)
		_, p := w.enter("ada")
		r := w.comeToLink(p, "oidc", providertest.Edgar)
		if _, err := w.EndSessionsOf(operator, user.ID); err != nil {
			w.t.Fatal(err)
		}
		_, err := w.Finish(as(p), r)
		if all, _ := w.IdentitiesOf(ctx, user.ID); !errors.Is(err, identity.ErrUnauthenticated) || len(all) != 1 {
			w.t.Errorf("%d identities, %v", len(all), err)
		}
	})
}

// One's own session ends at once, on the page that ended it.
func TestEndOwnSession(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	in, p := w.enter("ada")
	if err := w.EndSession(as(p), p, p.SessionID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(ctx, in.Token); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Error(err)
	}
}

// A list of sessions has those that are open alone.
func TestAllSessionsAreOpen(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("ada", policy.None)
	_, p := w.enter("ada")
	w.clock.pass(8 * time.Hour)
	for _, id := range []string{"", p.User.ID} {
		if all, err := w.AllSessions(operator, id); len(all) != 0 || err != nil {
			t.Errorf("%d sessions, %v", len(all), err)
		}
	}
}

// book is a directory of one person that counts what it is asked.
type book struct {
	asked int
	err   error
	down  error
}

func (*book) Info() providers.Info {
	return providers.Info{Slot: "ldap", Label: "Directory", Type: "ldap", Issuer: "ldap:dc=example"}
}

func (b *book) Ready(context.Context) error { return b.down }

func (b *book) SignIn(_ context.Context, username, password string) (providers.Claim, error) {
	b.asked++
	if b.err == nil && (username != "edith" || password != passphrase) {
		return providers.Claim{}, &providers.Error{Reason: "wrong", Err: errors.New("invalid credentials")}
	}
	return providers.Claim{Issuer: "ldap:dc=example", Subject: "1", Name: "Edith", Username: username, Groups: []string{"editors"}}, b.err
}

func TestSignInDirectory(t *testing.T) {
	outage := &providers.Error{Reason: "unreachable", Outage: true, Err: errors.New("dial")}
	for name, row := range map[string]struct {
		book               book
		slot               string
		username, password string
		reason             string
		asked              int
		public             *models.Error
	}{
		"right":           {book{}, "ldap", "edith", passphrase, "", 1, nil},
		"blanks around":   {book{}, "ldap", " edith ", passphrase, "", 1, nil},
		"wrong":           {book{}, "ldap", "edith", another, "wrong", 1, identity.ErrWrongPassword},
		"empty password":  {book{}, "ldap", "edith", "", "empty", 0, identity.ErrWrongPassword},
		"empty name":      {book{}, "ldap", "", passphrase, "empty", 0, identity.ErrWrongPassword},
		"blank name":      {book{}, "ldap", " \t", passphrase, "empty", 0, identity.ErrWrongPassword},
		"down":            {book{down: outage}, "ldap", "edith", passphrase, "unreachable", 0, identity.ErrProviderFailed},
		"down in between": {book{err: outage}, "ldap", "edith", passphrase, "unreachable", 1, identity.ErrProviderFailed},
		"no directory":    {book{}, "oidc", "edith", passphrase, "", 0, identity.ErrNoProvider},
		"no slot":         {book{}, "", "edith", passphrase, "", 0, identity.ErrNoProvider},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{}).with(func(c *identity.Config) { c.Doors = append(c.Doors, identity.Door{Provider: &row.book}) })
			in, err := w.SignInDirectory(ctx, row.slot, row.username, row.password, identity.Entry{})
			if !is(err, row.public) || row.book.asked != row.asked {
				t.Errorf("%v, asked %d times", err, row.book.asked)
			}
			if e := w.lastEvent(); e.Reason != row.reason {
				t.Errorf("recorded %q", e.Reason)
			}
			if err == nil {
				if p := w.recognised(in); p.Method != models.MethodDirectory || p.Identity.Slot != "ldap" || !p.ProvenAt.Equal(w.clock.now()) {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// A directory is asked no more than so often about one name, however it is
// spelt, and never counts what it could not judge.
func TestDirectoryIsLimited(t *testing.T) {
	b := &book{}
	w := onSQLite(t, policy.Gate{}).with(func(c *identity.Config) { c.Doors = append(c.Doors, identity.Door{Provider: b}) })
	var last error
	for i := range 20 {
		_, last = w.SignInDirectory(from(fmt.Sprint("203.0.113.", i)), "ldap", []string{"edith", "EDITH", " Edith"}[i%3], another, identity.Entry{})
	}
	if !errors.Is(last, identity.ErrTooMany) || b.asked != 5 {
		t.Errorf("%v, asked %d times", last, b.asked)
	}
	w.clock.pass(2 * time.Hour)
	b.down = &providers.Error{Reason: "unreachable", Outage: true, Err: errors.New("dial")}
	for range 20 {
		_, _ = w.SignInDirectory(ctx, "ldap", "edith", passphrase, identity.Entry{})
	}
	b.down = nil
	if _, err := w.SignInDirectory(ctx, "ldap", "edith", passphrase, identity.Entry{}); err != nil {
		t.Error(err)
	}
}
