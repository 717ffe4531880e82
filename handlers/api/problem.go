package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// Problem is every answer that is no success (RFC 9457).
type Problem struct {
	Type   string `json:"type" doc:"Always about:blank: look at code." example:"about:blank"`
	Title  string `json:"title" doc:"What the status says." example:"Forbidden"`
	Status int    `json:"status" doc:"The status of the answer." example:"403"`
	Detail string `json:"detail" doc:"A sentence for people. It may change; a program looks at code." example:"Please confirm that it is you."`
	Code   string `json:"code" doc:"A fixed word for programs." example:"confirm_required"`
	// RequestID is in the log and in every event of this request.
	RequestID string       `json:"request_id" doc:"Names the request in the log and in the audit trail." example:"5f0c2d7a9b1e4c6d8f0a1b2c3d4e5f60"`
	Errors    []FieldError `json:"errors,omitempty" doc:"What is wrong with which field."`
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Field  string `json:"field" doc:"The field, as the document calls it; empty for the whole." example:"role"`
	Detail string `json:"detail" doc:"A sentence for people." example:"There is no such role."`
}

// Error implements error; it is for the log alone.
func (p *Problem) Error() string { return p.Code }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// What is said of a request before it reaches a use case.
var (
	errQuery   = models.NewError(models.KindInvalid, "bad_query", "The query of this address cannot be understood.")
	errBody    = models.NewError(models.KindInvalid, "bad_body", "What was sent cannot be understood.")
	errNoBody  = models.NewError(models.KindInvalid, "unwanted_body", "This takes no body.")
	errLarge   = models.NewError(models.KindInvalid, "too_large", "What was sent is too long: 64 KiB are the most.")
	errMedia   = models.NewError(models.KindInvalid, "unsupported_media_type", "Send JSON, and say so: Content-Type: application/json.")
	errAccept  = models.NewError(models.KindInvalid, "not_acceptable", "The answer is JSON, which this request does not accept.")
	errMethod  = models.NewError(models.KindInvalid, "method_not_allowed", "This cannot be done with this address.")
	errStale   = models.NewError(models.KindConflict, "precondition_failed", "It is no longer as If-Match has it. Look at what is there now, and do it again if you still want to.")
	errKey     = models.NewError(models.KindInvalid, "bad_idempotency_key", "An idempotency key has 1 to 255 visible ASCII characters.")
	errInvalid = models.NewError(models.KindInvalid, "invalid", "What was sent does not fit. See errors.")
	errTime    = models.NewError(models.KindInvalid, "bad_time", "This time cannot be.")
)

// byCode are the statuses of codes that say more than their kind.
var byCode = map[string]int{
	errQuery.Code: http.StatusBadRequest, errBody.Code: http.StatusBadRequest, errNoBody.Code: http.StatusBadRequest, "bad_path": http.StatusBadRequest,
	errLarge.Code: http.StatusRequestEntityTooLarge, errMedia.Code: http.StatusUnsupportedMediaType, errAccept.Code: http.StatusNotAcceptable,
	errMethod.Code: http.StatusMethodNotAllowed, identity.ErrNoSetting.Code: http.StatusNotFound, errStale.Code: http.StatusPreconditionFailed,
}

// byKind are the statuses of all other errors.
var byKind = map[models.Kind]int{
	models.KindInvalid:         http.StatusUnprocessableEntity,
	models.KindUnauthenticated: http.StatusUnauthorized,
	models.KindForbidden:       http.StatusForbidden,
	models.KindConfirm:         http.StatusForbidden,
	models.KindNotFound:        http.StatusNotFound,
	models.KindConflict:        http.StatusConflict,
	models.KindTooMany:         http.StatusTooManyRequests,
	models.KindMisdirected:     http.StatusMisdirectedRequest,
	models.KindOutage:          http.StatusBadGateway,
	models.KindUnavailable:     http.StatusServiceUnavailable,
	models.KindSetup:           http.StatusServiceUnavailable,
	models.KindInternal:        http.StatusInternalServerError,
}

func statusOf(e *models.Error) int {
	return cmp.Or(byCode[e.Code], byKind[e.Kind], http.StatusInternalServerError)
}

// problemOf is an error in public words.
func problemOf(ctx context.Context, e *models.Error) *Problem {
	p := newProblem(ctx, statusOf(e), e.Code, e.Msg)
	if e.Field != "" {
		p.Errors = []FieldError{{e.Field, e.Msg}}
	}
	return p
}

func newProblem(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, RequestID: models.RequestOf(ctx).ID,
	}
}

// WriteProblem answers with an error, outside of an operation.
func WriteProblem(w http.ResponseWriter, r *http.Request, e *models.Error) {
	p := problemOf(r.Context(), e)
	for name, values := range problemHeader(e) {
		w.Header()[name] = values
	}
	body, _ := json.Marshal(p) // texts and a number: it cannot fail
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // whoever left does not read it
	}
}

// problemHeader says when to come again, and with what.
func problemHeader(e *models.Error) http.Header {
	h, wait := http.Header{}, int(e.Retry.Seconds())
	switch statusOf(e) {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="dagpass"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(max(wait, 10)))
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(wait+1, 1)))
	}
	return h
}

// oneHuma sets what huma has for all APIs of a program, once: there is one.
var oneHuma = sync.OnceFunc(func() {
	huma.NewErrorWithContext = func(c huma.Context, status int, _ string, errs ...error) huma.StatusError {
		return humaProblem(c.Context(), status, errs)
	}
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return humaProblem(context.Background(), status, errs)
	}
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
})

// byStatus are the errors that huma finds. What it says of a field are words of
// its own; what it repeats of the value, or says of the whole, is left out.
var byStatus = map[int]*models.Error{
	http.StatusBadRequest: errBody, http.StatusRequestTimeout: errBody, http.StatusRequestEntityTooLarge: errLarge,
	http.StatusUnsupportedMediaType: errMedia, http.StatusNotAcceptable: errAccept, http.StatusUnprocessableEntity: errInvalid,
}

func humaProblem(ctx context.Context, status int, errs []error) *Problem {
	e := byStatus[status]
	if e == nil {
		e = models.ErrInternal
	}
	p := newProblem(ctx, status, e.Code, e.Msg)
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok && status == http.StatusUnprocessableEntity { //nolint:errorlint // huma gives it as it is
			detail := d.ErrorDetail()
			p.Errors = append(p.Errors, FieldError{fieldOf(detail.Location), detail.Message})
		}
	}
	return p
}

// fieldOf is a field of the body, the query or the path without where it stands.
func fieldOf(location string) string {
	_, field, _ := strings.Cut(location, ".")
	return field
}
