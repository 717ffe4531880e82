package identity

import (
	"context"

	"github.com/dagpass/dagpass/models"
)

// MakeLink makes a one-time link for somebody, and gives its address. Links to
// sign in last 15 minutes, links to choose a password 72 hours. It is for admins
// and the operator; only the operator makes one to sign in as an admin.
func (s *Service) MakeLink(ctx context.Context, userID string, purpose models.LinkPurpose) (address string, err error) {
	return "", ErrUnavailable // TODO accounts
}

// LinkFor tells whose link a token is, and what it is for; ErrLinkSpent.
func (s *Service) LinkFor(ctx context.Context, token string) (models.User, models.LinkPurpose, error) {
	return models.User{}, "", ErrLinkSpent // TODO accounts
}

// SpendLink uses a link up: it sets the password where the link is for that,
// and signs in. A password that will not do leaves the link as it is.
func (s *Service) SpendLink(ctx context.Context, token, password string, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrLinkSpent // TODO accounts
}
