package seed

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
)

// Locations is how many code locations there are; the low ones are busy.
const Locations = 40

// Location is the name of one.
func Location(i int) string { return fmt.Sprintf("location_%02d", i) }

var eventColumns = strings.Fields("seq previous hash body time event outcome actor_id request_id")

// trailing makes a trail, event by event.
type trailing struct {
	crowd *crowd
	r     rnd
	last  models.Link
	at    time.Time
	step  time.Duration
	left  int
	// then are events that follow from one before.
	then []models.Event
}

func newTrail(c *crowd, last models.Link, since time.Time, step time.Duration, n int) *trailing {
	return &trailing{crowd: c, r: chance(uint64(last.Seq) + 7), last: last, at: since, step: step, left: n}
}

func (t *trailing) next() ([]any, bool) {
	if t.left <= 0 {
		return nil, false
	}
	t.left--
	t.at = t.at.Add(t.step)
	e := t.event()
	e.ID, e.Time = t.r.id(), t.at.Truncate(time.Millisecond)
	link, err := models.NewLink(t.last, e)
	if err != nil {
		panic(err) // strings cannot fail
	}
	t.last = link
	return []any{link.Seq, link.Previous, link.Hash, link.Body, e.Time, e.Event, e.Outcome, e.Actor.ID, e.RequestID}, true
}

// kinds are what happens, and how often in a thousand times.
var kinds = []struct {
	often int
	event func(*trailing) models.Event
}{
	{400, (*trailing).launched},
	{60, func(t *trailing) models.Event { return t.dagster("dagster.read", models.OutcomeRefused, "read") }},
	{90, func(t *trailing) models.Event {
		return t.dagster("dagster.mutation", models.OutcomeRefused, "wipe_assets")
	}},
	{50, func(t *trailing) models.Event {
		return t.dagster("dagster.report", models.OutcomeOK, "report_runless_asset_events")
	}},
	{230, func(t *trailing) models.Event { return t.by(t.somebody(), "signin.finish", models.OutcomeOK) }},
	{50, (*trailing).refusedSignIn},
	{70, func(t *trailing) models.Event { return t.by(t.somebody(), "signout.finish", models.OutcomeOK) }},
	{20, func(t *trailing) models.Event { return t.by(t.somebody(), "session.confirm", models.OutcomeOK) }},
	{10, func(t *trailing) models.Event { return t.by(t.somebody(), "mfa.enrol", models.OutcomeOK) }},
	{12, func(t *trailing) models.Event { return t.administered("session.revoke") }},
	{4, func(t *trailing) models.Event { return t.administered("user.set_role") }},
	{2, func(t *trailing) models.Event { return t.administered("user.disable") }},
	{1, func(t *trailing) models.Event { return t.administered("mfa.reset") }},
	{1, func(t *trailing) models.Event { return t.by(t.admin(), "audit.read", models.OutcomeOK) }},
}

func (t *trailing) event() models.Event {
	if len(t.then) > 0 && t.r.in(70) { // others are between what one request did
		e := t.then[0]
		t.then = t.then[1:]
		return e
	}
	n := t.r.IntN(1000)
	for _, k := range kinds {
		if n -= k.often; n < 0 {
			return k.event(t)
		}
	}
	return t.by(t.somebody(), "signin.finish", models.OutcomeOK)
}

// somebody is mostly one of the busy ones.
func (t *trailing) somebody() int { return t.r.hot(len(t.crowd.ids)) }

// admin is one of a few.
func (t *trailing) admin() int { return 100 + t.r.hot(20) }

func (t *trailing) by(who int, event, outcome string) models.Event {
	e := models.Event{
		Event: event, Outcome: outcome, Actor: models.Actor{ID: t.crowd.ids[who], Name: t.crowd.names[who], Kind: "user"},
		ClientIP: clientIP(t.r), UserAgent: pick(t.r, browsers), RequestID: t.r.id(), Session: t.r.id(), Provider: slots[0].slot,
	}
	if outcome == models.OutcomeRefused {
		e.Reason = "not_allowed"
	}
	return e
}

func (t *trailing) dagster(event, outcome, permission string) models.Event {
	e := t.by(t.somebody(), event, outcome)
	e.Target = &models.Target{Kind: "job", ID: fmt.Sprintf("job_%03d", t.r.hot(400)), Location: Location(t.r.hot(Locations))}
	e.Operation, e.Permission, e.Rule = "LaunchRun", permission, "grant 2"
	return e
}

// launched is two events, or three where the run is ended as well.
func (t *trailing) launched() models.Event {
	allowed := t.dagster("dagster.mutation", models.OutcomeAllowed, "launch_pipeline_execution")
	done := allowed
	done.Outcome, done.RunID = models.OutcomeOK, t.run()
	if t.r.in(3) {
		done.Outcome, done.RunID = models.OutcomeFailed, ""
	}
	t.then = append(t.then, done)
	if t.r.in(5) {
		ended := t.dagster("dagster.mutation", models.OutcomeOK, "terminate_pipeline_execution")
		ended.Target, ended.RunID = &models.Target{Kind: "run", ID: cmp.Or(done.RunID, t.run()), Location: allowed.Target.Location}, done.RunID
		t.then = append(t.then, ended)
	}
	return allowed
}

// run is the id of one, as Dagster writes it.
func (t *trailing) run() string {
	id := t.r.id()
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// refusedSignIn has one of a few reasons, and mostly nobody knows who that was.
func (t *trailing) refusedSignIn() models.Event {
	e := t.by(t.somebody(), "signin.finish", models.OutcomeRefused)
	e.Reason = []string{"password_wrong", "group_not_allowed", "state_expired", "user_disabled", "code_wrong", "domain_not_allowed"}[t.r.hot(6)]
	if t.r.in(80) {
		e.Actor = models.Actor{Kind: "anonymous"}
	}
	return e
}

func (t *trailing) administered(event string) models.Event {
	e := t.by(t.admin(), event, models.OutcomeOK)
	e.Target = &models.Target{Kind: "user", ID: t.crowd.ids[t.somebody()]}
	return e
}
