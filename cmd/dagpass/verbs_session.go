package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

type sessionListVerb struct {
	Who  string `arg:"" optional:"" help:"Only sessions of the account with this username, name, e-mail or id."`
	JSON bool   `help:"Print JSON."`
}

// sessionLine is an open session as it is listed.
type sessionLine struct {
	ID         string            `json:"id"`
	UserID     string            `json:"user_id"`
	User       string            `json:"user"`
	Provider   string            `json:"provider"`
	Method     models.Method     `json:"method"`
	Factor     models.FactorKind `json:"factor"`
	ClientIP   string            `json:"client_ip"`
	UserAgent  string            `json:"user_agent"`
	CreatedAt  time.Time         `json:"created_at"`
	LastSeenAt time.Time         `json:"last_seen_at"`
	EndsAt     time.Time         `json:"ends_at"`
}

// Run lists who is signed in.
func (v sessionListVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		lines, err := v.lines(ctx, s)
		if err != nil {
			return err
		}
		return printSessions(io.Out, lines, v.JSON)
	})
}

func (v sessionListVerb) lines(ctx context.Context, s *identity.Service) (lines []sessionLine, err error) {
	if v.Who == "" {
		return sessionLines(ctx, s, "")
	}
	err = onOne(ctx, s, v.Who, func(u models.User) error {
		lines, err = sessionLines(ctx, s, u.ID)
		return err
	})
	return lines, err
}

func sessionLines(ctx context.Context, s *identity.Service, userID string) ([]sessionLine, error) {
	sessions, err := s.AllSessions(ctx, userID)
	if err != nil {
		return nil, err
	}
	names, err := labels(ctx, s, userID)
	lines := make([]sessionLine, len(sessions))
	for i, x := range sessions {
		lines[i] = sessionLine{
			ID: x.ID, UserID: x.UserID, User: names[x.UserID], Provider: x.Slot, Method: x.Method, Factor: x.Factor, ClientIP: x.ClientIP,
			UserAgent: x.UserAgent, CreatedAt: x.CreatedAt, LastSeenAt: x.LastSeenAt, EndsAt: x.Ends(s.Rules().SessionIdle),
		}
	}
	return lines, err
}

// labels are what people are called, by id.
func labels(ctx context.Context, s *identity.Service, userID string) (map[string]string, error) {
	users, err := s.Users(ctx, userID)
	names := map[string]string{}
	for _, u := range users {
		names[u.ID] = u.Label()
	}
	return names, err
}

func printSessions(w io.Writer, lines []sessionLine, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(lines)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tUSER\tBY\tFACTOR\tADDRESS\tSINCE\tLAST SEEN\tENDS")
	for _, x := range lines {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, quoted(cmp.Or(x.User, x.UserID)), x.by(), cmp.Or(x.Factor, "-"),
			cmp.Or(x.ClientIP, "-"), minute(x.CreatedAt), minute(x.LastSeenAt), minute(x.EndsAt))
	}
	return t.Flush()
}

// by is the provider, and for what is kept here how they signed in.
func (x sessionLine) by() string {
	if x.Provider == models.LocalSlot || x.Method == models.MethodLink {
		return string(x.Method)
	}
	return x.Provider
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

type sessionRevokeVerb struct {
	ID   string `arg:"" optional:"" help:"The session's id (dagpass session list)."`
	User string `help:"All sessions of the account with this username, name, e-mail or id." placeholder:"WHO"`
}

// Run ends one session, or all of somebody.
func (v sessionRevokeVerb) Run(ctx context.Context, env environment, io stdio) error {
	if (v.ID == "") == (v.User == "") {
		return usageError{errors.New("name a session by its id, or a person by --user")}
	}
	if v.User != "" {
		return one{v.User}.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error {
			ended, err := s.EndSessionsOf(ctx, u.ID)
			if err == nil {
				fmt.Fprintln(io.Out, sessionsEnded(ended))
			}
			return err
		})
	}
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error { return v.revoke(ctx, s) })
}

func (v sessionRevokeVerb) revoke(ctx context.Context, s *identity.Service) error {
	err := s.RevokeSession(ctx, v.ID)
	if errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("no session has the id %q", v.ID)
	}
	return err
}
