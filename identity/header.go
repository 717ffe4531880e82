package identity

import (
	"context"
	"net/netip"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// SignInHeader signs in whom a proxy in front of us has signed in.
func (s *Service) SignInHeader(ctx context.Context, slot string, h map[string][]string, peer netip.Addr, e Entry) (SignedIn, error) {
	witness, ok := s.doors[slot].Provider.(providers.Witness)
	if !ok {
		return SignedIn{}, ErrNoProvider
	}
	claim, err := witness.SignIn(ctx, h, peer)
	s.noteAnswer(ctx, slot, err)
	if err != nil {
		reason, public := fromProvider(err)
		return SignedIn{}, s.refuseSignIn(ctx, slot, reason, public, err)
	}
	return s.admit(ctx, slot, models.MethodHeader, claim, e)
}
