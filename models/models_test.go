package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/policy"
)

func noon() time.Time { return time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC) }

func TestSecretPrintsAsRedacted(t *testing.T) {
	secret := Secret("s3cr3t")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "in", struct{ S Secret }{secret})
	text, err := json.Marshal(map[string]any{"a": []Secret{secret}, "b": &secret})
	printed := fmt.Sprintf("%v %s %q %x %#v %+v %v", secret, secret, secret, secret, secret, struct{ S Secret }{secret}, []any{&secret, map[string]Secret{"a": secret}})
	for _, out := range []string{log.String(), string(text), printed} {
		if strings.Contains(out, "s3cr3t") || strings.Contains(out, fmt.Sprintf("%x", "s3cr3t")) || err != nil {
			t.Errorf("printed: %s (%v)", out, err)
		}
	}
	if secret.Reveal() != "s3cr3t" {
		t.Error("the secret is lost")
	}
}

func TestSessionKnowsItsSecretAndNoOther(t *testing.T) {
	s, token := NewSession("u", "i", "okta", noon(), time.Hour)
	other, _ := NewSession("u", "i", "okta", noon(), time.Hour)
	id, secret, ok := SplitToken(token.Reveal())
	if !ok || id != s.ID || !s.Verify(secret) {
		t.Errorf("its own token %q is refused", token.Reveal())
	}
	if strings.Contains(s.SecretHash, secret) {
		t.Error("the row keeps the secret itself")
	}
	for _, wrong := range []string{"", s.SecretHash, Digest(s.SecretHash), secret[:42], secret + "x", strings.ToUpper(secret)} {
		if s.Verify(wrong) {
			t.Errorf("%q is accepted", wrong)
		}
	}
	if other.ID == s.ID || other.Verify(secret) {
		t.Error("two sessions are alike")
	}
}

func TestSplitTokenTakesOnlyWhatWeMade(t *testing.T) {
	_, made := NewSession("u", "i", "okta", noon(), time.Hour)
	id, secret, _ := SplitToken(made.Reveal())
	for _, token := range []string{
		"", ".", id, id + ".", "." + secret, id + secret, id + "." + secret + "=", id[1:] + "." + secret,
		id + "." + secret[1:], " " + made.Reveal(), made.Reveal() + "\n",
		strings.Repeat("\xff", 32) + "." + secret, strings.Repeat("\x00", 32) + "." + secret,
		strings.ToUpper(id[:31]) + "G." + secret, strings.Repeat("%", 32) + "." + secret,
	} {
		if id, _, ok := SplitToken(token); ok {
			t.Errorf("%q is taken, with the id %q", token, id)
		}
	}
}

func FuzzSplitToken(f *testing.F) {
	_, made := NewSession("u", "i", "okta", noon(), time.Hour)
	f.Add(made.Reveal())
	f.Add(strings.Repeat("\xff", 32) + "." + strings.Repeat("a", 43))
	f.Fuzz(func(t *testing.T, token string) {
		id, secret, ok := SplitToken(token)
		if ok && (id+"."+secret != token || strings.Trim(id, "0123456789abcdef") != "") {
			t.Errorf("%q is taken apart into %q and %q", token, id, secret)
		}
	})
}

func TestSessionIsAliveUntil(t *testing.T) {
	s, _ := NewSession("u", "i", "okta", noon(), 24*time.Hour)
	for _, c := range []struct {
		seen, at time.Duration
		alive    bool
	}{
		{0, 0, true},
		{0, 8*time.Hour - 1, true},
		{0, 8 * time.Hour, false},
		{20 * time.Hour, 24*time.Hour - 1, true},
		{20 * time.Hour, 24 * time.Hour, false},
		{20 * time.Hour, 25 * time.Hour, false},
	} {
		s.LastSeenAt = noon().Add(c.seen)
		now := noon().Add(c.at)
		if got := s.Alive(now, 8*time.Hour); got != c.alive || got != now.Before(s.Ends(8*time.Hour)) {
			t.Errorf("seen %s, at %s: alive %t, ends %s, want alive %t", c.seen, c.at, got, s.Ends(8*time.Hour), c.alive)
		}
	}
}

func TestUserAgentIsBounded(t *testing.T) {
	for _, agent := range []string{"", "short", strings.Repeat("x", 5000), "x" + strings.Repeat("ä", 5000), "bad \xff byte"} {
		got := RequestOf(WithRequest(context.Background(), Request{UserAgent: agent})).UserAgent
		if len(got) > maxUserAgent || !utf8.ValidString(got) || !strings.HasPrefix(agent, got[:min(4, len(got))]) {
			t.Errorf("%.20q becomes %.20q", agent, got)
		}
	}
}

func TestUserIsCalled(t *testing.T) {
	for _, c := range []struct {
		user User
		want string
	}{
		{User{ID: "1", Name: "Ada", Email: "ada@example.com"}, "Ada"},
		{User{ID: "1", Email: "ada@example.com"}, "ada@example.com"},
		{User{ID: "1"}, "1"},
		{*NewUser("", "ada@example.com", noon()), "ada@example.com"},
	} {
		if got := c.user.Label(); got != c.want {
			t.Errorf("%+v is called %q, want %q", c.user, got, c.want)
		}
	}
}

func TestRenameTakesOverWhatIsSaid(t *testing.T) {
	u := NewUser("Ada", "ada@example.com", noon())
	id := u.ID
	u.Rename("", "ada@example.com")
	if u.Name != "Ada" || u.Email != "ada@example.com" {
		t.Errorf("silence changed %+v", u)
	}
	if u.Rename("Ada", ""); u.Email != "" {
		t.Errorf("an address that is no longer sent stays: %+v", u)
	}
	if u.Rename("Ada L.", "al@example.com"); u.Name != "Ada L." || u.Email != "al@example.com" || u.ID != id {
		t.Errorf("renamed to %+v", u)
	}
}

// What a provider calls somebody goes into a row, a page and a terminal.
func TestNamesArePlain(t *testing.T) {
	for said, want := range map[string]string{
		"Ada Lovelace":             "Ada Lovelace",
		"Åsa 🦊 李":                  "Åsa 🦊 李",
		"Ada\x00\x1b[2J\nLovelace": "Ada[2JLovelace",
		"\x00":                     "x@example.com",
		"":                         "x@example.com",
		strings.Repeat("x", 5000):  strings.Repeat("x", maxName),
		"bad \xff byte":            "bad \uFFFD byte",
	} {
		if got := NewUser(said, "x@example.com", noon()); got.Name != want || got.Email != "x@example.com" {
			t.Errorf("%.20q becomes %.20q, %q, want %.20q", said, got.Name, got.Email, want)
		}
	}
	if got := NewUser("Ada", "ad\x7fmin@example.com", noon()); got.Email != "" {
		t.Errorf("an address that had to be changed is shown: %q", got.Email)
	}
	if got := plain("x" + strings.Repeat("ä", maxName)); len(got) > maxName || !utf8.ValidString(got) {
		t.Errorf("cut to %d bytes, valid %t", len(got), utf8.ValidString(got))
	}
}

func TestUserIsDisabled(t *testing.T) {
	at := noon()
	if (&User{}).Disabled() || !(&User{DisabledAt: &at}).Disabled() {
		t.Error("Disabled does not look at DisabledAt")
	}
}

// What policy sees is what the provider said, no more: an address that is not
// verified is none.
func TestClaimsAsPolicySeesThem(t *testing.T) {
	c := Claims{Email: "Ada@Example.com", EmailVerified: true, HostedDomain: "example.com", Groups: []string{"a"}, Orgs: []string{"acme"}, Teams: []string{"acme/t"}}
	want := policy.NewSubject("okta", "Ada@Example.com", true)
	want.HostedDomain, want.Groups, want.Orgs, want.Teams = "example.com", []string{"a"}, []string{"acme"}, []string{"acme/t"}
	if diff := cmp.Diff(want, c.Subject("okta")); diff != "" {
		t.Error(diff)
	}
	c.EmailVerified = false
	if c.Subject("okta").Email != "" {
		t.Error("an unverified address counts as verified")
	}
}

func TestErrorTellsTheLogAndThePersonApart(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.1: refused")
	err := fmt.Errorf("sign in: %w", ErrNotFound.Because(cause))
	if !errors.Is(err, ErrNotFound) || !errors.Is(err, cause) || errors.Is(err, ErrConflict) {
		t.Errorf("%v is not what it is", err)
	}
	if ErrNotFound.Err != nil {
		t.Error("Because changed the sentinel")
	}
	if e := AsError(err); e.Msg != ErrNotFound.Msg || strings.Contains(e.Msg, "10.0.0.1") || !strings.Contains(e.Error(), "10.0.0.1") {
		t.Errorf("public %q, private %q", e.Msg, e.Error())
	}
	if e := AsError(cause); e.Kind != KindInternal || strings.Contains(e.Msg, "10.0.0.1") || !errors.Is(e, cause) {
		t.Errorf("an unknown error is %+v", e)
	}
	if ErrNotFound.Error() != "not_found" {
		t.Errorf("without a cause: %q", ErrNotFound.Error())
	}
}

// chainOf makes links, one for each name.
func chainOf(t *testing.T, names ...string) (links []Link) {
	t.Helper()
	var last Link
	for _, name := range names {
		l, err := NewLink(last, Event{ID: name, Event: name, Outcome: OutcomeOK})
		if err != nil {
			t.Fatal(err)
		}
		links, last = append(links, l), l
	}
	return links
}

func TestChainFollows(t *testing.T) {
	var last Link
	for _, l := range chainOf(t, "a", "b", "c") {
		if !l.Follows(last) {
			t.Errorf("%+v does not follow %+v", l, last)
		}
		last = l
	}
}

func TestChainNoticesChanges(t *testing.T) {
	links := chainOf(t, "a", "b", "c")
	other := chainOf(t, "x", "b", "c")
	for name, l := range map[string]Link{
		"another body":      {Seq: 2, Previous: links[1].Previous, Hash: links[1].Hash, Body: links[2].Body},
		"another previous":  {Seq: 2, Previous: links[1].Hash, Hash: links[1].Hash, Body: links[1].Body},
		"another hash":      {Seq: 2, Previous: links[1].Previous, Hash: links[0].Hash, Body: links[1].Body},
		"another seq":       {Seq: 3, Previous: links[1].Previous, Hash: links[1].Hash, Body: links[1].Body},
		"a later link":      links[2],
		"an earlier link":   links[0],
		"of another chain":  other[1],
		"nothing":           {},
		"seq and no more":   {Seq: 2},
		"body moved across": {Seq: 2, Previous: links[1].Previous + "\n", Hash: links[1].Hash, Body: links[1].Body},
	} {
		if l.Follows(links[0]) {
			t.Errorf("%s follows", name)
		}
	}
}

func TestEventKnowsRequestAndPrincipal(t *testing.T) {
	p := &Principal{User: User{ID: "u1", Name: "Ada"}, SessionID: "s1"}
	ctx := WithRequest(t.Context(), Request{ID: "r1", ClientIP: "203.0.113.7", UserAgent: "curl"})
	for _, c := range []struct {
		ctx  context.Context
		want Event
	}{
		{t.Context(), Event{Event: "x.y", Outcome: OutcomeOK, Actor: Actor{Kind: "anonymous"}}},
		{ctx, Event{Event: "x.y", Outcome: OutcomeOK, Actor: Actor{Kind: "anonymous"}, RequestID: "r1", ClientIP: "203.0.113.7", UserAgent: "curl"}},
		{WithPrincipal(ctx, p), Event{
			Event: "x.y", Outcome: OutcomeOK, Actor: Actor{ID: "u1", Name: "Ada", Kind: "user"}, Session: "s1",
			RequestID: "r1", ClientIP: "203.0.113.7", UserAgent: "curl",
		}},
	} {
		if diff := cmp.Diff(c.want, NewEvent(c.ctx, "x.y", OutcomeOK)); diff != "" {
			t.Error(diff)
		}
	}
}

// The names of an event's fields are a promise to whoever reads the trail.
func TestEventAsJSON(t *testing.T) {
	e := Event{
		ID: "1", Time: noon(), Event: "dagster.launchRun", Outcome: OutcomeAllowed, Reason: "r", Actor: Actor{ID: "u", Name: "n", Kind: "user"},
		OnBehalfOf: "o", ClientIP: "c", UserAgent: "a", RequestID: "q", Session: "s", Provider: "p",
		Target: &Target{Kind: "job", ID: "j", Location: "l"}, Operation: "launchRun", Permission: "m", Rule: "e", RunID: "i", Count: 2,
	}
	got, err := json.Marshal(e)
	want := `{"id":"1","time":"2026-03-29T12:00:00Z","event":"dagster.launchRun","outcome":"allowed","reason":"r",` +
		`"actor":{"id":"u","name":"n","kind":"user"},"on_behalf_of":"o","client_ip":"c","user_agent":"a","request_id":"q","session":"s",` +
		`"provider":"p","target":{"kind":"job","id":"j","location":"l"},"operation":"launchRun","permission":"m","rule":"e","run_id":"i","count":2}`
	if string(got) != want || err != nil {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestIDsAndTokens(t *testing.T) {
	if id := NewID(); len(id) != 32 || id == NewID() {
		t.Errorf("id %q", id)
	}
	if token := RandomToken(); len(token) != 43 || token == RandomToken() {
		t.Errorf("token %q", token)
	}
	if Digest("abc") != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" { // FIPS 180-2, appendix B.1
		t.Error("Digest is not SHA-256")
	}
}
