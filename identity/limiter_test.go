package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// gatehouse is one replica with the default limits, and a clock that stands
// still until the test moves it.
type gatehouse struct {
	*Service
	t  *testing.T
	at *atomic.Int64 // in nanoseconds
}

const (
	attemptsFree = 5
	window       = 5 * time.Minute
	home, away   = "192.0.2.1", "198.51.100.1"
)

func newGatehouse(t *testing.T, s *store.Store) *gatehouse {
	t.Helper()
	g := &gatehouse{t: t, at: &atomic.Int64{}}
	g.at.Store(time.Date(2026, 3, 29, 12, 0, 0, 123456789, time.UTC).UnixNano())
	g.Service = g.replica(s)
	return g
}

func (g *gatehouse) replica(s *store.Store) *Service {
	g.t.Helper()
	ring, err := NewKeyring(make([]byte, 32))
	if err != nil {
		g.t.Fatal(err)
	}
	rules, err := policy.New(policy.Options{File: []byte("mfa: { step_up: [wipe_assets] }")})
	if err != nil {
		g.t.Fatal(err)
	}
	service, err := New(context.Background(), Config{
		Store: s, Keys: ring, Site: models.Site{URL: &url.URL{Scheme: "http", Host: "localhost:3000"}},
		Compose: func(Changes) (*Rules, error) { return &Rules{Policy: rules}, nil },
		Now:     func() time.Time { return time.Unix(0, g.at.Load()) }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return service
}

func eachGatehouse(t *testing.T, test func(g *gatehouse)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { test(newGatehouse(t, s)) })
}

func (g *gatehouse) pass(d time.Duration) { g.at.Add(int64(d)) }

func from(address string) context.Context {
	return models.WithRequest(context.Background(), models.Request{ClientIP: address})
}

// judged tells whether an attempt may be judged, and if not, when to come again.
func (g *gatehouse) judged(ctx context.Context, kind, account string) (bool, time.Duration) {
	g.t.Helper()
	_, err := g.try(ctx, kind, account)
	var e *models.Error
	switch {
	case err == nil:
		return true, 0
	case errors.Is(err, ErrTooMany) && errors.As(err, &e) && e.Kind == models.KindTooMany:
		return false, e.Retry
	}
	g.t.Fatal(err)
	return false, 0
}

// fail fails n times, and all of them must be judged.
func (g *gatehouse) fail(ctx context.Context, n int, kind, account string) {
	g.t.Helper()
	for i := range n {
		if ok, retry := g.judged(ctx, kind, account); !ok {
			g.t.Fatalf("attempt %d of %d must wait %s", i+1, n, retry)
		}
	}
}

func (g *gatehouse) succeed(ctx context.Context, kind, account string) {
	g.t.Helper()
	worked, err := g.try(ctx, kind, account)
	if err != nil {
		g.t.Fatal(err)
	}
	worked(ctx)
}

// user is somebody who has signed in from these addresses.
func (g *gatehouse) user(known ...string) string {
	g.t.Helper()
	u := models.NewUser("ada", "", g.Now())
	err := g.Store.Change(context.Background(), func(tx *store.Tx) (models.Event, error) {
		err := tx.InsertUser(u)
		for _, address := range known {
			err = errors.Join(err, tx.SaveKnownAddress(&models.KnownAddress{UserID: u.ID, Address: network(address), SeenAt: g.Now()}))
		}
		return models.Event{Event: "test"}, err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return u.ID
}

// The delays of one account, from the first failure on: whoever comes again as
// soon as they may waits twice as long each time, up to an hour.
func TestDelays(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		g.fail(from(home), attemptsFree, "password", "name:ada")
		want := window / 8
		for i := range 12 {
			for range 3 { // being refused costs nothing
				if ok, retry := g.judged(from(home), "password", "name:ada"); ok || retry != want {
					t.Fatalf("after %d failures: judged %t, retry %s, want %s", attemptsFree+i, ok, retry, want)
				}
			}
			g.pass(want - time.Microsecond)
			if ok, retry := g.judged(from(home), "password", "name:ada"); ok || retry != time.Microsecond {
				t.Fatalf("just before: judged %t, retry %s", ok, retry)
			}
			g.pass(time.Microsecond)
			g.fail(from(home), 1, "password", "name:ada")
			want = min(2*want, 12*window)
		}
		if want != time.Hour {
			t.Errorf("the longest delay is %s", want)
		}
	})
}

func TestDelayGrowsAndIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // samples, no secrets
	for range 1000 {
		c := counter{limit: 1 + r.Int64N(100), window: time.Duration(1 + r.Int64N(int64(day)))}
		var last time.Duration
		for failures := range c.limit + 80 {
			delay := c.delay(failures)
			if delay < last || delay > longestDelay*c.window || (delay > 0) != (failures >= c.limit && c.window >= 8) {
				t.Fatalf("%+v: after %d failures %s, before %s", c, failures, delay, last)
			}
			last = delay
		}
		if c.window >= 8 && last < longestDelay*(c.window-8) {
			t.Fatalf("%+v: it ends at %s", c, last)
		}
	}
	if d := (counter{limit: 5, window: window}).delay(1 << 62); d != longestDelay*window {
		t.Errorf("after very many failures %s", d)
	}
}

const day = 24 * time.Hour

// What is forgotten when: a window after the last failure, or after the delay
// that it brought; for one-time passwords twelve.
func TestFailuresAreForgotten(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		for i, tt := range []struct {
			kind     string
			failures int
			wait     time.Duration
			then     int // how many are judged before one is refused
		}{
			{"password", 4, window - time.Microsecond, 1},
			{"password", 4, window, 5},
			{"password", 1, window, 5},
			{"password", 5, window/8 + window - time.Microsecond, 1},
			{"password", 5, window/8 + window, 5},
			{"totp", 4, window, 1},
			{"totp", 4, 12*window - time.Microsecond, 1},
			{"totp", 4, 12 * window, 5},
			{"totp", 5, window/8 + 12*window, 5},
		} {
			address, account := fmt.Sprintf("203.0.113.%d", i), fmt.Sprint("name:", i)
			g.fail(from(address), tt.failures, tt.kind, account)
			g.pass(tt.wait)
			g.fail(from(address), tt.then, tt.kind, account)
			if ok, _ := g.judged(from(address), tt.kind, account); ok {
				t.Errorf("%d failures of %s, then %s: more than %d are judged", tt.failures, tt.kind, tt.wait, tt.then)
			}
		}
	})
}

// Whose failures count against whom.
func TestWhoCountsTogether(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		ada, bob := g.user(home), g.user()
		signedIn := func(ctx context.Context, id string) context.Context {
			return models.WithPrincipal(ctx, &models.Principal{User: models.User{ID: id}})
		}
		g.fail(from(away), attemptsFree, "password", ada)
		for _, tt := range []struct {
			name          string
			ctx           context.Context
			kind, account string
			judged        bool
		}{
			{"a stranger elsewhere", from("198.51.100.2"), "password", ada, false},
			{"where they have signed in before", from(home), "password", ada, true},
			{"the same in other spelling", from("::ffff:" + home), "password", ada, true},
			{"signed in already", signedIn(from(away), ada), "password", ada, true},
			{"signed in as another", signedIn(from(away), bob), "password", ada, false},
			{"another's account", from(away), "password", bob, true},
			{"a name that nobody has", from(away), "password", "name:" + ada, true},
			{"the second factor", from(away), "totp", ada, true},
			{"a passkey", from(away), "passkey", ada, true},
		} {
			if ok, _ := g.judged(tt.ctx, tt.kind, tt.account); ok != tt.judged {
				t.Errorf("%s: judged %t", tt.name, ok)
			}
		}
	})
}

// An address from which somebody has signed in before has its own limit, and
// so has a session.
func TestKnownAddressHasALimitToo(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		ada := g.user(home, "192.0.2.2")
		session := models.WithPrincipal(from(home), &models.Principal{User: models.User{ID: ada}})
		for _, ctx := range []context.Context{from(home), from("192.0.2.2"), session} {
			g.fail(ctx, attemptsFree, "password", ada)
			if ok, _ := g.judged(ctx, "password", ada); ok {
				t.Error("more are judged")
			}
		}
	})
}

// Whose a name in a directory is we do not know, so what counts is whether
// anybody has signed in from there.
func TestNamesOfADirectory(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		g.user(home)
		g.fail(from(away), attemptsFree, "directory", "slot:ldap:ada")
		for address, judged := range map[string]bool{home: true, "198.51.100.2": false} {
			if ok, _ := g.judged(from(address), "directory", "slot:ldap:ada"); ok != judged {
				t.Errorf("from %s judged %t", address, ok)
			}
		}
	})
}

func TestAddressCounts(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		const free = addressFactor * attemptsFree
		for i := range free {
			g.fail(from("2001:db8:1:2::1"), 1, "password", fmt.Sprint("name:", i))
		}
		for address, judged := range map[string]bool{
			"2001:db8:1:2::1": false, "2001:db8:1:2:ffff::": false, "2001:db8:1:3::1": true, "2001:db8::1": true, home: true,
		} {
			if ok, _ := g.judged(from(address), "totp", "name:x"+address); ok != judged {
				t.Errorf("%s: judged %t", address, ok)
			}
			if ok, _ := g.judged(from(address), "setup", ""); ok != judged { // which is nobody's
				t.Errorf("%s: the setup token judged %t", address, ok)
			}
		}
		g.pass(window / 8)
		g.fail(from("2001:db8:1:2::1"), 1, "password", "name:another")
		if ok, retry := g.judged(from("2001:db8:1:2::1"), "password", "name:another"); ok || retry != window/4 {
			t.Errorf("judged %t, retry %s", ok, retry)
		}
	})
}

// Without an account only the address counts: five wrong setup tokens do not
// shut the setup.
func TestWhatIsNobodys(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		g.fail(from(home), addressFactor*attemptsFree, "setup", "")
		if ok, _ := g.judged(from(home), "setup", ""); ok {
			t.Error("more are judged")
		}
		g.fail(from(away), 1, "setup", "")
	})
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "::ffff:c000:201": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:DB8:1:2::": "2001:db8:1:2::/64", "2001:db8:1:3::": "2001:db8:1:3::/64",
		"fe80::1%eth0": "fe80::/64", "::1": "::/64", "": "", "somewhere": "somewhere",
	} {
		if got := network(address); got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
}

// What worked is no failure: the account starts anew, and the address has one
// failure less, whatever else comes from there.
func TestWhatWorkedIsTakenBack(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		ada := g.user()
		for range 3 {
			g.fail(from(home), attemptsFree-1, "password", ada)
			g.succeed(from(home), "password", ada)
		}
		const left = addressFactor*attemptsFree - 3*(attemptsFree-1)
		for i := range left - 1 {
			g.fail(from(home), 1, "password", fmt.Sprint("name:", i))
		}
		for range 3 { // the last one that is free, and it works
			g.succeed(from(home), "password", ada)
		}
		g.fail(from(home), 1, "password", "name:last")
		if ok, _ := g.judged(from(home), "password", ada); ok {
			t.Error("successes gave the address more than its failures")
		}
		g.fail(from(away), attemptsFree, "password", ada)
	})
}

// A success does not lift what later failures brought.
func TestSuccessDoesNotLiftWhatLaterFailuresBrought(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		for i := range addressFactor*attemptsFree - 1 {
			g.fail(from(home), 1, "password", fmt.Sprint("name:", i))
		}
		worked, err := g.try(from(home), "password", "name:slow")
		if err != nil {
			t.Fatal(err)
		}
		g.pass(window / 8)
		g.fail(from(home), 1, "password", "name:meanwhile")
		worked(from(home))
		if ok, retry := g.judged(from(home), "password", "name:x"); ok || retry != window/4 {
			t.Errorf("judged %t, retry %s", ok, retry)
		}
	})
}

// Of many at once, on two replicas, no more are judged than are free: neither
// for one account nor from one address. What is refused counts nothing.
func TestNeverMoreThanTheLimit(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		g := newGatehouse(t, storetest.Migrated(t, url))
		replicas := []*Service{g.Service, g.replica(storetest.Open(t, url))}
		for round := range 4 {
			account := fmt.Sprint("name:", round)
			judged := together(t, 16, func(i int) error {
				_, err := replicas[i%2].try(from(fmt.Sprintf("203.0.%d.%d", round, i)), "password", account)
				return err
			})
			if judged != attemptsFree {
				t.Errorf("round %d: %d judged for one account", round, judged)
			}
		}
		g.fail(from(home), attemptsFree, "password", "name:first")
		judged := together(t, 120, func(i int) error {
			_, err := replicas[i%2].try(from(home), "password", fmt.Sprint("name:x", i))
			return err
		})
		if want := addressFactor*attemptsFree - attemptsFree; judged != want {
			t.Errorf("%d judged from one address, want %d", judged, want)
		}
	})
}

// together does all at once and counts what went well; ErrTooMany is the one
// error that there may be.
func together(t *testing.T, n int, do func(i int) error) int {
	t.Helper()
	var judged atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			switch err := do(i); {
			case err == nil:
				judged.Add(1)
			case !errors.Is(err, ErrTooMany):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return int(judged.Load())
}

// Strangers do what they like, from anywhere but where Ada has signed in
// before, with successes of their own between; Ada is judged whenever she
// comes, and nobody is judged more often than is free.
func TestStrangersCannotLockAnybodyOut(t *testing.T) {
	eachGatehouse(t, func(g *gatehouse) {
		t := g.t
		r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // samples, no secrets
		ada, mallory := g.user(home), g.user("198.51.100.0")
		var judged []time.Time
		for range 400 {
			address := fmt.Sprintf("198.51.100.%d", r.IntN(40))
			switch r.IntN(8) {
			case 0:
				g.pass(time.Duration(r.Int64N(int64(window))))
			case 1:
				if worked, err := g.try(from("198.51.100.0"), "password", mallory); err == nil {
					worked(context.Background())
				}
			case 2:
				g.succeed(from(home), "password", ada)
			default:
				if ok, _ := g.judged(from(address), "password", ada); ok {
					judged = append(judged, g.Now())
				}
			}
		}
		// However they wait: those that are free, and those behind the delays that
		// fit into a window. Ada's own successes at home give them nothing.
		const most = attemptsFree + 3
		for i := range judged[most:] {
			if within := judged[most+i].Sub(judged[i]); within < window {
				t.Errorf("%d judged within %s", most+1, within)
			}
		}
	})
}

// Many refusals become few events, and the trail tells whose limit it was.
func TestTooManyIsRecordedAndFolds(t *testing.T) {
	g := newGatehouse(t, storetest.SQLite(t))
	ada := g.user()
	g.fail(from(home), attemptsFree, "password", ada)
	const flood = 200
	for range flood {
		if ok, _ := g.judged(from(home), "password", ada); ok {
			t.Fatal("judged")
		}
	}
	g.pass(time.Minute)
	if err := g.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	events, told := 0, 0
	for _, e := range trail(t, g.Store) {
		if e.Reason != "too_many_attempts" {
			continue
		}
		events, told = events+1, told+max(1, e.Count)
		whose := e.Count > 0 || (e.Target != nil && *e.Target == models.Target{Kind: "user", ID: ada}) // many may be about many
		if e.Event != "signin.finish" || e.Outcome != models.OutcomeRefused || !whose || e.Operation != "password" || e.ClientIP != home {
			t.Errorf("%+v", e)
		}
	}
	if told != flood || events > foldAfter+1 {
		t.Errorf("%d events tell of %d refusals, want %d", events, told, flood)
	}
}

// trail is all events of the audit trail.
func trail(t *testing.T, s *store.Store) (events []models.Event) {
	t.Helper()
	links, err := s.Links(context.Background(), 0, 1000)
	for _, l := range links {
		var e models.Event
		err = errors.Join(err, json.Unmarshal([]byte(l.Body), &e))
		events = append(events, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestTooManyByWhat(t *testing.T) {
	g := newGatehouse(t, storetest.SQLite(t))
	session := models.WithPrincipal(from(away), &models.Principal{User: models.User{ID: "ada"}})
	for _, tt := range []struct {
		ctx                  context.Context
		kind, account, event string
	}{
		{from(home), "totp", "name:a", "signin.finish"},
		{session, "totp", "ada", "session.confirm"},
		{session, "totp", "bob", "signin.finish"},
		{from("192.0.2.9"), "setup", "", "setup.claim"},
	} {
		for {
			if ok, _ := g.judged(tt.ctx, tt.kind, tt.account); !ok {
				break
			}
		}
		all := trail(t, g.Store)
		if e := all[len(all)-1]; e.Event != tt.event || e.Reason != "too_many_attempts" || e.Target != nil {
			t.Errorf("%s for %q: %+v", tt.kind, tt.account, e)
		}
	}
}

// A store that does not answer lets nobody try.
func TestWithoutAStoreNothingIsJudged(t *testing.T) {
	s, err := store.Open(context.Background(), storetest.SQLiteURL(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	g := newGatehouse(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"", "name:a"} {
		if worked, err := g.try(from(home), "password", account); worked != nil || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%q: %v", account, err)
		}
	}
}

func TestMustConfirm(t *testing.T) {
	g := newGatehouse(t, storetest.SQLite(t))
	now := g.Now()
	for _, tt := range []struct {
		name     string
		provenAt time.Time
		perm     policy.Permission
		want     bool
	}{
		{"just now", now, policy.WipeAssets, false},
		{"lately", now.Add(-FreshFor + time.Second), policy.WipeAssets, false},
		{"too long ago", now.Add(-FreshFor - time.Second), policy.WipeAssets, true},
		{"never", time.Time{}, policy.WipeAssets, true},
		{"never, and nobody asks", time.Time{}, policy.DeletePipelineRun, false},
	} {
		if got := g.MustConfirm(&models.Principal{ProvenAt: tt.provenAt}, tt.perm); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
	if !g.MustConfirm(nil, policy.WipeAssets) {
		t.Error("nobody has proved who they are")
	}
}
