package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// ChangePassword changes the person's own password, ends their other sessions
// and tells how many. Somebody without a password needs a recent proof instead
// of the old one.
func (s *Service) ChangePassword(ctx context.Context, p *models.Principal, old, new string) (ended int64, err error) {
	if !s.PasswordLogin {
		return 0, ErrPasswordOff
	}
	c, err := s.Store.CredentialOf(ctx, p.User.ID)
	if err != nil {
		return 0, err
	}
	hash, err := s.newPassword(ctx, p, c, old, new)
	if err != nil {
		return 0, err
	}
	ended, err = s.replacePassword(ctx, "user.change_password", c, hash, p.SessionID)
	return ended, s.refused(ctx, "user.change_password", models.LocalSlot, err)
}

// newPassword judges the old password and hashes the new one.
func (s *Service) newPassword(ctx context.Context, p *models.Principal, c models.Credential, old, new string) (hash string, err error) {
	if err := checkPassword(new, ownWords(p.User, c)...); err != nil {
		return "", err
	}
	if c.Password == "" && !s.Fresh(p) {
		return "", ErrConfirm
	}
	if c.Password != "" {
		if err := s.judgePassword(ctx, c.UserID, c, old); err != nil {
			return "", models.AsError(err).At("old_password")
		}
		if normal(old) == normal(new) {
			return "", ErrSamePassword.At("password")
		}
	}
	return s.hasher.hash(ctx, new)
}

// SetPassword sets somebody's password and ends their sessions. It is for the
// operator; admins make a link.
func (s *Service) SetPassword(ctx context.Context, userID, password string) (ended int64, err error) {
	switch {
	case !s.PasswordLogin:
		return 0, ErrPasswordOff
	case !models.IsOperator(ctx):
		return 0, ErrOperatorOnly
	}
	c, hash, err := s.hashFor(ctx, userID, password)
	if err != nil {
		return 0, err
	}
	return s.replacePassword(ctx, "user.set_password", c, hash, "")
}

// hashFor hashes a password that will do for somebody who has an account here.
func (s *Service) hashFor(ctx context.Context, userID, password string) (c models.Credential, hash string, err error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return c, "", err
	}
	if c, err = s.Store.CredentialOf(ctx, userID); err != nil {
		return c, "", err
	}
	if err := checkPassword(password, ownWords(user, c)...); err != nil {
		return c, "", err
	}
	hash, err = s.hasher.hash(ctx, password)
	return c, hash, err
}

// ownWords are those that do not make a password.
func ownWords(user models.User, c models.Credential) []string {
	return []string{c.Username, user.Name, user.Email}
}

// replacePassword writes a password and ends all by which the person is in but
// the session to keep.
func (s *Service) replacePassword(ctx context.Context, event string, c models.Credential, hash, keep string) (ended int64, err error) {
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		ended, err = s.putPassword(tx, c.UserID, c.ChangedAt, hash, keep)
		return about(ctx, event, c.UserID), err
	})
	return ended, err
}

// putPassword is replacePassword within a change. Since is when the password was
// last changed as the caller knows it: of two changes at once one wins.
func (s *Service) putPassword(tx *store.Tx, userID string, since time.Time, hash, keep string) (ended int64, err error) {
	if _, err := tx.User(userID); err != nil { // locks: nobody gets in meanwhile
		return 0, err
	}
	if keep != "" {
		if err := stillIn(tx, keep); err != nil {
			return 0, err
		}
	}
	c, err := tx.Credential(userID)
	if err != nil {
		return 0, err
	}
	if !c.ChangedAt.Equal(since) {
		return 0, models.ErrConflict
	}
	c.ChangedAt = s.Now()
	if err := s.sealPassword(&c, hash); err != nil {
		return 0, err
	}
	ended, err = tx.DeleteOtherSessionsOf(userID, keep)
	return ended, errors.Join(err, tx.SaveCredential(&c), tx.DeletePendingSignInsOf(userID), tx.DeleteLinksOf(userID))
}
