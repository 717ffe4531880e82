package handlers

import (
	"io"

	"github.com/labstack/echo/v4"
)

// Routes lists every route that is served, each method apart.
func (s *Server) Routes() []*echo.Route { return s.echo.Routes() }

// Download has a route send what fill writes.
func (s *Server) Download(path string, fill func(io.Writer) error) {
	s.echo.GET(path, func(c echo.Context) error { return s.download(c, "file.txt", "text/plain", fill) }, s.ownHeaders)
}
