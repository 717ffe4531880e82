package providers_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/dagpass/dagpass/providers"
	pt "github.com/dagpass/dagpass/providers/providertest"
)

// anew is a sign-in that must be a new one.
func anew(o outside, p providers.Provider, since time.Time) (authURL string, err error) {
	a := newAttempt()
	a.FreshSince = since
	if authURL, err = p.Begin(context.Background(), a); err != nil {
		return "", err
	}
	cb, err := providers.ParseCallback(o.Login(authURL, pt.Ada))
	if err != nil {
		return authURL, err
	}
	_, err = p.Finish(context.Background(), a, cb)
	return authURL, err
}

func TestSignInAnew(t *testing.T) {
	now := time.Now()
	at := func(t time.Time) pt.Fault { return pt.Fault{Claims: pt.Set("auth_time", t.Unix())} }
	silent := pt.Drop("auth_time", "name") // without a name, userinfo is asked
	for name, row := range map[string]struct {
		fault pt.Fault
		want  string
	}{
		"honest":              {pt.Fault{}, ""},
		"a clock behind":      {at(now.Add(-50 * time.Second)), ""},
		"a clock ahead":       {at(now.Add(time.Minute)), ""},
		"no auth_time":        {pt.Fault{Claims: silent}, "auth_time"},
		"userinfo's word":     {pt.Fault{Claims: silent, Userinfo: pt.Set("auth_time", now.Unix())}, "auth_time"},
		"an old one":          {at(now.Add(-2 * time.Minute)), "auth_time"},
		"one of the future":   {at(now.Add(time.Hour)), "auth_time"},
		"one that is a word":  {pt.Fault{Claims: pt.Set("auth_time", "now")}, "auth_time"},
		"a negative one":      {pt.Fault{Claims: pt.Set("auth_time", -1)}, "auth_time"},
		"another key's token": {pt.Fault{Signature: pt.WrongKey}, "id_token_signature"},
	} {
		t.Run(name, func(t *testing.T) {
			idp := pt.New(t)
			idp.Misbehave(row.fault)
			_, err := anew(idp, newOIDC(t, idp), now)
			if got := judge(t, idp, err); got.reason != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// Whoever is not asked for it need not say when they signed somebody in.
func TestAuthTimeIsNoMust(t *testing.T) {
	idp := pt.New(t)
	idp.Misbehave(pt.Fault{Claims: pt.Drop("auth_time", "amr", "name"), Userinfo: pt.Both(pt.Set("auth_time", time.Now().Unix()), pt.Set("amr", []string{"mfa"}))})
	claim, err := signIn(idp, newOIDC(t, idp), pt.Ada)
	if err != nil || !claim.AuthTime.IsZero() || claim.AMR != nil {
		t.Errorf("%v, auth_time %v, amr %v", err, claim.AuthTime, claim.AMR)
	}
}

// The configuration's own prompt gives way, but only then.
func TestAnewIsAskedFor(t *testing.T) {
	idp := pt.New(t)
	p := newOIDC(t, idp, func(c *providers.OIDCConfig) {
		c.AuthParams = map[string]string{"prompt": "select_account", "max_age": "86400"}
	})
	for since, want := range map[time.Time][2]string{{}: {"select_account", "86400"}, time.Now(): {"login", "0"}} {
		authURL, err := anew(idp, p, since)
		u, _ := url.Parse(authURL)
		if got := [2]string{u.Query().Get("prompt"), u.Query().Get("max_age")}; err != nil || got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// Nobody is sent to a provider that cannot do it.
func TestCannotSignInAnew(t *testing.T) {
	idp, hub := pt.New(t), pt.NewGitHub(t)
	google := newOIDC(t, idp, func(c *providers.OIDCConfig) { c.Type = "google" })
	github, err := providers.NewGitHub(providers.GitHubConfig{ClientID: hub.ClientID, ClientSecret: hub.ClientSecret, URL: hub.URL})
	if err != nil {
		t.Fatal(err)
	}
	if google.SignsInAnew() || !newOIDC(t, idp).SignsInAnew() {
		t.Error("who signs people in anew is mixed up")
	}
	a := newAttempt()
	a.FreshSince = time.Now()
	for _, p := range []providers.Provider{google, github} {
		authURL, err := p.Begin(context.Background(), a)
		if got := judge(t, idp, err); got.reason != "cannot_ask_anew" || authURL != "" {
			t.Errorf("%v: %q, %q", p, got, authURL)
		}
		if _, err := p.Finish(context.Background(), a, providers.Callback{Code: "c", State: a.State}); judge(t, idp, err).reason == "" {
			t.Errorf("%v finishes", p)
		}
	}
}
