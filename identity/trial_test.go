package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
)

// tester is an admin who tries providers out.
func (w *world) tester() *models.Principal {
	w.t.Helper()
	w.account("root", policy.Admin)
	_, p := w.enter("root")
	return p
}

// here is the context of a request by somebody, from an address of their own.
func here(p *models.Principal) context.Context {
	return models.WithPrincipal(models.WithRequest(ctx, models.Request{ID: "r-1", ClientIP: "192.0.2.77", UserAgent: "test"}), p)
}

// comeToTest brings an admin back from a provider that they try out.
func (w *world) comeToTest(p *models.Principal, slot, person string) identity.Return {
	w.t.Helper()
	begun, result, err := w.BeginTest(here(p), slot)
	if err != nil || result != nil {
		w.t.Fatal(result, err)
	}
	cb, err := providers.ParseCallback(w.idp.Login(begun.Redirect, person))
	if err != nil {
		w.t.Fatal(err)
	}
	return identity.Return{Slot: slot, Callback: cb, Sealed: begun.Sealed, Former: p}
}

// kept is all that a test sign-in must leave as it is.
func (w *world) kept() string {
	w.t.Helper()
	users, err := w.Users(operator, "")
	text := fmt.Sprint(w.Store.IsKnownAddress(ctx, "192.0.2.77"))
	for _, u := range users {
		identities, err1 := w.Store.IdentitiesOf(ctx, u.ID)
		sessions, err2 := w.Store.SessionsOf(ctx, u.ID)
		err = errors.Join(err, err1, err2)
		text += fmt.Sprintf("\n%+v %+v %+v", u, identities, sessions)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// tested is a whole test sign-in, which must leave everything as it was.
func (w *world) tested(p *models.Principal, slot, person string) identity.TestResult {
	w.t.Helper()
	before := w.kept()
	in, err := w.Finish(here(p), w.comeToTest(p, slot, person))
	if err != nil || in.Test == nil || in.Token != "" || in.Wants != "" || in.Next != "" {
		w.t.Fatalf("%+v, %v", in, err)
	}
	if diff := cmp.Diff(before, w.kept()); diff != "" {
		w.t.Errorf("something changed: %s", diff)
	}
	return *in.Test
}

func value(t identity.TestResult, name string) string {
	for _, part := range t.Said {
		for _, c := range part.Claims {
			if c.Name == name {
				return c.Value
			}
		}
	}
	return ""
}

func TestTestSignIn(t *testing.T) {
	each(t, func(w *world) {
		w.policyFile("grants:\n  - { group: editors, role: editor }\n  - { group: data-eng, role: launcher, locations: [marketing] }\n")
		p := w.tester()
		got := w.tested(p, "oidc", providertest.Edgar)
		if got.Known || !got.Way.Open || got.Way.Access.Role != policy.Editor || len(got.Way.Rules) != 2 || got.Failed != nil || got.Reason != "" {
			w.t.Errorf("%+v", got)
		}
		i := got.Way.Identity
		if i.Subject != "edgar" || i.Claims.Email != "edgar@example.com" || !i.Claims.EmailVerified || !got.EmailSaid || len(i.Claims.Groups) != 2 || got.AuthTime.IsZero() {
			w.t.Errorf("%+v", got)
		}
		if len(got.Passed) != 1 || got.Passed[0].By != "open" || value(got, "email") != `"edgar@example.com"` || value(got, "sub") != `"edgar"` {
			w.t.Errorf("%+v %+v", got.Passed, got.Said)
		}
		if e := w.lastEvent(); e.Event != "provider.test" || e.Outcome != models.OutcomeOK || e.Provider != "oidc" || e.Actor.ID != p.User.ID || e.Target != nil {
			w.t.Errorf("%+v", e)
		}
	})
}

// Who is there already is told, and is no more signed in than anybody else.
func TestTestSignInOfSomebodyWhoIsThere(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	_, edgar := w.signIn(providertest.Edgar)
	p := w.tester()
	got := w.tested(p, "oidc", providertest.Edgar)
	if e := w.lastEvent(); !got.Known || got.User.ID != edgar.User.ID || e.Target == nil || e.Target.ID != edgar.User.ID {
		t.Errorf("%+v, %+v", got.User, e)
	}
	if err := w.Disable(operator, edgar.User.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.tested(p, "oidc", providertest.Edgar); got.Way.Open || got.Reason != "user_disabled" || w.lastEvent().Outcome != models.OutcomeRefused {
		t.Errorf("%+v", got)
	}
}

// An admin tries the provider at which they are signed in themself.
func TestTestSignInAtOnesOwnProvider(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	in, ada := w.signIn(providertest.Ada)
	got := w.tested(ada, "oidc", providertest.Ada)
	if !got.Known || got.User.ID != ada.User.ID || got.Way.Access.Role != policy.Admin || w.isOut(in) {
		t.Errorf("%+v", got)
	}
}

// What our rules say of somebody is a refusal, what the provider says or fails to
// say is told in fixed words, and only what was verified is shown.
func TestTestSignInRefused(t *testing.T) {
	hostile := `"><script>alert(1)</script>`
	for name, row := range map[string]struct {
		gate    policy.Gate
		fault   providertest.Fault
		outcome string
		reason  string
		failed  *models.Error
		said    string // part of what is shown; empty for nothing at all
	}{
		"not on the list": {gate: policy.Gate{Domains: []string{"corp.com"}}, outcome: "refused", reason: "address_not_allowed", said: `"edgar@example.com"`},
		"not in a group":  {gate: policy.Gate{Groups: []string{"admins"}}, outcome: "refused", reason: "group_not_allowed", said: `["editors","data-eng"]`},
		"unverified":      {fault: providertest.Fault{Claims: providertest.Set("email_verified", false)}, outcome: "refused", reason: "email_unverified", failed: identity.ErrUnverifiedEmail, said: "false"},
		"denied":          {fault: providertest.Fault{Callback: func(q url.Values) { delete(q, "code"); q["error"] = []string{"access_denied"} }}, outcome: "refused", reason: "denied", failed: identity.ErrSignInCancelled},
		"nonce":           {fault: providertest.Fault{Claims: providertest.Set("nonce", "x")}, outcome: "failed", reason: "id_token_nonce", failed: identity.ErrSignInFailed},
		"issuer":          {fault: providertest.Fault{Claims: providertest.Set("iss", hostile)}, outcome: "failed", reason: "id_token_issuer", failed: identity.ErrSignInFailed},
		"signature":       {fault: providertest.Fault{Signature: providertest.WrongKey}, outcome: "failed", reason: "id_token_signature", failed: identity.ErrSignInFailed},
		"callback's iss":  {fault: providertest.Fault{Callback: func(q url.Values) { q["iss"] = []string{"https://evil.example"} }}, outcome: "refused", reason: "iss_mismatch", failed: identity.ErrSignInFailed},
		"token endpoint":  {fault: providertest.Fault{Endpoint: providertest.Token, Status: 500}, outcome: "failed", reason: "exchange_failed", failed: identity.ErrProviderFailed},
		"userinfo": {
			fault:   providertest.Fault{Claims: providertest.Drop("name"), Endpoint: providertest.Userinfo, Garbage: true},
			outcome: "failed", reason: "userinfo_unreadable", failed: identity.ErrProviderFailed, said: `"edgar"`,
		},
		"markup": {fault: providertest.Fault{Claims: providertest.Set("name", hostile)}, outcome: "ok", said: `script`},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, row.gate)
			p := w.tester()
			w.idp.Misbehave(row.fault)
			got := w.tested(p, "oidc", providertest.Edgar)
			if e := w.lastEvent(); e.Event != "provider.test" || e.Outcome != row.outcome || e.Reason != row.reason || got.Reason != row.reason || !is(failed(got), row.failed) {
				t.Errorf("%+v recorded %+v", got, e)
			}
			if text := fmt.Sprint(got.Said); !strings.Contains(text, row.said) || (row.said == "") != (len(got.Said) == 0) {
				t.Errorf("%s", text)
			}
			for _, secret := range w.idp.Secrets() {
				if strings.Contains(fmt.Sprintf("%+v", got), secret) {
					t.Error("a secret is in it")
				}
			}
		})
	}
}

// Where the provider does not answer nobody goes there.
func TestTestSignInAtAProviderThatIsDown(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.tester()
	w.idp.Misbehave(providertest.Fault{Endpoint: providertest.Discovery, Status: 503})
	begun, got, err := w.BeginTest(here(p), "oidc")
	if err != nil || begun != (identity.Begun{}) || got == nil || !errors.Is(got.Failed, identity.ErrProviderFailed) || got.Reason != "unreachable" {
		t.Errorf("%+v, %+v, %v", begun, got, err)
	}
	if e := w.lastEvent(); e.Event != "provider.test" || e.Outcome != models.OutcomeFailed || e.Reason != "unreachable" {
		t.Errorf("%+v", e)
	}
}

// A test comes back to the very session that began it, once, in time, and while
// it is an admin's. What is refused asks nothing of the provider and shows nothing.
func TestTestSignInIsOver(t *testing.T) {
	type scene struct {
		*world
		p *models.Principal
	}
	for name, row := range map[string]struct {
		spoil  func(s scene, r *identity.Return)
		reason string
		public *models.Error
	}{
		"no session":           {func(_ scene, r *identity.Return) { r.Former = nil }, "other_session", identity.ErrTestOver},
		"another admin's":      {func(s scene, r *identity.Return) { s.account("grace", policy.Admin); _, r.Former = s.enter("grace") }, "other_session", identity.ErrTestOver},
		"another of one's own": {func(s scene, r *identity.Return) { _, r.Former = s.enter("root") }, "other_session", identity.ErrTestOver},
		"twice":                {func(s scene, r *identity.Return) { _, _ = s.Finish(here(s.p), *r) }, "state_spent", identity.ErrTestOver},
		"after somebody else":  {func(s scene, r *identity.Return) { q := *r; q.Former = nil; _, _ = s.Finish(ctx, q) }, "state_spent", identity.ErrTestOver},
		"too late":             {func(s scene, _ *identity.Return) { s.clock.pass(10 * time.Minute) }, "state", identity.ErrTestOver},
		"another state":        {func(_ scene, r *identity.Return) { r.Callback.State = "x" }, "state", identity.ErrTestOver},
		"at another provider":  {func(_ scene, r *identity.Return) { r.Slot = "second" }, "state", identity.ErrTestOver},
		"signed out":           {func(s scene, _ *identity.Return) { _ = s.RevokeSession(operator, s.p.SessionID) }, "session_ended", identity.ErrTestOver},
		"disabled":             {func(s scene, _ *identity.Return) { _ = s.Disable(operator, s.p.User.ID) }, "session_ended", identity.ErrTestOver},
		"idle": {func(s scene, _ *identity.Return) {
			amend(s.t, s.Service, func(r *identity.Rules) { r.SessionIdle = 0 })
		}, "session_ended", identity.ErrTestOver},
		"demoted by the policy":  {func(s scene, _ *identity.Return) { s.change(policy.Options{DefaultRole: policy.Viewer}) }, "not_admin", identity.ErrNotAdmin},
		"a sign-in's cookie":     {func(s scene, r *identity.Return) { r.Sealed = s.come(providertest.Edgar).Sealed }, "state", identity.ErrSignInExpired},
		"no cookie":              {func(_ scene, r *identity.Return) { r.Sealed = "" }, "state", identity.ErrSignInExpired},
		"a cookie of our making": {func(_ scene, r *identity.Return) { r.Sealed = "x" + r.Sealed }, "state", identity.ErrSignInExpired},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{})
			var p *models.Principal
			if row.reason == "not_admin" {
				_, p = w.signIn(providertest.Ada) // an admin by ADMIN_EMAILS
			} else {
				p = w.tester()
			}
			r := w.comeToTest(p, "oidc", providertest.Edgar)
			row.spoil(scene{w, p}, &r)
			asked := w.idp.Requests(providertest.Token)
			in, err := w.Finish(here(r.Former), r)
			if e := w.lastEvent(); !is(err, row.public) || e.Reason != row.reason || e.Outcome != models.OutcomeRefused {
				t.Errorf("%v, %+v", err, e)
			}
			if in.Test != nil || in.Token != "" || w.idp.Requests(providertest.Token) != asked {
				t.Errorf("%+v; the provider was asked %d times", in, w.idp.Requests(providertest.Token)-asked)
			}
			if users, _ := w.Users(operator, "edgar"); len(users) != 0 {
				t.Error("there is an account")
			}
		})
	}
}

// Neither becomes the other: what is marked makes no session, and a sign-in tells
// an admin nothing.
func TestNeitherBecomesTheOther(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	p := w.tester()
	r := w.come(providertest.Edgar)
	r.Former = p
	in, err := w.Finish(here(p), r)
	if err != nil || in.Test != nil || in.Token == "" {
		t.Errorf("a sign-in: %+v, %v", in, err)
	}
	for name, begin := range map[string]func(p *models.Principal) identity.Return{
		"linking": func(p *models.Principal) identity.Return { return w.comeToLink(p, "oidc", providertest.Violet) },
	} {
		_, p := w.enter("root")
		if in, err := w.Finish(here(p), begin(p)); err != nil || in.Test != nil {
			t.Errorf("%s: %+v, %v", name, in, err)
		}
	}
}

// It is for admins who have proved lately who they are; the operator goes nowhere.
func TestWhoMayTest(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	ada := w.tester()
	w.account("eve", policy.Editor)
	_, eve := w.enter("eve")
	stale := *ada
	stale.ProvenAt = w.clock.now().Add(-identity.FreshFor)
	w.account("totp", policy.Admin)
	tests := map[string]func(c context.Context) error{
		"provider":  func(c context.Context) error { _, _, err := w.BeginTest(c, "oidc"); return err },
		"directory": func(c context.Context) error { _, err := w.TestDirectory(c, "oidc", "a", "b"); return err },
		"header":    func(c context.Context) error { _, err := w.TestHeader(c, "oidc", nil, netip.Addr{}); return err },
	}
	for name, test := range tests {
		for who, row := range map[string]struct {
			ctx  context.Context
			want *models.Error
		}{
			"an editor":   {as(eve), identity.ErrNotAdmin},
			"nobody":      {ctx, identity.ErrNotAdmin},
			"operator":    {operator, identity.ErrNotAdmin},
			"proved long": {as(&stale), identity.ErrConfirm},
		} {
			before := len(w.events())
			if err := test(row.ctx); !is(err, row.want) || len(w.events()) != before {
				t.Errorf("%s by %s: %v", name, who, err)
			}
		}
	}
	for name, slot := range map[string]string{"nowhere": "nowhere", "here": models.LocalSlot} {
		if _, _, err := w.BeginTest(as(ada), slot); !errors.Is(err, identity.ErrNoProvider) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"directory", "header"} {
		if err := tests[name](as(ada)); !errors.Is(err, identity.ErrNoProvider) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What would be asked for besides is told.
func TestTestSignInTellsOfSecondFactors(t *testing.T) {
	sso := "mfa: {roles: [viewer], sso: true}\n"
	for name, row := range map[string]struct {
		policy string
		fault  providertest.Fault
		has    bool
		wants  models.Wants
		there  bool
	}{
		"not asked":             {policy: ""},
		"has one, not asked":    {policy: "", has: true},
		"must set one up":       {policy: sso, wants: models.WantsEnrol},
		"has one":               {policy: sso, has: true, wants: models.WantsFactor},
		"asked at the provider": {policy: sso, fault: providertest.Fault{Claims: providertest.Set("amr", []string{"mfa"})}, there: true},
	} {
		w := onSQLite(t, policy.Gate{})
		if row.has {
			_, p := w.signIn(providertest.Edgar)
			(&person{w: w, user: p.User}).enrolTOTP(w.self(p))
		}
		root := w.protected("root")
		if _, err := w.SetRole(operator, root.user.ID, policy.Admin); err != nil {
			t.Fatal(err)
		}
		p := root.whole()
		w.policyFile(row.policy)
		w.idp.Misbehave(row.fault)
		if got := w.tested(p, "oidc", providertest.Edgar); got.Wants != row.wants || got.AtProvider != row.there {
			t.Errorf("%s: %q %t", name, got.Wants, got.AtProvider)
		}
	}
}

func TestTestDirectory(t *testing.T) {
	outage := &providers.Error{Reason: "directory_unavailable", Outage: true, Err: errors.New("dial")}
	for name, row := range map[string]struct {
		book               book
		username, password string
		outcome, reason    string
		failed             *models.Error
		field              string
	}{
		"right":           {book{}, " edith ", passphrase, "ok", "", nil, ""},
		"wrong":           {book{}, "edith", another, "refused", "wrong", identity.ErrWrongPassword, ""},
		"down":            {book{down: outage}, "edith", passphrase, "failed", "directory_unavailable", identity.ErrProviderFailed, ""},
		"down in between": {book{err: outage}, "edith", passphrase, "failed", "directory_unavailable", identity.ErrProviderFailed, ""},
		"no name":         {book{}, " ", passphrase, "", "", nil, "username"},
		"no password":     {book{}, "edith", "", "", "", nil, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, policy.Gate{}).with(func(c *identity.Config) { c.Doors = append(c.Doors, identity.Door{Provider: &row.book}) })
			p := w.tester()
			before, events := w.kept(), len(w.events())
			got, err := w.TestDirectory(here(p), "ldap", row.username, row.password)
			if row.field != "" {
				var public *models.Error
				if !errors.As(err, &public) || public.Field != row.field || row.book.asked != 0 || len(w.events()) != events {
					t.Errorf("%v, asked %d times", err, row.book.asked)
				}
				return
			}
			if e := w.lastEvent(); err != nil || !is(failed(got), row.failed) || e.Event != "provider.test" || e.Outcome != row.outcome || e.Reason != row.reason {
				t.Errorf("%+v, %v, %+v", got, err, e)
			}
			if diff := cmp.Diff(before, w.kept()); diff != "" {
				t.Errorf("something changed: %s", diff)
			}
			if row.failed == nil && (got.Way.Identity.Claims.Username != "edith" || !got.Way.Open) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Whoever guesses by way of tests is counted with those who sign in, and the other
// way round.
func TestTestDirectoryIsLimited(t *testing.T) {
	b := &book{}
	w := onSQLite(t, policy.Gate{}).with(func(c *identity.Config) { c.Doors = append(c.Doors, identity.Door{Provider: b}) })
	p := w.tester()
	var last error
	for i := range 8 {
		if i%2 == 0 {
			_, last = w.TestDirectory(here(p), "ldap", "edith", another)
		} else {
			_, last = w.SignInDirectory(here(nil), "ldap", "edith", another, identity.Entry{})
		}
	}
	if _, err := w.TestDirectory(here(p), "ldap", "edith", passphrase); !errors.Is(err, identity.ErrTooMany) || !errors.Is(last, identity.ErrTooMany) || b.asked != 5 {
		t.Errorf("%v, %v, asked %d times", err, last, b.asked)
	}
}

func TestTestHeader(t *testing.T) {
	proxy, err := providers.NewHeader(providers.HeaderConfig{
		Kind: "plain", User: "Remote-User", Groups: "Remote-Groups", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := onSQLite(t, policy.Gate{}).with(func(c *identity.Config) { c.Doors = append(c.Doors, identity.Door{Provider: proxy}) })
	p := w.tester()
	for name, row := range map[string]struct {
		peer            string
		header          map[string][]string
		outcome, reason string
		said            string
	}{
		"let in":     {"192.0.2.1", map[string][]string{"Remote-User": {"ada"}, "Remote-Groups": {"a,b"}}, "ok", "", `["a,b"]`},
		"no header":  {"192.0.2.1", map[string][]string{"Remote-Groups": {"a,b"}}, "refused", "header_missing", `["a,b"]`},
		"a stranger": {"203.0.113.1", map[string][]string{"Remote-User": {"ada"}}, "refused", "header_peer", ""},
	} {
		before := w.kept()
		got, err := w.TestHeader(here(p), "header", row.header, netip.MustParseAddr(row.peer))
		if e := w.lastEvent(); err != nil || e.Event != "provider.test" || e.Outcome != row.outcome || e.Reason != row.reason {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
		if text := fmt.Sprint(got.Said); !strings.Contains(text, row.said) || before != w.kept() {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// Nothing that is a secret is shown, whatever claim it stands in, and what is long
// is cut.
func TestWhatIsShownOfClaims(t *testing.T) {
	jwt := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"
	claims := map[string]any{
		"sub": "edgar", "email": "edgar@example.com", "email_verified": true, "name": "Edgar",
		"access_token": "hush-1", "clientSecret": "hush-2", "nested": map[string]any{"refresh_token": "hush-3"},
		"other": jwt, "list": []any{"x", jwt}, "Password": "hush-4", "sealed": "eyJhbGciOiJkaXIi..aXY.hush.dGFn",
		"userPwd": "hush-5", "ntHash": "hush-6", "api_key": "hush-7", "PassPhrase": "hush-8",
		"long": strings.Repeat("x", 5000), "odd": "a\u202eb\u200b", strings.Repeat("n", 500): "long name", "markup": "<b>",
	}
	for i := range 200 {
		claims[fmt.Sprintf("zz%03d", i)] = i
	}
	w := onSQLite(t, policy.Gate{})
	p := w.tester()
	w.idp.Misbehave(providertest.Fault{Claims: func(c map[string]any) {
		for name, v := range claims {
			c[name] = v
		}
	}})
	got := w.tested(p, "oidc", providertest.Edgar)
	text := fmt.Sprintf("%+v", got.Said)
	for _, never := range []string{"hush", jwt, "\u202e", "\u200b", strings.Repeat("x", 700), strings.Repeat("n", 200)} {
		if strings.Contains(text, never) {
			t.Errorf("%.40q is shown", never)
		}
	}
	if value(got, "markup") != `"<b>"` || len(got.Said[0].Claims) != 100 || got.Said[0].More < 100 {
		t.Errorf("%s, %d claims and %d more", value(got, "markup"), len(got.Said[0].Claims), got.Said[0].More)
	}
	for _, c := range got.Said[0].Claims {
		withheld := strings.ContainsAny(c.Name, "_") && strings.Contains(c.Name, "token") || strings.Contains("clientSecret nested other list Password nonce at_hash sealed userPwd ntHash api_key PassPhrase", c.Name)
		if c.Withheld != withheld || (c.Name == "long") != c.Cut || c.Withheld && c.Value != "" {
			t.Errorf("%+v", c)
		}
	}
}

// failed is the error of a result, as one that is nil where there is none.
func failed(r identity.TestResult) error {
	if r.Failed == nil {
		return nil
	}
	return r.Failed
}
