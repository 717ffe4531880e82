package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dagpass/dagpass/tools/bench/seed"
)

// What a large installation has after a year.
const (
	manyPeople         = 100_000
	manyEvents         = 10_000_000
	manyEventsOnSQLite = 1_000_000
	// wantedPage is how long a page may take, at the 95th percentile.
	wantedPage = 100 * time.Millisecond
)

// shown is the console on one database.
type shown struct {
	kept  *kept
	pages []*page
	// verified and exported are how many events a second that was.
	verified, exported string
}

// page is one of the console's, and how long it took.
type page struct {
	About, path string
	took        []time.Duration
}

// console asks for every page of the console as an admin, on either database.
func (b *bench) console(ctx context.Context, l lineUp) error {
	of := func(n int) int { return int(float64(n) * b.share) }
	for _, on := range []struct {
		name string
		open func() (*kept, error)
	}{
		{"sqlite", func() (*kept, error) { return b.onSQLite(of(manyPeople), of(manyEventsOnSQLite)) }},
		{"postgres", func() (*kept, error) { return b.onPostgres(ctx, of(manyPeople), of(manyEvents)) }},
	} {
		if b.on != "" && b.on != on.name {
			continue
		}
		k, err := on.open()
		if err == nil {
			err = b.fill(ctx, k)
		}
		if err == nil {
			err = b.showAll(ctx, k, l["upstream"].url())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) showAll(ctx context.Context, k *kept, upstream string) error {
	s := &shown{kept: k}
	b.shown = append(b.shown, s)
	pages, err := consolePages(ctx, k)
	if err != nil {
		return err
	}
	s.pages = pages
	p, err := b.startConsole(ctx, k, upstream)
	if err != nil {
		return err
	}
	cookie, err := signIn(p, admin)
	if err != nil {
		return err
	}
	if err := signed(ctx, k); err != nil {
		return err
	}
	for i := -1; i < b.times; i++ { // the first round warms up
		for _, page := range s.pages {
			took, err := ask(ctx, p.url()+page.path, cookie)
			if err != nil {
				return fmt.Errorf("%s: %w", page.About, err)
			}
			if i >= 0 {
				page.took = append(page.took, took)
			}
		}
	}
	if s.exported, err = export(ctx, p.url(), cookie); err != nil {
		return err
	}
	s.verified, err = b.verify(ctx, k)
	return err
}

// signedUpTo is how many events may be unsigned while pages are measured.
const signedUpTo = 100_000

// signed waits until the program has walked and signed a trail that it has found,
// as it does once: until then it is busy with that.
func signed(ctx context.Context, k *kept) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for told := false; ; {
		n, err := seed.Unsigned(ctx, k.url)
		if err != nil || n < signedUpTo {
			return err
		}
		if !told {
			told = true
			fmt.Fprintf(os.Stderr, "%s: %s events are signed for the first time, which takes some minutes once\n", k.name, thousands(int(n)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// startConsole starts Dagpass on a database that is kept, with three ways in.
func (b *bench) startConsole(ctx context.Context, k *kept, upstream string) (*process, error) {
	p := &process{name: "dagpass on " + k.name, address: freeAddress()}
	env := []string{
		"DAGPASS_LISTEN=" + p.address, "DAGPASS_PUBLIC_URL=" + p.url(), "DAGPASS_UPSTREAM=" + upstream,
		"DAGPASS_DATABASE_URL=" + k.url, "DAGPASS_SECRET_KEY=" + benchKey, "DAGPASS_POLICY=" + largeRoles(),
		"DAGPASS_SESSION_IDLE=24h", "DAGPASS_DEFAULT_ROLE=viewer", "DAGPASS_OIDC_PROVIDERS=bench,partner", "DAGPASS_LOG_FORMAT=json",
	}
	for _, slot := range []string{"bench", "partner"} {
		issuer, err := b.startProvider(p.url() + "/auth/callback/" + slot)
		if err != nil {
			return nil, err
		}
		name := "DAGPASS_OIDC_" + strings.ToUpper(slot)
		env = append(env, name+"_ISSUER="+issuer, name+"_CLIENT_ID="+clientID, name+"_CLIENT_SECRET="+clientSecret)
	}
	return p, b.start(ctx, p, env, b.log, b.dir+"/dagpass", "serve")
}

// largeRoles is a policy with a grant for everybody, a few for large teams, and one
// for a very small one.
func largeRoles() string {
	all := []string{"{ email: admin@example.com, role: admin }", "{ slot: bench, group: everyone, role: launcher, locations: [" + seed.Location(0) + "] }"}
	for i := range 20 {
		all = append(all, fmt.Sprintf("{ slot: bench, group: %s, role: editor, locations: [%s] }", seed.Team(i*8), seed.Location(i)))
	}
	all = append(all, fmt.Sprintf("{ slot: bench, group: %s, role: editor, locations: [%s] }", seed.Team(seed.Teams-1), seed.Location(seed.Locations-1)))
	return "grants:\n  - " + strings.Join(all, "\n  - ") + "\n"
}

var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask asks for a page and reads it. Whatever is no page is an error.
func ask(ctx context.Context, address, cookie string) (time.Duration, error) {
	began := time.Now()
	res, err := get(ctx, address, cookie)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", address, res.Status)
	}
	return time.Since(began), nil
}

func get(ctx context.Context, address, cookie string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"} {
		req.Header.Set(name, value)
	}
	return browser.Do(req)
}

// exportFor is how long an export is read.
const exportFor = 10 * time.Second

// export reads the trail as JSON Lines for a while.
func export(ctx context.Context, base, cookie string) (string, error) {
	res, err := get(ctx, base+"/auth/admin/audit/export?format=jsonl", cookie)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	lines, began := bufio.NewScanner(res.Body), time.Now()
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; time.Since(began) < exportFor && lines.Scan(); n++ {
		if !json.Valid(lines.Bytes()) {
			return "", fmt.Errorf("line %d of the export is no JSON: %s", n+1, res.Status)
		}
	}
	return perSecondSince(n, began), lines.Err()
}

// verify checks the whole trail, as an operator does.
func (b *bench) verify(ctx context.Context, k *kept) (string, error) {
	began := time.Now()
	out, err := b.verb(ctx, k, "audit", "verify", "--json").Output()
	var found struct{ Events int }
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil {
		return "", fmt.Errorf("audit verify: %w\n%s", err, out)
	}
	return fmt.Sprintf("%s events in %s, %s", thousands(found.Events), time.Since(began).Round(time.Second), perSecondSince(found.Events, began)), nil
}

func perSecondSince(n int, began time.Time) string {
	return thousands(int(float64(n)/time.Since(began).Seconds())/1000*1000) + " a second"
}

// thousands writes a number so that it can be read.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// consolePages are all pages of the console, and of each list what makes it slow.
func consolePages(ctx context.Context, k *kept) (all []*page, err error) {
	n := k.size.People
	busy, idle, middle := seed.Person(n, 0), seed.Person(n, n-1), seed.Person(n, n/2)
	run, err := seed.RunBehind(ctx, k.url, int64(k.size.Events)/2)
	if err != nil {
		return nil, err
	}
	add := func(about, path string, query ...string) {
		values := url.Values{}
		for i := 0; i < len(query); i += 2 {
			values.Set(query[i], query[i+1])
		}
		if path = "/auth/admin" + path; len(query) > 0 {
			path += "?" + values.Encode()
		}
		all = append(all, &page{About: about, path: path})
	}
	halfYear := time.Now().Add(-180 * 24 * time.Hour)
	behind := func(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(middle.ID + " " + key)) }
	deepTime := behind(strconv.FormatInt(halfYear.UnixMicro(), 10))
	deepName := behind(strings.ToLower(middle.Name) + "\n" + middle.Email)

	add("Overview", "")
	add("People", "/people")
	add("People, from the middle", "/people", "after", deepName)
	add("People, the last made first", "/people", "sort", "created")
	add("People, the last seen first", "/people", "sort", "seen")
	add("People, the last seen first, half a year back", "/people", "sort", "seen", "after", deepTime)
	add("People, active", "/people", "state", "active", "sort", "seen")
	add("People, disabled", "/people", "state", "disabled")
	add("People, disabled, half a year back", "/people", "state", "disabled", "sort", "seen", "after", deepTime)
	add("People with the role viewer", "/people", "role", "viewer")
	add("People with the role admin, the last seen first", "/people", "role", "admin", "sort", "seen")
	add("People of one provider", "/people", "slot", "partner")
	add("People of another, who are nearly all", "/people", "slot", "bench", "sort", "seen")
	add("People with a password", "/people", "slot", "password")
	add("People, a text that many have", "/people", "text", "an")
	add("People, a text that many have, the last seen first, from the middle", "/people", "text", "an", "sort", "seen", "after", deepTime)
	add("People, a text that some have", "/people", "text", "lovelace")
	add("People, a text that one has", "/people", "text", idle.Email)
	add("People, a text that nobody has", "/people", "text", "qqqq")
	add("People, a text and disabled, the last seen first", "/people", "text", "an", "state", "disabled", "sort", "seen")
	add("People, a text, a role and a provider", "/people", "text", "an", "role", "viewer", "slot", "partner", "sort", "created")
	add("A person with much behind them", "/people/"+busy.ID)
	add("A person with little", "/people/"+idle.ID)
	add("Sessions", "/sessions")
	add("Sessions, hours back", "/sessions", "after", behind(strconv.FormatInt(time.Now().Add(-6*time.Hour).UnixMicro(), 10)))
	add("Sessions of somebody by name", "/sessions", "text", busy.Name)
	add("Sessions by a part of an address", "/sessions", "text", "10.7.77.")
	add("Sessions by browser", "/sessions", "text", "firefox")
	add("Sessions, a text that none has", "/sessions", "text", "qqqq")
	add("Access", "/access")
	add("Access, who can read", "/access", "permission", "read")
	add("Access, who can launch, at one location", "/access", "permission", "launch_pipeline_execution", "location", seed.Location(0))
	add("Access, who can wipe, at one location", "/access", "permission", "wipe_assets", "location", seed.Location(8))
	add("Access, who can wipe, at one where few can", "/access", "permission", "wipe_assets", "location", seed.Location(seed.Locations-1))
	add("Access, who can administer", "/access", "permission", "administer")
	add("Access, who can administer, from the middle", "/access", "permission", "administer", "after", deepName)
	add("Providers", "/providers")
	add("Settings", "/settings")
	add("Access review", "/audit/review")
	add("Access review of somebody by name", "/audit/review", "text", idle.Email)
	add("Access review, who can administer", "/audit/review", "permission", "administer")
	add("Privileged actions", "/audit/privileged")
	add("Privileged actions of somebody who did none", "/audit/privileged", "person", idle.ID)
	add("Failed verifications, 24 hours", "/audit/failures", "range", "24h")
	add("Failed verifications, 7 days", "/audit/failures", "range", "7d")
	add("Failed verifications, 30 days", "/audit/failures", "range", "30d")
	add("Everything about a run", "/audit/run", "run", run.RunID)
	add("Tail", "/audit/tail")
	add("Tail of what never happens", "/audit/tail", "event", "signin.*", "location", seed.Location(0))

	trail := func(about string, query ...string) { add("Audit, "+about, "/audit", query...) }
	day := func(days int) string {
		return halfYear.Add(time.Duration(days) * 24 * time.Hour).UTC().Format(time.DateOnly)
	}
	add("Audit", "/audit")
	trail("from the middle", "before", strconv.Itoa(k.size.Events/2))
	trail("a busy person", "person", busy.ID)
	trail("a person with little", "person", idle.ID)
	trail("a person by name", "person", middle.Email)
	trail("a common event", "event", "dagster.mutation")
	trail("a rare event", "event", "mfa.reset")
	trail("all of a kind", "event", "user.*")
	trail("refusals", "outcome", "refused")
	trail("failures", "outcome", "failed")
	trail("a target", "target", "job_001")
	trail("a person as target", "target", idle.ID)
	trail("a busy code location", "location", seed.Location(0))
	trail("a quiet code location", "location", seed.Location(seed.Locations-1))
	trail("a run", "run", run.RunID)
	trail("a request", "request", run.RequestID)
	trail("a request that is not there", "request", "qqqq")
	trail("since half a year", "since", day(0))
	trail("until half a year ago", "until", day(0))
	trail("one day half a year ago", "since", day(0), "until", day(1))
	trail("two common values", "event", "dagster.mutation", "outcome", "refused")
	trail("two common values, from the middle", "event", "dagster.mutation", "outcome", "refused", "before", strconv.Itoa(k.size.Events/2))
	trail("two common values that never meet", "event", "signout.finish", "outcome", "refused")
	trail("two very common values that never meet", "event", "signin.*", "location", seed.Location(0))
	trail("a busy person and refusals", "person", busy.ID, "outcome", "refused")
	trail("a busy person and what they never did", "person", busy.ID, "event", "user.*")
	trail("a busy person at a quiet code location", "person", busy.ID, "location", seed.Location(seed.Locations-1))
	trail("a target at a code location", "target", "job_001", "location", seed.Location(20))
	trail("a kind and an outcome it never has", "event", "dagster.*", "outcome", "failed", "target", run.RequestID)
	trail("a person and an event on one day half a year ago", "person", busy.ID, "event", "dagster.mutation", "since", day(0), "until", day(1))
	trail("an event and an outcome on one day half a year ago", "event", "dagster.*", "outcome", "refused", "since", day(0), "until", day(1))
	trail("four values and a month", "person", busy.ID, "event", "dagster.*", "outcome", "refused", "location", seed.Location(1), "since", day(0), "until", day(30))
	return all, nil
}

// percentile is the time within which so many percent of the answers came.
func (p *page) percentile(percent int) time.Duration {
	slices.Sort(p.took)
	return p.took[(len(p.took)*percent+99)/100-1]
}

// consoleTable is what the report shows of one database.
type consoleTable struct {
	Database, Version, People, Sessions, Events, Verified, Exported string
	Rows                                                            []consoleRow
	// Kept is how many pages take no longer than wanted.
	Kept   int
	Wanted time.Duration
	Times  int
}

type consoleRow struct {
	About, P50, P95, Max string
	Kept                 bool
}

func (b *bench) consoleTables() (all []consoleTable) {
	for _, s := range b.shown {
		t := consoleTable{
			Database: s.kept.name, Version: s.kept.version, People: thousands(s.kept.size.People), Sessions: thousands(s.kept.size.Sessions),
			Events: thousands(s.kept.size.Events), Verified: s.verified, Exported: s.exported, Wanted: wantedPage, Times: b.times,
		}
		for _, p := range s.pages {
			kept := p.percentile(95) < wantedPage
			if kept {
				t.Kept++
			}
			ms := func(percent int) string { return milliseconds(float64(p.percentile(percent).Microseconds())) }
			t.Rows = append(t.Rows, consoleRow{p.About, ms(50), ms(95), ms(100), kept})
		}
		all = append(all, t)
	}
	return all
}
