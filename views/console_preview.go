package views

import "github.com/a-h/templ"

// ConsolePreview is the dry run of a change of the rules, in the answer to the
// form that asks for it: who gains and who loses what. Its own form posts Fields,
// "version" and, where Self is set, "confirm" = "yes" to Apply.
type ConsolePreview struct {
	Console
	Place string // the entry of the navigation: "access" or "settings"
	Title string // what is about to be done, such as "Give a role"
	// Changes are what becomes of the rules, a sentence each; Rule, if set, is the
	// rule that comes or goes.
	Changes []string
	Rule    *ConsoleRule
	// Apply and Back are addresses below the prefix; Button is what applying says.
	Apply, Back string
	Button      string
	Danger      bool // it takes something away
	Fields      []ConsoleField
	Version     string // what is applied must be what was shown

	// Gain and Lose are people, In and Out those of them who come to be let in and
	// who no longer are. Sessions are open ones that end.
	Gain, Lose, In, Out, Sessions int64
	Lines                         []ConsolePreviewLine
	More                          bool // there are more people than Lines
	Self                          bool // whoever looks loses something themself
	// Refused is a sentence why it cannot be applied; "" where it can.
	Refused string
	Wrong   Wrong // "confirm" or ""
}

// Component renders the page.
func (p ConsolePreview) Component() templ.Component { return consolePreviewPage(p) }

// ConsoleField is a value that a form sends without showing it.
type ConsoleField struct{ Name, Value string }

// ConsolePreviewLine is what changes for one person, by one way in.
type ConsolePreviewLine struct {
	UserID   string
	Name     string
	Email    string
	Provider string // label of the way in
	Before   string // role in the whole deployment, before and after; "" for none
	After    string
	Gains    []string // names of permissions with where, such as "launch_run at marketing*"
	Loses    []string
	Was, Is  bool // let in, before and after
}
