package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	options
	// dir holds the binary, databases, configurations and logs.
	dir     string
	machine machine
	// cookie is the session that every request carries.
	cookie  string
	closers []func() error
	results []result
}

// result is all samples of a contender under one kind of load.
type result struct {
	connections int
	workload    workload
	contender   *contender
	samples     []sample
}

// connections are how many are kept busy at once.
var connections = []int{32, 500}

func newBench(o options) (*bench, error) {
	for _, tool := range []string{"wrk", "nginx"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, errors.New("wrk and nginx are missing; type: apt-get install -y --no-install-recommends wrk nginx-light")
		}
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, err
	}
	o.root = root
	dir, err := os.MkdirTemp("", "dagpass-bench-*")
	return &bench{options: o, dir: dir}, err
}

// measureAll builds, and measures with few connections first, for memory that
// was once used is given back slowly. Each number of connections meets
// processes that have just started.
func (b *bench) measureAll(ctx context.Context) error {
	if err := b.build(ctx); err != nil {
		return err
	}
	b.machine = describe(ctx, b.root)
	fmt.Fprintln(os.Stderr, "load average:", b.machine.load)
	for _, n := range connections {
		if err := b.measure(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measure(ctx context.Context, connections int) error {
	all, err := b.lineUp(ctx)
	defer b.end(all)
	if err != nil {
		return err
	}
	for _, w := range workloads {
		results, err := b.interleave(ctx, all, w, connections)
		if err != nil {
			return err
		}
		b.results = append(b.results, results...)
	}
	return nil
}

func (b *bench) end(all []*contender) {
	for _, c := range all {
		c.stop()
	}
	for _, closing := range b.closers {
		_ = closing()
	}
	b.closers = nil
}

// interleave measures everybody in every round, each round beginning with the
// next one, so that what changes on the machine meanwhile meets all of them.
func (b *bench) interleave(ctx context.Context, all []*contender, w workload, connections int) ([]result, error) {
	results := make([]result, len(all))
	for i, c := range all {
		results[i] = result{connections: connections, workload: w, contender: c}
		if err := b.warm(ctx, c, w, connections); err != nil {
			return nil, err
		}
	}
	for round := range b.rounds {
		for i := range all {
			r := &results[(round+i)%len(all)]
			s, err := b.load(ctx, r.contender, w, connections, b.duration)
			if err != nil {
				return nil, err
			}
			r.samples = append(r.samples, s)
			fmt.Fprintf(os.Stderr, "%-8s %3d connections, round %d: %-8s %7.0f/s p50 %.2f ms p99 %.2f ms cpu %.0f us %d kB %d errors\n",
				w.name, connections, round+1, r.contender.name, s.PerSecond, s.P50/1000, s.P99/1000, s.Processor, s.Memory.Total, s.Errors)
		}
	}
	return results, nil
}

func (b *bench) warm(ctx context.Context, c *contender, w workload, connections int) error {
	if err := b.check(c, w); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	_, err := b.load(ctx, c, w, connections, time.Second)
	return err
}
