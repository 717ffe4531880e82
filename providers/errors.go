package providers

import "fmt"

// The reasons an Error may have. They are words for the audit log and for
// metrics, so the list is closed and none of them comes from outside.
const (
	ReasonAttempt       = "attempt_malformed"     // the caller's attempt lacks a value
	ReasonCallback      = "callback_malformed"    // missing, doubled or overlong parameters
	ReasonIssuer        = "iss_mismatch"          // RFC 9207: another issuer, or none where one was promised
	ReasonDenied        = "denied"                // error=access_denied
	ReasonProviderError = "provider_error"        // any other error, or an answer that makes no sense
	ReasonUnreachable   = "unreachable"           // no discovery document
	ReasonDiscovery     = "discovery_invalid"     // a discovery document that cannot be used
	ReasonLie           = "discovery_issuer"      // a discovery document of another issuer
	ReasonExchange      = "exchange_failed"       // the token endpoint gave no token
	ReasonKeys          = "keys_unreachable"      // no JWKS
	ReasonTokenMissing  = "id_token_missing"      // no id_token in the token response
	ReasonTokenInvalid  = "id_token_invalid"      // not yet valid, or not an ID token
	ReasonSignature     = "id_token_signature"    // form, algorithm or signature
	ReasonTokenIssuer   = "id_token_issuer"       // iss
	ReasonAudience      = "id_token_audience"     // aud or azp
	ReasonSubject       = "id_token_subject"      // sub
	ReasonExpired       = "id_token_expired"      // exp
	ReasonIssuedAt      = "id_token_issued_at"    // iat
	ReasonNonce         = "id_token_nonce"        // nonce
	ReasonAccessHash    = "id_token_access_token" // at_hash
	ReasonAuthTime      = "auth_time"             // the person was not asked anew, or nobody says so
	ReasonNotAnew       = "cannot_ask_anew"       // a provider that does not sign people in anew
	ReasonUserinfo      = "userinfo_unreadable"
	ReasonUserinfoSub   = "userinfo_subject" // userinfo of somebody else
	ReasonUnverified    = "email_unverified"
	ReasonEmails        = "emails_unreadable" // GitHub
	ReasonOrgs          = "orgs_unreadable"   // GitHub

	// A directory's. The first two are one answer to the person: to tell them
	// apart would tell who has an account.
	ReasonWrongPassword = "wrong_password"        // the directory refused the bind: wrong, expired, disabled or locked
	ReasonUnknownName   = "unknown_name"          // no entry, or a name that can have none
	ReasonAmbiguous     = "ambiguous_name"        // several entries
	ReasonEntry         = "entry_unusable"        // no lasting id, outside the base, too many groups
	ReasonDirectory     = "directory_unavailable" // an outage: no server answers
	ReasonDirectorySays = "directory_refused"     // an outage: it refuses our own account, or a search
)

// Error is a sign-in that was refused or could not be finished. Its text is
// for the log: it holds no token and no secret, but it may hold words of the
// provider's and is never shown to a browser.
type Error struct {
	Reason string
	// Outage is true when the provider failed, or our registration with it is
	// wrong, and trying again with another callback would not help.
	Outage bool
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Reason, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func refused(reason, format string, args ...any) error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

func outage(reason, format string, args ...any) error {
	return &Error{Reason: reason, Outage: true, Err: fmt.Errorf(format, args...)}
}
