package views

import (
	"time"

	"github.com/a-h/templ"
)

// APITokens are a person's tokens for the API, and the form to make one.
type APITokens struct {
	List  []APIToken
	Wrong Wrong // at "name", or of the whole form
}

// APIToken is one of them; its text is not known any more.
type APIToken struct {
	ID            string // posted as "id" to /auth/account/tokens/revoke
	Name          string
	Made, Expires time.Time
	Here          bool // made in this session
}

func (t APIToken) session() string {
	if t.Here {
		return "Made in this session"
	}
	return "Made in another session of yours"
}

// NewAPIToken shows a token, once.
type NewAPIToken struct {
	Site
	Token   string
	Expires time.Time
}

// Component renders the page.
func (p NewAPIToken) Component() templ.Component { return apiTokenPage(p) }
