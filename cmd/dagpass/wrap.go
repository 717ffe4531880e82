package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dagpass/dagpass/models"
)

type wrapVerb struct {
	Command []string `arg:"" passthrough:"" help:"The command that starts Dagster. dagster dev, dg dev and dagster-webserver are given a private port; any other writes {port} where it belongs."`
}

// Run starts Dagster as our child and serves in front of it. It ends as the
// child does.
func (v wrapVerb) Run(ctx context.Context, env environment, io stdio) error {
	// Signals are the child's: we serve until it has ended, so that it can be
	// seen to end, and may take the time it needs.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	cmd, cfg, err := wrap(v.Command, env)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = io.In, io.Out, io.Err
	return serveAround(context.WithoutCancel(ctx), cfg, io, cmd, signals, func(context.Context) {})
}

// wrap makes the child's command and the configuration that leads to it.
func wrap(command []string, env environment) (*exec.Cmd, Config, error) {
	prefix, err := wrapPrefix(env)
	if err != nil {
		return nil, Config{}, err
	}
	vars, err := wrapEnviron(env, prefix)
	if err != nil {
		return nil, Config{}, err
	}
	port, err := freePort()
	if err != nil {
		return nil, Config{}, err
	}
	args, err := wrapCommand(command, port, prefix)
	if err != nil {
		return nil, Config{}, err
	}
	cfg, err := append(slices.Clone(env), "DAGPASS_UPSTREAM=http://127.0.0.1:"+port+prefix).load()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = vars
	return cmd, cfg, err
}

// wrapPrefix is the path of PUBLIC_URL, which Dagster has to be started with.
// An upstream beside the child is refused: one of the two would be in vain.
func wrapPrefix(env environment) (string, error) {
	l := newLoader()
	l.collect(env, ".env") // whatever is wrong there, load says
	if l.vars["UPSTREAM"] != "" {
		return "", usagef("DAGPASS_UPSTREAM is set, but wrap starts the Dagster that it serves; leave it out, or use dagpass serve")
	}
	u, err := url.Parse(l.vars["PUBLIC_URL"])
	if err != nil {
		return "", nil
	}
	return strings.TrimRight(u.Path, "/"), nil
}

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errChosen is why a host or port of one's own is refused. On another address
// Dagster would answer to whoever finds it, without a sign-in.
var errChosen = errors.New("leave it out: wrap gives Dagster a private port on 127.0.0.1 of its own choice, so that there is no way around the sign-in")

// wrapCommand completes the command with the host and port Dagster is to listen
// on, or refuses it with the reason.
func wrapCommand(command []string, port, prefix string) ([]string, error) {
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		return nil, usagef("wrap needs a command, such as: dagpass wrap -- dagster dev -f defs.py")
	}
	options := dagsterOptions(command)
	if options == 0 {
		return fillPort(command, port)
	}
	for i, arg := range command[options:] {
		if isHostOrPort(arg) {
			return nil, usagef("the command holds %s; %w", arg, errChosen)
		}
		if given, ok := pathPrefix(command[options:], i); ok && given != prefix {
			return nil, usagef("the command holds the path prefix %q, but DAGPASS_PUBLIC_URL has %q: they must be the same, for Dagster writes its prefix into its pages", given, prefix)
		}
	}
	// Before what the command has, lest a "--" there makes operands of them.
	return slices.Insert(slices.Clone(command), options, "-h", "127.0.0.1", "-p", port), nil
}

// dagsterOptions is where the options of a command begin whose spelling of host
// and port we know, and 0 for any other. All three know -h and -p: dagster
// (_cli/dev.py), dagster-dg-cli (cli/dev.py), dagster-webserver (cli.py).
func dagsterOptions(command []string) int {
	name := filepath.Base(command[0])
	switch {
	case name == "dagster-webserver":
		return 1
	case (name == "dagster" || name == "dg") && len(command) > 1 && command[1] == "dev":
		return 2
	}
	return 0
}

// isHostOrPort tells every spelling that click understands: -p 1, -p1, -vp1,
// --port 1, --port=1, and the old names that dagster dev still has. Long names
// cannot be shortened.
func isHostOrPort(arg string) bool {
	name, _, _ := strings.Cut(arg, "=")
	if slices.Contains([]string{"--host", "--port", "--dagit-host", "--dagit-port"}, name) {
		return true
	}
	short, ok := strings.CutPrefix(arg, "-")
	short = strings.TrimLeft(short, "v") // -v is the one short flag without a value
	return ok && (strings.HasPrefix(short, "h") || strings.HasPrefix(short, "p"))
}

// pathPrefix is the value of --path-prefix or -l, where the i-th argument is one.
func pathPrefix(args []string, i int) (string, bool) {
	name, value, joined := strings.Cut(args[i], "=")
	switch {
	case name == "--path-prefix" && joined:
		return value, true
	case name == "--path-prefix" || args[i] == "-l":
		return strings.Join(args[min(i+1, len(args)):min(i+2, len(args))], ""), true
	}
	return strings.CutPrefix(args[i], "-l")
}

// fillPort writes the port into a command that we do not know. What we cannot
// know either is on which host it listens; what is plainly not this machine
// alone is refused.
func fillPort(command []string, port string) ([]string, error) {
	filled := slices.Clone(command)
	for i, arg := range command {
		if isOpenHost(command, i) {
			return nil, usagef("the command holds %s; Dagster must listen on 127.0.0.1, so that there is no way around the sign-in", arg)
		}
		filled[i] = strings.ReplaceAll(arg, "{port}", port)
	}
	if slices.Equal(filled, command) {
		return nil, usagef("wrap does not know how %q takes its port: write {port} where it belongs, as in\n  dagpass wrap -- uv run dagster dev -h 127.0.0.1 -p {port}", command[0])
	}
	return filled, nil
}

func isOpenHost(command []string, i int) bool {
	arg := command[i]
	if strings.Contains(arg, "0.0.0.0") || strings.Contains(arg, "[::]") {
		return true
	}
	if i > 0 && slices.Contains([]string{"-h", "--host", "--dagit-host"}, command[i-1]) {
		return !models.IsLoopback(arg)
	}
	name, host, joined := strings.Cut(arg, "=")
	return joined && (name == "--host" || name == "--dagit-host") && !models.IsLoopback(host)
}

// wrapEnviron is the child's environment: ours without our settings, which hold
// secrets that the code of a pipeline has no business with.
//
// Click reads options from the environment too. A host or port there is refused
// like one in the command. The prefix is handed over there, because dagster dev
// and dg dev have no option for it but pass their environment on.
func wrapEnviron(environ []string, prefix string) ([]string, error) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		program, option := cutProgram(name)
		switch {
		case program == "" || value == "":
		case option == "HOST" || option == "PORT":
			return nil, usagef("%s is set; %w", name, errChosen)
		case option == "PATH_PREFIX" && value != prefix:
			return nil, usagef("%s is %q, but DAGPASS_PUBLIC_URL has the path %q: they must be the same, for Dagster writes its prefix into its pages", name, value, prefix)
		}
	}
	vars := without(environ, "DAGPASS_")
	if prefix != "" {
		vars = append(vars, "DAGSTER_WEBSERVER_PATH_PREFIX="+prefix)
	}
	return vars, nil
}

// cutProgram splits the variable of an option into the program that reads it
// and the option. The webserver copies DAGIT_* to DAGSTER_WEBSERVER_*.
func cutProgram(name string) (program, option string) {
	for _, program := range []string{"DAGSTER_WEBSERVER_", "DAGIT_", "DAGSTER_CLI_DEV_", "DAGSTER_DG_DEV_"} {
		if option, ok := strings.CutPrefix(name, program); ok {
			return program, option
		}
	}
	return "", ""
}
