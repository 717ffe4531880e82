package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// Tail is what a page that follows the trail shows next.
type Tail struct {
	// Records are new events, the newest first. More tells that there were more
	// than these, older than all of them.
	Records []models.Record
	More    bool
	// Last is the number of the newest event of the trail, whichever was chosen.
	Last int64
	// Token is what the page shows to be told what comes next.
	Token models.Secret
}

const (
	// tailFor is how long a token is good, and tailToldEvery how often somebody who
	// keeps looking is recorded.
	tailFor       = 15 * time.Minute
	tailToldEvery = 10 * time.Minute
	// tailAtOnce is how many new events are told of in one go.
	tailAtOnce = 50
)

// ErrTailExpired is the refusal of a token that is not, or no longer, good.
var ErrTailExpired = models.NewError(models.KindForbidden, "tail_expired", "This page has been open for too long without looking. Load it again.")

// tailToken is what a page that follows the trail may ask for: a session's page,
// events of one filter behind one number, for a while. It is sealed.
type tailToken struct {
	Session string        `json:"session"`
	Filter  models.Filter `json:"filter"`
	From    int64         `json:"from"`
	Told    time.Time     `json:"told"`
	Expires time.Time     `json:"expires"`
}

// OpenTail lists the newest events that a filter chooses, and gives the token with
// which the page follows what comes. The page that has it must be one that no
// script but ours can read. It is for auditors and admins who are signed in, and
// is recorded (audit.read).
func (s *Service) OpenTail(ctx context.Context, f models.Filter) (Tail, error) {
	if err := s.mayAudit(ctx); err != nil {
		return Tail{}, err
	}
	if err := s.looked(ctx, "tail", f); err != nil { // first, so that it is no news to the page
		return Tail{}, err
	}
	head, err := s.Store.Head(ctx)
	if err != nil {
		return Tail{}, ErrNotNow.Because(err)
	}
	found, err := s.Store.Search(ctx, f, store.Page{Before: head.Seq + 1, Limit: tailAtOnce})
	if err != nil {
		return Tail{}, ErrNotNow.Because(err)
	}
	token, err := s.holdTail(ctx, tailToken{Filter: f, From: head.Seq, Told: s.Now().UTC()})
	return Tail{Records: found.Records, Last: head.Seq, Token: token}, err
}

// FollowTail lists what came behind an event, for whoever holds the token in the
// session that it was given to. It keeps no session alive: a page that is open is
// nobody at work. Whoever keeps looking is recorded now and then.
func (s *Service) FollowTail(ctx context.Context, token models.Secret, after int64) (Tail, error) {
	if err := s.mayAudit(ctx); err != nil {
		return Tail{}, err
	}
	held, err := s.openTail(ctx, token)
	if err != nil {
		return Tail{}, err
	}
	head, err := s.Store.Head(ctx)
	if err != nil {
		return Tail{}, ErrNotNow.Because(err)
	}
	page := store.Page{After: max(after, held.From), Before: head.Seq + 1, Limit: tailAtOnce + 1}
	records, err := s.Store.Records(ctx, held.Filter, page)
	if err != nil {
		return Tail{}, ErrNotNow.Because(err)
	}
	next, err := s.holdTail(ctx, held)
	return Tail{
		Records: records[:min(len(records), tailAtOnce)], More: len(records) > tailAtOnce, Last: max(head.Seq, page.After), Token: next,
	}, err
}

// openTail reads a token, and refuses another session's and an old one.
func (s *Service) openTail(ctx context.Context, token models.Secret) (held tailToken, err error) {
	text, err := s.Keys.Open("tail", token.Reveal())
	if err == nil {
		err = json.Unmarshal([]byte(text), &held)
	}
	p := models.PrincipalOf(ctx)
	if err != nil || p == nil || p.SessionID == "" || held.Session != p.SessionID || !s.Now().Before(held.Expires) {
		return tailToken{}, ErrTailExpired.Because(err)
	}
	return held, nil
}

// holdTail gives the next token, and records that somebody looks, if that was not
// said lately.
func (s *Service) holdTail(ctx context.Context, held tailToken) (models.Secret, error) {
	now := s.Now().UTC()
	if now.Sub(held.Told) >= tailToldEvery {
		if err := s.looked(ctx, "tail", held.Filter); err != nil {
			return "", err
		}
		held.Told = now
	}
	if p := models.PrincipalOf(ctx); p != nil {
		held.Session = p.SessionID
	}
	held.Expires = now.Add(tailFor)
	text, err := json.Marshal(held)
	if err != nil {
		return "", err
	}
	sealed, err := s.Keys.Seal("tail", string(text))
	return models.Secret(sealed), err
}
