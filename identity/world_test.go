package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// world is a service with a real store and a real OpenID provider, and a clock
// that the test moves.
type world struct {
	*identity.Service
	t     *testing.T
	idp   *providertest.Server
	clock *clock
	rules *rules
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// rules is what the rules of a world are made of, besides what its database has.
type rules struct {
	mu       sync.Mutex
	options  policy.Options
	services []*identity.Service
}

// compose makes the rules of one service; gate is of the slot oidc.
func (r *rules) compose(gate policy.Gate) composer {
	return func(c identity.Changes) (*identity.Rules, error) {
		r.mu.Lock()
		o := r.options
		r.mu.Unlock()
		for _, g := range c.Grants {
			o.Grants = append(o.Grants, g.Rule())
		}
		rules := &identity.Rules{
			SessionTTL: 24 * time.Hour, SessionIdle: 8 * time.Hour, MFA: identity.MFAOptional, Label: identity.LabelEmail, Menu: true, GreyOut: true,
			Gates: map[string]policy.Gate{"oidc": gate, "second": {}, "google": {Domains: []string{"example.com"}}, "ldap": {}, "header": {}},
		}
		for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
			if err := override(rules, &o, name, c.Settings[name]); err != nil {
				return nil, models.NewError(models.KindInvalid, "bad_setting", "This is none.").At(name).Because(err)
			}
		}
		var err error
		rules.Policy, err = policy.New(o)
		return rules, err
	}
}

// override takes the few settings that these tests change.
func override(r *identity.Rules, o *policy.Options, name, value string) (err error) {
	switch name {
	case "SESSION_TTL":
		r.SessionTTL, err = time.ParseDuration(value)
	case "SESSION_IDLE":
		r.SessionIdle, err = time.ParseDuration(value)
	case "OIDC_ALLOWED_EMAILS":
		r.Gates["oidc"] = policy.Gate{Emails: strings.Split(value, ",")}
	case "MESSAGE":
		r.Brand.Message = value
	case "DEFAULT_ROLE":
		o.DefaultRole = policy.Role(value)
	default:
		err = errors.New("no such setting")
	}
	return err
}

var settingDefs = []identity.SettingDef{
	{Name: "SESSION_TTL", Kind: identity.SettingDuration, Default: "24h"},
	{Name: "SESSION_IDLE", Kind: identity.SettingDuration, Default: "8h", Env: "8h", Given: true},
	{Name: "OIDC_ALLOWED_EMAILS", Kind: identity.SettingList, Access: true},
	{Name: "MESSAGE", Kind: identity.SettingText},
	{Name: "DEFAULT_ROLE", Kind: identity.SettingChoice, Access: true, Default: "viewer"},
	{Name: "MFA", Kind: identity.SettingChoice, Default: "optional", Pinned: true},
}

// change puts another policy in force, at every replica.
func (w *world) change(o policy.Options) {
	w.t.Helper()
	w.rules.mu.Lock()
	w.rules.options = o
	services := w.rules.services
	w.rules.mu.Unlock()
	for _, s := range services {
		if err := s.Recompose(ctx); err != nil {
			w.t.Fatal(err)
		}
	}
}

// amend has a service go by other rules than it was made with.
func amend(t *testing.T, s *identity.Service, edit func(*identity.Rules)) {
	t.Helper()
	s.Compose = amended(s.Compose, edit)
	if err := s.Recompose(ctx); err != nil {
		t.Fatal(err)
	}
}

type composer = func(identity.Changes) (*identity.Rules, error)

func amended(compose composer, edit func(*identity.Rules)) composer {
	return func(c identity.Changes) (*identity.Rules, error) {
		rules, err := compose(c)
		if err == nil {
			edit(rules)
		}
		return rules, err
	}
}

var viewers = policy.Options{DefaultRole: policy.Viewer, AdminEmails: []string{"ada@example.com"}}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { test(newWorld(t, s, policy.Gate{})) })
}

func onSQLite(t *testing.T, gate policy.Gate) *world {
	t.Helper()
	return newWorld(t, storetest.SQLite(t), gate)
}

func newWorld(t *testing.T, s *store.Store, gate policy.Gate) *world {
	t.Helper()
	idp := providertest.New(t, "http://localhost:3000/auth/callback/oidc", "http://localhost:3000/auth/callback/google")
	w := &world{t: t, idp: idp, clock: &clock{at: time.Now().UTC().Truncate(time.Millisecond)}, rules: &rules{}}
	w.change(viewers)
	w.Service = w.replica(s, gate, key(1))
	return w
}

// replica is one more service on the same store, as another process would be.
func (w *world) replica(s *store.Store, gate policy.Gate, keys ...[]byte) *identity.Service {
	w.t.Helper()
	ring, err := identity.NewKeyring(keys...)
	if err != nil {
		w.t.Fatal(err)
	}
	service, err := identity.New(context.Background(), identity.Config{
		Store: s, Doors: []identity.Door{{Provider: w.provider("oidc")}, {Provider: w.provider("second")}, {Provider: w.provider("google")}}, Compose: w.rules.compose(gate), SettingDefs: settingDefs, Keys: ring,
		Site: models.Site{URL: &url.URL{Scheme: "http", Host: "localhost:3000"}}, Audience: "dagster",
		PasswordLogin: true, Now: w.clock.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	service.StoreClock = func(context.Context) (time.Time, error) { return w.clock.now(), nil }
	w.rules.adopt(service)
	return service
}

func (r *rules) adopt(s *identity.Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.services = append(r.services, s)
}

func (w *world) provider(slot string) providers.Provider {
	w.t.Helper()
	p, err := providers.NewOIDC(providers.OIDCConfig{
		Slot: slot, Type: map[bool]string{true: "google", false: "oidc"}[slot == "google"], Label: "Company", Issuer: w.idp.Issuer, ClientID: w.idp.ClientID, ClientSecret: w.idp.ClientSecret,
		Scopes: []string{"openid", "profile", "email"}, GroupsClaim: "groups", EmailVerified: "required", Now: time.Now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func key(b byte) []byte {
	k := make([]byte, 32)
	k[0] = b
	return k
}

// come brings a person to the callback: begun here, passed the provider.
func (w *world) come(person string) identity.Return { return w.comeBy("oidc", person) }

func (w *world) comeBy(slot, person string) identity.Return {
	w.t.Helper()
	begun, err := w.Begin(context.Background(), slot, "/runs?x=1")
	if err != nil {
		w.t.Fatal(err)
	}
	cb, err := providers.ParseCallback(w.idp.Login(begun.Redirect, person))
	if err != nil {
		w.t.Fatal(err)
	}
	return identity.Return{Slot: slot, Callback: cb, Sealed: begun.Sealed}
}

// signIn is a whole sign-in that must work.
func (w *world) signIn(person string) (identity.SignedIn, *models.Principal) {
	w.t.Helper()
	in, err := w.Finish(context.Background(), w.come(person))
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.Authenticate(context.Background(), in.Token)
	if err != nil {
		w.t.Fatal(err)
	}
	return in, p
}

// events are the audit trail's, in order.
func (w *world) events() (all []models.Event) {
	w.t.Helper()
	links, err := w.Store.Links(context.Background(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range links {
		var e models.Event
		if err := json.Unmarshal([]byte(l.Body), &e); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (w *world) lastEvent() models.Event {
	w.t.Helper()
	all := w.events()
	if len(all) == 0 {
		w.t.Fatal("no event")
	}
	return all[len(all)-1]
}
