package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/handlers"
)

// everybody is who may stand before a route: the columns of the table.
var everybody = []string{
	"stranger", "halfway", "to enrol", "signed in", "signed in long ago", "OAuth-only", "unclaimed", "admin", "admin long ago", "auditor",
}

// routes is what each of them gets: a status, where it leads, and the code of an
// error that a script is told. The forms are empty. Halfway has proved a
// password and has a second factor; to enrol has to set one up; signed in has
// just proved a password, signed in long ago half an hour before; OAuth-only has
// just signed in at a provider, where there are no local accounts; unclaimed is
// a stranger before there is an admin; the admins have proved a password as the
// two who are signed in have, and the auditor holds the permission audit, as they
// do, and nothing else of theirs. None of them asks for a download from our pages.
//
// A route that does not stand here fails the test, and so does one too many.
const routes = `
GET  /auth/health                    | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200
GET  /auth/metrics                   | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
GET  /auth/providers                 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200
GET  /auth/assets/*                  | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
GET  /auth/brand/logo                | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
GET  /auth/brand/style.css           | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
GET  /auth/.well-known/jwks.json     | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200
GET  /auth/.well-known/openid-configuration | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200
GET  /auth/api/openapi.json          | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200

GET  /auth/login                     | 200 | 200 | 200 | 303 / | 303 / | 303 / | 200 | 303 / | 303 / | 303 /
POST /auth/login                     | 400 | 400 | 400 | 400 | 400 | 404 | 400 | 400 | 400 | 400
GET  /auth/start/:slot               | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
POST /auth/start/:slot               | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
GET  /auth/callback/:slot            | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
GET  /auth/link                      | 400 | 400 | 400 | 400 | 400 | 400 | 400 | 400 | 400 | 400
POST /auth/link                      | 400 | 400 | 400 | 400 | 400 | 400 | 400 | 400 | 400 | 400
GET  /auth/setup                     | 409 | 409 | 409 | 409 | 409 | 404 | 200 | 409 | 409 | 409
POST /auth/setup                     | 409 | 409 | 409 | 409 | 409 | 404 | 400 | 409 | 409 | 409
JSON /auth/passkey/begin             | 200 | 200 | 200 | 200 | 200 | 404 not_found | 200 | 200 | 200 | 200
JSON /auth/passkey                   | 400 wrong_passkey | 400 wrong_passkey | 400 wrong_passkey | 400 wrong_passkey | 400 wrong_passkey | 404 not_found | 400 wrong_passkey | 400 wrong_passkey | 400 wrong_passkey | 400 wrong_passkey

GET  /auth/mfa                       | 303 /auth/login | 200 | 303 /auth/mfa/enrol | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login
POST /auth/mfa/code                  | 303 /auth/login | 400 | 401 | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login
JSON /auth/mfa/passkey/begin         | 401 unauthenticated | 404 not_found | 404 not_found | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated
JSON /auth/mfa/passkey               | 401 unauthenticated | 400 passkey_expired | 400 passkey_expired | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated
GET  /auth/mfa/enrol                 | 303 /auth/login | 303 /auth/mfa | 200 | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login
GET  /auth/mfa/enrol/totp            | 303 /auth/login | 401 | 200 | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login
POST /auth/mfa/enrol/totp            | 303 /auth/login | 401 | 400 | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login
JSON /auth/mfa/enrol/passkey/begin   | 401 unauthenticated | 401 unauthenticated | 403 not_by_hand | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated
JSON /auth/mfa/enrol/passkey         | 401 unauthenticated | 401 unauthenticated | 400 passkey_expired | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated

GET  /auth/me                        | 303 /auth/login | 303 /auth/login | 303 /auth/login | 200 | 200 | 200 | 303 /auth/login | 200 | 200 | 200
POST /auth/activity                  | 303 /auth/login | 303 /auth/login | 303 /auth/login | 204 | 204 | 204 | 303 /auth/login | 204 | 204 | 204
GET  /auth/confirm                   | 303 /auth/login | 303 /auth/login | 303 /auth/login | 200 | 200 | 200 | 303 /auth/login | 200 | 200 | 200
POST /auth/confirm                   | 303 /auth/login | 303 /auth/login | 303 /auth/login | 400 | 400 | 403 | 303 /auth/login | 400 | 400 | 400
JSON /auth/confirm/passkey/begin     | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 404 not_found | 404 not_found | 404 not_found | 401 unauthenticated | 404 not_found | 404 not_found | 404 not_found
JSON /auth/confirm/passkey           | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 400 passkey_expired | 400 passkey_expired | 400 passkey_expired | 401 unauthenticated | 400 passkey_expired | 400 passkey_expired | 400 passkey_expired
POST /auth/confirm/provider          | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 200 | 303 /auth/login | 403 | 403 | 403
GET  /auth/account                   | 303 /auth/login | 303 /auth/login | 303 /auth/login | 200 | 200 | 200 | 303 /auth/login | 200 | 200 | 200
POST /auth/account/password          | 303 /auth/login | 303 /auth/login | 303 /auth/login | 400 | 400 | 404 | 303 /auth/login | 400 | 400 | 400
POST /auth/account/sessions/end      | 303 /auth/login | 303 /auth/login | 303 /auth/login | 404 | 404 | 404 | 303 /auth/login | 404 | 404 | 404
POST /auth/account/sessions/end-others | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/account | 303 /auth/account | 303 /auth/account | 303 /auth/login | 303 /auth/account | 303 /auth/account | 303 /auth/account
GET  /auth/account/totp              | 303 /auth/login | 303 /auth/login | 303 /auth/login | 200 | 303 /auth/confirm | 200 | 303 /auth/login | 200 | 303 /auth/confirm | 200
POST /auth/account/totp              | 303 /auth/login | 303 /auth/login | 303 /auth/login | 400 | 303 /auth/confirm | 400 | 303 /auth/login | 400 | 303 /auth/confirm | 400
JSON /auth/account/passkey/begin     | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 403 not_by_hand | 403 to /auth/confirm confirm_required | 403 not_by_hand | 401 unauthenticated | 403 not_by_hand | 403 to /auth/confirm confirm_required | 403 not_by_hand
JSON /auth/account/passkey           | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 400 passkey_expired | 403 to /auth/confirm confirm_required | 400 passkey_expired | 401 unauthenticated | 400 passkey_expired | 403 to /auth/confirm confirm_required | 400 passkey_expired
POST /auth/account/factor/remove     | 303 /auth/login | 303 /auth/login | 303 /auth/login | 404 | 303 /auth/confirm | 404 | 303 /auth/login | 404 | 303 /auth/confirm | 404
GET  /auth/account/recovery-codes    | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/account | 303 /auth/account | 303 /auth/account | 303 /auth/login | 303 /auth/account | 303 /auth/account | 303 /auth/account
POST /auth/account/recovery-codes    | 303 /auth/login | 303 /auth/login | 303 /auth/login | 404 | 303 /auth/confirm | 404 | 303 /auth/login | 404 | 303 /auth/confirm | 404
POST /auth/account/link/:slot        | 303 /auth/login | 303 /auth/login | 303 /auth/login | 404 | 303 /auth/confirm | 404 | 303 /auth/login | 404 | 303 /auth/confirm | 404
POST /auth/account/unlink            | 303 /auth/login | 303 /auth/login | 303 /auth/login | 404 | 303 /auth/confirm | 404 | 303 /auth/login | 404 | 303 /auth/confirm | 404
POST /auth/account/tokens            | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 400 | 400 | 400
POST /auth/account/tokens/revoke     | 303 /auth/login | 303 /auth/login | 303 /auth/login | 404 | 404 | 404 | 303 /auth/login | 404 | 404 | 404

GET  /auth/admin                      | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 403
GET  /auth/admin/people               | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 403
GET  /auth/admin/people/:id           | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 404 | 403
GET  /auth/admin/sessions             | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 403
GET  /auth/admin/access               | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 403
GET  /auth/admin/providers            | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 403
GET  /auth/admin/settings             | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 403
GET  /auth/admin/audit                | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 200
GET  /auth/admin/audit/review         | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 200
GET  /auth/admin/audit/privileged     | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 200
GET  /auth/admin/audit/failures       | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 200
GET  /auth/admin/audit/run            | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 200
GET  /auth/admin/audit/tail           | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 200 | 200 | 200
JSON /auth/admin/audit/tail           | 401 unauthenticated | 401 unauthenticated | 401 unauthenticated | 403 not_allowed | 403 not_allowed | 403 not_allowed | 401 unauthenticated | 403 tail_expired | 403 tail_expired | 403 tail_expired
GET  /auth/admin/people/export        | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 403 | 403 | 403
GET  /auth/admin/audit/export         | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 403 | 403 | 403
GET  /auth/admin/audit/review/export  | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 403 | 403 | 403
POST /auth/admin/people               | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 400 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/role      | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/disable   | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/enable    | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/link      | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/sign-out  | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/reset-mfa | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/revoke-token | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/people/:id/delete    | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403
POST /auth/admin/access/grants/preview | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 400 | 303 /auth/confirm | 403
POST /auth/admin/access/grants        | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 400 | 303 /auth/confirm | 403
POST /auth/admin/access/grants/remove | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 409 | 303 /auth/confirm | 403
POST /auth/admin/settings             | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 400 | 303 /auth/confirm | 403
POST /auth/admin/settings/clear       | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 409 | 303 /auth/confirm | 403
POST /auth/admin/settings/preview     | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 400 | 303 /auth/confirm | 403
POST /auth/admin/sessions/end         | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 303 /auth/admin/sessions | 303 /auth/confirm | 403
POST /auth/admin/providers/:slot/test | 303 /auth/login | 303 /auth/login | 303 /auth/login | 403 | 403 | 403 | 303 /auth/login | 404 | 303 /auth/confirm | 403

GET  /auth/logout                    | 303 /auth/login | 303 /auth/login | 303 /auth/login | 200 | 200 | 200 | 303 /auth/login | 200 | 200 | 200
POST /auth/logout                    | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login | 200 | 303 /auth/login | 303 /auth/login | 303 /auth/login | 303 /auth/login

ANY  /auth                           | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
ANY  /auth/*                         | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404 | 404
ANY  /*                              | 200 | 200 | 200 | 200 | 200 | 200 | 503 | 200 | 200 | 200
`

// row is one line of the table.
type row struct {
	method, path string
	want         []string
}

func table(t *testing.T) (all []row) {
	t.Helper()
	for line := range strings.Lines(routes) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		method, path, _ := strings.Cut(cells[0], " ")
		if len(cells) != len(everybody)+1 {
			t.Fatalf("%s has %d columns", cells[0], len(cells)-1)
		}
		all = append(all, row{method, strings.TrimSpace(path), cells[1:]})
	}
	return all
}

var anyMethod = []string{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PROPFIND", "PUT", "TRACE", "REPORT", "echo_route_not_found"}

// methods are those under which a row is served.
func (r row) methods() []string {
	return map[string][]string{"GET": {"GET", "HEAD"}, "POST": {"POST"}, "JSON": {"POST"}, "ANY": anyMethod}[r.method]
}

// headless are GET routes that answer no HEAD: they begin or record something.
var headless = []string{"/auth/start/:slot", "/auth/callback/:slot", "/auth/admin/people/export", "/auth/admin/audit/export", "/auth/admin/audit/review/export"}

// Every route that is served stands in the table, and every row is served.
func TestTableIsWhole(t *testing.T) {
	want := map[string]bool{}
	for _, r := range table(t) {
		for _, m := range r.methods() {
			want[m+" "+r.path] = m != "HEAD" || !slices.Contains(headless, r.path)
		}
	}
	served := map[string]bool{}
	for _, r := range newSite(t).server.Routes() {
		if isOperation(r.Path) {
			continue // TestNoCookieOpensTheAPI
		}
		served[r.Method+" "+r.Path] = true
		if !want[r.Method+" "+r.Path] {
			t.Errorf("%s %s is served and stands in no row", r.Method, r.Path)
		}
	}
	for what, is := range want {
		if is && !served[what] && what != "echo_route_not_found /*" {
			t.Errorf("%s is not served", what)
		}
	}
}

// visitors are browsers with what the table says of each, by column.
func visitors(t *testing.T) []*browser {
	t.Helper()
	open, strict, only, empty := newSite(t), newSite(t, mfaRequired), newSite(t, oauthOnly), newSite(t, unclaimed(t))
	var ahead atomic.Int64
	later := newSite(t, func(c *handlers.Config) {
		c.Identity.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	stranger, halfway, toEnrol, in, stale, sso, first := open.browser(), open.browser(), strict.browser(), open.browser(), later.browser(), only.browser(), empty.browser()
	admin, staleAdmin := open.browser(), later.browser()
	open.admin("root")
	admin.signInAs("root")
	later.admin("root")
	staleAdmin.signInAs("root")
	auditor := open.browser()
	open.assign(open.account("audrey").ID, "auditor")
	auditor.signInAs("audrey")
	open.account("bob")
	halfway.signInAs("bob")
	halfway.enrol("/auth/account/totp")
	halfway.form("/auth/logout")
	halfway.signInAs("bob")
	strict.account("carol")
	toEnrol.signInAs("carol")
	open.account("dave")
	in.signInAs("dave")
	later.account("erin")
	stale.signInAs("erin")
	ahead.Store(int64(30 * time.Minute))
	sso.signIn()
	return []*browser{stranger, halfway, toEnrol, in, stale, sso, first, admin, staleAdmin, auditor}
}

// asked is where the row is asked for.
func (r row) asked() string {
	return strings.NewReplacer(":slot", "nobody", ":id", "nobody", "*", "nothing").Replace(r.path)
}

// ask sends what the row says, to the pattern itself where it has a parameter.
func (b *browser) ask(r row) answer {
	b.s.t.Helper()
	switch r.method {
	case "POST":
		return b.form(r.asked())
	case "JSON":
		return b.script(r.asked(), "{}")
	}
	return b.do("GET", r.asked(), "Accept", "text/html", "Sec-Fetch-Mode", "navigate")
}

// got is an answer in the words of the table.
func got(a answer) string {
	var said struct {
		Error    struct{ Code string }
		Location string
	}
	_ = json.Unmarshal([]byte(a.body), &said)
	words := []string{fmt.Sprint(a.StatusCode)}
	if to, err := url.Parse(a.Header.Get("Location")); err == nil && to.Path != "" {
		words = append(words, to.Path)
	}
	if to, err := url.Parse(said.Location); err == nil && to.Path != "" {
		words = append(words, "to", to.Path)
	}
	return strings.TrimSpace(strings.Join(append(words, said.Error.Code), " "))
}

// Every route, for everybody.
func TestRoutes(t *testing.T) {
	rows := table(t)
	for i, b := range visitors(t) {
		for _, r := range rows {
			if got := got(b.ask(r)); got != r.want[i] {
				t.Errorf("%s %s, %s: %s, want %s", r.method, r.path, everybody[i], got, r.want[i])
			}
		}
	}
}

// No route does anything for another method than its own.
func TestOtherMethods(t *testing.T) {
	s := newSite(t)
	in, stranger := s.browser(), s.browser()
	in.signIn()
	rows := table(t)
	for _, r := range rows {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW"} {
			served := slices.ContainsFunc(rows, func(o row) bool { return o.path == r.path && slices.Contains(o.methods(), method) })
			if served || r.path == "/*" || r.path == "/auth/assets/*" { // a file of ours has no methods
				continue
			}
			for _, b := range []*browser{in, stranger} {
				if a := b.send(method, r.path, "", b.person()...); a.StatusCode != http.StatusNotFound {
					t.Errorf("%s %s: %d", method, r.path, a.StatusCode)
				}
			}
		}
	}
}
