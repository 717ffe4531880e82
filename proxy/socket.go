package proxy

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// socketTimes are how often a socket is looked after.
type socketTimes struct {
	// recheck is how often the session behind a socket is recognised again.
	recheck time.Duration
	// ping is how often a silent client is asked whether it is there; pong is
	// how long it may take to say so.
	ping, pong time.Duration
}

var defaultTimes = socketTimes{recheck: 2 * time.Second, ping: 20 * time.Second, pong: 10 * time.Second}

// relayBuffer is what a socket holds of a message on its way to the client, in
// bytes: a socket is open for hours and mostly idle.
const relayBuffer = 4 << 10

// isUpgrade tells whether a WebSocket is asked for (RFC 6455 §4.2.1). Any other
// Upgrade is dropped on the way, as every server may.
func isUpgrade(r *http.Request) bool {
	return hasToken(r.Header["Upgrade"], "websocket") && hasToken(r.Header["Connection"], "upgrade")
}

func hasToken(lines []string, token string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
		return false
	})
}

// checkSocket wants a whole handshake, and the protocol that Dagster speaks
// whatever is offered.
func checkSocket(r *http.Request) *refusal {
	h := r.Header
	keys := h.Values("Sec-Websocket-Key")
	if !r.ProtoAtLeast(1, 1) || len(keys) != 1 || h.Get("Sec-Websocket-Version") != "13" || !hasToken(h["Sec-Websocket-Protocol"], dagster.SocketProtocol) {
		return notUnderstood(errProtocol)
	}
	if key, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(key) != 16 {
		return notUnderstood(errProtocol)
	}
	return nil
}

// bridge is a client's socket joined with one to Dagster.
type bridge struct {
	*Proxy
	// ctx is the request's; it ends with the server.
	ctx             context.Context
	opened          *pass
	client, dagster *websocket.Conn

	who atomic.Pointer[models.Principal]
	mu  sync.Mutex
	// needs is what the operations started so far needed.
	needs map[policy.Want]bool
}

// openSocket joins the two and returns when both have ended.
func (p *Proxy) openSocket(w http.ResponseWriter, v *visit, admitted *pass) {
	upstream, err := p.dialSocket(v)
	if err != nil {
		p.refuse(w, v, dagsterDown(err))
		return
	}
	defer upstream.CloseNow() //nolint:errcheck // it is closed already, unless the client's handshake failed
	client, err := websocket.Accept(w, v.r, &websocket.AcceptOptions{
		Subprotocols:       []string{dagster.SocketProtocol},
		InsecureSkipVerify: true, // the door has looked at the origin, by our own rule
	})
	if err != nil {
		p.observe(dagster.Socket, outcomeFailed)
		p.Log.WarnContext(v.r.Context(), "socket not opened", "error", err)
		return
	}
	p.observe(dagster.Socket, outcomeForwarded)
	b := &bridge{
		Proxy: p, ctx: v.r.Context(), opened: admitted, client: client, dagster: upstream,
		needs: map[policy.Want]bool{{Permission: admitted.route.Need}: true},
	}
	b.who.Store(v.intro.who)
	b.run()
}

// newDialer follows no redirect: an upstream that answers with one has no
// socket for us.
func (p *Proxy) newDialer() *http.Client {
	return &http.Client{
		Transport:     p.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialSocket opens Dagster's end with headers of our own making: of the
// client's only those that a server on the way might want.
func (p *Proxy) dialSocket(v *visit) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(v.r.Context(), 2*dialTimeout)
	defer cancel()
	h := http.Header{}
	for _, name := range []string{"User-Agent", "Accept-Language", "Cookie", "Authorization"} {
		if lines := v.r.Header[name]; len(lines) > 0 {
			h[name] = slices.Clone(lines)
		}
	}
	p.clean(h)
	v.intro.write(h)
	//nolint:bodyclose // there is none to close (websocket.Dial)
	conn, _, err := websocket.Dial(ctx, p.Upstream.URL(v.route.Path), &websocket.DialOptions{
		HTTPClient: p.dialer, HTTPHeader: h, Subprotocols: []string{dagster.SocketProtocol},
	})
	return conn, err
}

// ending is a reason of our own to end a socket: a close code, a fixed word for
// the client, and a cause for the log.
type ending struct {
	code  websocket.StatusCode
	word  string
	cause error
}

func (e *ending) Error() string { return e.word }

// run lets all parts work until the first one ends, then ends the others. It
// leaves no goroutine behind.
func (b *bridge) run() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	defer cancel()
	parts := []func(context.Context) error{b.up, b.down, b.watch, b.beat}
	ended := make(chan error, len(parts))
	var all sync.WaitGroup
	for _, part := range parts {
		all.Go(func() { ended <- guard(ctx, part) })
	}
	b.close(<-ended) // before cancel, which would cut the line without a word
	cancel()
	all.Wait()
}

// guard turns a panic into an end of this socket: it would be the end of the
// server, for nobody recovers here.
func guard(ctx context.Context, part func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &ending{websocket.StatusInternalError, "internal", fmt.Errorf("panic: %v\n%s", v, debug.Stack())}
		}
	}()
	return part(ctx)
}

// close says goodbye to both, at once and in bounded time.
func (b *bridge) close(why error) {
	code, word := farewell(why)
	if e := new(ending); errors.As(why, &e) {
		b.Log.InfoContext(b.ctx, "socket ended", "reason", word, "error", e.cause)
	}
	var both sync.WaitGroup
	// What the other end makes of it changes nothing any more.
	both.Go(func() { _ = b.client.Close(code, word) })
	both.Go(func() { _ = b.dagster.Close(websocket.StatusNormalClosure, "") })
	both.Wait()
}

// farewell is what the client is told: our own reason, or Dagster's.
func farewell(why error) (websocket.StatusCode, string) {
	if e := new(ending); errors.As(why, &e) {
		return e.code, e.word
	}
	switch code := websocket.CloseStatus(why); code {
	case websocket.StatusNoStatusRcvd:
		return websocket.StatusNormalClosure, ""
	case -1, websocket.StatusAbnormalClosure, websocket.StatusTLSHandshake:
		return websocket.StatusGoingAway, "" // a line that broke
	default:
		return code, ""
	}
}

// up carries the client's messages to Dagster, each of them read, judged and
// written anew.
func (b *bridge) up(ctx context.Context) error {
	b.client.SetReadLimit(dagster.MaxBody)
	for {
		kind, message, err := b.client.Read(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return &ending{websocket.StatusUnsupportedData, "not_text", nil}
		}
		if err := b.take(ctx, message); err != nil {
			return err
		}
	}
}

func (b *bridge) take(ctx context.Context, message []byte) error {
	m, err := b.reader.ReadSocketMessage(message)
	if err != nil {
		return b.notReadable(ctx, m, err)
	}
	if m.Call == nil {
		return b.send(ctx, b.opened, m)
	}
	admitted, no := b.admit(b.asNow(), wish{route: b.opened.route, call: m.Call})
	if no != nil {
		return b.answerRefusal(ctx, m.ID, no)
	}
	b.hold(m.Call.Needs)
	return b.send(ctx, admitted, m)
}

// asNow is the context with the principal as last recognised.
func (b *bridge) asNow() context.Context { return models.WithPrincipal(b.ctx, b.who.Load()) }

// send needs a pass, as whatever reaches Dagster does.
func (b *bridge) send(ctx context.Context, _ *pass, m dagster.SocketMessage) error {
	return b.dagster.Write(ctx, websocket.MessageText, m.Bytes())
}

func (b *bridge) answerRefusal(ctx context.Context, id string, no *refusal) error {
	if no.cause != nil {
		b.Log.WarnContext(b.ctx, "not forwarded", "code", no.code, "error", no.cause)
	}
	return b.client.Write(ctx, websocket.MessageText, dagster.RefuseSocket(id, no.message))
}

// notReadable answers an operation that has no place on a socket, and ends the
// socket on anything else: the app sends nothing of the kind.
func (b *bridge) notReadable(ctx context.Context, m dagster.SocketMessage, err error) error {
	e := asDagsterError(err)
	if e.Call == nil || m.ID == "" {
		return &ending{websocket.StatusPolicyViolation, e.Reason, err}
	}
	w := wish{route: b.opened.route, call: e.Call}
	return b.answerRefusal(ctx, m.ID, b.turnAway(b.asNow(), w, w.unheld(), e.Reason, notUnderstood(err)))
}

// down carries Dagster's messages to the client as they come. A client that
// does not read makes Dagster wait, and is gone when it answers no ping.
func (b *bridge) down(ctx context.Context) error {
	b.dagster.SetReadLimit(-1) // nothing is kept, so nothing needs a limit
	buffer := make([]byte, relayBuffer)
	for {
		if err := relay(ctx, b.client, b.dagster, buffer); err != nil {
			return err
		}
	}
}

func relay(ctx context.Context, to, from *websocket.Conn, buffer []byte) error {
	kind, r, err := from.Reader(ctx)
	if err != nil {
		return err
	}
	w, err := to.Writer(ctx, kind)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(w, r, buffer); err != nil {
		return err
	}
	return w.Close()
}

// watch ends the socket soon after its session ends, or when the person may no
// longer do what the socket does, or when the server stops.
func (b *bridge) watch(ctx context.Context) error {
	tick := time.NewTicker(b.times.recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.ctx.Done():
			return &ending{websocket.StatusGoingAway, "server_stopping", b.ctx.Err()}
		case <-tick.C:
			if err := b.recheck(); err != nil {
				return err
			}
		}
	}
}

func (b *bridge) recheck() error {
	// A store that hangs must not keep a socket open.
	ctx, cancel := context.WithTimeout(b.ctx, b.times.recheck)
	defer cancel()
	who, err := b.Alive(ctx, b.who.Load())
	if err != nil {
		return &ending{websocket.StatusPolicyViolation, "session_ended", err}
	}
	if !b.Now().Before(who.ExpiresAt) {
		return &ending{websocket.StatusPolicyViolation, "session_ended", errors.New("expired")}
	}
	b.who.Store(who)
	return b.stillMay(who)
}

func (b *bridge) hold(needs []policy.Want) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, need := range needs {
		b.needs[need] = true
	}
}

// stillMay judges all operations once more. One that lost its permission ends
// the socket; the app opens another and is told which. Monitor mode ends none.
func (b *bridge) stillMay(who *models.Principal) error {
	if b.Monitor() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for need := range b.needs {
		if !policy.Decide(who.Access, need).Allowed {
			return &ending{websocket.StatusPolicyViolation, "permission_lost", fmt.Errorf("permission %s", need.Permission)}
		}
	}
	return nil
}

// beat finds out about a client that is gone without a word, and keeps a line
// open that proxies on the way would take for dead.
func (b *bridge) beat(ctx context.Context) error {
	tick := time.NewTicker(b.times.ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := b.ping(ctx); err != nil {
				return err
			}
		}
	}
}

func (b *bridge) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.times.pong)
	defer cancel()
	if err := b.client.Ping(ctx); err != nil {
		return &ending{websocket.StatusGoingAway, "client_silent", err}
	}
	return nil
}
