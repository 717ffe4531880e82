package api

import (
	"context"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

func (a *API) sessionOperations() {
	add(a, operation{
		method: "GET", path: "/sessions", id: "listSessions", tag: "sessions", summary: "List where people are signed in",
		description: "Open sessions, the newest first.",
	}, a.sessions)
	add(a, operation{
		method: "DELETE", path: "/sessions/{id}", id: "endSession", tag: "sessions", summary: "End a session", errors: absent,
		description: "It is over with the next request, at every replica within seconds. Tokens that were made in it end with it.",
	}, a.endSession)
}

// Session is an open session, without its secrets.
type Session struct {
	ID         string     `json:"id" example:"9b1d2f4a6c8e0b2d4f6a8c0e0f3c5a7e"`
	Person     Named      `json:"person"`
	Provider   string     `json:"provider" doc:"The slot." example:"okta"`
	Method     string     `json:"method" doc:"How they signed in." example:"provider"`
	Factor     string     `json:"second_factor" doc:"The kind that they proved; empty for none." example:"totp"`
	ClientIP   string     `json:"client_ip" example:"203.0.113.7"`
	UserAgent  string     `json:"user_agent" doc:"As the browser calls itself." example:"Mozilla/5.0"`
	CreatedAt  time.Time  `json:"created_at"`
	LastSeenAt time.Time  `json:"last_seen_at"`
	EndsAt     time.Time  `json:"ends_at" doc:"If nobody uses it any more."`
	ProvenAt   *time.Time `json:"proven_at,omitempty" doc:"When they last proved who they are; absent where that is not known."`
	Current    bool       `json:"current" doc:"Whether the token that asks belongs to it." example:"false"`
}

// Named is somebody.
type Named struct {
	ID   string `json:"id" example:"0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e"`
	Name string `json:"name" example:"Ada Lovelace"`
}

func named(u models.User) Named { return Named{u.ID, u.Label()} }

func (a *API) sessionOf(ctx context.Context, s models.Session, of models.User) Session {
	return Session{
		ID: s.ID, Person: named(of), Provider: s.Slot, Method: string(s.Method), Factor: string(s.Factor), ClientIP: s.ClientIP, UserAgent: s.UserAgent,
		CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), EndsAt: s.Ends(a.Identity.Rules().SessionIdle).UTC(), ProvenAt: maybe(s.ProvenAt),
		Current: s.ID == models.PrincipalOf(ctx).SessionID,
	}
}

// Sessions is a page of them.
type Sessions struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

type sessionsInput struct {
	Page
	Text string `query:"text" maxLength:"200" doc:"Part of the person's name or address, of the network address or of the browser's name."`
}

func (a *API) sessions(ctx context.Context, in *sessionsInput) (*Body[Sessions], error) {
	lines, next, err := a.Identity.SessionLines(ctx, in.Text, in.Cursor, in.Limit)
	return say(Sessions{each(lines, func(l identity.SessionLine) Session { return a.sessionOf(ctx, l.Session, l.User) }), next}, err)
}

type sessionInput struct {
	Once
	ID string `path:"id" maxLength:"100" doc:"The session's id." example:"9b1d2f4a6c8e0b2d4f6a8c0e0f3c5a7e"`
}

func (a *API) endSession(ctx context.Context, in *sessionInput) (*Nothing, error) {
	if !models.IsID(in.ID) {
		return nil, models.ErrNotFound
	}
	return &Nothing{}, a.Identity.RevokeSession(ctx, in.ID)
}
