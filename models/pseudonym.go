package models

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dagpass/dagpass/policy"
)

// Pseudonyms takes people out of events: whoever does not have its key cannot
// tell who is meant, and the same one is always called the same. It is safe for
// concurrent use.
type Pseudonyms struct{ key []byte }

// MinPseudonymKey is the least length of a key of [NewPseudonyms], in bytes.
const MinPseudonymKey = 32

// NewPseudonyms takes a key of its own, which nothing else is derived from: who
// gives it up cannot connect pseudonyms with anything any more.
func NewPseudonyms(key []byte) (*Pseudonyms, error) {
	if len(key) < MinPseudonymKey {
		return nil, fmt.Errorf("the key of pseudonyms must have at least %d bytes", MinPseudonymKey)
	}
	return &Pseudonyms{slices.Clone(key)}, nil
}

// Pseudonym stands for an account in the trail. The row goes with the account:
// then nothing says any more for whom it stands.
type Pseudonym struct {
	Pseudonym string `gorm:"primaryKey"`
	UserID    string `gorm:"index"`
}

// What pseudonyms begin with. The three are never equal: who is called by their
// address is not found by it.
const (
	personMark  = "p-"
	addressMark = "a-"
	textMark    = "t-"
)

// IsPseudonym tells whether s is written as a pseudonym of a person.
func IsPseudonym(s string) bool { return written.MatchString(s) && strings.HasPrefix(s, personMark) }

var written = regexp.MustCompile(`^[pat]-[0-9a-f]{20}$`)

// Person is the pseudonym of an account, by its id.
func (p *Pseudonyms) Person(id string) string { return p.name(personMark, id) }

// Address is the pseudonym of a network address.
func (p *Pseudonyms) Address(ip string) string { return p.name(addressMark, ip) }

// Text is the pseudonym of what somebody has typed, in any case of ASCII letters.
func (p *Pseudonyms) Text(s string) string { return p.name(textMark, policy.Fold(s)) }

// name is empty for nothing, and what is a pseudonym already stays it: a search
// for one is recorded as that.
func (p *Pseudonyms) name(mark, s string) string {
	if s == "" || written.MatchString(s) {
		return s
	}
	sum := hmac.New(sha256.New, p.key)
	sum.Write([]byte("dagpass pseudonym " + mark + "\x00" + s))
	return mark + hex.EncodeToString(sum.Sum(nil))[:20]
}

// Hide is the event without a person in it, and which accounts its pseudonyms
// stand for. It makes the event anew, so that a field which nobody has thought of
// here is left out.
func (p *Pseudonyms) Hide(e Event) (Event, []Pseudonym) {
	h := &hiding{Pseudonyms: p}
	hidden := Event{
		ID: e.ID, Time: e.Time, Event: e.Event, Outcome: e.Outcome, Reason: h.words(e.Reason),
		Actor: h.actor(e.Actor), OnBehalfOf: h.person(e.OnBehalfOf), ClientIP: p.Address(e.ClientIP),
		RequestID: e.RequestID, Session: e.Session, Provider: e.Provider, Target: h.target(e),
		Operation: h.addresses(e.Operation), Permission: e.Permission, Rule: h.words(e.Rule), RunID: e.RunID,
		Count: e.Count, Folds: e.Folds, Known: e.Known,
	}
	return hidden, h.people
}

// hiding is one event under way.
type hiding struct {
	*Pseudonyms
	people []Pseudonym
}

// person notes whom the pseudonym stands for, if it is somebody with an account:
// the id of one is written as [NewID] writes.
func (h *hiding) person(id string) string {
	name := h.Person(id)
	if IsID(id) && !slices.Contains(h.people, Pseudonym{name, id}) {
		h.people = append(h.people, Pseudonym{name, id})
	}
	return name
}

// actor leaves alone who is no person: the command line.
func (h *hiding) actor(a Actor) Actor {
	if a == Operator {
		return a
	}
	return Actor{ID: h.person(a.ID), Kind: a.Kind}
}

// random are the kinds of our own things whose ids are random, or words of ours:
// they lead to a person only as long as their row is there.
var random = []string{"session", "identity", "factor", "signing_key", "event", "setting", "grant", "provider", "token"}

// target knows the kinds that events of ours have. What it does not know it hides.
func (h *hiding) target(e Event) *Target {
	if e.Target == nil {
		return nil
	}
	t := *e.Target
	switch {
	case strings.HasPrefix(e.Event, "dagster."):
		t.ID = h.addresses(t.ID)
	case t.Kind == "user":
		t.ID = h.person(t.ID)
	case t.Kind == "audit" || t.Kind == "people":
		t.ID = h.search(t.ID)
	case !slices.Contains(random, t.Kind):
		t.ID = h.Text(t.ID)
	}
	t.Location = h.addresses(t.Location)
	return &t
}

// aWord is a letter of what is taken for one word.
const aWord = `[^\s"'<>()\[\]{},;:=/\\]`

var (
	anID      = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	anAddress = regexp.MustCompile(aWord + `+('` + aWord + `+)*@` + aWord + `+`) // o'neil@example.com, but not the quotes around it
	aCut      = regexp.MustCompile(`('|` + aWord + `)*\s?…$`)
	aView     = regexp.MustCompile(`^(?:overview|privileged|failures|review|tail)(?: |$)`)
	aPart     = regexp.MustCompile(`^([a-z_]+)=("(?:[^"\\]|\\.)*")(?: |$)`)
)

// words hides the ids of people in a sentence of ours, and e-mail addresses; the
// last word of one that was cut may be half of either.
func (h *hiding) words(s string) string {
	s = aCut.ReplaceAllString(s, "…")
	return h.addresses(anID.ReplaceAllStringFunc(s, h.person))
}

// addresses hides e-mail addresses, whoever has written them.
func (h *hiding) addresses(s string) string { return anAddress.ReplaceAllStringFunc(s, h.Text) }

// search hides whom somebody has looked for: a view, and part by part, as
// [Filter.String] writes them. What is not written so, such as an end that was cut, is left out.
func (h *hiding) search(s string) string {
	var says []string
	if view := aView.FindString(s); view != "" {
		says, s = append(says, strings.TrimSuffix(view, " ")), s[len(view):]
	}
	for s != "" {
		part := aPart.FindStringSubmatch(s)
		if part == nil {
			return strings.Join(append(says, "…"), " ")
		}
		value, err := strconv.Unquote(part[2])
		if err != nil {
			value = ""
		}
		says = append(says, fmt.Sprintf("%s=%q", part[1], h.searched(part[1], value)))
		s = s[len(part[0]):]
	}
	return strings.Join(says, " ")
}

func (h *hiding) searched(name, value string) string {
	switch name {
	case "event", "outcome", "location", "run", "request", "reason", "since", "until", "state", "role", "slot", "sort", "permission":
		return h.words(value)
	case "address":
		return h.Address(value)
	case "person", "target":
		if IsID(value) {
			return h.person(value)
		}
		if value == Operator.ID || value == Operator.Name {
			return value
		}
	}
	return h.Text(value)
}
