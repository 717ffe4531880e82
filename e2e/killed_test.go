package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// killed ends dagpass with SIGKILL while people sign in, look at pages and
// change things, three times over, and holds what it knows afterwards against
// what the people were told and what Dagster stored.
func killed(t *testing.T, w *world) {
	t.Run("SQLite", func(t *testing.T) { killUnderLoad(t, w, w.settings(t, w.dagster.URL)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		killUnderLoad(t, w, w.settings(t, w.dagster.URL).with(settings{"DATABASE_URL": pgtest.URL(t)}))
	})
}

func killUnderLoad(t *testing.T, w *world, set settings) {
	set = set.with(settings{"DEFAULT_ROLE": "editor"})
	crowd := &crowd{mark: t.Name(), people: map[*person]string{}, changes: map[string]change{}}
	var printed []event
	for round := range 3 {
		s := w.serve(t, set)
		crowd.rush(s, round, func() { s.Kill() })
		printed = append(printed, eventsIn(s.printed(t))...)
	}
	s := w.serve(t, set)
	crowd.mustBeKnown(t)
	w.mustHaveNoDoubles(t, s.set, crowd)
	events := trail(t, set)
	mustHoldOnce(t, events, printed)
	crowd.mustBeOnTrail(t, events)
	crowd.mustHaveChanged(t, w.dagster.State(t).Partitions, events)
	if out := w.run(t, set, "audit", "verify"); !strings.Contains(out, "the chain is whole") {
		t.Errorf("audit verify says %s", out)
	}
	t.Logf("%d sessions of %d people, %d of %d changes answered, %d events, three kills",
		len(crowd.people), crowd.names(), crowd.answered(), len(crowd.changes), len(events))
}

// crowd is who was given a session, by the name they gave, and what they
// changed.
type crowd struct {
	mark string // begins the names of its partitions

	mu      sync.Mutex
	people  map[*person]string
	changes map[string]change // by partition
	odd     []string          // answers that nobody should get, killed or not
}

// A change is one that somebody asked for.
type change struct {
	name    string // of the person
	request string // the id in the answer; empty where none came
}

// rush lets eight people at a time sign in and work, always two under one new
// name, and ends them in their midst once twelve more sessions were given.
func (c *crowd) rush(s *server, round int, end func()) {
	enough, given := make(chan struct{}), len(c.people)
	var once sync.Once
	var people sync.WaitGroup
	for i := range 8 {
		people.Go(func() {
			for turn := 0; c.visit(s, fmt.Sprintf("person-%d-%d-%d", round, i/2, turn)); turn++ {
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

// visit is false once the server is gone. Who holds a session cookie was told
// that they are signed in, whatever came after.
func (c *crowd) visit(s *server, name string) bool {
	p := newPerson(s.URL)
	_, err := p.signIn("certified", name)
	home, _ := url.Parse(s.URL)
	for _, cookie := range p.http.Jar.Cookies(home) {
		if cookie.Name == "dagpass" {
			c.give(p, name)
		}
	}
	for range 3 {
		if err == nil {
			err = c.work(p, name)
		}
	}
	return err == nil
}

func (c *crowd) give(p *person, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people[p] = name
}

// work looks at a page of Dagster's and adds a partition.
func (c *crowd) work(p *person, name string) error {
	page, err := http.NewRequest(http.MethodGet, p.base+"/runs", nil)
	if err != nil {
		return err
	}
	if _, err := c.send(p, page, "<html"); err != nil {
		return err
	}
	partition := c.plan(name)
	body, err := json.Marshal(operation{Query: "mutation { " + field(partition) + " }"})
	if err != nil {
		return err
	}
	req, err := post(p.base+"/graphql", jsonType, string(body))
	if err != nil {
		return err
	}
	id, err := c.send(p, req, `"AddDynamicPartitionSuccess"`)
	c.note(partition, change{name, id})
	return err
}

// send returns the id of a request whose answer came whole. It must be a 200
// that holds some words.
func (c *crowd) send(p *person, req *http.Request, words string) (string, error) {
	req.Header.Set("Origin", p.origin())
	res, err := p.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), words) {
		c.wonder(fmt.Sprintf("%s: %s %.300s", req.URL.Path, res.Status, body))
	}
	return res.Header.Get("X-Request-Id"), nil
}

func (c *crowd) wonder(at string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.odd = append(c.odd, at)
}

// plan notes a change before it is asked for.
func (c *crowd) plan(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	partition := fmt.Sprintf("%s-%d", c.mark, len(c.changes))
	c.changes[partition] = change{name: name}
	return partition
}

func (c *crowd) note(partition string, done change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes[partition] = done
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
	for _, odd := range c.odd {
		t.Errorf("somebody was answered %s", odd)
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
}

// mustHoldOnce holds that no event stands on the trail twice, and that those
// stand there that were printed.
func mustHoldOnce(t *testing.T, events, printed []event) {
	t.Helper()
	times := map[string]int{}
	for _, e := range events {
		times[e.ID]++
		times[e.Event+" "+e.Outcome+" "+e.RequestID]++
	}
	for what, n := range times {
		if n != 1 {
			t.Errorf("%s stands on the trail %d times", what, n)
		}
	}
	if len(printed) == 0 {
		t.Error("no event was printed")
	}
	for _, e := range printed {
		if times[e.ID] == 0 {
			t.Errorf("%+v was printed and is not on the trail", e)
		}
	}
}

// mustBeOnTrail holds that each session and each answered change was recorded.
func (c *crowd) mustBeOnTrail(t *testing.T, events []event) {
	t.Helper()
	allowed, signIns := map[string]bool{}, 0
	for _, e := range events {
		switch {
		case e.isChange("allowed"):
			allowed[e.RequestID] = true
		case e.Event == "signin.finish" && e.Outcome == "ok":
			signIns++
		}
	}
	if signIns < len(c.people) {
		t.Errorf("%d sign-ins on the trail, %d sessions were given", signIns, len(c.people))
	}
	for partition, change := range c.changes {
		if change.request != "" && !allowed[change.request] {
			t.Errorf("%s was added by %s and is not on the trail", partition, change.name)
		}
	}
	if n := c.answered(); n < 36 {
		t.Errorf("%d changes were answered, want 36 at least", n)
	}
}

func (c *crowd) answered() (n int) {
	for _, change := range c.changes {
		if change.request != "" {
			n++
		}
	}
	return n
}

// mustHaveChanged holds Dagster's storage against the answers and the trail.
// What was cut off may have run or not; what ran was recorded before.
func (c *crowd) mustHaveChanged(t *testing.T, partitions []string, events []event) {
	t.Helper()
	ran, recorded := 0, 0
	for partition, change := range c.changes {
		_, found := slices.BinarySearch(partitions, partition)
		if found {
			ran++
		}
		if !found && change.request != "" {
			t.Errorf("%s was added by %s and is not in Dagster", partition, change.name)
		}
	}
	for _, e := range events {
		if e.isChange("allowed") {
			recorded++
		}
	}
	if recorded < ran || recorded > len(c.changes) {
		t.Errorf("%d changes were asked for, %d recorded and %d made", len(c.changes), recorded, ran)
	}
}
