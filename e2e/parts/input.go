package parts

import (
	"encoding/json"
	"fmt"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Press presses keys, one after the other, on whatever has the focus: text, or
// what the package kb of chromedp calls other keys.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do("press a key", chromedp.KeyEvent(keys))
}

// Size gives the page another width and height, in CSS pixels.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	p.do("another size", chromedp.EmulateViewport(width, height))
}

// Telephone makes the window as narrow as one held upright.
func (p *Page) Telephone() {
	p.t.Helper()
	p.Size(390, 844)
}

// Desk makes the window as wide as it was.
func (p *Page) Desk() {
	p.t.Helper()
	p.Size(1280, 800)
}

// Hover moves the mouse over the first element that a CSS selector finds.
func (p *Page) Hover(selector string) {
	p.t.Helper()
	var at struct{ X, Y float64 }
	box := p.Evaluate(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2} })()`, selector))
	if err := json.Unmarshal([]byte(box), &at); err != nil {
		p.t.Fatalf("hover over %s: %v", selector, err)
	}
	// From somewhere else, so that it is a movement.
	for _, aside := range []float64{40, 0} {
		move := input.DispatchMouseEventParams{Type: "mouseMoved", X: at.X + aside, Y: at.Y + aside}
		if _, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, move); err != nil {
			p.t.Fatalf("hover over %s: %v", selector, err)
		}
	}
}
