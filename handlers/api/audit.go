package api

import (
	"context"
	"strconv"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func (a *API) auditOperations() {
	op := func(path, id, summary, description string, errors ...int) operation {
		return operation{method: "GET", path: path, id: id, tag: "audit", summary: summary, description: description, errors: errors}
	}
	add(a, op("/events", "listEvents", "List the audit trail",
		"Events that all filters choose, the newest first. Each page is an event itself. To have the whole trail, export it in the console or with the command line."), a.events)
	add(a, op("/events/privileged", "listPrivilegedEvents", "List privileged actions",
		"Events by which somebody got or lost access, or that cannot be undone, the newest first."), a.privileged)
	add(a, op("/runs/{id}/events", "getRunTrail", "Tell everything about a run",
		"What names the run, what was done to it, and what else the same requests did, the oldest first.", absent...), a.run)
	add(a, op("/audit/checkpoints", "listCheckpoints", "List the checkpoints of the audit trail",
		"As they are kept, the newest first. To hold the trail against them, run dagpass audit verify: only that, with a checkpoint that was kept elsewhere, finds a trail that was cut."), a.checkpoints)
	add(a, op("/access-review", "reviewAccess", "Tell who has what",
		"People by name with what they hold by each way in, why, since when, and when it was last used. "+
			"A page may have fewer people than asked for, or none, although there is a next one."), a.review)
	add(a, op("/failures", "countFailures", "Count failed verifications",
		"Who could not prove who they are, by reason and by address. At most the newest 3,000 events are counted."), a.failures)
}

// Event is what happened, as the audit trail keeps it.
type Event struct {
	Seq  int64  `json:"seq" doc:"Its number in the trail." example:"4711"`
	Hash string `json:"hash" doc:"Of this event and all before it."`
	models.Event
}

func eventOf(r models.Record) Event { return Event{r.Seq, r.Hash, r.Event} }

// Events is a page of the trail.
type Events struct {
	Events []Event `json:"events"`
	Next   string  `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

// Span bounds the time.
type Span struct {
	Since time.Time `query:"since" doc:"At or after." example:"2026-11-21T09:10:00Z"`
	Until time.Time `query:"until" doc:"Before." example:"2026-11-22T00:00:00Z"`
}

func (s Span) check() error {
	switch {
	case !s.Since.IsZero() && s.Since.Year() < 1:
		return errTime.At("since")
	case !s.Until.IsZero() && (s.Until.Year() < 1 || !s.Since.Before(s.Until)):
		return errTime.At("until")
	}
	return nil
}

// before is the number of an event that a cursor is.
func (p Page) before() (int64, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(p.Cursor, 10, 63)
	if err != nil || n == 0 {
		return 0, identity.ErrBadPage.At("cursor")
	}
	return int64(n), nil
}

type eventsInput struct {
	Page
	Span
	Person   string `query:"person" maxLength:"300" doc:"The id of whoever did it, or their name as the event has it."`
	Event    string `query:"event" pattern:"^[a-zA-Z_]+\\.([a-zA-Z_]+|\\*)$" maxLength:"100" doc:"Such as user.disable, or all of a kind: user.*" example:"user.*"`
	Outcome  string `query:"outcome" enum:"ok,allowed,refused,failed"`
	Target   string `query:"target" maxLength:"300" doc:"The id of what it was done to."`
	Location string `query:"location" maxLength:"300" doc:"A code location."`
	Run      string `query:"run" maxLength:"300" doc:"The id of a run."`
	Request  string `query:"request_id" maxLength:"100" doc:"The id of a request."`
}

func (a *API) events(ctx context.Context, in *eventsInput) (*Body[Events], error) {
	before, err := in.before()
	if err == nil {
		err = in.check()
	}
	if err != nil {
		return nil, err
	}
	found, err := a.Identity.SearchEvents(ctx, models.Filter{
		Person: in.Person, Event: in.Event, Outcome: in.Outcome, Target: in.Target, Location: in.Location, Run: in.Run, Request: in.Request,
		Since: in.Since, Until: in.Until,
	}, before, in.Limit)
	return say(searched(found), err)
}

type privilegedInput struct {
	Page
	Span
	Person string `query:"person" maxLength:"300" doc:"The id of whoever did it, or their name as the event has it."`
}

func (a *API) privileged(ctx context.Context, in *privilegedInput) (*Body[Events], error) {
	before, err := in.before()
	if err == nil {
		err = in.check()
	}
	if err != nil {
		return nil, err
	}
	found, err := a.Identity.PrivilegedEvents(ctx, models.Filter{Person: in.Person, Since: in.Since, Until: in.Until}, before, in.Limit)
	return say(searched(found), err)
}

// searched is a page of a search, which may have a next one although it is short.
func searched(found identity.EventPage) Events {
	page := Events{Events: each(found.Records, eventOf)}
	if found.Next > 0 {
		page.Next = strconv.FormatInt(found.Next, 10)
	}
	return page
}

// RunTrail is everything about a run.
type RunTrail struct {
	Events []Event `json:"events"`
	Cut    bool    `json:"cut" doc:"Whether there is more than is told." example:"false"`
}

type runInput struct {
	ID string `path:"id" maxLength:"300" doc:"The run's id." example:"6b1f0c1e-7a77-4a6e-9f5e-0a4b1c2d3e4f"`
}

func (a *API) run(ctx context.Context, in *runInput) (*Body[RunTrail], error) {
	if !isText(in.ID) {
		return nil, models.ErrNotFound
	}
	records, cut, err := a.Identity.RunTrail(ctx, in.ID)
	return say(RunTrail{each(records, eventOf), cut}, err)
}

// Checkpoint says, signed, that the trail had this event with this hash, and so all
// before it as they were.
type Checkpoint struct {
	Seq          int64     `json:"seq" doc:"The number of the event." example:"4711"`
	Hash         string    `json:"hash" doc:"Of this event and all before it."`
	Time         time.Time `json:"time" doc:"When it was made."`
	Previous     int64     `json:"previous" doc:"The event of the checkpoint before; zero for the first." example:"4200"`
	Installation string    `json:"installation" doc:"Whose trail it is; empty in those of former releases."`
	Key          string    `json:"key" doc:"The Ed25519 public key, in base64."`
	Signature    string    `json:"signature" doc:"In base64."`
}

func checkpointOf(c models.Checkpoint) Checkpoint {
	return Checkpoint{c.Seq, c.Hash, c.Time.UTC(), c.Previous, c.Installation, c.Key, c.Signature}
}

// Checkpoints is a page of them.
type Checkpoints struct {
	Checkpoints []Checkpoint `json:"checkpoints"`
	Next        string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

func (a *API) checkpoints(ctx context.Context, in *Page) (*Body[Checkpoints], error) {
	before, err := in.before()
	if err != nil {
		return nil, err
	}
	all, err := a.Identity.Checkpoints(ctx, before, in.Limit+1) // one more tells whether there are more
	page := Checkpoints{Checkpoints: each(all[:min(len(all), in.Limit)], checkpointOf)}
	if len(all) > in.Limit {
		page.Next = strconv.FormatInt(all[in.Limit-1].Seq, 10)
	}
	return say(page, err)
}

// Review is a page of the access review.
type Review struct {
	People []identity.Reviewed `json:"people"`
	Next   string              `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

type reviewInput struct {
	Page
	Text       string `query:"text" maxLength:"200" doc:"Part of the name, the address or the username, in any case."`
	Role       string `query:"role" maxLength:"100" doc:"Only who has it by a rule, or was assigned it."`
	Permission string `query:"permission" maxLength:"100" doc:"Only who holds it, somewhere."`
}

func (a *API) review(ctx context.Context, in *reviewInput) (*Body[Review], error) {
	people, next, err := a.Identity.Review(ctx, identity.ReviewQuery{
		Text: in.Text, Role: policy.Role(in.Role), Permission: policy.Permission(in.Permission), After: in.Cursor, Limit: in.Limit,
	})
	return say(Review{list(people), next}, err)
}

// Failures is who could not prove who they are, counted.
type Failures struct {
	Since          time.Time        `json:"since"`
	Until          time.Time        `json:"until"`
	Cut            *time.Time       `json:"cut,omitempty" doc:"The time of the oldest event that was counted, where there were more."`
	Total          int64            `json:"total" example:"17"`
	Reasons        []FailureReason  `json:"reasons" doc:"The most frequent first."`
	Addresses      []FailureAddress `json:"addresses" doc:"The 20 most frequent."`
	OtherAddresses int              `json:"other_addresses" doc:"How many more there are." example:"0"`
}

// FailureReason is why, and at which provider.
type FailureReason struct {
	Reason   string    `json:"reason" example:"wrong_password"`
	Provider string    `json:"provider" doc:"The slot; empty where there was none." example:"password"`
	Count    int64     `json:"count" example:"12"`
	Last     time.Time `json:"last"`
}

// FailureAddress is from where.
type FailureAddress struct {
	Address string    `json:"address" example:"203.0.113.7"`
	Count   int64     `json:"count" example:"12"`
	Last    time.Time `json:"last"`
}

// failuresFor is the time that is counted where nothing else is asked for.
const failuresFor = 7 * 24 * time.Hour

// failuresAtMost is the longest time that is counted.
const failuresAtMost = 400 * 24 * time.Hour

func (a *API) failures(ctx context.Context, in *Span) (*Body[Failures], error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	span := *in
	if span.Until.IsZero() {
		span.Until = a.Now()
	}
	if span.Since.IsZero() {
		span.Since = span.Until.Add(-failuresFor)
	}
	if !span.Since.Before(span.Until) || span.Until.Sub(span.Since) > failuresAtMost {
		return nil, errTime.At("since")
	}
	f, err := a.Identity.Failures(ctx, span.Since, span.Until)
	return say(Failures{
		f.Since, f.Until, optional(f.Cut), f.Total,
		each(f.Reasons, func(r identity.FailureReason) FailureReason {
			return FailureReason{r.Reason, r.Provider, r.Count, r.Last}
		}),
		each(f.Addresses, func(r identity.FailureAddress) FailureAddress { return FailureAddress{r.Address, r.Count, r.Last} }),
		f.OtherAddresses,
	}, err)
}
