package dagster

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dagpass/dagpass/policy"
)

// Class is a kind of thing that the Dagster webserver serves.
type Class string

const (
	Page       Class = "page"        // the app's index.html, also Dagster's answer to any unknown path
	Static     Class = "static"      // files of the app bundle
	GraphQL    Class = "graphql"     // an operation, for Reader.ReadHTTP
	GraphiQL   Class = "graphiql"    // the GraphQL console
	Socket     Class = "socket"      // subscriptions, for Reader.ReadSocketMessage
	ServerInfo Class = "server_info" // versions as JSON
	Logs       Class = "logs"        // captured output of a step
	Debug      Class = "debug"       // a run's whole event log
	Notebook   Class = "notebook"    // a notebook of the code server, as HTML
	Report     Class = "report"      // writes an asset event from outside a run
)

// Route is what a path means.
type Route struct {
	Class Class
	// Path is decoded, without the prefix, and the one spelling to forward:
	// put it into url.URL.Path and leave RawPath empty.
	Path string
	// Need is the permission without which nothing of this route is served.
	// GraphQL, sockets and reports need more, per Call and per Deed.
	Need policy.Permission
	// Sandbox marks content that users of Dagster wrote. It is served from our
	// origin and must not act as it: CSP sandbox and nosniff.
	Sandbox bool
}

// CleanPath decodes an escaped path once, as Dagster's own server does
// (uvicorn/protocols/http/httptools_impl.py), so that %2F is a slash from here
// on. Control characters, backslashes, dot segments, a leading double slash and
// what is not UTF-8 are refused: no two servers agree on those.
func CleanPath(escaped string) (string, error) {
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return "", badPath(err)
	}
	if err := checkPath(path); err != nil {
		return "", err
	}
	return path, nil
}

// Classify reads a path of CleanPath, with the prefix taken off, as Dagster's
// own routes do (DagsterWebserver.build_routes). accept is the first Accept
// header; upgrade tells whether a WebSocket is asked for. A method Dagster has
// no use for is an Error with status 405.
func Classify(method, path, accept string, upgrade bool) (Route, error) {
	if err := checkPath(path); err != nil {
		return Route{}, err
	}
	route := place(path)
	if upgrade {
		return upgraded(method, route)
	}
	if !slices.Contains(methods(route.Class), method) {
		return Route{}, wrongMethod()
	}
	// Dagster looks for the same substring, in the same case.
	if route.Class == GraphQL && method == http.MethodGet && strings.Contains(accept, "text/html") {
		route.Class, route.Need = GraphiQL, policy.GraphiQL
	}
	return route, nil
}

func upgraded(method string, route Route) (Route, error) {
	if route.Class != GraphQL {
		return Route{}, unreadable("socket_elsewhere", "Dagster opens sockets at /graphql only.", nil)
	}
	if method != http.MethodGet {
		return Route{}, wrongMethod()
	}
	route.Class = Socket
	return route, nil
}

// place names the class of a path. Where Dagster matches a name and what is
// below it, so do we, and where it matches a single segment we take all below:
// a wider pattern in another version must not turn logs into a page.
func place(path string) Route {
	switch {
	case path == "/graphql":
		return Route{Class: GraphQL, Path: path, Need: policy.Read}
	case path == "/server_info", path == "/dagit_info":
		return Route{Class: ServerInfo, Path: path, Need: policy.Read}
	case within(path, "/logs"):
		return Route{Class: Logs, Path: path, Need: policy.ReadLogs, Sandbox: true}
	case within(path, "/download_debug"):
		return Route{Class: Debug, Path: path, Need: policy.DownloadDebug, Sandbox: true}
	case within(path, "/notebook", "/dagit/notebook"):
		return Route{Class: Notebook, Path: path, Need: policy.ReadNotebook, Sandbox: true}
	case within(path, "/report_asset_materialization", "/report_asset_check", "/report_asset_observation"):
		return Route{Class: Report, Path: path, Need: policy.Read}
	case within(path, "/_next", "/vendor"), isRootFile(path):
		return Route{Class: Static, Path: path, Need: policy.Read}
	}
	return Route{Class: Page, Path: path, Need: policy.Read}
}

func methods(c Class) []string {
	switch c {
	case GraphQL:
		return []string{http.MethodGet, http.MethodPost}
	case Report:
		return []string{http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead}
}

func within(path string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return path == name || strings.HasPrefix(path, name+"/")
	})
}

// isRootFile tells files of the bundle's top folder, such as /favicon.ico, from
// pages: no page of the app has a dot in a path of one segment.
func isRootFile(path string) bool {
	return strings.LastIndexByte(path, '/') == 0 && strings.Contains(path, ".")
}

func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return badPath(errors.New("does not start with one slash"))
	case !utf8.ValidString(path):
		return badPath(errors.New("not UTF-8"))
	case strings.ContainsFunc(path, unicode.IsControl):
		return badPath(errors.New("control character"))
	case strings.Contains(path, `\`):
		return badPath(errors.New("backslash"))
	case slices.ContainsFunc(strings.Split(path, "/"), isDots):
		return badPath(errors.New("dot segment"))
	}
	return nil
}

func isDots(segment string) bool { return segment == "." || segment == ".." }

func badPath(cause error) *Error {
	return unreadable("bad_path", "This address is not spelled in a way that can be forwarded.", cause)
}
