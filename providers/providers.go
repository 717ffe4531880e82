// Package providers answers one question: who does the outside world say this is?
//
// It talks to identity providers (OpenID Connect ones, and GitHub) and brings
// back a Claim, which is what such a provider vouches for and nothing more.
//
//	Begin   Attempt ──────────────► URL at the provider, the browser goes there
//	Check   Callback ─► iss, error ─► refused before the code is used
//	Finish  Callback ─► code ─► token ─► verified ID token or GitHub's API ─► Claim
//
// Nothing of a sign-in is kept here: the Attempt travels sealed with the
// browser, so the replica that finishes need not be the one that began. All
// that a provider value remembers is what the provider publishes for everybody,
// its discovery document and its keys.
//
// Neighbours: identity makes the Attempt, compares the state, spends it and
// turns a Claim into a user. cmd/dagpass builds the providers from the
// configuration. Who may come in is not decided here. demoidp is an honest
// provider to demonstrate with, providertest a misbehaving one to test with.
package providers

import (
	"context"
	"net/netip"
	"time"
)

// Source is one way in. Every error of one is an *Error; it may be used by many
// goroutines.
type Source interface {
	Info() Info
	// Ready says whether the source was reached within the last minute. It may
	// try, waits two seconds at most and leaves a failing one alone for a while.
	Ready(ctx context.Context) error
}

// Provider signs people in at one identity provider, in the browser.
type Provider interface {
	Source
	// Begin returns the URL of the authorization request.
	Begin(ctx context.Context, a Attempt) (authURL string, err error)
	// Check judges the issuer (RFC 9207) and the error of a callback. It makes
	// no request to the token endpoint. The state is the caller's to compare.
	Check(ctx context.Context, cb Callback) error
	// Finish checks the callback, exchanges its code and returns what the
	// provider vouches for.
	Finish(ctx context.Context, a Attempt, cb Callback) (Claim, error)
}

// Directory signs people in with the name and the password that they typed.
type Directory interface {
	Source
	SignIn(ctx context.Context, username, password string) (Claim, error)
}

// Witness signs people in whom a proxy in front of us has signed in: it reads
// the proxy's headers, which are net/http's. Peer is who sent the request to us.
type Witness interface {
	Source
	SignIn(ctx context.Context, h map[string][]string, peer netip.Addr) (Claim, error)
}

// EndSession is the further ability of providers that end their own session
// too (OpenID Connect RP-Initiated Logout 1.0).
type EndSession interface {
	// EndSessionURL is where to send the browser. It is false when the
	// provider publishes no end_session_endpoint or cannot be reached.
	EndSessionURL(ctx context.Context, idToken, returnTo string) (string, bool)
}

// Anew is the further ability of providers that sign somebody in anew when they
// are asked to, and say when they did (OpenID Connect Core section 3.1.2.1,
// max_age). Others refuse an attempt with FreshSince before the browser goes
// anywhere.
type Anew interface {
	SignsInAnew() bool
}

// Info is what a login page or an operator may know about a provider.
type Info struct {
	Slot   string
	Label  string
	Type   string // "google", "github", "oidc", "ldap" or "header"
	Issuer string
}

// Attempt is one sign-in under way. The caller makes it, with fresh random
// values, and keeps it sealed at the browser.
type Attempt struct {
	State       string
	Nonce       string
	Verifier    string // PKCE code verifier (RFC 7636 section 4.1)
	RedirectURI string
	// FreshSince, unless zero, asks the provider to sign the person in anew, and
	// refuses an answer that does not say that it did so since then (auth_time).
	FreshSince time.Time
}

// Claim is what a provider vouches for. The account it belongs to is
// (Issuer, Subject), never the e-mail address.
type Claim struct {
	Issuer        string
	Subject       string
	Email         string // as sent
	EmailVerified bool
	Hosted        bool   // the provider tells by hd which organisation hosts an account
	HostedDomain  string // Google's hd
	Name          string
	Username      string
	Groups        []string
	Orgs          []string // GitHub organisations
	Teams         []string // GitHub teams, as "org/team"
	AMR           []string // RFC 8176
	AuthTime      time.Time
	IDToken       string // raw, the id_token_hint at sign-out; empty for GitHub
}
