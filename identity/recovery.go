package identity

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

const (
	recoveryCodes  = 10 // how many somebody gets
	recoveryBytes  = 10 // of randomness in each: 80 bits
	recoveryLength = 16 // characters, without the marks between
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// newRecoveryCode gives a code as it is shown: xxxx-xxxx-xxxx-xxxx.
func newRecoveryCode() string {
	random := make([]byte, recoveryBytes)
	_, _ = rand.Read(random) // it never fails
	code := strings.ToLower(base32Text.EncodeToString(random))
	return code[:4] + "-" + code[4:8] + "-" + code[8:12] + "-" + code[12:]
}

// bareCode leaves out what people put between the characters of a code.
func bareCode(code string) string {
	return strings.Join(strings.FieldsFunc(code, func(r rune) bool { return r == ' ' || r == '\t' || r == '-' }), "")
}

// isRecoveryCode tells the form of a bare recovery code from that of a
// one-time password.
func isRecoveryCode(code string) bool {
	_, err := base32Text.DecodeString(strings.ToUpper(code))
	return len(code) == recoveryLength && err == nil
}

// recoveryHash is what is kept of a bare code.
func recoveryHash(userID, code string) string {
	return models.Digest("recovery:" + userID + ":" + strings.ToLower(code))
}

// replaceRecoveryCodes makes new codes the only ones, and gives them to be shown
// once.
func (s *Service) replaceRecoveryCodes(tx *store.Tx, userID string) ([]string, error) {
	codes, rows := make([]string, recoveryCodes), make([]models.RecoveryCode, recoveryCodes)
	for i := range codes {
		codes[i] = newRecoveryCode()
		rows[i] = models.RecoveryCode{Hash: recoveryHash(userID, bareCode(codes[i])), UserID: userID, CreatedAt: s.Now()}
	}
	return codes, tx.ReplaceRecoveryCodes(userID, rows)
}

// proofByCode tells by its form what a code is, and proves with it.
func (s *Service) proofByCode(typed string) proof {
	code := bareCode(typed)
	if isRecoveryCode(code) {
		return proof{models.FactorRecovery, func(tx *store.Tx, userID string) error {
			err := tx.SpendRecoveryCode(userID, recoveryHash(userID, code))
			if errors.Is(err, models.ErrNotFound) {
				return refusal{"wrong_code", ErrWrongCode}
			}
			return err
		}}
	}
	return proof{models.FactorTOTP, func(tx *store.Tx, userID string) error { return s.proveTOTP(tx, userID, code) }}
}
