package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed report.md
var reportText string

// report is what the template shows.
type report struct {
	Date, Commit, Hardware, System, Programs, Load, LoadAfter string
	Log                                                       string
	Rounds                                                    int
	Duration                                                  time.Duration
	Goals                                                     []goal
	// Tables are by section.
	Tables  map[string][]table
	Streams []streamRow
	// Console has what was measured of the console on each database.
	Console []consoleTable
}

type table struct {
	Title, Base string
	Rows        []row
}

type row struct {
	Name, About, PerSecond, Ratio, P50, P99, Processor, Memory, File, Log string
	Errors                                                                int
}

func (b *bench) write() error {
	r := report{
		Date: time.Now().Format(time.DateOnly), Commit: b.machine.commit, Hardware: b.machine.hardware, System: b.machine.system,
		Programs: b.machine.programs, Load: b.machine.load, LoadAfter: loadAverage(), Log: b.log, Rounds: b.rounds, Duration: b.duration,
		Tables: map[string][]table{}, Streams: b.streamRows(),
	}
	for _, t := range b.trials {
		r.Tables[t.section] = append(r.Tables[t.section], t.table())
		if t.goals != nil {
			r.Goals = append(r.Goals, t.goals(t)...)
		}
	}
	r.Console = b.consoleTables()
	return b.publish(r)
}

// publish writes the report; where the console alone was measured, its section in
// the report that is there.
func (b *bench) publish(r report) error {
	templates := template.Must(template.New("report").Parse(reportText))
	var whole, console strings.Builder
	if err := errors.Join(templates.Execute(&whole, r), templates.ExecuteTemplate(&console, "console", r)); err != nil {
		return err
	}
	file := filepath.Join(b.root, b.out)
	switch {
	case b.out == "-" && b.only == "console":
		fmt.Print(console.String())
		return nil
	case b.out == "-":
		fmt.Print(whole.String())
		return nil
	case b.only == "":
		return os.WriteFile(file, []byte(whole.String()), 0o644)
	}
	former, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := withConsole(string(former), console.String())
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// These stand around the section about the console, which is measured by itself
// more often than all else.
const (
	consoleBegins = "<!-- console -->"
	consoleEnds   = "<!-- /console -->"
)

// withConsole puts a section about the console in the place of the one that is
// there.
func withConsole(report, console string) (string, error) {
	before, rest, begins := strings.Cut(report, consoleBegins)
	_, after, ends := strings.Cut(rest, consoleEnds)
	if !begins || !ends {
		return "", errors.New("the report has no section about the console; measure everything once")
	}
	return before + strings.TrimSpace(console) + after, nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (t *trial) table() table {
	all := table{Title: fmt.Sprintf("%s, %d connections", t.workload.about, t.connections), Base: t.base}
	for _, r := range t.results {
		all.Rows = append(all.Rows, r.row(t.of(t.base)))
	}
	return all
}

func (r *result) row(base *result) row {
	median, low, high := r.ratio(base)
	errors, most := 0, r.memory()
	for _, s := range r.samples {
		errors += s.Errors
	}
	return row{
		Name: r.contender.name, About: r.contender.about, Log: yes(r.contender.logs), PerSecond: fmt.Sprintf("%.0f", r.median(perSecond)),
		Ratio: fmt.Sprintf("**%.2f** (%.2f–%.2f)", median, low, high),
		P50:   milliseconds(r.median(p50)), P99: milliseconds(r.median(p99)),
		Processor: short(r.median(processorTime)),
		Memory:    megabytes(most.Total), File: megabytes(most.File), Errors: errors,
	}
}

// ratio compares with another contender round by round: the median of the
// ratios, the lowest and the highest.
func (r *result) ratio(base *result) (median, low, high float64) {
	ratios := make([]float64, len(r.samples))
	for i, s := range r.samples {
		ratios[i] = s.PerSecond / base.samples[i].PerSecond
	}
	return medianOf(ratios), slices.Min(ratios), slices.Max(ratios)
}

func perSecond(s sample) float64 { return s.PerSecond }
func p50(s sample) float64       { return s.P50 }
func p99(s sample) float64       { return s.P99 }

func processorTime(s sample) float64 { return s.Processor }

func (r *result) median(of func(sample) float64) float64 {
	values := make([]float64, len(r.samples))
	for i, s := range r.samples {
		values[i] = of(s)
	}
	return medianOf(values)
}

// memory is the most that was resident in any round.
func (r *result) memory() (most memory) {
	for _, s := range r.samples {
		if s.Memory.Total > most.Total {
			most = s.Memory
		}
	}
	return most
}

// megabytes are of 1024 kB.
func megabytes(kB int) string { return fmt.Sprintf("%.1f MB", float64(kB)/1024) }

// medianOf is the middle value; of an even number of values, the upper one of
// the two in the middle.
func medianOf(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func milliseconds(us float64) string { return fmt.Sprintf("%.2f ms", us/1000) }

// short is in microseconds, and in milliseconds where those would have five
// digits.
func short(us float64) string {
	if us < 10_000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return milliseconds(us)
}

// streamRow is a row of the table about sockets.
type streamRow struct{ Name, PerSecond, P50, AddedP50, P99, AddedP99, Processor, Share string }

// streamRows compare with the first one, which is the upstream itself, round by
// round.
func (b *bench) streamRows() (all []streamRow) {
	for _, l := range b.streams {
		median := func(of func(mine, direct heard) float64) float64 {
			values := make([]float64, len(l.samples))
			for i := range values {
				values[i] = of(l.samples[i], b.streams[0].samples[i])
			}
			return medianOf(values)
		}
		rate, cpu := median(func(h, _ heard) float64 { return h.PerSecond }), median(func(h, _ heard) float64 { return h.Processor })
		all = append(all, streamRow{
			Name: l.contender.name, PerSecond: fmt.Sprintf("%.0f", rate), Processor: short(cpu), Share: fmt.Sprintf("%.1f %%", rate*cpu/1e4),
			P50: short(median(func(h, _ heard) float64 { return h.P50 })), AddedP50: short(median(func(h, d heard) float64 { return h.P50 - d.P50 })),
			P99: short(median(func(h, _ heard) float64 { return h.P99 })), AddedP99: short(median(func(h, d heard) float64 { return h.P99 - d.P99 })),
		})
	}
	return all
}
