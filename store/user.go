package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/migrations"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// listLimit bounds lists for the command line.
const listLimit = 1000

// User is the account with that id, or [models.ErrNotFound].
func (s *Store) User(ctx context.Context, id string) (u models.User, err error) {
	err = found(s.read.WithContext(ctx).Where("id = ?", id).Take(&u).Error)
	return u, err
}

// Users lists accounts, the newest first, a thousand at most.
func (s *Store) Users(ctx context.Context) (users []models.User, err error) {
	err = s.read.WithContext(ctx).Order("created_at DESC, id").Limit(listLimit).Find(&users).Error
	return users, err
}

// FindUsers lists the accounts that somebody at the command line may mean: by
// id, by name, or by e-mail address in any case. Nobody is found by an address
// that is only their name: at many providers people choose it themselves. None is
// an empty list.
func (s *Store) FindUsers(ctx context.Context, who string) (users []models.User, err error) {
	name := "name = ?"
	if strings.Contains(who, "@") {
		name = "lower(email) = lower(?)"
	}
	err = s.read.WithContext(ctx).Where("id = ? OR "+name, who, who).
		Order("created_at DESC, id").Limit(listLimit).Find(&users).Error
	return users, err
}

// IdentitiesOf lists somebody's accounts at providers, the last used first.
func (s *Store) IdentitiesOf(ctx context.Context, userID string) (identities []models.Identity, err error) {
	err = s.read.WithContext(ctx).Where("user_id = ?", userID).
		Order("signed_in_at DESC, id").Limit(listLimit).Find(&identities).Error
	return identities, err
}

// User is the account with that id, locked until the change ends, or
// [models.ErrNotFound].
func (t *Tx) User(id string) (u models.User, err error) {
	err = found(locked(t.db).Where("id = ?", id).Take(&u).Error)
	return u, err
}

// InsertUser adds an account.
func (t *Tx) InsertUser(u *models.User) error {
	u.SearchKey = searchKey(u)
	if u.SeenAt.IsZero() {
		u.SeenAt = time.Unix(0, 0).UTC()
	}
	return doing("insert user", t.db.Create(u).Error)
}

// SaveUser writes the account back, or is [models.ErrNotFound]. When they were
// last seen is not a matter of it.
func (t *Tx) SaveUser(u *models.User) error {
	u.SearchKey = searchKey(u)
	return doing("save user", one(t.db.Model(&models.User{}).Where("id = ?", u.ID).
		Select("*").Omit("id", "created_at", "seen_at").Updates(u)))
}

// Identity is the account at a provider, locked until the change ends, or
// [models.ErrNotFound].
func (t *Tx) Identity(issuer, subject string) (i models.Identity, err error) {
	err = found(locked(t.db).Where("issuer = ? AND subject = ?", issuer, subject).Take(&i).Error)
	return i, err
}

// SaveIdentity adds an identity, or writes one that is there back; whose it is
// does not change. Where another replica has added the same issuer and subject
// under another id in the meantime, the change rolls back, its new user
// included, and runs again: then it finds the one that is there.
func (t *Tx) SaveIdentity(i *models.Identity) error {
	return doing("save identity", t.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"slot", "claims", "signed_in_at"}),
	}).Create(i).Error)
}

// CountAdmins counts the users who were made admin and are not disabled.
func (s *Store) CountAdmins(ctx context.Context) (int64, error) {
	return admins(s.read.WithContext(ctx))
}

// CountAdmins counts them as this change sees them.
func (t *Tx) CountAdmins() (int64, error) { return admins(t.db) }

func admins(db *gorm.DB) (n int64, err error) {
	err = db.Model(&models.User{}).Where("role = ? AND disabled_at IS NULL", policy.Admin).Count(&n).Error
	return n, doing("count admins", err)
}

// LockPeople makes other changes that call it wait until this one ends: those
// that could take away the last admin, or make the first. On SQLite changes
// take turns anyway.
func (t *Tx) LockPeople() error {
	if t.db.Name() == migrations.SQLite {
		return nil
	}
	return doing("lock people", t.db.Exec("SELECT pg_advisory_xact_lock(hashtext('dagpass people'))").Error)
}

// DeleteUser removes an account and all that hangs on it, or is
// [models.ErrNotFound]. What they have changed says no more that it was they.
func (t *Tx) DeleteUser(id string) error {
	err := t.db.Model(&models.Setting{}).Where("changed_by = ?", id).Update("changed_by", "").Error
	if err == nil {
		err = t.db.Model(&models.Grant{}).Where("created_by = ?", id).Update("created_by", "").Error
	}
	if err != nil {
		return doing("delete user", err)
	}
	return doing("delete user", one(t.db.Where("id = ?", id).Delete(&models.User{})))
}

// IdentityByID is one of somebody's identities, locked until the change ends,
// or [models.ErrNotFound].
func (t *Tx) IdentityByID(id string) (i models.Identity, err error) {
	err = found(locked(t.db).Where("id = ?", id).Take(&i).Error)
	return i, err
}

// Identities lists somebody's identities, locked until the change ends.
func (t *Tx) Identities(userID string) (all []models.Identity, err error) {
	err = locked(t.db).Where("user_id = ?", userID).Order("created_at, id").Find(&all).Error
	return all, doing("identities", err)
}

// MoveIdentities gives all identities of one user to another, but for the one
// of accounts that are kept here, and ends the sessions that were made with
// them. It tells how many identities that were.
func (t *Tx) MoveIdentities(from, to string) (n int64, err error) {
	if _, err := t.DeleteSessionsOf(from); err != nil {
		return 0, err
	}
	done := t.db.Model(&models.Identity{}).Where("user_id = ? AND slot <> ?", from, models.LocalSlot).Update("user_id", to)
	return done.RowsAffected, doing("move identities", done.Error)
}

// DeleteIdentity removes one of somebody's identities with its sessions, or is
// [models.ErrNotFound].
func (t *Tx) DeleteIdentity(userID, id string) error {
	return doing("delete identity", one(t.db.Where("id = ? AND user_id = ?", id, userID).Delete(&models.Identity{})))
}
