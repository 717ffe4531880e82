package identity

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// chartHours is how many hours a chart shows.
const chartHours = 24

// Overview counts people, sessions and what happened.
func (s *Service) Overview(ctx context.Context) (Overview, error) {
	if err := s.mayLook(ctx); err != nil {
		return Overview{}, err
	}
	var o Overview
	var hours error
	var beside sync.WaitGroup // each takes half of the time that a page has
	beside.Go(func() { hours = s.countHours(ctx, &o) })
	people := s.countPeople(ctx, &o)
	beside.Wait()
	if err := errors.Join(people, hours); err != nil {
		return Overview{}, ErrNotNow.Because(err)
	}
	return o, nil
}

func (s *Service) countPeople(ctx context.Context, o *Overview) (err error) {
	if o.People, err = s.Store.CountPeople(ctx, store.PeopleFilter{}); err != nil {
		return err
	}
	if o.Disabled, err = s.Store.CountPeople(ctx, store.PeopleFilter{Disabled: true}); err != nil {
		return err
	}
	if o.OpenSessions, err = s.Store.CountOpenSessions(ctx, s.Now(), s.Rules().SessionIdle); err != nil {
		return err
	}
	o.Recent, err = s.latest(ctx)
	return err
}

// latest are the latest events. That somebody looks at the trail is left out, for
// looking at these is told, too: soon there would be nothing else.
func (s *Service) latest(ctx context.Context) ([]models.Record, error) {
	records, err := s.Store.Records(ctx, models.Filter{}, store.Page{Limit: 10 * recentSize})
	if err != nil {
		return nil, err
	}
	records = slices.DeleteFunc(records, func(r models.Record) bool { return r.Event.Event == "audit.read" })
	return records[:min(len(records), recentSize)], s.looked(ctx, "overview", models.Filter{})
}

// countHours fills the charts. Midnight, UTC, is always within them.
func (s *Service) countHours(ctx context.Context, o *Overview) error {
	now := s.Now().UTC()
	o.LastHour = now.Truncate(time.Hour)
	o.SignIns, o.Refusals = make([]int64, chartHours), make([]int64, chartHours)
	hours, err := s.Store.Hours(ctx, o.LastHour.Add(-(chartHours-1)*time.Hour))
	for _, h := range hours {
		i := min(h.Hour, chartHours-1) // what another replica's clock says is later is of now
		o.SignIns[i] += h.SignIns
		o.Refusals[i] += h.Refusals
		if i >= chartHours-1-now.Hour() {
			o.SignInsToday += h.SignIns
			o.RefusalsToday += h.Refusals
		}
	}
	return err
}
