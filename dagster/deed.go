package dagster

import (
	"context"
	"errors"
	"slices"
	"strings"

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
	// ID is cut at some hundred bytes: it is of the client's choosing.
	ID string
	// Location is the code location, several joined with commas; empty where
	// there is none or it is not known. It is for people: a name may have commas
	// of its own, which Deed.Needs does not mind.
	Location string
}

// Deeds tells what a call that was read would change, in the order of its
// fields; none unless it is a mutation, at least one for each field if it is.
// Dagster is asked where only it knows at which code location that is; if it
// cannot tell, the deed takes the permission in the whole deployment. The error
// is an *Error: an argument that Dagster would not take, or too many of them.
func (r *Reader) Deeds(ctx context.Context, c *Call) ([]Deed, error) {
	if c.Kind != Mutation {
		return nil, nil
	}
	claims, err := c.claims()
	if err != nil {
		return nil, err
	}
	return r.deeds(ctx, claims), nil
}

// ReportDeeds tells what a report about an asset (ReportedAsset) would change.
func (r *Reader) ReportDeeds(ctx context.Context, asset AssetKey) []Deed {
	c := oneAsset(asset)
	c.needs = take(policy.ReportRunlessAssetEvents)
	return r.deeds(ctx, []claim{c})
}

func (r *Reader) deeds(ctx context.Context, claims []claim) []Deed {
	m := r.explore(ctx, claims)
	var all []Deed
	for _, c := range claims {
		all = append(all, c.deed(m))
	}
	return all
}

func (c claim) deed(m *atlas) Deed {
	d := Deed{Field: c.field, Target: c.target}
	locations, err := m.locate(c.place)
	known := len(locations) > 0
	if !known {
		d.Err = err
		locations = []string{""}
	}
	for _, p := range c.needs {
		d.want(p, locations...)
	}
	for _, p := range c.whole {
		d.want(p, "")
	}
	for _, p := range c.lost {
		if !known {
			d.want(p, "")
		}
	}
	d.Target.Location = strings.Join(locations, ",")
	return d
}

// want adds a permission at every one of some code locations.
func (d *Deed) want(p policy.Permission, locations ...string) {
	for _, location := range locations {
		want := policy.Want{Permission: p, Location: location}
		if !slices.Contains(d.Needs, want) {
			d.Needs = append(d.Needs, want)
		}
	}
}

// atlas is what Dagster told about the places of one request's claims.
type atlas struct {
	runs, backfills map[string]whereabouts
	// allRuns and allBackfills tell that what is not among them does not exist.
	allRuns, allBackfills bool
	assets                map[string][]string
	instigators           instigators
	locations             []string
	// err is the first answer that was not given.
	err error
}

// explore asks Dagster for all that the claims name: once for each kind of thing.
func (r *Reader) explore(ctx context.Context, claims []claim) *atlas {
	var all whereabouts
	for _, c := range claims {
		all.add(c.place)
	}
	all.runs, all.backfills = distinct(all.runs), distinct(all.backfills)
	all.kinRuns, all.kinBackfills = distinct(all.kinRuns), distinct(all.kinBackfills)
	m := &atlas{}
	if ids := slices.Concat(all.runs, all.kinRuns); len(ids) > 0 {
		m.allRuns = m.note(func() (err error) { m.runs, err = r.findRuns(ctx, ids); return })
	}
	if ids := slices.Concat(all.backfills, all.kinBackfills); len(ids) > 0 {
		m.allBackfills = m.note(func() (err error) { m.backfills, err = r.findBackfills(ctx, ids); return })
	}
	if len(all.schedules) > 0 || len(all.sensors) > 0 {
		m.note(func() (err error) { m.instigators, err = r.findInstigators(ctx); return })
	}
	all = m.follow(all)
	if len(all.assets) > 0 {
		m.note(func() (err error) { m.assets, err = r.findAssets(ctx, all.assets); return })
	}
	if all.everyLocation || len(all.former) > 0 {
		m.note(func() (err error) { m.locations, err = r.Locations(ctx); return })
	}
	m.settle(m.runs)
	m.settle(m.backfills)
	return m
}

func distinct(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (m *atlas) note(ask func() error) (answered bool) {
	err := ask()
	if m.err == nil {
		m.err = err
	}
	return err == nil
}

// follow puts in the place of runs, backfills, schedules and sensors what is
// known of them.
func (m *atlas) follow(p whereabouts) (q whereabouts) {
	for _, id := range p.runs {
		q.add(placeOf(m.runs, id))
	}
	for _, id := range p.backfills {
		q.add(placeOf(m.backfills, id))
	}
	for _, id := range p.kinRuns {
		q.add(placeOfKin(m.runs, id, m.allRuns))
	}
	for _, id := range p.kinBackfills {
		q.add(placeOfKin(m.backfills, id, m.allBackfills))
	}
	q.add(placed(m.instigators.schedules, p.schedules))
	q.add(placed(m.instigators.sensors, p.sensors))
	p.runs, p.backfills, p.kinRuns, p.kinBackfills, p.schedules, p.sensors = nil, nil, nil, nil, nil, nil
	q.add(p)
	return q
}

func placeOf(places map[string]whereabouts, id string) whereabouts {
	if p, ok := places[id]; ok {
		return p
	}
	return whereabouts{lost: true}
}

// placeOfKin is nowhere for what Dagster says that it does not have.
func placeOfKin(places map[string]whereabouts, id string, all bool) whereabouts {
	if _, ok := places[id]; !ok && all {
		return whereabouts{}
	}
	return placeOf(places, id)
}

func placed(locations map[string][]string, ids []string) (p whereabouts) {
	for _, id := range ids {
		p.lost = p.lost || len(locations[id]) == 0
		p.locations = append(p.locations, locations[id]...)
	}
	return p
}

// settle brings places down to code locations: once, however often each is named
// and however many assets it has.
func (m *atlas) settle(places map[string]whereabouts) {
	for id, p := range places {
		places[id] = m.settled(p)
	}
}

// settled is a place that was followed, with nothing left but code locations.
func (m *atlas) settled(p whereabouts) whereabouts {
	q := whereabouts{locations: slices.Concat(p.locations, p.former), lost: p.lost || slices.ContainsFunc(p.former, m.gone)}
	for _, key := range p.assets {
		locations := m.assets[key.id()]
		q.lost = q.lost || len(locations) == 0
		q.locations = append(q.locations, locations...)
	}
	if p.everyLocation {
		q.lost = q.lost || len(m.locations) == 0
		q.locations = append(q.locations, m.locations...)
	}
	q.locations = distinct(q.locations)
	q.lost = q.lost || slices.Contains(q.locations, "")
	return q
}

// locate gives every code location of a place, or none if one of them cannot be
// told: it takes the whole deployment then. The error is why not, if Dagster was
// asked and did not answer.
func (m *atlas) locate(p whereabouts) ([]string, error) {
	p = m.settled(m.follow(p))
	if p.lost {
		return nil, m.err
	}
	return p.locations, nil
}

// gone tells code locations that Dagster has no more. What was made there
// belongs to the deployment now (has_permission_for_location).
func (m *atlas) gone(location string) bool { return !slices.Contains(m.locations, location) }

// Unclassified asks Dagster for its schema and lists the mutations that nobody
// has classified, in alphabetical order.
func (r *Reader) Unclassified(ctx context.Context) ([]string, error) {
	var answer struct {
		Schema struct {
			MutationType struct{ Fields []struct{ Name string } }
		} `json:"__schema"`
	}
	if err := r.query(ctx, mutationsQuery, nil, &answer); err != nil {
		return nil, err
	}
	if len(answer.Schema.MutationType.Fields) == 0 {
		return nil, errors.New("dagster's schema has no mutations")
	}
	var names []string
	for _, f := range answer.Schema.MutationType.Fields {
		if byName[f.Name] == nil {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
