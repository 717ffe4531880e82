package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
)

// APIToken is the token with that id, expired or not, or [models.ErrNotFound].
func (s *Store) APIToken(ctx context.Context, id string) (t models.APIToken, err error) {
	err = found(s.read.WithContext(ctx).Where("id = ?", id).Take(&t).Error)
	return t, err
}

// APITokensOf lists somebody's tokens that are good at now, the newest first.
func (s *Store) APITokensOf(ctx context.Context, userID string, now time.Time) (all []models.APIToken, err error) {
	err = s.read.WithContext(ctx).Where("user_id = ? AND expires_at > ?", userID, now).
		Order("created_at DESC, id").Limit(listLimit).Find(&all).Error
	return all, err
}

// InsertAPIToken adds a token.
func (t *Tx) InsertAPIToken(token *models.APIToken) error {
	return doing("insert token", t.db.Create(token).Error)
}

// DeleteAPITokenOf removes one token of a user, or is [models.ErrNotFound].
func (t *Tx) DeleteAPITokenOf(userID, id string) error {
	return doing("delete token", one(t.db.Where("id = ? AND user_id = ?", id, userID).Delete(&models.APIToken{})))
}

// BeginReplay notes that a request with an idempotency key is under way. Where
// the person's key has been used before and counts still at now, it changes
// nothing, and gives what is kept of it and began false.
func (s *Store) BeginReplay(ctx context.Context, r models.Replay, now time.Time) (kept models.Replay, began bool, err error) {
	db := s.write.WithContext(ctx)
	old := db.Where("user_id = ? AND key_hash = ? AND expires_at <= ?", r.UserID, r.KeyHash, now).Delete(&models.Replay{})
	if old.Error != nil {
		return r, false, doing("begin replay", old.Error)
	}
	done := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&r)
	if done.Error != nil || done.RowsAffected > 0 {
		return r, done.Error == nil, doing("begin replay", done.Error)
	}
	err = found(db.Where("user_id = ? AND key_hash = ?", r.UserID, r.KeyHash).Take(&kept).Error)
	return kept, false, doing("begin replay", err)
}

// FinishReplay keeps what was answered.
func (s *Store) FinishReplay(ctx context.Context, r models.Replay) error {
	return doing("finish replay", one(s.write.WithContext(ctx).Model(&models.Replay{}).
		Where("user_id = ? AND key_hash = ?", r.UserID, r.KeyHash).Select("status", "answer").Updates(&r)))
}

// DropReplay forgets a request that came to nothing, so that it may be tried
// again.
func (s *Store) DropReplay(ctx context.Context, r models.Replay) error {
	return doing("drop replay", s.write.WithContext(ctx).
		Where("user_id = ? AND key_hash = ? AND status = 0", r.UserID, r.KeyHash).Delete(&models.Replay{}).Error)
}
