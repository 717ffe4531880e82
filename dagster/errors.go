package dagster

import "net/http"

// Error is a request that was not understood, or that Dagster has no use for.
// It is the same for every role: whoever sends it gets Status and Message.
type Error struct {
	// Status is an HTTP status, 4xx.
	Status int
	// Reason is a fixed word for logs and the audit trail.
	Reason string
	// Message is a fixed sentence that may be shown.
	Message string
	// Call is what was refused when it was understood all the same, such as a
	// mutation over GET, so that the audit trail can name it; nil otherwise.
	Call *Call
	// Err is the cause. It may quote the request: log it, never show it.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "dagster: " + e.Reason
	}
	return "dagster: " + e.Reason + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

func unreadable(reason, message string, cause error) *Error {
	return &Error{Status: http.StatusBadRequest, Reason: reason, Message: message, Err: cause}
}

func wrongMethod() *Error {
	return &Error{
		Status: http.StatusMethodNotAllowed, Reason: "method_not_allowed",
		Message: "Dagster does not answer this method here.",
	}
}
