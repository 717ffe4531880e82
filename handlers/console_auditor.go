package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// review tells who has what, why, and since when.
func (s *Server) review(c echo.Context) error {
	v := s.reviewPage(c)
	if len(v.Wrong) > 0 {
		return s.show(c, http.StatusBadRequest, v)
	}
	f := v.Filter
	lines, next, err := s.Identity.Review(c.Request().Context(), identity.ReviewQuery{
		Text: f.Text, Role: policy.Role(f.Role), Permission: policy.Permission(f.Permission), After: f.After, Limit: onePage,
	})
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) { v.Wrong = wrong; return v, nil }, "")
	}
	for _, l := range lines {
		v.Lines = append(v.Lines, s.reviewed(l))
	}
	v.Next = next
	return s.show(c, http.StatusOK, v)
}

// reviewPage is the page without people, and what is wrong with its filter.
func (s *Server) reviewPage(c echo.Context) views.ConsoleReview {
	p := s.Identity.Policy()
	v := views.ConsoleReview{Console: s.console(c), Wrong: views.Wrong{}, Filter: views.ConsoleReviewFilter{
		Text: asked(c, "text"), Role: asked(c, "role"), Permission: asked(c, "permission"), After: asked(c, "after"),
	}}
	for _, role := range p.Roles() {
		v.Roles = append(v.Roles, string(role))
	}
	for _, perm := range policy.All() {
		v.Permissions = append(v.Permissions, views.PermissionChoice(string(perm)))
	}
	if v.Filter.Role != "" && !slices.Contains(v.Roles, v.Filter.Role) {
		v.Wrong["role"] = "There is no such role."
	}
	if v.Filter.Permission != "" && !slices.Contains(policy.All(), policy.Permission(v.Filter.Permission)) {
		v.Wrong["permission"] = "There is no such permission."
	}
	return v
}

func (s *Server) reviewed(r identity.Reviewed) views.ConsoleReviewed {
	v := views.ConsoleReviewed{
		ID: r.ID, Name: r.Name, Email: r.Email, Disabled: instant(r.DisabledAt), LastSignIn: instant(r.LastSignIn),
		Assigned: string(r.Assigned), AssignedAt: instant(r.AssignedAt), AssignedBy: r.AssignedBy,
	}
	for _, kind := range r.Factors {
		v.Factors = append(v.Factors, factorWord(kind))
	}
	for _, w := range r.Ways {
		way := views.ConsoleReviewedWay{
			Provider: s.wayIn(w.Slot), Subject: w.Subject, Since: instant(w.Since), LastUsed: instant(w.SignedInAt), Enters: w.Enters, Role: string(w.Role),
		}
		for _, rule := range w.Rules {
			made := w.Made[rule]
			way.Rules = append(way.Rules, views.ConsoleRule{
				Name: ruleName(rule), Text: s.Identity.Policy().Text(rule), Locations: w.Locations[rule], Since: made.At, By: made.By,
			})
		}
		v.Ways = append(v.Ways, way)
	}
	return v
}

func factorWord(kind models.FactorKind) string {
	if kind == models.FactorPasskey {
		return "Passkey"
	}
	return "Authenticator app"
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// exportReview is the whole review as a file, as the command line writes it too.
func (s *Server) exportReview(c echo.Context) error {
	p := s.Identity.Policy()
	said := func(rule string) string { return strings.TrimSpace(ruleName(rule) + " " + p.Text(rule)) }
	return s.table(c, "access-review", identity.ReviewColumns(), func(row func(...string) error) error {
		return s.Identity.AccessReview(c.Request().Context(), func(r identity.Reviewed) error {
			for _, cells := range r.Rows(said) {
				if err := row(cells...); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// privileged lists what changes who may do what, the newest first.
func (s *Server) privileged(c echo.Context) error {
	f, wrong, err := s.auditFilter(c)
	if err != nil {
		return err
	}
	before, bad := cursor(asked(c, "before"))
	if bad != nil {
		wrong["before"] = "There is no such page. Begin with the first one."
	}
	q := auditQuery(c)
	v := views.ConsolePrivileged{
		Console: s.console(c), Filter: views.ConsoleAuditFilter{Person: q.Person, Since: q.Since, Until: q.Until, Before: q.Before}, Kinds: privilegedKinds(),
	}
	if len(wrong) > 0 {
		v.Wrong = wrong
		return s.show(c, http.StatusBadRequest, v)
	}
	found, err := s.Identity.PrivilegedEvents(c.Request().Context(), f, before, onePage)
	if err != nil {
		return err
	}
	if v.Back = found.Back; found.Next > 0 {
		v.Older = strconv.FormatInt(found.Next, 10)
	}
	if v.Lines, err = s.eventLines(c, found.Records); err != nil {
		return err
	}
	return s.show(c, http.StatusOK, v)
}

func privilegedKinds() (all []views.ConsoleKind) {
	for _, k := range identity.PrivilegedKinds() {
		all = append(all, views.ConsoleKind{Name: cmp.Or(k.Event, string(k.Permission)), Why: k.Why})
	}
	return all
}

// failureRanges are the times that can be chosen by a word.
var failureRanges = map[string]time.Duration{"24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

// failures counts who could not prove who they are.
func (s *Server) failures(c echo.Context) error {
	q := auditQuery(c)
	v := views.ConsoleFailures{Console: s.console(c), Range: asked(c, "range"), Since: q.Since, Until: q.Until}
	since, until, wrong := s.failureTime(v)
	if len(wrong) > 0 {
		v.Wrong, v.Range = wrong, ""
		return s.show(c, http.StatusBadRequest, v)
	}
	if q.Since+q.Until == "" {
		v.Range = cmp.Or(v.Range, "24h")
	}
	f, err := s.Identity.Failures(c.Request().Context(), since, until)
	if err != nil {
		return err
	}
	v.From, v.To, v.Cut, v.Total, v.Others = f.Since, f.Until, f.Cut, f.Total, f.OtherAddresses
	v.Counts, v.Begins, v.Each = f.Counts, f.Begins, f.Each
	for _, r := range f.Reasons {
		v.Reasons = append(v.Reasons, views.ConsoleFailure{Reason: r.Reason, Slot: r.Provider, Provider: s.providerLabel(r.Provider), Count: r.Count, Last: r.Last})
	}
	for _, a := range f.Addresses {
		v.Addresses = append(v.Addresses, views.ConsoleFailure{Address: a.Address, Count: a.Count, Last: a.Last})
	}
	return s.show(c, http.StatusOK, v)
}

// providerLabel is what a provider is called; one that is gone goes by its name.
func (s *Server) providerLabel(slot string) string {
	if slot == "" {
		return ""
	}
	return s.wayIn(slot)
}

// failureTime is the time to count: a day where nothing is said.
func (s *Server) failureTime(v views.ConsoleFailures) (since, until time.Time, wrong views.Wrong) {
	var f models.Filter
	now := s.Now().UTC()
	wrong = auditTimes(views.ConsoleAuditFilter{Since: v.Since, Until: v.Until}, &f)
	length, known := failureRanges[cmp.Or(v.Range, "24h")]
	if !known {
		wrong[""] = "There is no such time to choose."
	}
	switch {
	case v.Since == "" && v.Until == "":
		return now.Add(-length), now, wrong
	case v.Until == "":
		f.Until = now
	case v.Since == "":
		f.Since = f.Until.Add(-length)
	}
	if len(wrong) == 0 && !f.Since.Before(f.Until) {
		wrong["since"] = "This is not before the end."
	}
	return f.Since, f.Until, wrong
}

// runShown is how many events of a run a page has.
const runShown = 500

// run tells everything about one.
func (s *Server) run(c echo.Context) error {
	v := views.ConsoleRun{Console: s.console(c), Run: strings.TrimSpace(asked(c, "run"))}
	if v.Run == "" {
		return s.show(c, http.StatusOK, v)
	}
	records, cut, err := s.Identity.RunTrail(c.Request().Context(), v.Run)
	if err != nil {
		return err
	}
	v.Deeds, v.Refused, v.Cut = runDeeds(v.Run, records), refusedIn(records), cut || len(records) > runShown
	v.Lines, err = s.eventLines(c, records[:min(len(records), runShown)])
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, v)
}

func refusedIn(records []models.Record) (n int) {
	for _, r := range records {
		if r.Event.Outcome == models.OutcomeRefused {
			n += max(1, r.Event.Count)
		}
	}
	return n
}

// runDeeds are what was done to a run: what came of each change, or that it was
// asked for where nobody told what came of it.
func runDeeds(run string, records []models.Record) (all []views.ConsoleDeed) {
	told := map[string]bool{}
	for _, r := range records {
		if e := r.Event; e.Outcome == models.OutcomeOK || e.Outcome == models.OutcomeFailed {
			told[e.RequestID+" "+e.Operation] = true
		}
	}
	for _, r := range records {
		e := r.Event
		about := e.RunID == run || e.DoneTo().Kind == "run" && e.DoneTo().ID == run
		if !about && e.RunID != "" || !strings.HasPrefix(e.Event, "dagster.") {
			continue
		}
		what, other := deedWords(run, e)
		switch {
		case e.Outcome == models.OutcomeOK:
		case e.Outcome == models.OutcomeAllowed && !told[e.RequestID+" "+e.Operation]:
			what += ", as far as is known,"
		case e.Outcome == models.OutcomeFailed:
			what = "Failed: " + what
		default:
			continue
		}
		d := views.ConsoleDeed{What: what, Who: cmp.Or(e.Actor.Name, e.Actor.ID, e.Actor.Kind), At: e.Time, Other: other}
		if e.Actor.Kind == "user" {
			d.ID = e.Actor.ID
		}
		all = append(all, d)
	}
	return all
}

// deedWords say what was done to a run, and which other run it made or was made
// from.
func deedWords(run string, e models.Event) (what, other string) {
	switch policy.Permission(e.Permission) {
	case policy.LaunchPipelineExecution:
		return "Launched", ""
	case policy.LaunchPipelineReexecution:
		if e.RunID != "" && e.RunID != run {
			return "Launched again, as another run,", e.RunID
		}
		if t := e.DoneTo(); t.Kind == "run" && t.ID != run {
			return "Launched, from another run,", t.ID
		}
		return "Launched again", ""
	case policy.TerminatePipeline:
		return "Stopped", ""
	case policy.DeletePipelineRun:
		return "Deleted", ""
	}
	return cmp.Or(e.Operation, e.Event), ""
}

// tail is the page that follows the trail. It holds the token with which its
// script asks for more: byHand stands before it, so that no other script reads it.
func (s *Server) tail(c echo.Context) error {
	f, wrong, err := s.auditFilter(c)
	if err != nil {
		return err
	}
	v := views.ConsoleTail{Console: s.console(c), Filter: auditQuery(c), Events: eventNames}
	if len(wrong) > 0 {
		v.Wrong = wrong
		return s.show(c, http.StatusBadRequest, v)
	}
	t, err := s.Identity.OpenTail(c.Request().Context(), f)
	if err != nil {
		return err
	}
	if v.Lines, err = s.eventLines(c, t.Records); err != nil {
		return err
	}
	v.Last, v.Token = t.Last, t.Token.Reveal()
	return s.show(c, http.StatusOK, v)
}

// following is what the script is told.
type following struct {
	Events string `json:"events"` // lines, as the page has them
	Count  int    `json:"count"`
	More   bool   `json:"more"`
	Last   int64  `json:"last"`
	Token  string `json:"token"`
}

// followTail tells the page's script what happened since.
func (s *Server) followTail(c echo.Context) error {
	var said struct {
		Token string `json:"token"`
		After int64  `json:"after"`
	}
	if err := json.Unmarshal(answered(c), &said); err != nil {
		return errBody.Because(err)
	}
	t, err := s.Identity.FollowTail(c.Request().Context(), models.Secret(said.Token), said.After)
	if err != nil {
		return err
	}
	lines, err := s.eventLines(c, t.Records)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := views.EventLines(s.console(c), lines).Render(c.Request().Context(), &b); err != nil {
		return err
	}
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, following{b.String(), len(lines), t.More, t.Last, t.Token.Reveal()})
	return nil
}
