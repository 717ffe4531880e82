package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// Config is what a Proxy stands on. Every function is needed.
type Config struct {
	// Site is the public URL; its prefix is the upstream's.
	Site     models.Site
	Upstream Upstream
	// Sign gives the assertion about a principal, a JWT. It is called for every
	// request and expected to remember.
	Sign func(ctx context.Context, p *models.Principal) (string, error)
	// Alive recognises a session once more, for a socket that outlives its
	// request. With an error the socket closes.
	Alive func(ctx context.Context, p *models.Principal) (*models.Principal, error)
	// Touch notes activity: a page load or a mutation.
	Touch func(ctx context.Context, p *models.Principal)
	// Record appends to the audit trail: all events, or with an error none.
	Record func(ctx context.Context, events ...models.Event) error
	// RunLabel is what the runs that somebody launches are tagged with.
	RunLabel func(p *models.Principal) string
	// StepUp tells whether somebody has to prove again who they are before they
	// use a permission.
	StepUp func(p *models.Principal, perm policy.Permission) bool
	// Monitor suspends what roles decide for people who are signed in: a refusal
	// is recorded and goes on.
	Monitor func() bool
	// Untrimmed tells that the app is told of permissions as Dagster tells it, as
	// it is in monitor mode.
	Untrimmed func() bool
	// Menu tells whether Dagster's pages get our menu.
	Menu func() bool
	// ALBHeaders adds the pair of headers that an AWS load balancer would.
	ALBHeaders bool
	// Vouching are the headers by which a proxy in front of us signs people in:
	// Dagster does not get them, for they are as good as a password here.
	Vouching []string
	// LoginURL is the path of the sign-in page, prefix included, that leads back
	// to next.
	LoginURL func(next string) string
	// MenuScript is the address of the script that we add to Dagster's pages,
	// prefix included.
	MenuScript string
	// Problem shows a page to a person and JSON to a program. With retry the
	// same may be tried again after so many seconds.
	Problem func(w http.ResponseWriter, r *http.Request, status int, code, title, message string, retry int)
	// Observe counts a request by class and outcome, both from fixed sets.
	Observe func(class dagster.Class, outcome string)
	// CountUnclassified counts a mutation that Dagpass does not know.
	CountUnclassified func()
	Log               *slog.Logger
	Now               func() time.Time
}

// Proxy is the way to Dagster. It is an http.Handler for everything that is not
// one of our own routes, and is safe for concurrent use.
type Proxy struct {
	Config
	vouching  []string // folded
	reader    *dagster.Reader
	checks    []func(*visit) *refusal
	transport *http.Transport
	forwarder httputil.ReverseProxy
	dialer    *http.Client
	times     socketTimes
	patience  time.Duration // with Dagster, for questions of our own
	room      atomic.Int64  // for answers that wait for their clients, in bytes
	takeTime  time.Duration // that a client may take over such an answer
}

// New makes a Proxy. The principal of a request is looked for in its context,
// and so are its id and its client's address.
func New(c Config) (*Proxy, error) {
	if c.Site.Prefix() != c.Upstream.Prefix() {
		return nil, fmt.Errorf("proxy: public path %q and upstream path %q differ", c.Site.Prefix(), c.Upstream.Prefix())
	}
	if c.Upstream.base.Host == "" {
		return nil, errors.New("proxy: no upstream")
	}
	p := &Proxy{Config: c, transport: c.Upstream.newTransport(), times: defaultTimes, patience: askTime}
	for _, name := range c.Vouching {
		p.vouching = append(p.vouching, folded(name))
	}
	p.room.Store(maxHeld)
	p.takeTime = takeTime
	p.reader = dagster.NewReader(p.ask)
	p.checks = p.door()
	p.forwarder = p.newForwarder()
	p.dialer = p.newDialer()
	return p, nil
}

// Transport reaches the upstream, for requests of our own to an Upstream.URL.
func (p *Proxy) Transport() http.RoundTripper { return p.transport }

// ServeHTTP takes a request through the door and, admitted, to Dagster.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := models.RequestOf(r.Context()).ID; id != "" {
		w.Header().Set(headerRequestID, id)
	}
	v := &visit{r: r}
	admitted, no := p.enter(v)
	switch {
	case no != nil:
		p.refuse(w, v, no)
	case v.route.Class == dagster.Socket:
		p.openSocket(w, v, admitted)
	default:
		p.forward(w, v, admitted)
	}
}
