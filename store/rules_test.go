package store_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

func rulesOf(t *testing.T, s *store.Store) store.Rules {
	t.Helper()
	rules, err := s.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// Every change of a rule raises the revision, by which the other replicas learn
// of it, and comes back as it was written.
func TestRules(t *testing.T) {
	idle := models.Setting{Name: "SESSION_IDLE", Value: "1h", ChangedAt: noon(), ChangedBy: "u1"}
	again := idle
	again.Value, again.ChangedBy = "2h", "u2"
	grant := models.Grant{
		ID: "a3f09c21", Slot: "okta", Email: "a@b.c", Domain: "b.c", Group: `G "1"`, Org: "o", Team: "o/t", Role: policy.Editor,
		Locations: []policy.Pattern{"marketing*", "sales"}, CreatedAt: noon(), CreatedBy: "u1",
	}
	other := models.Grant{ID: "b0000000", Email: "x@y.z", Role: policy.Viewer, CreatedAt: noon()}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for i, step := range []struct {
			what     string
			do       func(*store.Tx) error
			settings []models.Setting
			grants   []models.Grant
		}{
			{"a setting", func(tx *store.Tx) error { return tx.SetSetting(idle) }, []models.Setting{idle}, nil},
			{"over it", func(tx *store.Tx) error { return tx.SetSetting(again) }, []models.Setting{again}, nil},
			{"a grant", func(tx *store.Tx) error { return tx.AddGrant(grant) }, []models.Setting{again}, []models.Grant{grant}},
			{"another", func(tx *store.Tx) error { return tx.AddGrant(other) }, []models.Setting{again}, []models.Grant{grant, other}},
			{"less a setting", func(tx *store.Tx) error { return tx.ClearSetting(idle.Name) }, nil, []models.Grant{grant, other}},
			{"less a grant", func(tx *store.Tx) error { return tx.RemoveGrant(grant.ID) }, nil, []models.Grant{other}},
		} {
			change(t, s, step.do)
			want := store.Rules{Revision: int64(i + 1), Settings: step.settings, Grants: step.grants}
			if diff := cmp.Diff(want, rulesOf(t, s), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", step.what, diff)
			}
			if revision, err := s.RuleRevision(t.Context()); revision != int64(i+1) || err != nil {
				t.Errorf("%s: revision %d, %v", step.what, revision, err)
			}
		}
	})
}

// What is not there cannot be taken away, and nothing is raised for it.
func TestRulesThatAreNotThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for name, do := range map[string]func(*store.Tx) error{
			"setting": func(tx *store.Tx) error { return tx.ClearSetting("MFA") },
			"grant":   func(tx *store.Tx) error { return tx.RemoveGrant("a0000000") },
		} {
			err := s.Change(t.Context(), func(tx *store.Tx) (models.Event, error) { return models.Event{Event: "setting.clear"}, do(tx) })
			if !errors.Is(err, models.ErrNotFound) || rulesOf(t, s).Revision != 0 {
				t.Errorf("%s: %v, %+v", name, err, rulesOf(t, s))
			}
		}
	})
}

// Changes made at once come one after the other: whoever judges by what is there
// sees all that came before, and no revision is lost.
func TestRulesAreChangedInTurn(t *testing.T) {
	const many = 8
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var all sync.WaitGroup
		for range many {
			all.Go(func() {
				err := s.Change(t.Context(), func(tx *store.Tx) (models.Event, error) {
					rules, err := tx.Rules()
					if err != nil {
						return models.Event{}, err
					}
					value := "x"
					for _, setting := range rules.Settings {
						value += setting.Value
					}
					return models.Event{Event: "setting.set"}, tx.SetSetting(models.Setting{Name: "MESSAGE", Value: value, ChangedAt: noon()})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if rules := rulesOf(t, s); rules.Revision != many || len(rules.Settings[0].Value) != many {
			t.Errorf("%+v", rules)
		}
	})
}
