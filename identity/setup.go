package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// ErrSetup is every answer of an installation that nobody has claimed.
var ErrSetup = models.NewError(models.KindSetup, "setup_required", "This installation has no admin yet. Whoever runs it can set one up.")

const (
	// claimedFor is how long it is believed that there is an admin. That there is
	// none is never believed: whoever has just claimed it at one replica, or with
	// the command line, is not sent to claim it again by another.
	claimedFor = 5 * time.Second
	// setupFor is how long a setup token works.
	setupFor = 7 * 24 * time.Hour
)

// claimed is that the installation was, as asked a moment ago.
type claimed struct{ until time.Time }

// Claimed tells whether there is an admin, or something that could make one. It
// is asked for every request, and cheap once it is true.
func (s *Service) Claimed(ctx context.Context) (bool, error) {
	if s.Policy().CanMakeAdmin() {
		return true, nil
	}
	if last := s.claimed.Load(); last != nil && s.Now().Before(last.until) {
		return true, nil
	}
	asked := s.Now()
	n, err := s.Store.CountAdmins(ctx)
	if err != nil {
		return false, ErrUnavailable.Because(err)
	}
	if n > 0 {
		s.claimed.Store(&claimed{asked.Add(claimedFor)})
	}
	return n > 0, nil
}

// unclaimed refuses where there is an admin or, unless that is to be left out,
// something that could make one.
func (s *Service) unclaimed(tx *store.Tx, leaveOut bool) error {
	n, err := tx.CountAdmins()
	if err == nil && (n > 0 || !leaveOut && s.Policy().CanMakeAdmin()) {
		return refusal{"claimed", ErrClaimed}
	}
	return err
}

// OfferSetup makes a new setup token, for the log, where the installation is
// not claimed and has local accounts; else it is empty.
func (s *Service) OfferSetup(ctx context.Context) (models.Secret, error) {
	if !s.PasswordLogin {
		return "", nil
	}
	token, link := s.newLink(nil, models.LinkSetup, setupFor)
	err := s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := errors.Join(tx.LockPeople(), s.unclaimed(tx, false)); err != nil {
			return models.Event{}, err
		}
		return models.NewEvent(ctx, "setup.offer", models.OutcomeOK), tx.InsertLink(link)
	})
	if isRefused(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

func isRefused(err error) bool {
	var no refusal
	return errors.As(err, &no)
}

// Claim makes the first admin with a setup token and signs them in. Of two at
// once one wins.
func (s *Service) Claim(ctx context.Context, token string, n NewAccount, password string, e Entry) (SignedIn, error) {
	if !s.PasswordLogin {
		return SignedIn{}, ErrPasswordOff
	}
	if err := s.proveSetup(ctx, token); err != nil {
		return SignedIn{}, err
	}
	d, hash, err := s.firstAdmin(ctx, n, password)
	if err != nil {
		return SignedIn{}, err
	}
	userID, err := s.claim(ctx, d, hash, token)
	var no refusal
	if errors.As(err, &no) {
		return SignedIn{}, s.refuseSignIn(ctx, models.LocalSlot, no.reason, no.public, err)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.enter(ctx, models.LocalSlot, e, func(tx *store.Tx) (*entrant, error) {
		return s.localEntrant(tx, userID, models.MethodPassword)
	})
}

// proveSetup judges a setup token; it is spent with the claim.
func (s *Service) proveSetup(ctx context.Context, token string) error {
	worked, err := s.try(ctx, "setup", "")
	if err != nil {
		return err
	}
	link, err := s.Store.Link(ctx, models.Digest(token))
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && (link.Purpose != models.LinkSetup || !s.Now().Before(link.ExpiresAt)):
		return s.refuseSetup(ctx)
	case err != nil:
		worked(ctx) // it was not judged
		return ErrUnavailable.Because(err)
	}
	worked(ctx)
	return nil
}

// refuseSetup tells a claim that comes too late from a wrong token: that the
// installation has an admin is no secret.
func (s *Service) refuseSetup(ctx context.Context) error {
	if is, err := s.Claimed(ctx); err == nil && is {
		return s.refuseSignIn(ctx, models.LocalSlot, "claimed", ErrClaimed, nil)
	}
	return s.refuseSignIn(ctx, models.LocalSlot, "wrong_setup_token", ErrSetupToken.At("token"), nil)
}

// firstAdmin checks the account of a first admin and hashes its password.
func (s *Service) firstAdmin(ctx context.Context, n NewAccount, password string) (d draft, hash string, err error) {
	if d, err = n.checkAdmin(password); err != nil {
		return d, "", err
	}
	hash, err = s.hasher.hash(ctx, password)
	return d, hash, err
}

func (n NewAccount) checkAdmin(password string) (draft, error) {
	n.Role = policy.Admin
	d, err := n.check()
	if err != nil {
		return d, err
	}
	return d, checkPassword(password, d.username, d.name, d.email)
}

// CheckBootstrap judges what [Service.Bootstrap] is to be given, before there is
// a service. The error is a *models.Error of the field "username" or "password".
func CheckBootstrap(username, password string) error {
	_, err := NewAccount{Username: username}.checkAdmin(password)
	return err
}

// claim makes the first admin, once, and ends all offers to. A token must be one
// of them; the operator has none, and makes one beside what the policy says.
func (s *Service) claim(ctx context.Context, d draft, hash, token string) (userID string, err error) {
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := errors.Join(tx.LockPeople(), s.unclaimed(tx, models.IsOperator(ctx))); err != nil {
			return models.Event{}, err
		}
		if err := spendSetup(ctx, tx, token); err != nil {
			return models.Event{}, err
		}
		user, _, err := s.insertAccount(tx, d, hash)
		if err != nil {
			return models.Event{}, err
		}
		userID = user.ID
		e := about(ctx, "setup.claim", userID)
		if !models.IsOperator(ctx) {
			e.Actor = models.Actor{ID: userID, Name: user.Label(), Kind: "user"}
		}
		return e, nil
	})
	return userID, err
}

// spendSetup uses up a setup token and all others. The operator needs none.
func spendSetup(ctx context.Context, tx *store.Tx, token string) error {
	if !models.IsOperator(ctx) {
		_, err := tx.SpendLink(models.Digest(token))
		if errors.Is(err, models.ErrNotFound) {
			return refusal{"wrong_setup_token", ErrSetupToken.At("token")}
		}
		if err != nil {
			return err
		}
	}
	_, err := tx.DeleteLinks(models.LinkSetup)
	return err
}

// Bootstrap makes the first admin from the environment, where nobody was made
// admin. It never overwrites, and is fine with being asked again.
func (s *Service) Bootstrap(ctx context.Context, username, password string) error {
	if !s.PasswordLogin {
		return ErrPasswordOff
	}
	ctx = models.WithOperator(ctx)
	if n, err := s.Store.CountAdmins(ctx); err != nil || n > 0 {
		return err
	}
	d, hash, err := s.firstAdmin(ctx, NewAccount{Username: username}, password)
	if err != nil {
		return err
	}
	_, err = s.claim(ctx, d, hash, "")
	if errors.Is(err, ErrUsernameTaken) {
		s.Log.WarnContext(ctx, "no first admin was made: somebody who is none has the name", "username", d.username)
		return nil
	}
	if isRefused(err) {
		return nil
	}
	return err
}
