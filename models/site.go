package models

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Site is where people find us: the public URL and what follows from it.
type Site struct {
	// URL is scheme, host and path prefix; the host in lower case and without
	// the scheme's default port, the path without a trailing slash.
	URL *url.URL
}

// Origin is scheme and host, as a browser writes it into the Origin header
// (RFC 6454 §6.1).
func (s Site) Origin() string { return s.URL.Scheme + "://" + s.URL.Host }

// Prefix is the path below which everything lives; empty for the root.
func (s Site) Prefix() string { return s.URL.Path }

// Secure tells whether browsers reach us over https.
func (s Site) Secure() bool { return s.URL.Scheme == "https" }

// Link is the absolute address of one of our pages, such as "/auth/login".
func (s Site) Link(path string) string { return s.Origin() + s.Prefix() + path }

// IsHost tells whether a Host header names us. A default port may be left out.
func (s Site) IsHost(host string) bool {
	if host == s.URL.Host {
		return true // as nearly every request has it
	}
	return withPort(strings.ToLower(host), s.URL.Scheme) == withPort(strings.ToLower(s.URL.Host), s.URL.Scheme)
}

func withPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := map[string]string{"http": "80", "https": "443"}[scheme]
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// SameOrigin judges an unsafe request or a socket by its Origin header, else
// by Sec-Fetch-Site (Fetch Metadata §2.1). With neither it is refused: every
// browser of today sends one of them. "null" says nothing about the origin: a
// form of a page with Referrer-Policy no-referrer sends it (Fetch §3.2.5), and
// so does a sandboxed frame, which Sec-Fetch-Site calls cross-site.
func (s Site) SameOrigin(origin, fetchSite string) bool {
	if origin != "" && origin != "null" {
		return strings.EqualFold(origin, s.Origin())
	}
	return fetchSite == "same-origin"
}

// maxNext is how long a return address may be, in bytes; a longer one falls
// back to its path.
const maxNext = 2048

// Next rebuilds a return address from its parts, so that whatever a stranger
// wrote leads to this origin and below our prefix: to Dagster, to the account's
// pages or to the console's. Anything else leads to the front page.
func (s Site) Next(raw string) string {
	home := s.Prefix() + "/"
	u, err := url.Parse(raw)
	if err != nil || !s.ours(u) || !plainPath(raw) || dotted(u.Path) {
		return home
	}
	clean := (&url.URL{Path: u.Path}).EscapedPath()
	if !strings.HasPrefix(clean+"/", home) || strings.HasPrefix(clean, "//") || elsewhere(clean+"/", home+"auth/") {
		return home
	}
	if u.RawQuery != "" && len(clean)+len(u.RawQuery) < maxNext {
		clean += "?" + u.RawQuery
	}
	if len(clean) > maxNext {
		return home
	}
	return clean
}

// elsewhere tells our own pages to which nobody comes back. A download is none:
// nobody begins one because a stranger's link led them to sign in.
func elsewhere(path, own string) bool {
	console := strings.HasPrefix(path, own+"admin/") && !strings.HasSuffix(path, "/export/")
	return strings.HasPrefix(path, own) && !console && !strings.HasPrefix(path, own+"account/")
}

func (s Site) ours(u *url.URL) bool {
	if u.User != nil || !strings.HasPrefix(u.Path, "/") {
		return false
	}
	return u.Scheme == "" && u.Host == "" || u.Scheme == s.URL.Scheme && s.IsHost(u.Host)
}

// dotted tells whether a path has a segment that browsers resolve: the path
// would lead elsewhere than it looks.
func dotted(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// plainPath refuses what browsers read differently than we do: a backslash
// counts as a slash to them, and control characters vanish.
func plainPath(raw string) bool {
	return !strings.ContainsFunc(raw, func(r rune) bool { return r == '\\' || r < 0x20 || r == 0x7f })
}

// IsLoopback tells whether a host, with or without a port, is this machine.
func IsLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || (err == nil && addr.IsLoopback())
}

// WantsPage tells a person's browser, which can show a page, from a program,
// which wants JSON. A fetch by a page says so in Sec-Fetch-Mode and
// Sec-Fetch-Dest (Fetch Metadata §2.2); older browsers send neither, and then
// Accept decides.
func WantsPage(method, accept, fetchMode, fetchDest string) bool {
	if method != "GET" && method != "HEAD" {
		return false
	}
	if fetchMode != "" && fetchMode != "navigate" {
		return false
	}
	return strings.Contains(accept, "text/html") && (fetchDest == "" || fetchDest == "document" || fetchDest == "iframe")
}
