package store

import (
	"context"

	"github.com/dagpass/dagpass/models"
)

// UsersBehind lists accounts behind one, the oldest first; the zero User is
// before all.
func (s *Store) UsersBehind(ctx context.Context, last models.User, limit int) (users []models.User, err error) {
	err = s.read.WithContext(ctx).Where("(created_at, id) > (?, ?)", last.CreatedAt, last.ID).
		Order("created_at, id").Limit(limit).Find(&users).Error
	return users, doing("users", err)
}
