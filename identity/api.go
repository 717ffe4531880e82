package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// apiTokenFor is how long a token for the API is good at most.
const apiTokenFor = 12 * time.Hour

// MakeAPIToken makes a token that opens the API in the name of whoever asks, and
// tells its text, once. It wants a recent proof, and somebody for whom the API has
// an answer: an admin or an auditor. It is of their session and ends with it,
// after twelve hours at the latest.
func (s *Service) MakeAPIToken(ctx context.Context, p *models.Principal, name string) (models.APIToken, models.Secret, error) {
	ctx = models.WithPrincipal(ctx, p)
	if err := s.mayHoldToken(ctx, p); err != nil {
		return models.APIToken{}, "", err
	}
	token, text := models.NewAPIToken(p, name, s.Now(), s.Now().Add(apiTokenFor))
	err := s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := stillIn(tx, p.SessionID); err != nil {
			return models.Event{}, err
		}
		return tokenEvent(ctx, "token.create", token.ID), tx.InsertAPIToken(token)
	})
	if err != nil {
		return models.APIToken{}, "", s.refused(ctx, "token.create", p.Identity.Slot, err)
	}
	return *token, text, nil
}

func (s *Service) mayHoldToken(ctx context.Context, p *models.Principal) error {
	if err := s.mayAudit(ctx); err != nil {
		return err
	}
	return s.provenLately(ctx, p)
}

// APITokens lists the person's tokens that are good, the newest first.
func (s *Service) APITokens(ctx context.Context, p *models.Principal) ([]models.APIToken, error) {
	all, err := s.Store.APITokensOf(ctx, p.User.ID, s.Now())
	if err != nil {
		return nil, ErrUnavailable.Because(err)
	}
	return all, nil
}

// RevokeAPIToken ends one of the person's own tokens. It takes no proof: whoever
// fears for a token must be able to end it at once.
func (s *Service) RevokeAPIToken(ctx context.Context, p *models.Principal, id string) error {
	ctx = models.WithPrincipal(ctx, p)
	return s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		return tokenEvent(ctx, "token.revoke", id), tx.DeleteAPITokenOf(p.User.ID, id)
	})
}

// RevokeAPITokenOf ends a token of somebody, for admins and the operator, or is
// [models.ErrNotFound] where there is none of that id, or no such person.
func (s *Service) RevokeAPITokenOf(ctx context.Context, userID, id string) error {
	if err := s.mayChange(ctx, userID); err != nil {
		return err
	}
	return s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		return tokenEvent(ctx, "token.revoke", id), tx.DeleteAPITokenOf(userID, id)
	})
}

func tokenEvent(ctx context.Context, name, id string) models.Event {
	e := models.NewEvent(ctx, name, models.OutcomeOK)
	e.Target = &models.Target{Kind: "token", ID: id}
	return e
}

// AuthenticateAPI tells who asks with a token: whoever made it, as their session
// proves them now, with the proof that it has. What proves nothing is
// ErrUnauthenticated. Nothing is believed for a while: a token that is revoked, or
// whose session ended anywhere, opens nothing from then on.
func (s *Service) AuthenticateAPI(ctx context.Context, text models.Secret) (*models.Principal, error) {
	id, secret, ok := models.SplitAPIToken(text.Reveal())
	if !ok {
		return nil, ErrUnauthenticated
	}
	token, err := s.Store.APIToken(ctx, id)
	if err != nil {
		return nil, unproven(err)
	}
	if !token.Verify(secret) || !s.Now().Before(token.ExpiresAt) {
		return nil, ErrUnauthenticated
	}
	session, user, identity, err := s.Store.Session(ctx, token.SessionID)
	if err != nil {
		return nil, unproven(err)
	}
	if user.ID != token.UserID || !s.holds(session, user, identity) {
		return nil, ErrUnauthenticated
	}
	return s.principal(models.Digest(text.Reveal()), session, user, identity), nil
}

// unproven is an error of the store, where what is not there proves nothing.
func unproven(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return ErrUnauthenticated
	}
	return ErrUnavailable.Because(err)
}
