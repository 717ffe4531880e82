package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// metadata is what we use of a discovery document (OpenID Connect Discovery
// 1.0 section 3, RFC 8414 section 2, RFC 9207 section 3).
type metadata struct {
	Issuer           string   `json:"issuer"`
	Authorization    string   `json:"authorization_endpoint"`
	Token            string   `json:"token_endpoint"`
	JWKS             string   `json:"jwks_uri"`
	Userinfo         string   `json:"userinfo_endpoint"`
	EndSession       string   `json:"end_session_endpoint"`
	SendsIssuer      bool     `json:"authorization_response_iss_parameter_supported"`
	TokenAuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	ChallengeMethods []string `json:"code_challenge_methods_supported"`
}

// discover fetches the discovery document of issuer.
func discover(ctx context.Context, c *http.Client, issuer string) (metadata, error) {
	var m metadata
	wellKnown := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	if _, err := getJSON(ctx, c, wellKnown, "", &m); err != nil {
		return metadata{}, outage(ReasonUnreachable, "discovery: %w", err)
	}
	if m.Issuer != issuer {
		return metadata{}, outage(ReasonLie, "discovery: the document at %s names the issuer %q", wellKnown, m.Issuer)
	}
	if err := m.check(); err != nil {
		return metadata{}, outage(ReasonDiscovery, "discovery: %w", err)
	}
	return m, nil
}

// check refuses a document that would send a secret or a person over plain
// http, or that rules out PKCE with S256. Silence about PKCE is accepted: Entra
// ID supports it without saying so.
func (m metadata) check() error {
	issuer, err := checkURL(m.Issuer, true)
	if err != nil {
		return err
	}
	if len(m.ChallengeMethods) > 0 && !slices.Contains(m.ChallengeMethods, "S256") {
		return errors.New("the provider does not support S256 code challenges")
	}
	for name, endpoint := range m.endpoints() {
		if _, err := checkURL(endpoint, loopback(issuer)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// endpoints are those that must be there, and the optional ones that are.
func (m metadata) endpoints() map[string]string {
	all := map[string]string{
		"authorization_endpoint": m.Authorization,
		"token_endpoint":         m.Token,
		"jwks_uri":               m.JWKS,
	}
	if m.Userinfo != "" {
		all["userinfo_endpoint"] = m.Userinfo
	}
	if m.EndSession != "" {
		all["end_session_endpoint"] = m.EndSession
	}
	return all
}

// authStyle says how the client authenticates at the token endpoint. Basic is
// the default of Discovery section 3; a public client only names itself.
func (m metadata) authStyle(public bool) oauth2.AuthStyle {
	post := slices.Contains(m.TokenAuthMethods, "client_secret_post")
	basic := slices.Contains(m.TokenAuthMethods, "client_secret_basic")
	if public || post && !basic {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
