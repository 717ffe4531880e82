package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dagpass/dagpass/identity"
)

// policyFile keeps what the policy file says. A file is polled, because Kubernetes
// swaps a symlink that no watcher follows, and read again on SIGHUP; a bad one
// keeps the last good one and says so.
type policyFile struct {
	cfg Config
	log *slog.Logger
	now atomic.Pointer[[]byte] // the last good content
	// recompose puts in force what it says.
	recompose func(context.Context) error
	// seen is the content as last read, taken the one that was judged last.
	seen, taken []byte
	fault       string // of the last reading
}

// pollEvery bounds, together with the cache of sessions, how soon a changed
// policy bites: two readings and two seconds of cache stay within five.
const pollEvery = time.Second

func newPolicyFile(cfg Config, log *slog.Logger) *policyFile {
	content := []byte(cfg.Policy)
	f := &policyFile{cfg: cfg, log: log, seen: content, taken: content}
	f.now.Store(&content)
	return f
}

func (f *policyFile) current() []byte { return *f.now.Load() }

// watch reads the file again and again until ctx ends. Without a file there is
// nothing to read; SIGHUP is taken all the same, for it would end the program.
func (f *policyFile) watch(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			f.taken, f.fault = nil, "" // judged and told again, changed or not
		case <-tick.C:
		}
		f.read(ctx)
	}
}

// read takes a changed file when it has been read the same twice, so that none
// is taken while it is being written.
func (f *policyFile) read(ctx context.Context) {
	if f.cfg.PolicyPath == "" {
		return
	}
	content, err := f.content()
	switch {
	case err != nil:
		if f.fault != err.Error() { // said once, not every second
			f.log.Error("policy file not read; the last good one stays", "path", f.cfg.PolicyPath, "error", err)
		}
		f.fault, f.seen = err.Error(), nil
	case !bytes.Equal(content, f.seen):
		f.seen, f.fault = content, ""
	case !bytes.Equal(content, f.taken):
		f.taken = content
		f.replace(ctx, content)
	}
}

var errEmptyPolicy = errors.New("the file is empty")

func (f *policyFile) content() ([]byte, error) {
	content, err := os.ReadFile(f.cfg.PolicyPath)
	if content = bytes.TrimRight(content, "\r\n"); err == nil && len(content) == 0 {
		err = errEmptyPolicy
	}
	return content, err
}

func (f *policyFile) replace(ctx context.Context, content []byte) {
	last := f.now.Swap(&content)
	if err := f.recompose(ctx); err != nil {
		f.now.Store(last)
		f.refused(content, err)
		return
	}
	f.fault = ""
	f.log.Info("policy file read", "path", f.cfg.PolicyPath)
}

// refused says once why a content is not taken. What is right by itself is tried
// again: the database did not answer, or what was changed in the console is
// against it and may be cleared.
func (f *policyFile) refused(content []byte, err error) {
	if f.fault != err.Error() {
		f.log.Error("policy file refused; the last good one stays", "path", f.cfg.PolicyPath, "error", err)
	}
	f.fault = err.Error()
	if _, alone := f.cfg.over(content, identity.Changes{}); alone == nil {
		f.taken = nil
	}
}
