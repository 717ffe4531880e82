package identity_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
)

// line is what the console tells of a slot.
func (w *world) line(slot string) identity.ProviderLine {
	w.t.Helper()
	lines, err := w.ProviderLines(operator)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range lines {
		if l.Slot == slot {
			return l
		}
	}
	w.t.Fatal("no such slot")
	return identity.ProviderLine{}
}

// What is the provider's own doing is its error; what a person, a rule or a
// stranger did is none. Whoever was vouched for is a success, come in or not.
func TestWhoseErrorItIs(t *testing.T) {
	for name, row := range map[string]struct {
		gate    policy.Gate
		fault   providertest.Fault
		success bool
		reason  string
	}{
		"signed in":         {success: true},
		"not on the list":   {gate: policy.Gate{Domains: []string{"corp.com"}}, success: true},
		"denied":            {fault: providertest.Fault{Callback: func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }}},
		"unverified":        {fault: providertest.Fault{Claims: providertest.Set("email_verified", false)}},
		"a stranger's iss":  {fault: providertest.Fault{Callback: func(q url.Values) { q.Set("iss", "https://evil.example") }}},
		"a stranger's code": {fault: providertest.Fault{Callback: func(q url.Values) { q.Set("code", "made up") }}},
		"no such scope":     {fault: providertest.Fault{Callback: func(q url.Values) { q.Del("code"); q.Set("error", "invalid_scope") }}, reason: "provider_error"},
		"signature":         {fault: providertest.Fault{Signature: providertest.AlgNone}, reason: "id_token_signature"},
		"issuer":            {fault: providertest.Fault{Claims: providertest.Set("iss", "https://evil.example")}, reason: "id_token_issuer"},
		"token endpoint":    {fault: providertest.Fault{Endpoint: providertest.Token, Status: 500}, reason: "exchange_failed"},
		"userinfo":          {fault: providertest.Fault{Claims: providertest.Drop("name"), Endpoint: providertest.Userinfo, Garbage: true}, reason: "userinfo_unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, row.gate)
			r := w.come(providertest.Edgar)
			if row.fault.Callback != nil {
				q := url.Values{"code": {r.Callback.Code}, "state": {r.Callback.State}, "iss": {r.Callback.Issuer}}
				row.fault.Callback(q)
				r.Callback, _ = providers.ParseCallback(q)
			}
			w.idp.Misbehave(row.fault)
			at := from("192.0.2.1")
			_, _ = w.Finish(at, r)
			l := w.line("oidc")
			if l.Reason != row.reason || l.LastError.Equal(w.clock.now()) != (row.reason != "") || l.LastSuccess.Equal(w.clock.now()) != row.success {
				t.Errorf("%+v", l)
			}
			if row.reason != "" && l.Reference != "r" {
				t.Errorf("reference %q", l.Reference)
			}
		})
	}
}

// Somebody who closes the browser is nobody's failure.
func TestWhoHangsUpIsNoError(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	r := w.come(providertest.Edgar)
	gone, leave := context.WithCancel(ctx)
	w.idp.Misbehave(providertest.Fault{Endpoint: providertest.Token, Stall: true})
	stop := time.AfterFunc(100*time.Millisecond, leave)
	defer stop.Stop()
	_, _ = w.Finish(gone, r)
	if l := w.line("oidc"); !l.LastError.IsZero() {
		t.Errorf("%+v", l)
	}
}

func TestDirectoriesAreNoted(t *testing.T) {
	outage := &providers.Error{Reason: "directory_unavailable", Outage: true, Err: errors.New("dial")}
	for name, row := range map[string]struct {
		book     book
		password string
		success  bool
		reason   string
	}{
		"right":           {book{}, passphrase, true, ""},
		"wrong":           {book{}, another, false, ""},
		"down":            {book{down: outage}, passphrase, false, "directory_unavailable"},
		"down in between": {book{err: outage}, passphrase, false, "directory_unavailable"},
	} {
		w := onSQLite(t, policy.Gate{}).with(func(c *identity.Config) { c.Doors = append(c.Doors, identity.Door{Provider: &row.book}) })
		_, _ = w.SignInDirectory(ctx, "ldap", "edith", row.password, identity.Entry{})
		if l := w.line("ldap"); l.Reason != row.reason || l.LastSuccess.IsZero() == row.success {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// stored is when the database has the last success of oidc, and its last error.
func (w *world) stored() (success time.Time, reason string) {
	w.t.Helper()
	all, err := w.Store.Ways(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if at := all["oidc"].SucceededAt; at != nil {
		success = *at
	}
	return success, all["oidc"].Reason
}

// A storm of one kind is one write a minute, what it leaves out is written by the
// sweep, and another kind is written at once. Another replica knows it all, and
// so does the next start.
func TestAnswersAreWrittenSeldom(t *testing.T) {
	each(t, func(w *world) {
		first := w.clock.now()
		for range 5 {
			w.clock.pass(time.Second)
			w.signIn(providertest.Edgar)
		}
		if at, _ := w.stored(); !at.Equal(first.Add(time.Second)) {
			w.t.Errorf("written at %v, not once", at)
		}
		if l := w.line("oidc"); !l.LastSuccess.Equal(w.clock.now()) {
			w.t.Errorf("told %v", l.LastSuccess)
		}
		w.idp.Misbehave(providertest.Fault{Endpoint: providertest.Token, Status: 500})
		_, _ = w.Finish(ctx, w.come(providertest.Edgar))
		at, reason := w.stored()
		if reason != "exchange_failed" || !at.Equal(w.clock.now()) {
			w.t.Errorf("the other kind: %v %q", at, reason)
		}
		w.idp.Misbehave(providertest.Fault{})
		w.clock.pass(time.Second)
		w.signIn(providertest.Edgar)
		if err := w.Sweep(ctx); err != nil {
			w.t.Fatal(err)
		}
		other := *w
		other.Service = w.replica(w.Store, policy.Gate{}, key(1))
		if l := other.line("oidc"); !l.LastSuccess.Equal(w.clock.now()) || l.Reason != "exchange_failed" {
			w.t.Errorf("another replica tells %+v", l)
		}
	})
}

// Sign-ins at once do not wait for each other's notes, nor lose any.
func TestAnswersAtOnce(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		for range 8 {
			r := w.come(providertest.Edgar)
			all.Go(func() { _, _ = w.Finish(ctx, r) })
		}
		all.Wait()
		if at, reason := w.stored(); !at.Equal(w.clock.now()) || reason != "" {
			w.t.Errorf("%v %q", at, reason)
		}
	})
}

func TestWhoSeesHowProvidersAre(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.account("eve", policy.Editor)
	_, eve := w.enter("eve")
	for name, c := range map[string]context.Context{"an editor": as(eve), "nobody": ctx} {
		if lines, err := w.ProviderLines(c); !errors.Is(err, identity.ErrNotAdmin) || lines != nil {
			t.Errorf("%s: %+v, %v", name, lines, err)
		}
	}
	if lines, err := w.ProviderLines(models.WithOperator(ctx)); err != nil || len(lines) != 3 || lines[0].Slot != "oidc" {
		t.Errorf("%+v, %v", lines, err)
	}
}
