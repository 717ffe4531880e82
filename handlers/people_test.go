package handlers_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

const password = "correct horse battery staple"

// Settings of a site, for newSite.
var (
	oauthOnly   = func(c *handlers.Config) { c.Identity.PasswordLogin, c.Pages.LocalAccounts = false, false }
	mfaRequired = func(c *handlers.Config) { asking(c.Identity, identity.MFARequired) }
)

// unclaimed has nothing that could make an admin.
func unclaimed(t *testing.T) func(*handlers.Config) {
	return func(c *handlers.Config) {
		policed(c.Identity, parsed(t, "grants: []"))
	}
}

// account makes somebody who is kept here.
func (s *site) account(name string) models.User {
	s.t.Helper()
	ctx := models.WithOperator(context.Background())
	user, err := s.svc.AddAccount(ctx, identity.NewAccount{Username: name, Name: name})
	if err == nil {
		_, err = s.svc.SetPassword(ctx, user.ID, password)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return user
}

// admin makes an account whose role is assigned.
func (s *site) admin(name string) models.User {
	s.t.Helper()
	user := s.account(name)
	s.assign(user.ID, policy.Admin)
	return user
}

// assign sets a role, as the command line does.
func (s *site) assign(id string, role policy.Role) {
	s.t.Helper()
	if _, err := s.svc.SetRole(models.WithOperator(context.Background()), id, role); err != nil {
		s.t.Fatal(err)
	}
}

// form sends a form as a person's browser does.
func (b *browser) form(path string, fields ...string) answer {
	b.s.t.Helper()
	return b.send("POST", path, form(fields...), b.person()...)
}

func (b *browser) person() []string {
	return []string{
		"Accept", "text/html", "Origin", "null", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate",
		"Content-Type", "application/x-www-form-urlencoded",
	}
}

func form(fields ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return v.Encode()
}

// script sends what a script of ours does.
func (b *browser) script(path, body string) answer {
	b.s.t.Helper()
	return b.send("POST", path, body, b.asScript()...)
}

func (b *browser) asScript() []string {
	return []string{
		"Accept", "application/json", "Origin", b.s.url, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors",
		"Content-Type", "application/json",
	}
}

// signInAs signs in with a password, as far as that goes.
func (b *browser) signInAs(name string) answer {
	b.s.t.Helper()
	a := b.form("/auth/login", "username", name, "password", password, "next", "/runs")
	if a.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("signing in: %d %s", a.StatusCode, a.body)
	}
	return a
}

var hidden = regexp.MustCompile(`name="sealed" value="([^"]+)"`)

// enrol sets up one-time passwords at a page that offers them.
func (b *browser) enrol(path string) (secret string, a answer) {
	b.s.t.Helper()
	page := b.page(path)
	sealed := hidden.FindStringSubmatch(page.body)
	if sealed == nil {
		b.s.t.Fatalf("no offer: %d %s", page.StatusCode, page.body)
	}
	secret = secretIn(page.body)
	return secret, b.form(path, "sealed", html.UnescapeString(sealed[1]), "code", code(b.s.t, secret, 0), "name", "Phone", "next", "/runs")
}

// code is the one of a step from now.
func code(t *testing.T, secret string, step int) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(step)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

var base32 = regexp.MustCompile(`(?:[A-Z2-7]{4}\s?){4,}[A-Z2-7]*`)

func secretIn(page string) string { return strings.Join(strings.Fields(base32.FindString(page)), "") }

// cookies are those that the browser holds here, by name.
func (b *browser) cookies() map[string]string {
	u, _ := url.Parse(b.s.url)
	all := map[string]string{}
	for _, c := range b.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

// asScriptElsewhere is what a script sends that runs in a page of Dagster's.
func (b *browser) asScriptElsewhere() []string {
	return []string{
		"Accept", "text/html", "Origin", b.s.url, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty",
		"Content-Type", "application/x-www-form-urlencoded",
	}
}
