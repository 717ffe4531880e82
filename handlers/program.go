package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/handlers/api"
	"github.com/dagpass/dagpass/models"
)

// apiRoutes are for programs. None of the gates of the pages stands before them:
// they know nobody by a cookie.
func (s *Server) apiRoutes() {
	a := api.New(api.Config{
		Identity: s.Identity, Prefix: s.site.Prefix(), Around: s.aroundForAPI, Now: s.Now,
		Note: func(ctx context.Context, e *models.Error) {
			s.Log.WarnContext(ctx, "refused", "code", e.Code, "error", e.Err)
		},
	}, s.echo, s.ownHeaders)
	s.get(s.group(), "/api/openapi.json", func(c echo.Context) error {
		document, err := a.Document()
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "application/json", document)
	})
}

func (s *Server) aroundForAPI() api.Around {
	around := s.Around()
	return api.Around{
		DagsterReachable: around.Dagster.Reachable, DagsterVersion: around.Dagster.Version,
		Unclassified: around.Unclassified, Warnings: s.Warnings(), Providers: around.Providers,
	}
}

// isAPI tells a program's request from a page's.
func (s *Server) isAPI(r *http.Request) bool {
	path := s.site.Prefix() + "/auth/api"
	return r.URL.Path == path || below(r.URL.Path, path)
}
