package dagster

import (
	"bytes"
	"encoding/json"
	"html"
	"mime"
	"net/http"
	"regexp"
)

// Menu is what we add to a page of Dagster's app.
type Menu struct {
	// Script is the address of our script, path prefix included; empty is no menu.
	Script string
	// Mark goes in front of the page's instance id, by which the app names what
	// it keeps in the browser (localCacheIdPrefix in ui-core/src/app/AppProvider.tsx):
	// with a mark of their own nobody meets what was kept for another. It is
	// written into JSON and HTML as it is: letters, digits and "-" alone.
	Mark string
}

// MaxPage is how large a page may be that InjectMenu takes, in bytes. The app's
// index.html has less than 4 KiB.
const MaxPage = 64 << 10

// IsAppPage tells by the headers of an answer whether it can be a page that
// InjectMenu takes: HTML as it is, under a policy with one nonce.
func IsAppPage(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == "text/html" && h.Get("Content-Encoding") == "" && nonce(h) != ""
}

// InjectMenu adds our script and the mark to a page of Dagster's app
// (index_html_endpoint in dagster_webserver/webserver.py), and takes nothing
// away. The script stands before the app's own, which are deferred as it is, so
// that it runs first. A page that is not wholly as expected is left alone: not
// ok.
func InjectMenu(h http.Header, page []byte, m Menu) (with []byte, ok bool) {
	if !IsAppPage(h) || len(page) > MaxPage {
		return nil, false
	}
	given := []byte(`<script type="application/json" id="initialization-data" nonce="` + nonce(h) + `">`)
	before, rest, _ := bytes.Cut(page, given)
	data, after, closed := bytes.Cut(rest, []byte("</script>"))
	if !closed || bytes.Contains(rest, given) || !bytes.Contains(after, []byte("</html>")) {
		return nil, false
	}
	marked, ok := mark(data, m.Mark)
	if !ok {
		return nil, false
	}
	var script string
	if m.Script != "" {
		script = `<script nonce="` + nonce(h) + `" src="` + html.EscapeString(m.Script) + `" defer></script>`
	}
	return bytes.Join([][]byte{before, []byte(script), given, marked, []byte("</script>"), after}, nil), true
}

// One nonce, in the spelling of Content Security Policy Level 3 §2.3.1.
var nonces = regexp.MustCompile(`'nonce-([A-Za-z0-9+/_-]+=*)'`)

// nonce gives the one nonce of an answer's policies, else "".
func nonce(h http.Header) string {
	var found [][]string
	for _, policy := range h["Content-Security-Policy"] {
		found = append(found, nonces.FindAllStringSubmatch(policy, -1)...)
	}
	if len(found) != 1 {
		return ""
	}
	return found[0][1]
}

var instanceID = regexp.MustCompile(`"instanceId"\s*:\s*"`)

// mark puts the mark in front of the instance id. Both ends are read as JSON:
// what the app will read must be the mark and what it would have read.
func mark(data []byte, m string) ([]byte, bool) {
	at := instanceID.FindIndex(data)
	if at == nil {
		return nil, false
	}
	marked := bytes.Join([][]byte{data[:at[1]], []byte(m + "-"), data[at[1]:]}, nil)
	var was, is struct {
		InstanceID string `json:"instanceId"`
	}
	ok := json.Unmarshal(data, &was) == nil && json.Unmarshal(marked, &is) == nil && is.InstanceID == m+"-"+was.InstanceID
	return marked, ok
}
