package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// token lets in who has a token, and nobody for a cookie: a script in a page of
// Dagster's has the browser send that, but a token it does not know.
func (a *API) token(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		text, ok := bearer(r.Header.Values("Authorization"))
		if !ok {
			return identity.ErrUnauthenticated
		}
		p, err := a.Identity.AuthenticateAPI(r.Context(), text)
		if err != nil {
			return err
		}
		c.SetRequest(r.WithContext(models.WithPrincipal(r.Context(), p)))
		return next(c)
	}
}

// bearer is the token of the one line of a header (RFC 6750 §2.1).
func bearer(lines []string) (models.Secret, bool) {
	if len(lines) != 1 {
		return "", false
	}
	scheme, text, ok := strings.Cut(lines[0], " ")
	return models.Secret(strings.TrimSpace(text)), ok && strings.EqualFold(scheme, "Bearer")
}

// understood refuses what no operation takes: a query that is none, an answer
// that is not to be JSON, and a body that is not.
func (a *API) understood(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if err := checkQuery(r.URL.RawQuery); err != nil {
			return err
		}
		if !accepts(r.Header.Values("Accept")) {
			return errAccept
		}
		body, err := readBody(c)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.Set(bodyKey, body)
		return next(c)
	}
}

const (
	bodyKey = "body"
	maxBody = 64 << 10 // bytes
)

// readBody reads what was sent to its end.
func readBody(c echo.Context) ([]byte, error) {
	r := c.Request()
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errLarge
	case err != nil:
		return nil, errBody.Because(err)
	}
	c.Response().Header().Del("Connection") // the body has come
	if len(body) > 0 && !isJSON(r.Header.Get("Content-Type")) {
		return nil, errMedia
	}
	return body, nil
}

func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json" && (params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8"))
}

// checkQuery refuses what is no query, and values that no text has: databases
// refuse NUL and bytes that are no UTF-8.
func checkQuery(raw string) error {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return errQuery.Because(err)
	}
	for name, values := range q {
		if len(values) != 1 || !isText(name) || !isText(values[0]) {
			return errQuery
		}
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// accepts tells whether JSON is among what is accepted (RFC 9110 §12.5.1).
func accepts(lines []string) bool {
	ranges := strings.Split(strings.Join(lines, ","), ",")
	return len(lines) == 0 || slices.ContainsFunc(ranges, func(one string) bool {
		media, params, err := mime.ParseMediaType(one)
		q, weighed := params["q"]
		return err == nil && slices.Contains(acceptable, media) && (!weighed || strings.Trim(q, "0.") != "")
	})
}

var acceptable = []string{"application/json", "application/*", "*/*"}

// errText is what huma is told of a body that is no JSON of ours; it is never
// shown.
var errText = errors.New("no text, NUL or null")

// unmarshal reads JSON. A text with NUL in it cannot be kept, and null huma takes
// for a field that was left out, which the document does not say.
func unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	if parsed, ok := v.(*any); ok && (!utf8.Valid(data) || hasNothing(*parsed)) {
		return errText
	}
	return nil
}

func hasNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		return slices.ContainsFunc(v, hasNothing)
	case map[string]any:
		for name, one := range v {
			if strings.ContainsRune(name, 0) || hasNothing(one) {
				return true
			}
		}
	}
	return false
}
