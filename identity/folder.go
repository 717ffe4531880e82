package identity

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/dagpass/dagpass/models"
)

const (
	// foldAfter is how many refusals of one kind a minute stand alone, and how many
	// of one event at one stranger's address, whatever their reasons.
	foldAfter = 30
	// foldPersonAfter is how many of one person's do, whatever their kind.
	foldPersonAfter = 300
	// foldNames is how many names that a client made up are kinds of their own, for
	// one person in a minute. The rest are one kind.
	foldNames = 50
	// foldStrangersAfter is how many of all strangers together do, whatever
	// addresses they come from.
	foldStrangersAfter = 300
	// foldKinds bounds the kinds that are counted at once, and the events that wait
	// for a store that fails.
	foldKinds = 4096
)

// folder counts refusals by kind, minute by minute.
type folder struct {
	mu    sync.Mutex
	kinds *lru.Cache[string, *fold]
	// over is what former minutes gathered and nobody has told yet.
	over []models.Event
}

type fold struct {
	minute time.Time
	alone  int // how many were told one by one
	more   int // how many wait to be told together
	last   models.Event
	// names are those that a person's client made up.
	names map[string]bool
}

// others stands for all the names beyond foldNames. No operation is called so.
const others = "*"

func newFolder() *folder {
	kinds, _ := lru.New[string, *fold](foldKinds) // fails for a size below one only
	return &folder{kinds: kinds}
}

// admit tells whether the event is to be recorded by itself. If not it is
// counted, and due will tell of it.
func (f *folder) admit(e models.Event, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Actor.ID == "" {
		return f.admitStranger(e, now)
	}
	whole := e.Actor.ID + " " + e.Outcome
	person := f.fold(whole, now)
	name := person.name(e)
	kind := f.fold(whole+" "+e.Event+" "+e.Permission+" "+name, now)
	// Beyond the person's limit too each kind is told by its name: many refusals
	// of one kind cannot hide one of another.
	if kind.alone < foldAfter && person.alone < foldPersonAfter {
		return alone(kind, person)
	}
	if name == others {
		e.Operation, e.Target = others, nil
	}
	return kind.count(e)
}

// admitStranger counts no addresses beyond the limit of all strangers: there may
// be any number of them. Beyond either limit each kind is told by its name: they
// are few, for a stranger chooses neither events nor reasons.
func (f *folder) admitStranger(e models.Event, now time.Time) bool {
	all, from := f.fold("strangers", now), "strangers"
	if all.alone < foldStrangersAfter {
		from = network(e.ClientIP)
		one := f.fold(from+" "+e.Event, now)
		if one.alone < foldAfter {
			return alone(one, all)
		}
	}
	e.Target = nil // the others may be about somebody else
	return f.fold(from+" "+e.Event+" "+e.Outcome+" "+e.Reason, now).count(e)
}

// fold is what this minute has of a kind. The last minute's is told, and so is
// one that has to make room.
func (f *folder) fold(key string, now time.Time) *fold {
	minute := now.Truncate(time.Minute)
	k, ok := f.kinds.Get(key)
	if ok && k.minute.Equal(minute) {
		return k
	}
	f.end(k)
	if !ok && f.kinds.Len() >= foldKinds {
		_, oldest, _ := f.kinds.RemoveOldest()
		f.end(oldest)
	}
	k = &fold{minute: minute}
	f.kinds.Add(key, k)
	return k
}

// name is what the operation of an event counts as.
func (k *fold) name(e models.Event) string {
	if e.Known || k.names[e.Operation] {
		return e.Operation
	}
	if len(k.names) >= foldNames {
		return others
	}
	if k.names == nil {
		k.names = map[string]bool{}
	}
	k.names[e.Operation] = true
	return e.Operation
}

func alone(kinds ...*fold) bool {
	for _, k := range kinds {
		k.alone++
	}
	return true
}

func (k *fold) count(e models.Event) bool {
	k.more++
	k.last = e
	return false
}

// end closes the books on a minute.
func (f *folder) end(k *fold) {
	if k == nil || k.more == 0 {
		return
	}
	k.last.Count = k.more
	f.over = append(f.over, k.last)
}

// due gives one event for each kind and minute before this one that gathered
// any, with its count.
func (f *folder) due(now time.Time) []models.Event {
	minute := now.Truncate(time.Minute)
	return f.take(func(k *fold) bool { return !k.minute.Equal(minute) })
}

// all is due with this minute's.
func (f *folder) all() []models.Event { return f.take(func(*fold) bool { return true }) }

func (f *folder) take(over func(*fold) bool) []models.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, kind := range f.kinds.Keys() {
		if k, _ := f.kinds.Peek(kind); over(k) {
			f.end(k)
			f.kinds.Remove(kind)
		}
	}
	events := f.over
	f.over = nil
	return events
}

// putBack keeps events that could not be told for the next time, and returns how
// many there is no room for.
func (f *folder) putBack(events []models.Event) (lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = append(events, f.over...)
	lost = max(0, len(f.over)-foldKinds)
	f.over = f.over[:len(f.over)-lost]
	return lost
}
