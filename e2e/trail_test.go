package e2e

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// event is what the journeys look at in an event of the audit trail.
type event struct {
	ID, Event, Outcome, Operation string
	Permission, Rule, Reason      string
	Session                       string
	RequestID                     string `json:"request_id"`
	RunID                         string `json:"run_id"`
	Target                        struct{ Kind, ID, Location string }
	Actor                         struct{ Name string }
}

// isChange tells the records of the mutation that field makes.
func (e event) isChange(outcome string) bool {
	return e.Event == "dagster.mutation" && e.Operation == "addDynamicPartition" && e.Outcome == outcome
}

// trail reads the table "events", of which docs/operations.md tells.
func trail(t *testing.T, set settings) []event {
	t.Helper()
	driver, source := "pgx", set["DATABASE_URL"]
	if strings.HasPrefix(source, "sqlite:") {
		driver, source = "sqlite", set.file()
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT body FROM events ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var events []event
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			t.Fatal(err)
		}
		events = append(events, eventsIn(body)...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

// eventsIn finds the events among printed lines. A log line has no id, and the
// last line of who was killed may be cut off.
func eventsIn(printed string) []event {
	var events []event
	for line := range strings.Lines(printed) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err == nil && e.ID != "" && e.Event != "" {
			events = append(events, e)
		}
	}
	return events
}

// matrixTrail is what should stand on the trail after the matrix.
type matrixTrail struct{ asked []asked }

// asked is one request of the matrix.
type asked struct {
	request string // its id
	row     row
	place   place
	allowed bool
}

func (m *matrixTrail) note(a answer, r row, p place, allowed bool) {
	m.asked = append(m.asked, asked{a.Header.Get("X-Request-Id"), r, p, allowed})
}

// mustBeOnTrail holds that each mutation was recorded: allowed with two events,
// refused with one.
func (m *matrixTrail) mustBeOnTrail(t *testing.T, set settings) {
	byRequest := map[string][]event{}
	for _, e := range trail(t, set) {
		byRequest[e.RequestID] = append(byRequest[e.RequestID], e)
	}
	for _, a := range m.asked {
		if wrong := a.wrong(byRequest[a.request]); wrong != "" {
			t.Errorf("%s at %s, allowed %v: %s: %+v", a.row.name(), a.place.location, a.allowed, wrong, byRequest[a.request])
		}
	}
}

func (a asked) wrong(events []event) string {
	outcomes := map[string]int{}
	for _, e := range events {
		outcomes[e.Outcome]++
		if wrong := a.wrongIn(e); wrong != "" {
			return wrong
		}
	}
	before, after := outcomes["allowed"], outcomes["ok"]+outcomes["failed"]
	if a.allowed && (before == 0 || before != after || outcomes["refused"] > 0) {
		return "there should be two events for each change"
	}
	if !a.allowed && (outcomes["refused"] == 0 || before+after > 0) {
		return "there should be refusals and nothing else"
	}
	return ""
}

func (a asked) wrongIn(e event) string {
	launched := strings.HasPrefix(a.row.permission, "launch_pipeline")
	switch {
	case e.Event != "dagster.mutation" || e.Operation != a.row.name():
		return "another operation"
	case e.Permission != a.row.permission && a.row.name() != "resetSchedule": // which takes two
		return "the permission"
	case e.Session == "" || e.Actor.Name == "":
		return "who it was"
	case !a.row.deployment && (e.Target.Location != a.place.location || e.Target.Kind == ""):
		return "the target"
	case e.Rule == "" || a.allowed && e.Rule == "no grant":
		return "the rule"
	case e.Outcome == "refused" && e.Reason != "permission_missing":
		return "the reason"
	case e.Outcome == "ok" && launched && e.RunID == "":
		return "the run"
	}
	return ""
}
