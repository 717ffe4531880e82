package views

import (
	"net/url"

	"github.com/a-h/templ"
)

func (p Account) title() string {
	if p.Password != nil {
		return p.Password.Wrong.title("Account")
	}
	return "Account"
}

// linkAddress is where the button of another provider goes.
func (p Account) linkAddress(b ProviderButton) templ.SafeURL {
	return templ.URL(p.path("/auth/account/link/" + url.PathEscape(b.Slot)))
}

// focusNew tells that the old password was right and the new one is not.
func (p PasswordForm) focusNew() bool {
	return p.Wrong["password"] != "" && p.Wrong["old_password"] == ""
}

func (p PasswordForm) button() string {
	if p.Has {
		return "Change password"
	}
	return "Set password"
}

// lead says how things stand.
func (f Factors) lead() string {
	switch {
	case len(f.List) > 0:
		return "Besides your password, or your account at a provider, one of these proves that it is you."
	case f.Required:
		return "You need one here."
	}
	return "You have none. With one, nobody signs in as you who only knows your password."
}

// removable tells whether one may be removed and leave enough.
func (f Factors) removable() bool { return !f.Required || len(f.List) > 1 }

// kind is what a factor is in words.
func (f Factor) kind() string {
	if f.Kind == "passkey" {
		return "Passkey"
	}
	return "Authenticator app"
}

// recoveryText says how many recovery codes are left.
func recoveryText(left int) string {
	if left == 0 {
		return "No recovery codes are left"
	}
	return count(float64(left), "recovery code") + " left"
}
