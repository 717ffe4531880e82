package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// contender is a row of a table: who is measured, and with what.
type contender struct {
	*process
	name, about string
	// logs tells whether it writes an access log.
	logs     bool
	cookie   string
	workload workload
	// says is a piece of the answer that proves that it is what is meant.
	says string
	// always looks for it in every answer, which costs the load generator much:
	// a refusal has status 200 too.
	always bool
}

// trial measures contenders against each other under one kind of load.
type trial struct {
	section     string // of the report
	workload    workload
	connections int
	contenders  []*contender
	// base names the contender to which ratios are taken.
	base    string
	results []result
	// goals holds the results against what we promise ourselves; nil for none.
	goals func(*trial) []goal
}

// of is the result of a contender.
func (t *trial) of(name string) *result {
	i := slices.IndexFunc(t.results, func(r result) bool { return r.contender.name == name })
	return &t.results[i]
}

// result is all samples of a contender.
type result struct {
	contender *contender
	samples   []sample
}

// interleave measures everybody in every round, each round beginning with the
// next one, so that what changes on the machine meanwhile meets all of them.
func (b *bench) interleave(ctx context.Context, t *trial) error {
	for _, c := range t.contenders {
		t.results = append(t.results, result{contender: c})
		if err := b.warm(ctx, c, t.connections); err != nil {
			return err
		}
	}
	b.trials = append(b.trials, t)
	for round := range b.rounds {
		for i := range t.results {
			r := &t.results[(round+i)%len(t.results)]
			s, err := b.load(ctx, r.contender, t.connections, b.duration)
			if err != nil {
				return err
			}
			r.samples = append(r.samples, s)
			fmt.Fprintf(os.Stderr, "%-12s %3d connections, round %d: %-12s %7.0f/s p50 %.2f ms p99 %.2f ms cpu %.0f us %d kB %d errors\n",
				r.contender.workload.name, t.connections, round+1, r.contender.name, s.PerSecond, s.P50/1000, s.P99/1000, s.Processor, s.Memory.Total, s.Errors)
		}
	}
	return nil
}

func (b *bench) warm(ctx context.Context, c *contender, connections int) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	_, err := b.load(ctx, c, connections, time.Second)
	return err
}
