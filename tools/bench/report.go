package main

import (
	_ "embed"
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
	Contenders                                                []row
	Tables                                                    []table
	Goals                                                     []goal
}

type table struct {
	Title string
	Rows  []row
}

type row struct {
	Name, About, PerSecond, Ratio, P50, P99, Processor, Memory, File, Log string
	Errors                                                                int
}

// goal is a figure that we mean to keep.
type goal struct {
	What, Wanted, Reached string
	Kept                  bool
}

const (
	wantedRatio    = 1.8
	wantedMemory32 = 32 // MB resident, at 32 connections
	wantedMemory   = 75 // MB resident, at 500
)

func (b *bench) write() error {
	r := report{
		Date: time.Now().Format(time.DateOnly), Commit: b.machine.commit, Hardware: b.machine.hardware, System: b.machine.system,
		Programs: b.machine.programs, Load: b.machine.load, LoadAfter: loadAverage(), Log: b.log, Rounds: b.rounds, Duration: b.duration,
		Tables: b.tables(), Goals: b.goals(),
	}
	for _, one := range b.results[:contenders] {
		r.Contenders = append(r.Contenders, row{Name: one.contender.name, About: one.contender.about, Log: yes(one.contender.logs)})
	}
	var text strings.Builder
	if err := template.Must(template.New("report").Parse(reportText)).Execute(&text, r); err != nil {
		return err
	}
	if b.out == "-" {
		fmt.Print(text.String())
		return nil
	}
	return os.WriteFile(filepath.Join(b.root, b.out), []byte(text.String()), 0o644)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// tables makes one for each kind of load; results stand in this order.
func (b *bench) tables() (all []table) {
	for results := range slices.Chunk(b.results, contenders) {
		first := results[0]
		t := table{Title: fmt.Sprintf("%s, %d connections", first.workload.about, first.connections)}
		for _, r := range results {
			t.Rows = append(t.Rows, r.row(results[thePlain]))
		}
		all = append(all, t)
	}
	return all
}

func (r *result) row(plain result) row {
	median, low, high := r.ratio(plain)
	errors, most := 0, r.memory()
	for _, s := range r.samples {
		errors += s.Errors
	}
	return row{
		Name: r.contender.name, PerSecond: fmt.Sprintf("%.0f", r.median(perSecond)),
		Ratio: fmt.Sprintf("**%.2f** (%.2f–%.2f)", median, low, high),
		P50:   milliseconds(r.median(p50)), P99: milliseconds(r.median(p99)),
		Processor: fmt.Sprintf("%.0f µs", r.median(processorTime)),
		Memory:    megabytes(most.Total), File: megabytes(most.File), Errors: errors,
	}
}

// ratio compares with the plain proxy round by round: the median of the
// ratios, the lowest and the highest.
func (r *result) ratio(plain result) (median, low, high float64) {
	ratios := make([]float64, len(r.samples))
	for i, s := range r.samples {
		ratios[i] = s.PerSecond / plain.samples[i].PerSecond
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

// goals holds our own figures against what we promise ourselves.
func (b *bench) goals() (all []goal) {
	for results := range slices.Chunk(b.results, contenders) {
		plain, ours := results[thePlain], results[theOurs]
		load := fmt.Sprintf("%s, %d connections", ours.workload.name, ours.connections)
		ratio, _, _ := ours.ratio(plain)
		most, wanted := ours.memory().Total, wantedMemory
		if ours.connections == connections[0] {
			wanted = wantedMemory32
		}
		all = append(
			all,
			goal{load + ": requests/s to plain", fmt.Sprintf("%.1f or more", wantedRatio), fmt.Sprintf("%.2f", ratio), ratio >= wantedRatio},
			goal{load + ": resident memory", fmt.Sprintf("%d MB or less", wanted), megabytes(most), most <= wanted<<10},
		)
	}
	return all
}
