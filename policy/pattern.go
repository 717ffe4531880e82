package policy

import "strings"

// Pattern names code locations: "*" stands for any characters, none included,
// and everything else for itself. Case counts, as it does in Dagster.
type Pattern string

// Matches tells whether the pattern names the location. Nothing names an empty
// one.
func (p Pattern) Matches(location string) bool {
	if location == "" {
		return false
	}
	first, rest, wild := strings.Cut(string(p), "*")
	if !wild {
		return string(p) == location
	}
	left, ok := strings.CutPrefix(location, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	left, ok = strings.CutSuffix(left, parts[len(parts)-1])
	for _, part := range parts[:len(parts)-1] {
		if !ok {
			return false
		}
		_, left, ok = strings.Cut(left, part)
	}
	return ok
}
