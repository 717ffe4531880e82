package views

import "testing"

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
