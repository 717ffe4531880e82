package handlers_test

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
)

// found is the text of what a selector finds in a page, each on a line.
func (a answer) found(t *testing.T, selector string) string {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(strings.ReplaceAll(a.body, "<", " <"))) // else words grow together
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	doc.Find(selector).Each(func(_ int, s *goquery.Selection) { all = append(all, strings.Join(strings.Fields(s.Text()), " ")) })
	return strings.Join(all, "\n")
}

// testing is the way of a test sign-in up to the address that the provider sends
// the browser back to.
func (b *browser) testing(person string) string {
	b.s.t.Helper()
	a := b.form("/auth/admin/providers/oidc/test")
	_, address, ok := strings.Cut(a.Header.Get("Refresh"), "url=")
	if a.StatusCode != http.StatusOK || !ok {
		b.s.t.Fatalf("%d %.500s", a.StatusCode, a.body)
	}
	return "/auth/callback/oidc?" + b.s.idp.Login(address, person).Encode()
}

// back is the browser's way back from a provider, which is another site.
func (b *browser) back(address string) answer {
	b.s.t.Helper()
	return b.do("GET", address, "Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site")
}

// session is the cookie that says who somebody is.
func (b *browser) sessionCookie() (value string) {
	b.s.t.Helper()
	r, _ := http.NewRequest("GET", b.s.url, nil)
	for _, c := range b.Jar.Cookies(r.URL) {
		if c.Name == "dagpass" {
			value = c.Value
		}
	}
	return value
}

func (s *site) people() (n int) {
	s.t.Helper()
	all, err := s.svc.Users(models.WithOperator(context.Background()), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return len(all)
}

func TestTestSignInIsShownOnce(t *testing.T) {
	c := newConsole(t)
	session, people := c.at.sessionCookie(), c.people()
	back := c.at.testing(providertest.Edgar)
	a := c.at.back(back)
	if a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" || a.found(t, "h1") != "Test sign-in" || a.found(t, "section .tag[data-tone=good]") == "" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	for selector, want := range map[string]string{
		"section[aria-labelledby=verdict]": "Company Would be let in This account would be signed in. The provider has no list: whoever it vouches for may come in.",
		"section[aria-labelledby=made] dl": "None yet: the first sign-in would make it",
		"section[aria-labelledby=gives]":   "The default role, of whoever no other rule names",
		"section[aria-labelledby=said]":    `email "edgar@example.com"`,
	} {
		if got := a.found(t, selector); !strings.Contains(got, want) {
			t.Errorf("%s: %s", selector, got)
		}
	}
	if c.at.sessionCookie() != session || c.people() != people || a.Header.Get("Location") != "" {
		t.Error("somebody was signed in, or an account was made")
	}
	for name, b := range map[string]*browser{"the same": c.at, "a stranger": c.browser()} {
		if a := b.back(back); strings.Contains(a.body, "edgar@example.com") || a.StatusCode == http.StatusOK {
			t.Errorf("%s once more: %d %s", name, a.StatusCode, a.body)
		}
	}
	if a := c.at.open("/auth/admin"); a.StatusCode != http.StatusOK {
		t.Errorf("the admin is out: %d", a.StatusCode)
	}
}

// The result is for whoever began it: with another session, another admin's or
// none, the cookie of the attempt is worth nothing.
func TestTestSignInIsOnesOwn(t *testing.T) {
	c := newConsole(t)
	c.admin("grace")
	grace := c.browser()
	grace.signInAs("grace")
	for name, b := range map[string]*browser{"another admin": grace, "a stranger": c.browser()} {
		back, before := c.at.testing(providertest.Edgar), b.sessionCookie()
		r, _ := http.NewRequest("GET", c.url+back, nil)
		b.Jar.SetCookies(r.URL, onlyAttempts(c.at.Jar.Cookies(r.URL)))
		a := b.back(back)
		if a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "edgar@example.com") || b.sessionCookie() != before {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
		if c.people() != 2 {
			t.Error("an account was made")
		}
	}
}

func onlyAttempts(cookies []*http.Cookie) (some []*http.Cookie) {
	for _, c := range cookies {
		if strings.Contains(c.Name, "attempt") {
			c.Path = "/"
			some = append(some, c)
		}
	}
	return some
}

// A script in one of Dagster's pages does not read the result.
func TestTestSignInIsSeenByHand(t *testing.T) {
	c := newConsole(t)
	for _, by := range [][2]string{{"cors", "empty"}, {"navigate", "iframe"}} {
		a := c.at.do("GET", c.at.testing(providertest.Edgar), "Accept", "text/html", "Sec-Fetch-Mode", by[0], "Sec-Fetch-Dest", by[1], "Sec-Fetch-Site", "same-origin")
		if a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "edgar@example.com") {
			t.Errorf("by %v: %d %s", by, a.StatusCode, a.body)
		}
		if a := c.at.send("POST", "/auth/admin/providers/oidc/test", "", "Accept", "text/html", "Origin", c.url, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", by[0], "Sec-Fetch-Dest", by[1], "Content-Type", "application/x-www-form-urlencoded"); a.StatusCode != http.StatusForbidden {
			t.Errorf("begun by %v: %d", by, a.StatusCode)
		}
	}
}

func TestTestSignInOfWhoIsNoAdminAnyMore(t *testing.T) {
	c := newConsole(t)
	c.admin("grace")
	back := c.at.testing(providertest.Edgar)
	c.assign(c.root.ID, policy.Editor)
	if a := c.at.back(back); a.StatusCode == http.StatusOK || strings.Contains(a.body, "edgar@example.com") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// What claims have in them is text, wherever it is shown.
func TestTestSignInIsEscaped(t *testing.T) {
	c := newConsole(t)
	evil := `"><script>alert(1)</script>`
	c.idp.Misbehave(providertest.Fault{Claims: func(claims map[string]any) {
		claims["name"], claims["preferred_username"], claims["groups"], claims[evil] = evil, evil, []string{evil}, map[string]any{evil: evil}
	}})
	a := c.at.back(c.at.testing(providertest.Edgar))
	if a.StatusCode != http.StatusOK || strings.Contains(a.body, "<script>alert") || !strings.Contains(a.found(t, "section[aria-labelledby=said]"), "<script>alert(1)</script>") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

var reference = regexp.MustCompile(`[0-9a-f]{32}`)

// What fails at the provider is told in fixed words with a reference; the log says
// why, and the page of the providers keeps it.
func TestTestSignInFails(t *testing.T) {
	for name, row := range map[string]struct {
		fault        providertest.Fault
		words, kept  string
		reason, told string
	}{
		"signature": {providertest.Fault{Signature: providertest.WrongKey}, "The answer of the identity provider could not be verified.", "Its ID token could not be verified. id_token_signature", "id_token_signature", "id_token_signature"},
		"down":      {providertest.Fault{Endpoint: providertest.Token, Status: 500}, "The identity provider did not answer as it should. Please try again shortly.", "It gave no token: the client's id, secret or type may be wrong. exchange_failed", "exchange_failed", "answered 500"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t)
			c.idp.Misbehave(row.fault)
			a := c.at.back(c.at.testing(providertest.Edgar))
			verdict := a.found(t, "section[aria-labelledby=verdict]")
			ref := reference.FindString(verdict)
			if a.StatusCode != http.StatusOK || !strings.Contains(verdict, "Failed "+row.words) || !strings.Contains(verdict, row.reason) || ref != a.Header.Get("X-Request-Id") {
				t.Errorf("%d %s", a.StatusCode, verdict)
			}
			if a.found(t, "section[aria-labelledby=made], section[aria-labelledby=gives]") != "" || !strings.Contains(c.log.String(), row.told) {
				t.Errorf("%s", c.log)
			}
			if page := c.at.open("/auth/admin/providers"); !strings.Contains(page.found(t, "section[aria-labelledby=provider-1]"), row.kept+" · Reference "+ref) {
				t.Errorf("%s", page.found(t, "section[aria-labelledby=provider-1]"))
			}
		})
	}
}

// Where the provider is down the admin is told at once, and goes nowhere.
func TestTestSignInAtAProviderThatIsDown(t *testing.T) {
	c := newConsole(t)
	c.idp.Misbehave(providertest.Fault{Endpoint: providertest.Discovery, Status: 503})
	a := c.at.form("/auth/admin/providers/oidc/test")
	if a.StatusCode != http.StatusOK || a.Header.Get("Refresh") != "" || !strings.Contains(a.found(t, "section[aria-labelledby=verdict]"), "unreachable") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// shelf is a directory of one person.
type shelf struct{}

func (shelf) Info() providers.Info {
	return providers.Info{Slot: "ldap", Label: "Staff", Type: "ldap", Issuer: "ldap:dc=example"}
}

func (shelf) Ready(context.Context) error { return nil }

func (shelf) SignIn(_ context.Context, username, password string) (providers.Claim, error) {
	if password != "right" {
		return providers.Claim{}, &providers.Error{Reason: providers.ReasonWrongPassword, Err: context.Canceled}
	}
	return providers.Claim{Issuer: "ldap:dc=example", Subject: "7", Username: username, Groups: []string{"staff"}}, nil
}

func TestTestOfADirectory(t *testing.T) {
	s := newSiteWith(t, []providers.Source{shelf{}})
	c := s.console()
	if a := c.at.form("/auth/admin/providers/ldap/test", "username", "edith", "password", ""); a.StatusCode != http.StatusBadRequest ||
		a.found(t, "#test-2-password-wrong") != "Error: Please fill this in." || !strings.Contains(a.body, `value="edith"`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	for password, want := range map[string]string{"wrong": "Failed", "right": "Would be let in"} {
		a := c.at.form("/auth/admin/providers/ldap/test", "username", "edith", "password", password)
		if a.StatusCode != http.StatusOK || a.found(t, "section[aria-labelledby=verdict] .tag") != want || strings.Contains(a.body, `value="`+password) {
			t.Errorf("%s: %d %s", password, a.StatusCode, a.body)
		}
	}
	if c.people() != 1 {
		t.Error("an account was made")
	}
}

func TestTestOfHeaders(t *testing.T) {
	proxy, err := providers.NewHeader(providers.HeaderConfig{Kind: "plain", User: "Remote-User", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteWith(t, []providers.Source{proxy})
	c := s.console()
	for user, want := range map[string]string{"": "Failed", "edith": "Would be let in"} {
		a := c.at.send("POST", "/auth/admin/providers/header/test", "", append(c.at.person(), "Remote-User", user)...)
		if a.StatusCode != http.StatusOK || a.found(t, "section[aria-labelledby=verdict] .tag") != want || !strings.Contains(a.found(t, "section[aria-labelledby=said] dl"), "Remote-User") {
			t.Errorf("%q: %d %s", user, a.StatusCode, a.body)
		}
	}
	if c.people() != 1 {
		t.Error("an account was made")
	}
}

// The page tells how each provider was, and offers to try those that can be.
func TestProvidersPage(t *testing.T) {
	c := newConsole(t)
	c.browser().signIn()
	a := c.at.open("/auth/admin/providers")
	for selector, want := range map[string]string{
		"section[aria-labelledby=provider-1] #redirect-1":                                    c.url + "/auth/callback/oidc",
		"form[action='/auth/admin/providers/oidc/test'] button":                              "Test sign-in at Company",
		"section[aria-labelledby=provider-2] form, section[aria-labelledby=provider-2] .btn": "",
	} {
		if got := a.found(t, selector); got != want {
			t.Errorf("%s: %q", selector, got)
		}
	}
	if got := a.found(t, "section[aria-labelledby=provider-1] dl"); !strings.Contains(got, "Last success") || strings.Contains(got, "None yet") || !strings.Contains(got, "Last error None") {
		t.Errorf("%s", got)
	}
}

// Whoever has to confirm first comes back to the page with the button.
func TestTestWantsProof(t *testing.T) {
	c := newConsole(t)
	c.svc.Now = func() time.Time { return time.Now().Add(30 * time.Minute) }
	a := c.at.form("/auth/admin/providers/oidc/test")
	if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/auth/confirm?next=%2Fauth%2Fadmin%2Fproviders" {
		t.Errorf("%d %s", a.StatusCode, to)
	}
}
