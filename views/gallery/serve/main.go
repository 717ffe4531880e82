// Command serve shows every page of the gallery in a browser, with the headers
// that the product sends, so that the browser complains about what they forbid:
//
//	go run ./views/gallery/serve
//
// It is for whoever works on the pages and is no part of the product.
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/assets"
	"github.com/dagpass/dagpass/views"
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
	switch address {
	case "/auth/brand/style.css":
		w.Header().Set("Content-Type", "text/css")
		_, _ = io.WriteString(w, views.BrandStyle(gallery.BrandColor))
		return
	case "/auth/brand/logo":
		w.Header().Set("Content-Type", "image/png")
		_ = png.Encode(w, logo())
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

// logo is a mark that somebody may have.
func logo() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 160, 56))
	draw.Draw(m, image.Rect(0, 0, 56, 56), image.NewUniform(color.RGBA{0xd6, 0x33, 0x6c, 0xff}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(64, 16, 160, 40), image.NewUniform(color.RGBA{0x86, 0x8e, 0x96, 0xff}), image.Point{}, draw.Src)
	return m
}

// list links to every page.
func list(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for _, p := range gallery.Pages() {
		fmt.Fprintf(w, "<p><a href=\"/%s\">%s</a></p>\n", p.Name, p.Name)
	}
}
