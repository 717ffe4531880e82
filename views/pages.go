package views

import (
	"time"

	"github.com/a-h/templ"
)

// Site is what every page needs to know about the installation it is shown by.
type Site struct {
	Prefix string // path prefix of the public URL, "" or "/dagster"; no slash at its end
	Name   string // product name in titles and at the head of a page
}

// path returns p below the site's prefix.
func (s Site) path(p string) string { return s.Prefix + p }

// Login is the page where a person chooses how to sign in.
type Login struct {
	Site
	Providers  []ProviderButton
	Notice     string // a fixed sentence, such as after sign-out or a refusal; "" for none
	NoticeTone string // "error", anything else is "info"
	Demo       bool   // says that the page belongs to a demonstration
}

// Component renders the page.
func (p Login) Component() templ.Component { return loginPage(p) }

// ProviderButton starts a sign-in at one identity provider.
type ProviderButton struct {
	Slot  string // the provider's name in the configuration
	Label string // what people call it: the button says "Continue with Label"
	Type  string // "google", "github", "oidc" or "ldap"; chooses the icon
	Href  string // where the sign-in starts, prefix and query included
	Down  bool   // the provider cannot be reached: the button is disabled and says so
}

// Problem is every page that says no, or not now.
type Problem struct {
	Site
	Status       int    // HTTP status, shown small; 0 shows none
	Title        string // what happened, in a few words
	Message      string // a fixed sentence: what the person can do
	Reference    string // request id to quote to an administrator; "" shows none
	Action       string // text of the main link; "" shows none
	ActionHref   string // target of the main link, prefix included
	RetrySeconds int    // the page loads itself again after so many seconds; 0 never
	SignedInAs   string // offers to sign out when someone is signed in; "" for nobody
}

// Component renders the page.
func (p Problem) Component() templ.Component { return problemPage(p) }

// Account is the page where a person sees who they are here.
type Account struct {
	Site
	Name        string // the person's name; Site.Name is the product's
	Email       string
	Provider    string // label of the provider that vouched for them
	Role        string
	Groups      []string
	Sessions    []AccountSession
	Permissions []string
	Scopes      []AccountScope // what they may do besides, at some code locations only
	SignedInAt  time.Time
	ExpiresAt   time.Time // when this session ends at the latest
}

// Component renders the page.
func (p Account) Component() templ.Component { return accountPage(p) }

// AccountScope is what a person may do at some code locations.
type AccountScope struct {
	Locations   []string // names, in which * stands for any characters
	Role        string   // the built-in role it comes to; "" where it is no whole role
	Permissions []string // shown where there is no role
}

// AccountSession is one browser in which the person is signed in.
type AccountSession struct {
	Device   string // such as "Firefox on Linux"
	Address  string // the client's address when it was last seen
	Method   string // how they signed in, usually the provider's label
	Since    time.Time
	LastSeen time.Time
	Current  bool // it is the session that this page is shown in
}

// SignOut asks before signing out. It answers a GET of the sign-out address,
// which must not change anything by itself.
type SignOut struct {
	Site
	SignedInAs string
}

// Component renders the page.
func (p SignOut) Component() templ.Component { return signOutPage(p) }
