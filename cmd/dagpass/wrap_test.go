package main

import (
	"net"
	"slices"
	"strings"
	"testing"
)

// taken is an address that somebody listens on.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestWrapCommand(t *testing.T) {
	for command, want := range map[string]string{
		"dagster dev":                                "dagster dev -h 127.0.0.1 -p 4711",
		"-- dagster dev -f defs.py":                  "dagster dev -h 127.0.0.1 -p 4711 -f defs.py",
		"dagster dev -f host.py -m pkg -v":           "dagster dev -h 127.0.0.1 -p 4711 -f host.py -m pkg -v",
		"dagster dev --help":                         "dagster dev -h 127.0.0.1 -p 4711 --help",
		"dagster dev --grpc-port 4266 --grpc-host h": "dagster dev -h 127.0.0.1 -p 4711 --grpc-port 4266 --grpc-host h",
		"/venv/bin/dagster dev":                      "/venv/bin/dagster dev -h 127.0.0.1 -p 4711",
		"dg dev --verbose":                           "dg dev -h 127.0.0.1 -p 4711 --verbose",
		"dagster-webserver -w workspace.yaml":        "dagster-webserver -h 127.0.0.1 -p 4711 -w workspace.yaml",
		"dagster-webserver --path-prefix /data":      "dagster-webserver -h 127.0.0.1 -p 4711 --path-prefix /data",
		"dagster-webserver --path-prefix=/data":      "dagster-webserver -h 127.0.0.1 -p 4711 --path-prefix=/data",
		"dagster-webserver -l /data":                 "dagster-webserver -h 127.0.0.1 -p 4711 -l /data",
		"uv run dagster dev -p {port}":               "uv run dagster dev -p 4711",
		"uv run dagster dev -h localhost -p {port}":  "uv run dagster dev -h localhost -p 4711",
		"sh serve.sh --bind=127.0.0.1:{port}":        "sh serve.sh --bind=127.0.0.1:4711",
		"x --host=::1 {port} {port}":                 "x --host=::1 4711 4711",
	} {
		got, err := wrapCommand(strings.Fields(command), "4711", "/data")
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s\n got %q, %v\nwant %s", command, got, err, want)
		}
	}
}

func TestWrapCommandRefuses(t *testing.T) {
	const chosen = "private port"
	for command, reason := range map[string]string{
		"":                                         "needs a command",
		"--":                                       "needs a command",
		"dagster dev -h 0.0.0.0":                   chosen,
		"dagster dev -h0.0.0.0":                    chosen,
		"dagster dev -vh0.0.0.0":                   chosen,
		"dagster dev -vvp 3000":                    chosen,
		"dagster dev --host 127.0.0.1":             chosen,
		"dagster dev --host=127.0.0.1":             chosen,
		"dagster dev --dagit-host=::":              chosen,
		"dagster dev --dagit-port 1":               chosen,
		"dagster dev -p 3000":                      chosen,
		"dagster dev -p3000":                       chosen,
		"dagster dev -p {port}":                    chosen,
		"dagster dev --port=3000":                  chosen,
		"dagster dev -- -p 3000":                   chosen,
		"dg dev --port 3000":                       chosen,
		"dagster-webserver -p 3000":                chosen,
		"dagster-webserver --host=0.0.0.0":         chosen,
		"dagster-webserver --path-prefix /x":       "must be the same",
		"dagster-webserver --path-prefix=/x":       "must be the same",
		"dagster-webserver --path-prefix":          "must be the same",
		"dagster-webserver -l /x":                  "must be the same",
		"dagster-webserver -l/x":                   "must be the same",
		"dagster job list":                         "write {port}",
		"uv run dagster dev":                       "write {port}",
		"uv run dagster dev -h 0.0.0.0 -p {port}":  "no way around",
		"uv run dagster dev -h 10.1.2.3 -p {port}": "no way around",
		"uv run dg dev --host=10.1.2.3 -p {port}":  "no way around",
		"run --bind [::]:{port}":                   "no way around",
	} {
		got, err := wrapCommand(strings.Fields(command), "4711", "/data")
		if err == nil || !strings.Contains(err.Error(), reason) || status(err, discard{}) != exitUsage {
			t.Errorf("%s: %q, %v; want %s", command, got, err, reason)
		}
	}
}

func TestWrapEnviron(t *testing.T) {
	for _, test := range []struct{ environ, prefix, want string }{
		{"PATH=/bin DAGPASS_SECRET_KEY=x DAGSTER_HOME=/h", "", "PATH=/bin DAGSTER_HOME=/h"},
		{"DAGPASS_LISTEN_FILE=/f DAGPASSWORD=mine", "", "DAGPASSWORD=mine"},
		{"DAGSTER_WEBSERVER_HOST= A=b", "", "DAGSTER_WEBSERVER_HOST= A=b"},
		{"DAGSTER_WEBSERVER_READ_ONLY=1", "", "DAGSTER_WEBSERVER_READ_ONLY=1"},
		{"A=b", "/data", "A=b DAGSTER_WEBSERVER_PATH_PREFIX=/data"},
		{"DAGIT_PATH_PREFIX=/data", "/data", "DAGIT_PATH_PREFIX=/data DAGSTER_WEBSERVER_PATH_PREFIX=/data"},
	} {
		got, err := wrapEnviron(strings.Fields(test.environ), test.prefix)
		if err != nil || !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s: %q, %v", test.environ, got, err)
		}
	}
}

func TestWrapEnvironRefuses(t *testing.T) {
	for entry, reason := range map[string]string{
		"DAGSTER_WEBSERVER_HOST=0.0.0.0":     "private port",
		"DAGSTER_WEBSERVER_PORT=3000":        "private port",
		"DAGIT_HOST=127.0.0.1":               "private port",
		"DAGIT_PORT=3000":                    "private port",
		"DAGSTER_CLI_DEV_HOST=::":            "private port",
		"DAGSTER_CLI_DEV_PORT=1":             "private port",
		"DAGSTER_DG_DEV_HOST=::":             "private port",
		"DAGSTER_DG_DEV_PORT=1":              "private port",
		"DAGSTER_WEBSERVER_PATH_PREFIX=/x":   "must be the same",
		"DAGIT_PATH_PREFIX=/somewhere/else/": "must be the same",
	} {
		got, err := wrapEnviron([]string{"A=b", entry}, "")
		if err == nil || !strings.Contains(err.Error(), reason) || status(err, discard{}) != exitUsage {
			t.Errorf("%s: %q, %v", entry, got, err)
		}
	}
}

// One path at both ends, whichever way it is set, and an upstream at neither.
func TestWrapUpstream(t *testing.T) {
	t.Chdir(t.TempDir())
	for setting, want := range map[string]string{
		"DAGPASS_PUBLIC_URL=http://localhost:3000":                                   "",
		"DAGPASS_PUBLIC_URL=http://localhost:3000/data/":                             "/data",
		"DAGPASS_PUBLIC_URL_FILE=" + tempFile(t, "public", "http://localhost/a/b\n"): "/a/b",
	} {
		cmd, cfg, err := wrap([]string{"dagster", "dev"}, wrapped(t, setting))
		if err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		port := cmd.Args[len(cmd.Args)-1]
		if cfg.Upstream != "http://127.0.0.1:"+port+want {
			t.Errorf("%s: upstream %s, port %s", setting, cfg.Upstream, port)
		}
		if told := slices.Contains(cmd.Env, "DAGSTER_WEBSERVER_PATH_PREFIX="+want); told != (want != "") {
			t.Errorf("%s: the child has %q", setting, cmd.Env)
		}
	}
}

func TestWrapRefusesItsSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	for setting, reason := range map[string]string{
		"DAGPASS_UPSTREAM=http://127.0.0.1:3001":                        "leave it out",
		"DAGPASS_UPSTREAM_FILE=" + tempFile(t, "up", "http://dagster/"): "leave it out",
		"DAGPASS_PUBLIC_URL=http://[::1":                                "PUBLIC_URL",
		"DAGPASS_PUBLIC_URL=http://dagster.example.com":                 "https",
	} {
		_, _, err := wrap([]string{"dagster", "dev"}, wrapped(t, setting))
		if err == nil || !strings.Contains(err.Error(), reason) || status(err, discard{}) != exitUsage {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
