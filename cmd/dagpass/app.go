package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dagpass/dagpass/assets"
	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/proxy"
	"github.com/dagpass/dagpass/store"
)

// app is the rooms, put together.
type app struct {
	cfg      Config
	site     models.Site
	log      *slog.Logger
	store    *store.Store
	policy   *policyFile
	identity *identity.Service
	metrics  *handlers.Metrics
	server   *handlers.Server
	lookout  *lookout
	trail    *trailPrinter
}

// newApp puts the rooms together and brings the database to our schema. Site is
// where people find us, which is known once the port is.
func newApp(ctx context.Context, cfg Config, site models.Site, io stdio) (*app, error) {
	a := &app{cfg: cfg, site: site, log: newLogger(cfg, io.Err)}
	keys, err := keyring(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.openStore(ctx, io.Out); err != nil {
		return nil, err
	}
	if err := a.wire(ctx, keys); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) openStore(ctx context.Context, events io.Writer) (err error) {
	if a.store, err = store.Open(ctx, a.cfg.DatabaseURL.Reveal(), a.log); err != nil {
		return err
	}
	a.metrics = handlers.NewMetrics(version, a.gauges())
	a.trail = &trailPrinter{w: events}
	if a.cfg.AuditFile != "" {
		if a.trail.file, err = newTrailFile(a.cfg, a.metrics.Unfiled, a.log); err != nil {
			return errors.Join(err, a.store.Close())
		}
	}
	if a.store.Pseudonyms, err = a.cfg.pseudonyms(); err != nil {
		return errors.Join(err, a.close())
	}
	a.store.OnEvent = func(e models.Event) {
		a.metrics.Event(e)
		a.trail.print(e)
	}
	if _, err := a.store.Migrate(ctx); err != nil {
		return errors.Join(err, a.close())
	}
	return nil
}

// close closes what newApp opened.
func (a *app) close() error {
	a.trail.close()
	return a.store.Close()
}

func (a *app) gauges() map[string]func() float64 {
	count := func(pick func(store.Counts) int64) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			counts, err := a.store.Counts(ctx, time.Now().UTC())
			if err != nil {
				return -1 // the scraper sees that it could not be counted
			}
			return float64(pick(counts))
		}
	}
	return map[string]func() float64{
		"users":    count(func(c store.Counts) int64 { return c.Users }),
		"sessions": count(func(c store.Counts) int64 { return c.Sessions }),
		// How many mutations of this Dagster we do not know; -1 until it told.
		"unclassified_fields": func() float64 { return float64(a.lookout.unclassified.Load()) },
		"monitor_mode":        func() float64 { return map[bool]float64{false: 1}[!a.identity.Rules().Monitor] },
	}
}

// wire makes the rooms above the store, from the lowest to the highest.
func (a *app) wire(ctx context.Context, keys *identity.Keyring) (err error) {
	a.policy = newPolicyFile(a.cfg, a.log)
	rules := &live{cfg: a.cfg, file: a.policy, forgiving: a.cfg.Forgiving}
	doors, err := doors(a.cfg, func() *identity.Rules { return a.identity.Rules() })
	if err != nil {
		return err
	}
	a.identity, err = identity.New(ctx, identity.Config{
		Store: a.store, Doors: doors, Compose: rules.compose, SettingDefs: a.cfg.changeable(), Fixed: a.cfg.fixed(), Keys: keys, Site: a.site, Audience: a.cfg.UpstreamName,
		PasswordLogin: a.cfg.PasswordLogin, Attempts: a.cfg.Attempts, Window: a.cfg.Window,
		OnCheckpoint: func(c models.Checkpoint) { a.trail.print(checkpointLine{c}) },
		Now:          now, Log: a.log,
	})
	if err != nil {
		return unreadable(err)
	}
	rules.forgiving = false // what is changed from here on must be right
	a.policy.recompose = a.identity.Recompose
	pages := &handlers.Pages{Site: a.site, LocalAccounts: a.cfg.PasswordLogin, Log: a.log}
	door, err := a.newProxy(pages)
	if err != nil {
		return err
	}
	a.lookout = newLookout(a, door)
	a.server = handlers.New(handlers.Config{
		Identity: a.identity, Pages: pages, Proxy: door, CleanPath: dagster.CleanPath,
		Ready: a.store.Ready, Around: a.lookout.around, Locations: a.locations(door), Trusted: a.cfg.trusted,
		Metrics: a.metrics, MetricsToken: a.cfg.MetricsToken, Version: version, Warnings: func() []string { return a.cfg.openProviders(a.identity.Rules().Gates) }, Demo: a.cfg.Demo, Now: now, Log: a.log,
	})
	return nil
}

// locations lists Dagster's code locations for our own pages, which can do
// without.
func (a *app) locations(door *proxy.Proxy) func(context.Context) []string {
	return patient(now, func(ctx context.Context) ([]string, error) {
		names, err := door.Locations(ctx)
		if err != nil {
			a.log.WarnContext(ctx, "code locations not known", "error", err)
		}
		return names, err
	})
}

// askAgainAfter is how long a Dagster that did not answer is left alone.
const askAgainAfter = 5 * time.Second

// patient asks once for all who want to know at the same time, and does not ask
// again for a while after a failure.
func patient(now func() time.Time, ask func(context.Context) ([]string, error)) func(context.Context) []string {
	var one sync.Mutex
	var next time.Time
	return func(ctx context.Context) []string {
		one.Lock()
		defer one.Unlock()
		if now().Before(next) {
			return nil
		}
		names, err := ask(ctx)
		if err != nil {
			next = now().Add(askAgainAfter)
		}
		return names
	}
}

func (a *app) newProxy(pages *handlers.Pages) (*proxy.Proxy, error) {
	return proxy.New(proxy.Config{
		Site: a.site, Upstream: a.cfg.upstream,
		Sign: a.identity.Assertion, Alive: a.identity.Still, Touch: a.identity.Touch, Record: a.identity.Record,
		RunLabel:          a.identity.RunLabel,
		StepUp:            a.identity.MustConfirm,
		Monitor:           func() bool { return a.identity.Rules().Monitor },
		Untrimmed:         func() bool { return a.identity.Rules().Untrimmed() },
		Menu:              func() bool { return a.identity.Rules().Menu },
		ALBHeaders:        a.cfg.ALBHeaders,
		Vouching:          a.cfg.vouching(),
		LoginURL:          func(next string) string { return a.site.Prefix() + "/auth/login?next=" + url.QueryEscape(next) },
		MenuScript:        a.site.Prefix() + assets.URL("menu.js"),
		Problem:           pages.Problem,
		Observe:           func(class dagster.Class, outcome string) { a.metrics.Dagster(string(class), outcome) },
		CountUnclassified: a.metrics.Unclassified,
		Log:               a.log, Now: now,
	})
}

func now() time.Time { return time.Now().UTC() }

// doors makes a provider for each configured one. What they ask for follows the
// rules in force, which are there before anybody comes.
func doors(cfg Config, rules func() *identity.Rules) ([]identity.Door, error) {
	var all []identity.Door
	for _, p := range cfg.providers() {
		made, err := cfg.newProvider(p, rules)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.slot, err)
		}
		all = append(all, identity.Door{Provider: made})
	}
	return all, nil
}

func (c *Config) newProvider(p provider, rules func() *identity.Rules) (providers.Source, error) {
	secret := p.ClientSecret.Reveal()
	switch p.kind {
	case "ldap":
		return providers.NewLDAP(c.ldapProvider())
	case "header":
		return providers.NewHeader(c.headerProvider())
	case "github":
		return providers.NewGitHub(providers.GitHubConfig{
			Label: label(p, "GitHub"), ClientID: p.ClientID, ClientSecret: secret, URL: p.issuer,
			WantOrgs: func() bool { return len(rules().Gates[p.slot].Orgs) > 0 || rules().Policy.UsesOrgs() }, Now: now,
		})
	case "google":
		return providers.NewGoogle(providers.OIDCConfig{
			Label: p.Label, Issuer: p.issuer, ClientID: p.ClientID, ClientSecret: secret,
			Hosted: func() string { return onlyDomain(rules().Gates[p.slot]) }, Now: now,
		})
	}
	i := slices.IndexFunc(c.OIDC, func(o OIDCConfig) bool { return o.Slot == p.slot })
	o := c.OIDC[i]
	return providers.NewOIDC(providers.OIDCConfig{
		Slot: p.slot, Type: p.kind, Label: label(p, p.slot), Issuer: p.issuer, ClientID: p.ClientID, ClientSecret: secret,
		Scopes: strings.Fields(o.Scopes), GroupsClaim: o.GroupsClaim, EmailVerified: o.EmailVerified, Now: now,
	})
}

// onlyDomain is the one allowed domain, if there is one.
func onlyDomain(g policy.Gate) string {
	if len(g.Domains) == 1 && !g.Everyone {
		return g.Domains[0]
	}
	return ""
}

func label(p provider, otherwise string) string {
	if p.Label != "" {
		return p.Label
	}
	return otherwise
}

// keyring takes SECRET_KEY, or on SQLite over a loopback the key kept beside
// the database, which is made at the first start.
func keyring(cfg Config) (*identity.Keyring, error) {
	keys, err := decodeKeys(cfg.SecretKey)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		key, err := keyFile(cfg.databaseFile() + ".key")
		if err != nil {
			return nil, fmt.Errorf("secret key: %w", err)
		}
		keys = [][]byte{key}
	}
	return identity.NewKeyring(keys...)
}

// keyFile reads the key, or makes it: written whole under another name and then
// linked, so that of two starting at once one wins and none reads half a key.
func keyFile(path string) ([]byte, error) {
	if key, err := readKey(path); !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	whole, err := os.CreateTemp(filepath.Dir(path), ".dagpass-key-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(whole.Name())
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	_, err = whole.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, whole.Sync(), whole.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(whole.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

func readKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := decodeKeys(models.Secret(strings.TrimSpace(string(text))))
	if err != nil || len(keys) == 0 {
		return nil, fmt.Errorf("%s does not hold a key", path)
	}
	return keys[0], nil
}

// lookout keeps how Dagster and the providers were when they were last asked, so
// that whoever asks us need not wait for them.
type lookout struct {
	client    *http.Client
	dagster   string // address of Dagster's /server_info
	providers func(context.Context) []identity.ProviderState
	last      atomic.Pointer[handlers.Around]

	// schema lists the mutations of this Dagster that we do not know; asked is
	// the version that it was last asked of, unknown what it said then, and
	// unclassified how many there are.
	schema       func(context.Context) ([]string, error)
	asked        string
	unknown      atomic.Pointer[[]string]
	unclassified atomic.Int64
	log          *slog.Logger
}

const (
	// probeEvery is how often they are asked, probeFor how long they may take.
	probeEvery = 5 * time.Second
	probeFor   = 3 * time.Second
)

func newLookout(a *app, door *proxy.Proxy) *lookout {
	p := &lookout{
		client: &http.Client{Transport: door.Transport()}, dagster: a.cfg.upstream.URL("/server_info"),
		providers: a.identity.Providers, schema: door.Unclassified, log: a.log,
	}
	p.last.Store(&handlers.Around{})
	p.unclassified.Store(-1)
	return p
}

func (p *lookout) around() handlers.Around {
	around := *p.last.Load()
	if unknown := p.unknown.Load(); unknown != nil {
		around.Unclassified = *unknown
	}
	return around
}

// ask never fails: that somebody does not answer is an answer.
func (p *lookout) ask(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	around := &handlers.Around{Dagster: p.askDagster(bounded), Providers: p.providers(bounded)}
	p.last.Store(around)
	p.askSchema(ctx, around.Dagster.Version)
	return nil
}

// askSchema looks for mutations that nobody has classified, at the start and
// whenever Dagster has become another. They are for admins alone, and an
// operator should know before an editor complains.
func (p *lookout) askSchema(ctx context.Context, version string) {
	if version == "" || version == p.asked {
		return
	}
	unknown, err := p.schema(ctx)
	if err != nil {
		p.log.Debug("Dagster's schema is not known yet", "error", err) // it is asked again in seconds
		return
	}
	p.asked = version
	p.unknown.Store(&unknown)
	p.unclassified.Store(int64(len(unknown)))
	if len(unknown) > 0 {
		p.log.Warn("mutations of this Dagster are not classified and are for admins alone", "dagster", version, "mutations", unknown)
	}
}

func (p *lookout) askDagster(ctx context.Context) (status handlers.DagsterStatus) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.dagster, nil)
	if err != nil {
		return status
	}
	answer, err := p.client.Do(req)
	if err != nil {
		return status
	}
	defer answer.Body.Close()
	var info struct {
		Version string `json:"dagster_webserver_version"`
	}
	status.Reachable = answer.StatusCode == http.StatusOK
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&info) == nil {
		status.Version = info.Version
	}
	return status
}

// newLogger writes text to a terminal and JSON elsewhere, with the request's id
// and client on every line that has a request.
func newLogger(cfg Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // checked at the start
	o := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "text" || (cfg.LogFormat == "" && isTerminal(w)) {
		return slog.New(requestHandler{slog.NewTextHandler(w, o)})
	}
	return slog.New(requestHandler{slog.NewJSONHandler(w, o)})
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// requestHandler adds what the context knows, once, so that no caller can
// forget it.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if about := models.RequestOf(ctx); about.ID != "" {
		r.AddAttrs(slog.String("request_id", about.ID), slog.String("client_ip", about.ClientIP))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

func port(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}
