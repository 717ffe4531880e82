package handlers_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
)

// address is what a page or an answer names of our own site.
var address = regexp.MustCompile(`(?:href|src|action|data-begin|data-finish|data-next|value)="(/[^"]*)"|(.{8}/auth/)`)

// Below a path prefix everything that a page names lies there too.
func TestPrefix(t *testing.T) {
	below := func(c *handlers.Config) {
		u := *c.Pages.Site.URL
		u.Path = "/dagster"
		c.Pages.Site = models.Site{URL: &u}
		c.Identity.Site = c.Pages.Site
	}
	check := func(what string, a answer) {
		t.Helper()
		if to := a.Header.Get("Location"); to != "" && !strings.HasPrefix(to, "/dagster/") {
			t.Errorf("%s leads to %q", what, to)
		}
		for _, m := range address.FindAllStringSubmatch(a.body, -1) {
			if !strings.HasPrefix(m[1], "/dagster/") && !strings.HasSuffix(m[2], "/dagster/auth/") {
				t.Errorf("%s names %q", what, m[0])
			}
		}
	}
	s, empty := newSite(t, below), newSite(t, below, unclaimed(t))
	s.account("bob")
	stranger, in := empty.browser(), s.browser()
	for _, path := range []string{"/", "/runs", "/auth/login", "/auth/setup", "/auth/link?token=x", "/auth/mfa", "/auth/account"} {
		check(path, stranger.page("/dagster"+path))
	}
	const runs = "/dagster/runs"
	check("sign-in", in.form("/dagster/auth/login", "username", "bob", "password", password, "next", runs))
	secret, codes := in.enrol("/dagster/auth/account/totp")
	check("enrolment", codes)
	for _, path := range []string{"", "/totp", "/nothing"} {
		check(path, in.page("/dagster/auth/account"+path))
	}
	check("confirming", in.page("/dagster/auth/confirm?next="+runs))
	check("sign-out", in.form("/dagster/auth/logout"))
	check("the first factor", in.form("/dagster/auth/login", "username", "bob", "password", password, "next", runs))
	check("the second factor", in.page("/dagster/auth/mfa?next="+runs))
	check("the end", in.form("/dagster/auth/mfa/code", "code", code(t, secret, 1), "next", runs))
	asking(s.svc, identity.MFARequired)
	s.account("carol")
	check("enrolment is wanted", in.form("/dagster/auth/login", "username", "carol", "password", password, "next", runs))
	check("which one", in.page("/dagster/auth/mfa/enrol?next="+runs))
	check("an app", in.page("/dagster/auth/mfa/enrol/totp?next="+runs))
}
