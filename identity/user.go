package identity

import (
	"context"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// Users lists accounts for the operator, newest first; with a search text only
// those whose name or e-mail is it, or whose id is.
func (s *Service) Users(ctx context.Context, who string) ([]models.User, error) {
	if who != "" {
		return s.Store.FindUsers(ctx, who)
	}
	return s.Store.Users(ctx)
}

// IdentitiesOf lists somebody's accounts at providers with the claims kept of
// each, the last used first.
func (s *Service) IdentitiesOf(ctx context.Context, userID string) ([]models.Identity, error) {
	return s.Store.IdentitiesOf(ctx, userID)
}

// Disable bars somebody: their sessions end in the same change, and they
// cannot sign in again until they are enabled.
func (s *Service) Disable(ctx context.Context, userID string) error {
	now := s.Now()
	return s.setDisabled(ctx, userID, "user.disable", &now)
}

// Enable lets somebody sign in again.
func (s *Service) Enable(ctx context.Context, userID string) error {
	return s.setDisabled(ctx, userID, "user.enable", nil)
}

func (s *Service) setDisabled(ctx context.Context, userID, event string, at *time.Time) error {
	if err := mayAdminister(ctx); err != nil {
		return err
	}
	return s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		user, err := tx.User(userID)
		if err != nil {
			return models.Event{}, err
		}
		user.DisabledAt = at
		if err := tx.SaveUser(&user); err != nil {
			return models.Event{}, err
		}
		if _, err := tx.DeleteSessionsOf(userID); err != nil {
			return models.Event{}, err
		}
		e := models.NewEvent(ctx, event, models.OutcomeOK)
		e.Target = &models.Target{Kind: "user", ID: userID}
		return e, nil
	})
}

// mayAdminister is the law of every change to somebody else: the operator and
// admins make it, nobody else does.
func mayAdminister(ctx context.Context) error {
	p := models.PrincipalOf(ctx)
	if models.IsOperator(ctx) || (p != nil && p.Access.Permissions.Has(policy.Administer)) {
		return nil
	}
	return ErrNotAdmin
}
