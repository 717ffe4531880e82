package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dagpass/dagpass/dagster"
)

// Upstream is where the Dagster webserver listens.
type Upstream struct {
	// base is scheme, host and path prefix, without a trailing slash.
	base url.URL
	// socket is the path of a unix socket; empty for TCP.
	socket string
}

// ParseUpstream reads "http://host:port/prefix", "https://…" or
// "unix:///run/dagster.sock:/prefix"; the prefix, Dagster's --path-prefix, may
// be missing. The error continues a sentence that begins with the setting.
func ParseUpstream(raw string) (Upstream, error) {
	if rest, ok := strings.CutPrefix(raw, "unix://"); ok {
		return parseSocket(rest)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return Upstream{}, errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return Upstream{}, errors.New("must begin with http://, https:// or unix://")
	case u.Hostname() == "":
		return Upstream{}, errors.New("names no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return Upstream{}, errors.New("must hold nothing but scheme, host and path")
	}
	prefix, err := parsePrefix(u.EscapedPath())
	return Upstream{base: url.URL{Scheme: u.Scheme, Host: u.Host, Path: prefix}}, err
}

func parseSocket(rest string) (Upstream, error) {
	socket, path, _ := strings.Cut(rest, ":")
	if !strings.HasPrefix(socket, "/") || strings.HasSuffix(socket, "/") {
		return Upstream{}, errors.New("must name the socket by its absolute path, as in unix:///run/dagster.sock")
	}
	prefix, err := parsePrefix(path)
	// HTTP wants a host; what is behind a socket is this machine.
	return Upstream{base: url.URL{Scheme: "http", Host: "localhost", Path: prefix}, socket: socket}, err
}

func parsePrefix(path string) (string, error) {
	path = strings.TrimRight(path, "/")
	if path == "" {
		return "", nil
	}
	if clean, err := dagster.CleanPath(path); err != nil || clean != path {
		return "", errors.New("has a path that cannot be a prefix; use plain letters and slashes")
	}
	return path, nil
}

// Prefix is the path below which Dagster answers; empty for the root.
func (u Upstream) Prefix() string { return u.base.Path }

// URL is the absolute address of one of Dagster's paths, such as
// "/server_info", for a client with the proxy's Transport.
func (u Upstream) URL(path string) string { return u.at(path, "").String() }

// String is the upstream as it was configured.
func (u Upstream) String() string {
	if u.socket == "" {
		return u.base.String()
	}
	if u.base.Path == "" {
		return "unix://" + u.socket
	}
	return "unix://" + u.socket + ":" + u.base.Path
}

// at is one of Dagster's paths, decoded, with a query string, encoded.
func (u Upstream) at(path, query string) *url.URL {
	return &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, Path: u.base.Path + path, RawQuery: query}
}

const (
	// dialTimeout is how long Dagster may take to accept a connection. How long
	// it may take to answer is not limited: a dry run waits for user code.
	dialTimeout = 5 * time.Second
	// idleTimeout stays below the five seconds after which uvicorn closes an
	// idle connection, so that a mutation is not sent into a closing one: it
	// could not be sent again.
	idleTimeout = 4 * time.Second
)

// maxIdle is how many idle connections are kept, for idleTimeout. All of them
// lead to one host.
const maxIdle = 1024

// writeBuffer holds a request with the largest queries of Dagster's app, in
// bytes, so that each goes out at once. Go's default of half of that makes a
// tenth more work of them.
const writeBuffer = 8 << 10

// newTransport keeps as many idle connections as there are busy clients. The
// default of two per host makes every other request dial.
func (u Upstream) newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		Proxy: nil, // the way to Dagster is the configured one, whatever the environment says
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if u.socket != "" {
				network, address = "unix", u.socket
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConns:        maxIdle,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     idleTimeout,
		WriteBufferSize:     writeBuffer,
		DisableCompression:  true, // what the client accepts is what Dagster is asked for
	}
}
