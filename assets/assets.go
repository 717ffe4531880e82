// Package assets says what the browser fetches: style sheet, font and marks,
// embedded in the binary under addresses that change with their content.
//
//	tools/css (built, committed) -> static/ -> URL in a page (views)
//	                                        -> Open behind a route (handlers)
//
// An address that names its content may be cached for ever, and a page never
// meets a style sheet of another release. The package knows neither pages nor
// HTTP.
package assets

// root is where the assets live, below the path prefix of the public URL.
const root = "/auth/assets/"

// URL returns the address of an asset below the path prefix, such as
// "/auth/assets/app-1a2b3c4d.css" for "app.css". A name that does not exist is
// a mistake in our own pages and panics.
func URL(name string) string {
	for _, a := range index() {
		if a.name == name {
			return a.address
		}
	}
	panic("assets: no file " + name)
}

// Open returns the content and the media type of the asset at an address that
// URL gave, and false for every other address. The content is shared between
// callers and must not be changed.
func Open(address string) (data []byte, media string, ok bool) {
	for _, a := range index() {
		if a.address == address {
			return a.data, mediaType(a.name), true
		}
	}
	return nil, "", false
}
