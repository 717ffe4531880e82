package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// headers are what a browser sends, the same to every contender.
func (c *contender) headers() map[string]string {
	h := map[string]string{
		"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Cookie": c.cookie,
		"Referer": c.url() + "/", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) bench",
	}
	if c.workload.method == http.MethodPost {
		h["Content-Type"], h["Origin"] = "application/json", c.url()
	}
	return h
}

// check sends one request by hand: an answer that is not 200 and not what was
// expected is not worth measuring.
func (c *contender) check() error {
	w := c.workload
	req, err := http.NewRequest(w.method, c.url()+c.workload.path, strings.NewReader(strings.ReplaceAll(w.body, number, "0")))
	if err != nil {
		return err
	}
	for name, value := range c.headers() {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(said, []byte(c.says)) || bytes.Contains(said, []byte("dagpass_")) {
		return fmt.Errorf("%s %s: %s, %v: %.300s", w.method, w.path, res.Status, err, said)
	}
	return nil
}

// sample is what one measurement found.
type sample struct {
	// PerSecond counts answers, P50 and P99 are in microseconds.
	PerSecond, P50, P99 float64
	// Errors counts whatever was not answered with 2xx or 3xx, or with something
	// else than every answer must have.
	Errors int
	// Memory is the most that was resident.
	Memory memory
	// Processor is what the one that was measured used of it, in microseconds
	// per request.
	Processor float64
}

const wrkScript = `
wrk.method = %q
local run, before, after, says = %q, %s, %s, %s
local threads, count = {}, 0
wrong = 0
function setup(t) t:set("thread", #threads); table.insert(threads, t) end
if after then
  function request()
    count = count + 1
    return wrk.format(nil, nil, nil, before .. run .. "_" .. thread .. "_" .. count .. after)
  end
else
  wrk.body = before
end
if says then
  function response(status, headers, body)
    if not body:find(says, 1, true) then wrong = wrong + 1 end
  end
end
function done(s, latency)
  local e = s.errors
  local all = e.connect + e.read + e.write + e.status + e.timeout
  for _, t in ipairs(threads) do all = all + t:get("wrong") end
  io.write(string.format('\n{"PerSecond":%%f,"P50":%%f,"P99":%%f,"Errors":%%d}\n', s.requests * 1e6 / s.duration,
    latency:percentile(50), latency:percentile(99), all))
end
`

// script is what wrk does: it sends one body, or the two ends of many with a
// number between them, and may look into every answer.
func (c *contender) script() []byte {
	quote := func(s string, given bool) string {
		if !given {
			return "nil"
		}
		return "[==[" + s + "]==]"
	}
	body := c.workload.body
	before, after, many := strings.Cut(body, number)
	return fmt.Appendf(nil, wrkScript, c.workload.method, strconv.FormatInt(time.Now().UnixNano(), 36),
		quote(before, body != ""), quote(after, many), quote(c.says, c.always))
}

// load has wrk keep a number of connections busy, and watches the memory of
// the one that is measured meanwhile.
func (b *bench) load(ctx context.Context, c *contender, connections int, d time.Duration) (s sample, err error) {
	file := filepath.Join(b.dir, "wrk.lua")
	if err := os.WriteFile(file, c.script(), 0o600); err != nil {
		return s, err
	}
	args := []string{"-t", "2", "-c", fmt.Sprint(connections), "-d", fmt.Sprintf("%ds", int(d.Seconds())), "--timeout", "10s", "-s", file}
	for name, value := range c.headers() {
		args = append(args, "-H", name+": "+value)
	}
	peak, before := watchMemory(c.cmd.Process.Pid), processor(c.cmd.Process.Pid)
	said, err := exec.CommandContext(ctx, "wrk", append(args, c.url()+c.workload.path)...).CombinedOutput()
	used, most := processor(c.cmd.Process.Pid)-before, peak()
	if err != nil {
		return s, fmt.Errorf("wrk: %w\n%s", err, said)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	err = json.Unmarshal([]byte(lines[len(lines)-1]), &s)
	s.Memory, s.Processor = most, used*1e6/(s.PerSecond*d.Seconds())
	return s, err
}
