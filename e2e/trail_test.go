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
	RequestID                     string `json:"request_id"`
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
