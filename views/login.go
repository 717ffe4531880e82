package views

import (
	"net/url"
	"slices"
	"strconv"
)

// loginForm is one form of the sign-in page.
type loginForm struct {
	SignInForm
	Number int  // from 0; ids follow from it
	Main   bool // its button is the page's main one
	Focus  bool // the page begins in it
}

// forms lists the forms in their order: directories hold more people than we do.
func (p Login) forms() []loginForm {
	all := make([]loginForm, 0, len(p.Directories)+1)
	for _, d := range p.Directories {
		all = append(all, loginForm{SignInForm: d})
	}
	if p.Password != nil {
		local := *p.Password
		local.Slot = ""
		all = append(all, loginForm{SignInForm: local})
	}
	for i := range all {
		all[i].Number, all[i].Main = i, i == 0 && len(p.Providers) != 1
	}
	if begins := begin(all); begins >= 0 && (len(p.Providers) == 0 || len(all[begins].Wrong) > 0) {
		all[begins].Focus = true
	}
	return all
}

// begin finds the form that came back, else the first that is there.
func begin(all []loginForm) int {
	if i := slices.IndexFunc(all, func(f loginForm) bool { return len(f.Wrong) > 0 }); i >= 0 {
		return i
	}
	return slices.IndexFunc(all, func(f loginForm) bool { return !f.Down })
}

// title tells the news of the form that came back.
func (p Login) title() string {
	for _, f := range p.forms() {
		if len(f.Wrong) > 0 {
			return f.Wrong.title("Sign in")
		}
	}
	return "Sign in"
}

// none tells that there is no way in at all.
func (p Login) none() bool {
	return len(p.Providers)+len(p.Directories) == 0 && p.Password == nil && !p.Passkeys
}

// lead says what the choice is about.
func (p Login) lead() string {
	forms := p.forms()
	switch {
	case len(p.Providers) > 1, len(p.Providers) == 1 && len(forms) > 0:
		return "Choose the account that you want to continue with."
	case len(p.Providers) == 1:
		return "You will be sent to sign in and brought straight back."
	case len(forms) > 0 && forms[0].Slot != "":
		return "With the name and the password of " + forms[0].Label + "."
	}
	return ""
}

// action is where the form goes, below the prefix.
func (f loginForm) action() string {
	if f.Slot == "" {
		return "/auth/login"
	}
	return "/auth/start/" + url.PathEscape(f.Slot)
}

func (f loginForm) title() string {
	if f.Slot == "" {
		return "Sign in with a local account"
	}
	return "Sign in with " + f.Label
}

func (f loginForm) button() string {
	if f.Slot == "" {
		return "Sign in"
	}
	return f.title()
}

// id makes an id that is the page's only one.
func (f loginForm) id(name string) string {
	if f.Number == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(f.Number+1)
}

func (f loginForm) usernameField() input {
	i := input{
		ID: f.id("username"), Name: "username", Label: "Username or e-mail address", Value: f.Username, Wrong: f.Wrong["username"],
		Autocomplete: "username", Plain: true, Focus: f.Focus && (f.Username == "" || f.Wrong["username"] != ""),
	}
	if f.Slot != "" {
		i.Label = "Username"
	}
	return i
}

// passwordField is where whoever mistyped goes on: the name is there already.
func (f loginForm) passwordField() input {
	i := input{
		ID: f.id("password"), Name: "password", Type: "password", Label: "Password", Wrong: f.Wrong["password"],
		Autocomplete: "current-password", Plain: true,
	}
	i.Focus = f.Focus && !f.usernameField().Focus
	if f.Wrong.whole("username", "password") != "" {
		i.About = f.id("wrong")
	}
	return i
}
