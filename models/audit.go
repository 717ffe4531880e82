package models

import (
	"fmt"
	"strings"
	"time"
)

// Filter chooses events of the audit trail. An empty field chooses all; several
// fields choose what they all choose.
type Filter struct {
	// Person is the actor's id, or name as the event has it.
	Person string
	// Event is a name such as "user.disable", or all of a noun: "user.*".
	Event   string
	Outcome string
	// Target is the id of what something was done to.
	Target   string
	Location string
	// Run is the id of a run, where an event has one of its own; what was done to
	// a run has it as its target.
	Run     string
	Request string
	// Reason is the word that an event gives for its outcome, Provider the slot of
	// the way in, and Address where it came from, as the event has it.
	Reason, Provider, Address string
	// Since and Until bound the time: at or after the one, before the other.
	Since, Until time.Time
}

// String says what was asked for, as it stands in the event that tells of it.
func (f Filter) String() string {
	var says []string
	for _, part := range []struct{ name, value string }{
		{"person", f.Person},
		{"event", f.Event},
		{"outcome", f.Outcome},
		{"target", f.Target},
		{"location", f.Location},
		{"run", f.Run},
		{"request", f.Request},
		{"reason", f.Reason},
		{"provider", f.Provider},
		{"address", f.Address},
		{"since", day(f.Since)},
		{"until", day(f.Until)},
	} {
		if part.value != "" {
			says = append(says, fmt.Sprintf("%s=%q", part.name, part.value))
		}
	}
	return strings.Join(says, " ")
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Noun is the noun of a filter for all its events ("dagster" of "dagster.*"),
// and whether it is one.
func (f Filter) Noun() (string, bool) { return strings.CutSuffix(f.Event, ".*") }

// Record is an event as it stands in the trail.
type Record struct {
	Seq   int64
	Hash  string
	Event Event
	// Body is the event as JSON, to the byte that the hash covers.
	Body string
}

// Checkpoint says, signed, that the trail had the event Seq with that hash, and
// so all before it as they were. It can be kept anywhere: whoever has the
// public key can check it with nothing else.
type Checkpoint struct {
	Seq  int64  `json:"seq" gorm:"primaryKey;autoIncrement:false"`
	Hash string `json:"hash"`
	// Time is when it was made, in UTC and to the millisecond.
	Time time.Time `json:"time" gorm:"index"`
	// Previous is the event of the checkpoint before; zero for the first.
	Previous int64 `json:"previous"`
	// Installation is whose trail it is. Those of former releases do not say it.
	Installation string `json:"installation,omitempty"`
	// Key is the Ed25519 public key, and Signature what it made of [Checkpoint.Text]
	// (RFC 8032), both in base64.
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// Text is what is signed. The fields but the hash have no line feed in them,
// and the hash stands between two of these, so no two checkpoints have the same
// text.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("dagpass checkpoint %s\n%d\n%s\n%s\n%d", format(c.Installation), c.Seq, c.Hash, c.Time.UTC().Format(time.RFC3339Nano), c.Previous)
}

// format is the version of a text, and the installation since there is one in it.
func format(installation string) string {
	if installation == "" {
		return "1"
	}
	return "2\n" + strings.ReplaceAll(installation, "\n", " ")
}

// Anchor says, signed, where the trail begins since old events were removed:
// behind event Seq, which had that hash. The zero Anchor is a trail that has
// all its events.
type Anchor struct {
	ID int64 `json:"-" gorm:"primaryKey;autoIncrement:false"`
	// Seq is the last event that was removed, and so how many were in all.
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	// Time is when it was made, in UTC and to the millisecond.
	Time time.Time `json:"time"`
	// Installation is whose trail it is, as in [Checkpoint].
	Installation string `json:"installation,omitempty"`
	Key          string `json:"key"`
	Signature    string `json:"signature"`
}

// TableName implements GORM's Tabler.
func (Anchor) TableName() string { return "audit_anchors" }

// Text is what is signed; a checkpoint cannot be passed off as an anchor.
func (a Anchor) Text() string {
	return fmt.Sprintf("dagpass anchor %s\n%d\n%s\n%s", format(a.Installation), a.Seq, a.Hash, a.Time.UTC().Format(time.RFC3339Nano))
}
