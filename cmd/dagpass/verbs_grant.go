package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

type grantAddVerb struct {
	Role     string   `arg:"" help:"The role to give: viewer, launcher, editor, admin or a role of the policy file."`
	Email    string   `help:"To whom a provider has verified this address." placeholder:"ADDRESS"`
	Domain   string   `help:"To whoever has an address of this domain."`
	Slot     string   `help:"Only to whom this provider vouches for."`
	Group    string   `help:"To this group of the provider."`
	Org      string   `help:"To this GitHub organisation."`
	Team     string   `help:"To this GitHub team, as org/team."`
	Location []string `help:"Only at these code locations, in which * stands for any characters; repeatable. Without it in the whole deployment." sep:"none" placeholder:"NAME"`
	DryRun   bool     `help:"Say who would gain and who would lose what, and change nothing."`
}

// Run gives a role to whoever matches everything that was named.
func (v grantAddVerb) Run(ctx context.Context, env environment, io stdio) error {
	g := models.Grant{Email: v.Email, Domain: v.Domain, Slot: v.Slot, Group: v.Group, Org: v.Org, Team: v.Team, Role: policy.Role(v.Role)}
	for _, l := range v.Location {
		g.Locations = append(g.Locations, policy.Pattern(l))
	}
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if v.DryRun {
			p, err := s.PreviewGrant(ctx, []models.Grant{g}, nil)
			return printPreview(io.Out, p, err)
		}
		made, err := s.AddGrant(ctx, g)
		if err == nil {
			_, err = fmt.Fprintln(io.Out, ruleLine{"grant " + made.ID, made.Rule().String()})
		}
		return err
	})
}

type grantRemoveVerb struct {
	ID     string `arg:"" help:"The grant's id, as dagpass policy grant list tells it."`
	DryRun bool   `help:"Say who would lose what, and change nothing."`
}

// Run takes a grant away.
func (v grantRemoveVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if v.DryRun {
			p, err := s.PreviewGrant(ctx, nil, []string{v.ID})
			return printPreview(io.Out, p, err)
		}
		return s.RemoveGrant(ctx, v.ID)
	})
}

type grantListVerb struct {
	JSON bool `help:"Print JSON."`
}

// grantLine is a grant as it is listed.
type grantLine struct {
	ID        string           `json:"id"`
	Slot      string           `json:"slot,omitempty"`
	Email     string           `json:"email,omitempty"`
	Domain    string           `json:"domain,omitempty"`
	Group     string           `json:"group,omitempty"`
	Org       string           `json:"org,omitempty"`
	Team      string           `json:"team,omitempty"`
	Role      policy.Role      `json:"role"`
	Locations []policy.Pattern `json:"locations"`
	CreatedAt time.Time        `json:"created_at"`
	CreatedBy string           `json:"created_by"`
	// Broken is the reason why it gives nothing.
	Broken string `json:"broken,omitempty"`
	text   string
}

// Run lists the grants that are kept in the database.
func (v grantListVerb) Run(ctx context.Context, env environment, io stdio) error {
	return operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		all, err := s.Grants(ctx)
		lines := make([]grantLine, len(all))
		for i, g := range all {
			lines[i] = grantLine{g.ID, g.Slot, g.Email, g.Domain, g.Group, g.Org, g.Team, g.Role, append([]policy.Pattern{}, g.Locations...), g.CreatedAt, g.By, g.Broken, g.Text}
		}
		switch {
		case err != nil:
			return err
		case v.JSON:
			return json.NewEncoder(io.Out).Encode(lines)
		}
		return printGrants(io.Out, lines)
	})
}

func printGrants(w io.Writer, lines []grantLine) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tMADE\tBY\tGRANT\tSTATE")
	for _, g := range lines {
		state := "holds"
		if g.Broken != "" {
			state = "gives nothing: " + g.Broken
		}
		fmt.Fprintf(t, "%s\t%s\t%q\t%s\t%s\n", g.ID, g.CreatedAt.Format(time.DateOnly), g.CreatedBy, g.text, state)
	}
	return t.Flush()
}

// printPreview says who gains and who loses what. Names are quoted: somebody
// could have one that steers a terminal.
func printPreview(w io.Writer, p identity.Preview, err error) error {
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "gain %d, lose %d, come to be let in %d, can no longer enter %d; sessions that end: %d\n", p.Gain, p.Lose, p.In, p.Out, p.Sessions)
	if p.NoAdmin {
		fmt.Fprintln(w, "this takes the last admin away, and would be refused")
	}
	for _, l := range p.Lines {
		fmt.Fprintf(w, "%q %q by %s: %s, then %s\n", l.User.Name, l.User.Email, l.Slot, inOrNot(l.Was, l.Before), inOrNot(l.Is, l.After))
		for _, what := range l.Loses {
			fmt.Fprintf(w, "  - %s\n", what)
		}
		for _, what := range l.Gains {
			fmt.Fprintf(w, "  + %s\n", what)
		}
	}
	if p.More {
		fmt.Fprintf(w, "and more people: %d are shown\n", len(p.Lines))
	}
	return nil
}

func inOrNot(in bool, role policy.Role) string {
	if !in {
		return "not let in"
	}
	return cmp.Or(string(role), "no whole role")
}
