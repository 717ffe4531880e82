package main

import "fmt"

// goal is a figure that we mean to keep.
type goal struct {
	What, Wanted, Reached string
	Kept                  bool
}

const (
	wantedRatio    = 1.8
	wantedMemory32 = 32 // MB resident, at 32 connections
	wantedMemory   = 75 // MB resident, at 500
	// wantedReading is what is left of the requests/s without reading.
	wantedReading = 0.9
	// wantedTrimming is the processor's time for an answer of 1 MB, in
	// milliseconds.
	wantedTrimming = 15
)

// besideOthers wants Dagpass to be faster than what Go programs usually do, and
// small.
func besideOthers(t *trial) []goal {
	ours := t.of("dagpass")
	load := fmt.Sprintf("%s, %d connections", t.workload.name, t.connections)
	ratio, _, _ := ours.ratio(t.of(t.base))
	most, wanted := ours.memory().Total, wantedMemory
	if t.connections == few {
		wanted = wantedMemory32
	}
	return []goal{
		{load + ": requests/s to plain", fmt.Sprintf("%.1f or more", wantedRatio), fmt.Sprintf("%.2f", ratio), ratio >= wantedRatio},
		{load + ": resident memory", fmt.Sprintf("%d MB or less", wanted), megabytes(most), most <= wanted<<10},
	}
}

// besideUnread wants reading what was seen before to cost a tenth at most.
func besideUnread(t *trial) []goal {
	ratio, _, _ := t.of("dagpass").ratio(t.of(t.base))
	return []goal{{
		"query, " + t.workload.name + ": requests/s to the same without reading", fmt.Sprintf("%.2f or more", wantedReading),
		fmt.Sprintf("%.2f", ratio), ratio >= wantedReading,
	}}
}

// besideAdmin wants trimming to be cheap: what it takes more than to pass the
// answer on.
func besideAdmin(t *trial) (all []goal) {
	for _, name := range []string{viewer, editor} {
		more := (t.of(name).median(processorTime) - t.of(t.base).median(processorTime)) / 1000
		all = append(all, goal{
			"permissions, 1 MB, trimmed for the " + name + ": CPU beyond passing them on", fmt.Sprintf("%d ms or less", wantedTrimming),
			fmt.Sprintf("%.1f ms", more), more <= wantedTrimming,
		})
	}
	return all
}
