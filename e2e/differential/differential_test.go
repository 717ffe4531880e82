package differential

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
)

var (
	seed   = flag.Uint64("seed", 0, "of the random part; 0 takes the time")
	random = flag.Duration("random", 5*time.Second, "how long the random part looks")
)

// fixed is how many generated requests every run looks at, always the same.
const fixed = 1200

func TestTheNewestReadsAlike(t *testing.T) { searchAll(t, parts.Newest, fixed, *random) }

func TestTheOldestReadsAlike(t *testing.T) { searchAll(t, parts.Oldest, fixed/4, 0) }

func searchAll(t *testing.T, v parts.Version, fixed int, random time.Duration) {
	s := newSearcher(startWebserver(t, v))
	for _, r := range tables(t) {
		s.look(t, r, "a table")
	}
	for i := range fixed {
		s.generate(t, uint64(i))
	}
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano())
	}
	for end := time.Now().Add(random); time.Now().Before(end); from++ {
		s.generate(t, from)
	}
	t.Logf("%+v; the random part ended before seed %d", s.tally, from)
	if s.mutations < s.requests/10 || s.fields < s.mutations {
		t.Error("too little was compared to prove anything")
	}
}

// generate looks at one request of a seed, and at what mutation makes of it.
func (s *searcher) generate(t *testing.T, seed uint64) {
	t.Helper()
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), catalog: s.catalog}
	r := g.request()
	s.look(t, r, seed)
	s.look(t, g.mutated(r), seed)
}

func (s *searcher) look(t *testing.T, r request, from any) {
	t.Helper()
	if !valid(r) {
		return
	}
	for _, wrong := range s.hold(t, r) {
		t.Errorf("of %v: %s\n%s", from, wrong, describe(r))
	}
}

// FuzzReadsAlike lets Go's fuzzing find the way to requests that we accept.
func FuzzReadsAlike(f *testing.F) {
	s := newSearcher(startWebserver(f, parts.Newest))
	for _, r := range tables(f)[:40] {
		f.Add(r.Method, first(r.ContentType), r.Query, r.Body)
	}
	for i := range uint64(40) {
		g := &generator{Rand: rand.New(rand.NewPCG(i, 2)), catalog: s.catalog}
		if r := g.request(); r.Socket == nil {
			f.Add(r.Method, first(r.ContentType), r.Query, r.Body)
		}
	}
	f.Fuzz(func(t *testing.T, method, contentType string, query, body []byte) {
		r := request{Method: method, ContentType: []string{contentType}, Query: query, Body: body}
		if !valid(r) {
			t.Skip()
		}
		for _, wrong := range s.hold(t, r) {
			t.Errorf("%s\n%s", wrong, describe(r))
		}
	})
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
