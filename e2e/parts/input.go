package parts

import (
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
