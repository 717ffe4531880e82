package handlers

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// request gives every request its id and its client, and writes one line about
// it in the end. The line holds the path, never the query: codes and states
// travel there.
func (s *Server) request(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began, r := s.Now(), c.Request()
		about := models.Request{ID: models.NewID(), ClientIP: s.clientIP(r), UserAgent: r.UserAgent()}
		c.SetRequest(r.WithContext(models.WithRequest(r.Context(), about)))
		c.Response().Header().Set("X-Request-Id", about.ID)
		if s.site.Secure() {
			c.Response().Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() { s.accessLog(c, s.Now().Sub(began)) }() // an answer that breaks off is a panic
		boundBody(c)
		if err := next(c); err != nil {
			c.Error(err)
		}
		return nil
	}
}

// bodyTime is how long a request's body may take to arrive: those that Dagster
// takes are of a megabyte at most.
const bodyTime = 30 * time.Second

// boundBody ends a connection whose body does not come. The limit is lifted
// when the body is read, for the answer may take as long as it likes.
func boundBody(c echo.Context) {
	r := c.Request()
	if r.ContentLength == 0 {
		return
	}
	connection := http.NewResponseController(c.Response().Writer)
	if connection.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
		r.Body = &boundedBody{r.Body, func() { _ = connection.SetReadDeadline(time.Time{}) }}
	}
}

type boundedBody struct {
	io.ReadCloser
	whole func()
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.whole()
	}
	return n, err
}

func (s *Server) accessLog(c echo.Context, took time.Duration) {
	r, w := c.Request(), c.Response()
	s.Metrics.request(w.Status, took)
	attrs := append(make([]slog.Attr, 0, 6),
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", w.Status),
		slog.Int64("bytes", w.Size), slog.Duration("took", took))
	if p := models.PrincipalOf(r.Context()); p != nil {
		attrs = append(attrs, slog.String("user", p.User.ID))
	}
	s.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// recover turns a panic into a page and a line in the log. An aborted answer
// (http.ErrAbortHandler) goes on: it is how a broken download is told.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler: // compared as net/http does
				panic(v)
			default:
				err = models.ErrInternal.Because(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			}
		}()
		return next(c)
	}
}

var errPath = models.NewError(models.KindInvalid, "bad_path", "This address cannot be understood.")

// path decodes the path once. From here on there is one spelling: it is what is
// routed, judged and forwarded.
func (s *Server) path(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		clean, err := s.CleanPath(u.EscapedPath())
		if err != nil || u.Scheme != "" || u.Host != "" {
			return errPath.Because(err)
		}
		u.Path, u.RawPath = clean, ""
		return next(c)
	}
}

var errHost = models.NewError(models.KindMisdirected, "wrong_host", "This server does not go by that name.")

// host refuses a request for another host (RFC 9110 §15.5.20), so that no page
// of ours is ever built from a name that a stranger chose. What probes ask for,
// they ask by the name of a pod or a service.
func (s *Server) host(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		switch {
		case s.site.IsHost(s.hostOf(r)) || s.anyHost(r.URL.Path):
			return next(c)
		case models.IsLoopback(r.Host) && wantsPage(r) && !passedOn(r):
			return c.Redirect(http.StatusSeeOther, s.site.Origin()+r.URL.RequestURI())
		}
		return errHost
	}
}

// passedOn tells that a proxy stands before us. One that does not pass the Host
// on would only bring the same request again.
func passedOn(r *http.Request) bool {
	h := r.Header
	return h.Get("X-Forwarded-For")+h.Get("X-Forwarded-Proto")+h.Get("X-Real-Ip")+h.Get("Forwarded")+h.Get("Via") != ""
}

func (s *Server) anyHost(path string) bool {
	rest, ours := strings.CutPrefix(path, s.site.Prefix()+"/auth/")
	return ours && (rest == "health" || rest == "metrics" || strings.HasPrefix(rest, ".well-known/"))
}

// ownHeaders are on every answer of ours. A connection on which a body comes is
// closed, so that nobody waits for its end: the few routes that read theirs to
// the end keep it.
func (s *Server) ownHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		s.Pages.headers(c.Response().Header())
		if c.Request().ContentLength != 0 {
			c.Response().Header().Set("Connection", "close")
		}
		return next(c)
	}
}

var errOrigin = models.NewError(models.KindForbidden, "foreign_origin", "This request came from another site.")

// sameOrigin refuses an unsafe method that another site made the browser send.
func (s *Server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if safe(r) ||
			s.site.SameOrigin(r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")) {
			return next(c)
		}
		return errOrigin
	}
}

// recognise puts the principal into the context where the cookie proves one.
// A stranger goes on: each route decides what to say to them. A database that
// does not answer is an answer of its own, never "you are a stranger".
func (s *Server) recognise(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		cookie, err := r.Cookie(s.sessionCookie())
		if err != nil {
			return next(c)
		}
		p, err := s.Identity.Authenticate(r.Context(), models.Secret(cookie.Value))
		if errors.Is(err, identity.ErrUnauthenticated) {
			return next(c)
		}
		if err != nil {
			return err
		}
		c.SetRequest(r.WithContext(models.WithPrincipal(r.Context(), p)))
		return next(c)
	}
}

// clientIP is the address of the client, walked from the right of
// X-Forwarded-For through the proxies that are trusted. What the first
// untrusted one wrote about others is not believed.
func (s *Server) clientIP(r *http.Request) string {
	client := peer(r)
	if len(s.Trusted) == 0 {
		return client
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(chain) - 1; i >= 0 && s.trusts(client); i-- {
		hop, ok := address(chain[i])
		if !ok {
			return client
		}
		client = hop
	}
	return client
}

func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// hostOf is the host that the client asked for: a trusted proxy tells it.
func (s *Server) hostOf(r *http.Request) string {
	if forwarded := r.Header.Values("X-Forwarded-Host"); len(forwarded) == 1 && s.trusts(peer(r)) {
		return forwarded[0]
	}
	return r.Host
}
