package providers_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/providers"
)

func TestParseCallback(t *testing.T) {
	for query, want := range map[string]providers.Callback{
		"code=c&state=s": {Code: "c", State: "s"},
		"code=c&state=s&iss=https%3A%2F%2Fidp.example":    {Code: "c", State: "s", Issuer: "https://idp.example"},
		"code=c&state=s&scope=openid&session_state=x&hd=": {Code: "c", State: "s"},
		"code=4%2F0Ab-_.~%20&state=s":                     {Code: "4/0Ab-_.~ ", State: "s"},
		"error=access_denied&state=s":                     {Error: "access_denied", State: "s"},
		"error=access_denied&state=s&error_description=a": {Error: "access_denied", State: "s"},
		"code=" + strings.Repeat("c", 4096) + "&state=s":  {Code: strings.Repeat("c", 4096), State: "s"},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := providers.ParseCallback(q); got != want || err != nil {
			t.Errorf("%.80s: got %+v, %v", query, got, err)
		}
	}
}

func TestParseCallbackRefuses(t *testing.T) {
	for name, query := range map[string]string{
		"nothing":            "",
		"no state":           "code=c",
		"an empty state":     "code=c&state=",
		"no code":            "state=s",
		"an empty code":      "code=&state=s",
		"code and error":     "code=c&error=access_denied&state=s",
		"two codes":          "code=c&code=d&state=s",
		"two equal codes":    "code=c&code=c&state=s",
		"two states":         "code=c&state=s&state=",
		"two issuers":        "code=c&state=s&iss=a&iss=b",
		"two errors":         "error=a&error=b&state=s",
		"an overlong code":   "code=" + strings.Repeat("c", 4097) + "&state=s",
		"a newline":          "error=denied%0Aforged+log+line&state=s",
		"a NUL":              "code=%00&state=s",
		"a state of letters": "code=c&state=%C3%A9",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var known *providers.Error
		if got, err := providers.ParseCallback(q); !errors.As(err, &known) || known.Reason != "callback_malformed" || got != (providers.Callback{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	f.Add("code=c&state=s&iss=i")
	f.Add("error=access_denied&state=s")
	f.Add("code=c&code=d&state=s;iss=x")
	f.Add("code=%ff&state=%0d%0a")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Skip("no query")
		}
		cb, err := providers.ParseCallback(q)
		if err != nil {
			return
		}
		if cb.State == "" || (cb.Code == "") == (cb.Error == "") {
			t.Errorf("%q was accepted as %+v", query, cb)
		}
		for name, value := range map[string]string{"code": cb.Code, "state": cb.State, "iss": cb.Issuer, "error": cb.Error} {
			if q.Get(name) != value || len(q[name]) > 1 || strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("%s is %q of %q", name, value, q[name])
			}
		}
	})
}
