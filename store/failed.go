package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// FailedProof counts how often it failed to prove something, for one key. A key
// is a digest: of an account, or of an address.
type FailedProof struct {
	Key      string `gorm:"primaryKey"`
	Failures int64
	// Until is when the key may try again.
	Until time.Time
	// ExpiresAt is when all of it is forgotten; until [Store.Sweep] comes by, the
	// row may stand there still.
	ExpiresAt time.Time `gorm:"index"`
}

// CountFailures has fail count a failure for all of the keys, or with an error
// for none of them, which it then is. Fail gets what is counted so far, by key;
// nothing counted is zero. Nobody else counts for these keys meanwhile, on
// whichever replica. It may be called several times, as in [Store.Change].
func (s *Store) CountFailures(ctx context.Context, keys []string, fail func(map[string]*FailedProof) error) error {
	return s.transact(ctx, func(db *gorm.DB) error {
		proofs := map[string]*FailedProof{}
		for _, key := range slices.Sorted(slices.Values(keys)) { // in one order, so that two cannot wait for each other
			p, err := lockFailedProof(db, key)
			if err != nil {
				return doing("failed proofs", err)
			}
			proofs[key] = p
		}
		if err := fail(proofs); err != nil {
			return err
		}
		for key, p := range proofs {
			if err := saveFailedProof(db, key, p); err != nil {
				return doing("count failure", err)
			}
		}
		return nil
	})
}

// lockFailedProof makes sure that the row is there: one that is not cannot be
// locked, and two could count the first failure at once.
func lockFailedProof(db *gorm.DB, key string) (*FailedProof, error) {
	p := FailedProof{Key: key, Until: time.Unix(0, 0).UTC(), ExpiresAt: time.Unix(0, 0).UTC()}
	err := db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "key"}}, DoUpdates: clause.AssignmentColumns([]string{"key"}),
	}).Create(&p).Error
	if err != nil {
		return nil, err
	}
	return &p, db.Where("key = ?", key).Take(&p).Error
}

func saveFailedProof(db *gorm.DB, key string, p *FailedProof) error {
	return one(db.Model(&FailedProof{}).Where("key = ?", key).Select("failures", "until", "expires_at").Updates(p))
}

// TakeBackFailure makes one failure of a key uncounted, if there is one. Where
// that failure made the key wait until then, and no later one did, it waits no
// more.
func (s *Store) TakeBackFailure(ctx context.Context, key string, until time.Time) error {
	return doing("take back failure", s.write.WithContext(ctx).Model(&FailedProof{}).Where("key = ? AND failures > 0", key).
		Updates(map[string]any{
			"failures": gorm.Expr("failures - 1"),
			"until":    gorm.Expr("CASE WHEN until = ? THEN ? ELSE until END", until, time.Unix(0, 0).UTC()),
		}).Error)
}

// ForgetFailures forgets all failures of a key.
func (s *Store) ForgetFailures(ctx context.Context, key string) error {
	return doing("forget failures", s.write.WithContext(ctx).Where("key = ?", key).Delete(&FailedProof{}).Error)
}

// maxFailedProofs is how many keys are counted for, after a sweep. Somebody with
// a list of names and many addresses makes no more rows than that.
const maxFailedProofs = 100_000

// thin removes what is beyond, and what counts least of it. Several replicas at
// once may remove a batch each too many.
func thin(db *gorm.DB) (n int64, err error) {
	for {
		var rows int64
		if err := db.Model(&FailedProof{}).Count(&rows).Error; err != nil || rows <= maxFailedProofs {
			return n, err
		}
		least := db.Model(&FailedProof{}).Select("key").Order("failures, expires_at, key").
			Limit(int(min(rows-maxFailedProofs, sweepBatch))).Clauses(skipLocked)
		done := db.Where("key IN (?)", least).Delete(&FailedProof{})
		if n += done.RowsAffected; done.Error != nil || done.RowsAffected == 0 {
			return n, done.Error
		}
	}
}
