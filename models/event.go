package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Outcomes of an event.
const (
	OutcomeOK      = "ok"
	OutcomeAllowed = "allowed"
	OutcomeRefused = "refused"
	OutcomeFailed  = "failed"
)

// ReasonWouldHaveRefused marks what monitor mode let pass.
const ReasonWouldHaveRefused = "would_have_refused"

// Actor is who did something.
type Actor struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Kind string `json:"kind"`
}

// Target is what it was done to.
type Target struct {
	Kind     string `json:"kind,omitempty"`
	ID       string `json:"id,omitempty"`
	Location string `json:"location,omitempty"`
}

// Event is one line of the audit trail. It never holds a secret or a token.
type Event struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	Event      string    `json:"event"`
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Actor      Actor     `json:"actor"`
	OnBehalfOf string    `json:"on_behalf_of,omitempty"`
	ClientIP   string    `json:"client_ip,omitempty"`
	UserAgent  string    `json:"user_agent,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
	Session    string    `json:"session,omitempty"`
	Provider   string    `json:"provider,omitempty"`
	Target     *Target   `json:"target,omitempty"`
	Operation  string    `json:"operation,omitempty"`
	Permission string    `json:"permission,omitempty"`
	Rule       string    `json:"rule,omitempty"`
	RunID      string    `json:"run_id,omitempty"`
	// Count is above one where an event stands for several that were alike.
	Count int `json:"count,omitempty"`
	// Folds tells that nothing is lost if many that are alike become one with a
	// count. Refusals do so without being told to.
	Folds bool `json:"-"`
	// Known tells that Operation is one of the few names that Dagpass knows, and
	// not one that a client may have made up.
	Known bool `json:"-"`
}

// NewEvent starts an event with what the context knows: the request and the
// principal. The store sets id and time when it appends.
func NewEvent(ctx context.Context, name, outcome string) Event {
	r, p := RequestOf(ctx), PrincipalOf(ctx)
	e := Event{
		Event: name, Outcome: outcome, Actor: ActorOf(ctx),
		ClientIP: r.ClientIP, UserAgent: r.UserAgent, RequestID: r.ID,
	}
	if p != nil {
		e.Session = p.SessionID
	}
	return e
}

// WithoutNUL leaves out the character that PostgreSQL keeps in no text, and that
// only somebody who wants to be hard to find has in a name.
func (e Event) WithoutNUL() Event {
	if e.Target != nil {
		t := *e.Target
		e.Target = &t
		clean(&t.Kind, &t.ID, &t.Location)
	}
	clean(&e.ID, &e.Event, &e.Outcome, &e.Reason, &e.Actor.ID, &e.Actor.Name, &e.Actor.Kind, &e.OnBehalfOf, &e.ClientIP, &e.UserAgent,
		&e.RequestID, &e.Session, &e.Provider, &e.Operation, &e.Permission, &e.Rule, &e.RunID)
	return e
}

func clean(fields ...*string) {
	for _, f := range fields {
		*f = strings.ReplaceAll(*f, "\x00", "")
	}
}

// Link is one row of the chain: Hash covers Previous and Body, so that a
// changed, removed or reordered row breaks every later one.
type Link struct {
	Seq      int64 `gorm:"primaryKey;autoIncrement:false"`
	Previous string
	Hash     string
	// Body is the event as JSON, kept to the byte.
	Body string
}

// NewLink appends an event to the chain that ends with last; a zero Link is
// the beginning.
func NewLink(last Link, e Event) (Link, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return Link{}, err
	}
	l := Link{Seq: last.Seq + 1, Previous: last.Hash, Body: string(body)}
	l.Hash = l.sum()
	return l, nil
}

// Follows tells whether the link is whole and stands right behind last.
func (l Link) Follows(last Link) bool {
	return l.Seq == last.Seq+1 && l.Previous == last.Hash && l.Hash == l.sum()
}

// Whole tells whether the hash is that of what the link says.
func (l Link) Whole() bool { return l.Hash == l.sum() }

func (l Link) sum() string {
	sum := sha256.Sum256([]byte(l.Previous + "\n" + l.Body))
	return hex.EncodeToString(sum[:])
}
