package main

import (
	"slices"

	"github.com/dagpass/dagpass/providers"
)

// HeaderConfig is sign-in by the headers of a proxy in front of us.
type HeaderConfig struct {
	Login          string `env:"LOGIN"`
	Label          string `env:"LABEL"`
	From           list   `env:"FROM"`
	Issuer         string `env:"ISSUER"`
	Audience       string `env:"AUDIENCE"`
	KeysURL        string `env:"KEYS_URL"`
	Signer         string `env:"SIGNER"`
	Assertion      string `env:"ASSERTION"`
	User           string `env:"USER"`
	Email          string `env:"EMAIL"`
	FullName       string `env:"FULL_NAME"`
	Groups         string `env:"GROUPS"`
	GroupsClaim    string `env:"GROUPS_CLAIM"`
	EmailVerified  string `env:"EMAIL_VERIFIED"`
	AllowedDomains list   `env:"ALLOWED_DOMAINS"`
	AllowedEmails  list   `env:"ALLOWED_EMAILS"`
	AllowedGroups  list   `env:"ALLOWED_GROUPS"`
}

func (c *Config) header() provider {
	h := c.Header
	p := provider{slot: "header", kind: "header", prefix: "HEADER_", issuer: providers.HeaderIssuer(h.Login, h.Issuer), public: providers.Public(h.Issuer)}
	p.Label, p.AllowedEmails = h.Label, h.AllowedEmails
	p.groups = h.Login != "plain" || h.Groups != ""
	p.gate = newGate(p, h.AllowedDomains, nil, h.AllowedGroups)
	return p
}

func (c *Config) headerProvider() providers.HeaderConfig {
	h := c.Header
	return providers.HeaderConfig{
		Label: h.Label, Kind: h.Login, From: c.senders, Issuer: h.Issuer, Audience: h.Audience, KeysURL: h.KeysURL, Signer: h.Signer,
		Assertion: h.Assertion, User: h.User, Email: h.Email, Name: h.FullName, Groups: h.Groups, GroupsClaim: h.GroupsClaim,
		EmailVerified: h.EmailVerified, Now: now,
	}
}

// checkHeader has the provider judge its settings: which of them are needed
// depends on the kind of proxy.
func (l *loader) checkHeader(c *Config) {
	if !c.configured("HEADER_") {
		return
	}
	if c.Header.Login == "" {
		l.need("HEADER_LOGIN", "")
		return
	}
	c.senders = l.networks("HEADER_FROM", c.Header.From)
	_, err := providers.NewHeader(c.headerProvider())
	for _, problem := range split(err) {
		l.bad("%s%s", prefix, problem)
	}
	if own := c.site(c.listenPort()).Link("/auth"); c.Header.Issuer == own {
		// Dagster gets these with every request: whoever reads them there could be anybody here.
		l.bad("%sHEADER_ISSUER is what this Dagpass itself issues to Dagster", prefix)
	}
}

// vouching are the headers by which the proxy in front of us signs people in.
func (c *Config) vouching() []string {
	h := c.Header
	return slices.DeleteFunc([]string{h.Assertion, h.User, h.Email, h.FullName, h.Groups}, func(name string) bool { return name == "" })
}
