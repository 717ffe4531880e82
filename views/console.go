package views

import (
	"time"

	"github.com/a-h/templ"
)

// Console is what every page of the console needs. Its pages stand below
// /auth/admin, search by GET and change by POST.
type Console struct {
	Site
	Admin      string // who is looking
	Auditor    bool   // who looks sees the audit pages alone
	Notice     string // a fixed sentence about what was just done; "" for none
	NoticeTone string // "error", anything else is "info"
}

// ConsoleOverview is GET /auth/admin.
type ConsoleOverview struct {
	Console
	People, Disabled, OpenSessions, SignInsToday, RefusalsToday int64
	// SignIns and Refusals have one number an hour, oldest first; the last one is
	// of the hour that begins at LastHour.
	SignIns, Refusals []int64
	LastHour          time.Time
	Providers         []ConsoleProvider
	DagsterUp         bool
	DagsterVersion    string // "" where it is not known
	Version           string // Dagpass's own
	Monitor           bool   // permissions are recorded, not enforced
	Warnings          []string
	// Unclassified are mutations of this Dagster that Dagpass does not know.
	Unclassified []string
	Recent       []ConsoleEvent
}

// Component renders the page.
func (p ConsoleOverview) Component() templ.Component { return consoleOverviewPage(p) }

// ConsoleChoice is one value that may be chosen.
type ConsoleChoice struct {
	Value string // what is sent
	Label string // what is read
}

// ConsolePeople is GET /auth/admin/people.
type ConsolePeople struct {
	Console
	Filter ConsolePeopleFilter
	Roles  []string        // to filter by
	Slots  []ConsoleChoice // likewise
	Lines  []ConsolePersonLine
	Total  int64  // how many the filter finds
	More   bool   // it finds more than that
	Next   string // cursor of the next page, sent as "after"; "" for none
	// Invite is nil where no accounts are kept here.
	Invite *ConsoleInvite
}

// Component renders the page.
func (p ConsolePeople) Component() templ.Component { return consolePeoplePage(p) }

// ConsolePeopleFilter is the query of the list of people, by the names "text",
// "state", "role", "slot", "sort" and "after". The export at
// /auth/admin/people/export takes the same but the last.
type ConsolePeopleFilter struct {
	Text  string
	State string // "active", "disabled" or "" for all
	Role  string // assigned
	Slot  string
	Sort  string // "name", "created" or "seen"
	After string // cursor of this page; "" for the first
}

// ConsoleInvite posts "username", "name", "email" and "role" to
// /auth/admin/people.
type ConsoleInvite struct {
	Username string // these four as they were typed
	FullName string
	Email    string
	Role     string
	Roles    []string // that may be given
	Wrong    Wrong    // by the names above, or ""
}

// ConsolePersonLine is one person of a list.
type ConsolePersonLine struct {
	ID       string
	Name     string
	Email    string
	Username string   // of the account that is kept here; "" for none
	Ways     []string // labels of how they sign in
	Role     string   // assigned; "" for none
	Factors  int
	Sessions int
	Created  time.Time
	LastSeen time.Time // zero for never
	Disabled bool
}

// ConsolePerson is GET /auth/admin/people/{ID}. Its forms post below it, each with
// "version": "role" to /role, "purpose" to /link, and nothing more to /enable and
// /sign-out. "confirm" = "yes" goes to /disable, /reset-mfa and /delete, and to
// /role for the admin themself.
type ConsolePerson struct {
	Console
	ID         string
	Name       string // the person's; Site.Name is the product's
	Email      string
	Username   string // of the account that is kept here; "" for none
	Created    time.Time
	LastSeen   time.Time // zero for never
	DisabledAt time.Time // zero for somebody who is not disabled
	Self       bool      // the admin looks at themself
	Version    string    // comes back with the forms

	Role  string   // assigned; "" for none
	Roles []string // that may be given

	Ways          []ConsoleWay
	Sessions      []ConsoleSession
	HasPassword   bool
	Factors       []Factor
	RecoveryCodes int
	Tokens        []APIToken // posted as "id" to …/revoke-token
	Recent        []ConsoleEvent

	// Links are the purposes of one-time links that may be made: "signin", "password".
	Links []string
	// Tried is the form that came back: "role", "disable", "enable", "sign-out",
	// "reset-mfa", "link" or "delete"; Wrong says why: "role", "confirm" or "".
	Tried string
	Wrong Wrong
}

// Component renders the page.
func (p ConsolePerson) Component() templ.Component { return consolePersonPage(p) }

// ConsoleWay is one way in and what it gives.
type ConsoleWay struct {
	ID       string
	Provider string // label
	Type     string // as in ProviderButton
	Who      string // name or address at the provider
	Subject  string
	Groups   []string // groups, organisations and teams, as they were told
	Since    time.Time
	LastUsed time.Time // zero for never
	Open     bool      // they may enter by it now
	Reason   string    // a sentence why they may not; "" where they may
	Role     string    // what it comes to in the whole deployment; "" for no whole role
	At       []string  // what it comes to at code locations of Dagster's, where that is more, such as "editor at sales"
	Rules    []ConsoleRule
}

// ConsoleRule is one rule that matches, and what it gives.
type ConsoleRule struct {
	Name        string   // in words, such as "Grant 2 of the policy file"
	Text        string   // the rule itself on one line; "" for what has none
	Role        string   // what the rule gives; "" for none
	Locations   []string // where it holds; none is the whole deployment
	Permissions []string // what it gives

	// Since is when one was made here; zero where that is not shown. By is whoever
	// made it, "" where that is not known.
	Since time.Time
	By    string
}

// ConsoleSession is one signed-in browser.
type ConsoleSession struct {
	ID       string // posted as "id" to /auth/admin/sessions/end
	UserID   string
	User     string // name; not shown on the page of a person
	Device   string // such as "Firefox on Linux"
	Agent    string // the whole user agent
	Address  string
	Method   string // how they signed in
	Factor   string // the second factor in words; "" for none
	Since    time.Time
	LastSeen time.Time
	Ends     time.Time
	Current  bool // it is the session that this page is shown in
}

// ConsoleSessions is GET /auth/admin/sessions, with "text" and "after". Its
// buttons post "id" and, on the page of a person, "person" to
// /auth/admin/sessions/end.
type ConsoleSessions struct {
	Console
	Text  string
	After string // cursor of this page; "" for the first
	Next  string // cursor of the next one; "" for none
	Lines []ConsoleSession
}

// Component renders the page.
func (p ConsoleSessions) Component() templ.Component { return consoleSessionsPage(p) }

// ConsoleAccess is GET /auth/admin/access, with "permission", "location" and
// "after" where it asks who may.
type ConsoleAccess struct {
	Console
	Permissions []ConsolePermission // rows of the matrix
	Roles       []ConsoleRole       // columns of the matrix
	Grants      []ConsoleGrant
	Assigned    []ConsolePersonLine // who has an assigned role
	DefaultRole string              // of whoever no rule names; "" for none
	Ask         ConsoleWhoCan
	Give        ConsoleGive
}

// Component renders the page.
func (p ConsoleAccess) Component() templ.Component { return consoleAccessPage(p) }

// ConsolePermission is a row of the matrix.
type ConsolePermission struct {
	Name    string
	Located bool // it can be held at a single code location
}

// ConsoleRole is a column of the matrix.
type ConsoleRole struct {
	Name    string
	BuiltIn bool
	Holds   []string // names of permissions
}

// ConsoleWhoCan asks who may do something, and tells it.
type ConsoleWhoCan struct {
	Permission string   // as it was chosen
	Location   string   // as it was typed; "" is the whole deployment
	Locations  []string // to choose from
	Wrong      Wrong    // "permission" or "location"
	Asked      bool     // there is an answer
	Lines      []ConsoleWho
	After      string // cursor of this page; "" for the first
	Next       string // cursor of the next one; "" for none
}

// ConsoleWho is somebody who may.
type ConsoleWho struct {
	UserID   string
	Name     string
	Email    string
	Provider string // label of the way in that gives it
	Rule     string // in words
	Place    string // where it holds: a pattern, or "" for the whole deployment
}

// ConsoleAudit is GET /auth/admin/audit.
type ConsoleAudit struct {
	Console
	Filter ConsoleAuditFilter
	Events []string // names to choose from
	Wrong  Wrong    // "since", "until" or another name of the filter
	Lines  []ConsoleEvent
	Older  string // cursor of the next page, sent as "before"; "" for none
	// Back is how far the search has looked back where it ended before the page was
	// full; zero for all others.
	Back time.Time
}

// Component renders the page.
func (p ConsoleAudit) Component() templ.Component { return consoleAuditPage(p) }

// ConsoleAuditFilter is the query of the trail, as it was typed, by the names
// "person", "event", "outcome", "target", "location", "run", "request", "reason",
// "provider", "address", "since", "until" and "before". The export at
// /auth/admin/audit/export takes the same but the last, and "format", which is
// "csv" or "jsonl".
type ConsoleAuditFilter struct {
	Person, Event, Outcome, Target, Location, Run, Request string
	Reason, Provider, Address                              string
	// Since and Until are dates or instants in UTC, such as 2026-11-21T09:10.
	Since, Until string
	Before       string // cursor of this page; "" for the newest
}

// ConsoleEvent is one event of the trail.
type ConsoleEvent struct {
	Seq   int64
	Time  time.Time
	Event string // such as "session.create"
	// Operation is the field of Dagster's that was asked for, such as "launchRun";
	// "" for none.
	Operation string
	Outcome   string // "ok", "allowed", "refused" or "failed"
	Reason    string // in words; "" for none
	Actor     string // name of who did it
	ActorID   string // of a person who has a page here; "" for none
	Target    string // what it was done to, in words; "" for none
	TargetID  string // of a person who has a page here; "" for none
	Run       string // the run that it is about; "" for none
	Request   string // what came of the same request; "" for none
	Count     int    // above one where it stands for several
	// Details is all that is known, in the order in which it is shown.
	Details []ConsoleFact
}

// ConsoleFact is a line of details.
type ConsoleFact struct{ Name, Value string }

// ConsoleLink shows a one-time link, once: after an invitation, and after
// POST /auth/admin/people/{PersonID}/link.
type ConsoleLink struct {
	Console
	PersonID    string
	Person      string // name
	NewPassword bool   // the link is to choose a password, else to sign in
	Invited     bool   // the account was made just now
	Address     string // the link itself
	Expires     time.Time
}

// Component renders the page.
func (p ConsoleLink) Component() templ.Component { return consoleLinkPage(p) }
