package e2e

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// tables holds what package dagster is tested with against the real thing:
// what Dagster runs of each odd request, and that a document and what we write
// of it mean the same to its GraphQL library.
func tables(t *testing.T, w *world) {
	checks := []struct{ script, argument string }{
		{"against_dagster.py", w.dagster.URL},
		{"same_meaning.py", "../dagster/testdata/rewrites.json"},
	}
	for _, check := range checks {
		t.Run(check.script, func(t *testing.T) {
			cmd := exec.Command(parts.DagsterBin(t, parts.Newest, "python"), "../dagster/testdata/"+check.script, check.argument)
			cmd.Env = parts.DagsterEnvironment(t, t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil || !allAlike.Match(out) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// allAlike is the last line of a check that compared something.
var allAlike = regexp.MustCompile(`(?m)^[1-9][0-9]* [a-z]+, 0 differ$`)
