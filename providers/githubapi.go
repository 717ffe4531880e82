package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxPages bounds how far a list is followed, at a hundred entries a page. A
// longer list is an error, since half a list would be a wrong answer.
const maxPages = 50

// askAPI adds to a claim what GitHub's API knows. Every failure is one of the
// sign-in: a list that could not be read to its end proves nothing.
func (g *GitHub) askAPI(ctx context.Context, token string, claim Claim) (Claim, error) {
	emails, err := list[email](ctx, g, "/user/emails", token)
	if err != nil {
		return Claim{}, outage(ReasonEmails, "%w", err)
	}
	hear(ctx, "emails", map[string]any{"emails": emails})
	claim.Email = verifiedOf(emails)
	claim.EmailVerified = claim.Email != ""
	if !claim.EmailVerified {
		return Claim{}, refused(ReasonUnverified, "no address at GitHub is verified")
	}
	if !g.cfg.wantsOrgs() {
		return claim, nil
	}
	return g.askOrgs(ctx, token, claim)
}

func (g *GitHub) askOrgs(ctx context.Context, token string, claim Claim) (Claim, error) {
	orgs, err := list[organisation](ctx, g, "/user/orgs", token)
	if err != nil {
		return Claim{}, outage(ReasonOrgs, "%w", err)
	}
	teams, err := list[team](ctx, g, "/user/teams", token)
	if err != nil {
		return Claim{}, outage(ReasonOrgs, "%w", err)
	}
	hear(ctx, "orgs", map[string]any{"orgs": orgs})
	hear(ctx, "teams", map[string]any{"teams": teams})
	for _, o := range orgs {
		claim.Orgs = append(claim.Orgs, o.Login)
	}
	for _, t := range teams {
		claim.Teams = append(claim.Teams, t.Organization.Login+"/"+t.Slug)
	}
	return claim, nil
}

type email struct {
	Email    string `json:"email"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"`
}

// verifiedOf prefers the primary address. The public address of the profile is
// not asked: nothing says that it is verified.
func verifiedOf(all []email) string {
	var first string
	for _, e := range all {
		switch {
		case e.Verified && e.Primary:
			return e.Email
		case e.Verified && first == "":
			first = e.Email
		}
	}
	return first
}

type organisation struct {
	Login string `json:"login"`
}

// check refuses names that would read as something else in an "org/team".
func (o organisation) check() error { return checkName(o.Login) }

type team struct {
	Slug         string       `json:"slug"`
	Organization organisation `json:"organization"`
}

func (t team) check() error { return errors.Join(checkName(t.Slug), t.Organization.check()) }

func (e email) check() error {
	if e.Email == "" {
		return errors.New("an address is empty")
	}
	return nil
}

func checkName(name string) error {
	if name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%.64q is not the name of an organisation or team", name)
	}
	return nil
}

// list reads all pages of a list.
func list[T interface{ check() error }](ctx context.Context, g *GitHub, path, token string) ([]T, error) {
	var all []T
	next := g.cfg.api() + path + "?per_page=100"
	for range maxPages {
		var page []T
		header, err := getJSON(ctx, g.client, next, token, &page)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			if err := one.check(); err != nil {
				return nil, err
			}
		}
		all = append(all, page...)
		if next, err = g.nextPage(header); err != nil || next == "" {
			return all, err
		}
	}
	return nil, fmt.Errorf("%s has more than %d pages", path, maxPages)
}

// nextPage reads the Link header (RFC 8288). The next page must be at the same
// API, because the request for it carries the person's token. Its path may
// differ: GitHub puts numeric ids there.
func (g *GitHub) nextPage(h http.Header) (string, error) {
	target := relNext(h)
	if target == "" {
		return "", nil
	}
	u, err := url.Parse(target)
	if err != nil || !strings.HasPrefix(u.String(), g.cfg.api()+"/") {
		return "", errors.New("the link to the next page leads elsewhere")
	}
	return u.String(), nil
}

func relNext(h http.Header) string {
	for _, link := range strings.Split(strings.Join(h.Values("Link"), ","), ",") {
		target, parameters, _ := strings.Cut(link, ";")
		target = strings.TrimSpace(target)
		if strings.Contains(parameters, `rel="next"`) && strings.HasPrefix(target, "<") && strings.HasSuffix(target, ">") {
			return target[1 : len(target)-1]
		}
	}
	return ""
}
