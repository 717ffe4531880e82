package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
)

// world is what all journeys share.
type world struct {
	binary   string
	chromium *parts.Chromium
	keycloak *parts.Keycloak
	// certified is npm's oidc-provider: quick, without scripts in its pages,
	// and any number of people.
	certified *parts.OIDCProvider
	dagster   *parts.Dagster
	prefixed  *parts.Dagster // below /data
	// port is the one that dagster believes assertions of.
	port string
}

func TestEndToEnd(t *testing.T) {
	w := newWorld(t)
	journeys := []struct {
		name string
		take func(*testing.T, *world)
	}{
		{"the parts are strict", theParts},
		{"sign in at Keycloak, work, sign out", signInAtKeycloak},
		{"sign in at oidc-provider", signInAtOIDCProvider},
		{"two tabs at once", twoTabs},
		{"who may not come in", refusedPeople},
		{"a sign-in answered by somebody else", mixedUp},
		{"Dagster reads what our tables say", tables},
		{"roles", roles},
		{"every mutation, every role, every location", matrix},
		{"the menu in Dagster's page", menu},
		{"what Dagster learns of people", headers},
		{"a run carries a verified name", attribution},
		{"launched by", launchedBy},
		{"Dagster's app, by role", inTheApp},
		{"below a path prefix", pathPrefix},
		{"large and partial downloads", downloads},
		{"killed under load", killed},
		{"two replicas", replicas},
		{"Dagster is down", dagsterDown},
		{"the identity provider is down at the start", providerDown},
		{"claimed, locked down, recovered", claimedToRecovered},
		{"a thief with the database", thief},
		{"second factors", secondFactors},
		{"step-up", stepUp},
		{"a directory", directory},
		{"behind another Dagpass", behind},
		{"linking", linking},
		{"test sign-ins", trials},
		{"an auditor", anAuditor},
		{"the console", theConsole},
		{"backup and restore", backup},
		{"wrap", wrap},
		{"wrap ends as its command does", statuses},
		{"demo", demo},
		{"pictures", pictures},
	}
	for _, j := range journeys {
		t.Run(j.name, func(t *testing.T) { j.take(t, w) })
	}
}

func newWorld(t *testing.T) *world {
	began := time.Now()
	for _, old := range slices.Concat(glob("out/failed-TestEndToEnd*"), glob("out/logs/TestEndToEnd*")) {
		os.Remove(old)
	}
	w := &world{port: parts.FreePort(t)}
	w.keycloak = parts.StartKeycloak(t)
	w.dagster = parts.StartDagster(t, parts.DagsterOptions{Issuer: "http://localhost:" + w.port + "/auth"})
	w.prefixed = parts.StartDagster(t, parts.DagsterOptions{PathPrefix: "/data"})
	w.certified = parts.StartOIDCProvider(t, certifiedClient)
	w.binary = build(t)
	w.chromium = parts.StartChromium(t)
	w.certified.Await(t)
	w.dagster.Await(t)
	w.prefixed.Await(t)
	w.keycloak.Await(t)
	t.Logf("the parts are up after %s", time.Since(began).Round(time.Second))
	return w
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern)
	return found
}

// certifiedClient is us, as oidc-provider knows us: at the root and below /data.
var certifiedClient = parts.OIDCProviderOptions{
	RedirectURIs: []string{"http://localhost/auth/callback/certified", "http://localhost/data/auth/callback/certified"},
	AfterLogout:  []string{"http://localhost/auth/login", "http://localhost/data/auth/login"},
}

// build makes the binary that users run.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dagpass")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/dagpass").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
