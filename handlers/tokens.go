package handlers

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// fillTokens lists the tokens for the API, to whoever the API has an answer for.
func (s *Server) fillTokens(c echo.Context, v *views.Account) error {
	ctx, p := c.Request().Context(), principal(c)
	if !s.Identity.MayAudit(ctx) {
		return nil
	}
	tokens, err := s.Identity.APITokens(ctx, p)
	v.Tokens = &views.APITokens{}
	for _, t := range tokens {
		v.Tokens.List = append(v.Tokens.List, apiToken(c, t))
	}
	return err
}

func apiToken(c echo.Context, t models.APIToken) views.APIToken {
	return views.APIToken{ID: t.ID, Name: t.Name, Made: t.CreatedAt, Expires: t.ExpiresAt, Here: t.SessionID == principal(c).SessionID}
}

// maxTokenName bounds what a token is called, in bytes.
const maxTokenName = 100

var errTokenName = models.NewError(models.KindInvalid, "bad_name", "Say in up to 100 letters what the token is for.").At("name")

// makeToken makes a token for the API and shows it in the answer to the form: it
// stands in no address and is not shown again.
func (s *Server) makeToken(c echo.Context) error {
	ctx := c.Request().Context()
	if !s.Identity.MayAudit(ctx) {
		return identity.ErrNotAdmin
	}
	name := strings.TrimSpace(plain(field(c, "name")))
	if name == "" || len(name) > maxTokenName {
		return s.tokenAgain(c, errTokenName)
	}
	token, text, err := s.Identity.MakeAPIToken(ctx, principal(c), name)
	if err != nil {
		return s.tokenAgain(c, err)
	}
	return s.show(c, http.StatusOK, views.NewAPIToken{Site: s.viewSite(), Token: text.Reveal(), Expires: token.ExpiresAt})
}

// tokenAgain is the account's page with what was wrong.
func (s *Server) tokenAgain(c echo.Context, err error) error {
	return s.again(c, err, func(wrong views.Wrong) (page, error) {
		v, err := s.accountPage(c)
		if v.Tokens != nil {
			v.Tokens.Wrong = wrong
		}
		return v, err
	}, "", "name")
}

// revokeToken ends a token of one's own.
func (s *Server) revokeToken(c echo.Context) error {
	if err := s.Identity.RevokeAPIToken(c.Request().Context(), principal(c), plain(field(c, "id"))); err != nil {
		return err
	}
	return s.backToAccount(c, "token_revoked", 0)
}
