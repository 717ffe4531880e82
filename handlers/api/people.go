package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func (a *API) peopleOperations() {
	op := func(method, path, id, summary, description string, errors ...int) operation {
		return operation{method: method, path: path, id: id, tag: "people", summary: summary, description: description, errors: errors}
	}
	add(a, op("GET", "/people", "listPeople", "List people",
		"Accounts that all filters choose, sorted. Counting them is part of the answer."), a.people)
	invite := op("POST", "/people", "invitePerson", "Make an account",
		"An account that is kept here, without a password. Make a link for it, with which its owner chooses one. Nobody gives a role that they do not hold.")
	invite.status = http.StatusCreated
	add(a, invite, a.invite)
	add(a, op("GET", "/people/{id}", "getPerson", "Tell all about one person",
		"Ways in with the access that each gives and why, sessions, second factors and the latest events. The ETag is for If-Match.", absent...), a.person)
	add(a, op("PUT", "/people/{id}/role", "setRole", "Assign a role",
		"The role adds to what the rules give. With another role than before the sessions and links of the person end. The last admin stays.", 404, 412), a.setRole)
	add(a, op("POST", "/people/{id}/disable", "disablePerson", "Bar somebody",
		"Their sessions end at once, and they cannot sign in until they are enabled.", 404, 412), a.disable)
	add(a, op("POST", "/people/{id}/enable", "enablePerson", "Let somebody sign in again",
		"It does not bring back their sessions.", 404, 412), a.enable)
	add(a, op("POST", "/people/{id}/sign-out", "signOutPerson", "End all sessions of somebody",
		"They can sign in again at once.", 404, 412), a.signOut)
	add(a, op("POST", "/people/{id}/reset-mfa", "resetSecondFactors", "Remove somebody's second factors",
		"Their sessions end as well.", 404, 412), a.resetFactors)
	add(a, op("POST", "/people/{id}/link", "makeLink", "Make a one-time link",
		"The links that the person had before work no more. A link to sign in lasts 15 minutes, one to choose a password 72 hours. Whoever has it comes in as this person. "+
			"Nobody makes one for an admin here: that takes the command line.", 404, 412), a.makeLink)
	add(a, op("DELETE", "/people/{id}/tokens/{token}", "revokeToken", "Revoke a token of somebody",
		"It opens nothing from the next request on.", absent...), a.revokeToken)
	add(a, op("DELETE", "/people/{id}", "deletePerson", "Delete an account",
		"Whom a provider still lets in comes back at the next sign-in: to bar somebody, disable them.", 404, 412), a.deletePerson)
}

// Person is one account in a list.
type Person struct {
	ID           string     `json:"id" example:"0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e"`
	Name         string     `json:"name" example:"Ada Lovelace"`
	Email        string     `json:"email" doc:"For display; empty where none is known." example:"ada@example.com"`
	Username     string     `json:"username" doc:"Of the account that is kept here; empty for none." example:"ada"`
	Providers    []string   `json:"providers" doc:"Slots of the ways in, the last used first." example:"[\"okta\"]"`
	Role         string     `json:"role" doc:"What the last used way in gives by today's policy; empty for none." example:"editor"`
	AssignedRole string     `json:"assigned_role" doc:"What an admin has assigned; empty for none." example:""`
	Factors      int        `json:"second_factors" example:"1"`
	Sessions     int        `json:"open_sessions" example:"2"`
	CreatedAt    time.Time  `json:"created_at"`
	LastSeenAt   *time.Time `json:"last_seen_at,omitempty" doc:"Absent for never."`
	DisabledAt   *time.Time `json:"disabled_at,omitempty" doc:"Absent for whoever is not barred."`
}

// People is a page of accounts.
type People struct {
	People []Person `json:"people"`
	Total  int64    `json:"total" doc:"How many there are on all pages." example:"128"`
	More   bool     `json:"more" doc:"There are more than total tells: many are not counted." example:"false"`
	Next   string   `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

type peopleInput struct {
	Page
	Text     string `query:"text" maxLength:"200" doc:"Part of the name, the address or the username, in any case."`
	State    string `query:"state" enum:"active,disabled" doc:"Only these."`
	Role     string `query:"role" maxLength:"100" doc:"Only whom an admin has assigned this role."`
	Provider string `query:"provider" maxLength:"100" doc:"Only who has a way in of this slot."`
	Sort     string `query:"sort" enum:"name,created,seen" default:"name" doc:"By name, or the newest or the last seen first."`
}

func (a *API) people(ctx context.Context, in *peopleInput) (*Body[People], error) {
	found, err := a.Identity.People(ctx, identity.PeopleQuery{
		Text: in.Text, State: in.State, Role: in.Role, Slot: in.Provider, Sort: in.Sort, After: in.Cursor, Limit: in.Limit,
	})
	return say(People{each(found.Lines, personOf), found.Total, found.More, found.Next}, err)
}

func personOf(l identity.PersonLine) Person {
	return Person{
		ID: l.User.ID, Name: l.User.Name, Email: l.User.Email, Username: l.Username, Providers: list(l.Slots), Role: string(l.Role),
		AssignedRole: string(l.User.Role), Factors: l.Factors, Sessions: l.Sessions, CreatedAt: l.User.CreatedAt.UTC(),
		LastSeenAt: optional(l.LastSeen), DisabledAt: maybe(l.User.DisabledAt),
	}
}

type inviteInput struct {
	Once
	Body struct {
		Username string `json:"username" minLength:"1" maxLength:"256" doc:"What they sign in with." example:"grace"`
		Name     string `json:"name,omitempty" maxLength:"256" doc:"The username where there is none." example:"Grace Hopper"`
		Email    string `json:"email,omitempty" maxLength:"320" example:"grace@example.com"`
		Role     string `json:"role,omitempty" maxLength:"100" doc:"To assign; empty for none." example:"editor"`
	} `nameHint:"Invitation"`
}

// Invited is a new account.
type Invited struct {
	ID           string    `json:"id" example:"0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e"`
	Name         string    `json:"name" example:"Grace Hopper"`
	Email        string    `json:"email" example:"grace@example.com"`
	AssignedRole string    `json:"assigned_role" example:"editor"`
	CreatedAt    time.Time `json:"created_at"`
}

type invitedOutput struct {
	Location string `header:"Location" doc:"Where the person is found."`
	Body     Invited
}

func (a *API) invite(ctx context.Context, in *inviteInput) (*invitedOutput, error) {
	made, err := a.Identity.AddAccount(ctx, identity.NewAccount{
		Username: in.Body.Username, Name: in.Body.Name, Email: in.Body.Email, Role: policy.Role(in.Body.Role),
	})
	if err != nil {
		return nil, err
	}
	return &invitedOutput{a.Prefix + Path + "/people/" + made.ID, Invited{made.ID, made.Name, made.Email, string(made.Role), made.CreatedAt.UTC()}}, nil
}

// PersonDetail is all about one person.
type PersonDetail struct {
	ID            string         `json:"id" example:"0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e"`
	Name          string         `json:"name" example:"Ada Lovelace"`
	Email         string         `json:"email" example:"ada@example.com"`
	Username      string         `json:"username" doc:"Of the account that is kept here; empty for none." example:"ada"`
	HasPassword   bool           `json:"has_password" example:"true"`
	AssignedRole  string         `json:"assigned_role" doc:"What an admin has assigned; empty for none." example:""`
	CreatedAt     time.Time      `json:"created_at"`
	LastSeenAt    *time.Time     `json:"last_seen_at,omitempty"`
	DisabledAt    *time.Time     `json:"disabled_at,omitempty"`
	Ways          []Way          `json:"ways" doc:"The ways in, the last used first."`
	Sessions      []Session      `json:"sessions" doc:"The open ones."`
	Factors       []SecondFactor `json:"second_factors"`
	RecoveryCodes int            `json:"recovery_codes" doc:"How many are left." example:"8"`
	Tokens        []Token        `json:"tokens" doc:"Tokens for the API that are good, the newest first."`
	Recent        []Event        `json:"recent" doc:"What they did and what was done to them, the newest first."`
	Self          bool           `json:"self" doc:"Whether it is whoever asks." example:"false"`
}

// Way is one way in and what it gives.
type Way struct {
	ID         string     `json:"id" example:"7d1e0c5a7e9b1d2f4a6c8e0b2d4f6a8c"`
	Provider   string     `json:"provider" doc:"The slot; password for the account that is kept here." example:"okta"`
	Issuer     string     `json:"issuer" example:"https://example.okta.com"`
	Subject    string     `json:"subject" doc:"Who they are there." example:"00u1abcd"`
	Email      string     `json:"email" doc:"As the provider told it." example:"ada@example.com"`
	Groups     []string   `json:"groups" doc:"As the provider told them." example:"[\"data-eng\"]"`
	Role       string     `json:"role" doc:"The highest built-in role that it gives in the whole deployment; empty for none." example:"editor"`
	Rules      []Rule     `json:"rules" doc:"The rules that match."`
	Open       bool       `json:"open" doc:"Whether they may come in by it now." example:"true"`
	Reason     string     `json:"reason" doc:"A word why not; empty where they may." example:""`
	CreatedAt  time.Time  `json:"created_at"`
	SignedInAt *time.Time `json:"signed_in_at,omitempty" doc:"When it was last used; absent for never."`
}

// Rule is a rule of the policy.
type Rule struct {
	Name        string   `json:"name" doc:"Such as grant 2, grant a3f09c21, admin_emails, assigned_role or default_role." example:"grant 2"`
	Text        string   `json:"text" doc:"The grant on one line; empty for the others." example:"{group: data-eng, role: editor}"`
	Role        string   `json:"role" example:"editor"`
	Locations   []string `json:"locations" doc:"Patterns of code locations where it holds; none is the whole deployment." example:"[]"`
	Permissions []string `json:"permissions" doc:"What it gives." example:"[\"read\"]"`
}

// SecondFactor is one that somebody has set up.
type SecondFactor struct {
	ID         string     `json:"id" example:"1c5a7e9b1d2f4a6c8e0b2d4f6a8c0e7d"`
	Kind       string     `json:"kind" example:"totp"`
	Name       string     `json:"name" example:"Authenticator app"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// Token is one for the API, without its text.
type Token struct {
	ID        string    `json:"id" example:"2b4d6f8a0c1e3a5c7e9b1d2f4a6c8e0b"`
	Name      string    `json:"name" doc:"What the person calls it." example:"nightly report"`
	Session   string    `json:"session" doc:"The id of the session that it ends with." example:"9b1d2f4a6c8e0b2d4f6a8c0e0f3c5a7e"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"At the latest."`
}

// PersonID is whom it is about.
type PersonID struct {
	ID string `path:"id" maxLength:"100" doc:"The person's id." example:"0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e"`
}

type personOutput struct {
	ETag string `header:"ETag" doc:"For If-Match."`
	Body PersonDetail
}

func (a *API) person(ctx context.Context, in *PersonID) (*personOutput, error) {
	p, err := a.Identity.Person(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &personOutput{`"` + p.Version + `"`, PersonDetail{
		ID: p.User.ID, Name: p.User.Name, Email: p.User.Email, Username: p.Username, HasPassword: p.HasPassword, AssignedRole: string(p.User.Role),
		CreatedAt: p.User.CreatedAt.UTC(), LastSeenAt: optional(p.LastSeen), DisabledAt: maybe(p.User.DisabledAt), Ways: each(p.Ways, wayOf),
		Sessions: each(p.Sessions, func(s models.Session) Session { return a.sessionOf(ctx, s, p.User) }),
		Factors:  each(p.Factors, factorOf), RecoveryCodes: p.RecoveryCodes, Tokens: each(p.Tokens, tokenOf), Recent: each(p.Recent, eventOf), Self: p.Self,
	}}, nil
}

func wayOf(w identity.PersonWay) Way {
	i := w.Identity
	return Way{
		ID: i.ID, Provider: i.Slot, Issuer: i.Issuer, Subject: i.Subject, Email: i.Claims.Email, Groups: list(i.Claims.Groups),
		Role: string(w.Access.Role), Rules: each(w.Rules, ruleOf), Open: w.Open, Reason: w.Reason, CreatedAt: i.CreatedAt.UTC(), SignedInAt: optional(i.SignedInAt),
	}
}

func ruleOf(r identity.RuleText) Rule {
	return Rule{r.Name, r.Text, string(r.Role), list(r.Locations), list(r.Permissions.Names())}
}

func factorOf(f models.Factor) SecondFactor {
	return SecondFactor{f.ID, string(f.Kind), f.Name, f.CreatedAt.UTC(), maybe(f.LastUsedAt)}
}

func tokenOf(t models.APIToken) Token {
	return Token{t.ID, t.Name, t.SessionID, t.CreatedAt.UTC(), t.ExpiresAt.UTC()}
}

// Change is what every change of a person takes.
type Change struct {
	Once
	PersonID
	Conditions
}

// Conditions bind a change to what was seen, and to what whoever asks wants.
type Conditions struct {
	IfMatch string `header:"If-Match" maxLength:"200" doc:"The change is made only if it is still as this ETag has it; else the answer is 412."`
	Confirm bool   `query:"confirm" doc:"Say true to take access of your own away."`
}

// in is the context with the conditions.
func (c Conditions) in(ctx context.Context) context.Context {
	if c.IfMatch != "" && c.IfMatch != "*" {
		ctx = identity.WithVersion(ctx, strings.Trim(c.IfMatch, `"`))
	}
	if c.Confirm {
		ctx = identity.WithConsent(ctx)
	}
	return ctx
}

// kept tells that a change was refused for its If-Match.
func (c Conditions) kept(err error) error {
	if c.IfMatch != "" && c.IfMatch != "*" && errors.Is(err, models.ErrConflict) {
		return errStale.Because(err)
	}
	return err
}

// change makes one of a person.
func (c *Change) change(ctx context.Context, fn func(ctx context.Context, id string) error) error {
	if !models.IsID(c.ID) {
		return models.ErrNotFound
	}
	return c.kept(fn(c.in(ctx), c.ID))
}

type roleInput struct {
	Change
	Body struct {
		Role string `json:"role" maxLength:"100" doc:"To assign; empty for none." example:"editor"`
	} `nameHint:"RoleToSet"`
}

// RoleSet is what became of it.
type RoleSet struct {
	AssignedRole string   `json:"assigned_role" example:"viewer"`
	Role         string   `json:"role" doc:"What it comes to with the rules, by the last used way in." example:"editor"`
	Rules        []string `json:"rules" doc:"The rules that match." example:"[\"assigned_role\",\"grant 2\"]"`
}

func (a *API) setRole(ctx context.Context, in *roleInput) (*Body[RoleSet], error) {
	var set identity.RoleSet
	err := in.change(ctx, func(ctx context.Context, id string) (err error) {
		set, err = a.Identity.SetRole(ctx, id, policy.Role(in.Body.Role))
		return err
	})
	return say(RoleSet{string(set.Assigned), string(set.Effective), list(set.Rules)}, err)
}

func (a *API) disable(ctx context.Context, in *Change) (*Nothing, error) {
	return &Nothing{}, in.change(ctx, a.Identity.Disable)
}

func (a *API) enable(ctx context.Context, in *Change) (*Nothing, error) {
	return &Nothing{}, in.change(ctx, a.Identity.Enable)
}

func (a *API) deletePerson(ctx context.Context, in *Change) (*Nothing, error) {
	return &Nothing{}, in.change(ctx, a.Identity.Delete)
}

// Ended tells how many sessions ended.
type Ended struct {
	Sessions int64 `json:"sessions_ended" example:"2"`
}

func (a *API) signOut(ctx context.Context, in *Change) (*Body[Ended], error) {
	var ended Ended
	err := in.change(ctx, func(ctx context.Context, id string) (err error) {
		ended.Sessions, err = a.Identity.EndSessionsOf(ctx, id)
		return err
	})
	return say(ended, err)
}

// Removed tells how many second factors are gone.
type Removed struct {
	Factors int64 `json:"second_factors_removed" example:"1"`
}

func (a *API) resetFactors(ctx context.Context, in *Change) (*Body[Removed], error) {
	var removed Removed
	err := in.change(ctx, func(ctx context.Context, id string) (err error) {
		removed.Factors, err = a.Identity.ResetFactors(ctx, id)
		return err
	})
	return say(removed, err)
}

type linkInput struct {
	Change
	Body struct {
		Purpose string `json:"purpose" enum:"password,signin" doc:"To choose a password, or to sign in once." example:"password"`
	} `nameHint:"LinkToMake"`
}

// Link is a one-time link; it is a secret.
type Link struct {
	Address   string    `json:"address" doc:"Whoever has it comes in as this person. It is kept nowhere but, sealed, for an idempotency key." example:"https://dagster.example.com/auth/link?token=…"`
	Purpose   string    `json:"purpose" enum:"password,signin" example:"password"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *API) makeLink(ctx context.Context, in *linkInput) (*Body[Link], error) {
	purpose := models.LinkPurpose(in.Body.Purpose)
	link := Link{Purpose: in.Body.Purpose, ExpiresAt: a.Now().Add(identity.LinkLasts(purpose)).UTC()}
	err := in.change(ctx, func(ctx context.Context, id string) (err error) {
		link.Address, err = a.Identity.MakeLink(ctx, id, purpose)
		return err
	})
	return say(link, err)
}

type tokenInput struct {
	Once
	PersonID
	Token string `path:"token" maxLength:"100" doc:"The token's id." example:"2b4d6f8a0c1e3a5c7e9b1d2f4a6c8e0b"`
}

func (a *API) revokeToken(ctx context.Context, in *tokenInput) (*Nothing, error) {
	if !models.IsID(in.ID) || !models.IsID(in.Token) {
		return nil, models.ErrNotFound
	}
	return &Nothing{}, a.Identity.RevokeAPITokenOf(ctx, in.ID, in.Token)
}
