package handlers

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
)

// maxBody is how long a form or a passkey's answer may be, in bytes.
const maxBody = 64 << 10

var errBody = models.NewError(models.KindInvalid, "bad_body", "What was sent cannot be understood.")

// form reads a form, of one media type only and never from the query. Whoever
// sends nothing needs to name none.
func (s *Server) form(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength != 0 && !isForm(r) {
			return errBody
		}
		r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			return errBody.Because(err)
		}
		c.Response().Header().Del("Connection") // the body has come
		return next(c)
	}
}

// field is one field of the form that [Server.form] has read, and empty where
// there is none. PostFormValue would read a body by itself: one of several parts
// it writes to the disk, however long it is.
func field(c echo.Context, name string) string { return c.Request().PostForm.Get(name) }

const answerKey = "answer"

// script reads JSON. The media type is one that no page of another site can
// send without being asked for leave first (Fetch §2.2.2).
func (s *Server) script(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !isScript(c.Request()) {
			return errBody
		}
		body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, maxBody))
		if err != nil || !json.Valid(body) {
			return errBody.Because(err)
		}
		c.Response().Header().Del("Connection") // the body has come
		c.Set(answerKey, body)
		return next(c)
	}
}

// answered is what navigator.credentials answered to the script, as JSON.
func answered(c echo.Context) []byte {
	body, _ := c.Get(answerKey).([]byte)
	return body
}

func isForm(r *http.Request) bool { return mediaType(r) == echo.MIMEApplicationForm }

// isScript tells a script's request from a form.
func isScript(r *http.Request) bool { return mediaType(r) == echo.MIMEApplicationJSON }

func mediaType(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}
