package identity

import (
	"context"
	"slices"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
)

// MayAudit tells whether whoever asks may read the trail. It is a courtesy to
// pages: each use case judges for itself.
func (s *Service) MayAudit(ctx context.Context) bool { return s.mayAudit(ctx) == nil }

// PrivilegedKind is a kind of event that auditors look at one by one.
type PrivilegedKind struct {
	// Event is a name or all of a noun, such as "user.*". Permission is what a
	// change in Dagster took, where there is no Event.
	Event      string
	Permission policy.Permission
	// Why says in a sentence what makes it so.
	Why string
}

// privileged is the one list of them. What it leaves out among our own events is
// told by the test that reads this file: sign-ins, and looking at things.
var privileged = []PrivilegedKind{
	{Event: "setup.*", Why: "Who became the first admin, and how."},
	{Event: "user.*", Why: "Accounts: who came to be, which role they were given, who was barred, what was taken away as a list."},
	{Event: "identity.*", Why: "Which accounts at providers are whose."},
	{Event: "mfa.*", Why: "Second factors: what proves that somebody is who they are."},
	{Event: "session.revoke", Why: "Somebody was signed out by somebody else, or from elsewhere."},
	{Event: "policy.*", Why: "Grants: who may do what, and where."},
	{Event: "setting.*", Why: "How this installation judges and looks."},
	{Event: "config.*", Why: "Keys with which others are made to believe us."},
	{Event: "provider.*", Why: "A provider was tried out with somebody's claims."},
	{Event: "token.*", Why: "Keys for programs."},
	{Event: "audit.export", Why: "The trail left the house."},
	{Event: "audit.review", Why: "The list of who has what left the house."},
	{Event: "audit.prune", Why: "Old events were removed."},
	{Permission: policy.DeletePipelineRun, Why: "A run and what it left behind are gone."},
	{Permission: policy.WipeAssets, Why: "What is known of an asset is gone."},
	{Permission: policy.ReportRunlessAssetEvents, Why: "Something was said of an asset that no run did."},
	{Permission: policy.ReloadRepositoryLocation, Why: "Other code may run from then on, at a code location."},
	{Permission: policy.ReloadWorkspace, Why: "Other code may run from then on, everywhere."},
	{Permission: policy.EditAppManagedComponents, Why: "What a code location is made of was changed in the app."},
	{Permission: policy.EditDynamicPartitions, Why: "Partitions were made or removed, and with them what they hold."},
	{Permission: policy.EditConcurrencyLimit, Why: "How much may run at once, for everybody."},
	{Permission: policy.ToggleAutoMaterialize, Why: "Whether anything runs by itself, for everybody."},
	{Permission: policy.UnclassifiedMutation, Why: "Something that Dagpass does not know: it may do anything."},
}

// PrivilegedKinds are the kinds of events that [Service.PrivilegedEvents] lists.
func PrivilegedKinds() []PrivilegedKind { return slices.Clone(privileged) }

// PrivilegedEvents lists up to limit privileged events of a person and a time, the
// newest first, of those before event number before; zero begins at the end. Of a
// filter nothing else counts. It is for auditors, admins and the operator, and is
// recorded (audit.read).
func (s *Service) PrivilegedEvents(ctx context.Context, f models.Filter, before int64, limit int) (EventPage, error) {
	if err := s.mayAudit(ctx); err != nil {
		return EventPage{}, err
	}
	f = models.Filter{Person: f.Person, Since: f.Since, Until: f.Until}
	kinds := make([]store.Kind, len(privileged))
	for i, k := range privileged {
		kinds[i] = store.Kind{Event: k.Event, Permission: string(k.Permission)}
	}
	found, err := s.Store.SearchOf(ctx, kinds, f, store.Page{Before: before, Limit: sized(limit)})
	if err != nil {
		return EventPage{}, ErrNotNow.Because(err)
	}
	return EventPage(found), s.looked(ctx, "privileged", f)
}

// looked records that somebody looked at a view of the trail.
func (s *Service) looked(ctx context.Context, view string, f models.Filter) error {
	what := view
	if said := f.String(); said != "" {
		what += " " + said
	}
	return s.Record(ctx, audited(ctx, "audit.read", what))
}

// Names tells by id what people are called now. Who has no account any more has
// no name. It is for whoever reads the trail, and for whoever looks at people.
func (s *Service) Names(ctx context.Context, ids []string) (map[string]string, error) {
	if err := s.mayAudit(ctx); err != nil && s.mayLook(ctx) != nil {
		return nil, err
	}
	users, err := s.Store.UsersBy(ctx, slices.Compact(slices.Sorted(slices.Values(ids))))
	names := map[string]string{}
	for id, u := range users {
		names[id] = u.Label()
	}
	return names, err
}
