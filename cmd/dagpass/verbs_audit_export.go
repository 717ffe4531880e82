package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

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
	rows := models.NewTable(w, models.RecordColumns())
	return func(r models.Record) error { return rows.Row(r.Cells()...) }, rows.End
}
