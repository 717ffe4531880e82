//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// signalGroup reaches all that the child started, as Ctrl-C would. A group that
// has gone already is none of our concern.
func signalGroup(group int, s syscall.Signal) { _ = syscall.Kill(-group, s) }

// isGone tells whether a group has no members left. The dead whom nobody has
// waited for count as members.
func isGone(group int) bool { return syscall.Kill(-group, 0) != nil }

// exitStatus is what a shell would show in $?.
func exitStatus(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.ExitCode()
}

// guard is a tiny shell that leads the child's process group and outlives us by
// a moment. It holds the reading end of a pipe whose writing end is ours alone:
// when we go without a word, however that comes about, it ends its group. It is
// there before the child, so that there is no moment without it.
//
// PR_SET_PDEATHSIG is not enough: it reaches the child alone, and dagster dev
// leaves its webserver, daemon and code servers running when it is killed.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

const guardScript = `
trap "" HUP INT QUIT TERM
read -r word && exit 0
kill -TERM 0
sleep 3
kill -KILL 0`

func startGuard() (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "dagpass-guard")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &guard{cmd, pipe}, cmd.Start()
}

// group is what the guard leads, and join makes a command start in it.
func (g *guard) group() int { return g.cmd.Process.Pid }

func (g *guard) join(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.group()}
}

// dismiss ends the guard without harm to anybody.
func (g *guard) dismiss() {
	fmt.Fprintln(g.pipe, "done")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}

// lockFile takes a lock that goes with us, however we end.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
