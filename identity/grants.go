package identity

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// KeptGrant is a grant of the database with what the policy makes of it.
type KeptGrant struct {
	models.Grant
	// Rule is what the trail and whoever explains call it: "grant a3f09c21". Text is
	// the grant on one line, as the policy file would have it.
	Rule, Text string
	// Broken is the reason why it gives nothing; empty for one that holds.
	Broken string
	// By is the name of whoever made it; the id where nobody has it any more.
	By string
}

// What an admin is told about grants.
var (
	ErrNoGrant      = models.NewError(models.KindNotFound, "not_found", "There is no such grant, or somebody has removed it in the meantime.")
	ErrRulesChanged = models.NewError(models.KindConflict, "conflict", "Somebody else has changed the rules in the meantime. Look at what would come of it now, and do it if you still want to.")
	errOwnRules     = models.NewError(models.KindInvalid, "confirm_self", "You would lose access of your own with this. Confirm that you want it.")
	errBadGrant     = models.NewError(models.KindInvalid, "bad_grant", "")
)

// grantWords say what is wrong with a field of a grant.
var grantWords = map[string]string{
	"who":       "Name an e-mail address, a domain, a group, an organisation or a team.",
	"role":      "Choose a role.",
	"slot":      "Choose the provider: several send groups, and the group of one is not that of another.",
	"email":     "Write one e-mail address, such as ann@example.com.",
	"domain":    "Write the domain alone, such as example.com.",
	"org":       "Write the organisation alone; a team has a field of its own.",
	"team":      "Write organisation/team, such as acme/platform.",
	"locations": "Write a code location on each line, and none that is empty.",
}

func badGrant(field, words string) error {
	err := errBadGrant.At(field)
	err.Msg = words
	return err
}

// Grants lists the grants of the database, the oldest first. Like all of the
// console it is for admins and the operator.
func (s *Service) Grants(ctx context.Context) ([]KeptGrant, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	stored, err := s.Store.Rules(ctx)
	if err != nil {
		return nil, ErrNotNow.Because(err)
	}
	names := map[string]string{}
	all := make([]KeptGrant, len(stored.Grants))
	for i, g := range stored.Grants {
		all[i] = s.kept(g)
		if all[i].By, err = s.nameOf(ctx, names, g.CreatedBy); err != nil {
			return nil, ErrNotNow.Because(err)
		}
	}
	return all, nil
}

// kept asks the policy what it makes of a grant. One that it has not heard of yet
// holds within seconds.
func (s *Service) kept(g models.Grant) KeptGrant {
	k := KeptGrant{Grant: g, Rule: "grant " + g.ID, Text: g.Rule().String()}
	for _, broken := range s.Policy().Broken() {
		if broken.ID == g.ID {
			k.Broken = broken.Reason()
		}
	}
	return k
}

// tellBroken logs the grants that give nothing, each once until it is another
// reason or it was good in between.
func (s *Service) tellBroken(broken []policy.Broken) {
	told := map[string]string{}
	for _, g := range broken {
		told[g.ID] = g.Reason()
		if s.inForce.broken[g.ID] != g.Reason() {
			s.Log.Warn("a grant of the database gives nothing", "grant", g.ID, "reason", g.Reason())
		}
	}
	s.inForce.broken = told
}

// nameOf is what somebody is called, looked up once each.
func (s *Service) nameOf(ctx context.Context, known map[string]string, id string) (string, error) {
	if id == models.Operator.ID {
		return models.Operator.Name, nil
	}
	if _, ok := known[id]; !ok {
		user, err := s.Store.User(ctx, id)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return "", err
		}
		known[id] = id
		if err == nil {
			known[id] = user.Label()
		}
	}
	return known[id], nil
}

// AddGrant keeps a grant beside those of the policy file, and gives it back with
// its id. What the policy would not accept in the file it does not accept here; a
// *models.Error then names the field. Nobody gives a role that they do not hold.
// It holds here at once and everywhere within seconds. With [WithVersion] it is
// ErrRulesChanged where the rules are others than a [Preview] was made of.
func (s *Service) AddGrant(ctx context.Context, g models.Grant) (models.Grant, error) {
	if err := s.mayAdminister(ctx); err != nil {
		return models.Grant{}, err
	}
	g, err := s.acceptGrant(ctx, g)
	if err != nil {
		return models.Grant{}, err
	}
	g.CreatedAt, g.CreatedBy = s.Now(), models.ActorOf(ctx).ID
	err = s.changeRules(ctx, func(tx *store.Tx, _ store.Rules) (models.Event, error) {
		g.ID = newGrantID()
		return grantEvent(ctx, "policy.grant", g), tx.AddGrant(g)
	})
	return g, err
}

// RemoveGrant takes a grant of the database away, or is [ErrNoGrant]. It takes
// holding its role, as giving it does.
func (s *Service) RemoveGrant(ctx context.Context, id string) error {
	if err := s.mayAdminister(ctx); err != nil {
		return err
	}
	return s.changeRules(ctx, func(tx *store.Tx, stored store.Rules) (models.Event, error) {
		g, err := s.removable(ctx, stored, id)
		if err != nil {
			return models.Event{}, err
		}
		return grantEvent(ctx, "policy.revoke", g), tx.RemoveGrant(g.ID)
	})
}

// removable finds a grant that whoever asks may take away. A role that is gone
// gives nothing to anybody, and any admin may clear it away.
func (s *Service) removable(ctx context.Context, stored store.Rules, id string) (models.Grant, error) {
	i := slices.IndexFunc(stored.Grants, func(g models.Grant) bool { return g.ID == id })
	if i < 0 {
		return models.Grant{}, ErrNoGrant
	}
	g := stored.Grants[i]
	if !s.Policy().HasRole(g.Role) {
		return g, nil
	}
	return g, s.mayGrant(ctx, g.Role)
}

// acceptGrant is a grant as it is kept, or what is wrong with it.
func (s *Service) acceptGrant(ctx context.Context, g models.Grant) (models.Grant, error) {
	g.ID = ""
	if err := tidyGrant(&g); err != nil {
		return g, err
	}
	for _, problem := range s.Policy().Check(g.Rule()) {
		return g, badGrant(problem.Field, grantWords[problem.Field])
	}
	return g, s.mayGrant(ctx, g.Role)
}

// Bounds of what a grant can hold, in bytes and lines.
const (
	maxGrantField     = 512
	maxGrantLocations = 100
)

// tidyGrant takes away the blanks around what was typed, and refuses what nobody
// could read: a grant must say to all who look at it what it does.
func tidyGrant(g *models.Grant) error {
	if len(g.Locations) > maxGrantLocations {
		return badGrant("locations", fmt.Sprintf("These are too many: write at most %d. In a name * stands for any characters.", maxGrantLocations))
	}
	g.Locations = append([]policy.Pattern{}, g.Locations...) // none is a list, too, in the database
	var errs []error
	for i := range g.Locations {
		errs = append(errs, tidyField("locations", &g.Locations[i]))
	}
	return cmp.Or(append(
		errs, tidyField("email", &g.Email), tidyField("domain", &g.Domain), tidyField("group", &g.Group), tidyField("org", &g.Org),
		tidyField("team", &g.Team), tidyField("slot", &g.Slot), tidyField("role", &g.Role),
	)...)
}

func tidyField[T ~string](name string, value *T) error {
	text := strings.TrimSpace(string(*value))
	*value = T(text)
	switch {
	case len(text) > maxGrantField:
		return badGrant(name, "This is too long.")
	case !utf8.ValidString(text), strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return badGrant(name, "This has characters that cannot be seen.")
	}
	return nil
}

// newGrantID is eight hex digits of which the first is a letter: no number of a
// grant of the file looks like it.
func newGrantID() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // it never fails
	b[0] = 0xa0 + b[0]%0x60
	return hex.EncodeToString(b)
}

func grantEvent(ctx context.Context, name string, g models.Grant) models.Event {
	e := models.NewEvent(ctx, name, models.OutcomeOK)
	e.Target, e.Reason = &models.Target{Kind: "grant", ID: g.ID}, clipped(g.Rule().String())
	return e
}

// rulesVersion is of the rules in the database, for [WithVersion].
func rulesVersion(revision int64) string { return models.Digest(fmt.Sprint("rules ", revision)) }

// changeRules makes a change of the rules in the database, of which fn gets those
// that are, and has this replica go by the new ones at once. It does not take away
// the last admin, nor without consent anything of whoever makes it.
func (s *Service) changeRules(ctx context.Context, fn func(*store.Tx, store.Rules) (models.Event, error)) error {
	err := s.Store.Change(ctx, func(tx *store.Tx) (e models.Event, err error) {
		if err := tx.LockPeople(); err != nil {
			return e, err
		}
		stored, err := tx.Rules()
		if err != nil {
			return e, err
		}
		if seen, ok := ctx.Value(versionKey).(string); ok && seen != rulesVersion(stored.Revision) {
			return e, ErrRulesChanged
		}
		if e, err = fn(tx, stored); err != nil {
			return e, err
		}
		return e, s.leaves(ctx, tx)
	})
	s.takeOver(ctx, err)
	return err
}

// leaves holds what the rules would be against the laws.
func (s *Service) leaves(ctx context.Context, tx *store.Tx) error {
	stored, err := tx.Rules()
	if err != nil {
		return err
	}
	after, err := s.Compose(changes(stored))
	if err != nil {
		return err
	}
	if s.losesAdmins(after) {
		n, err := tx.CountAdmins()
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrLastAdmin
		}
	}
	p := models.PrincipalOf(ctx)
	if models.IsOperator(ctx) || p == nil || ctx.Value(consentKey) == true {
		return nil
	}
	user, err := tx.User(p.User.ID)
	if err == nil && s.loses(after, user, p.Identity) {
		return errOwnRules.At("confirm")
	}
	return err
}

// losesAdmins tells that no rule would make an admin any more: then only an
// assigned role does.
func (s *Service) losesAdmins(after *Rules) bool {
	return s.Policy().CanMakeAdmin() && !after.Policy.CanMakeAdmin()
}

// loses tells whether somebody would have less than they have, by one way in.
func (s *Service) loses(after *Rules, user models.User, identity models.Identity) bool {
	_, loses := policy.Diff(s.judge(s.Rules()).enter(user, identity), s.judge(after).enter(user, identity))
	return len(loses) > 0
}
