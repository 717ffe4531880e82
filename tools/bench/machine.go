package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is where and with what was measured.
type machine struct {
	hardware, system, programs, commit, load string
}

func describe(ctx context.Context, root string) machine {
	memory := field("/proc/meminfo", "MemTotal:")
	return machine{
		hardware: fmt.Sprintf("%d cores (%s), %d GB", runtime.NumCPU(), named("/proc/cpuinfo", "model name\t: "), memory>>20),
		system:   fmt.Sprintf("%s, Linux %s", strings.Trim(named("/etc/os-release", "PRETTY_NAME="), `"`), said(ctx, root, "uname", "-r")),
		programs: strings.Join([]string{runtime.Version(), said(ctx, root, "nginx", "-v"), said(ctx, root, "wrk", "-v")}, "; "),
		commit:   said(ctx, root, "git", "describe", "--always", "--dirty"),
		load:     loadAverage(),
	}
}

// loadAverage is that of the last minute.
func loadAverage() string {
	loads, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(loads), " ")
	return load
}

// said is the first line that a program prints; wrk and nginx tell their
// version on standard error.
func said(ctx context.Context, dir, program string, args ...string) string {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput() // wrk -v exits with 1
	line, _, _ := strings.Cut(string(out), "\n")
	line, _, _ = strings.Cut(line, " Copyright")
	return strings.TrimPrefix(line, "nginx version: ")
}

// named is the rest of the first line that begins with a name.
func named(file, name string) string {
	content, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(content), name)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}
