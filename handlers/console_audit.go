package handlers

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// audit lists the trail, the newest event first.
func (s *Server) audit(c echo.Context) error {
	f, wrong, err := s.auditFilter(c)
	if err != nil {
		return err
	}
	before, err := cursor(asked(c, "before"))
	if err != nil {
		wrong["before"] = "There is no such page. Begin with the first one."
	}
	if len(wrong) > 0 {
		return s.wrongFilter(c, wrong)
	}
	found, err := s.Identity.SearchEvents(c.Request().Context(), f, before, onePage)
	if err != nil {
		return err
	}
	v := s.auditPage(c)
	if v.Lines, err = s.eventLines(c, found.Records); err != nil {
		return err
	}
	if v.Back = found.Back; found.Next > 0 {
		v.Older = strconv.FormatInt(found.Next, 10)
	}
	return s.show(c, http.StatusOK, v)
}

func (s *Server) auditPage(c echo.Context) views.ConsoleAudit {
	return views.ConsoleAudit{Console: s.console(c), Filter: auditQuery(c), Events: eventNames}
}

// wrongFilter shows the page without events: none fits what cannot be understood.
func (s *Server) wrongFilter(c echo.Context, wrong views.Wrong) error {
	v := s.auditPage(c)
	v.Wrong = wrong
	return s.show(c, http.StatusBadRequest, v)
}

// eventNames are those to choose from: what admins ask for.
var eventNames = []string{
	"signin.*", "signin.finish", "signout.finish", "session.*", "session.revoke", "session.confirm",
	"user.*", "user.add", "user.set_role", "user.disable", "user.enable", "user.delete", "user.link", "user.merge", "user.export",
	"policy.*", "policy.grant", "policy.revoke",
	"mfa.*", "mfa.enrol", "mfa.remove", "mfa.reset", "identity.*", "provider.test", "setup.*", "audit.*", "dagster.*",
}

func auditQuery(c echo.Context) views.ConsoleAuditFilter {
	q := func(name string) string { return strings.TrimSpace(asked(c, name)) }
	return views.ConsoleAuditFilter{
		Person: q("person"), Event: q("event"), Outcome: q("outcome"), Target: q("target"), Location: q("location"), Run: q("run"),
		Request: q("request"), Reason: q("reason"), Provider: q("provider"), Address: q("address"), Since: q("since"), Until: q("until"), Before: q("before"),
	}
}

const badTime = "This is no time: write 2026-11-21 or 2026-11-21T09:10, in UTC."

var (
	eventName = regexp.MustCompile(`^[a-zA-Z_]+\.([a-zA-Z_]+|\*)$`)
	outcomes  = []string{"", models.OutcomeOK, models.OutcomeAllowed, models.OutcomeRefused, models.OutcomeFailed}
)

// auditFilter reads what was typed, and says what of it cannot be understood: an
// auditor who mistypes must not read that nothing happened.
func (s *Server) auditFilter(c echo.Context) (f models.Filter, wrong views.Wrong, err error) {
	q := auditQuery(c)
	f = models.Filter{Event: q.Event, Outcome: q.Outcome, Target: q.Target, Location: q.Location, Run: q.Run, Request: q.Request, Reason: q.Reason, Provider: q.Provider, Address: q.Address}
	wrong = auditTimes(q, &f)
	if q.Event != "" && !eventName.MatchString(q.Event) {
		wrong["event"] = "An event is called like user.disable, and all of a kind like user.*"
	}
	if !slices.Contains(outcomes, q.Outcome) {
		wrong["outcome"] = "There is no such outcome."
	}
	var known bool
	if f.Person, known, err = s.actor(c, q.Person); !known {
		wrong["person"] = "Several people are called that. Begin at the page of the one you mean."
	}
	return f, wrong, err
}

// actor is the id of whoever goes by a name, an address or an id. Who has no
// account any more is looked for as typed.
func (s *Server) actor(c echo.Context, who string) (id string, known bool, err error) {
	if who == "" {
		return "", true, nil
	}
	found, err := s.Identity.Users(c.Request().Context(), who)
	if len(found) == 1 {
		who = found[0].ID
	}
	return who, len(found) <= 1, err
}

// auditTimes reads the times of a filter, and says what is wrong with them.
func auditTimes(q views.ConsoleAuditFilter, f *models.Filter) views.Wrong {
	wrong, ok := views.Wrong{}, false
	if f.Since, ok = parseTime(q.Since, 0); !ok {
		wrong["since"] = badTime
	}
	if f.Until, ok = parseTime(q.Until, 24*time.Hour); !ok {
		wrong["until"] = badTime
	}
	if len(wrong) == 0 && q.Until != "" && !f.Since.Before(f.Until) {
		wrong["until"] = "This is not after the beginning."
	}
	return wrong
}

// parseTime reads an instant as a browser's field or RFC 3339 has it, in UTC
// where it names no zone. A day alone is its beginning, or with day its end.
func parseTime(text string, day time.Duration) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.Add(day), t.Year() > 0
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), t.Year() > 0
		}
	}
	return time.Time{}, false
}

// cursor reads the number of an event; empty is zero.
func cursor(text string) (int64, error) {
	n, err := strconv.ParseUint(cmp.Or(text, "0"), 10, 63)
	return int64(n), err
}

// exportAudit is the trail as a file, the oldest event first.
func (s *Server) exportAudit(c echo.Context) error {
	f, wrong, err := s.auditFilter(c)
	switch {
	case err != nil:
		return err
	case len(wrong) > 0:
		return s.wrongFilter(c, wrong)
	}
	switch asked(c, "format") {
	case "csv", "":
		return s.auditTable(c, f)
	case "jsonl":
		return s.auditLines(c, f)
	}
	return models.ErrNotFound
}

// auditTable sends the trail as a table, as the command line writes it too.
func (s *Server) auditTable(c echo.Context, f models.Filter) error {
	return s.table(c, "audit", models.RecordColumns(), func(row func(...string) error) error {
		return s.Identity.ExportEvents(c.Request().Context(), f, func(r models.Record) error { return row(r.Cells()...) })
	})
}

// auditLines sends the trail as JSON Lines: each event as it is kept, to the byte
// that its hash covers.
func (s *Server) auditLines(c echo.Context, f models.Filter) error {
	return s.download(c, "audit.jsonl", "application/jsonl", func(w io.Writer) error {
		return s.Identity.ExportEvents(c.Request().Context(), f, func(r models.Record) error {
			_, err := fmt.Fprintf(w, "{\"seq\":%d,\"hash\":%q,\"event\":%s}\n", r.Seq, r.Hash, r.Body)
			return err
		})
	})
}

// eventLines are events as a page shows them.
func (s *Server) eventLines(c echo.Context, records []models.Record) ([]views.ConsoleEvent, error) {
	var ids []string
	for _, r := range records {
		if t := r.Event.DoneTo(); t.Kind == "user" {
			ids = append(ids, t.ID)
		}
	}
	names, err := s.Identity.Names(c.Request().Context(), ids)
	all := make([]views.ConsoleEvent, len(records))
	for i, r := range records {
		all[i] = eventLine(r, names)
	}
	return all, err
}

// eventLine is one, with the names that people have now.
func eventLine(r models.Record, names map[string]string) views.ConsoleEvent {
	e, t := r.Event, r.Event.DoneTo()
	v := views.ConsoleEvent{
		Seq: r.Seq, Time: e.Time, Event: e.Event, Outcome: e.Outcome, Reason: e.Reason, Actor: cmp.Or(e.Actor.Name, e.Actor.ID, e.Actor.Kind),
		Target: worded(t.Kind, t.ID), Count: e.Count, Run: e.RunID, Request: e.RequestID, Details: facts(r),
	}
	if strings.HasPrefix(e.Event, "dagster.") {
		v.Operation = e.Operation
	}
	if t.Kind == "run" {
		v.Run = cmp.Or(e.RunID, t.ID)
	}
	if e.Actor.Kind == "user" {
		v.ActorID = e.Actor.ID
	}
	if name := names[t.ID]; name != "" && t.Kind == "user" {
		v.Target, v.TargetID = name, t.ID
	}
	if t.Location != "" {
		v.Target = worded(v.Target, "at", t.Location)
	}
	return v
}

// facts are all that an event says, in the order of its JSON.
func facts(r models.Record) (all []views.ConsoleFact) {
	e, t := r.Event, r.Event.DoneTo()
	for _, f := range []views.ConsoleFact{
		{Name: "Event", Value: e.Event},
		{Name: "Outcome", Value: e.Outcome},
		{Name: "Reason", Value: e.Reason},
		{Name: "Time", Value: e.Time.UTC().Format(time.RFC3339Nano)},
		{Name: "Who", Value: worded(e.Actor.Kind, e.Actor.Name, e.Actor.ID)},
		{Name: "On behalf of", Value: e.OnBehalfOf},
		{Name: "Target", Value: worded(t.Kind, t.ID)},
		{Name: "Code location", Value: t.Location},
		{Name: "Run", Value: e.RunID},
		{Name: "Provider", Value: e.Provider},
		{Name: "Operation", Value: e.Operation},
		{Name: "Permission", Value: e.Permission},
		{Name: "Rule", Value: e.Rule},
		{Name: "Address", Value: e.ClientIP},
		{Name: "Browser", Value: e.UserAgent},
		{Name: "Session", Value: e.Session},
		{Name: "Request", Value: e.RequestID},
		{Name: "Number", Value: strconv.FormatInt(r.Seq, 10)},
		{Name: "Hash", Value: r.Hash},
	} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	return all
}

// worded puts a blank between the parts that say something.
func worded(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}
