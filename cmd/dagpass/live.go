package main

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// live makes the rules that hold while the program runs: the environment's with
// what was changed in the console put over it, and the policy file as it is now
// with the grants of the database.
type live struct {
	cfg  Config
	file *policyFile
	// forgiving goes by the environment alone where what was changed cannot be, so
	// that a verb can start which clears it.
	forgiving bool
}

// compose is identity.Config.Compose.
func (l *live) compose(c identity.Changes) (*identity.Rules, error) {
	c.Settings = maps.Clone(c.Settings)
	maps.DeleteFunc(c.Settings, func(name, _ string) bool { return l.cfg.pinned(name) || l.cfg.gone(name) })
	cfg, err := l.cfg.over(l.file.current(), c)
	if err == nil {
		return cfg.rules(), nil
	}
	if l.forgiving {
		return l.cfg.rules(), nil
	}
	return nil, l.blame(c, err)
}

// blame finds the setting that is the trouble: the one that is so by itself, where
// all is well without it.
func (l *live) blame(c identity.Changes, err error) error {
	if _, none := l.cfg.over(l.file.current(), identity.Changes{}); none != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		alone := identity.Changes{Settings: map[string]string{name: c.Settings[name]}, Grants: c.Grants}
		if _, err := l.cfg.over(l.file.current(), alone); err != nil {
			return badSetting(name, err)
		}
	}
	return err
}

// badSetting says what is wrong with a value, to whoever typed it.
func badSetting(name string, err error) error {
	var problems *configError
	if !errors.As(err, &problems) {
		return err
	}
	words := make([]string, len(problems.problems))
	for i, problem := range problems.problems {
		words[i] = sentence(strings.TrimPrefix(problem, prefix+name))
	}
	bad := identity.ErrBadSetting.At(name)
	bad.Msg = strings.Join(words, " ")
	return bad
}

// sentence makes one of what a line of the start says behind a setting's name.
func sentence(problem string) string {
	problem = strings.ReplaceAll(problem, prefix, "")
	if rest, ok := strings.CutPrefix(problem, ": "); ok {
		problem = rest
	} else if strings.HasPrefix(problem, " ") {
		problem = "this" + problem
	}
	first, size := utf8.DecodeRuneInString(problem)
	return string(unicode.ToUpper(first)) + problem[size:] + "."
}

// over parses the environment again with the changes put over it, so that one
// parser and one set of checks judges both.
func (c *Config) over(policyFile []byte, changes identity.Changes) (Config, error) {
	l := newLoader()
	l.vars, l.files = maps.Clone(c.source.vars), c.source.files
	if len(policyFile) > 0 {
		l.vars["POLICY"] = string(policyFile)
	}
	for name, value := range changes.Settings {
		if !c.mayChange(name) {
			l.bad("%s%s is not a setting that may be changed while Dagpass runs", prefix, name)
			continue
		}
		l.vars[name] = value
		if value == "" {
			delete(l.vars, name) // the default, over whatever the environment says
		}
	}
	cfg := l.parse()
	for _, g := range changes.Grants {
		cfg.grants = append(cfg.grants, g.Rule())
	}
	l.checkLive(&cfg)
	if len(l.problems) > 0 {
		return Config{}, &configError{l.problems}
	}
	return cfg, nil
}

// gone tells the allow-list of a provider that is no longer configured. It opens no
// door, so it stops nothing either.
func (c *Config) gone(name string) bool { return listName.MatchString(name) && !c.mayChange(name) }

var listName = regexp.MustCompile(`^(GOOGLE|GITHUB|LDAP|HEADER|OIDC_[A-Z0-9_]+)_ALLOWED_(DOMAINS|EMAILS|GROUPS|ORGS)$`)

func (c *Config) mayChange(name string) bool {
	return slices.ContainsFunc(c.changeable(), func(d identity.SettingDef) bool { return d.Name == name })
}

// rules are what the configuration says of what may change while we run.
func (c *Config) rules() *identity.Rules {
	gates := map[string]policy.Gate{}
	for _, p := range c.providers() {
		gates[p.slot] = p.gate
	}
	return &identity.Rules{
		Policy: c.policy, Gates: gates, SessionTTL: c.SessionTTL, SessionIdle: c.SessionIdle,
		MFA: identity.MFA(c.MFA), Label: identity.Label(c.RunLabel), Monitor: !c.Enforce,
		Menu: c.UIMenu, GreyOut: c.UIGreyOut, Brand: c.brand,
	}
}

// unreadable says of a start that failed for what was changed in the console
// how it can work again.
func unreadable(err error) error {
	var bad *models.Error
	if !errors.As(err, &bad) || !errors.Is(err, identity.ErrBadSetting) {
		return err
	}
	return &configError{[]string{
		prefix + bad.Field + " was changed in the console, and its value cannot be used: " + bad.Msg +
			" To go back to what the environment says: dagpass setting clear " + bad.Field,
	}}
}
