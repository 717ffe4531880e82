package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"github.com/dagpass/dagpass/dagster"
)

// trip is an admitted request on its way to Dagster and back.
type trip struct {
	*Proxy
	*pass
	v *visit
	w http.ResponseWriter
	// status is Dagster's; zero until it answered.
	status int
	// failure is a fixed word where Dagster gave no answer.
	failure string
	// results are what Dagster's answer says of a change; nil if it was not read.
	results []dagster.Result
	// held is what the answer takes of the proxy's room, in bytes.
	held int64
	// whole tells that the answer went out to its end.
	whole bool
}

// flushEvery is how long a part of an answer of known length may wait for the
// next. One of unknown length is passed on as it comes, which httputil does by
// itself; to do so always would cost every small answer a second write.
const flushEvery = 50 * time.Millisecond

// newForwarder tunes a ReverseProxy, from which each trip takes a copy of its
// own.
func (p *Proxy) newForwarder() httputil.ReverseProxy {
	return httputil.ReverseProxy{
		BufferPool:    newBuffers(),
		FlushInterval: flushEvery,
		ErrorLog:      slog.NewLogLogger(p.Log.Handler(), slog.LevelWarn),
	}
}

func (p *Proxy) forward(w http.ResponseWriter, v *visit, admitted *pass) {
	t := &trip{Proxy: p, pass: admitted, v: v, w: w}
	ctx := v.r.Context()
	if admitted.changes() || (admitted.route.Class == dagster.Page && wantsPage(v.r)) {
		p.Touch(ctx, v.intro.who)
	}
	defer t.returned(ctx) // also when the answer breaks off, which is a panic
	forwarder := p.forwarder
	forwarder.Transport = t
	forwarder.Rewrite, forwarder.ModifyResponse, forwarder.ErrorHandler = t.rewrite, t.receive, t.unanswered
	r, cancel := t.outliving(v.r)
	defer cancel()
	forwarder.ServeHTTP(w, r)
	t.whole = t.status != 0
}

// changeTime is how long a change may take in Dagster.
const changeTime = 10 * time.Minute

// outliving lets a change go on when its sender hangs up: Dagster would do it
// all the same, and the audit trail shall tell how it went.
func (t *trip) outliving(r *http.Request) (*http.Request, context.CancelFunc) {
	if !t.changes() {
		return r, func() {}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTime)
	return r.WithContext(ctx), cancel
}

// rewrite writes the request to Dagster from what was understood. Headers that
// hold for one connection only, and those that Connection names, are gone
// before; so nothing that is set here can be taken away by the client.
func (t *trip) rewrite(r *httputil.ProxyRequest) {
	out := r.Out
	out.URL, out.Host = t.Upstream.at(t.route.Path, t.v.query), ""
	out.TransferEncoding, out.Trailer = nil, nil
	t.clean(out.Header)
	t.v.intro.write(out.Header)
	switch t.route.Class {
	case dagster.GraphQL:
		setCall(out, t.call.Kind, t.v.out)
	case dagster.Report:
		setReport(out, t.v.report)
	case dagster.GraphiQL:
		out.Header["Accept"] = []string{"text/html"} // with anything else Dagster would run a query
		dropBody(out)
	case dagster.Page:
		out.Header["Accept-Encoding"] = []string{"identity"} // it is read and added to
		dropBody(out)
	default:
		dropBody(out)
	}
}

// setCall is the one way in which an operation reaches Dagster.
func setCall(out *http.Request, kind dagster.Kind, o *dagster.Outgoing) {
	body := o.Body
	out.Method = http.MethodPost
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	out.Header["Content-Type"] = []string{"application/json"}
	delete(out.Header, "Content-Encoding")
	if o.Edits {
		out.Header["Accept-Encoding"] = []string{"identity"}
	}
	if kind == dagster.Query {
		// On a connection that was just closed a query may be sent again. A
		// mutation may not, whatever its Idempotency-Key: Dagster reads none.
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
}

// setReport forwards the bytes that were read. The body is never nil, so that no
// header of the client's can have net/http send a report twice.
func setReport(out *http.Request, report []byte) {
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(report)), int64(len(report))
	delete(out.Header, "Content-Encoding")
}

func dropBody(out *http.Request) {
	out.Body, out.ContentLength = nil, 0
	delete(out.Header, "Content-Type")
	delete(out.Header, "Content-Encoding")
}

// Values that many answers share; nothing appends to them.
var (
	frameSelf = []string{"frame-ancestors 'self'"}
	sandboxed = []string{"sandbox, frame-ancestors 'self'"}
	private   = []string{"private"}
	noStore   = []string{"no-store"}
	nosniff   = []string{"nosniff"}
)

// notPassed are headers of Dagster's that stay behind. A page of it with an opener
// policy like ours could hold windows of our pages, and read them; and a service
// worker that is allowed more than its own folder could answer in our name.
var notPassed = []string{"X-Dagster-Call-Counts", headerRequestID, "Cross-Origin-Opener-Policy", "Service-Worker-Allowed"}

// receive looks at Dagster's answer before it goes to the client.
func (t *trip) receive(res *http.Response) error {
	h := res.Header
	t.status = res.StatusCode
	for _, name := range notPassed {
		delete(h, name)
	}
	keepCookies(h)
	if h.Get("Cache-Control") == "" {
		h["Cache-Control"] = private
	}
	if t.call != nil || t.route.Sandbox {
		h["Cache-Control"] = noStore // it is for one person, and the next one has the same browser
	}
	protect(h, t.route.Sandbox)
	if t.route.Class == dagster.Page {
		t.addMenu(res)
	}
	if t.v.out != nil && t.v.out.Edits {
		return t.edit(res)
	}
	return nil
}

// protect adds a policy of our own beside Dagster's; a browser enforces both
// (Content Security Policy Level 3, §8.1). Content that users wrote gets a
// sandbox: a script in a notebook must not act as whoever looks at it.
func protect(h http.Header, sandbox bool) {
	ours := frameSelf
	if sandbox {
		ours = sandboxed
		h["X-Content-Type-Options"] = nosniff
	}
	if theirs := h["Content-Security-Policy"]; len(theirs) > 0 {
		ours = []string{strings.Join(theirs, ", ") + ", " + ours[0]}
	}
	h["Content-Security-Policy"] = ours
}

// keepCookies drops a cookie that would take the place of ours.
func keepCookies(h http.Header) {
	if len(h["Set-Cookie"]) == 0 {
		return
	}
	keep(h, "Set-Cookie", func(line string) string {
		if name, _, _ := strings.Cut(line, "="); isOurCookie(name) {
			return ""
		}
		return line
	})
}

// unanswered is where a request ends to which Dagster gave no answer.
func (t *trip) unanswered(w http.ResponseWriter, _ *http.Request, err error) {
	t.status = 0
	if t.v.r.Context().Err() != nil && !t.changes() { // a change goes on without them
		t.failure = "client_left"
		w.WriteHeader(http.StatusBadGateway) // for the access log; nobody else is there
		return
	}
	no := dagsterDown(err)
	if errors.Is(err, errBrokenAnswer) {
		no = answerBroken(err)
	}
	t.failure = no.code
	t.sendRefusal(w, t.v, no)
}

// returned closes the books on a trip. What became of a change is told by
// Dagster's status, also where the client did not wait for the rest.
func (t *trip) returned(ctx context.Context) {
	t.release(t.held)
	t.expectReader(time.Time{}) // the connection's next answer has its own time
	outcome := outcomeForwarded
	if !t.whole {
		outcome = outcomeFailed
	}
	t.observe(t.route.Class, outcome)
	t.recordAnswer(ctx)
}

// buffers lends the memory through which answers are copied.
type buffers struct{ pool sync.Pool }

// bufferSize is small, in bytes: most answers are, and under load every client
// holds a buffer. Large answers still pass at a gigabyte per second.
const bufferSize = 8 << 10

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
