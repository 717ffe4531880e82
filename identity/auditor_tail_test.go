package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// tailed are the events of a tail, in words.
func tailed(t identity.Tail) (words []string) {
	for _, r := range t.Records {
		words = append(words, r.Event.Event+" "+r.Event.Reason)
	}
	return words
}

// A page is told what comes, each once, whichever replica it asks, and nothing of
// what its filter leaves out.
func TestTailFollows(t *testing.T) {
	each(t, func(w *world) {
		c := auditing(w.account("audrey", ""), "s1")
		other := w.replica(w.Store, policy.Gate{}, key(1))
		w.fail("192.0.2.1", "before")
		open, err := w.OpenTail(c, models.Filter{Event: "signin.*"})
		if diff := cmp.Diff([]string{"signin.finish before"}, tailed(open)); diff != "" || err != nil {
			w.t.Fatalf("%v %s", err, diff)
		}
		w.fail("192.0.2.1", "one")
		w.fail("192.0.2.1", "two")
		if _, err := w.Events(operator, models.Filter{}, 0, 1); err != nil {
			w.t.Fatal(err)
		}
		next, err := other.FollowTail(c, open.Token, open.Last)
		if diff := cmp.Diff([]string{"signin.finish two", "signin.finish one"}, tailed(next)); diff != "" || err != nil || next.More {
			w.t.Errorf("%v %s", err, diff)
		}
		last, err := w.FollowTail(c, next.Token, next.Last)
		if err != nil || len(last.Records) != 0 || last.Last != next.Last {
			w.t.Errorf("%v %+v", err, last)
		}
	})
}

// The token opens what its page was shown, and nothing else.
func TestTailTokenIsThePages(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("audrey", "")
	const session = "0123456789abcdef0123456789abcdef"
	c := auditing(user, session)
	w.fail("192.0.2.1", "history")
	open, err := w.OpenTail(c, models.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := w.Keys.Seal("attempt", `{"session":"`+session+`","expires":"2999-01-01T00:00:00Z"}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]struct {
		who   context.Context
		token models.Secret
		want  error
	}{
		"another session":            {auditing(user, "s2"), open.Token, identity.ErrTailExpired},
		"no session":                 {auditing(user, ""), open.Token, identity.ErrTailExpired},
		"the operator":               {operator, open.Token, identity.ErrTailExpired},
		"no token":                   {c, "", identity.ErrTailExpired},
		"a token of another purpose": {c, models.Secret(sealed), identity.ErrTailExpired},
		"a changed token":            {c, open.Token[:len(open.Token)-1] + "~", identity.ErrTailExpired},
		"the role is gone":           {as(&models.Principal{User: user, SessionID: session}), open.Token, identity.ErrNotAuditor},
		"a stranger":                 {ctx, open.Token, identity.ErrNotAuditor},
	} {
		if got, err := w.FollowTail(ask.who, ask.token, 0); !errors.Is(err, ask.want) || len(got.Records)+len(got.Token) != 0 {
			t.Errorf("%s: %v, %d records", name, err, len(got.Records))
		}
	}
	for _, after := range []int64{0, -1 << 62} {
		if got, err := w.FollowTail(c, open.Token, after); err != nil || len(got.Records) > 1 || strings.Contains(strings.Join(tailed(got), ""), "history") {
			t.Errorf("behind %d: %v, %v", after, err, tailed(got))
		}
	}
	if strings.Contains(open.Token.Reveal(), session) {
		t.Error("the token can be read")
	}
}

// A token of a session that nobody has is nobody's: the operator opens a page that
// cannot be followed.
func TestTailWithoutSession(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	open, err := w.OpenTail(operator, models.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.FollowTail(auditing(w.account("audrey", ""), ""), open.Token, 0); !errors.Is(err, identity.ErrTailExpired) {
		t.Error(err)
	}
}

// Looking goes on for as long as somebody looks, and ends when they stop.
func TestTailExpires(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	c := auditing(w.account("audrey", ""), "s1")
	now, err := w.OpenTail(c, models.Filter{})
	for range 5 {
		w.clock.pass(14 * time.Minute)
		if err == nil {
			now, err = w.FollowTail(c, now.Token, now.Last)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	w.clock.pass(15 * time.Minute)
	if _, err := w.FollowTail(c, now.Token, now.Last); !errors.Is(err, identity.ErrTailExpired) {
		t.Error(err)
	}
}

// An hour of asking every two seconds is a few events, not 1,800.
func TestTailIsToldNowAndThen(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	c := auditing(w.account("audrey", ""), "s1")
	before := len(w.events())
	now, err := w.OpenTail(c, models.Filter{Event: "user.*"})
	for range 1800 {
		w.clock.pass(2 * time.Second)
		if err == nil {
			now, err = w.FollowTail(c, now.Token, now.Last)
		}
	}
	told := w.events()[before:]
	if err != nil || len(told) != 7 {
		t.Fatalf("%v, told %d times", err, len(told))
	}
	for _, e := range told {
		if e.Event != "audit.read" || e.Target.ID != `tail event="user.*"` {
			t.Errorf("%+v", e)
		}
	}
}

// That somebody looks is recorded before they see anything: it is in what the page
// shows, and no news to it.
func TestOpeningTheTailIsNoNews(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	c := auditing(w.account("audrey", ""), "s1")
	open, err := w.OpenTail(c, models.Filter{})
	if err != nil || len(open.Records) == 0 || open.Records[0].Event.Event != "audit.read" {
		t.Fatalf("%v %v", err, tailed(open))
	}
	if next, err := w.FollowTail(c, open.Token, open.Last); err != nil || len(next.Records) != 0 {
		t.Errorf("%v %v", err, tailed(next))
	}
}

// Of more than a page can show the newest are told, and that there were more.
func TestTailIsBounded(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	c := auditing(w.account("audrey", ""), "s1")
	open, err := w.OpenTail(c, models.Filter{Event: "signin.*"})
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		w.fail("192.0.2.1", "many")
	}
	got, err := w.FollowTail(c, open.Token, open.Last)
	head, _ := w.Store.Records(ctx, models.Filter{}, store.Page{Limit: 1})
	if err != nil || len(got.Records) != 50 || !got.More || got.Records[0].Seq != head[0].Seq {
		t.Errorf("%v, %d records, more %v", err, len(got.Records), got.More)
	}
}
