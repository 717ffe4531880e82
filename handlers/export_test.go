package handlers

import "github.com/labstack/echo/v4"

// Routes lists every route that is served, each method apart.
func (s *Server) Routes() []*echo.Route { return s.echo.Routes() }
