package dagster_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

var testMenu = dagster.Menu{Script: "/data/auth/assets/menu-00.js", Mark: "0123456789abcdef-fedcba9876543210"}

// appPage is a page of the app, in small.
const appPage = `<!DOCTYPE html><html><head><script nonce="N">1</script>` +
	`<script type="application/json" id="initialization-data" nonce="N">{"pathPrefix": "/data", "instanceId": "ab"}</script>` +
	`<script src="/app.js" nonce="N" defer=""></script></head><body><div id="root"></div></body></html>`

func pageHeader(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func policyWith(nonce string) string {
	return "Content-Security-Policy: base-uri 'none'; script-src 'nonce-" + nonce + "' 'unsafe-inline' https: 'strict-dynamic'"
}

const htmlType = "Content-Type: text/html; charset=utf-8"

// The pages are what real webservers sent.
func TestMenuInRealPages(t *testing.T) {
	files, _ := filepath.Glob("testdata/pages/*.html")
	if len(files) < 2 {
		t.Fatalf("pages of %d versions", len(files))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page := string(raw)
		nonce := regexp.MustCompile(`nonce="(\w+)"`).FindStringSubmatch(page)[1]
		with, ok := dagster.InjectMenu(pageHeader(htmlType, policyWith(nonce)), raw, testMenu)
		script := `<script nonce="` + nonce + `" src="/data/auth/assets/menu-00.js" defer></script>`
		want := strings.Replace(page, `<script type="application/json" id`, script+`<script type="application/json" id`, 1)
		want = strings.Replace(want, `"instanceId": "`, `"instanceId": "`+testMenu.Mark+"-", 1)
		if !ok || string(with) != want {
			t.Errorf("%s: ok %v\n%s", file, ok, with)
		}
		if strings.Index(want, script) > strings.Index(want, "src=\"/_next") {
			t.Errorf("%s: the app's scripts come first", file)
		}
	}
}

func TestMenuInWhatIsNoPage(t *testing.T) {
	change := func(old, with string) string { return strings.Replace(appPage, old, with, 1) }
	good := []string{htmlType, policyWith("N")}
	for _, row := range []struct {
		name    string
		headers []string
		page    string
		want    bool
	}{
		{"the app's page", good, appPage, true},
		{"a nonce of every letter", []string{htmlType, policyWith("aZ09+/-_=")}, strings.ReplaceAll(appPage, `"N"`, `"aZ09+/-_="`), true},
		{"a policy of ours besides", []string{htmlType, policyWith("N") + ", frame-ancestors 'self'"}, appPage, true},
		{"a policy of ours in a line of its own", append(good, "Content-Security-Policy: frame-ancestors 'self'"), appPage, true},
		{"no instance", good, change(`"ab"`, `""`), true},
		{"the end of head in a comment", good, change("<head>", "<head><!-- </head> -->"), true},
		{"the end of head in a script", good, change(">1<", `>"</head>"<`), true},

		{"no policy", good[:1], appPage, false},
		{"no nonce", []string{htmlType, "Content-Security-Policy: script-src 'self'"}, appPage, false},
		{"two nonces", []string{htmlType, policyWith("N") + " 'nonce-M'"}, appPage, false},
		{"the nonce twice", []string{htmlType, policyWith("N") + "; style-src 'nonce-N'"}, appPage, false},
		{"two nonces in two policies", append(good, policyWith("M")), appPage, false},
		{"an empty nonce", []string{htmlType, policyWith("")}, strings.ReplaceAll(appPage, `"N"`, `""`), false},
		{"a nonce with a quote", []string{htmlType, policyWith(`N">`)}, strings.ReplaceAll(appPage, `"N"`, `"N">"`), false},
		{"another nonce in the page", []string{htmlType, policyWith("M")}, appPage, false},
		{"packed", append(good, "Content-Encoding: gzip"), appPage, false},
		{"JSON", []string{"Content-Type: application/json", policyWith("N")}, appPage, false},
		{"XHTML", []string{"Content-Type: application/xhtml+xml", policyWith("N")}, appPage, false},
		{"no type", good[1:], appPage, false},
		{"empty", good, "", false},
		{"another page", good, "<!DOCTYPE html><html><head></head><body></body></html>", false},
		{"the place twice", good, change("<body>", `<body><script type="application/json" id="initialization-data" nonce="N">`), false},
		{"the place in other words", good, change(`type="application/json" id`, `id`), false},
		{"broken off before the place", good, appPage[:80], false},
		{"broken off within the data", good, appPage[:strings.Index(appPage, `"ab"`)], false},
		{"broken off within the body", good, appPage[:strings.Index(appPage, "</html>")], false},
		{"no id", good, change("instanceId", "instance"), false},
		{"the id twice", good, change(`"pathPrefix": "/data"`, `"instanceId": "x"`), false},
		{"the id in another object", good, change(`"instanceId": "ab"`, `"x": {"instanceId": "ab"}`), false},
		{"the id is no text", good, change(`"ab"`, `7`), false},
		{"the data is no JSON", good, change(`"/data"`, `/data`), false},
		{"the data ends in a text", good, change(`"/data"`, `"</script>"`), false},
		{"too large", good, change("<body>", "<body>"+strings.Repeat(" ", dagster.MaxPage)), false},
	} {
		with, ok := dagster.InjectMenu(pageHeader(row.headers...), []byte(row.page), testMenu)
		if ok != row.want || ok != (with != nil) {
			t.Errorf("%s: %v, want %v: %s", row.name, ok, row.want, with)
		}
	}
}

func TestMenuAddressIsEscaped(t *testing.T) {
	menu := dagster.Menu{Script: `/a"><script>alert(1)</script>`, Mark: "m"}
	with, ok := dagster.InjectMenu(pageHeader(htmlType, policyWith("N")), []byte(appPage), menu)
	if !ok || strings.Contains(string(with), "<script>alert") {
		t.Errorf("%v %s", ok, with)
	}
}

// Whatever comes, two insertions are all that happens to it.
func FuzzMenu(f *testing.F) {
	f.Add(appPage, "N", "")
	f.Add(strings.Replace(appPage, "ab", `\"instanceId\": \"`, 1), "N", "frame-ancestors 'self'")
	f.Add(appPage[:200], "N", "script-src 'nonce-M'")
	f.Add(strings.ReplaceAll(appPage, `"N"`, `"$1"`), "$1", "")
	f.Fuzz(func(t *testing.T, page, nonce, other string) {
		h := pageHeader(htmlType, policyWith(nonce), "Content-Security-Policy: "+other)
		with, ok := dagster.InjectMenu(h, []byte(page), testMenu)
		if !ok {
			return
		}
		script := `<script nonce="` + nonce + `" src="/data/auth/assets/menu-00.js" defer></script>`
		without := strings.Replace(string(with), script, "", 1)
		if without = strings.Replace(without, testMenu.Mark+"-", "", 1); without != page {
			t.Errorf("from\n%s\nto\n%s", page, with)
		}
	})
}
