package handlers_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var revokes = regexp.MustCompile(`revoke-token"[^>]*><input type="hidden" name="id" value="([0-9a-f]{32})"`)

// An admin sees on somebody's page the tokens that open the API in their name, and
// revokes one. One that is gone meanwhile is what was wanted.
func TestTokensOnPersonPage(t *testing.T) {
	c := newConsole(t)
	other := c.admin("chief")
	in := c.browser()
	in.signInAs("chief")
	p := in.program()
	page := "/auth/admin/people/" + other.ID
	shown := c.at.open(page).body
	found := revokes.FindStringSubmatch(shown)
	if found == nil || strings.Contains(shown, p.token) {
		t.Fatalf("%s", shown)
	}
	if a := c.at.form("/auth/admin/people/"+c.root.ID+"/revoke-token", "id", found[1]); a.StatusCode != http.StatusSeeOther || p.ask("GET", "/me", "").StatusCode != 200 {
		t.Errorf("as if it were another's: %d", a.StatusCode)
	}
	for range 2 {
		if a := c.at.form(page+"/revoke-token", "id", found[1]); a.Header.Get("Location") != page+"?notice=api_revoked" {
			t.Errorf("%d %q %s", a.StatusCode, a.Header.Get("Location"), a.body)
		}
	}
	if a := p.ask("GET", "/me", ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("it opens still: %d", a.StatusCode)
	}
	if shown := c.at.open(page).body; revokes.MatchString(shown) {
		t.Error("it is listed still")
	}
}
