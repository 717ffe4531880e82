package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// downloads pass as they are: whole, in part, and compressed.
func downloads(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	p := signedIn(t, s, "keycloak", parts.Editor)
	id := p.launch(t)
	t.Run("a debug file is gzip, in a sandbox", func(t *testing.T) {
		a := p.get(t, "/download_debug/"+id)
		if !strings.HasPrefix(a.body, "\x1f\x8b") {
			t.Errorf("%s, begins %.20q", a.Status, a.body)
		}
		mustBeSandboxed(t, a)
	})
	t.Run("a notebook's script does not run", func(t *testing.T) { notebook(t, w, s) })
	t.Run("a range of a static file", func(t *testing.T) {
		script := regexp.MustCompile(`/_next/static/[^"]+\.js`).FindString(p.get(t, "/").body)
		req, err := http.NewRequest(http.MethodGet, p.base+script, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", "bytes=10-29")
		part := p.do(t, req)
		if part.StatusCode != http.StatusPartialContent || part.body != p.get(t, script).body[10:30] {
			t.Errorf("%s: %s %q", script, part.Status, part.body)
		}
	})
	t.Run("a quarter of a gigabyte", func(t *testing.T) { large(t, w) })
}

func mustBeSandboxed(t *testing.T, a answer) {
	t.Helper()
	if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("Content-Security-Policy %q, X-Content-Type-Options %q", policy, a.Header.Get("X-Content-Type-Options"))
	}
}

// A notebook is somebody's HTML on Dagster's own origin.
func notebook(t *testing.T, w *world, s *server) {
	page := w.chromium.Person(t)
	page.Open(s.URL + "/notebook?repoLocName=sales&path=notebook.ipynb")
	page.Click(`a[href*="/auth/start/keycloak"]`)
	atKeycloak(page, parts.Viewer)
	page.See("#harmless")
	if title := page.Evaluate("document.title"); strings.Contains(title, "ran") {
		t.Errorf("the notebook's script set the title to %s", title)
	}
	// The control: without us it runs.
	page.Open(w.dagster.URL + "/notebook?repoLocName=sales&path=notebook.ipynb")
	page.Await("see the script run", "document.title === 'the notebook ran a script'")
}

const large256MB = 256 << 20

func large(t *testing.T, w *world) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/gzip")
		io.Copy(w, io.LimitReader(zeros{}, large256MB))
	}))
	defer upstream.Close()
	s := w.serve(t, w.settings(t, upstream.URL))
	p := signedIn(t, s, "keycloak", parts.Editor)
	res, err := p.http.Get(s.URL + "/download_debug/00000000-0000-0000-0000-000000000000")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, want := sum(t, res.Body), sum(t, io.LimitReader(zeros{}, large256MB)); got != want {
		t.Errorf("%s: what came is not what was sent", res.Status)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func sum(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
