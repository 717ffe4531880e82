// Command serve shows every page of the gallery in a browser, with the headers
// that the product sends, so that the browser complains about what they forbid:
//
//	go run ./views/gallery/serve
//
// It is for whoever works on the pages and is no part of the product.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/assets"
	"github.com/dagpass/dagpass/views/gallery"
)

// policy is the Content-Security-Policy of our own pages.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve listens on the loopback address given, or on a free port.
func serve(args []string) error {
	address := "127.0.0.1:0"
	if len(args) == 1 {
		address = args[0]
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", l.Addr())
	return http.Serve(l, http.HandlerFunc(answer))
}

// answer finds the page, the asset or the list. Some samples live below a path
// prefix; their assets are the same.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", policy)
	address := strings.TrimPrefix(r.URL.Path, "/dagster")
	if data, media, ok := assets.Open(address); ok {
		w.Header().Set("Content-Type", media)
		_, _ = w.Write(data) // a browser that went away asks again
		return
	}
	for _, p := range gallery.Pages() {
		if r.URL.Path == "/"+p.Name {
			templ.Handler(p.Component).ServeHTTP(w, r)
			return
		}
	}
	list(w)
}

// list links to every page.
func list(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for _, p := range gallery.Pages() {
		fmt.Fprintf(w, "<p><a href=\"/%s\">%s</a></p>\n", p.Name, p.Name)
	}
}
