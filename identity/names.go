package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/dagpass/dagpass/providers"
)

// What names may be, in characters; what addresses may be, in bytes (RFC 5321
// §4.5.3.1.1, RFC 3696 erratum 1690).
const (
	maxUsername  = 64
	maxLocalPart = 64
	maxEmail     = 254
)

// keyRounds is how often the rules of a profile are applied until they change
// nothing more: once is not always enough (RFC 8264 §7).
const keyRounds = 4

// usernameKey is the form in which usernames are compared: PRECIS
// UsernameCaseMapped (RFC 8265 §3.3). Two names with the same key are one. Not
// ok for what is no name: one with a blank, say, or of two writing directions.
func usernameKey(name string) (key string, ok bool) {
	if !utf8.ValidString(name) || len(name) > maxUsername*utf8.UTFMax {
		return "", false
	}
	key, ok = settle(name, precis.UsernameCaseMapped.String)
	if !ok || key == "" || utf8.RuneCountInString(key) > maxUsername {
		return "", false
	}
	return key, true
}

// settle applies a rule until it changes nothing more.
func settle(s string, rule func(string) (string, error)) (string, bool) {
	for range keyRounds {
		next, err := rule(s)
		if err != nil {
			return "", false
		}
		if next == s {
			return s, true
		}
		s = next
	}
	return "", false
}

// emailKey is the form in which addresses are compared: the local part in
// Unicode's simple lower case and NFC, the domain as the DNS has it (IDNA
// lookup, RFC 5891 §5). It proves nothing about who reads the mail. Not ok for
// what is no address.
func emailKey(address string) (key string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || len(address) > maxEmail || !plainAddress(address) {
		return "", false
	}
	local, ok := settle(address[:at], lower)
	if !ok || local == "" || len(local) > maxLocalPart || strings.ContainsAny(local, `@"`) {
		return "", false
	}
	domain, err := idna.Lookup.ToASCII(norm.NFC.String(address[at+1:]))
	if err != nil || domain == "" || strings.HasSuffix(domain, ".") {
		return "", false
	}
	return local + "@" + domain, true
}

func lower(s string) (string, error) {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(s))), nil
}

// plainAddress leaves out what is not seen. A quoted local part could have
// blanks, but nobody types one.
func plainAddress(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
}

// signInKey is what a typed name is looked up by, and whether as an address.
// Not ok for what is neither a username nor an address.
func signInKey(typed string) (key string, email, ok bool) {
	typed = strings.TrimSpace(typed)
	if strings.Contains(typed, "@") {
		key, ok = emailKey(typed)
		return key, true, ok
	}
	key, ok = usernameKey(typed)
	return key, false, ok
}

// names are an account's, checked.
type names struct {
	username, usernameKey string
	// email and emailKey are empty for an account without an address.
	email, emailKey string
}

// checkNames reads the names of a new account. A username with an @ must be the
// account's own address: else somebody could take another's for a name.
func checkNames(username, email string) (n names, err error) {
	n.username, n.email = strings.TrimSpace(username), strings.TrimSpace(email)
	var ok bool
	if n.usernameKey, ok = usernameKey(n.username); !ok {
		return n, ErrBadUsername.At("username")
	}
	if n.email != "" {
		if n.emailKey, ok = emailKey(n.email); !ok {
			return n, ErrBadEmail.At("email")
		}
	}
	// The key too: it has an @ where the name had a full-width one.
	if strings.Contains(n.username+n.usernameKey, "@") && !sameAddress(n.username, n.emailKey) {
		return n, ErrBadUsername.At("username")
	}
	return n, nil
}

func sameAddress(username, key string) bool {
	own, ok := emailKey(username)
	return ok && own == key
}

// nameKey is a name at a directory as its attempts are counted: directories do
// not tell case apart, and what stands before a backslash is not looked at.
func nameKey(typed string) string {
	key, _ := lower(providers.BareName(typed))
	return key
}
