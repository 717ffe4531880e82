package dagster_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/dagster/dagstertest"
	"github.com/dagpass/dagpass/policy"
)

func TestCleanPath(t *testing.T) {
	for escaped, want := range map[string]string{
		"/":                        "/",
		"/graphql":                 "/graphql",
		"/graph%71l":               "/graphql",
		"/graph%2571l":             "/graph%71l",
		"/locations/a%2Fb":         "/locations/a/b",
		"/assets/a%2F%2Fb":         "/assets/a//b",
		"/assets/a+b%20c":          "/assets/a+b c",
		"/assets/%C3%A9":           "/assets/é",
		"/jobs/what%3F%23":         "/jobs/what?#",
		"/runs/...":                "/runs/...",
		"/graphql;x":               "/graphql;x",
		"":                         "",
		"*":                        "",
		"graphql":                  "",
		"//graphql":                "",
		"/%2Fgraphql":              "",
		"/./graphql":               "",
		"/x/../graphql":            "",
		"/x/%2e%2E/graphql":        "",
		"/logs/..":                 "",
		"/graphql%00":              "",
		"/graphql%0A":              "",
		"/graphql%7F":              "",
		"/graphql%C2%85":           "",
		`/x\graphql`:               "",
		"/x%5C..%5Cgraphql":        "",
		"/graph%ffl":               "",
		"/graph%":                  "",
		"/graph%zzl":               "",
		"/graphql/%ED%A0%80":       "",
		"/overlong/%C0%AE%C0%AE/x": "",
	} {
		got, err := dagster.CleanPath(escaped)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("CleanPath(%q) = %q, %v; want %q", escaped, got, err, want)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, row := range []struct {
		method, path, accept string
		upgrade              bool
		class                dagster.Class
		need                 policy.Permission
		sandbox              bool
	}{
		{"GET", "/", "", false, dagster.Page, policy.Read, false},
		{"HEAD", "/runs/1", "text/html", false, dagster.Page, policy.Read, false},
		{"GET", "/graphql/", "", false, dagster.Page, policy.Read, false},
		{"GET", "/GraphQL", "text/html", false, dagster.Page, policy.Read, false},
		{"GET", "/graphql;x", "text/html", false, dagster.Page, policy.Read, false},
		{"GET", "/locations/a.b/jobs", "", false, dagster.Page, policy.Read, false},
		{"GET", "/_next/static/x.js", "", false, dagster.Static, policy.Read, false},
		{"GET", "/vendor/graphiql/graphiql.min.js", "", false, dagster.Static, policy.Read, false},
		{"GET", "/favicon.ico", "", false, dagster.Static, policy.Read, false},
		{"POST", "/graphql", "text/html", false, dagster.GraphQL, policy.Read, false},
		{"GET", "/graphql", "*/*", false, dagster.GraphQL, policy.Read, false},
		{"GET", "/graphql", "TEXT/HTML", false, dagster.GraphQL, policy.Read, false},
		{"GET", "/graphql", "image/png,text/html;q=0", false, dagster.GraphiQL, policy.GraphiQL, false},
		{"GET", "/graphql", "text/html", true, dagster.Socket, policy.Read, false},
		{"GET", "/server_info", "", false, dagster.ServerInfo, policy.Read, false},
		{"GET", "/dagit_info", "", false, dagster.ServerInfo, policy.Read, false},
		{"GET", "/logs/run/compute_logs/step.out", "", false, dagster.Logs, policy.ReadLogs, true},
		{"GET", "/logs", "", false, dagster.Logs, policy.ReadLogs, true},
		{"GET", "/download_debug/1", "", false, dagster.Debug, policy.DownloadDebug, true},
		{"GET", "/download_debug/1/2", "", false, dagster.Debug, policy.DownloadDebug, true},
		{"GET", "/notebook", "", false, dagster.Notebook, policy.ReadNotebook, true},
		{"GET", "/dagit/notebook", "", false, dagster.Notebook, policy.ReadNotebook, true},
		{"POST", "/report_asset_materialization/a/b", "", false, dagster.Report, policy.Read, false},
		{"POST", "/report_asset_materialization/", "", false, dagster.Report, policy.Read, false},
		{"POST", "/report_asset_check/a", "", false, dagster.Report, policy.Read, false},
		{"POST", "/report_asset_observation/a", "", false, dagster.Report, policy.Read, false},
	} {
		got, err := dagster.Classify(row.method, row.path, row.accept, row.upgrade)
		want := dagster.Route{Class: row.class, Path: row.path, Need: row.need, Sandbox: row.sandbox}
		if err != nil || got != want {
			t.Errorf("%s %s: %+v, %v; want %+v", row.method, row.path, got, err, want)
		}
	}
}

func TestClassifyRefuses(t *testing.T) {
	for _, row := range []struct {
		method, path string
		upgrade      bool
		reason       string
	}{
		{"POST", "/", false, "method_not_allowed"},
		{"POST", "/server_info", false, "method_not_allowed"},
		{"DELETE", "/graphql", false, "method_not_allowed"},
		{"HEAD", "/graphql", false, "method_not_allowed"},
		{"OPTIONS", "/graphql", false, "method_not_allowed"},
		{"get", "/graphql", false, "method_not_allowed"},
		{"", "/", false, "method_not_allowed"},
		{"GET", "/report_asset_check/a", false, "method_not_allowed"},
		{"PUT", "/report_asset_check/a", false, "method_not_allowed"},
		{"POST", "/logs/a", false, "method_not_allowed"},
		{"POST", "/graphql", true, "method_not_allowed"},
		{"GET", "/", true, "socket_elsewhere"},
		{"GET", "/graphql/", true, "socket_elsewhere"},
		{"GET", "/x/../graphql", false, "bad_path"},
		{"POST", "/graphql\n", false, "bad_path"},
		{"GET", "", false, "bad_path"},
	} {
		_, err := dagster.Classify(row.method, row.path, "", row.upgrade)
		if got := reading(nil, err); got != row.reason {
			t.Errorf("%s %q: %s, want %s", row.method, row.path, got, row.reason)
		}
	}
}

// endpoints are the endpoints of Dagster that a class may reach. Some may also
// reach the app's index page, which holds no data.
func endpoints(c dagster.Class) map[string]bool {
	set := map[dagster.Class][]string{
		dagster.Page: {"index"}, dagster.Static: {"static", "index"}, dagster.ServerInfo: {"server_info"},
		dagster.GraphQL: {"graphql"}, dagster.GraphiQL: {"graphiql"},
		dagster.Logs: {"logs", "index"}, dagster.Debug: {"debug", "index"}, dagster.Notebook: {"notebook", "index"},
		dagster.Report: {"report_asset_materialization", "report_asset_check", "report_asset_observation"},
	}
	found := map[string]bool{"": true}
	for _, name := range set[c] {
		found[name] = true
	}
	return found
}

// FuzzCleanPath sends what we understood of a path to the double and compares
// where it arrives with what we took it for.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/graphql", "/graph%71l", "/graph%2571l", "/graphql%0A", "//graphql", "/a%2Fb", "/logs/a.out",
		"/notebook", "/dagit/notebook", "/download_debug/1", "/report_asset_check/a", "/_next/x.js", "/..%2f", "/%C2%85",
		"/favicon.ico", "/a?b", "/a%3Fb#c", "/server_info", "/logs/%0a", "/%zz",
	} {
		f.Add(seed, true)
	}
	s := dagstertest.New(f, "")
	f.Fuzz(func(t *testing.T, escaped string, html bool) {
		path, err := dagster.CleanPath(escaped)
		if err != nil {
			return
		}
		accept := map[bool]string{true: "text/html", false: "*/*"}[html]
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			arrives(t, s, method, path, accept)
		}
	})
}

func arrives(t *testing.T, s *dagstertest.Server, method, path, accept string) {
	t.Helper()
	route, err := dagster.Classify(method, path, accept, false)
	if err != nil {
		return
	}
	req := httptest.NewRequest(method, "/", nil)
	req.RequestURI = (&url.URL{Path: route.Path}).RequestURI()
	req.Header.Set("Accept", accept)
	s.ServeHTTP(httptest.NewRecorder(), req)
	if got := s.Last().Endpoint; !endpoints(route.Class)[got] {
		t.Errorf("%s %q taken for %s arrived at %q", method, path, route.Class, got)
	}
}
