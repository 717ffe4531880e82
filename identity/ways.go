package identity

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/store"
)

const (
	// noteEvery is how seldom a replica writes that a provider answered well, or
	// failed for one and the same reason: another reason is written at once. A storm
	// of sign-ins is a write a minute, and what it leaves out [Service.Sweep] writes.
	noteEvery = time.Minute
	// noteWithin bounds such a write, which one sign-in in a minute waits for.
	noteWithin = 2 * time.Second
)

// ways is how the providers answered this replica lately, by slot.
type ways struct {
	mu   sync.Mutex
	slot map[string]*wayNotes
}

type wayNotes struct {
	way store.Way
	// written is when each reason was, and "" a success; waits tells of something
	// newer.
	written map[string]time.Time
	waits   bool
}

// note takes an answer down; an empty reason is a good one. It is due where it
// must be written now.
func (w *ways) note(slot, reason, reference string, at time.Time) (way store.Way, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slot == nil {
		w.slot = map[string]*wayNotes{}
	}
	n := w.slot[slot]
	if n == nil {
		n = &wayNotes{way: store.Way{Slot: slot}, written: map[string]time.Time{}}
		w.slot[slot] = n
	}
	if reason == "" {
		n.way.SucceededAt = &at
	} else {
		n.way.FailedAt, n.way.Reason, n.way.Reference = &at, reason, reference
	}
	if last, ok := n.written[reason]; ok && at.Sub(last) < noteEvery {
		n.waits = true
		return store.Way{}, false
	}
	n.written[reason], n.waits = at, false
	return n.way, true
}

// due are those with something that is not written.
func (w *ways) due() (all []store.Way) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.slot {
		if n.waits {
			all = append(all, n.way)
		}
		n.waits = false
	}
	return all
}

// again has one that could not be written wait for the next time.
func (w *ways) again(slot string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slot[slot].waits = true
}

// of is what this replica knows of a slot.
func (w *ways) of(slot string) store.Way {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.slot[slot]; n != nil {
		return n.way
	}
	return store.Way{}
}

// noteAnswer notes that a provider vouched for somebody, whatever our rules then
// say of them, or that it failed. It never refuses a sign-in.
func (s *Service) noteAnswer(ctx context.Context, slot string, err error) {
	reason := ""
	if err != nil {
		var its bool
		if reason, its = s.fault(ctx, slot, err); !its {
			return
		}
	}
	if w, due := s.ways.note(slot, reason, models.RequestOf(ctx).ID, s.Now().UTC()); due {
		s.writeWay(ctx, w)
	}
}

func (s *Service) writeWay(ctx context.Context, w store.Way) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	if err := s.Store.NoteWay(ctx, w); err != nil {
		s.ways.again(w.Slot)
		s.Log.WarnContext(ctx, "answer of a provider not noted", "slot", w.Slot, "error", err)
	}
}

// noteWaiting writes what waits.
func (s *Service) noteWaiting(ctx context.Context) {
	for _, w := range s.ways.due() {
		s.writeWay(ctx, w)
	}
}

// fault tells whether an error is the provider's, and its reason: it failed, or
// what it said could not be verified. What somebody else is to blame for is
// not: a wrong password, an address that nobody verified, a person who said no, a
// code or a header that a stranger sent, a browser that has gone.
func (s *Service) fault(ctx context.Context, slot string, err error) (reason string, its bool) {
	var e *providers.Error
	if ctx.Err() != nil {
		return "", false
	}
	if !errors.As(err, &e) {
		return providers.ReasonProviderError, true
	}
	_, asked := s.doors[slot].provider() // else a stranger can send an assertion
	token := asked && strings.HasPrefix(e.Reason, "id_token_")
	return e.Reason, e.Outage || token || e.Reason == providers.ReasonProviderError || e.Reason == providers.ReasonUserinfoSub
}

// ProviderLine is a way in and how its provider answered lately.
type ProviderLine struct {
	providers.Info
	// LastSuccess is when it last vouched for somebody, LastError when it last
	// failed or could not be verified; zero is never. They are exact to a minute
	// where there are several replicas.
	LastSuccess, LastError time.Time
	// Reason is the word of that error, Reference the id of the request in the log.
	Reason, Reference string
}

// ProviderLines lists the ways in, in the order of the sign-in page.
func (s *Service) ProviderLines(ctx context.Context) (lines []ProviderLine, err error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	stored, err := s.Store.Ways(ctx)
	if err != nil {
		return nil, ErrNotNow.Because(err)
	}
	for _, d := range s.Doors {
		line := ProviderLine{Info: d.Provider.Info()}
		line.add(stored[line.Slot])
		line.add(s.ways.of(line.Slot))
		lines = append(lines, line)
	}
	return lines, nil
}

// add takes over what is newer.
func (l *ProviderLine) add(w store.Way) {
	if w.SucceededAt != nil && w.SucceededAt.After(l.LastSuccess) {
		l.LastSuccess = *w.SucceededAt
	}
	if w.FailedAt != nil && w.FailedAt.After(l.LastError) {
		l.LastError, l.Reason, l.Reference = *w.FailedAt, w.Reason, w.Reference
	}
}
