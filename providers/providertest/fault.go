package providertest

import "net/url"

// Fault is one way to misbehave. Its zero value is honest. The editing
// functions get what an honest provider would have answered.
type Fault struct {
	Discovery func(doc map[string]any)
	Token     func(answer map[string]any)
	Claims    func(claims map[string]any) // of the ID token, before it is signed
	Userinfo  func(claims map[string]any)
	Callback  func(q url.Values)
	Signature Signature

	// Endpoint is where the faults below apply.
	Endpoint Endpoint
	After    int    // so many requests to it, counted from the start, are answered honestly
	Status   int    // answered instead of the truth
	Redirect string // answered with 307
	Oversize bool   // the answer is longer than 1 MiB
	Garbage  bool   // the answer is no JSON
	Stall    bool   // no answer until the client gives up
}

// Signature says how the ID token is signed.
type Signature string

// The ways to sign an ID token.
const (
	Honest     Signature = ""
	WrongKey   Signature = "wrong_key"   // a key nobody published, under a known key id
	UnknownKey Signature = "unknown_key" // a key nobody published, each time under a new key id
	AlgNone    Signature = "none"
	HMAC       Signature = "hmac" // HS256 with the published key as the secret
)

// Endpoint is one of a server's endpoints.
type Endpoint string

// The endpoints of the servers. The last four are the fake GitHub's.
const (
	Discovery Endpoint = "discovery"
	Authorize Endpoint = "authorize"
	Token     Endpoint = "token"
	JWKS      Endpoint = "jwks"
	Userinfo  Endpoint = "userinfo"
	Logout    Endpoint = "logout"

	User   Endpoint = "user"
	Emails Endpoint = "emails"
	Orgs   Endpoint = "orgs"
	Teams  Endpoint = "teams"
)

// Set is an edit that sets one claim or field.
func Set(name string, value any) func(map[string]any) {
	return func(doc map[string]any) { doc[name] = value }
}

// Drop is an edit that removes claims or fields.
func Drop(names ...string) func(map[string]any) {
	return func(doc map[string]any) {
		for _, name := range names {
			delete(doc, name)
		}
	}
}

// Both makes one edit of two.
func Both(first, second func(map[string]any)) func(map[string]any) {
	return func(doc map[string]any) { first(doc); second(doc) }
}
