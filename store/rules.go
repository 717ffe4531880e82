package store

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// Rules is what was put over the environment and the policy file while the
// program ran, as of a revision. Every change raises the revision.
type Rules struct {
	Revision int64
	Settings []models.Setting // by name
	Grants   []models.Grant   // in the order in which they were made
}

// ruleRevision is the one row by which replicas learn of a change.
type ruleRevision struct {
	ID       int64 `gorm:"primaryKey;autoIncrement:false"`
	Revision int64
}

// RuleRevision tells whether a [Rules] is still the last one.
func (s *Store) RuleRevision(ctx context.Context) (int64, error) {
	var row ruleRevision
	err := s.read.WithContext(ctx).Where("id = ?", 1).Take(&row).Error
	return row.Revision, doing("rules", err)
}

// Rules reads all of them as they were at one moment.
func (s *Store) Rules(ctx context.Context) (rules Rules, err error) {
	err = s.read.WithContext(ctx).Transaction(func(db *gorm.DB) (err error) {
		rules, err = readRules(db)
		return err
	}, &sql.TxOptions{Isolation: s.snapshot(), ReadOnly: true})
	return rules, doing("rules", err)
}

// snapshot is the isolation in which several reads see one moment. On SQLite it
// is what every transaction does; the driver takes no other word for it.
func (s *Store) snapshot() sql.IsolationLevel {
	if s.dialect == "postgres" {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

func readRules(db *gorm.DB) (Rules, error) {
	var row ruleRevision
	if err := db.Where("id = ?", 1).Take(&row).Error; err != nil {
		return Rules{}, err
	}
	rules := Rules{Revision: row.Revision}
	if err := db.Order("name").Find(&rules.Settings).Error; err != nil {
		return Rules{}, err
	}
	return rules, db.Order("created_at, id").Find(&rules.Grants).Error
}

// Rules reads all of them and lets nobody else change one until the transaction
// ends, so that what is judged is what will be.
func (t *Tx) Rules() (Rules, error) {
	if err := locked(t.db).Where("id = ?", 1).Take(&ruleRevision{}).Error; err != nil {
		return Rules{}, doing("rules", err)
	}
	rules, err := readRules(t.db)
	return rules, doing("rules", err)
}

// SetSetting puts a value over the environment's.
func (t *Tx) SetSetting(setting models.Setting) error {
	return t.rule(func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&setting).Error
	})
}

// ClearSetting takes it away again. One that is not there is
// [models.ErrNotFound].
func (t *Tx) ClearSetting(name string) error {
	return t.rule(func(db *gorm.DB) error { return one(db.Where("name = ?", name).Delete(&models.Setting{})) })
}

// AddGrant keeps a grant beside those of the policy file.
func (t *Tx) AddGrant(grant models.Grant) error {
	if grant.Locations == nil {
		grant.Locations = []policy.Pattern{} // else it were null
	}
	return t.rule(func(db *gorm.DB) error { return db.Create(&grant).Error })
}

// RemoveGrant takes one away. One that is not there is [models.ErrNotFound].
func (t *Tx) RemoveGrant(id string) error {
	return t.rule(func(db *gorm.DB) error { return one(db.Where("id = ?", id).Delete(&models.Grant{})) })
}

// rule changes a rule. Every such change passes here, so that none is made of
// which the other replicas do not learn. The revision comes first: whoever
// raised it makes all others wait.
func (t *Tx) rule(change func(*gorm.DB) error) error {
	raised := t.db.Model(&ruleRevision{}).Where("id = ?", 1).Update("revision", gorm.Expr("revision + 1"))
	if err := one(raised); err != nil {
		return doing("rules", err)
	}
	return change(t.db)
}
