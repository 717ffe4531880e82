package dagster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// Where an asset, a schedule or a backfill is can change with the code, and
	// which code locations there are too.
	placesLast = 5 * time.Second
	// A run stays what it was launched as.
	runsLast = time.Minute
	// The answers of a kind that are kept, and the assets that a run or backfill
	// may have to be one of them: some 20 MB at worst for the runs and again for
	// the backfills. What is too old stays until it is asked for again or others
	// have taken its place.
	keptAnswers   = 4_000
	maxKeptAssets = 50
	// maxBackfills bounds the backfills that Dagster is asked about at once, each
	// by a field of its own. A request has no more root fields than half of that;
	// the others are in tags.
	maxBackfills = 100
)

// memory keeps answers of Dagster for a while. It is safe for concurrent use.
type memory[V any] struct {
	kept *lru.Cache[string, kept[V]]
	last time.Duration
	// keeps tells what is worth keeping; nil if everything is.
	keeps func(V) bool
}

type kept[V any] struct {
	value V
	until time.Time
}

func newMemory[V any](last time.Duration) memory[V] {
	// The size is positive, which is all that New can complain about.
	cache, _ := lru.New[string, kept[V]](keptAnswers)
	return memory[V]{kept: cache, last: last}
}

// find gives what is known of the keys. What is not remembered is asked for at
// once; what the answer does not have is not known, and not remembered either.
func (m memory[V]) find(keys []string, ask func(missing []string) (map[string]V, error)) (map[string]V, error) {
	asked := time.Now()
	found := map[string]V{}
	unknown := map[string]struct{}{}
	for _, key := range keys {
		if k, ok := m.kept.Get(key); ok && asked.Before(k.until) {
			found[key] = k.value
		} else {
			m.kept.Remove(key)
			unknown[key] = struct{}{}
		}
	}
	missing := slices.Sorted(maps.Keys(unknown))
	if len(missing) == 0 {
		return found, nil
	}
	answer, err := ask(missing)
	if err != nil {
		return found, err
	}
	for _, key := range missing {
		if value, ok := answer[key]; ok {
			found[key] = value
			if m.keeps == nil || m.keeps(value) {
				m.kept.Add(key, kept[V]{value, asked.Add(m.last)})
			}
		}
	}
	return found, nil
}

// lookups remembers where things are.
type lookups struct {
	runs        memory[whereabouts]
	backfills   memory[whereabouts]
	assets      memory[[]string]
	instigators memory[instigators]
	locations   memory[[]string]
}

func newLookups() lookups {
	l := lookups{
		runs:        newMemory[whereabouts](runsLast),
		backfills:   newMemory[whereabouts](placesLast),
		assets:      newMemory[[]string](placesLast),
		instigators: newMemory[instigators](placesLast),
		locations:   newMemory[[]string](placesLast),
	}
	l.runs.keeps, l.backfills.keeps = whereabouts.isSmall, whereabouts.isSmall
	return l
}

func (p whereabouts) isSmall() bool { return len(p.assets) <= maxKeptAssets }

// The queries hold for 1.10 and 1.13. What a client named goes into variables,
// never into their text.
const (
	runsQuery = `query ($ids: [String], $limit: Int) {
		runsOrError(filter: {runIds: $ids}, limit: $limit) {
			__typename
			... on Runs { results {
				runId jobName repositoryOrigin { repositoryLocationName }
				assetSelection { path } assetCheckSelection { assetKey { path } }
			} }
		}
	}`
	backfillField = `partitionBackfillOrError(backfillId: $%[1]s) {
		__typename
		... on PartitionBackfill {
			id isAssetBackfill assetSelection { path }
			partitionSetName partitionSet { repositoryOrigin { repositoryLocationName } }
		}
	}`
	assetsQuery = `query ($keys: [AssetKeyInput!]) {
		assetNodes(assetKeys: $keys) { assetKey { path } isAutoCreatedStub repository { location { name } } }
	}`
	collisionsQuery = `query ($keys: [AssetKeyInput!]!) {
		assetNodeDefinitionCollisions(assetKeys: $keys) { assetKey { path } repositories { location { name } } }
	}`
	instigatorsQuery = `{
		repositoriesOrError {
			__typename
			... on RepositoryConnection { nodes { location { name } schedules { id } sensors { id } } }
		}
	}`
	locationsQuery = `{
		workspaceOrError { __typename ... on Workspace { locationEntries { name } } }
	}`
	mutationsQuery = `{ __schema { mutationType { fields(includeDeprecated: true) { name } } } }`
)

// query asks Dagster. An answer with errors is no answer, even if it has data
// besides.
func (r *Reader) query(ctx context.Context, text string, variables map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": text, "variables": variables})
	if err != nil {
		return err
	}
	raw, err := r.ask(ctx, body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("dagster's answer: %w", err)
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("dagster answered: %s", shorten(answer.Errors[0].Message))
	}
	if isNull(answer.Data) {
		return errors.New("dagster's answer has no data")
	}
	return json.Unmarshal(answer.Data, into)
}

func requireType(got, want string) error {
	if got != want {
		return fmt.Errorf("dagster answered with %s instead of %s", got, want)
	}
	return nil
}

type keyAnswer struct{ Path AssetKey }

type originAnswer struct{ RepositoryLocationName string }

type repositoryAnswer struct{ Location struct{ Name string } }

type runAnswer struct {
	RunID               string
	JobName             string
	RepositoryOrigin    *originAnswer
	AssetSelection      []keyAnswer
	AssetCheckSelection []struct{ AssetKey keyAnswer }
}

// place is where a run belongs: to the code location it was launched from; that
// of an asset job to those of its assets as well.
func (a runAnswer) place() whereabouts {
	if a.RepositoryOrigin == nil {
		return whereabouts{lost: true}
	}
	p := whereabouts{former: []string{a.RepositoryOrigin.RepositoryLocationName}}
	if !isImplicit(a.JobName) {
		return p
	}
	assets := paths(a.AssetSelection)
	for _, check := range a.AssetCheckSelection {
		assets = append(assets, check.AssetKey.Path)
	}
	p.add(implicit(assets))
	return p
}

func paths(list []keyAnswer) (keys []AssetKey) {
	for _, key := range list {
		keys = append(keys, key.Path)
	}
	return keys
}

func (r *Reader) findRuns(ctx context.Context, ids []string) (map[string]whereabouts, error) {
	return r.lookups.runs.find(ids, func(missing []string) (map[string]whereabouts, error) {
		var answer struct {
			RunsOrError struct {
				Typename string `json:"__typename"`
				Results  []runAnswer
			}
		}
		err := r.query(ctx, runsQuery, map[string]any{"ids": missing, "limit": len(missing)}, &answer)
		if err == nil {
			err = requireType(answer.RunsOrError.Typename, "Runs")
		}
		places := map[string]whereabouts{}
		for _, a := range answer.RunsOrError.Results {
			if _, asked := slices.BinarySearch(missing, a.RunID); !asked {
				return nil, errNotAsked
			}
			places[a.RunID] = a.place()
		}
		return places, err
	})
}

// errNotAsked is of a database that does not tell upper from lower case. What
// was not found there may be there in other letters.
var errNotAsked = errors.New("dagster answered with another id than it was asked for")

type backfillAnswer struct {
	Typename         string `json:"__typename"`
	ID               string
	IsAssetBackfill  bool
	AssetSelection   []keyAnswer
	PartitionSetName string
	PartitionSet     *struct{ RepositoryOrigin originAnswer }
}

// place is where a backfill belongs: to the code locations of its assets, or to
// that of its job (has_permission_for_backfill).
func (a backfillAnswer) place() whereabouts {
	p := whereabouts{assets: paths(a.AssetSelection)}
	if a.IsAssetBackfill {
		p.lost = len(p.assets) == 0
		return p
	}
	if a.PartitionSet == nil {
		return whereabouts{lost: true}
	}
	p.locations = []string{a.PartitionSet.RepositoryOrigin.RepositoryLocationName}
	p.everyLocation = isImplicit(a.PartitionSetName)
	return p
}

func (r *Reader) findBackfills(ctx context.Context, ids []string) (map[string]whereabouts, error) {
	return r.lookups.backfills.find(ids, func(missing []string) (map[string]whereabouts, error) {
		if len(missing) > maxBackfills {
			return nil, fmt.Errorf("%d backfills are too many to ask for", len(missing))
		}
		text, variables := backfillsQuery(missing)
		answers := map[string]backfillAnswer{}
		if err := r.query(ctx, text, variables, &answers); err != nil {
			return nil, err
		}
		places := map[string]whereabouts{}
		for _, a := range answers {
			if a.Typename == "BackfillNotFoundError" {
				continue
			}
			if err := requireType(a.Typename, "PartitionBackfill"); err != nil {
				return nil, err
			}
			if _, asked := slices.BinarySearch(missing, a.ID); !asked {
				return nil, errNotAsked
			}
			places[a.ID] = a.place()
		}
		return places, nil
	})
}

// backfillsQuery asks for each backfill by itself, for Dagster has no filter by
// ids.
func backfillsQuery(ids []string) (text string, variables map[string]any) {
	variables = map[string]any{}
	var head, body strings.Builder
	for i, id := range ids {
		name := fmt.Sprintf("b%d", i)
		variables[name] = id
		fmt.Fprintf(&head, "$%s: String! ", name)
		fmt.Fprintf(&body, "%[1]s: "+backfillField+"\n", name)
	}
	return "query (" + head.String() + ") {" + body.String() + "}", variables
}

// findAssets gives the code locations that define each asset: the one that
// Dagster takes for it, and all others if more than one does. A location that
// only depends on an asset has a stub of it, which is the only node there is
// while the location that defines it does not load.
func (r *Reader) findAssets(ctx context.Context, keys []AssetKey) (map[string][]string, error) {
	byID := map[string]AssetKey{}
	for _, key := range keys {
		byID[key.id()] = key
	}
	if len(byID) > maxNamed {
		return nil, fmt.Errorf("%d assets are too many to ask for", len(byID))
	}
	return r.lookups.assets.find(slices.Collect(maps.Keys(byID)), func(missing []string) (map[string][]string, error) {
		var wanted []AssetKey
		for _, id := range missing {
			wanted = append(wanted, byID[id])
		}
		return r.askAssets(ctx, wanted)
	})
}

func (r *Reader) askAssets(ctx context.Context, keys []AssetKey) (map[string][]string, error) {
	var nodes struct {
		AssetNodes []struct {
			AssetKey          keyAnswer
			IsAutoCreatedStub bool
			Repository        repositoryAnswer
		}
	}
	if err := r.query(ctx, assetsQuery, keysVariable(keys), &nodes); err != nil {
		return nil, err
	}
	found := map[string][]string{}
	var defined []AssetKey // Dagster fails the next query for a key it does not know
	for _, node := range nodes.AssetNodes {
		defined = append(defined, node.AssetKey.Path)
		if id := node.AssetKey.Path.id(); !node.IsAutoCreatedStub {
			found[id] = append(found[id], node.Repository.Location.Name)
		}
	}
	if len(defined) == 0 {
		return found, nil
	}
	return found, r.askCollisions(ctx, defined, found)
}

func (r *Reader) askCollisions(ctx context.Context, keys []AssetKey, found map[string][]string) error {
	var collisions struct {
		AssetNodeDefinitionCollisions []struct {
			AssetKey     keyAnswer
			Repositories []repositoryAnswer
		}
	}
	if err := r.query(ctx, collisionsQuery, keysVariable(keys), &collisions); err != nil {
		return err
	}
	for _, c := range collisions.AssetNodeDefinitionCollisions {
		id := c.AssetKey.Path.id()
		for _, repository := range c.Repositories {
			found[id] = append(found[id], repository.Location.Name)
		}
	}
	return nil
}

func keysVariable(keys []AssetKey) map[string]any {
	list := []map[string]any{}
	for _, key := range keys {
		list = append(list, map[string]any{"path": append([]string{}, key...)})
	}
	return map[string]any{"keys": list}
}

// instigators are the code locations of all schedules and sensors that Dagster
// has loaded, by each part of their ids: all of them if several have one part.
type instigators struct{ schedules, sensors map[string][]string }

func (r *Reader) findInstigators(ctx context.Context) (instigators, error) {
	const all = ""
	found, err := r.lookups.instigators.find([]string{all}, func([]string) (map[string]instigators, error) {
		var answer instigatorsAnswer
		err := r.query(ctx, instigatorsQuery, nil, &answer)
		if err == nil {
			err = requireType(answer.RepositoriesOrError.Typename, "RepositoryConnection")
		}
		return map[string]instigators{all: answer.instigators()}, err
	})
	return found[all], err
}

type idAnswer struct{ ID string }

type instigatorsAnswer struct {
	RepositoriesOrError struct {
		Typename string `json:"__typename"`
		Nodes    []struct {
			repositoryAnswer
			Schedules, Sensors []idAnswer
		}
	}
}

func (a instigatorsAnswer) instigators() instigators {
	all := instigators{schedules: map[string][]string{}, sensors: map[string][]string{}}
	for _, node := range a.RepositoriesOrError.Nodes {
		addParts(all.schedules, node.Schedules, node.Location.Name)
		addParts(all.sensors, node.Sensors, node.Location.Name)
	}
	return all
}

func addParts(places map[string][]string, ids []idAnswer, location string) {
	for _, id := range ids {
		for part := range strings.SplitSeq(id.ID, compound) {
			places[part] = append(places[part], location)
		}
	}
}

// Locations asks Dagster for the names of its code locations, those among them
// that do not load. The answer is remembered for seconds.
func (r *Reader) Locations(ctx context.Context) ([]string, error) {
	const all = ""
	found, err := r.lookups.locations.find([]string{all}, func([]string) (map[string][]string, error) {
		var answer struct {
			WorkspaceOrError struct {
				Typename        string `json:"__typename"`
				LocationEntries []struct{ Name string }
			}
		}
		err := r.query(ctx, locationsQuery, nil, &answer)
		if err == nil {
			err = requireType(answer.WorkspaceOrError.Typename, "Workspace")
		}
		names := []string{}
		for _, entry := range answer.WorkspaceOrError.LocationEntries {
			names = append(names, entry.Name)
		}
		return map[string][]string{all: names}, err
	})
	return slices.Clone(found[all]), err
}
