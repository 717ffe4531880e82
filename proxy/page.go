package proxy

import (
	"bytes"
	"io"
	"net/http"

	"github.com/dagpass/dagpass/dagster"
)

// addMenu puts our menu into a page of Dagster's app. Whatever is not exactly
// such a page goes on as it came, byte for byte.
func (t *trip) addMenu(res *http.Response) {
	if t.v.r.Method != http.MethodGet || res.StatusCode != http.StatusOK || !dagster.IsAppPage(res.Header) {
		return
	}
	page, err := readAnswer(res, dagster.MaxPage)
	menu := dagster.Menu{Mark: t.v.intro.who.Mark(t.Untrimmed())}
	if t.Menu() {
		menu.Script = t.MenuScript
	}
	with, ok := dagster.InjectMenu(res.Header, page, menu)
	if err != nil || !ok {
		t.Log.WarnContext(t.v.r.Context(), "a page of Dagster's app is not as expected and goes without our menu", "error", err)
		res.Body = rejoined{io.MultiReader(bytes.NewReader(page), res.Body), res.Body}
		return
	}
	_ = res.Body.Close()
	replaceBody(res, with)
}
