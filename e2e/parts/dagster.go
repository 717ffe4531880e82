package parts

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Dagster is a real dagster-webserver with the sample workspace of
// testdata/dagster: code locations "sales" and "marketing".
type Dagster struct {
	*Process
	*Storage
	URL string // with the path prefix, no slash at its end

	home string
}

// DagsterOptions are what differs from one webserver to the next.
type DagsterOptions struct {
	PathPrefix string   // its --path-prefix
	Flags      []string // further ones of dagster-webserver
	// Issuer is whose assertions its run coordinator believes
	// (testdata/dagster/coordinator.py).
	Issuer string
}

// StartDagster starts a webserver with its own DAGSTER_HOME.
func StartDagster(t testing.TB, o DagsterOptions) *Dagster {
	t.Helper()
	port := FreePort(t)
	d := &Dagster{URL: loopback(port, o.PathPrefix), home: DagsterHome(t)}
	args := append([]string{"-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port}, o.Flags...)
	if o.PathPrefix != "" {
		args = append(args, "--path-prefix", o.PathPrefix)
	}
	// In its own folder: the notebook route reads only below the working one.
	env := append(DagsterEnvironment(t, d.home), "ASSERTION_ISSUER="+o.Issuer)
	d.Process = Start(t, Workspace(), env, DagsterBin(t, "dagster-webserver"), args...)
	return d
}

// Workspace returns the folder of the sample workspace.
func Workspace() string { return ours("testdata", "dagster") }

// DagsterBin returns the path of a program in the cached Python environment.
func DagsterBin(t testing.TB, program string) string {
	t.Helper()
	return Cached(t, "dagster", "bin", program)
}

// Await waits until the webserver answers; its code locations are loaded
// then. The storage is opened only now: the two would trip over each other
// while they create the databases.
func (d *Dagster) Await(t testing.TB) {
	t.Helper()
	d.AwaitURL(t, d.URL+"/server_info", 2*time.Minute)
	d.Storage = OpenStorage(t, d.home)
}

// DagsterEnvironment returns what a Dagster program needs to use this home.
func DagsterEnvironment(t testing.TB, home string) []string {
	t.Helper()
	return Environment(t, "DAGSTER_HOME="+home, "PYTHONPATH="+Workspace(), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
}

// DagsterHome makes a DAGSTER_HOME with the settings of the sample.
func DagsterHome(t testing.TB) string {
	t.Helper()
	home := t.TempDir()
	settings, err := os.ReadFile(ours("testdata", "dagster", "dagster.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "dagster.yaml"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}
