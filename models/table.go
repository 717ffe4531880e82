package models

import (
	"encoding/csv"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Table writes rows for people who open them in a spreadsheet (RFC 4180). Each
// cell passes the one place that makes it harmless there.
type Table struct{ w *csv.Writer }

// NewTable begins a table with its columns; an error comes with the first row.
func NewTable(w io.Writer, columns []string) *Table {
	t := &Table{csv.NewWriter(w)}
	t.w.UseCRLF = true
	_ = t.w.Write(columns) // an error is kept, and told by every later call
	return t
}

// Row writes a row.
func (t *Table) Row(cells ...string) error {
	inner := make([]string, len(cells))
	for i, cell := range cells {
		inner[i] = inert(cell)
	}
	return t.w.Write(inner)
}

// End writes what is still kept back.
func (t *Table) End() error {
	t.w.Flush()
	return t.w.Error()
}

// inert keeps a spreadsheet from taking what somebody is called, or what their
// browser calls itself, for a formula, which could send the rest of the table
// away. Where a locale or a person has it part cells by something else than a
// comma, it does so within a cell of ours, whose quotes mean nothing to it then: so
// a formula may begin at any such place, and at a new line.
func inert(cell string) string {
	if first, size := utf8.DecodeRuneInString(cell); size > 0 && strings.ContainsRune("\t\r\n", first) {
		cell = "'" + cell
	}
	return formula.ReplaceAllString(cell, "$1'$2")
}

// formula is the beginning of one, behind the beginning of a cell.
var formula = regexp.MustCompile(`((?:^|[,;|\t\r\n])["'\s]*)([=+\-@＝＋－＠])`)

// Instant is a time as JSON has it; empty for none.
func Instant(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// RecordColumns are the columns of the trail as a table. Others may come behind
// them; these stay where they are.
func RecordColumns() []string {
	return []string{
		"seq", "time", "event", "outcome", "reason", "actor_kind", "actor_id", "actor_name", "on_behalf_of", "client_ip", "user_agent",
		"request_id", "session", "provider", "target_kind", "target_id", "location", "operation", "permission", "rule", "run_id", "count", "id", "hash",
	}
}

// Cells are the record as [RecordColumns] name them.
func (r Record) Cells() []string {
	e, to := r.Event, r.Event.DoneTo()
	return []string{
		strconv.FormatInt(r.Seq, 10), Instant(&e.Time), e.Event, e.Outcome, e.Reason, e.Actor.Kind, e.Actor.ID, e.Actor.Name, e.OnBehalfOf, e.ClientIP, e.UserAgent,
		e.RequestID, e.Session, e.Provider, to.Kind, to.ID, to.Location, e.Operation, e.Permission, e.Rule, e.RunID, strconv.Itoa(max(1, e.Count)), e.ID, r.Hash,
	}
}

// DoneTo is the target; zero where there is none.
func (e Event) DoneTo() Target {
	if e.Target == nil {
		return Target{}
	}
	return *e.Target
}
