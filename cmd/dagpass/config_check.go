package main

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

type configCheckVerb struct{}

// Run prints what is in effect, redacted, and what to register with whom.
func (configCheckVerb) Run(env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	return cfg.describe(io.Out, cfg.site(cfg.listenPort()))
}

// listenPort is the one that is set; 0 is chosen at the start.
func (c *Config) listenPort() string { return c.Listen[strings.LastIndex(c.Listen, ":")+1:] }

func (c *Config) describe(w io.Writer, site models.Site) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, row := range c.lines() {
		fmt.Fprintf(t, "%s%s\t%s\t%s\n", prefix, row.Name, row.Value, row.From)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nPeople open %s\n", site.Link("/"))
	if c.PublicURL == "" && site.URL.Port() == "0" {
		fmt.Fprintln(w, "The port is chosen at the start; set DAGPASS_PUBLIC_URL to register an address that stays.")
	}
	if c.databaseFile() != "" && c.SecretKey == "" {
		fmt.Fprintf(w, "The secret key is kept in %s.key; back it up with the database.\n", c.databaseFile())
	}
	if !c.Enforce {
		fmt.Fprintln(w, "Monitor mode: what a role forbids is recorded and done all the same.")
	}
	c.describeAccounts(w)
	for _, p := range c.providers() {
		fmt.Fprintf(w, "\n%s (%s)\n", label(p, p.slot), p.kind)
		p.describeWay(w, site)
		fmt.Fprintf(w, "  who gets in:                   %s\n", p.whoGetsIn(c.DefaultRole))
	}
	return nil
}

// describeWay says what has to be known of us where the provider is.
func (p provider) describeWay(w io.Writer, site models.Site) {
	switch p.kind {
	case "ldap":
		fmt.Fprintln(w, "  people type name and password: into our sign-in page; nothing to register")
	case "header":
		fmt.Fprintf(w, "  the proxy's headers are read:  at %s alone\n", site.Link("/auth/start/"+p.slot))
	default:
		fmt.Fprintf(w, "  register as redirect URI:      %s\n", site.Link("/auth/callback/"+p.slot))
	}
	if p.kind == "oidc" {
		fmt.Fprintf(w, "  and as post-logout URI:        %s\n", site.Link("/auth/login"))
	}
}

// describeAccounts says what stands here without a provider.
func (c *Config) describeAccounts(w io.Writer) {
	fmt.Fprintf(w, "Local accounts are %s\n", c.localAccounts())
	fmt.Fprintf(w, "Second factors: %s\n", c.secondFactors())
	if !c.policy.CanMakeAdmin() {
		fmt.Fprintf(w, "Neither DAGPASS_ADMIN_EMAILS nor a grant of the policy makes an admin: %s\n", c.firstAdmin())
	}
}

func (c *Config) localAccounts() string {
	if c.PasswordLogin {
		return "on: people whom an admin gives one sign in with a password or a passkey."
	}
	return "off: nobody signs in without a provider, but by a link of dagpass user link."
}

func (c *Config) firstAdmin() string {
	switch {
	case !c.PasswordLogin:
		return "where the database has none, serve refuses to start."
	case c.Bootstrap.Username != "":
		return "where the database has none, serve makes that of DAGPASS_BOOTSTRAP_ADMIN_USERNAME."
	}
	return "where the database has none, serve logs a setup token."
}

func (c *Config) secondFactors() string {
	m := c.policy.MFA()
	who := "local accounts"
	if m.SSO {
		who = "all accounts, unless their provider says that it has asked for one,"
	}
	switch {
	case c.MFA == string(identity.MFAOff):
		return "off; nobody is asked for one."
	case c.MFA == string(identity.MFARequired):
		return who + " must have one."
	case len(m.Roles) > 0:
		return who + " are asked for one that they have set up, and must have one if they hold all of " + orList(m.Roles) + "."
	}
	return who + " are asked for one that they have set up."
}

func orList(roles []policy.Role) string {
	var words []string
	for _, role := range roles {
		words = append(words, string(role))
	}
	return strings.Join(words, " or ")
}

// rows are one line per setting of a struct. A secret shows itself as redacted;
// an address of a database or an upstream loses its password.
func (c *Config) rows(prefix string, v reflect.Value) (all []identity.FixedSetting) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		name := f.Tag.Get("env")
		switch {
		case f.Tag.Get("envPrefix") != "":
			all = append(all, c.rows(prefix+f.Tag.Get("envPrefix"), value)...)
		case f.Anonymous:
			all = append(all, c.rows(prefix, value)...)
		case name != "" && name != "-":
			all = append(all, identity.FixedSetting{Name: prefix + name, Value: c.shown(prefix+name, value), From: c.from(prefix + name)})
		}
	}
	return all
}

func (c *Config) shown(name string, v reflect.Value) string {
	switch name {
	case "DATABASE_URL":
		return redactURL(c.DatabaseURL.Reveal())
	case "POLICY":
		return sized(c.Policy)
	case "BRAND_LOGO":
		return sized(string(c.brand.Logo))
	}
	switch value := v.Interface().(type) {
	case models.Secret:
		return map[bool]string{true: "", false: value.String()}[value == ""]
	case list:
		return strings.Join(value, ",")
	default:
		return fmt.Sprint(value)
	}
}

// sized stands for what is too long to be shown.
func sized(value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf("(%d bytes)", len(value))
}

func (c *Config) from(name string) string {
	if c.given[name] {
		return "set"
	}
	return "default"
}

// redactURL keeps of a database address what helps to recognise it: no user,
// no password, no parameter, which may hold one too.
func redactURL(raw string) string {
	if strings.HasPrefix(raw, "sqlite:") {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return models.Secret(raw).String()
	}
	user := ""
	if u.User != nil {
		user = models.Secret(raw).String() + "@"
	}
	return u.Scheme + "://" + user + u.Host + u.Path
}

// whoGetsIn says in one sentence what the provider's lists mean.
func (p provider) whoGetsIn(defaultRole string) string {
	but := ""
	if defaultRole == "none" {
		but = ", if ADMIN_EMAILS or a grant of the policy names them"
	}
	switch needs := p.needs(); {
	case len(needs) > 0:
		return "people " + strings.Join(needs, " and ") + but + "."
	case p.openToAll():
		return "WARNING: anybody in the world with an account there" + but + "."
	case p.public:
		return "only ADMIN_EMAILS and people whom a grant of the policy names, for anybody can open an account there."
	}
	return "whoever the provider vouches for" + but + "."
}

// needs lists what the provider's lists ask of somebody.
func (p provider) needs() (needs []string) {
	g := p.gate
	if addresses := append(prefixed("@", g.Domains), g.Emails...); len(addresses) > 0 {
		needs = append(needs, "with a verified address of "+strings.Join(addresses, " or "))
	}
	if len(g.Orgs) > 0 {
		needs = append(needs, "in the organisation or team "+strings.Join(g.Orgs, " or "))
	}
	if len(g.Groups) > 0 {
		needs = append(needs, "in the group "+strings.Join(g.Groups, " or "))
	}
	return needs
}

// openToAll tells a list that says "*" where anybody can open an account.
func (p provider) openToAll() bool {
	return p.public && p.gate.Everyone && len(p.needs()) == 0
}

// warnings is what an operator should hear at every start.
func (c *Config) warnings() []string {
	var all []string
	if !c.Enforce {
		all = append(all, "monitor mode (DAGPASS_ENFORCE=false): what a role forbids is recorded and done all the same")
	}
	return append(all, c.openProviders(c.rules().Gates)...)
}

// openProviders warns of providers that let in anybody, by the lists in force.
func (c *Config) openProviders(gates map[string]policy.Gate) (all []string) {
	for _, p := range c.providers() {
		if p.gate = gates[p.slot]; p.openToAll() {
			all = append(all, "the provider "+p.slot+" lets in anybody in the world with an account there, for its list says *")
		}
	}
	return all
}

func prefixed(prefix string, all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = prefix + s
	}
	return out
}
