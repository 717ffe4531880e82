package proxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// Outcomes of a request as Observe counts them.
const (
	outcomeForwarded       = "forwarded"
	outcomeFailed          = "failed"          // admitted, and Dagster did not answer
	outcomeRefused         = "refused"         // not allowed
	outcomeInvalid         = "invalid"         // not understood
	outcomeUnauthenticated = "unauthenticated" // nobody we know
	outcomeRedirected      = "redirected"      // to the prefix, below which everything lives
	outcomeUnavailable     = "unavailable"     // we cannot do our part at the moment
)

// unplaced is the class of what has no place among Dagster's routes.
const unplaced dagster.Class = "none"

// retryAfter is when to try again what may soon work, in seconds.
const retryAfter = 5

// refusal is an answer of our own in place of Dagster's. Its words are fixed
// and may be shown; cause is for the log.
type refusal struct {
	outcome              string
	status               int
	code, title, message string
	location             string        // where a redirect leads
	call                 *dagster.Call // what is refused in Dagster's own shape
	retry                int
	cause                error
}

func redirect(location string) *refusal {
	return &refusal{outcome: outcomeRedirected, status: http.StatusSeeOther, location: location}
}

func toSignIn(location string) *refusal {
	return &refusal{outcome: outcomeUnauthenticated, status: http.StatusSeeOther, location: location}
}

func stranger() *refusal {
	return &refusal{
		outcome: outcomeUnauthenticated, status: http.StatusUnauthorized,
		code: "unauthenticated", message: "Please sign in.",
	}
}

func nothingHere() *refusal {
	return &refusal{
		outcome: outcomeInvalid, status: http.StatusNotFound,
		code: "not_found", title: "Not found", message: "There is nothing here.",
	}
}

func foreignOrigin() *refusal {
	return &refusal{
		outcome: outcomeRefused, status: http.StatusForbidden,
		code: "foreign_origin", title: "Not allowed", message: "This request came from another site.",
	}
}

// notAllowed refuses an operation in Dagster's own shape and anything else with
// a page or JSON.
func notAllowed(w wish, v verdict) *refusal {
	return &refusal{
		outcome: outcomeRefused, status: http.StatusForbidden, call: w.call,
		code: "not_allowed", title: "Not allowed", message: missing(v),
	}
}

// confirmFirst refuses what takes a recent proof, and says where to give it.
func confirmFirst(w wish, address string) *refusal {
	return &refusal{
		outcome: outcomeRefused, status: http.StatusForbidden, call: w.call,
		code: stepUpRequired, title: "Please confirm that it is you",
		message: "Please confirm that it is you: open " + address + " in another tab, then try again.",
	}
}

// missing says what would have been enough, and where.
func missing(v verdict) string {
	switch {
	case v.unplaced:
		return "Dagster did not tell at which code location this is. Please try again shortly."
	case v.Missing == policy.None:
		return "You may not do this."
	}
	text := "it takes the role " + string(v.Missing)
	switch {
	case v.Permission != policy.UnclassifiedMutation:
	case dagster.IsKnown(v.field):
		text = "Dagpass does not know an argument of the mutation " + v.field + "; " + text
	default:
		text = "Dagpass does not know the mutation " + clip(v.field) + "; " + text
	}
	if v.Location != "" {
		text += " at the code location " + clip(v.Location)
	}
	return "You may not do this: " + text + "."
}

func notRecorded(cause error) *refusal {
	return &refusal{
		outcome: outcomeUnavailable, status: http.StatusServiceUnavailable, retry: retryAfter, cause: cause,
		code: "not_recorded", title: "Not available right now",
		message: "This was not done, because it could not be recorded. Please try again shortly.",
	}
}

func notSigned(cause error) *refusal {
	return &refusal{
		outcome: outcomeUnavailable, status: http.StatusServiceUnavailable, retry: retryAfter, cause: cause,
		code: "unavailable", title: "Not available right now",
		message: "Your identity could not be passed on to Dagster. Please try again shortly.",
	}
}

func dagsterDown(cause error) *refusal {
	return &refusal{
		outcome: outcomeFailed, status: http.StatusBadGateway, retry: retryAfter, cause: cause,
		code: "dagster_unreachable", title: "Dagster is not answering",
		message: "The Dagster webserver could not be reached. This will be tried again.",
	}
}

// clientLeft ends what nobody waits for any more. Its words are for the access
// log.
func clientLeft() *refusal {
	return &refusal{
		outcome: outcomeFailed, status: http.StatusBadGateway,
		code: "client_left", title: "Not passed on", message: "The request was given up.",
	}
}

func answerBroken(cause error) *refusal {
	return &refusal{
		outcome: outcomeFailed, status: http.StatusBadGateway, cause: cause,
		code: "answer_broken", title: "Dagster's answer broke off",
		message: "Whether anything was changed is not known. Please look before you try again.",
	}
}

// notUnderstood takes the words from the error of package dagster.
func notUnderstood(err error) *refusal {
	e := asDagsterError(err)
	return &refusal{
		outcome: outcomeInvalid, status: e.Status, code: e.Reason,
		title: "That cannot be passed on", message: e.Message, cause: err,
	}
}

func asDagsterError(err error) *dagster.Error {
	var e *dagster.Error
	if errors.As(err, &e) {
		return e
	}
	return &dagster.Error{
		Status: http.StatusBadRequest, Reason: "not_understood", Message: "The request could not be read.", Err: err,
	}
}

var (
	errTooLarge = &dagster.Error{
		Status: http.StatusRequestEntityTooLarge, Reason: "too_large", Message: "The request is larger than 1 MiB.",
	}
	errNotJSON = &dagster.Error{
		Status: http.StatusUnsupportedMediaType, Reason: "not_json",
		Message: "An asset is reported with Content-Type: application/json.",
	}
	errProtocol = &dagster.Error{
		Status: http.StatusBadRequest, Reason: "bad_socket",
		Message: "Dagster's sockets speak the protocol " + dagster.SocketProtocol + ".",
	}
)

func errBroken(cause error) error {
	return &dagster.Error{Status: http.StatusBadRequest, Reason: "broken_body", Message: "The request ended too early.", Err: cause}
}

func errBadQuery(cause error) error {
	return &dagster.Error{
		Status: http.StatusBadRequest, Reason: "bad_query_string", Message: "The query string could not be read.", Err: cause,
	}
}

// refuse answers a visit that ends at the door.
func (p *Proxy) refuse(w http.ResponseWriter, v *visit, no *refusal) {
	p.observe(v.route.Class, no.outcome)
	p.sendRefusal(w, v, no)
}

func (p *Proxy) sendRefusal(w http.ResponseWriter, v *visit, no *refusal) {
	if no.cause != nil {
		p.Log.WarnContext(v.r.Context(), "not forwarded", "code", no.code, "error", no.cause)
	}
	if v.call == nil && v.r.ContentLength != 0 {
		// The body is unread, and nobody shall send it to the end for nothing.
		w.Header().Set("Connection", "close")
	}
	p.answer(w, v.r, no)
}

func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, no *refusal) {
	switch {
	case no.location != "":
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", no.location)
		w.WriteHeader(no.status)
	case no.call != nil:
		status, body := dagster.Refuse(no.call, no.message)
		writeJSON(w, status, body)
	case no.status == http.StatusUnauthorized:
		writeJSON(w, no.status, p.unauthenticated(r, no))
	default:
		p.Problem(w, r, no.status, no.code, no.title, no.message, no.retry)
	}
}

// unauthenticated tells a program where a person could sign in. It never
// redirects: a fetch would follow and take the page for an answer.
func (p *Proxy) unauthenticated(r *http.Request, no *refusal) []byte {
	var body struct {
		Error struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			RequestID string `json:"request_id"`
		} `json:"error"`
		LoginURL string `json:"login_url"`
	}
	body.Error.Code, body.Error.Message = no.code, no.message
	body.Error.RequestID = models.RequestOf(r.Context()).ID
	body.LoginURL = p.Site.Origin() + p.LoginURL(p.Site.Prefix()+"/")
	b, _ := json.Marshal(body) // strings in a struct: this cannot fail
	return b
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever left does not read it
}

func (p *Proxy) observe(class dagster.Class, outcome string) {
	if class == "" {
		class = unplaced
	}
	p.Observe(class, outcome)
}
