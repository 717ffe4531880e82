package store

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
)

// hide takes people out of events, if that is asked for, and keeps whom the
// pseudonyms stand for. Everything that is appended passes here. It comes before
// the head is locked, for an account may be locked, too.
func (s *Store) hide(db *gorm.DB, said []models.Event) ([]models.Event, error) {
	if s.Pseudonyms == nil {
		return said, nil
	}
	hidden := make([]models.Event, len(said))
	for i, e := range said {
		var people []models.Pseudonym
		hidden[i], people = s.Pseudonyms.Hide(e.WithoutNUL())
		for _, one := range people {
			if err := keepPseudonym(db, one); err != nil {
				return nil, doing("pseudonym", err)
			}
		}
	}
	return hidden, nil
}

// keepPseudonym adds the row, unless it is there, while the account is. The
// account is held, so that it does not go between the two: nothing would remove
// the row any more.
func keepPseudonym(db *gorm.DB, one models.Pseudonym) error {
	var n int64
	if err := db.Model(&one).Where("pseudonym = ?", one.Pseudonym).Count(&n).Error; err != nil || n > 0 {
		return err
	}
	var there []string
	held := db.Clauses(clause.Locking{Strength: "KEY SHARE"}).Model(&models.User{}).Where("id = ?", one.UserID)
	if err := held.Pluck("id", &there).Error; err != nil || len(there) == 0 {
		return err
	}
	return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&one).Error
}

// MovePseudonyms has the trail of one user be another's, who is the same person.
func (t *Tx) MovePseudonyms(from, to string) error {
	return doing("move pseudonyms", t.db.Model(&models.Pseudonym{}).Where("user_id = ?", from).Update("user_id", to).Error)
}

// called is what else an event may call what a filter asks for.
func (s *Store) called(db *gorm.DB, f models.Filter) (map[string][]string, error) {
	people, err := aliases(db, f.Person)
	targets, err2 := aliases(db, f.Target)
	also := map[string][]string{person: people, target: targets}
	if s.Pseudonyms != nil && f.Address != "" && s.Pseudonyms.Address(f.Address) != f.Address {
		also[address] = []string{s.Pseudonyms.Address(f.Address)}
	}
	return also, errors.Join(err, err2)
}

// aliases are what else an account is called in the trail, by its id or one of its
// pseudonyms: its other pseudonyms and its id.
func aliases(db *gorm.DB, who string) (all []string, err error) {
	id := who
	if models.IsPseudonym(who) {
		var owner []string
		if err := db.Model(&models.Pseudonym{}).Where("pseudonym = ?", who).Pluck("user_id", &owner).Error; err != nil || len(owner) == 0 {
			return nil, err
		}
		id, all = owner[0], owner
	}
	if models.IsID(id) {
		var names []string
		err = db.Model(&models.Pseudonym{}).Where("user_id = ? AND pseudonym <> ?", id, who).Order("pseudonym").Pluck("pseudonym", &names).Error
		all = append(all, names...)
	}
	return all, err
}

// revealAtOnce bounds one statement.
const revealAtOnce = 1000

// reveal puts back who is meant by the pseudonyms of records, with what they are
// called now, as long as they have an account. The body stays as it is.
func (s *Store) reveal(ctx context.Context, records []models.Record) error {
	var names []string
	each := func(fn func(id *string) models.User) {
		for i := range records {
			e := &records[i].Event
			if u := fn(&e.Actor.ID); u.ID != "" {
				e.Actor.Name = u.Label()
			}
			fn(&e.OnBehalfOf)
			if e.Target != nil && e.Target.Kind == "user" {
				fn(&e.Target.ID)
			}
		}
	}
	each(func(id *string) (nobody models.User) {
		if models.IsPseudonym(*id) {
			names = append(names, *id)
		}
		return nobody
	})
	people, err := s.peopleBehind(ctx, slices.Compact(slices.Sorted(slices.Values(names))))
	each(func(id *string) models.User {
		u := people[*id]
		if u.ID != "" {
			*id = u.ID
		}
		return u
	})
	return err
}

// peopleBehind finds the accounts that pseudonyms stand for.
func (s *Store) peopleBehind(ctx context.Context, names []string) (map[string]models.User, error) {
	people := map[string]models.User{}
	for some := range slices.Chunk(names, revealAtOnce) {
		var rows []struct {
			Pseudonym string
			models.User
		}
		err := s.read.WithContext(ctx).Table("pseudonyms").Select("pseudonyms.pseudonym, users.*").
			Joins("JOIN users ON users.id = pseudonyms.user_id").Where("pseudonyms.pseudonym IN ?", some).Find(&rows).Error
		if err != nil {
			return nil, doing("pseudonyms", err)
		}
		for _, r := range rows {
			people[r.Pseudonym] = r.User
		}
	}
	return people, nil
}
