package identity_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/dagpass/dagpass/identity"
)

func TestUsernameKey(t *testing.T) {
	for name, want := range map[string]string{
		"ada": "ada", "Ada": "ada", "ADA": "ada", "ada.lovelace-1815_x": "ada.lovelace-1815_x",
		"Ａｄａ":        "ada", // full width
		"José":       "josé",
		"Jose\u0301": "josé", // decomposed
		"STRASSE":    "strasse", "Straße": "straße",
		"Ωmega": "ωmega", "ΣΟΦΟΣ": "σοφοσ",
		"名前": "名前", "ｱﾀﾞ": "アダ",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
		// Refused.
		"": "", " ": "", "a b": "", "a\tb": "", "a\x00b": "", "a\u00a0b": "", "a\u200bb": "", "a\u202eb": "",
		"\xff": "", "a☃": "", strings.Repeat("x", 65): "", strings.Repeat("x", 1<<20): "", "אb": "",
	} {
		if key, ok := identity.UsernameKey(name); key != want || ok != (want != "") {
			t.Errorf("%.70q: %q %t, want %q", name, key, ok, want)
		}
	}
}

func TestEmailKey(t *testing.T) {
	for address, want := range map[string]string{
		"ada@example.com": "ada@example.com", "Ada@EXAMPLE.com": "ada@example.com", "ada+x@example.com": "ada+x@example.com",
		"ada@bücher.example": "ada@xn--bcher-kva.example", "ada@BÜCHER.example": "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example": "ada@xn--bcher-kva.example",
		"jose\u0301@example.com": "josé@example.com", "JOSÉ@example.com": "josé@example.com", "ada@localhost": "ada@localhost",
		// Refused.
		"": "", "@": "", "ada": "", "ada@": "", "@example.com": "", "a b@example.com": "", "a@b@example.com": "", "ada@example.com.": "",
		"\"a\"@example.com": "", "ada@exa mple.com": "", "ada@-x.com": "", "ada\x00@example.com": "", "a\u202eda@example.com": "", "ada@exam\u00adple.com": "",
		"ada@[127.0.0.1]": "", "\xff@example.com": "", "ada@example.com\n": "", "ada@..": "",
		strings.Repeat("x", 65) + "@example.com": "", "ada@" + strings.Repeat("x", 300): "", "ada@" + strings.Repeat("x.", 120) + "com": "ada@" + strings.Repeat("x.", 120) + "com",
	} {
		if key, ok := identity.EmailKey(address); key != want || ok != (want != "") {
			t.Errorf("%.70q: %q %t, want %q", address, key, ok, want)
		}
	}
}

// A name with an @ is the account's own address or nothing, whichever @ it is.
func TestNamesLikeAddresses(t *testing.T) {
	for _, row := range []struct {
		username, email string
		want            error
	}{
		{"ada", "", nil},
		{"ada", "ada@example.com", nil},
		{"ada@example.com", "ada@example.com", nil},
		{"ADA@example.com", "ada@EXAMPLE.com", nil},
		{"ada@example.com", "", identity.ErrBadUsername},
		{"ada@example.com", "grace@example.com", identity.ErrBadUsername},
		{"ada＠example.com", "grace@example.com", identity.ErrBadUsername},
		{"ada＠example.com", "", identity.ErrBadUsername},
		{"@", "", identity.ErrBadUsername},
		{"ada@bücher.example", "ada@xn--bcher-kva.example", nil},
	} {
		if err := identity.CheckNames(row.username, row.email); !errors.Is(err, row.want) {
			t.Errorf("%q with %q: %v", row.username, row.email, err)
		}
	}
}

// letters are those in which names go wrong: cases that are not one to one,
// widths, marks apart, what is not seen, directions, the at sign in three ways.
var letters = []rune("abzAZ09._-@＠﹫ßẞſKΩΩσςΣİıÅÅéÉe\u0301\u0327\u00ad\u200b\u200d\u202e\u0130ﬁﬀⅣ①ａＡｱﾞアاבא名ǅ\u0345ᾳ\u1e9eŉǰᲀꙋ \t\x00\u2028\U00010400\U00010428")

func someName(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(8) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// Whatever is typed: a key is its own key, stays within the limits, has nothing
// in it that cannot be seen, and does not depend on how a letter was composed.
func TestKeysAreStable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same names every time
	good := 0
	for range 20_000 {
		name := someName(r)
		for what, key := range map[string]func(string) (string, bool){
			"username": identity.UsernameKey,
			"email":    identity.EmailKey,
			"address":  func(s string) (string, bool) { return identity.EmailKey(s + "@example.com") },
			"domain":   func(s string) (string, bool) { return identity.EmailKey("ada@" + s + ".example") },
		} {
			k, ok := key(name)
			if !ok {
				continue
			}
			good++
			again, ok := key(map[string]string{"address": strings.TrimSuffix(k, "@example.com"), "domain": strings.TrimSuffix(strings.TrimPrefix(k, "ada@"), ".example")}[what])
			if what == "username" || what == "email" {
				again, ok = key(k)
			}
			if !ok || again != k {
				t.Fatalf("%s %q: the key %q has the key %q", what, name, k, again)
			}
			if utf8.RuneCountInString(k) > 254 || strings.ContainsFunc(k, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u202e' || r == '\u200b' }) {
				t.Fatalf("%s %q: the key %q", what, name, k)
			}
			if apart, ok := key(norm.NFD.String(name)); what != "domain" && (!ok || apart != k) {
				t.Fatalf("%s %q: %q, and taken apart %q %t", what, name, k, apart, ok)
			}
		}
	}
	if good < 1_000 {
		t.Errorf("only %d names were names", good)
	}
}
