package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dagpass/dagpass/policy"
)

func TestDemoListens(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:0": "127.0.0.1:", "localhost:0": "localhost:", "127.1.2.3:0": "127.1.2.3:",
	} {
		got, err := demoListen(address)
		if err != nil || !strings.HasPrefix(got, want) || strings.HasSuffix(got, ":0") {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

func TestDemoRefusesToListen(t *testing.T) {
	for address, reason := range map[string]string{
		"0.0.0.0:3000": "this machine alone", ":3000": "this machine alone", "[::]:3000": "this machine alone",
		"192.168.1.5:3000": "this machine alone", "dagster.example.com:80": "this machine alone",
		"3000": "must be host:port", taken(t): "--listen 127.0.0.1:3100",
	} {
		got, err := demoListen(address)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

// What is refused is refused before anything is made.
func TestDemoRefusesEarly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	status, said := demonstrate(t, nil, "--listen", "0.0.0.0:3000", "--dir", dir)
	if _, err := os.Stat(dir); status != exitUsage || err == nil {
		t.Errorf("status %d, said %s, folder made: %v", status, said, err == nil)
	}
}

func demonstrate(t *testing.T, environ []string, args ...string) (status int, said string) {
	t.Helper()
	var out bytes.Buffer
	status = run(t.Context(), append([]string{"demo"}, args...), environ, stdio{nil, &out, &out})
	return status, out.String()
}

func demoIn(t *testing.T) demo {
	t.Helper()
	dir, err := openDemoDir(filepath.Join(t.TempDir(), "demo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dir.Close)
	return demo{listen: "127.0.0.1:3000", dir: dir, python: "python3", env: []string{"A=b"}}
}

// The settings are such as a user could have, and give each their role.
func TestDemoSettings(t *testing.T) {
	cfg, idp, err := demoIn(t).provider("4711")
	if err != nil {
		t.Fatal(err)
	}
	defer idp.Close()
	if !cfg.Demo || cfg.Upstream != "http://127.0.0.1:4711" || cfg.PublicURL != "http://localhost:3000" {
		t.Errorf("settings %+v", cfg)
	}
	type roles struct{ deployment, weather policy.Role }
	want := map[string]roles{
		"ada": {policy.Admin, policy.Admin}, "ed": {policy.Editor, policy.Editor}, "lara": {policy.Launcher, policy.Launcher},
		"wanda": {policy.Viewer, policy.Editor}, "vera": {policy.Viewer, policy.Viewer},
	}
	for _, p := range demoPeople() {
		who := policy.NewSubject("demo", p.Email, true)
		who.Groups = p.Groups
		access := cfg.policy.Access(who)
		if got := (roles{access.Role, access.RoleAt("weather")}); got != want[p.Subject] {
			t.Errorf("%s is %q, want %q", p.Name, got, want[p.Subject])
		}
	}
	if got := cfg.policy.Access(policy.NewSubject("demo", "eve@example.com", true)).Role; got != policy.None {
		t.Errorf("a stranger is %q", got)
	}
}

// An account belongs to its issuer: another address would be other people.
func TestDemoProviderStaysWhereItWas(t *testing.T) {
	d := demoIn(t)
	first, idp, err := d.provider("1")
	if err != nil {
		t.Fatal(err)
	}
	answersAsIssuer(t, first)
	busy, other, err := d.provider("1")
	if err != nil || busy.OIDC[0].Issuer == first.OIDC[0].Issuer {
		t.Fatalf("while the address is taken: %s, %v", busy.OIDC[0].Issuer, err)
	}
	answersAsIssuer(t, busy)
	idp.Close()
	other.Close()
	again, third, err := d.provider("1")
	if err != nil || again.OIDC[0].Issuer != busy.OIDC[0].Issuer {
		t.Errorf("%s, then %s, %v", busy.OIDC[0].Issuer, again.OIDC[0].Issuer, err)
	}
	third.Close()
}

func TestDemoProviderDoesNotLeaveTheMachine(t *testing.T) {
	file := tempFile(t, "address", "0.0.0.0:0")
	l, err := listenAgain(file)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		t.Errorf("it listens on %s", l.Addr())
	}
}

// answersAsIssuer looks the provider up as a relying party does.
func answersAsIssuer(t *testing.T, cfg Config) {
	t.Helper()
	issuer := cfg.OIDC[0].Issuer
	answer, err := http.Get(issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct {
		Issuer string `json:"issuer"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || said.Issuer != issuer {
		t.Errorf("the provider at %s says it is %q, %v", issuer, said.Issuer, err)
	}
}

func TestDemoNamesUnusedSettings(t *testing.T) {
	var said bytes.Buffer
	warnUnused(environment{"DAGPASS_SECRET_KEY=hush", "PATH=/bin"}, stdio{Err: &said})
	if !strings.Contains(said.String(), "DAGPASS_SECRET_KEY") || strings.Contains(said.String(), "hush") {
		t.Errorf("said %q", said.String())
	}
}

func TestDemoEnviron(t *testing.T) {
	got := demoEnviron(environment{"PATH=/bin", "PYTHONPATH=/x", "PYTHONUTF8=1", "DAGSTER_HOME=/mine", "DAGIT_PORT=1", "DAGPASS_LISTEN=x", "VIRTUAL_ENV=/v"})
	if want := []string{"PATH=/bin", "PYTHONUTF8=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Two in one folder would be two daemons for one Dagster.
func TestOneDemoPerFolder(t *testing.T) {
	d := demoIn(t)
	if _, err := openDemoDir(d.dir.root); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("a second one: %v", err)
	}
	d.dir.Close()
	again, err := openDemoDir(d.dir.root)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestProjectIsWrittenAnew(t *testing.T) {
	d := demoIn(t)
	for range 2 {
		if err := d.dir.writeProject(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"dagster.yaml", "workspace.yaml", "sales.py", "weather.py", "inbox"} {
			if _, err := os.Stat(d.dir.path("project/" + name)); err != nil {
				t.Error(err)
			}
		}
		os.Remove(d.dir.path("project/sales.py"))
	}
}

// fakePython stands for a Python: a shell script that answers as its body says.
func fakePython(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// installable is a Python whose venv holds itself, and which counts how often
// one was made. Its pip says what pip says; whether Dagster can be imported is
// up to pip.
const installable = `
case "$1 $2" in
"-m venv")  echo made >>"$COUNT"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
"-m pip")   echo "Collecting dagster"; echo "  Downloading dagster-1.whl (2 MB)"; echo "Installing collected packages: a, b"; $PIP; touch "$0.has-dagster";;
"-c import dagster, dagster_webserver") test -e "$0.has-dagster";;
"-c "*)     ;;
*)          exit 9;;
esac`

// preparation runs the first step of a demonstration against a fake Python.
type preparation struct {
	demoPython
	count string
	said  *bytes.Buffer
}

func prepare(t *testing.T, pip string) preparation {
	t.Helper()
	bin := t.TempDir()
	fakePython(t, bin, "python3", installable)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	p := preparation{count: filepath.Join(bin, "count"), said: new(bytes.Buffer)}
	p.demoPython = demoPython{
		dir: filepath.Join(t.TempDir(), "python"), io: stdio{Out: p.said, Err: p.said},
		env: append(os.Environ(), "COUNT="+p.count, "PIP="+pip),
	}
	return p
}

func (p preparation) made() int {
	content, _ := os.ReadFile(p.count)
	return strings.Count(string(content), "made")
}

func TestPythonIsMadeOnce(t *testing.T) {
	p := prepare(t, "true")
	for range 2 {
		python, err := p.ready(t.Context())
		if err != nil || python != filepath.Join(p.dir, "bin/python") || p.made() != 1 {
			t.Fatalf("%s, %v; made %d times", python, err, p.made())
		}
	}
	for _, line := range []string{"Installing Dagster", "  Downloading dagster-1.whl (2 MB)\n", "  Unpacking 2 packages\n"} {
		if !strings.Contains(p.said.String(), line) {
			t.Errorf("no progress %q in\n%s", line, p.said)
		}
	}
}

func TestHalfMadePythonIsMadeAgain(t *testing.T) {
	for name, spoil := range map[string]func(p preparation) error{
		"not finished": func(p preparation) error { return os.Remove(filepath.Join(p.dir, finished)) },
		"Dagster gone": func(p preparation) error { return os.Remove(filepath.Join(p.dir, "bin/python.has-dagster")) },
		"Python gone":  func(p preparation) error { return os.Remove(filepath.Join(p.dir, "bin/python")) },
	} {
		p := prepare(t, "true")
		if _, err := p.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(p.dir, "left-over")
		if err := os.WriteFile(left, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := spoil(p); err != nil {
			t.Fatal(err)
		}
		_, err := p.ready(t.Context())
		if _, kept := os.Stat(left); err != nil || p.made() != 2 || kept == nil {
			t.Errorf("%s: %v; made %d times, left-overs kept: %v", name, err, p.made(), kept == nil)
		}
	}
}

func TestFailedInstallation(t *testing.T) {
	p := prepare(t, "exit 1")
	_, err := p.ready(t.Context())
	if _, stat := os.Stat(filepath.Join(p.dir, finished)); err == nil || !strings.Contains(err.Error(), "Collecting dagster") || stat == nil {
		t.Errorf("%v; finished: %v", err, stat == nil)
	}
}

func TestInterruptedInstallation(t *testing.T) {
	p := prepare(t, "sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	p.io.Out = writerFunc(func(b []byte) {
		if strings.Contains(string(b), "Unpacking") {
			cancel()
		}
	})
	_, err := p.ready(ctx)
	if _, stat := os.Stat(filepath.Join(p.dir, finished)); !errors.Is(err, context.Canceled) || stat == nil {
		t.Errorf("%v; finished: %v", err, stat == nil)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

func TestPythonThatIsGiven(t *testing.T) {
	for body, good := range map[string]bool{"exit 0": true, "exit 1": false} {
		python := fakePython(t, t.TempDir(), "python", body)
		got, err := demoPython{given: python}.ready(t.Context())
		if (err == nil) != good || got != python {
			t.Errorf("%s: %s, %v", body, got, err)
		}
	}
}

func TestWhichPython(t *testing.T) {
	for name, test := range map[string]struct {
		pythons map[string]string
		want    string // a name, or a part of what is said
	}{
		"none":                  {nil, "Python 3 is not installed"},
		"plain":                 {map[string]string{"python3": ""}, "python3"},
		"old with a newer":      {map[string]string{"python3": "echo old", "python3.12": ""}, "python3.12"},
		"old":                   {map[string]string{"python3": "echo old"}, "needs Python 3.10 or newer"},
		"Debian without venv":   {map[string]string{"python3": "echo venv"}, "venv module is not installed"},
		"old beside one less":   {map[string]string{"python3": "echo old", "python3.11": "echo venv"}, "venv module is not"},
		"one less beside old":   {map[string]string{"python3": "echo venv", "python3.11": "echo old"}, "venv module is not"},
		"a stub that fails":     {map[string]string{"python3": "exit 1"}, "Python 3 is not installed"},
		"only python":           {map[string]string{"python": ""}, "python"},
		"python is Python 2":    {map[string]string{"python": "echo old"}, "needs Python 3.10 or newer"},
		"venv less than python": {map[string]string{"python3": "echo venv", "python": ""}, "python"},
	} {
		bin := t.TempDir()
		for name, body := range test.pythons {
			fakePython(t, bin, name, body)
		}
		t.Setenv("PATH", bin)
		got, err := demoPython{}.system()
		if err == nil && got != filepath.Join(bin, test.want) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, %v; want %s", name, got, err, test.want)
		}
	}
}

func TestPythonHint(t *testing.T) {
	for _, test := range []struct {
		missing      string
		debian, root bool
		want         string
	}{
		{"venv", true, true, "\n  apt-get update && apt-get install -y python3-venv"},
		{"venv", true, false, "\n  sudo apt-get update && sudo apt-get install -y python3-venv"},
		{"python", true, true, "\n  apt-get update && apt-get install -y python3-venv"},
		{"python", false, true, "install Python 3.10 or newer"},
		{"old", true, true, "install Python 3.10 or newer"},
	} {
		if got := pythonHint(test.missing, test.debian, test.root); !strings.Contains(got, test.want) {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// The probe is Python's to run.
func TestProbe(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("Python 3 is missing; type: apt-get install -y python3-venv")
	}
	for blocked, want := range map[string]string{"": "", "ensurepip": "venv", "venv": "venv"} {
		got, err := demoPython{}.ask(python, "import sys; sys.modules['"+blocked+"'] = None\n"+probe)
		if err != nil || got != want {
			t.Errorf("without %q: %q, %v", blocked, got, err)
		}
	}
}

// A Dagster that ends by itself does so with status 0, and must not pass for a
// demonstration that was stopped.
func TestDemoTellsWhyItEnded(t *testing.T) {
	for name, test := range map[string]struct {
		dagster string
		signal  syscall.Signal
		want    int
		says    string
	}{
		"by itself": {`echo "the port is mine"; exit 0`, 0, exitFailed, "the port is mine"},
		"stopped":   {`touch "$DAGSTER_HOME/up"; exec sleep 600`, syscall.SIGINT, exitDone, ""},
		"told":      {`touch "$DAGSTER_HOME/up"; exec sleep 600`, syscall.SIGTERM, exitDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			python := fakePython(t, t.TempDir(), "python", `case "$1" in -c) exit 0;; esac; `+test.dagster)
			var said bytes.Buffer
			cmd, out := asProcess(t, &said, nil, "demo", "--listen", "127.0.0.1:0", "--dir", dir, "--python", python)
			if test.signal != 0 {
				appears(t, filepath.Join(dir, "project/up"))
				cmd.Process.Signal(test.signal)
			}
			allGone(t, out)
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != test.want || !strings.Contains(said.String(), test.says) {
				t.Errorf("status %d, said %s", got, said.String())
			}
		})
	}
}

// appears waits for a file that another process writes.
func appears(t *testing.T, path string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); ; {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-late:
			t.Fatalf("%s was not written", path)
		case <-tick:
		}
	}
}
