package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// askTime is how long Dagster may take to answer a question of our own:
	// somebody waits for it.
	askTime = 5 * time.Second
	// maxAsked is the largest answer to one, in bytes.
	maxAsked = 16 << 20
)

// ask posts a question of our own to Dagster. It says nothing of who made us
// ask, and carries nothing of theirs.
func (p *Proxy) ask(ctx context.Context, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Upstream.URL("/graphql"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header["Content-Type"] = []string{"application/json"}
	r.Header["User-Agent"] = []string{"dagpass"}
	// Not sent: it tells net/http that a question may be asked again on another
	// connection, if the one it was sent on had just closed.
	r.Header["Idempotency-Key"] = []string{}
	res, err := p.transport.RoundTrip(r) // and no redirect is followed
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("dagster answered with status %d", res.StatusCode)
	}
	answer, err := readAnswer(res, maxAsked)
	if err == nil && len(answer) > maxAsked {
		err = errors.New("dagster's answer is too large")
	}
	return answer, err
}

// Unclassified lists the mutations of this Dagster that Dagpass does not know.
func (p *Proxy) Unclassified(ctx context.Context) ([]string, error) {
	return p.reader.Unclassified(ctx)
}

// Locations lists Dagster's code locations.
func (p *Proxy) Locations(ctx context.Context) ([]string, error) { return p.reader.Locations(ctx) }
