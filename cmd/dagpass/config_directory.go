package main

import (
	"errors"
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// LDAPConfig is a directory.
type LDAPConfig struct {
	URLs          list          `env:"URLS"`
	BindDN        string        `env:"BIND_DN"`
	BindPassword  models.Secret `env:"BIND_PASSWORD"`
	BaseDN        string        `env:"BASE_DN"`
	UserFilter    string        `env:"USER_FILTER"`
	GroupBaseDN   string        `env:"GROUP_BASE_DN"`
	GroupFilter   string        `env:"GROUP_FILTER"`
	CA            string        `env:"CA"` // given as LDAP_CA_FILE
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
		CAFile: c.ldapCA, EmailTrusted: d.EmailVerified == "trusted", Now: now,
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
		return
	}
	if c.ldapCA = l.files["LDAP_CA"]; c.ldapCA == "" && c.LDAP.CA != "" {
		l.bad("%sLDAP_CA must be given as %sLDAP_CA_FILE", prefix, prefix)
	}
	if c.LDAP.EmailVerified != "required" && c.LDAP.EmailVerified != "trusted" {
		l.bad("%sLDAP_EMAIL_VERIFIED must be required or trusted", prefix)
	}
	if len(c.LDAP.URLs) > 0 && c.LDAP.BaseDN != "" {
		l.judgeDirectory(c)
	}
}

// judgeDirectory says each problem once: groups are looked for where people are,
// unless another branch is set.
func (l *loader) judgeDirectory(c *Config) {
	_, err := providers.NewLDAP(c.ldapProvider())
	said := ""
	for _, problem := range split(errors.Unwrap(err)) {
		if problem.Error() != said {
			l.bad("%sLDAP_*: %s", prefix, problem)
		}
		said = problem.Error()
	}
}
