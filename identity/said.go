package identity

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/dagpass/dagpass/providers"
)

// Said is one answer of a provider, as it is shown to an admin.
type Said struct {
	// From is the word of [providers.Part].
	From   string
	Claims []SaidClaim
	// More is how many claims there were beside these.
	More int
}

// SaidClaim is a claim, its value written as JSON.
type SaidClaim struct {
	Name, Value string
	// Cut tells that the value was longer, Withheld that there is one which is not
	// shown.
	Cut, Withheld bool
}

const (
	saidClaims = 100 // of one answer
	saidName   = 100 // letters of a name
	saidValue  = 600 // and of a value
)

// said makes lines of what a provider said, by name.
func said(heard *providers.Heard) (all []Said) {
	if heard == nil {
		return nil
	}
	for _, part := range heard.Parts {
		names := slices.Sorted(maps.Keys(part.Claims))
		one := Said{From: part.From, More: max(0, len(names)-saidClaims)}
		for _, name := range names[:len(names)-one.More] {
			one.Claims = append(one.Claims, saidClaim(name, part.Claims[name]))
		}
		all = append(all, one)
	}
	return all
}

func saidClaim(name string, value any) SaidClaim {
	shown, _ := shorten(name, saidName)
	if secretName.MatchString(name) {
		return SaidClaim{Name: shown, Withheld: true}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // the page does that
	if err := e.Encode(value); err != nil || secretValue.MatchString(text.String()) {
		return SaidClaim{Name: shown, Withheld: true}
	}
	c := SaidClaim{Name: shown}
	c.Value, c.Cut = shorten(strings.TrimSpace(text.String()), saidValue)
	return c
}

// What is never shown, whoever put it into a claim: by its name, also within
// another claim, and by its form, which is that of a JWT. The second part of an
// encrypted one may be empty (RFC 7516 §5.1).
var (
	secretName  = regexp.MustCompile(secretWords)
	secretValue = regexp.MustCompile(`ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.|"[^"]*` + secretWords + `[^"]*":`)
)

const secretWords = `(?i:token|secret|passw|passphrase|passcode|pwd|nonce|hash|credential|private_?key|api_?key|access_?key|authorization|cookie)`

// shorten cuts a text at so many letters, and shows what nobody would see.
func shorten(text string, limit int) (short string, cut bool) {
	seen := []rune(strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text))
	if len(seen) > limit {
		return string(seen[:limit]), true
	}
	return string(seen), false
}
