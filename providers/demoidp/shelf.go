package demoidp

import (
	"crypto/rand"
	"sync"
	"time"
)

// maxShelf bounds what is kept; a demonstration has a handful of people.
const maxShelf = 1000

// shelf keeps values under random names for a while.
type shelf[T any] struct {
	lifetime time.Duration

	mu    sync.Mutex
	items map[string]item[T]
}

type item[T any] struct {
	value T
	until time.Time
}

func newShelf[T any](lifetime time.Duration) *shelf[T] {
	return &shelf[T]{lifetime: lifetime, items: map[string]item[T]{}}
}

// put keeps a value and returns its name. It drops what has expired, and from a
// full shelf anything.
func (s *shelf[T]) put(value T) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for name, one := range s.items {
		if one.until.Before(now) || len(s.items) >= maxShelf {
			delete(s.items, name)
		}
	}
	name := rand.Text()
	s.items[name] = item[T]{value: value, until: now.Add(s.lifetime)}
	return name
}

func (s *shelf[T]) get(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.items[name]
	return one.value, ok && one.until.After(time.Now())
}

// take returns a value once.
func (s *shelf[T]) take(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.items[name]
	delete(s.items, name)
	return one.value, ok && one.until.After(time.Now())
}
