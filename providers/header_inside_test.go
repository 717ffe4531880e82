package providers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
)

func TestWhereKeysArePublished(t *testing.T) {
	for want, cfg := range map[string]HeaderConfig{
		"https://www.gstatic.com/iap/verify/public_key-jwk":         {Kind: "iap"},
		"https://team.cloudflareaccess.com/cdn-cgi/access/certs":    {Kind: "cloudflare", Issuer: "https://team.cloudflareaccess.com"},
		"https://dagster.corp.com/x/auth/.well-known/jwks.json":     {Kind: "dagpass", Issuer: "https://dagster.corp.com/x/auth"},
		"https://public-keys.auth.elb.ap-southeast-2.amazonaws.com": {Kind: "alb", Signer: "arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:loadbalancer/app/d/0"},
		"https://mirror.corp.com/keys":                              {Kind: "iap", KeysURL: "https://mirror.corp.com/keys"},
	} {
		if got := cfg.withDefaults().KeysURL; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	r, e, d := newKeys(t)
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := func(kind string, key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	private, err := x509.MarshalPKCS8PrivateKey(e)
	if err != nil {
		t.Fatal(err)
	}
	good := file("PUBLIC KEY", e.Public())
	for name, row := range map[string]struct {
		text string
		want bool
	}{
		"a key":              {good, true},
		"no line at the end": {strings.TrimSpace(good), true},
		"two keys":           {good + good, false},
		"more behind":        {good + "<html>", false},
		"RSA":                {file("PUBLIC KEY", r.Public()), false},
		"Ed25519":            {file("PUBLIC KEY", d.Public()), false},
		"another curve":      {file("PUBLIC KEY", wide.Public()), false},
		"called otherwise":   {file("CERTIFICATE", e.Public()), false},
		"a private key":      {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), false},
		"a private, renamed": {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: private})), false},
		"nothing":            {"", false},
		"a page":             {"<html>", false},
	} {
		if key, err := parseKeyFile([]byte(row.text)); (err == nil) != row.want || (key != nil) != row.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Whatever is taken apart is put together again as it was: no two texts are one
// assertion, and what is believed is what was signed.
func FuzzTakeApart(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("e30=.e30=.AAAA")
	f.Add("e30.e30.AAAA")
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uL3gifQ==.eyJzdWIiOiJhIn0=." + strings.Repeat("A", 86) + "==")
	f.Add("e3\n0=.e30=.")
	f.Add("e31=.e30=.")
	f.Add("e31.e30.AAAA")
	f.Add("W10=.bnVsbA==.AA==")
	f.Fuzz(func(t *testing.T, token string) {
		a, err := takeApart(token)
		if err != nil {
			return
		}
		if a.header == nil || a.claims == nil || a.signedBy(&key.PublicKey) {
			t.Fatalf("%q was believed", token)
		}
		for part := range strings.SplitSeq(token, ".") {
			raw, err := unpadded(part)
			padded, bare := base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)
			if err != nil || part != padded && part != bare {
				t.Errorf("%q is %q", part, raw)
			}
		}
		if !strings.HasPrefix(token, a.signed+".") {
			t.Errorf("signed is %q of %q", a.signed, token)
		}
	})
}
