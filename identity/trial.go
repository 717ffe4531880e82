package identity

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
)

// A test sign-in goes the way of a sign-in up to the point where the provider has
// vouched for somebody, and there it ends: what would have become of it is told
// to the admin who began it, and nothing is made or changed. It is marked inside
// the sealed attempt, and Finish parts the two before anything else: one that is
// marked never reaches a session, and none that is not marked reaches this file.

// ErrTestOver is a test sign-in that came back too late, twice, or elsewhere.
var ErrTestOver = models.NewError(models.KindForbidden, "test_over", "This test sign-in is over: it was begun in another session, or its result was shown already. Start it again on the page of the providers.")

// TestResult is what a test sign-in came to.
type TestResult struct {
	Provider providers.Info
	// Failed is why the provider vouched for nobody, in words that may be shown,
	// and nil where it did. Reason is the word of the audit trail.
	Failed *models.Error
	Reason string
	// Said is what the provider sent, as far as it could be verified.
	Said []Said

	// The rest is empty where it vouched for nobody. User is the account that would
	// be signed in to; one that is not Known would be made.
	User  models.User
	Known bool
	// Way is what Dagpass makes of the claims, by today's rules.
	Way PersonWay
	// EmailSaid tells that the provider itself says that the address is verified.
	EmailSaid bool
	// AuthTime is when the provider says that it signed them in; zero for nothing said.
	AuthTime time.Time
	// Passed is what of the allow-list lets them in.
	Passed []policy.Passed
	// Wants is the second factor that would be asked for; AtProvider tells that the
	// provider says it asked for one.
	Wants      models.Wants
	AtProvider bool
}

const testPage = "/auth/admin/providers"

// BeginTest sends an admin to a provider to try it out. Like every change of the
// console it wants a recent proof, and the callback must come to the same session.
// A provider that fails before anybody goes there gives a result and no way.
func (s *Service) BeginTest(ctx context.Context, slot string) (Begun, *TestResult, error) {
	p, err := s.mayTest(ctx)
	if err != nil {
		return Begun{}, nil, err
	}
	if _, ok := s.doors[slot].provider(); !ok {
		return Begun{}, nil, ErrNoProvider
	}
	begun, err := s.embark(ctx, attempt{
		Slot: slot, Next: s.Site.Prefix() + testPage, Purpose: toTest, User: p.User.ID, Session: p.SessionID,
	})
	var from *providers.Error
	if errors.As(err, &from) {
		result, err := s.testFailed(ctx, slot, err, nil)
		return Begun{}, &result, err
	}
	return begun, nil, err
}

// TestDirectory tries a directory with a name and a password, which count as one
// attempt to sign in there.
func (s *Service) TestDirectory(ctx context.Context, slot, username, password string) (result TestResult, err error) {
	if _, err := s.mayTest(ctx); err != nil {
		return result, err
	}
	directory, ok := s.doors[slot].Provider.(providers.Directory)
	if !ok {
		return result, ErrNoProvider
	}
	username = strings.TrimSpace(username)
	switch {
	case username == "":
		return result, ErrTestEmpty.At("username")
	case password == "":
		return result, ErrTestEmpty.At("password")
	}
	listening, heard := providers.Listen(ctx)
	claim, err := s.proveInDirectory(listening, directory, slot, username, password)
	var from *providers.Error
	switch {
	case errors.As(err, &from):
		return s.testFailed(ctx, slot, err, heard)
	case err != nil:
		return result, err
	}
	return s.testVouched(ctx, slot, models.MethodDirectory, claim, heard)
}

// ErrTestEmpty is a form to try a directory with that lacks something.
var ErrTestEmpty = models.NewError(models.KindInvalid, "empty", "Please fill this in.")

// TestHeader tries what the headers of a request say of whoever sends it.
func (s *Service) TestHeader(ctx context.Context, slot string, h map[string][]string, peer netip.Addr) (result TestResult, err error) {
	if _, err := s.mayTest(ctx); err != nil {
		return result, err
	}
	witness, ok := s.doors[slot].Provider.(providers.Witness)
	if !ok {
		return result, ErrNoProvider
	}
	listening, heard := providers.Listen(ctx)
	claim, err := witness.SignIn(listening, h, peer)
	s.noteAnswer(ctx, slot, err)
	if err != nil {
		return s.testFailed(ctx, slot, err, heard)
	}
	return s.testVouched(ctx, slot, models.MethodHeader, claim, heard)
}

// mayTest is for admins who have proved lately who they are. The operator has no
// browser to go anywhere with.
func (s *Service) mayTest(ctx context.Context) (*models.Principal, error) {
	p := models.PrincipalOf(ctx)
	if p == nil {
		return nil, ErrNotAdmin
	}
	return p, s.mayAdminister(ctx)
}

// finishTest takes what came back from the provider for [Service.BeginTest], with
// what is wrong with the attempt itself. Its SignedIn has nothing but the result.
func (s *Service) finishTest(ctx context.Context, provider providers.Provider, a attempt, r Return, wrong error) (SignedIn, error) {
	if err := s.mayFinishTest(ctx, a, r.Former, wrong); err != nil {
		return SignedIn{}, s.refused(ctx, testEvent, r.Slot, err)
	}
	listening, heard := providers.Listen(ctx)
	claim, err := provider.Finish(listening, a.Attempt, r.Callback)
	s.noteAnswer(ctx, r.Slot, err)
	if err != nil {
		t, err := s.testFailed(ctx, r.Slot, err, heard)
		return SignedIn{Test: &t}, err
	}
	t, err := s.testVouched(ctx, r.Slot, models.MethodProvider, claim, heard)
	return SignedIn{Test: &t}, err
}

// mayFinishTest spends the state, whoever brings it, and then looks at the session
// that began the test. Until then nothing is asked of the provider.
func (s *Service) mayFinishTest(ctx context.Context, a attempt, p *models.Principal, wrong error) error {
	if wrong != nil {
		return refusal{"state", ErrTestOver}
	}
	err := s.Store.SpendState(ctx, models.Digest(a.State), a.Expires)
	if errors.Is(err, models.ErrConflict) {
		return refusal{"state_spent", ErrTestOver}
	}
	if err != nil {
		return err
	}
	return s.stillTests(ctx, a, p)
}

// stillTests wants the session that began it, open and an admin's by now.
func (s *Service) stillTests(ctx context.Context, a attempt, p *models.Principal) error {
	if p == nil || a.Session == "" || p.SessionID != a.Session || p.User.ID != a.User {
		return refusal{"other_session", ErrTestOver}
	}
	session, user, identity, err := s.Store.Session(ctx, p.SessionID) // anew: what was believed for seconds may be over
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && !s.holds(session, user, identity):
		return refusal{"session_ended", ErrTestOver}
	case err != nil:
		return err
	case !s.Policy().Access(subject(user, identity)).Permissions.Has(policy.Administer):
		return refusal{"not_admin", ErrNotAdmin}
	}
	return nil
}

const testEvent = "provider.test"

// testFailed is the result where the provider vouched for nobody. The true reason
// goes to the log, and to whoever looks its word.
func (s *Service) testFailed(ctx context.Context, slot string, cause error, heard *providers.Heard) (TestResult, error) {
	reason, public := fromProvider(cause)
	if _, directory := s.doors[slot].Provider.(providers.Directory); directory {
		public = inDirectory(cause)
	}
	t := TestResult{Provider: s.doors[slot].Provider.Info(), Failed: public, Reason: reason, Said: said(heard)}
	s.Log.WarnContext(ctx, "test sign-in failed", "slot", slot, "reason", reason, "error", cause)
	e := models.NewEvent(ctx, testEvent, models.OutcomeRefused)
	if _, its := s.fault(ctx, slot, cause); its {
		e.Outcome = models.OutcomeFailed
	}
	return t, s.recordTest(ctx, e, slot, reason)
}

// testVouched is the result where it did.
func (s *Service) testVouched(ctx context.Context, slot string, method models.Method, claim providers.Claim, heard *providers.Heard) (t TestResult, err error) {
	t = TestResult{Provider: s.doors[slot].Provider.Info(), Said: said(heard), AuthTime: claim.AuthTime, EmailSaid: heard.SaysVerified()}
	who, known, err := s.whoWouldEnter(ctx, slot, method, claim)
	if err != nil {
		return TestResult{}, ErrNotNow.Because(err)
	}
	t.User, t.Known, t.Way = *who.user, known, s.way(*who.user, *who.identity)
	whom := subject(*who.user, *who.identity)
	t.Passed = s.Rules().Gates[slot].Passed(whom, s.Policy().Names(whom))
	if t.Wants, err = s.wants(func(id string) ([]models.Factor, error) { return s.Store.FactorsOf(ctx, id) }, who); err != nil {
		return TestResult{}, ErrNotNow.Because(err)
	}
	t.AtProvider, t.Reason = who.factor == models.FactorProvider, t.Way.Reason
	e := models.NewEvent(ctx, testEvent, models.OutcomeOK)
	if !t.Way.Open {
		e.Outcome = models.OutcomeRefused
	}
	if t.Known {
		e.Target = &models.Target{Kind: "user", ID: t.User.ID}
	}
	return t, s.recordTest(ctx, e, slot, t.Reason)
}

func (s *Service) recordTest(ctx context.Context, e models.Event, slot, reason string) error {
	e.Provider, e.Reason = slot, reason
	if err := s.Record(ctx, e); err != nil {
		return ErrUnavailable.Because(err)
	}
	return nil
}

// whoWouldEnter is findOrMake without making or changing anything: who has the
// account at the provider, with what it says now, or somebody new.
func (s *Service) whoWouldEnter(ctx context.Context, slot string, method models.Method, claim providers.Claim) (who *entrant, known bool, err error) {
	claims := claimsOf(claim)
	identity, user, err := s.Store.Owner(ctx, claim.Issuer, claim.Subject)
	known = err == nil
	if errors.Is(err, models.ErrNotFound) {
		user, err = *models.NewUser(claims.Name, claims.Email, s.Now()), nil
		identity = *models.NewIdentity(user.ID, slot, claim.Issuer, claim.Subject, s.Now())
	}
	identity.Slot, identity.Claims = slot, claims
	return &entrant{user: &user, identity: &identity, method: method}, known, err
}
