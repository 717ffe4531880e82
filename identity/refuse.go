package identity

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

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
	e := models.NewEvent(ctx, "signin.finish", models.OutcomeRefused)
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

// Record appends a refusal to the audit trail. Refusals of one address beyond
// [foldAfter] a minute become one event a minute with a count, so that a
// stranger cannot fill the database.
func (s *Service) Record(ctx context.Context, e models.Event) error {
	if e.Outcome == models.OutcomeRefused {
		switch n := s.folds.admit(e.ClientIP, s.Now()); {
		case n == 0:
			return nil
		case n > 1:
			e.Count = n
		}
	}
	return s.Store.Record(ctx, e)
}

// foldAfter is how many refusals of one address a minute stand alone.
const foldAfter = 30

type folds struct {
	mu   sync.Mutex
	seen *lru.Cache[string, *fold]
}

type fold struct {
	minute time.Time
	count  int
}

func newFolds() *folds {
	seen, _ := lru.New[string, *fold](4096) // fails for a size below one only
	return &folds{seen: seen}
}

// admit gives how many refusals the next event stands for; 0 means that it is
// counted and will be told with a later one.
func (f *folds) admit(address string, now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	minute := now.Truncate(time.Minute)
	was, ok := f.seen.Get(address)
	if !ok || !was.minute.Equal(minute) {
		f.seen.Add(address, &fold{minute: minute, count: 1})
		if ok && was.count > foldAfter {
			return was.count - foldAfter + 1
		}
		return 1
	}
	if was.count++; was.count > foldAfter {
		return 0
	}
	return 1
}
