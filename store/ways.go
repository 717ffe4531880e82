package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
)

// Way is how the provider of a slot answered lately.
type Way struct {
	Slot string `gorm:"primaryKey"`
	// SucceededAt and FailedAt are nil for never.
	SucceededAt, FailedAt *time.Time
	// Reason is the word of the failure, Reference the id of its request.
	Reason, Reference string
}

// Ways lists all that is known, by slot.
func (s *Store) Ways(ctx context.Context) (map[string]Way, error) {
	var rows []Way
	err := s.read.WithContext(ctx).Find(&rows).Error
	ways := make(map[string]Way, len(rows))
	for _, w := range rows {
		ways[w.Slot] = w
	}
	return ways, doing("ways", err)
}

// Owner is who has an account at a provider, and that account, or
// [models.ErrNotFound]. It locks nothing.
func (s *Store) Owner(ctx context.Context, issuer, subject string) (i models.Identity, u models.User, err error) {
	db := s.read.WithContext(ctx)
	err = found(db.Where("issuer = ? AND subject = ?", issuer, subject).Take(&i).Error)
	if err == nil {
		err = found(db.Where("id = ?", i.UserID).Take(&u).Error)
	}
	return i, u, err
}

// NoteWay keeps when a provider last answered well, and when and how it last did
// not; what is nil is left alone, and so is what is older than what another
// replica has noted.
func (s *Store) NoteWay(ctx context.Context, w Way) error {
	if w.SucceededAt != nil {
		if err := s.noteWay(ctx, Way{Slot: w.Slot, SucceededAt: w.SucceededAt}, "succeeded_at"); err != nil {
			return err
		}
	}
	if w.FailedAt == nil {
		return nil
	}
	return s.noteWay(ctx, Way{Slot: w.Slot, FailedAt: w.FailedAt, Reason: w.Reason, Reference: w.Reference}, "failed_at", "reason", "reference")
}

// noteWay writes the columns, of which the first one is a time that only grows.
func (s *Store) noteWay(ctx context.Context, w Way, columns ...string) error {
	newer := clause.Expr{SQL: "ways." + columns[0] + " IS NULL OR ways." + columns[0] + " < excluded." + columns[0]}
	return doing("note way", s.write.WithContext(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "slot"}}, DoUpdates: clause.AssignmentColumns(columns),
		Where: clause.Where{Exprs: []clause.Expression{newer}},
	}).Create(&w).Error)
}
