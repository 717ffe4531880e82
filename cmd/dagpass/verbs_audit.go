package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

type auditVerifyVerb struct {
	Head   string `help:"A hash that was noted before: it must still be in the trail." placeholder:"HASH"`
	Strict bool   `help:"Fail, too, where events should have been signed by now and are not."`
	JSON   bool   `help:"Print JSON."`
}

// verified is what is printed of a verification.
type verified struct {
	Whole bool `json:"whole"`
	identity.Verification
	// BrokenAt is the first event that is not as it should be, and Why what is
	// wrong, where the trail is not whole.
	BrokenAt int64  `json:"broken_at,omitempty"`
	Why      string `json:"why,omitempty"`
}

// Run walks the whole chain. What it found is printed even of a broken one, and
// the error says what is wrong.
func (v auditVerifyVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		found, err := s.VerifyAudit(ctx, v.Head)
		var broken *identity.BrokenTrail
		switch {
		case errors.Is(err, identity.ErrBadHead):
			return usageError{err}
		case err != nil && !errors.As(err, &broken):
			return err
		}
		said := verified{Whole: err == nil, Verification: found}
		if broken != nil {
			said.BrokenAt, said.Why = broken.Seq, broken.Why
		}
		err = errors.Join(said.print(io.Out, v.JSON), err)
		if warning := said.warning(); warning != nil && v.Strict {
			return errors.Join(err, warning)
		} else if warning != nil {
			fmt.Fprintf(io.Err, "dagpass: warning: %s\n", warning)
		}
		return err
	})
}

// warning says what of the trail only the chain speaks of, though a server would
// have signed it: whoever can write to the database can have written it anew.
func (v verified) warning() error {
	if !v.Overdue {
		return nil
	}
	return fmt.Errorf("events %d to %d, since %s, should have been signed by now and are not: is a server running, and does its log say why?",
		v.UnsignedFrom, v.Seq, v.UnsignedSince.UTC().Format(time.RFC3339))
}

func (v verified) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	_, err := fmt.Fprintln(w, strings.Join(v.words(), "\n"))
	return err
}

func (v verified) words() (lines []string) {
	if v.Whole {
		lines = append(lines, fmt.Sprintf("%d events, the chain is whole; its head is %s", v.Events, v.Hash))
	} else {
		lines = append(lines, fmt.Sprintf("%d events are good, up to event %d", v.Events, v.Seq))
	}
	lines = append(lines, fmt.Sprintf("%d checkpoints are good; %d events stand behind the last one", v.Checkpoints, v.Unsigned))
	if v.PrunedAt != nil {
		lines = append(lines, fmt.Sprintf("%d older events were removed, the last time at %s", v.Pruned, v.PrunedAt.UTC().Format(time.RFC3339)))
	}
	return lines
}

// auditFilter is which events are meant.
type auditFilter struct {
	Person   string `help:"Only what somebody did: username, name, e-mail or id." placeholder:"WHO"`
	Event    string `help:"Only this event, such as user.disable, or all of a kind, such as user.*" placeholder:"NAME"`
	Outcome  string `help:"Only ok, allowed, refused or failed." enum:",ok,allowed,refused,failed" default:""`
	Target   string `help:"Only what was done to the thing with this id." placeholder:"ID"`
	Location string `help:"Only what was done at this code location." placeholder:"NAME"`
	Run      string `help:"Only events that tell of this run." placeholder:"ID"`
	Request  string `help:"Only what came of this request." placeholder:"ID"`
	Reason   string `help:"Only what gives this reason, such as wrong_password." placeholder:"WORD"`
	Provider string `help:"Only what came by this provider." placeholder:"SLOT"`
	Address  string `help:"Only what came from this address." placeholder:"IP"`
	Since    string `help:"Only from then on: a time such as 2026-03-29T08:00:00Z, or how long ago, such as 24h." placeholder:"WHEN"`
	Until    string `help:"Only before then." placeholder:"WHEN"`
}

var eventName = regexp.MustCompile(`^[a-z_]+\.([a-z_]+|\*)$`)

// filter refuses what could match nothing: an auditor who mistypes must not read
// that nothing happened.
func (f auditFilter) filter(now time.Time) (chosen models.Filter, err error) {
	chosen = models.Filter{
		Person: f.Person, Event: f.Event, Outcome: f.Outcome, Target: f.Target, Location: f.Location, Run: f.Run, Request: f.Request,
		Reason: f.Reason, Provider: f.Provider, Address: f.Address,
	}
	if f.Event != "" && !eventName.MatchString(f.Event) {
		return chosen, usagef("--event is a name such as user.disable, or user.* for all of a kind")
	}
	if chosen.Since, err = when("--since", f.Since, now); err != nil {
		return chosen, err
	}
	if chosen.Until, err = when("--until", f.Until, now); err != nil {
		return chosen, err
	}
	if !chosen.Until.IsZero() && !chosen.Since.Before(chosen.Until) {
		return chosen, usagef("--since is not before --until")
	}
	return chosen, nil
}

// when reads a time, or how long ago it was.
func when(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, usagef("%s is a time such as 2026-03-29T08:00:00Z, or how long ago, such as 24h", flag)
	}
	return now.Add(-ago), nil
}

// onTrail hands a verb the use cases with the filter. Who has an account is meant
// by its id, whatever they are called meanwhile; whoever has none is looked for
// as typed, by id or by the name that the events have.
func (f auditFilter) onTrail(ctx context.Context, env environment, io stdio, do func(context.Context, *identity.Service, models.Filter) error) error {
	chosen, err := f.filter(now())
	if err != nil {
		return err
	}
	return quietly(operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if chosen.Person == "" {
			return do(ctx, s, chosen)
		}
		found, err := s.Users(ctx, chosen.Person)
		switch {
		case err != nil:
			return err
		case len(found) > 1:
			return fmt.Errorf("%d accounts are called %q; name one by its id (dagpass user list)", len(found), chosen.Person)
		case len(found) == 1:
			chosen.Person = found[0].ID
		}
		return do(ctx, s, chosen)
	}))
}

// quietly ends well where the reader has gone, as "| head" does.
func quietly(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// mostListed is how many events one page may have; for more there is export.
const mostListed = 1000

type auditListVerb struct {
	auditFilter
	Limit  int   `help:"How many events, 1 to 1000." default:"50"`
	Before int64 `help:"Only events before the one with this number." placeholder:"SEQ"`
	JSON   bool  `help:"Print JSON."`
}

// Run lists the newest events that are meant.
func (v auditListVerb) Run(ctx context.Context, env environment, io stdio) error {
	if v.Limit < 1 || v.Limit > mostListed {
		return usagef("--limit must be between 1 and %d; for more use dagpass audit export", mostListed)
	}
	if v.Before < 0 {
		return usagef("--before is the number of an event")
	}
	return v.onTrail(ctx, env, io, func(ctx context.Context, s *identity.Service, f models.Filter) error {
		records, err := s.Events(ctx, f, v.Before, v.Limit)
		if err != nil {
			return err
		}
		if len(records) == v.Limit && records[v.Limit-1].Seq > 1 {
			fmt.Fprintf(io.Err, "there may be older ones: --before %d\n", records[v.Limit-1].Seq)
		}
		return printRecords(io.Out, records, v.JSON)
	})
}

type auditRunVerb struct {
	ID   string `arg:"" name:"run-id" help:"The run's id."`
	JSON bool   `help:"Print JSON."`
}

// Run shows everything about a run.
func (v auditRunVerb) Run(ctx context.Context, env environment, io stdio) error {
	if v.ID == "" {
		return usagef("a run has no empty id")
	}
	return quietly(operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		records, cut, err := s.RunTrail(ctx, v.ID)
		if err == nil && len(records) == 0 {
			err = fmt.Errorf("no event tells of a run %q", v.ID)
		}
		if err != nil {
			return err
		}
		if cut {
			fmt.Fprintf(io.Err, "there are older events that are not shown: dagpass audit export --run %s has all that name the run\n", plain(v.ID))
		}
		return printRecords(io.Out, records, v.JSON)
	}))
}

// recordLine is an event as JSON: its place in the chain, and the bytes that the
// hash covers.
type recordLine struct {
	Seq   int64           `json:"seq"`
	Hash  string          `json:"hash"`
	Event json.RawMessage `json:"event"`
}

func lineOfRecord(r models.Record) recordLine {
	return recordLine{r.Seq, r.Hash, json.RawMessage(r.Body)}
}

func printRecords(w io.Writer, records []models.Record, asJSON bool) error {
	if asJSON {
		lines := make([]recordLine, len(records))
		for i, r := range records {
			lines[i] = lineOfRecord(r)
		}
		return json.NewEncoder(w).Encode(lines)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SEQ\tTIME\tEVENT\tOUTCOME\tREASON\tWHO\tOPERATION\tTARGET\tLOCATION\tRUN\tADDRESS")
	for _, r := range records {
		e, target := r.Event, r.Event.DoneTo()
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Seq, e.Time.UTC().Format("2006-01-02 15:04:05Z"), e.Event, times(e),
			plain(e.Reason), quoted(cmp.Or(e.Actor.Name, e.Actor.ID)), plain(e.Operation), plain(strings.TrimPrefix(target.Kind+":"+target.ID, ":")),
			plain(target.Location), plain(e.RunID), plain(e.ClientIP))
	}
	return t.Flush()
}

// times is the outcome, and how many there were where the event stands for
// several.
func times(e models.Event) string {
	if e.Count > 1 {
		return fmt.Sprintf("%s ×%d", e.Outcome, e.Count)
	}
	return e.Outcome
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9_.:@*/-]+$`)

// plain leaves alone what cannot steer a terminal nor pass for another column.
func plain(text string) string {
	if text == ":" || harmless.MatchString(text) {
		return strings.TrimSuffix(text, ":")
	}
	return quoted(text)
}
