package handlers_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// auditPages are what an auditor sees.
var auditPages = []string{
	"/auth/admin/audit", "/auth/admin/audit/review", "/auth/admin/audit/privileged", "/auth/admin/audit/failures", "/auth/admin/audit/run", "/auth/admin/audit/tail",
}

// seen are the elements of a page that a selector finds.
func (a answer) seen(t *testing.T, selector string) *goquery.Selection {
	t.Helper()
	page, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return page.Find(selector)
}

// auditor is somebody who holds the permission audit and no other of an admin's.
func (s *site) auditor() (*browser, models.User) {
	s.t.Helper()
	user := s.account("audrey")
	s.assign(user.ID, "auditor")
	b := s.browser()
	b.signInAs("audrey")
	return b, user
}

// An auditor sees the trail, and no way to anything that is not for them. Whoever
// is signed in besides sees neither.
func TestAuditorsConsole(t *testing.T) {
	s := newSite(t)
	at, user := s.auditor()
	s.account("bob")
	bob := s.browser()
	bob.signInAs("bob")
	for _, path := range append(auditPages, "/auth/admin/audit/run?run=x", "/auth/admin/audit?person="+user.ID) {
		a := at.open(path)
		if a.StatusCode != 200 || a.seen(t, ".places a").Length() != 1 || a.seen(t, ".tabs a").Length() != len(auditPages) || a.seen(t, ".tabs [aria-current]").Length() != 1 {
			t.Errorf("%s: %d %.200s", path, a.StatusCode, a.body)
		}
		a.seen(t, "[href], [action]").Each(func(_ int, e *goquery.Selection) {
			to := e.AttrOr("href", e.AttrOr("action", ""))
			if strings.HasPrefix(to, "/auth/admin") && !strings.HasPrefix(to, "/auth/admin/audit") {
				t.Errorf("%s leads to %s", path, to)
			}
		})
		if a := bob.open(path); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "it takes the permission audit") {
			t.Errorf("%s for a viewer: %d", path, a.StatusCode)
		}
	}
	if a := at.open("/auth/admin"); a.StatusCode != http.StatusForbidden {
		t.Errorf("the overview: %d", a.StatusCode)
	}
}

// An admin sees the same pages, in the whole console.
func TestAuditPagesForAdmins(t *testing.T) {
	c := newConsole(t)
	for _, path := range auditPages {
		if a := c.at.open(path); a.StatusCode != 200 || a.seen(t, ".places a").Length() < 6 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if a := c.at.open("/auth/admin/audit/privileged"); a.seen(t, ".trail-more a[href^='/auth/admin/people/']").Length() == 0 {
		t.Error("no way to a person")
	}
}

// Nothing that is asked for breaks a page or comes back as markup.
func TestAuditPagesInjection(t *testing.T) {
	s := newSite(t)
	at, _ := s.auditor()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`
	wrong := s.browser()
	wrong.send("POST", "/auth/login", form("username", "audrey", "password", "wrong"), append(wrong.person(), "User-Agent", evil)...)
	for _, value := range []string{evil, "\x00", "\xff\xfe", "-1", "1e9", "' OR 1=1 --", strings.Repeat("x", 6000), "2026-01-01T99", "0000-00-00"} {
		q := url.QueryEscape(value)
		for _, path := range auditPages {
			for _, query := range []string{"text=%s&role=%[1]s", "permission=%s", "after=%s", "person=%s", "before=%s", "since=%s&until=%[1]s", "range=%s", "run=%s", "event=%s&outcome=%[1]s", "reason=%s&provider=%[1]s&address=%[1]s"} {
				a := at.open(path + "?" + fmt.Sprintf(query, q))
				if a.StatusCode >= 500 || strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
					t.Errorf("%s?%s of %.20q: %d", path, query, value, a.StatusCode)
				}
			}
		}
	}
}

// What cannot be understood is told at its field, and shows nothing.
func TestAuditPagesSayWhatIsWrong(t *testing.T) {
	s := newSite(t)
	at, _ := s.auditor()
	for path, field := range map[string]string{
		"/auth/admin/audit/review?role=emperor":                            "#role-wrong",
		"/auth/admin/audit/review?permission=fly":                          "#permission-wrong",
		"/auth/admin/audit/review?after=x":                                 "#review-wrong",
		"/auth/admin/audit/privileged?since=yesterday":                     "#since-wrong",
		"/auth/admin/audit/privileged?since=2026-02-01&until=2026-01-01":   "#until-wrong",
		"/auth/admin/audit/privileged?before=x":                            "#privileged-wrong",
		"/auth/admin/audit/failures?since=x":                               "#since-wrong",
		"/auth/admin/audit/failures?since=2999-01-01":                      "#since-wrong",
		"/auth/admin/audit/failures?range=1y":                              "#failures-wrong",
		"/auth/admin/audit/failures?since=2026-02-01T10:00&until=2026-01-": "#until-wrong",
		"/auth/admin/audit/tail?event=x":                                   "#event-wrong",
		"/auth/admin/audit/tail?outcome=x":                                 "#outcome-wrong",
	} {
		a := at.open(path)
		if a.StatusCode != http.StatusBadRequest || a.seen(t, field).Length() != 1 || a.seen(t, ".trail summary, .reviewed, .chart, [data-token]").Length() != 0 {
			t.Errorf("%s: %d, %d of %s", path, a.StatusCode, a.seen(t, field).Length(), field)
		}
	}
}

// Who has what, and why, in words.
func TestReviewPage(t *testing.T) {
	s := newSite(t)
	at, user := s.auditor()
	s.account("bob")
	a := at.open("/auth/admin/audit/review?role=auditor")
	if words := strings.Join(strings.Fields(a.seen(t, ".reviewed > li").Text()), " "); a.seen(t, ".reviewed > li").Length() != 1 ||
		!strings.Contains(words, "Assigned role auditor since") || !strings.Contains(words, "The role that is assigned here") || !strings.Contains(words, "by operator") {
		t.Errorf("%d: %s", a.StatusCode, words)
	}
	if to := a.seen(t, ".reviewed a").AttrOr("href", ""); to != "/auth/admin/audit?person="+user.ID {
		t.Errorf("leads an auditor to %q", to)
	}
	file := at.open("/auth/admin/audit/review/export")
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(rows) != 3 || !slices.Equal(rows[0], identity.ReviewColumns()) || !strings.Contains(file.Header.Get("Content-Disposition"), "access-review.csv") {
		t.Errorf("%v %q", err, rows)
	}
	if last := s.lastEvents(t, "audit.review", 1); len(last) != 1 || last[0].Event.Actor.ID != user.ID {
		t.Errorf("the export is told as %+v", last)
	}
	for _, by := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}} {
		if a := at.do("GET", "/auth/admin/audit/review/export", by...); a.StatusCode != http.StatusForbidden {
			t.Errorf("%v takes it: %d", by, a.StatusCode)
		}
	}
}

func (s *site) lastEvents(t *testing.T, event string, n int) []models.Record {
	t.Helper()
	all, err := s.svc.Events(models.WithOperator(context.Background()), models.Filter{Event: event}, 0, n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Numbers lead to the events that they count.
func TestFailuresPage(t *testing.T) {
	s := newSite(t)
	at, _ := s.auditor()
	for range 3 {
		s.browser().form("/auth/login", "username", "audrey", "password", "wrong")
	}
	a := at.open("/auth/admin/audit/failures")
	line := a.seen(t, "section[aria-labelledby=reasons] li").First()
	if words := strings.Join(strings.Fields(line.Text()), " "); !strings.HasPrefix(words, "wrong_password at Password 3 · 100 %") {
		t.Errorf("%q", words)
	}
	for _, section := range []string{"reasons", "addresses"} {
		to := a.seen(t, "section[aria-labelledby="+section+"] li a").AttrOr("href", "")
		if list := at.open(to); list.seen(t, ".trail summary").Length() != 3 {
			t.Errorf("%s leads to %s with %d events: %d", section, to, list.seen(t, ".trail summary").Length(), list.StatusCode)
		}
	}
	if now := a.seen(t, ".ranges [aria-current]").Text(); now != "24 hours" {
		t.Errorf("of %q", now)
	}
	if a := at.open("/auth/admin/audit/failures?since=2020-01-01&until=2020-02-01"); a.StatusCode != 200 || !strings.Contains(a.body, "Nobody failed to prove who they are") {
		t.Errorf("%d", a.StatusCode)
	}
}

// What was done to a run, by whom.
func TestRunPage(t *testing.T) {
	s := newSite(t)
	at, _ := s.auditor()
	grace := models.Actor{ID: models.NewID(), Name: "Grace", Kind: "user"}
	e := func(request, outcome string, permission policy.Permission, target models.Target, run string) models.Event {
		return models.Event{
			Event: "dagster.mutation", Outcome: outcome, Actor: grace, RequestID: request, Operation: "op" + request, Permission: string(permission), Target: &target, RunID: run,
		}
	}
	job, run := models.Target{Kind: "job", ID: "etl", Location: "prod"}, models.Target{Kind: "run", ID: "run1", Location: "prod"}
	if err := s.svc.Store.Record(
		context.Background(),
		e("r1", "allowed", policy.LaunchPipelineExecution, job, ""), e("r1", "ok", policy.LaunchPipelineExecution, job, "run1"),
		e("r2", "allowed", policy.LaunchPipelineReexecution, run, ""), e("r2", "ok", policy.LaunchPipelineReexecution, run, "run2"),
		e("r3", "refused", policy.DeletePipelineRun, run, ""),
		e("r4", "allowed", policy.TerminatePipeline, run, ""), e("r4", "failed", policy.TerminatePipeline, run, ""),
		e("r5", "allowed", policy.DeletePipelineRun, run, ""), // nobody told what came of it
		e("r6", "ok", policy.DeletePipelineRun, models.Target{Kind: "run", ID: "run9"}, ""),
	); err != nil {
		t.Fatal(err)
	}
	a := at.open("/auth/admin/audit/run?run=run1")
	var told []string
	a.seen(t, ".timeline li p:first-child").Each(func(_ int, p *goquery.Selection) { told = append(told, strings.Join(strings.Fields(p.Text()), " ")) })
	want := []string{"Launched by Grace", "Launched again, as another run, by Grace run2", "Failed: Stopped by Grace", "Deleted, as far as is known, by Grace"}
	if !slices.Equal(told, want) || a.seen(t, ".trail summary").Length() != 8 || !strings.Contains(a.body, "Once something was refused") {
		t.Errorf("%q, %d events", told, a.seen(t, ".trail summary").Length())
	}
	if to := a.seen(t, ".head a").AttrOr("href", ""); to != "/runs/run1" {
		t.Errorf("Dagster is at %q", to)
	}
	if a := at.open("/auth/admin/audit/run?run=run2"); !strings.Contains(a.seen(t, ".timeline").Text(), "from another run") {
		t.Errorf("%s", a.seen(t, ".timeline").Text())
	}
	if a := at.open("/auth/admin/audit?target=run1"); a.seen(t, ".trail-more a[href='/auth/admin/audit/run?run=run1']").Length() == 0 {
		t.Error("no way from the trail to the run")
	}
}

// tail is what the page holds for its script.
func (b *browser) tail(t *testing.T, query string) (token, last string) {
	t.Helper()
	a := b.open("/auth/admin/audit/tail" + query)
	box := a.seen(t, "#tail")
	if a.StatusCode != 200 || box.AttrOr("data-token", "") == "" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return box.AttrOr("data-token", ""), box.AttrOr("data-last", "")
}

func (b *browser) follow(token, last string) answer {
	return b.script("/auth/admin/audit/tail", fmt.Sprintf(`{"token":%q,"after":%s}`, token, last))
}

type followed struct {
	Events, Token string
	Count         int
	Last          int64
}

func TestTail(t *testing.T) {
	s := newSite(t)
	at, _ := s.auditor()
	token, last := at.tail(t, "?event=signin.*")
	stranger := s.browser()
	stranger.send("POST", "/auth/login", form("username", "audrey", "password", "wrong"), append(stranger.person(), "User-Agent", `<script>alert(1)</script>`)...)
	a := at.follow(token, last)
	var got followed
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.StatusCode != 200 || got.Count != 1 || got.Token == "" || got.Token == token {
		t.Fatalf("%d %v %s", a.StatusCode, err, a.body)
	}
	lines := answer{body: got.Events}
	if lines.seen(t, "ol > li").Length() != 1 || lines.seen(t, "script").Length() != 0 || !strings.Contains(lines.seen(t, "dd").Text(), "<script>alert(1)</script>") {
		t.Errorf("%s", got.Events)
	}
	if a := at.follow(got.Token, fmt.Sprint(got.Last)); !strings.Contains(a.body, `"count":0`) {
		t.Errorf("told twice: %s", a.body)
	}
}

// No script but the page's own is told anything: a script cannot read the page,
// and without the page there is no token.
func TestTailIsThePagesAlone(t *testing.T) {
	s := newSite(t)
	at, _ := s.auditor()
	for _, by := range [][2]string{{"cors", "empty"}, {"same-origin", "empty"}, {"no-cors", "script"}, {"navigate", "iframe"}, {"navigate", "embed"}} {
		a := at.do("GET", "/auth/admin/audit/tail", "Accept", "text/html", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", by[0], "Sec-Fetch-Dest", by[1])
		if a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "data-token") {
			t.Errorf("%v: %d", by, a.StatusCode)
		}
	}
	if h := at.open("/auth/admin/audit/tail").Header; h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("a page of Dagster's can hold it: %v", h)
	}
	token, last := at.tail(t, "")
	again := s.browser()
	again.signInAs("audrey")
	s.account("bob")
	bob := s.browser()
	bob.signInAs("bob")
	for name, c := range map[string]struct {
		a    answer
		want string
	}{
		"no token":                   {at.script("/auth/admin/audit/tail", "{}"), "403 tail_expired"},
		"a made-up token":            {at.follow("1.00000000.AAAA", "0"), "403 tail_expired"},
		"the same person, elsewhere": {again.follow(token, last), "403 tail_expired"},
		"somebody else":              {bob.follow(token, last), "403 not_allowed"},
		"a stranger":                 {s.browser().follow(token, last), "401 unauthenticated"},
		"nonsense":                   {at.script("/auth/admin/audit/tail", `{"after":"x"}`), "400 bad_body"},
		"a form":                     {at.form("/auth/admin/audit/tail", "token", token), "400"},
		"another site": {
			at.send("POST", "/auth/admin/audit/tail", "{}", "Content-Type", "application/json", "Origin", "https://evil.example", "Accept", "application/json"), "403 foreign_origin",
		},
	} {
		if got(c.a) != c.want || strings.Contains(c.a.body, "signin.finish") {
			t.Errorf("%s: %s", name, got(c.a))
		}
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the log has the token")
	}
}

// A page that follows the trail is nobody at work: the session ends as if it were
// not there, and the page is told so.
func TestTailKeepsNoSession(t *testing.T) {
	var passed atomic.Int64
	s := newSite(t, func(c *handlers.Config) {
		amend(c.Identity, func(r *identity.Rules) { r.SessionTTL, r.SessionIdle = 24*time.Hour, time.Hour })
		c.Identity.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	})
	at, _ := s.auditor()
	token, last := at.tail(t, "")
	for minutes := 10; minutes < 60; minutes += 10 {
		passed.Add(int64(10 * time.Minute))
		a := at.follow(token, last)
		var said followed
		if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.StatusCode != 200 {
			t.Fatalf("after %d minutes: %d %s", minutes, a.StatusCode, a.body)
		}
		token = said.Token
	}
	passed.Add(int64(11 * time.Minute))
	if a := at.follow(token, last); got(a) != "401 unauthenticated" {
		t.Errorf("%s", got(a))
	}
}

// Whoever is no auditor any more is told nothing from the next question on.
func TestTailEndsWithTheRole(t *testing.T) {
	s := newSite(t)
	at, user := s.auditor()
	token, last := at.tail(t, "")
	s.assign(user.ID, policy.Viewer)
	if a := at.follow(token, last); got(a) != "401 unauthenticated" && got(a) != "403 not_allowed" {
		t.Errorf("%s", got(a))
	}
}
