package proxy

import "testing"

func TestParseUpstream(t *testing.T) {
	for raw, want := range map[string]struct{ url, prefix, text string }{
		"http://127.0.0.1:3001":            {"http://127.0.0.1:3001/server_info", "", "http://127.0.0.1:3001"},
		"http://127.0.0.1:3001/":           {"http://127.0.0.1:3001/server_info", "", "http://127.0.0.1:3001"},
		"https://dagster.internal/team/a/": {"https://dagster.internal/team/a/server_info", "/team/a", "https://dagster.internal/team/a"},
		"http://[::1]:3001/d":              {"http://[::1]:3001/d/server_info", "/d", "http://[::1]:3001/d"},
		"unix:///run/d.sock":               {"http://localhost/server_info", "", "unix:///run/d.sock"},
		"unix:///run/d.sock:/prefix":       {"http://localhost/prefix/server_info", "/prefix", "unix:///run/d.sock:/prefix"},
	} {
		u, err := ParseUpstream(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		same(t, raw, []string{u.URL("/server_info"), u.Prefix(), u.String()}, []string{want.url, want.prefix, want.text})
	}
}

func TestParseUpstreamRefuses(t *testing.T) {
	for _, raw := range []string{
		"", "127.0.0.1:3001", "ftp://host", "http://", "http://:3001", "http://user:pass@host", "http://host/?q=1", "http://host/#f",
		"http://host?", "http://host/a/../b", "http://host/a%2Fb", "http://host//a", "http://host/a\nb",
		"unix://run/d.sock", "unix:///", "unix:///run/", "unix:///run/d.sock:prefix", "http://[::1", "%",
	} {
		if u, err := ParseUpstream(raw); err == nil {
			t.Errorf("%q was taken as %s", raw, u)
		}
	}
}

func FuzzParseUpstream(f *testing.F) {
	for _, raw := range []string{"http://h:1/p", "unix:///a:/b", "https://[::1]:2", "http://a%41/"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseUpstream(raw)
		if err != nil {
			return
		}
		again, err := ParseUpstream(u.String())
		if err != nil || again.URL("/x") != u.URL("/x") || again.socket != u.socket {
			t.Errorf("%q became %q, which is read otherwise: %v", raw, u, err)
		}
	})
}
