package models

import (
	"crypto/subtle"
	"strings"
	"time"
)

// APIToken opens the API in the name of whoever made it, for as long as the
// session lasts in which they did. The row keeps only the digest of its secret.
type APIToken struct {
	ID         string `gorm:"primaryKey"`
	SecretHash string
	SessionID  string `gorm:"index"`
	UserID     string `gorm:"index"`
	// Name is what the person calls it.
	Name      string
	CreatedAt time.Time
	ExpiresAt time.Time `gorm:"index"`
}

// apiTokenPrefix says of which kind a token is, so that whoever finds one lying
// about knows what it opens. What begins with "dagpass_" never reaches Dagster.
const apiTokenPrefix = "dagpass_session_"

// NewAPIToken makes a token and its text, which is never seen again.
func NewAPIToken(of *Principal, name string, now, until time.Time) (*APIToken, Secret) {
	secret := RandomToken()
	t := &APIToken{
		ID: NewID(), SecretHash: Digest(secret), SessionID: of.SessionID, UserID: of.User.ID,
		Name: plain(name), CreatedAt: now, ExpiresAt: until,
	}
	return t, Secret(apiTokenPrefix + t.ID + "_" + secret)
}

// SplitAPIToken takes a token's text apart: the id finds the row, the secret is
// compared with it. Not ok for anything that we did not make.
func SplitAPIToken(text string) (id, secret string, ok bool) {
	rest, ours := strings.CutPrefix(text, apiTokenPrefix)
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ours && ok && IsID(id) && len(secret) == 43
}

// Verify compares the secret with the kept digest in constant time.
func (t *APIToken) Verify(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(Digest(secret)), []byte(t.SecretHash)) == 1
}

// Replay is what was answered to a request that had an idempotency key, so that
// the same request is answered so again and not done twice.
type Replay struct {
	UserID  string `gorm:"primaryKey"`
	KeyHash string `gorm:"primaryKey"`
	// Request is a digest of what was asked for.
	Request string
	// Status is the answer's; zero while it is under way, and for ever where nobody
	// knows how it ended.
	Status int64
	// Answer is what else the answer had, sealed: it may hold a secret that is
	// shown once.
	Answer    string
	ExpiresAt time.Time `gorm:"index"`
}
