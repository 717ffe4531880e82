package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Keyring seals what a row or a browser keeps but must not read. The first key
// seals, all of them open, so that a key can be replaced without an outage.
type Keyring struct{ keys []sealKey }

type sealKey struct {
	id     string // names the key within a sealed value; not secret
	master []byte
}

// minKey is the least length of a key, in bytes.
const minKey = 32

// NewKeyring takes keys of 32 bytes or more, the sealing one first.
func NewKeyring(keys ...[]byte) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("no secret key")
	}
	k := &Keyring{}
	for _, key := range keys {
		if len(key) < minKey {
			return nil, fmt.Errorf("a secret key must have at least %d bytes", minKey)
		}
		sum := sha256.Sum256(append([]byte("dagpass key id:"), key...))
		k.keys = append(k.keys, sealKey{id: hex.EncodeToString(sum[:4]), master: key})
	}
	return k, nil
}

// Seal encrypts and authenticates text with AES-256-GCM under a key derived
// for one purpose (HKDF, RFC 5869): a value sealed for one use cannot be
// passed off as another's.
func (k *Keyring) Seal(purpose, text string) (string, error) {
	aead, err := k.keys[0].aead(purpose)
	if err != nil {
		return "", err
	}
	box := aead.Seal(nil, nil, []byte(text), []byte(purpose))
	return "1." + k.keys[0].id + "." + base64.RawURLEncoding.EncodeToString(box), nil
}

var errSealed = errors.New("sealed value cannot be opened")

// Open gives the text back, or an error that tells nothing about it.
func (k *Keyring) Open(purpose, sealed string) (string, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, body, _ := strings.Cut(rest, ".")
	box, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || version != "1" {
		return "", errSealed
	}
	for _, key := range k.keys {
		if key.id == id {
			return key.open(purpose, box)
		}
	}
	return "", errSealed
}

// Current tells whether the first key sealed the value.
func (k *Keyring) Current(sealed string) bool {
	return strings.HasPrefix(sealed, "1."+k.keys[0].id+".")
}

func (s sealKey) open(purpose string, box []byte) (string, error) {
	aead, err := s.aead(purpose)
	if err != nil {
		return "", err
	}
	text, err := aead.Open(nil, nil, box, []byte(purpose))
	if err != nil {
		return "", errSealed
	}
	return string(text), nil
}

func (s sealKey) aead(purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.master, nil, "dagpass/"+purpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
