package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers/demoidp"
)

// demoVerb shows the whole in one command:
//
//	folder ─▶ Python with Dagster ─▶ sample project ─▶ identity provider ─▶ serveAround(dagster dev)
//
// Its identity provider believes whoever presses a button. It is made in this
// file and nowhere else; no setting reaches it, and it answers on loopback only.
type demoVerb struct {
	Listen string `default:"127.0.0.1:3000" help:"Loopback address to serve on."`
	Dir    string `placeholder:"DIR" help:"Where the demonstration keeps its files. Default: dagpass/demo in the user's cache directory."`
	Python string `placeholder:"FILE" help:"A Python that has dagster and dagster-webserver already; else one is set up on the first run."`
}

// demoPeople are those who may be chosen: one for each role, and one who has
// hers at a single code location. The group gives it.
func demoPeople() []demoidp.Person {
	return []demoidp.Person{
		{Subject: "ada", Name: "Ada Admin", Email: "ada@example.com", Groups: []string{"admins"}},
		{Subject: "ed", Name: "Ed Editor", Email: "ed@example.com", Groups: []string{"editors"}},
		{Subject: "lara", Name: "Lara Launcher", Email: "lara@example.com", Groups: []string{"launchers"}},
		{Subject: "wanda", Name: "Wanda of Weather", Email: "wanda@example.com", Groups: []string{"weather"}},
		{Subject: "vera", Name: "Vera Viewer", Email: "vera@example.com", Groups: []string{"viewers"}},
	}
}

const demoPolicy = `grants:
  - { slot: demo, group: admins, role: admin }
  - { slot: demo, group: editors, role: editor }
  - { slot: demo, group: launchers, role: launcher }
  - { slot: demo, group: weather, role: editor, locations: [weather] }
  - { slot: demo, group: viewers, role: viewer }
`

// Run sets up what is missing, and shows Dagpass until it is told to stop.
func (v demoVerb) Run(ctx context.Context, env environment, io stdio) error {
	listen, err := demoListen(v.Listen)
	if err != nil {
		return err
	}
	dir, err := openDemoDir(v.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	warnUnused(env, io)
	python, err := demoPython{dir: dir.path("python"), given: v.Python, env: demoEnviron(env), io: io}.ready(ctx)
	if err != nil {
		return err
	}
	return demo{listen: listen, dir: dir, python: python, env: demoEnviron(env), io: io}.run(ctx)
}

// demoListen refuses an address that others could reach, and finds out early,
// before a long installation, whether it is taken. Port 0 becomes a real one:
// the identity provider has to know where to send people back to.
func demoListen(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", usagef("--listen must be host:port, such as 127.0.0.1:3000")
	}
	if !models.IsLoopback(host) {
		return "", usagef("--listen %s: the demonstration lets anybody be anybody, so that it serves this machine alone; use an address such as 127.0.0.1:3000", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("cannot listen on %s (is it taken?); choose another, such as: dagpass demo --listen 127.0.0.1:3100", address)
	}
	defer l.Close()
	return net.JoinHostPort(host, port(l.Addr())), nil
}

// warnUnused names the settings that are set and play no part here. Their
// values may be secrets.
func warnUnused(env environment, io stdio) {
	var names []string
	for _, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(io.Err, "dagpass: the demonstration has settings of its own and does not use %s\n", strings.Join(names, ", "))
	}
}

// demoEnviron leaves out whatever would lead our Python or our Dagster to
// somebody's own.
func demoEnviron(env environment) []string {
	return without(env, "DAGPASS_", "DAGSTER_", "DAGIT_", "PYTHONPATH=", "PYTHONHOME=", "VIRTUAL_ENV=")
}

// demo is a demonstration that has all it needs.
type demo struct {
	listen string
	dir    *demoDir
	python string
	env    []string
	io     stdio
}

func (d demo) run(ctx context.Context) error {
	if err := d.dir.writeProject(); err != nil {
		return fmt.Errorf("cannot write the sample project: %w", err)
	}
	upstream, err := freePort()
	if err != nil {
		return err
	}
	cfg, idp, err := d.provider(upstream)
	if err != nil {
		return err
	}
	defer idp.Close()
	log, err := os.Create(d.dir.path("dagster.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(d.io.Out, "Starting Dagster; what it says is in %s\n", log.Name())
	defer context.AfterFunc(ctx, func() { fmt.Fprintln(d.io.Out, "Stopping; Dagster takes a few seconds") })()
	err = serveAround(ctx, cfg, d.io, d.dagster(upstream, log), nil, func(ctx context.Context) {
		if answers(ctx, cfg.Upstream) {
			d.introduce(cfg.site(""))
		}
	})
	return d.explain(ctx, err, log.Name())
}

// provider starts the identity provider, and makes the configuration that goes
// with it.
func (d demo) provider(upstream string) (Config, *http.Server, error) {
	l, err := listenAgain(d.dir.path("identity-provider.address"))
	if err != nil {
		return Config{}, nil, fmt.Errorf("cannot start the identity provider: %w", err)
	}
	settings := d.settings(upstream, "http://"+l.Addr().String(), rand.Text())
	cfg, err := loadConfig(settings, "")
	if err != nil {
		return Config{}, nil, errors.Join(err, l.Close())
	}
	cfg.Demo = true
	site, client := cfg.site(""), cfg.OIDC[0]
	handler, err := demoidp.New(demoidp.Config{
		Issuer: client.Issuer, ClientID: client.ClientID, ClientSecret: client.ClientSecret.Reveal(),
		RedirectURIs: []string{site.Link("/auth/callback/demo")}, PostLogoutURIs: []string{site.Link("/auth/login")},
		People: demoPeople(),
	})
	if err != nil {
		return Config{}, nil, errors.Join(err, l.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	return cfg, server, nil
}

// settings are what somebody would set who had this provider.
func (d demo) settings(upstream, issuer, secret string) environment {
	host, port, _ := net.SplitHostPort(d.listen)
	if host == "127.0.0.1" || host == "::1" {
		host = "localhost"
	}
	return environment{
		"DAGPASS_LISTEN=" + d.listen,
		"DAGPASS_PUBLIC_URL=http://" + net.JoinHostPort(host, port),
		"DAGPASS_UPSTREAM=http://127.0.0.1:" + upstream,
		"DAGPASS_DATABASE_URL=sqlite:" + d.dir.path("dagpass.db"),
		"DAGPASS_LOG_LEVEL=warn", // an open page of Dagster asks every other second
		"DAGPASS_DEFAULT_ROLE=none",
		"DAGPASS_PASSWORD_LOGIN=false", // whoever tries it may be anybody, without a password
		"DAGPASS_POLICY=" + demoPolicy,
		"DAGPASS_OIDC_PROVIDERS=demo",
		"DAGPASS_OIDC_DEMO_LABEL=Demonstration",
		"DAGPASS_OIDC_DEMO_ISSUER=" + issuer,
		"DAGPASS_OIDC_DEMO_CLIENT_ID=dagpass",
		"DAGPASS_OIDC_DEMO_CLIENT_SECRET=" + secret,
	}
}

// listenAgain listens where it did last time, if that is free: accounts belong
// to an issuer, and the issuer is this address.
func listenAgain(file string) (net.Listener, error) {
	last, err := os.ReadFile(file)
	if err == nil && models.IsLoopback(string(last)) {
		if l, err := net.Listen("tcp", string(last)); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return l, os.WriteFile(file, []byte(l.Addr().String()), 0o600)
}

// dagster is the command of the sample: a webserver, a daemon and two code
// locations. Its home is its project's folder.
func (d demo) dagster(port string, log *os.File) *exec.Cmd {
	cmd := exec.Command(d.python, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", port, "-w", "workspace.yaml")
	cmd.Dir = d.dir.path("project")
	cmd.Env = append(d.env[:len(d.env):len(d.env)], "DAGSTER_HOME="+cmd.Dir)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// answers waits until Dagster does, and tells whether that came about.
func answers(ctx context.Context, upstream string) bool {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, upstream+"/server_info", nil)
		if err != nil {
			return false
		}
		if answer, err := http.DefaultClient.Do(req); err == nil {
			_ = answer.Body.Close()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// introduce says where to go and whom to be.
func (d demo) introduce(site models.Site) {
	fmt.Fprintf(d.io.Out, `
  Dagpass, with a sample Dagster behind it:  %s

  Choose "Continue with Demonstration", and then who you are:
    Ada Admin     may do everything
    Ed Editor     may run and change things in Dagster
    Vera Viewer   may look

  This is a demonstration: its sign-in is not real, and anybody who uses this
  machine may be anybody. It serves this machine alone. Ctrl-C stops it.
  Its files are in %s

`, site.Link("/"), d.dir.root)
}

// explain tells an end that was asked for from one that Dagster came to by
// itself, which it does with any status, 0 too.
func (d demo) explain(ctx context.Context, err error, log string) error {
	var ended exitError
	switch {
	case err != nil && !errors.As(err, &ended):
		return err
	case ctx.Err() != nil:
		return nil
	}
	content, _ := os.ReadFile(log) // without it, the path is still of use
	return fmt.Errorf("dagster dev has ended by itself; it said last, in %s:\n%s", log, lastLines(string(content), 20))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
