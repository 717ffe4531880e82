package policy_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/policy"
)

var update = flag.Bool("update", false, "write the table of docs/permissions.md anew")

const (
	matrixFile  = "../docs/permissions.md"
	matrixBegin = "<!-- matrix: go test ./policy -run TestMatrix -update -->\n"
	matrixEnd   = "<!-- end of matrix -->"
)

// TestMatrix holds the table of the built-in roles in the documentation against
// the code.
func TestMatrix(t *testing.T) {
	doc, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(doc), matrixBegin)
	old, after, ended := strings.Cut(rest, matrixEnd)
	if !begun || !ended {
		t.Fatalf("%s has no place for the table", matrixFile)
	}
	if old == matrix() {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is not what the code says; run: go test ./policy -run TestMatrix -update", matrixFile)
	}
	if err := os.WriteFile(matrixFile, []byte(before+matrixBegin+matrix()+matrixEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// matrix lists the permissions in the order in which the roles gain them, and
// says which can be held at a code location.
func matrix() string {
	roles := []policy.Role{policy.Viewer, policy.Launcher, policy.Editor, policy.Admin}
	var b strings.Builder
	b.WriteString("| permission | viewer | launcher | editor | admin | at a location |\n|---|:-:|:-:|:-:|:-:|:-:|\n")
	listed := map[string]bool{}
	for _, gains := range roles {
		for _, name := range policy.BuiltIn(gains).Names() {
			if listed[name] {
				continue
			}
			listed[name] = true
			fmt.Fprintf(&b, "| `%s` |", name)
			for _, role := range roles {
				b.WriteString(tick(policy.BuiltIn(role).Has(policy.Permission(name))))
			}
			b.WriteString(tick(policy.Located(policy.Permission(name))) + "\n")
		}
	}
	return b.String()
}

func tick(yes bool) string { return map[bool]string{true: " ✓ |", false: " |"}[yes] }
