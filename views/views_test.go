package views_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"github.com/dagpass/dagpass/assets"
	"github.com/dagpass/dagpass/views"
	"github.com/dagpass/dagpass/views/gallery"
)

// TestPagesHoldNothingForbidden reads every page of the gallery, the hostile
// ones above all: what is named here would be blocked by our
// Content-Security-Policy, or left out for readers who cannot see.
func TestPagesHoldNothingForbidden(t *testing.T) {
	all := pages(t)
	for _, c := range []struct{ why, selector string }{
		{"a script of its own", "script:not([src]), script:not(:empty)"},
		{"a script that the page waits for", "script:not([defer])"},
		{"an inline style sheet", "style"},
		{"an inline style", "[style]"},
		{"a changed base address", "base"},
		{"an embedded page", "iframe, object, embed, frame"},
		{"an image without a text", "img:not([alt])"},
		{"a drawing that is neither named nor hidden", "svg:not([aria-hidden=true]):not([role=img])"},
		{"a form that neither posts nor searches", "form:not([method=post]):not([method=get][role=search])"},
		{"a search that carries what is not seen", "form[method=get] input[type=hidden]"},
		{"a form elsewhere", `form:not([action^="/"])`},
		{"a secret that was typed", "input[type=password][value], input[autocomplete=one-time-code][value]"},
		{"a passkey's button that shows without its script", "[data-passkey-block]:not([hidden]), [data-reveal]:not([hidden])"},
		{"a passkey's button outside of its block", "[data-passkey]:not([data-passkey-block] *)"},
		{"a field that no password manager knows", "input:not([type=hidden]):not([autocomplete]), select:not([autocomplete])"},
		{"a password that is neither old nor new", "input[type=password]:not([autocomplete=current-password]):not([autocomplete=new-password])"},
		{"a field that a label cannot name", "input:not([type=hidden]):not([id]), select:not([id]), textarea:not([id])"},
		{"a button without a type", "button:not([type])"},
		{"a hidden order of tabs", `[tabindex]:not([tabindex="0"]):not([tabindex="-1"])`},
		{"a link that opens a window", "[target]"},
	} {
		for name, page := range all {
			page.Find(c.selector).Each(func(_ int, s *goquery.Selection) { t.Errorf("%s holds %s: %s", name, c.why, outer(s)) })
		}
	}
}

func TestPagesHaveAFrame(t *testing.T) {
	for name, page := range pages(t) {
		for selector, want := range map[string]int{
			"html[lang=en]": 1, "head > title": 1, "h1": 1, "main": 1, "main h1": 1, "meta[name=viewport]": 1,
			`meta[name=color-scheme][content="light dark"]`: 1, "link[rel=stylesheet]:not([href*=brand])": 1, "link[rel=icon]": 1,
		} {
			if got := page.Find(selector).Length(); got != want {
				t.Errorf("%s: %d of %s, want %d", name, got, selector, want)
			}
		}
		called := " · Dagpass"
		if strings.HasPrefix(name, "branded-") {
			called = " · Acme Data"
		}
		if title := text(page.Find("head > title")); !strings.HasSuffix(title, called) || len(title) < 15 {
			t.Errorf("%s: title %q", name, title)
		}
	}
}

func TestPagesRunNothing(t *testing.T) {
	for name, page := range pages(t) {
		page.Find("*").Each(func(_ int, s *goquery.Selection) {
			for _, a := range s.Nodes[0].Attr {
				if strings.HasPrefix(a.Key, "on") || strings.Contains(strings.ToLower(a.Val), "javascript:") {
					t.Errorf("%s: %s=%q", name, a.Key, a.Val)
				}
			}
		})
	}
}

func TestPagesStayWithinTheSite(t *testing.T) {
	for _, p := range gallery.Pages() {
		within := regexp.MustCompile("^" + p.Prefix + `/([^/\\]|$)`)
		for _, address := range addresses(parse(t, p.Component)) {
			if !within.MatchString(address) && address != string(templ.FailedSanitizationURL) {
				t.Errorf("%s leads to %q", p.Name, address)
			}
		}
	}
}

func TestPagesFetchWhatIsServed(t *testing.T) {
	for name, page := range pages(t) {
		page.Find("link[href], img[src], script[src]").Not("[href*=brand], [src*=brand]").Each(func(_ int, s *goquery.Selection) {
			address := strings.TrimPrefix(s.AttrOr("href", s.AttrOr("src", "")), "/dagster")
			if _, _, ok := assets.Open(address); !ok {
				t.Errorf("%s fetches %q", name, address)
			}
		})
	}
}

// The style sheet is built from the pages; a class that it lacks was written
// after the last build.
func TestStyleSheetKnowsEveryClass(t *testing.T) {
	css, _, _ := assets.Open(assets.URL("app.css"))
	for name, page := range pages(t) {
		page.Find("[class]").Each(func(_ int, s *goquery.Selection) {
			for _, class := range strings.Fields(s.AttrOr("class", "")) {
				if !bytes.Contains(css, []byte("."+escapeClass(class))) {
					t.Errorf("%s: class %s is not in app.css: build tools/css again", name, class)
				}
			}
		})
	}
}

func TestIdentifiersAreUniqueAndFound(t *testing.T) {
	for name, page := range pages(t) {
		ids := page.Find("[id]").Map(func(_ int, s *goquery.Selection) string { return s.AttrOr("id", "") })
		if slices.Sort(ids); len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%s: an id stands twice in %q", name, ids)
		}
		for _, id := range named(page) {
			if !slices.Contains(ids, id) {
				t.Errorf("%s: nothing has the id %q", name, id)
			}
		}
	}
}

// named lists the ids that a page's attributes speak of.
func named(page *goquery.Document) (ids []string) {
	for _, attr := range []string{"aria-describedby", "aria-labelledby", "for", "data-reveal", "data-said", "data-name-field", "list"} {
		page.Find("[" + attr + "]").Each(func(_ int, s *goquery.Selection) {
			ids = append(ids, strings.Fields(s.AttrOr(attr, ""))...)
		})
	}
	page.Find(`[href^="#"]`).Each(func(_ int, s *goquery.Selection) {
		ids = append(ids, strings.TrimPrefix(s.AttrOr("href", ""), "#"))
	})
	return ids
}

// Every field is named by a label, and what is wrong with it is said by what it
// is described by: colour alone would not do.
func TestFieldsSayWhatTheyAre(t *testing.T) {
	for name, page := range pages(t) {
		page.Find("input:not([type=hidden]), select").Each(func(_ int, s *goquery.Selection) {
			id := s.AttrOr("id", "")
			if text(page.Find("label").FilterFunction(func(_ int, l *goquery.Selection) bool { return l.AttrOr("for", "") == id })) == "" {
				t.Errorf("%s: no label names %s", name, outer(s))
			}
			wrong := text(page.Find("#" + id + "-wrong"))
			_, invalid := s.Attr("aria-invalid")
			if described := strings.Contains(s.AttrOr("aria-describedby", ""), id+"-wrong"); (wrong != "") != invalid || invalid != described {
				t.Errorf("%s: %q is wrong, but %s", name, wrong, outer(s))
			}
		})
	}
}

// Without a script a form is sent by its own button alone, and a page begins in
// one place.
func TestFormsCanBeSent(t *testing.T) {
	for name, page := range pages(t) {
		page.Find("form").Each(func(_ int, s *goquery.Selection) {
			if n := s.Find("button[type=submit]").Length(); n != 1 {
				t.Errorf("%s: %d ways to send %s", name, n, outer(s))
			}
		})
		if n := page.Find("[autofocus]").Length(); n > 1 {
			t.Errorf("%s begins in %d places", name, n)
		}
	}
}

// The scripts find what they need, and pages without that do not load them.
func TestScriptsAreWhereTheyAreNeeded(t *testing.T) {
	for name, page := range pages(t) {
		for script, needs := range map[string]string{"passkey": "[data-passkey]", "form": "[data-reveal], [data-copy]"} {
			loaded, needed := page.Find("script[src*='/"+script+"-']").Length(), page.Find(needs).Length()
			if loaded > 1 || (loaded == 1) != (needed > 0) {
				t.Errorf("%s loads %s.js %d times for %d buttons", name, script, loaded, needed)
			}
		}
		page.Find("[data-passkey-block]").Each(func(_ int, s *goquery.Selection) {
			if s.Find("[data-passkey][data-begin][data-finish]").Length() != 1 || s.Find("p[role=alert]:empty").Length() != 1 {
				t.Errorf("%s: the script will not understand %s", name, outer(s))
			}
		})
	}
}

func TestLinksAndButtonsHaveAName(t *testing.T) {
	for name, page := range pages(t) {
		page.Find("a, button, summary").Each(func(_ int, s *goquery.Selection) {
			if text(s) == "" {
				t.Errorf("%s: %s", name, outer(s))
			}
		})
	}
}

// A page that ends in the middle of an error would look finished.
func TestRenderingFailsWhole(t *testing.T) {
	for _, p := range gallery.Pages() {
		if err := p.Component.Render(t.Context(), refusing{}); err == nil {
			t.Errorf("%s: a failed write went unnoticed", p.Name)
		}
	}
}

// FuzzText puts any text where a provider or a person may choose it. Whatever it
// is, it stays text: the page has the same elements as one with a plain name.
func FuzzText(f *testing.F) {
	f.Add(gallery.Markup)
	f.Add("</title></head><body>")
	f.Add("javascript:alert(1)")
	f.Add("\" onload=\"alert(1)")
	f.Fuzz(func(t *testing.T, said string) {
		got, want := elements(t, crowd(said)), elements(t, crowd("plain"))
		if !slices.Equal(got, want) {
			t.Errorf("%q changed the page:\n%v\n%v", said, got, want)
		}
	})
}

// crowd has the text in every place of a page that holds foreign text.
func crowd(said string) templ.Component {
	said = "x" + said
	wrong := views.Wrong{"": said, "token": said, "username": said, "name": said, "email": said, "old_password": said, "password": said, "code": said, "recovery": said}
	buttons := []views.ProviderButton{{Slot: said, Label: said, Type: said, Href: said}, {Slot: said, Label: said, Down: true}}
	form := views.SignInForm{Slot: said, Label: said, Username: said, Wrong: wrong}
	return templ.Join(
		crowdedConsole(said, wrong),
		views.Login{Next: said, Providers: buttons, Passkeys: true, Password: &form, Directories: []views.SignInForm{form, {Label: said, Down: true}}}.Component(),
		views.Problem{Title: said, Message: said, Reference: said, Action: said, ActionHref: said, SignedInAs: said}.Component(),
		views.Setup{Username: said, FullName: said, Email: said, Wrong: wrong}.Component(),
		views.Link{Token: said, User: said, Username: said, NewPassword: true, Wrong: wrong}.Component(),
		views.SecondFactor{User: said, Next: said, Code: true, Passkey: true, Recovery: true, Wrong: wrong}.Component(),
		views.Enrol{User: said, Next: said, Passkeys: true, PasskeyName: said}.Component(),
		views.TOTPOffer{Secret: said, URL: "otpauth://totp/x", Sealed: said, FactorName: said, Next: said, Wrong: wrong}.Component(),
		views.RecoveryCodes{Codes: []string{said}, Continue: said}.Component(),
		views.Confirm{User: said, Username: said, Next: said, Password: true, Code: true, Passkey: true, Recovery: true, Provider: said, Wrong: wrong}.Component(),
		views.Account{
			Name: said, Email: said, Groups: []string{said}, Sessions: []views.AccountSession{{ID: said, Device: said}}, Notice: said,
			Password: &views.PasswordForm{Username: said, Has: true, Wrong: wrong}, LinkTo: buttons,
			Factors: &views.Factors{List: []views.Factor{{ID: said, Kind: said, Name: said}}, Passkeys: true, PasskeyName: said},
			Linked:  []views.LinkedAccount{{ID: said, Provider: said, Type: said, Who: said, Removable: true}},
		}.Component(),
	)
}

// elements lists the names of the elements and of their attributes.
func elements(t *testing.T, c templ.Component) []string {
	var list []string
	parse(t, c).Find("*").Each(func(_ int, s *goquery.Selection) {
		name := s.Nodes[0].Data
		for _, a := range s.Nodes[0].Attr {
			name += " " + a.Key
		}
		list = append(list, name)
	})
	return list
}

// refusing is a connection that is gone.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }

// pages renders and parses the whole gallery.
func pages(t *testing.T) map[string]*goquery.Document {
	t.Helper()
	all := make(map[string]*goquery.Document)
	for _, p := range gallery.Pages() {
		all[p.Name] = parse(t, p.Component)
	}
	if len(all) != len(gallery.Pages()) {
		t.Fatal("two pages of the gallery have one name")
	}
	return all
}

func parse(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// addresses lists what the page links to beyond itself, fetches or posts to.
func addresses(page *goquery.Document) []string {
	var all []string
	for _, attr := range []string{"href", "src", "action", "data-begin", "data-finish"} {
		page.Find("[" + attr + "]:not([href^='#'])").Each(func(_ int, s *goquery.Selection) { all = append(all, s.AttrOr(attr, "")) })
	}
	return all
}

// text is what a reader sees, with its white space folded.
func text(s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") }

func outer(s *goquery.Selection) string {
	html, err := goquery.OuterHtml(s)
	if err != nil {
		return err.Error()
	}
	return html
}

// escapeClass writes a class as a style sheet does.
func escapeClass(class string) string {
	return regexp.MustCompile(`[^\w-]`).ReplaceAllString(class, `\$0`)
}
