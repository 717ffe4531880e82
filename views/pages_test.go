package views_test

import (
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/views"
)

// TestPagesSay asks each page for what its struct told it: the text and one
// attribute of the first element that a selector finds.
func TestPagesSay(t *testing.T) {
	for _, c := range []struct {
		name      string
		page      templ.Component
		selector  string
		text      string
		attr, val string
	}{
		{"provider", login(button("google")), "a.provider", "Continue with Acme", "href", "/auth/start/google?next=%2Fruns"},
		{"only provider leads", login(button("oidc")), "a.provider", "Continue with Acme", "data-variant", "primary"},
		{"several are equals", login(button("oidc"), button("ldap")), "a.provider", "Continue with Acme", "data-variant", "outline"},
		{"provider that is down", login(down()), "button[disabled]", "Continue with Acme", "aria-describedby", "down-acme"},
		{"why it is down", login(down()), "#down-acme", "Acme cannot be reached right now. Please try again in a minute.", "", ""},
		{"no provider", login(), "[role=alert]", "No way to sign in is set up here. Please tell your administrator.", "", ""},
		{"information", views.Login{Notice: "You are signed out."}.Component(), ".notice", "You are signed out.", "role", "status"},
		{"refusal", views.Login{Notice: "No.", NoticeTone: "error"}.Component(), ".notice", "No.", "role", "alert"},
		{"demonstration", views.Login{Demo: true}.Component(), ".notice strong", "Demonstration.", "", ""},
		{"problem", problem(), "h1", "Not now", "", ""},
		{"status", problem(), "main p", "Error 502", "", ""},
		{"action", problem(), "main a", "Try now", "href", "/dagster/runs"},
		{"reference", problem(), ".reference code", "01ABC", "", ""},
		{"retry", problem(), "p[data-retry][hidden]", "This page goes on by itself.", "data-retry", "5"},
		{"wrong account", problem(), "form[method=post]", "Sign out", "action", "/dagster/auth/logout"},
		{"who is refused", problem(), "main strong", "ada@example.com", "", ""},
		{"account name", account(), "main .text-lg", "Ada", "", ""},
		{"account role", account(), ".role", "Role: editor", "", ""},
		{"account sign-out", account(), "form[method=post] button", "Sign out", "type", "submit"},
		{"account time in UTC", account(), "time", "1 Feb 2026, 02:04 UTC", "datetime", "2026-02-01T02:04:05Z"},
		{"current session", account(), "li .badge", "This browser", "", ""},
		{"folded groups", account(), "summary", "Show 3 more", "", ""},
		{"role at a location", scoped(), "#scopes > li p", "Role: editor", "", ""},
		{"location of a role", scoped(), "#scopes > li .chip", "marketing*", "", ""},
		{"permission at a location", scoped(), "#scopes > li:nth-child(2) .chip:contains(start_schedule)", "start_schedule", "", ""},
		{"a name stays", local(wrong), "#username", "", "value", "ada"},
		{"where to go on", local(wrong), "input[name=next]", "", "value", "/runs"},
		{"what went wrong", local(wrong), "form .notice", "No.", "role", "alert"},
		{"the password is what it is about", local(wrong), "#password", "", "aria-describedby", "wrong"},
		{"the news come first", local(wrong), "title", "Error: Sign in ·", "", ""},
		{"the form here", local(wrong), "form[action='/auth/login'] [type=submit]", "Sign in", "", ""},
		{"the form of a directory", directories(), "form[action='/auth/start/acme'] button[type=submit]", "Sign in with Acme", "data-variant", "primary"},
		{"the form here is folded below", directories(), "details summary", "Sign in with a local account", "", ""},
		{"a second form has its own ids", directories(), "details input[name=username]", "", "id", "username-2"},
		{"the button of a passkey", local(nil), "[data-passkey=signin]", "Sign in with a passkey", "data-next", "/runs"},
		{"when to try again", views.Problem{Wait: time.Minute}.Component(), "main p.font-medium", "You can try again in 60 seconds.", "", ""},
		{"setup token", views.Setup{Wrong: views.Wrong{"token": "No."}}.Component(), "#token-wrong", "Error: No.", "", ""},
		{"a sentence about no field of the page", views.Setup{Wrong: views.Wrong{"color": "No."}}.Component(), "form .notice", "No.", "", ""},
		{"a link asks first", views.Link{Token: "t", User: "Ada"}.Component(), "form[action='/auth/link'] button", "Continue as Ada", "", ""},
		{"a link brings its token", views.Link{Token: "t"}.Component(), "input[name=token]", "", "value", "t"},
		{"a link for a password", views.Link{NewPassword: true}.Component(), "input[name=password]", "", "autocomplete", "new-password"},
		{"code", factor(nil), "#code", "", "inputmode", "numeric"},
		{"a recovery code has letters", factor(nil), "#recovery", "", "inputmode", ""},
		{"a recovery code says what it is", factor(nil), "details input[name=as]", "", "value", "recovery"},
		{"a wrong recovery code", factor(views.Wrong{"recovery": "No."}), "details[open] #recovery-wrong", "Error: No.", "", ""},
		{"passkey as a factor", factor(nil), "[data-passkey=factor]", "Use a passkey", "data-finish", "/auth/mfa/passkey"},
		{"somebody else", factor(nil), "main a", "Sign in as somebody else", "href", "/auth/login?next=%2Fruns%3Fa%3Db"},
		{"an app while signing in", views.Enrol{Next: "/runs?a=b"}.Component(), "a.btn", "Set up an app", "href", "/auth/mfa/enrol/totp?next=%2Fruns%3Fa%3Db"},
		{"a passkey while signing in", views.Enrol{Passkeys: true}.Component(), "[data-passkey=enrol]", "Add a passkey", "data-begin", "/auth/mfa/enrol/passkey/begin"},
		{"an offer comes back sealed", views.TOTPOffer{Sealed: "s"}.Component(), "form[action='/auth/account/totp'] input[name=sealed]", "", "value", "s"},
		{"an offer while signing in", views.TOTPOffer{Halfway: true}.Component(), "form[action='/auth/mfa/enrol/totp'] [type=submit]", "Continue", "", ""},
		{"key for typing", views.TOTPOffer{Secret: "ABCDEFGHIJ"}.Component(), "dd code", "ABCD EFGH IJ", "", ""},
		{"recovery codes go on", views.RecoveryCodes{Continue: "/runs"}.Component(), "main a", "I have kept them", "href", "/runs"},
		{"confirm with a password", views.Confirm{Password: true}.Component(), "form[action='/auth/confirm'] #password", "", "autocomplete", "current-password"},
		{"confirm with a provider", views.Confirm{Provider: "Acme"}.Component(), "form[action='/auth/confirm/provider'] button", "Sign in again with Acme", "data-variant", "primary"},
		{"confirm for the account", views.Confirm{Next: "/auth/account/totp"}.Component(), "main a", "Back to your account", "href", "/auth/account"},
		{"confirm for the console", views.Confirm{Next: "/auth/admin/people"}.Component(), "main a", "Back to the console", "href", "/auth/admin"},
		{"confirm for Dagster", views.Confirm{Next: "/assets"}.Component(), "main a", "Back to Dagster", "href", "/"},
		{"what was done", ways(), "main > .notice", "Done.", "role", "status"},
		{"end a session", ways(), "form[action='/auth/account/sessions/end'] button", "End Firefox · 192.0.2.1", "", ""},
		{"the session that ends", ways(), "form[action='/auth/account/sessions/end'] input", "", "value", "s2"},
		{"the old password", ways(), "#old-password", "", "autocomplete", "current-password"},
		{"remove a factor", ways(), "form[action='/auth/account/factor/remove'] button", "Remove Phone", "", ""},
		{"a new app", ways(), "a[href='/auth/account/totp']", "Set up an app", "", ""},
		{"a new passkey", ways(), "[data-passkey=enrol]", "Add a passkey", "data-name-field", "passkey-name"},
		{"remove a linked account", ways(), "form[action='/auth/account/unlink'] button", "Remove Acme · ada@example.com", "", ""},
		{"link another", ways(), "form[action='/auth/account/link/acme'] button", "Link Acme", "type", "submit"},
		{"a slot stays within its address", odd(), "details form", "Username Password Show passwordSign in with Acme", "action", "/auth/start/..%2Fa%3Fb"},
		{"a slot to link as well", odd(), "section[aria-labelledby=linked] form", "Link Acme", "action", "/auth/account/link/..%2Fa%3Fb"},
		{"sign-out asks", views.SignOut{SignedInAs: "ada"}.Component(), "main form button", "Sign out", "type", "submit"},
		{"sign-out says who", views.SignOut{SignedInAs: "ada"}.Component(), "main strong", "ada", "", ""},
	} {
		found := parse(t, c.page).Find(c.selector).First()
		if got := text(found); found.Length() != 1 || got != c.text || found.AttrOr(c.attr, "") != c.val {
			t.Errorf("%s: %d of %q, %q, %s=%q", c.name, found.Length(), c.selector, got, c.attr, found.AttrOr(c.attr, ""))
		}
	}
}

// TestPagesCount looks for what must be there so often, or must not be there.
func TestPagesCount(t *testing.T) {
	for _, c := range []struct {
		name     string
		page     templ.Component
		selector string
		want     int
	}{
		{"a whole role is not told in pieces", scoped(), "#scopes .chip:contains(hidden)", 0},
		{"nothing at locations", account(), "#scopes", 0},
		{"every provider has its button", login(button("google"), button("github"), down()), ".provider", 3},
		{"one that is down cannot be followed", login(down()), "a.provider", 0},
		{"no notice unless there is one", login(button("oidc")), ".notice", 0},
		{"a real page is no demonstration", login(button("oidc")), ".notice", 0},
		{"no retry unless asked for", views.Problem{Title: "No"}.Component(), "meta[http-equiv]", 0},
		{"no reference unless there is one", views.Problem{Title: "No"}.Component(), ".reference", 0},
		{"no action unless there is one", views.Problem{Title: "No"}.Component(), "main a", 0},
		{"nobody signs out who is not signed in", views.Problem{Title: "No"}.Component(), "form", 0},
		{"all groups are on the page", account(), "section[aria-labelledby=access] .chip", 15},
		{"the first ones are not folded", account(), "details .chip", 3},
		{"an unknown time is left out", account(), "li time", 1},
		{"a password is off unless it is on", login(button("oidc")), "main input", 0},
		{"several ways have one line between them", views.Login{Providers: []views.ProviderButton{button("oidc")}, Password: &views.SignInForm{}, Passkeys: true}.Component(), ".or", 1},
		{"a directory that is down asks nothing", views.Login{Directories: []views.SignInForm{{Slot: "acme", Label: "Acme", Down: true}}}.Component(), "form", 0},
		{"a link to sign in wants no password", views.Link{}.Component(), "input:not([type=hidden])", 0},
		{"only a passkey, only its button", views.SecondFactor{Passkey: true}.Component(), "#code, #recovery", 0},
		{"no passkeys at this address", views.Enrol{}.Component(), "[data-passkey]", 0},
		{"an offer without a picture", views.TOTPOffer{URL: strings.Repeat("x", 4000)}.Component(), ".qr", 0},
		{"the session of this page is not ended here", ways(), "form[action='/auth/account/sessions/end']", 1},
		{"all others can be ended", ways(), "form[action='/auth/account/sessions/end-others']", 1},
		{"nobody has others to end", account(), "form[action='/auth/account/sessions/end-others']", 0},
		{"the last factor that is needed stays", views.Account{Factors: &views.Factors{Required: true, List: make([]views.Factor, 1)}}.Component(), "form[action='/auth/account/factor/remove']", 0},
		{"one of two may go", views.Account{Factors: &views.Factors{Required: true, List: make([]views.Factor, 2)}}.Component(), "form[action='/auth/account/factor/remove']", 2},
		{"the last linked account stays", views.Account{Linked: make([]views.LinkedAccount, 1)}.Component(), "form[action='/auth/account/unlink']", 0},
		{"no old password where there is none", views.Account{Password: &views.PasswordForm{}}.Component(), "#old-password", 0},
		{"nothing of what is off", account(), "#password-section, #factors, #linked", 0},
		{"sign-out is a form, never a link", account(), "a[href*=logout]", 0},
	} {
		if got := parse(t, c.page).Find(c.selector).Length(); got != c.want {
			t.Errorf("%s: %d of %q, want %d", c.name, got, c.selector, c.want)
		}
	}
}

func login(buttons ...views.ProviderButton) templ.Component {
	return views.Login{Site: views.Site{Name: "Dagpass"}, Providers: buttons}.Component()
}

func button(kind string) views.ProviderButton {
	return views.ProviderButton{Slot: "acme", Label: "Acme", Type: kind, Href: "/auth/start/google?next=%2Fruns"}
}

func down() views.ProviderButton {
	b := button("oidc")
	b.Down = true
	return b
}

// wrong is what a form says that came back.
var wrong = views.Wrong{"": "No."}

func local(w views.Wrong) templ.Component {
	return views.Login{Next: "/runs", Passkeys: true, Password: &views.SignInForm{Username: "ada", Wrong: w}}.Component()
}

func directories() templ.Component {
	return views.Login{Directories: []views.SignInForm{{Slot: "acme", Label: "Acme"}}, Password: &views.SignInForm{}}.Component()
}

func factor(w views.Wrong) templ.Component {
	return views.SecondFactor{User: "Ada", Next: "/runs?a=b", Code: true, Passkey: true, Recovery: true, Wrong: w}.Component()
}

// odd has a name of a provider that no address should follow.
func odd() templ.Component {
	return templ.Join(
		views.Login{Directories: []views.SignInForm{{}, {Slot: "../a?b", Label: "Acme"}}}.Component(),
		views.Account{LinkTo: []views.ProviderButton{{Slot: "../a?b", Label: "Acme"}}}.Component(),
	)
}

// ways is the account page of somebody with every way to sign in.
func ways() templ.Component {
	return views.Account{
		Notice: "Done.", Password: &views.PasswordForm{Username: "ada", Has: true},
		Sessions: []views.AccountSession{{ID: "s1", Current: true}, {ID: "s2", Device: "Firefox", Address: "192.0.2.1"}},
		Factors:  &views.Factors{List: []views.Factor{{ID: "f", Kind: "totp", Name: "Phone"}}, Passkeys: true},
		Linked:   []views.LinkedAccount{{ID: "i", Provider: "Acme", Who: "ada@example.com", Removable: true}},
		LinkTo:   []views.ProviderButton{{Slot: "acme", Label: "Acme"}},
	}.Component()
}

func problem() templ.Component {
	return views.Problem{
		Site: views.Site{Prefix: "/dagster", Name: "Dagpass"}, Status: 502, Title: "Not now", Message: "Later.",
		Reference: "01ABC", Action: "Try now", ActionHref: "/dagster/runs", RetrySeconds: 5, SignedInAs: "ada@example.com",
	}.Component()
}

func account() templ.Component {
	tokyo := time.FixedZone("Tokyo", 9*3600)
	return views.Account{
		Name: "Ada", Email: "ada@example.com", Role: "editor", Groups: make([]string, 15),
		SignedInAt: time.Date(2026, time.February, 1, 11, 4, 5, 0, tokyo), Permissions: nil,
		Sessions: []views.AccountSession{{Device: "Firefox", Current: true, Since: time.Unix(1e9, 0)}},
	}.Component()
}

func scoped() templ.Component {
	return views.Account{Scopes: []views.AccountScope{
		{Locations: []string{"marketing*"}, Role: "editor", Permissions: []string{"hidden"}},
		{Locations: []string{"sales"}, Permissions: []string{"start_schedule"}},
	}}.Component()
}
