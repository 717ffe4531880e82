package identity

import (
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// MFA says who needs a second factor.
type MFA string

const (
	// MFAOptional asks those who have set one up, and whom the policy names.
	MFAOptional MFA = "optional"
	// MFARequired makes every account that is kept here have one.
	MFARequired MFA = "required"
	// MFAOff asks nobody.
	MFAOff MFA = "off"
)

// ParseMFA reads the setting.
func ParseMFA(s string) (MFA, bool) {
	m := MFA(s)
	return m, m == MFAOptional || m == MFARequired || m == MFAOff
}

// wants tells what a sign-in still lacks once the first factor is proved.
func (s *Service) wants(tx *store.Tx, who *entrant) (models.Wants, error) {
	return "", nil // TODO factors
}
