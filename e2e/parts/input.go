package parts

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/browser"
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

// Download clicks what leads to a file, and returns what the file holds.
func (p *Page) Download(selector string) string {
	p.t.Helper()
	folder := p.t.TempDir()
	command(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder,
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	p.Click(selector)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		found, _ := filepath.Glob(filepath.Join(folder, "*"))
		if len(found) == 1 && filepath.Ext(found[0]) != ".crdownload" {
			text, err := os.ReadFile(found[0])
			if err != nil {
				p.t.Fatal(err)
			}
			return string(text)
		}
	}
	p.t.Fatalf("no file comes of %s", selector)
	return ""
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
