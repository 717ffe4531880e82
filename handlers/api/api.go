package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// Config is what the API stands on.
type Config struct {
	Identity *identity.Service
	// Prefix is the path below which the installation is; empty for none.
	Prefix string
	// Around tells how Dagster and the providers were when they were last asked.
	Around func() Around
	Now    func() time.Time
	// Note logs the cause of an error, which nobody is shown.
	Note func(ctx context.Context, e *models.Error)
}

// Around is what is known of those whom we ask ourselves.
type Around struct {
	DagsterReachable bool
	DagsterVersion   string
	Unclassified     []string
	Warnings         []string
	Providers        []identity.ProviderState
}

// API answers programs.
type API struct {
	Config
	huma huma.API
	// paths has the methods of each path, as the document writes it.
	paths map[string][]string
}

// Path is where it lies, below the prefix.
const Path = "/auth/api/v1"

// New registers the operations on a router. Before stand the gates that every
// answer of ours has.
func New(c Config, router *echo.Echo, before ...echo.MiddlewareFunc) *API {
	oneHuma()
	a := &API{Config: c, paths: map[string][]string{}}
	g := router.Group(c.Prefix+Path, append(before, a.token, a.understood, a.once)...)
	a.huma = humaecho.NewWithGroup(router, g, a.config())
	a.overviewOperations()
	a.peopleOperations()
	a.sessionOperations()
	a.accessOperations()
	a.settingOperations()
	a.auditOperations()
	for _, path := range []string{"", "/*"} { // what is not there, also by methods that Any does not know
		g.Any(path, a.missing)
		g.RouteNotFound(path, a.missing)
	}
	return a
}

func (a *API) config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Dagpass", Version: "1",
				Description: description,
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: a.Prefix + Path, Description: "This installation"}},
			Tags:    tags,
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
					Type: "http", Scheme: "bearer", Description: "A token made on the account page, such as dagpass_session_…",
				}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format}, // the other is what ends in +json
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

var format = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}

const description = `What the console does, for programs. Every operation obeys the same rules as the console.

A token opens it: make one on your account page and send it as ` + "`Authorization: Bearer dagpass_session_…`" + `. A cookie never does.
Changes take a proof of who you are that is not older than ten minutes, as in the console: without it the answer is 403 with the code ` + "`confirm_required`" + `;
open /auth/confirm in the browser that you made the token in, and ask again.

Errors are problem details (RFC 9457) with a fixed word in ` + "`code`" + `. Lists are read page by page: send ` + "`next`" + ` of one answer as ` + "`cursor`" + ` of the next request; there is none on the last page.
A parameter of the query without a value is as none. No field takes null: leave it out.
Send an ` + "`Idempotency-Key`" + ` with a change to have it made once, however often the request is sent within 24 hours.`

var tags = []*huma.Tag{
	{Name: "overview", Description: "How the installation does, and who you are."},
	{Name: "people", Description: "Accounts and what may be done to them."},
	{Name: "sessions", Description: "Where people are signed in."},
	{Name: "access", Description: "Roles, grants, and who may do what."},
	{Name: "settings", Description: "What may be changed while Dagpass runs."},
	{Name: "audit", Description: "What happened, and who has what. Open to auditors too."},
}

// Document is the description of the API (OpenAPI 3.1).
func (a *API) Document() ([]byte, error) { return json.MarshalIndent(a.huma.OpenAPI(), "", "  ") }

// missing answers for what is not there: another method of a path that is, or
// nothing at all.
func (a *API) missing(c echo.Context) error {
	methods := a.methodsOf(strings.TrimPrefix(c.Request().URL.Path, a.Prefix+Path))
	if len(methods) == 0 {
		return models.ErrNotFound
	}
	c.Response().Header().Set("Allow", strings.Join(methods, ", "))
	return errMethod
}

func (a *API) methodsOf(path string) (methods []string) {
	for known, have := range a.paths {
		if fits(known, path) {
			methods = append(methods, have...)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// fits tells whether a path is one of those that a template stands for.
func fits(template, path string) bool {
	parts, given := strings.Split(template, "/"), strings.Split(path, "/")
	if len(parts) != len(given) {
		return false
	}
	for i, part := range parts {
		if part != given[i] && (!strings.HasPrefix(part, "{") || given[i] == "") {
			return false
		}
	}
	return true
}

// note logs the cause of an error that has one.
func (a *API) note(ctx context.Context, e *models.Error) {
	if e.Err != nil {
		a.Note(ctx, e)
	}
}

// operation is what the document says of one, in short.
type operation struct {
	method, path, id, tag string
	summary, description  string
	status                int // of success; zero is 200, or 204 without a body
	errors                []int
}

// Errors that operations have besides those that all have.
var (
	always  = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotAcceptable, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	changes = []int{http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	absent  = []int{http.StatusNotFound}
	stale   = []int{http.StatusPreconditionFailed}
)

// add registers an operation. What fn gives as an error is answered in public
// words, and its cause is logged.
func add[I, O any](a *API, o operation, fn func(context.Context, *I) (*O, error)) {
	errs := slices.Concat(always, o.errors)
	if o.method != http.MethodGet {
		errs = append(errs, changes...)
	}
	a.paths[o.path] = append(a.paths[o.path], o.method)
	huma.Register(a.huma, huma.Operation{
		Method: o.method, Path: o.path, OperationID: o.id, Tags: []string{o.tag}, Summary: o.summary, Description: o.description,
		DefaultStatus: o.status, Errors: errs, MaxBodyBytes: maxBody + 1, BodyReadTimeout: bodyTime, Middlewares: huma.Middlewares{a.noBody},
	}, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, a.refuse(ctx, err)
		}
		return out, nil
	})
}

// bodyTime is as the frame of handlers has it; by then the body has come.
const bodyTime = 30 * time.Second

// noBody refuses what an operation would not read.
func (a *API) noBody(c huma.Context, next func(huma.Context)) {
	echoed := humaecho.Unwrap(c)
	if body, _ := echoed.Get(bodyKey).([]byte); len(body) > 0 && c.Operation().RequestBody == nil {
		WriteProblem(echoed.Response(), echoed.Request(), errNoBody)
		return
	}
	next(c)
}

func (a *API) refuse(ctx context.Context, err error) error {
	e := models.AsError(err)
	a.note(ctx, e)
	return huma.ErrorWithHeaders(problemOf(ctx, e), problemHeader(e))
}

// Page is which part of a list is asked for.
type Page struct {
	Cursor string `query:"cursor" maxLength:"300" doc:"Where the page begins: next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
}

// Once is the header of a change that is wanted once.
type Once struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"1" maxLength:"255" doc:"Names what is wanted done. For 24 hours the same key with the same request gets the same answer, and nothing is done again."`
}

// Body is an answer that is only JSON.
type Body[T any] struct{ Body T }

func say[T any](v T, err error) (*Body[T], error) {
	if err != nil {
		return nil, err
	}
	return &Body[T]{v}, nil
}

// Nothing is an answer without a body.
type Nothing struct{}

// optional is a time that may not be.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func maybe(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return optional(*t)
}

// list is never null.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

// each makes a list of a list.
func each[A, B any](all []A, fn func(A) B) []B {
	out := make([]B, len(all))
	for i, one := range all {
		out[i] = fn(one)
	}
	return out
}

// texts are the names of some kind.
func texts[T ~string](all []T) []string {
	return each(all, func(one T) string { return string(one) })
}
