package differential

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// tables are the requests and documents that package dagster is tested with.
func tables(t testing.TB) (all []request) {
	var tricks []struct {
		Method, Target string
		Headers        [][2]string
		Body           string
		Body64         []byte
	}
	load(t, "tricks.json", &tricks)
	for _, k := range tricks {
		path, query, _ := strings.Cut(k.Target, "?")
		r := request{Method: k.Method, Query: []byte(query), Body: append([]byte(k.Body), k.Body64...)}
		for _, h := range k.Headers {
			if strings.EqualFold(h[0], "Content-Type") {
				r.ContentType = append(r.ContentType, h[1])
			}
		}
		if path == "/graphql" {
			all = append(all, r)
		}
	}
	var documents []struct{ Query string }
	load(t, "rewrites.json", &documents)
	for _, d := range documents {
		all = append(all, posted(map[string]any{"query": d.Query}))
	}
	return all
}

func load(t testing.TB, name string, target any) {
	t.Helper()
	content, err := os.ReadFile("../../dagster/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, target); err != nil {
		t.Fatal(err)
	}
}

// posted is a request as Dagster's app sends it.
func posted(members map[string]any) request {
	body, _ := json.Marshal(members)
	return request{Method: http.MethodPost, ContentType: []string{"application/json"}, Body: body}
}

// valid tells whether Go's server would hand the header on at all.
func valid(r request) bool {
	for _, value := range r.ContentType {
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }) {
			return false
		}
	}
	if strings.ContainsAny(string(r.Query), " \r\n#") {
		return false
	}
	_, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /graphql?" + string(r.Query) + " HTTP/1.1\r\nHost: d\r\n\r\n")))
	return err == nil
}
