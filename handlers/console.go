package handlers

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// onePage is how many lines a page of the console has.
const onePage = 50

// console is what every page of the console shows.
func (s *Server) console(c echo.Context) views.Console {
	p := principal(c)
	return views.Console{
		Site: s.viewSite(), Admin: p.User.Label(), Auditor: !p.Access.Permissions.Has(policy.Administer),
		Notice: consoleNotices[asked(c, "notice")],
	}
}

// consoleNotices are the sentences that a fixed code in the address shows.
var consoleNotices = map[string]string{
	"role_set":      "The role is set. With another role than before, this person has to sign in again.",
	"disabled":      "The account is disabled: its sessions have ended, and nobody can sign in to it.",
	"enabled":       "The account is enabled again.",
	"signed_out":    "All sessions of this person have ended.",
	"mfa_reset":     "The second factors of this person are removed, and their sessions have ended.",
	"deleted":       "The account is deleted.",
	"session_ended": "That session has ended.",
	"api_revoked":   "The token is revoked: it opens nothing any more.",
	"no_link":       "The account is made, but it has no link yet. Make one below.",
	"granted":       "The role is given. It holds everywhere within seconds.",
	"setting_set":   "The setting is changed. It holds on every replica within five seconds.",
	"setting_clear": "The override is cleared: the environment’s value holds again.",
	"revoked":       "The grant is removed. Nobody has anything by it any more.",
}

// asked is a value of the query, without what no text has: databases refuse NUL
// and bytes that are no UTF-8.
func asked(c echo.Context, name string) string { return plain(c.QueryParam(name)) }

func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
}

// toConsole ends a change: it goes on to a page of the console with a notice.
func (s *Server) toConsole(c echo.Context, page, notice string) error {
	return s.goOn(c, s.site.Prefix()+consoleRoute+page+"?notice="+notice)
}

// refusedHere shows a page of the console with an error that none of its fields is
// about.
func (s *Server) refusedHere(c echo.Context, err error, show func(views.Console) (page, error)) error {
	return s.again(c, err, func(wrong views.Wrong) (page, error) {
		v := s.console(c)
		v.Notice, v.NoticeTone = wrong[""], "error"
		return show(v)
	}, "")
}

// consolePage is where one comes back to in the console, below its route: to the
// page that was asked for, and from a form or a download to the one that it
// stands on.
func consolePage(r *http.Request, route string) string {
	at := strings.TrimPrefix(r.URL.Path, route)
	if safe(r) && path.Base(at) != "export" {
		return (&url.URL{Path: at, RawQuery: r.URL.RawQuery}).RequestURI()
	}
	if below(at, "/access") {
		return "/access" // its forms stand there, and lead on to a page that no address shows
	}
	if up := path.Dir(at); up != "/" {
		at = up
	}
	if path.Dir(at) == "/providers" { // a provider has no page of its own
		at = "/providers"
	}
	return (&url.URL{Path: at}).EscapedPath()
}
