package proxy

import (
	"context"
	"strings"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// recordAllowed tells the audit trail about a change before it goes on. Reads
// that are allowed are not recorded.
func (p *Proxy) recordAllowed(ctx context.Context, w wish, d policy.Decision) error {
	if !w.changes() {
		return nil
	}
	return p.record(ctx, w, models.OutcomeAllowed, "", d)
}

func (p *Proxy) recordRefused(ctx context.Context, w wish, d policy.Decision, reason string) error {
	return p.record(ctx, w, models.OutcomeRefused, reason, d)
}

// recordAnswer tells how an admitted change went. It is too late to stop it, so
// that a failure to record is logged; a client that left does not cancel it.
func (p *Proxy) recordAnswer(ctx context.Context, w wish, outcome, reason string) {
	if !w.changes() {
		return
	}
	ctx = context.WithoutCancel(ctx)
	d := w.decide(models.PrincipalOf(ctx))
	if err := p.record(ctx, w, outcome, reason, d); err != nil {
		p.Log.ErrorContext(ctx, "answer not recorded", "outcome", outcome, "error", err)
	}
}

// record appends one event per root field, for a document may hold several
// mutations and each is an operation of its own.
func (p *Proxy) record(ctx context.Context, w wish, outcome, reason string, d policy.Decision) error {
	e := models.NewEvent(ctx, w.event(), outcome)
	e.Reason, e.Permission, e.Rule, e.Target = reason, string(d.Permission), d.Rule, w.target()
	if who := models.PrincipalOf(ctx); who != nil {
		e.Provider = who.Identity.Slot
	}
	for _, operation := range w.operations() {
		e.Operation = operation
		if err := p.Record(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (w wish) event() string {
	switch {
	case w.route.Class == dagster.Report:
		return "dagster.report"
	case w.changes():
		return "dagster.mutation"
	case w.call == nil && w.route.Class == dagster.GraphQL:
		return "dagster.request" // refused before it was read
	}
	return "dagster.read"
}

// operations are the GraphQL fields, or the kind of report, or the class of
// what was to be read.
func (w wish) operations() []string {
	if w.call == nil {
		if w.route.Class == dagster.Report {
			return []string{w.reportKind()}
		}
		return []string{string(w.route.Class)}
	}
	names := make([]string, len(w.call.Fields))
	for i, f := range w.call.Fields {
		names[i] = f.Name
	}
	return names
}

func (w wish) reportKind() string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(w.route.Path, "/"), "/")
	return kind
}

// target is what the path names: the asset of a report, or the file of a
// download.
func (w wish) target() *models.Target {
	_, id, _ := strings.Cut(strings.TrimPrefix(w.route.Path, "/"), "/")
	switch {
	case w.asset != "":
		return &models.Target{Kind: "asset", ID: w.asset}
	case id == "":
		return nil
	case w.route.Class == dagster.Debug:
		return &models.Target{Kind: "run", ID: id}
	case w.route.Class == dagster.Logs:
		return &models.Target{Kind: "logs", ID: id}
	}
	return nil
}
