package views

import (
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -999: "-999", -123456: "-123,456"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
}

// A chart of any numbers stays in its drawing.
func TestBarsStayInTheDrawing(t *testing.T) {
	values := []int64{0, 1, -5, 3, 1 << 62}
	for i, b := range bars(values, time.Time{}) {
		want := []string{"0", "2", "0", "2", "64"}[i]
		if b.Height != want || len(b.Y) > 2 || b.N != values[i] {
			t.Errorf("%d: %+v, want the height %s", values[i], b, want)
		}
	}
	if len(bars(nil, time.Time{})) != 0 || chartBox(nil) != "0 0 7 64" {
		t.Error("a chart of nothing")
	}
}

func TestRolesWith(t *testing.T) {
	for _, c := range []struct {
		roles []string
		now   string
		want  int
	}{{[]string{"viewer"}, "", 1}, {[]string{"viewer"}, "viewer", 1}, {[]string{"viewer"}, "admin", 2}, {nil, "admin", 1}} {
		if got := rolesWith(c.roles, c.now); len(got) != c.want {
			t.Errorf("rolesWith(%q, %q) = %q", c.roles, c.now, got)
		}
	}
}
