package identity

import (
	"context"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// FreshFor is how long a proof of who one is counts as recent.
const FreshFor = 10 * time.Minute

// Fresh tells whether somebody has proved lately who they are.
func (s *Service) Fresh(p *models.Principal) bool { return false } // TODO factors

// ConfirmWays tells how somebody can prove again who they are: by a second
// factor if they have one, else by their password here or anew at the provider.
func (s *Service) ConfirmWays(ctx context.Context, p *models.Principal) (Ways, error) {
	return Ways{}, ErrUnavailable // TODO factors
}

// ConfirmPassword, ConfirmCode and ConfirmPasskey prove again who somebody is.
func (s *Service) ConfirmPassword(ctx context.Context, p *models.Principal, password string) error {
	return ErrUnavailable // TODO factors
}

// ConfirmCode takes a one-time password or a recovery code.
func (s *Service) ConfirmCode(ctx context.Context, p *models.Principal, code string) error {
	return ErrUnavailable // TODO factors
}

// ConfirmPasskey takes the answer to the ceremony of [Service.BeginPasskeyOf].
func (s *Service) ConfirmPasskey(ctx context.Context, p *models.Principal, sealed string, response []byte) error {
	return ErrUnavailable // TODO factors
}

// BeginConfirm sends the person to their provider to sign in anew. Finish takes
// what comes back: the same account, asked since (auth_time), and the same
// session of ours, which is then proven.
func (s *Service) BeginConfirm(ctx context.Context, p *models.Principal, next string) (Begun, error) {
	return Begun{}, ErrUnavailable // TODO factors
}

// finishConfirm takes what came back from the provider for [Service.BeginConfirm].
func (s *Service) finishConfirm(ctx context.Context, a attempt, claim providers.Claim, r Return) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO factors
}
