package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A child is a command that we start in front of which we serve: Dagster for
// wrap and demo, pip for the demo's first run.
//
// It has a process group of its own. A terminal's Ctrl-C therefore reaches us
// alone, and the group gets it from us exactly once: dagster dev gives up its
// orderly end when it is interrupted twice. What the child leaves behind in its
// group ends with it, and all of the group ends when we do, even by SIGKILL: a
// webserver that outlived us would answer on its port to everybody on the
// machine. A process that leaves the group on purpose (setsid) is not followed.
//
// Being in the background of the terminal, a child that reads from the terminal
// is stopped by it; Dagster does not, and a pipe or file is handed through.
type child struct {
	cmd      *exec.Cmd
	guard    *guard
	patience time.Duration // how long it may take to end when we end it
}

const (
	// endWithin is how long a child may take to end when we end it: dagster dev
	// needs two to eight seconds, and sometimes does not notice.
	endWithin = 10 * time.Second
	// leaveWithin is how long those may take whom the child left behind. In a
	// container nobody may bury the dead, and then all of it passes.
	leaveWithin = time.Second
	// pipesWithin is how long output may still come from them, where it is not
	// a file and has to be copied.
	pipesWithin = time.Second
)

// startChild starts cmd under a guard.
func startChild(cmd *exec.Cmd) (*child, error) {
	g, err := startGuard()
	if err != nil {
		return nil, fmt.Errorf("cannot watch over %s: %w", cmd.Args[0], err)
	}
	g.join(cmd)
	cmd.WaitDelay = pipesWithin
	if err := cmd.Start(); err != nil {
		g.dismiss()
		return nil, err
	}
	return &child{cmd: cmd, guard: g, patience: endWithin}, nil
}

// tend waits for the child and hands it the signals that we get meanwhile; how
// long it takes to obey them is its own affair. When over is closed the child is
// ended. The status is the one a shell would show: 128 + n for signal n.
func (c *child) tend(signals <-chan os.Signal, over <-chan struct{}) int {
	exited := make(chan int, 1)
	go func() { exited <- c.wait() }()
	var late <-chan time.Time
	for {
		select {
		case status := <-exited:
			return status
		case s := <-signals:
			signalGroup(c.guard.group(), s.(syscall.Signal))
		case <-over:
			over, late = nil, time.After(c.patience)
			signalGroup(c.guard.group(), syscall.SIGTERM)
		case <-late:
			signalGroup(c.guard.group(), syscall.SIGKILL)
		}
	}
}

// wait ends what the child leaves behind before it tells the status.
func (c *child) wait() int {
	// The error repeats the status, or says that output was cut off because
	// somebody left behind still held it.
	_ = c.cmd.Wait()
	c.endGroup()
	return exitStatus(c.cmd.ProcessState)
}

// endGroup asks who is left to end, and then makes them.
func (c *child) endGroup() {
	group := c.guard.group()
	signalGroup(group, syscall.SIGTERM)
	c.guard.dismiss()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(leaveWithin); !isGone(group); {
		select {
		case <-tick.C:
		case <-late:
			signalGroup(group, syscall.SIGKILL)
			return
		}
	}
}

// cannotStart says why, and ends as a shell does: 127 for a command that is not
// there, 126 for one that may not be run.
func cannotStart(cmd *exec.Cmd, err error, io stdio) error {
	fmt.Fprintf(io.Err, "dagpass: cannot start %s: %s\n", cmd.Args[0], err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return exitError{127}
	}
	return exitError{126}
}

// serveAround serves, starts cmd once we listen, and calls up then. When the
// child ends we stop serving and end as it did; when we stop serving, because
// ctx ends or something fails, the child is not started, or is ended.
func serveAround(ctx context.Context, cfg Config, io stdio, cmd *exec.Cmd, signals <-chan os.Signal, up func(context.Context)) error {
	if cmd.Err != nil {
		return cannotStart(cmd, cmd.Err, io)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	listening, over := make(chan struct{}), make(chan struct{})
	var served error
	go func() {
		defer close(over)
		served = serveWith(ctx, cfg, io, func(net.Addr) { close(listening) })
	}()
	var ended error
	select {
	case <-over:
	case s := <-signals:
		ended = exitError{128 + int(s.(syscall.Signal))} // there was no child yet to have it
	case <-listening:
		ended = runBeside(ctx, cmd, io, signals, over, up)
	}
	stop()
	<-over
	return cmp.Or(served, ended) // of two ends, ours is the one to explain
}

// runBeside runs the child to its end.
func runBeside(ctx context.Context, cmd *exec.Cmd, io stdio, signals <-chan os.Signal, over <-chan struct{}, up func(context.Context)) error {
	c, err := startChild(cmd)
	if err != nil {
		return cannotStart(cmd, err, io)
	}
	go up(ctx)
	if status := c.tend(signals, over); status != 0 {
		return exitError{status}
	}
	return nil
}

// freePort finds a port of 127.0.0.1 that nobody listens on. Between this and
// the child's own listening somebody else may take it; the child then fails.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return port(l.Addr()), nil
}

// without drops the variables whose names begin with one of the prefixes.
func without(environ []string, prefixes ...string) []string {
	var kept []string
	for _, entry := range environ {
		if !hasAnyPrefix(entry, prefixes) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
