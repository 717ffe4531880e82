package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// one is the account that a verb is about.
type one struct {
	Who string `arg:"" help:"The account's username, name, e-mail or id."`
}

// act does something to the one account that is meant.
func (o one) act(ctx context.Context, env environment, io stdio, do func(context.Context, *identity.Service, models.User) error) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		return onOne(ctx, s, o.Who, func(u models.User) error { return do(ctx, s, u) })
	})
}

// onOne acts on the one account that a text names: names and addresses are not
// unique, and the wrong person must not be barred.
func onOne(ctx context.Context, s *identity.Service, who string, do func(models.User) error) error {
	if who == "" {
		return usageError{errors.New("an account has no empty name")} // as from a script whose variable is not set
	}
	found, err := s.Users(ctx, who)
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("no account is called %q", who)
	case 1:
		return do(found[0])
	}
	return fmt.Errorf("%d accounts are called %q; name one by its id (dagpass user list)", len(found), who)
}

type userListVerb struct {
	Who  string `arg:"" optional:"" help:"Only accounts with this username, name, e-mail or id."`
	JSON bool   `help:"Print JSON."`
}

// userLine is an account as it is listed.
type userLine struct {
	ID string `json:"id"`
	// Username is empty for those who sign in at a provider alone.
	Username string `json:"username"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	// Role is the assigned one; rules of the policy may give more.
	Role      policy.Role `json:"role"`
	Factors   int         `json:"factors"`
	CreatedAt time.Time   `json:"created_at"`
	Disabled  bool        `json:"disabled"`
}

// Run lists accounts.
func (v userListVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		users, err := s.Users(ctx, v.Who)
		if err != nil {
			return err
		}
		lines := make([]userLine, len(users))
		for i, u := range users {
			if lines[i], err = lineOf(ctx, s, u); err != nil {
				return err
			}
		}
		return printUsers(io.Out, lines, v.JSON)
	})
}

func lineOf(ctx context.Context, s *identity.Service, u models.User) (userLine, error) {
	line := userLine{ID: u.ID, Name: u.Name, Email: u.Email, Role: u.Role, CreatedAt: u.CreatedAt, Disabled: u.Disabled()}
	credential, err := s.Store.CredentialOf(ctx, u.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return line, err
	}
	line.Username = credential.Username
	factors, _, err := s.FactorsOf(ctx, u.ID)
	line.Factors = len(factors)
	return line, err
}

func printUsers(w io.Writer, lines []userLine, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(lines)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tUSERNAME\tNAME\tE-MAIL\tROLE\tFACTORS\tCREATED\tSTATE")
	for _, u := range lines {
		state := map[bool]string{false: "active", true: "disabled"}[u.Disabled]
		fmt.Fprintf(t, "%s\t%s\t%q\t%q\t%s\t%d\t%s\t%s\n", u.ID, quoted(u.Username), u.Name, u.Email, cmp.Or(u.Role, "-"), u.Factors, u.CreatedAt.Format(time.DateOnly), state)
	}
	return t.Flush()
}

// quoted is a name that cannot steer a terminal; a dash where there is none.
func quoted(name string) string {
	if name == "" {
		return "-"
	}
	return strconv.Quote(name)
}

type userAddVerb struct {
	Username      string `arg:"" help:"What they sign in with."`
	Name          string `help:"What pages call them." placeholder:"NAME"`
	Email         string `help:"Their address, which they can sign in with too. No rule of the policy looks at it." placeholder:"ADDRESS"`
	Role          string `help:"The role to assign; none leaves it to DAGPASS_DEFAULT_ROLE." default:"none"`
	PasswordStdin bool   `help:"Read a password from standard input in place of making a link."`
}

// Run makes an account, and a link for its owner.
func (v userAddVerb) Run(ctx context.Context, env environment, io stdio) error {
	password, err := v.password(io)
	if err != nil {
		return err
	}
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if !s.PasswordLogin {
			return errNoAccounts
		}
		u, err := s.AddAccount(ctx, identity.NewAccount{Username: v.Username, Name: v.Name, Email: v.Email, Role: roleNamed(v.Role)})
		if err != nil {
			return err
		}
		if !v.PasswordStdin {
			return printLink(ctx, s, u, models.LinkPassword, io)
		}
		_, err = s.SetPassword(ctx, u.ID, password)
		return err
	})
}

var errNoAccounts = errors.New(prefix + "PASSWORD_LOGIN is false: nobody signs in with a password, so that there are no local accounts to make")

func (v userAddVerb) password(io stdio) (string, error) {
	if !v.PasswordStdin {
		return "", nil
	}
	return readLine(io.In)
}

// roleNamed is a role as it is typed.
func roleNamed(name string) policy.Role {
	if name == "none" {
		return policy.None
	}
	return policy.Role(name)
}

type userSetRoleVerb struct {
	one
	Role string `arg:"" help:"viewer, launcher, editor, admin, a role of the policy file, or none."`
}

// Run assigns a role and says what it comes to.
func (v userSetRoleVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error {
		set, err := s.SetRole(ctx, u.ID, roleNamed(v.Role))
		if err != nil {
			return err
		}
		return printRole(io.Out, s.Policy(), set)
	})
}

// printRole says the rules as well, where they give more than was assigned.
func printRole(w io.Writer, p *policy.Policy, set identity.RoleSet) error {
	fmt.Fprintf(w, "assigned %s; in the whole deployment that makes %s\n", cmp.Or(set.Assigned, "none"), roleWord(set.Effective))
	if set.Effective == set.Assigned {
		return nil
	}
	for _, name := range slices.DeleteFunc(set.Rules, func(name string) bool { return name == "assigned_role" }) {
		if _, err := fmt.Fprintf(w, "by %s\n", ruleLine{name, p.Text(name)}); err != nil {
			return err
		}
	}
	return nil
}

type userSetPasswordVerb struct{ one }

// Run sets a password that is asked for, so that it stands in no list of
// processes and no history of a shell.
func (v userSetPasswordVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error {
		if !s.PasswordLogin {
			return errNoAccounts
		}
		password, err := askPassword(io)
		if err != nil {
			return err
		}
		ended, err := s.SetPassword(ctx, u.ID, password)
		if err == nil {
			fmt.Fprintf(io.Out, "the password is set; %s\n", sessionsEnded(ended))
		}
		return noAccount(u, err)
	})
}

// noAccount says what is not there, of somebody who signs in at a provider alone.
func noAccount(u models.User, err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("%q has no local account, and so no password", u.Label())
	}
	return err
}

func sessionsEnded(n int64) string {
	if n == 1 {
		return "1 session ended"
	}
	return fmt.Sprintf("%d sessions ended", n)
}

type userDisableVerb struct{ one }

// Run bars somebody.
func (v userDisableVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error { return s.Disable(ctx, u.ID) })
}

type userEnableVerb struct{ one }

// Run lets somebody in again.
func (v userEnableVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error { return s.Enable(ctx, u.ID) })
}

type userDeleteVerb struct{ one }

// Run removes an account.
func (v userDeleteVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error { return s.Delete(ctx, u.ID) })
}

type userResetMFAVerb struct{ one }

// Run removes somebody's second factors.
func (v userResetMFAVerb) Run(ctx context.Context, env environment, io stdio) error {
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error {
		removed, err := s.ResetFactors(ctx, u.ID)
		if err == nil {
			fmt.Fprintf(io.Out, "second factors removed: %d, and all recovery codes; the sessions ended\n", removed)
		}
		return err
	})
}

type userLinkVerb struct {
	one
	Password bool `help:"A link to choose a password, for a local account, in place of one that signs in at once."`
}

// Run makes a one-time link.
func (v userLinkVerb) Run(ctx context.Context, env environment, io stdio) error {
	purpose := map[bool]models.LinkPurpose{false: models.LinkSignIn, true: models.LinkPassword}[v.Password]
	return v.act(ctx, env, io, func(ctx context.Context, s *identity.Service, u models.User) error {
		return printLink(ctx, s, u, purpose, io)
	})
}

// printLink prints the address alone to standard output, for whoever pipes it
// on, and what it is to standard error.
func printLink(ctx context.Context, s *identity.Service, u models.User, purpose models.LinkPurpose, io stdio) error {
	if s.Site.URL.Port() == "0" {
		return usagef("the server's port is chosen at its start, so that nobody knows the link's address; set %sPUBLIC_URL", prefix)
	}
	if u.Disabled() {
		return fmt.Errorf("%q is disabled; a link would let nobody in", u.Label())
	}
	if purpose == models.LinkPassword && !s.PasswordLogin {
		return errNoAccounts
	}
	address, err := s.MakeLink(ctx, u.ID, purpose)
	if err != nil {
		return noAccount(u, err)
	}
	fmt.Fprintln(io.Out, address)
	_, err = fmt.Fprintln(io.Err, linkWords(purpose, u))
	return err
}

func linkWords(purpose models.LinkPurpose, u models.User) string {
	if purpose == models.LinkPassword {
		return fmt.Sprintf("With this link %q chooses a password and signs in. It works once, within 72 hours; who makes and who uses it is recorded.", u.Label())
	}
	return fmt.Sprintf("With this link whoever has it signs in as %q. It works once, within 15 minutes; that it was made and who uses it is recorded.", u.Label())
}

type userMergeVerb struct {
	From string `arg:"" help:"The account that goes: its username, name, e-mail or id."`
	Into string `arg:"" help:"The account that stays."`
}

// Run makes one account of two of the same person.
func (v userMergeVerb) Run(ctx context.Context, env environment, io stdio) error {
	return one{v.From}.act(ctx, env, io, func(ctx context.Context, s *identity.Service, from models.User) error {
		return onOne(ctx, s, v.Into, func(into models.User) error {
			moved, err := s.Merge(ctx, from.ID, into.ID)
			if err == nil {
				fmt.Fprintf(io.Out, "accounts at providers that now belong to %q: %d; %q is gone\n", into.Label(), moved, from.Label())
			}
			return err
		})
	})
}
