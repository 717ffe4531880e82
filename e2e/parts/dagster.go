package parts

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Dagster is a real dagster-webserver with the sample workspace of
// testdata/dagster: code locations "sales" and "marketing".
type Dagster struct {
	*Process
	URL  string // with the path prefix, no slash at its end
	Home string // its DAGSTER_HOME

	storage *bufio.Scanner
	ask     io.Writer
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
	d := &Dagster{URL: loopback(port, o.PathPrefix), Home: dagsterHome(t)}
	args := append([]string{"-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port}, o.Flags...)
	if o.PathPrefix != "" {
		args = append(args, "--path-prefix", o.PathPrefix)
	}
	// In its own folder: the notebook route reads only below the working one.
	env := append(DagsterEnvironment(t, d.Home), "ASSERTION_ISSUER="+o.Issuer)
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
	d.openStorage(t)
}

// DagsterEnvironment returns what a Dagster program needs to use this home.
func DagsterEnvironment(t testing.TB, home string) []string {
	t.Helper()
	return Environment(t, "DAGSTER_HOME="+home, "PYTHONPATH="+Workspace(), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
}

func dagsterHome(t testing.TB) string {
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

// State is what stands in Dagster's own storage. Two equal states mean that
// nothing ran and nothing was changed in between.
type State struct {
	Runs        []Run
	Events      map[string]int // materializations, observations, check evaluations
	Assets      []string
	Backfills   map[string]string
	Instigators map[string][2]string // status and cursor of schedules and sensors
	Partitions  []string             // of the dynamic partitions "customers"
	Concurrency []string
	Paused      bool
}

// A Run as Dagster stored it.
type Run struct {
	ID, Job, Status string
	Tags            map[string]string
}

// Run returns the run with an id, and whether Dagster knows it.
func (s State) Run(id string) (Run, bool) {
	for _, run := range s.Runs {
		if run.ID == id {
			return run, true
		}
	}
	return Run{}, false
}

// State asks Dagster's storage, past its webserver.
func (d *Dagster) State(t testing.TB) State {
	t.Helper()
	if _, err := io.WriteString(d.ask, "state\n"); err != nil {
		t.Fatalf("ask Dagster's storage: %v", err)
	}
	if !d.storage.Scan() {
		t.Fatalf("Dagster's storage did not answer: %v", d.storage.Err())
	}
	var state State
	if err := json.Unmarshal(d.storage.Bytes(), &state); err != nil {
		t.Fatalf("Dagster's storage: %v", err)
	}
	return state
}

// openStorage starts the Python program that reads the storage. It stays, as
// importing Dagster takes a second and a half; it ends with t, by the end of
// its input.
func (d *Dagster) openStorage(t testing.TB) {
	t.Helper()
	cmd := exec.Command(DagsterBin(t, "python"), ours("testdata", "dagster", "storage.py"))
	cmd.Env, cmd.Stderr = DagsterEnvironment(t, d.Home), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	d.ask, d.storage = in, bufio.NewScanner(out)
	d.storage.Buffer(nil, 16<<20)
}
