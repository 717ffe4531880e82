package views

import (
	"fmt"
	"math"
	"strconv"
)

// shade is a colour of the screen, each part from 0 to 1.
type shade struct{ r, g, b float64 }

var (
	black = shade{0, 0, 0}
	white = shade{1, 1, 1}
)

// The grounds of app.css on which text stands, those that leave the least room:
// --muted by day and by night, and --card.
var (
	dayGround, dayCard     = parseShade("#f0f1f3"), parseShade("#ffffff")
	nightGround, nightCard = parseShade("#171c2c"), parseShade("#0d1121")
)

// legible is how much text stands out from its ground (WCAG 2.2, 1.4.3).
const legible = 4.5

// BrandStyle is a style sheet that puts a colour, written #rrggbb, in the place
// of ours. Buttons have it as it is, for either black or white is legible on any
// colour; links, charts and marks have it as much darker by day and lighter by
// night as they need to be legible. "" is a colour that cannot be read.
func BrandStyle(color string) string {
	if len(color) != 7 || color[0] != '#' {
		return ""
	}
	if _, err := strconv.ParseUint(color[1:], 16, 32); err != nil {
		return ""
	}
	c := parseShade(color)
	return fmt.Sprintf(":root{%s}\n@media (prefers-color-scheme: dark){:root{%s}}\n",
		brandColors(c, dayGround, dayCard, black, 0.1), brandColors(c, nightGround, nightCard, white, 0.25))
}

// brandColors are the custom properties for day or night. Text goes towards
// the ink until it is legible; tint is how much of the colour marked places have.
func brandColors(c, ground, card, ink shade, tint float64) string {
	on, away := white, black
	if c.contrast(white) < legible {
		on, away = black, white
	}
	text, marked := c.towards(ink, ground), card.mix(c, tint)
	return fmt.Sprintf("--primary:%s;--primary-foreground:%s;--primary-hover:%s;--ring:%s;--link:%s;--bar:%s;--secondary:%s;--secondary-foreground:%s",
		c, on, c.mix(away, 0.15), text, text, text, marked, c.towards(ink, marked))
}

func parseShade(color string) shade {
	n, _ := strconv.ParseUint(color[1:], 16, 32)
	part := func(shift int) float64 { return float64(n>>shift&0xff) / 255 }
	return shade{part(16), part(8), part(0)}
}

// String is the colour as CSS has it.
func (s shade) String() string {
	part := func(v float64) int { return int(math.Round(v * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(s.r), part(s.g), part(s.b))
}

// mix is the colour with so much of another in it.
func (s shade) mix(other shade, much float64) shade {
	part := func(a, b float64) float64 { return a + (b-a)*much }
	return parseShade(shade{part(s.r, other.r), part(s.g, other.g), part(s.b, other.b)}.String())
}

// towards goes to the ink in small steps, until it is legible on the ground.
func (s shade) towards(ink, ground shade) shade {
	for step := range 20 {
		if mixed := s.mix(ink, float64(step)/20); mixed.contrast(ground) >= legible {
			return mixed
		}
	}
	return ink
}

// contrast is between 1 and 21 (WCAG 2.2, "contrast ratio").
func (s shade) contrast(other shade) float64 {
	a, b := s.luminance(), other.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// luminance is WCAG's "relative luminance".
func (s shade) luminance() float64 {
	part := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*part(s.r) + 0.7152*part(s.g) + 0.0722*part(s.b)
}
