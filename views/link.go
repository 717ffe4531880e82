package views

// title is what the link is for.
func (p Link) title() string {
	if p.NewPassword {
		return "Choose a password"
	}
	return "Sign in to Dagster"
}

func (p Link) button() string {
	if p.NewPassword {
		return "Save and sign in"
	}
	return "Continue as " + p.User
}
