package main

import (
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// LDAPConfig is a directory. CA is usually given as LDAP_CA_FILE.
type LDAPConfig struct {
	URLs          list          `env:"URLS"`
	BindDN        string        `env:"BIND_DN"`
	BindPassword  models.Secret `env:"BIND_PASSWORD"`
	BaseDN        string        `env:"BASE_DN"`
	UserFilter    string        `env:"USER_FILTER"`
	GroupBaseDN   string        `env:"GROUP_BASE_DN"`
	GroupFilter   string        `env:"GROUP_FILTER"`
	CA            string        `env:"CA"`
	StartTLS      bool          `env:"STARTTLS" envDefault:"false"`
	EmailVerified string        `env:"EMAIL_VERIFIED" envDefault:"required"`
	Label         string        `env:"LABEL"`
	AllowedEmails list          `env:"ALLOWED_EMAILS"`
	AllowedGroups list          `env:"ALLOWED_GROUPS"`
}

func (c *Config) directory() provider {
	p := provider{slot: "ldap", kind: "ldap", prefix: "LDAP_", groups: true}
	p.Label, p.AllowedEmails = c.LDAP.Label, c.LDAP.AllowedEmails
	p.gate = newGate(p, nil, nil, c.LDAP.AllowedGroups)
	return p
}

func (c *Config) ldapProvider() providers.LDAPConfig {
	d := c.LDAP
	return providers.LDAPConfig{
		Label: d.Label, URLs: d.URLs, StartTLS: d.StartTLS, BindDN: d.BindDN, BindPassword: d.BindPassword.Reveal(),
		BaseDN: d.BaseDN, UserFilter: d.UserFilter, GroupBaseDN: d.GroupBaseDN, GroupFilter: d.GroupFilter,
		EmailTrusted: d.EmailVerified == "trusted", Now: now,
	}
}

// checkDirectory names what is missing, and has the provider judge the rest.
func (l *loader) checkDirectory(c *Config) {
	if !c.configured("LDAP_") {
		return
	}
	l.need("LDAP_URLS", strings.Join(c.LDAP.URLs, ""))
	l.need("LDAP_BASE_DN", c.LDAP.BaseDN)
	if (c.LDAP.BindDN == "") != (c.LDAP.BindPassword == "") {
		l.need("LDAP_BIND_DN", c.LDAP.BindDN)
		l.need("LDAP_BIND_PASSWORD", c.LDAP.BindPassword.Reveal())
	}
	if c.LDAP.EmailVerified != "required" && c.LDAP.EmailVerified != "trusted" {
		l.bad("%sLDAP_EMAIL_VERIFIED must be required or trusted", prefix)
	}
}
