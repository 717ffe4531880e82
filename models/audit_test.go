package models

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// No text of an event keeps the character NUL, and the event that was given is
// left alone.
func TestWithoutNUL(t *testing.T) {
	given := Event{Target: &Target{}}
	for _, part := range []reflect.Value{reflect.ValueOf(&given).Elem(), reflect.ValueOf(&given.Actor).Elem(), reflect.ValueOf(given.Target).Elem()} {
		for i := range part.NumField() {
			if f := part.Field(i); f.Kind() == reflect.String {
				f.SetString("a\x00b\x00")
			}
		}
	}
	body, err := json.Marshal(given.WithoutNUL())
	if err != nil || strings.Contains(string(body), `\u0000`) || strings.Count(string(body), `"ab"`) != 20 {
		t.Errorf("%s (%v)", body, err)
	}
	if given.Target.ID != "a\x00b\x00" {
		t.Error("somebody else's target was changed")
	}
}

func TestFilterString(t *testing.T) {
	at := time.Date(2026, 3, 29, 14, 0, 0, 0, time.FixedZone("", 7200))
	for want, f := range map[string]Filter{
		"": {},
		`person="A \"x\"" event="user.*" outcome="ok" target="t" location="l" run="r" request="q" since="2026-03-29T12:00:00Z" until="2026-03-29T12:00:00Z"`: {
			Person: `A "x"`, Event: "user.*", Outcome: "ok", Target: "t", Location: "l", Run: "r", Request: "q", Since: at, Until: at,
		},
	} {
		if got := f.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
