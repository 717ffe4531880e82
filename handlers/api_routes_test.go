package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
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
