package identity_test

import (
	"testing"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers/providertest"
)

// A review tells since when there is a grant of the database, and who made it, to
// auditors too, who do not see the grants themselves. Other rules have no date.
func TestReviewDatesGrants(t *testing.T) {
	each(t, func(w *world) {
		_, p := w.signIn(providertest.Violet)
		g, err := w.AddGrant(operator, violet(policy.Editor))
		if err != nil {
			w.t.Fatal(err)
		}
		lines, _, err := w.Review(auditing(p.User, p.SessionID), identity.ReviewQuery{Text: p.User.Name})
		if err != nil || len(lines) != 1 || len(lines[0].Ways) != 1 {
			w.t.Fatalf("%+v %v", lines, err)
		}
		made := lines[0].Ways[0].Made
		if m := made["grant "+g.ID]; len(made) != 1 || !m.At.Equal(g.CreatedAt) || m.By != models.Operator.Name {
			w.t.Errorf("%+v, of %+v", made, g)
		}
	})
}
