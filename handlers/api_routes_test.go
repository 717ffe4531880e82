package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/models"
)

// isOperation tells routes of the API, which are the same to all visitors.
func isOperation(path string) bool { return strings.HasPrefix(path, "/auth/api/v1") }

// problem is what a program is told.
type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	RequestID                 string `json:"request_id"`
	Errors                    []struct{ Field, Detail string }
}

func (a answer) problem() (p problem) {
	_ = json.Unmarshal([]byte(a.body), &p)
	return p
}

// No route of the API answers anybody for a cookie: to all visitors without a
// token it says the same, whatever they send and wherever a page sends it from.
func TestNoCookieOpensTheAPI(t *testing.T) {
	routes := newSite(t).server.Routes()
	for i, b := range visitors(t) {
		n := 0
		for _, r := range routes {
			if !isOperation(r.Path) || r.Method == "echo_route_not_found" {
				continue
			}
			n++
			path := strings.NewReplacer(":id", "nobody", ":name", "DEFAULT_ROLE", "*", "nothing").Replace(r.Path)
			for from, header := range map[string][]string{
				"a program": nil, "a page of Dagster's": {"Origin", b.s.url, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "X-Requested-With", "fetch"},
				"a form": b.person(),
			} {
				a := b.send(r.Method, path, "", header...)
				if a.StatusCode != http.StatusUnauthorized || r.Method != "HEAD" && a.problem().Code != "unauthenticated" {
					t.Errorf("%s %s, %s from %s: %d %s", r.Method, r.Path, everybody[i], from, a.StatusCode, a.body)
				}
			}
		}
		if n < 30 {
			t.Errorf("only %d routes", n)
		}
	}
}

// Below a path prefix the API lies there too.
func TestAPIBelowAPrefix(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) {
		u := *c.Pages.Site.URL
		u.Path = "/dagster"
		c.Pages.Site = models.Site{URL: &u}
		c.Identity.Site = c.Pages.Site
	})
	s.admin("root")
	b := s.browser()
	b.form("/dagster/auth/login", "username", "root", "password", password)
	shown := shownToken.FindStringSubmatch(b.form("/dagster/auth/account/tokens", "name", "x").body)
	if shown == nil {
		t.Fatal("no token")
	}
	for path, want := range map[string]struct {
		status int
		has    string
	}{
		"/dagster/auth/api/v1/me":        {200, `"name":"root"`},
		"/dagster/auth/api/v1/nothing":   {404, `"not_found"`},
		"/dagster/auth/api/nothing":      {404, `"request_id"`},
		"/dagster/auth/api/openapi.json": {200, `"/dagster/auth/api/v1"`},
	} {
		a := b.do("GET", path, "Authorization", "Bearer "+shown[1])
		if a.StatusCode != want.status || !strings.Contains(a.body, want.has) {
			t.Errorf("%s: %d %.300s", path, a.StatusCode, a.body)
		}
	}
}
