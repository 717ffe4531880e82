package identity

import (
	"context"
	"slices"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// Preview is the dry run of a change of the rules: who gains and who loses what,
// by what providers told at the last sign-in. It changes nothing.
type Preview struct {
	// Lines are those who lose something first, and then who gains, each by name:
	// a hundred at most. More tells that there are others; the numbers count all.
	Lines []PreviewLine
	More  bool
	// Gain and Lose are people, somebody who does both counts in both. In are those
	// who could not enter by any way in and then can, Out the other way round.
	Gain, Lose, In, Out int64
	// Sessions are the open ones of ways in that shut: they end.
	Sessions int64
	// Self tells that whoever asks loses something: the change wants [WithConsent].
	Self bool
	// NoAdmin tells that nothing would make an admin any more: the change is
	// ErrLastAdmin.
	NoAdmin bool
	// Token is for [WithVersion]: what is done is what was shown here.
	Token string
}

// PreviewLine is what changes for somebody by one way in.
type PreviewLine struct {
	User models.User
	Slot string
	// Before and After are the role in the whole deployment.
	Before, After policy.Role
	// Gains and Loses are permissions, with the pattern of locations for those that
	// do not hold in the whole deployment: "edit_sensor at marketing*".
	Gains, Loses []string
	// Was and Is tell whether they may enter by it.
	Was, Is bool
}

const (
	previewLines  = 100
	previewAtOnce = 1000 // accounts that are read in one go
)

// PreviewGrant is the dry run of adding grants to the database and removing some,
// by their ids. It refuses what [Service.AddGrant] and [Service.RemoveGrant]
// refuse, but for what is about whoever asks themself.
func (s *Service) PreviewGrant(ctx context.Context, add []models.Grant, remove []string) (Preview, error) {
	return s.preview(ctx, func(stored store.Rules, c *Changes) error {
		for _, id := range remove {
			if _, err := s.removable(ctx, stored, id); err != nil {
				return err
			}
		}
		c.Grants = slices.DeleteFunc(slices.Clone(c.Grants), func(g models.Grant) bool { return slices.Contains(remove, g.ID) })
		for _, g := range add {
			g, err := s.acceptGrant(ctx, g)
			if err != nil {
				return err
			}
			g.ID = newGrantID()
			c.Grants = append(c.Grants, g)
		}
		return nil
	})
}

// PreviewSetting is the dry run of a setting; nil clears it. What cannot be is a
// *models.Error whose Field is the setting.
func (s *Service) PreviewSetting(ctx context.Context, name string, value *string) (Preview, error) {
	return s.preview(ctx, func(stored store.Rules, c *Changes) error {
		*c = proposed(stored, name, value)
		_, err := s.settable(name, value)
		return err
	})
}

// preview holds the rules as they are in the database against those that the edit
// makes of them.
func (s *Service) preview(ctx context.Context, edit func(store.Rules, *Changes) error) (p Preview, err error) {
	if err := s.mayAdminister(ctx); err != nil {
		return Preview{}, err
	}
	if err := s.Refresh(ctx); err != nil { // what is in the database holds here by now
		return Preview{}, ErrNotNow.Because(err)
	}
	stored, err := s.Store.Rules(ctx)
	if err != nil {
		return Preview{}, ErrNotNow.Because(err)
	}
	c := changes(stored)
	if err := edit(stored, &c); err != nil {
		return Preview{}, err
	}
	after, err := s.Compose(c)
	if err != nil {
		return Preview{}, err
	}
	if p, err = s.compare(ctx, s.Rules(), after); err != nil {
		return Preview{}, ErrNotNow.Because(err)
	}
	p.Token = rulesVersion(stored.Revision)
	return p, s.tellAsker(ctx, after, &p)
}

// tellAsker says what would be refused to whoever asks.
func (s *Service) tellAsker(ctx context.Context, after *Rules, p *Preview) error {
	if s.losesAdmins(after) {
		n, err := s.Store.CountAdmins(ctx)
		if err != nil {
			return ErrNotNow.Because(err)
		}
		p.NoAdmin = n == 0
	}
	if who := models.PrincipalOf(ctx); who != nil && !models.IsOperator(ctx) {
		p.Self = s.loses(after, who.User, who.Identity)
	}
	return nil
}

// judge holds rules against many people in a row.
type judge struct {
	s     *Service
	rules *Rules
	crowd *policy.Crowd
}

func (s *Service) judge(rules *Rules) judge { return judge{s, rules, rules.Policy.Crowd()} }

// enter is what somebody may do by a way in; nil where it is shut to them.
func (j judge) enter(user models.User, identity models.Identity) *policy.Access {
	gate, reason := j.s.gate(j.rules, identity.Slot, "")
	if reason != "" {
		return nil
	}
	return j.crowd.Enter(gate, subject(user, identity))
}

// comparison walks through all ways in. It keeps in memory what is shown, and
// counts the rest.
type comparison struct {
	before, after judge
	known         map[[2]*policy.Access]difference
	lose, gain    []PreviewLine
	lines         int
	shut          []string // identities of this page
	Preview

	// of the person whose ways in are being read
	person           string
	gains, loses     bool
	couldIn, isLetIn bool
}

type difference struct{ gains, loses []string }

// compare walks by name and in pages, so that it holds no transaction and what
// somebody changes meanwhile is not waited for.
func (s *Service) compare(ctx context.Context, before, after *Rules) (Preview, error) {
	c := &comparison{before: s.judge(before), after: s.judge(after), known: map[[2]*policy.Access]difference{}}
	for page := (store.Cursor{}); ; {
		next, err := s.Store.EachWay(ctx, page, previewAtOnce, c.way)
		if err != nil {
			return Preview{}, err
		}
		n, err := s.Store.CountSessionsBy(ctx, c.shut, s.Now(), before.SessionIdle)
		if err != nil {
			return Preview{}, err
		}
		c.Sessions, c.shut = c.Sessions+n, c.shut[:0]
		if page = next; page == (store.Cursor{}) {
			return c.result(), nil
		}
	}
}

// way looks at one way in. All of one person come in a row.
func (c *comparison) way(u models.User, i models.Identity) {
	if u.ID != c.person {
		c.count()
		c.person = u.ID
	}
	was, is := c.before.enter(u, i), c.after.enter(u, i)
	c.couldIn, c.isLetIn = c.couldIn || was != nil, c.isLetIn || is != nil
	if was != nil && is == nil {
		c.shut = append(c.shut, i.ID)
	}
	d := c.differ(was, is)
	if len(d.gains)+len(d.loses) == 0 {
		return
	}
	c.gains, c.loses = c.gains || len(d.gains) > 0, c.loses || len(d.loses) > 0
	c.lines++
	line := PreviewLine{u, i.Slot, roleIn(was), roleIn(is), d.gains, d.loses, was != nil, is != nil}
	if len(d.loses) > 0 {
		c.lose = keep(c.lose, line)
	} else {
		c.gain = keep(c.gain, line)
	}
}

func keep(lines []PreviewLine, line PreviewLine) []PreviewLine {
	if len(lines) == previewLines {
		return lines
	}
	return append(lines, line)
}

func roleIn(a *policy.Access) policy.Role {
	if a == nil {
		return policy.None
	}
	return a.Role
}

// differ compares what two sets of rules come to, once.
func (c *comparison) differ(was, is *policy.Access) difference {
	d, ok := c.known[[2]*policy.Access{was, is}]
	if !ok {
		d.gains, d.loses = policy.Diff(was, is)
		c.known[[2]*policy.Access{was, is}] = d
	}
	return d
}

// count counts the person whose ways in have all been read.
func (c *comparison) count() {
	tick(&c.Gain, c.gains)
	tick(&c.Lose, c.loses)
	tick(&c.In, c.isLetIn && !c.couldIn)
	tick(&c.Out, c.couldIn && !c.isLetIn)
	c.gains, c.loses, c.couldIn, c.isLetIn = false, false, false, false
}

func tick(n *int64, yes bool) {
	if yes {
		*n++
	}
}

func (c *comparison) result() Preview {
	c.count()
	all := append(c.lose, c.gain...)
	c.Lines, c.More = all[:min(len(all), previewLines)], c.lines > previewLines
	return c.Preview
}
