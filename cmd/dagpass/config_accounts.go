package main

import (
	"strings"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// checkAccounts holds the settings of accounts that are kept here and of failed
// attempts.
func (l *loader) checkAccounts(c *Config) {
	if c.Attempts < 1 || c.Attempts > 1000 {
		l.bad("%sRATE_LIMIT_ATTEMPTS must be between 1 and 1000", prefix)
	}
	if c.Window < time.Second || c.Window > 24*time.Hour {
		l.bad("%sRATE_LIMIT_WINDOW must be between 1s and 24h", prefix)
	}
	if len(c.providers()) == 0 && c.policy != nil && c.policy.CanMakeAdmin() {
		// Else it would pass for claimed, and nobody could ever be admin.
		l.bad("%sADMIN_EMAILS and grants of the policy look at what an identity provider says, and none is configured", prefix)
	}
	l.checkBootstrap(c)
}

// checkBootstrap judges the password as a page would. That its owner chose it
// for a setting makes it no better.
func (l *loader) checkBootstrap(c *Config) {
	b := c.Bootstrap
	if b == (BootstrapConfig{}) {
		return
	}
	if !c.PasswordLogin {
		l.bad("%sBOOTSTRAP_ADMIN_USERNAME and _PASSWORD make a local account, and %sPASSWORD_LOGIN is false; leave out the one or the other", prefix, prefix)
		return
	}
	l.need("BOOTSTRAP_ADMIN_USERNAME", b.Username)
	l.need("BOOTSTRAP_ADMIN_PASSWORD", b.Password.Reveal())
	if b.Username != "" && b.Password != "" {
		l.refuseAdmin(identity.CheckBootstrap(b.Username, b.Password.Reveal()))
	}
}

func (l *loader) refuseAdmin(err error) {
	if err != nil {
		problem := models.AsError(err)
		l.bad("%sBOOTSTRAP_ADMIN_%s: %s", prefix, strings.ToUpper(problem.Field), problem.Msg)
	}
}
