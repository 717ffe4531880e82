package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// messages are how many Dagster sends a second, each of messageSize bytes.
	messages    = 1000
	messageSize = 1 << 10
	// protocol is the one that Dagster speaks.
	protocol = "graphql-ws"
)

// subscription is what a run's page opens.
const subscription = `{"type":"start","id":"1","payload":{"operationName":"PipelineRunLogsSubscription","variables":{"runId":"run","cursor":null},"query":` +
	`"subscription PipelineRunLogsSubscription($runId: ID!, $cursor: String) { pipelineRunLogs(runId: $runId, cursor: $cursor) { __typename ` +
	`... on PipelineRunLogsSubscriptionSuccess { messages { ... on MessageEvent { message timestamp } } hasMorePastEvents cursor } } }"}}`

// sent stands before the time at which a message was sent, in nanoseconds.
const sent = `"sent":`

// stream is the upstream's end of a socket: once something is subscribed to, it
// sends messages until the client leaves. It sends what is due, so that a pause
// is made up for.
func stream(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol}, InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		_, m, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		if strings.Contains(string(m), `"start"`) {
			break
		}
	}
	ctx := conn.CloseRead(r.Context())
	filling := strings.Repeat("x", messageSize-len(message(0, "")))
	for due := time.Now(); ctx.Err() == nil; due = due.Add(time.Second / messages) {
		time.Sleep(time.Until(due))
		if conn.Write(ctx, websocket.MessageText, message(time.Now().UnixNano(), filling)) != nil {
			return
		}
	}
}

func message(at int64, filling string) []byte {
	return fmt.Appendf(nil, `{"type":"data","id":"1","payload":{"data":{"pipelineRunLogs":{%s%019d,"messages":[{"message":%q}]}}}}`, sent, at, filling)
}

// heard is what one measurement of a socket found: latencies in microseconds,
// the processor's time per message too.
type heard struct {
	PerSecond, P50, P99, Processor float64
}

// listening is all measurements of a contender with one socket open.
type listening struct {
	contender *contender
	samples   []heard
}

// socket has every contender carry the messages of one socket.
func (b *bench) socket(ctx context.Context, l lineUp) error {
	cookie, err := signIn(l["dagpass"], viewer)
	if err != nil {
		return err
	}
	for _, c := range []contender{
		{process: l["upstream"], name: "direct"},
		{process: l["plain"], name: "plain"},
		{process: l["nginx"], name: "nginx"},
		{process: l["dagpass"], name: "dagpass"},
	} {
		c.cookie = cookie
		b.streams = append(b.streams, &listening{contender: &c})
	}
	for round := range b.rounds {
		for i := range b.streams {
			s := b.streams[(round+i)%len(b.streams)]
			h, err := s.contender.listen(ctx, b.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", s.contender.name, err)
			}
			s.samples = append(s.samples, h)
			fmt.Fprintf(os.Stderr, "socket, round %d: %-8s %5.0f/s p50 %.0f us p99 %.0f us cpu %.1f us\n", round+1, s.contender.name, h.PerSecond, h.P50, h.P99, h.Processor)
		}
	}
	return nil
}

// listen opens a socket, lets it warm up, and takes the time of the messages.
func (c *contender) listen(ctx context.Context, d time.Duration) (h heard, err error) {
	conn, err := c.subscribe(ctx)
	if err != nil {
		return h, err
	}
	defer conn.CloseNow()
	if _, err := latencies(ctx, conn, d/4); err != nil {
		return h, err
	}
	before, begin := processor(c.cmd.Process.Pid), time.Now()
	all, err := latencies(ctx, conn, d)
	if err != nil {
		return h, err
	}
	used, took := processor(c.cmd.Process.Pid)-before, time.Since(begin)
	if len(all) == 0 {
		return h, errors.New("no messages")
	}
	slices.Sort(all)
	n := float64(len(all))
	return heard{n / took.Seconds(), all[len(all)/2], all[len(all)*99/100], used * 1e6 / n}, nil
}

func (c *contender) subscribe(ctx context.Context) (*websocket.Conn, error) {
	header := http.Header{}
	for name, value := range c.headers() {
		header.Set(name, value)
	}
	header.Set("Origin", c.url())
	conn, _, err := websocket.Dial(ctx, c.url()+"/graphql", &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{protocol}})
	if err != nil {
		return nil, err
	}
	for _, m := range []string{`{"type":"connection_init","payload":{}}`, subscription} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(m)); err != nil {
			return nil, err
		}
	}
	return conn, nil
}

// latencies reads messages for a while, and gives how long each was under way,
// in microseconds. All clocks are one: everything runs on this machine.
func latencies(ctx context.Context, conn *websocket.Conn, d time.Duration) (all []float64, err error) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		_, m, err := conn.Read(ctx)
		if err != nil {
			return nil, err
		}
		now := time.Now().UnixNano()
		_, rest, _ := strings.Cut(string(m), sent)
		at, _, _ := strings.Cut(rest, ",")
		nano, err := strconv.ParseInt(at, 10, 64)
		if err != nil || !json.Valid(m) {
			return nil, fmt.Errorf("no message of ours: %.200s", m)
		}
		all = append(all, float64(now-nano)/1000)
	}
	return all, nil
}
