package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/dagpass/dagpass/e2e/parts"
)

const stepUpPolicy = groupPolicy + `  - { slot: certified, email: early-bird@example.com, role: editor }
mfa: { step_up: [wipe_assets, delete_pipeline_run] }
`

// confirmed is whoever may delete runs and wants to: without a recent proof of
// who they are nothing happens.
type confirmed struct {
	w *world
	*server
	witness *witness
	runs    []string
}

func stepUp(t *testing.T, w *world) {
	c := &confirmed{w: w, witness: witnessOf(t, w.dagster.URL)}
	c.server = w.serve(t, w.settings(t, c.witness.URL).with(settings{"POLICY": stepUpPolicy}))
	alone := newPerson(w.dagster.URL)
	c.runs = []string{alone.launch(t), alone.launch(t)}
	t.Run("nobody has signed in anew", c.early)
	t.Run("an account here, by a code", func(t *testing.T) { c.byCode(t, c.finished(t, 0)) })
	t.Run("another account at Keycloak", func(t *testing.T) { c.byAnother(t, c.runs[1]) })
	t.Run("an account at Keycloak, by signing in anew", func(t *testing.T) { c.byProvider(t, c.finished(t, 1)) })
}

// finished is a run to delete, once it is over.
func (c *confirmed) finished(t *testing.T, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // Dagster starts two processes for a run
	defer cancel()
	until(ctx, t, "a run is over", func() bool {
		run, _ := c.w.dagster.Storage.State(t).Run(c.runs[n])
		return run.Status == "SUCCESS"
	})
	return c.runs[n]
}

func deletion(run string) string {
	return fmt.Sprintf(`mutation { deleteRun(runId: %q) { __typename ... on UnauthorizedError { message } } }`, run)
}

// mustNot holds that deeds which take a proof are refused with a sentence that
// says where to give it, and that Dagster hears nothing of them.
func (c *confirmed) mustNot(t *testing.T, p *person, run string) {
	t.Helper()
	c.witness.take()
	before := c.w.dagster.Storage.State(t)
	for _, deed := range []string{deletion(run), `mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["orders"]}}]) { __typename ... on UnauthorizedError { message } } }`} {
		a := p.graphql(t, deed)
		if !strings.Contains(a.body, "Please confirm that it is you: open "+c.URL+"/auth/confirm in another tab, then try again.") {
			t.Errorf("%s: %s %.500s", deed, a.Status, a.body)
		}
	}
	if seen := c.witness.take(); len(seen) > 0 {
		t.Errorf("Dagster was asked: %q", seen)
	}
	after := c.w.dagster.Storage.State(t)
	if _, there := after.Run(run); !there || !maps.Equal(before.Events, after.Events) || !slices.Equal(before.Assets, after.Assets) {
		t.Errorf("run %s in %+v, before %+v", run, after, before)
	}
	if !strings.Contains(c.printed(t), `"step_up_required"`) {
		t.Error("the refusal is not recorded")
	}
}

func (c *confirmed) may(t *testing.T, p *person, run string) {
	t.Helper()
	if a := p.graphql(t, deletion(run)); !strings.Contains(a.body, `"DeletePipelineRunSuccess"`) {
		t.Errorf("%s %.500s", a.Status, a.body)
	}
	if _, there := c.w.dagster.Storage.State(t).Run(run); there {
		t.Error("the run is still there")
	}
}

// tenMinutes makes all proofs older than counts. Sessions that the server has
// met lately are not looked at anew: it is for those that were just made.
func (c *confirmed) tenMinutes(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(c.set["DATABASE_URL"], "sqlite:")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE sessions SET proven_at = proven_at - 660 * 1000000`); err != nil { // in microseconds
		t.Fatal(err)
	}
}

// byCode: the proof counts for the session that gave it, and the code once.
func (c *confirmed) byCode(t *testing.T, run string) {
	c.w.invite(t, c.set, "lena", "editor")
	setUp := newPerson(c.URL)
	setUp.password(t, "lena", firstPassword)
	app, codes := setUp.enrolApp(t)
	p, other := newPerson(c.URL), newPerson(c.URL)
	for i, q := range []*person{p, other} {
		q.password(t, "lena", firstPassword)
		if a := q.form(t, "/auth/mfa/code", url.Values{"code": {codes[i]}, "as": {"recovery"}}); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %.500s", a.Status, a.body)
		}
	}
	c.tenMinutes(t)
	c.mustNot(t, p, run)
	if a := p.form(t, "/auth/confirm", url.Values{"password": {firstPassword}}); a.StatusCode < 400 {
		t.Errorf("whoever has a second factor confirms by password: %s", a.Status)
	}
	c.mustNot(t, p, run)
	code := app.code(t)
	if a := p.form(t, "/auth/confirm", url.Values{"code": {code}}); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %.500s", a.Status, a.body)
	}
	if a := other.form(t, "/auth/confirm", url.Values{"code": {code}}); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the code worked twice: %s", a.Status)
	}
	c.mustNot(t, other, run)
	c.may(t, p, run)
}

// enrolApp sets up an authenticator app without a screen.
func (p *person) enrolApp(t *testing.T) (*authenticatorApp, []string) {
	t.Helper()
	offer, err := goquery.NewDocumentFromReader(strings.NewReader(p.get(t, "/auth/account/totp").body))
	if err != nil {
		t.Fatal(err)
	}
	app := &authenticatorApp{secret: strings.ReplaceAll(offer.Find("dl.reference code").Text(), " ", "")}
	sealed, _ := offer.Find(`input[name="sealed"]`).Attr("value")
	done := p.form(t, "/auth/account/totp", url.Values{"sealed": {sealed}, "code": {app.code(t)}})
	page, err := goquery.NewDocumentFromReader(strings.NewReader(done.body))
	if err != nil {
		t.Fatal(err)
	}
	codes := page.Find(".codes code").Map(func(_ int, code *goquery.Selection) string { return code.Text() })
	if len(codes) != 10 {
		t.Fatalf("%s: %d recovery codes in %.1000s", done.Status, len(codes), done.body)
	}
	return app, codes
}

// signInUnseen signs in at a provider and leaves the session unused.
func (p *person) signInUnseen(t *testing.T, slot, name string) {
	t.Helper()
	callback := p.interrupted(t, slot, name)
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { p.http.CheckRedirect = nil }()
	if a := p.get(t, callback.RequestURI()); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %.500s", a.Status, a.body)
	}
}

// leave sends a form that leads to a provider, and gives the address there.
func (p *person) leave(t *testing.T, path string, values url.Values) *url.URL {
	t.Helper()
	a := p.form(t, path, values)
	_, address, _ := strings.Cut(a.Header.Get("Refresh"), "url=")
	u, err := url.Parse(address)
	if err != nil || a.StatusCode != http.StatusOK || u.Host == "" {
		t.Fatalf("%s leads to %q: %.500s", a.Status, address, a.body)
	}
	return u
}

// byProvider: Keycloak, which knows the browser, asks for the password all the
// same.
func (c *confirmed) byProvider(t *testing.T, run string) {
	p := newPerson(c.URL)
	p.signInUnseen(t, "keycloak", parts.Editor)
	c.tenMinutes(t)
	c.mustNot(t, p, run)

	anew := p.leave(t, "/auth/confirm/provider", url.Values{"next": {"/auth/me"}})
	if q := anew.Query(); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
		t.Errorf("Keycloak is asked with %s", anew)
	}
	asked, err := p.http.Get(anew.String())
	if err != nil {
		t.Fatal(err)
	}
	page, err := goquery.NewDocumentFromReader(asked.Body)
	if err != nil || page.Find(`input[type="password"]`).Length() != 1 {
		t.Errorf("Keycloak does not ask for the password, %v: %s", err, asked.Request.URL)
	}
	if back, err := p.atProvider(anew.String(), parts.Editor); err != nil || back.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", back, err)
	}
	c.may(t, p, run)
}

// byAnother: somebody else who has an account at Keycloak sits at the browser.
func (c *confirmed) byAnother(t *testing.T, run string) {
	p := newPerson(c.URL)
	p.signInUnseen(t, "keycloak", parts.Editor)
	c.tenMinutes(t)
	p.forgottenElsewhere(t)
	anew := p.leave(t, "/auth/confirm/provider", nil)
	back, err := p.atProvider(anew.String(), parts.Admin)
	if err != nil || back.StatusCode != http.StatusForbidden {
		t.Errorf("%+v, %v", back, err)
	}
	if who, in := p.me(t); !in || who.User.Email != "edda@example.com" {
		t.Errorf("signed in as %+v", who)
	}
	c.mustNot(t, p, run)
}

// forgottenElsewhere keeps our cookies alone: the provider knows the browser no
// more.
func (p *person) forgottenElsewhere(t *testing.T) {
	t.Helper()
	ours, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	kept := p.http.Jar.Cookies(ours)
	p.http.Jar, _ = cookiejar.New(nil)
	p.http.Jar.SetCookies(ours, kept)
}

// early signed in at the provider an hour ago, and comes in silently: that is no
// recent proof. Nor is it one when the browser takes out of the address that we
// asked for more.
func (c *confirmed) early(t *testing.T) {
	p := signedIn(t, c.server, "certified", "early-bird")
	c.mustNot(t, p, c.runs[0])
	anew := p.leave(t, "/auth/confirm/provider", nil)
	query := anew.Query()
	query.Del("prompt")
	query.Del("max_age")
	anew.RawQuery = query.Encode()
	before := len(c.printed(t))
	if back, err := p.atProvider(anew.String(), "early-bird"); err != nil || back.StatusCode != http.StatusForbidden {
		t.Errorf("%+v, %v", back, err)
	}
	if written := c.printed(t)[before:]; !strings.Contains(written, `"reason":"auth_time"`) {
		t.Errorf("written down was %s", written)
	}
	c.mustNot(t, p, c.runs[0])
}
