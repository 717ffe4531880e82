package identity

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
)

// attemptTTL is how long somebody may take at the provider, a second factor
// included.
const attemptTTL = 10 * time.Minute

// attempt is one way to a provider and back, under way: a sign-in mostly. It lives sealed in the browser, so that
// starting a sign-in stores nothing and any replica can finish it.
type attempt struct {
	providers.Attempt
	Slot    string    `json:"slot"`
	Next    string    `json:"next"`
	Expires time.Time `json:"expires"`
	// Purpose is what the person went to the provider for: one of the words
	// below, and empty for a sign-in.
	Purpose string `json:"purpose,omitempty"`
	// User and Session are who began something other than a sign-in, and where;
	// Identity is the account at the provider that a confirmation is about.
	User     string `json:"user,omitempty"`
	Session  string `json:"session,omitempty"`
	Identity string `json:"identity,omitempty"`
}

// What an attempt is for, besides signing in.
const (
	toLink    = "link"    // to add the account at the provider to the person's own
	toConfirm = "confirm" // to prove again who they are
	toTest    = "test"    // to see what a sign-in would come to
)

// Begun is what the browser is sent away with.
type Begun struct {
	// Redirect is the address at the provider.
	Redirect string
	// Cookie is the name that [AttemptName] gives for the callback's state,
	// Sealed its value.
	Cookie, Sealed string
	Expires        time.Time
}

// AttemptName tells, for the state of a callback, which attempt it belongs
// to: several tabs can sign in at once.
func AttemptName(state string) string { return models.Digest("attempt:" + state)[:16] }

// maxSealed is how long a sealed attempt may be, in bytes: browsers drop a
// cookie of more than 4096 with its name.
const maxSealed = 3800

// sealAttempt seals an attempt. One that would not fit a cookie loses its way
// back rather than the sign-in.
func (s *Service) sealAttempt(a attempt) (string, error) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // an "&" of the way back is one byte, not six
	if err := e.Encode(a); err != nil {
		return "", err
	}
	sealed, err := s.Keys.Seal("attempt", text.String())
	if home := s.Site.Next(""); len(sealed) > maxSealed && a.Next != home {
		a.Next = home
		return s.sealAttempt(a)
	}
	return sealed, err
}

var (
	errNoAttempt    = errors.New("no attempt in this browser for the state")
	errOtherSlot    = errors.New("the attempt was begun at another provider")
	errOtherState   = errors.New("the state is not the attempt's")
	errExpired      = errors.New("the attempt has expired")
	errWithoutState = errors.New("the callback has no state")
)

// openAttempt checks that the callback's state was begun by this browser, at
// this provider, and not too long ago. An absent or empty part is a refusal.
func (s *Service) openAttempt(sealed, slot, state string) (attempt, error) {
	var a attempt
	if state == "" {
		return a, errWithoutState
	}
	text, err := s.Keys.Open("attempt", sealed)
	if err != nil {
		return a, errNoAttempt
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, errNoAttempt
	}
	return a, a.check(slot, state, s.Now())
}

func (a attempt) check(slot, state string, now time.Time) error {
	switch {
	case a.State == "" || a.Nonce == "" || a.Verifier == "":
		return errNoAttempt
	case a.Slot != slot:
		return errOtherSlot
	case subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1:
		return errOtherState
	case !now.Before(a.Expires):
		return errExpired
	}
	return nil
}
