package views

import (
	"fmt"
	"strings"
	"testing"
)

// A reader finds a QR code by the three squares in its corners and by the light
// zone around it (ISO/IEC 18004).
func TestDrawing(t *testing.T) {
	d := TOTPOffer{URL: "otpauth://totp/Dagpass:ada?secret=JBSWY3DPEHPK3PXP&issuer=Dagpass"}.drawing()
	dark := modules(t, d.Path)
	for y := range d.Modules {
		for x := range d.Modules {
			if zone := min(x, y, d.Modules-1-x, d.Modules-1-y) < 4; zone && dark[[2]int{x, y}] {
				t.Fatalf("%d %d is dark in the quiet zone", x, y)
			}
		}
	}
	for _, corner := range [][2]int{{4, 4}, {d.Modules - 11, 4}, {4, d.Modules - 11}} {
		if got := square(dark, corner); got != finder {
			t.Errorf("at %v stands\n%s", corner, got)
		}
	}
}

const finder = "#######\n#.....#\n#.###.#\n#.###.#\n#.###.#\n#.....#\n#######\n"

// square reads seven by seven modules.
func square(dark map[[2]int]bool, at [2]int) string {
	var b strings.Builder
	for y := range 7 {
		for x := range 7 {
			if dark[[2]int{at[0] + x, at[1] + y}] {
				b.WriteByte('#')
			} else {
				b.WriteByte('.')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// modules reads a drawing as a browser does: each is one square of the path.
func modules(t *testing.T, path string) map[[2]int]bool {
	t.Helper()
	dark := map[[2]int]bool{}
	for part := range strings.SplitSeq(strings.TrimSuffix(path, "z"), "z") {
		var x, y int
		if _, err := fmt.Sscanf(part, "M%d %dh1v1h-1", &x, &y); err != nil {
			t.Fatalf("%q: %v", part, err)
		}
		dark[[2]int{x, y}] = true
	}
	return dark
}
