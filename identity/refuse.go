package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// What a person is told. The true reason stands in the log and in the audit
// trail; these sentences never repeat what a provider said.
var (
	ErrUnauthenticated = models.NewError(models.KindUnauthenticated, "unauthenticated", "Please sign in.")
	ErrUnavailable     = models.NewError(models.KindUnavailable, "unavailable", "Sign-in is not available at the moment. Please try again shortly.")
	ErrNoProvider      = models.NewError(models.KindNotFound, "provider_unknown", "There is no such way to sign in.")
	ErrSignInExpired   = models.NewError(models.KindInvalid, "signin_expired", "This sign-in has expired or was already used. Please start again.")
	ErrSignInCancelled = models.NewError(models.KindForbidden, "signin_cancelled", "The sign-in was not completed at the identity provider.")
	ErrSignInFailed    = models.NewError(models.KindForbidden, "signin_failed", "The answer of the identity provider could not be verified.")
	ErrProviderFailed  = models.NewError(models.KindOutage, "provider_failed", "The identity provider did not answer as it should. Please try again shortly.")
	ErrUnverifiedEmail = models.NewError(models.KindForbidden, "email_unverified", "The identity provider has not verified your e-mail address.")
	ErrNotAllowed      = models.NewError(models.KindForbidden, "not_allowed", "Your account is not allowed to sign in here. An administrator of this installation can change that.")
)

// refuseSignIn records a refusal with its true reason and returns the lesser
// one that the person sees.
func (s *Service) refuseSignIn(ctx context.Context, slot, reason string, public *models.Error, cause error) error {
	return s.refuseAs(ctx, "signin.finish", slot, reason, public, cause)
}

// refuseAs is refuseSignIn for another event.
func (s *Service) refuseAs(ctx context.Context, event, slot, reason string, public *models.Error, cause error) error {
	e := models.NewEvent(ctx, event, models.OutcomeRefused)
	var of ofUser
	if errors.As(cause, &of) {
		e.Target = &models.Target{Kind: "user", ID: of.user}
	}
	if public.Kind == models.KindOutage || public.Kind == models.KindUnavailable {
		e.Outcome = models.OutcomeFailed
	}
	e.Provider, e.Reason = slot, reason
	if err := s.Record(ctx, e); err != nil {
		cause = errors.Join(cause, err)
	}
	if cause == nil {
		cause = errors.New(reason)
	}
	return public.Because(cause)
}

// refused records why somebody could not prove who they are, and returns what
// they are told; errors with words of their own are not recorded here.
func (s *Service) refused(ctx context.Context, event, slot string, err error) error {
	var no refusal
	var public *models.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &no):
		return s.refuseAs(ctx, event, slot, no.reason, no.public, err)
	case errors.As(err, &public):
		return public
	}
	return ErrUnavailable.Because(err)
}

// ofUser is an error about somebody whom we know, though they are not signed in.
type ofUser struct {
	error
	user string
}

// Unwrap gives the error itself.
func (o ofUser) Unwrap() error { return o.error }

func of(userID string, err error) error {
	if err == nil {
		return nil
	}
	return ofUser{err, userID}
}

// fromProvider turns a provider's error into a reason and public words.
func fromProvider(err error) (reason string, public *models.Error) {
	var e *providers.Error
	if !errors.As(err, &e) {
		return "provider_error", ErrProviderFailed
	}
	switch {
	case e.Outage:
		return e.Reason, ErrProviderFailed
	case e.Reason == "denied":
		return e.Reason, ErrSignInCancelled
	case e.Reason == "email_unverified":
		return e.Reason, ErrUnverifiedEmail
	}
	return e.Reason, ErrSignInFailed
}

// Record appends events to the audit trail: all of them, or with an error none.
// Refusals of one kind by one person, or by strangers of one address, become one
// event a minute with a count where there are more than [foldAfter], and so do
// other events that fold: nobody can fill the database. Nobody can hide a refusal
// of another kind behind their own, nor another person's. A stranger's kind is
// the event with its outcome and reason; beyond [foldStrangersAfter] one count
// stands for all addresses.
func (s *Service) Record(ctx context.Context, events ...models.Event) error {
	var alone []models.Event
	for _, e := range events {
		if !folds(e) || s.folder.admit(e, s.Now()) {
			alone = append(alone, e)
		}
	}
	return s.Store.Record(ctx, alone...)
}

// folds tells the events that somebody can cause who may change nothing.
func folds(e models.Event) bool {
	return e.Folds || e.Outcome == models.OutcomeRefused ||
		(e.Outcome == models.OutcomeFailed && strings.HasPrefix(e.Event, "signin."))
}

// RecordAllFolded tells of all refusals that were counted, this minute's among
// them. It is for when we stop.
func (s *Service) RecordAllFolded(ctx context.Context) error {
	return s.recordFolded(ctx, s.folder.all())
}

// recordFolded tells of refusals that were counted, one event for each kind and
// minute. What the store does not take waits for the next time, and the event
// that failed goes to the end: it may be the only one that cannot be written.
func (s *Service) recordFolded(ctx context.Context, events []models.Event) error {
	for i, e := range events {
		if err := s.Store.Record(ctx, e); err != nil {
			if lost := s.folder.putBack(append(events[i+1:], e)); lost > 0 {
				err = errors.Join(err, fmt.Errorf("%d events that stand for many are lost", lost))
			}
			return err
		}
	}
	return nil
}
