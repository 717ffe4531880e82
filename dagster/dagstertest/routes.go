package dagstertest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// call is a request on its way to an endpoint.
type call struct {
	w http.ResponseWriter
	r *http.Request
	// rest is what the pattern's group matched.
	rest string
	// body is what arrived.
	body []byte
	seen *Request
}

type route struct {
	endpoint string
	pattern  *regexp.Regexp
	methods  []string
	serve    func(*call)
}

// table is DagsterWebserver.build_routes: the first route that matches path and
// method wins, and the last takes every path.
func (s *Server) table() []route {
	get := []string{http.MethodGet, http.MethodHead}
	post := []string{http.MethodPost}
	routes := []route{
		{"server_info", exactly("/server_info"), get, serverInfo},
		{"server_info", exactly("/dagit_info"), get, serverInfo},
		// HEAD comes with GET in Starlette, and is refused in the handler.
		{"graphql", exactly("/graphql"), append(get, http.MethodPost), s.graphql},
		{"static", exactly(`/_next/(.*)`), get, static},
		{"static", exactly(`/vendor/(.*)`), get, static},
		{"static", exactly(`/(404\.html|Dagster_world\.mp4|favicon[-\w]*\.\w+|index\.html|manifest\.json|robots\.txt|csp-header\.txt)`), get, static},
		{"logs", exactly(`/logs/(.*)`), get, logs},
		{"notebook", exactly("/notebook"), get, notebook},
		{"notebook", exactly("/dagit/notebook"), get, notebook},
		{"debug", exactly(`/download_debug/([^/]+)`), get, debug},
	}
	for _, kind := range []string{"materialization", "check", "observation"} {
		name := "report_asset_" + kind
		routes = append(routes, route{name, exactly("/" + name + "/(.*)"), post, report})
	}
	return append(routes, route{"index", exactly(`/(.*)`), get, index})
}

// exactly is Python's ^…$, whose $ also matches before a newline at the end.
func exactly(pattern string) *regexp.Regexp { return regexp.MustCompile(`\A` + pattern + `\n?\z`) }

func (s *Server) route(w http.ResponseWriter, r *http.Request, seen *Request) {
	path := decode(r)
	rest, below := strings.CutPrefix(path, s.prefix)
	if !below || (s.prefix != "" && !strings.HasPrefix(rest, "/")) {
		s.outside(w, r, path, seen)
		return
	}
	if isUpgrade(r) {
		s.upgrade(w, r, rest, seen)
		return
	}
	s.match(&call{w: w, r: r, body: seen.Body, seen: seen}, rest)
}

// decode is uvicorn's: the target up to the question mark, unquoted once, with
// the replacement character for what is not UTF-8.
func decode(r *http.Request) string {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	path, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return strings.ToValidUTF8(path, "\uFFFD")
}

// outside is what is left when all routes are mounted below a prefix.
func (s *Server) outside(w http.ResponseWriter, r *http.Request, path string, seen *Request) {
	s.remember(*seen)
	switch path {
	case "/":
		http.Redirect(w, r, s.prefix, http.StatusTemporaryRedirect)
	case s.prefix:
		// Starlette adds the slash, and names the host it was asked for.
		http.Redirect(w, r, "http://"+r.Host+s.prefix+"/", http.StatusTemporaryRedirect)
	default:
		http.Error(w, "Not Found", http.StatusNotFound)
	}
}

func (s *Server) match(c *call, path string) {
	status := http.StatusNotFound
	for _, route := range s.routes {
		m := route.pattern.FindStringSubmatch(path)
		if m == nil {
			continue
		}
		if slices.Contains(route.methods, c.r.Method) {
			s.run(c, route, m)
			return
		}
		status = http.StatusMethodNotAllowed
	}
	s.remember(*c.seen)
	http.Error(c.w, http.StatusText(status), status)
}

// run calls the endpoint and remembers the request before its answer is sent,
// so that a client with an answer in hand finds it.
func (s *Server) run(c *call, route route, match []string) {
	c.seen.Endpoint = route.endpoint
	if len(match) > 1 {
		c.rest = match[1]
	}
	answer := &held{ResponseWriter: c.w}
	c.w = answer
	route.serve(c)
	s.remember(*c.seen)
	answer.send()
}

// held keeps an answer back until it is sent.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *held) send() {
	if h.status != 0 {
		h.ResponseWriter.WriteHeader(h.status)
	}
	// A client that went away is no concern of the double.
	_, _ = h.ResponseWriter.Write(h.body.Bytes())
}

func (c *call) text(status int, format string, args ...any) {
	http.Error(c.w, fmt.Sprintf(format, args...), status)
}

func (c *call) json(status int, value any) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	// Maps and strings: this cannot fail.
	_ = json.NewEncoder(c.w).Encode(value)
}

func (c *call) html(body string) {
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = c.w.Write([]byte(body))
}

func serverInfo(c *call) {
	c.json(http.StatusOK, map[string]string{
		"dagster_webserver_version": "1.13.27", "dagster_version": "1.13.27", "dagster_graphql_version": "1.13.27",
	})
}

// static serves with an ETag and ranges, as Starlette's FileResponse does.
func static(c *call) {
	c.w.Header().Set("ETag", `"build"`)
	http.ServeContent(c.w, c.r, c.rest, time.Time{}, strings.NewReader("/* "+c.rest+" */\n"))
}

func logs(c *call) {
	parts := strings.Split(c.rest, "/")
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+strings.Join(parts, "__")+`"`)
	http.ServeContent(c.w, c.r, parts[len(parts)-1], time.Time{}, strings.NewReader("output of "+c.rest+"\n"))
}

// notebook comes without any CSP, and with whatever its writer put in.
func notebook(c *call) {
	if !strings.HasSuffix(c.r.URL.Query().Get("path"), ".ipynb") {
		c.text(http.StatusBadRequest, "Invalid Path")
		return
	}
	c.html("<style></style><body><script>document.title = 'notebook'</script></body>")
}

func debug(c *call) {
	c.w.Header().Set("Content-Type", "application/gzip")
	z := gzip.NewWriter(c.w)
	_, _ = z.Write([]byte("debug of " + c.rest))
	_ = z.Close()
}

// index is the app for every other path, with the headers of the real one. The
// nonce is a fixed one.
func index(c *call) {
	h := c.w.Header()
	h.Set("Content-Security-Policy", "base-uri 'none'; object-src 'none'; "+
		"script-src 'nonce-"+Nonce+"' 'unsafe-inline' https: http: 'strict-dynamic'; "+
		"style-src 'unsafe-inline' 'self' 'unsafe-eval';")
	h.Set("Cache-Control", "no-store")
	h.Set("Feature-Policy", "microphone 'none'; camera 'none'")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	c.html(`<!DOCTYPE html><html><head><title>Dagster</title></head><body><div id="__next"></div>` +
		`<script nonce="` + Nonce + `">1</script></body></html>`)
}

// Nonce is the one in the CSP of every index page of the double.
const Nonce = "6f1f5bd0b1f84a6c9d0a2f7a3f0c7d11"

// report takes the asset key as Dagster does: from the path, else from the
// body, else from the query string.
func report(c *call) {
	fields := map[string]any{}
	switch ct := c.r.Header.Values("Content-Type"); {
	case len(ct) == 0:
	case ct[0] == "application/json" && json.Unmarshal(c.body, &fields) == nil:
	default:
		c.json(http.StatusBadRequest, map[string]string{"error": "Unhandled content type"})
		return
	}
	key := reportedKey(c, fields)
	if key == "" {
		c.json(http.StatusBadRequest, map[string]string{"error": "Empty asset key"})
		return
	}
	c.seen.Ran = &Operation{Kind: "report", Name: c.seen.Endpoint, Fields: []string{key}, Variables: fields}
	c.json(http.StatusOK, map[string]any{})
}

func reportedKey(c *call, fields map[string]any) string {
	if c.rest != "" {
		return c.rest
	}
	if key, ok := fields["asset_key"]; ok {
		return fmt.Sprint(key)
	}
	return c.r.URL.Query().Get("asset_key")
}
