package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// bench is one run of the benchmark.
type bench struct {
	options
	// dir holds the binaries, databases, configurations and logs.
	dir     string
	machine machine
	closers []func() error
	trials  []*trial
	streams []*listening
	shown   []*shown
}

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

// measureAll builds, and measures section by section.
func (b *bench) measureAll(ctx context.Context) error {
	if err := b.build(ctx, "dagpass"); err != nil {
		return err
	}
	if b.only == "" || b.only == "reading" {
		if err := b.buildUnread(ctx); err != nil {
			return err
		}
	}
	b.machine = describe(ctx, b.root)
	fmt.Fprintln(os.Stderr, "load average:", b.machine.load)
	for _, s := range sections {
		if b.only != "" && b.only != s.name {
			continue
		}
		if err := b.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (b *bench) run(ctx context.Context, s section) error {
	defer b.end()
	l, err := b.lineUp(ctx, s.parts)
	if err != nil {
		return err
	}
	return s.measure(b, ctx, l)
}

// end stops what was started, the last first.
func (b *bench) end() {
	for _, closing := range slices.Backward(b.closers) {
		_ = closing()
	}
	b.closers = nil
}
