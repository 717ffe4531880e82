package parts

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A Version is one of the Dagsters that tools/setup/setup.sh installs.
type Version string

const (
	Newest Version = "dagster"      // as of the time it was installed
	Oldest Version = "dagster-1.10" // pinned in tools/setup/dagster-1.10.txt
)

// Dagster is a real dagster-webserver with the sample workspace of
// testdata/dagster: code locations "sales" and "marketing", and "broken",
// which does not load.
type Dagster struct {
	*Process
	*Storage
	URL string // with the path prefix, no slash at its end

	home    string
	version Version
}

// DagsterOptions are what differs from one webserver to the next.
type DagsterOptions struct {
	Version    Version  // the newest when empty
	PathPrefix string   // its --path-prefix
	Flags      []string // further ones of dagster-webserver
	// Issuer is whose assertions its run coordinator believes
	// (testdata/dagster/coordinator.py).
	Issuer string
	// Settings is another file of testdata/dagster than dagster.yaml.
	Settings string
}

// StartDagster starts a webserver with its own DAGSTER_HOME.
func StartDagster(t testing.TB, o DagsterOptions) *Dagster {
	t.Helper()
	port := FreePort(t)
	version := cmp.Or(o.Version, Newest)
	d := &Dagster{URL: loopback(port, o.PathPrefix), home: DagsterHome(t, cmp.Or(o.Settings, "dagster.yaml")), version: version}
	args := append([]string{"-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port}, o.Flags...)
	if o.PathPrefix != "" {
		args = append(args, "--path-prefix", o.PathPrefix)
	}
	// In its own folder: the notebook route reads only below the working one.
	env := append(DagsterEnvironment(t, d.home), "ASSERTION_ISSUER="+o.Issuer)
	d.Process = Start(t, Workspace(), env, DagsterBin(t, version, "dagster-webserver"), args...)
	return d
}

// StartDaemon starts the daemon, which launches what is queued and the runs of
// backfills.
func (d *Dagster) StartDaemon(t testing.TB) *Process {
	t.Helper()
	return Start(t, Workspace(), DagsterEnvironment(t, d.home), DagsterBin(t, d.version, "dagster-daemon"), "run", "-w", "workspace.yaml")
}

// Workspace returns the folder of the sample workspace.
func Workspace() string { return ours("testdata", "dagster") }

// DagsterBin returns the path of a program in a cached Python environment.
func DagsterBin(t testing.TB, v Version, program string) string {
	t.Helper()
	return Cached(t, string(v), "bin", program)
}

// Await waits until the webserver answers; its code locations are loaded
// then. The storage is opened only now: the two would trip over each other
// while they create the databases.
func (d *Dagster) Await(t testing.TB) {
	t.Helper()
	d.AwaitURL(t, d.URL+"/server_info", 2*time.Minute)
	d.Storage = OpenStorage(t, d.version, d.home)
}

// DagsterEnvironment returns what a Dagster program needs to use this home.
func DagsterEnvironment(t testing.TB, home string) []string {
	t.Helper()
	return Environment(t, "DAGSTER_HOME="+home, "PYTHONPATH="+Workspace(), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
}

// DagsterHome makes a DAGSTER_HOME with the settings of a file of
// testdata/dagster.
func DagsterHome(t testing.TB, file string) string {
	t.Helper()
	home := t.TempDir()
	settings, err := os.ReadFile(ours("testdata", "dagster", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "dagster.yaml"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}
