package providers

import (
	"net/url"
	"strings"
)

// Public says whether anybody in the world may have an account at an issuer,
// so that being vouched for there proves no belonging to a company.
func Public(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil {
		return true // the strict answer for what cannot be read
	}
	switch strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") {
	case "accounts.google.com", "github.com", "gitlab.com", "appleid.apple.com", "token.actions.githubusercontent.com",
		"login.salesforce.com", "www.linkedin.com", "id.twitch.tv", "www.facebook.com", "limited.facebook.com":
		return true
	case "login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "sts.windows.net":
		return multiTenant(u.Path)
	}
	return false
}

// multiTenant reads the tenant of an Entra ID issuer. The UUID is the tenant
// of all personal Microsoft accounts.
func multiTenant(path string) bool {
	tenant, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch strings.ToLower(tenant) {
	case "", "common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad":
		return true
	}
	return false
}
