package models

import (
	"net/url"
	"strings"
	"testing"
)

func site(t testing.TB, raw string) Site {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return Site{URL: u}
}

func TestNext(t *testing.T) {
	for _, c := range []struct{ site, raw, want string }{
		{"https://d.example.com", "/runs/1?tab=logs&x=%20", "/runs/1?tab=logs&x=%20"},
		{"https://d.example.com", "/", "/"},
		{"https://d.example.com", "/assets/a%20b/ä", "/assets/a%20b/%C3%A4"},
		{"https://d.example.com", "/locations/a%2Fb", "/locations/a/b"},
		{"https://d.example.com", "https://d.example.com/runs", "/runs"},
		{"https://d.example.com", "https://D.example.com:443/runs", "/runs"},
		{"https://d.example.com", "/runs#fragment", "/runs"},
		{"https://d.example.com", "https://d.example.com", "/"},
		{"https://d.example.com", "https://d.example.com?x=1", "/"},
		{"https://d.example.com", "", "/"},
		{"https://d.example.com", "runs", "/"},
		{"https://d.example.com", "?x=1", "/"},
		{"https://d.example.com", "//evil.example", "/"},
		{"https://d.example.com", "///evil.example", "/"},
		{"https://d.example.com", "/%2Fevil.example", "/"},
		{"https://d.example.com", "/\\evil.example", "/"},
		{"https://d.example.com", "\\\\evil.example", "/"},
		{"https://d.example.com", "/\t/evil.example", "/"},
		{"https://d.example.com", " //evil.example", "/"},
		{"https://d.example.com", "https://evil.example/", "/"},
		{"https://d.example.com", "https:evil.example", "/"},
		{"https://d.example.com", "https:/evil.example", "/"},
		{"https://d.example.com", "https://u@d.example.com/", "/"},
		{"https://d.example.com", "https://d.example.com@evil.example/", "/"},
		{"https://d.example.com", "http://d.example.com/runs", "/"},
		{"https://d.example.com", "https://d.example.com:8443/runs", "/"},
		{"https://d.example.com", "javascript:alert(1)", "/"},
		{"https://d.example.com", "/a\r\nSet-Cookie: x=y", "/"},
		{"https://d.example.com", "/%0d%0aSet-Cookie:%20x=y", "/%0D%0ASet-Cookie:%20x=y"},
		{"https://d.example.com", "/..//evil.example", "/"},
		{"https://d.example.com", "/.//evil.example", "/"},
		{"https://d.example.com", "/a/%2e%2e//evil.example", "/"},
		{"https://d.example.com", "/a/..", "/"},
		{"https://d.example.com", "/a..b/...", "/a..b/..."},
		{"https://d.example.com", "/auth/logout", "/"},
		{"https://d.example.com", "/auth", "/"},
		{"https://d.example.com", "/%61uth/logout", "/"},
		{"https://d.example.com", "/x/../auth/start/okta", "/"},
		{"https://d.example.com", "/authors", "/authors"},
		{"https://d.example.com", "/auth/account", "/auth/account"},
		{"https://d.example.com", "/auth/account/totp", "/auth/account/totp"},
		{"https://d.example.com", "/auth/accounts", "/"},
		{"https://d.example.com", "/auth/admin", "/auth/admin"},
		{"https://d.example.com", "/auth/admin/people?role=admin", "/auth/admin/people?role=admin"},
		{"https://d.example.com", "/auth/admins", "/"},
		{"https://d.example.com", "/auth/admin/../logout", "/"},
		{"https://d.example.com", "/auth/admin/audit/export?format=csv", "/"},
		{"https://d.example.com", "/auth/admin/audit/%65xport", "/"},
		{"https://d.example.com", "/auth/account/../logout", "/"},
		{"https://d.example.com", "/auth/account/%2e%2e/logout", "/"},
		{"https://d.example.com/dag", "/dag/auth/account", "/dag/auth/account"},
		{"https://d.example.com/dag", "/auth/account", "/dag/"},
		{"https://d.example.com/dag", "/dag/runs?x", "/dag/runs?x"},
		{"https://d.example.com/dag", "/dag", "/dag"},
		{"https://d.example.com/dag", "/", "/dag/"},
		{"https://d.example.com/dag", "/dagger", "/dag/"},
		{"https://d.example.com/dag", "/dag/../other", "/dag/"},
		{"https://d.example.com/dag", "/dag/auth/logout", "/dag/"},
		{"https://d.example.com", "/a?" + strings.Repeat("x", 3000), "/a"},
		{"https://d.example.com", "/" + strings.Repeat("x", 3000), "/"},
	} {
		if got := site(t, c.site).Next(c.raw); got != c.want {
			t.Errorf("%s: %.60q leads to %.60q, want %.60q", c.site, c.raw, got, c.want)
		}
	}
}

// Whatever a stranger writes, a browser that is sent there stays at this
// origin, below our prefix, and outside of our own pages but for the account's and the
// console's.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"/runs?x=1", "//evil", "/\\evil", "/%2F/evil", "https://d.example.com", "/dag/../x", "/dag/auth/x", "/dag/%2e%2e/", "/auth/account/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, prefix := range []string{"", "/dag"} {
			base := site(t, "https://d.example.com"+prefix)
			got := base.Next(raw)
			u, err := base.URL.Parse(got)
			if err != nil || len(got) > maxNext || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
				t.Fatalf("%q leads to %q (%v)", raw, got, err)
			}
			if u.Scheme != "https" || u.Host != "d.example.com" || u.User != nil || strings.ContainsAny(got, "\\\r\n\t") {
				t.Fatalf("%q leads to %s", raw, u)
			}
			own := strings.HasPrefix(u.Path+"/", prefix+"/auth/") &&
				!strings.HasPrefix(u.Path+"/", prefix+"/auth/account/") && !strings.HasPrefix(u.Path+"/", prefix+"/auth/admin/")
			if !strings.HasPrefix(u.Path+"/", prefix+"/") || own {
				t.Fatalf("%q leads to %s", raw, u)
			}
			if again := base.Next(got); again != got {
				t.Fatalf("%q leads to %q, and that to %q", raw, got, again)
			}
		}
	})
}

func TestSiteKnowsItsHost(t *testing.T) {
	for _, c := range []struct {
		site, host string
		want       bool
	}{
		{"https://d.example.com", "d.example.com", true},
		{"https://d.example.com", "D.Example.com:443", true},
		{"https://d.example.com:443", "d.example.com", true},
		{"https://D.example.com", "d.example.com", true},
		{"http://localhost:3000", "localhost:3000", true},
		{"http://[::1]", "[::1]", true},
		{"http://[::1]:80", "[::1]", true},
		{"https://d.example.com", "d.example.com:80", false},
		{"http://localhost:3000", "localhost", false},
		{"https://d.example.com", "", false},
		{"https://d.example.com", "d.example.com.evil.example", false},
		{"https://d.example.com", "d.example.com, evil.example", false},
		{"https://d.example.com", "evil.example", false},
		{"https://d.example.com", "d.example.com:", false},
	} {
		if got := site(t, c.site).IsHost(c.host); got != c.want {
			t.Errorf("%s: %q is us %t, want %t", c.site, c.host, got, c.want)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		site, origin, fetch string
		want                bool
	}{
		{"https://d.example.com", "https://d.example.com", "", true},
		{"https://d.example.com", "https://d.example.com", "cross-site", true},
		{"http://localhost:3000", "http://localhost:3000", "", true},
		{"https://d.example.com", "", "same-origin", true},
		{"https://d.example.com", "null", "same-origin", true},
		{"https://d.example.com/dag", "https://d.example.com", "", true},
		{"https://d.example.com", "", "", false},
		{"https://d.example.com", "", "same-site", false},
		{"https://d.example.com", "", "none", false},
		{"https://d.example.com", "", "cross-site", false},
		{"https://d.example.com", "null", "cross-site", false},
		{"https://d.example.com", "null", "", false},
		{"https://d.example.com", "https://evil.example", "same-origin", false},
		{"https://d.example.com", "http://d.example.com", "same-origin", false},
		{"https://d.example.com", "https://d.example.com:8443", "", false},
		{"https://d.example.com", "https://d.example.com.evil.example", "", false},
		{"http://localhost:3000", "http://localhost:3001", "", false},
	} {
		if got := site(t, c.site).SameOrigin(c.origin, c.fetch); got != c.want {
			t.Errorf("%s: Origin %q, Sec-Fetch-Site %q: %t, want %t", c.site, c.origin, c.fetch, got, c.want)
		}
	}
}

func TestSiteParts(t *testing.T) {
	s := site(t, "https://d.example.com/dag")
	if s.Link("/auth/login") != "https://d.example.com/dag/auth/login" || s.Prefix() != "/dag" || !s.Secure() || site(t, "http://localhost").Secure() {
		t.Errorf("%s %s %t", s.Link("/auth/login"), s.Prefix(), s.Secure())
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:3000": true, "127.0.0.1": true, "127.8.8.8:80": true, "[::1]:3000": true, "::1": true, "[::1]": true,
		"::ffff:127.0.0.1": true,
		"":                 false, "0.0.0.0": false, "[::]:80": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "10.0.0.1": false, "127.1": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}
