package proxy

import (
	"context"
	"net/http"
	"strconv"

	"github.com/dagpass/dagpass/models"
)

// recordAnswer tells how an admitted change went. It is too late to stop it, so
// that a failure to record is logged; a client that left does not cancel it.
func (t *trip) recordAnswer(ctx context.Context) {
	if !t.changes() {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if err := t.record(ctx, t.wish, t.outcomes()); err != nil {
		t.Log.ErrorContext(ctx, "answer not recorded", "error", err)
	}
}

// outcomes are the entries of the wish with what became of each.
func (t *trip) outcomes() []entry {
	all := t.entries(t.verdict)
	for i := range all {
		all[i].outcome, all[i].reason = t.outcome()
	}
	return all
}

// outcome is what Dagster's status says of a change.
func (t *trip) outcome() (outcome, reason string) {
	switch {
	case t.status == 0:
		return models.OutcomeFailed, t.failure
	case t.status >= http.StatusBadRequest:
		return models.OutcomeFailed, "status_" + strconv.Itoa(t.status)
	}
	return models.OutcomeOK, ""
}
