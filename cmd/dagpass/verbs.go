package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

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
	cfg, err := env.load()
	if err != nil {
		return err
	}
	cfg.LogLevel = "warn"
	a, err := newApp(ctx, cfg, cfg.site("0"), stdio{io.In, discard{}, io.Err})
	if err != nil {
		return err
	}
	defer a.store.Close()
	return do(models.WithOperator(ctx), a.identity)
}

// discard keeps events out of a verb's own output; the trail has them.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

type userListVerb struct {
	Who  string `arg:"" optional:"" help:"Only accounts with this name, e-mail or id."`
	JSON bool   `help:"Print JSON."`
}

// userLine is an account as it is listed.
type userLine struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	CreatedAt time.Time `json:"created_at"`
	Disabled  bool      `json:"disabled"`
}

// Run lists accounts.
func (v userListVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		users, err := s.Users(ctx, v.Who)
		if err != nil {
			return err
		}
		lines := make([]userLine, len(users))
		for i, u := range users {
			lines[i] = userLine{u.ID, u.Name, u.Email, u.CreatedAt, u.Disabled()}
		}
		return printUsers(io.Out, lines, v.JSON)
	})
}

func printUsers(w io.Writer, lines []userLine, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(lines)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tNAME\tE-MAIL\tCREATED\tSTATE")
	for _, u := range lines {
		state := map[bool]string{false: "active", true: "disabled"}[u.Disabled]
		fmt.Fprintf(t, "%s\t%q\t%q\t%s\t%s\n", u.ID, u.Name, u.Email, u.CreatedAt.Format(time.DateOnly), state)
	}
	return t.Flush()
}

type userDisableVerb struct {
	Who string `arg:"" help:"The account's name, e-mail or id."`
}

// Run bars somebody.
func (v userDisableVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		return onOne(ctx, s, v.Who, func(u models.User) error { return s.Disable(ctx, u.ID) })
	})
}

type userEnableVerb struct {
	Who string `arg:"" help:"The account's name, e-mail or id."`
}

// Run lets somebody in again.
func (v userEnableVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		return onOne(ctx, s, v.Who, func(u models.User) error { return s.Enable(ctx, u.ID) })
	})
}

// onOne acts on the one account that a text names: names and addresses are not
// unique, and the wrong person must not be barred.
func onOne(ctx context.Context, s *identity.Service, who string, do func(models.User) error) error {
	found, err := s.Users(ctx, who)
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("no account is called %q", who)
	case 1:
		return do(found[0])
	}
	return fmt.Errorf("%d accounts are called %q; name one by its id (dagpass user list)", len(found), who)
}

type auditVerifyVerb struct{}

// Run walks the whole chain.
func (auditVerifyVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		last, err := s.VerifyAudit(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.Out, "%d events, the chain is whole; its head is %s\n", last.Seq, last.Hash)
		return err
	})
}
