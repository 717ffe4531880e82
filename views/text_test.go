package views

import (
	"testing"
	"time"
)

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Ada Lovelace": "AL", "ada": "A", "Ada King Lovelace": "AL", "ada@example.com": "AC", "李 小龙": "李小",
		"": "?", "  ": "?", "42": "?", "\xff": "?", "<script>": "S", "élodie": "É",
	} {
		if got := initials(name); got != want {
			t.Errorf("initials(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestJoined(t *testing.T) {
	for want, parts := range map[string][]string{
		"": {"", ""}, "a": {"", "a"}, "a · b": {"a", "b"},
	} {
		if got := joined(parts...); got != want {
			t.Errorf("joined(%q) = %q, want %q", parts, got, want)
		}
	}
}

func TestTryAgain(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "1 second", time.Second: "1 second", 1500 * time.Millisecond: "2 seconds", 89 * time.Second: "89 seconds",
		90 * time.Second: "2 minutes", 2 * time.Minute: "2 minutes", 2*time.Minute + 1: "3 minutes", time.Hour: "60 minutes",
		90 * time.Minute: "2 hours", 24 * time.Hour: "24 hours",
	} {
		if got := TryAgain(wait); got != "You can try again in "+want+"." {
			t.Errorf("TryAgain(%v) = %q, want %s", wait, got, want)
		}
	}
}

func TestWhole(t *testing.T) {
	for want, w := range map[string]Wrong{
		"": {"a": "at a"}, "all": {"": "all", "a": "at a"}, "all elsewhere": {"": "all", "b": "elsewhere"},
	} {
		if got := w.whole("a"); got != want {
			t.Errorf("%v.whole(a) = %q, want %q", w, got, want)
		}
	}
}

func TestSpaced(t *testing.T) {
	for secret, want := range map[string]string{"": "", "ABC": "ABC", "ABCD": "ABCD", "ABCDEFGHI": "ABCD EFGH I"} {
		if got := spaced(secret); got != want {
			t.Errorf("spaced(%q) = %q, want %q", secret, got, want)
		}
	}
}
