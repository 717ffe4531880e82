package models

import (
	"crypto/subtle"
	"strings"
	"time"
)

// Session is one signed-in browser. The row keeps only the digest of its
// secret: who reads the database cannot sign in with what they find.
type Session struct {
	ID         string `gorm:"primaryKey;index:idx_sessions_created_at,priority:2"`
	SecretHash string
	UserID     string `gorm:"index"`
	IdentityID string `gorm:"index"`
	Slot       string
	ClientIP   string
	UserAgent  string
	// IDToken is the provider's ID token, sealed, kept as the hint for signing
	// out at the provider (OpenID Connect RP-Initiated Logout §2).
	IDToken string
	// Method is how they signed in, Factor the second factor that they proved.
	Method Method
	Factor FactorKind
	// ProvenAt is when the person last proved who they are: step-up asks for a
	// recent one. Nil where the provider did not say when it asked them.
	ProvenAt   *time.Time
	CreatedAt  time.Time `gorm:"index:idx_sessions_created_at,priority:1"`
	LastSeenAt time.Time `gorm:"index:idx_sessions_last_seen_at,priority:1"`
	ExpiresAt  time.Time `gorm:"index;index:idx_sessions_last_seen_at,priority:2"`
}

// Method is a way of signing in.
type Method string

const (
	MethodProvider  Method = "provider" // at an identity provider, in the browser
	MethodDirectory Method = "directory"
	MethodHeader    Method = "header" // told by a proxy in front of us
	MethodPassword  Method = "password"
	MethodPasskey   Method = "passkey"
	MethodLink      Method = "link" // a one-time link
)

// maxUserAgent bounds what a stranger can write into a row, in bytes.
const maxUserAgent = 512

// NewSession makes a session and the token that only the browser will hold.
func NewSession(user, identity, slot string, now time.Time, ttl time.Duration) (*Session, Secret) {
	secret := RandomToken()
	s := &Session{
		ID: NewID(), SecretHash: Digest(secret), UserID: user, IdentityID: identity, Slot: slot,
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(ttl),
	}
	return s, Secret(s.ID + "." + secret)
}

// SeenFrom notes the browser.
func (s *Session) SeenFrom(ip, userAgent string) {
	s.ClientIP = ip
	s.UserAgent = userAgent
}

// SplitToken takes a cookie's value apart: the id finds the row, the secret is
// compared with it. Not ok for anything that we did not make.
func SplitToken(token string) (id, secret string, ok bool) {
	id, secret, ok = strings.Cut(token, ".")
	return id, secret, ok && IsID(id) && len(secret) == 43
}

// Verify compares the secret with the kept digest in constant time.
func (s *Session) Verify(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(Digest(secret)), []byte(s.SecretHash)) == 1
}

// Alive tells whether neither the absolute nor the idle lifetime has passed.
func (s *Session) Alive(now time.Time, idle time.Duration) bool {
	return now.Before(s.ExpiresAt) && now.Before(s.LastSeenAt.Add(idle))
}

// Ends is when the session ends if nobody uses it any more.
func (s *Session) Ends(idle time.Duration) time.Time {
	if at := s.LastSeenAt.Add(idle); at.Before(s.ExpiresAt) {
		return at
	}
	return s.ExpiresAt
}

// SigningKey signs assertions. The private part is sealed; the public part is
// published from the moment the row exists, before the key signs anything.
type SigningKey struct {
	ID        string `gorm:"primaryKey"`
	Sealed    string
	CreatedAt time.Time
	// SignsFrom and SignsUntil bound its use for signing, VerifiesUntil its
	// place in the published set.
	SignsFrom     time.Time
	SignsUntil    time.Time
	VerifiesUntil time.Time
}
