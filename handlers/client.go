package handlers

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/dagpass/dagpass/models"
)

// trusts tells whether an address is one of TRUSTED_PROXIES.
func (s *Server) trusts(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	for _, p := range s.Trusted {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// address reads one entry of X-Forwarded-For, which may carry a port.
func address(entry string) (string, bool) {
	entry = strings.TrimSpace(entry)
	if with, err := netip.ParseAddrPort(entry); err == nil {
		return with.Addr().Unmap().String(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(entry, "[]"))
	return addr.Unmap().String(), err == nil
}

// wantsPage tells a person from a program; a form that was sent is a person's.
func wantsPage(r *http.Request) bool {
	h := r.Header
	mode := h.Get("Sec-Fetch-Mode")
	if r.Method == http.MethodPost {
		return mode == "navigate" || mode == "" && isForm(r) && strings.Contains(h.Get("Accept"), "text/html")
	}
	return models.WantsPage(r.Method, h.Get("Accept"), mode, h.Get("Sec-Fetch-Dest"))
}

// device names a browser for the list of sessions, such as "Firefox on Linux".
func device(userAgent string) string {
	return first(userAgent, "an unknown browser", browsers) + " on " + first(userAgent, "an unknown system", systems)
}

// The order matters: Edge and Opera call themselves Chrome, Chrome calls itself
// Safari, and Android calls itself Linux.
var (
	browsers = [][2]string{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"Firefox/", "Firefox"},
		{"HeadlessChrome/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
		{"python", "Python"},
	}
	systems = [][2]string{
		{"Android", "Android"},
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)

func first(text, otherwise string, table [][2]string) string {
	for _, row := range table {
		if strings.Contains(text, row[0]) {
			return row[1]
		}
	}
	return otherwise
}
