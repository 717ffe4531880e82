package handlers

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// Pages shows what we have to say, whichever room it comes from: a page to a
// person, JSON to a program, whole or not at all.
type Pages struct {
	Site models.Site
	// LocalAccounts tells that an admin can be set up in the browser.
	LocalAccounts bool
	// Brand is what the installation calls itself and looks like; [New] sets it.
	Brand func() models.Brand
	Log   *slog.Logger
}

const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are on every answer of ours: nothing is kept, framed or guessed.
func (p *Pages) headers(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

func (p *Pages) viewSite() views.Site {
	v := views.Site{Prefix: p.Site.Prefix(), Name: "Dagpass"}
	if p.Brand != nil {
		v = branded(v, p.Brand())
	}
	return v
}

// show renders a page into memory first: a template that fails half-way leaves
// no half page.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	var b bytes.Buffer
	if err := page.Render(r.Context(), &b); err != nil {
		p.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
		http.Error(w, models.ErrInternal.Msg, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.send(w, status, b.Bytes())
}

// page is one of the pages of views.
type page interface{ Component() templ.Component }

func (s *Server) show(c echo.Context, status int, p page) error {
	s.Pages.show(c.Response(), c.Request(), status, p.Component())
	return nil
}

func (p *Pages) json(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		p.Log.ErrorContext(r.Context(), "answer not written", "error", err)
		http.Error(w, models.ErrInternal.Msg, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	p.send(w, status, append(body, '\n'))
}

func (p *Pages) send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever left does not read it
}

// failure is the JSON of every error (docs/configuration.md, "Errors").
type failure struct {
	Error struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	} `json:"error"`
	LoginURL   string `json:"login_url,omitempty"`
	ConfirmURL string `json:"confirm_url,omitempty"`
	// Location is where a script of our own pages goes, as it does when all is well.
	Location string `json:"location,omitempty"`
}

// Problem says no, or not now. With retry the same may work after so many
// seconds, and a page that was asked for loads itself again then.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, status int, code, title, message string, retry int) {
	p.headers(w.Header())
	if r.ContentLength != 0 && models.PrincipalOf(r.Context()) == nil {
		w.Header().Set("Connection", "close") // nobody waits for the end of a stranger's body
	}
	if retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retry))
	}
	if wantsPage(r) {
		p.show(w, r, status, p.problem(r, status, code, title, message, retry).Component())
		return
	}
	var f failure
	f.Error.Code, f.Error.Message, f.Error.RequestID = code, message, models.RequestOf(r.Context()).ID
	if status == http.StatusUnauthorized {
		f.LoginURL = p.Site.Link("/auth/login")
	}
	if code == identity.ErrConfirm.Code {
		f.ConfirmURL, f.Location = p.Site.Origin()+p.confirm(r), p.confirm(r)
	}
	p.json(w, r, status, f)
}

func (p *Pages) problem(r *http.Request, status int, code, title, message string, retry int) views.Problem {
	v := views.Problem{
		Site: p.viewSite(), Status: status, Title: title, Message: message,
		Reference: models.RequestOf(r.Context()).ID,
	}
	switch {
	case status == http.StatusTooManyRequests:
		v.Wait = time.Duration(retry) * time.Second
	case safe(r):
		v.RetrySeconds = retry // what was sent is not sent again by itself
	}
	who := models.PrincipalOf(r.Context())
	if who != nil {
		v.SignedInAs = who.User.Label()
	}
	v.Action, v.ActionHref = p.action(r, code, who != nil, v.RetrySeconds > 0)
	return v
}

// action is the way on from a problem: to the same page where that may help.
func (p *Pages) action(r *http.Request, code string, known, again bool) (text, href string) {
	switch {
	case code == identity.ErrSetup.Code && !p.LocalAccounts:
		return "", "" // whoever runs it makes the admin on the command line
	case code == identity.ErrSetup.Code:
		return "Set up the first admin", p.Site.Prefix() + "/auth/setup"
	case code == identity.ErrConfirm.Code:
		return "Confirm that it is you", p.confirm(r)
	case again:
		return "Try again", p.Site.Next(r.URL.RequestURI())
	case known:
		return "To the front page", p.Site.Prefix() + "/"
	}
	return "To the sign-in page", p.Site.Prefix() + "/auth/login"
}

// confirm is the address to prove again who one is, and to come back from: to
// the page that was asked for, and from a form to the one that it stands on.
func (p *Pages) confirm(r *http.Request) string {
	next, console := "", p.Site.Prefix()+consoleRoute
	switch {
	case below(r.URL.Path, console):
		next = console + consolePage(r, console)
	case safe(r):
		next = r.URL.RequestURI()
	case below(r.URL.Path, p.Site.Prefix()+"/auth"):
		next = p.Site.Prefix() + accountRoute
	}
	return p.Site.Prefix() + "/auth/confirm?next=" + url.QueryEscape(p.Site.Next(next))
}

// safe tells a request that changes nothing (RFC 9110 §9.2.1).
func safe(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
