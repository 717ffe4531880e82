package proxy

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/models"
)

// forged are headers that a client might send to be somebody else, in spellings
// that some server would take for the same.
func forged() []string {
	var names []string
	for _, name := range []string{
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Access-Token", "X-Forwarded",
		"Forwarded", "X-Real-IP", "X-Auth-Request-User", "X-Auth-Request-Email", "Remote-User", "Remote-Groups",
		"X-Pomerium-Jwt-Assertion", "X-Pomerium-Claim-Email", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Accesstoken",
		"X-Dagpass-Role", "X-Dagpass-Assertion", "X-Dagpass-Anything", "X-Request-Id",
		"X-Goog-IAP-JWT-Assertion", "X-Goog-Authenticated-User-Email", "Cf-Access-Jwt-Assertion", "X-Corp-Assertion",
	} {
		names = append(names, name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"),
			strings.ReplaceAll(name, "-", "."), strings.Replace(strings.ToLower(name), "-", "_", 1))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestForgedHeadersNeverArrive(t *testing.T) {
	h := newHouse(t, "", func(c *Config) { c.Vouching = []string{"X-Corp-Assertion"} })
	for _, name := range forged() {
		lines := "Host: x\nCookie: dagpass=viewer\n" + name + ": forged\n"
		for kind, request := range map[string]string{
			"page":   "GET / HTTP/1.1\n" + lines + "\n",
			"socket": "GET /graphql HTTP/1.1\n" + lines + handshake(h),
			"query":  "POST /graphql HTTP/1.1\n" + lines + "Origin: " + h.Site.Origin() + "\nContent-Type: application/json\nContent-Length: 21\n\n{\"query\":\"{version}\"}",
		} {
			h.raw(request)
			for arrived, values := range h.dagster.Last().Header {
				if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "forged") }) {
					t.Errorf("%s of a %s arrived as %s: %q", name, kind, arrived, values)
				}
			}
		}
	}
}

// handshake is the rest of a WebSocket request (RFC 6455 §1.2).
func handshake(h *house) string {
	return "Origin: " + h.Site.Origin() + "\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Protocol: graphql-ws\n\n"
}

func TestDagsterHearsWhoAsks(t *testing.T) {
	h := newHouse(t, "", func(c *Config) { c.ALBHeaders = true })
	want := map[string]string{
		"X-Forwarded-User": "id-editor", "X-Forwarded-Email": "editor@corp.example",
		"X-Forwarded-Preferred-Username": "editor", "X-Forwarded-Groups": "data-eng,a%2Cb",
		"X-Dagpass-Role": "editor", "X-Dagpass-Assertion": "assertion-of-id-editor",
		"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": h.Site.URL.Host, "X-Forwarded-Proto": "http",
		"X-Request-Id": "request-1", "X-Amzn-Oidc-Identity": "id-editor", "Cookie": "other=1",
	}
	cookies := "Cookie: dagpass=editor; other=1\n"
	for kind, request := range map[string]string{
		"page": "GET / HTTP/1.1\nHost: x\n" + cookies + "\n",
		// A client cannot have our headers taken for its connection's own.
		"erasing": "GET / HTTP/1.1\nHost: x\n" + cookies + "Connection: X-Forwarded-User, X-Dagpass-Role, X-Dagpass-Assertion, close\n\n",
		"socket":  "GET /graphql HTTP/1.1\nHost: x\n" + cookies + handshake(h),
	} {
		h.raw(request)
		seen := h.dagster.Last()
		for name, value := range want {
			same(t, kind+" "+name, seen.Header.Values(name), []string{value})
		}
		same(t, kind+" Host", seen.Host, strings.TrimPrefix(h.dagster.URL, "http://"))
	}
}

func TestOurSecretsNeverArrive(t *testing.T) {
	h := newHouse(t, "", nil)
	for _, line := range []string{
		"Authorization: Bearer dagpass_key_1_secret", "Authorization: bearer  dagpass_key_1_secret",
		"Cookie: __Host-dagpass=secret", "Cookie: a=1;dagpass=secret;b=2", "Cookie: __Host-dagpass-attempt-1=secret",
		"Cookie: dagpass_attempt=secret; c=3", "Cookie:  dagpass=secret", "cookie: __host-DagPass=secret", "Cookie: \"dagpass\"=secret",
	} {
		for _, rest := range []string{"\n", handshake(h)} {
			path := map[bool]string{true: "/", false: "/graphql"}[rest == "\n"]
			h.raw("GET " + path + " HTTP/1.1\nHost: x\nCookie: dagpass=viewer\n" + line + "\n" + rest)
			if got, _ := json.Marshal(h.dagster.Last().Header); strings.Contains(string(got), "secret") {
				t.Errorf("%s arrived: %s", line, got)
			}
		}
	}
}

func TestOtherHeadersArrive(t *testing.T) {
	h := newHouse(t, "", nil)
	h.do("viewer", "GET", "/", "", "Authorization: Basic b3RoZXI=", "Idempotency-Key: k", "X-Dagster-Anything: d",
		"Accept-Language: de", "Traceparent: 00-1", "X-Forwardedness: gone", "Remoteness: kept")
	seen := h.dagster.Last().Header
	for name, want := range map[string]string{
		"Authorization": "Basic b3RoZXI=", "Idempotency-Key": "k", "X-Dagster-Anything": "d", "Accept-Language": "de",
		"Traceparent": "00-1", "Remoteness": "kept",
	} {
		same(t, name, seen.Get(name), want)
	}
}

func TestEncode(t *testing.T) {
	for value, want := range map[string]string{
		"plain": "plain", "Ada Lovelace": "Ada Lovelace", "ada@corp.example": "ada@corp.example",
		"staff,admin": "staff%2Cadmin", "a\r\nX-Dagpass-Role: admin": "a%0D%0AX-Dagpass-Role: admin",
		"Jürgen": "J%C3%BCrgen", "100%": "100%25", "staff%2Cadmin": "staff%252Cadmin", " admin ": "%20admin%20", "\x7f": "%7F", "": "",
	} {
		same(t, value, encode(value), want)
	}
}

func FuzzEncode(f *testing.F) {
	for _, value := range []string{"a,b", " a", "%2C", "ü\n", "a+b"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		e := encode(value)
		if back, err := url.PathUnescape(e); err != nil || back != value {
			t.Errorf("%q became %q, which is %q: %v", value, e, back, err)
		}
		if strings.ContainsAny(e, ",\r\n\x00") || e != strings.TrimSpace(e) {
			t.Errorf("%q became %q", value, e)
		}
	})
}

func TestGroupsAreCutAtAWholeOne(t *testing.T) {
	all := slices.Repeat([]string{strings.Repeat("g", 99)}, 100)
	got := groups(all)
	if len(got) > maxGroups || len(got) < maxGroups-100 {
		t.Errorf("%d bytes", len(got))
	}
	for _, name := range strings.Split(got, ",") {
		same(t, "group", name, all[0])
	}
}

func TestALBData(t *testing.T) {
	p := &models.Principal{User: models.User{ID: "1", Email: "jürgen?>@corp.example", Name: "J"}}
	parts := strings.Split(albData(p), ".")
	same(t, "parts", len(parts), 3)
	payload, err := base64.StdEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Email string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	same(t, "email", claims.Email, p.User.Email)
}

// FuzzStripCookies holds what is left against another reader of cookies than
// our own.
func FuzzStripCookies(f *testing.F) {
	for _, line := range []string{"dagpass=1", "a=1; __Host-dagpass=2;b", "dagpass", "; ;=;", "\"dagpass\"=1", "a=dagpass", "CF_Authorization=x; b=1"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := http.Request{Header: http.Header{"Cookie": {stripCookies(line)}}}
		for _, c := range r.Cookies() {
			if isOurCookie(c.Name) {
				t.Errorf("%q leaves %q", line, c)
			}
		}
	})
}
