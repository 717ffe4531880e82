package identity

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// Door is a way in. Whom it may let in, the Gates of the [Rules] say.
type Door struct {
	// Provider is a providers.Provider, Directory or Witness.
	Provider providers.Source
}

// provider is the door's, if people go there with their browser.
func (d Door) provider() (providers.Provider, bool) {
	p, ok := d.Provider.(providers.Provider)
	return p, ok
}

// Config is what a Service stands on.
type Config struct {
	Store *store.Store
	// Doors are the ways in, in the order in which the page shows them.
	Doors []Door
	// Compose makes the rules of what was changed over the environment and the
	// policy file. A value that cannot be is a *models.Error whose Field is the
	// setting. It is called again whenever something has changed, by several at
	// once, and within transactions: it keeps its hands off the store.
	Compose func(Changes) (*Rules, error)
	// SettingDefs are the settings that may be changed while the program runs, in
	// the order of the page; Fixed are the others.
	SettingDefs []SettingDef
	Fixed       []FixedSetting
	Keys        *Keyring
	Site        models.Site
	// Audience is the name of the upstream, the "aud" of assertions.
	Audience string
	// PasswordLogin is off in OAuth-only mode: nobody signs in with what is kept
	// here, but for a one-time link.
	PasswordLogin bool
	// Attempts is how often one may fail to prove who one is within Window, by
	// account; an address may twenty times as often. Zero is 5 and 5 minutes.
	Attempts int
	Window   time.Duration
	// OnCheckpoint, if set, is called with every checkpoint that this replica has
	// written, after its commit.
	OnCheckpoint func(models.Checkpoint)
	Now          func() time.Time
	// StoreClock is the clock of the database; nil asks it.
	StoreClock func(context.Context) (time.Time, error)
	Log        *slog.Logger
}

// Service is the use cases. It is safe for concurrent use; what it keeps in
// memory is a cache of seconds that other replicas do not need.
type Service struct {
	Config
	doors      map[string]Door
	sessions   *lru.Cache[string, recognised]
	assertions *lru.Cache[*models.Principal, string]
	keys       keySet
	folder     *folder
	hasher     *hasher
	claimed    atomic.Pointer[claimed]
	inForce    inForce
	ways       ways
	// signed is the event of the last checkpoint that this process has seen.
	signed atomic.Int64
	// onVerify, if set, is called when verifying knows where the trail begins and
	// has not walked it yet: in a test something else happens then.
	onVerify func()
}

// cacheSize bounds the sessions and assertions kept in memory.
const cacheSize = 8192

// New makes the service and its first signing key, and puts the rules in force.
// Without good ones there is no service.
func New(ctx context.Context, c Config) (*Service, error) {
	s := &Service{Config: c, doors: map[string]Door{}, folder: newFolder(), hasher: newHasher()}
	for _, d := range c.Doors {
		s.doors[d.Provider.Info().Slot] = d
	}
	var err error
	if s.sessions, err = lru.New[string, recognised](cacheSize); err != nil {
		return nil, err
	}
	if s.assertions, err = lru.New[*models.Principal, string](cacheSize); err != nil {
		return nil, err
	}
	if err := s.Recompose(ctx); err != nil {
		return nil, err
	}
	return s, s.RotateKeys(ctx)
}

// ProviderState is what the login page shows of a provider.
type ProviderState struct {
	providers.Info
	// Down tells that the provider could not be reached lately.
	Down bool
}

// Providers lists the ways in. A provider that is down is asked again after a
// cool-down of its own; the answer is bounded in time.
func (s *Service) Providers(ctx context.Context) []ProviderState {
	states := make([]ProviderState, len(s.Doors))
	done := make(chan struct{}, len(s.Doors))
	for i, d := range s.Doors {
		go func() {
			states[i] = ProviderState{Info: d.Provider.Info(), Down: d.Provider.Ready(ctx) != nil}
			done <- struct{}{}
		}()
	}
	for range s.Doors {
		<-done
	}
	return states
}

// Sweep removes what has expired, and tells of refusals that were folded and of
// how providers answered. Every replica calls it, once a minute.
func (s *Service) Sweep(ctx context.Context) error {
	s.noteWaiting(ctx)
	_, err := s.Store.Sweep(ctx, s.Now(), s.Rules().SessionIdle)
	return errors.Join(err, s.recordFolded(ctx, s.folder.due(s.Now())))
}
