package identity

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/dagpass/dagpass/identity/passwords"
)

// How long a password is, in characters.
const (
	minPassword = 12
	maxPassword = 256
)

// cost is what a guess costs: rounds over memory, in KiB.
type cost struct {
	rounds, memory uint32
	threads        uint8
}

// promised is OWASP's first choice for argon2id.
var promised = cost{rounds: 2, memory: 19 * 1024, threads: 1}

// today is what new hashes cost. Hashes of another cost are made anew at the next
// sign-in.
var today = promised

const (
	saltSize = 16
	hashSize = 32
)

// deriver is argon2.IDKey.
type deriver func(password, salt []byte, rounds, memory uint32, threads uint8, size uint32) []byte

// hasher hashes passwords, a few at once: each takes the memory that today says,
// and strangers decide how many want to.
type hasher struct {
	derive deriver
	// places are taken by those who hash, line by those and by who waits. Strangers
	// have a line of their own: however many they are, they do not fill the other.
	places, line, strangers chan struct{}
	// dummy is a hash that no password has.
	dummy string
}

const (
	// mostAtOnce bounds the memory, whatever the number of processors.
	mostAtOnce = 8
	// lineFor is how many wait for each place in a line: half a second or so of
	// work.
	lineFor = 16
)

func newHasher() *hasher {
	n := min(runtime.GOMAXPROCS(0), mostAtOnce)
	return &hasher{
		derive: argon2.IDKey, places: make(chan struct{}, n),
		line: make(chan struct{}, n+n*lineFor), strangers: make(chan struct{}, n+n*lineFor),
		dummy: phc(today, random(saltSize), random(hashSize)),
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24: the program ends instead
	return b
}

// hash is the PHC string of a password. ErrBusy says that too many wait.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := random(saltSize)
	sum, err := h.run(ctx, h.line, today, password, salt, hashSize)
	return phc(today, salt, sum), err
}

// matches tells whether a password has the hash. One that cannot be read costs
// as much as any other and nobody has it. Known tells that whoever asks is no
// stranger.
func (h *hasher) matches(ctx context.Context, known bool, hash, password string) (bool, error) {
	line := h.strangers
	if known {
		line = h.line
	}
	c, salt, want, ok := parsePHC(hash)
	if !ok {
		c, salt, want, _ = parsePHC(h.dummy)
	}
	got, err := h.run(ctx, line, c, password, salt, uint32(len(want))) //nolint:gosec // parsePHC bounds it
	return ok && err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// run takes a place, or waits for one in a line that is not endless. Who is gone
// leaves the line.
func (h *hasher) run(ctx context.Context, line chan struct{}, c cost, password string, salt []byte, size uint32) ([]byte, error) {
	select {
	case line <- struct{}{}:
		defer func() { <-line }()
	default:
		return nil, ErrBusy
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-ctx.Done():
		return nil, ErrBusy.Because(ctx.Err())
	}
	return h.derive([]byte(normal(password)), salt, c.rounds, c.memory, c.threads, size), nil
}

// normal makes one password of what keyboards write in several ways.
func normal(password string) string { return norm.NFKC.String(password) }

// phc is a hash with its parameters, in the PHC string format.
func phc(c cost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.rounds, c.threads, b64(salt), b64(sum))
}

// parsePHC reads what phc writes. A cost that could exhaust the memory is none
// of ours.
func parsePHC(s string) (c cost, salt, sum []byte, ok bool) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, false
	}
	n, err := fmt.Sscanf(parts[3]+"\n", "m=%d,t=%d,p=%d\n", &c.memory, &c.rounds, &c.threads)
	if n != 3 || err != nil || c.rounds < 1 || c.rounds > 16 || c.threads < 1 || c.memory > 256*1024 {
		return c, nil, nil, false
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	sum, sumErr := base64.RawStdEncoding.DecodeString(parts[5])
	return c, salt, sum, saltErr == nil && sumErr == nil && len(sum) >= 16 && len(sum) <= 64
}

// isToday tells whether a hash has the cost of today.
func isToday(hash string) bool {
	c, _, _, ok := parsePHC(hash)
	return ok && c == today
}

// checkPassword judges a password that somebody wants to have. Own are their
// names and addresses.
func checkPassword(password string, own ...string) error {
	password = normal(password)
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword:
		return ErrShortPassword.At("password")
	case n > maxPassword:
		return ErrLongPassword.At("password")
	}
	full := strings.ToLower(password)
	for _, p := range []string{full, strings.TrimFunc(full, func(r rune) bool { return !unicode.IsLetter(r) })} {
		if passwords.Common(p) || repeats(p) {
			return ErrCommonPassword.At("password")
		}
	}
	if mostlyOwn(full, own) {
		return ErrCommonPassword.At("password")
	}
	return nil
}

// repeats tells whether a text is a unit shorter than a password, over and over.
func repeats(s string) bool {
	for unit := 1; unit < minPassword && 2*unit <= len(s); unit++ {
		if s[unit:] == s[:len(s)-unit] {
			return true
		}
	}
	return false
}

const (
	// leastOwn is how many characters a word has that is looked for in a password.
	leastOwn = 3
	// leastRest is how many there must be besides.
	leastRest = 8
)

// mostlyOwn tells whether little is left of a password without the words that
// whoever knows the person, or this place, would try.
func mostlyOwn(password string, own []string) bool {
	password = squeeze(password)
	rest := password
	for _, word := range ownParts(own) {
		rest = strings.ReplaceAll(rest, word, "")
	}
	return rest != password && utf8.RuneCountInString(rest) < leastRest
}

// ownParts are the words to look for, the longest first: they may be parts of
// each other.
func ownParts(own []string) (parts []string) {
	for _, word := range append([]string{"dagpass", "dagster"}, own...) {
		local, _, _ := strings.Cut(word, "@")
		parts = append(parts, squeeze(word), squeeze(local))
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return slices.DeleteFunc(parts, func(word string) bool { return utf8.RuneCountInString(word) < leastOwn })
}

// squeeze is a text in lower case without blanks.
func squeeze(s string) string { return strings.Join(strings.Fields(strings.ToLower(normal(s))), "") }
