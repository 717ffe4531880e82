package main

import (
	"strings"
	"testing"
)

// What go test -json wrote of a journey that failed, shortened.
const journey = `{"Action":"start","Package":"e2e"}
{"Action":"output","Package":"e2e","Test":"TestAll","Output":"=== RUN   TestAll\n"}
{"Action":"output","Package":"e2e","Test":"TestAll/roles","Output":"=== RUN   TestAll/roles\n"}
{"Action":"output","Package":"e2e","Test":"TestAll/roles","Output":"    roles_test.go:7: a viewer launched a run\n"}
{"Action":"output","Package":"e2e","Test":"TestAll/roles","Output":"    process.go:9: log of dagpass:\n        listening\n"}
{"Action":"output","Package":"e2e","Test":"TestAll/roles","Output":"    --- FAIL: TestAll/roles (0.10s)\n"}
{"Action":"fail","Package":"e2e","Test":"TestAll/roles","Elapsed":0.1}
{"Action":"output","Package":"e2e","Test":"TestAll/tabs","Output":"=== RUN   TestAll/tabs\n"}
{"Action":"pass","Package":"e2e","Test":"TestAll/tabs","Elapsed":6}
{"Action":"output","Package":"e2e","Test":"TestAll","Output":"    process.go:9: log of keycloak:\n        started\n"}
{"Action":"fail","Package":"e2e","Test":"TestAll","Elapsed":7}
{"Action":"output","Package":"e2e","Output":"FAIL\n"}
{"Action":"fail","Package":"e2e","Elapsed":7.2}
{"Action":"pass","Package":"policy","Elapsed":0.5}
{"ImportPath":"store","Action":"build-output","Output":"store/user.go:1: undefined: x\n"}
{"ImportPath":"store","Action":"build-fail"}
{"Action":"fail","Package":"store","Elapsed":0,"FailedBuild":"store"}
`

const told = `
== failed: 2

-- e2e TestAll/roles
    roles_test.go:7: a viewer launched a run

-- store
store/user.go:1: undefined: x
`

func TestReport(t *testing.T) {
	all := reported(t, journey)
	if !strings.HasSuffix(all, told) {
		t.Errorf("the end is not the summary:\n%s", all)
	}
	for _, want := range []string{"listening", "started", "ok policy 0.5 s", "ok e2e TestAll/tabs 6.0 s"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing:\n%s", want, all)
		}
	}
}

func TestNothingFailed(t *testing.T) {
	if got, want := reported(t, `{"Action":"pass","Package":"policy","Elapsed":0.5}`), "ok policy 0.5 s\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	line := `{"Action":"output","Package":"p","Test":"T%","Output":"` + strings.Repeat("é", 4000) + `\n"}{"Action":"fail","Package":"p","Test":"T%"}`
	var many strings.Builder
	for i := range 40 {
		many.WriteString(strings.ReplaceAll(line, "%", strings.Repeat("x", i)))
	}
	_, end, _ := strings.Cut(reported(t, many.String()), "== failed: 40")
	if len(end) > 40*(least+60) || !strings.HasSuffix(end, "é …\n") {
		t.Errorf("%d bytes, ending in %q", len(end), end[max(0, len(end)-9):])
	}
}

func reported(t *testing.T, events string) string {
	t.Helper()
	var out strings.Builder
	r := newReport(&out)
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	r.summary()
	return out.String()
}
