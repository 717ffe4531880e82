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
	for _, c := range []struct{ why, selector string }{
		{"a script: pages work without", "script"},
		{"an inline style sheet", "style"},
		{"an inline style", "[style]"},
		{"a changed base address", "base"},
		{"an embedded page", "iframe, object, embed, frame"},
		{"an image without a text", "img:not([alt])"},
		{"a drawing that is neither named nor hidden", "svg:not([aria-hidden=true]):not([role=img])"},
		{"a form that does not post", "form:not([method=post])"},
		{"a form elsewhere", `form:not([action^="/"])`},
		{"a field that a label cannot name", "input:not([type=hidden]):not([id]), select:not([id]), textarea:not([id])"},
		{"a button without a type", "button:not([type])"},
		{"a hidden order of tabs", `[tabindex]:not([tabindex="0"]):not([tabindex="-1"])`},
		{"a link that opens a window", "[target]"},
	} {
		for name, page := range pages(t) {
			page.Find(c.selector).Each(func(_ int, s *goquery.Selection) { t.Errorf("%s holds %s: %s", name, c.why, outer(s)) })
		}
	}
}

func TestPagesHaveAFrame(t *testing.T) {
	for name, page := range pages(t) {
		for selector, want := range map[string]int{
			"html[lang=en]": 1, "head > title": 1, "h1": 1, "main": 1, "main h1": 1, "meta[name=viewport]": 1,
			`meta[name=color-scheme][content="light dark"]`: 1, "link[rel=stylesheet]": 1, "link[rel=icon]": 1,
		} {
			if got := page.Find(selector).Length(); got != want {
				t.Errorf("%s: %d of %s, want %d", name, got, selector, want)
			}
		}
		if title := text(page.Find("title")); !strings.HasSuffix(title, " · Dagpass") || len(title) < 15 {
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
		page.Find("link[href], img[src]").Each(func(_ int, s *goquery.Selection) {
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
		page.Find("[aria-describedby], [aria-labelledby], label[for]").Each(func(_ int, s *goquery.Selection) {
			id := s.AttrOr("aria-describedby", s.AttrOr("aria-labelledby", s.AttrOr("for", "")))
			if !slices.Contains(ids, id) {
				t.Errorf("%s: nothing has the id %q", name, id)
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
	return templ.Join(
		views.Login{Providers: []views.ProviderButton{{Slot: said, Label: said, Type: said, Href: said}, {Slot: said, Label: said, Down: true}}}.Component(),
		views.Problem{Title: said, Message: said, Reference: said, Action: said, ActionHref: said, SignedInAs: said}.Component(),
		views.Account{Name: said, Email: said, Groups: []string{said}, Sessions: []views.AccountSession{{Device: said}}}.Component(),
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

// addresses lists what the page links to, fetches or posts to.
func addresses(page *goquery.Document) []string {
	return page.Find("[href], [src], [action]").Map(func(_ int, s *goquery.Selection) string {
		return s.AttrOr("href", s.AttrOr("src", s.AttrOr("action", "")))
	})
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
