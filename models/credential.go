package models

import "time"

// Credential is how somebody signs in here, without a provider. Names are kept
// as they were typed; the keys are what is compared (identity, names.go).
type Credential struct {
	UserID      string `gorm:"primaryKey"`
	Username    string
	UsernameKey string `gorm:"uniqueIndex"`
	// EmailKey is nil for somebody without an address; no two are the same.
	EmailKey *string `gorm:"uniqueIndex"`
	// Password is the argon2id hash, sealed; empty where there is none, as for
	// somebody who has yet to choose one or uses passkeys alone.
	Password  string
	ChangedAt time.Time
}

// FactorKind is a kind of second factor.
type FactorKind string

const (
	FactorNone     FactorKind = ""
	FactorTOTP     FactorKind = "totp" // RFC 6238
	FactorPasskey  FactorKind = "passkey"
	FactorRecovery FactorKind = "recovery" // a recovery code
	FactorProvider FactorKind = "provider" // the provider asked for one (amr, RFC 8176)
)

// Factor is one second factor that somebody has set up.
type Factor struct {
	ID     string `gorm:"primaryKey"`
	UserID string `gorm:"index"`
	Kind   FactorKind
	// Name is what the person calls it.
	Name string
	// Sealed is the shared secret of TOTP, or what WebAuthn keeps of a passkey.
	Sealed string
	// CredentialID is the passkey's id in base64url; nil for TOTP.
	CredentialID *string `gorm:"uniqueIndex"`
	// LastStep is the last time step whose code was used (RFC 6238 §5.2).
	LastStep   int64
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// RecoveryCode stands in for a lost second factor, once. The code has 80 random
// bits, so its digest is enough.
type RecoveryCode struct {
	Hash      string `gorm:"primaryKey"`
	UserID    string `gorm:"index"`
	CreatedAt time.Time
}

// LinkPurpose is what a one-time link is for.
type LinkPurpose string

const (
	// LinkSetup claims a new installation; it is nobody's.
	LinkSetup LinkPurpose = "setup"
	// LinkSignIn signs somebody in, whatever else does not work: break-glass.
	LinkSignIn LinkPurpose = "signin"
	// LinkPassword lets somebody choose a password and signs them in.
	LinkPassword LinkPurpose = "password"
)

// OneTimeLink is a link that works once. The row keeps only the digest of its
// token.
type OneTimeLink struct {
	Hash      string  `gorm:"primaryKey"`
	UserID    *string `gorm:"index"`
	Purpose   LinkPurpose
	CreatedAt time.Time
	ExpiresAt time.Time `gorm:"index"`
}

// KnownAddress is a network address from which somebody has signed in.
type KnownAddress struct {
	UserID  string    `gorm:"primaryKey"`
	Address string    `gorm:"primaryKey;index"`
	SeenAt  time.Time `gorm:"index"`
}
