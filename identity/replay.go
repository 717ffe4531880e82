package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/dagpass/dagpass/models"
)

// replaysFor is how long an idempotency key stands for one request.
const replaysFor = 24 * time.Hour

// What a program is told that repeats itself.
var (
	ErrReplayOther   = models.NewError(models.KindInvalid, "idempotency_key_reused", "This idempotency key was used for another request. Take a new one for each thing you want done.")
	ErrReplayPending = models.NewError(models.KindConflict, "idempotency_under_way", "The request with this idempotency key is under way, or nobody knows how it ended. Look whether it was done before you send it again with another key.")
)

// Answer is what was answered to a request.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// Replay is a request with an idempotency key that is under way.
type Replay struct {
	s   *Service
	row models.Replay
}

// BeginReplay is asked before a change is made for which the person gave a key. The
// first time it gives a Replay, which is to be finished. When the same request
// comes again it gives what was answered then, and nothing is to be done; for
// another request it is ErrReplayOther, and ErrReplayPending while nobody knows
// what becomes of the first. It is for whoever may make changes at all, for an
// answer may hold what is shown once.
func (s *Service) BeginReplay(ctx context.Context, key, request string) (*Replay, *Answer, error) {
	if err := s.mayAdminister(ctx); err != nil {
		return nil, nil, err
	}
	p := models.PrincipalOf(ctx)
	if p == nil {
		return nil, nil, ErrUnauthenticated
	}
	r := models.Replay{
		UserID: p.User.ID, KeyHash: models.Digest(key), Request: models.Digest(request),
		ExpiresAt: s.Now().Add(replaysFor),
	}
	kept, began, err := s.Store.BeginReplay(ctx, r, s.Now())
	switch {
	case err != nil:
		return nil, nil, ErrUnavailable.Because(err)
	case began:
		return &Replay{s, r}, nil, nil
	case kept.Request != r.Request:
		return nil, nil, ErrReplayOther
	case kept.Status == 0:
		return nil, nil, ErrReplayPending
	}
	answer, err := s.openAnswer(kept)
	return nil, answer, err
}

func (s *Service) openAnswer(r models.Replay) (*Answer, error) {
	var a Answer
	text, err := s.Keys.Open(replayOf(r), r.Answer)
	if err == nil {
		err = json.Unmarshal([]byte(text), &a)
	}
	if err != nil {
		return nil, ErrReplayPending.Because(err) // sealed with a key that is gone
	}
	return &a, nil
}

// Finish keeps the answer to what was done. An answer that cannot be kept leaves
// the key under way, so that it is done no second time.
func (r *Replay) Finish(ctx context.Context, a Answer) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	row := r.row
	row.Status = int64(a.Status)
	if row.Answer, err = r.s.Keys.Seal(replayOf(row), string(text)); err != nil {
		return err
	}
	return r.s.Store.FinishReplay(ctx, row)
}

// Drop gives the key back: nothing was done, so the same may be asked again.
func (r *Replay) Drop(ctx context.Context) error { return r.s.Store.DropReplay(ctx, r.row) }

func replayOf(r models.Replay) string { return "replay:" + r.UserID + ":" + r.KeyHash }
