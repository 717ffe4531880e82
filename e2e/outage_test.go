package e2e

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
)

// dagsterDown shows a page that says so, and goes on by itself when Dagster
// is back.
func dagsterDown(t *testing.T, w *world) {
	port := parts.FreePort(t)
	s := w.serve(t, w.settings(t, "http://127.0.0.1:"+port))
	page := w.chromium.Person(t)
	page.Open(s.URL + "/overview")
	page.Click(`a[href*="/auth/start/keycloak"]`)
	atKeycloak(page, parts.Viewer)
	page.AwaitLocation(s.URL + "/overview")
	page.SeeText("Dagster")
	page.Screenshot("dagster-down")
	if answer := page.Evaluate(`fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"query":"{version}"}'}).then(async r => [r.status, typeof (await r.json()).error.code])`); answer != `[502,"string"]` {
		t.Errorf("/graphql says %s", answer)
	}
	if status := page.Evaluate(`fetch('/overview', {headers: {'Accept': 'text/html'}}).then(r => r.status)`); status != "502" {
		t.Errorf("the page's status is %s", status)
	}
	revive(t, port)
	page.SeeText("Dagster is back")
}

// revive puts something in Dagster's place.
func revive(t *testing.T, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><body>Dagster is back</body>"))
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
}

// providerDown starts before the provider does. Whoever is there already, and
// whoever comes by the other door, notices nothing.
func providerDown(t *testing.T, w *world) {
	port := parts.FreePort(t)
	set := w.settings(t, w.dagster.URL).with(settings{"OIDC_CERTIFIED_ISSUER": "http://127.0.0.1:" + port})
	s := w.serve(t, set)
	page := w.chromium.Person(t)
	page.Open(s.URL + "/auth/login")
	page.SeeText("Certified cannot be reached")
	page.Screenshot("provider-down")
	signedIn(t, s, "keycloak", parts.Viewer)
	p := newPerson(s.URL)
	if a := p.get(t, "/auth/start/certified"); a.StatusCode != http.StatusBadGateway {
		t.Errorf("its button's address answers %s", a.Status)
	}
	back := certifiedClient
	back.Port = port
	parts.StartOIDCProvider(t, back).Await(t)
	page.Await("see the button again", `fetch(location.href).then(r => r.text()).then(t => t.includes('/auth/start/certified'))`)
	signedIn(t, s, "certified", parts.Viewer)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // it asks around every five, and promises nothing
	defer cancel()
	until(ctx, t, "health tells of the provider", func() bool {
		return strings.Contains(p.get(t, "/auth/health?type=ready").body, `"certified":"ok"`)
	})
}
