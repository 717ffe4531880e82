package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// tokenOf signs somebody in and gives a token that they made.
func (w *world) tokenOf(who string) (*models.Principal, models.APIToken, models.Secret) {
	w.t.Helper()
	p := w.lately(who)
	token, text, err := w.MakeAPIToken(ctx, p, "ci")
	if err != nil {
		w.t.Fatal(err)
	}
	return p, token, text
}

// lately is somebody who signs in at the provider and has just proved who they are.
func (w *world) lately(who string) *models.Principal {
	w.t.Helper()
	_, p := w.signIn(who)
	proven := *p
	proven.ProvenAt = w.clock.now()
	return &proven
}

// A token is whoever made it, in the session in which they did, and is good for
// nothing else.
func TestAPIToken(t *testing.T) {
	each(t, func(w *world) {
		p, token, text := w.tokenOf(providertest.Ada)
		got, err := w.AuthenticateAPI(ctx, text)
		if err != nil || got.User.ID != p.User.ID || got.SessionID != p.SessionID || !got.Access.Permissions.Has(policy.Administer) {
			w.t.Fatalf("%+v %v", got, err)
		}
		if _, err := w.Authenticate(ctx, text); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("it is taken for a session: %v", err)
		}
		if !strings.HasPrefix(text.Reveal(), "dagpass_session_"+token.ID+"_") || strings.Contains(token.SecretHash, text.Reveal()[49:]) {
			w.t.Error("it is written otherwise, or kept in the clear")
		}
		for name, bad := range map[string]string{
			"empty": "", "prefix": "dagpass_session_", "cut": text.Reveal()[:len(text.Reveal())-1], "longer": text.Reveal() + "A",
			"another kind": strings.Replace(text.Reveal(), "session", "key", 1), "another secret": text.Reveal()[:49] + strings.Repeat("A", 43),
			"another id": "dagpass_session_" + models.NewID() + text.Reveal()[48:], "NUL": text.Reveal()[:48] + "\x00" + text.Reveal()[49:],
		} {
			if _, err := w.AuthenticateAPI(ctx, models.Secret(bad)); !errors.Is(err, identity.ErrUnauthenticated) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Whatever ends the session ends its tokens with the next request, at whichever
// replica.
func TestAPITokenEnds(t *testing.T) {
	ends := map[string]func(w *world, p *models.Principal, id string) error{
		"revoked": func(w *world, p *models.Principal, id string) error { return w.RevokeAPIToken(ctx, p, id) },
		"revoked by the operator": func(w *world, p *models.Principal, id string) error {
			return w.RevokeAPITokenOf(operator, p.User.ID, id)
		},
		"signed out": func(w *world, p *models.Principal, _ string) error { _, err := w.SignOut(ctx, p); return err },
		"ended":      func(w *world, p *models.Principal, _ string) error { return w.RevokeSession(operator, p.SessionID) },
		"disabled":   func(w *world, p *models.Principal, _ string) error { return w.Disable(operator, p.User.ID) },
		"deleted":    func(w *world, p *models.Principal, _ string) error { return w.Delete(operator, p.User.ID) },
		"another role": func(w *world, p *models.Principal, _ string) error {
			_, err := w.SetRole(operator, p.User.ID, policy.Viewer)
			return err
		},
		"time, in a session that goes on": func(w *world, p *models.Principal, _ string) error {
			w.clock.pass(6 * time.Hour)
			err := w.Store.TouchSession(ctx, p.SessionID, w.clock.now())
			w.clock.pass(6 * time.Hour)
			return err
		},
		"idle":  func(w *world, _ *models.Principal, _ string) error { w.clock.pass(8 * time.Hour); return nil },
		"swept": func(w *world, _ *models.Principal, _ string) error { w.clock.pass(12 * time.Hour); return w.Sweep(ctx) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				p, token, text := w.tokenOf(providertest.Ada)
				if err := end(w, p, token.ID); err != nil {
					w.t.Fatal(err)
				}
				if _, err := w.AuthenticateAPI(ctx, text); !errors.Is(err, identity.ErrUnauthenticated) {
					w.t.Errorf("it opens still: %v", err)
				}
			})
		})
	}
}

// Another policy reaches a token as it reaches a session.
func TestAPITokenAfterDemotion(t *testing.T) {
	each(t, func(w *world) {
		_, _, text := w.tokenOf(providertest.Ada)
		w.change(policy.Options{DefaultRole: policy.Viewer})
		p, err := w.AuthenticateAPI(ctx, text)
		if err != nil || p.Access.Permissions.Has(policy.Administer) {
			w.t.Fatalf("%+v %v", p, err)
		}
		if _, err := w.People(as(p), identity.PeopleQuery{}); !errors.Is(err, identity.ErrNotAdmin) {
			w.t.Error(err)
		}
	})
}

// A token takes a recent proof and a right to look; revoking one takes neither,
// and is of one's own alone.
func TestWhoMayHoldAPIToken(t *testing.T) {
	each(t, func(w *world) {
		p, token, _ := w.tokenOf(providertest.Ada)
		stale, other := *p, w.lately(providertest.Violet)
		stale.ProvenAt = w.clock.now().Add(-identity.FreshFor)
		for name, c := range map[string]struct {
			who  *models.Principal
			want error
		}{"long ago": {&stale, identity.ErrConfirm}, "viewer": {other, identity.ErrNotAdmin}, "nobody": {nil, identity.ErrNotAdmin}} {
			if _, text, err := w.MakeAPIToken(ctx, c.who, "x"); !errors.Is(err, c.want) || text != "" {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.RevokeAPIToken(ctx, other, token.ID); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("somebody else's: %v", err)
		}
		if all, err := w.APITokens(ctx, p); len(all) != 1 || err != nil {
			w.t.Errorf("%+v %v", all, err)
		}
		if err := w.RevokeAPIToken(ctx, &stale, token.ID); err != nil {
			w.t.Error(err)
		}
		w.mustHave("token.create", "token.revoke")
	})
}

func (w *world) mustHave(events ...string) {
	w.t.Helper()
	for _, name := range events {
		if found, err := w.Events(operator, models.Filter{Event: name}, 0, 1); len(found) != 1 || err != nil {
			w.t.Errorf("no event %s (%v)", name, err)
		}
	}
}

// An admin sees on somebody's page what opens the API in their name, without its
// secret, and ends it there. It is that person's token or none.
func TestTokensOfSomebody(t *testing.T) {
	each(t, func(w *world) {
		p, token, text := w.tokenOf(providertest.Ada)
		other := w.account("other", policy.Viewer)
		admin := w.account("boss", policy.Admin)
		asking := as(w.principal(admin))
		if err := w.RevokeAPITokenOf(asking, other.ID, token.ID); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("as if it were another's: %v", err)
		}
		page, err := w.Person(asking, p.User.ID)
		if err != nil || len(page.Tokens) != 1 || page.Tokens[0].ID != token.ID || page.Tokens[0].SecretHash != "" {
			w.t.Fatalf("%+v %v", page.Tokens, err)
		}
		if err := w.RevokeAPITokenOf(asking, p.User.ID, token.ID); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.AuthenticateAPI(ctx, text); !errors.Is(err, identity.ErrUnauthenticated) {
			w.t.Errorf("it opens still: %v", err)
		}
		found, err := w.Events(operator, models.Filter{Event: "token.revoke"}, 0, 2)
		if err != nil || len(found) != 1 || found[0].Event.Actor.ID != admin.ID || *found[0].Event.Target != (models.Target{Kind: "token", ID: token.ID}) {
			w.t.Errorf("%+v %v", found, err)
		}
	})
}

// A token of a session that has ended by itself opens nothing and is not shown,
// though both may be kept still.
func TestTokensOfEndedSessions(t *testing.T) {
	each(t, func(w *world) {
		p, _, _ := w.tokenOf(providertest.Ada)
		w.clock.pass(8 * time.Hour)
		if page, err := w.Person(operator, p.User.ID); err != nil || len(page.Tokens) != 0 {
			w.t.Errorf("%+v %v", page.Tokens, err)
		}
	})
}

// The recent proof that counts is the session's own, at each request.
func TestAPITokenHasTheProofOfItsSession(t *testing.T) {
	each(t, func(w *world) {
		w.account("boss", policy.Admin)
		_, p := w.enter("boss")
		_, text, err := w.MakeAPIToken(ctx, p, "ci")
		if err != nil {
			w.t.Fatal(err)
		}
		change := func() error {
			p, err := w.AuthenticateAPI(ctx, text)
			if err != nil {
				w.t.Fatal(err)
			}
			_, err = w.EndSessionsOf(as(p), models.NewID())
			return err
		}
		if err := change(); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("just proven: %v", err)
		}
		w.clock.pass(identity.FreshFor)
		if err := change(); !errors.Is(err, identity.ErrConfirm) {
			w.t.Errorf("long ago: %v", err)
		}
	})
}

// The same request is done once, and answered so again to the same person alone.
func TestIdempotencyKey(t *testing.T) {
	each(t, func(w *world) {
		boss, other := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin})), w.acting(w.made(identity.NewAccount{Username: "chief", Role: policy.Admin}))
		begun, kept, err := w.BeginReplay(boss, "key", "request")
		if begun == nil || kept != nil || err != nil {
			w.t.Fatal(kept, err)
		}
		said := identity.Answer{Status: 200, Header: map[string]string{"ETag": "x"}, Body: []byte("a link that is shown once")}
		again := func(c context.Context, key, request string) (*identity.Replay, *identity.Answer, error) {
			return w.BeginReplay(c, key, request)
		}
		if _, _, err := again(boss, "key", "request"); !errors.Is(err, identity.ErrReplayPending) {
			w.t.Errorf("under way: %v", err)
		}
		if err := begun.Finish(ctx, said); err != nil {
			w.t.Fatal(err)
		}
		if _, kept, err := again(boss, "key", "request"); kept == nil || string(kept.Body) != string(said.Body) || kept.Status != 200 || err != nil {
			w.t.Errorf("again: %+v %v", kept, err)
		}
		if _, _, err := again(boss, "key", "other request"); !errors.Is(err, identity.ErrReplayOther) {
			w.t.Errorf("another request: %v", err)
		}
		for name, c := range map[string]struct {
			ctx context.Context
			key string
		}{"another person": {other, "key"}, "another key": {boss, "key 2"}} {
			if begun, kept, err := again(c.ctx, c.key, "request"); begun == nil || kept != nil || err != nil {
				w.t.Errorf("%s: %+v %v", name, kept, err)
			}
		}
		demoted := *models.PrincipalOf(boss)
		demoted.Access = policy.Access{Permissions: policy.Permissions{policy.Read: {}, policy.Audit: {}}}
		if begun, kept, err := again(models.WithPrincipal(ctx, &demoted), "key", "request"); begun != nil || kept != nil || !errors.Is(err, identity.ErrNotAdmin) {
			w.t.Errorf("who is no admin any more: %+v %v", kept, err)
		}
		kept2, _, err := w.Store.BeginReplay(ctx, models.Replay{UserID: models.PrincipalOf(boss).User.ID, KeyHash: models.Digest("key")}, w.clock.now())
		if err != nil || kept2.Status != 200 || strings.Contains(kept2.Answer, "link") {
			w.t.Errorf("kept in the clear: %+v %v", kept2, err)
		}
	})
}

// What came to nothing may be asked again with its key.
func TestIdempotencyKeyIsGivenBack(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	boss := w.acting(w.made(identity.NewAccount{Username: "boss", Role: policy.Admin}))
	for range 2 {
		begun, _, err := w.BeginReplay(boss, "key", "request")
		if begun == nil || err != nil {
			t.Fatal(err)
		}
		if err := begun.Drop(ctx); err != nil {
			t.Error(err)
		}
	}
	w.clock.pass(identity.FreshFor)
	if _, _, err := w.BeginReplay(boss, "key", "request"); !errors.Is(err, identity.ErrConfirm) {
		t.Errorf("without a recent proof: %v", err)
	}
}
