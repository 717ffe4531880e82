package proxy

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/policy"
)

// realPage is what a real webserver sent, with its policy.
func realPage(t *testing.T) (page, csp string) {
	t.Helper()
	raw, err := os.ReadFile("../dagster/testdata/pages/1.13.27.html")
	if err != nil {
		t.Fatal(err)
	}
	nonce := regexp.MustCompile(`nonce="(\w+)"`).FindStringSubmatch(string(raw))[1]
	return string(raw), "script-src 'nonce-" + nonce + "' 'strict-dynamic'"
}

// sends makes a webserver that answers everything with a page.
func sends(t *testing.T, page string, header ...string) *house {
	t.Helper()
	h := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("X-Asked", r.Header.Get("Accept-Encoding"))
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		if status, err := strconv.Atoi(w.Header().Get("X-Status")); err == nil {
			w.WriteHeader(status)
		}
		_, _ = io.WriteString(w, page)
	})
	h.MenuScript = "/auth/assets/menu-00.js"
	return h
}

var scriptOfOurs = regexp.MustCompile(`<script nonce="\w+" src="/auth/assets/menu-00\.js" defer></script>`)

func TestMenu(t *testing.T) {
	page, csp := realPage(t)
	h := sends(t, page, "Content-Security-Policy", csp, "Etag", `"1"`)
	got := h.do("viewer", "GET", "/runs/1?x=y", "", "Accept-Encoding: gzip, br")
	mark := h.person("viewer").Mark(false) + "-"
	without := strings.Replace(scriptOfOurs.ReplaceAllString(got.body, ""), mark, "", 1)
	same(t, "page", []any{scriptOfOurs.FindAllString(got.body, -1) != nil, without}, []any{true, page})
	same(t, "headers", []string{
		got.Header.Get("Content-Length"), got.Header.Get("Etag"), got.Header.Get("X-Asked"), got.Header.Get("Content-Security-Policy"),
	}, []string{strconv.Itoa(len(got.body)), "", "identity", csp + ", frame-ancestors 'self'"})
	for _, secret := range []string{"viewer@corp", "id-viewer", "data-eng", "session-"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
}

// What is no page of the app, or not surely one, passes as it came.
func TestMenuElsewhere(t *testing.T) {
	page, csp := realPage(t)
	for _, row := range []struct {
		name, method, path string
		header             []string
		page               string
	}{
		{"HEAD", "HEAD", "/", nil, ""},
		{"not found", "GET", "/", []string{"X-Status", "404"}, page},
		{"broken", "GET", "/", []string{"X-Status", "500"}, page},
		{"part", "GET", "/", []string{"X-Status", "206"}, page},
		{"packed", "GET", "/", []string{"Content-Encoding", "br"}, page},
		{"no policy", "GET", "/", []string{"Content-Security-Policy", ""}, page},
		{"no HTML", "GET", "/", []string{"Content-Type", "text/plain"}, page},
		{"a notebook", "GET", "/notebook?path=a.ipynb", nil, page},
		{"a log", "GET", "/logs/a/b/c.out", nil, page},
		{"GraphiQL", "GET", "/graphql", nil, page},
		{"a file of the app", "GET", "/index.html", nil, page},
		{"too large", "GET", "/", nil, page + strings.Repeat("x", dagster.MaxPage)},
		{"something else", "GET", "/", nil, "<html>" + strings.Repeat("x", 100) + "</html>"},
	} {
		h := sends(t, row.page, append([]string{"Content-Security-Policy", csp, "Etag", `"1"`}, row.header...)...)
		got := h.do("admin", row.method, row.path, "", "Accept: text/html")
		same(t, row.name, []string{got.body, got.Header.Get("Etag")}, []string{row.page, `"1"`})
	}
}

// A page that breaks off breaks off for the client too.
func TestMenuInHalfAPage(t *testing.T) {
	page, csp := realPage(t)
	h := sends(t, page, "Content-Security-Policy", csp, "Content-Length", strconv.Itoa(len(page)+1))
	res := h.open("viewer", "/")
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	same(t, "half", []any{string(body), err != nil}, []any{page, true})
}

// Without the menu a page goes on as it came but for the mark, which keeps apart
// what a browser keeps of several people.
func TestPageWithoutMenu(t *testing.T) {
	page, csp := realPage(t)
	h := sends(t, page, "Content-Security-Policy", csp)
	h.Menu = func() bool { return false }
	got, mark := h.do("viewer", "GET", "/runs", "").body, h.person("viewer").Mark(false)+"-"
	same(t, "page", []any{strings.Replace(got, mark, "", 1), strings.Count(got, mark)}, []any{page, 1})
}

// What the app keeps in a browser it keeps under another name for another
// person, for another role, and for monitor mode, which shows all buttons.
func TestMarks(t *testing.T) {
	page, csp := realPage(t)
	seen := map[string]string{}
	for _, row := range []struct {
		who     string
		role    policy.Role
		monitor bool
	}{{"ann", "viewer", false}, {"ann", "editor", false}, {"ann", "editor", true}, {"bob", "viewer", false}} {
		h := sends(t, page, "Content-Security-Policy", csp)
		monitored(&h.Config, row.monitor)
		h.promote(row.who, row.role)
		first, again := h.do(row.who, "GET", "/", ""), h.do(row.who, "GET", "/runs", "")
		same(t, "the same twice", again.body, first.body)
		if other, ok := seen[first.body]; ok {
			t.Errorf("%v: the page of %s", row, other)
		}
		seen[first.body] = row.who
	}
}

// A log that one person read is not in the browser for the next one: without a
// word of ours a browser keeps what has a Last-Modified for as long as it likes
// (RFC 9111 §4.2.2).
func TestContentIsNotKept(t *testing.T) {
	for _, path := range []string{"/logs/a/b.out", "/notebook?path=a.ipynb", "/download_debug/1"} {
		for _, theirs := range []string{"", "public, max-age=60"} {
			h := sends(t, "text", "Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT", "Cache-Control", theirs)
			got := h.do("admin", "GET", path, "")
			same(t, path, []any{got.StatusCode, got.Header.Get("Cache-Control")}, []any{200, "no-store"})
		}
	}
}
