package main

import (
	"path/filepath"
	"slices"

	"github.com/dagpass/dagpass/identity"
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
	if c.AuditFile != "" && slices.Contains(c.databaseFiles(), filepath.Clean(c.AuditFile)) {
		l.bad("%sAUDIT_FILE must be another file than those of the database", prefix) // lines of text would destroy it
	}
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
