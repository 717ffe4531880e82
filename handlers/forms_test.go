package handlers_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// unsafe are the rows of the table that change something, each with somebody
// whom its gates let in.
func unsafe(t *testing.T, do func(r row, b *browser)) {
	t.Helper()
	all := visitors(t)
	for _, r := range table(t) {
		who := all[3]
		switch {
		case strings.HasPrefix(r.path, "/auth/admin"):
			who = all[7]
		case strings.HasPrefix(r.path, "/auth/mfa/enrol"):
			who = all[2]
		case strings.HasPrefix(r.path, "/auth/mfa"):
			who = all[1]
		}
		if r.method == "POST" || r.method == "JSON" {
			do(r, who)
		}
	}
	if a := all[3].do("GET", "/auth/me"); a.StatusCode != http.StatusOK {
		t.Errorf("one of them has ended the session: %d", a.StatusCode)
	}
}

// Bodies are of one media type and of a bounded size, or nothing is done.
func TestBodies(t *testing.T) {
	const multipart = "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nx\r\n--x--\r\n"
	large := strings.Repeat("x", 64<<10)
	bodies := []struct{ only, name, media, text string }{
		{"", "plain text", "text/plain", `{"x":"y"}`},
		{"", "multipart", "multipart/form-data; boundary=x", multipart},
		{"", "none named", "", "username=x"},
		{"", "a broken one named", "application/json; charset=\"", "{}"},
		{"POST", "JSON to a form", "application/json", `{}`},
		{"JSON", "a form to a script's", "application/x-www-form-urlencoded", "username=x"},
		{"JSON", "nothing to a script's", "", ""},
		{"JSON", "no JSON", "application/json", "{"},
		{"POST", "a large form", "application/x-www-form-urlencoded", "username=" + large},
		{"POST", "a broken form", "application/x-www-form-urlencoded", "username=%zz"},
		{"JSON", "large JSON", "application/json", `"` + large + `"`},
	}
	unsafe(t, func(r row, b *browser) {
		for _, body := range bodies {
			if body.only != "" && body.only != r.method {
				continue
			}
			a := b.send("POST", strings.Replace(r.path, ":slot", "oidc", 1), body.text, "Origin", b.s.url, "Content-Type", body.media)
			if got := got(a); got != "400 bad_body" {
				t.Errorf("%s, %s: %s", r.path, body.name, got)
			}
		}
	})
}

// No other site makes a browser change anything here.
func TestForeignOrigin(t *testing.T) {
	origins := [][]string{
		{"Origin", "https://evil.example"},
		{"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "none"},
		{},
	}
	unsafe(t, func(r row, b *browser) {
		media := map[string]string{"POST": "application/x-www-form-urlencoded", "JSON": "application/json"}[r.method]
		for _, from := range origins {
			a := b.send("POST", strings.Replace(r.path, ":slot", "oidc", 1), "{}", append([]string{"Content-Type", media}, from...)...)
			if got := got(a); got != "403 foreign_origin" {
				t.Errorf("%s %s: %s", r.path, from, got)
			}
		}
	})
}

// What stands in an address is in logs and histories: no secret is read there.
func TestQueryIsNoForm(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	if a := s.browser().form("/auth/login?" + form("username", "bob", "password", password)); a.StatusCode != http.StatusBadRequest {
		t.Errorf("%d", a.StatusCode)
	}
}

// A form that was read leaves the connection open for the next one.
func TestReadBodyKeepsConnection(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	if a := s.browser().signInAs("bob"); a.Close {
		t.Error("closed after a form")
	}
}

const evil = `"><script>evil()</script><b x='`

// What somebody wrote comes back as text, or not at all.
func TestNothingIsReflected(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	empty, half, in := newSite(t, unclaimed(t)).browser(), newSite(t, mfaRequired).browser(), s.browser()
	half.s.account("carol")
	half.signInAs("carol")
	in.signInAs("bob")
	query := "?next=" + url.QueryEscape("/runs"+evil) + "&notice=" + url.QueryEscape(evil) + "&n=" + url.QueryEscape(evil) + "&token=" + url.QueryEscape(evil)
	fields := []string{"secret", "canary", "next", "/runs" + evil}
	for _, name := range []string{"username", "name", "email", "token", "password", "old_password", "code", "as", "sealed", "id"} {
		fields = append(fields, name, "canary"+evil)
	}
	for _, r := range table(t) {
		path := strings.NewReplacer(":slot", url.PathEscape(evil), "*", url.PathEscape(evil)).Replace(r.path)
		if r.path == "/*" || r.path == "/auth/logout" {
			continue
		}
		for _, b := range []*browser{s.browser(), empty, half, in} {
			a := b.page(path + query)
			if r.method != "GET" {
				a = b.form(path+query, fields...)
			}
			if strings.Contains(a.body, "<script>evil") || strings.Contains(a.body, "<b x=") {
				t.Errorf("%s %s: %s", r.method, path, a.body)
			}
		}
	}
}

// Names that somebody gave themself are text, too.
func TestNamesAreText(t *testing.T) {
	s := newSite(t)
	ctx := models.WithOperator(t.Context())
	user, err := s.svc.AddAccount(ctx, identity.NewAccount{Username: "bob", Name: evil})
	if err == nil {
		_, err = s.svc.SetPassword(ctx, user.ID, password)
	}
	if err != nil {
		t.Fatal(err)
	}
	address, err := s.svc.MakeLink(ctx, user.ID, models.LinkPassword)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	b.signInAs("bob")
	offer := hidden.FindStringSubmatch(b.page("/auth/account/totp").body)
	secret := secretIn(b.form("/auth/account/totp", "sealed", offer[1], "name", evil).body)
	b.form("/auth/account/totp", "sealed", offer[1], "code", code(t, secret, 0), "name", evil)
	half := s.browser()
	half.signInAs("bob")
	for _, a := range []answer{
		b.page(address), b.page("/auth/account"), b.page("/auth/confirm"), b.page("/auth/logout"), half.page("/auth/mfa"),
		b.form("/auth/account/totp", "sealed", offer[1], "name", evil, "code", "wrong"), b.form("/auth/start/nobody"),
	} {
		if strings.Contains(a.body, "<script>evil") || strings.Contains(a.body, "<b x=") || !strings.Contains(a.body, "evil()") {
			t.Errorf("%s: %d %s", a.Request.URL.Path, a.StatusCode, a.body)
		}
	}
}

// A form that is shown again keeps names, and no secret.
func TestWhatIsTypedIsKept(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	in, empty := s.browser(), newSite(t, unclaimed(t)).browser()
	in.signInAs("bob")
	for _, row := range []struct {
		b      *browser
		path   string
		fields []string
		status int
		kept   []string
		gone   []string
	}{
		{s.browser(), "/auth/login", []string{"username", "bob", "password", "canary", "next", "/runs?x=1"}, 400, []string{`value="bob"`, "/runs?x=1", "The name or the password is wrong."}, []string{"canary"}},
		{
			empty, "/auth/setup",
			[]string{"token", "canary-token", "username", "eve", "name", "Eve", "email", "eve@example.com", "password", "canary-password"},
			400,
			[]string{`value="eve"`, `value="Eve"`, `value="eve@example.com"`, "setup token"},
			[]string{"canary"},
		},
		{in, "/auth/account/password", []string{"old_password", "canary-old", "password", "canary-new"}, 400, nil, []string{"canary"}},
		{in, "/auth/confirm", []string{"password", "canary", "next", "/runs"}, 400, []string{`value="/runs"`}, []string{"canary"}},
	} {
		a := row.b.form(row.path, row.fields...)
		if a.StatusCode != row.status {
			t.Errorf("%s: %d", row.path, a.StatusCode)
		}
		for _, want := range row.kept {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s lacks %q: %s", row.path, want, a.body)
			}
		}
		for _, no := range row.gone {
			if strings.Contains(a.body, no) {
				t.Errorf("%s shows %q", row.path, no)
			}
		}
	}
}

// Whatever stands in next, nobody leaves this origin, and nobody comes back to a
// page of ours but the account's.
func TestNext(t *testing.T) {
	s := newSite(t)
	s.account("bob")
	for raw, want := range map[string]string{
		"/runs?x=1":            "/runs?x=1",
		"":                     "/",
		"//evil.example":       "/",
		"/\\evil.example":      "/",
		"https://evil.example": "/",
		"javascript:alert(1)":  "/",
		"/auth/logout":         "/",
		"/auth/account":        "/auth/account",
	} {
		b := s.browser()
		if a := b.form("/auth/login", "username", "bob", "password", password, "next", raw); a.Header.Get("Location") != want {
			t.Errorf("login, %q: %q", raw, a.Header.Get("Location"))
		}
		if a := b.form("/auth/confirm", "password", password, "next", raw); a.Header.Get("Location") != want {
			t.Errorf("confirm, %q: %q", raw, a.Header.Get("Location"))
		}
		if a := b.page("/auth/login?next=" + url.QueryEscape(raw)); a.Header.Get("Location") != want {
			t.Errorf("signed in, %q: %q", raw, a.Header.Get("Location"))
		}
		if a := s.browser().page("/auth/login?next=" + url.QueryEscape(raw)); strings.Contains(a.body, "evil.example") {
			t.Errorf("the login page leads to %q", raw)
		}
	}
}

// The cookies of a sign-in under way and of a session are for https, for the
// server alone, and not for other sites.
func TestCookieFlags(t *testing.T) {
	secure := func(c *handlers.Config) {
		u, _ := url.Parse("https://d.example.com")
		c.Pages.Site = models.Site{URL: u}
		c.Identity.Site = c.Pages.Site
		asking(c.Identity, identity.MFARequired)
	}
	b := newSite(t, secure).browser()
	b.s.account("bob")
	a := b.send("POST", "/auth/login", form("username", "bob", "password", password), append(b.person(), "Host", "d.example.com")...)
	cookies := a.Header.Values("Set-Cookie")
	if len(cookies) != 1 || !strings.HasPrefix(cookies[0], "__Host-dagpass-pending=") {
		t.Fatalf("%d, cookies %q", a.StatusCode, cookies)
	}
	for _, want := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Expires="} {
		if !strings.Contains(cookies[0], want) || strings.Contains(cookies[0], "Domain") {
			t.Errorf("%q lacks %q", cookies[0], want)
		}
	}
}

// No page that is asked for reads a body: one of several parts would be written
// to the disk, however long it is.
func TestPagesReadNoBody(t *testing.T) {
	disk := t.TempDir()
	t.Setenv("TMPDIR", disk)
	s := newSite(t)
	s.account("bob")
	in := s.browser()
	in.signInAs("bob")
	const head = "--x\r\nContent-Disposition: form-data; name=\"next\"; filename=\"next\"\r\n\r\n"
	body := head + strings.Repeat("x", 33<<20) + "\r\n--x--\r\n" // more than net/http keeps in memory
	for _, path := range []string{"/auth/login", "/auth/confirm"} {
		in.send("GET", path, body, "Accept", "text/html", "Content-Type", "multipart/form-data; boundary=x")
	}
	s.browser().send("GET", "/auth/login", body, "Content-Type", "multipart/form-data; boundary=x")
	if files, err := os.ReadDir(disk); err != nil || len(files) > 0 {
		t.Errorf("%d files on the disk, %v", len(files), err)
	}
}

// A browser that says nothing of how it fetches is a person's all the same when
// it sends a form and can show a page.
func TestFormOfAnOldBrowser(t *testing.T) {
	s := newSite(t)
	for accept, want := range map[string]string{"text/html,*/*;q=0.8": "text/html; charset=utf-8", "*/*": "application/json"} {
		a := s.browser().send("POST", "/auth/login", form("username", "bob", "password", "wrong"),
			"Origin", s.url, "Accept", accept, "Content-Type", "application/x-www-form-urlencoded")
		if a.StatusCode != http.StatusBadRequest || a.Header.Get("Content-Type") != want {
			t.Errorf("%s: %d %s", accept, a.StatusCode, a.Header.Get("Content-Type"))
		}
	}
}

// A form that comes too late is not done, and says so; where it was going is
// not forgotten.
func TestFormAfterTheEnd(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/auth/mfa/code", "/auth/mfa/enrol/totp", "/auth/confirm"} {
		b := s.browser()
		a := b.form(path, "code", "123456", "next", "/runs?x=1")
		if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/auth/login?next=%2Fruns%3Fx%3D1&notice=expired" {
			t.Errorf("%s: %d, leads to %q", path, a.StatusCode, to)
		}
		if a = b.page(a.Header.Get("Location")); !strings.Contains(a.body, "was not done") || !strings.Contains(a.body, `value="/runs?x=1"`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}
