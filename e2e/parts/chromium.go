package parts

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// How long a person waits for anything on a page of a busy machine.
const patience = 30 * time.Second

// Chromium is one running browser. What it shows stays apart from person to
// person: each has cookies of their own.
type Chromium struct{ ctx context.Context }

// StartChromium starts a headless Chromium with an empty profile. It ends
// with t, and with the test binary, whose pipe it hangs on.
func StartChromium(t testing.TB) *Chromium {
	t.Helper()
	// chromedp's defaults are headless, with an empty profile, no first run,
	// no sync and no background traffic.
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromiumPath(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1280, 800))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &Chromium{ctx}
}

func chromiumPath(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed; type: tools/setup/setup.sh")
	return ""
}

// A Page is what one person sees. Every method fails its test, with a picture
// in e2e/out, when what it waits for does not come.
type Page struct {
	t     testing.TB
	ctx   context.Context
	media map[string]string // what pages are told of its reader, by CSS media feature
}

// Person opens an empty page for somebody who is signed in nowhere.
func (c *Chromium) Person(t testing.TB) *Page {
	t.Helper()
	return open(t, c.ctx, chromedp.WithNewBrowserContext())
}

// Tab opens a second page of the same person.
func (p *Page) Tab() *Page {
	p.t.Helper()
	return open(p.t, p.ctx)
}

// For has another test fail, such as a part of the one that opened the page.
func (p *Page) For(t testing.TB) *Page { return &Page{t, p.ctx, p.media} }

// The tab lives as long as the context of the first action on it: that one
// must not have a time limit.
func open(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a page: %v", err)
	}
	return &Page{t, ctx, map[string]string{}}
}

// Open goes to an address and waits until it is loaded.
func (p *Page) Open(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

// Click clicks the first visible element that a CSS selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Type writes into a field, over what is in it.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	field := chromedp.CSS(selector)
	p.do("type into "+selector, chromedp.WaitVisible(field), chromedp.Clear(field), chromedp.SendKeys(field, text))
}

// See waits until an element is visible.
func (p *Page) See(selector string) {
	p.t.Helper()
	p.do("see "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// SeeText waits until the page shows some text, across reloads and redirects.
func (p *Page) SeeText(text string) {
	p.t.Helper()
	quoted, _ := json.Marshal(text)
	p.Await("see "+text, "document.body && document.body.innerText.includes("+string(quoted)+")")
}

// AwaitLocation waits until the address begins with a prefix.
func (p *Page) AwaitLocation(prefix string) {
	p.t.Helper()
	quoted, _ := json.Marshal(prefix)
	p.Await("be at "+prefix, "location.href.startsWith("+string(quoted)+") && document.readyState === 'complete'")
}

// Await waits until a JavaScript expression is true. It asks anew each time,
// so that a page that goes away in between is no error. A promise is awaited.
func (p *Page) Await(what, expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression, chromedp.EvalAwaitPromise)); err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			p.fail(what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Location returns the address of the page.
func (p *Page) Location() string {
	p.t.Helper()
	return run(p, "location", chromedp.Location())
}

// Text returns the visible text of the page.
func (p *Page) Text() string {
	p.t.Helper()
	return run(p, "text", chromedp.Evaluate[string]("document.body.innerText"))
}

// Evaluate returns the value of a JavaScript expression, awaited, as JSON.
func (p *Page) Evaluate(expression string) string {
	p.t.Helper()
	value := "(async () => JSON.stringify(await (" + expression + ")) ?? 'null')()"
	return run(p, expression, chromedp.Evaluate[string](value, chromedp.EvalAwaitPromise))
}

// SocketMessages begins to listen to WebSockets; what it returns gives all
// that has come through them until then.
func (p *Page) SocketMessages() func() []string {
	p.t.Helper()
	var mu sync.Mutex
	var messages []string
	frames := chromedp.Events(p.ctx, network.WebSocketFrameReceived)
	go func() {
		for frame, err := range frames {
			if err != nil {
				return // the page is closed
			}
			mu.Lock()
			messages = append(messages, string(frame.Response.PayloadData))
			mu.Unlock()
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(messages)
	}
}

// Dark asks pages to show themselves as they do at night.
func (p *Page) Dark() {
	p.t.Helper()
	p.scheme("dark")
}

// Light ends Dark.
func (p *Page) Light() {
	p.t.Helper()
	p.scheme("light")
}

func (p *Page) scheme(name string) {
	p.t.Helper()
	p.media["prefers-color-scheme"] = name
	p.emulate()
}

// Still asks pages not to move.
func (p *Page) Still() {
	p.t.Helper()
	p.media["prefers-reduced-motion"] = "reduce"
	p.emulate()
}

// The browser forgets what it is not told again.
func (p *Page) emulate() {
	p.t.Helper()
	var features []*emulation.MediaFeature
	for name, value := range p.media {
		features = append(features, &emulation.MediaFeature{Name: name, Value: value})
	}
	command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// An Authenticator makes passkeys and proves them: a telephone that always says
// yes. It belongs to one page.
type Authenticator struct {
	page *Page
	id   webauthn.AuthenticatorID
}

// Authenticator gives the page's device one that verifies its owner (CTAP2,
// WebDriver's virtual authenticator, WebAuthn §11).
func (p *Page) Authenticator() *Authenticator {
	p.t.Helper()
	command(p, webauthn.Enable, webauthn.EnableParams{})
	made := command(p, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return &Authenticator{p, made.AuthenticatorID}
}

// Lies has it answer with a signature that is none, or without having verified
// its owner; with neither it is honest again.
func (a *Authenticator) Lies(signature, unverified bool) {
	a.page.t.Helper()
	command(a.page, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{
		AuthenticatorID: a.id, IsBogusSignature: &signature, IsBadUV: &unverified,
	})
}

// Passkeys tells how many it holds.
func (a *Authenticator) Passkeys() int {
	a.page.t.Helper()
	return len(command(a.page, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id}).Credentials)
}

func command[P, R any](p *Page, c cdp.Command[P, R], params P) R {
	p.t.Helper()
	result, err := chromedp.Call(p.ctx, c, params)
	if err != nil {
		p.t.Fatalf("%s: %v", c.Method, err)
	}
	return result
}

// Screenshot writes a picture to e2e/out/NAME.png.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	p.write(name, run(p, "screenshot", chromedp.CaptureScreenshot()))
}

func (p *Page) write(name string, picture []byte) {
	p.t.Helper()
	folder := ours("out")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	for replaced(err) && ctx.Err() == nil {
		err = chromedp.Do(ctx, steps...)
	}
	if err != nil {
		p.fail(what, err)
	}
}

// replaced tells that another page came between finding an element and using it,
// so that nothing was done to it.
func replaced(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "node with given id") || strings.Contains(err.Error(), "Node with given id"))
}

func run[T any](p *Page, what string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.fail(what, err)
	}
	return value
}

// fail leaves a picture of what was there instead.
func (p *Page) fail(what string, err error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	location, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
	name := "failed-" + fileName(p.t.Name())
	if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		p.write(name, picture)
	}
	p.t.Fatalf("%s: %v\nat %s (picture: e2e/out/%s.png)\n%.2000s", what, err, location, name, text)
}
