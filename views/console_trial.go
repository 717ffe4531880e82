package views

import (
	"net/url"
	"slices"
	"time"

	"github.com/a-h/templ"
)

// ConsoleProviders is GET /auth/admin/providers.
type ConsoleProviders struct {
	Console
	Lines []ConsoleProvider
}

// Component renders the page.
func (p ConsoleProviders) Component() templ.Component { return consoleProvidersPage(p) }

// ConsoleProvider is one provider and how it is.
type ConsoleProvider struct {
	Slot        string
	Label       string
	Type        string // as in ProviderButton, or "password" for the accounts that are kept here
	Kind        string // the type in words, such as "OpenID Connect"
	Issuer      string // issuer, or the address of a directory; "" for none
	RedirectURI string // to register at the provider; "" for none
	Up          bool
	Problem     string    // a fixed sentence where it is not up
	LastSuccess time.Time // zero for unknown
	LastError   time.Time // zero for none
	Error       string    // a fixed sentence about the last error
	Reason      string    // its word
	Reference   string    // the id of its request; "" for none

	// Test is how it is tried out: "go" by going there, "form" with "username" and
	// "password", "look" by what the request itself says, "" not at all. It is
	// posted to /auth/admin/providers/{Slot}/test.
	Test     string
	Username string // as it was typed
	Wrong    Wrong  // "username", "password" or ""
}

// ConsoleTrial is what a test sign-in came to. It is shown once, and stands at no
// address of its own.
type ConsoleTrial struct {
	Console
	Provider ConsoleProvider
	Verdict  string   // "in", "out" or "failed"
	Why      []string // sentences that say so
	// Reason and Reference are of a failure: its word, and the id of this request.
	Reason, Reference string
	// Account is the name of the account that would be signed in to, AccountID its
	// id; where both are empty it would be made.
	Account, AccountID string
	Factor             string // a sentence about the second factor
	Facts              []ConsoleFact
	Groups             []string // groups, organisations and teams
	Role               string   // in the whole deployment; "" for no whole role
	Rules              []ConsoleRule
	Said               []ConsoleSaid
}

// Component renders the page.
func (p ConsoleTrial) Component() templ.Component { return consoleTrialPage(p) }

// ConsoleSaid is one answer of a provider.
type ConsoleSaid struct {
	Title  string
	Claims []ConsoleClaim
	More   int // claims that are left out
}

// ConsoleClaim is one claim of it, as JSON.
type ConsoleClaim struct {
	Name, Value string
	Note        string // what is left out of it, in words; "" for nothing
}

// copies tells that there is something to copy.
func (p ConsoleProviders) copies() bool {
	return slices.ContainsFunc(p.Lines, func(l ConsoleProvider) bool { return l.RedirectURI != "" })
}

// asks tells that there is a form with a password.
func (p ConsoleProviders) asks() bool {
	return slices.ContainsFunc(p.Lines, func(l ConsoleProvider) bool { return l.Test == "form" })
}

// test is where a test sign-in is begun.
func (c Console) test(slot string) string {
	return c.path("/auth/admin/providers/" + url.PathEscape(slot) + "/test")
}

// verdict is what a test came to: the colour and the word of its tag.
func (p ConsoleTrial) verdict() (tone, word string) {
	switch p.Verdict {
	case "in":
		return "good", "Would be let in"
	case "out":
		return "bad", "Would be refused"
	}
	return "bad", "Failed"
}

func (p ConsoleTrial) tone() string { tone, _ := p.verdict(); return tone }
func (p ConsoleTrial) word() string { _, word := p.verdict(); return word }

// testText says what the test of a provider does.
func (l ConsoleProvider) testText() string {
	switch l.Test {
	case "form":
		return "Signs in to the directory with this name and password, and shows what it says. It counts as an attempt to sign in."
	case "look":
		return "Reads the headers that this very request brings."
	}
	return "You sign in at the provider, with your account there or another one."
}

func (l ConsoleProvider) usernameField(id string) input {
	return input{
		ID: id + "-username", Name: "username", Label: "Username", Value: l.Username, Wrong: l.Wrong["username"], Autocomplete: "username", Plain: true,
		Focus: l.Wrong["username"] != "",
	}
}

func (l ConsoleProvider) passwordField(id string) input {
	return input{
		ID: id + "-password", Name: "password", Label: "Password", Type: "password", Wrong: l.Wrong["password"], Autocomplete: "current-password",
		Focus: l.Wrong["password"] != "" && l.Wrong["username"] == "",
	}
}

// claimsText counts the claims that are left out.
func claimsText(n int) string { return "and " + count(float64(n), "further claim") }
