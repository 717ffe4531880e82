package main

import (
	"bytes"
	"path/filepath"
	"slices"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// checkAudit holds the settings of the audit trail.
func (l *loader) checkAudit(c *Config) {
	if c.AuditRetention != 0 && c.AuditRetention < identity.MinRetention {
		l.bad("%sAUDIT_RETENTION must be 24h or more, or 0 to keep everything", prefix)
	}
	if c.AuditFileMaxMB < 1 || c.AuditFileMaxMB > 10_000 {
		l.bad("%sAUDIT_FILE_MAX_MB must be between 1 and 10000", prefix)
	}
	if c.AuditFileKeep < 1 || c.AuditFileKeep > 10_000 {
		l.bad("%sAUDIT_FILE_KEEP must be between 1 and 10000", prefix)
	}
	l.checkAuditKey(c)
	if c.AuditFile != "" && slices.Contains(c.databaseFiles(), filepath.Clean(c.AuditFile)) {
		l.bad("%sAUDIT_FILE must be another file than those of the database", prefix) // lines of text would destroy it
	}
}

// checkAuditKey wants a key of its own: whoever changes the other one, or gives
// it to somebody, must not change who is called what, or tell who is who.
func (l *loader) checkAuditKey(c *Config) {
	keys, err := decodeKeys(c.AuditKey)
	if err != nil || len(keys) > 1 {
		l.bad("%sAUDIT_PSEUDONYM_KEY must be base64 of 32 bytes or more, and one key", prefix)
		return
	}
	secret, _ := decodeKeys(c.SecretKey) // checked by itself
	same := func(key []byte) bool { return len(keys) == 1 && bytes.Equal(key, keys[0]) }
	if slices.ContainsFunc(secret, same) {
		l.bad("%sAUDIT_PSEUDONYM_KEY must be another key than %sSECRET_KEY", prefix, prefix)
	}
}

// pseudonyms is nil where people stand in the trail by name.
func (c *Config) pseudonyms() (*models.Pseudonyms, error) {
	keys, err := decodeKeys(c.AuditKey)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return models.NewPseudonyms(keys[0])
}

// databaseFiles are those that SQLite and we keep in one place.
func (c *Config) databaseFiles() (all []string) {
	if path := c.databaseFile(); path != "" {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".key"} {
			all = append(all, path+suffix)
		}
	}
	return all
}
