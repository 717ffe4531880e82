//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// guard would need process groups, which this system does not have. Without
// them Dagster could outlive us with its port open, so that wrap and demo are
// refused here.
type guard struct{}

var errNoGroups = errors.New("dagpass wrap and dagpass demo need Linux, macOS or a BSD; start Dagster yourself and use dagpass serve")

func startGuard() (*guard, error)       { return nil, errNoGroups }
func lockFile(string) (*os.File, error) { return nil, errNoGroups }

func (*guard) group() int     { return 0 }
func (*guard) join(*exec.Cmd) {}
func (*guard) dismiss()       {}

func signalGroup(int, syscall.Signal)   {}
func isGone(int) bool                   { return true }
func exitStatus(p *os.ProcessState) int { return p.ExitCode() }
