package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
)

// statuses and titles of the kinds of errors: the one place where a refusal
// becomes HTTP.
var answers = map[models.Kind]struct {
	status int
	title  string
	retry  int
}{
	models.KindInvalid:         {http.StatusBadRequest, "That did not work", 0},
	models.KindUnauthenticated: {http.StatusUnauthorized, "Please sign in", 0},
	models.KindForbidden:       {http.StatusForbidden, "Not allowed", 0},
	models.KindNotFound:        {http.StatusNotFound, "Not found", 0},
	models.KindConflict:        {http.StatusConflict, "Changed meanwhile", 0},
	models.KindMisdirected:     {http.StatusMisdirectedRequest, "Wrong address", 0},
	models.KindOutage:          {http.StatusBadGateway, "The identity provider did not answer", 0},
	models.KindUnavailable:     {http.StatusServiceUnavailable, "Not available right now", 10},
	models.KindInternal:        {http.StatusInternalServerError, "Something went wrong", 0},
}

// answerError answers with the public words of an error and logs its cause,
// once.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	e := publicError(err)
	r, a := c.Request(), answers[e.Kind]
	if e.Err != nil {
		s.Log.WarnContext(r.Context(), "refused", "code", e.Code, "error", e.Err)
	}
	if c.Path() == s.site.Prefix()+callbackRoute {
		a.retry = 0 // the state is spent: the same address would be refused
	}
	s.Pages.Problem(c.Response(), r, a.status, e.Code, a.title, e.Msg, a.retry)
}

func publicError(err error) *models.Error {
	var from *echo.HTTPError
	if errors.As(err, &from) && from.Code < http.StatusInternalServerError {
		return models.ErrNotFound.Because(err)
	}
	return models.AsError(err)
}
