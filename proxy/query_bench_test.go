package proxy

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

// BenchmarkQuery tells what it costs to read a query that was seen before: the
// way to Dagster with everything in place, next to the same way on which the
// body is passed on as it came.
func BenchmarkQuery(b *testing.B) {
	for name, body := range map[string][]byte{"small": post(b, "query Q($limit: Int!) { runsOrError(limit: $limit) { __typename } }"), "6KB": post(b, largeQuery(b))} {
		for _, way := range []string{"read", "unread"} {
			b.Run(name+"/"+way, func(b *testing.B) { benchmarkQuery(b, way == "read", body) })
		}
	}
}

func post(b *testing.B, query string) []byte {
	body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"limit": 25}})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// largeQuery is the largest of Dagster's own app.
func largeQuery(b *testing.B) string {
	raw, err := os.ReadFile("../dagster/testdata/rewrites.json")
	if err != nil {
		b.Fatal(err)
	}
	var rows []struct{ Name, Query string }
	if err := json.Unmarshal(raw, &rows); err != nil {
		b.Fatal(err)
	}
	for _, row := range rows {
		if row.Name == "app: PipelineExplorerRootQuery" {
			return row.Query
		}
	}
	b.Fatal("no such query")
	return ""
}

func benchmarkQuery(b *testing.B, read bool, body []byte) {
	answer := []byte(`{"data":{"text":"` + strings.Repeat("x", 1000) + `"}}`)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	}))
	defer upstream.Close()
	h := newHouseAt(b, "", upstream.URL, nil)
	asRead, err := dagster.NewReader(nil).ReadHTTP(http.MethodPost, []string{"application/json"}, "", body)
	if err != nil {
		b.Fatal(err)
	}
	if !read {
		p := h.Proxy
		unread := func(v *visit) *refusal {
			v.call, v.out = asRead, &dagster.Outgoing{Body: body}
			return nil
		}
		p.checks = []func(*visit) *refusal{p.place, p.recognise, p.fits, p.sameOrigin, unread, p.introduce}
	}
	who := person("viewer", "viewer")
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPost, "/graphql?op=Q", strings.NewReader(string(body)))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", h.Site.URL.String())
			w := &discard{h: http.Header{}}
			h.Proxy.ServeHTTP(w, as(r, who))
			if w.status != http.StatusOK {
				b.Error(w.status)
				return
			}
		}
	})
}

type discard struct {
	h      http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
