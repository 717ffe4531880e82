package main

import "testing"

// A round in which everybody is slower says nothing about any of them.
func TestRatioIsTakenWithinARound(t *testing.T) {
	plain := result{samples: []sample{{PerSecond: 100}, {PerSecond: 50}, {PerSecond: 10}}}
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
