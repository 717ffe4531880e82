package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/dagpass/dagpass/models"
)

// signPurpose is what the key of checkpoints is derived for.
const signPurpose = "checkpoint"

var (
	errForeignKey = errors.New("is signed with a key that is not among the secret keys of this installation")
	errForged     = errors.New("has a signature that is not ours")
)

// Sign signs a text with the first key (Ed25519, RFC 8032; the key derived by
// HKDF, RFC 5869) and gives the public key and the signature, in base64.
func (k *Keyring) Sign(text string) (key, signature string, err error) {
	private, err := k.keys[0].signer()
	if err != nil {
		return "", "", err
	}
	return public(private), base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(text))), nil
}

// CheckSignature is nil for what one of the keys has signed.
func (k *Keyring) CheckSignature(text, key, signature string) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return errForged
	}
	for _, one := range k.keys {
		private, err := one.signer()
		if err != nil {
			return err
		}
		if public(private) != key {
			continue
		}
		if !ed25519.Verify(private.Public().(ed25519.PublicKey), []byte(text), raw) {
			return errForged
		}
		return nil
	}
	return errForeignKey
}

func (s sealKey) signer() (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, s.master, nil, "dagpass/"+signPurpose, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func public(private ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
}

func (k *Keyring) signCheckpoint(c *models.Checkpoint) (err error) {
	c.Key, c.Signature, err = k.Sign(c.Text())
	return err
}

func (k *Keyring) signAnchor(a *models.Anchor) (err error) {
	a.Key, a.Signature, err = k.Sign(a.Text())
	return err
}
