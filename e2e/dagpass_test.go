package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
)

// settings are DAGPASS_ variables, without the prefix.
type settings map[string]string

// with returns a copy with some set anew.
func (s settings) with(more settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, more)
	return all
}

func (s settings) environ(t *testing.T) []string {
	env := parts.Environment(t)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		env = append(env, "DAGPASS_"+name+"="+s[name])
	}
	return env
}

const secretKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

const groupPolicy = `
grants:
  - { slot: keycloak, group: dagster-admins, role: admin }
  - { slot: keycloak, group: dagster-editors, role: editor }
  - { slot: certified, group: dagster-admins, role: admin }
  - { slot: certified, group: dagster-editors, role: editor }
`

// settings puts both providers in front of a Dagster, on a port of its own and
// a new SQLite database.
func (w *world) settings(t *testing.T, upstream string) settings {
	return settings{
		"LISTEN":         "127.0.0.1:" + parts.FreePort(t),
		"UPSTREAM":       upstream,
		"DATABASE_URL":   "sqlite:" + filepath.Join(t.TempDir(), "dagpass.db"),
		"SECRET_KEY":     secretKey,
		"LOG_FORMAT":     "json",
		"POLICY":         groupPolicy,
		"OIDC_PROVIDERS": "keycloak,certified",

		"OIDC_KEYCLOAK_ISSUER":        w.keycloak.Issuer,
		"OIDC_KEYCLOAK_CLIENT_ID":     w.keycloak.ClientID,
		"OIDC_KEYCLOAK_CLIENT_SECRET": w.keycloak.ClientSecret,
		"OIDC_KEYCLOAK_LABEL":         "Keycloak",

		"OIDC_CERTIFIED_ISSUER":        w.certified.Issuer,
		"OIDC_CERTIFIED_CLIENT_ID":     w.certified.ClientID,
		"OIDC_CERTIFIED_CLIENT_SECRET": w.certified.ClientSecret,
		"OIDC_CERTIFIED_LABEL":         "Certified",
		"OIDC_CERTIFIED_SCOPES":        "openid profile email groups",
	}
}

// server is a running dagpass.
type server struct {
	*parts.Process
	URL string // what people type, without a slash at its end
	set settings
	w   *world
}

// serve starts `dagpass serve` and waits until it is ready.
func (w *world) serve(t *testing.T, set settings) *server {
	t.Helper()
	s := w.launch(t, set)
	s.ready(t)
	return s
}

// launch starts `dagpass serve` and does not wait.
func (w *world) launch(t *testing.T, set settings) *server {
	t.Helper()
	url := set["PUBLIC_URL"]
	if url == "" {
		url = "http://localhost:" + set.port()
	}
	return &server{parts.Start(t, t.TempDir(), set.environ(t), w.binary, "serve"), url, set, w}
}

func (s *server) ready(t *testing.T) {
	t.Helper()
	prefix := s.URL[len("http://"):]
	_, prefix, _ = strings.Cut(prefix, "/")
	if prefix != "" {
		prefix = "/" + prefix
	}
	s.AwaitURL(t, "http://127.0.0.1:"+s.set.port()+prefix+"/auth/health?type=ready", 30*time.Second)
}

func (s settings) port() string { return s["LISTEN"][strings.LastIndex(s["LISTEN"], ":")+1:] }

// printed is everything that the process has written until now, events and log.
func (s *server) printed(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

// run runs a verb to its end with these settings and returns what it printed.
func (w *world) run(t *testing.T, set settings, args ...string) string {
	t.Helper()
	out, err := w.command(t, set, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("dagpass %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// command is a verb with these settings.
func (w *world) command(t *testing.T, set settings, args ...string) *exec.Cmd {
	cmd := exec.Command(w.binary, args...)
	cmd.Dir, cmd.Env = t.TempDir(), set.environ(t)
	return cmd
}
