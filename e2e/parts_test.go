package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// theParts holds that the others are as strict as the journeys take them to
// be: what they let pass would prove nothing.
func theParts(t *testing.T, w *world) {
	t.Run("Dagster's storage does not change by itself", func(t *testing.T) {
		if diff := cmp.Diff(w.dagster.State(t), w.dagster.State(t)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("Keycloak wants PKCE", func(t *testing.T) {
		mustWantPKCE(t, w.keycloak.Issuer+"/protocol/openid-connect/auth", w.keycloak.ClientID)
	})
	t.Run("oidc-provider wants PKCE", func(t *testing.T) { mustWantPKCE(t, w.certified.Issuer+"/auth", w.certified.ClientID) })
	t.Run("oidc-provider promises iss", func(t *testing.T) {
		var discovery struct {
			Issuer   string
			SendsISS bool `json:"authorization_response_iss_parameter_supported"`
		}
		newPerson(w.certified.Issuer).get(t, "/.well-known/openid-configuration").into(t, &discovery)
		if discovery.Issuer != w.certified.Issuer || !discovery.SendsISS {
			t.Errorf("%+v", discovery)
		}
	})
}

// mustWantPKCE asks for a code without a challenge. The complaint comes to the
// client by a redirect, which is not followed: nobody listens there.
func mustWantPKCE(t *testing.T, endpoint, client string) {
	t.Helper()
	p := newPerson(endpoint)
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := p.get(t, "?"+url.Values{
		"client_id": {client}, "response_type": {"code"}, "scope": {"openid"},
		"redirect_uri": {"http://localhost:1/auth/callback/certified"},
	}.Encode())
	if to := a.Header.Get("Location"); !strings.Contains(to, "error=invalid_request") {
		t.Errorf("without PKCE: %s to %q %.300s", a.Status, to, a.body)
	}
}
