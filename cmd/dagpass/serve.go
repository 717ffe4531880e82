package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

type serveVerb struct{}

// Run serves until the process is told to stop.
func (serveVerb) Run(ctx context.Context, env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	return serveWith(ctx, cfg, io, func(net.Addr) {})
}

// drainFor is how long requests under way may take when we stop.
const drainFor = 10 * time.Second

// serveWith serves until ctx ends; ready is called once, with the address that
// is listened on.
func serveWith(ctx context.Context, cfg Config, io stdio, ready func(net.Addr)) error {
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", cfg.Listen, err)
	}
	defer listener.Close()
	a, err := newApp(ctx, cfg, cfg.site(port(listener.Addr())), io)
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	for _, warning := range cfg.warnings() {
		a.log.Warn(warning)
	}
	if err := a.found(ctx, io); err != nil {
		return err
	}
	return a.serve(ctx, listener, ready)
}

// serve answers on the listener and, where wanted, on the metrics address.
func (a *app) serve(ctx context.Context, listener net.Listener, ready func(net.Addr)) error {
	// Requests live on when we are told to stop, and end when they are done or
	// when the time for that is over.
	requests, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	servers := []*http.Server{a.httpServer(requests, a.server)}
	listeners := []net.Listener{listener}
	if a.cfg.MetricsListen != "" {
		second, err := net.Listen("tcp", a.cfg.MetricsListen)
		if err != nil {
			return fmt.Errorf("cannot listen on %s: %w", a.cfg.MetricsListen, err)
		}
		servers, listeners = append(servers, a.httpServer(requests, a.server.Operations())), append(listeners, second)
	}
	var work sync.WaitGroup
	a.background(ctx, &work)
	failed := make(chan error, len(servers))
	for i, s := range servers {
		go func() { failed <- s.Serve(listeners[i]) }()
	}
	a.log.Info("serving", "address", listener.Addr().String(), "url", a.site.Link("/"), "upstream", a.cfg.upstream.String(), "version", version)
	ready(listener.Addr())
	err := a.wait(ctx, servers, failed)
	cancel()
	work.Wait()
	if lost := a.identity.RecordAllFolded(ctx); lost != nil {
		a.log.Error("refusals that were counted are lost", "error", lost)
	}
	a.lastCheckpoint(ctx)
	return err
}

// checkpointFor is how long the last checkpoint may take when we stop.
const checkpointFor = 10 * time.Second

// lastCheckpoint signs what was told last. Without it the trail is as whole, and
// its last events are vouched for by the next start.
func (a *app) lastCheckpoint(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkpointFor)
	defer cancel()
	if err := a.identity.Checkpoint(ctx, true); err != nil {
		a.log.Error("no checkpoint at the stop", "error", err)
	}
}

func (a *app) httpServer(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		// Sockets outlive Shutdown, which does not know them; they end with this.
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// wait serves until it is told to stop, then lets requests under way end.
func (a *app) wait(ctx context.Context, servers []*http.Server, failed <-chan error) error {
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.log.Info("stopping")
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	for _, s := range servers {
		if stop := s.Shutdown(drain); stop != nil {
			_ = s.Close() // what did not end in time is cut off
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// refreshEvery bounds, together with the cache of sessions, how soon what was
// changed at one replica holds at the others: within five seconds.
const refreshEvery = time.Second

// background does what has to be done now and then, until ctx ends.
func (a *app) background(ctx context.Context, work *sync.WaitGroup) {
	work.Go(func() { a.policy.watch(ctx) })
	work.Go(func() { a.every(ctx, refreshEvery, "taking over what was changed", a.identity.Refresh) })
	work.Go(func() { a.every(ctx, probeEvery, "asking Dagster and the providers", a.lookout.ask) })
	work.Go(func() { a.every(ctx, time.Minute, "sweep", a.identity.Sweep) })
	work.Go(func() { a.every(ctx, time.Hour, "signing key rotation", a.identity.RotateKeys) })
	work.Go(func() { a.every(ctx, time.Minute, "checkpoint of the audit trail", a.checkpoint) })
	if a.cfg.AuditRetention > 0 {
		work.Go(func() { a.every(ctx, time.Hour, "pruning the audit trail", a.prune) })
	}
}

func (a *app) checkpoint(ctx context.Context) error { return a.identity.Checkpoint(ctx, false) }

func (a *app) prune(ctx context.Context) error {
	removed, err := a.identity.PruneAudit(ctx, a.cfg.AuditRetention)
	if removed > 0 {
		a.log.Info("audit trail pruned", "events", removed, "older_than", a.cfg.AuditRetention.String())
	}
	return err
}

// every does something at once and then again and again.
func (a *app) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			a.log.Error(what+" failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
