package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// Config is what the server stands on.
type Config struct {
	Identity *identity.Service
	Pages    *Pages
	// Proxy takes whatever is not ours.
	Proxy http.Handler
	// CleanPath gives the one spelling of a path, or refuses it.
	CleanPath func(escaped string) (string, error)
	// Ready tells whether the database answers with the schema we know.
	Ready func(ctx context.Context) error
	// Around tells how Dagster and the providers were when they were last asked.
	Around func() Around
	// Locations are the names of all code locations, as Dagster knows them; none
	// while it does not answer. Nil is none.
	Locations func(ctx context.Context) []string
	// Trusted are the proxies whose X-Forwarded-* are believed.
	Trusted []netip.Prefix
	Metrics *Metrics
	// MetricsToken opens /auth/metrics; without one the route does not exist.
	MetricsToken models.Secret
	Version      string
	// Warnings are what an admin should hear of the configuration, as a log has
	// it: without a capital and a full stop. Nil is none.
	Warnings func() []string
	// Demo marks the pages of a demonstration.
	Demo bool
	Now  func() time.Time
	Log  *slog.Logger
}

// DagsterStatus is what health says about the upstream.
type DagsterStatus struct {
	Reachable bool   `json:"reachable"`
	Version   string `json:"version,omitempty"`
}

// Around is what health says about those whom we ask ourselves.
type Around struct {
	Dagster   DagsterStatus
	Providers []identity.ProviderState
	// Unclassified are mutations of this Dagster that Dagpass does not know.
	Unclassified []string
}

// Server answers every request.
type Server struct {
	Config
	site models.Site
	echo *echo.Echo
}

// New puts the routes together.
func New(c Config) *Server {
	s := &Server{Config: c, site: c.Pages.Site, echo: echo.New()}
	if s.Warnings == nil {
		s.Warnings = func() []string { return nil }
	}
	s.Pages.Brand = func() models.Brand { return s.Identity.Rules().Brand }
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Pre(s.request, s.recover, s.path, s.host) // in this order: each relies on the one before
	s.openRoutes()
	s.signInRoutes()
	s.halfwayRoutes()
	s.personRoutes()
	s.adminRoutes()
	s.apiRoutes()
	s.auditRoutes()
	s.nothingElse() // the last one: each group brings an answer of its own for what it has not
	s.echo.Any("/*", s.dagster, s.claimed, s.recognise)
	return s
}

// openRoutes answer anybody and know nobody.
func (s *Server) openRoutes() {
	open := s.group()
	s.get(open, "/health", s.health)
	s.get(open, "/metrics", s.metrics)
	s.get(open, "/providers", s.providers)
	s.get(open, "/assets/*", s.asset)
	s.get(open, "/brand/logo", s.brandLogo)
	s.get(open, "/brand/style.css", s.brandStyle)
	s.get(open, "/.well-known/jwks.json", s.jwks)
	s.get(open, "/.well-known/openid-configuration", s.discovery)
}

// signInRoutes lead in and out; what is local is not in OAuth-only mode.
func (s *Server) signInRoutes() {
	known := s.group(s.sameOrigin, s.recognise)
	s.get(known, "/login", s.login)
	known.GET("/start/:slot", s.start)
	s.post(known, "/start/:slot", s.signInDirectory)
	known.GET("/callback/:slot", s.callback)
	s.get(known, "/link", s.link)
	s.post(known, "/link", s.spendLink)
	s.get(known, "/logout", s.signOutPage)
	s.post(known, "/logout", s.signOut)

	local := s.group(s.local, s.sameOrigin, s.recognise)
	s.post(local, "/login", s.signInPassword)
	s.get(local, "/setup", s.setup)
	s.post(local, "/setup", s.claim)
	s.json(local, "/passkey/begin", s.beginPasskey)
	s.json(local, "/passkey", s.signInPasskey)
}

// halfwayRoutes are for who has proved the first factor.
func (s *Server) halfwayRoutes() {
	halfway := s.group(s.sameOrigin, s.recognise, s.pending)
	s.json(halfway, "/mfa/passkey/begin", s.beginFactor)
	s.json(halfway, "/mfa/passkey", s.finishWithPasskey)
	s.json(halfway, "/mfa/enrol/passkey/begin", s.offerPasskey)
	s.json(halfway, "/mfa/enrol/passkey", s.addPasskey)

	halfwayHere := s.group(s.sameOrigin, s.recognise, s.pending, s.byHand)
	s.get(halfwayHere, "/mfa", s.factor)
	s.post(halfwayHere, "/mfa/code", s.finishWithCode)
	s.get(halfwayHere, "/mfa/enrol", s.enrol)
	s.get(halfwayHere, "/mfa/enrol/totp", s.offerTOTP)
	s.post(halfwayHere, "/mfa/enrol/totp", s.addTOTP)
}

// personRoutes are for who is signed in: what scripts of ours ask for, and what
// is done by hand. A new page or form belongs with the latter.
func (s *Server) personRoutes() {
	person := s.group(s.sameOrigin, s.recognise, s.signedIn)
	s.get(person, "/me", s.me)
	s.post(person, "/activity", s.activity)
	s.json(person, "/confirm/passkey/begin", s.beginConfirm)
	s.json(person, "/confirm/passkey", s.confirmPasskey)
	s.json(person, "/account/passkey/begin", s.offerPasskey)
	s.json(person, "/account/passkey", s.addPasskey)

	here := s.group(s.sameOrigin, s.recognise, s.signedIn, s.byHand)
	s.get(here, "/confirm", s.confirm)
	s.post(here, "/confirm", s.confirmWords)
	s.post(here, "/confirm/provider", s.confirmAtProvider)
	s.get(here, "/account", s.account)
	s.post(here, "/account/sessions/end", s.endSession)
	s.post(here, "/account/sessions/end-others", s.endOtherSessions)
	s.get(here, "/account/totp", s.offerTOTP)
	s.post(here, "/account/totp", s.addTOTP)
	s.post(here, "/account/factor/remove", s.removeFactor)
	s.get(here, "/account/recovery-codes", s.recoveryCodes)
	s.post(here, "/account/recovery-codes", s.newRecoveryCodes)
	s.post(here, "/account/link/:slot", s.linkProvider)
	s.post(here, "/account/unlink", s.unlink)
	s.post(here, "/account/tokens", s.makeToken)
	s.post(here, "/account/tokens/revoke", s.revokeToken)
	s.post(s.group(s.local, s.sameOrigin, s.recognise, s.signedIn, s.byHand), "/account/password", s.changePassword)
}

// adminRoutes are the console.
func (s *Server) adminRoutes() {
	admin := s.group(s.sameOrigin, s.recognise, s.signedIn, s.byHand, s.administer)
	s.get(admin, "/admin", s.overview)
	s.get(admin, "/admin/people", s.people)
	s.post(admin, "/admin/people", s.invite)
	s.get(admin, "/admin/people/:id", s.person)
	s.post(admin, "/admin/people/:id/role", s.setRole)
	s.post(admin, "/admin/people/:id/disable", s.disable)
	s.post(admin, "/admin/people/:id/enable", s.enable)
	s.post(admin, "/admin/people/:id/link", s.makeLink)
	s.post(admin, "/admin/people/:id/sign-out", s.signOutSomebody)
	s.post(admin, "/admin/people/:id/reset-mfa", s.resetFactors)
	s.post(admin, "/admin/people/:id/revoke-token", s.revokeTokenOf)
	s.post(admin, "/admin/people/:id/delete", s.deleteSomebody)
	s.get(admin, "/admin/sessions", s.sessions)
	s.post(admin, "/admin/sessions/end", s.revokeSession)
	s.get(admin, "/admin/settings", s.settings)
	admin.POST("/admin/settings", s.setSetting, s.formOrFile)
	s.post(admin, "/admin/settings/clear", s.clearSetting)
	s.post(admin, "/admin/settings/preview", s.trySetting)
	s.get(admin, "/admin/access", s.access)
	s.post(admin, "/admin/access/grants/preview", s.tryGrant)
	s.post(admin, "/admin/access/grants", s.addGrant)
	s.post(admin, "/admin/access/grants/remove", s.removeGrant)
	s.get(admin, "/admin/providers", s.consoleWays)
	s.post(admin, "/admin/providers/:slot/test", s.testWay)

	files := s.group(s.recognise, s.signedIn, s.administer, s.fromHere) // recorded: they answer no HEAD
	files.GET("/admin/people/export", s.exportPeople)
}

// auditRoutes are what the console shows to auditors, who see nothing else of it.
func (s *Server) auditRoutes() {
	audit := s.group(s.sameOrigin, s.recognise, s.signedIn, s.byHand, s.auditor)
	s.get(audit, "/admin/audit", s.audit)
	s.get(audit, "/admin/audit/review", s.review)
	s.get(audit, "/admin/audit/privileged", s.privileged)
	s.get(audit, "/admin/audit/failures", s.failures)
	s.get(audit, "/admin/audit/run", s.run)
	s.get(audit, "/admin/audit/tail", s.tail)

	// A script asks this. What it is told takes a token that stands in a page that
	// no other script can read (docs/threats.md).
	s.json(s.group(s.sameOrigin, s.recognise, s.signedIn, s.auditor), "/admin/audit/tail", s.followTail)

	files := s.group(s.recognise, s.signedIn, s.auditor, s.fromHere) // recorded: they answer no HEAD
	files.GET("/admin/audit/export", s.exportAudit)
	files.GET("/admin/audit/review/export", s.exportReview)
}

// nothingElse below /auth is there, or ever reaches Dagster.
func (s *Server) nothingElse() {
	open := s.group()
	for _, path := range []string{"", "/*"} { // nothing else below /auth is there, or ever reaches Dagster
		open.Any(path, s.notFound)
		open.RouteNotFound(path, s.notFound) // any method that Any does not know
	}
}

// group is a part of our own routes behind its gates, in their order.
func (s *Server) group(gates ...echo.MiddlewareFunc) *echo.Group {
	return s.echo.Group(s.site.Prefix()+"/auth", append([]echo.MiddlewareFunc{s.ownHeaders}, gates...)...)
}

// get answers HEAD as well, which monitors ask with. It changes nothing.
func (s *Server) get(g *echo.Group, path string, h echo.HandlerFunc) {
	g.GET(path, h)
	g.HEAD(path, h)
}

// post takes a form.
func (s *Server) post(g *echo.Group, path string, h echo.HandlerFunc) { g.POST(path, h, s.form) }

// json takes what a script of ours sends, and answers it.
func (s *Server) json(g *echo.Group, path string, h echo.HandlerFunc) { g.POST(path, h, s.script) }

// These are below the prefix.
const (
	callbackRoute = "/auth/callback/:slot"
	accountRoute  = "/auth/account"
	consoleRoute  = "/auth/admin"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// Operations serves health and metrics without a token, for an address that
// only probes and scrapers reach.
func (s *Server) Operations() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.GET("/auth/health", s.health)
	e.GET("/auth/metrics", echo.WrapHandler(s.Metrics.handler()))
	e.GET("/metrics", echo.WrapHandler(s.Metrics.handler()))
	return e
}

// dagster passes on what is below our prefix; beside it there is nothing.
func (s *Server) dagster(c echo.Context) error {
	path, prefix := c.Request().URL.Path, s.site.Prefix()
	if prefix != "" && path != prefix && !below(path, prefix) {
		if path == "/" {
			return c.Redirect(http.StatusSeeOther, prefix+"/")
		}
		return models.ErrNotFound
	}
	s.Proxy.ServeHTTP(finals{c.Response()}, c.Request())
	return nil
}

// finals swallows informational answers (1xx): Echo would take the first one for
// the answer itself.
type finals struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w finals) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap lets http.ResponseController reach what is beneath.
func (w finals) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func below(path, prefix string) bool {
	return len(path) > len(prefix) && path[:len(prefix)] == prefix && path[len(prefix)] == '/'
}

func (s *Server) notFound(echo.Context) error { return models.ErrNotFound }

func (s *Server) viewSite() views.Site { return s.Pages.viewSite() }
