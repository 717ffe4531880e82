package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

var ctx = context.Background()

func TestSignIn(t *testing.T) {
	each(t, func(w *world) {
		in, p := w.signIn(providertest.Edgar)
		if in.Next != "/runs?x=1" || p.Access.Role != policy.Viewer || p.User.Email != "edgar@example.com" {
			w.t.Errorf("next %q, role %q, e-mail %q", in.Next, p.Access.Role, p.User.Email)
		}
		if e := w.lastEvent(); e.Event != "signin.finish" || e.Outcome != models.OutcomeOK || e.Actor.ID != p.User.ID {
			w.t.Errorf("event %+v", e)
		}
	})
}

// One account per issuer and subject, however often and however many at once.
func TestSameAccount(t *testing.T) {
	each(t, func(w *world) {
		var coming []identity.Return
		for range 6 {
			coming = append(coming, w.come(providertest.Ada))
		}
		var all sync.WaitGroup
		for _, r := range coming {
			all.Go(func() {
				if _, err := w.Finish(ctx, r); err != nil {
					w.t.Error(err)
				}
			})
		}
		all.Wait()
		if users, err := w.Users(ctx, ""); err != nil || len(users) != 1 {
			w.t.Errorf("%d accounts, %v", len(users), err)
		}
	})
}

// A callback is refused before the provider is asked for anything.
func TestCallbackRefused(t *testing.T) {
	type change func(w *world, r *identity.Return)
	table := map[string]struct {
		change change
		reason string
		public *models.Error
	}{
		"no cookie":            {func(_ *world, r *identity.Return) { r.Sealed = "" }, "state", identity.ErrSignInExpired},
		"forged cookie":        {func(_ *world, r *identity.Return) { r.Sealed = "1.00000000.AAAA" }, "state", identity.ErrSignInExpired},
		"no state":             {func(_ *world, r *identity.Return) { r.Callback.State = "" }, "state", identity.ErrSignInExpired},
		"both empty":           {func(_ *world, r *identity.Return) { r.Sealed, r.Callback.State = "", "" }, "state", identity.ErrSignInExpired},
		"another state":        {func(_ *world, r *identity.Return) { r.Callback.State += "x" }, "state", identity.ErrSignInExpired},
		"another's attempt":    {func(w *world, r *identity.Return) { r.Sealed = w.come(providertest.Violet).Sealed }, "state", identity.ErrSignInExpired},
		"too late":             {func(w *world, _ *identity.Return) { w.clock.pass(10 * time.Minute) }, "state", identity.ErrSignInExpired},
		"wrong iss":            {func(_ *world, r *identity.Return) { r.Callback.Issuer = "https://evil.example" }, "iss_mismatch", identity.ErrSignInFailed},
		"error from provider":  {func(_ *world, r *identity.Return) { r.Callback.Code, r.Callback.Error = "", "access_denied" }, "denied", identity.ErrSignInCancelled},
		"sealed for something": {func(w *world, r *identity.Return) { r.Sealed = sealElsewhere(w) }, "state", identity.ErrSignInExpired},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			r := w.come(providertest.Ada)
			row.change(w, &r)
			_, err := w.Finish(ctx, r)
			e := w.lastEvent()
			if !errors.Is(err, row.public) || e.Reason != row.reason || e.Outcome != models.OutcomeRefused {
				t.Errorf("%v; recorded %s %q", err, e.Outcome, e.Reason)
			}
			if n := w.idp.Requests(providertest.Token); n != 0 {
				t.Errorf("the provider was asked for a token %d times", n)
			}
		})
	}
}

// sealElsewhere is a value that we sealed ourselves, for another purpose.
func sealElsewhere(w *world) string {
	sealed, err := w.Keys.Seal("signing_key", "{}")
	if err != nil {
		w.t.Fatal(err)
	}
	return sealed
}

// An attempt begun at one provider does not end at another.
func TestOtherSlotsAttempt(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	r := w.come(providertest.Ada)
	r.Slot = "second"
	if _, err := w.Finish(ctx, r); !errors.Is(err, identity.ErrSignInExpired) || w.lastEvent().Reason != "state" {
		t.Errorf("%v, %q", err, w.lastEvent().Reason)
	}
	r.Slot = "elsewhere"
	if _, err := w.Finish(ctx, r); !errors.Is(err, identity.ErrNoProvider) {
		t.Error(err)
	}
}

// A state is spent once on the server, even if its cookie is kept.
func TestReplay(t *testing.T) {
	each(t, func(w *world) {
		r := w.come(providertest.Ada)
		if _, err := w.Finish(ctx, r); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.Finish(ctx, r); !errors.Is(err, identity.ErrSignInExpired) || w.lastEvent().Reason != "state_spent" {
			w.t.Errorf("%v, %q", err, w.lastEvent().Reason)
		}
	})
}

// What the provider does wrong is refused, recorded, and never leaks.
func TestProviderMisbehaves(t *testing.T) {
	table := map[string]struct {
		fault  providertest.Fault
		public *models.Error
	}{
		"wrong signature":  {providertest.Fault{Signature: providertest.WrongKey}, identity.ErrSignInFailed},
		"no algorithm":     {providertest.Fault{Signature: providertest.AlgNone}, identity.ErrSignInFailed},
		"another nonce":    {providertest.Fault{Claims: providertest.Set("nonce", "x")}, identity.ErrSignInFailed},
		"another audience": {providertest.Fault{Claims: providertest.Set("aud", "x")}, identity.ErrSignInFailed},
		"unverified":       {providertest.Fault{Claims: providertest.Set("email_verified", false)}, identity.ErrUnverifiedEmail},
		"token endpoint":   {providertest.Fault{Endpoint: providertest.Token, Status: 500}, identity.ErrProviderFailed},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			r := w.come(providertest.Ada)
			w.idp.Misbehave(row.fault)
			_, err := w.Finish(ctx, r)
			if !errors.Is(err, row.public) {
				t.Errorf("%v", err)
			}
			for _, secret := range w.idp.Secrets() {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds a secret")
				}
			}
			if users, _ := w.Users(ctx, ""); len(users) != 0 {
				t.Errorf("%d accounts", len(users))
			}
		})
	}
}

func TestAllowList(t *testing.T) {
	table := map[string]struct {
		gate   policy.Gate
		person string
		reason string // empty: gets in
	}{
		"empty list":             {policy.Gate{}, providertest.Violet, ""},
		"domain":                 {policy.Gate{Domains: []string{"example.com"}}, providertest.Violet, ""},
		"other domain":           {policy.Gate{Domains: []string{"example.org"}}, providertest.Ada, "address_not_allowed"},
		"address":                {policy.Gate{Emails: []string{"violet@example.com"}}, providertest.Violet, ""},
		"other address":          {policy.Gate{Emails: []string{"violet@example.com"}}, providertest.Ada, "address_not_allowed"},
		"group":                  {policy.Gate{Groups: []string{"editors"}}, providertest.Edgar, ""},
		"not in the group":       {policy.Gate{Groups: []string{"editors"}}, providertest.Violet, "group_not_allowed"},
		"group besides domain":   {policy.Gate{Domains: []string{"example.com"}, Groups: []string{"editors"}}, providertest.Violet, "group_not_allowed"},
		"public, empty":          {policy.Gate{Public: true}, providertest.Violet, "not_on_a_list"},
		"public, named an admin": {policy.Gate{Public: true}, providertest.Ada, ""},
		"public, says everyone":  {policy.Gate{Public: true, Everyone: true}, providertest.Violet, ""},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, row.gate)
			_, err := w.Finish(ctx, w.come(row.person))
			if e := w.lastEvent(); e.Reason != row.reason || (err == nil) != (row.reason == "") {
				t.Errorf("%v, recorded %q", err, e.Reason)
			}
		})
	}
}

// At Google the domain counts with the hd claim alone, from the token to the
// allow-list.
func TestHostedDomain(t *testing.T) {
	for hd, reason := range map[string]string{"": "address_not_allowed", "evil.com": "address_not_allowed", "example.com": ""} {
		w := onSQLite(t, policy.Gate{})
		if hd != "" {
			w.idp.Misbehave(providertest.Fault{Claims: providertest.Set("hd", hd)})
		}
		_, err := w.Finish(ctx, w.comeBy("google", providertest.Violet))
		if e := w.lastEvent(); e.Reason != reason || (err == nil) != (reason == "") {
			t.Errorf("hd %q: %v, recorded %q", hd, err, e.Reason)
		}
	}
}

// DEFAULT_ROLE=none refuses whom no rule names.
func TestNoRole(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.change(policy.Options{})
	if _, err := w.Finish(ctx, w.come(providertest.Ada)); !errors.Is(err, identity.ErrNotAllowed) || w.lastEvent().Reason != "no_role" {
		t.Errorf("%v, %q", err, w.lastEvent().Reason)
	}
}

func TestProviderDownAtStart(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.idp.Misbehave(providertest.Fault{Endpoint: providertest.Discovery, Status: 503})
	if _, err := w.Begin(ctx, "oidc", "/"); !errors.Is(err, identity.ErrProviderFailed) {
		t.Error(err)
	}
	if states := w.Providers(ctx); len(states) != 3 || !states[0].Down {
		t.Errorf("%+v", states)
	}
}

// Refusals of one address beyond the limit become one event a minute, and so
// do those of all addresses together.
func TestRefusalsFold(t *testing.T) {
	table := map[string]struct {
		address func(i int) string
		alone   int
	}{
		"one address":      {func(int) string { return "203.0.113.9" }, 30},
		"one IPv6 network": {func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, 30},
		"many addresses":   {func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/200, i%200) }, 300},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			before := len(w.events())
			for i := range 400 {
				from := models.WithRequest(ctx, models.Request{ID: "r", ClientIP: row.address(i)})
				_, _ = w.Finish(from, identity.Return{Slot: "oidc"})
			}
			w.clock.pass(time.Minute)
			if err := w.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
			all, told := w.events()[before:], 0
			for _, e := range all {
				told += max(1, e.Count)
			}
			if len(all) > row.alone+2 || told != 400 {
				t.Errorf("%d events tell of %d refusals", len(all), told)
			}
		})
	}
}

// Nobody hides another's refusals behind their own.
func TestFoldsArePersonal(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	refused := func(who string) models.Event {
		return models.Event{Event: "dagster.mutation", Outcome: models.OutcomeRefused, Operation: "deleteRun", Actor: models.Actor{ID: who, Kind: "user"}, ClientIP: "203.0.113.9"}
	}
	for range 100 {
		_ = w.Record(ctx, refused("a"))
	}
	_ = w.Record(ctx, refused("b"))
	if e := w.lastEvent(); e.Actor.ID != "b" {
		t.Errorf("the last event is %s's", e.Actor.ID)
	}
}

// What somebody can cause who may do nothing but read becomes one event a minute;
// what changes something, or would, never does.
func TestWhatFolds(t *testing.T) {
	const many = 400
	refusal := func(known bool) func(int) models.Event {
		return func(i int) models.Event {
			return models.Event{
				Event: "dagster.mutation", Outcome: "refused", Operation: fmt.Sprint("f", i), Known: known, Actor: models.Actor{ID: "a", Kind: "user"},
			}
		}
	}
	event := func(name, outcome, reason string, folds bool) func(int) models.Event {
		return func(int) models.Event {
			return models.Event{Event: name, Outcome: outcome, Reason: reason, Operation: "f", Actor: models.Actor{ID: "a", Kind: "user"}, Folds: folds}
		}
	}
	for name, row := range map[string]struct {
		event func(i int) models.Event
		alone int
	}{
		"refused mutations":                    {event("dagster.mutation", "refused", "permission_missing", false), 30},
		"refused mutations of many names":      {refusal(true), 300},
		"refused mutations of made-up names":   {refusal(false), 50 + 30},
		"reads that monitor mode let pass":     {event("dagster.read", "allowed", "would_have_refused", true), 30},
		"mutations that monitor mode let pass": {event("dagster.mutation", "allowed", "would_have_refused", false), many},
		"telemetry":                            {event("dagster.mutation", "allowed", "", true), 30},
		"changes":                              {event("dagster.mutation", "allowed", "", false), many},
		"changes that failed":                  {event("dagster.mutation", "failed", "PythonError", false), many},
	} {
		w := onSQLite(t, policy.Gate{})
		before := len(w.events())
		for i := range many / 2 {
			if err := w.Record(ctx, row.event(i), row.event(many-i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.events()) - before; n != row.alone {
			t.Errorf("%s: %d events, want %d", name, n, row.alone)
		}
		w.clock.pass(time.Minute)
		if err := w.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, e := range w.events()[before:] {
			told += max(1, e.Count)
		}
		if told != many {
			t.Errorf("%s: told of %d, want %d", name, told, many)
		}
	}
}

// Nobody hides a refusal behind others of their own: neither behind many of one
// kind, nor behind many names.
func TestFoldsNameEveryKind(t *testing.T) {
	refused := func(operation, permission string, known bool) models.Event {
		return models.Event{
			Event: "dagster.mutation", Outcome: "refused", Operation: operation, Permission: permission, Known: known,
			Actor: models.Actor{ID: "a", Kind: "user"}, Target: &models.Target{Kind: "run", ID: operation},
		}
	}
	for name, noise := range map[string]func(i int) models.Event{
		"one kind":      func(int) models.Event { return refused("terminateRuns", "x", true) },
		"made-up names": func(i int) models.Event { return refused(fmt.Sprint("f", i), "unclassified_mutation", false) },
		"all kinds":     func(i int) models.Event { return refused(fmt.Sprint("f", i%40), "x", true) },
	} {
		w := onSQLite(t, policy.Gate{})
		for i := range 1000 {
			_ = w.Record(ctx, noise(i))
		}
		_ = w.Record(ctx, refused("deleteRun", "delete_pipeline_run", true))
		w.clock.pass(time.Minute)
		if err := w.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		for _, e := range w.events() {
			told[e.Operation] += max(1, e.Count)
			if e.Operation == "*" && e.Target != nil {
				t.Errorf("%s: all others are told of %s", name, e.Target.ID)
			}
		}
		want := map[string]map[string]int{
			"one kind":      {"terminateRuns": 1000, "deleteRun": 1},
			"made-up names": {"f0": 1, "f79": 1, "f80": 0, "*": 920, "deleteRun": 1},
			"all kinds":     {"f0": 25, "f39": 25, "deleteRun": 1},
		}
		for operation, n := range want[name] {
			if told[operation] != n {
				t.Errorf("%s: %s is told %d times, want %d", name, operation, told[operation], n)
			}
		}
	}
}

// A stranger's failure is told by its reason, whatever other strangers do, or the
// same one.
func TestStrangersFoldByKind(t *testing.T) {
	failed := func(event, reason, address string) models.Event {
		return models.Event{Event: event, Outcome: models.OutcomeFailed, Reason: reason, ClientIP: address}
	}
	for name, address := range map[string]func(i int) string{
		"many networks": func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/200, i%200) },
		"one address":   func(int) string { return "203.0.113.9" },
	} {
		w := onSQLite(t, policy.Gate{})
		for i := range 400 {
			_ = w.Record(ctx, failed("signin.begin", "unreachable", address(i)))
		}
		_ = w.Record(ctx, failed("signin.begin", "discovery_issuer", "203.0.113.9"), failed("signin.finish", "id_token_signature", "203.0.113.9"))
		w.clock.pass(time.Minute)
		if err := w.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		for _, e := range w.events() {
			told[e.Event+" "+e.Reason] += max(1, e.Count)
		}
		for kind, want := range map[string]int{"signin.begin unreachable": 400, "signin.begin discovery_issuer": 1, "signin.finish id_token_signature": 1} {
			if told[kind] != want {
				t.Errorf("%s: %s is told %d times, want %d", name, kind, told[kind], want)
			}
		}
	}
}

// One stranger does not use up what all of them have.
func TestStrangersFoldByThemselves(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	refused := func(address string) models.Event {
		return models.Event{Event: "signin.finish", Outcome: models.OutcomeRefused, ClientIP: address}
	}
	for range 1000 {
		_ = w.Record(ctx, refused("203.0.113.9"))
	}
	_ = w.Record(ctx, refused("198.51.100.1"))
	if e := w.lastEvent(); e.ClientIP != "198.51.100.1" {
		t.Errorf("the last event is of %s", e.ClientIP)
	}
}

// What is folded does not take along what stands beside it in one request.
func TestFoldedBesideOthers(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	telemetry := models.Event{Event: "dagster.mutation", Outcome: models.OutcomeAllowed, Operation: "logTelemetry", Actor: models.Actor{ID: "a"}, Folds: true}
	change := telemetry
	change.Operation, change.Folds = "deleteRun", false
	for range 40 {
		_ = w.Record(ctx, telemetry)
	}
	before := len(w.events())
	if err := w.Record(ctx, telemetry, change); err != nil || len(w.events()) != before+1 || w.lastEvent().Operation != "deleteRun" {
		t.Errorf("%v, %d events, the last about %s", err, len(w.events())-before, w.lastEvent().Operation)
	}
}

// What a provider that is down makes of sign-ins cannot fill the database.
func TestOutagesFold(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.idp.Misbehave(providertest.Fault{Endpoint: providertest.Discovery, Status: 503})
	before := len(w.events())
	for range 100 {
		_, _ = w.Begin(ctx, "oidc", "/")
	}
	if n := len(w.events()) - before; n != 30 {
		t.Errorf("%d events", n)
	}
}

// A callback that cannot even be read is recorded like any other refusal.
func TestMalformedCallback(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	if err := w.RefuseCallback(ctx, "oidc", errors.New("two states")); !errors.Is(err, identity.ErrSignInExpired) || w.lastEvent().Reason != "callback_malformed" {
		t.Errorf("%v, %q", err, w.lastEvent().Reason)
	}
	before := len(w.events())
	if err := w.RefuseCallback(ctx, "elsewhere", nil); !errors.Is(err, identity.ErrNoProvider) || len(w.events()) != before {
		t.Errorf("%v", err)
	}
}

// A callback with an error spends its state too.
func TestErrorSpendsState(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	r := w.come(providertest.Ada)
	r.Callback.Code, r.Callback.Error = "", "server_error"
	_, _ = w.Finish(ctx, r)
	if _, err := w.Finish(ctx, r); !errors.Is(err, identity.ErrSignInExpired) || w.lastEvent().Reason != "state_spent" {
		t.Errorf("%v, %q", err, w.lastEvent().Reason)
	}
}

// A long way back is given up before the sign-in is: browsers drop cookies of
// more than 4096 bytes.
func TestSealedAttemptFitsCookie(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	for _, next := range []string{"/runs?q=" + strings.Repeat("&", 2000), "/runs?q=" + strings.Repeat(`"`, 2000), "/" + strings.Repeat("x", 2000)} {
		begun, err := w.Begin(ctx, "oidc", next)
		if err != nil || len(begun.Sealed) > 3800 {
			t.Errorf("%.10s: %d bytes, %v", next, len(begun.Sealed), err)
		}
	}
}
