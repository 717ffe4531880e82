package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
)

// provider is one way in as the operator configured it, whatever its type.
type provider struct {
	slot, kind string // kind is google, github, oidc, ldap or header
	prefix     string // of its variables, without DAGPASS_
	Client
	issuer string
	public bool // anybody can open an account there
	groups bool // it can send groups
	gate   policy.Gate
}

// inBrowser tells that people go there with their browser, as clients of OAuth.
func (p provider) inBrowser() bool { return p.kind != "ldap" && p.kind != "header" }

// providers lists the configured ones: Google, GitHub, then the slots in the
// order of OIDC_PROVIDERS, the directory and the trusted header. It is the one
// place that knows all types.
func (c *Config) providers() []provider {
	var all []provider
	if c.configured("GOOGLE_") {
		p := provider{slot: "google", kind: "google", prefix: "GOOGLE_", Client: c.Google.Client, issuer: c.Google.Issuer}
		p.public = providers.Public(p.issuer)
		p.gate = newGate(p, c.Google.AllowedDomains, nil, nil)
		all = append(all, p)
	}
	if c.configured("GITHUB_") {
		p := provider{slot: "github", kind: "github", prefix: "GITHUB_", Client: c.GitHub.Client, issuer: c.GitHub.URL}
		p.public = hostOf(p.issuer) == "github.com" || hostOf(p.issuer) == "www.github.com"
		p.gate = newGate(p, nil, c.GitHub.AllowedOrgs, nil)
		all = append(all, p)
	}
	for _, o := range c.OIDC {
		p := provider{slot: o.Slot, kind: "oidc", prefix: "OIDC_" + slotName(o.Slot) + "_", Client: o.Client, issuer: o.Issuer, groups: true}
		p.public = providers.Public(p.issuer)
		p.gate = newGate(p, o.AllowedDomains, nil, o.AllowedGroups)
		all = append(all, p)
	}
	if c.configured("LDAP_") {
		all = append(all, c.directory())
	}
	if c.configured("HEADER_") {
		all = append(all, c.header())
	}
	return all
}

func (c *Config) configured(prefix string) bool {
	for name, given := range c.given {
		if given && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func newGate(p provider, domains, orgs, groups list) policy.Gate {
	g := policy.Gate{Public: p.public}
	g.Domains = g.Fill(domains, policy.Fold)
	g.Emails = g.Fill(p.AllowedEmails, policy.Fold)
	g.Orgs = g.Fill(orgs, policy.Fold)
	g.Groups = g.Fill(groups, strings.Clone)
	return g
}

var slotPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

func (l *loader) checkSlots(c *Config) {
	seen := map[string]string{}
	for _, slot := range c.OIDCProviders {
		switch other := seen[slotName(slot)]; {
		case !slotPattern.MatchString(slot):
			l.bad("DAGPASS_OIDC_PROVIDERS: %q is not a slot name (lower-case letters, digits, - and _)", slot)
		case slices.Contains([]string{"google", "github", "ldap", "header", "password"}, slot):
			l.bad("DAGPASS_OIDC_PROVIDERS: %q is a name that Dagpass uses itself", slot)
		case other == slot:
			l.bad("DAGPASS_OIDC_PROVIDERS names %q twice", slot)
		case other != "":
			l.bad("DAGPASS_OIDC_PROVIDERS: %q and %q would share the variables DAGPASS_OIDC_%s_*", other, slot, slotName(slot))
		}
		seen[slotName(slot)] = slot
	}
}

func (l *loader) checkProviders(c *Config) {
	all := c.providers()
	if len(all) == 0 && !c.PasswordLogin {
		l.bad("DAGPASS_PASSWORD_LOGIN is false and no identity provider is configured, so nobody could sign in; " +
			"set DAGPASS_GOOGLE_CLIENT_ID, DAGPASS_GITHUB_CLIENT_ID, DAGPASS_OIDC_PROVIDERS or DAGPASS_LDAP_URLS")
	}
	issuers := map[string]string{}
	for _, p := range all {
		if other, taken := issuers[p.issuer]; taken && p.issuer != "" && other != p.prefix {
			// People are known by issuer and subject: one would overwrite what the other said.
			name := issuerName(p.kind)
			l.bad("DAGPASS_%s%s is DAGPASS_%s%s too; two providers cannot share an issuer", p.prefix, name, other, name)
		}
		issuers[p.issuer] = p.prefix
		if p.inBrowser() {
			l.need(p.prefix+"CLIENT_ID", p.ClientID)
			l.need(p.prefix+"CLIENT_SECRET", p.ClientSecret.Reveal())
			l.need(p.prefix+issuerName(p.kind), p.issuer)
			l.checkIssuer(p)
		}
	}
	l.checkDirectory(c)
	l.checkHeader(c)
	for _, o := range c.OIDC {
		l.checkOIDC(o)
	}
}

func issuerName(kind string) string {
	if kind == "github" {
		return "URL"
	}
	return "ISSUER"
}

func (l *loader) need(name, value string) {
	if value == "" {
		l.bad("DAGPASS_%s is missing", name)
	}
}

func (l *loader) checkIssuer(p provider) {
	u, err := url.Parse(p.issuer)
	name := "DAGPASS_" + p.prefix + issuerName(p.kind)
	switch {
	case p.issuer == "":
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		l.bad("%s must be an https address", name)
	case u.Scheme != "https" && (u.Scheme != "http" || !models.IsLoopback(u.Host)):
		l.bad("%s must be https (http is for loopback only)", name)
	}
}

// checkLists refuses entries that nobody could match: their author would not
// learn it, and a door would stay shut.
func (l *loader) checkLists(p provider) {
	l.checkEntries(p.prefix+"ALLOWED_EMAILS", p.gate.Emails)
	l.checkEntries(p.prefix+"ALLOWED_DOMAINS", p.gate.Domains)
	l.checkEntries(p.prefix+"ALLOWED_GROUPS", p.gate.Groups)
	l.checkEntries(p.prefix+"ALLOWED_ORGS", p.gate.Orgs)
	for _, email := range p.gate.Emails {
		l.checkEmail(p.prefix+"ALLOWED_EMAILS", email)
	}
	for _, domain := range p.gate.Domains {
		if strings.Contains(domain, "@") {
			l.bad("DAGPASS_%sALLOWED_DOMAINS: %q must be written without @", p.prefix, domain)
		}
	}
	for _, org := range p.gate.Orgs {
		if org, team, ok := strings.Cut(org, "/"); org == "" || (ok && (team == "" || strings.Contains(team, "/"))) {
			l.bad("DAGPASS_%sALLOWED_ORGS: an entry is org or org/team", p.prefix)
		}
	}
}

// checkEntries refuses a line end above all: who writes an entry on each line of a
// file would have one entry that nobody has.
func (l *loader) checkEntries(name string, entries []string) {
	for _, entry := range entries {
		if !utf8.ValidString(entry) || strings.ContainsFunc(entry, unicode.IsControl) {
			l.bad("DAGPASS_%s: %q must be plain text on one line, with commas between entries", name, entry)
		}
	}
}

func (l *loader) checkOIDC(o OIDCConfig) {
	name := "DAGPASS_OIDC_" + slotName(o.Slot) + "_"
	switch {
	case o.EmailVerified != "required" && o.EmailVerified != "trusted":
		l.bad("%sEMAIL_VERIFIED must be required or trusted", name)
	case o.EmailVerified == "trusted" && providers.Public(o.Issuer):
		l.bad("%sEMAIL_VERIFIED=trusted is refused at an issuer where anybody can have any address", name)
	}
	if !slices.Contains(strings.Fields(o.Scopes), "openid") {
		l.bad("%sSCOPES must contain openid", name)
	}
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}
