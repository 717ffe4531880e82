package parts

import (
	"encoding/json"
	"testing"
	"time"
)

// OIDCProvider is npm's oidc-provider, a certified OpenID provider. Its login
// page takes any account name; accounts "ada", "edda" and "vic" have the same
// address and groups as in Keycloak, others have no verified address.
type OIDCProvider struct {
	*Process
	Issuer, ClientID, ClientSecret string
}

// StartOIDCProvider starts a provider that knows one client with these
// redirect URIs: unlike Keycloak it takes no wildcard, as the standard says.
func StartOIDCProvider(t testing.TB, redirectURIs ...string) *OIDCProvider {
	t.Helper()
	port := FreePort(t)
	o := &OIDCProvider{Issuer: loopback(port, ""), ClientID: "dagpass", ClientSecret: "oidc-provider-test-client-secret"}
	config, err := json.Marshal(map[string]any{
		"modules": Cached(t, "oidc-provider", "node_modules"), "port": port, "issuer": o.Issuer,
		"client_id": o.ClientID, "client_secret": o.ClientSecret, "redirect_uris": redirectURIs,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Process = Start(t, t.TempDir(), environment(t), "node", ours("oidc-provider", "server.mjs"), string(config))
	return o
}

// Await waits until the provider answers, about a quarter of a second.
func (o *OIDCProvider) Await(t testing.TB) {
	t.Helper()
	o.AwaitURL(t, o.Issuer+"/.well-known/openid-configuration", 30*time.Second)
}
