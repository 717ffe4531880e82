package providers

import (
	"net/url"
	"strings"
	"time"
)

// Callback is what the browser brought back. It is read from the query alone.
type Callback struct {
	Code   string
	State  string
	Issuer string // iss, RFC 9207
	Error  string
}

// maxParameter bounds each parameter of a callback, in bytes. The longest
// codes in use (Entra ID) have less than 2 KB.
const maxParameter = 4 << 10

// ParseCallback reads an authorization response (RFC 6749 section 4.1.2): a
// state, and either a code or an error. A parameter given twice is refused,
// since whoever reads the other one would see a different answer.
func ParseCallback(q url.Values) (Callback, error) {
	for _, name := range []string{"code", "state", "iss", "error"} {
		if len(q[name]) > 1 {
			return Callback{}, refused(ReasonCallback, "%s is given %d times", name, len(q[name]))
		}
		if !printable(q.Get(name)) {
			return Callback{}, refused(ReasonCallback, "%s is too long or not printable ASCII", name)
		}
	}
	cb := Callback{Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error")}
	if cb.State == "" {
		return Callback{}, refused(ReasonCallback, "no state")
	}
	if (cb.Code == "") == (cb.Error == "") {
		return Callback{}, refused(ReasonCallback, "either a code or an error was expected")
	}
	return cb, nil
}

// printable says whether s has only the characters that RFC 6749 appendix A
// allows in these parameters, and not too many of them.
func printable(s string) bool {
	return len(s) <= maxParameter && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// judgeError turns the error of a callback (RFC 6749 section 4.1.2.1) into ours.
func judgeError(code string) error {
	switch code {
	case "":
		return nil
	case "access_denied":
		return refused(ReasonDenied, "the provider answered access_denied")
	case "server_error", "temporarily_unavailable":
		return outage(ReasonProviderError, "the provider answered %s", code)
	}
	return refused(ReasonProviderError, "the provider answered error=%.64q", code)
}

// check refuses an attempt that would quietly switch off a protection. The
// length of the verifier is RFC 7636's.
func (a Attempt) check() error {
	switch {
	case a.State == "":
		return refused(ReasonAttempt, "no state")
	case len(a.Verifier) < 43 || len(a.Verifier) > 128:
		return refused(ReasonAttempt, "a code verifier has 43 to 128 characters")
	case a.RedirectURI == "":
		return refused(ReasonAttempt, "no redirect URI")
	}
	return nil
}

// authSkew is how far a provider's clock may be behind ours when it says that
// it asked somebody anew. Its times are whole seconds besides.
const authSkew = time.Minute

// judgeAuthTime refuses a sign-in that should have been a new one and was not.
func (a Attempt) judgeAuthTime(at, now time.Time) error {
	switch {
	case a.FreshSince.IsZero():
		return nil
	case at.IsZero():
		return refused(ReasonAuthTime, "auth_time is missing")
	case at.Before(a.FreshSince.Add(-authSkew)):
		return refused(ReasonAuthTime, "auth_time is from before we asked")
	case at.After(now.Add(clockSkew)):
		return refused(ReasonAuthTime, "auth_time is in the future")
	}
	return nil
}

// errNotAnew is the answer of providers without [Anew].
var errNotAnew = refused(ReasonNotAnew, "this provider does not sign people in anew")
