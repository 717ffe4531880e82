package e2e

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/dagpass/dagpass/e2e/parts"
)

// secondFactors goes through the pages with an authenticator app, recovery codes
// and passkeys. The relying party is localhost, for which browsers need no TLS.
func secondFactors(t *testing.T, w *world) {
	set := w.noProvider(t, "sqlite:"+filepath.Join(t.TempDir(), "dagpass.db")).with(settings{
		"BOOTSTRAP_ADMIN_USERNAME": "root", "BOOTSTRAP_ADMIN_PASSWORD": firstPassword,
		"POLICY": "mfa: { roles: [editor] }", "RATE_LIMIT_ATTEMPTS": "50",
	})
	s := w.serve(t, set)
	w.invite(t, set, "ann", "viewer")
	f := &factorPage{w.chromium.Person(t), t, s}
	f.Open(s.URL + "/auth/login")
	f.both("login-password")
	f.password("ann", "/auth/account")
	f.AwaitLocation(s.URL + "/auth/account")

	var app *authenticatorApp
	var recovery []string
	t.Run("an app is set up", func(t *testing.T) { app, recovery = f.of(t).enrolApp("/auth/account/totp") })
	t.Run("password and code", func(t *testing.T) { f.of(t).passwordAndCode(app) })
	t.Run("a recovery code works once", func(t *testing.T) { f.of(t).recoveryOnce(recovery) })
	device := f.Authenticator()
	t.Run("a passkey is set up", func(t *testing.T) { f.of(t).enrolPasskey(device) })
	t.Run("a passkey alone", func(t *testing.T) { f.of(t).passkeyAlone() })
	t.Run("a passkey as the second factor", func(t *testing.T) { f.of(t).passkeySecond() })
	t.Run("a passkey that lies", func(t *testing.T) { f.of(t).liars(device) })
	t.Run("a passkey is removed", func(t *testing.T) { f.of(t).removePasskey() })
	t.Run("a role that must have one, with an app", func(t *testing.T) { mustEnrolApp(t, w, set, s) })
	t.Run("a role that must have one, with a passkey", func(t *testing.T) { mustEnrolPasskey(t, w, set, s) })
	t.Run("pictures of the set-up", func(t *testing.T) { setupPictures(t, w) })
}

// factorPage is somebody's page at a server.
type factorPage struct {
	*parts.Page
	t *testing.T
	s *server
}

// of has what fails fail the test at hand.
func (f *factorPage) of(t *testing.T) *factorPage { return &factorPage{f.Page.For(t), t, f.s} }

// both takes a picture by day and one by night.
func (f *factorPage) both(name string) {
	f.t.Helper()
	const still = `document.getAnimations().every(a => a.playState === "finished")`
	f.Await("stand still", still)
	f.Screenshot(name)
	f.Dark()
	f.Await("stand still", still)
	f.Screenshot(name + "-dark")
	f.Light()
}

// password signs in, as far as a password goes.
func (f *factorPage) password(name, next string) {
	f.t.Helper()
	f.Open(f.s.URL + "/auth/login?next=" + url.QueryEscape(next))
	f.Type(`input[name="username"]`, name)
	f.Type(`input[name="password"]`, firstPassword)
	f.submit("/auth/login")
}

func (f *factorPage) submit(action string) {
	f.t.Helper()
	f.Click(`form[action$="` + action + `"] button[type="submit"]`)
}

func (f *factorPage) signOut() {
	f.t.Helper()
	f.Open(f.s.URL + "/auth/account")
	f.submit("/auth/logout")
	f.AwaitLocation(f.s.URL + "/auth/login")
}

// halfway holds that nobody is signed in yet.
func (f *factorPage) halfway() {
	f.t.Helper()
	statuses := `Promise.all(["/auth/me", "/graphql?query={version}", "/auth/account"].map(p => fetch(p, {redirect: "manual"}).then(r => r.status)))`
	if got := f.Evaluate(statuses); got != "[401,401,401]" {
		f.t.Errorf("before the second factor the answers are %s", got)
	}
}

func (f *factorPage) codes() (codes []string) {
	f.t.Helper()
	f.SeeText("Recovery codes")
	if err := json.Unmarshal([]byte(f.Evaluate(`[...document.querySelectorAll(".codes code")].map(c => c.innerText)`)), &codes); err != nil {
		f.t.Fatal(err)
	}
	if len(codes) != 10 {
		f.t.Fatalf("%d recovery codes", len(codes))
	}
	return codes
}

// authenticatorApp gives each code once.
type authenticatorApp struct {
	secret string
	step   int64 // of the last code
}

const totpStep = 30 // seconds

// code waits for the next one where the last is the newest that would be taken
// (one step ahead of the clock).
func (a *authenticatorApp) code(t *testing.T) string {
	t.Helper()
	step := max(a.step+1, time.Now().Unix()/totpStep)
	<-time.After(time.Until(time.Unix((step-1)*totpStep, 0)))
	a.step = step
	code, err := totp.GenerateCode(a.secret, time.Unix(step*totpStep, 0))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (f *factorPage) enrolApp(path string) (*authenticatorApp, []string) {
	f.t.Helper()
	f.Click(`a[href*="` + path + `"]`)
	f.See("svg.qr")
	var secret string
	if err := json.Unmarshal([]byte(f.Evaluate(`document.querySelector("dl.reference code").innerText`)), &secret); err != nil {
		f.t.Fatal(err)
	}
	f.both("totp-offer")
	app := &authenticatorApp{secret: strings.ReplaceAll(secret, " ", "")}
	f.Type("#code", app.code(f.t))
	f.submit(path)
	codes := f.codes()
	f.both("recovery-codes")
	f.Click(`a[data-variant="primary"]`)
	f.AwaitLocation(f.s.URL + "/")
	f.Open(f.s.URL + "/auth/account/recovery-codes")
	f.AwaitLocation(f.s.URL + "/auth/account")
	if text := f.Text(); slices.ContainsFunc(codes, func(c string) bool { return strings.Contains(text, c) }) {
		f.t.Error("recovery codes are shown again")
	}
	return app, codes
}

// passwordAndCode signs in with both; the code is of no use to whoever has
// looked over a shoulder.
func (f *factorPage) passwordAndCode(app *authenticatorApp) {
	f.signOut()
	f.password("ann", "/auth/account")
	f.AwaitLocation(f.s.URL + "/auth/mfa")
	f.halfway()
	f.both("second-factor")
	code := app.code(f.t)
	f.Type("#code", code)
	f.submit("/auth/mfa/code")
	f.AwaitLocation(f.s.URL + "/auth/account")

	f.signOut()
	f.password("ann", "/auth/account")
	f.AwaitLocation(f.s.URL + "/auth/mfa")
	f.Type("#code", code)
	f.submit("/auth/mfa/code")
	f.SeeText("This code is wrong, or was used before.")
	f.halfway()
}

// recoveryOnce begins where a code was refused.
func (f *factorPage) recoveryOnce(codes []string) {
	f.recovery(codes[0])
	f.AwaitLocation(f.s.URL + "/auth/account")
	f.SeeText("9 recovery codes")
	f.signOut()
	f.password("ann", "/auth/account")
	f.AwaitLocation(f.s.URL + "/auth/mfa")
	f.recovery(codes[0])
	f.SeeText("This code is wrong, or was used before.")
	f.halfway()
	f.recovery(codes[1])
	f.AwaitLocation(f.s.URL + "/auth/account")
}

func (f *factorPage) recovery(code string) {
	f.t.Helper()
	f.Evaluate(`document.querySelector("details").open = true`)
	f.Type("#recovery", code)
	f.Click(`form:has(#recovery) button[type="submit"]`)
}

func (f *factorPage) enrolPasskey(device *parts.Authenticator) {
	f.Open(f.s.URL + "/auth/account")
	f.Type("#passkey-name", "A telephone")
	f.Click(`[data-passkey="enrol"]`)
	f.AwaitLocation(f.s.URL + "/auth/account?notice=factor_added")
	f.SeeText("A telephone")
	f.Evaluate(`document.getElementById("factors").scrollIntoView()`)
	f.both("account-factors")
	f.Open(f.s.URL + "/auth/confirm")
	f.both("confirm")
	if n := device.Passkeys(); n != 1 {
		f.t.Errorf("the device holds %d passkeys", n)
	}
}

// passkeyAlone is both factors in one: nothing more is asked.
func (f *factorPage) passkeyAlone() {
	f.signOut()
	f.Open(f.s.URL + "/auth/login?next=/auth/account")
	f.Click(`[data-passkey="signin"]`)
	f.AwaitLocation(f.s.URL + "/auth/account")
	f.SeeText("Role: viewer")
}

func (f *factorPage) passkeySecond() {
	f.signOut()
	f.password("ann", "/auth/account")
	f.AwaitLocation(f.s.URL + "/auth/mfa")
	f.halfway()
	f.Click(`[data-passkey="factor"]`)
	f.AwaitLocation(f.s.URL + "/auth/account")
}

// liars: a signature that is none, and an owner who was not verified.
func (f *factorPage) liars(device *parts.Authenticator) {
	f.signOut()
	for _, lie := range []struct{ signature, unverified bool }{{true, false}, {false, true}} {
		device.Lies(lie.signature, lie.unverified)
		f.Open(f.s.URL + "/auth/login?next=/auth/account")
		f.Click(`[data-passkey="signin"]`)
		f.SeeText("This passkey could not be verified.")
		f.halfway()
	}
	device.Lies(false, false)
}

func (f *factorPage) removePasskey() {
	f.Open(f.s.URL + "/auth/login?next=/auth/account")
	f.Click(`[data-passkey="signin"]`)
	f.AwaitLocation(f.s.URL + "/auth/account")
	f.Click(`li:nth-of-type(2) form[action$="/factor/remove"] button`)
	f.SeeText("The second factor is removed.")
	if text := f.Text(); strings.Contains(text, "A telephone") || !strings.Contains(text, "Authenticator app") {
		f.t.Errorf("another one was removed: %s", text)
	}
	f.signOut()
	f.Open(f.s.URL + "/auth/login")
	f.Click(`[data-passkey="signin"]`)
	f.SeeText("This passkey could not be verified.")
	f.halfway()
}

// mustEnrolApp: somebody whose role must have a second factor sets one up on the
// way in, and has no session before.
func mustEnrolApp(t *testing.T, w *world, set settings, s *server) {
	w.invite(t, set, "edith", "editor")
	f := &factorPage{w.chromium.Person(t), t, s}
	f.password("edith", "/auth/account")
	f.AwaitLocation(s.URL + "/auth/mfa/enrol")
	f.halfway()
	f.both("enrol")
	f.enrolApp("/auth/mfa/enrol/totp")
	f.SeeText("Role: editor")
}

func mustEnrolPasskey(t *testing.T, w *world, set settings, s *server) {
	w.invite(t, set, "edgar", "editor")
	f := &factorPage{w.chromium.Person(t), t, s}
	device := f.Authenticator()
	f.password("edgar", "/auth/account")
	f.AwaitLocation(s.URL + "/auth/mfa/enrol")
	f.halfway()
	f.Click(`[data-passkey="enrol"]`)
	codes := f.codes()
	f.Click(`a[data-variant="primary"]`)
	f.AwaitLocation(s.URL + "/auth/account")
	f.SeeText("Role: editor")
	if n := device.Passkeys(); n != 1 {
		t.Errorf("the device holds %d passkeys", n)
	}
	f.signOut()
	f.password("edgar", "/auth/account")
	f.AwaitLocation(s.URL + "/auth/mfa")
	f.halfway()
	f.recovery(codes[3])
	f.AwaitLocation(s.URL + "/auth/account")
}

// invite makes an account that has chosen its password and has not signed in
// with it: a role may ask for more than that.
func (w *world) invite(t *testing.T, set settings, name, role string) {
	t.Helper()
	cmd := w.command(t, set, "user", "add", name, "--role", role, "--password-stdin")
	cmd.Stdin = strings.NewReader(firstPassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func setupPictures(t *testing.T, w *world) {
	s := w.serve(t, w.noProvider(t, "sqlite:"+filepath.Join(t.TempDir(), "dagpass.db")))
	f := &factorPage{w.chromium.Person(t), t, s}
	f.Open(s.URL + "/")
	f.SeeText("admin")
	f.Open(s.URL + "/auth/setup")
	f.See("#token")
	f.both("setup")
}
