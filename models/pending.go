package models

import (
	"crypto/subtle"
	"time"
)

// Wants is what a sign-in under way still lacks.
type Wants string

const (
	WantsFactor Wants = "factor" // to prove a second factor
	WantsEnrol  Wants = "enrol"  // to set one up
)

// PendingFor is how long a sign-in may lack something.
const PendingFor = 10 * time.Minute

// PendingSignIn has proved the first factor and wants a second one. It is no
// session and opens nothing but the page that asks for what it wants.
type PendingSignIn struct {
	ID         string `gorm:"primaryKey"`
	SecretHash string
	UserID     string `gorm:"index"`
	IdentityID string
	Slot       string
	Method     Method
	Wants      Wants
	// IDToken and ProvenAt are for the session that it becomes.
	IDToken   string
	ProvenAt  *time.Time
	CreatedAt time.Time
	ExpiresAt time.Time `gorm:"index"`
}

// NewPendingSignIn makes one, and the token that only the browser will hold.
func NewPendingSignIn(user, identity, slot string, method Method, wants Wants, now time.Time) (*PendingSignIn, Secret) {
	secret := RandomToken()
	p := &PendingSignIn{
		ID: NewID(), SecretHash: Digest(secret), UserID: user, IdentityID: identity, Slot: slot, Method: method, Wants: wants,
		CreatedAt: now, ExpiresAt: now.Add(PendingFor),
	}
	return p, Secret(p.ID + "." + secret)
}

// Verify compares the secret with the kept digest in constant time.
func (p *PendingSignIn) Verify(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(Digest(secret)), []byte(p.SecretHash)) == 1
}

// Alive tells whether it may still become a session.
func (p *PendingSignIn) Alive(now time.Time) bool { return now.Before(p.ExpiresAt) }
