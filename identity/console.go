package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// PeopleQuery chooses accounts for the console. Empty fields choose all.
type PeopleQuery struct {
	// Text is part of the name, the e-mail address or the username, in any case.
	Text string
	// State is "active" or "disabled".
	State string
	// Role is the one that was assigned by hand, not what the rules come to.
	Role string
	// Slot is of a way in that they have.
	Slot string
	// Sort is "name", "created" (the newest first) or "seen" (the last seen first);
	// anything else is by name.
	Sort string
	// After is where the page begins: a former page's Next.
	After string
	// Limit is how many at most; zero is 50.
	Limit int
}

// PersonLine is one account in a list.
type PersonLine struct {
	User models.User
	// Username is of the account that is kept here; empty for none.
	Username string
	// Slots are the ways in, the last used first.
	Slots []string
	// Role is what the last used way in gives by today's policy. What was assigned
	// is in User.
	Role    policy.Role
	Factors int
	// LastSeen is zero for never.
	LastSeen time.Time
	// Sessions are the open ones.
	Sessions int
}

// People is a page of accounts.
type People struct {
	Lines []PersonLine
	// Next is empty on the last page.
	Next string
	// Total is how many there are on all pages. More tells that there are more than
	// that: of many, who is looked for by a text, a role or a way in is not counted.
	Total int64
	More  bool
}

// PersonPage is all that the console tells of one person.
type PersonPage struct {
	User models.User
	// Username is of the account that is kept here; empty for none.
	Username    string
	HasPassword bool
	// LastSeen is zero for never.
	LastSeen time.Time
	// Ways are the ways in, the last used first.
	Ways []PersonWay
	// Sessions are the open ones, without their secrets.
	Sessions []models.Session
	// Factors are without their secrets.
	Factors       []models.Factor
	RecoveryCodes int
	// Tokens for the API are those that open it now, the newest first, without their
	// secrets. When one was last used is not kept.
	Tokens []models.APIToken
	// Recent is what they did and what was done to them, the newest first.
	Recent []models.Record
	// Version is for [WithVersion].
	Version string
	// Self tells that whoever looks is the person.
	Self bool
}

// PersonWay is one way in and what it gives.
type PersonWay struct {
	Identity models.Identity
	Access   policy.Access
	Rules    []RuleText
	// Open tells that they may enter by it now; Reason is the word why not, such as
	// "user_disabled" or "group_not_allowed".
	Open   bool
	Reason string
}

// RuleText is a rule of the policy that matches somebody.
type RuleText struct {
	// Name is "grant 2", "grant a3f09c21", "admin_emails", "assigned_role" or
	// "default_role", and Text the grant on one line, empty for the others.
	Name, Text string
	Role       policy.Role
	// Locations are where it holds; none is the whole deployment.
	Locations []string
	// Permissions is what it gives.
	Permissions policy.Permissions
}

// SessionLine is an open session and whose it is, without its secrets.
type SessionLine struct {
	Session models.Session
	User    models.User
}

// Overview is how the installation does.
type Overview struct {
	// People are all accounts, Disabled those of them that are barred.
	People, Disabled, OpenSessions int64
	// SignInsToday and RefusalsToday are since midnight, UTC.
	SignInsToday, RefusalsToday int64
	// SignIns and Refusals are of 24 hours of the clock, one number an hour, the
	// oldest first. LastHour is when the last of them began.
	SignIns, Refusals []int64
	LastHour          time.Time
	Recent            []models.Record
}

// AccessPage is the policy in force.
type AccessPage struct {
	// Roles are the built-in ones from least to most, and then the file's by name.
	Roles []RoleLine
	// Permissions are all there are, in the order of the roles that give them.
	Permissions []policy.Permission
	// Grants are the rules in the order in which they count: ADMIN_EMAILS, if there
	// are any, the grants of the file and those of the database. Broken ones of the
	// latter come last.
	Grants []GrantLine
	// DefaultRole is of whoever no rule names.
	DefaultRole policy.Role
	// Assigned are people with an assigned role, by name: a page of them.
	// AssignedTotal is how many there are.
	Assigned      []PersonLine
	AssignedTotal int64
}

// RoleLine is a role.
type RoleLine struct {
	Role        policy.Role
	Permissions policy.Permissions
	BuiltIn     bool
}

// GrantLine is a rule.
type GrantLine struct {
	// Rule is "grant 2", "grant a3f09c21" or "admin_emails", Text the grant on one
	// line or the addresses.
	Rule, Text string
	// ID is that of a grant of the database; empty for what the file or the
	// environment says.
	ID string
	// Broken is the reason why it gives nothing; empty for one that holds.
	Broken string
	Role   policy.Role
	// Locations are where it holds; none is the whole deployment.
	Locations []string
}

// WhoLine is somebody who may do something, by one way in.
type WhoLine struct {
	User models.User
	// Slot is of the way in, Rule what allows it.
	Slot, Rule string
	// Place is the pattern of locations that allows it; empty for the whole
	// deployment.
	Place string
}

// What an admin is told.
var (
	ErrChanged = models.NewError(models.KindConflict, "conflict", "Somebody else has changed this person in the meantime. Look at what is there now, and do it again if you still want to.")
	ErrSelf    = models.NewError(models.KindInvalid, "confirm_self", "This is your own account, and you would lose access with it. Confirm that you want this.")
	ErrNotNow  = models.NewError(models.KindUnavailable, "unavailable", "This cannot be shown at the moment. Please try again shortly.")
	ErrBadPage = models.NewError(models.KindInvalid, "bad_page", "There is no such page. Begin with the first one.")
)

type consoleKey int

const (
	versionKey consoleKey = iota
	consentKey
)

// WithVersion says what a change to a person was decided upon: the Version of the
// [PersonPage] that whoever decides has seen. If the person is another by now,
// the change is ErrChanged and nothing happens. It holds for every change of
// another person but the end of a single session; an empty version never fits.
func WithVersion(ctx context.Context, version string) context.Context {
	return context.WithValue(ctx, versionKey, version)
}

// WithConsent says that an admin has confirmed in words that they give up access
// of their own. Without it, disabling, demoting or deleting oneself is ErrSelf.
func WithConsent(ctx context.Context) context.Context {
	return context.WithValue(ctx, consentKey, true)
}

// versionOf is a digest of what a form about somebody shows and changes.
func versionOf(u models.User) string {
	var disabled int64
	if u.DisabledAt != nil {
		disabled = u.DisabledAt.UnixMicro() // as exact as a database keeps it
	}
	return models.Digest(fmt.Sprintf("%s %q %d", u.ID, u.Role, disabled))
}

// fits refuses a change that was decided upon somebody as they no longer are.
func fits(ctx context.Context, u models.User) error {
	if seen, ok := ctx.Value(versionKey).(string); ok && seen != versionOf(u) {
		return ErrChanged
	}
	return nil
}

// mayLook is the law of every reading of what concerns others: admins and the
// operator. It takes no recent proof.
func (s *Service) mayLook(ctx context.Context) error {
	p := models.PrincipalOf(ctx)
	if models.IsOperator(ctx) || p != nil && p.Access.Permissions.Has(policy.Administer) {
		return nil
	}
	return ErrNotAdmin
}
