package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
)

// started is a program whose signals are the test's to send.
type started struct {
	*exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

// start starts a program that ends with t whatever happens.
func start(t *testing.T, dir string, env []string, name string, args ...string) *started {
	t.Helper()
	s := &started{Cmd: exec.Command(name, args...)}
	s.Dir, s.Env, s.Stdout, s.Stderr = dir, env, s, s
	s.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-s.Process.Pid, syscall.SIGKILL)
		s.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, s.printed())
		}
	})
	return s
}

// Write implements io.Writer for what the program prints.
func (s *started) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *started) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// await waits until a pattern is printed and returns what its group matched.
func (s *started) await(t *testing.T, pattern string, limit time.Duration) string {
	t.Helper()
	deadline := time.After(limit)
	for {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(s.printed()); found != nil {
			return found[1]
		}
		select {
		case <-deadline:
			t.Fatalf("%s did not print %s", s.Path, pattern)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// wrap starts a real `dagster dev` as its child, works, and takes it along
// when it is told to stop.
func wrap(t *testing.T, w *world) {
	set := w.settings(t, "")
	delete(set, "UPSTREAM")
	home := parts.DagsterHome(t, "dagster.yaml")
	env := append(parts.DagsterEnvironment(t, home), set.environ(t)...)
	child := start(t, parts.Workspace(), env, w.binary, "wrap", "--", parts.DagsterBin(t, parts.Newest, "dagster"), "dev", "-w", "workspace.yaml")
	upstream := child.await(t, `"upstream":"http://([^"]+)"`, time.Minute)
	s := &server{URL: "http://localhost:" + set.port(), set: set, w: w}
	awaitDagster(t, upstream)

	p := signedIn(t, s, "keycloak", parts.Editor)
	id := p.launch(t)
	if run, ok := parts.OpenStorage(t, parts.Newest, home).State(t).Run(id); !ok || run.Job != "counting" {
		t.Errorf("launched %q, stored %+v", id, run)
	}
	child.Process.Signal(syscall.SIGTERM)
	child.Wait()
	mustBeGone(t, upstream)
}

// statuses ends as the wrapped command does, by itself or when a signal is
// passed on.
func statuses(t *testing.T, w *world) {
	tests := []struct {
		script string
		signal syscall.Signal // sent once the script says "up"
		want   int
	}{
		{"echo up; exit 0", 0, 0},
		{"echo up; exit 7", 0, 7},
		{"echo up; kill -KILL $$", 0, 128 + 9},
		{"trap 'exit 9' TERM; echo up; sleep 600 & wait", syscall.SIGTERM, 9},
		{"trap 'exit 0' INT; echo up; sleep 600 & wait", syscall.SIGINT, 0},
		{"echo up; exec sleep 600", syscall.SIGTERM, 128 + 15},
	}
	for _, test := range tests {
		t.Run(test.script, func(t *testing.T) {
			set := w.settings(t, "")
			delete(set, "UPSTREAM")
			child := start(t, t.TempDir(), set.environ(t), w.binary, "wrap", "--", "sh", "-c", test.script, "{port}")
			child.await(t, `(?m)^(up)$`, time.Minute)
			child.Process.Signal(test.signal) // 0 sends none
			child.Wait()
			if got := child.ProcessState.ExitCode(); got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
		})
	}
}

// awaitDagster waits for a webserver that somebody else starts.
func awaitDagster(t *testing.T, address string) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-deadline:
			t.Fatalf("no Dagster at %s", address)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func mustBeGone(t *testing.T, address string) {
	t.Helper()
	eventually(t, "Dagster ends", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// demo is a newcomer's first command, in the newcomer's own environment: it
// installs Dagster, and one of its people works. A killed demo leaves
// no Dagster behind.
func demo(t *testing.T, w *world) {
	address := "127.0.0.1:" + parts.FreePort(t)
	dir := t.TempDir()
	child := start(t, t.TempDir(), newcomer(), w.binary, "demo", "--dir", dir, "--listen", address)
	url := child.await(t, `behind it: +(http://\S+)`, 5*time.Minute)
	log, err := os.ReadFile(filepath.Join(dir, "dagster.log"))
	if err != nil {
		t.Fatal(err)
	}
	upstream := regexp.MustCompile(`on http://(127\.0\.0\.1:\d+)`).FindStringSubmatch(string(log))
	if upstream == nil {
		t.Fatalf("Dagster does not say where it serves:\n%s", log)
	}
	page := w.chromium.Person(t)
	page.Open(url)
	page.SeeText("Demonstration")
	page.Screenshot("demo-login")
	page.Click(`a[href*="/auth/start/demo"]`)
	page.SeeText("Vera Viewer")
	page.Screenshot("demo-people")
	page.Click(`button[value="ed"]`)
	page.SeeText("Lineage")
	page.Screenshot("demo-dagster")
	if who := page.Evaluate("fetch('/auth/me').then(r => r.json()).then(m => [m.user.name, m.role])"); who != `["Ed Editor","editor"]` {
		t.Errorf("signed in as %s", who)
	}
	child.Process.Kill()
	child.Wait()
	mustBeGone(t, upstream[1])
}

// newcomer is the environment of whoever runs the tests, less our settings.
func newcomer() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "DAGPASS_") {
			env = append(env, entry)
		}
	}
	return env
}
