//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup reaches the leader and all that it started, as Ctrl-C would. A
// group that has gone already is none of our concern.
func signalGroup(leader int, s syscall.Signal) { _ = syscall.Kill(-leader, s) }

// endGroup ends what is left when the leader has gone: asked first, then made.
func endGroup(leader int) {
	signalGroup(leader, syscall.SIGTERM)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(leaveWithin); syscall.Kill(-leader, 0) == nil; {
		select {
		case <-tick.C:
		case <-late:
			signalGroup(leader, syscall.SIGKILL)
			return
		}
	}
}

// exitStatus is what a shell would show in $?.
func exitStatus(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.ExitCode()
}

// guard is a tiny shell that outlives us by a moment. It holds the reading end
// of a pipe whose writing end is ours alone: when we go without a word, however
// that comes about, it ends the child's group.
//
// PR_SET_PDEATHSIG is not enough: it reaches the child alone, and dagster dev
// leaves its webserver, daemon and code servers running when it is killed.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

const guardScript = `
read -r group || exit 0
read -r word && exit 0
kill -TERM "-$group" || exit 0
sleep 6
kill -KILL "-$group"`

func startGuard() (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "dagpass-guard")
	cmd.SysProcAttr = ownGroup() // what is aimed at our group, or typed, must not reach it
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &guard{cmd, pipe}, cmd.Start()
}

// watch tells the guard whom to end.
func (g *guard) watch(leader int) { fmt.Fprintln(g.pipe, leader) }

// dismiss ends the guard without harm to anybody. It is sent two lines, for it
// may not have been told whom to watch.
func (g *guard) dismiss() {
	fmt.Fprint(g.pipe, "\n\n")
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
