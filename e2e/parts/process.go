package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/freeport"
)

// A Process is a program on a leash: it and its children end when its test
// does, and also when the test binary is killed, because the leash is a pipe
// that only the test binary holds open.
type Process struct {
	Log string // path of the file that gets its output; e2e/out/logs has it when its test failed

	cmd    *exec.Cmd
	leash  io.Closer
	exited chan struct{}
}

// leashScript runs a program until file 3, the pipe, is at its end. Then the
// whole process group gets a chance to end well, and five seconds later none.
// When the program ends, for whatever reason, what it started ends with it. A
// part of a shell has none of its traps: the one that kills needs its own, as it
// is in the group.
const leashScript = `
"$@" 3<&- & child=$!
trap : TERM
{ trap : TERM; cat >/dev/null; kill -TERM -$$; sleep 5; kill -KILL -$$; } <&3 3<&- &
exec 3<&-
while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
echo "ended with status $status"
kill -KILL -$$`

// Start runs a program in dir with exactly the environment env, and stops it
// at t's cleanup. The log of a failed test is shown.
func Start(t testing.TB, dir string, env []string, name string, args ...string) *Process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), filepath.Base(name)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	held, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cmd := exec.Command("sh", append([]string{"-c", leashScript, "sh", name}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, log, log
	cmd.ExtraFiles = []*os.File{held}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		ours.Close()
		t.Fatalf("start %s: %v", name, err)
	}
	p := &Process{Log: log.Name(), cmd: cmd, leash: ours, exited: make(chan struct{})}
	go func() { cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// Stop ends the program as SIGTERM does, and waits until it is gone.
func (p *Process) Stop() {
	p.leash.Close()
	<-p.exited
}

// Kill ends the program and its children at once, as SIGKILL does.
func (p *Process) Kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

func (p *Process) stop(t testing.TB) {
	p.Stop()
	if t.Failed() {
		t.Logf("log of %s:\n%s", p.keep(t), p.end(t))
	}
}

// end is little, as it stands behind what failed: less of the programs that all
// tests of a world share.
func (p *Process) end(t testing.TB) string {
	if strings.Contains(t.Name(), "/") {
		return tail(p.Log, 2<<10)
	}
	return tail(p.Log, 1<<10)
}

// keep copies the log to where it outlives the test, and returns the path.
func (p *Process) keep(t testing.TB) string {
	name := fmt.Sprintf("%s-%d-%s", fileName(t.Name()), p.cmd.Process.Pid, filepath.Base(p.Log))
	text, err := os.ReadFile(p.Log)
	if err == nil {
		err = os.MkdirAll(ours("out", "logs"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(ours("out", "logs", name), text, 0o644)
	}
	if err != nil {
		return err.Error()
	}
	return "e2e/out/logs/" + name
}

// fileName is the name of a test, fit for a file.
func fileName(test string) string { return strings.NewReplacer("/", "-", " ", "_").Replace(test) }

// AwaitURL waits until a GET of url answers 200.
func (p *Process) AwaitURL(t testing.TB, url string, limit time.Duration) {
	t.Helper()
	p.Await(t, limit, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// Await asks until ready has no error; it fails t when the program ends
// before or limit is over.
func (p *Process) Await(t testing.TB, limit time.Duration, ready func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("%s ended:\n%s", p.cmd.Args[4], tail(p.Log, 2<<10))
		case <-ctx.Done():
			t.Fatalf("%s not ready after %s: %v\n%s", p.cmd.Args[4], limit, err, tail(p.Log, 2<<10))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tail returns at most the last n bytes of a file.
func tail(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}

// FreePort returns a loopback port that was free a moment ago.
func FreePort(t testing.TB) string {
	t.Helper()
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// Cached returns the path of something that tools/setup/setup.sh makes.
func Cached(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("DAGPASS_CACHE")
	if root == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		root = filepath.Join(dir, "dagpass")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v\ntype: tools/setup/setup.sh", err)
	}
	return path
}

// ours returns the path of a file below e2e in this checkout.
func ours(path ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), ".."}, path...)...)
}

// Environment returns what every part needs of ours, and nothing else:
// no setting of whoever runs the tests changes what is tested.
func Environment(t testing.TB, more ...string) []string {
	t.Helper()
	env := []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
	for _, name := range []string{"PATH", "JAVA_HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}

func loopback(port, path string) string { return fmt.Sprintf("http://127.0.0.1:%s%s", port, path) }
