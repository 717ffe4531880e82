package providers_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/providers/slapdtest"
)

// said writes what was heard: where each part is from, and all of it as JSON.
func said(t *testing.T, h *providers.Heard) (from, text string) {
	t.Helper()
	body, err := json.Marshal(h.Parts)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, p := range h.Parts {
		parts = append(parts, p.From)
	}
	return strings.Join(parts, " "), string(body)
}

// listened is a sign-in at a provider that somebody listens to.
func listened(t *testing.T, o outside, p providers.Provider, person string) (h *providers.Heard, err error) {
	t.Helper()
	a := newAttempt()
	ctx, h := providers.Listen(context.Background())
	authURL, err := p.Begin(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	cb, err := providers.ParseCallback(o.Login(authURL, person))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Finish(ctx, a, cb)
	return h, err
}

// Whoever listens hears what was verified, also where it is refused then, and
// nothing that was not.
func TestHeardAtOIDC(t *testing.T) {
	for name, row := range map[string]struct {
		fault       providertest.Fault
		from, holds string
	}{
		"honest":       {providertest.Fault{}, "id_token", `"email_verified":true`},
		"in two parts": {providertest.Fault{Claims: providertest.Drop("name")}, "id_token userinfo", `"name":"Ada Admin"`},
		"unverified":   {providertest.Fault{Claims: providertest.Set("email_verified", false)}, "id_token", `"email_verified":false`},
		"another's":    {providertest.Fault{Claims: providertest.Drop("name"), Userinfo: providertest.Set("sub", "x")}, "id_token", `"iss"`},
		"no signature": {providertest.Fault{Signature: providertest.AlgNone}, "", ""},
		"nonce":        {providertest.Fault{Claims: providertest.Set("nonce", "x")}, "", ""},
		"issuer":       {providertest.Fault{Claims: providertest.Set("iss", "https://evil.example")}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			idp := providertest.New(t, newAttempt().RedirectURI)
			idp.Misbehave(row.fault)
			h, err := listened(t, idp, newOIDC(t, idp), providertest.Ada)
			from, text := said(t, h)
			if from != row.from || !strings.Contains(text, row.holds) {
				t.Errorf("%v: heard %q: %s", err, from, text)
			}
			for _, secret := range idp.Secrets() {
				if strings.Contains(text, secret) {
					t.Errorf("a secret was heard: %s", text)
				}
			}
		})
	}
}

func TestHeardAtGitHub(t *testing.T) {
	server := providertest.NewGitHub(t, octavia())
	h, err := listened(t, server, newGitHub(t, server), "octavia")
	from, text := said(t, h)
	if err != nil || from != "user emails orgs teams" || !strings.Contains(text, `"typo@example.con"`) || !strings.Contains(text, `"acme-labs"`) {
		t.Errorf("%v: heard %q: %s", err, from, text)
	}
	for _, secret := range server.Secrets() {
		if strings.Contains(text, secret) {
			t.Errorf("a secret was heard: %s", text)
		}
	}
}

// A directory is heard once the password was right, and never the password.
func TestHeardInADirectory(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	s.LDIF(t, group(inGroups("cn=data-eng"), aliceDN))
	for password, want := range map[string]string{alicePassword: "entry", "wrong": ""} {
		ctx, h := providers.Listen(t.Context())
		_, err := newLDAP(t, s).SignIn(ctx, "alice", password)
		from, text := said(t, h)
		if from != want || strings.Contains(text, password) || strings.Contains(strings.ToLower(text), "userpassword") {
			t.Errorf("%v: heard %q: %s", err, from, text)
		}
		if want != "" && (!strings.Contains(text, `"mail":["alice@example.org"]`) || !strings.Contains(text, "data-eng")) {
			t.Errorf("heard %s", text)
		}
	}
}

// Of plain headers all that are configured are heard, in every spelling and also
// where they are refused; of a stranger none.
func TestHeardOfHeaders(t *testing.T) {
	cfg := providers.HeaderConfig{
		Kind: "plain", User: "Remote-User", Groups: "Remote-Groups", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
	lines := arrives("Remote-User: ada", "Remote_Groups: admins", "Cookie: secret")
	for from, want := range map[string]string{"192.0.2.1": `[{"From":"headers","Claims":{"Remote-User":["ada"],"Remote_groups":["admins"]}}]`, "203.0.113.9": "null"} {
		ctx, h := providers.Listen(t.Context())
		_, err := newHeader(t, cfg).SignIn(ctx, lines, netip.MustParseAddr(from))
		if _, text := said(t, h); err == nil || text != want {
			t.Errorf("from %s, %v: heard %s", from, err, text)
		}
	}
}

// Of an assertion its claims are heard once they are verified, and never itself.
func TestHeardOfAnAssertion(t *testing.T) {
	s := newSSO(t)
	for name, k := range s.kinds() {
		for _, forged := range []bool{false, true} {
			a, want := k.honest(), "assertion"
			if forged {
				a.claims["aud"], want = "another", ""
			}
			if forged && name == "alb" {
				a.sign, want = unsigned, ""
			}
			token := a.token()
			ctx, h := providers.Listen(t.Context())
			_, err := k.witness(t, s).SignIn(ctx, arrives(k.header+": "+token), stranger)
			if from, text := said(t, h); from != want || (err == nil) == forged || strings.Contains(text, token) {
				t.Errorf("%s, %v: heard %q: %s", name, err, from, text)
			}
		}
	}
}
