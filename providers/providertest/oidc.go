// Package providertest has identity providers that misbehave on demand: an
// OpenID provider, built around the honest one of demoidp, and a GitHub.
//
//	idp := providertest.New(t)                     a server on loopback, closed with the test
//	idp.Misbehave(providertest.Fault{…})           from now on
//	q := idp.Login(authURL, "ada")                 what the browser would bring to the callback
//	idp.Requests(providertest.JWKS)                how often it was asked
//
// Neighbours: the tests of providers, identity and the whole program. It does
// not import providers: it is the outside world.
package providertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dagpass/dagpass/providers/demoidp"
)

// The people a Server knows.
const (
	Ada    = "ada"    // group admins
	Edgar  = "edgar"  // groups editors and data-eng
	Violet = "violet" // no group
)

// Server is an OpenID provider on loopback. Its people are Ada, Edgar and
// Violet of example.com.
type Server struct {
	Issuer       string
	ClientID     string
	ClientSecret string

	t      testing.TB
	honest *demoidp.Provider
	gate   gate
	keys   keyring
}

// New starts a server that accepts the redirect URIs given, whatever the port
// of a loopback one. Without any it accepts /auth/callback/oidc on loopback.
func New(t testing.TB, redirectURIs ...string) *Server {
	t.Helper()
	if len(redirectURIs) == 0 {
		redirectURIs = []string{"http://127.0.0.1/auth/callback/oidc", "http://localhost/auth/callback/oidc"}
	}
	s := &Server{t: t, ClientID: "dagpass", ClientSecret: "s3cret/with+odd=characters"}
	listener := httptest.NewUnstartedServer(s)
	s.Issuer = "http://" + listener.Listener.Addr().String()
	s.honest = s.newHonest(redirectURIs)
	s.keys = newKeyring(t)
	s.gate = newGate()
	listener.Start()
	t.Cleanup(listener.Close)
	t.Cleanup(s.gate.open) // first, since Close waits for stalled answers
	return s
}

func (s *Server) newHonest(redirectURIs []string) *demoidp.Provider {
	s.t.Helper()
	p, err := demoidp.New(demoidp.Config{
		Issuer:         s.Issuer,
		ClientID:       s.ClientID,
		ClientSecret:   s.ClientSecret,
		RedirectURIs:   redirectURIs,
		PostLogoutURIs: []string{"http://127.0.0.1/auth/login", "http://localhost/auth/login"},
		People: []demoidp.Person{
			{Subject: Ada, Email: "ada@example.com", Name: "Ada Admin", Groups: []string{"admins"}},
			{Subject: Edgar, Email: "edgar@example.com", Name: "Edgar Editor", Groups: []string{"editors", "data-eng"}},
			{Subject: Violet, Email: "violet@example.com", Name: "Violet Viewer"},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// Misbehave switches to a fault. Misbehave(Fault{}) ends it.
func (s *Server) Misbehave(f Fault) { s.gate.set(f) }

// Requests counts the requests to an endpoint so far.
func (s *Server) Requests(e Endpoint) int { return s.gate.count(e) }

// Secrets are the tokens that the server gave out, the client secret, and the
// description of an error: what must never be seen in an error or a log.
func (s *Server) Secrets() []string { return append(s.gate.remembered(), s.ClientSecret) }

// Rotate replaces the signing key by one with another key id.
func (s *Server) Rotate() { s.keys.rotate(s.t) }

// Login is the browser: it follows authURL, chooses a person and returns the
// query of the callback. It may be called from any goroutine.
func (s *Server) Login(authURL, person string) url.Values {
	s.t.Helper()
	return choose(s.t, authURL, url.Values{"person": {person}})
}

// choose posts a form to an authorization endpoint and returns the query of
// the redirect that answers it.
func choose(t testing.TB, authURL string, form url.Values) url.Values {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, authURL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Errorf("authorization: %v", err)
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		t.Errorf("authorization: %v", err)
		return nil
	}
	defer func() { _ = resp.Body.Close() }() // it was read; there is nothing to lose
	back, err := resp.Location()
	if err != nil {
		body, _ := io.ReadAll(resp.Body)
		t.Errorf("authorization answered %d and no redirect:\n%s", resp.StatusCode, body)
		return nil
	}
	return back.Query()
}

// ServeHTTP implements http.Handler: it passes the honest provider's answers
// on, edited by the fault of the hour.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := endpointOf(r.URL.Path)
	f, spoilt := s.gate.pass(w, r, endpoint)
	if spoilt {
		return
	}
	switch endpoint {
	case Discovery:
		s.edited(w, r, f.Discovery)
	case JWKS:
		writeJSON(w, http.StatusOK, s.keys.public())
	case Token:
		s.edited(w, r, func(doc map[string]any) { s.resign(doc, f); edit(f.Token, doc) })
	case Userinfo:
		s.edited(w, r, f.Userinfo)
	default:
		s.redirected(w, r, f.Callback)
	}
}

func endpointOf(path string) Endpoint {
	if strings.HasSuffix(path, "/openid-configuration") {
		return Discovery
	}
	return Endpoint(strings.TrimPrefix(path, "/"))
}

// edited answers with the honest provider's JSON after an edit.
func (s *Server) edited(w http.ResponseWriter, r *http.Request, change func(map[string]any)) {
	honest := httptest.NewRecorder()
	s.honest.ServeHTTP(honest, r)
	var doc map[string]any
	if err := json.Unmarshal(honest.Body.Bytes(), &doc); err != nil {
		s.t.Errorf("the honest provider answered %q", honest.Body)
	}
	if honest.Code == http.StatusOK {
		edit(change, doc)
	}
	writeJSON(w, honest.Code, doc)
}

// redirected passes an answer on, with an edited redirect if it is one.
func (s *Server) redirected(w http.ResponseWriter, r *http.Request, change func(url.Values)) {
	honest := httptest.NewRecorder()
	s.honest.ServeHTTP(honest, r)
	back, err := honest.Result().Location()
	if err == nil && change != nil {
		q := back.Query()
		change(q)
		back.RawQuery = q.Encode()
		honest.Header().Set("Location", back.String())
	}
	for name, values := range honest.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(honest.Code)
	_, _ = io.Copy(w, bytes.NewReader(honest.Body.Bytes()))
}

// resign replaces the honest ID token by an edited one, signed by our keys.
func (s *Server) resign(answer map[string]any, f Fault) {
	honest, _ := answer["id_token"].(string)
	claims := payload(s.t, honest)
	edit(f.Claims, claims)
	answer["id_token"] = s.keys.sign(s.t, claims, f.Signature)
	s.gate.remember(answer["id_token"], answer["access_token"])
}

func edit(change func(map[string]any), doc map[string]any) {
	if change != nil {
		change(doc)
	}
}

// gate applies the faults that need no understanding of an answer, and counts.
type gate struct{ *gateState }

type gateState struct {
	closing chan struct{}
	open    func()

	mu      sync.Mutex
	fault   Fault
	seen    map[Endpoint]int
	secrets []string
}

// description stands for what providers put into error_description.
const description = "the code you sent was …"

func newGate() gate {
	closing := make(chan struct{})
	return gate{&gateState{closing: closing, open: sync.OnceFunc(func() { close(closing) }), seen: map[Endpoint]int{}}}
}

func (g gate) set(f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

func (g gate) count(e Endpoint) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[e]
}

func (g gate) remember(secrets ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, one := range secrets {
		if text, ok := one.(string); ok && text != "" {
			g.secrets = append(g.secrets, text)
		}
	}
}

func (g gate) remembered() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append(slices.Clone(g.secrets), description)
}

// enter counts a request and returns the fault, and whether it strikes here.
func (g gate) enter(e Endpoint) (Fault, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[e]++
	return g.fault, g.fault.Endpoint == e && g.seen[e] > g.fault.After
}

// pass counts a request and says whether a fault has answered it already.
func (g gate) pass(w http.ResponseWriter, r *http.Request, e Endpoint) (Fault, bool) {
	f, strikes := g.enter(e)
	if !strikes {
		return f, false
	}
	switch {
	case f.Stall:
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
		select {
		case <-r.Context().Done():
		case <-g.closing:
		}
	case f.Oversize:
		writeJSON(w, http.StatusOK, map[string]string{"padding": strings.Repeat("x", 2<<20)})
	case f.Garbage:
		_, _ = io.WriteString(w, "<html>This is not JSON.</html>")
	case f.Redirect != "":
		http.Redirect(w, r, f.Redirect, http.StatusTemporaryRedirect)
	case f.Status != 0:
		writeJSON(w, f.Status, map[string]string{"error": "server_error", "error_description": description})
	default:
		return f, false
	}
	return f, true
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone; there is nobody to tell
}
