package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/providers/slapdtest"
)

// trials has an admin try a certified provider and a directory out: they see what
// a sign-in would come to, and nobody is signed in.
func trials(t *testing.T, w *world) {
	d := slapdtest.Start(t, slapdtest.Options{})
	d.LDIF(t, fmt.Sprintf("dn: %s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: alice\ncn: Alice Liddell\nsn: Liddell\nmail: alice@example.org\nuserPassword: %s\n", aliceInDirectory, firstPassword))
	d.LDIF(t, fmt.Sprintf("dn: %s\nchangetype: add\nobjectClass: groupOfNames\nmember: %s\n", groupInDirectory, aliceInDirectory))
	s := w.serve(t, w.settings(t, w.dagster.URL).with(settings{
		"LDAP_URLS": d.TLSURL, "LDAP_CA_FILE": copied(t, d.CAFile), "LDAP_BASE_DN": slapdtest.Base,
		"LDAP_BIND_DN": slapdtest.Search, "LDAP_BIND_PASSWORD": slapdtest.SearchPassword,
		"POLICY": groupPolicy + "  - { slot: ldap, group: data-eng, role: editor }\n",
	}))
	w.invite(t, s.set, "lena", "admin")
	w.invite(t, s.set, "otto", "admin")
	p, lena := here(t, s, "lena")
	people := w.run(t, s.set, "user", "list")

	t.Run("a provider", func(t *testing.T) {
		back := p.untilCallback(t, p.leave(t, "/auth/admin/providers/certified/test", nil).String(), "tess")
		mustShow(t, p.get(t, back.RequestURI()), "Would be let in", "tess@example.com", "ID token", "The default role")
		if again := p.get(t, back.RequestURI()); strings.Contains(again.body, "tess@example.com") {
			t.Errorf("it is shown twice: %s", again.Status)
		}
	})
	t.Run("a provider, in another session", func(t *testing.T) {
		q, otto := here(t, s, "otto")
		back := p.untilCallback(t, p.leave(t, "/auth/admin/providers/certified/test", nil).String(), "tess")
		for _, c := range p.http.Jar.Cookies(back) {
			if strings.Contains(c.Name, "attempt") {
				q.http.Jar.SetCookies(back, []*http.Cookie{c})
			}
		}
		a := q.get(t, back.RequestURI())
		if who, _ := q.me(t); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "tess@example.com") || who.User.ID != otto.User.ID {
			t.Errorf("%s, %+v: %.500s", a.Status, who, a.body)
		}
	})
	t.Run("a directory", func(t *testing.T) {
		form := url.Values{"username": {"alice"}, "password": {firstPassword}}
		mustShow(t, p.form(t, "/auth/admin/providers/ldap/test", form), "Would be let in", "alice@example.org", "editor", groupInDirectory, "Entry of the directory")
		form.Set("password", "not the password")
		if a := p.form(t, "/auth/admin/providers/ldap/test", form); !strings.Contains(a.body, "Failed") || strings.Contains(a.body, "alice@example.org") {
			t.Errorf("%s: %.3000s", a.Status, a.body)
		}
	})
	t.Run("nothing has changed", func(t *testing.T) {
		if now := w.run(t, s.set, "user", "list"); now != people {
			t.Errorf("there were\n%s\nthere are\n%s", people, now)
		}
		if who, _ := p.me(t); who.User.ID != lena.User.ID {
			t.Errorf("lena became %+v", who)
		}
		for _, want := range []string{`"event":"provider.test","outcome":"ok"`, `"reason":"other_session"`, `"reason":"wrong_password"`} {
			if !strings.Contains(s.printed(t), want) {
				t.Errorf("%s is not written down", want)
			}
		}
	})
	t.Run("how the providers were", func(t *testing.T) {
		if a := p.get(t, "/auth/admin/providers"); !strings.Contains(a.body, "Last success") || strings.Count(a.body, "None yet") != 1 {
			t.Errorf("%s: %.5000s", a.Status, a.body) // Keycloak alone was not asked
		}
	})
}

func mustShow(t *testing.T, a answer, all ...string) {
	t.Helper()
	for _, want := range all {
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s, %q is missing: %.6000s", a.Status, want, a.body)
		}
	}
}
