package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

type auditAccessReviewVerb struct {
	JSON bool   `help:"Print JSON." xor:"as"`
	CSV  bool   `help:"Print CSV." xor:"as"`
	Out  string `help:"Where it goes; it must not exist. Without it, standard output." placeholder:"FILE"`
}

// Run lists everybody with what they have, why and since when.
func (v auditAccessReviewVerb) Run(ctx context.Context, env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	return quietly(operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		return into(v.Out, io.Out, func(w *bufio.Writer) error {
			write, done := v.writer(w, explainer{cfg: cfg, rules: s.Rules()})
			if err := s.AccessReview(ctx, func(r identity.Reviewed) error { return write(r) }); err != nil {
				return err
			}
			return done()
		})
	}))
}

func (v auditAccessReviewVerb) writer(w io.Writer, e explainer) (write func(identity.Reviewed) error, done func() error) {
	switch {
	case v.JSON:
		return reviewJSON(w, e)
	case v.CSV:
		return reviewCSV(w, e)
	}
	return reviewTable(w)
}

// reviewLine is a person as JSON, with what the rules say that matched.
type reviewLine struct {
	identity.Reviewed
	RuleTexts map[string]string `json:"rule_texts"`
}

// reviewJSON writes one array, a person a line.
func reviewJSON(w io.Writer, e explainer) (write func(identity.Reviewed) error, done func() error) {
	before := "["
	write = func(r identity.Reviewed) error {
		line, err := json.Marshal(reviewLine{r, e.texts(r)})
		if err == nil {
			_, err = fmt.Fprintf(w, "%s%s", before, line)
		}
		before = ",\n"
		return err
	}
	return write, func() error {
		_, err := fmt.Fprintln(w, strings.TrimSuffix(before, ",\n")+"]")
		return err
	}
}

func (e explainer) texts(r identity.Reviewed) map[string]string {
	texts := map[string]string{}
	for _, way := range r.Ways {
		for _, name := range way.Rules {
			texts[name] = e.rule(name).Text
		}
	}
	return texts
}

// reviewCSV writes a row for each way in of a person.
func reviewCSV(w io.Writer, e explainer) (write func(identity.Reviewed) error, done func() error) {
	rows := models.NewTable(w, identity.ReviewColumns())
	write = func(r identity.Reviewed) error {
		for _, row := range r.Rows(func(name string) string { return e.rule(name).String() }) {
			if err := rows.Row(row...); err != nil {
				return err
			}
		}
		return nil
	}
	return write, rows.End
}

// waysOf are a person's ways in, or one that is none.
func waysOf(r identity.Reviewed) []identity.ReviewedWay {
	if len(r.Ways) == 0 {
		return []identity.ReviewedWay{{}}
	}
	return r.Ways
}

func factorWords(r identity.Reviewed) string {
	words := make([]string, len(r.Factors))
	for i, kind := range r.Factors {
		words[i] = string(kind)
	}
	return strings.Join(words, " ")
}

func yes(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }

func reviewTable(w io.Writer) (write func(identity.Reviewed) error, done func() error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tE-MAIL\tSTATE\tLAST SIGN-IN\tFACTORS\tBY\tENTERS\tROLE\tRULES\tLOCATIONS\tASSIGNED")
	write = func(r identity.Reviewed) error {
		for _, way := range waysOf(r) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", quoted(cmp.Or(r.Name, r.ID)), quoted(r.Email), stateWord(r), dayOf(r.LastSignIn),
				cmp.Or(factorWords(r), "-"), cmp.Or(way.Slot, "-"), yes(way.Enters), cmp.Or(string(way.Role), "-"),
				cmp.Or(strings.Join(way.Rules, ", "), "-"), quoted(way.Where()), assignedWords(r))
		}
		return nil
	}
	return write, t.Flush
}

func stateWord(r identity.Reviewed) string {
	if r.DisabledAt != nil {
		return "disabled " + dayOf(r.DisabledAt)
	}
	return "active"
}

func dayOf(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func assignedWords(r identity.Reviewed) string {
	if r.AssignedAt == nil {
		return cmp.Or(string(r.Assigned), "-")
	}
	return fmt.Sprintf("%s since %s by %s", cmp.Or(string(r.Assigned), "none"), dayOf(r.AssignedAt), quoted(r.AssignedBy))
}
