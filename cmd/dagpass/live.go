package main

import (
	"maps"
	"slices"
	"strings"

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
}

// compose is identity.Config.Compose.
func (l *live) compose(c identity.Changes) (*identity.Rules, error) {
	cfg, err := l.cfg.over(l.file.current(), c)
	if err != nil {
		return nil, l.blame(c, err)
	}
	return cfg.rules(), nil
}

// blame finds the setting that is the trouble: the one that is so by itself.
func (l *live) blame(c identity.Changes, err error) error {
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		alone := identity.Changes{Settings: map[string]string{name: c.Settings[name]}, Grants: c.Grants}
		if _, err := l.cfg.over(l.file.current(), alone); err != nil {
			return badSetting(name, err)
		}
	}
	return err
}

func badSetting(name string, err error) error {
	return models.NewError(models.KindInvalid, "bad_setting", strings.ReplaceAll(err.Error(), prefix, "")).At(name).Because(err)
}

// over parses the environment again with the changes put over it, so that one
// parser and one set of checks judges both.
func (c *Config) over(policyFile []byte, changes identity.Changes) (Config, error) {
	l := &loader{vars: maps.Clone(c.vars), files: c.files, names: map[string]bool{}}
	if len(policyFile) > 0 {
		l.vars["POLICY"] = string(policyFile)
	}
	maps.Copy(l.vars, changes.Settings)
	cfg := l.parse()
	for _, g := range changes.Grants {
		cfg.grants = append(cfg.grants, g.Rule())
	}
	l.check(&cfg)
	if len(l.problems) > 0 {
		return Config{}, &configError{l.problems}
	}
	return cfg, nil
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
		Menu: c.UIMenu, GreyOut: c.UIGreyOut,
	}
}
