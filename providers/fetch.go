package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxAnswer    = 1 << 20          // bytes read of any answer
	fetchTimeout = 10 * time.Second // for one request, body included
	loginTimeout = 20 * time.Second // for all requests of one Finish
	shortWait    = 2 * time.Second  // for a page that can do without
)

// newClient derives the client for one provider from base, which may be nil.
// It follows no redirect, because a redirected request would take its secret,
// code or bearer token to a place nobody configured.
func newClient(base *http.Client) *http.Client {
	limits := bounded{next: http.DefaultTransport, timeout: fetchTimeout}
	if base != nil && base.Transport != nil {
		limits.next = base.Transport
	}
	if base != nil && base.Timeout > 0 {
		limits.timeout = min(base.Timeout, fetchTimeout)
	}
	return &http.Client{
		Transport:     limits,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded ends a request after its timeout, and an answer with an error once it
// is longer than maxAnswer. It sits in the transport so that libraries which
// pass no context and read whole bodies obey too. (http.Client's own Timeout
// reaches only transports that it knows.)
type bounded struct {
	next    http.RoundTripper
	timeout time.Duration
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), b.timeout)
	resp, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = boundedBody{http.MaxBytesReader(nil, resp.Body, maxAnswer), cancel}
	return resp, nil
}

// boundedBody frees the timeout when the answer has been read.
type boundedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// getJSON fetches a document and returns the answer's headers. An empty bearer
// sends none. The error never quotes the answer.
func getJSON(ctx context.Context, c *http.Client, rawURL, bearer string, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read; there is nothing to lose
	return resp.Header, decode(resp, into)
}

func decode(resp *http.Response, into any) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d", resp.Request.URL.Redacted(), resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading %s: %w", resp.Request.URL.Redacted(), err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered no JSON of the expected shape", resp.Request.URL.Redacted())
	}
	return nil
}

// checkURL accepts an absolute https URL without user and fragment, and with
// plainAllowed an http one on loopback.
func checkURL(raw string, plainAllowed bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, fmt.Errorf("%s is not an absolute URL without user and fragment", quoted(raw))
	}
	plain := u.Scheme == "http" && plainAllowed && loopback(u)
	if u.Scheme != "https" && !plain {
		return nil, fmt.Errorf("%q must be https (http is for loopback alone)", raw)
	}
	return u, nil
}

// quoted is an address as it was written, but for one that may hold a password.
func quoted(raw string) string {
	if strings.Contains(raw, "@") {
		return "what is given"
	}
	return strconv.Quote(raw)
}

func loopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}
