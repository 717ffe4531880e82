package views

import (
	"time"

	"github.com/a-h/templ"
)

// Site is what every page needs to know about the installation it is shown by.
type Site struct {
	Prefix string // path prefix of the public URL, "" or "/dagster"; no slash at its end
	Name   string // product name in titles and at the head of a page
	// Logo and Style are addresses, prefix included, of what the installation has
	// of its own; "" is ours.
	Logo, Style string
	Message     string // of the day, plain text; "" for none
}

// path returns p below the site's prefix.
func (s Site) path(p string) string { return s.Prefix + p }

// Wrong says in a sentence each what is wrong with a form that was sent, by the
// name of its field; "" is the form as a whole.
type Wrong map[string]string

// Login is the page where a person chooses how to sign in. Its forms post
// username, password and next: to /auth/login, and to /auth/start/{slot} for a
// directory.
type Login struct {
	Site
	Next        string // where the browser goes on to
	Providers   []ProviderButton
	Directories []SignInForm // one for each directory
	Password    *SignInForm  // for the accounts that are kept here; nil where that is off
	Passkeys    bool         // offers to sign in with a passkey alone
	Notice      string       // a fixed sentence, such as after sign-out or a refusal; "" for none
	NoticeTone  string       // "error", anything else is "info"
	Demo        bool         // says that the page belongs to a demonstration
}

// SignInForm asks for a name and a password.
type SignInForm struct {
	Slot     string // the directory's name in the configuration; not for accounts that are kept here
	Label    string // what people call the directory; likewise
	Down     bool   // the directory cannot be reached: the form is not shown, and why
	Username string // as it was typed
	Wrong    Wrong  // "username", "password" or ""
}

// Component renders the page.
func (p Login) Component() templ.Component { return loginPage(p) }

// ProviderButton starts a sign-in at one identity provider.
type ProviderButton struct {
	Slot  string // the provider's name in the configuration
	Label string // what people call it: the button says "Continue with Label"
	Type  string // "google", "github", "oidc", "header" or "ldap"; chooses the icon
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
	RetrySeconds int    // the page asks after so many seconds whether it may go on; 0 never
	// Wait is said in words after the message: "You can try again in 2 minutes."
	// The page does not load itself again. 0 says nothing.
	Wait       time.Duration
	SignedInAs string // offers to sign out when someone is signed in; "" for nobody
}

// Component renders the page.
func (p Problem) Component() templ.Component { return problemPage(p) }

// Account is the page where a person sees who they are here, and keeps in order
// how they sign in. Its forms post below /auth/account.
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

	Notice     string // a fixed sentence about what was just done; "" for none
	NoticeTone string // "error", anything else is "info"
	// Password is nil where passwords are off, and for whoever has no account here.
	Password *PasswordForm
	// Factors is nil where second factors are off.
	Factors *Factors
	Linked  []LinkedAccount
	// LinkTo are the providers at which another account may be linked; Href is not
	// used: the buttons post to /auth/account/link/{slot}.
	LinkTo []ProviderButton
	// Tokens is nil for whom the API has no answer.
	Tokens *APITokens
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
	ID       string // posted as "id" to /sessions/end
	Device   string // such as "Firefox on Linux"
	Address  string // the client's address when it was last seen
	Method   string // how they signed in, usually the provider's label
	Since    time.Time
	LastSeen time.Time
	Current  bool // it is the session that this page is shown in
}

// PasswordForm changes a password: it posts "old_password" and "password".
type PasswordForm struct {
	Username string // for password managers
	Has      bool   // there is a password: the old one is asked for
	Wrong    Wrong  // "old_password", "password" or ""
}

// Factors are a person's second factors, and the forms to set up more.
type Factors struct {
	List     []Factor
	Recovery int  // how many recovery codes are left
	Required bool // the last factor cannot be removed
	Passkeys bool // passkeys work at this address
	// PasskeyName is proposed for a new passkey, such as "Firefox on Linux".
	PasskeyName string
	// Ticket shows that a new passkey was begun on this page.
	Ticket string
}

// Factor is one second factor.
type Factor struct {
	ID       string // posted as "id" to /factor/remove
	Kind     string // "totp" or "passkey"
	Name     string // what the person calls it
	Added    time.Time
	LastUsed time.Time // zero for never
}

// LinkedAccount is one account at a provider with which the person signs in here.
type LinkedAccount struct {
	ID        string // posted as "id" to /unlink
	Provider  string // label
	Type      string // as in ProviderButton
	Who       string // name or address at the provider
	Since     time.Time
	Removable bool // it is not the last one
}

// Setup is the page on which whoever runs an installation claims it. It posts
// "token", "username", "name", "email" and "password" to /auth/setup.
type Setup struct {
	Site
	Username string // these three as they were typed
	FullName string
	Email    string
	Wrong    Wrong // by the names above, or ""
}

// Component renders the page.
func (p Setup) Component() templ.Component { return setupPage(p) }

// Link is the page of a one-time link. It posts "token" and, where one is to be
// chosen, "password" to /auth/link.
type Link struct {
	Site
	Token       string // comes back with the form
	User        string // whose link it is
	Username    string // for password managers; "" for none
	NewPassword bool   // the link is to choose a password
	Wrong       Wrong  // "password" or ""
}

// Component renders the page.
func (p Link) Component() templ.Component { return linkPage(p) }

// SecondFactor is the page for somebody who has proved the first factor. It
// posts "code" and "next" to /auth/mfa/code, in the form for recovery codes
// with "as" = "recovery". The script posts to /auth/mfa/passkey.
type SecondFactor struct {
	Site
	User     string // who they are so far
	Next     string
	Code     bool  // they have an authenticator app
	Passkey  bool  // they have a passkey
	Recovery bool  // they have recovery codes left
	Wrong    Wrong // "code", "recovery" or ""
}

// Component renders the page.
func (p SecondFactor) Component() templ.Component { return secondFactorPage(p) }

// Enrol is the page for somebody who has proved the first factor and must set up
// a second one: it leads to GET /auth/mfa/enrol/totp, and the script posts to
// /auth/mfa/enrol/passkey.
type Enrol struct {
	Site
	User        string
	Next        string
	Passkeys    bool   // passkeys work at this address
	PasskeyName string // proposed, such as "Firefox on Linux"
	Ticket      string // shows that a new passkey was begun on this page
}

// Component renders the page.
func (p Enrol) Component() templ.Component { return enrolPage(p) }

// TOTPOffer is the page that shows the secret for an authenticator app. It posts
// "sealed", "code", "name" and "next".
type TOTPOffer struct {
	Site
	Halfway    bool   // they are not signed in yet: posts to /auth/mfa/enrol/totp, else to /auth/account/totp
	Secret     string // in base32, for typing
	URL        string // otpauth://, drawn as a QR code
	Sealed     string // comes back with the form
	FactorName string // as it was typed, or proposed
	Next       string
	Wrong      Wrong // "code", "name" or ""
}

// Component renders the page.
func (p TOTPOffer) Component() templ.Component { return totpOfferPage(p) }

// RecoveryCodes shows recovery codes, once.
type RecoveryCodes struct {
	Site
	Codes    []string
	Continue string // where the link goes on to, prefix included
}

// Component renders the page.
func (p RecoveryCodes) Component() templ.Component { return recoveryCodesPage(p) }

// Confirm asks somebody who is signed in to prove again who they are. It posts
// "password" or "code" with "next" to /auth/confirm, a recovery code with "as" =
// "recovery", and "next" to /auth/confirm/provider. The script posts to
// /auth/confirm/passkey.
type Confirm struct {
	Site
	User     string
	Username string // for password managers
	Next     string // where it goes on to, and back to on second thoughts
	Password bool   // these five are the ways that they have
	Code     bool
	Recovery bool
	Passkey  bool
	Provider string // the label of the provider at which they can sign in anew; "" for none
	Wrong    Wrong  // "password", "code", "recovery" or ""
}

// Component renders the page.
func (p Confirm) Component() templ.Component { return confirmPage(p) }

// SignOut asks before signing out. It answers a GET of the sign-out address,
// which must not change anything by itself.
type SignOut struct {
	Site
	SignedInAs string
}

// Component renders the page.
func (p SignOut) Component() templ.Component { return signOutPage(p) }
