package parts

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"
)

// OIDCProvider is npm's oidc-provider, a certified OpenID provider. Its login
// page takes any name as an account with the address NAME@example.com; "ada",
// "edda" and "vic" have the same groups as in Keycloak, "uma" has no verified
// address there either; "ada.lovelace" is called Ada Lovelace.
type OIDCProvider struct {
	*Process
	Issuer, ClientID, ClientSecret string
}

// OIDCProviderOptions are what its one client is registered with. On loopback
// any port will do (RFC 8252 section 7.3), so that addresses have none.
type OIDCProviderOptions struct {
	Port                      string // to listen on; a free one when empty
	RedirectURIs, AfterLogout []string
}

// StartOIDCProvider starts a provider that remembers nothing of former ones.
func StartOIDCProvider(t testing.TB, o OIDCProviderOptions) *OIDCProvider {
	t.Helper()
	port := o.Port
	if port == "" {
		port = FreePort(t)
	}
	p := &OIDCProvider{Issuer: loopback(port, ""), ClientID: "dagpass", ClientSecret: "oidc-provider-test-client-secret"}
	config, err := json.Marshal(map[string]any{
		"modules": Cached(t, "oidc-provider", "node_modules"), "port": port, "issuer": p.Issuer,
		"client_id": p.ClientID, "client_secret": p.ClientSecret,
		"redirect_uris": o.RedirectURIs, "post_logout_redirect_uris": append([]string{}, o.AfterLogout...),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Process = Start(t, t.TempDir(), Environment(t), node(t), ours("oidc-provider", "server.mjs"), string(config))
	return p
}

// node returns the runtime that npm brought along with the provider: Debian's
// own is too old for it. Where npm has none for the machine, it is the user's.
func node(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(Cached(t, "oidc-provider", "node_modules"), "node-*", "bin", "node"))
	if len(found) > 0 {
		return found[0]
	}
	return "node"
}

// Await waits until the provider answers, about a quarter of a second.
func (o *OIDCProvider) Await(t testing.TB) {
	t.Helper()
	o.AwaitURL(t, o.Issuer+"/.well-known/openid-configuration", 30*time.Second)
}
