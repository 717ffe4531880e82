// Package views says what a page looks like.
//
// A page is a struct with typed fields and one method, Component. The caller
// fills the struct, renders the component into a buffer and sends it whole or
// not at all:
//
//	handlers, proxy wiring -> views.Login{...}.Component() -> buffer -> browser
//	                                  |
//	                                  +-> assets.URL (style sheet, font, mark)
//
// The package knows no request, no session and no store: whoever fills a page
// has already decided what may be shown. Every text is escaped by templ, every
// link is checked for its scheme, and no page holds an inline style, an inline
// script or an event handler, so that the strictest Content-Security-Policy
// fits. All pages work without JavaScript, but for passkeys, which need it: their
// buttons stay hidden until assets/static/passkey.js finds that they can work.
//
// The *_templ.go files are generated and committed:
//
//	go tool -modfile=tools/go.mod templ generate
//
// Package gallery holds every page with sample data, to be looked at and to be
// tested with.
package views
