package identity

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
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
	ErrOperatorOnly   = models.NewError(models.KindForbidden, "operator_only", "Only whoever runs this installation can do this, at its command line.")
	ErrMerge          = models.NewError(models.KindInvalid, "merge", "An account cannot be merged with itself, nor with one that is disabled.")
	ErrLastIdentity   = models.NewError(models.KindConflict, "last_identity", "This is your last way to sign in.")
)

// NewAccount is an account that is to be made here.
type NewAccount struct {
	Username, Name, Email string
	// Role is assigned; None leaves the default role.
	Role policy.Role
}

// draft is a new account, checked.
type draft struct {
	names
	name string
	role policy.Role
}

// check reads a new account.
func (n NewAccount) check() (draft, error) {
	checked, err := checkNames(n.Username, n.Email)
	return draft{checked, cmp.Or(strings.TrimSpace(n.Name), checked.username), n.Role}, err
}

// AddAccount makes an account. It has no password yet: [Service.MakeLink] lets
// its owner choose one. It is for admins and the operator, and nobody grants a
// role that holds more than they do.
func (s *Service) AddAccount(ctx context.Context, n NewAccount) (made models.User, err error) {
	if !s.PasswordLogin {
		return models.User{}, ErrPasswordOff
	}
	if err := errors.Join(s.mayAdminister(ctx), s.mayGrant(ctx, n.Role)); err != nil {
		return models.User{}, err
	}
	d, err := n.check()
	if err != nil {
		return models.User{}, err
	}
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		user, _, err := s.insertAccount(tx, d, "")
		if err != nil {
			return models.Event{}, err
		}
		made = *user
		e := about(ctx, "user.add", user.ID)
		e.Reason = string(user.Role) // as user.set_role tells it
		return e, nil
	})
	return made, err
}

// insertAccount adds an account with its identity and its credential. Hash is
// of its password, and empty where it has none yet.
func (s *Service) insertAccount(tx *store.Tx, d draft, hash string) (*models.User, *models.Identity, error) {
	if err := free(tx, d); err != nil {
		return nil, nil, err
	}
	user := models.NewUser(d.name, d.email, s.Now())
	user.Role = d.role
	identity := models.NewIdentity(user.ID, models.LocalSlot, models.LocalIssuer, user.ID, s.Now())
	identity.Claims = models.Claims{Name: user.Name, Email: user.Email, Username: d.username}
	c := &models.Credential{UserID: user.ID, Username: d.username, UsernameKey: d.usernameKey, ChangedAt: s.Now()}
	if d.emailKey != "" {
		c.EmailKey = &d.emailKey
	}
	if err := s.sealPassword(c, hash); err != nil {
		return nil, nil, err
	}
	return user, identity, errors.Join(tx.InsertUser(user), tx.SaveIdentity(identity), tx.InsertCredential(c))
}

// free tells whether nobody has the names yet.
func free(tx *store.Tx, d draft) error {
	taken, err := tx.CredentialKeyTaken(d.usernameKey, "")
	if taken || err != nil {
		return cmp.Or(err, error(ErrUsernameTaken.At("username")))
	}
	taken, err = tx.CredentialKeyTaken("", d.emailKey)
	if taken || err != nil {
		return cmp.Or(err, error(ErrEmailTaken.At("email")))
	}
	return nil
}

// HasPassword tells whether the user has a local account, and a password.
func (s *Service) HasPassword(ctx context.Context, userID string) (account, password bool, err error) {
	c, err := s.Store.CredentialOf(ctx, userID)
	if errors.Is(err, models.ErrNotFound) {
		return false, false, nil
	}
	return err == nil, c.Password != "", err
}

// RoleSet is what somebody's role is now.
type RoleSet struct {
	// Assigned is what was set, Effective what it comes to with the rules of the
	// policy, and Rules those that match.
	Assigned, Effective policy.Role
	Rules               []string
}

// SetRole assigns a role, or None. It never makes the last admin none, and
// nobody grants what they do not hold themself. With another role the person's
// sessions and links end: the next sign-in asks for what the new role wants.
func (s *Service) SetRole(ctx context.Context, userID string, role policy.Role) (set RoleSet, err error) {
	if err := s.mayGrant(ctx, role); err != nil {
		return RoleSet{}, err
	}
	e := about(ctx, "user.set_role", userID)
	e.Reason = cmp.Or(string(role), "none")
	err = s.changeUser(ctx, e, func(tx *store.Tx, user *models.User) error {
		former := user.Role
		if user.Role = role; former == role {
			return nil
		}
		_, err := endAll(tx, userID)
		return errors.Join(err, tx.SaveUser(user))
	})
	if err != nil {
		return RoleSet{}, err
	}
	return s.roleOf(ctx, userID)
}

// roleOf tells somebody's role with the identity that they used last.
func (s *Service) roleOf(ctx context.Context, userID string) (RoleSet, error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return RoleSet{}, err
	}
	identities, err := s.Store.IdentitiesOf(ctx, userID)
	if err != nil {
		return RoleSet{}, err
	}
	who := policy.Subject{Assigned: user.Role}
	if len(identities) > 0 {
		who = subject(user, identities[0])
	}
	p := s.Policy()
	return RoleSet{user.Role, p.Access(who).Role, p.Rules(who)}, nil
}

// Delete removes an account. A person whom a provider still lets in comes back
// at the next sign-in, as somebody new: to bar somebody, disable them. Nothing in
// the trail leads to them any more that was written under a pseudonym.
func (s *Service) Delete(ctx context.Context, userID string) error {
	err := s.changeUser(ctx, about(ctx, "user.delete", userID), func(tx *store.Tx, user *models.User) error {
		return tx.DeleteUser(user.ID)
	})
	if err != nil {
		return err
	}
	if err := s.Store.Scrub(ctx); err != nil {
		s.Log.WarnContext(ctx, "what was deleted may be in the database's log still, until it is written over", "error", err)
	}
	return nil
}
