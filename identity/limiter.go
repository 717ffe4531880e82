package identity

import (
	"context"

	"github.com/dagpass/dagpass/models"
)

// ErrTooMany is one failed attempt too many; Retry says when to come again.
var ErrTooMany = models.NewError(models.KindTooMany, "too_many_attempts", "Too many attempts failed. Please wait before you try again.")

// try counts an attempt to prove who somebody is as failed, before it is
// judged: of many at once none gets past the limit. What tells the caller to
// say that it worked after all, which takes the count back. Kind is what is
// proved ("password", "totp", "recovery", "passkey", "setup", "link"), account
// whose it is, known or not: a user's id, or the key of a name that nobody has.
func (s *Service) try(ctx context.Context, kind, account string) (worked func(context.Context), err error) {
	return func(context.Context) {}, nil // TODO limiter
}

// network is the address as it is counted: an IPv6 address stands for its /64,
// which one customer has.
func network(clientIP string) string { return clientIP } // TODO limiter
