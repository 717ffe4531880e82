package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// program asks the API with a token, and holds each answer against the document.
type program struct {
	s     *site
	token string
	doc   *openapi3.T
	// said are the statuses that were seen, by operation.
	said map[string][]int
}

var shownToken = regexp.MustCompile(`id="token"[^>]*>(dagpass_session_[^<]+)<`)

// program makes a token on the account page, by hand.
func (b *browser) program() *program {
	b.s.t.Helper()
	a := b.form("/auth/account/tokens", "name", "test")
	shown := shownToken.FindStringSubmatch(a.body)
	if shown == nil {
		b.s.t.Fatalf("no token: %d %s", a.StatusCode, a.body)
	}
	return &program{b.s, shown[1], b.s.document(), map[string][]int{}}
}

func (s *site) document() *openapi3.T {
	s.t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(s.browser().do("GET", "/auth/api/openapi.json").body))
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return doc
}

// admin is a site with an admin and their program.
func adminProgram(t *testing.T) (*site, *browser, *program) {
	t.Helper()
	s := newSite(t, func(c *handlers.Config) {
		c.Identity.SettingDefs = []identity.SettingDef{{Name: "DEFAULT_ROLE", Kind: identity.SettingChoice, Choices: []string{"viewer", "launcher"}, Default: "viewer", Access: true}}
	})
	s.admin("root")
	b := s.browser()
	b.signInAs("root")
	return s, b, b.program()
}

// ask asks for something below the API's path.
func (p *program) ask(method, target, body string, header ...string) answer {
	p.s.t.Helper()
	header = append([]string{"Authorization", "Bearer " + p.token}, header...)
	if body != "" {
		header = append(header, "Content-Type", "application/json")
	}
	a := p.s.browser().send(method, "/auth/api/v1"+target, body, header...)
	p.judge(a, body)
	return a
}

// judge holds an answer against the document. What is no operation is a problem all
// the same.
func (p *program) judge(a answer, body string) {
	p.s.t.Helper()
	route, params := p.route(a.Request)
	if route == nil {
		if a.StatusCode < 400 || a.problem().Code == "" {
			p.s.t.Errorf("%s %s: %d %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
		}
		return
	}
	p.said[route.Operation.OperationID] = append(p.said[route.Operation.OperationID], a.StatusCode)
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, RejectWhenRequestBodyNotSpecified: true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation()},
	}
	a.Request.Body = io.NopCloser(strings.NewReader(body))
	in := &openapi3filter.RequestValidationInput{Request: a.Request, QueryParams: given(a.Request.URL.Query()), PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(context.Background(), in); a.StatusCode < 300 && err != nil {
		p.s.t.Errorf("%s %s: done, though the document does not allow it: %v", a.Request.Method, a.Request.URL, err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.StatusCode, Header: a.Header, Options: options}
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes([]byte(a.body))); err != nil {
		p.s.t.Errorf("%s %s answers %d otherwise than the document has it: %v\n%s", a.Request.Method, a.Request.URL, a.StatusCode, err, a.body)
	}
	p.wellFormed(a)
}

// given are the parameters that have a value: the others are as none.
func given(q url.Values) url.Values {
	maps.DeleteFunc(q, func(_ string, values []string) bool { return len(values) == 1 && values[0] == "" })
	return q
}

// wellFormed is what the document does not say.
func (p *program) wellFormed(a answer) {
	p.s.t.Helper()
	said, media := a.problem(), a.Header.Get("Content-Type")
	if a.StatusCode >= 400 && (media != "application/problem+json" || said.RequestID != a.Header.Get("X-Request-Id") || said.Status != a.StatusCode || said.Detail == "") {
		p.s.t.Errorf("%s %s: %d %s %s", a.Request.Method, a.Request.URL, a.StatusCode, media, a.body)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Set-Cookie") != "" || a.Header.Get("Access-Control-Allow-Origin") != "" {
		p.s.t.Errorf("%s %s: %v", a.Request.Method, a.Request.URL, a.Header)
	}
}

// route finds the operation of a request in the document.
func (p *program) route(r *http.Request) (*routers.Route, map[string]string) {
	given := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/auth/api/v1"), "/")
	var best *routers.Route
	var bestParams map[string]string
	for path, item := range p.doc.Paths.Map() {
		op, params := item.GetOperation(r.Method), map[string]string{}
		parts := strings.Split(path, "/")
		if op == nil || len(parts) != len(given) {
			continue
		}
		for i, part := range parts {
			if name, is := strings.CutPrefix(part, "{"); is {
				params[strings.TrimSuffix(name, "}")], _ = url.PathUnescape(given[i])
			} else if part != given[i] {
				params = nil
				break
			}
		}
		if params != nil && (best == nil || len(params) < len(bestParams)) {
			best, bestParams = &routers.Route{Spec: p.doc, Path: path, PathItem: item, Method: r.Method, Operation: op}, params
		}
	}
	return best, bestParams
}

// fill puts what a site has into a target or a body.
func (s *site) fill(text string) string {
	s.t.Helper()
	ctx := models.WithOperator(context.Background())
	if strings.Contains(text, "{grant}") {
		g, err := s.svc.AddGrant(ctx, models.Grant{Email: "x@example.com", Role: "viewer"})
		if err != nil {
			s.t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "{grant}", g.ID)
	}
	if strings.Contains(text, "{token}") {
		user, in := s.admin("h"+models.NewID()[:8]), s.browser()
		in.signInAs(user.Name)
		id := strings.Split(in.program().token, "_")[2]
		text = strings.NewReplacer("{holder}", user.ID, "{token}", id).Replace(text)
	}
	if strings.Contains(text, "{somebody}") || strings.Contains(text, "{session}") {
		user := s.account("u" + models.NewID()[:8])
		in := s.browser()
		in.signInAs(user.Name)
		sessions, err := s.svc.AllSessions(ctx, user.ID)
		if err != nil || len(sessions) != 1 {
			s.t.Fatal(sessions, err)
		}
		text = strings.NewReplacer("{somebody}", user.ID, "{session}", sessions[0].ID).Replace(text)
	}
	return text
}

// operations is a request for each operation that must do, and what it is answered.
var operations = []struct {
	id, method, target, body string
	status                   int
	has                      string
}{
	{"whoAmI", "GET", "/me", "", 200, `"proven_until":"20`},
	{"getOverview", "GET", "/overview", "", 200, `"reachable":true`},
	{"listProviders", "GET", "/providers", "", 200, `"slot":"oidc"`},

	{"listPeople", "GET", "/people?text=ROOT&state=active&sort=seen&limit=1", "", 200, `"username":"root"`},
	{"invitePerson", "POST", "/people", `{"username":"grace","name":"Grace","email":"grace@example.com","role":"editor"}`, 201, `"assigned_role":"editor"`},
	{"getPerson", "GET", "/people/{somebody}", "", 200, `"rules":[{"name":"default_role"`},
	{"setRole", "PUT", "/people/{somebody}/role", `{"role":"launcher"}`, 200, `"role":"launcher"`},
	{"disablePerson", "POST", "/people/{somebody}/disable", "", 204, ""},
	{"enablePerson", "POST", "/people/{somebody}/enable", "", 204, ""},
	{"signOutPerson", "POST", "/people/{somebody}/sign-out", "", 200, `"sessions_ended":1`},
	{"resetSecondFactors", "POST", "/people/{somebody}/reset-mfa", "", 200, `"second_factors_removed":0`},
	{"makeLink", "POST", "/people/{somebody}/link", `{"purpose":"signin"}`, 200, `/auth/link?token=`},
	{"revokeToken", "DELETE", "/people/{holder}/tokens/{token}", "", 204, ""},
	{"deletePerson", "DELETE", "/people/{somebody}", "", 204, ""},

	{"listSessions", "GET", "/sessions?limit=2&text=root", "", 200, `"current":true`},
	{"endSession", "DELETE", "/sessions/{session}", "", 204, ""},

	{"listRoles", "GET", "/roles", "", 200, `"name":"starter","built_in":false`},
	{"listGrants", "GET", "/grants", "", 200, `"rule":"grant 1"`},
	{"addGrant", "POST", "/grants", `{"domain":"example.com","role":"editor","locations":["marketing*"]}`, 201, `"locations":["marketing*"]`},
	{"previewGrants", "POST", "/grants/preview", `{"add":[{"domain":"example.com","role":"editor"}]}`, 200, `"token":"`},
	{"removeGrant", "DELETE", "/grants/{grant}", "", 204, ""},
	{"whoCan", "GET", "/who-can?permission=administer", "", 200, `"rule":"assigned_role"`},

	{"listSettings", "GET", "/settings", "", 200, `"settings":[`},
	{"setSetting", "PUT", "/settings/DEFAULT_ROLE", `{"value":"launcher"}`, 204, ""},
	{"clearSetting", "DELETE", "/settings/DEFAULT_ROLE", "", 204, ""},
	{"previewSetting", "POST", "/settings/DEFAULT_ROLE/preview", `{"value":"launcher"}`, 200, `"token":"`},

	{"listEvents", "GET", "/events?event=user.*&outcome=ok&limit=1&since=2026-01-01T00:00:00Z", "", 200, `"event":"user.`},
	{"listPrivilegedEvents", "GET", "/events/privileged?limit=1", "", 200, `"next":"`},
	{"getRunTrail", "GET", "/runs/nobody/events", "", 200, `"cut":false`},
	{"listCheckpoints", "GET", "/audit/checkpoints?limit=1", "", 200, `"checkpoints":[`},
	{"reviewAccess", "GET", "/access-review?limit=1", "", 200, `"ways":[`},
	{"countFailures", "GET", "/failures", "", 200, `"total":0`},
}

// Every operation of the document does what it says, and answers so.
func TestEveryOperation(t *testing.T) {
	s, _, p := adminProgram(t)
	tried := map[string]bool{}
	for _, o := range operations {
		a := p.ask(o.method, s.fill(o.target), o.body)
		if a.StatusCode != o.status || !strings.Contains(a.body, o.has) {
			t.Errorf("%s: %d %s", o.id, a.StatusCode, a.body)
		}
		if len(p.said[o.id]) == 0 {
			t.Errorf("%s is another operation's request", o.id)
		}
		tried[o.id] = true
	}
	for path, item := range p.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !tried[op.OperationID] {
				t.Errorf("%s %s (%s) is not tried", method, path, op.OperationID)
			}
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s is not described", method, path)
			}
		}
	}
}

// The document that is kept with the code is the one that is served.
// UPDATE=1 go test writes it.
func TestDocumentIsKept(t *testing.T) {
	const path = "../docs/openapi.json"
	served := newSite(t).browser().do("GET", "/auth/api/openapi.json").body + "\n"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(served), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(kept, []byte(served)) {
		t.Errorf("%s is another (%v): UPDATE=1 go test ./handlers -run TestDocumentIsKept writes it", path, err)
	}
}

// hostile are values for any text: markup, what no text has, what is too long, and
// what goes elsewhere.
var hostile = []string{
	`<script>alert(1)</script>`, `"'><img src=x onerror=alert(1)>`, "\x00", "a\x00b", "\u202e", "\r\nSet-Cookie: a=b", strings.Repeat("x", 5000),
	"' OR '1'='1", "../../etc/passwd", "%00", "%", "\xff\xfe", "{}", "null", "-1", "1e400", "9223372036854775808", "ＡＤＭＩＮ", "",
}

// Whatever stands in a query or a path, the answer is one of the document, none is
// a failure of ours, and nothing that was sent comes back in a problem.
func TestHostileAddresses(t *testing.T) {
	_, _, p := adminProgram(t)
	for path, item := range p.doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, param := range op.Parameters {
				for _, bad := range hostile {
					target := strings.NewReplacer("{id}", "nobody", "{name}", "NOTHING", "{token}", "nothing").Replace(path)
					switch param.Value.In {
					case "query":
						target += "?" + url.Values{param.Value.Name: {bad}}.Encode()
					case "path":
						target = strings.NewReplacer("{"+param.Value.Name+"}", url.PathEscape(bad), "{id}", "nobody", "{token}", "nothing").Replace(path)
					default:
						continue
					}
					p.bad(method, target, "", bad)
				}
			}
			for _, query := range []string{"?%zz", "?a=%ff", "?x=1", "?limit=1&limit=2", "?;", "?limit=", "?cursor=%00"} {
				p.bad(method, strings.NewReplacer("{id}", "nobody", "{name}", "NOTHING", "{token}", "nothing").Replace(path)+query, "", "")
			}
		}
	}
}

// bad asks for something that need not work.
func (p *program) bad(method, target, body, sent string) {
	p.s.t.Helper()
	a := p.ask(method, target, body)
	if a.StatusCode >= 500 || len(sent) > 8 && a.StatusCode >= 400 && strings.Contains(a.body, sent) {
		p.s.t.Errorf("%s %.200s %.200s: %d %.300s", method, target, body, a.StatusCode, a.body)
	}
}

// Whatever stands in a body, likewise.
func TestHostileBodies(t *testing.T) {
	_, _, p := adminProgram(t)
	for path, item := range p.doc.Paths.Map() {
		target := strings.NewReplacer("{id}", models.NewID(), "{name}", "NOTHING", "{token}", models.NewID()).Replace(path)
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				if a := p.ask(method, target, `{"a":1}`); a.StatusCode != 400 || a.problem().Code != "unwanted_body" {
					t.Errorf("%s %s takes a body: %d %s", method, path, a.StatusCode, a.body)
				}
				continue
			}
			schema := op.RequestBody.Value.Content["application/json"].Schema.Value
			for _, body := range []string{`{`, `[]`, `null`, `"x"`, `1`, `{} {}`, "\xff", `{"nonsense":1}`, strings.Repeat("[", 9000), `{"a":` + strings.Repeat(" ", 70000) + `1}`} {
				if a := p.ask(method, target, body); a.StatusCode < 400 || a.StatusCode >= 500 {
					t.Errorf("%s %s %.40q: %d", method, path, body, a.StatusCode)
				}
			}
			for name := range schema.Properties {
				for _, bad := range hostile {
					text, _ := json.Marshal(map[string]any{name: bad})
					p.bad(method, target, string(text), bad)
				}
				for _, raw := range []string{`1`, `true`, `null`, `[]`, `{}`, `[1]`, `["\u0000"]`, `[{"role":1}]`, `[[[]]]`, `1e999`} {
					p.bad(method, target, fmt.Sprintf(`{%q:%s}`, name, raw), "")
				}
				p.bad(method, target, fmt.Sprintf(`{%q:"x"}`, strings.ToUpper(name)), "")
			}
		}
	}
}

// What is no operation, or is not asked for in JSON, is a problem as well.
func TestAPIProblems(t *testing.T) {
	s, _, p := adminProgram(t)
	for name, c := range map[string]struct {
		method, target, body string
		header               []string
		status               int
		code                 string
	}{
		"nothing there":         {"GET", "/nothing", "", nil, 404, "not_found"},
		"another method":        {"PATCH", "/people", "", nil, 405, "method_not_allowed"},
		"HEAD":                  {"HEAD", "/people", "", nil, 405, ""},
		"unknown method":        {"BREW", "/people/x/role", "", nil, 405, "method_not_allowed"},
		"not acceptable":        {"GET", "/people", "", []string{"Accept", "text/html"}, 406, "not_acceptable"},
		"with no weight":        {"GET", "/people", "", []string{"Accept", "application/json;q=0.0"}, 406, "not_acceptable"},
		"among others":          {"GET", "/people", "", []string{"Accept", "text/html, */*;q=0.1"}, 200, ""},
		"a form":                {"POST", "/people", "username=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"},
		"no media type":         {"POST", "/people", "{}", []string{"Content-Type", ""}, 415, "unsupported_media_type"},
		"another character set": {"POST", "/people", "{}", []string{"Content-Type", "application/json; charset=utf-16"}, 415, "unsupported_media_type"},
		"too large":             {"POST", "/people", `{"username":"` + strings.Repeat("x", 64<<10) + `"}`, nil, 413, "too_large"},
		"no body":               {"POST", "/people", "", nil, 400, "bad_body"},
		"unknown field":         {"POST", "/people", `{"username":"x","admin":true}`, nil, 422, "invalid"},
		"another case":          {"POST", "/people", `{"username":"x","Role":"admin"}`, nil, 422, "invalid"},
		"unknown role":          {"POST", "/people", `{"username":"x","role":"god"}`, nil, 422, "unknown_role"},
		"a bad name":            {"POST", "/people", `{"username":"a b"}`, nil, 422, "bad_username"},
		"no such person":        {"PUT", "/people/" + models.NewID() + "/role", `{"role":"viewer"}`, nil, 404, "not_found"},
		"bad cursor":            {"GET", "/events?cursor=x", "", nil, 422, "bad_page"},
		"cursor of people":      {"GET", "/people?cursor=%7Bx", "", nil, 422, "bad_page"},
		"bad time":              {"GET", "/events?since=yesterday", "", nil, 422, "invalid"},
		"times turned round":    {"GET", "/events?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "", nil, 422, "bad_time"},
		"too many":              {"GET", "/people?limit=201", "", nil, 422, "invalid"},
		"unknown parameter":     {"GET", "/people?admin=1", "", nil, 422, "invalid"},
		"bad key":               {"POST", "/people", `{"username":"x"}`, []string{"Idempotency-Key", "a b"}, 422, "bad_idempotency_key"},
	} {
		header := append([]string{"Authorization", "Bearer " + p.token}, c.header...)
		if c.body != "" && !slices.Contains(c.header, "Content-Type") {
			header = append(header, "Content-Type", "application/json")
		}
		a := s.browser().send(c.method, "/auth/api/v1"+c.target, c.body, header...)
		if a.StatusCode != c.status || a.problem().Code != c.code {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
		if c.status == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s: what is allowed is not told", name)
		}
		p.wellFormedUnless(c.method == "HEAD", a)
	}
	for _, path := range []string{"/auth/api", "/auth/api/v2/people", "/auth/api/openapi.yaml"} {
		if a := s.browser().do("GET", path, "Accept", "text/html"); a.StatusCode != 404 || a.problem().Code != "not_found" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
}

func (p *program) wellFormedUnless(not bool, a answer) {
	if !not {
		p.wellFormed(a)
	}
}

// A token opens the API and nothing else, and only as it is.
func TestTokenOpensTheAPIAlone(t *testing.T) {
	s, b, p := adminProgram(t)
	for _, path := range []string{"/auth/me", "/auth/account", "/auth/admin", "/auth/admin/people", "/auth/admin/audit/export"} {
		if a := s.browser().do("GET", path, "Authorization", "Bearer "+p.token); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if s.browser().do("GET", "/runs", "Authorization", "Bearer "+p.token); strings.Contains(s.passed.String(), "user") {
		t.Errorf("Dagster is told that it is somebody: %s", s.passed)
	}
	u, _ := url.Parse(s.url)
	cookie := b.Jar.Cookies(u)[0].Value
	for name, header := range map[string][]string{
		"none": nil, "empty": {"Authorization", "Bearer "}, "another scheme": {"Authorization", "Basic " + p.token}, "bare": {"Authorization", p.token},
		"twice":      {"Authorization", "Bearer " + p.token, "Authorization", "Bearer " + p.token},
		"the cookie": {"Authorization", "Bearer " + cookie}, "as a cookie": {"Cookie", "dagpass=" + p.token},
		"cut": {"Authorization", "Bearer " + p.token[:len(p.token)-1]}, "in the query": {"X-Nothing", ""},
	} {
		if a := s.browser().do("GET", "/auth/api/v1/me?access_token="+p.token, header...); a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if strings.Contains(s.log.String(), p.token) {
		t.Error("the log has the token")
	}
}

// What ends the session, or the rights of its person, ends what a token does with
// the next request.
func TestTokenEndsWithItsSession(t *testing.T) {
	ctx := models.WithOperator(context.Background())
	for name, c := range map[string]struct {
		end    func(s *site, b *browser, id string) error
		status int
	}{
		"signed out": {func(_ *site, b *browser, _ string) error { b.form("/auth/logout"); return nil }, 401},
		"disabled":   {func(s *site, _ *browser, id string) error { return s.svc.Disable(ctx, id) }, 401},
		"demoted":    {func(s *site, _ *browser, id string) error { s.assign(id, "editor"); return nil }, 401},
		"revoked by hand": {func(s *site, b *browser, _ string) error {
			found := regexp.MustCompile(`tokens/revoke"[^>]*><input type="hidden" name="id" value="([0-9a-f]{32})"`).FindStringSubmatch(b.page("/auth/account").body)
			if found == nil || b.form("/auth/account/tokens/revoke", "id", found[1]).StatusCode != http.StatusSeeOther {
				return models.ErrNotFound
			}
			return nil
		}, 401},
		"by itself": {func(*site, *browser, string) error { return nil }, 200},
	} {
		s := newSite(t)
		user, b := s.admin("root"), s.browser()
		b.signInAs("root")
		p := b.program()
		if err := c.end(s, b, user.ID); err != nil {
			t.Fatal(name, err)
		}
		if a := p.ask("GET", "/people", ""); a.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}

// With an idempotency key a change is made once, and its answer, a secret too, is
// the same again, to the same person, for the same request.
func TestIdempotencyKeys(t *testing.T) {
	s, b, p := adminProgram(t)
	key := []string{"Idempotency-Key", "one"}
	target := s.fill("/people/{somebody}/link")
	first := p.ask("POST", target, `{"purpose":"signin"}`, key...)
	again := p.ask("POST", target, `{"purpose":"signin"}`, key...)
	if first.StatusCode != 200 || again.body != first.body || again.Header.Get("Idempotency-Replayed") != "true" || first.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("%d %s, then %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
	}
	if other := p.ask("POST", target, `{"purpose":"password"}`, key...); other.StatusCode != 422 || other.problem().Code != "idempotency_key_reused" {
		t.Errorf("another request: %d %s", other.StatusCode, other.body)
	}
	if fresh := p.ask("POST", target, `{"purpose":"signin"}`, "Idempotency-Key", "two"); fresh.body == first.body {
		t.Error("another key gives the same")
	}
	if another := b.program().ask("POST", target, `{"purpose":"signin"}`, key...); another.body != first.body {
		t.Errorf("another token of the same person: %s", another.body)
	}
	made := p.ask("POST", "/people", `{"username":"grace"}`, key[0], "three")
	if again := p.ask("POST", "/people", `{"username":"grace"}`, key[0], "three"); again.body != made.body || again.Header.Get("Location") != made.Header.Get("Location") {
		t.Errorf("%d %s, then %d %s", made.StatusCode, made.body, again.StatusCode, again.body)
	}
	for range 2 { // what was refused was not done, whoever refused it
		if a := p.ask("POST", "/nothing", "", key[0], "five"); a.StatusCode != 404 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if a := p.ask("DELETE", "/people", "", key[0], "six"); a.StatusCode != 405 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if a := p.ask("POST", "/people", `{"username":"a b"}`, key[0], "four"); a.problem().Code != "bad_username" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if events, err := s.svc.Events(models.WithOperator(context.Background()), models.Filter{Event: "user.link"}, 0, 10); len(events) != 2 || err != nil {
		t.Errorf("%d links were made (%v)", len(events), err)
	}
}

// A change that was decided upon somebody as they no longer are is not made.
func TestIfMatch(t *testing.T) {
	s, _, p := adminProgram(t)
	person := s.fill("/people/{somebody}")
	tag := p.ask("GET", person, "").Header.Get("ETag")
	for _, step := range []struct {
		match  string
		status int
	}{{tag, 200}, {tag, 412}, {`"x"`, 412}, {"*", 200}, {p.ask("GET", person, "").Header.Get("ETag"), 412}} {
		role := map[int]string{200: "launcher", 412: "editor"}[step.status]
		if a := p.ask("PUT", person+"/role", fmt.Sprintf(`{"role":%q}`, role), "If-Match", step.match); a.StatusCode != step.status {
			t.Errorf("%s: %d %s", step.match, a.StatusCode, a.body)
		}
	}
	if a := p.ask("GET", person, ""); !strings.Contains(a.body, `"assigned_role":"launcher"`) {
		t.Errorf("it happened all the same: %s", a.body)
	}
}

// Access of one's own is given up by saying so.
func TestConfirmGivingUpAccess(t *testing.T) {
	s, _, p := adminProgram(t)
	s.admin("other")
	me := struct{ ID string }{}
	_ = json.Unmarshal([]byte(p.ask("GET", "/me", "").body), &me)
	for _, step := range []struct {
		query, code string
		status      int
	}{{"", "confirm_self", 422}, {"?confirm=false", "confirm_self", 422}, {"?confirm=true", "", 204}} {
		if a := p.ask("POST", "/people/"+me.ID+"/disable"+step.query, ""); a.StatusCode != step.status || a.problem().Code != step.code {
			t.Errorf("%q: %d %s", step.query, a.StatusCode, a.body)
		}
	}
	if a := p.ask("GET", "/me", ""); a.StatusCode != 401 {
		t.Errorf("after it: %d", a.StatusCode)
	}
}

// Lists are whole, page by page.
func TestCursors(t *testing.T) {
	s, _, p := adminProgram(t)
	for i := range 5 {
		s.account(fmt.Sprintf("user%d", i))
	}
	for path, name := range map[string]string{"/people": "people", "/events": "events", "/access-review": "people", "/who-can?permission=read": "lines", "/sessions": "sessions"} {
		seen, next, pages := map[string]bool{}, "", 0
		for {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			var page map[string]json.RawMessage
			var lines []json.RawMessage
			_ = json.Unmarshal([]byte(p.ask("GET", path+sep+"limit=2&cursor="+url.QueryEscape(next), "").body), &page)
			_ = json.Unmarshal(page[name], &lines)
			for _, line := range lines {
				if seen[string(line)] && path != "/events" {
					t.Errorf("%s: twice: %s", path, line)
				}
				seen[string(line)] = true
			}
			next = ""
			_ = json.Unmarshal(page["next"], &next)
			if pages++; next == "" || pages > 50 {
				break
			}
		}
		if want := map[string]int{"/people": 6, "/access-review": 6, "/who-can?permission=read": 6, "/sessions": 1}[path]; want != 0 && len(seen) != want || pages > 50 {
			t.Errorf("%s: %d lines on %d pages, want %d", path, len(seen), pages, want)
		}
	}
}

// A change without a recent proof is told what to do; reading goes on.
func TestTokenWithoutRecentProof(t *testing.T) {
	_, b, later := laterAdmin(t)
	p := b.program()
	later(identity.FreshFor)
	for _, o := range operations {
		want := 403
		if o.method == "GET" {
			want = o.status
		}
		a := p.ask(o.method, strings.NewReplacer("{somebody}", models.NewID(), "{session}", models.NewID(), "{holder}", models.NewID(), "{token}", models.NewID(), "{grant}", "a0000000").Replace(o.target), o.body)
		if o.id == "getPerson" {
			want = 404
		}
		if a.StatusCode != want || want == 403 && a.problem().Code != "confirm_required" {
			t.Errorf("%s: %d %s", o.id, a.StatusCode, a.body)
		}
	}
	if a := p.ask("POST", "/people", `{"username":"x"}`, "Idempotency-Key", "k"); a.problem().Code != "confirm_required" {
		t.Errorf("with a key: %d %s", a.StatusCode, a.body)
	}
	if a := b.form("/auth/confirm", "password", password); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("confirming: %d %s", a.StatusCode, a.body)
	}
	if a := p.ask("POST", "/people", `{"username":"x"}`, "Idempotency-Key", "k"); a.StatusCode != 201 {
		t.Errorf("after confirming: %d %s", a.StatusCode, a.body)
	}
}

// laterAdmin is a site whose time can be moved, and an admin.
func laterAdmin(t *testing.T) (*site, *browser, func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := newSite(t, func(c *handlers.Config) { c.Identity.Now, c.Now = now, now })
	s.admin("root")
	b := s.browser()
	b.signInAs("root")
	return s, b, func(d time.Duration) { ahead.Add(int64(d)) }
}

// An auditor's token reads what is for auditors, and changes nothing.
func TestTokenOfAnAuditor(t *testing.T) {
	b, _ := newSite(t).auditor()
	p := b.program()
	for _, o := range operations {
		a := p.ask(o.method, strings.NewReplacer("{somebody}", models.NewID(), "{session}", models.NewID(), "{holder}", models.NewID(), "{token}", models.NewID(), "{grant}", "a0000000").Replace(o.target), o.body)
		theirs := o.id == "whoAmI" || slices.Contains(p.tags(o.id), "audit")
		if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[theirs]; a.StatusCode != want {
			t.Errorf("%s: %d %s", o.id, a.StatusCode, a.body)
		}
	}
}

func (p *program) tags(id string) []string {
	for _, item := range p.doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.OperationID == id {
				return op.Tags
			}
		}
	}
	return nil
}

// Checkpoints come the newest first, each once over all pages.
func TestCheckpointPages(t *testing.T) {
	s, _, p := adminProgram(t)
	for range 3 {
		p.ask("GET", "/events", "") // which is an event
		if err := s.svc.Checkpoint(context.Background(), true); err != nil {
			t.Fatal(err)
		}
	}
	var seen []int64
	for next, target := "x", "/audit/checkpoints?limit=2"; next != ""; target = "/audit/checkpoints?limit=2&cursor=" + next {
		var page struct {
			Checkpoints []models.Checkpoint
			Next        string
		}
		if err := json.Unmarshal([]byte(p.ask("GET", target, "").body), &page); err != nil || len(page.Checkpoints) > 2 {
			t.Fatal(page, err)
		}
		for _, c := range page.Checkpoints {
			if seen = append(seen, c.Seq); c.Signature == "" || c.Key == "" || c.Time.IsZero() || len(seen) > 1 && c.Seq >= seen[len(seen)-2] {
				t.Errorf("%+v after %v", c, seen)
			}
		}
		next = page.Next
	}
	if len(seen) != 3 {
		t.Errorf("%v", seen)
	}
}
