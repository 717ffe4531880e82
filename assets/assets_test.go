package assets

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestEveryFileIsServedAtItsAddress(t *testing.T) {
	for _, a := range index() {
		data, media, ok := Open(URL(a.name))
		if !ok || !bytes.Equal(data, a.data) || len(data) == 0 || media == "application/octet-stream" {
			t.Errorf("%s: ok %v, %d bytes of %q", a.name, ok, len(data), media)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"app.css", "", "/auth/assets/app-e3b0c442.css"},
		{"app.css", "a", "/auth/assets/app-ca978112.css"},
		{"inter.woff2", "a", "/auth/assets/inter-ca978112.woff2"},
	} {
		if got := address(c.name, []byte(c.content)); got != c.want {
			t.Errorf("address(%q, %q) = %q, want %q", c.name, c.content, got, c.want)
		}
	}
}

func TestOpenRefusesOtherAddresses(t *testing.T) {
	good := URL("app.css")
	for _, address := range []string{
		"", "/", "app.css", "/auth/assets/", "/auth/assets/app.css", "/auth/assets/app-00000000.css", "/dagster" + good,
		good + "/", good + "?", "/auth/assets/../assets/" + strings.TrimPrefix(good, root), "static/app.css",
	} {
		if data, media, ok := Open(address); ok || data != nil || media != "" {
			t.Errorf("Open(%q) found %d bytes of %q", address, len(data), media)
		}
	}
}

func TestURLPanicsOnAMisspeltName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	URL("ap.css")
}

// The style sheet names the files beside it with the hash that its build
// computed; a file that changed since would be asked for in vain.
func TestStyleSheetRefersToServedFiles(t *testing.T) {
	css := content(t, "app.css")
	refs := regexp.MustCompile(`url\(([^")]+)\)`).FindAllStringSubmatch(css, -1)
	if len(refs) < 2 {
		t.Fatalf("%d references, want the font and the backdrop at least", len(refs))
	}
	for _, ref := range refs {
		if _, _, ok := Open(root + ref[1]); !ok {
			t.Errorf("%s is not served: build tools/css again", ref[1])
		}
	}
}

// The Content-Security-Policy of our pages would block what is named here, and
// no page of ours tells another host who reads it.
func TestFilesAskNothingOfOtherHosts(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)@import|<script|<style|<image|<foreignobject|\son\w+=|href=|url\(['"]?(https?:)?//`)
	for _, a := range index() {
		if strings.HasSuffix(a.name, ".woff2") {
			continue
		}
		if found := forbidden.Find(a.data); found != nil {
			t.Errorf("%s holds %q", a.name, found)
		}
	}
}

// What people are called comes from elsewhere: our scripts make text of it, never
// markup.
func TestScriptsMakeNoMarkup(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc|eval|Function\(`)
	for _, name := range []string{"menu.js", "passkey.js", "form.js", "tail.js"} {
		if found := forbidden.FindString(content(t, name)); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
}

// A style sheet that holds the looks of components which no page uses is 150 KB.
func TestStyleSheetStaysSmall(t *testing.T) {
	if n := len(content(t, "app.css")); n > 80<<10 {
		t.Errorf("app.css has %d bytes", n)
	}
}

func content(t *testing.T, name string) string {
	t.Helper()
	data, _, ok := Open(URL(name))
	if !ok {
		t.Fatalf("no %s", name)
	}
	return string(data)
}
