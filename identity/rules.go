package identity

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// Rules is what may change while the program runs. It is read only: a change
// makes another one.
type Rules struct {
	Policy *policy.Policy
	// Gates are the allow-lists, by slot. A provider without one lets nobody in.
	Gates map[string]policy.Gate
	// SessionTTL and SessionIdle are the absolute and the idle lifetime.
	SessionTTL, SessionIdle time.Duration
	// MFA says who needs a second factor, besides what the policy says.
	MFA MFA
	// Label is what runs are tagged with.
	Label Label
	// Monitor tells that what a role forbids is recorded and done all the same.
	Monitor bool
	// Menu tells that Dagster's pages get our menu, and GreyOut that its app is
	// told what somebody may do, so that it greys out the rest.
	Menu, GreyOut bool
	Brand         models.Brand
}

// Untrimmed tells that Dagster's app is told of permissions as Dagster tells it.
func (r *Rules) Untrimmed() bool { return r.Monitor || !r.GreyOut }

// Changes is what was changed over the environment and the policy file.
type Changes struct {
	Settings map[string]string // by name, without DAGPASS_
	Grants   []models.Grant
}

// inForce is the rules that hold. It is replaced as a whole.
type inForce struct {
	now atomic.Pointer[Rules]
	// one lets one at a time read and compose, so that none puts older rules over
	// newer ones.
	one      sync.Mutex
	revision int64  // that the rules are of
	fault    string // of the last time they could not be made
	// broken are the grants that were said to give nothing, by id, and why.
	broken map[string]string
	// gone are the overrides that were said to be of no setting any more, by name.
	gone map[string]bool
}

// Rules are those in force.
func (s *Service) Rules() *Rules { return s.inForce.now.Load() }

// Policy is the one in force.
func (s *Service) Policy() *policy.Policy { return s.Rules().Policy }

// Refresh makes the rules anew if somebody has changed them, here or at another
// replica. Every replica calls it each second. With an error the last good rules
// stay; it is told once.
func (s *Service) Refresh(ctx context.Context) error {
	s.inForce.one.Lock()
	defer s.inForce.one.Unlock()
	revision, err := s.Store.RuleRevision(ctx)
	if err == nil && revision == s.inForce.revision {
		s.inForce.fault = ""
		return nil
	}
	if err == nil {
		err = s.renew(ctx)
	}
	return s.toldOnce(err)
}

// Recompose makes the rules anew whether or not the database has others: what
// they are made of besides has changed.
func (s *Service) Recompose(ctx context.Context) error {
	s.inForce.one.Lock()
	defer s.inForce.one.Unlock()
	return s.renew(ctx)
}

// renew reads, composes, and puts the rules in force.
func (s *Service) renew(ctx context.Context) error {
	stored, err := s.Store.Rules(ctx)
	if err != nil {
		return err
	}
	rules, err := s.Compose(changes(stored))
	if err != nil {
		return err
	}
	s.inForce.now.Store(rules)
	s.inForce.revision, s.inForce.fault = stored.Revision, ""
	s.tellBroken(rules.Policy.Broken())
	s.tellGone(stored.Settings)
	s.sessions.Purge() // what was found good was so by the former rules
	return nil
}

// tellGone logs the overrides of what is no setting any more, each once.
func (s *Service) tellGone(stored []models.Setting) {
	told := map[string]bool{}
	for _, line := range s.settingLines(stored) {
		if line.Gone && !s.inForce.gone[line.Name] {
			s.Log.Warn("an override is ignored, for its setting is gone", "setting", line.Name, "clear", "dagpass setting clear "+line.Name)
		}
		told[line.Name] = line.Gone
	}
	s.inForce.gone = told
}

// toldOnce gives an error only where it is another than the last time.
func (s *Service) toldOnce(err error) error {
	if err == nil || err.Error() == s.inForce.fault {
		return nil
	}
	s.inForce.fault = err.Error()
	return err
}

func changes(stored store.Rules) Changes {
	c := Changes{Settings: map[string]string{}, Grants: stored.Grants}
	for _, setting := range stored.Settings {
		c.Settings[setting.Name] = setting.Value
	}
	return c
}
