package parts

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// One test for all, as they start side by side; each says how long it took.
func TestParts(t *testing.T) {
	began := time.Now()
	keycloak, dagster := StartKeycloak(t), StartDagster(t, DagsterOptions{PathPrefix: "/data"})
	provider := StartOIDCProvider(t, OIDCProviderOptions{RedirectURIs: []string{"http://127.0.0.1/callback"}})
	chromium := StartChromium(t)
	for _, part := range []struct {
		name  string
		await func(testing.TB)
	}{
		{"oidc-provider", provider.Await}, {"dagster-webserver", dagster.Await}, {"Keycloak", keycloak.Await},
	} {
		part.await(t)
		t.Logf("%s answers after %s", part.name, time.Since(began).Round(time.Millisecond))
	}
	t.Run("a run is in Dagster's storage", func(t *testing.T) { launchAndLook(t, dagster) })
	t.Run("Keycloak wants PKCE", func(t *testing.T) { wantPKCE(t, keycloak) })
	t.Run("oidc-provider says who it is", func(t *testing.T) { discover(t, provider) })
	t.Run("Dagster's pages show", func(t *testing.T) { lookAtDagster(t, dagster, chromium) })
}

func launchAndLook(t *testing.T, d *Dagster) {
	before := d.State(t)
	if diff := cmp.Diff(before, d.State(t)); diff != "" {
		t.Errorf("the state changed by itself:\n%s", diff)
	}
	body := `{"query":"mutation{launchRun(executionParams:{selector:{repositoryLocationName:\"sales\",repositoryName:\"__repository__\",jobName:\"counting\"}}){... on LaunchRunSuccess{run{runId}}}}"}`
	res, err := http.Post(d.URL+"/graphql", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Data struct {
			LaunchRun struct{ Run struct{ RunID string } }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	run, ok := d.State(t).Run(answer.Data.LaunchRun.Run.RunID)
	if !ok || run.Job != "counting" {
		t.Errorf("launched %+v, stored %+v", answer, run)
	}
}

// Keycloak tells the client by a redirect, so that nothing but a browser that
// follows none can read it.
func wantPKCE(t *testing.T, k *Keycloak) {
	query := url.Values{
		"client_id": {k.ClientID}, "response_type": {"code"}, "scope": {"openid"},
		"redirect_uri": {"http://127.0.0.1:1/callback"},
	}
	res, err := http.DefaultTransport.RoundTrip(request(t, k.Issuer+"/protocol/openid-connect/auth?"+query.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if to := res.Header.Get("Location"); !strings.Contains(to, "code_challenge_method") {
		t.Errorf("without PKCE: %s to %q, want a complaint about code_challenge_method", res.Status, to)
	}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func discover(t *testing.T, o *OIDCProvider) {
	res, err := http.Get(o.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var document struct {
		Issuer string
		ISS    bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := json.NewDecoder(res.Body).Decode(&document); err != nil || document.Issuer != o.Issuer || !document.ISS {
		t.Errorf("discovery: %+v, %v", document, err)
	}
}

func lookAtDagster(t *testing.T, d *Dagster, c *Chromium) {
	page := c.Person(t)
	page.Open(d.URL + "/runs")
	page.SeeText("counting")
	page.Screenshot("parts-dagster")
}

// The test binary starts itself; the child starts a family of processes that
// do not want to end, and is killed.
func TestFamilyEndsWithAKilledBinary(t *testing.T) {
	if os.Getenv("PARTS_CHILD") != "" {
		serveUntilKilled(t)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFamilyEndsWithAKilledBinary$")
	child.Env = append(os.Environ(), "PARTS_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	fifo, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child.Process.Kill()
	child.Wait()
	awaitNoWriter(t, strings.TrimSpace(fifo))
}

// serveUntilKilled starts a shell with a child of its own; both hold the
// FIFO open for writing as long as they live.
func serveUntilKilled(t *testing.T) {
	fifo := t.TempDir() + "/held"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := Start(t, t.TempDir(), Environment(t, "FIFO="+fifo), "sh", "-c",
		`exec 4<>"$FIFO"; sh -c "trap : TERM; while :; do sleep 60; done" & echo up; wait; wait; sleep 60`)
	p.Await(t, time.Minute, func(context.Context) error {
		if tail(p.Log, 10) == "" {
			return os.ErrNotExist
		}
		return nil
	})
	os.Stdout.WriteString(fifo + "\n")
	select {}
}

// A FIFO that nobody holds open for reading refuses a writer that will not wait.
func awaitNoWriter(t *testing.T, fifo string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		file, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		file.Close()
		select {
		case <-deadline:
			t.Fatal("what the killed binary had started lives on")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
