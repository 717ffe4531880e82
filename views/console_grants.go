package views

import (
	"slices"
	"strings"
	"time"
)

// ConsoleGrant is a rule of the policy. One that was made here has a button, which
// posts its ID as "remove" to /auth/admin/access/grants/preview.
type ConsoleGrant struct {
	Name      string   // in words
	Text      string   // the rule itself on one line; "" for what has none
	Role      string   // what it gives
	Locations []string // none is the whole deployment
	ID        string   // of one that was made here; "" for what cannot be changed here
	Fixed     string   // a sentence where else it is written; "" for one that was made here
	Broken    string   // the reason why it gives nothing; "" for one that holds
	By        string   // who made it; "" where it was not made here
	Since     time.Time
}

// ConsoleGive is the form for a grant. It posts "email", "domain", "slot", "group",
// "org", "team", "role" and "locations", a code location on each line, to
// /auth/admin/access/grants/preview.
type ConsoleGive struct {
	Email, Domain, Group, Org, Team string // these as they were typed
	Slot, Role, Locations           string
	Slots                           []ConsoleChoice
	Roles                           []string // that may be given
	Known                           []string // code locations that there are
	Wrong                           Wrong    // by the names above, "who" or ""
}

// given are the fields of the form at which something can be wrong.
var given = []string{"email", "domain", "slot", "group", "org", "team", "role", "locations"}

// first is the field at which the form goes on: the first one that is wrong.
func (w Wrong) first() string {
	for _, name := range given {
		if w[name] != "" {
			return name
		}
	}
	return ""
}

// heading is what the page about access is called in the browser.
func (p ConsoleAccess) heading() string {
	if len(p.Give.Wrong) > 0 {
		return p.Give.Wrong.title("Access")
	}
	return p.Ask.Wrong.title("Access")
}

// why says who made a grant.
func (g ConsoleGrant) why() string {
	if g.ID == "" {
		return g.Fixed
	}
	if g.By == "" {
		return "Made here."
	}
	return "Made here by " + g.By + "."
}

// effect is one number of a dry run in words.
type effect struct{ tone, text string }

// effects say what would happen, in numbers; what happens to nobody is left out.
func (p ConsolePreview) effects() (all []effect) {
	for _, e := range []struct {
		n              int64
		tone, one, all string
	}{
		{p.Gain, "good", "person gains something", "people gain something"},
		{p.Lose, "bad", "person loses something", "people lose something"},
		{p.In, "good", "person can enter who could not", "people can enter who could not"},
		{p.Out, "bad", "person can no longer enter", "people can no longer enter"},
		{p.Sessions, "bad", "open session ends", "open sessions end"},
	} {
		if e.n == 1 {
			all = append(all, effect{e.tone, "1 " + e.one})
		} else if e.n > 1 {
			all = append(all, effect{e.tone, number(e.n) + " " + e.all})
		}
	}
	return all
}

func (p ConsolePreview) variant() string {
	if p.Danger {
		return "danger"
	}
	return "primary"
}

// shown says how many of all people the list has.
func (p ConsolePreview) shown() string {
	return "Of all these people " + number(int64(len(p.Lines))) + " are listed, those who lose something first."
}

func (l ConsolePreviewLine) label() string { return or(l.Name, or(l.Email, l.UserID)) }

// becomes is the role before and after.
func (l ConsolePreviewLine) becomes() string {
	before, after := held(l.Was, l.Before), held(l.Is, l.After)
	if before == after {
		return after + ", as before"
	}
	return before + " → " + after
}

func held(in bool, role string) string {
	if !in {
		return "not let in"
	}
	return or(role, "no whole role")
}

// summary counts permissions and says where they hold.
func summary(verb string, permissions []string) string {
	var names, places []string
	for _, p := range permissions {
		name, place, _ := strings.Cut(p, " at ")
		names, places = append(names, name), append(places, place)
	}
	slices.Sort(names)
	slices.Sort(places)
	names, places = slices.Compact(names), slices.Compact(places)
	what := verb + " " + count(float64(len(names)), "permission")
	switch {
	case len(places) > 1 && places[0] == "": // they are sorted: the whole deployment comes first
		return what + ", some at code locations"
	case len(places) > 1:
		return what + ", at " + number(int64(len(places))) + " code locations"
	case len(places) == 1 && places[0] != "":
		return what + " at " + places[0]
	}
	return what
}
