package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// keyHeader names one thing that is wanted done, however often it is asked for.
const keyHeader = "Idempotency-Key"

// once has a change with a key made once: the same request again gets the same
// answer. What was refused was not done, and may be asked again.
func (a *API) once(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		keys := r.Header.Values(keyHeader)
		if r.Method == http.MethodGet || len(keys) == 0 {
			return next(c)
		}
		if len(keys) > 1 || !isKey(keys[0]) {
			return errKey.At(keyHeader)
		}
		begun, kept, err := a.Identity.BeginReplay(r.Context(), keys[0], fingerprint(c))
		switch {
		case err != nil:
			return err
		case kept != nil:
			replay(c, *kept)
			return nil
		}
		return a.record(c, next, begun)
	}
}

func isKey(key string) bool {
	return len(key) > 0 && len(key) <= 255 && !slices.ContainsFunc([]byte(key), func(b byte) bool { return b < '!' || b > '~' })
}

// fingerprint is all that a change hangs on.
func fingerprint(c echo.Context) string {
	r := c.Request()
	body, _ := c.Get(bodyKey).([]byte)
	return fmt.Sprintf("%q %q %q %q %q", r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Values("If-Match"), body)
}

// record makes the change and keeps its answer before it is sent: whoever has the
// answer can rely on getting it again. Of a failure on our side nobody knows what
// was done, so the key stays under way.
func (a *API) record(c echo.Context, next echo.HandlerFunc, begun *identity.Replay) error {
	held := &held{ResponseWriter: c.Response().Writer}
	err := held.hold(c, next)
	if err != nil { // answered elsewhere
		held.status = statusOf(models.AsError(err))
	}
	a.keep(context.WithoutCancel(c.Request().Context()), begun, held)
	if err == nil {
		held.send()
	}
	return err
}

// hold has an answer written here. One that breaks off was never sent, so another
// can be.
func (h *held) hold(c echo.Context, next echo.HandlerFunc) (err error) {
	w, whole := c.Response(), false
	w.Writer = h
	defer func() {
		w.Writer, w.Committed = h.ResponseWriter, whole
	}()
	err = next(c)
	whole = err == nil
	return err
}

func (a *API) keep(ctx context.Context, begun *identity.Replay, said *held) {
	var err error
	switch {
	case said.status < http.StatusMultipleChoices:
		err = begun.Finish(ctx, said.answer())
	case said.status < http.StatusInternalServerError:
		err = begun.Drop(ctx)
	}
	if err != nil {
		a.note(ctx, models.ErrInternal.Because(fmt.Errorf("an answer is not kept for its idempotency key: %w", err)))
	}
}

// held is an answer that waits until it is kept.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) { h.status = status }

// Write implements io.Writer.
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

func (h *held) send() {
	h.ResponseWriter.WriteHeader(h.status)
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // whoever left does not read it
}

// replayed are the headers that an answer is kept with.
var replayed = []string{"Content-Type", "ETag", "Location"}

func (h *held) answer() identity.Answer {
	a := identity.Answer{Status: h.status, Header: map[string]string{}, Body: h.body.Bytes()}
	for _, name := range replayed {
		if value := h.Header().Get(name); value != "" {
			a.Header[name] = value
		}
	}
	return a
}

// replay answers as it was answered before.
func replay(c echo.Context, a identity.Answer) {
	w := c.Response()
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // whoever left does not read it
}
