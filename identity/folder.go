package identity

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/dagpass/dagpass/models"
)

const (
	// foldAfter is how many refusals of one kind a minute stand alone.
	foldAfter = 30
	// foldPersonAfter is how many of one person's do, whatever their kind: the
	// name of an operation is whatever a client writes.
	foldPersonAfter = 300
	// foldStrangersAfter is how many of all strangers together do, whatever
	// addresses they come from.
	foldStrangersAfter = 300
	// foldKinds bounds the kinds that are counted at once.
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
}

func newFolder() *folder {
	kinds, _ := lru.New[string, *fold](foldKinds) // fails for a size below one only
	return &folder{kinds: kinds}
}

// admit tells whether the event is to be recorded by itself. If not it is
// counted, and due will tell of it.
func (f *folder) admit(e models.Event, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Actor.ID != "" {
		person := e.Actor.ID + " " + e.Outcome
		return f.count(person, e, now, foldPersonAfter) && f.count(person+" "+e.Event+" "+e.Operation, e, now, foldAfter)
	}
	return f.count("strangers", e, now, foldStrangersAfter) &&
		f.count(neighbourhood(e.ClientIP)+" "+e.Event, e, now, foldAfter)
}

func (f *folder) count(kind string, e models.Event, now time.Time, limit int) bool {
	k, ok := f.kinds.Get(kind)
	if minute := now.Truncate(time.Minute); !ok || !k.minute.Equal(minute) {
		f.end(k)
		k = &fold{minute: minute}
		f.kinds.Add(kind, k)
	}
	if k.alone < limit {
		k.alone++
		return true
	}
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

// due gives one event for each kind and minute that gathered any, with its
// count.
func (f *folder) due(now time.Time) []models.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, kind := range f.kinds.Keys() {
		if k, _ := f.kinds.Peek(kind); !k.minute.Equal(now.Truncate(time.Minute)) {
			f.end(k)
			f.kinds.Remove(kind)
		}
	}
	events := f.over
	f.over = nil
	return events
}

// neighbourhood is an address as far as one stranger has one: the first 64 bits
// of IPv6, where a customer gets so many.
func neighbourhood(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Unmap().Is4() {
		return address
	}
	prefix, _ := addr.Prefix(64) // 64 bits are within any IPv6 address
	return prefix.String()
}
