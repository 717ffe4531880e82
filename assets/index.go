package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"strings"
	"sync"
)

//go:embed static
var static embed.FS

// asset is one embedded file and the address that it is served at.
type asset struct {
	name    string // as in static/, such as "app.css"
	address string // with the hash of its content, such as "/auth/assets/app-1a2b3c4d.css"
	data    []byte
}

// index lists the embedded files. It is made once: hashing them for every page
// would cost more than rendering the page.
var index = sync.OnceValue(func() []asset {
	entries, err := static.ReadDir("static")
	if err != nil {
		panic("assets: " + err.Error())
	}
	var list []asset
	for _, e := range entries {
		list = append(list, load(e.Name()))
	}
	return list
})

// load reads an embedded file. Reading cannot fail for a name that the embedded
// folder itself gave.
func load(name string) asset {
	data, err := static.ReadFile("static/" + name)
	if err != nil {
		panic("assets: " + err.Error())
	}
	return asset{name: name, address: address(name, data), data: data}
}

// address puts the first 8 hex digits of the content's SHA-256 into the name.
// tools/css/build.mjs does the same for the files that app.css refers to.
func address(name string, data []byte) string {
	sum := sha256.Sum256(data)
	ext := path.Ext(name)
	return root + strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:4]) + ext
}

// mediaType names the few kinds of files that we serve.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		return "application/octet-stream"
	}
}
