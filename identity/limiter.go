package identity

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// ErrTooMany is one failed attempt too many; Retry says when to come again.
var ErrTooMany = models.NewError(models.KindTooMany, "too_many_attempts", "Too many attempts failed. Please wait before you try again.")

const (
	// defaultAttempts and defaultWindow are how often one may fail, and within
	// what time.
	defaultAttempts = 5
	defaultWindow   = 5 * time.Minute
	// addressFactor is how much more often an address may fail than an account:
	// behind one there may be an office.
	addressFactor = 20
	// longestDelay is where the delays stop to double, in windows.
	longestDelay = 12
	// takeBackWithin bounds the taking back of a count.
	takeBackWithin = 10 * time.Second
)

// counter is one count of failures.
type counter struct {
	// key is what the store knows it by: a digest, so that its rows name nobody.
	key string
	// limit is how many failures are free, window the time after which all of
	// them are forgotten, and memory the same once one may try again.
	limit          int64
	window, memory time.Duration
	// known tells that it is of no stranger: of an open session, or of an address
	// from which the account has signed in before.
	known bool
}

// try counts an attempt to prove who somebody is as failed, before it is
// judged: of many at once none gets past the limit. What tells the caller to
// say that it worked after all, which takes the count back. Kind is what is
// proved ("password", "totp", "recovery", "passkey", "setup", "link", or
// "directory" for a password that a directory judges), account whose it is,
// known or not: a user's id, or the key of a name that nobody has.
// It is empty for what is nobody's, such as a setup token: then only the address
// counts.
//
// Each kind has a count of its own, for one must not stand in the way of
// another: strangers with wrong passwords never get to the second factor, so
// they cannot shut it either. Of all that is proved only passwords and one-time
// passwords can be guessed at all, so nobody gains by trying several kinds.
//
// One attempt too many is ErrTooMany, and counts no more. It is recorded here:
// the caller gives it back as it is. Any error means that nothing may be judged.
func (s *Service) try(ctx context.Context, kind, account string) (worked func(context.Context), err error) {
	t, err := s.tryAs(ctx, kind, account, account)
	if err != nil {
		return nil, err
	}
	return t.worked, nil
}

// trial is an attempt under way, counted as failed.
type trial struct {
	s         *Service
	own, from counter
	// until is up to when each counter waits, by its key.
	until map[string]time.Time
}

// tryAs is try for an account under the name that somebody typed. Strangers are
// counted by that name: an account has several, and who saw one count for all of
// them would learn which belong together, and so that there is such an account.
func (s *Service) tryAs(ctx context.Context, kind, account, name string) (t trial, err error) {
	own, err := s.accountCounter(ctx, kind, account, name)
	if err != nil {
		return t, ErrUnavailable.Because(err)
	}
	from := s.addressCounter(ctx)
	counters := []counter{from}
	if account != "" {
		counters = append(counters, own)
	}
	wait, until, err := s.count(ctx, counters)
	switch {
	case errors.Is(err, ErrTooMany):
		return t, s.refuseTooMany(ctx, kind, account, wait)
	case err != nil:
		return t, ErrUnavailable.Because(err)
	}
	return trial{s, own, from, until}, nil
}

// count counts a failure for all counters; if one has to wait it counts for none
// of them and is ErrTooMany. Until is up to when each waits from now on.
func (s *Service) count(ctx context.Context, counters []counter) (wait time.Duration, until map[string]time.Time, err error) {
	now := s.Now().UTC().Truncate(time.Microsecond) // what both databases keep
	var keys []string
	for _, c := range counters {
		keys = append(keys, c.key)
	}
	err = s.Store.CountFailures(ctx, keys, func(proofs map[string]*store.FailedProof) error {
		wait, until = 0, map[string]time.Time{}
		for _, c := range counters {
			wait = max(wait, proofs[c.key].Until.Sub(now))
		}
		if wait > 0 {
			return ErrTooMany
		}
		for _, c := range counters {
			c.fail(proofs[c.key], now)
			until[c.key] = proofs[c.key].Until
		}
		return nil
	})
	return wait, until, err
}

// fail is the law of one count: limit failures are free, then each one doubles
// the time to wait, and a window after one may try again all is forgotten. Where
// there is nothing to wait for, until stays in the past: another replica's clock
// may be behind.
func (c counter) fail(p *store.FailedProof, now time.Time) {
	if !now.Before(p.ExpiresAt) {
		p.Failures = 0
	}
	p.Failures++
	delay := c.delay(p.Failures)
	if delay > 0 {
		p.Until = now.Add(delay)
	}
	p.ExpiresAt = now.Add(delay + c.memory)
}

// delay is how long to wait after so many failures.
func (c counter) delay(failures int64) time.Duration {
	if failures < c.limit {
		return 0
	}
	delay := c.window / 8
	for ; failures > c.limit && delay < longestDelay*c.window; failures-- {
		delay *= 2
	}
	return min(delay, longestDelay*c.window)
}

// accountCounter is the count for the account that a proof is about. Somebody
// who is signed in, and an address from which the account has signed in before,
// have one of their own, which strangers elsewhere cannot fill. All others are
// counted by the name.
func (s *Service) accountCounter(ctx context.Context, kind, account, name string) (counter, error) {
	address := network(models.RequestOf(ctx).ClientIP)
	if isSignedIn(ctx, account) {
		return s.counter(kind, 1, "session", kind, account).ofKnown(), nil
	}
	known, err := s.knows(ctx, kind, account, address)
	if known {
		return s.counter(kind, 1, "known", kind, account, address).ofKnown(), err
	}
	return s.counter(kind, 1, "account", kind, name), err
}

func (c counter) ofKnown() counter {
	c.known = true
	return c
}

// knows tells whether the account has signed in from an address before. Whose a
// name in a directory is we do not know before the directory says so; there it
// is enough that anybody has, which strangers elsewhere have not.
func (s *Service) knows(ctx context.Context, kind, account, address string) (bool, error) {
	if kind == "directory" {
		return s.Store.IsKnownAddress(ctx, address)
	}
	return s.Store.KnowsAddress(ctx, account, address)
}

func isSignedIn(ctx context.Context, account string) bool {
	p := models.PrincipalOf(ctx)
	return p != nil && p.User.ID == account
}

// addressCounter is the count for whatever comes from an address. The command
// line has none, which is one like any other.
func (s *Service) addressCounter(ctx context.Context) counter {
	return s.counter("", addressFactor, "address", network(models.RequestOf(ctx).ClientIP))
}

// counter remembers one-time passwords longer, for they have six digits and
// three are good at a time: with four guesses in each window of five minutes
// somebody who has the password would be in within a year.
func (s *Service) counter(kind string, factor int64, names ...string) counter {
	window := cmp.Or(s.Window, defaultWindow)
	c := counter{limit: factor * int64(cmp.Or(s.Attempts, defaultAttempts)), window: window, memory: window}
	if kind == "totp" {
		c.memory = longestDelay * window
	}
	for _, name := range names {
		c.key = models.Digest(c.key + " " + name)
	}
	return c
}

// worked forgets what the account counted: whoever proved who they are may
// fumble anew. Of the address only this one attempt is taken back, for others
// come from there.
func (t trial) worked(ctx context.Context) {
	t.takeBack(ctx, func(ctx context.Context) error {
		err := t.s.Store.ForgetFailures(ctx, t.own.key)
		if err == nil {
			err = t.s.Store.TakeBackFailure(ctx, t.from.key, t.until[t.from.key])
		}
		return err
	})
}

// unjudged takes back this one attempt of the account, which told nobody
// anything: else a crowd of strangers would fill the counts of the people who
// wait among them. The address keeps it, for the crowd comes from somewhere.
func (t trial) unjudged(ctx context.Context) {
	t.takeBack(ctx, func(ctx context.Context) error {
		return t.s.Store.TakeBackFailure(ctx, t.own.key, t.until[t.own.key])
	})
}

// takeBack costs nobody more than a count if it fails.
func (t trial) takeBack(ctx context.Context, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackWithin)
	defer cancel()
	if err := do(ctx); err != nil {
		t.s.Log.WarnContext(ctx, "count of failed attempts not taken back", "error", err)
	}
}

// refuseTooMany records the refusal; many of them fold like all others.
func (s *Service) refuseTooMany(ctx context.Context, kind, account string, wait time.Duration) error {
	public := ErrTooMany.After(wait)
	e := models.NewEvent(ctx, "signin.finish", models.OutcomeRefused)
	switch {
	case kind == "setup":
		e.Event = "setup.claim"
	case isSignedIn(ctx, account):
		e.Event = "session.confirm"
	}
	e.Reason, e.Operation, e.Known = public.Code, kind, true
	if models.IsID(account) {
		e.Target = &models.Target{Kind: "user", ID: account}
	}
	if err := s.Record(ctx, e); err != nil {
		return public.Because(err)
	}
	return public
}

// network is the address as it is counted: an IPv6 address stands for its /64,
// which one customer has, and IPv4 within IPv6 for itself.
func network(clientIP string) string {
	addr, err := netip.ParseAddr(clientIP)
	if err != nil {
		return clientIP
	}
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // 64 bits are within any IPv6 address
	return prefix.String()
}
