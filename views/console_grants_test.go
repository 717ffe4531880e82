package views

import (
	"fmt"
	"testing"
)

func TestSummary(t *testing.T) {
	for want, all := range map[string][]string{
		"Gains 1 permission":                             {"read"},
		"Gains 2 permissions":                            {"read", "read_logs"},
		"Gains 2 permissions at a":                       {"x at a", "y at a"},
		"Gains 1 permission, at 2 code locations":        {"x at a", "x at b*"},
		"Gains 2 permissions, some at code locations":    {"read", "x at a"},
		"Gains 1 permission at a name that is at a door": {"x at a name that is at a door"},
	} {
		if got := summary("Gains", all); got != want {
			t.Errorf("%q: %q, want %q", all, got, want)
		}
	}
}

func TestEffects(t *testing.T) {
	for want, p := range map[string]ConsolePreview{
		"[]":                                {},
		"[{good 1 person gains something}]": {Gain: 1},
		"[{bad 1,204 people lose something} {bad 1 person can no longer enter} {bad 2 open sessions end}]": {Lose: 1204, Out: 1, Sessions: 2},
		"[{good 2 people gain something} {good 2 people can enter who could not}]":                         {Gain: 2, In: 2},
	} {
		if got := fmt.Sprint(p.effects()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestBecomes(t *testing.T) {
	for want, l := range map[string]ConsolePreviewLine{
		"viewer, as before":      {Before: "viewer", After: "viewer", Was: true, Is: true},
		"viewer → editor":        {Before: "viewer", After: "editor", Was: true, Is: true},
		"not let in → viewer":    {After: "viewer", Is: true},
		"admin → not let in":     {Before: "admin", Was: true},
		"viewer → no whole role": {Before: "viewer", Was: true, Is: true},
	} {
		if got := l.becomes(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
