package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

type auditExportVerb struct {
	auditFilter
	Format string `help:"csv or jsonl." enum:"csv,jsonl" required:""`
	Out    string `help:"Where it goes; it must not exist. Without it, standard output." placeholder:"FILE"`
}

// Run writes all events that are meant, the oldest first.
func (v auditExportVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.onTrail(ctx, env, io, func(ctx context.Context, s *identity.Service, f models.Filter) error {
		return into(v.Out, io.Out, func(w *bufio.Writer) error {
			write, done := recordWriter(v.Format, w)
			return errors.Join(s.ExportEvents(ctx, f, write), done())
		})
	})
}

// into has something written to a file that is not there yet, mode 0600, or to
// standard output. Of what fails no file is left that could pass for the whole.
func into(path string, out io.Writer, write func(*bufio.Writer) error) error {
	if path == "" {
		return flushed(out, write)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(flushed(f, write), f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

func flushed(out io.Writer, write func(*bufio.Writer) error) error {
	w := bufio.NewWriterSize(out, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// recordWriter writes one event after the other; done comes last.
func recordWriter(format string, w io.Writer) (write func(models.Record) error, done func() error) {
	if format == "jsonl" {
		lines := json.NewEncoder(w)
		return func(r models.Record) error { return lines.Encode(lineOfRecord(r)) }, func() error { return nil }
	}
	rows := newCSV(w, recordColumns)
	return func(r models.Record) error { return rows.write(recordRow(r)) }, rows.done
}

// recordColumns are the columns of the CSV. Others may come behind them; these
// stay where they are.
var recordColumns = []string{
	"seq", "time", "event", "outcome", "reason", "actor_kind", "actor_id", "actor_name", "on_behalf_of", "client_ip", "user_agent",
	"request_id", "session", "provider", "target_kind", "target_id", "location", "operation", "permission", "rule", "run_id", "count", "id", "hash",
}

func recordRow(r models.Record) []string {
	e, target := r.Event, targetOf(r.Event)
	return []string{
		strconv.FormatInt(r.Seq, 10), instant(&e.Time), e.Event, e.Outcome, e.Reason, e.Actor.Kind, e.Actor.ID, e.Actor.Name, e.OnBehalfOf, e.ClientIP, e.UserAgent,
		e.RequestID, e.Session, e.Provider, target.Kind, target.ID, target.Location, e.Operation, e.Permission, e.Rule, e.RunID, strconv.Itoa(max(1, e.Count)), e.ID, r.Hash,
	}
}

// instant is a time as JSON has it; empty for none.
func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// csvWriter writes tables as of RFC 4180, for people who open them in a
// spreadsheet.
type csvWriter struct{ *csv.Writer }

func newCSV(w io.Writer, columns []string) csvWriter {
	c := csvWriter{csv.NewWriter(w)}
	c.UseCRLF = true
	_ = c.Write(columns) // an error is kept, and told by every later call
	return c
}

func (c csvWriter) write(cells []string) error {
	for i, cell := range cells {
		cells[i] = inert(cell)
	}
	return c.Write(cells)
}

func (c csvWriter) done() error {
	c.Flush()
	return c.Error()
}

// inert keeps a spreadsheet from taking what somebody is called, or what their
// browser calls itself, for a formula, which could send the rest of the table
// away.
func inert(cell string) string {
	if first, size := utf8.DecodeRuneInString(cell); size > 0 && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
