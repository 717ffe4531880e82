package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
)

// exportAtOnce is how many accounts of an export are in memory.
const exportAtOnce = 500

// ExportPeople hands over all accounts that a query chooses, whatever its Limit,
// the newest first whatever its Sort: whoever is seen, or called otherwise,
// meanwhile would be left out in another order. It is for admins and the operator, and is recorded
// (user.export). An error of fn ends it.
func (s *Service) ExportPeople(ctx context.Context, q PeopleQuery, fn func(PersonLine) error) error {
	q.After, q.Limit, q.Sort = "", exportAtOnce, "created"
	page, err := s.People(ctx, q)
	if err == nil {
		e := models.NewEvent(ctx, "user.export", models.OutcomeOK)
		e.Target = &models.Target{Kind: "people", ID: clip(q.chosen())}
		err = s.Record(ctx, e)
	}
	for err == nil {
		for _, line := range page.Lines {
			if err := fn(line); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
		page, err = s.People(ctx, q)
	}
	return err
}

// chosen says which accounts a query chooses, as it stands in the event that tells
// of it; empty for all.
func (q PeopleQuery) chosen() string {
	var says []string
	for _, part := range []struct{ name, value string }{{"text", typed(q.Text)}, {"state", q.State}, {"role", q.Role}, {"slot", q.Slot}} {
		if part.value != "" {
			says = append(says, fmt.Sprintf("%s=%q", part.name, part.value))
		}
	}
	return strings.Join(says, " ")
}

// LinkLasts is how long a new link works.
func LinkLasts(purpose models.LinkPurpose) time.Duration {
	if purpose == models.LinkSignIn {
		return signInLinkFor
	}
	return passwordLinkFor
}
