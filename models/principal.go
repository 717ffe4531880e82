package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dagpass/dagpass/policy"
)

// Principal is who makes a request, as far as it could be proved. It is read
// only: one value serves many requests at once.
type Principal struct {
	User      User
	Identity  Identity
	SessionID string
	// TokenHash is the digest of the token that proved it: a key for caches.
	TokenHash  string
	SignedInAt time.Time
	ExpiresAt  time.Time
	// ProvenAt is when they last proved who they are; zero if that is not known.
	ProvenAt time.Time
	Method   Method
	Access   policy.Access
}

// Actor is the principal as an event names it.
func (p *Principal) Actor() Actor {
	if p == nil {
		return Actor{Kind: "anonymous"}
	}
	return Actor{ID: p.User.ID, Name: p.User.Label(), Kind: "user"}
}

// Mark names what a browser may keep of what it was shown: another person or
// another access, another mark. Untrimmed tells that it is shown what Dagster
// says of permissions as it is. A mark is two hashes of 16 digits,
// "person-access", and tells nobody who it is, for user ids are random.
func (p *Principal) Mark(untrimmed bool) string {
	shown := fmt.Sprintf("%q %q %t", p.Access.Permissions.Names(), scopes(p.Access), untrimmed)
	return Digest(p.User.ID)[:16] + "-" + Digest(shown)[:16]
}

// scopes lists what is held at some code locations, whichever rules gave it and
// in whatever order: a line more in the policy file renames all rules below it.
func scopes(a policy.Access) []string {
	var all []string
	for _, s := range a.Scopes {
		if len(s.Permissions) > 0 {
			all = append(all, fmt.Sprintf("%q %q", slices.Sorted(slices.Values(s.Locations)), s.Permissions.Names()))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Operator is the actor of the command line.
var Operator = Actor{ID: "operator:cli", Name: "operator", Kind: "operator"}

// WithOperator says that the command line asks: whoever may run it with the
// installation's settings may do what an admin may.
func WithOperator(ctx context.Context) context.Context {
	return context.WithValue(ctx, operatorKey, true)
}

// IsOperator tells whether the command line asks.
func IsOperator(ctx context.Context) bool { return ctx.Value(operatorKey) == true }

// ActorOf is who acts: the operator, the principal, or nobody we know.
func ActorOf(ctx context.Context) Actor {
	if IsOperator(ctx) {
		return Operator
	}
	return PrincipalOf(ctx).Actor()
}

// Request is what every event and every log line about a request repeats.
type Request struct {
	ID        string
	ClientIP  string
	UserAgent string
}

type contextKey int

const (
	requestKey contextKey = iota
	principalKey
	operatorKey
)

// WithRequest puts the request's data into the context, once. What a stranger
// can write into a row is cut here, so that no row can forget to.
func WithRequest(ctx context.Context, r Request) context.Context {
	r.UserAgent = strings.ToValidUTF8(r.UserAgent[:min(len(r.UserAgent), maxUserAgent)], "")
	return context.WithValue(ctx, requestKey, r)
}

// RequestOf gives the request's data; zero outside a request.
func RequestOf(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey).(Request)
	return r
}

// WithPrincipal puts a recognised principal into the context.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey, p)
}

// PrincipalOf gives the principal, nil for a stranger.
func PrincipalOf(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey).(*Principal)
	return p
}
