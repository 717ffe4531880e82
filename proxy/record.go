package proxy

import (
	"context"
	"strings"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
)

// Reasons that an event of ours may give. An answer's own are GraphQL types and
// statuses.
const (
	permissionMissing = "permission_missing"
	// locationUnknown marks what may have been allowed at the code location that
	// Dagster did not tell.
	locationUnknown = "location_unknown"
	// stepUpRequired marks what takes a recent proof of who asks.
	stepUpRequired = "step_up_required"
	// refusedTogether marks what would have been allowed had it come alone.
	refusedTogether = "refused_together"
)

// entry is an event to be: one for each deed of a wish, so that each can be
// found by what it changes and has the permission and the rule that decided.
type entry struct {
	judgement
	field           dagster.Field
	operation       string
	target          *models.Target
	outcome, reason string
	run             string
	// folds tells that it changes nothing: many that are alike may become one.
	folds bool
}

// recordAllowed tells the audit trail about a change before it goes on. Reads
// that are allowed are not recorded; those that monitor mode lets pass are.
func (p *Proxy) recordAllowed(ctx context.Context, w wish, v verdict) error {
	if !w.changes() && v.Allowed {
		return nil
	}
	all := w.entries(v)
	for i := range all {
		all[i].outcome = models.OutcomeAllowed
		if !all[i].Allowed {
			all[i].reason = models.ReasonWouldHaveRefused
		}
	}
	return p.record(ctx, w, all)
}

func (p *Proxy) recordRefused(ctx context.Context, w wish, v verdict, reason string) error {
	all := w.entries(v)
	for i := range all {
		all[i].outcome, all[i].reason = models.OutcomeRefused, reason
		switch {
		case reason != "":
		case all[i].Allowed:
			all[i].reason = refusedTogether
		case all[i].unproven:
			all[i].reason = stepUpRequired
		case all[i].unplaced:
			all[i].reason = locationUnknown
		default:
			all[i].reason = permissionMissing
		}
	}
	return p.record(ctx, w, all)
}

// record appends the entries together: all of them, or none.
func (p *Proxy) record(ctx context.Context, w wish, all []entry) error {
	events := make([]models.Event, len(all))
	for i, e := range all {
		events[i] = w.newEvent(ctx, e)
	}
	return p.Record(ctx, events...)
}

func (w wish) newEvent(ctx context.Context, from entry) models.Event {
	e := models.NewEvent(ctx, w.event(), from.outcome)
	e.Reason, e.Permission, e.Rule = from.reason, string(from.Permission), from.Rule
	e.Operation, e.Target, e.RunID, e.Folds = clip(from.operation), from.target, clip(from.run), from.folds
	e.Known = w.call == nil || dagster.IsKnown(from.operation)
	if who := models.PrincipalOf(ctx); who != nil {
		e.Provider = who.Identity.Slot
	}
	return e
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

// entries has one for each deed, and where it is not known what would be
// changed, one for each operation.
func (w wish) entries(v verdict) []entry {
	var all []entry
	for i, d := range w.deeds {
		e := entry{field: d.Field, operation: d.Field.Name, target: newTarget(d.Target), folds: dagster.IsHarmless(d.Field.Name)}
		if e.operation == "" {
			e.operation = w.reportKind()
		}
		if e.judgement = v.judgement; i < len(v.deeds) {
			e.judgement = v.deeds[i]
		}
		all = append(all, e)
	}
	if len(all) > 0 {
		return all
	}
	for _, operation := range w.operations() {
		all = append(all, entry{judgement: v.judgement, operation: operation, target: w.target(), folds: !w.changes()})
	}
	return all
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
	case len(w.asset) > 0:
		return newTarget(dagster.Target{Kind: "asset", ID: w.asset.String()})
	case id == "":
		return nil
	case w.route.Class == dagster.Debug:
		return newTarget(dagster.Target{Kind: "run", ID: id})
	case w.route.Class == dagster.Logs:
		return newTarget(dagster.Target{Kind: "logs", ID: id})
	}
	return nil
}

func newTarget(t dagster.Target) *models.Target {
	if t == (dagster.Target{}) {
		return nil
	}
	return &models.Target{Kind: t.Kind, ID: clip(t.ID), Location: clip(t.Location)}
}

// maxWord bounds what a client can write into an event, a log line or a
// sentence with one name, in bytes.
const maxWord = 256

// clip cuts a name that a client chose.
func clip(s string) string {
	if len(s) <= maxWord {
		return s
	}
	return strings.ToValidUTF8(s[:maxWord], "") + "…"
}
