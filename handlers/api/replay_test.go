package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
)

// An answer that breaks off while it is held gives way to one that says so.
func TestHeldAnswerBreaksOff(t *testing.T) {
	for name, breaks := range map[string]func(){"panic": func() { panic("x") }, "error": func() {}} {
		sent := httptest.NewRecorder()
		c := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", nil), sent)
		func() {
			defer func() { _ = recover() }()
			_ = (&API{}).record(c, func(c echo.Context) error {
				_ = c.String(http.StatusOK, "half of it")
				breaks()
				return models.ErrInternal
			}, nil)
		}()
		if c.Response().Committed {
			t.Errorf("%s: it counts as sent", name)
		}
		WriteProblem(c.Response(), c.Request(), models.ErrInternal)
		if sent.Code != http.StatusInternalServerError || sent.Header().Get("Content-Type") != problemType {
			t.Errorf("%s: %d %s", name, sent.Code, sent.Body)
		}
	}
}
