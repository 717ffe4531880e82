package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/assets"
	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
)

// A tab that polls does not keep a session; a person at work does.
func TestActivity(t *testing.T) {
	for _, row := range []struct {
		name         string
		method, path string
		status       int // at the end
	}{
		{"polls", "GET", "/auth/me", http.StatusUnauthorized},
		{"works", "POST", "/auth/activity", http.StatusOK},
	} {
		var passed atomic.Int64
		s := newSite(t, func(c *handlers.Config) {
			amend(c.Identity, func(r *identity.Rules) { r.SessionTTL, r.SessionIdle = 24*time.Hour, time.Hour })
			c.Identity.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		})
		b := s.browser()
		b.signIn()
		for range 4 {
			passed.Add(int64(20 * time.Minute))
			b.do(row.method, row.path, "Origin", s.url)
		}
		if a := b.do("GET", "/auth/me"); a.StatusCode != row.status {
			t.Errorf("%s: after 80 minutes %d, want %d", row.name, a.StatusCode, row.status)
		}
	}
}

func TestActivityIsForPeople(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	for _, row := range []struct {
		name, method, origin string
		who                  *browser
		status               int
	}{
		{"a person", "POST", s.url, b, http.StatusNoContent},
		{"a stranger", "POST", s.url, s.browser(), http.StatusUnauthorized},
		{"another site", "POST", "https://evil.example", b, http.StatusForbidden},
		{"a page without an origin", "POST", "null", b, http.StatusForbidden},
		{"an image", "GET", s.url, b, http.StatusNotFound},
	} {
		if a := row.who.do(row.method, "/auth/activity", "Origin", row.origin); a.StatusCode != row.status {
			t.Errorf("%s: %d %s, want %d", row.name, a.StatusCode, a.body, row.status)
		}
	}
}

// The script in Dagster's page reads these.
func TestMeTellsTheMenu(t *testing.T) {
	for _, monitor := range []bool{false, true} {
		s := newSite(t, func(c *handlers.Config) { amend(c.Identity, func(r *identity.Rules) { r.Monitor = monitor }) })
		b := s.browser()
		b.signIn()
		var me struct {
			Mark    string
			Monitor *bool
		}
		err := json.Unmarshal([]byte(b.do("GET", "/auth/me").body), &me)
		if err != nil || len(me.Mark) != 33 || strings.Count(me.Mark, "-") != 1 || me.Monitor == nil || *me.Monitor != monitor {
			t.Errorf("monitor %v: %v %+v", monitor, err, me)
		}
	}
}

// The menu does not wait for a Dagster that hangs.
func TestMeWithoutDagster(t *testing.T) {
	s := newSite(t, func(c *handlers.Config) {
		c.Locations = func(ctx context.Context) []string { <-ctx.Done(); return nil }
	})
	b := s.browser()
	b.signIn()
	if a := b.do("GET", "/auth/me"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"locations":{}`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// The script is the same for everybody and tells nothing of anybody; it may be
// kept for ever, since its address has its content's hash.
func TestMenuScript(t *testing.T) {
	s := newSite(t)
	a := s.browser().do("GET", assets.URL("menu.js"))
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" ||
		!strings.Contains(a.Header.Get("Cache-Control"), "immutable") || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}
