package store

import "time"

// failedProof counts the failures of one key; see [Store.CountFailure].
type failedProof struct {
	Key      string `gorm:"primaryKey"`
	Failures int64
	// Until is when the key may try again.
	Until     time.Time
	ExpiresAt time.Time `gorm:"index"`
}
