// Package demoidp is a small, honest OpenID provider to demonstrate with: it
// signs in whoever is chosen on its page, and asks for no password.
//
//	/authorize  page with a button per person ─► code, state, iss to the client
//	/token      code + PKCE verifier (+ secret) ─► ID token, access token
//	/userinfo   access token ─► claims
//	/logout     ─► back to the client
//
// It follows OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0,
// RFC 7636 (S256 alone) and RFC 9207. Codes and access tokens live in memory.
//
// Neighbours: cmd/dagpass serves it on loopback for the demo verb and nowhere
// else; providertest builds a misbehaving provider around it.
package demoidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	codeLifetime  = time.Minute
	tokenLifetime = 5 * time.Minute
	maxForm       = 64 << 10 // bytes of a posted form
)

// Config says who the provider is, whom it serves and whom it knows.
type Config struct {
	Issuer       string // its path is where the handler expects to be mounted
	ClientID     string
	ClientSecret string // empty for a public client
	// RedirectURIs and PostLogoutURIs are compared exactly, but for the port
	// of a loopback host (RFC 8252 section 7.3).
	RedirectURIs   []string
	PostLogoutURIs []string
	People         []Person
}

// Person is somebody who may be chosen on the page. All of it becomes claims;
// the e-mail address counts as verified.
type Person struct {
	Subject string
	Email   string
	Name    string
	Groups  []string
}

// Provider is the OpenID provider. It is an http.Handler.
type Provider struct {
	cfg    Config
	signer jose.Signer
	keys   jose.JSONWebKeySet
	codes  *shelf[grant]
	tokens *shelf[Person]
	mux    *http.ServeMux
}

// New makes a provider with a signing key of its own.
func New(cfg Config) (*Provider, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, fmt.Errorf("issuer %q is not an absolute URL", cfg.Issuer)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key := jose.JSONWebKey{Key: private, KeyID: "demo", Algorithm: string(jose.ES256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		cfg:    cfg,
		signer: signer,
		keys:   jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}},
		codes:  newShelf[grant](codeLifetime),
		tokens: newShelf[Person](tokenLifetime),
		mux:    http.NewServeMux(),
	}
	p.routes(strings.TrimSuffix(issuer.Path, "/"))
	return p, nil
}

func (p *Provider) routes(base string) {
	p.mux.HandleFunc("GET "+base+"/.well-known/openid-configuration", p.discovery)
	p.mux.HandleFunc("GET "+base+"/jwks", p.jwks)
	p.mux.HandleFunc("GET "+base+"/authorize", p.authorize)
	p.mux.HandleFunc("POST "+base+"/authorize", p.choose)
	p.mux.HandleFunc("POST "+base+"/token", p.token)
	p.mux.HandleFunc("GET "+base+"/userinfo", p.userinfo)
	p.mux.HandleFunc("POST "+base+"/userinfo", p.userinfo)
	p.mux.HandleFunc("GET "+base+"/logout", p.logout)
	p.mux.HandleFunc("POST "+base+"/logout", p.logout)
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	p.mux.ServeHTTP(w, r)
}

func (p *Provider) endpoint(name string) string {
	return strings.TrimSuffix(p.cfg.Issuer, "/") + "/" + name
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                         p.cfg.Issuer,
		"authorization_endpoint":                         p.endpoint("authorize"),
		"token_endpoint":                                 p.endpoint("token"),
		"userinfo_endpoint":                              p.endpoint("userinfo"),
		"jwks_uri":                                       p.endpoint("jwks"),
		"end_session_endpoint":                           p.endpoint("logout"),
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{string(jose.ES256)},
		"scopes_supported":                               []string{"openid", "profile", "email"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          p.authMethods(),
		"authorization_response_iss_parameter_supported": true,
	})
}

func (p *Provider) authMethods() []string {
	if p.cfg.ClientSecret == "" {
		return []string{"none"}
	}
	return []string{"client_secret_basic", "client_secret_post"}
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, p.keys)
}

func (p *Provider) person(subject string) (Person, bool) {
	i := slices.IndexFunc(p.cfg.People, func(one Person) bool { return one.Subject == subject })
	if i < 0 {
		return Person{}, false
	}
	return p.cfg.People[i], true
}

// registered says whether a URI is one of those the client registered.
func registered(uris []string, uri string) bool {
	return uri != "" && slices.ContainsFunc(uris, func(one string) bool {
		return one == uri || withoutLoopbackPort(one) == withoutLoopbackPort(uri)
	})
}

// withoutLoopbackPort removes the port of a loopback host, which a client may
// not know when it registers.
func withoutLoopbackPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return uri
	}
	u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	return u.String()
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone; there is nobody to tell
}
