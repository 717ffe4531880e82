package dagstertest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster/dagstertest"
)

// The rows were seen at a dagster-webserver 1.13.27.
func TestRoutes(t *testing.T) {
	s := dagstertest.New(t, "")
	for _, row := range []struct {
		method, target string
		status         int
		endpoint       string
	}{
		{"GET", "/", 200, "index"},
		{"POST", "/", 405, ""},
		{"GET", "/server_info", 200, "server_info"},
		{"HEAD", "/graphql", 405, "graphql"},
		{"PUT", "/graphql", 405, ""},
		{"GET", "/graphql/", 200, "index"},
		{"GET", "/./graphql", 200, "index"},
		{"GET", "/graphql%0A", 400, "graphql"},
		{"GET", "/graph%2571l", 200, "index"},
		{"GET", "/_next", 200, "index"},
		{"GET", "/_next/x.js", 200, "static"},
		{"POST", "/_next/x.js", 405, ""},
		{"GET", "/favicon.ico", 200, "static"},
		{"GET", "/nope.txt", 200, "index"},
		{"GET", "/logs", 200, "index"},
		{"GET", "/logs/a.out", 200, "logs"},
		{"GET", "/notebook?path=a.ipynb", 200, "notebook"},
		{"GET", "/notebook/x", 200, "index"},
		{"GET", "/download_debug/x%2Fy", 200, "index"},
		{"GET", "/download_debug/x", 200, "debug"},
		{"GET", "/report_asset_check/x", 200, "index"},
		{"POST", "/report_asset_check", 405, ""},
		{"POST", "/report_asset_check/", 400, "report_asset_check"},
		{"POST", "/report_asset_materialization/a/b", 200, "report_asset_materialization"},
		{"POST", "/report_asset_materialization/?asset_key=a", 200, "report_asset_materialization"},
	} {
		status, _ := send(t, row.method, s.URL+row.target)
		if got := s.Last(); status != row.status || got.Endpoint != row.endpoint || got.URI != row.target {
			t.Errorf("%s %s: %d at %q, want %d at %q", row.method, row.target, status, got.Endpoint, row.status, row.endpoint)
		}
	}
	if changed := s.Changed(); len(changed) != 2 || changed[0].Fields[0] != "a/b" || changed[1].Fields[0] != "a" {
		t.Errorf("changed %+v", changed)
	}
}

func TestPrefix(t *testing.T) {
	s := dagstertest.New(t, "/d")
	for target, want := range map[string]int{"/d/server_info": 200, "/d/": 200, "/d": 307, "/": 307, "/server_info": 404, "/dd/": 404} {
		if got, _ := send(t, "GET", s.URL+target); got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
}

func TestIndexHasItsNonceInTheHeader(t *testing.T) {
	s := dagstertest.New(t, "")
	_, header := send(t, "GET", s.URL+"/runs")
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "'nonce-"+dagstertest.Nonce+"'") {
		t.Errorf("%s", csp)
	}
}

// send does not follow redirects.
func send(t *testing.T, method, url string) (status int, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header
}
