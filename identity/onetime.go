package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// How long links work.
const (
	signInLinkFor   = 15 * time.Minute
	passwordLinkFor = 72 * time.Hour
)

// MakeLink makes a one-time link for somebody, and gives its address; the links
// that they had before work no more. Links to sign in last 15 minutes, links to
// choose a password 72 hours. It is for admins and the operator; only the
// operator makes one for somebody who is an admin already.
func (s *Service) MakeLink(ctx context.Context, userID string, purpose models.LinkPurpose) (address string, err error) {
	if err := s.mayLink(ctx, userID, purpose); err != nil {
		return "", err
	}
	token, link := s.newLink(&userID, purpose, passwordLinkFor)
	if purpose == models.LinkSignIn {
		link.ExpiresAt = link.CreatedAt.Add(signInLinkFor)
	}
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		user, err := tx.User(userID)
		if err == nil {
			err = fits(ctx, user)
		}
		if err == nil && user.Disabled() {
			err = ErrNotAllowed
		}
		if err != nil {
			return models.Event{}, err
		}
		e := about(ctx, "user.link", userID)
		e.Reason = string(purpose)
		return e, errors.Join(tx.DeleteLinksOf(userID), tx.InsertLink(link))
	})
	if err != nil {
		return "", err
	}
	if purpose == models.LinkSignIn {
		s.Log.WarnContext(ctx, "a link was made that signs somebody in without a password or a provider",
			"user", userID, "by", models.ActorOf(ctx).ID, "until", link.ExpiresAt)
	}
	return s.Site.Link("/auth/link") + "?token=" + token.Reveal(), nil
}

// mayLink is the law of links.
func (s *Service) mayLink(ctx context.Context, userID string, purpose models.LinkPurpose) error {
	if err := s.mayChange(ctx, userID); err != nil {
		return err
	}
	switch purpose {
	case models.LinkPassword:
		if !s.PasswordLogin {
			return ErrPasswordOff
		}
		c, err := s.Store.CredentialOf(ctx, userID)
		if err != nil || c.Password == "" {
			return err // an account that nobody has used yet
		}
		return s.mayStandIn(ctx, userID)
	case models.LinkSignIn:
		return s.mayStandIn(ctx, userID)
	}
	return models.ErrNotFound
}

// mayStandIn keeps admins from making themselves a key to another admin's account.
func (s *Service) mayStandIn(ctx context.Context, userID string) error {
	held, err := s.held(ctx, userID)
	if err == nil && held.Has(policy.Administer) && !models.IsOperator(ctx) {
		return ErrOperatorOnly
	}
	return err
}

// newLink makes a link and its token.
func (s *Service) newLink(userID *string, purpose models.LinkPurpose, lasts time.Duration) (models.Secret, *models.OneTimeLink) {
	token, now := models.RandomToken(), s.Now()
	return models.Secret(token), &models.OneTimeLink{
		Hash: models.Digest(token), UserID: userID, Purpose: purpose, CreatedAt: now, ExpiresAt: now.Add(lasts),
	}
}

// LinkFor tells whose link a token is, and what it is for; ErrLinkSpent, and
// ErrPasswordOff for one to choose a password in OAuth-only mode.
func (s *Service) LinkFor(ctx context.Context, token string) (models.User, models.LinkPurpose, error) {
	link, user, err := s.findLink(ctx, token)
	return user, link.Purpose, err
}

func (s *Service) findLink(ctx context.Context, token string) (link models.OneTimeLink, user models.User, err error) {
	link, err = s.Store.Link(ctx, models.Digest(token))
	if err == nil && !s.opens(link) {
		err = models.ErrNotFound
	}
	if err == nil {
		user, err = s.Store.User(ctx, *link.UserID)
	}
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && user.Disabled():
		return models.OneTimeLink{}, models.User{}, ErrLinkSpent
	case err != nil:
		return models.OneTimeLink{}, models.User{}, ErrUnavailable.Because(err)
	case link.Purpose == models.LinkPassword && !s.PasswordLogin:
		return models.OneTimeLink{}, models.User{}, ErrPasswordOff
	}
	return link, user, nil
}

// opens tells whether a link is somebody's and still works.
func (s *Service) opens(link models.OneTimeLink) bool {
	return link.UserID != nil && s.Now().Before(link.ExpiresAt) &&
		(link.Purpose == models.LinkSignIn || link.Purpose == models.LinkPassword)
}

// SpendLink uses a link up: it sets the password where the link is for that,
// and signs in. A password that will not do leaves the link as it is.
func (s *Service) SpendLink(ctx context.Context, token, password string, e Entry) (SignedIn, error) {
	link, err := s.proveLink(ctx, token)
	if err != nil {
		return SignedIn{}, err
	}
	if link.Purpose == models.LinkPassword {
		return s.choosePassword(ctx, link, password, e)
	}
	identityID, slot, err := s.wayIn(ctx, *link.UserID)
	if err != nil {
		return SignedIn{}, err
	}
	return s.enter(ctx, slot, e, func(tx *store.Tx) (*entrant, error) {
		who, err := s.linked(tx, *link.UserID, identityID)
		if err != nil {
			return nil, err
		}
		return who, spend(tx, link.Hash)
	})
}

// proveLink is findLink for the deed: it counts as an attempt.
func (s *Service) proveLink(ctx context.Context, token string) (models.OneTimeLink, error) {
	worked, err := s.try(ctx, "link", "")
	if err != nil {
		return models.OneTimeLink{}, err
	}
	link, _, err := s.findLink(ctx, token)
	if errors.Is(err, ErrLinkSpent) {
		return link, s.refuseSignIn(ctx, models.LocalSlot, "link_spent", ErrLinkSpent, err)
	}
	worked(ctx)
	return link, err
}

// spend uses a link up: of two at once one does.
func spend(tx *store.Tx, hash string) error {
	_, err := tx.SpendLink(hash)
	if errors.Is(err, models.ErrNotFound) {
		return refusal{"link_spent", ErrLinkSpent}
	}
	return err
}

// wayIn is the identity with which a link signs somebody in: their account here,
// else the one that they used last of those that may come in.
func (s *Service) wayIn(ctx context.Context, userID string) (id, slot string, err error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return "", "", ErrUnavailable.Because(err)
	}
	all, err := s.Store.IdentitiesOf(ctx, userID)
	if err != nil || len(all) == 0 {
		return "", "", s.refuseSignIn(ctx, models.LocalSlot, "no_identity", ErrNotAllowed, err)
	}
	here := slices.IndexFunc(all, func(i models.Identity) bool { return i.Slot == models.LocalSlot })
	open := slices.IndexFunc(all, func(i models.Identity) bool {
		_, ok := s.mayEnter(user, i, models.MethodLink)
		return ok
	})
	one := all[max(here, 0)]
	if here < 0 && open >= 0 {
		one = all[open]
	}
	return one.ID, one.Slot, nil
}

// linked is somebody who comes in by a link.
func (s *Service) linked(tx *store.Tx, userID, identityID string) (*entrant, error) {
	user, err := tx.User(userID)
	if err != nil {
		return nil, lostLink(err)
	}
	identity, err := tx.IdentityByID(identityID)
	if err == nil && identity.UserID != userID {
		err = models.ErrNotFound
	}
	now := s.Now()
	return &entrant{user: &user, identity: &identity, method: models.MethodLink, provenAt: &now}, lostLink(err)
}

// lostLink makes a refusal of a link whose person is no more.
func lostLink(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return refusal{"link_spent", ErrLinkSpent}
	}
	return err
}

// choosePassword sets the password and ends all by which the person was in; then
// it signs in with it, as they could do themself.
func (s *Service) choosePassword(ctx context.Context, link models.OneTimeLink, password string, e Entry) (SignedIn, error) {
	c, hash, err := s.hashFor(ctx, *link.UserID, password)
	if err != nil {
		return SignedIn{}, err
	}
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := spend(tx, link.Hash); err != nil {
			return models.Event{}, err
		}
		_, err := s.putPassword(tx, c.UserID, c.ChangedAt, hash, "")
		return s.byThemself(ctx, "user.set_password", *link.UserID), err
	})
	var no refusal
	if errors.As(err, &no) {
		return SignedIn{}, s.refuseSignIn(ctx, models.LocalSlot, no.reason, no.public, err)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.enter(ctx, models.LocalSlot, e, func(tx *store.Tx) (*entrant, error) {
		return s.localEntrant(tx, c.UserID, models.MethodPassword)
	})
}

// byThemself is the event of what somebody changes who is not signed in yet.
func (s *Service) byThemself(ctx context.Context, event, userID string) models.Event {
	e := about(ctx, event, userID)
	e.Actor, e.Reason = models.Actor{ID: userID, Kind: "user"}, "link"
	return e
}
