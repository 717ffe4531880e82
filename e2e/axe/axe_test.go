// Package axe has axe-core (https://github.com/dequelabs/axe-core) read every
// page of views/gallery in Chromium, and wants nothing to complain about.
//
//	tools/axe ── setup.sh ──▶ axe.min.js ─┐
//	views/gallery/serve ── every page ────┴─▶ one tab: by day, by night, on a telephone
package axe

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/views/gallery"
)

// A look is a way in which somebody sees a page, and what of axe's rules it can
// make a difference to.
type look struct {
	name string
	set  func(*parts.Page)
	run  string // axe's options
}

// All looks are at pages that do not move: people who want that are among those
// the rules are for, and a colour on its way to another has no contrast.
var looks = []look{
	{"by day", (*parts.Page).Light, `{runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`},
	{"by night", (*parts.Page).Dark, `{runOnly: {type: "rule", values: ["color-contrast"]}}`},
	{"on a telephone", (*parts.Page).Telephone, `{runOnly: {type: "rule", values: ["target-size", "scrollable-region-focusable"]}}`},
}

// complaints opens what is folded, has axe read the page, and returns what it
// finds and what still moves.
const complaints = `(async () => {
	document.querySelectorAll("details").forEach((d) => { d.open = true; });
	const moving = document.getAnimations().filter((a) => a.playState === "running").map((a) => "it moves: " + (a.animationName || a.transitionProperty));
	const wide = document.documentElement.scrollWidth > innerWidth ? ["it is wider than the window"] : [];
	const found = await axe.run(document, %s);
	return [...moving, ...wide, ...found.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary + "\n" + n.html.slice(0, 200)))];
})()`

func TestGallery(t *testing.T) {
	base := serve(t)
	script := library(t)
	page := parts.StartChromium(t).Person(t)
	page.Still()
	for _, sample := range gallery.Pages() {
		t.Run(sample.Name, func(t *testing.T) {
			page := page.For(t)
			page.Desk()
			page.Open(base + "/" + sample.Name)
			page.Evaluate(script)
			for _, l := range looks {
				t.Run(l.name, func(t *testing.T) { l.mustBeFine(t, page.For(t)) })
			}
		})
	}
}

func (l look) mustBeFine(t *testing.T, page *parts.Page) {
	l.set(page)
	var all []string
	if err := json.Unmarshal([]byte(page.Evaluate(fmt.Sprintf(complaints, l.run))), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}

// TestComplaints has axe read pages that are wrong: else nothing that it says of
// ours would mean anything.
func TestComplaints(t *testing.T) {
	const good = `<!doctype html><html lang=en><title>Good</title><main><h1>Good</h1>%s</main>`
	cases := []struct{ name, body, says string }{
		{"nothing", `<p>text</p>`, ""},
		{"contrast by night alone", `<style>:root { color-scheme: light dark } p { color: light-dark(#111, #555); background: light-dark(#fff, #222) }</style><p>text</p>`, "color-contrast"},
		{"a field without a label", `<input name=a>`, "label"},
		{"small targets on a telephone", `<style>@media (width < 500px) { a { display: inline-block; width: 10px; height: 10px; overflow: hidden } }</style><a href=a>a</a><a href=b>b</a>`, "target-size"},
		{"folded", `<details><summary>more</summary><img src=a></details>`, "image-alt"},
		{"movement", `<style>@keyframes x { to { opacity: 0 } } p { animation: x 1s infinite }</style><p>text</p>`, "it moves: x"},
		{"too wide", `<p style="width: 3000px">text</p>`, "it is wider"},
	}
	script := library(t)
	page := parts.StartChromium(t).Person(t)
	page.Still()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page := page.For(t)
			page.Desk()
			page.Open("data:text/html," + strings.ReplaceAll(fmt.Sprintf(good, c.body), "#", "%23"))
			page.Evaluate(script)
			var said strings.Builder
			for _, l := range looks {
				l.set(page)
				said.WriteString(page.Evaluate(fmt.Sprintf(complaints, l.run)))
			}
			if c.says == "" && said.String() != "[][][]" || !strings.Contains(said.String(), c.says) {
				t.Error(said.String())
			}
		})
	}
}

func library(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(parts.Cached(t, "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return "(() => {" + string(script) + "})()"
}

// serve runs the gallery as `./task views` does, and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gallery")
	if out, err := exec.Command("go", "build", "-o", binary, "../../views/gallery/serve").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	address := "127.0.0.1:" + parts.FreePort(t)
	parts.Start(t, t.TempDir(), parts.Environment(t), binary, address).AwaitURL(t, "http://"+address+"/", 30*time.Second)
	return "http://" + address
}
