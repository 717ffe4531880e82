package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// workload is a kind of request.
type workload struct {
	name, about, method, path, body string
}

var workloads = []workload{
	{name: "file", about: "`GET` of a file of the app's bundle, 1 KB", method: http.MethodGet, path: "/_next/static/chunks/main.js"},
	{name: "graphql", about: "`POST /graphql` with a query, 1 KB answer", method: http.MethodPost, path: "/graphql", body: operation},
}

// operation is what an open page of Dagster polls with, cut to its bones.
const operation = `{"operationName":"RunsQuery","variables":{"limit":25},"query":` +
	`"query RunsQuery($limit: Int!) { runsOrError(limit: $limit) { __typename ... on Runs { results ` +
	`{ id runId status jobName startTime endTime tags { key value } } } } }"}`

// headers are what a browser sends, the same to every contender.
func (b *bench) headers(c *contender, w workload) map[string]string {
	h := map[string]string{
		"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Cookie": b.cookie,
		"Referer": c.url() + "/", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) bench",
	}
	if w.method == http.MethodPost {
		h["Content-Type"], h["Origin"] = "application/json", c.url()
	}
	return h
}

// check sends one request by hand: an answer that is not 200 is not worth
// measuring.
func (b *bench) check(c *contender, w workload) error {
	req, err := http.NewRequest(w.method, c.url()+w.path, strings.NewReader(w.body))
	if err != nil {
		return err
	}
	for name, value := range b.headers(c, w) {
		req.Header.Set(name, value)
	}
	return answers(http.DefaultClient, req)
}

// sample is what one measurement found.
type sample struct {
	// PerSecond counts answers, P50 and P99 are in microseconds.
	PerSecond, P50, P99 float64
	// Errors counts whatever was not answered with 2xx or 3xx.
	Errors int
	// Memory is the most that was resident.
	Memory memory
	// Processor is what the one that was measured used of it, in microseconds
	// per request.
	Processor float64
}

const wrkScript = `
wrk.method = %q
wrk.body = %s
done = function(s, latency)
  local e = s.errors
  io.write(string.format('\n{"PerSecond":%%f,"P50":%%f,"P99":%%f,"Errors":%%d}\n', s.requests * 1e6 / s.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`

// load has wrk keep a number of connections busy, and watches the memory of
// the one that is measured meanwhile.
func (b *bench) load(ctx context.Context, c *contender, w workload, connections int, d time.Duration) (s sample, err error) {
	file := filepath.Join(b.dir, "wrk.lua")
	body := "nil"
	if w.body != "" {
		body = "[[" + w.body + "]]"
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, wrkScript, w.method, body), 0o600); err != nil {
		return s, err
	}
	args := []string{"-t", "2", "-c", fmt.Sprint(connections), "-d", fmt.Sprintf("%ds", int(d.Seconds())), "--timeout", "10s", "-s", file}
	for name, value := range b.headers(c, w) {
		args = append(args, "-H", name+": "+value)
	}
	peak, before := watchMemory(c.cmd.Process.Pid), processor(c.cmd.Process.Pid)
	said, err := exec.CommandContext(ctx, "wrk", append(args, c.url()+w.path)...).CombinedOutput()
	used, most := processor(c.cmd.Process.Pid)-before, peak()
	if err != nil {
		return s, fmt.Errorf("wrk: %w\n%s", err, said)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	err = json.Unmarshal([]byte(lines[len(lines)-1]), &s)
	s.Memory, s.Processor = most, used*1e6/(s.PerSecond*d.Seconds())
	return s, err
}
