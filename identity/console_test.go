package identity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
)

// made is an account without a password, which costs no hash.
func (w *world) made(n identity.NewAccount) models.User {
	w.t.Helper()
	user, err := w.AddAccount(operator, n)
	if err != nil {
		w.t.Fatal(err)
	}
	return user
}

// acting is the context of somebody who has proved lately who they are.
func (w *world) acting(user models.User) context.Context {
	w.t.Helper()
	identities, err := w.Store.IdentitiesOf(ctx, user.ID)
	if err != nil || len(identities) == 0 {
		w.t.Fatal(err, len(identities))
	}
	who := identities[0].Claims.Subject(identities[0].Slot)
	who.Assigned = user.Role
	return as(&models.Principal{User: user, Identity: identities[0], ProvenAt: w.clock.now(), Access: w.Policy().Access(who)})
}

func (w *world) person(c context.Context, id string) identity.PersonPage {
	w.t.Helper()
	page, err := w.Person(c, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return page
}

// lonely is a policy in which only an assigned role makes an admin.
var lonely = policy.Options{DefaultRole: policy.Viewer}

// reads are all by which the console reads; each tells how much it got.
func reads(w *world, id string) map[string]func(c context.Context) (int, error) {
	return map[string]func(c context.Context) (int, error){
		"people": func(c context.Context) (int, error) {
			page, err := w.People(c, identity.PeopleQuery{})
			return len(page.Lines) + int(page.Total) + len(page.Next), err
		},
		"export": func(c context.Context) (n int, err error) {
			err = w.ExportPeople(c, identity.PeopleQuery{}, func(identity.PersonLine) error { n++; return nil })
			return n, err
		},
		"person": func(c context.Context) (int, error) {
			page, err := w.Person(c, id)
			return len(page.User.ID) + len(page.Ways) + len(page.Version) + len(page.Recent), err
		},
		"grantable": func(c context.Context) (int, error) { roles, err := w.Grantable(c); return len(roles), err },
		"sessions": func(c context.Context) (int, error) {
			lines, next, err := w.SessionLines(c, "", "", 0)
			return len(lines) + len(next), err
		},
		"all sessions": func(c context.Context) (int, error) { all, err := w.AllSessions(c, ""); return len(all), err },
		"overview": func(c context.Context) (int, error) {
			o, err := w.Overview(c)
			return int(o.People) + len(o.SignIns) + len(o.Recent), err
		},
		"access": func(c context.Context) (int, error) {
			page, err := w.AccessOverview(c)
			return len(page.Roles) + len(page.Grants) + len(page.Permissions) + len(page.Assigned) + int(page.AssignedTotal), err
		},
		"who can": func(c context.Context) (int, error) {
			lines, next, err := w.WhoCan(c, policy.Want{Permission: policy.Read}, "", 0)
			return len(lines) + len(next), err
		},
	}
}

// Who may not administer gets nothing from any reading, and who may needs no
// recent proof for it.
func TestConsoleIsForAdmins(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.Admin)
	_, admin := w.enter("ada")
	stale := *admin
	stale.ProvenAt = w.clock.now().Add(-identity.FreshFor)
	holding := func(all policy.Permissions) context.Context {
		return as(&models.Principal{User: user, ProvenAt: w.clock.now(), Access: policy.Access{Role: policy.Admin, Permissions: all}})
	}
	allBut := policy.BuiltIn(policy.Admin)
	delete(allBut, policy.Administer)
	for name, read := range reads(w, user.ID) {
		for who, c := range map[string]context.Context{
			"a stranger": ctx, "nobody": as(nil), "an editor": holding(policy.BuiltIn(policy.Editor)), "who holds nothing": holding(nil),
			"who holds all but it": holding(allBut),
		} {
			if got, err := read(c); !errors.Is(err, identity.ErrNotAdmin) || got != 0 {
				t.Errorf("%s by %s: got %d, %v", name, who, got, err)
			}
		}
		for who, c := range map[string]context.Context{"an admin": as(&stale), "the operator": operator} {
			if got, err := read(c); got == 0 || err != nil {
				t.Errorf("%s by %s: got %d, %v", name, who, got, err)
			}
		}
	}
}

// walk reads all pages, and lets something happen between them.
func (w *world) walk(q identity.PeopleQuery, between func()) (all []identity.PersonLine) {
	w.t.Helper()
	for {
		page, err := w.People(operator, q)
		if err != nil {
			w.t.Fatal(err)
		}
		if all = append(all, page.Lines...); page.Next == "" {
			return all
		}
		if len(page.Lines) != q.Limit {
			w.t.Fatalf("%d lines on a page of %d", len(page.Lines), q.Limit)
		}
		q.After = page.Next
		between()
	}
}

func ids(lines []identity.PersonLine) (all []string) {
	for _, l := range lines {
		all = append(all, l.User.ID)
	}
	return all
}

// No page leaves out or repeats anybody while others come, whatever it is sorted
// by: many here have the same name, were made at the same time, or were never seen.
func TestPeopleByPage(t *testing.T) {
	each(t, func(w *world) {
		want := map[string]bool{}
		for i := range 17 {
			user := w.made(identity.NewAccount{Username: fmt.Sprintf("u%d", i), Name: []string{"Bo", "bo", "Zoë", "Äda"}[i%4]})
			want[user.ID] = true
			if i%3 == 0 {
				w.clock.pass(time.Minute)
			}
		}
		_, violet := w.signIn(providertest.Violet)
		want[violet.User.ID] = true
		for _, sort := range []string{"name", "created", "seen", "", "nonsense"} {
			for _, limit := range []int{3, 18} {
				n := 0
				lines := w.walk(identity.PeopleQuery{Sort: sort, Limit: limit}, func() {
					n++
					w.made(identity.NewAccount{Username: fmt.Sprintf("later-%s-%d-%d", sort, limit, n), Name: []string{"Aa", "bo", "Zz"}[n%3]})
				})
				got := ids(lines)
				if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
					w.t.Errorf("%s by %d: somebody is there twice", sort, limit)
				}
				if left := slices.DeleteFunc(got, func(id string) bool { return !want[id] }); len(left) != len(want) {
					w.t.Errorf("%s by %d: %d of %d", sort, limit, len(left), len(want))
				}
			}
		}
	})
}

func TestPeopleSorted(t *testing.T) {
	each(t, func(w *world) {
		for _, name := range []string{"bo", "Ada", "Émile", "zoë", "Zara", "ada b"} {
			w.made(identity.NewAccount{Username: models.NewID(), Name: name})
			w.clock.pass(time.Second)
		}
		for _, name := range []string{"Zoltan", "Boris"} { // seen in this order
			user := w.made(identity.NewAccount{Username: name, Name: name})
			w.session1(user)
			w.clock.pass(time.Second)
		}
		for sort, want := range map[string]string{
			"name":    "Ada,ada b,bo,Boris,Zara,Zoltan,zoë,Émile",
			"created": "Boris,Zoltan,ada b,Zara,zoë,Émile,Ada,bo",
		} {
			var names []string
			for _, l := range w.walk(identity.PeopleQuery{Sort: sort, Limit: 3}, func() {}) {
				names = append(names, l.User.Name)
			}
			if got := strings.Join(names, ","); got != want {
				w.t.Errorf("%s: %s", sort, got)
			}
		}
		seen := w.walk(identity.PeopleQuery{Sort: "seen", Limit: 3}, func() {})
		if seen[0].User.Name != "Boris" || seen[1].User.Name != "Zoltan" || seen[1].LastSeen.IsZero() || !seen[2].LastSeen.IsZero() {
			w.t.Errorf("%+v", seen[:3])
		}
	})
}

// session1 gives somebody a session, and is its id.
func (w *world) session1(user models.User) string {
	w.t.Helper()
	identities, err := w.Store.IdentitiesOf(ctx, user.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	session, _ := models.NewSession(user.ID, identities[0].ID, identities[0].Slot, w.clock.now(), time.Hour)
	session.SeenFrom("203.0.113.7", "Mozilla/5.0 <b>Firefox</b>")
	session.IDToken = "sealed"
	err = w.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		return models.Event{Event: "test", Outcome: models.OutcomeOK}, tx.InsertSession(session)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return session.ID
}

// Activity moves somebody up in the list, and saving them does not take it back.
func TestPeopleLastSeen(t *testing.T) {
	each(t, func(w *world) {
		user := w.account("ada", policy.Editor)
		_, p := w.enter("ada")
		w.clock.pass(5 * time.Minute)
		w.Touch(ctx, p)
		at := w.clock.now()
		if _, err := w.SetRole(operator, user.ID, policy.Viewer); err != nil {
			w.t.Fatal(err)
		}
		if page := w.person(operator, user.ID); !page.LastSeen.Equal(at) || page.Self {
			w.t.Errorf("%v, want %v", page.LastSeen, at)
		}
	})
}

// What is looked for is text and nothing else: no character of it is special.
func TestPeopleFound(t *testing.T) {
	each(t, func(w *world) {
		odd := []string{`100% sure`, `under_score`, `O'Hara "quoted"`, `<script>alert(1)</script>`, `back\slash`, `Zoë Ünal`, `emoji 🦊`, "two words"}
		for i, name := range odd {
			w.made(identity.NewAccount{Username: fmt.Sprintf("user-%d", i), Name: name, Email: fmt.Sprintf("mail%d@example.org", i)})
		}
		plain := w.made(identity.NewAccount{Username: "Plain", Name: "Somebody", Email: "Some.Body@Example.org"})
		for text, want := range map[string][]string{
			"%": {odd[0]}, "_": {odd[1]}, "'": {odd[2]}, `"`: {odd[2]}, "<script>": {odd[3]}, `\`: {odd[4]}, "zoë ü": {odd[5]}, "ZOË Ü": {odd[5]},
			"🦊": {odd[6]}, " two ": {odd[7]}, "\x00two\xff": {odd[7]}, "some.body@EXAMPLE": {"Somebody"}, "PLAI": {"Somebody"}, plain.ID: {"Somebody"},
			"MAIL3@": {odd[3]}, "user-4": {odd[4]}, "' OR 1=1 --": nil, "%%": nil, "__": nil, "nobody": nil, "*": nil, "": append(slices.Clone(odd), "Somebody"),
		} {
			page, err := w.People(operator, identity.PeopleQuery{Text: text})
			var got []string
			for _, l := range page.Lines {
				got = append(got, l.User.Name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if err != nil || !slices.Equal(got, want) || page.Total != int64(len(want)) || page.Next != "" {
				w.t.Errorf("%q: %q of %d, %v", text, got, page.Total, err)
			}
		}
	})
}

func TestPeopleFiltered(t *testing.T) {
	each(t, func(w *world) {
		ada := w.made(identity.NewAccount{Username: "ada", Role: policy.Editor})
		bo := w.made(identity.NewAccount{Username: "bo", Role: policy.Viewer})
		w.made(identity.NewAccount{Username: "cy"})
		_, violet := w.signIn(providertest.Violet)
		if err := w.Disable(operator, bo.ID); err != nil {
			w.t.Fatal(err)
		}
		w.session1(ada)
		name := violet.User.Name
		for want, q := range map[string]identity.PeopleQuery{
			"ada bo cy " + name: {State: "nonsense"}, "ada cy " + name: {State: "active"}, "bo": {State: "disabled"},
			"ada": {Role: string(policy.Editor)}, "": {Role: "nonsense"}, "ada bo cy": {Slot: models.LocalSlot}, name: {Slot: "oidc"},
			"ada cy": {Slot: models.LocalSlot, State: "active"}, "bo ": {Text: "b", State: "disabled", Role: "viewer"},
		} {
			for _, sort := range []string{"name", "created", "seen"} {
				q.Sort = sort
				page, err := w.People(operator, q)
				var got []string
				for _, l := range page.Lines {
					got = append(got, l.User.Name)
				}
				slices.SortFunc(got, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
				if strings.Join(got, " ") != strings.TrimSpace(want) || err != nil || page.Total != int64(len(got)) {
					w.t.Errorf("%+v: %v of %d, %v", q, got, page.Total, err)
				}
			}
		}
		page, _ := w.People(operator, identity.PeopleQuery{Text: "ada"})
		if l := page.Lines[0]; l.Username != "ada" || !slices.Equal(l.Slots, []string{models.LocalSlot}) || l.Role != policy.Editor || l.Sessions != 1 || l.Factors != 0 {
			w.t.Errorf("%+v", l)
		}
	})
}

// A cursor that we did not write is refused; one of another list finds something
// or nothing.
func TestBadCursor(t *testing.T) {
	each(t, func(w *world) {
		for i := range 3 {
			w.session1(w.made(identity.NewAccount{Username: fmt.Sprintf("user%d", i), Name: "x"}))
		}
		for _, after := range []string{"x", "%%%", "YQ", strings.Repeat("YQ", 3000)} {
			_, err := w.People(operator, identity.PeopleQuery{After: after})
			_, _, err2 := w.SessionLines(operator, "", after, 0)
			_, _, err3 := w.WhoCan(operator, policy.Want{Permission: policy.Read}, after, 0)
			for _, err := range []error{err, err2, err3} {
				if !errors.Is(err, identity.ErrBadPage) {
					w.t.Errorf("%q: %v", after, err)
				}
			}
		}
		for _, from := range []string{"name", "created", "seen"} {
			page, err := w.People(operator, identity.PeopleQuery{Sort: from, Limit: 1})
			if err != nil || page.Next == "" {
				w.t.Fatal(err)
			}
			for _, to := range []string{"name", "created", "seen"} {
				if _, err := w.People(operator, identity.PeopleQuery{Sort: to, After: page.Next}); err != nil {
					w.t.Errorf("%s to %s: %v", from, to, err)
				}
			}
		}
	})
}

// Whoever is seen while the list is exported is in it, however it is sorted.
func TestExportWhileSomebodyIsSeen(t *testing.T) {
	each(t, func(w *world) {
		for i := range 501 {
			w.made(identity.NewAccount{Username: fmt.Sprint("u", i)})
		}
		for _, sort := range []string{"seen", "name", "created"} {
			first, err := w.People(operator, identity.PeopleQuery{Sort: sort, Limit: 500})
			if err != nil {
				w.t.Fatal(err)
			}
			rest, err := w.People(operator, identity.PeopleQuery{Sort: sort, After: first.Next})
			if err != nil || len(rest.Lines) != 1 {
				w.t.Fatalf("%d behind the first page (%v)", len(rest.Lines), err)
			}
			last, seen, there := rest.Lines[0].User, 0, false
			err = w.ExportPeople(operator, identity.PeopleQuery{Sort: sort}, func(l identity.PersonLine) error {
				if seen++; seen == 1 {
					w.session1(last)
				}
				there = there || l.User.ID == last.ID
				return nil
			})
			if err != nil || seen != 501 || !there {
				w.t.Errorf("%s: %d people (%v)", sort, seen, err)
			}
		}
	})
}
