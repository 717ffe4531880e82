package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/e2e/parts"
)

// tables holds what package dagster is tested with against the real thing:
// what Dagster runs of each odd request, what its mutations take, and that what
// we write means to its GraphQL library what the request meant.
func tables(t *testing.T, w *world) {
	t.Run("tricks", func(t *testing.T) { tricks(t, parts.Newest, w.dagster.URL) })
	t.Run("mutations", func(t *testing.T) { isTable(t, "mutations-1.13.json", "mutations.py", w.dagster.URL) })
	t.Run("arguments", func(t *testing.T) { isTable(t, "arguments.json", "arguments.py", table("arguments.json")) })
	t.Run("documents", func(t *testing.T) { allAlike(t, parts.Newest, "same_meaning.py", table("rewrites.json")) })
	for _, v := range []parts.Version{parts.Newest, parts.Oldest} {
		t.Run("launches in "+string(v), func(t *testing.T) { allAlike(t, v, "same_launch.py", table("launches.json"), table("outcomes.json")) })
		t.Run("trimmed in "+string(v), func(t *testing.T) { allAlike(t, v, "still_valid.py", table("trimmed.json")) })
	}
}

// tricks replays the odd requests against a webserver.
func tricks(t *testing.T, v parts.Version, url string) {
	t.Helper()
	allAlike(t, v, "against_dagster.py", url)
}

func table(name string) string { return filepath.Join("../dagster/testdata", name) }

// allAlike runs a script that ends well if it finds no difference, and says how
// much it compared.
func allAlike(t *testing.T, v parts.Version, script string, args ...string) {
	t.Helper()
	if out := python(t, v, script, args...); !compared.Match(out) {
		t.Errorf("%s", out)
	}
}

// compared is the last line of a check that compared something.
var compared = regexp.MustCompile(`(?m)^[1-9][0-9]* [a-z]+, ([1-9][0-9]* mutations, )?0 (differ|wrong)$`)

// isTable runs a script that prints what should stand in a table.
func isTable(t *testing.T, name, script string, args ...string) {
	t.Helper()
	want, err := os.ReadFile(table(name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(python(t, parts.Newest, script, args...))); diff != "" {
		t.Errorf("%s is not what Dagster says (-table +Dagster):\n%s", name, diff)
	}
}

func python(t *testing.T, v parts.Version, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(parts.DagsterBin(t, v, "python"), append([]string{table(script)}, args...)...)
	cmd.Env = parts.DagsterEnvironment(t, t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
	return out
}
