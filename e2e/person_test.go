package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/dagpass/dagpass/e2e/parts"
)

// person is somebody with a browser that has no screen: cookies, redirects,
// forms. It is for journeys that are not about pages.
type person struct {
	http http.Client
	base string // the public URL
	dial string // where connections to it really go: the replica in use
}

func newPerson(base string) *person {
	jar, _ := cookiejar.New(nil)
	p := &person{base: base}
	public := strings.TrimPrefix(base, "http://")
	public, _, _ = strings.Cut(public, "/")
	p.dial = strings.Replace(public, "localhost", "127.0.0.1", 1)
	var dialer net.Dialer
	p.http = http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true, // the next request may be for another replica
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == public {
				address = p.dial
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}
	return p
}

// signedIn is a person who went through a provider's own forms.
func signedIn(t *testing.T, s *server, slot, name string) *person {
	t.Helper()
	p := newPerson(s.URL)
	answer, err := p.signIn(slot, name)
	if err != nil {
		t.Fatalf("sign in as %s: %v", name, err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("sign in as %s: %s at %s", name, answer.Status, answer.Request.URL)
	}
	return p
}

// signIn starts at our page and fills in the provider's forms until it is sent
// back. It returns our answer to that, without its body.
func (p *person) signIn(slot, name string) (*http.Response, error) {
	return p.atProvider(p.base+"/auth/start/"+slot+"?next="+url.QueryEscape("/auth/me"), name)
}

// atProvider goes to an address that leads to a provider, and does what signIn
// does there.
func (p *person) atProvider(address, name string) (*http.Response, error) {
	answer, err := p.http.Get(address)
	for range 4 {
		var form *http.Request
		if err == nil {
			form, err = fill(answer, name)
		}
		if err != nil {
			return nil, err
		}
		if form == nil {
			return answer, answer.Body.Close()
		}
		answer, err = p.http.Do(form)
	}
	return nil, fmt.Errorf("the form comes back again and again: %s", words(answer))
}

// words are what an answer's page says.
func words(answer *http.Response) string {
	defer answer.Body.Close()
	page, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		return err.Error()
	}
	page.Find("script, style").Remove()
	return strings.Join(strings.Fields(page.Text()), " ")
}

// fill makes the request that submitting a provider's form sends; nil when the
// answer is ours again.
func fill(answer *http.Response, name string) (*http.Request, error) {
	if answer.Request.URL.Hostname() == "localhost" {
		return nil, nil // back from the provider
	}
	defer answer.Body.Close()
	page, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		return nil, err
	}
	form := page.Find("form[method=post]").First()
	action, ok := form.Attr("action")
	if !ok {
		return nil, fmt.Errorf("no form at %s: %s", answer.Request.URL, answer.Status)
	}
	values := url.Values{}
	form.Find("input[name]").Each(func(_ int, input *goquery.Selection) {
		values.Set(input.AttrOr("name", ""), input.AttrOr("value", ""))
	})
	for _, field := range []string{"login", "username"} {
		if values.Has(field) {
			values.Set(field, name)
		}
	}
	if values.Has("password") { // Keycloak asks for it alone where it knows the name
		values.Set("password", parts.Password)
	}
	to, err := answer.Request.URL.Parse(action)
	if err != nil {
		return nil, err
	}
	return post(to.String(), "application/x-www-form-urlencoded", values.Encode())
}

func post(url, contentType, body string) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", contentType)
	}
	return req, err
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// do sends a request as the browser's own page would: with its origin.
func (p *person) do(t *testing.T, req *http.Request) answer {
	t.Helper()
	if req.Header.Get("Origin") == "" {
		req.Header.Set("Origin", p.origin())
	}
	res, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(body)}
}

func (p *person) origin() string {
	u, _ := url.Parse(p.base)
	return u.Scheme + "://" + u.Host
}

func (p *person) get(t *testing.T, path string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.do(t, req)
}

// graphql sends an operation as Dagster's UI does.
func (p *person) graphql(t *testing.T, query string) answer {
	t.Helper()
	return p.operate(t, operation{Query: query})
}

// operation is the body of a GraphQL request.
type operation struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables,omitempty"`
}

func (p *person) operate(t *testing.T, o operation) answer {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	req, err := post(p.base+"/graphql?op=Test", "application/json", string(body))
	if err != nil {
		t.Fatal(err)
	}
	return p.do(t, req)
}

// me is what /auth/me says.
type me struct {
	User struct {
		ID, Email, Name, Provider string
		Groups                    []string
	}
	Role string
}

// me returns who the person is, and false when nobody.
func (p *person) me(t *testing.T) (me, bool) {
	t.Helper()
	var who me
	a := p.get(t, "/auth/me")
	if a.StatusCode != http.StatusOK {
		return who, false
	}
	a.into(t, &who)
	return who, true
}

func (a answer) into(t *testing.T, target any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), target); err != nil {
		t.Fatalf("%s: %v\n%.500s", a.Request.URL, err, a.body)
	}
}

// launch launches the job "counting" and returns the run's id, empty where
// that was refused.
func (p *person) launch(t *testing.T) string {
	t.Helper()
	var launched struct {
		Data struct {
			LaunchRun struct{ Run struct{ RunID string } }
		}
	}
	p.operate(t, launchCounting(1, 0)).into(t, &launched)
	return launched.Data.LaunchRun.Run.RunID
}

// launchCounting launches the sample's job "counting", which logs some lines
// with a pause of seconds after each.
func launchCounting(lines int, pause float64) operation {
	return operation{
		Query: `mutation Launch($params: ExecutionParams!) {
			launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
		}`,
		Variables: map[string]any{"params": map[string]any{
			"selector":      map[string]any{"repositoryLocationName": "sales", "repositoryName": "__repository__", "jobName": "counting"},
			"runConfigData": map[string]any{"ops": map[string]any{"count": map[string]any{"config": map[string]any{"lines": lines, "pause": pause}}}},
		}},
	}
}

// soon is what is promised within five seconds, and one more.
const soon = 6 * time.Second

// eventually asks until yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	until(ctx, t, what, yes)
}

// until asks until yes. A yes that comes when ctx is over comes too late.
func until(ctx context.Context, t *testing.T, what string, yes func() bool) {
	t.Helper()
	for answer := false; !answer; {
		answer = yes()
		if ctx.Err() != nil {
			t.Fatalf("not within %s: %s", soon, what)
		}
		if !answer {
			<-time.After(50 * time.Millisecond)
		}
	}
}
