package views

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// ConsoleReview is GET /auth/admin/audit/review. The export below it takes no
// filter.
type ConsoleReview struct {
	Console
	Filter      ConsoleReviewFilter
	Roles       []string        // to filter by
	Permissions []ConsoleChoice // likewise
	Wrong       Wrong           // "role", "permission" or ""
	Lines       []ConsoleReviewed
	Next        string // cursor of the next page, sent as "after"; "" for none
}

// Component renders the page.
func (p ConsoleReview) Component() templ.Component { return consoleReviewPage(p) }

// ConsoleReviewFilter is the query of the review, by the names "text", "role",
// "permission" and "after".
type ConsoleReviewFilter struct {
	Text, Role, Permission string
	After                  string // cursor of this page; "" for the first
}

// ConsoleReviewed is one person of a review.
type ConsoleReviewed struct {
	ID         string
	Name       string
	Email      string
	Disabled   time.Time // zero for somebody who is not
	LastSignIn time.Time // zero for never
	Factors    []string  // in words
	Assigned   string    // role; "" for none
	AssignedAt time.Time // zero where the trail does not have it
	AssignedBy string
	Ways       []ConsoleReviewedWay
}

// ConsoleReviewedWay is a way in, and what it gives.
type ConsoleReviewedWay struct {
	Provider string // label
	Subject  string
	Since    time.Time
	LastUsed time.Time // zero for never
	Enters   bool
	Role     string // held whole in the whole deployment; "" for none
	Rules    []ConsoleRule
}

// ConsolePrivileged is GET /auth/admin/audit/privileged, with "person", "since",
// "until" and "before".
type ConsolePrivileged struct {
	Console
	Filter ConsoleAuditFilter // the four of it
	Wrong  Wrong
	Kinds  []ConsoleKind
	Lines  []ConsoleEvent
	Older  string    // cursor of the next page, sent as "before"; "" for none
	Back   time.Time // as in [ConsoleAudit]
}

// Component renders the page.
func (p ConsolePrivileged) Component() templ.Component { return consolePrivilegedPage(p) }

// ConsoleKind is a kind of event, and why it is on a list.
type ConsoleKind struct{ Name, Why string }

// ConsoleFailures is GET /auth/admin/audit/failures, with "range", or "since" and
// "until".
type ConsoleFailures struct {
	Console
	Range        string // as it was chosen; "" for a time of one's own
	Since, Until string // as they were typed
	Wrong        Wrong
	// From and To are what was counted, and Cut is since when where that was not
	// all; zero where it was.
	From, To, Cut time.Time
	Total         int64
	Reasons       []ConsoleFailure
	Addresses     []ConsoleFailure
	Others        int // addresses that are not told of
	// Counts has a number for each piece of the time, Each long, the oldest first;
	// the first begins at Begins.
	Counts []int64
	Begins time.Time
	Each   time.Duration
}

// Component renders the page.
func (p ConsoleFailures) Component() templ.Component { return consoleFailuresPage(p) }

// ConsoleFailure is a line of a count.
type ConsoleFailure struct {
	Reason   string // the word of the trail
	Provider string // label; "" for none
	Slot     string // what the trail calls it
	Address  string
	Count    int64
	Last     time.Time
}

// ConsoleRun is GET /auth/admin/audit/run, with "run".
type ConsoleRun struct {
	Console
	Run     string // as it was asked for; "" for nothing
	Wrong   Wrong
	Deeds   []ConsoleDeed
	Refused int  // how often something was refused
	Cut     bool // there is more than is shown
	Lines   []ConsoleEvent
}

// Component renders the page.
func (p ConsoleRun) Component() templ.Component { return consoleRunPage(p) }

// ConsoleDeed is what was done to a run, by whom.
type ConsoleDeed struct {
	What string // such as "Launched"
	Who  string
	ID   string // of a person; "" for none
	At   time.Time
	// Other is another run that it made, or was made from; "" for none.
	Other string
}

// ConsoleTail is GET /auth/admin/audit/tail, with the filter of the trail. Its
// script posts to the same address.
type ConsoleTail struct {
	Console
	Filter ConsoleAuditFilter
	Wrong  Wrong
	Events []string // names to choose from
	Lines  []ConsoleEvent
	Last   int64  // the newest event
	Token  string // for the script
}

// Component renders the page.
func (p ConsoleTail) Component() templ.Component { return consoleTailPage(p) }

// auditPlace is a page of the trail.
type auditPlace struct{ key, label, path string }

var auditPlaces = []auditPlace{
	{"trail", "Trail", "/auth/admin/audit"},
	{"tail", "Live", "/auth/admin/audit/tail"},
	{"review", "Access review", "/auth/admin/audit/review"},
	{"privileged", "Privileged", "/auth/admin/audit/privileged"},
	{"failures", "Failures", "/auth/admin/audit/failures"},
	{"run", "A run", "/auth/admin/audit/run"},
}

// leads are where an event leads to.
func (c Console) leads(e ConsoleEvent) (all []ConsoleFact) {
	add := func(name, address string, there bool) {
		if there {
			all = append(all, ConsoleFact{name, address})
		}
	}
	actor, target := or(e.Actor, "who did it"), or(e.Target, "whom it was done to")
	add("Page of "+actor, c.person(e.ActorID), e.ActorID != "" && !c.Auditor)
	add("Page of "+target, c.person(e.TargetID), e.TargetID != "" && e.TargetID != e.ActorID && !c.Auditor)
	add("All that "+actor+" did", c.deeds(e.ActorID), e.ActorID != "")
	add("Everything about this run", c.run(e.Run), e.Run != "")
	add("All of this request", c.search("/auth/admin/audit", "request", e.Request), e.Request != "")
	return all
}

// EventLines renders events that a page adds to those that it shows.
func EventLines(c Console, list []ConsoleEvent) templ.Component { return newEvents(c, list) }

// inDagster is the page of the run in Dagster.
func (p ConsoleRun) inDagster() string { return p.path("/runs/" + url.PathEscape(p.Run)) }

// places are those that whoever looks has: an auditor's is the trail.
func (c Console) places() []consolePlace {
	if !c.Auditor {
		return consolePlaces
	}
	return slices.DeleteFunc(slices.Clone(consolePlaces), func(p consolePlace) bool { return p.key != "audit" })
}

// at is the address of another page of the review.
func (p ConsoleReview) at(after string) string {
	f := p.Filter
	return p.search("/auth/admin/audit/review", "text", f.Text, "role", f.Role, "permission", f.Permission, "after", after)
}

func (f ConsoleReviewFilter) narrowed() bool { return f.Text+f.Role+f.Permission != "" }

func (l ConsoleReviewed) label() string { return or(l.Name, or(l.Email, l.ID)) }

// under is what stands below the name.
func (l ConsoleReviewed) under() string {
	if l.Email == l.label() {
		return ""
	}
	return l.Email
}

// whole is the address of a person's page, or for an auditor of what they did.
func (c Console) whole(id string) string {
	if c.Auditor {
		return c.deeds(id)
	}
	return c.person(id)
}

// deeds are what somebody did.
func (c Console) deeds(person string) string { return c.search("/auth/admin/audit", "person", person) }

func (c Console) run(id string) string { return c.search("/auth/admin/audit/run", "run", id) }

// at is the address of another page of the list.
func (p ConsolePrivileged) at(before string) string {
	f := p.Filter
	return p.search("/auth/admin/audit/privileged", "person", f.Person, "since", f.Since, "until", f.Until, "before", before)
}

// failureRanges are what may be chosen.
var failureRanges = []ConsoleChoice{{"24h", "24 hours"}, {"7d", "7 days"}, {"30d", "30 days"}}

// at is the address of the trail with what a line counts. From an address much
// comes that went well.
func (p ConsoleFailures) at(l ConsoleFailure) string {
	outcome := ""
	if l.Reason == "" {
		outcome = "refused"
	}
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return p.search("/auth/admin/audit", "reason", l.Reason, "provider", l.Slot, "address", l.Address, "outcome", outcome,
		"since", stamp(p.From), "until", stamp(p.To.Add(time.Second-1).Truncate(time.Second)))
}

// share is how much of a drawing of 100 a count takes.
func (p ConsoleFailures) share(n int64) string {
	return strconv.FormatFloat(100*float64(n)/float64(max(1, p.Total)), 'f', 1, 64)
}

// percent is a share in words.
func (p ConsoleFailures) percent(n int64) string {
	return strconv.FormatFloat(100*float64(n)/float64(max(1, p.Total)), 'f', 0, 64) + " %"
}

// bars draws one number for each piece.
func (p ConsoleFailures) bars() []bar {
	all := bars(p.Counts, p.Begins)
	layout := "2 Jan, 15:04"
	if p.Each >= 24*time.Hour {
		layout = "2 Jan 2006"
	}
	for i := range all {
		all[i].Hour = p.Begins.Add(time.Duration(i) * p.Each).UTC().Format(layout)
	}
	return all
}

// text says what the chart shows.
func (p ConsoleFailures) text() string {
	var most int64
	at := ""
	for i, b := range p.bars() {
		if p.Counts[i] > most {
			most, at = p.Counts[i], b.Hour
		}
	}
	if p.Total == 0 {
		return "Nobody failed to prove who they are."
	}
	return number(p.Total) + " in all, at most " + number(most) + " in " + p.piece() + ", from " + at + " UTC."
}

// piece is how long a piece of the chart is, in words.
func (p ConsoleFailures) piece() string {
	switch {
	case p.Each >= 48*time.Hour:
		return number(int64(p.Each.Hours()/24)) + " days"
	case p.Each >= 24*time.Hour:
		return "a day"
	case p.Each > time.Hour:
		return number(int64(p.Each.Hours())) + " hours"
	case p.Each == time.Hour:
		return "an hour"
	case p.Each > time.Minute:
		return number(int64(p.Each.Minutes())) + " minutes"
	}
	return "a minute"
}

// at is the address of the same filter at another page of the trail.
func (p ConsoleTail) at(path string) string {
	return ConsoleAudit{Console: p.Console, Filter: p.Filter}.at(path)
}

func refusedText(n int) string {
	if n == 1 {
		return "Once"
	}
	return number(int64(n)) + " times"
}

// PermissionChoice is a permission to choose, in words.
func PermissionChoice(name string) ConsoleChoice {
	return ConsoleChoice{name, joined(permissionText(name), name)}
}
