package handlers

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/handlers/api"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
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
	models.KindTooMany:         {http.StatusTooManyRequests, "Too many attempts", 60},
	models.KindConfirm:         {http.StatusForbidden, "Is it still you?", 0},
	models.KindSetup:           {http.StatusServiceUnavailable, "Not set up yet", 0},
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
	s.note(r, e)
	if s.isAPI(r) {
		s.Pages.headers(c.Response().Header())
		api.WriteProblem(c.Response(), r, e)
		return
	}
	switch {
	case e.Kind == models.KindConfirm && wantsPage(r):
		_ = c.Redirect(http.StatusSeeOther, s.Pages.confirm(r))
		return
	case c.Path() == s.site.Prefix()+callbackRoute:
		a.retry = 0 // the state is spent: the same address would be refused
	case e.Retry > 0:
		a.retry = seconds(e.Retry)
	}
	s.Pages.Problem(c.Response(), r, a.status, e.Code, a.title, e.Msg, a.retry)
}

// note logs the cause of an error, which nobody is shown.
func (s *Server) note(r *http.Request, e *models.Error) {
	if e.Err != nil {
		s.Log.WarnContext(r.Context(), "refused", "code", e.Code, "error", e.Err)
	}
}

// seconds are whole ones, and never too few.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// again shows a person the form that they sent once more, with what was wrong
// with it at the field that it is about: the first one where the error names
// none of them. What a form cannot mend, and a program's, is answered like any
// other error.
func (s *Server) again(c echo.Context, err error, form func(views.Wrong) (page, error), fields ...string) error {
	e := publicError(err)
	if !wantsPage(c.Request()) || !mendable[e.Kind] {
		return err
	}
	s.note(c.Request(), e)
	at := fields[0]
	if slices.Contains(fields, e.Field) {
		at = e.Field
	}
	p, err := form(views.Wrong{at: e.Msg})
	if err != nil {
		return err
	}
	return s.show(c, answers[e.Kind].status, p)
}

// mendable are the errors that somebody who reads them can mend in the form.
var mendable = map[models.Kind]bool{models.KindInvalid: true, models.KindConflict: true, models.KindForbidden: true}

func publicError(err error) *models.Error {
	var from *echo.HTTPError
	if errors.As(err, &from) && from.Code < http.StatusInternalServerError {
		return models.ErrNotFound.Because(err)
	}
	return models.AsError(err)
}
