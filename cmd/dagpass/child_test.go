package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a child that prints into a pipe. Whoever it leaves behind holds the
// pipe too, so that its end is the end of them all.
func shell(t *testing.T, script string) (c *child, out *os.File) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout = in
	if c, err = startChild(cmd); err != nil {
		t.Fatal(err)
	}
	in.Close()
	return c, out
}

// reads waits for a word of the child.
func reads(t *testing.T, out io.Reader, word string) {
	t.Helper()
	got := make([]byte, len(word))
	if _, err := io.ReadFull(out, got); err != nil || string(got) != word {
		t.Fatalf("the child said %q, %v; want %q", got, err, word)
	}
}

// allGone waits until nobody holds the pipe.
func allGone(t *testing.T, out *os.File) {
	t.Helper()
	out.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatalf("somebody was left behind: %v", err)
	}
}

func TestStatusOfChild(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0":        0,
		"exit 7":        7,
		"kill -TERM $$": 143,
		"kill -KILL $$": 137,
	} {
		c, _ := shell(t, script)
		if got := c.tend(nil, nil); got != want {
			t.Errorf("%s: status %d, want %d", script, got, want)
		}
	}
}

// obedient is a shell that ends with 5 on SIGINT and with 6 on SIGTERM.
const obedient = `trap 'exit 5' INT; trap 'exit 6' TERM; echo up; sleep 600 & wait`

// All of the group get a signal, as they would from a terminal: a shell that
// waits for a command in front does nothing before that has ended.
func TestChildGetsSignals(t *testing.T) {
	for script, want := range map[string]int{
		obedient: 5,
		"trap : INT; sh -c \"" + obedient + "\"; exit $((10 + $?))": 15,
	} {
		c, out := shell(t, script)
		reads(t, out, "up\n")
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGINT
		if got := c.tend(signals, nil); got != want {
			t.Errorf("%s: status %d, want %d", script, got, want)
		}
	}
}

func TestWhatAChildLeavesBehindEnds(t *testing.T) {
	for script, last := range map[string]string{
		`trap 'echo bye; exit' TERM; echo up; sleep 600 & wait`: "bye\n",
		`trap "" TERM; echo up; sleep 600`:                      "",
	} {
		c, out := shell(t, "("+script+") & exit 3")
		reads(t, out, "up\n")
		if got := c.tend(nil, nil); got != 3 {
			t.Errorf("%s: status %d", script, got)
		}
		reads(t, out, last)
		allGone(t, out)
	}
}

func TestChildEndsWhenItIsOver(t *testing.T) {
	for script, want := range map[string]int{
		`echo up; sleep 600`:                         143,
		`trap "" TERM; echo up; while :; do :; done`: 137,
	} {
		c, out := shell(t, script)
		reads(t, out, "up\n")
		c.patience = 50 * time.Millisecond
		over := make(chan struct{})
		close(over)
		if got := c.tend(nil, over); got != want {
			t.Errorf("%s: status %d, want %d", script, got, want)
		}
		allGone(t, out)
	}
}

// asProcess makes this test binary run the program with args, as a process that
// can be given signals. Whoever comes of it holds the pipe of its output.
func asProcess(t *testing.T, said io.Writer, environ []string, args ...string) (*exec.Cmd, *os.File) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestAsProcess$", "--"}, args...)...)
	cmd.Env = append(append(without(os.Environ(), "DAGPASS_"), environ...), "AS_PROCESS=1")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), in, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	t.Cleanup(func() { cmd.Process.Kill(); out.Close() })
	return cmd, out
}

// TestAsProcess is what [asProcess] starts.
func TestAsProcess(_ *testing.T) {
	if os.Getenv("AS_PROCESS") == "" {
		return
	}
	os.Unsetenv("AS_PROCESS")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	_, args, _ := strings.Cut(strings.Join(os.Args, "\x00"), "\x00--\x00")
	os.Exit(run(ctx, strings.Split(args, "\x00"), os.Environ(), stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// However we go, nothing of the child stays: not those who do not listen either.
func TestNobodyOutlivesUs(t *testing.T) {
	for name, script := range map[string]string{
		"child":      `echo up; sleep 600; : {port}`,
		"grandchild": `sh -c 'trap "" TERM; echo up; sleep 600; :' & sleep 600; : {port}`,
	} {
		t.Run(name, func(t *testing.T) {
			cmd, out := asProcess(t, nil, wrapped(t), "wrap", "--", "sh", "-c", script)
			awaitLine(t, out, "up")
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			allGone(t, out)
		})
	}
}

func TestSignalsReachTheChild(t *testing.T) {
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: 5, syscall.SIGTERM: 6} {
		cmd, out := asProcess(t, nil, wrapped(t), "wrap", "--", "sh", "-c", obedient+"; : {port}")
		awaitLine(t, out, "up")
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		allGone(t, out)
		var ended *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != want {
			t.Errorf("%s: ended with %v, want %d", s, err, want)
		}
	}
}

// A child that takes its time is served until it has ended.
func TestChildIsNotHurried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cmd, out := asProcess(t, nil, wrapped(t, "DAGPASS_LISTEN="+l.Addr().String()), "wrap", "--", "sh", "-c",
		`trap 'trap "exit 5" INT; echo told' INT; trap 'exit 6' TERM; echo up; sleep 600 & while :; do wait; done; : {port}`)
	awaitLine(t, out, "up")
	cmd.Process.Signal(syscall.SIGINT)
	awaitLine(t, out, "told")
	for range 20 {
		answer, err := http.Get("http://" + l.Addr().String() + "/auth/health?type=live")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	cmd.Process.Signal(syscall.SIGINT)
	allGone(t, out)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("status %d", got)
	}
}

// awaitLine reads past our events to a line of the child.
func awaitLine(t *testing.T, out *os.File, want string) {
	t.Helper()
	out.SetReadDeadline(time.Now().Add(20 * time.Second))
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := out.Read(b); err != nil {
			t.Fatalf("no line %q: %v", want, err)
		}
		if line = append(line, b...); b[0] != '\n' {
			continue
		}
		if string(line) == want+"\n" {
			return
		}
		line = nil
	}
}

// wrapped are the settings of a program that needs nothing from outside.
func wrapped(t *testing.T, more ...string) []string {
	return append([]string{
		"DAGPASS_LISTEN=127.0.0.1:0", "DAGPASS_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "d.db"),
		"DAGPASS_OIDC_PROVIDERS=corp", "DAGPASS_OIDC_CORP_ISSUER=http://127.0.0.1:1",
		"DAGPASS_OIDC_CORP_CLIENT_ID=dagpass", "DAGPASS_OIDC_CORP_CLIENT_SECRET=not-for-children",
	}, more...)
}

func runWrapped(t *testing.T, environ []string, command ...string) (status int, out, said string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var o, e lines // which the child and we write at once
	status = run(t.Context(), append([]string{"wrap", "--"}, command...), environ, stdio{strings.NewReader("from stdin\n"), &o, &e})
	return status, o.String(), e.String()
}

func TestWrapEndsAsItsChildDoes(t *testing.T) {
	for _, test := range []struct {
		command []string
		want    int
		says    string
	}{
		{[]string{"sh", "-c", "exit 0; {port}"}, 0, ""},
		{[]string{"sh", "-c", "exit 9; {port}"}, 9, ""},
		{[]string{"sh", "-c", "kill -HUP $$; {port}"}, 129, ""},
		{[]string{"no-such-command", "{port}"}, 127, "cannot start no-such-command"},
		{[]string{"/no/such/command", "{port}"}, 127, "cannot start /no/such/command"},
		{[]string{"/etc/passwd", "{port}"}, 126, "cannot start /etc/passwd"},
	} {
		status, _, said := runWrapped(t, wrapped(t), test.command...)
		if status != test.want || !strings.Contains(said, test.says) {
			t.Errorf("%q: status %d, want %d, said %s", test.command, status, test.want, said)
		}
	}
}

func TestChildSpeaksAndHears(t *testing.T) {
	_, out, said := runWrapped(t, wrapped(t), "sh", "-c", "cat; echo to stderr >&2; : {port}")
	if !strings.Contains(out, "from stdin\n") || !strings.Contains(said, "to stderr\n") {
		t.Errorf("out %q, err %q", out, said)
	}
}

// The settings hold secrets, and a pipeline's code is not the operator's.
func TestChildDoesNotInheritSettings(t *testing.T) {
	environ := append(wrapped(t), "PATH="+os.Getenv("PATH"), "KEPT=yes", "DAGPASS_SERVICE_HOST=10.0.0.1")
	_, out, _ := runWrapped(t, environ, "sh", "-c", "env; : {port}")
	if strings.Contains(out, "DAGPASS_") || strings.Contains(out, "not-for-children") || !strings.Contains(out, "KEPT=yes\n") {
		t.Errorf("the child has the environment\n%s", out)
	}
}

func TestNoServerNoChild(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "started")
	for name, environ := range map[string][]string{
		"port taken": wrapped(t, "DAGPASS_LISTEN="+taken(t)),
		"database":   wrapped(t, "DAGPASS_DATABASE_URL=sqlite:"+tempFile(t, "file", "")+"/d.db"),
		"settings":   wrapped(t, "DAGPASS_LISTEN=nowhere"),
	} {
		status, _, said := runWrapped(t, environ, "touch", trace, "{port}")
		if _, err := os.Stat(trace); status == 0 || said == "" || err == nil {
			t.Errorf("%s: status %d, said %q, child started: %v", name, status, said, err == nil)
		}
	}
}
