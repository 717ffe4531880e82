package main

import (
	"context"
	"fmt"
)

// noAdmin is why a start is refused where nobody could get in as admin.
const noAdmin = prefix + "PASSWORD_LOGIN is false, and nobody could be admin: the database has no admin, and neither " + prefix +
	"ADMIN_EMAILS nor a grant of the policy makes one"

// found makes sure that somebody can be admin, before anything is served: from
// the environment, or else by a token that whoever reads the log has.
func (a *app) found(ctx context.Context, io stdio) error {
	if a.cfg.Bootstrap.Username != "" {
		if err := a.identity.Bootstrap(ctx, a.cfg.Bootstrap.Username, a.cfg.Bootstrap.Password.Reveal()); err != nil {
			return err
		}
	}
	if !a.cfg.PasswordLogin {
		return a.mustHaveAdmin(ctx)
	}
	return a.offerSetup(ctx, io)
}

func (a *app) mustHaveAdmin(ctx context.Context) error {
	claimed, err := a.identity.Claimed(ctx)
	if err == nil && !claimed {
		return &configError{[]string{noAdmin}}
	}
	return err
}

// offerSetup puts a new token into the log, also on a line of its own, where a
// person and a script find it whatever the format of the log is.
func (a *app) offerSetup(ctx context.Context, io stdio) error {
	token, err := a.identity.OfferSetup(ctx)
	if err != nil || token == "" {
		return err
	}
	a.log.Warn("there is no admin yet: open the address and claim this installation with the setup token of the next line",
		"url", a.site.Link("/auth/setup"))
	_, err = fmt.Fprintf(io.Err, "setup token: %s\n", token.Reveal())
	return err
}
