package demoidp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// request is an authorization request (OpenID Connect Core section 3.1.2.1).
type request struct {
	redirectURI string
	state       string
	nonce       string
	challenge   string
	prompt      string
}

// grant is what a code stands for.
type grant struct {
	request
	person Person
	at     time.Time
}

// authorize shows the page.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	req, ok := p.admit(w, r)
	if !ok {
		return
	}
	if slices.Contains(strings.Fields(req.prompt), "none") {
		p.answer(w, r, req, url.Values{"error": {"login_required"}})
		return
	}
	p.showPeople(w, r, req)
}

// choose answers a button of the page. The request is judged again: it comes
// from the browser.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	req, ok := p.admit(w, r)
	if !ok {
		return
	}
	if r.PostFormValue("cancel") != "" {
		p.answer(w, r, req, url.Values{"error": {"access_denied"}})
		return
	}
	person, ok := p.person(r.PostFormValue("person"))
	if !ok {
		p.showProblem(w, http.StatusBadRequest, "There is nobody of that name.")
		return
	}
	code := p.codes.put(grant{request: req, person: person, at: time.Now()})
	p.answer(w, r, req, url.Values{"code": {code}})
}

// admit reads and judges an authorization request. Without a known client and
// redirect URI nobody is redirected anywhere (RFC 6749 section 4.1.2.1).
func (p *Provider) admit(w http.ResponseWriter, r *http.Request) (request, bool) {
	q := r.URL.Query()
	req := request{
		redirectURI: q.Get("redirect_uri"),
		state:       q.Get("state"),
		nonce:       q.Get("nonce"),
		challenge:   q.Get("code_challenge"),
		prompt:      q.Get("prompt"),
	}
	if q.Get("client_id") != p.cfg.ClientID || !registered(p.cfg.RedirectURIs, req.redirectURI) {
		p.showProblem(w, http.StatusBadRequest, "The client or its redirect URI is not registered here.")
		return request{}, false
	}
	if code := mistake(q); code != "" {
		p.answer(w, r, req, url.Values{"error": {code}})
		return request{}, false
	}
	return req, true
}

// mistake is the error code of a request that cannot be answered, or empty.
func mistake(q url.Values) string {
	const s256Length = 43 // of a SHA-256 in base64url
	switch {
	case q.Get("response_type") != "code":
		return "unsupported_response_type"
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		return "invalid_scope"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != s256Length:
		return "invalid_request"
	}
	return ""
}

// answer sends the browser back to the client.
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, req request, answer url.Values) {
	answer.Set("iss", p.cfg.Issuer)
	if req.state != "" {
		answer.Set("state", req.state)
	}
	http.Redirect(w, r, withQuery(req.redirectURI, answer), http.StatusSeeOther)
}

// withQuery adds to the query that a registered URI may have.
func withQuery(uri string, add url.Values) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	q := u.Query()
	for name := range add {
		q.Set(name, add.Get(name))
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// logout has no session to end, as the provider keeps none; it brings the
// browser back where the client asked, if the client registered that.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	returnTo := r.FormValue("post_logout_redirect_uri")
	ours := r.FormValue("client_id") == p.cfg.ClientID
	if !ours || !registered(p.cfg.PostLogoutURIs, returnTo) {
		p.showProblem(w, http.StatusOK, "You are signed out.")
		return
	}
	add := url.Values{}
	if state := r.FormValue("state"); state != "" {
		add.Set("state", state)
	}
	http.Redirect(w, r, withQuery(returnTo, add), http.StatusSeeOther) //nolint:gosec // it is registered
}
