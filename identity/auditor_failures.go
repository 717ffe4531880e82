package identity

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// Failures is who could not prove who they are, counted.
type Failures struct {
	// Since and Until bound the time, and Cut is the time of the oldest event that
	// was counted where there were more; zero where all were.
	Since, Until, Cut time.Time
	Total             int64
	// Reasons are by reason and provider, and Addresses by where they came from,
	// each the most frequent first. Of the addresses there are [FailureAddresses]
	// at most, and OtherAddresses is how many more there were.
	Reasons        []FailureReason
	Addresses      []FailureAddress
	OtherAddresses int
	// Counts has a number for each piece of the time, Each long, the oldest first.
	// The first piece begins at Begins, which is Since or a little before.
	Counts []int64
	Begins time.Time
	Each   time.Duration
}

// FailureReason is why, and at which provider.
type FailureReason struct {
	Reason, Provider string
	Count            int64
	Last             time.Time
}

// FailureAddress is from where.
type FailureAddress struct {
	Address string
	Count   int64
	Last    time.Time
}

const (
	// FailureAddresses is how many addresses are told of.
	FailureAddresses = 20
	// failuresAtMost is how many events are counted, the newest: a page must not
	// take longer the more somebody guesses.
	failuresAtMost = 3000
)

// verifications are the events in which somebody proves who they are.
var verifications = []store.Kind{
	{Event: "signin.begin", Failed: true},
	{Event: "signin.finish", Failed: true},
	{Event: "session.confirm", Failed: true},
	{Event: "user.change_password", Failed: true},
	{Event: "mfa.enrol", Failed: true},
	{Event: "mfa.remove", Failed: true},
	{Event: "mfa.recovery_codes", Failed: true},
}

// Failures counts failed verifications from a time until before another, the
// newest 3,000 events of them. An event that stands for several counts as so
// many. It is for auditors, admins and the operator, and is recorded (audit.read).
func (s *Service) Failures(ctx context.Context, since, until time.Time) (Failures, error) {
	if err := s.mayAudit(ctx); err != nil {
		return Failures{}, err
	}
	f := models.Filter{Since: since.UTC(), Until: until.UTC()}
	records, err := s.Store.RecordsOf(ctx, verifications, f, store.Page{Limit: failuresAtMost + 1})
	if err != nil {
		return Failures{}, ErrNotNow.Because(err)
	}
	return countFailures(f, records), s.looked(ctx, "failures", f)
}

// countFailures counts records that come with the newest first.
func countFailures(f models.Filter, records []models.Record) Failures {
	c := Failures{Since: f.Since, Until: f.Until}
	if len(records) > failuresAtMost {
		records = records[:failuresAtMost]
		c.Cut = records[failuresAtMost-1].Event.Time
	}
	c.divide()
	reasons, addresses := map[[2]string]*FailureReason{}, map[string]*FailureAddress{}
	for _, r := range records {
		e, n := r.Event, int64(max(1, r.Event.Count))
		why, from := [2]string{e.Reason, e.Provider}, e.ClientIP
		if reasons[why] == nil {
			reasons[why] = &FailureReason{Reason: e.Reason, Provider: e.Provider, Last: e.Time}
		}
		if addresses[from] == nil {
			addresses[from] = &FailureAddress{Address: from, Last: e.Time}
		}
		reasons[why].Count += n
		addresses[from].Count += n
		c.Total += n
		c.Counts[min(max(0, int(e.Time.Sub(c.Begins)/c.Each)), len(c.Counts)-1)] += n
	}
	for _, r := range reasons {
		c.Reasons = append(c.Reasons, *r)
	}
	for _, a := range addresses {
		c.Addresses = append(c.Addresses, *a)
	}
	c.order()
	return c
}

// pieces are how long a piece of a chart may be; the chart has [mostPieces].
var pieces = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour}

const (
	mostPieces = 48
	// mostTime is how long a chart is at most, so that no time is too long to count
	// in. What is older counts in its first piece.
	mostTime = 100 * 365 * 24 * time.Hour
)

// divide chooses the pieces: the shortest of which there are not too many.
func (f *Failures) divide() {
	whole := min(f.Until.Sub(f.Since), mostTime)
	f.Each = max(whole/mostPieces+1, time.Second)
	for _, each := range slices.Backward(pieces) {
		if whole/each < mostPieces {
			f.Each = each
		}
	}
	f.Begins = f.Until.Add(-whole).Truncate(f.Each)
	f.Counts = make([]int64, max(1, int((f.Until.Sub(f.Begins)+f.Each-1)/f.Each)))
}

// order puts the most frequent first, and leaves out the many that are rare.
func (f *Failures) order() {
	slices.SortFunc(f.Reasons, func(a, b FailureReason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Provider, b.Provider))
	})
	slices.SortFunc(f.Addresses, func(a, b FailureAddress) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Address, b.Address))
	})
	f.OtherAddresses = max(0, len(f.Addresses)-FailureAddresses)
	f.Addresses = f.Addresses[:len(f.Addresses)-f.OtherAddresses]
}
