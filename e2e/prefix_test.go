package e2e

import (
	"net/http"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// pathPrefix has everything below /data, at both ends.
func pathPrefix(t *testing.T, w *world) {
	set := w.settings(t, w.prefixed.URL)
	set["PUBLIC_URL"] = "http://localhost:" + set.port() + "/data"
	s := w.serve(t, set)
	page := w.chromium.Person(t)
	page.Open(s.URL + "/jobs")
	page.Click(`a[href*="/data/auth/start/keycloak"]`)
	atKeycloak(page, parts.Editor)
	page.AwaitLocation(s.URL + "/jobs")
	page.SeeText("mailing")
	watchRun(t, page, s.URL, w.prefixed.Storage)
	page.Open(s.URL + "/auth/account")
	page.SeeText("edda@example.com")

	p := newPerson(s.URL)
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, want := range map[string]int{"/": http.StatusSeeOther, "/runs": http.StatusNotFound, "/database": http.StatusNotFound} {
		if res, err := p.http.Get("http://localhost:" + set.port() + path); err != nil || res.StatusCode != want {
			t.Errorf("%s answers %v, %v; want %d", path, res, err, want)
		}
	}
}
