package parts

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary starts itself; the child starts a family of processes that
// do not want to end, and is killed.
func TestFamilyEndsWithAKilledBinary(t *testing.T) {
	if os.Getenv("PARTS_CHILD") != "" {
		serveUntilKilled(t)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFamilyEndsWithAKilledBinary$")
	child.Env = append(os.Environ(), "PARTS_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	fifo, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child.Process.Kill()
	child.Wait()
	awaitNoWriter(t, strings.TrimSpace(fifo))
}

// serveUntilKilled starts a shell with a child of its own; both hold the
// FIFO open for writing as long as they live, and do not hear SIGTERM.
func serveUntilKilled(t *testing.T) {
	fifo := t.TempDir() + "/held"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := Start(t, t.TempDir(), Environment(t, "FIFO="+fifo), "sh", "-c",
		`trap "" TERM; exec 4<>"$FIFO"; sh -c "while :; do sleep 60; done" & echo up; wait; sleep 60`)
	p.Await(t, time.Minute, func(context.Context) error {
		if tail(p.Log, 10) == "" {
			return os.ErrNotExist
		}
		return nil
	})
	os.Stdout.WriteString(fifo + "\n")
	select {}
}

// A FIFO that nobody holds open for reading refuses a writer that will not wait.
func awaitNoWriter(t *testing.T, fifo string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		file, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		file.Close()
		select {
		case <-deadline:
			t.Fatal("what the killed binary had started lives on")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
