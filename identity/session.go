package identity

import (
	"context"
	"errors"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

// recogniseFor is how long a recognised session is believed without asking the
// store. A revocation made on any replica bites within it, and so does a
// changed policy; the promise to users is five seconds.
const recogniseFor = 2 * time.Second

// touchEvery is how seldom activity is written down.
const touchEvery = time.Minute

// recognised is a session found good; seen is its last activity as known here.
type recognised struct {
	principal *models.Principal
	until     time.Time
	seen      time.Time
}

// Authenticate tells whose session a cookie's value is. A value that proves
// nothing gives ErrUnauthenticated, a store that does not answer
// ErrUnavailable: a stranger is not the same as a database that is down.
func (s *Service) Authenticate(ctx context.Context, token models.Secret) (*models.Principal, error) {
	key := models.Digest(token.Reveal())
	if hit, ok := s.sessions.Get(key); ok && s.Now().Before(hit.until) {
		return hit.principal, nil
	}
	return s.recognise(ctx, key, token)
}

func (s *Service) recognise(ctx context.Context, key string, token models.Secret) (*models.Principal, error) {
	id, secret, ok := models.SplitToken(token.Reveal())
	if !ok {
		return nil, ErrUnauthenticated
	}
	asked := s.Now()
	session, user, identity, err := s.Store.Session(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		s.sessions.Remove(key)
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, ErrUnavailable.Because(err)
	}
	if !session.Verify(secret) || !s.holds(session, user, identity) {
		s.sessions.Remove(key)
		return nil, ErrUnauthenticated
	}
	p := s.principal(key, session, user, identity)
	s.sessions.Add(key, recognised{p, asked.Add(recogniseFor), session.LastSeenAt})
	return p, nil
}

// holds is the law of an open session: alive, its user not disabled, a second
// factor proved if they need one by now, its claims still good for entry.
func (s *Service) holds(session models.Session, user models.User, identity models.Identity) bool {
	if !session.Alive(s.Now(), s.Rules().SessionIdle) || user.Disabled() {
		return false
	}
	if session.Factor == models.FactorNone && s.needs(user, identity) {
		return false
	}
	_, ok := s.mayEnter(user, identity, session.Method)
	return ok
}

func (s *Service) principal(hash string, session models.Session, user models.User, identity models.Identity) *models.Principal {
	return &models.Principal{
		User: user, Identity: identity, SessionID: session.ID, TokenHash: hash, SignedInAt: session.CreatedAt,
		ExpiresAt: session.Ends(s.Rules().SessionIdle), ProvenAt: proven(session.ProvenAt), Method: session.Method,
		Access: s.Policy().Access(subject(user, identity)),
	}
}

func proven(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return *at
}

// Still recognises an open session once more, for a socket that outlives its
// request. Any error means that the socket must close.
func (s *Service) Still(ctx context.Context, p *models.Principal) (*models.Principal, error) {
	if hit, ok := s.sessions.Get(p.TokenHash); ok && s.Now().Before(hit.until) {
		return hit.principal, nil
	}
	session, user, identity, err := s.Store.Session(ctx, p.SessionID)
	if err != nil {
		return nil, ErrUnavailable.Because(err)
	}
	if !s.holds(session, user, identity) {
		return nil, ErrUnauthenticated
	}
	return s.principal(p.TokenHash, session, user, identity), nil
}

// Touch notes activity: input, a page load or a mutation, not the polling of an
// open tab. It writes at most once a minute; a failure costs the person nothing
// but idle time, so it is logged and let go.
func (s *Service) Touch(ctx context.Context, p *models.Principal) {
	now := s.Now()
	hit, ok := s.sessions.Get(p.TokenHash)
	if !ok || now.Sub(hit.seen) < touchEvery {
		return
	}
	hit.seen = now
	s.sessions.Add(p.TokenHash, hit)
	if err := s.Store.TouchSession(context.WithoutCancel(ctx), p.SessionID, now); err != nil {
		s.Log.WarnContext(ctx, "session not touched", "error", err)
	}
}

// SignOut ends the session. Where the provider offers it, the address at which
// the browser signs out there as well is returned.
func (s *Service) SignOut(ctx context.Context, p *models.Principal) (provider string, err error) {
	session, _, _, err := s.Store.Session(ctx, p.SessionID)
	if err == nil {
		err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
			_, err := tx.DeleteSession(p.SessionID)
			e := models.NewEvent(ctx, "signout.finish", models.OutcomeOK)
			e.Provider = p.Identity.Slot
			return e, err
		})
	}
	s.forget(p)
	if errors.Is(err, models.ErrNotFound) {
		return "", nil // it ended meanwhile: that is what was wanted
	}
	if err != nil {
		return "", ErrUnavailable.Because(err)
	}
	return s.endAtProvider(ctx, session), nil
}

func (s *Service) endAtProvider(ctx context.Context, session models.Session) string {
	door, ok := s.doors[session.Slot].Provider.(providers.EndSession)
	if !ok {
		return ""
	}
	hint, err := s.Keys.Open("id_token:"+session.ID, session.IDToken)
	if err != nil {
		hint = "" // without a hint the provider asks the person
	}
	address, _ := door.EndSessionURL(ctx, hint, s.Site.Link("/auth/login"))
	return address
}

// Sessions lists where somebody is signed in.
func (s *Service) Sessions(ctx context.Context, p *models.Principal) ([]models.Session, error) {
	all, err := s.Store.SessionsOf(ctx, p.User.ID)
	if err != nil {
		return nil, ErrUnavailable.Because(err)
	}
	alive := all[:0]
	for _, session := range all {
		if session.Alive(s.Now(), s.Rules().SessionIdle) {
			alive = append(alive, session)
		}
	}
	return alive, nil
}

// forget drops a session from this replica's cache at once; the others' caches
// run out by themselves.
func (s *Service) forget(p *models.Principal) {
	if p != nil {
		s.sessions.Remove(p.TokenHash)
	}
}

// forgetAll does so for all sessions of one person, or for one session, by its id:
// what an admin has ended is over with the next request.
func (s *Service) forgetAll(id string) {
	for _, key := range s.sessions.Keys() {
		if hit, ok := s.sessions.Peek(key); ok && (hit.principal.User.ID == id || hit.principal.SessionID == id) {
			s.sessions.Remove(key)
		}
	}
}
