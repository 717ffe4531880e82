package demoidp

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page.css
var style string

//go:embed page.html
var markup string

// page is what the one template shows: people to choose from, or a message.
type page struct {
	Style   template.CSS
	Action  string
	Client  string
	Message string
	People  []Person
}

// Initials stand for a picture.
func (p Person) Initials() string {
	var initials string
	for _, word := range strings.Fields(p.Name) {
		initials += string([]rune(word)[:1])
	}
	return initials
}

func (p *Provider) showPeople(w http.ResponseWriter, r *http.Request, req request) {
	p.show(w, http.StatusOK, origin(req.redirectURI), page{
		Action: "?" + r.URL.Query().Encode(),
		Client: p.cfg.ClientID,
		People: p.cfg.People,
	})
}

func (p *Provider) showProblem(w http.ResponseWriter, status int, message string) {
	p.show(w, status, "", page{Message: message})
}

// show renders whole or not at all. Browsers apply form-action to the redirect
// that follows a form too, so the client's origin is allowed besides our own.
func (p *Provider) show(w http.ResponseWriter, status int, formTarget string, content page) {
	content.Style = template.CSS(style) //nolint:gosec // our own, embedded
	var body bytes.Buffer
	if err := template.Must(template.New("page").Parse(markup)).Execute(&body, content); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(formTarget))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the browser has gone; there is nobody to tell
}

// policy allows our style sheet by its hash, and nothing else.
func policy(formTarget string) string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; form-action 'self' " + formTarget + "; base-uri 'none'; frame-ancestors 'none'"
}

func origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
