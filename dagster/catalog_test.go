package dagster

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

const (
	permissionsDoc = "../docs/permissions.md"
	mutationsBegin = "<!-- mutations: go test ./dagster -run TestCatalog -update -->\n"
	mutationsEnd   = "<!-- end of mutations -->"
)

// TestCatalog holds the table of mutations in the documentation against the
// catalog.
func TestCatalog(t *testing.T) {
	doc, err := os.ReadFile(permissionsDoc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(doc), mutationsBegin)
	old, after, ended := strings.Cut(rest, mutationsEnd)
	if !begun || !ended {
		t.Fatalf("%s has no place for the table", permissionsDoc)
	}
	if old == mutationsTable() {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is not what the code says; run: go test ./dagster -run TestCatalog -update", permissionsDoc)
	}
	if err := os.WriteFile(permissionsDoc, []byte(before+mutationsBegin+mutationsTable()+mutationsEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mutationsTable() string {
	var b strings.Builder
	b.WriteString("| mutation | permission | where the code location comes from |\n|---|---|---|\n")
	for _, row := range catalog {
		var needs []string
		for _, p := range row.needs {
			needs = append(needs, string(p))
		}
		where := cmp.Or(row.where, "deployment-wide")
		fmt.Fprintf(&b, "| %s | %s | %s |\n", ticked(strings.Fields(row.names), ", "), ticked(needs, " and "), where)
	}
	return b.String()
}

func ticked(words []string, between string) string {
	return "`" + strings.Join(words, "`"+between+"`") + "`"
}

// testdata/mutations.py makes the file from a running Dagster.
func TestCatalogHasEveryMutation(t *testing.T) {
	raw, err := os.ReadFile("testdata/mutations-1.13.json")
	if err != nil {
		t.Fatal(err)
	}
	var mutations map[string]map[string]string
	if err := json.Unmarshal(raw, &mutations); err != nil || len(mutations) != 41 {
		t.Fatal(len(mutations), err)
	}
	for name, arguments := range mutations {
		for argument := range arguments {
			if classified(name, input{members: map[string]any{argument: nil}}) == nil {
				t.Errorf("%s(%s) is not classified", name, argument)
			}
		}
		if classified(name, input{}) == nil {
			t.Errorf("%s is not classified", name)
		}
	}
}

// A permission that nobody knows would be refused to admins too.
func TestCatalogNeedsKnownPermissions(t *testing.T) {
	admin := policy.Access{Permissions: policy.BuiltIn(policy.Admin)}
	for _, row := range catalog {
		for _, p := range row.needs {
			if !policy.Decide(admin, policy.Want{Permission: p}).Allowed {
				t.Errorf("%s needs %s", row.names, p)
			}
		}
		if len(row.needs) == 0 {
			t.Errorf("%s needs nothing", row.names)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string][2]bool{ // known, harmless
		"logTelemetry": {true, true}, "setNuxSeen": {true, true}, "__typename": {true, true},
		"deleteRun": {true, false}, "reloadWorkspace": {true, false}, "newThing": {false, false}, "": {false, false},
	} {
		if got := [2]bool{IsKnown(name), IsHarmless(name)}; got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
