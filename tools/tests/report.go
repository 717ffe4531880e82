package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string
	ImportPath, FailedBuild       string
	Elapsed                       float64 // seconds
}

const (
	slow    = 5     // seconds, from which a test is named as it passes
	ending  = 10000 // bytes that the summary may have
	longest = 2000  // bytes of one failed test in it
	least   = 300   // bytes of one, however many failed
)

// Logs of processes that a test started begin with this word (e2e/parts).
const processLog = "log of "

type report struct {
	out    io.Writer
	said   map[string]*strings.Builder // by package and test
	failed []string                    // in the order in which they ended
}

func newReport(out io.Writer) *report {
	return &report{out: out, said: map[string]*strings.Builder{}}
}

func (e event) name() string {
	if e.Test != "" {
		return e.Package + " " + e.Test
	}
	return e.Package
}

func (r *report) take(e event) {
	switch {
	case e.Action == "build-output":
		r.builder(e.ImportPath).WriteString(e.Output)
	case e.Action == "build-fail":
		r.fail(e.ImportPath)
	case e.Action == "output":
		r.builder(e.name()).WriteString(e.Output)
	case e.Action == "fail" && (e.Test != "" || e.FailedBuild == ""):
		r.fail(e.name())
	case e.Action == "skip" && e.Test != "":
		fmt.Fprintln(r.out, "skipped:", e.name())
	case e.Action == "pass" && (e.Test == "" || e.Elapsed >= slow):
		fmt.Fprintf(r.out, "ok %s %.1f s\n", e.name(), e.Elapsed)
		delete(r.said, e.name())
	case e.Action == "pass":
		delete(r.said, e.name())
	}
}

func (r *report) builder(name string) *strings.Builder {
	if r.said[name] == nil {
		r.said[name] = &strings.Builder{}
	}
	return r.said[name]
}

func (r *report) fail(name string) {
	r.failed = append(r.failed, name)
	fmt.Fprintf(r.out, "FAILED %s\n%s", name, r.builder(name))
}

// summary names each failed test and the first that it said, but not those
// that failed only because a part of them did.
func (r *report) summary() {
	var named []string
	for _, name := range r.failed {
		if r.first(name) != "" || !r.hasFailedPart(name) {
			named = append(named, name)
		}
	}
	if len(named) == 0 {
		return
	}
	limit := min(longest, max(least, ending/len(named)))
	fmt.Fprintf(r.out, "\n== failed: %d\n", len(named))
	for _, name := range named {
		fmt.Fprintf(r.out, "\n-- %s\n%s\n", name, cut(r.first(name), limit))
	}
}

func (r *report) hasFailedPart(name string) bool {
	return slices.ContainsFunc(r.failed, func(other string) bool {
		return strings.HasPrefix(other, name+"/") || strings.HasPrefix(other, name+" ")
	})
}

// first is what a test said before the logs of its processes, without the
// lines that say only that it runs and ends.
func (r *report) first(name string) string {
	var kept []string
	for line := range strings.Lines(r.builder(name).String()) {
		if strings.Contains(line, processLog) {
			break
		}
		if !chatter(line) {
			kept = append(kept, line)
		}
	}
	return strings.TrimRight(strings.Join(kept, ""), "\n")
}

func chatter(line string) bool {
	line = strings.TrimSpace(line)
	for _, begin := range []string{"=== ", "--- ", "ok ", "coverage:"} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return line == "" || line == "FAIL" || line == "PASS" || strings.HasPrefix(line, "FAIL\t") || line == "exit status 1"
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + " …"
}
