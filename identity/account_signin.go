package identity

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// SignInPassword signs in with a username, or the account's e-mail address, and
// a password. Unknown and wrong take the same time and say the same.
func (s *Service) SignInPassword(ctx context.Context, username, password string, e Entry) (SignedIn, error) {
	if !s.PasswordLogin {
		return SignedIn{}, ErrPasswordOff
	}
	c, name, err := s.credentialOf(ctx, username)
	if err != nil {
		return SignedIn{}, ErrUnavailable.Because(err)
	}
	if err := s.judgePassword(ctx, name, c, password); err != nil {
		return SignedIn{}, err
	}
	in, err := s.enter(ctx, models.LocalSlot, e, func(tx *store.Tx) (*entrant, error) { return s.owner(tx, c) })
	if err == nil {
		s.rehash(ctx, c, password)
	}
	return in, err
}

// credentialOf finds a credential by what somebody typed, and tells by which name
// attempts are counted. Of a name that nobody has it is zero.
func (s *Service) credentialOf(ctx context.Context, typed string) (c models.Credential, name string, err error) {
	key, email, ok := signInKey(typed)
	switch {
	case !ok:
		return c, "name:", nil
	case email:
		c, err = s.Store.CredentialByEmail(ctx, key)
	default:
		c, err = s.Store.CredentialByUsername(ctx, key)
	}
	if errors.Is(err, models.ErrNotFound) {
		return models.Credential{}, "name:" + key, nil
	}
	return c, "name:" + key, err
}

// provePassword proves who somebody is by their password here.
func (s *Service) provePassword(ctx context.Context, userID, password string) error {
	c, err := s.Store.CredentialOf(ctx, userID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return ErrUnavailable.Because(err)
	}
	return s.judgePassword(ctx, userID, c, password)
}

// judgePassword judges a password, whoever's it is and if it is nobody's: it is
// counted first and hashed once, and one that is wrong is recorded. The name is
// not: people type their password there.
func (s *Service) judgePassword(ctx context.Context, name string, c models.Credential, password string) error {
	trial, err := s.tryAs(ctx, "password", cmp.Or(c.UserID, name), name)
	if err != nil {
		return err
	}
	hash, wrong := s.hashOf(c)
	ok, err := s.hasher.matches(ctx, trial.own.known, hash, password)
	if err != nil {
		trial.unjudged(ctx)
		return s.refuseSignIn(ctx, models.LocalSlot, "busy", ErrBusy, err)
	}
	if !ok {
		return s.refuseSignIn(ctx, models.LocalSlot, wrong, ErrWrongPassword, whose(c, errors.New(wrong)))
	}
	trial.worked(ctx)
	return nil
}

// whose is of, for a credential that may be nobody's.
func whose(c models.Credential, err error) error {
	if c.UserID == "" {
		return err
	}
	return of(c.UserID, err)
}

// hashOf is what a password is held against, and the reason if it is wrong.
func (s *Service) hashOf(c models.Credential) (hash, wrong string) {
	switch {
	case c.UserID == "":
		return s.hasher.dummy, "unknown_name"
	case c.Password == "":
		return s.hasher.dummy, "no_password"
	}
	hash, err := s.Keys.Open("password:"+c.UserID, c.Password)
	if err != nil {
		return s.hasher.dummy, "password_unreadable"
	}
	return hash, "wrong_password"
}

// owner is whose password was proved, unless it was changed since.
func (s *Service) owner(tx *store.Tx, c models.Credential) (*entrant, error) {
	who, err := s.localEntrant(tx, c.UserID, models.MethodPassword)
	if err != nil {
		return nil, err
	}
	current, err := tx.Credential(c.UserID)
	if err == nil && !current.ChangedAt.Equal(c.ChangedAt) {
		err = refusal{"wrong_password", ErrWrongPassword}
	}
	return who, err
}

// localEntrant is somebody who comes in by their account here, as now.
func (s *Service) localEntrant(tx *store.Tx, userID string, method models.Method) (*entrant, error) {
	user, err := tx.User(userID)
	if errors.Is(err, models.ErrNotFound) {
		return nil, refusal{"unknown_name", ErrWrongPassword}
	}
	if err != nil {
		return nil, err
	}
	identity, err := tx.Identity(models.LocalIssuer, userID)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	identity.SignedInAt = now
	return &entrant{user: &user, identity: &identity, method: method, provenAt: &now}, tx.SaveIdentity(&identity)
}

// rehash replaces a hash of former cost, or sealed with a former key, by one of
// today. The person has signed in: a failure is logged and tried again the next
// time.
func (s *Service) rehash(ctx context.Context, c models.Credential, password string) {
	if hash, _ := s.hashOf(c); isToday(hash) && s.Keys.Current(c.Password) {
		return
	}
	hash, err := s.hasher.hash(ctx, password)
	former := c.Password
	if err == nil {
		err = s.sealPassword(&c, hash)
	}
	if err == nil {
		err = s.Store.RehashPassword(context.WithoutCancel(ctx), c.UserID, former, c.Password)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "password not rehashed", "error", err)
	}
}

// sealPassword keeps a hash, sealed for whose it is. An empty one is none.
func (s *Service) sealPassword(c *models.Credential, hash string) (err error) {
	if c.Password = ""; hash != "" {
		c.Password, err = s.Keys.Seal("password:"+c.UserID, hash)
	}
	return err
}

// SignInDirectory signs in at a slot with the name and the password typed. An
// empty one is refused here: a directory takes a bind without a password for
// one of nobody, and says that it worked (RFC 4513 §5.1.2).
func (s *Service) SignInDirectory(ctx context.Context, slot, username, password string, e Entry) (SignedIn, error) {
	directory, ok := s.doors[slot].Provider.(providers.Directory)
	if !ok {
		return SignedIn{}, ErrNoProvider
	}
	username = strings.TrimSpace(username)
	if username == "" || password == "" {
		return SignedIn{}, s.refuseSignIn(ctx, slot, "empty", ErrWrongPassword, nil)
	}
	claim, err := s.proveInDirectory(ctx, directory, slot, username, password)
	if err != nil {
		return SignedIn{}, s.refuseDirectory(ctx, slot, err)
	}
	if claim.AuthTime.IsZero() {
		claim.AuthTime = s.Now()
	}
	return s.admit(ctx, slot, models.MethodDirectory, claim, e)
}

// proveInDirectory has a directory judge a password. Where it is down nothing is
// counted; what it cannot answer in between is. What the directory says is an
// error of providers and not recorded yet; all others are.
func (s *Service) proveInDirectory(ctx context.Context, d providers.Directory, slot, username, password string) (claim providers.Claim, err error) {
	defer func() {
		if !errors.As(err, new(*models.Error)) {
			s.noteAnswer(ctx, slot, err)
		}
	}()
	if err := d.Ready(ctx); err != nil {
		return claim, err
	}
	worked, err := s.try(ctx, "directory", "slot:"+slot+":"+nameKey(username))
	if err != nil {
		return claim, err
	}
	if claim, err = d.SignIn(ctx, username, password); err == nil {
		worked(ctx)
	}
	return claim, err
}

// refuseDirectory refuses a sign-in for what a directory says. To all but an
// outage a person gets one answer: else they would learn which names there are.
func (s *Service) refuseDirectory(ctx context.Context, slot string, err error) error {
	var from *providers.Error
	if !errors.As(err, &from) {
		return err
	}
	return s.refuseSignIn(ctx, slot, from.Reason, inDirectory(err), err)
}

// inDirectory are the public words for what a directory says.
func inDirectory(err error) *models.Error {
	if _, public := fromProvider(err); public.Kind == models.KindOutage {
		return public
	}
	return ErrWrongPassword
}
