package dagster

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/dagpass/dagpass/policy"
)

const (
	// maxDeeds bounds what one request may change, for each change is judged and
	// recorded by itself.
	maxDeeds = 1_000
	// maxNamed bounds the runs, backfills and assets that one request may name,
	// and every list that is read: Dagster is asked about each. Where the runs that
	// are named have more assets together, nobody asks where those are.
	maxNamed = 10_000
	// maxTargetID bounds what of a client's words goes into the audit trail, in
	// bytes.
	maxTargetID = 500
)

// claim is a change as the arguments name it, before Dagster was asked where
// that is.
type claim struct {
	field  Field
	target Target
	place  whereabouts
	// needs are wanted at each code location of the place, or in the whole
	// deployment if it cannot be told.
	needs []policy.Permission
	// whole are wanted in the whole deployment besides, lost only if the place
	// cannot be told.
	whole, lost []policy.Permission
}

// whereabouts is all that tells at which code locations a change happens: at every one
// of them. The empty place is the whole deployment.
type whereabouts struct {
	// locations are code locations by name. An empty name is none.
	locations []string
	// everyLocation stands for all code locations that there are.
	everyLocation bool
	// runs and backfills are ids; schedules and sensors are parts of the ids that
	// Dagster keeps their state under.
	runs, backfills, schedules, sensors []string
	// kinRuns and kinBackfills are ids of those that a new run is counted among:
	// nowhere if they do not exist.
	kinRuns, kinBackfills []string
	assets                []AssetKey
	// former are code locations that something was made at and that may be gone
	// since.
	former []string
	// lost tells that what was named is not there.
	lost bool
}

// add appends in place: p is nobody else's.
func (p *whereabouts) add(other whereabouts) {
	p.locations = append(p.locations, other.locations...)
	p.everyLocation = p.everyLocation || other.everyLocation
	p.runs = append(p.runs, other.runs...)
	p.backfills = append(p.backfills, other.backfills...)
	p.schedules = append(p.schedules, other.schedules...)
	p.sensors = append(p.sensors, other.sensors...)
	p.kinRuns = append(p.kinRuns, other.kinRuns...)
	p.kinBackfills = append(p.kinBackfills, other.kinBackfills...)
	p.assets = append(p.assets, other.assets...)
	p.former = append(p.former, other.former...)
	p.lost = p.lost || other.lost
}

func (p whereabouts) named() int {
	return len(p.runs) + len(p.backfills) + len(p.kinRuns) + len(p.kinBackfills) + len(p.assets)
}

// claims reads the root fields of a mutation, each time that one stands in the
// document, whether behind @skip or not.
func (c *Call) claims() ([]claim, error) {
	v, err := c.values()
	if err != nil {
		return nil, err
	}
	var all []claim
	named := 0
	for _, field := range c.document.occurrences {
		in, err := v.arguments(field)
		if err != nil {
			return nil, err
		}
		claims, err := claimsOf(Field{Name: field.Name, Key: field.Alias}, in)
		if err != nil {
			return nil, err
		}
		for _, one := range claims {
			named += one.place.named()
		}
		if all = append(all, claims...); len(all) > maxDeeds || named > maxNamed {
			return nil, tooMuch()
		}
	}
	return all, nil
}

func claimsOf(field Field, in input) ([]claim, error) {
	known := classified(field.Name, in)
	if known == nil {
		return []claim{{field: field, needs: []policy.Permission{policy.UnclassifiedMutation}}}, nil
	}
	claims := known.read(in)
	switch err := *in.problem; {
	case errors.Is(err, errTooMuch):
		return nil, tooMuch()
	case err != nil:
		return nil, badArgument(err)
	}
	if len(claims) == 0 { // a list without items: nothing says where
		claims = []claim{{}}
	}
	for i := range claims {
		claims[i].field, claims[i].needs = field, known.needs
		claims[i].target.ID = shorten(claims[i].target.ID)
	}
	return claims, nil
}

func tooMuch() *Error {
	return &Error{
		Status: http.StatusBadRequest, Reason: "too_many_items",
		Message: "The request would change too many things at once.", Err: errTooMuch,
	}
}

func shorten(s string) string {
	if len(s) <= maxTargetID {
		return s
	}
	return strings.ToValidUTF8(s[:maxTargetID], "") + "…"
}

// What follows reads the arguments of one mutation each.

func anywhere(input) []claim { return []claim{{}} }

// named is a change of the whole deployment that the trail has a name for.
func named(kind, key string) func(input) []claim {
	return func(in input) []claim { return []claim{{target: Target{Kind: kind, ID: in.text(key)}}} }
}

// at reads the name of a code location, and what there is changed.
func at(location, kind, id string) func(input) []claim {
	return func(in input) []claim {
		return []claim{{target: Target{Kind: kind, ID: in.text(id)}, place: whereabouts{locations: []string{in.text(location)}}}}
	}
}

// selected reads a ScheduleSelector or SensorSelector.
func selected(selector, kind, name string) func(input) []claim {
	return func(in input) []claim { return at("repositoryLocationName", kind, name)(in.object(selector)) }
}

// partitions reads a change of a set of dynamic partitions. Dagster wipes only
// what may be wiped; which assets that is we do not ask.
func partitions(in input) []claim {
	c := claim{
		target: Target{Kind: "partitions", ID: in.text("partitionsDefName")},
		place:  whereabouts{locations: []string{in.object("repositorySelector").text("repositoryLocationName")}},
	}
	if in.flag("wipeMaterializations") {
		c.whole = []policy.Permission{policy.WipeAssets}
	}
	return []claim{c}
}

func repository(in input) []claim {
	return at("repositoryLocationName", "repository", "repositoryName")(in.object("repositorySelector"))
}

func launch(in input) []claim { return []claim{execution(in.object("executionParams"))} }

func launchMany(in input) (claims []claim) {
	for _, params := range in.objects("executionParamsList") {
		claims = append(claims, execution(params))
	}
	return claims
}

// execution reads ExecutionParams. Of the two names of the job the older wins
// (pipeline_selector_from_graphql). A parent run counts too, which Dagster
// leaves out: see kin.
func execution(params input) claim {
	selector := params.object("selector")
	job := cmp.Or(selector.text("pipelineName"), selector.text("jobName"))
	checks := selector.objects("assetCheckSelection")
	c := claim{target: Target{Kind: "job", ID: job}, place: whereabouts{locations: []string{selector.text("repositoryLocationName")}}}
	if isImplicit(job) {
		assets := keys(selector.objects("assetSelection"))
		c.target = ofAssets(c.target, assets)
		c.place.add(implicit(append(assets, checked(checks)...)))
		// A preset replaces the selection (JobSubsetSelector.with_op_selection).
		c.place.everyLocation = c.place.everyLocation || params.given("preset")
	}
	group := params.object("executionMetadata")
	for _, id := range []string{group.text("parentRunId"), group.text("rootRunId")} {
		if id != "" {
			c.place.kinRuns = append(c.place.kinRuns, id)
		}
	}
	c.place.add(kin(group.objects("tags")))
	return c
}

// kin reads the tags that count a run among others: it joins the group of its
// parent and may keep Dagster from retrying that, and a backfill lives until its
// last run ends and fails if one does. The keys are those of
// dagster/_core/storage/tags.py, in the spellings that isKey knows.
func kin(tags []input) (p whereabouts) {
	for _, tag := range tags {
		switch key, value := tag.text("key"), tag.text("value"); {
		case isKey(key, "dagster/parent_run_id"), isKey(key, "dagster/root_run_id"):
			p.kinRuns = append(p.kinRuns, value)
		case isKey(key, "dagster/backfill"):
			p.kinBackfills = append(p.kinBackfills, value)
		}
	}
	return p
}

// implicit is the place of a job that Dagster makes of assets; without any it
// is made of all there are (has_permission_for_asset_graph).
func implicit(assets []AssetKey) whereabouts {
	return whereabouts{assets: assets, everyLocation: len(assets) == 0}
}

// keys reads AssetKeyInput.
func keys(list []input) (keys []AssetKey) {
	for _, in := range list {
		keys = append(keys, in.texts("path"))
	}
	return keys
}

// checked are the assets of a list of checks. Where the code of the check is, is
// said by the job that it runs in.
func checked(list []input) (keys []AssetKey) {
	for _, in := range list {
		keys = append(keys, in.object("assetKey").texts("path"))
	}
	return keys
}

// ofAssets names the assets in the place of the job that is made of them.
func ofAssets(otherwise Target, assets []AssetKey) Target {
	if len(assets) == 0 {
		return otherwise
	}
	names := make([]string, len(assets))
	for i, key := range assets {
		names[i] = key.String()
	}
	return Target{Kind: "asset", ID: strings.Join(names, ", ")}
}

// reexecution reads the two ways to say what is run again. Dagster takes exactly
// one of them, and neither of both.
func reexecution(in input) (claims []claim) {
	if in.given("executionParams") {
		claims = append(claims, execution(in.object("executionParams")))
	}
	if in.given("reexecutionParams") {
		params := in.object("reexecutionParams")
		c := oneRun(params.text("parentRunId"))
		c.place.add(kin(params.objects("extraTags")))
		claims = append(claims, c)
	}
	return claims
}

func run(key string) func(input) []claim {
	return func(in input) []claim { return []claim{oneRun(in.text(key))} }
}

func runs(in input) (claims []claim) {
	for _, id := range in.texts("runIds") {
		claims = append(claims, oneRun(id))
	}
	return claims
}

func oneRun(id string) claim {
	return claim{target: Target{Kind: "run", ID: id}, place: whereabouts{runs: []string{id}}}
}

func backfill(key string) func(input) []claim {
	return func(in input) []claim { return []claim{oneBackfill(in.text(key))} }
}

func oneBackfill(id string) claim {
	return claim{target: Target{Kind: "backfill", ID: id}, place: whereabouts{backfills: []string{id}}}
}

// reexecuteBackfill reads the same params as a run's re-execution; parentRunId
// is a backfill here.
func reexecuteBackfill(in input) []claim {
	params := in.object("reexecutionParams")
	c := oneBackfill(params.text("parentRunId"))
	c.place.add(kin(params.objects("extraTags")))
	return []claim{c}
}

// launchBackfill reads LaunchBackfillParams. Whatever is named counts, where
// Dagster would take the first of the three or refuse.
func launchBackfill(in input) []claim {
	params := in.object("backfillParams")
	assets := keys(params.objects("assetSelection"))
	for _, by := range params.objects("partitionsByAssets") {
		assets = append(assets, by.object("assetKey").texts("path"))
	}
	c := claim{target: ofAssets(Target{}, assets), place: kin(params.objects("tags"))}
	c.place.assets, c.place.lost = assets, len(assets) == 0 && !params.given("selector")
	if params.given("selector") {
		selector := params.object("selector")
		name := selector.text("partitionSetName")
		c.target = Target{Kind: "partition_set", ID: name}
		c.place.locations = []string{selector.object("repositorySelector").text("repositoryLocationName")}
		c.place.everyLocation = isImplicit(name)
	}
	return []claim{c}
}

// wipe reads the assets to wipe, in both spellings that Dagster has had.
func wipe(in input) (claims []claim) {
	assets := keys(in.objects("assetKeys"))
	for _, by := range in.objects("assetPartitionRanges") {
		assets = append(assets, by.object("assetKey").texts("path"))
	}
	for _, key := range assets {
		claims = append(claims, oneAsset(key))
	}
	return claims
}

func report(in input) []claim {
	return []claim{oneAsset(in.object("eventParams").object("assetKey").texts("path"))}
}

func oneAsset(key AssetKey) claim {
	return claim{target: Target{Kind: "asset", ID: key.String()}, place: whereabouts{assets: []AssetKey{key}}}
}

// stop reads the ids that a schedule or a sensor is stopped by. An id has two
// parts; Dagster asks for the permission by the first and stops by the second,
// so every part that is given counts. What is stopped may be of the other kind
// than the mutation says, so that both permissions are wanted if it is not found.
func stop(kind, origin, selector string) func(input) []claim {
	return func(in input) []claim {
		given := []string{in.text("id"), in.text(origin), in.text(selector)}
		var parts []string
		for _, id := range given {
			if id != "" {
				parts = append(parts, strings.Split(id, compound)...)
			}
		}
		c := claim{target: Target{Kind: kind, ID: cmp.Or(given...)}, lost: []policy.Permission{policy.StopRunningSchedule, policy.EditSensor}}
		if kind == "sensor" {
			c.place.sensors = parts
		} else {
			c.place.schedules = parts
		}
		return []claim{c}
	}
}

// compound stands between the parts of an id (CompoundID).
const compound = "::"
