package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// BrandConfig is what the installation calls itself and looks like.
type BrandConfig struct {
	Name  string `env:"NAME"`
	Logo  string `env:"LOGO"` // base64; a file may hold the image itself
	Color string `env:"COLOR"`
}

// Sections of the settings that may change while we run.
const (
	sectionAccess   = "Who gets in"
	sectionSessions = "Sessions and second factors"
	sectionDagster  = "Dagster"
	sectionBrand    = "Appearance"
)

// changeable lists the settings that the console may put others over: those that
// are safe to change without a restart.
func (c *Config) changeable() []identity.SettingDef {
	defs := append(c.accessSettings(), []identity.SettingDef{
		{Name: "SESSION_TTL", Title: "Length of a session", Section: sectionSessions, Kind: identity.SettingDuration, Help: "How long a session lasts at the most, such as 24h. It holds for sessions that begin from now on."},
		{Name: "SESSION_IDLE", Title: "Idle time", Section: sectionSessions, Kind: identity.SettingDuration, Help: "How long a session lasts without anything done in it, such as 8h. It holds for open sessions, too."},
		{Name: "MFA", Title: "Second factor", Section: sectionSessions, Kind: identity.SettingChoice, Choices: []string{"optional", "required", "off"}, Help: "optional asks whoever has set one up, required makes every local account have one, off asks nobody."},
		{Name: "RUN_LABEL", Title: "What runs say of who launched them", Section: sectionDagster, Kind: identity.SettingChoice, Choices: []string{"email", "name", "pseudonym"}, Help: "It stands in the tag “user” of each run."},
		{Name: "ENFORCE", Title: "Permissions are enforced", Section: sectionDagster, Kind: identity.SettingSwitch, Help: "Off is monitor mode: what a role forbids is recorded and done all the same."},
		{Name: "UI_MENU", Title: "Menu in Dagster’s pages", Section: sectionDagster, Kind: identity.SettingSwitch, Help: "Who is signed in, the way to the account and to this console."},
		{Name: "UI_GREY_OUT", Title: "Grey out what is not allowed", Section: sectionDagster, Kind: identity.SettingSwitch, Help: "Off leaves every button as it is. What is not allowed is refused all the same."},
		{Name: "BRAND_NAME", Title: "Name", Section: sectionBrand, Kind: identity.SettingText, Help: "Stands for “Dagpass” in titles and at the top of pages. 60 characters at the most."},
		{Name: "BRAND_LOGO", Title: "Logo", Section: sectionBrand, Kind: identity.SettingImage, Help: "PNG, JPEG, GIF or WebP of at most 128 KiB."},
		{Name: "BRAND_COLOR", Title: "Colour", Section: sectionBrand, Kind: identity.SettingColor, Help: "Of buttons, links and charts, such as #3b5bdb. Shades of it are chosen so that all text stays legible, by day and by night."},
		{Name: "MESSAGE", Title: "Message of the day", Section: sectionBrand, Kind: identity.SettingText, Help: "Plain text on the sign-in page and on top of the account page and this console. 500 characters at the most."},
	}...)
	for i := range defs {
		c.situate(&defs[i])
	}
	return defs
}

// situate says how it stands with a setting.
func (c *Config) situate(d *identity.SettingDef) {
	d.Default, d.Env, d.Given = c.source.defaults[d.Name], c.source.vars[d.Name], c.given[d.Name]
	d.Pinned = c.pinned(d.Name)
}

func (c *Config) pinned(name string) bool {
	return slices.Contains(c.Pinned, "*") || slices.Contains(c.Pinned, name)
}

// lists are the allow-lists that a kind of provider has.
var lists = map[string][]string{
	"google": {"ALLOWED_DOMAINS", "ALLOWED_EMAILS"},
	"github": {"ALLOWED_ORGS", "ALLOWED_EMAILS"},
	"oidc":   {"ALLOWED_DOMAINS", "ALLOWED_EMAILS", "ALLOWED_GROUPS"},
	"ldap":   {"ALLOWED_EMAILS", "ALLOWED_GROUPS"},
	"header": {"ALLOWED_DOMAINS", "ALLOWED_EMAILS", "ALLOWED_GROUPS"},
}

// called are the kinds of provider that have a name of their own; others are called by their slot.
var called = map[string]string{"google": "Google", "github": "GitHub", "ldap": "Directory", "header": "Proxy"}

var listWords = map[string][2]string{
	"ALLOWED_DOMAINS": {"allowed domains", "Domains of e-mail addresses that may sign in there, such as example.com."},
	"ALLOWED_EMAILS":  {"allowed addresses", "E-mail addresses that may sign in there, besides the allowed domains."},
	"ALLOWED_GROUPS":  {"allowed groups", "Whoever signs in there must be in one of these groups, spelt as the provider spells them."},
	"ALLOWED_ORGS":    {"allowed organisations", "Whoever signs in there must be in one of these organisations, or teams written org/team."},
}

// accessSettings are those on which it hangs who gets in, or what they may.
func (c *Config) accessSettings() (defs []identity.SettingDef) {
	for _, p := range c.providers() {
		for _, list := range lists[p.kind] {
			defs = append(defs, identity.SettingDef{
				Name: p.prefix + list, Title: label(p, cmp.Or(called[p.kind], p.slot)) + ": " + listWords[list][0], Section: sectionAccess,
				Help: listWords[list][1] + " * is everybody whom the provider vouches for.", Kind: identity.SettingList, Access: true,
			})
		}
	}
	return append(defs, identity.SettingDef{
		Name: "DEFAULT_ROLE", Title: "Default role", Section: sectionAccess, Kind: identity.SettingChoice, Choices: c.defaultRoles(), Access: true,
		Help: "Of people who are let in and whom no grant names. none refuses them.",
	})
}

// defaultRoles are the roles that everybody may be given.
func (c *Config) defaultRoles() []string {
	names := []string{"none"}
	for _, role := range c.policy.Roles() {
		if role != "admin" {
			names = append(names, string(role))
		}
	}
	return names
}

// fixed are the settings that only the environment or a file changes.
func (c *Config) fixed() (all []identity.FixedSetting) {
	live := map[string]bool{}
	for _, d := range c.changeable() {
		live[d.Name] = true
	}
	for _, row := range c.lines() {
		if !live[row.Name] {
			all = append(all, row)
		}
	}
	return all
}

// checkLive holds the settings that may change while we run: with it alone a
// change is judged.
func (l *loader) checkLive(c *Config) {
	l.checkSessions(c)
	for _, p := range c.providers() {
		l.checkLists(p)
	}
	l.checkPolicy(c)
	l.checkRunLabel(c)
	l.checkMFA(c)
	l.checkBrand(c)
}

func (l *loader) checkMFA(c *Config) {
	if _, ok := identity.ParseMFA(c.MFA); !ok {
		l.bad("%sMFA must be optional, required or off", prefix)
	}
}

// checkPinned refuses a name that nothing is called by: its owner would believe
// a setting shut that is not.
func (l *loader) checkPinned(c *Config) {
	defs := c.changeable()
	for _, name := range c.Pinned {
		known := slices.ContainsFunc(defs, func(d identity.SettingDef) bool { return d.Name == name })
		if name != "*" && !known {
			l.bad("%sPINNED: %q is not a setting that the console may change%s", prefix, name, nearestOf(name, defs))
		}
	}
}

func nearestOf(name string, defs []identity.SettingDef) string {
	name = strings.TrimPrefix(name, prefix)
	best, distance := "", max(3, len(name)/3)+1
	for _, d := range defs {
		if far := levenshtein.ComputeDistance(name, d.Name); far < distance {
			best, distance = d.Name, far
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

const (
	maxBrandName = 60  // characters
	maxMessage   = 500 // characters
	maxLogo      = 128 << 10
)

var colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (l *loader) checkBrand(c *Config) {
	l.checkText("BRAND_NAME", c.Brand.Name, maxBrandName, "")
	l.checkText("MESSAGE", c.Message, maxMessage, "\n\r\t")
	if c.Brand.Color != "" && !colorPattern.MatchString(c.Brand.Color) {
		l.bad("%sBRAND_COLOR must be # and six hexadecimal digits, such as #3b5bdb", prefix)
	}
	c.brand = models.Brand{Name: strings.TrimSpace(c.Brand.Name), Color: strings.ToLower(c.Brand.Color), Message: strings.TrimSpace(c.Message)}
	if c.Brand.Logo == "" {
		return
	}
	logo, err := base64.StdEncoding.DecodeString(c.Brand.Logo)
	kind := imageType(logo)
	switch {
	case err != nil || kind == "":
		l.bad("%sBRAND_LOGO must be an image: PNG, JPEG, GIF or WebP", prefix)
	case len(logo) > maxLogo:
		l.bad("%sBRAND_LOGO must be an image of 128 KiB or less", prefix)
	}
	c.brand.Logo, c.brand.LogoType, c.brand.LogoHash = logo, kind, models.Digest(string(logo))[:16]
}

func (l *loader) checkText(name, text string, longest int, but string) {
	odd := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(but, r) }
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, odd):
		l.bad("%s%s must be plain text", prefix, name)
	case utf8.RuneCountInString(text) > longest:
		l.bad("%s%s must have %d characters or less", prefix, name, longest)
	}
}

// imageType is that of an image which browsers only paint; "" for anything else,
// above all SVG, which may hold scripts.
func imageType(content []byte) string {
	kind := http.DetectContentType(content)
	if slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, kind) {
		return kind
	}
	return ""
}

// logoText is how the file of a logo is kept: as base64, whether it holds the
// image itself or its base64.
func logoText(content []byte) string {
	if imageType(content) != "" {
		return base64.StdEncoding.EncodeToString(content)
	}
	return string(bytes.TrimSpace(content))
}

// lines are the settings in effect, secrets redacted.
func (c *Config) lines() []identity.FixedSetting {
	all := c.rows("", reflect.ValueOf(*c))
	for _, o := range c.OIDC {
		all = append(all, c.rows("OIDC_"+slotName(o.Slot)+"_", reflect.ValueOf(o))...)
	}
	return all
}
