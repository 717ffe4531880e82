package identity

import (
	"context"
	"slices"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// MustConfirm tells whether somebody has to prove again who they are before they
// use a permission: the policy asks for a recent proof, and there is none.
func (s *Service) MustConfirm(p *models.Principal, perm policy.Permission) bool {
	return slices.Contains(s.Policy().MFA().StepUp, perm) && !s.Fresh(p)
}

// provenLately wants a recent proof of who somebody is: else ErrConfirm. Where
// there is nothing to prove it with, a recent sign-in is enough, as for
// [Service.Self].
func (s *Service) provenLately(ctx context.Context, p *models.Principal) error {
	if s.Fresh(p) {
		return nil
	}
	if _, err := s.Self(p); err != nil {
		return err
	}
	ways, err := s.ConfirmWays(ctx, p)
	if err == nil && ways != (Ways{}) {
		return ErrConfirm
	}
	return err
}
