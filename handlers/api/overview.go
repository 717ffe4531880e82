package api

import (
	"context"
	"net/http"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

func (a *API) overviewOperations() {
	add(a, operation{
		method: http.MethodGet, path: "/me", id: "whoAmI", tag: "overview", summary: "Tell whose the token is",
		description: "Who asks, what they may do, and until when changes may be made without confirming again who one is.",
	}, a.me)
	add(a, operation{
		method: http.MethodGet, path: "/overview", id: "getOverview", tag: "overview", summary: "Tell how the installation does",
		description: "Numbers of people and sessions, sign-ins and refusals of the last 24 hours of the clock, how Dagster is, and what an admin should hear of the configuration.",
	}, a.overview)
	add(a, operation{
		method: http.MethodGet, path: "/providers", id: "listProviders", tag: "overview", summary: "List the ways in",
		description: "The providers in the order of the login page, as they were when they were last asked.",
	}, a.providers)
}

// Me is whoever asks.
type Me struct {
	ID    string `json:"id" example:"0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e"`
	Name  string `json:"name" example:"Ada Lovelace"`
	Email string `json:"email" doc:"Empty where none is known." example:"ada@example.com"`
	Role  string `json:"role" doc:"The highest built-in role that is held in the whole deployment; empty for none." example:"admin"`
	// Permissions are those of the whole deployment.
	Permissions []string   `json:"permissions" doc:"What is held in the whole deployment." example:"[\"read\",\"administer\"]"`
	ProvenUntil *time.Time `json:"proven_until,omitempty" doc:"Until then changes may be made; absent where who asks has to confirm first."`
	SessionEnds time.Time  `json:"session_ends" doc:"When the session ends to which the token belongs, if nobody uses it."`
}

func (a *API) me(ctx context.Context, _ *struct{}) (*Body[Me], error) {
	p := models.PrincipalOf(ctx)
	me := Me{
		ID: p.User.ID, Name: p.User.Label(), Email: p.User.Email, Role: string(p.Access.Role), Permissions: list(p.Access.Permissions.Names()),
		SessionEnds: p.ExpiresAt.UTC(),
	}
	if a.Identity.Fresh(p) {
		me.ProvenUntil = optional(p.ProvenAt.Add(identity.FreshFor))
	}
	return say(me, nil)
}

// Overview is how the installation does.
type Overview struct {
	People        int64     `json:"people" doc:"Accounts." example:"128"`
	Disabled      int64     `json:"disabled" doc:"Accounts that are barred." example:"3"`
	OpenSessions  int64     `json:"open_sessions" example:"41"`
	SignInsToday  int64     `json:"sign_ins_today" doc:"Since midnight, UTC." example:"57"`
	RefusalsToday int64     `json:"refusals_today" doc:"Since midnight, UTC." example:"2"`
	SignIns       []int64   `json:"sign_ins" doc:"Of 24 hours of the clock, one number an hour, the oldest first."`
	Refusals      []int64   `json:"refusals" doc:"Likewise."`
	LastHour      time.Time `json:"last_hour" doc:"When the last of these hours began."`
	Dagster       Dagster   `json:"dagster"`
	Unclassified  []string  `json:"unclassified_mutations" doc:"Mutations of this Dagster that Dagpass does not know; they take the permission unclassified_mutation."`
	Warnings      []string  `json:"warnings" doc:"What an admin should hear of the configuration."`
}

// Dagster is how the webserver was when it was last asked.
type Dagster struct {
	Reachable bool   `json:"reachable" example:"true"`
	Version   string `json:"version" doc:"Empty where it is not known." example:"1.13.27"`
}

func (a *API) overview(ctx context.Context, _ *struct{}) (*Body[Overview], error) {
	o, err := a.Identity.Overview(ctx)
	if err != nil {
		return nil, err
	}
	around := a.Around()
	return say(Overview{
		People: o.People, Disabled: o.Disabled, OpenSessions: o.OpenSessions, SignInsToday: o.SignInsToday, RefusalsToday: o.RefusalsToday,
		SignIns: list(o.SignIns), Refusals: list(o.Refusals), LastHour: o.LastHour,
		Dagster:      Dagster{around.DagsterReachable, around.DagsterVersion},
		Unclassified: list(around.Unclassified), Warnings: list(around.Warnings),
	}, nil)
}

// Provider is a way in.
type Provider struct {
	Slot      string `json:"slot" doc:"What settings and grants call it." example:"okta"`
	Label     string `json:"label" doc:"What people call it." example:"Okta"`
	Type      string `json:"type" enum:"google,github,oidc,ldap,header" example:"oidc"`
	Issuer    string `json:"issuer" doc:"Empty where it has none." example:"https://example.okta.com"`
	Reachable bool   `json:"reachable" doc:"Whether it could be reached when it was last asked." example:"true"`
}

// Providers are all ways in.
type Providers struct {
	Providers     []Provider `json:"providers"`
	PasswordLogin bool       `json:"password_login" doc:"Whether people sign in with accounts that are kept here." example:"true"`
}

func (a *API) providers(ctx context.Context, _ *struct{}) (*Body[Providers], error) {
	if _, err := a.Identity.Grantable(ctx); err != nil { // the law of looking
		return nil, err
	}
	return say(Providers{each(a.Around().Providers, func(p identity.ProviderState) Provider {
		return Provider{p.Slot, p.Label, p.Type, p.Issuer, !p.Down}
	}), a.Identity.PasswordLogin}, nil)
}
