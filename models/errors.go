package models

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of refusal an error is; handlers turn it into a status.
type Kind string

const (
	KindInvalid         Kind = "invalid"
	KindUnauthenticated Kind = "unauthenticated"
	KindForbidden       Kind = "forbidden"
	KindNotFound        Kind = "not_found"
	KindConflict        Kind = "conflict"
	KindUnavailable     Kind = "unavailable"
	// KindTooMany is one attempt too many; Retry says when to come again.
	KindTooMany Kind = "too_many"
	// KindConfirm is something that wants a recent proof of who asks.
	KindConfirm Kind = "confirm"
	// KindSetup is everything before there is an admin.
	KindSetup Kind = "setup"
	// KindMisdirected is a request for a host that is not ours.
	KindMisdirected Kind = "misdirected"
	// KindOutage is a failure of somebody we asked, such as a provider.
	KindOutage   Kind = "outage"
	KindInternal Kind = "internal"
)

// Error carries public words and a private cause apart: Msg may be shown, Err
// is logged, once.
type Error struct {
	Kind Kind
	// Code is the fixed word that a program may look at.
	Code string
	Msg  string
	// Field names the form field that a message is about; empty for none.
	Field string
	// Retry is when the same may work, from now.
	Retry time.Duration
	Err   error
}

// NewError makes an error without a cause.
func NewError(kind Kind, code, msg string) *Error { return &Error{Kind: kind, Code: code, Msg: msg} }

// Because gives the error with its private cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// At gives the error for one field of a form.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// After gives the error with when to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.Retry = d
	return &c
}

// Error is for the log; never for a browser.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return fmt.Sprintf("%s: %v", e.Code, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is compares by code, so that a sentinel matches its copies with a cause.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// AsError gives any error public words: an unknown one is internal.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Because(err)
}

// What rooms say to each other, and handlers to people.
var (
	ErrInternal = NewError(KindInternal, "internal", "Something went wrong on our side.")
	ErrNotFound = NewError(KindNotFound, "not_found", "There is nothing here.")
	ErrConflict = NewError(KindConflict, "conflict", "Somebody else changed this in the meantime.")
)
