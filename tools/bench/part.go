package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// answerSize is the size of an answer's body, in bytes.
const answerSize = 1024

// part is what this program is when it is started with -as.
func part(o options) error {
	target, err := url.Parse(o.upstream)
	if err != nil {
		return err
	}
	handlers := map[string]http.Handler{"upstream": http.HandlerFunc(answer), "plain": plain(target), "tuned": tuned(target)}
	h, ok := handlers[o.as]
	if !ok {
		return errors.New("there is no part " + o.as)
	}
	return http.ListenAndServe(o.listen, h)
}

var (
	script = []byte(strings.Repeat("a line of a script of about 32 b\n", answerSize/32)[:answerSize])
	data   = fmt.Appendf(nil, `{"data":{"text":%q}}`, strings.Repeat("x", answerSize-len(`{"data":{"text":""}}`)))
)

// answer is the upstream: a file for GET, the result of an operation for POST.
// /whoami repeats the headers that tell who asks, so that it can be checked
// that they are sent.
func answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/whoami":
		fmt.Fprintln(w, r.Header.Get("X-Forwarded-Email"), len(r.Header.Get("X-Dagpass-Assertion")))
	case r.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	default:
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	}
}

// plain is what the documentation of httputil shows.
func plain(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
	}}
}

// tuned keeps as many idle connections as there are busy clients, and its
// buffers.
func tuned(target *url.URL) http.Handler {
	p := plain(target).(*httputil.ReverseProxy)
	p.Transport = &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 256, DisableCompression: true}
	p.BufferPool = &buffers{sync.Pool{New: func() any { return new([32 << 10]byte) }}}
	return p
}

type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return b.pool.Get().(*[32 << 10]byte)[:] }

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[32 << 10]byte)(buffer)) }
