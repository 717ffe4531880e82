package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/tools/bench/seed"
)

// What was measured of the console alone goes into the report that is there, and
// nothing else of it changes.
func TestConsoleAloneKeepsTheRest(t *testing.T) {
	got, err := withConsole("# A\n<!-- console -->\nold\n<!-- /console -->\n\n## B\n", "\n<!-- console -->\nnew\n<!-- /console -->\n")
	if want := "# A\n<!-- console -->\nnew\n<!-- /console -->\n\n## B\n"; got != want || err != nil {
		t.Errorf("got %q (%v)", got, err)
	}
	if _, err := withConsole("# A\n", "x"); err == nil {
		t.Error("a report without the section is written over")
	}
}

func TestPercentileIsOfTheSlowest(t *testing.T) {
	p := &page{}
	for i := range 50 {
		p.took = append(p.took, time.Duration(50-i)*time.Millisecond)
	}
	for percent, want := range map[int]time.Duration{50: 25, 95: 48, 100: 50} {
		if got := p.percentile(percent); got != want*time.Millisecond {
			t.Errorf("%d %%: %s", percent, got)
		}
	}
}

// What is seeded can be measured: it is a trail that verifies, and every page of
// the console is there.
func TestSeededConsole(t *testing.T) {
	b, err := newBench(options{root: "../..", cache: t.TempDir(), share: 0.001, times: 1, log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer b.end()
	if err := b.build(t.Context(), "dagpass"); err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(newUpstream())
	defer upstream.Close()
	for range 2 { // the second finds what the first has kept
		k, err := b.onSQLite(200, 3000)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.fill(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		if err := b.showAll(t.Context(), k, upstream.URL); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.consoleTables(); len(got) != 2 || !strings.HasPrefix(got[0].Verified, "3,0") || len(got[0].Rows) < 60 {
		t.Errorf("%+v", got)
	}
	if seed.Person(10, 3) != seed.Person(10, 3) || len(seed.Version()) != 64 {
		t.Error("what is seeded is not the same every time")
	}
}
