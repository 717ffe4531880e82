package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// sessions lists where anybody is signed in.
func (s *Server) sessions(c echo.Context) error {
	v, err := s.sessionsPage(c, s.console(c), asked(c, "text"), asked(c, "after"))
	if err != nil {
		return s.refusedHere(c, err, func(v views.Console) (page, error) { return s.sessionsPage(c, v, "", "") })
	}
	return s.show(c, http.StatusOK, v)
}

func (s *Server) sessionsPage(c echo.Context, v views.Console, text, after string) (page, error) {
	lines, next, err := s.Identity.SessionLines(c.Request().Context(), text, after, onePage)
	p := views.ConsoleSessions{Console: v, Text: text, After: after, Next: next}
	for _, l := range lines {
		p.Lines = append(p.Lines, s.consoleSession(c, l.Session, l.User))
	}
	return p, err
}

// factorNames are the kinds of second factors in words.
var factorNames = map[models.FactorKind]string{
	models.FactorTOTP: "Authenticator app", models.FactorPasskey: "Passkey", models.FactorRecovery: "Recovery code",
	models.FactorProvider: "At the provider",
}

func (s *Server) consoleSession(c echo.Context, one models.Session, of models.User) views.ConsoleSession {
	return views.ConsoleSession{
		ID: one.ID, UserID: of.ID, User: of.Label(), Device: device(one.UserAgent), Agent: one.UserAgent, Address: one.ClientIP,
		Method: s.way(one.Method, one.Slot), Factor: factorNames[one.Factor], Since: one.CreatedAt, LastSeen: one.LastSeenAt,
		Ends: one.Ends(s.Identity.Rules().SessionIdle), Current: one.ID == principal(c).SessionID,
	}
}

// revokeSession ends anybody's session. One that has ended meanwhile is what was
// wanted.
func (s *Server) revokeSession(c echo.Context) error {
	back := "/sessions"
	if person := field(c, "person"); models.IsID(person) {
		back = "/people/" + person
	}
	err := s.Identity.RevokeSession(c.Request().Context(), plain(field(c, "id")))
	if err == nil || errors.Is(err, models.ErrNotFound) {
		return s.toConsole(c, back, "session_ended")
	}
	return s.refusedHere(c, err, func(v views.Console) (page, error) { return s.sessionsPage(c, v, "", "") })
}
