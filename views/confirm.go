package views

import "strings"

// back is where somebody goes who would rather not confirm, and what the link
// says.
func (p Confirm) back() (address, text string) {
	if strings.HasPrefix(p.Next, p.path("/auth/account")) {
		return p.path("/auth/account"), "Back to your account"
	}
	if strings.HasPrefix(p.Next, p.path("/auth/admin")) {
		return p.path("/auth/admin"), "Back to the console"
	}
	return p.path("/"), "Back to Dagster"
}
