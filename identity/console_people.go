package identity

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

const (
	pageSize   = 50  // lines of a page where nobody says otherwise
	pageMax    = 500 // and at most
	recentSize = 10  // of the latest events beside something else
)

// sized is how many lines a page has.
func sized(limit int) int {
	if limit <= 0 {
		return pageSize
	}
	return min(limit, pageMax)
}

// typed is what somebody looks for without what no name, address or id has: a
// database refuses some of it.
func typed(s string) string {
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), ""))
}

// People lists accounts. Like all of the console it is for admins and the
// operator: to others it is ErrNotAdmin.
func (s *Service) People(ctx context.Context, q PeopleQuery) (People, error) {
	if err := s.mayLook(ctx); err != nil {
		return People{}, err
	}
	after, ok := store.ParseCursor(q.After)
	if !ok {
		return People{}, ErrBadPage
	}
	f := store.PeopleFilter{
		Text: typed(q.Text), Active: q.State == "active", Disabled: q.State == "disabled",
		Role: policy.Role(typed(q.Role)), Slot: typed(q.Slot),
	}
	users, next, total, more, err := s.Store.PeopleCounted(ctx, f, store.PeopleSort(q.Sort), after, sized(q.Limit))
	if err != nil {
		return People{}, ErrNotNow.Because(err)
	}
	lines, err := s.lines(ctx, users)
	return People{lines, next.String(), total, more}, err
}

// lines tells of each account what a list shows.
func (s *Service) lines(ctx context.Context, users []models.User) ([]PersonLine, error) {
	has, err := s.Store.BelongingsOf(ctx, users, s.Now(), s.Rules().SessionIdle)
	if err != nil {
		return nil, ErrNotNow.Because(err)
	}
	lines := make([]PersonLine, len(users))
	for i, u := range users {
		identities := has.Identities[u.ID]
		lines[i] = PersonLine{
			User: u, Username: has.Usernames[u.ID], Role: s.accessBy(u, identities).Role, Slots: slots(identities),
			Factors: has.Factors[u.ID], LastSeen: u.LastSeen(), Sessions: has.Sessions[u.ID],
		}
	}
	return lines, nil
}

// accessBy is what somebody may do by the identity that they used last.
func (s *Service) accessBy(u models.User, identities []models.Identity) policy.Access {
	who := policy.Subject{Assigned: u.Role}
	if len(identities) > 0 {
		who = subject(u, identities[0])
	}
	return s.Policy().Access(who)
}

func slots(identities []models.Identity) (slots []string) {
	for _, i := range identities {
		if !slices.Contains(slots, i.Slot) {
			slots = append(slots, i.Slot)
		}
	}
	return slots
}

// Person is all about one account, or [models.ErrNotFound].
func (s *Service) Person(ctx context.Context, id string) (page PersonPage, err error) {
	if err := s.mayLook(ctx); err != nil {
		return PersonPage{}, err
	}
	if !models.IsID(id) {
		return PersonPage{}, models.ErrNotFound
	}
	if page.User, err = s.Store.User(ctx, id); err != nil {
		return PersonPage{}, lost(err)
	}
	p := models.PrincipalOf(ctx)
	page.LastSeen, page.Version, page.Self = page.User.LastSeen(), versionOf(page.User), p != nil && p.User.ID == id
	err = errors.Join(s.tellWays(ctx, &page), s.tellBelongings(ctx, &page))
	if err != nil {
		return PersonPage{}, ErrNotNow.Because(err)
	}
	return page, nil
}

// lost is an error of the store, where what is not there stays that.
func lost(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return models.ErrNotFound
	}
	return ErrNotNow.Because(err)
}

func (s *Service) tellWays(ctx context.Context, page *PersonPage) error {
	c, err := s.Store.CredentialOf(ctx, page.User.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	page.Username, page.HasPassword = c.Username, c.Password != ""
	identities, err := s.Store.IdentitiesOf(ctx, page.User.ID)
	for _, i := range identities {
		page.Ways = append(page.Ways, s.way(page.User, i))
	}
	return err
}

// way explains one way in. The policy is asked once, so that the answers agree.
func (s *Service) way(u models.User, i models.Identity) PersonWay {
	p, who := s.Policy(), subject(u, i)
	w := PersonWay{Identity: i, Access: p.Access(who)}
	for _, r := range p.Matching(who) {
		w.Rules = append(w.Rules, RuleText{r.Name, r.Text, r.Role, patterns(r.Locations), r.Permissions})
	}
	if w.Reason, w.Open = s.mayEnter(u, i, ""); u.Disabled() {
		w.Reason, w.Open = "user_disabled", false
	}
	return w
}

func patterns(locations []policy.Pattern) (texts []string) {
	for _, l := range locations {
		texts = append(texts, string(l))
	}
	return texts
}

func (s *Service) tellBelongings(ctx context.Context, page *PersonPage) error {
	id := page.User.ID
	sessions, err := s.Store.SessionsOf(ctx, id)
	if err != nil {
		return err
	}
	for _, one := range sessions {
		if one.Alive(s.Now(), s.Rules().SessionIdle) {
			one.SecretHash, one.IDToken = "", ""
			page.Sessions = append(page.Sessions, one)
		}
	}
	if page.Factors, page.RecoveryCodes, err = s.FactorsOf(ctx, id); err != nil {
		return err
	}
	for i := range page.Factors {
		page.Factors[i].Sealed = ""
	}
	if page.Tokens, err = s.tokensIn(ctx, id, page.Sessions); err != nil {
		return err
	}
	page.Recent, err = s.recentOf(ctx, id)
	return err
}

// tokensIn are somebody's tokens for the API that were made in one of these
// sessions: others open nothing, though they may still be kept.
func (s *Service) tokensIn(ctx context.Context, userID string, open []models.Session) ([]models.APIToken, error) {
	tokens, err := s.Store.APITokensOf(ctx, userID, s.Now())
	tokens = slices.DeleteFunc(tokens, func(t models.APIToken) bool {
		return !slices.ContainsFunc(open, func(one models.Session) bool { return one.ID == t.SessionID })
	})
	for i := range tokens {
		tokens[i].SecretHash = ""
	}
	return tokens, err
}

// recentOf are the latest events of somebody and about them. What another one did
// whose name is this id is not theirs.
func (s *Service) recentOf(ctx context.Context, id string) ([]models.Record, error) {
	by, err := s.Store.Records(ctx, models.Filter{Person: id}, store.Page{Limit: recentSize})
	if err != nil {
		return nil, err
	}
	about, err := s.Store.Records(ctx, models.Filter{Target: id}, store.Page{Limit: recentSize})
	by = slices.DeleteFunc(by, func(r models.Record) bool { return r.Event.Actor.ID != id })
	all := slices.SortedFunc(slices.Values(append(by, about...)), func(a, b models.Record) int { return cmp.Compare(b.Seq, a.Seq) })
	all = slices.CompactFunc(all, func(a, b models.Record) bool { return a.Seq == b.Seq })
	if err != nil {
		return nil, err
	}
	return all[:min(len(all), recentSize)], s.Record(ctx, audited(ctx, "audit.read", models.Filter{Person: id}.String()))
}

// Grantable are the roles that whoever asks may give, the least first.
func (s *Service) Grantable(ctx context.Context) (roles []policy.Role, err error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	for _, role := range s.Policy().Roles() {
		if s.mayGrant(ctx, role) == nil {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// SessionLines lists open sessions, the newest first, and where the next page
// begins. Text is part of the person's name or address, of the network address
// or of the browser's name.
func (s *Service) SessionLines(ctx context.Context, text, after string, limit int) ([]SessionLine, string, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, "", err
	}
	from, ok := store.ParseCursor(after)
	if !ok {
		return nil, "", ErrBadPage
	}
	sessions, users, next, err := s.Store.OpenSessionsBy(ctx, typed(text), from, sized(limit), s.Now(), s.Rules().SessionIdle)
	if err != nil {
		return nil, "", ErrNotNow.Because(err)
	}
	var lines []SessionLine
	for _, one := range sessions {
		if user, ok := users[one.UserID]; ok { // else they went meanwhile, and it with them
			lines = append(lines, SessionLine{one, user})
		}
	}
	return lines, next.String(), nil
}
