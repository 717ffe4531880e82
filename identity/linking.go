package identity

import (
	"context"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// BeginLinking sends the person to another provider, to add their account there
// to this one. It wants a recent proof, and the callback must come to the same
// session.
func (s *Service) BeginLinking(ctx context.Context, p *models.Principal, slot string) (Begun, error) {
	return Begun{}, ErrUnavailable // TODO accounts
}

// finishLinking takes what came back from the provider for [Service.BeginLinking].
func (s *Service) finishLinking(ctx context.Context, a attempt, claim providers.Claim, r Return) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO accounts
}

// Unlink removes one of the person's own identities, but not the last. It wants
// a recent proof.
func (s *Service) Unlink(ctx context.Context, p *models.Principal, identityID string) error {
	return ErrUnavailable // TODO accounts
}

// Merge gives all accounts at providers of one user to another and removes the
// former. It is for admins and the operator.
func (s *Service) Merge(ctx context.Context, from, to string) (moved int64, err error) {
	return 0, ErrUnavailable // TODO accounts
}

// EndSession ends one of the person's own sessions.
func (s *Service) EndSession(ctx context.Context, p *models.Principal, id string) error {
	return ErrUnavailable // TODO accounts
}

// EndOtherSessions ends all of the person's sessions but this one.
func (s *Service) EndOtherSessions(ctx context.Context, p *models.Principal) (ended int64, err error) {
	return 0, ErrUnavailable // TODO accounts
}

// EndSessionsOf ends all of somebody's sessions, for admins and the operator.
func (s *Service) EndSessionsOf(ctx context.Context, userID string) (ended int64, err error) {
	return 0, ErrUnavailable // TODO accounts
}

// RevokeSession ends any session by its id, for admins and the operator.
func (s *Service) RevokeSession(ctx context.Context, id string) error {
	return ErrUnavailable // TODO accounts
}

// AllSessions lists whose sessions are open, the newest first, for the operator;
// with a user's id only theirs.
func (s *Service) AllSessions(ctx context.Context, userID string) ([]models.Session, error) {
	return nil, ErrUnavailable // TODO accounts
}
