package identity

import (
	"slices"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// MustConfirm tells whether somebody has to prove again who they are before they
// use a permission: the policy asks for a recent proof, and there is none.
func (s *Service) MustConfirm(p *models.Principal, perm policy.Permission) bool {
	return slices.Contains(s.Policy().MFA().StepUp, perm) && !s.Fresh(p)
}
