package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// linking gives accounts here an account at a provider. The provider knows any
// name as NAME@example.com.
func linking(t *testing.T, w *world) {
	s := w.serve(t, w.settings(t, w.dagster.URL))
	for _, name := range []string{"nora", "olga", "pia"} {
		cmd := w.command(t, s.set, "user", "add", name, "--email", name+"@example.com", "--role", "launcher", "--password-stdin")
		cmd.Stdin = strings.NewReader(firstPassword + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Run("an equal address is nobody's proof", func(t *testing.T) { equalAddress(t, s) })
	t.Run("linked by its owner", func(t *testing.T) { linkedByOwner(t, s) })
	t.Run("linked to another already", func(t *testing.T) { linkedTwice(t, s) })
	t.Run("from another session", func(t *testing.T) { linkedElsewhere(t, s) })
}

// here signs in with a password.
func here(t *testing.T, s *server, name string) (*person, me) {
	t.Helper()
	p := newPerson(s.URL)
	a := p.password(t, name, firstPassword)
	who, in := p.me(t)
	if !in {
		t.Fatalf("%s: %.300s", a.Status, a.body)
	}
	return p, who
}

// equalAddress: nora at the provider is not nora here, and stays another one.
func equalAddress(t *testing.T, s *server) {
	_, local := here(t, s, "nora")
	there, _ := signedIn(t, s, "certified", "nora").me(t)
	if local.User.Email != there.User.Email || local.User.ID == there.User.ID || there.Role != "viewer" {
		t.Errorf("here %+v, there %+v", local, there)
	}
}

func linkedByOwner(t *testing.T, s *server) {
	p, local := here(t, s, "nora")
	if a := p.get(t, "/auth/account/link/certified"); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a GET links: %s", a.Status)
	}
	to := p.leave(t, "/auth/account/link/certified", nil)
	back, err := p.atProvider(to.String(), "norbert")
	if err != nil || back.StatusCode != http.StatusOK || back.Request.URL.Path != "/auth/account" {
		t.Fatalf("%+v, %v", back, err)
	}
	if again, in := p.me(t); !in || again.User.ID != local.User.ID {
		t.Errorf("linking made %+v of %+v", again, local)
	}
	if account := p.get(t, "/auth/account"); !strings.Contains(account.body, "norbert@example.com") {
		t.Errorf("the page does not show the account: %.3000s", account.body)
	}
	p.form(t, "/auth/logout", nil)
	if _, in := p.me(t); in {
		t.Fatal("still signed in")
	}
	linked, _ := signedIn(t, s, "certified", "norbert").me(t)
	if linked.User.ID != local.User.ID || linked.User.Provider != "certified" || linked.Role != "launcher" {
		t.Errorf("signed in as %+v, not as %+v", linked, local)
	}
}

// linkedTwice: neither an account that was linked nor one of somebody's own can
// be taken from them.
func linkedTwice(t *testing.T, s *server) {
	_, nora := here(t, s, "nora")
	for _, name := range []string{"norbert", "nora"} {
		before, _ := signedIn(t, s, "certified", name).me(t)
		p, olga := here(t, s, "olga")
		back, err := p.atProvider(p.leave(t, "/auth/account/link/certified", nil).String(), name)
		if err != nil || back.StatusCode != http.StatusConflict {
			t.Errorf("%s: %+v, %v", name, back, err)
		}
		if who, _ := p.me(t); who.User.ID != olga.User.ID {
			t.Errorf("olga became %+v", who)
		}
		after, _ := signedIn(t, s, "certified", name).me(t)
		if after.User.ID != before.User.ID || name == "norbert" && after.User.ID != nora.User.ID {
			t.Errorf("%s was %+v and is %+v", name, before, after)
		}
	}
}

// linkedElsewhere brings the provider's answer, and the cookie of the attempt,
// to a session that did not ask for it: else somebody could lay their own account
// into another's.
func linkedElsewhere(t *testing.T, s *server) {
	for name, other := range map[string]func(*testing.T) *person{
		"of somebody else": func(t *testing.T) *person { p, _ := here(t, s, "olga"); return p },
		"of the same":      func(t *testing.T) *person { p, _ := here(t, s, "pia"); return p },
		"none":             func(*testing.T) *person { return newPerson(s.URL) },
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := here(t, s, "pia")
			callback := p.untilCallback(t, p.leave(t, "/auth/account/link/certified", nil).String(), "stray")
			q := other(t)
			for _, c := range p.http.Jar.Cookies(callback) {
				if strings.Contains(c.Name, "attempt") {
					q.http.Jar.SetCookies(callback, []*http.Cookie{c})
				}
			}
			before, wasIn := q.me(t)
			from := len(s.printed(t))
			q.get(t, callback.RequestURI())
			if after, in := q.me(t); in != wasIn || after.User.ID != before.User.ID {
				t.Errorf("%+v became %+v", before, after)
			}
			if written := s.printed(t)[from:]; !strings.Contains(written, `"reason":"other_session"`) {
				t.Errorf("written down was %s", written)
			}
			if wasIn && strings.Contains(q.get(t, "/auth/account").body, "stray@example.com") {
				t.Error("the account was linked")
			}
		})
	}
}
