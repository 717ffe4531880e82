package models

import (
	"cmp"
	"strings"
	"time"
	"unicode"

	"github.com/dagpass/dagpass/policy"
)

// User is a person, however they sign in. All times are UTC.
type User struct {
	ID   string `gorm:"primaryKey;index:idx_users_email;index:idx_users_created_at,priority:2;index:idx_users_search_key,priority:2;index:idx_users_seen_at,priority:2"`
	Name string `gorm:"index"`
	// Email is for display; what rules look at is an identity's verified one.
	Email string
	// Role is what an admin has assigned; it adds to what the rules of the policy
	// give. None for most.
	Role       policy.Role `gorm:"index"`
	CreatedAt  time.Time   `gorm:"index:idx_users_created_at,priority:1"`
	DisabledAt *time.Time  `gorm:"index"`
	// SearchKey is the name and the address as lists sort by them and look into
	// them. The store makes it.
	SearchKey string `gorm:"index:idx_users_search_key,priority:1"`
	// SeenAt is when they last did something, as the store notes it; 1970 for
	// never.
	SeenAt time.Time `gorm:"index:idx_users_seen_at,priority:1"`
}

// NewUser makes the account of somebody who signs in for the first time.
func NewUser(name, email string, now time.Time) *User {
	u := &User{ID: NewID(), CreatedAt: now}
	u.Rename(name, email)
	u.Name = cmp.Or(u.Name, u.Email)
	return u
}

// Rename takes over what the provider says now. Without a name the former one
// stays. The address does not: who no longer has it must not go on under it,
// and neither may one that would have to be changed to be shown.
func (u *User) Rename(name, email string) {
	u.Name, u.Email = cmp.Or(plain(name), u.Name), email
	if plain(email) != email {
		u.Email = ""
	}
}

// maxName bounds what a provider can write into a row for display, in bytes.
const maxName = 512

// plain is a name without control characters, which would steer the terminal
// of whoever lists users, and which PostgreSQL refuses where they are NUL.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name)
	return strings.ToValidUTF8(name[:min(len(name), maxName)], "")
}

// Disabled tells whether an admin has barred the person.
func (u *User) Disabled() bool { return u.DisabledAt != nil }

// LastSeen is when they were last seen; zero for never.
func (u *User) LastSeen() time.Time {
	if u.SeenAt.Unix() <= 0 {
		return time.Time{}
	}
	return u.SeenAt
}

// Label is what a page or a log calls the person.
func (u *User) Label() string { return cmp.Or(u.Name, u.Email, u.ID) }

// Identity is one way in: an account at an identity provider, keyed by issuer
// and subject (OpenID Connect Core §2, "sub"), never by e-mail.
type Identity struct {
	ID         string `gorm:"primaryKey"`
	UserID     string `gorm:"index;index:idx_identities_slot,priority:2"`
	Slot       string `gorm:"index:idx_identities_slot,priority:1"`
	Issuer     string `gorm:"uniqueIndex:idx_identities_issuer_subject"`
	Subject    string `gorm:"uniqueIndex:idx_identities_issuer_subject"`
	Claims     Claims `gorm:"serializer:json"`
	CreatedAt  time.Time
	SignedInAt time.Time
}

// NewIdentity makes the link between an account outside and a user.
func NewIdentity(userID, slot, issuer, subject string, now time.Time) *Identity {
	return &Identity{ID: NewID(), UserID: userID, Slot: slot, Issuer: issuer, Subject: subject, CreatedAt: now}
}

// Claims are what the provider said at the last sign-in. The role is computed
// from them for every request, so that a changed policy reaches open sessions.
type Claims struct {
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified,omitempty"`
	HostedDomain  string   `json:"hd,omitempty"`
	Hosted        bool     `json:"hosted,omitempty"`
	Name          string   `json:"name,omitempty"`
	Username      string   `json:"preferred_username,omitempty"`
	Groups        []string `json:"groups,omitempty"`
	Orgs          []string `json:"orgs,omitempty"`
	Teams         []string `json:"teams,omitempty"`
	AMR           []string `json:"amr,omitempty"`
}

// LocalSlot is the slot of accounts that are kept here, and LocalIssuer their
// issuer, which no provider can have: it is no address. Their subject is the
// user's id.
const (
	LocalSlot   = "password"
	LocalIssuer = "dagpass"
)

// Subject is the claims of one slot as policy sees them.
func (c Claims) Subject(slot string) policy.Subject {
	s := policy.NewSubject(slot, c.Email, c.EmailVerified)
	s.Hosted, s.HostedDomain = c.Hosted, c.HostedDomain
	s.Groups, s.Orgs, s.Teams = c.Groups, c.Orgs, c.Teams
	return s
}
