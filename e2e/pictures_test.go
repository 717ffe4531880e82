package e2e

import (
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// pictures leaves in e2e/out what people see, by day and by night. That the
// pages show is tested; how they look is for somebody to look at.
func pictures(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL).with(settings{"OIDC_CERTIFIED_ALLOWED_EMAILS": "nobody@example.com"}))
	signedIn(t, s, "keycloak", parts.Editor).launch(t)
	for _, at := range []string{"day", "night"} {
		t.Run(at, func(t *testing.T) {
			page := w.chromium.Person(t)
			if at == "night" {
				page.Dark()
			}
			page.Open(s.URL + "/overview")
			page.SeeText("Sign in")
			page.Screenshot("login-" + at)

			page.Click(`a[href*="/auth/start/certified"]`)
			atOIDCProvider(page, parts.Viewer)
			page.SeeText("Not allowed")
			page.Screenshot("refused-" + at)

			page.Open(s.URL + "/runs")
			page.Click(`a[href*="/auth/start/keycloak"]`)
			atKeycloak(page, parts.Editor)
			page.AwaitLocation(s.URL + "/runs")
			page.SeeText("counting")
			page.Screenshot("dagster-" + at)

			page.Open(s.URL + "/auth/account")
			page.SeeText("edda@example.com")
			page.Screenshot("account-" + at)
		})
	}
}
