package views_test

import (
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/views"
)

// A search that has not looked at everything never says that there is nothing.
func TestUnfinishedSearchSaysSo(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 10, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		page        templ.Component
		says, never string
	}{
		"who can": {
			views.ConsoleAccess{Ask: views.ConsoleWhoCan{Permission: "administer", Asked: true, Next: "x"}}.Component(),
			"Nobody of those who were looked at", "Nobody may do this there.",
		},
		"who can, all": {views.ConsoleAccess{Ask: views.ConsoleWhoCan{Permission: "administer", Asked: true}}.Component(), "Nobody may do this there.", "Search on"},
		"sessions":     {views.ConsoleSessions{Text: "x", Next: "x"}.Component(), "None of the sessions that were looked at", "No session is like this."},
		"events":       {views.ConsoleAudit{Filter: views.ConsoleAuditFilter{Event: "a.b"}, Older: "7", Back: at}.Component(), "back to 21 Nov 2026, 09:10 UTC", "Nothing has happened yet."},
		"some events":  {views.ConsoleAudit{Lines: []views.ConsoleEvent{{Seq: 8}}, Older: "7", Back: at}.Component(), "This is all back to 21 Nov 2026, 09:10 UTC", ">Older<"},
		"people":       {views.ConsolePeople{Total: 5000, More: true, Filter: views.ConsolePeopleFilter{Text: "a"}}.Component(), "more than 5,000 people found", "x x x"},
	} {
		var page strings.Builder
		if err := c.page.Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		if got := page.String(); !strings.Contains(got, c.says) || strings.Contains(got, c.never) {
			t.Errorf("%s: want %q and never %q", name, c.says, c.never)
		}
	}
}
