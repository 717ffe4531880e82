package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// hidden is a trail without people in it, with the lines that are printed.
type hidden struct {
	*trail
	url   string
	lines []string
}

func eachHidden(t *testing.T, test func(w *hidden)) {
	t.Helper()
	eachTrailAt(t, func(w *trail, url string) {
		h := &hidden{trail: w, url: url}
		w.Store.Pseudonyms = pseudonymsOf(w.t, 7)
		w.Store.OnEvent = func(e models.Event) {
			line, err := json.Marshal(e)
			if err != nil {
				w.t.Error(err)
			}
			h.lines = append(h.lines, string(line))
		}
		test(h)
	})
}

func pseudonymsOf(t *testing.T, b byte) *models.Pseudonyms {
	t.Helper()
	p, err := models.NewPseudonyms(key(b))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Ann has done all sorts of things, and others to her.
const (
	annAddress = "198.51.100.77"
	annBrowser = "Annsbrowser/1.0"
)

func (w *hidden) ann() models.User {
	w.t.Helper()
	user, err := w.AddAccount(operator, identity.NewAccount{Username: "annonym", Name: "Ann Onym", Email: "Ann.Onym@corp.example", Role: policy.Admin})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.SetPassword(operator, user.ID, passphrase); err != nil {
		w.t.Fatal(err)
	}
	there := models.WithRequest(ctx, models.Request{ID: "r1", ClientIP: annAddress, UserAgent: annBrowser})
	if _, err := w.SignInPassword(there, "annonym", "not the password", identity.Entry{}); err == nil {
		w.t.Error("signed in")
	}
	in, err := w.SignInPassword(there, "annonym", passphrase, identity.Entry{})
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.Authenticate(there, in.Token)
	if err != nil {
		w.t.Fatal(err)
	}
	self := models.WithPrincipal(there, p)
	bob := w.account("bob", policy.Viewer)
	_, err = w.AddGrant(self, models.Grant{Domain: "corp.example", Role: policy.Viewer})
	for _, f := range []models.Filter{{Person: user.ID}, {Person: "annonym"}, {Person: "Ann Onym", Target: "annonym"}, {Person: "ann.onym@corp.example"}, {Target: user.ID}, {Address: annAddress}} {
		_, looked := w.Events(self, f, 0, 5)
		err = errors.Join(err, looked, w.ExportEvents(self, f, func(models.Record) error { return nil }))
	}
	for _, text := range []string{"annonym", "Ann Onym", "onym@corp"} {
		err = errors.Join(err, w.ExportPeople(self, identity.PeopleQuery{Text: text}, func(identity.PersonLine) error { return nil }))
	}
	_, person := w.Person(self, user.ID)
	_, overview := w.Overview(self)
	_, role := w.SetRole(self, bob.ID, policy.Editor)
	err = errors.Join(err, person, overview, role, w.SetSetting(self, "MESSAGE", "ask ann.onym@corp.example"), w.Record(there, models.NewEvent(there, "dagster.mutation", models.OutcomeRefused)))
	if err != nil {
		w.t.Fatal(err)
	}
	return user
}

// leads are all that leads to Ann.
func leads(user models.User) []string {
	return []string{user.ID, "annonym", "ann onym", "onym@corp", annAddress, strings.ToLower(annBrowser)}
}

// names tells what of these is in a text, in any case.
func names(text string, leads []string) (found []string) {
	for _, lead := range leads {
		if strings.Contains(strings.ToLower(text), lead) {
			found = append(found, lead)
		}
	}
	return found
}

// bodies are the trail as it is kept.
func (w *trail) bodies() string {
	w.t.Helper()
	var all []string
	links, err := w.Store.Links(ctx, 0, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range links {
		all = append(all, l.Body)
	}
	return strings.Join(all, "\n")
}

// Nothing that is kept of what happened, or printed, or exported, names anybody.
func TestTrailWithoutPeople(t *testing.T) {
	eachHidden(t, func(w *hidden) {
		ann := leads(w.ann())
		var exported []string
		for _, f := range []models.Filter{{}, {Person: ann[0]}} {
			if err := w.ExportEvents(operator, f, func(r models.Record) error {
				exported = append(append(exported, r.Body), r.Cells()...)
				return nil
			}); err != nil {
				w.t.Fatal(err)
			}
		}
		for what, text := range map[string]string{"kept": w.bodies(), "printed": strings.Join(w.lines, "\n"), "exported": strings.Join(exported, "\n")} {
			if found := names(text, ann); len(found) > 0 || len(text) < 1000 {
				w.t.Errorf("%s: %q", what, found)
			}
		}
		w.isWhole()
	})
}

// Who may read the trail is told who it was, by whatever they ask.
func TestPseudonymsAreResolved(t *testing.T) {
	eachHidden(t, func(w *hidden) {
		ann := w.ann()
		p := w.Store.Pseudonyms.Person(ann.ID)
		by := func(f models.Filter) (got []models.Record) {
			got, err := w.Store.Records(ctx, f, pageOf(100))
			if err != nil {
				w.t.Fatal(err)
			}
			return got
		}
		all := by(models.Filter{Person: ann.ID})
		if len(all) < 8 {
			w.t.Fatalf("%d events", len(all))
		}
		for _, r := range all {
			if r.Event.Actor.ID != ann.ID || r.Event.Actor.Name != "Ann Onym" || !strings.Contains(r.Body, p) {
				w.t.Errorf("%+v of %s", r.Event.Actor, r.Body)
			}
		}
		for name, f := range map[string]models.Filter{
			"a pseudonym": {Person: p}, "with another term": {Person: ann.ID, Address: annAddress}, "a pseudonym with another": {Person: p, Outcome: "ok"},
		} {
			if got := by(f); len(got) == 0 || len(got) > len(all) {
				w.t.Errorf("%s: %d of %d", name, len(got), len(all))
			}
		}
		for name, f := range map[string]models.Filter{
			"by target": {Target: ann.ID, Event: "user.add"}, "by its pseudonym": {Target: p, Event: "user.add"}, "by address": {Address: annAddress, Event: "signin.finish", Outcome: "ok"},
		} {
			if got := by(f); len(got) != 1 || name != "by address" && got[0].Event.Target.ID != ann.ID {
				w.t.Errorf("%s: %+v", name, got)
			}
		}
		found, err := w.Store.Search(ctx, models.Filter{Person: ann.ID}, pageOf(100))
		kinds, err2 := w.Store.RecordsOf(ctx, []store.Kind{{Event: "user.*"}, {Event: "setting.*"}}, models.Filter{Person: ann.ID}, pageOf(100))
		if err := errors.Join(err, err2); err != nil || len(found.Records) != len(all) || found.Records[0].Event.Actor.Name != "Ann Onym" || len(kinds) < 2 || kinds[0].Event.Actor.ID != ann.ID {
			w.t.Errorf("%d, %d (%v)", len(found.Records), len(kinds), err)
		}
		if page, err := w.Person(operator, ann.ID); err != nil || len(page.Recent) != 10 {
			w.t.Errorf("%d recent (%v)", len(page.Recent), err)
		}
	})
}

// Who is deleted is forgotten: no row, no byte of SQLite's files, and no line that
// was printed leads to them, and the chain is whole. The pseudonym stays, of nobody.
func TestErasure(t *testing.T) {
	eachHidden(t, func(w *hidden) {
		ann := w.ann()
		if found := names(w.everything(), leads(ann)); len(found) != len(leads(ann)) {
			w.t.Fatalf("before: %q", found) // else the test proves nothing
		}
		if err := w.ClearSetting(operator, "MESSAGE"); err != nil { // it named her, and so would a grant
			w.t.Fatal(err)
		}
		if err := w.Delete(operator, ann.ID); err != nil {
			w.t.Fatal(err)
		}
		if found := names(w.everything(), leads(ann)); len(found) > 0 {
			w.t.Errorf("in the database: %q", found)
		}
		if found := names(strings.Join(w.lines, "\n"), leads(ann)); len(found) > 0 {
			w.t.Errorf("printed: %q", found)
		}
		p := w.Store.Pseudonyms.Person(ann.ID)
		got, err := w.Store.Records(ctx, models.Filter{Person: p}, pageOf(100))
		if err != nil || len(got) < 8 || got[0].Event.Actor.Name != "" || got[0].Event.Actor.ID != p {
			w.t.Errorf("%d events, %+v (%v)", len(got), got[0].Event.Actor, err)
		}
		if by, err := w.Store.Records(ctx, models.Filter{Person: ann.ID}, pageOf(100)); err != nil || len(by) != 0 {
			w.t.Errorf("%d events are found by the id (%v)", len(by), err)
		}
		if n := w.count("pseudonyms WHERE pseudonym = " + quote(p)); n != 0 {
			w.t.Errorf("%d rows say who it was", n)
		}
		w.isWhole()
	})
}

// everything is all that the database has: its files, or every row of it.
func (w *hidden) everything() string {
	w.t.Helper()
	var all strings.Builder
	if path, ok := strings.CutPrefix(w.url, "sqlite:"); ok {
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) == 0 {
			w.t.Fatal(err)
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				w.t.Fatal(err)
			}
			all.Write(content)
		}
		return all.String()
	}
	for _, table := range w.texts("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'") {
		for _, row := range w.texts("SELECT (t.*)::text FROM " + table + " t") {
			all.WriteString(row)
		}
	}
	return all.String()
}

func (w *trail) texts(query string) (all []string) {
	w.t.Helper()
	rows, err := w.db.QueryContext(ctx, query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// Of a merge both trails are one person's, and so they are under another key.
func TestPseudonymsOfOnePerson(t *testing.T) {
	eachHidden(t, func(w *hidden) {
		one, two := w.account("one", ""), w.account("two", "")
		w.enter("one")
		w.Store.Pseudonyms = pseudonymsOf(w.t, 8)
		w.enter("one")
		w.enter("two")
		if _, err := w.Merge(operator, one.ID, two.ID); err != nil {
			w.t.Fatal(err)
		}
		w.Store.Pseudonyms = nil
		w.enter("two")
		records, err := w.Store.Records(ctx, models.Filter{Person: two.ID, Event: "signin.*"}, pageOf(100))
		var who []string
		for _, r := range records {
			var kept models.Event
			err = errors.Join(err, json.Unmarshal([]byte(r.Body), &kept))
			who = append(who, kept.Actor.ID)
			if r.Event.Actor.ID != two.ID {
				w.t.Errorf("%+v", r.Event.Actor)
			}
		}
		if err != nil || len(records) != 4 || len(slices.Compact(slices.Sorted(slices.Values(who)))) != 4 {
			w.t.Errorf("%v (%v)", who, err)
		}
	})
}

// A pseudonym is kept for an account that there is, once, and not for one that
// goes in the same change.
func TestPseudonymIsKeptOnce(t *testing.T) {
	eachHidden(t, func(w *hidden) {
		user := w.account("one", "")
		w.enter("one")
		w.enter("one")
		if n := w.count("pseudonyms"); n != 1 {
			w.t.Errorf("%d rows", n)
		}
		gone := models.NewID()
		if err := w.Record(ctx, models.Event{Event: "test.of", Actor: models.Actor{ID: gone, Kind: "user"}}); err != nil {
			w.t.Fatal(err)
		}
		if err := w.Delete(operator, user.ID); err != nil || w.count("pseudonyms") != 0 {
			w.t.Errorf("%d rows (%v)", w.count("pseudonyms"), err)
		}
	})
}

// Somebody is deleted while others write of them: no row stays that says who it
// was.
func TestErasureMeanwhile(t *testing.T) {
	eachHidden(t, func(w *hidden) {
		w.Store.OnEvent = nil
		for i := range 5 {
			user := w.account(fmt.Sprint("user", i), "")
			w.do(`DELETE FROM pseudonyms`)
			done := make(chan error)
			for range 4 {
				go func() {
					done <- w.Store.Record(ctx, models.Event{Event: "test.of", Actor: models.Actor{ID: user.ID, Kind: "user"}})
				}()
			}
			err := w.Delete(operator, user.ID)
			for range 4 {
				err = errors.Join(err, <-done)
			}
			if n := w.count("pseudonyms"); n != 0 || err != nil {
				w.t.Errorf("%d rows (%v)", n, err)
			}
		}
		w.isWhole()
	})
}

// A sign-in says which second factor was proved.
func TestSignInTellsTheFactor(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	w.signIn(providertest.Ada)
	if e := w.lastEvent(); e.Event != "signin.finish" || e.Operation != "" {
		t.Errorf("%+v", e)
	}
	w.protected("grace").whole()
	if e := w.lastEvent(); e.Event != "signin.finish" || e.Operation != string(models.FactorTOTP) {
		t.Errorf("%+v", e)
	}
}

// The clock of a replica that is far off removes nothing; nor does one whose
// database does not tell the time.
func TestPruningByAWrongClock(t *testing.T) {
	eachTrail(t, func(w *trail) {
		w.old()
		db := w.clock.now()
		for _, tt := range []struct {
			off time.Duration
			err error
			ok  bool
		}{{-6 * time.Minute, nil, false}, {6 * time.Minute, nil, false}, {0, errors.New("no answer"), false}, {4 * time.Minute, nil, true}} {
			w.StoreClock = func(context.Context) (time.Time, error) { return db.Add(tt.off), tt.err }
			n, err := w.PruneAudit(ctx, identity.MinRetention)
			if (err == nil) != tt.ok || (n > 0) != tt.ok {
				w.t.Errorf("%s: %d (%v)", tt.off, n, err)
			}
		}
	})
	eachTrail(t, func(w *trail) { // the database itself is asked
		w.old() // which passes a day and an hour
		w.StoreClock = nil
		if n, err := w.PruneAudit(ctx, identity.MinRetention); n != 0 || err == nil || !strings.Contains(err.Error(), "apart") {
			w.t.Errorf("%d (%v)", n, err)
		}
	})
}
