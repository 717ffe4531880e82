package handlers

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// sessionCookie is the cookie's name. The __Host- prefix (RFC 6265bis §4.1.3)
// wants https; on an http loopback there is none.
func (s *Server) sessionCookie() string {
	if s.site.Secure() {
		return "__Host-dagpass"
	}
	return "dagpass"
}

func (s *Server) cookie(name, value string, expires time.Time) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", Expires: expires,
		Secure: s.site.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func (s *Server) drop(c echo.Context, name string) {
	gone := s.cookie(name, "", time.Unix(1, 0))
	gone.MaxAge = -1
	c.SetCookie(gone)
}

// pendingCookie names what proves the first factor alone.
func (s *Server) pendingCookie() string { return s.sessionCookie() + "-pending" }

// What a browser may use a passkey for, each in a ceremony of its own: two at
// once for the same replace each other.
const (
	toSignIn  = "signin"
	toFinish  = "mfa"
	toEnrol   = "enrol"
	toConfirm = "confirm"
)

func (s *Server) ceremonyCookie(what string) string { return s.sessionCookie() + "-passkey-" + what }

// codesCookie names where recovery codes wait to be shown.
func (s *Server) codesCookie() string { return s.sessionCookie() + "-codes" }

// take gives a cookie's value and takes it away from the browser.
func (s *Server) take(c echo.Context, name string) string {
	cookie, err := c.Request().Cookie(name)
	if err != nil {
		return ""
	}
	s.drop(c, name)
	return cookie.Value
}

// maxAttempts is how many sign-ins a browser may have under way; the oldest
// goes when one more begins.
const maxAttempts = 5

func (s *Server) attemptPrefix() string { return s.sessionCookie() + "-attempt-" }

// keepAttempt gives the browser the sealed attempt, under a name of its own so
// that several tabs can sign in at once.
func (s *Server) keepAttempt(c echo.Context, b identity.Begun) {
	under := s.attempts(c.Request())
	for _, old := range under[:max(0, len(under)-maxAttempts+1)] {
		s.drop(c, old.Name)
	}
	begun := strconv.FormatInt(s.Now().Unix(), 10)
	c.SetCookie(s.cookie(s.attemptPrefix()+b.Cookie, begun+"|"+b.Sealed, b.Expires))
}

// takeAttempt gives the sealed attempt that belongs to a callback's state, and
// takes it away from the browser.
func (s *Server) takeAttempt(c echo.Context, state string) string {
	_, sealed, _ := strings.Cut(s.take(c, s.attemptPrefix()+identity.AttemptName(state)), "|")
	return sealed
}

// attempts lists the browser's attempts, the oldest first. The time in front of
// the value only orders them; what is believed is inside the seal.
func (s *Server) attempts(r *http.Request) []*http.Cookie {
	var found []*http.Cookie
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, s.attemptPrefix()) {
			found = append(found, cookie)
		}
	}
	slices.SortFunc(found, func(a, b *http.Cookie) int { return cmp.Compare(begunAt(a), begunAt(b)) })
	return found
}

func begunAt(c *http.Cookie) int64 {
	text, _, _ := strings.Cut(c.Value, "|")
	at, _ := strconv.ParseInt(text, 10, 64) // what is not a number is the oldest
	return at
}

func principal(c echo.Context) *models.Principal { return models.PrincipalOf(c.Request().Context()) }
