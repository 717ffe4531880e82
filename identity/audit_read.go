package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

var errUnfinished = errors.New("not there yet")

// Events lists up to limit events, the newest first, of those before event
// number before; zero begins at the end. It is for admins and the operator, and
// the first page is an event itself (audit.read).
func (s *Service) Events(ctx context.Context, f models.Filter, before int64, limit int) ([]models.Record, error) {
	return nil, errUnfinished
}

// ExportEvents hands over the events, the oldest first, up to the one that tells
// of this (audit.export). It keeps few of them in memory. An error of fn ends it.
func (s *Service) ExportEvents(ctx context.Context, f models.Filter, fn func(models.Record) error) error {
	return errUnfinished
}

// RunTrail is everything about a run, the oldest first: what names it, what was
// done to it, and what else the same requests did.
func (s *Service) RunTrail(ctx context.Context, runID string) ([]models.Record, error) {
	return nil, errUnfinished
}

// Reviewed is one person in an access review.
type Reviewed struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Email      string     `json:"email,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty"`
	// Assigned is the role that was set by hand. AssignedAt is the last event that
	// did so, where the trail still has it, and AssignedBy its actor's name.
	Assigned   policy.Role `json:"assigned_role,omitempty"`
	AssignedAt *time.Time  `json:"assigned_at,omitempty"`
	AssignedBy string      `json:"assigned_by,omitempty"`
	// LastSignIn is by whichever way in.
	LastSignIn *time.Time `json:"last_sign_in,omitempty"`
	// Factors are the kinds of second factors that were set up here.
	Factors []models.FactorKind `json:"factors"`
	// Ways has what the person holds by each way in: it depends on the claims.
	Ways []ReviewedWay `json:"ways"`
}

// ReviewedWay is one way in of a person, with what it gives by today's policy.
type ReviewedWay struct {
	Slot       string     `json:"provider"`
	Issuer     string     `json:"issuer"`
	Subject    string     `json:"subject"`
	SignedInAt *time.Time `json:"signed_in_at,omitempty"`
	// Role is the highest built-in one held in the whole deployment.
	Role policy.Role `json:"role"`
	// Rules name what gave it: "admin_emails", "assigned_role", "grant 2",
	// "default_role".
	Rules []string `json:"rules"`
	// Locations has, by rule, the patterns of code locations that it is limited to.
	Locations map[string][]string `json:"locations,omitempty"`
	// Enters tells whether they may still come in this way.
	Enters bool `json:"enters"`
}

// AccessReview hands over everybody with what they have, why and since when, the
// oldest account first. It is for admins and the operator, and is recorded
// (audit.review). An error of fn ends it.
func (s *Service) AccessReview(ctx context.Context, fn func(Reviewed) error) error {
	return errUnfinished
}
