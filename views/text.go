package views

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// chipsShown is how many names of a list are seen before the rest is folded.
const chipsShown = 12

// displayName is the person's name, or the address when no name is known.
func (p Account) displayName() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// initials gives the first letters of the first and the last word, at most two.
// A name without any letter has "?".
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	switch len(words) {
	case 0:
		return "?"
	case 1:
		return firstLetter(words[0])
	default:
		return firstLetter(words[0]) + firstLetter(words[len(words)-1])
	}
}

func firstLetter(word string) string {
	r, _ := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r))
}

// orDash stands in for what is not known.
func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// joined puts a dot between the parts that say something.
func joined(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, " · ")
}

func moreText(n int) string { return "Show " + strconv.Itoa(n) + " more" }

// TryAgain says when the same may work, in whole seconds, minutes or hours and
// never too early.
func TryAgain(wait time.Duration) string {
	switch {
	case wait < 90*time.Second:
		return "You can try again in " + count(wait.Seconds(), "second") + "."
	case wait < 90*time.Minute:
		return "You can try again in " + count(wait.Minutes(), "minute") + "."
	}
	return "You can try again in " + count(wait.Hours(), "hour") + "."
}

// count says how many, rounded up, and at least one.
func count(n float64, unit string) string {
	whole := max(1, int(math.Ceil(n)))
	if whole == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(whole) + " " + unit + "s"
}
