package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// killed ends dagpass with SIGKILL while people sign in, three times over, and
// holds what it knows afterwards against what the people were told.
func killed(t *testing.T, w *world) {
	t.Run("SQLite", func(t *testing.T) { killUnderLoad(t, w, w.settings(t, w.dagster.URL)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		killUnderLoad(t, w, w.settings(t, w.dagster.URL).with(settings{"DATABASE_URL": pgtest.URL(t)}))
	})
}

func killUnderLoad(t *testing.T, w *world, set settings) {
	crowd := &crowd{people: map[*person]string{}}
	for round := range 3 {
		s := w.serve(t, set)
		crowd.rush(s, round, func() { s.Kill() })
	}
	s := w.serve(t, set)
	crowd.mustBeKnown(t)
	w.mustHaveNoDoubles(t, s.set, crowd)
	t.Logf("%d sessions of %d people, three kills", len(crowd.people), crowd.names())
}

// crowd is who was given a session, by the name they gave.
type crowd struct {
	mu     sync.Mutex
	people map[*person]string
}

// rush lets eight people at a time sign in, always two under one new name, and
// ends them in their midst once twelve more sessions were given.
func (c *crowd) rush(s *server, round int, end func()) {
	enough, given := make(chan struct{}), len(c.people)
	var once sync.Once
	var people sync.WaitGroup
	for i := range 8 {
		people.Go(func() {
			for turn := 0; c.signIn(s, fmt.Sprintf("person-%d-%d-%d", round, i/2, turn)); turn++ {
				if c.count() >= given+12 {
					once.Do(func() { close(enough) })
				}
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(time.Minute): // mustBeKnown will find nobody
	}
	end()
	people.Wait()
}

// signIn is false once the server is gone. Who holds a session cookie was told
// that they are signed in, whatever came after. They ask Dagster something at
// once.
func (c *crowd) signIn(s *server, name string) bool {
	p := newPerson(s.URL)
	_, err := p.signIn("certified", name)
	if err == nil {
		err = p.ask()
	}
	home, _ := url.Parse(s.URL)
	for _, cookie := range p.http.Jar.Cookies(home) {
		if cookie.Name == "dagpass" {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.people[p] = name
		}
	}
	return err == nil
}

func (p *person) ask() error {
	req, err := post(p.base+"/graphql", jsonType, `{"query":"{ version }"}`)
	if err != nil {
		return err
	}
	req.Header.Set("Origin", p.origin())
	res, err := p.http.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.people)
}

func (c *crowd) names() int {
	names := map[string]bool{}
	for _, name := range c.people {
		names[name] = true
	}
	return len(names)
}

func (c *crowd) mustBeKnown(t *testing.T) {
	t.Helper()
	if len(c.people) < 36 {
		t.Errorf("%d sessions, want 36 at least", len(c.people))
	}
	for p, name := range c.people {
		if who, ok := p.me(t); !ok || who.User.Email != name+"@example.com" {
			t.Errorf("%s was signed in and is now %+v", name, who.User)
		}
	}
}

// mustHaveNoDoubles asks the command line for the accounts. Whose sign-in was
// cut off may have one as well: what they must not have is two.
func (w *world) mustHaveNoDoubles(t *testing.T, set settings, c *crowd) {
	t.Helper()
	var accounts []struct{ Email string }
	if err := json.Unmarshal([]byte(w.run(t, set, "user", "list", "--json")), &accounts); err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, account := range accounts {
		times[account.Email]++
	}
	for email, n := range times {
		if n != 1 {
			t.Errorf("%s has %d accounts", email, n)
		}
	}
	for _, name := range c.people {
		if times[name+"@example.com"] == 0 {
			t.Errorf("%s has no account", name)
		}
	}
	w.run(t, set, "audit", "verify")
}
