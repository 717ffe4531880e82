package identity

import (
	"context"
	"time"

	"github.com/dagpass/dagpass/models"
)

// ErrSetup is every answer of an installation that nobody has claimed.
var ErrSetup = models.NewError(models.KindSetup, "setup_required", "This installation has no admin yet. Whoever runs it can set one up.")

// claimed is whether the installation is, as asked a moment ago.
type claimed struct {
	is    bool
	until time.Time
}

// Claimed tells whether there is an admin, or something that could make one. It
// is asked for every request, and cheap once it is true.
func (s *Service) Claimed(ctx context.Context) (bool, error) { return true, nil } // TODO accounts

// OfferSetup makes a new setup token, for the log, where the installation is
// not claimed and has local accounts; else it is empty.
func (s *Service) OfferSetup(ctx context.Context) (models.Secret, error) { return "", nil } // TODO accounts

// Claim makes the first admin with a setup token and signs them in. Of two at
// once one wins.
func (s *Service) Claim(ctx context.Context, token string, n NewAccount, password string, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrClaimed // TODO accounts
}

// Bootstrap makes the first admin from the environment, where there is none. It
// never overwrites, and is fine with being asked again.
func (s *Service) Bootstrap(ctx context.Context, username, password string) error {
	return nil // TODO accounts
}
