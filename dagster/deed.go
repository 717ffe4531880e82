package dagster

import (
	"context"

	"github.com/dagpass/dagpass/policy"
)

// Deed is one change that a request would make: a root field of a mutation and
// one thing that it would change. A field whose argument is a list makes one
// deed of each item.
type Deed struct {
	// Field is the root field; zero for a report.
	Field Field
	// Target is what would be changed, as the audit trail names it.
	Target Target
	// Needs is what it takes, every one of them. Never empty. Where the code
	// location is not known the permission is wanted in the whole deployment.
	Needs []policy.Want
	// Err tells why the location is not known although Dagster was asked: it
	// gave no answer. For the log.
	Err error
}

// Target is what a deed changes.
type Target struct {
	Kind string // "job", "run", "backfill", "asset", "schedule", "sensor", "location", …; empty for none
	ID   string
	// Location is the code location, several joined with commas; empty where
	// there is none or it is not known.
	Location string
}

// Deeds tells what a call that was read would change, in the order of its
// fields; none unless it is a mutation, at least one for each field if it is.
// The error is an *Error: an argument that Dagster would not take.
func (r *Reader) Deeds(ctx context.Context, c *Call) ([]Deed, error) {
	panic("not built yet")
}

// ReportDeeds tells what a report about an asset (ReportedAsset) would change.
func (r *Reader) ReportDeeds(ctx context.Context, asset string) []Deed {
	panic("not built yet")
}

// Unclassified asks Dagster for its schema and lists the mutations that nobody
// has classified, in alphabetical order.
func (r *Reader) Unclassified(ctx context.Context) ([]string, error) {
	panic("not built yet")
}

// Locations asks Dagster for the names of its code locations. The answer is
// remembered for seconds.
func (r *Reader) Locations(ctx context.Context) ([]string, error) {
	panic("not built yet")
}
