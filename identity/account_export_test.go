package identity

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/dagpass/dagpass/models"
)

// What the tests outside see of names and passwords.
var (
	UsernameKey   = usernameKey
	EmailKey      = emailKey
	CheckNames    = func(username, email string) error { _, err := checkNames(username, email); return err }
	CheckPassword = checkPassword
)

// Tests make many hashes, and nobody guesses at them: they cost little here.
var _ = func() bool { today.memory = 128; return true }()

// PromisedCost is what hashes cost outside of tests.
func PromisedCost() string { return costOf(phc(promised, nil, nil)) }

// CountHashes counts from now on how often a password is hashed, and how many
// are at the most at once.
func (s *Service) CountHashes() (hashes, most *atomic.Int64) {
	var now atomic.Int64
	hashes, most = new(atomic.Int64), new(atomic.Int64)
	derive := s.hasher.derive
	s.hasher.derive = func(password, salt []byte, rounds, memory uint32, threads uint8, size uint32) []byte {
		hashes.Add(1)
		for n := now.Add(1); ; {
			if was := most.Load(); n <= was || most.CompareAndSwap(was, n) {
				break
			}
		}
		defer now.Add(-1)
		return derive(password, salt, rounds, memory, threads, size)
	}
	return hashes, most
}

// Places is how many hash at once.
func (s *Service) Places() int { return cap(s.hasher.places) }

// CrowdOfStrangers takes the whole line of strangers, until it is let go.
func (s *Service) CrowdOfStrangers() (leave func()) {
	for range cap(s.hasher.strangers) {
		s.hasher.strangers <- struct{}{}
	}
	return func() {
		for range cap(s.hasher.strangers) {
			<-s.hasher.strangers
		}
	}
}

// Crowd takes all places, and with whole the lines too, until it is let go.
func (s *Service) Crowd(whole bool) (leave func()) {
	taken := cap(s.hasher.places)
	for range taken {
		s.hasher.places <- struct{}{}
	}
	for whole && len(s.hasher.line) < cap(s.hasher.line) {
		s.hasher.line <- struct{}{}
	}
	strangersLeave := func() {}
	if whole {
		strangersLeave = s.CrowdOfStrangers()
	}
	return func() {
		strangersLeave()
		for range taken {
			<-s.hasher.places
		}
		for whole && len(s.hasher.line) > 0 {
			<-s.hasher.line
		}
	}
}

// Waiting is how many stand in the line.
func (s *Service) Waiting() int { return len(s.hasher.line) + len(s.hasher.strangers) }

// KeepCheapHash replaces somebody's hash by one of the same password that costs
// less.
func (s *Service) KeepCheapHash(ctx context.Context, userID, password string) error {
	c, err := s.Store.CredentialOf(ctx, userID)
	if err != nil {
		return err
	}
	cheap, salt := cost{rounds: 1, memory: 64, threads: 1}, random(saltSize)
	sum := s.hasher.derive([]byte(normal(password)), salt, cheap.rounds, cheap.memory, cheap.threads, hashSize)
	former := c.Password
	if err := s.sealPassword(&c, phc(cheap, salt, sum)); err != nil {
		return err
	}
	return s.Store.RehashPassword(ctx, userID, former, c.Password)
}

// CostOf is what stands before the salt of somebody's hash.
func (s *Service) CostOf(c models.Credential) string {
	hash, _ := s.hashOf(c)
	return costOf(hash)
}

func costOf(hash string) string { return strings.Join(strings.Split(hash, "$")[:4], "$") }

// WhileHashing does something once, while the next password is hashed.
func (s *Service) WhileHashing(do func()) {
	derive := s.hasher.derive
	s.hasher.derive = func(password, salt []byte, rounds, memory uint32, threads uint8, size uint32) []byte {
		s.hasher.derive = derive
		do()
		return derive(password, salt, rounds, memory, threads, size)
	}
}
