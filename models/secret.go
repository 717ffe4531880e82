package models

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"strings"
)

// Secret is a value that prints as [redacted] wherever it is printed; Reveal
// is the one way to its content.
type Secret string

const redacted = "[redacted]"

// Reveal gives the content, for the one place that must have it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer, so that %#v is covered too.
func (s Secret) GoString() string { return redacted }

// MarshalText covers JSON and YAML. (A map key it does not: encoding/json takes
// a string as it is.)
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// RandomToken gives 256 bits in URL-safe base64: 43 characters.
func RandomToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24: the program ends instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewID gives 128 random bits in hex, the key of a row.
func NewID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// IsID tells whether s is written as [NewID] writes.
func IsID(s string) bool { return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" }

// Digest is what a row keeps of a secret: SHA-256 in hex. It is enough for
// secrets of 256 random bits, which nobody can guess one by one.
func Digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
