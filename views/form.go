package views

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// input is one field of a form.
type input struct {
	ID, Name, Label string
	Type            string // "text" where it is ""
	Value           string // never a secret
	Hint            string
	Wrong           string
	Autocomplete    string // HTML, "Autofilling form controls"
	Mode            string // which keys a telephone shows (inputmode)
	About           string // id of what else says something about the field; "" for nothing
	Plain           bool   // no word of a language: neither corrected nor capitalised
	Optional        bool
	Focus           bool // the page begins here
}

// describedBy lists the ids of what a screen reader says with the field.
func (i input) describedBy() string {
	ids := []string{i.About}
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if i.Wrong != "" {
		ids = append(ids, i.ID+"-wrong")
	}
	return strings.TrimSpace(strings.Join(ids, " "))
}

// or is the first of two texts that says something.
func or(text, otherwise string) string { return cmp.Or(text, otherwise) }

// whole is what is wrong with a form as a whole: whatever is not said at one of
// its fields, so that no sentence gets lost.
func (w Wrong) whole(fields ...string) string {
	var said []string
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if !slices.Contains(fields, name) {
			said = append(said, w[name])
		}
	}
	return strings.Join(said, " ")
}

// title puts the news in front of a page's title, where a form came back.
func (w Wrong) title(title string) string {
	if len(w) > 0 {
		return "Error: " + title
	}
	return title
}

// atRecovery tells that a recovery code was tried: the page goes on there.
func (w Wrong) atRecovery() bool { return w["recovery"] != "" && w["code"] == "" }

// codeField takes the code of an authenticator app.
func codeField(wrong string, focus bool) input {
	return input{
		ID: "code", Name: "code", Label: "Code", Hint: "Six digits from your authenticator app.", Wrong: wrong,
		Autocomplete: "one-time-code", Mode: "numeric", Plain: true, Focus: focus,
	}
}

// newPassword takes a password that somebody chooses. It is typed once: who wants
// to see it can.
func newPassword(label, wrong string, focus bool) input {
	return input{
		ID: "password", Name: "password", Type: "password", Label: label, Wrong: wrong, Autocomplete: "new-password", Plain: true,
		Hint: "12 characters or more. Some words that do not belong together are easy to remember.", Focus: focus,
	}
}

// passkey is a button that begins something with a passkey.
type passkey struct {
	Does      string // "signin", "confirm", "factor" or "enrol"
	At        string // where the answer goes, below the prefix; it begins at "/begin" below that
	Next      string
	NameField string // id of the field with the name of a new one
	Label     string
	Ticket    string // shows that it began on our page; "" where none is asked for
	Main      bool   // it is the page's main button
}

// begin is where it begins, below the prefix.
func (k passkey) begin() string {
	if k.Ticket == "" {
		return k.At + "/begin"
	}
	return k.At + "/begin?ticket=" + url.QueryEscape(k.Ticket)
}

func (k passkey) variant() string { return variant(k.Main) }

func (k passkey) asMain(main bool) passkey {
	k.Main = main
	return k
}

// variant is the look of a button: a page has one main one.
func variant(main bool) string {
	if main {
		return "primary"
	}
	return "outline"
}
