package proxy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/dagpass/dagpass/models"
)

// Headers that tell Dagster who is asking. What Dagster gets under these names
// was written here.
const (
	headerUser      = "X-Forwarded-User"
	headerEmail     = "X-Forwarded-Email"
	headerUsername  = "X-Forwarded-Preferred-Username"
	headerGroups    = "X-Forwarded-Groups"
	headerFor       = "X-Forwarded-For"
	headerHost      = "X-Forwarded-Host"
	headerProto     = "X-Forwarded-Proto"
	headerRole      = "X-Dagpass-Role"
	headerAssertion = "X-Dagpass-Assertion"
	headerRequestID = "X-Request-Id"
	headerALBUser   = "X-Amzn-Oidc-Identity"
	headerALBData   = "X-Amzn-Oidc-Data"
)

// reserved begins every header name that a client may not send on, in lower
// case with "-" between words. They are ours, or such as other proxies use to
// say who somebody is.
var reserved = [...]string{
	"x-forwarded", "forwarded", "x-real-ip", "x-request-id", "x-auth-request-",
	"remote-", "x-pomerium-", "x-amzn-oidc-", "x-dagpass-",
	"x-goog-iap-", "x-goog-authenticated-", "cf-access-",
}

// cookiePrefix begins the names of our cookies, after "__Host-" where there is
// one; tokenPrefix begins our bearer tokens. cloudflareCookie is an assertion
// that may be good for a sign-in here.
const (
	cookiePrefix     = "dagpass"
	cloudflareCookie = "cf_authorization"
	tokenPrefix      = "dagpass_"
)

// clean takes out of a client's headers whatever only we may say, and what is
// for us alone. Headers that hold for one connection only are gone already,
// but for Upgrade, which httputil keeps: sockets do not pass this way.
func (p *Proxy) clean(h http.Header) {
	for name := range h {
		if p.isReserved(name) {
			delete(h, name)
		}
	}
	for _, name := range []string{"Connection", "Upgrade", "Expect"} {
		delete(h, name)
	}
	keep(h, "Cookie", stripCookies)
	keep(h, "Authorization", stripToken)
}

// isReserved judges a name in any spelling: servers behind us may take "_" and
// "." for "-" (CGI and WSGI do), and case never matters.
func (p *Proxy) isReserved(name string) bool {
	begins := func(prefix string) bool { return spells(name, prefix) }
	is := func(other string) bool { return len(name) == len(other) && spells(name, other) }
	return slices.ContainsFunc(reserved[:], begins) || slices.ContainsFunc(p.vouching, is)
}

// folded is a name as spells wants it.
func folded(name string) string {
	b := []byte(name)
	for i := range b {
		b[i] = fold(b[i])
	}
	return string(b)
}

// spells tells whether a name begins with a prefix, whatever its case and its
// separators.
func spells(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if fold(name[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case c == '_' || c == '.':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}

// keep puts what strip leaves of each line back into the headers.
func keep(h http.Header, name string, strip func(string) string) {
	lines := h[name]
	kept := lines[:0]
	for _, line := range lines {
		if line = strip(line); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, name)
		return
	}
	h[name] = kept
}

// stripCookies drops our cookies and leaves the others as they were written.
func stripCookies(line string) string {
	var kept []string
	ours := false
	for pair := range strings.SplitSeq(line, ";") {
		name, _, _ := strings.Cut(pair, "=")
		pair = strings.TrimSpace(pair)
		switch {
		case isOurCookie(name):
			ours = true
		case pair != "":
			kept = append(kept, pair)
		}
	}
	if !ours {
		return line
	}
	return strings.Join(kept, "; ")
}

func isOurCookie(name string) bool {
	name = strings.ToLower(strings.Trim(name, " \t\""))
	return strings.HasPrefix(strings.TrimPrefix(name, "__host-"), cookiePrefix) || name == cloudflareCookie
}

// stripToken drops a credential that is for us. Another one may be for a server
// on the way to Dagster.
func stripToken(line string) string {
	if strings.Contains(strings.ToLower(line), tokenPrefix) {
		return ""
	}
	return line
}

// introduction is what Dagster is told about the person.
type introduction struct {
	who       *models.Principal
	assertion string
	request   models.Request
	site      models.Site
	alb       bool
}

// write sets the headers. A header without a value is left out: the client's
// own is gone all the same.
func (i *introduction) write(h http.Header) {
	lines := make([]string, 0, 12) // one allocation for all
	set := func(name, value string) {
		if value != "" {
			lines = append(lines, value)
			h[name] = lines[len(lines)-1 : len(lines) : len(lines)]
		}
	}
	user, claims := i.who.User, i.who.Identity.Claims
	set(headerUser, encode(user.ID))
	set(headerEmail, encode(user.Email))
	set(headerUsername, encode(claims.Username))
	set(headerGroups, groups(claims.Groups))
	set(headerRole, string(i.who.Access.Role))
	set(headerAssertion, i.assertion)
	set(headerFor, i.request.ClientIP)
	set(headerHost, i.site.URL.Host)
	set(headerProto, i.site.URL.Scheme)
	set(headerRequestID, i.request.ID)
	if i.alb {
		set(headerALBUser, encode(user.ID))
		set(headerALBData, albData(i.who))
	}
}

// maxGroups bounds the groups header, in bytes. The assertion has them all.
const maxGroups = 4096

// groups lists as many whole groups as fit.
func groups(names []string) string {
	var b strings.Builder
	b.Grow(min(maxGroups, 32*len(names)))
	for _, name := range names {
		name = encode(name)
		if b.Len()+len(name)+1 > maxGroups {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
	}
	return b.String()
}

// encode percent-encodes what a header cannot hold or what could be taken for
// something else: a comma would make two groups of one, and so would a space at
// the end that a reader trims. "%" is encoded so that decoding leads back.
func encode(value string) string {
	if !strings.ContainsFunc(value, isSpecial) && value == strings.TrimSpace(value) {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		atEdge := i == 0 || i == len(value)-1
		if isSpecial(rune(c)) || (c == ' ' && atEdge) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isSpecial(c rune) bool { return c == ',' || c == '%' || c < 0x20 || c >= 0x7f }

// albData is the header in which an AWS load balancer tells who somebody is,
// for run coordinators written for it: three parts, of which they read the
// second as standard base64 of JSON with an e-mail. It is not signed, and says
// so; X-Dagpass-Assertion is what can be verified.
func albData(p *models.Principal) string {
	// Strings in a struct: this cannot fail.
	payload, _ := json.Marshal(struct {
		Subject string `json:"sub"`
		Email   string `json:"email,omitempty"`
		Name    string `json:"name,omitempty"`
	}{p.User.ID, p.User.Email, p.User.Name})
	header := base64.StdEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return header + "." + base64.StdEncoding.EncodeToString(payload) + "."
}
