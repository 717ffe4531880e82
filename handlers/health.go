package handlers

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/assets"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// health answers probes: live means that the process answers, ready that the
// database does and has our schema. Dagster and the providers are told and
// fail nothing: restarting us would not mend them.
func (s *Server) health(c echo.Context) error {
	if c.QueryParam("type") == "live" {
		return s.healthy(c, http.StatusOK, map[string]any{"status": "ok"})
	}
	ctx := c.Request().Context()
	around := s.Around() // from memory: a probe must not wait for what cannot fail it
	answer := map[string]any{"status": "ok", "database": "ok", "dagster": around.Dagster, "providers": providerHealth(around.Providers)}
	if err := s.Ready(ctx); err != nil {
		s.Log.WarnContext(ctx, "not ready", "error", err)
		answer["status"], answer["database"] = "unavailable", "unavailable"
		return s.healthy(c, http.StatusServiceUnavailable, answer)
	}
	claimed, err := s.Identity.Claimed(ctx)
	answer["setup_required"] = err == nil && !claimed
	return s.healthy(c, http.StatusOK, answer)
}

func (s *Server) healthy(c echo.Context, status int, answer map[string]any) error {
	answer["version"] = s.Version
	s.Pages.json(c.Response(), c.Request(), status, answer)
	return nil
}

func providerHealth(all []identity.ProviderState) map[string]string {
	states := map[string]string{}
	for _, p := range all {
		states[p.Slot] = map[bool]string{false: "ok", true: "unreachable"}[p.Down]
	}
	return states
}

// metrics wants the token as a bearer; without one configured the route does
// not exist.
func (s *Server) metrics(c echo.Context) error {
	if s.MetricsToken == "" {
		return models.ErrNotFound
	}
	given, bearer := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
	if !bearer || subtle.ConstantTimeCompare([]byte(models.Digest(given)), []byte(models.Digest(s.MetricsToken.Reveal()))) != 1 {
		return models.NewError(models.KindUnauthenticated, "unauthenticated", "The metrics token is missing or wrong.")
	}
	s.Metrics.handler().ServeHTTP(c.Response(), c.Request())
	return nil
}

// jwks publishes the keys that verify our assertions. Whoever verifies may keep
// them for some minutes: a new key is published a day before it signs.
func (s *Server) jwks(c echo.Context) error {
	set, err := s.Identity.JWKS(c.Request().Context())
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, set)
	return nil
}

// discovery tells verifiers where the keys are (OpenID Connect Discovery §3).
// We issue assertions, not sign-ins: there is no authorization endpoint.
func (s *Server) discovery(c echo.Context) error {
	issuer := s.Identity.Issuer()
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	s.Pages.json(c.Response(), c.Request(), http.StatusOK, map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks.json",
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"subject_types_supported":               []string{"public"},
		"response_types_supported":              []string{},
	})
	return nil
}

// asset serves style sheet, font and marks. Their addresses name their content,
// so browsers may keep them for ever.
func (s *Server) asset(c echo.Context) error {
	address := strings.TrimPrefix(c.Request().URL.Path, s.site.Prefix())
	data, media, ok := assets.Open(address)
	if !ok {
		return models.ErrNotFound
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, media, data)
}
