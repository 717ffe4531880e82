package api

import (
	"context"
	"net/http"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func (a *API) accessOperations() {
	op := func(method, path, id, summary, description string, errors ...int) operation {
		return operation{method: method, path: path, id: id, tag: "access", summary: summary, description: description, errors: errors}
	}
	add(a, op("GET", "/roles", "listRoles", "List roles and permissions",
		"The built-in roles from least to most, and then those of the policy file. Roles are made in the file alone."), a.roles)
	add(a, op("GET", "/grants", "listGrants", "List grants",
		"The rules that give roles, in the order in which they count. Those with an id are kept in the database and can be removed; the others are the environment's and the policy file's."), a.grants)
	grant := op("POST", "/grants", "addGrant", "Add a grant",
		"Beside those of the policy file. Name one of email, domain, group, org and team. Nobody gives a role that they do not hold. "+
			"Everybody whom it concerns has it within seconds. With the token of a preview as If-Match it is added only if the rules are as the preview had them.", stale...)
	grant.status = http.StatusCreated
	add(a, grant, a.addGrant)
	add(a, op("POST", "/grants/preview", "previewGrants", "Tell what grants would change",
		"Who gains and who loses what, by what providers told at the last sign-in. It changes nothing; like a change it takes a recent proof.", absent...), a.previewGrants)
	add(a, op("DELETE", "/grants/{id}", "removeGrant", "Remove a grant",
		"One that is kept in the database. It takes holding its role, as giving it does.", 404, 412), a.removeGrant)
	add(a, op("GET", "/who-can", "whoCan", "Tell who may do something",
		"Who may, and may sign in, by name: a line for each way in that gives it. It goes by what the provider told at the last sign-in. "+
			"A page may have fewer lines than asked for, or none, although there is a next one."), a.whoCan)
}

// Roles are what may be given.
type Roles struct {
	Roles       []Role       `json:"roles"`
	Permissions []Permission `json:"permissions" doc:"All there are, in the order of the roles that give them."`
	Default     string       `json:"default_role" doc:"Of whoever no rule names; empty for none." example:"viewer"`
	Grantable   []string     `json:"grantable" doc:"The roles that whoever asks may give." example:"[\"viewer\",\"launcher\"]"`
}

// Role is a role.
type Role struct {
	Name        string   `json:"name" example:"editor"`
	BuiltIn     bool     `json:"built_in" example:"true"`
	Permissions []string `json:"permissions" example:"[\"read\"]"`
}

// Permission is something that may be done.
type Permission struct {
	Name    string `json:"name" example:"launch_pipeline_execution"`
	Located bool   `json:"located" doc:"Whether it can be held at some code locations only." example:"true"`
}

func (a *API) roles(ctx context.Context, _ *struct{}) (*Body[Roles], error) {
	o, err := a.Identity.AccessOverview(ctx)
	if err != nil {
		return nil, err
	}
	grantable, err := a.Identity.Grantable(ctx)
	return say(Roles{
		each(o.Roles, func(r identity.RoleLine) Role {
			return Role{string(r.Role), r.BuiltIn, list(r.Permissions.Names())}
		}),
		each(o.Permissions, func(p policy.Permission) Permission { return Permission{string(p), policy.Located(p)} }),
		string(o.DefaultRole), texts(grantable),
	}, err)
}

// GrantRule says whom a grant is for and what it gives.
type GrantRule struct {
	Slot      string   `json:"slot,omitempty" maxLength:"512" doc:"Only by this provider. A group takes it once several providers send groups." example:"okta"`
	Email     string   `json:"email,omitempty" maxLength:"512" doc:"A verified address." example:"ada@example.com"`
	Domain    string   `json:"domain,omitempty" maxLength:"512" doc:"Of verified addresses." example:"example.com"`
	Group     string   `json:"group,omitempty" maxLength:"512" doc:"As the provider writes it." example:"data-eng"`
	Org       string   `json:"org,omitempty" maxLength:"512" doc:"At GitHub." example:"acme"`
	Team      string   `json:"team,omitempty" maxLength:"512" doc:"At GitHub, as org/team." example:"acme/platform"`
	Role      string   `json:"role" maxLength:"512" example:"editor"`
	Locations []string `json:"locations,omitempty" maxItems:"100" doc:"Names of code locations, in which * stands for any characters; none is the whole deployment." example:"[\"marketing*\"]"`
}

func (g GrantRule) model() models.Grant {
	return models.Grant{
		Slot: g.Slot, Email: g.Email, Domain: g.Domain, Group: g.Group, Org: g.Org, Team: g.Team, Role: policy.Role(g.Role),
		Locations: each(g.Locations, func(l string) policy.Pattern { return policy.Pattern(l) }),
	}
}

// Grants are the rules that give roles.
type Grants struct {
	Grants []Grant `json:"grants"`
}

// Grant is one of them.
type Grant struct {
	ID        string     `json:"id,omitempty" doc:"Of a grant that is kept in the database." example:"a3f09c21"`
	Rule      string     `json:"rule" doc:"What the audit trail calls it." example:"grant a3f09c21"`
	Text      string     `json:"text" doc:"The grant on one line as the policy file would have it, or the addresses." example:"{group: data-eng, role: editor}"`
	Role      string     `json:"role" example:"editor"`
	Locations []string   `json:"locations" doc:"Where it holds; none is the whole deployment." example:"[]"`
	Broken    string     `json:"broken,omitempty" doc:"Why it gives nothing; absent for one that holds."`
	CreatedAt *time.Time `json:"created_at,omitempty"`
	CreatedBy string     `json:"created_by,omitempty" doc:"The name of whoever made it, or their id where nobody has it any more." example:"Ada Lovelace"`
}

func (a *API) grants(ctx context.Context, _ *struct{}) (*Body[Grants], error) {
	o, err := a.Identity.AccessOverview(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := a.Identity.Grants(ctx)
	all, known := each(kept, keptGrant), map[string]bool{}
	for _, g := range all {
		known[g.Rule] = true
	}
	var fixed []Grant
	for _, g := range o.Grants {
		if !known[g.Rule] {
			fixed = append(fixed, Grant{Rule: g.Rule, Text: g.Text, Role: string(g.Role), Locations: list(g.Locations)})
		}
	}
	return say(Grants{append(list(fixed), all...)}, err)
}

func keptGrant(g identity.KeptGrant) Grant {
	return Grant{g.ID, g.Rule, g.Text, string(g.Role), texts(g.Locations), g.Broken, optional(g.CreatedAt), g.By}
}

type grantInput struct {
	Once
	Conditions
	Body GrantRule
}

func (a *API) addGrant(ctx context.Context, in *grantInput) (*Body[Grant], error) {
	g, err := a.Identity.AddGrant(in.in(ctx), in.Body.model())
	return say(Grant{
		ID: g.ID, Rule: "grant " + g.ID, Text: g.Rule().String(), Role: string(g.Role), Locations: texts(g.Locations),
		CreatedAt: optional(g.CreatedAt), CreatedBy: models.PrincipalOf(ctx).User.Label(),
	}, in.kept(err))
}

type removeGrantInput struct {
	Once
	Conditions
	ID string `path:"id" maxLength:"100" doc:"The grant's id." example:"a3f09c21"`
}

func (a *API) removeGrant(ctx context.Context, in *removeGrantInput) (*Nothing, error) {
	return &Nothing{}, in.kept(a.Identity.RemoveGrant(in.in(ctx), in.ID))
}

type previewInput struct {
	Body struct {
		Add    []GrantRule `json:"add,omitempty" maxItems:"100"`
		Remove []string    `json:"remove,omitempty" maxItems:"100" doc:"Ids of grants that are kept in the database."`
	} `nameHint:"GrantsToPreview"`
}

// Preview is who would gain and who would lose what.
type Preview struct {
	Lines   []PreviewLine `json:"lines" doc:"Those who lose something first, and then who gains: a hundred at most."`
	More    bool          `json:"more" doc:"Whether there are others." example:"false"`
	Gain    int64         `json:"gain" doc:"How many people gain something." example:"4"`
	Lose    int64         `json:"lose" doc:"How many people lose something." example:"0"`
	In      int64         `json:"in" doc:"How many could not sign in and then can." example:"1"`
	Out     int64         `json:"out" doc:"How many could sign in and then cannot." example:"0"`
	Ends    int64         `json:"sessions_end" doc:"How many open sessions end." example:"0"`
	Self    bool          `json:"self" doc:"Whether whoever asks loses something: the change then takes confirm=true." example:"false"`
	NoAdmin bool          `json:"no_admin" doc:"Whether nobody would be admin any more: the change is then refused." example:"false"`
	Token   string        `json:"token" doc:"Send it as If-Match with the change to have just this done." example:"2c26b46b"`
}

// PreviewLine is what changes for somebody by one way in.
type PreviewLine struct {
	Person   Named    `json:"person"`
	Provider string   `json:"provider" example:"okta"`
	Before   string   `json:"before" doc:"The role in the whole deployment; empty for none." example:"viewer"`
	After    string   `json:"after" example:"editor"`
	Gains    []string `json:"gains" doc:"Permissions, with the pattern of locations where they do not hold in the whole deployment." example:"[\"launch_pipeline_execution at marketing*\"]"`
	Loses    []string `json:"loses" example:"[]"`
	Was      bool     `json:"was" doc:"Whether they may come in by it." example:"true"`
	Is       bool     `json:"is" doc:"Whether they then may." example:"true"`
}

func previewOf(p identity.Preview) Preview {
	return Preview{each(p.Lines, func(l identity.PreviewLine) PreviewLine {
		return PreviewLine{named(l.User), l.Slot, string(l.Before), string(l.After), list(l.Gains), list(l.Loses), l.Was, l.Is}
	}), p.More, p.Gain, p.Lose, p.In, p.Out, p.Sessions, p.Self, p.NoAdmin, p.Token}
}

func (a *API) previewGrants(ctx context.Context, in *previewInput) (*Body[Preview], error) {
	p, err := a.Identity.PreviewGrant(ctx, each(in.Body.Add, GrantRule.model), in.Body.Remove)
	return say(previewOf(p), err)
}

// WhoCan is a page of who may do something.
type WhoCan struct {
	Lines []WhoLine `json:"lines"`
	Next  string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

// WhoLine is somebody who may, by one way in.
type WhoLine struct {
	Person   Named  `json:"person"`
	Provider string `json:"provider" example:"okta"`
	Rule     string `json:"rule" doc:"What allows it." example:"grant 2"`
	Place    string `json:"place" doc:"The pattern of code locations that allows it; empty for the whole deployment." example:"marketing*"`
}

type whoInput struct {
	Page
	Permission string `query:"permission" required:"true" minLength:"1" maxLength:"100" doc:"What is to be done." example:"launch_pipeline_execution"`
	Location   string `query:"location" maxLength:"300" doc:"The code location; empty for the whole deployment."`
}

func (a *API) whoCan(ctx context.Context, in *whoInput) (*Body[WhoCan], error) {
	want := policy.Want{Permission: policy.Permission(in.Permission), Location: in.Location}
	lines, next, err := a.Identity.WhoCan(ctx, want, in.Cursor, in.Limit)
	return say(WhoCan{each(lines, func(l identity.WhoLine) WhoLine { return WhoLine{named(l.User), l.Slot, l.Rule, l.Place} }), next}, err)
}
