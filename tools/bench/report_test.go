package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// A round in which everybody is slower says nothing about any of them.
func TestRatioIsTakenWithinARound(t *testing.T) {
	plain := &result{samples: []sample{{PerSecond: 100}, {PerSecond: 50}, {PerSecond: 10}}}
	ours := result{samples: []sample{{PerSecond: 200}, {PerSecond: 100}, {PerSecond: 30}}}
	if median, low, high := ours.ratio(plain); median != 2 || low != 2 || high != 3 {
		t.Errorf("ratio %v (%v to %v), want 2 (2 to 3)", median, low, high)
	}
}

func TestMemoryIsTheMostOfAnyRound(t *testing.T) {
	r := result{samples: []sample{{Memory: memory{Total: 3, File: 2}}, {Memory: memory{Total: 5, File: 1}}, {Memory: memory{Total: 4, File: 3}}}}
	if got := r.memory(); got != (memory{Total: 5, File: 1}) {
		t.Errorf("memory %+v", got)
	}
}

// Every part of a benchmark answers with the same number of bytes.
func TestAnswerSize(t *testing.T) {
	if len(script) != answerSize || len(data) != answerSize {
		t.Errorf("a file of %d and a result of %d bytes, want %d", len(script), len(data), answerSize)
	}
}

// The large answer has its size for a client who asks for nothing besides, and
// says the same however it is asked for.
func TestPermissionsAreOneMegabyte(t *testing.T) {
	u := newUpstream()
	if n := len(u.permissions[0]); n < largeSize || n > largeSize*101/100 {
		t.Errorf("%d bytes", n)
	}
	for question, hidden := range map[string]int{
		"permissions": 0, "dagpass_permission: permission": 1, "dagpass_permission: permission dagpass_at_asset: repository": 2,
	} {
		got := u.permissionsFor([]byte(question))
		if !json.Valid(got) || bytes.Count(got, []byte("dagpass_permission")) != min(hidden, 1)*51*21 || bytes.Contains(got, []byte("dagpass_at_")) != (hidden == 2) {
			t.Errorf("%s: %.300s", question, got)
		}
	}
}

// Body after body is another request, and each is one that can be read.
func TestScriptNumbersRequests(t *testing.T) {
	_, fresh, err := large("../..")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(fresh.body, number); n != 1 || !json.Valid([]byte(fresh.body)) {
		t.Errorf("%d numbers in %s", n, fresh.body)
	}
	c := contender{workload: fresh}
	if script := string(c.script()); strings.Contains(script, number) || strings.Count(script, "[==[") != 2 {
		t.Errorf("%s", script)
	}
}

// What is cut out to measure without reading is there to be cut out.
func TestUnreadIsCutOut(t *testing.T) {
	for file, cut := range unread {
		if _, err := replaced("../../"+file, cut.old, cut.with); err != nil {
			t.Error(err)
		}
	}
}
