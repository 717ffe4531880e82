package parts

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
)

// Storage is Dagster's own, read by a Python program through DagsterInstance
// (testdata/dagster/storage.py), past the webserver.
type Storage struct {
	ask    io.Writer
	answer *bufio.Scanner
}

// State is what stands in the storage. Two equal states mean that nothing ran
// and nothing was changed in between.
type State struct {
	Runs        []Run
	Events      map[string]int // materializations, observations, check evaluations
	Assets      []string
	Backfills   map[string]Backfill
	Instigators map[string][2]string // status and cursor of schedules and sensors
	Partitions  []string             // of the dynamic partitions "customers" and "segments"
	Concurrency []string             // limits and who has a slot
	Paused      bool
	Evaluated   map[string]int // how often a schedule's or sensor's code ran
}

// A Backfill as Dagster stored it.
type Backfill struct {
	Status string
	Tags   map[string]string
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

// OpenStorage opens the storage of a DAGSTER_HOME that a Dagster program has
// made. The Python program stays, as importing Dagster takes a second and a
// half; it ends with t, by the end of its input.
func OpenStorage(t testing.TB, v Version, home string) *Storage {
	t.Helper()
	cmd := exec.Command(DagsterBin(t, v, "python"), ours("testdata", "dagster", "storage.py"))
	cmd.Env, cmd.Stderr = DagsterEnvironment(t, home), os.Stderr
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
	s := &Storage{ask: in, answer: bufio.NewScanner(out)}
	s.answer.Buffer(nil, 16<<20)
	return s
}

// State asks what stands there now.
func (s *Storage) State(t testing.TB) (state State) {
	t.Helper()
	s.command(t, "state", &state)
	return state
}

// Claim gives a step of a run a slot of a concurrency key.
func (s *Storage) Claim(t testing.TB, key, run string) {
	t.Helper()
	var claimed bool
	if s.command(t, "claim "+key+" "+run, &claimed); !claimed {
		t.Fatalf("no slot of %s is left", key)
	}
}

// SetBackfill brings a backfill to a status, such as "FAILED".
func (s *Storage) SetBackfill(t testing.TB, id, status string) {
	t.Helper()
	s.command(t, "backfill "+id+" "+status, nil)
}

func (s *Storage) command(t testing.TB, line string, answer any) {
	t.Helper()
	if _, err := io.WriteString(s.ask, line+"\n"); err != nil {
		t.Fatalf("ask Dagster's storage: %v", err)
	}
	if !s.answer.Scan() {
		t.Fatalf("Dagster's storage did not answer: %v", s.answer.Err())
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(s.answer.Bytes(), answer); err != nil {
		t.Fatalf("Dagster's storage: %v", err)
	}
}
