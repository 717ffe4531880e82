package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/dagpass/dagpass/models"
)

// CredentialOf is how the user signs in here, or [models.ErrNotFound].
func (s *Store) CredentialOf(ctx context.Context, userID string) (c models.Credential, err error) {
	err = found(s.read.WithContext(ctx).Where("user_id = ?", userID).Take(&c).Error)
	return c, err
}

// CredentialByUsername finds a credential by the key of its name, or is
// [models.ErrNotFound].
func (s *Store) CredentialByUsername(ctx context.Context, key string) (c models.Credential, err error) {
	err = found(s.read.WithContext(ctx).Where("username_key = ?", key).Take(&c).Error)
	return c, err
}

// CredentialByEmail finds a credential by the key of its address, or is
// [models.ErrNotFound].
func (s *Store) CredentialByEmail(ctx context.Context, key string) (c models.Credential, err error) {
	err = found(s.read.WithContext(ctx).Where("email_key = ?", key).Take(&c).Error)
	return c, err
}

// Credential is how the user signs in here, locked until the change ends, or
// [models.ErrNotFound].
func (t *Tx) Credential(userID string) (c models.Credential, err error) {
	err = found(locked(t.db).Where("user_id = ?", userID).Take(&c).Error)
	return c, err
}

// CredentialKeyTaken tells whether a name or an address is somebody's already.
// An empty address is nobody's.
func (t *Tx) CredentialKeyTaken(usernameKey, emailKey string) (bool, error) {
	var n int64
	err := t.db.Model(&models.Credential{}).
		Where("username_key = ? OR (email_key = ? AND email_key <> '')", usernameKey, emailKey).Count(&n).Error
	return n > 0, doing("credential keys", err)
}

// InsertCredential adds a credential.
func (t *Tx) InsertCredential(c *models.Credential) error {
	return doing("insert credential", t.db.Create(c).Error)
}

// SaveCredential writes a credential back, or is [models.ErrNotFound].
func (t *Tx) SaveCredential(c *models.Credential) error {
	return doing("save credential", one(t.db.Model(&models.Credential{}).Where("user_id = ?", c.UserID).
		Select("*").Omit("user_id").Updates(c)))
}

// RehashPassword replaces one sealed hash by a better one of the same password,
// unless it was changed meanwhile. Nothing changes that anybody could see, so
// it leaves no event.
func (s *Store) RehashPassword(ctx context.Context, userID, former, better string) error {
	return doing("rehash password", s.write.WithContext(ctx).Model(&models.Credential{}).
		Where("user_id = ? AND password = ?", userID, former).Update("password", better).Error)
}

// InsertLink adds a one-time link.
func (t *Tx) InsertLink(l *models.OneTimeLink) error {
	return doing("insert link", t.db.Create(l).Error)
}

// Link is a one-time link by the digest of its token, or [models.ErrNotFound].
func (s *Store) Link(ctx context.Context, hash string) (l models.OneTimeLink, err error) {
	err = found(s.read.WithContext(ctx).Where("hash = ?", hash).Take(&l).Error)
	return l, err
}

// SpendLink uses up a link and gives it; for the same hash it succeeds once and
// is [models.ErrNotFound] from then on.
func (t *Tx) SpendLink(hash string) (l models.OneTimeLink, err error) {
	if err := found(locked(t.db).Where("hash = ?", hash).Take(&l).Error); err != nil {
		return l, err
	}
	return l, doing("spend link", one(t.db.Where("hash = ?", hash).Delete(&models.OneTimeLink{})))
}

// DeleteLinks removes all links of one purpose and tells how many that were: of
// two that do so at once, one finds none left.
func (t *Tx) DeleteLinks(p models.LinkPurpose) (n int64, err error) {
	done := t.db.Where("purpose = ?", p).Delete(&models.OneTimeLink{})
	return done.RowsAffected, doing("delete links", done.Error)
}

// DeleteLinksOf removes all of somebody's links.
func (t *Tx) DeleteLinksOf(userID string) error {
	return doing("delete links", t.db.Where("user_id = ?", userID).Delete(&models.OneTimeLink{}).Error)
}

// InsertPendingSignIn adds a sign-in that wants something more.
func (t *Tx) InsertPendingSignIn(p *models.PendingSignIn) error {
	return doing("insert pending sign-in", t.db.Create(p).Error)
}

// HasPendingSignIn tells whether a sign-in is there still.
func (t *Tx) HasPendingSignIn(id string) (bool, error) {
	var n int64
	err := t.db.Model(&models.PendingSignIn{}).Where("id = ?", id).Count(&n).Error
	return n > 0, doing("pending sign-in", err)
}

// DeletePendingSignIn removes one and tells how many that were: one or none.
func (t *Tx) DeletePendingSignIn(id string) (n int64, err error) {
	done := t.db.Where("id = ?", id).Delete(&models.PendingSignIn{})
	return done.RowsAffected, doing("delete pending sign-in", done.Error)
}

// DeletePendingSignInsOf removes all of a user's.
func (t *Tx) DeletePendingSignInsOf(userID string) error {
	return doing("delete pending sign-ins", t.db.Where("user_id = ?", userID).Delete(&models.PendingSignIn{}).Error)
}

// pendingRow is a pending sign-in with whose it is, as one query reads them.
type pendingRow struct {
	models.PendingSignIn
	User     models.User
	Identity models.Identity
}

// TableName implements GORM's Tabler.
func (pendingRow) TableName() string { return "pending_sign_ins" }

// PendingSignIn is the one with that id, alive or not, with its user and
// identity; or [models.ErrNotFound].
func (s *Store) PendingSignIn(ctx context.Context, id string) (models.PendingSignIn, models.User, models.Identity, error) {
	var row pendingRow
	err := s.read.WithContext(ctx).InnerJoins("User").InnerJoins("Identity").
		Where("pending_sign_ins.id = ?", id).Take(&row).Error
	return row.PendingSignIn, row.User, row.Identity, found(err)
}

// FactorsOf lists somebody's second factors, the oldest first.
func (s *Store) FactorsOf(ctx context.Context, userID string) (factors []models.Factor, err error) {
	err = s.read.WithContext(ctx).Where("user_id = ?", userID).Order("created_at, id").Limit(listLimit).Find(&factors).Error
	return factors, err
}

// Factors lists somebody's second factors, locked until the change ends.
func (t *Tx) Factors(userID string) (factors []models.Factor, err error) {
	err = locked(t.db).Where("user_id = ?", userID).Order("created_at, id").Find(&factors).Error
	return factors, err
}

// FactorByCredential finds a passkey by its id, or is [models.ErrNotFound].
func (s *Store) FactorByCredential(ctx context.Context, credentialID string) (f models.Factor, err error) {
	err = found(s.read.WithContext(ctx).Where("credential_id = ?", credentialID).Take(&f).Error)
	return f, err
}

// InsertFactor adds a second factor.
func (t *Tx) InsertFactor(f *models.Factor) error {
	return doing("insert factor", t.db.Create(f).Error)
}

// SaveFactor writes a second factor back, or is [models.ErrNotFound].
func (t *Tx) SaveFactor(f *models.Factor) error {
	return doing("save factor", one(t.db.Model(&models.Factor{}).Where("id = ? AND user_id = ?", f.ID, f.UserID).
		Select("name", "sealed", "last_step", "last_used_at").Updates(f)))
}

// AdvanceFactor notes the step of a code that was used. It succeeds once for a
// step, and for none before it: else it is [models.ErrNotFound].
func (t *Tx) AdvanceFactor(f *models.Factor) error {
	return doing("advance factor", one(t.db.Model(&models.Factor{}).Where("id = ? AND last_step < ?", f.ID, f.LastStep).
		Select("last_step", "last_used_at").Updates(f)))
}

// DeleteFactor removes one of somebody's second factors, or is
// [models.ErrNotFound].
func (t *Tx) DeleteFactor(userID, id string) error {
	return doing("delete factor", one(t.db.Where("id = ? AND user_id = ?", id, userID).Delete(&models.Factor{})))
}

// DeleteFactorsOf removes all of somebody's second factors and recovery codes,
// and tells how many factors that were.
func (t *Tx) DeleteFactorsOf(userID string) (n int64, err error) {
	done := t.db.Where("user_id = ?", userID).Delete(&models.Factor{})
	if done.Error != nil {
		return 0, doing("delete factors", done.Error)
	}
	return done.RowsAffected, t.ReplaceRecoveryCodes(userID, nil)
}

// RecoveryCodesOf counts the recovery codes that somebody has left.
func (s *Store) RecoveryCodesOf(ctx context.Context, userID string) (n int64, err error) {
	err = s.read.WithContext(ctx).Model(&models.RecoveryCode{}).Where("user_id = ?", userID).Count(&n).Error
	return n, err
}

// ReplaceRecoveryCodes makes these codes the only ones that somebody has.
func (t *Tx) ReplaceRecoveryCodes(userID string, codes []models.RecoveryCode) error {
	err := t.db.Where("user_id = ?", userID).Delete(&models.RecoveryCode{}).Error
	if err == nil && len(codes) > 0 {
		err = t.db.Create(&codes).Error
	}
	return doing("replace recovery codes", err)
}

// SpendRecoveryCode uses up a code: it succeeds once, and is
// [models.ErrNotFound] from then on.
func (t *Tx) SpendRecoveryCode(userID, hash string) error {
	return doing("spend recovery code", one(t.db.Where("hash = ? AND user_id = ?", hash, userID).Delete(&models.RecoveryCode{})))
}

// KnowsAddress tells whether somebody has signed in from an address before.
func (s *Store) KnowsAddress(ctx context.Context, userID, address string) (bool, error) {
	var n int64
	err := s.read.WithContext(ctx).Model(&models.KnownAddress{}).Where("user_id = ? AND address = ?", userID, address).Count(&n).Error
	return n > 0, err
}

// IsKnownAddress tells whether anybody has signed in from an address before.
func (s *Store) IsKnownAddress(ctx context.Context, address string) (bool, error) {
	var n int64
	err := s.read.WithContext(ctx).Model(&models.KnownAddress{}).Where("address = ?", address).Limit(1).Count(&n).Error
	return n > 0, err
}

// SaveKnownAddress notes that somebody signed in from an address.
func (t *Tx) SaveKnownAddress(k *models.KnownAddress) error {
	return doing("known address", t.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "user_id"}, {Name: "address"}},
		DoUpdates: clause.AssignmentColumns([]string{"seen_at"}),
	}).Create(k).Error)
}
