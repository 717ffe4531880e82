package identity

import (
	"context"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// What a person is told about accounts.
var (
	ErrWrongPassword  = models.NewError(models.KindInvalid, "wrong_password", "The name or the password is wrong.")
	ErrPasswordOff    = models.NewError(models.KindNotFound, "not_found", "There is nothing here.")
	ErrBusy           = models.NewError(models.KindUnavailable, "busy", "Too many people are signing in at once. Please try again in a moment.")
	ErrUsernameTaken  = models.NewError(models.KindConflict, "username_taken", "This name is taken.")
	ErrEmailTaken     = models.NewError(models.KindConflict, "email_taken", "Another account has this address.")
	ErrBadUsername    = models.NewError(models.KindInvalid, "bad_username", "A name has 1 to 64 letters, digits or marks, and no blanks; with an @ it is the account's e-mail address.")
	ErrBadEmail       = models.NewError(models.KindInvalid, "bad_email", "This is not an e-mail address.")
	ErrShortPassword  = models.NewError(models.KindInvalid, "short_password", "A password has 12 characters or more.")
	ErrLongPassword   = models.NewError(models.KindInvalid, "long_password", "A password has 256 characters at most.")
	ErrCommonPassword = models.NewError(models.KindInvalid, "common_password", "This password is one of those that are tried first. Please choose another one.")
	ErrSamePassword   = models.NewError(models.KindInvalid, "same_password", "This is the password that you have.")
	ErrUnknownRole    = models.NewError(models.KindInvalid, "unknown_role", "There is no such role.")
	ErrNotAdmin       = models.NewError(models.KindForbidden, "not_allowed", "You may not do this: it takes the role admin.")
	ErrLastAdmin      = models.NewError(models.KindConflict, "last_admin", "This is the last admin. Make somebody else admin first.")
	ErrLinkSpent      = models.NewError(models.KindInvalid, "link_spent", "This link has expired or was already used. Please ask for a new one.")
	ErrSetupToken     = models.NewError(models.KindInvalid, "setup_token", "This is not the setup token. It stands in the log of the server.")
	ErrClaimed        = models.NewError(models.KindConflict, "claimed", "This installation has an admin already.")
	ErrLinkTaken      = models.NewError(models.KindConflict, "identity_taken", "That account at the provider belongs to somebody else here.")
	ErrLastIdentity   = models.NewError(models.KindConflict, "last_identity", "This is your last way to sign in.")
)

// NewAccount is an account that is to be made here.
type NewAccount struct {
	Username, Name, Email string
	// Role is assigned; None leaves the default role.
	Role policy.Role
}

// AddAccount makes an account. It has no password yet: [Service.MakeLink] lets
// its owner choose one. It is for admins and the operator.
func (s *Service) AddAccount(ctx context.Context, n NewAccount) (models.User, error) {
	return models.User{}, ErrUnavailable // TODO accounts
}

// SignInPassword signs in with a username, or the account's e-mail address, and
// a password. Unknown and wrong take the same time and say the same.
func (s *Service) SignInPassword(ctx context.Context, username, password string, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO accounts
}

// SignInDirectory signs in at a slot with the name and the password typed.
func (s *Service) SignInDirectory(ctx context.Context, slot, username, password string, e Entry) (SignedIn, error) {
	return SignedIn{}, ErrUnavailable // TODO accounts
}

// ChangePassword changes the person's own password, ends their other sessions
// and tells how many. Somebody without a password needs a recent proof instead
// of the old one.
func (s *Service) ChangePassword(ctx context.Context, p *models.Principal, old, new string) (ended int64, err error) {
	return 0, ErrUnavailable // TODO accounts
}

// SetPassword sets somebody's password and ends their sessions. It is for the
// operator; admins make a link.
func (s *Service) SetPassword(ctx context.Context, userID, password string) (ended int64, err error) {
	return 0, ErrUnavailable // TODO accounts
}

// HasPassword tells whether the user has a local account, and a password.
func (s *Service) HasPassword(ctx context.Context, userID string) (account, password bool, err error) {
	return false, false, nil // TODO accounts
}

// RoleSet is what somebody's role is now.
type RoleSet struct {
	// Assigned is what was set, Effective what it comes to with the rules of the
	// policy, and Rules those that match.
	Assigned, Effective policy.Role
	Rules               []string
}

// SetRole assigns a role, or None. It never makes the last admin none, and
// nobody grants what they do not hold themself.
func (s *Service) SetRole(ctx context.Context, userID string, role policy.Role) (RoleSet, error) {
	return RoleSet{}, ErrUnavailable // TODO accounts
}

// Delete removes an account. A person whom a provider still lets in comes back
// at the next sign-in: to bar somebody, disable them.
func (s *Service) Delete(ctx context.Context, userID string) error {
	return ErrUnavailable // TODO accounts
}
