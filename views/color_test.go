package views

import (
	"fmt"
	"regexp"
	"testing"
)

var propertyPattern = regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]{6})`)

// Whatever colour somebody chooses, all text that has to do with it is legible,
// by day and by night.
func TestBrandStyleIsLegible(t *testing.T) {
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				legibleIn(t, fmt.Sprintf("#%02x%02x%02x", r, g, b))
			}
		}
	}
}

func legibleIn(t *testing.T, color string) {
	t.Helper()
	found := propertyPattern.FindAllStringSubmatch(BrandStyle(color), -1)
	if len(found) != 16 {
		t.Fatalf("%s: %d properties", color, len(found))
	}
	for i, grounds := range [][]string{{"#f7f8f9", "#ffffff", "#f0f1f3"}, {"#030615", "#0d1121", "#171c2c"}} {
		is := map[string]shade{}
		for _, f := range found[i*8 : i*8+8] {
			is[f[1]] = parseShade(f[2])
		}
		pairs := [][2]shade{{is["primary"], is["primary-foreground"]}, {is["primary-hover"], is["primary-foreground"]}, {is["secondary"], is["secondary-foreground"]}}
		for _, ground := range grounds {
			pairs = append(pairs, [2]shade{is["link"], parseShade(ground)}, [2]shade{is["ring"], parseShade(ground)}, [2]shade{is["bar"], parseShade(ground)})
		}
		for _, p := range pairs {
			if p[0].contrast(p[1]) < 4.5 {
				t.Errorf("%s: %s on %s is %.2f", color, p[1], p[0], p[0].contrast(p[1]))
			}
		}
	}
}

func TestBrandStyleOfNoColor(t *testing.T) {
	for _, color := range []string{"", "red", "#fff", "#gggggg", "#12345", "#1234567", "#12345;", "#+12345"} {
		if css := BrandStyle(color); css != "" {
			t.Errorf("%q: %s", color, css)
		}
	}
}

// What WCAG gives as examples.
func TestContrast(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want string
	}{{"#000000", "#ffffff", "21.00"}, {"#777777", "#ffffff", "4.48"}, {"#767676", "#ffffff", "4.54"}, {"#0000ff", "#ffffff", "8.59"}} {
		if got := fmt.Sprintf("%.2f", parseShade(row.a).contrast(parseShade(row.b))); got != row.want {
			t.Errorf("%s on %s: %s, want %s", row.a, row.b, got, row.want)
		}
	}
}
