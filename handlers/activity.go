package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// activity notes that a person, not a polling tab, is at work: the script in
// Dagster's page says so after real input, at most once a minute.
func (s *Server) activity(c echo.Context) error {
	s.Identity.Touch(c.Request().Context(), principal(c))
	return c.NoContent(http.StatusNoContent)
}
