package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkForward compares the whole way through the door with a bare
// ReverseProxy on the same transport, one kilobyte a page.
func BenchmarkForward(b *testing.B) {
	page := []byte(strings.Repeat("x", 1024))
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(page) }))
	defer upstream.Close()
	h := newHouseAt(b, "", upstream.URL, nil)
	target, _ := url.Parse(upstream.URL)
	bare := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: h.transport, BufferPool: newBuffers(),
	}
	who := person("viewer", "viewer")
	for name, handler := range map[string]http.Handler{
		"bare": bare,
		"door": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.Proxy.ServeHTTP(w, as(r, who)) }),
	} {
		b.Run(name, func(b *testing.B) { measure(b, handler) })
	}
}

func measure(b *testing.B, handler http.Handler) {
	front := httptest.NewServer(handler)
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := client.Get(front.URL + "/runs") //nolint:noctx // a loopback
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
}
