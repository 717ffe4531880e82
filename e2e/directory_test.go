package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/providers/slapdtest"
)

const (
	aliceInDirectory = "uid=alice,ou=people," + slapdtest.Base
	groupInDirectory = "cn=data-eng,ou=groups," + slapdtest.Base
)

// directory is a real OpenLDAP beside a provider and accounts of our own.
func directory(t *testing.T, w *world) {
	d := slapdtest.Start(t, slapdtest.Options{})
	d.LDIF(t, fmt.Sprintf("dn: %s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: alice\ncn: Alice Liddell\nsn: Liddell\nmail: alice@example.org\nuserPassword: %s\n", aliceInDirectory, firstPassword))
	d.LDIF(t, fmt.Sprintf("dn: %s\nchangetype: add\nobjectClass: groupOfNames\nmember: %s\nmember: uid=bob,ou=people,%s\n", groupInDirectory, aliceInDirectory, slapdtest.Base))
	s := w.serve(t, w.settings(t, w.dagster.URL).with(settings{
		"LDAP_URLS": d.TLSURL, "LDAP_CA_FILE": copied(t, d.CAFile), "LDAP_BASE_DN": slapdtest.Base,
		"LDAP_BIND_DN": slapdtest.Search, "LDAP_BIND_PASSWORD": slapdtest.SearchPassword, "LDAP_LABEL": "Staff directory",
		"POLICY": groupPolicy + "  - { slot: ldap, group: data-eng, role: editor }\n",
	}))
	w.invite(t, s.set, "lena", "admin")

	p := newPerson(s.URL)
	t.Run("a group gives a role", func(t *testing.T) { mustComeIn(t, p, "alice", "editor") })
	t.Run("refused", func(t *testing.T) {
		for _, try := range [][2]string{{"alice", "not the password"}, {"alice", ""}, {"nobody", firstPassword}, {"a*", firstPassword}, {"", firstPassword}} {
			q := newPerson(s.URL)
			a := q.inDirectory(t, try[0], try[1])
			if _, in := q.me(t); a.StatusCode < 400 || a.StatusCode >= 500 || in {
				t.Errorf("%q: %s", try, a.Status)
			}
		}
	})
	t.Run("out of the group", func(t *testing.T) {
		d.LDIF(t, fmt.Sprintf("dn: %s\nchangetype: modify\ndelete: member\nmember: %s\n", groupInDirectory, aliceInDirectory))
		mustComeIn(t, newPerson(s.URL), "alice", "viewer")
	})
	d.Stop()
	t.Run("the directory is down", func(t *testing.T) {
		directoryDown(t, s)
		if _, still := p.me(t); !still {
			t.Error("whoever was in is out")
		}
	})
	t.Run("the directory is down at the start", func(t *testing.T) {
		late := w.serve(t, s.set.with(settings{"LISTEN": "127.0.0.1:" + parts.FreePort(t), "DATABASE_URL": "sqlite:" + t.TempDir() + "/dagpass.db"}))
		w.invite(t, late.set, "lena", "admin")
		directoryDown(t, late)
		if a := newPerson(late.URL).get(t, "/auth/login"); !strings.Contains(a.body, "Staff directory cannot be reached right now.") {
			t.Errorf("%s: %.2000s", a.Status, a.body)
		}
	})
}

// copied is a copy of a file that goes with its server.
func copied(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	to := filepath.Join(t.TempDir(), "ca.pem")
	if err := errors.Join(err, os.WriteFile(to, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	return to
}

// inDirectory sends the form that the sign-in page has for the directory.
func (p *person) inDirectory(t *testing.T, name, password string) answer {
	t.Helper()
	return p.form(t, "/auth/start/ldap", url.Values{"username": {name}, "password": {password}, "next": {"/auth/me"}})
}

func mustComeIn(t *testing.T, p *person, name, role string) {
	t.Helper()
	a := p.inDirectory(t, name, firstPassword)
	if who, in := p.me(t); !in || who.Role != role || who.User.Provider != "ldap" {
		t.Errorf("%s: %+v, want the role %s; %.300s", a.Status, who, role, a.body)
	}
}

// directoryDown: people are told, and the other ways work.
func directoryDown(t *testing.T, s *server) {
	t.Helper()
	p := newPerson(s.URL)
	a := p.inDirectory(t, "alice", firstPassword)
	if a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, "did not answer as it should. Please try again shortly.") {
		t.Errorf("%s: %.1000s", a.Status, a.body)
	}
	if strings.Contains(a.body, slapdtest.Base) || strings.Contains(a.body, "refused") {
		t.Errorf("the page tells too much: %s", a.body)
	}
	if a := p.password(t, "lena", firstPassword); a.StatusCode != http.StatusSeeOther {
		t.Errorf("an account here: %s", a.Status)
	}
	signedIn(t, s, "certified", parts.Viewer)
}
