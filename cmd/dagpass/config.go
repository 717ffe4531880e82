package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/proxy"
)

const prefix = "DAGPASS_"

// Config is the settings as the operator wrote them. It lives in package main
// so that no room can reach for a setting: each is handed what it needs.
type Config struct {
	Listen        string        `env:"LISTEN" envDefault:"127.0.0.1:3000"`
	PublicURL     string        `env:"PUBLIC_URL"`
	Upstream      string        `env:"UPSTREAM" envDefault:"http://127.0.0.1:3001"`
	UpstreamName  string        `env:"UPSTREAM_NAME" envDefault:"dagster"`
	DatabaseURL   models.Secret `env:"DATABASE_URL" envDefault:"sqlite:dagpass.db"`
	SecretKey     models.Secret `env:"SECRET_KEY"`
	Trusted       list          `env:"TRUSTED_PROXIES"`
	SessionTTL    time.Duration `env:"SESSION_TTL" envDefault:"24h"`
	SessionIdle   time.Duration `env:"SESSION_IDLE" envDefault:"8h"`
	LogFormat     string        `env:"LOG_FORMAT"`
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`
	AdminEmails   list          `env:"ADMIN_EMAILS"`
	DefaultRole   string        `env:"DEFAULT_ROLE" envDefault:"viewer"`
	Policy        string        `env:"POLICY"`
	Enforce       bool          `env:"ENFORCE" envDefault:"true"`
	RunLabel      string        `env:"RUN_LABEL" envDefault:"email"`
	ALBHeaders    bool          `env:"ALB_HEADERS" envDefault:"false"`
	MetricsToken  models.Secret `env:"METRICS_TOKEN"`
	MetricsListen string        `env:"METRICS_LISTEN"`
	PasswordLogin bool          `env:"PASSWORD_LOGIN" envDefault:"true"`
	MFA           string        `env:"MFA" envDefault:"optional"`
	Attempts      int           `env:"RATE_LIMIT_ATTEMPTS" envDefault:"5"`
	Window        time.Duration `env:"RATE_LIMIT_WINDOW" envDefault:"5m"`
	OIDCProviders list          `env:"OIDC_PROVIDERS"`
	UIMenu        bool          `env:"UI_MENU" envDefault:"true"`
	UIGreyOut     bool          `env:"UI_GREY_OUT" envDefault:"true"`
	Message       string        `env:"MESSAGE"`
	Pinned        list          `env:"PINNED"`

	AuditRetention time.Duration `env:"AUDIT_RETENTION" envDefault:"0"`
	AuditFile      string        `env:"AUDIT_FILE"`
	AuditFileMaxMB int           `env:"AUDIT_FILE_MAX_MB" envDefault:"100"`
	AuditFileKeep  int           `env:"AUDIT_FILE_KEEP" envDefault:"10"`
	AuditKey       models.Secret `env:"AUDIT_PSEUDONYM_KEY"`

	Brand     BrandConfig     `envPrefix:"BRAND_"`
	Bootstrap BootstrapConfig `envPrefix:"BOOTSTRAP_ADMIN_"`

	Google GoogleConfig `envPrefix:"GOOGLE_"`
	GitHub GitHubConfig `envPrefix:"GITHUB_"`
	LDAP   LDAPConfig   `envPrefix:"LDAP_"`
	Header HeaderConfig `envPrefix:"HEADER_"`
	// OIDC holds one entry per name in OIDC_PROVIDERS, in that order.
	OIDC []OIDCConfig `env:"-"`

	// Demo marks the pages of the demonstration; only that verb sets it.
	Demo bool `env:"-"`
	// Forgiving lets a verb start although what was changed in the console cannot
	// be, to put it right.
	Forgiving bool `env:"-"`
	// PolicyPath is set where POLICY_FILE gave the policy: that file is watched.
	PolicyPath string `env:"-"`

	policy   *policy.Policy
	trusted  []netip.Prefix
	ldapCA   string         // the path of LDAP_CA_FILE
	senders  []netip.Prefix // who may send the headers of HEADER_LOGIN
	upstream proxy.Upstream
	given    map[string]bool // the names that were set
	grants   []policy.Grant  // of the database
	brand    models.Brand
	// source is what it was read from. It is a pointer so that nothing prints it
	// with the rest: secrets stand in it as they are.
	source *source
}

// list is comma-separated; blanks around an entry and empty entries are dropped.
type list []string

// UnmarshalText implements encoding.TextUnmarshaler for the environment.
func (l *list) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part != "" {
			*l = append(*l, part)
		}
	}
	return nil
}

// BootstrapConfig is the first admin, where there is none.
type BootstrapConfig struct {
	Username string        `env:"USERNAME"`
	Password models.Secret `env:"PASSWORD"`
}

// Client is what every provider has.
type Client struct {
	ClientID      string        `env:"CLIENT_ID"`
	ClientSecret  models.Secret `env:"CLIENT_SECRET"`
	Label         string        `env:"LABEL"`
	AllowedEmails list          `env:"ALLOWED_EMAILS"`
}

// GoogleConfig is Google sign-in.
type GoogleConfig struct {
	Client
	AllowedDomains list   `env:"ALLOWED_DOMAINS"`
	Issuer         string `env:"ISSUER" envDefault:"https://accounts.google.com"`
}

// GitHubConfig is GitHub or GitHub Enterprise.
type GitHubConfig struct {
	Client
	AllowedOrgs list   `env:"ALLOWED_ORGS"`
	URL         string `env:"URL" envDefault:"https://github.com"`
}

// OIDCConfig is one slot.
type OIDCConfig struct {
	Slot string `env:"-"`
	Client
	Issuer         string `env:"ISSUER"`
	Scopes         string `env:"SCOPES" envDefault:"openid profile email"`
	AllowedDomains list   `env:"ALLOWED_DOMAINS"`
	AllowedGroups  list   `env:"ALLOWED_GROUPS"`
	GroupsClaim    string `env:"GROUPS_CLAIM" envDefault:"groups"`
	EmailVerified  string `env:"EMAIL_VERIFIED" envDefault:"required"`
}

// configError is every problem at once; exit status 2.
type configError struct{ problems []string }

func (e *configError) Error() string {
	return "the configuration has problems:\n  - " + strings.Join(e.problems, "\n  - ")
}

// loader gathers problems instead of stopping at the first. No message ever
// holds a value that could be a secret.
type loader struct {
	source
	problems []string
	names    map[string]bool // every name that is asked for
}

// source is what settings are read from.
type source struct {
	vars     map[string]string // DAGPASS_* without the prefix, _FILE resolved
	files    map[string]string // names given by _FILE, with the path
	defaults map[string]string // of every name that is asked for
}

func (l *loader) given(name string) bool { return l.vars[name] != "" }

func (l *loader) bad(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// loadConfig reads the environment over a .env file (which may be absent) and
// answers with a configuration that can be started, or with all its problems.
func loadConfig(environ []string, dotenv string) (Config, error) {
	l := newLoader()
	l.collect(environ, dotenv)
	cfg := l.parse()
	l.refuseUnknown()
	l.check(&cfg)
	if len(l.problems) > 0 {
		return Config{}, &configError{l.problems}
	}
	return cfg, nil
}

func newLoader() *loader {
	return &loader{source: source{map[string]string{}, map[string]string{}, map[string]string{}}, names: map[string]bool{}}
}

// collect takes our names out of the environment and the .env file (the
// environment wins; an empty variable is one that is not set), and reads the files that NAME_FILE points to. Files come
// last: which of two places wins must not depend on the order of a map.
func (l *loader) collect(environ []string, dotenv string) {
	merged := l.dotenv(dotenv)
	fromEnv := map[string]bool{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name, ours := strings.CutPrefix(name, prefix); ours && value != "" && !kubernetes(name, value) {
			merged[name] = value
			fromEnv[name] = true
		}
	}
	for name, value := range merged {
		if _, isFile := cutFile(name); !isFile {
			l.vars[name] = value
		}
	}
	for name, value := range merged {
		if base, isFile := cutFile(name); isFile {
			l.file(base, value, merged, fromEnv)
		}
	}
}

// cutFile tells of which setting a name gives the file. AUDIT_FILE is a setting
// itself: there is no AUDIT.
func cutFile(name string) (base string, isFile bool) {
	if name == "AUDIT_FILE" {
		return "", false
	}
	return strings.CutSuffix(name, "_FILE")
}

func (l *loader) file(base, path string, merged map[string]string, fromEnv map[string]bool) {
	_, direct := merged[base]
	switch {
	case direct && fromEnv[base] == fromEnv[base+"_FILE"]:
		l.bad("%s%s and %s%s_FILE are both set; keep one", prefix, base, prefix, base)
		return
	case direct && fromEnv[base]:
		return // the environment wins over the .env file, whichever way it is said
	}
	content, err := os.ReadFile(path)
	if err != nil {
		// The path is not repeated: it may be the secret itself, set by mistake.
		l.bad("%s%s_FILE names a file that cannot be read: %s", prefix, base, errors.Unwrap(err))
		return
	}
	value := strings.TrimRight(string(content), "\r\n")
	if base == "BRAND_LOGO" {
		value = logoText(content)
	}
	if value == "" {
		l.bad("%s%s_FILE names a file that is empty", prefix, base) // an empty allow-list would let in everybody
	}
	l.vars[base], l.files[base] = value, path
}

func (l *loader) dotenv(path string) map[string]string {
	ours := map[string]string{}
	if path == "" {
		return ours
	}
	content, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return ours
	}
	if err != nil {
		l.bad("%s: %s", path, errors.Unwrap(err))
		return ours
	}
	defer content.Close()
	all, err := godotenv.Parse(content)
	if err != nil {
		l.bad("%s cannot be read as NAME=value lines", path) // the parser's error repeats the line
	}
	for name, value := range all {
		if name, ok := strings.CutPrefix(name, prefix); ok && value != "" {
			ours[name] = value
		}
	}
	return ours
}

var (
	serviceVariable = regexp.MustCompile(`^([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	servicePort     = regexp.MustCompile(`^([A-Z0-9_]+_)?PORT$`)
)

// kubernetes tells the variables that Kubernetes sets in every pod for a
// Service called dagpass, or dagpass-something.
func kubernetes(name, value string) bool {
	return serviceVariable.MatchString(name) || (servicePort.MatchString(name) && strings.Contains(value, "://"))
}

func (l *loader) parse() Config {
	cfg := Config{given: map[string]bool{}}
	l.into(&cfg, "")
	for i, slot := range cfg.OIDCProviders {
		if slices.Contains(cfg.OIDCProviders[:i], slot) {
			continue // checkSlots says so; its problems need no second telling
		}
		c := OIDCConfig{Slot: slot}
		l.into(&c, "OIDC_"+slotName(slot)+"_")
		cfg.OIDC = append(cfg.OIDC, c)
	}
	for name, value := range l.vars {
		cfg.given[name] = value != "" // an empty variable is one that is not set
		if value != "" && strings.Trim(value, ", \t\r\n") == "" {
			l.bad("%s%s is blank", prefix, name) // an allow-list of nothing would let in everybody
		}
	}
	cfg.PolicyPath, cfg.source = l.files["POLICY"], &l.source
	return cfg
}

func slotName(slot string) string { return strings.ToUpper(strings.ReplaceAll(slot, "-", "_")) }

// into fills one struct and notes the names it asks for.
func (l *loader) into(target any, prefix string) {
	o := env.Options{Environment: l.vars, Prefix: prefix}
	params, err := env.GetFieldParamsWithOptions(target, o)
	if err != nil {
		l.bad("%v", err)
	}
	for _, p := range params {
		l.names[p.Key], l.defaults[p.Key] = true, p.DefaultValue
	}
	if err := env.ParseWithOptions(target, o); err != nil {
		l.parseProblems(prefix, err)
	}
}

// parseProblems names the variables that do not parse without repeating their
// values, which the library's own messages would.
func (l *loader) parseProblems(prefix string, err error) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		all.Errors = []error{err}
	}
	for _, e := range all.Errors {
		var field env.ParseError
		if errors.As(e, &field) {
			l.bad("%s is not %s", l.variable(prefix, field.Name), want(field.Type))
			continue
		}
		l.bad("a setting cannot be read")
	}
}

// variable finds the environment name of a struct field.
func (l *loader) variable(prefix, field string) string {
	for _, t := range []any{Config{}, OIDCConfig{}} {
		if name, ok := settingOf(reflect.TypeOf(t), field); ok {
			return "DAGPASS_" + prefix + name
		}
	}
	return field
}

// settingOf looks for the field in a struct of settings and in those within.
func settingOf(of reflect.Type, field string) (name string, ok bool) {
	if f, ok := of.FieldByName(field); ok && f.Tag.Get("env") != "" {
		return f.Tag.Get("env"), true
	}
	for i := range of.NumField() {
		f := of.Field(i)
		if within := f.Tag.Get("envPrefix"); within != "" {
			if name, ok := settingOf(f.Type, field); ok {
				return within + name, true
			}
		}
	}
	return "", false
}

func want(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 30m or 24h"
	case reflect.TypeFor[bool]():
		return "true or false"
	case reflect.TypeFor[int]():
		return "a whole number"
	}
	return "understood"
}

// refuseUnknown finds names nobody asks for: a mistyped name must not leave a
// door open that its owner believes shut.
func (l *loader) refuseUnknown() {
	for name := range l.vars {
		if !l.names[name] {
			l.bad("%s%s is not a setting%s", prefix, name, l.nearest(name))
		}
	}
	slices.Sort(l.problems) // what came so far, out of maps
}

func (l *loader) nearest(name string) string {
	best, distance := "", max(3, len(name)/3)
	if strings.HasPrefix(name, "OIDC_") {
		distance = 3 // further away it is another slot's
	}
	for known := range l.names {
		if d := levenshtein.ComputeDistance(name, known); d < distance || (d == distance && known < best) {
			best, distance = known, d
		}
	}
	switch {
	case best != "":
		return "; did you mean " + prefix + best + "?"
	case strings.HasPrefix(name, "OIDC_"):
		return "; is its slot missing in " + prefix + "OIDC_PROVIDERS?"
	}
	return ""
}

// check holds the settings against each other. What it resolves is kept.
func (l *loader) check(c *Config) {
	l.checkListen(c)
	l.checkUpstream(c)
	l.checkKeys(c)
	l.checkTrusted(c)
	l.checkLogs(c)
	l.checkSlots(c)
	l.checkProviders(c)
	l.checkLive(c)
	l.checkAccounts(c)
	l.checkAudit(c)
	if c.policy != nil {
		l.checkPinned(c)
	}
}

func (l *loader) checkListen(c *Config) {
	l.checkAddress("LISTEN", c.Listen)
	if c.MetricsListen != "" {
		l.checkAddress("METRICS_LISTEN", c.MetricsListen)
	}
	if c.PublicURL == "" {
		return
	}
	if err := checkPublicURL(c.PublicURL); err != "" {
		l.bad("%sPUBLIC_URL %s", prefix, err)
		c.PublicURL = "" // what is compared with it below has no problem of its own
	}
}

func (l *loader) checkAddress(name, address string) {
	if _, port, err := net.SplitHostPort(address); err != nil || !isPort(port) {
		l.bad("%s%s must be host:port, such as 127.0.0.1:3000", prefix, name)
	}
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n <= 65535
}

func checkPublicURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "must be what people type into the browser, such as https://dagster.example.com"
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "must be scheme, host and path alone"
	case u.Scheme == "http" && !models.IsLoopback(u.Host):
		return "must be https: without it anybody on the way can take over a session (http is for loopback only)"
	case strings.Contains(u.EscapedPath(), "%") || strings.Contains(u.Path, "//"):
		return "must have a plain path"
	}
	return ""
}

// site is the public address; port is the one that is listened on, for the
// default.
func (c *Config) site(port string) models.Site {
	raw := c.PublicURL
	if raw == "" {
		raw = "http://localhost:" + port
	}
	u, _ := url.Parse(raw) // checked at the start
	u.Path = strings.TrimRight(u.Path, "/")
	u.Host = strings.ToLower(u.Host)
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port()) // browsers leave it out of Origin
	}
	return models.Site{URL: u}
}

func (l *loader) checkUpstream(c *Config) {
	up, err := proxy.ParseUpstream(c.Upstream)
	if err != nil {
		l.bad("%sUPSTREAM %s", prefix, err)
		return
	}
	c.upstream = up
	if path := c.site("0").Prefix(); path != up.Prefix() && (c.PublicURL != "" || !l.given("PUBLIC_URL")) {
		l.bad("%sPUBLIC_URL has the path %q and %sUPSTREAM %q: they must be the same, for Dagster writes its prefix into its pages; "+
			"start it with --path-prefix %s and give both addresses that path", prefix, path, prefix, up.Prefix(), longer(path, up.Prefix()))
	}
}

func longer(a, b string) string {
	if len(a) > len(b) {
		return a
	}
	return b
}

func (l *loader) checkKeys(c *Config) {
	postgres := c.databaseFile() == ""
	keys, err := decodeKeys(c.SecretKey)
	switch {
	case err != nil:
		l.bad("%sSECRET_KEY %s", prefix, err)
	case len(keys) == 0 && (postgres || strings.HasPrefix(l.vars["PUBLIC_URL"], "https:")):
		l.bad("%sSECRET_KEY is required with https or PostgreSQL; make one with: openssl rand -base64 32", prefix)
	}
	if err := checkDatabase(c.DatabaseURL.Reveal()); err != "" {
		l.bad("%sDATABASE_URL %s", prefix, err)
	}
}

// checkDatabase repeats nothing of the address, for it may hold a password.
func checkDatabase(raw string) string {
	path, isFile := strings.CutPrefix(raw, "sqlite:")
	u, err := url.Parse(raw)
	switch {
	case isFile && (path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "//")):
		return "must name a file: sqlite:dagpass.db or sqlite:/var/lib/dagpass/dagpass.db"
	case isFile:
		return ""
	case !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://"):
		return "must begin with sqlite: or postgres://"
	case err != nil || (u.User == nil && strings.Contains(raw, "@")):
		return "is not a URL; percent-encode the special characters of the password"
	}
	return ""
}

func decodeKeys(s models.Secret) (keys [][]byte, err error) {
	for part := range strings.SplitSeq(s.Reveal(), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(part)
		if err != nil {
			key, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
		}
		if err != nil || len(key) < 32 {
			return nil, errors.New("must be base64 of 32 bytes or more, or a comma-separated list of such")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// databaseFile is the file of SQLite, and empty for PostgreSQL.
func (c *Config) databaseFile() string {
	path, ok := strings.CutPrefix(c.DatabaseURL.Reveal(), "sqlite:")
	if !ok {
		return ""
	}
	return filepath.Clean(path)
}

func (l *loader) checkTrusted(c *Config) {
	c.trusted = l.networks("TRUSTED_PROXIES", c.Trusted)
}

// networks reads a list of them; a single address is a network of one.
func (l *loader) networks(name string, entries list) (all []netip.Prefix) {
	for _, entry := range entries {
		p, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, addrErr := netip.ParseAddr(entry)
			if addrErr != nil {
				l.bad("%s%s: %q is not an address or a network such as 10.0.0.0/8", prefix, name, entry)
				continue
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, p.Masked())
	}
	return all
}

func (l *loader) checkLogs(c *Config) {
	if !slices.Contains([]string{"", "text", "json"}, c.LogFormat) {
		l.bad("%sLOG_FORMAT must be text or json", prefix)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		l.bad("%sLOG_LEVEL must be debug, info, warn or error", prefix)
	}
}

func (l *loader) checkSessions(c *Config) {
	if c.SessionTTL < time.Minute || c.SessionTTL > 365*24*time.Hour {
		l.bad("%sSESSION_TTL must be between 1m and 8760h", prefix)
	}
	if c.SessionIdle < time.Minute {
		l.bad("%sSESSION_IDLE must be 1m or more", prefix)
	}
}

func (l *loader) checkPolicy(c *Config) {
	for _, email := range c.AdminEmails {
		l.checkEmail("ADMIN_EMAILS", email)
	}
	p, err := policy.New(c.policyOptions([]byte(c.Policy)))
	for _, problem := range split(err) {
		name := "POLICY"
		if errors.Is(problem, policy.ErrDefaultRole) {
			name = "DEFAULT_ROLE"
		}
		l.bad("%s%s: %s", prefix, name, problem)
	}
	c.policy = p
}

func (l *loader) checkRunLabel(c *Config) {
	if _, ok := identity.ParseLabel(c.RunLabel); !ok {
		l.bad("%sRUN_LABEL must be email, name or pseudonym", prefix)
	}
}

// split takes apart what errors.Join joined.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, split(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func (l *loader) checkEmail(name, email string) {
	if policy.NewSubject("", email, true).Email == "" {
		l.bad("%s%s: %q is not an e-mail address", prefix, name, email)
	}
}

// policyOptions is what a policy is made of, with the file's content as it is
// now: the file may change while we run.
func (c *Config) policyOptions(file []byte) policy.Options {
	o := policy.Options{File: file, AdminEmails: c.AdminEmails, DefaultRole: policy.Role(c.DefaultRole), Grants: c.grants}
	if c.DefaultRole == "none" {
		o.DefaultRole = policy.None
	}
	for _, p := range c.providers() {
		o.Slots = append(o.Slots, p.slot)
		if p.groups {
			o.GroupSlots = append(o.GroupSlots, p.slot)
		}
	}
	return o
}
