package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// demoPython finds or makes the Python that has Dagster:
//
//	--python given ─▶ has it Dagster? ─▶ that one
//	folder finished ────────────────────▶ that one
//	else: python3 ─▶ venv ─▶ pip install ─▶ finished
type demoPython struct {
	dir   string // of the virtual environment
	given string // by --python, or empty
	env   []string
	io    stdio
}

// finished is the name of the file that is written last: without it an
// environment is half-made, and made again.
const finished = "dagpass-finished"

// ready gives the path of a Python that has Dagster.
func (p demoPython) ready(ctx context.Context) (string, error) {
	if p.given != "" {
		return p.given, p.check(p.given)
	}
	python := filepath.Join(p.dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(p.dir, finished)); err == nil && p.check(python) == nil {
		return python, nil
	}
	if err := p.install(ctx, python); err != nil {
		return "", err
	}
	return python, os.WriteFile(filepath.Join(p.dir, finished), nil, 0o600)
}

// check also finds an environment whose Python has been upgraded away.
func (p demoPython) check(python string) error {
	if _, err := p.ask(python, "import dagster, dagster_webserver"); err != nil {
		return fmt.Errorf("%s has no dagster and dagster-webserver", python)
	}
	return nil
}

// ask runs a line of Python and gives what it printed.
func (p demoPython) ask(python, code string) (string, error) {
	cmd := exec.Command(python, "-c", code)
	cmd.Env = p.env
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func (p demoPython) install(ctx context.Context, python string) error {
	system, err := p.system()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("cannot remove a half-made Python environment: %w", err)
	}
	start := time.Now()
	fmt.Fprintf(p.io.Out, "Making a Python environment in %s\n", p.dir)
	if err := p.do(ctx, system, "-m", "venv", p.dir); err != nil {
		return err
	}
	fmt.Fprintln(p.io.Out, "Installing Dagster in it (about 250 MB on disk, this once)")
	if err := p.do(ctx, python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "dagster", "dagster-webserver"); err != nil {
		return err
	}
	if err := p.check(python); err != nil {
		return err
	}
	fmt.Fprintf(p.io.Out, "Done in %s\n", time.Since(start).Round(time.Second))
	return nil
}

// systemNames are tried in turn: the plain name may be too old, as it is on
// macOS and on RHEL, where a newer one stands beside it.
var systemNames = []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"}

// probe prints what is missing of what we need, and nothing where all is there.
// Debian takes ensurepip out of its python3 and leaves venv in.
const probe = `import sys
if sys.version_info < (3, 10): sys.exit(print("old"))
try: import venv, ensurepip
except ImportError: print("venv")`

// system finds the Python of the machine, or says the one line to type.
func (p demoPython) system() (string, error) {
	missing := "python"
	for _, name := range systemNames {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		lacks, err := p.ask(found, probe)
		if err == nil && lacks == "" {
			return found, nil
		}
		if err == nil && missing != "venv" {
			missing = lacks
		}
	}
	_, err := os.Stat("/etc/debian_version")
	return "", errors.New(pythonHint(missing, err == nil, os.Geteuid() == 0))
}

// pythonHint is what to type. Debian's packages are python3 and python3-venv.
func pythonHint(missing string, debian, root bool) string {
	what := map[string]string{
		"python": "Python 3 is not installed",
		"venv":   "Python's venv module is not installed",
		"old":    "Dagster needs Python 3.10 or newer, and this machine's is older",
	}[missing]
	if !debian || missing == "old" {
		return what + "; install Python 3.10 or newer with its venv module, or name one with --python"
	}
	sudo := ""
	if !root {
		sudo = "sudo "
	}
	return what + "; type this, and try again:\n  " + sudo + "apt-get update && " + sudo + "apt-get install -y python3-venv"
}

// do runs one step with its progress on our output; a failure shows all that
// the step said last. It is ended when ctx ends.
func (p demoPython) do(ctx context.Context, name string, args ...string) error {
	out := &progress{w: p.io.Out}
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, out, out
	c, err := startChild(cmd)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	status := c.tend(nil, ctx.Done())
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case status != 0:
		return fmt.Errorf("setting up Python failed:\n%s", lastLines(out.all.String(), 15))
	}
	return nil
}

// progress shows the lines of pip that tell how far it is, and keeps the rest.
type progress struct {
	w    io.Writer
	all  bytes.Buffer
	part []byte // of a line
}

// Write implements io.Writer.
func (p *progress) Write(b []byte) (int, error) {
	p.all.Write(b)
	p.part = append(p.part, b...)
	for {
		line, rest, whole := bytes.Cut(p.part, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		if shown := progressLine(string(line)); shown != "" {
			fmt.Fprintln(p.w, shown)
		}
		p.part = rest
	}
}

func progressLine(line string) string {
	line = strings.TrimSpace(line)
	verb, rest, _ := strings.Cut(line, " ")
	switch {
	case verb == "Downloading", strings.HasPrefix(line, "Using cached "):
		return "  " + line
	case strings.HasPrefix(line, "Installing collected packages: "):
		return fmt.Sprintf("  Unpacking %d packages", strings.Count(rest, ",")+1)
	}
	return ""
}
