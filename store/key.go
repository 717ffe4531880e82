package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/dagpass/dagpass/migrations"
	"github.com/dagpass/dagpass/models"
)

// SigningKeys lists the keys of assertions, the one that signs first, first.
func (s *Store) SigningKeys(ctx context.Context) ([]models.SigningKey, error) {
	return signingKeys(s.read.WithContext(ctx))
}

// SigningKeys lists the keys as this change sees them.
func (t *Tx) SigningKeys() ([]models.SigningKey, error) { return signingKeys(t.db) }

func signingKeys(db *gorm.DB) (keys []models.SigningKey, err error) {
	err = doing("signing keys", db.Order("signs_from, id").Find(&keys).Error)
	return keys, err
}

// LockSigningKeys makes other changes that call it wait until this one ends,
// so that one replica makes the next key and the others see it. Reading goes
// on meanwhile. On SQLite changes take turns anyway.
func (t *Tx) LockSigningKeys() error {
	if t.db.Name() == migrations.SQLite {
		return nil
	}
	return doing("lock signing keys", t.db.Exec("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE").Error)
}

// InsertSigningKey adds a key.
func (t *Tx) InsertSigningKey(k *models.SigningKey) error {
	return doing("insert signing key", t.db.Create(k).Error)
}
