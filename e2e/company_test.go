package e2e

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store/storetest"
)

// company is an installation with people at work: what the console is for, and
// what the documentation has pictures of.
type company struct {
	*server
	w *world
	// admin is the console of Ada Lovelace.
	admin *parts.Page
}

const companyPolicy = `
roles:
  operator: { extends: launcher, allow: [start_schedule, stop_running_schedule, edit_sensor] }
grants:
  - { slot: certified, group: data-platform, role: admin }
  - { slot: certified, group: data-engineering, role: editor }
  - { slot: certified, group: marketing, role: editor, locations: ["marketing*"] }
  - { slot: certified, group: on-call, role: operator }
  - { domain: example.com, role: viewer }
`

// An employee has a name that oidc-provider knows, an address and a browser.
type employee struct{ name, address, agent string }

var employees = []employee{
	{"grace.hopper", "198.51.100.21", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"},
	{"alan.turing", "198.51.100.34", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"},
	{"katherine.johnson", "203.0.113.80", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"},
	{"mary.jackson", "198.51.100.17", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"},
	{"edsger.dijkstra", "2001:db8:4::9", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"},
}

// company starts one, in front of the Dagster that all journeys share.
func (w *world) company(t *testing.T) *company {
	t.Helper()
	set := w.settings(t, w.dagster.URL).with(settings{
		"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "dagpass.db"), "POLICY": companyPolicy,
		"OIDC_CERTIFIED_LABEL": "Acme", "PASSWORD_LOGIN": "true", "TRUSTED_PROXIES": "127.0.0.0/8", "RATE_LIMIT_ATTEMPTS": "50",
	})
	yesterday(t, set)
	c := &company{server: w.serve(t, set), w: w}
	for _, e := range employees {
		c.work(t, e)
	}
	w.run(t, set, "user", "set-role", "edsger.dijkstra@example.com", "launcher")
	c.admin = c.signIn(t, "ada.lovelace", "/auth/admin")
	return c
}

// signIn opens a browser for somebody and goes to a page of ours.
func (c *company) signIn(t *testing.T, name, path string) *parts.Page {
	t.Helper()
	page := c.w.chromium.Person(t)
	page.Still()
	page.Open(c.URL + "/auth/login?next=" + path)
	page.Click(`a[href*="/auth/start/certified"]`)
	atOIDCProvider(page, name)
	page.AwaitLocation(c.URL + path)
	return page
}

// work is what each of them does: comes in, launches a run if they may, and wipes
// an asset if they may.
func (c *company) work(t *testing.T, e employee) {
	t.Helper()
	p := newPerson(c.URL).from(e.address)
	p.http.Transport = telling{p.http.Transport, "User-Agent", e.agent}
	if _, err := p.signIn("certified", e.name); err != nil {
		t.Fatal(err)
	}
	p.launch(t)
	p.graphql(t, `mutation { addDynamicPartition(repositorySelector: {`+inMarketing+`}, partitionsDefName: "segments", partitionKey: "`+e.name+`") { __typename } }`)
}

// signInsByHour is a working day: how often somebody signs in, by the hours
// before this one.
var signInsByHour = []int{9, 14, 22, 26, 19, 24, 31, 28, 12, 5, 2, 1, 0, 0, 0, 1, 2, 1, 0, 3, 5, 8, 11}

// yesterday records what happened before anybody looks, at times that are over.
func yesterday(t *testing.T, set settings) {
	t.Helper()
	s := storetest.Migrated(t, set["DATABASE_URL"])
	var events []models.Event
	now := time.Now().UTC().Truncate(time.Hour)
	for ago := len(signInsByHour); ago > 0; ago-- {
		for i := range signInsByHour[ago-1] {
			e := employees[i%len(employees)]
			event := models.Event{
				Time: now.Add(-time.Duration(ago)*time.Hour + time.Duration(i)*time.Minute), Event: "signin.finish", Outcome: models.OutcomeOK,
				Actor: models.Actor{Name: fullName(e.name), Kind: "user"}, ClientIP: e.address, UserAgent: e.agent, Provider: "certified",
			}
			if i%9 == 4 {
				event.Outcome, event.Reason = models.OutcomeRefused, "not_allowed"
			}
			events = append(events, event)
		}
	}
	if err := errors.Join(s.Record(t.Context(), events...), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// fullName is what oidc-provider makes of "ada.lovelace".
func fullName(name string) string {
	first, last, _ := strings.Cut(name, ".")
	return strings.ToUpper(first[:1]) + first[1:] + " " + strings.ToUpper(last[:1]) + last[1:]
}
