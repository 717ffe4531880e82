package main

import (
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// part is what this program is when it is started with -as.
func part(o options) error {
	target, err := url.Parse(o.upstream)
	if err != nil {
		return err
	}
	handlers := map[string]http.Handler{"upstream": newUpstream(), "plain": plain(target), "tuned": tuned(target)}
	h, ok := handlers[o.as]
	if !ok {
		return errors.New("there is no part " + o.as)
	}
	return http.ListenAndServe(o.listen, h)
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
