package gallery

import (
	"strconv"
	"strings"
	"time"

	"github.com/dagpass/dagpass/views"
)

// wrongName is what a form says that came back with a wrong name or password.
func wrongName() views.Wrong { return views.Wrong{"": "The name or the password is wrong."} }

// short is what a form says about a password that will not do.
func short() views.Wrong { return views.Wrong{"password": "A password has 12 characters or more."} }

func localLogins() []Page {
	page := func(name string, p views.Login) Page { return Page{"login-" + name, p.Prefix, p.Component()} }
	local := &views.SignInForm{}
	return []Page{
		page("password", views.Login{Site: site(), Next: "/runs", Password: local}),
		page("passkey", views.Login{Site: site(), Next: "/runs", Password: local, Passkeys: true}),
		page("wrong", views.Login{
			Site: site(), Next: "/runs", Passkeys: true, Password: &views.SignInForm{Username: "ada", Wrong: wrongName()},
		}),
		page("one-and-password", views.Login{Site: site(), Providers: providers()[:1], Password: local, Passkeys: true}),
		page("three-and-password", views.Login{Site: site(), Providers: providers(), Password: local, Passkeys: true}),
		page("directory", views.Login{Site: site(), Directories: directories()}),
		page("directory-and-password", views.Login{Site: site(), Directories: directories(), Password: local, Passkeys: true}),
		page("everything", views.Login{Site: site(), Providers: oneDown(), Directories: directories(), Password: local, Passkeys: true}),
		page("second-form-wrong", views.Login{
			Site: site(), Directories: directories(), Password: &views.SignInForm{Username: "ada", Wrong: wrongName()},
		}),
		page("directory-down", views.Login{
			Site: site(), Directories: []views.SignInForm{{Slot: "ldap", Label: "Acme directory", Down: true}}, Password: local,
		}),
		page("forms-hostile", views.Login{
			Site: prefixed(), Next: Markup, Passkeys: true, Password: &views.SignInForm{Username: Markup, Wrong: hostile("username", "password", "other")},
			Directories: []views.SignInForm{{Slot: Markup, Label: Markup, Username: Markup, Wrong: hostile("username", "")}, {Slot: "down", Label: Markup, Down: true}},
		}),
	}
}

func directories() []views.SignInForm {
	return []views.SignInForm{{Slot: "ldap", Label: "Acme directory"}}
}

// hostile has markup at every field named.
func hostile(fields ...string) views.Wrong {
	w := views.Wrong{}
	for _, f := range fields {
		w[f] = Markup
	}
	return w
}

func setups() []Page {
	page := func(name string, p views.Setup) Page { return Page{"setup-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("empty", views.Setup{Site: site()}),
		page("wrong", views.Setup{Site: site(), Username: "ada lovelace", FullName: "Ada Lovelace", Email: "ada@example", Wrong: views.Wrong{
			"token":    "This is not the setup token. It stands in the log of the server.",
			"username": "A name has 1 to 64 letters, digits or marks, and no blanks; with an @ it is the account's e-mail address.",
			"email":    "This is not an e-mail address.",
			"password": "This password is one of those that are tried first. Please choose another one.",
		}}),
		page("hostile", views.Setup{
			Site: prefixed(), Username: Markup, FullName: Markup, Email: Markup, Wrong: hostile("token", "username", "name", "email", "password", ""),
		}),
	}
}

func links() []Page {
	page := func(name string, p views.Link) Page { return Page{"link-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("sign-in", views.Link{Site: site(), Token: "q3Zk", User: "Ada Lovelace"}),
		page("password", views.Link{Site: site(), Token: "q3Zk", User: "Ada Lovelace", Username: "ada", NewPassword: true}),
		page("password-wrong", views.Link{Site: site(), Token: "q3Zk", User: "Ada Lovelace", Username: "ada", NewPassword: true, Wrong: short()}),
		page("hostile", views.Link{Site: prefixed(), Token: Markup, User: Markup, Username: Markup, NewPassword: true, Wrong: hostile("password", "")}),
	}
}

func secondFactors() []Page {
	page := func(name string, p views.SecondFactor) Page { return Page{"factor-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("code", views.SecondFactor{Site: site(), User: "Ada Lovelace", Next: "/runs", Code: true, Recovery: true}),
		page("both", views.SecondFactor{Site: site(), User: "Ada Lovelace", Next: "/runs", Code: true, Passkey: true, Recovery: true}),
		page("passkey", views.SecondFactor{Site: site(), User: "Ada Lovelace", Next: "/runs", Passkey: true, Recovery: true}),
		page("wrong-code", views.SecondFactor{
			Site: site(), User: "Ada Lovelace", Next: "/runs", Code: true, Recovery: true, Wrong: views.Wrong{"code": "This code is wrong, or was used before."},
		}),
		page("wrong-recovery", views.SecondFactor{
			Site: site(), User: "Ada Lovelace", Next: "/runs", Code: true, Recovery: true, Wrong: views.Wrong{"recovery": "This code is wrong, or was used before."},
		}),
		page("hostile", views.SecondFactor{
			Site: prefixed(), User: Markup, Next: Markup, Code: true, Passkey: true, Recovery: true, Wrong: hostile("code", "recovery", ""),
		}),
	}
}

func enrolments() []Page {
	secret := "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	address := "otpauth://totp/Dagpass%20(dagster.example.com):ada?algorithm=SHA1&digits=6&issuer=Dagpass%20(dagster.example.com)&period=30&secret=" + secret
	offer := views.TOTPOffer{Site: site(), Secret: secret, URL: address, Sealed: "sealed", FactorName: "Authenticator app", Next: "/runs"}
	halfway, wrong := offer, offer
	halfway.Halfway = true
	wrong.Wrong = views.Wrong{"code": "This code is wrong, or was used before."}
	return []Page{
		{"enrol-choice", "", views.Enrol{Site: site(), User: "Ada Lovelace", Next: "/runs", Passkeys: true, PasskeyName: "Firefox on Linux"}.Component()},
		{"enrol-app-only", "", views.Enrol{Site: site(), User: "Ada Lovelace", Next: "/runs"}.Component()},
		{"enrol-hostile", "/dagster", views.Enrol{Site: prefixed(), User: Markup, Next: Markup, Passkeys: true, PasskeyName: Markup}.Component()},
		{"totp-account", "", offer.Component()},
		{"totp-halfway", "", halfway.Component()},
		{"totp-wrong", "", wrong.Component()},
		{"totp-no-picture", "", views.TOTPOffer{Site: site(), Secret: secret, URL: strings.Repeat("x", 4000), Sealed: "sealed"}.Component()},
		{"totp-hostile", "/dagster", views.TOTPOffer{
			Site: prefixed(), Secret: Markup, URL: Markup, Sealed: Markup, FactorName: Markup, Next: Markup, Wrong: hostile("code", "name", ""),
		}.Component()},
		{"recovery-codes", "", views.RecoveryCodes{Site: site(), Codes: codes(), Continue: "/auth/account"}.Component()},
		{"recovery-codes-hostile", "/dagster", views.RecoveryCodes{Site: prefixed(), Codes: []string{Markup}, Continue: "javascript:alert(1)"}.Component()},
	}
}

func codes() []string {
	var list []string
	for i := range 10 {
		list = append(list, "k7qd-m2x"+strconv.Itoa(i)+"-wvt4-9hce")
	}
	return list
}

func confirmations() []Page {
	page := func(name string, p views.Confirm) Page { return Page{"confirm-" + name, p.Prefix, p.Component()} }
	return []Page{
		page("password", views.Confirm{Site: site(), User: "Ada Lovelace", Username: "ada", Next: "/auth/account", Password: true}),
		page("password-wrong", views.Confirm{
			Site: site(), User: "Ada Lovelace", Username: "ada", Next: "/auth/account", Password: true, Wrong: views.Wrong{"password": "This password is wrong."},
		}),
		page("code", views.Confirm{Site: site(), User: "Ada Lovelace", Next: "/assets", Code: true, Recovery: true}),
		page("passkey", views.Confirm{Site: site(), User: "Ada Lovelace", Next: "/assets", Passkey: true, Recovery: true}),
		page("both", views.Confirm{Site: site(), User: "Ada Lovelace", Next: "/assets", Code: true, Passkey: true, Recovery: true}),
		page("provider", views.Confirm{Site: site(), User: "Ada Lovelace", Next: "/assets", Provider: "Acme single sign-on"}),
		page("code-or-provider", views.Confirm{Site: site(), User: "Ada Lovelace", Next: "/assets", Code: true, Recovery: true, Provider: "Acme single sign-on"}),
		page("hostile", views.Confirm{
			Site: prefixed(), User: Markup, Username: Markup, Next: Markup, Password: true, Code: true, Passkey: true, Recovery: true,
			Provider: Markup, Wrong: hostile("password", "code", "recovery", ""),
		}),
	}
}

// localAccount is the account page of somebody who has everything.
func localAccount() views.Account {
	return views.Account{
		Site: site(), Name: "Ada Lovelace", Email: "ada@example.com", Provider: "Password", Role: "admin",
		Sessions: sessions(), Permissions: permissions(), SignedInAt: at(0), ExpiresAt: at(24 * time.Hour),
		Password: &views.PasswordForm{Username: "ada", Has: true},
		Factors:  &views.Factors{List: factors(), Recovery: 8, Passkeys: true, PasskeyName: "Firefox on Linux"},
		Linked:   linked(), LinkTo: providers()[1:],
	}
}

func localAccounts() []Page {
	page := func(name string, p views.Account) Page { return Page{"account-" + name, p.Prefix, p.Component()} }
	changed, wrong, none, provider, bad := localAccount(), localAccount(), localAccount(), localAccount(), localAccount()
	changed.Notice = "Password changed. 3 other sessions ended."
	wrong.Password.Wrong = views.Wrong{"old_password": "This is not your password.", "password": "A password has 12 characters or more."}
	wrong.Notice, wrong.NoticeTone = "You need a second factor here. Set up another one before you remove this one.", "error"
	none.Factors, none.Linked, none.Sessions = &views.Factors{Required: true}, linked()[:1], sessions()[:1]
	none.Password.Has = false
	provider.Password, provider.Factors, provider.LinkTo = nil, nil, nil
	bad.Site, bad.Notice, bad.Password = prefixed(), Markup, &views.PasswordForm{Username: Markup, Has: true, Wrong: hostile("old_password", "password", "")}
	bad.Factors = &views.Factors{List: []views.Factor{{ID: Markup, Kind: Markup, Name: Markup}, {ID: "2", Name: strings.Repeat("long", 60)}}, Passkeys: true, PasskeyName: Markup}
	bad.Linked = []views.LinkedAccount{{ID: Markup, Provider: Markup, Type: Markup, Who: Markup, Removable: true}}
	bad.LinkTo = []views.ProviderButton{{Slot: Markup, Label: Markup, Type: Markup}, {Slot: "down", Label: Markup, Down: true}}
	return []Page{
		page("local", localAccount()), page("changed", changed), page("wrong", wrong), page("no-factor", none),
		page("provider-only", provider), page("ways-hostile", bad),
	}
}

func factors() []views.Factor {
	return []views.Factor{
		{ID: "1", Kind: "totp", Name: "Authenticator app", Added: at(-200 * time.Hour), LastUsed: at(0)},
		{ID: "2", Kind: "passkey", Name: "Firefox on Linux", Added: at(-100 * time.Hour)},
	}
}

func linked() []views.LinkedAccount {
	return []views.LinkedAccount{
		{ID: "1", Provider: "Password", Who: "ada", Since: at(-900 * time.Hour)},
		{ID: "2", Provider: "Google", Type: "google", Who: "ada@example.com", Since: at(-100 * time.Hour), Removable: true},
	}
}
