package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

type versionVerb struct{}

// Run prints the version.
func (versionVerb) Run(io stdio) error {
	_, err := fmt.Fprintln(io.Out, version)
	return err
}

type migrateVerb struct{}

// Run brings the database to this version's schema.
func (migrateVerb) Run(ctx context.Context, env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, cfg.DatabaseURL.Reveal(), newLogger(cfg, io.Err))
	if err != nil {
		return err
	}
	defer s.Close()
	applied, err := s.Migrate(ctx)
	if err == nil {
		fmt.Fprintf(io.Out, "applied %d migrations\n", applied)
	}
	return err
}

type backupVerb struct {
	File string `arg:"" help:"Where the copy goes; it must not exist."`
}

// Run copies a SQLite database that may be in use.
func (v backupVerb) Run(ctx context.Context, env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	if cfg.databaseFile() == "" {
		return usageError{errors.New("backup copies SQLite; for PostgreSQL use pg_dump")}
	}
	s, err := store.Open(ctx, cfg.DatabaseURL.Reveal(), newLogger(cfg, io.Err))
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Backup(ctx, v.File)
}

// operate hands an operator's verb the use cases, as the console has them.
func operate(ctx context.Context, env environment, io stdio, do func(context.Context, *identity.Service) error) error {
	return operateWith(ctx, env, io, func(*Config) {}, do)
}

func operateWith(ctx context.Context, env environment, io stdio, edit func(*Config), do func(context.Context, *identity.Service) error) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	edit(&cfg)
	cfg.LogLevel = "warn"
	cfg.AuditFile = "" // it is the server's, which rotates it
	a, err := newApp(ctx, cfg, cfg.site(cfg.listenPort()), stdio{io.In, discard{}, io.Err})
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	return do(models.WithOperator(ctx), a.identity)
}

// discard keeps events out of a verb's own output; the trail has them.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
