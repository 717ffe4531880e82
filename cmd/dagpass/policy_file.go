package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dagpass/dagpass/policy"
)

// policyFile keeps the policy in force. A file is polled, because Kubernetes
// swaps a symlink that no watcher follows, and read again on SIGHUP; a bad one
// keeps the last good one and says so.
type policyFile struct {
	cfg  Config
	log  *slog.Logger
	now  atomic.Pointer[policy.Policy]
	last []byte
}

// pollEvery bounds, together with the cache of sessions, how soon a changed
// policy bites: within five seconds.
const pollEvery = 2 * time.Second

func newPolicyFile(cfg Config, log *slog.Logger) *policyFile {
	f := &policyFile{cfg: cfg, log: log, last: []byte(cfg.Policy)}
	f.now.Store(cfg.policy)
	return f
}

func (f *policyFile) current() *policy.Policy { return f.now.Load() }

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
			f.last = nil
		case <-tick.C:
		}
		f.read()
	}
}

func (f *policyFile) read() {
	if f.cfg.PolicyPath == "" {
		return
	}
	content, err := os.ReadFile(f.cfg.PolicyPath)
	content = bytes.TrimRight(content, "\r\n")
	if err == nil && bytes.Equal(content, f.last) {
		return
	}
	if err != nil {
		if f.last != nil {
			f.log.Error("policy file not read; the last good one stays", "path", f.cfg.PolicyPath, "error", err)
		}
		f.last = nil
		return
	}
	f.last = content
	f.replace(content)
}

func (f *policyFile) replace(content []byte) {
	p, err := policy.New(f.cfg.policyOptions(content))
	if err != nil {
		f.log.Error("policy file refused; the last good one stays", "path", f.cfg.PolicyPath, "error", err)
		return
	}
	if p.UsesOrgs() && !f.cfg.policy.UsesOrgs() {
		f.log.Warn("the policy now names organisations or teams; they are asked of GitHub after a restart")
	}
	f.now.Store(p)
	f.log.Info("policy file read", "path", f.cfg.PolicyPath)
}
