package providers_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dagpass/dagpass/providers"
)

// sso is a proxy that signs people in: it publishes keys, as a set and as a file
// each, and makes assertions.
type sso struct {
	*clock
	url    string
	rsa    *rsa.PrivateKey
	status int // of the answers, keys or not

	mu    sync.Mutex
	kid   string
	ec    *ecdsa.PrivateKey
	asked []string // paths
}

const (
	firstKid  = "0c1b2a39-4857-4675-9a8b-0123456789ab"
	secondKid = "1c1b2a39-4857-4675-9a8b-0123456789ab"
	signerARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/dagster/0123456789abcdef"
)

func newSSO(t *testing.T) *sso {
	t.Helper()
	s := &sso{clock: &clock{}}
	var err error
	if s.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	s.rotate(t, firstKid)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func newEC(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *sso) rotate(t *testing.T, kid string) {
	key := newEC(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ec, s.kid = key, kid
}

func (s *sso) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.Path)
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	switch {
	case r.URL.Path == "/alb/"+s.kid:
		w.Write(publicPEM(s.ec))
	case strings.HasPrefix(r.URL.Path, "/alb/"):
		w.WriteHeader(http.StatusForbidden) // S3's answer where nothing is
	default:
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: s.ec.Public(), KeyID: s.kid, Algorithm: "ES256", Use: "sig"}, {Key: s.rsa.Public(), KeyID: "rsa", Use: "sig"},
		}})
	}
}

func (s *sso) fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func publicPEM(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// An assertion before it is signed. Signed, it is what an honest proxy sends; a
// test spoils it first.
type assertion struct {
	header, claims map[string]any
	payload        []byte // instead of the claims
	padded         bool
	sign           func(input []byte) []byte
}

func (a assertion) token() string {
	header, err1 := json.Marshal(a.header)
	payload, err2 := json.Marshal(a.claims)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	if a.payload != nil {
		payload = a.payload
	}
	encoding := base64.RawURLEncoding
	if a.padded {
		encoding = base64.URLEncoding
	}
	input := encoding.EncodeToString(header) + "." + encoding.EncodeToString(payload)
	return input + "." + encoding.EncodeToString(a.sign([]byte(input)))
}

func es256(key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func rs256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func unsigned([]byte) []byte { return nil }

// kind is a proxy of one kind: how it is configured, the header it sends, what
// an honest assertion of it says and what we make of that.
type kind struct {
	cfg    providers.HeaderConfig
	header string
	honest func() assertion
	want   providers.Claim
}

func (s *sso) kinds() map[string]kind {
	claims := func(more map[string]any) map[string]any {
		now := s.Now().Unix()
		all := map[string]any{"sub": "ada-1", "email": "ada@corp.com", "iat": now, "exp": now + 300}
		maps.Copy(all, more)
		return all
	}
	withEC := func(more map[string]any) func() assertion {
		return func() assertion {
			return assertion{header: map[string]any{"alg": "ES256", "kid": s.kid, "typ": "JWT"}, claims: claims(more), sign: es256(s.ec)}
		}
	}
	return map[string]kind{
		"iap": {
			cfg:    providers.HeaderConfig{Kind: "iap", Audience: "/projects/1/apps/corp", KeysURL: s.url + "/keys"},
			header: "X-Goog-IAP-JWT-Assertion",
			honest: withEC(map[string]any{
				"iss": "https://cloud.google.com/iap", "aud": "/projects/1/apps/corp", "azp": "/projects/1/apps/corp",
				"sub": "accounts.google.com:117", "hd": "corp.com",
			}),
			want: providers.Claim{
				Issuer: "https://cloud.google.com/iap", Subject: "accounts.google.com:117", Email: "ada@corp.com", EmailVerified: true,
				Hosted: true, HostedDomain: "corp.com",
			},
		},
		"cloudflare": {
			cfg:    providers.HeaderConfig{Kind: "cloudflare", Issuer: s.url, Audience: "32ea", GroupsClaim: "custom.groups"},
			header: "Cf-Access-Jwt-Assertion",
			honest: func() assertion {
				return assertion{header: map[string]any{"alg": "RS256", "kid": "rsa", "typ": "JWT"}, sign: rs256(s.rsa), claims: claims(map[string]any{
					"iss": s.url, "aud": []string{"32ea"}, "type": "app", "nbf": s.Now().Unix(), "custom": map[string]any{"groups": []string{"data"}},
				})}
			},
			want: providers.Claim{Issuer: s.url, Subject: "ada-1", Email: "ada@corp.com", Groups: []string{"data"}},
		},
		"dagpass": {
			cfg:    providers.HeaderConfig{Kind: "dagpass", Issuer: s.url + "/auth", Audience: "dagster"},
			header: "X-Dagpass-Assertion",
			honest: withEC(map[string]any{
				"iss": s.url + "/auth", "aud": []string{"dagster"}, "name": "Ada", "groups": []string{"data"}, "role": "admin", "auth_method": "okta",
			}),
			want: providers.Claim{Issuer: s.url + "/auth", Subject: "ada-1", Email: "ada@corp.com", Name: "Ada", Groups: []string{"data"}},
		},
		"jwt": {
			cfg:    providers.HeaderConfig{Kind: "jwt", Issuer: "sso.corp.com", Audience: "dagster", KeysURL: s.url, Assertion: "X-Corp-Assertion"},
			header: "X-Corp-Assertion",
			honest: withEC(map[string]any{
				"iss": "sso.corp.com", "aud": "dagster", "email_verified": true, "preferred_username": "ada",
				"amr": []string{"pwd", "otp"}, "auth_time": 1_700_000_000,
			}),
			want: providers.Claim{
				Issuer: "sso.corp.com", Subject: "ada-1", Email: "ada@corp.com", EmailVerified: true, Username: "ada",
				AMR: []string{"pwd", "otp"}, AuthTime: time.Unix(1_700_000_000, 0).UTC(),
			},
		},
		"alb": {
			cfg: providers.HeaderConfig{
				Kind: "alb", Issuer: "https://idp.corp.com", Audience: "client-1", Signer: signerARN, KeysURL: s.url + "/alb", GroupsClaim: "cognito:groups",
			},
			header: "X-Amzn-Oidc-Data",
			honest: func() assertion {
				return assertion{
					header: map[string]any{
						"typ": "JWT", "alg": "ES256", "kid": s.kid, "iss": "https://idp.corp.com", "client": "client-1",
						"signer": signerARN, "exp": s.Now().Unix() + 120,
					},
					claims: map[string]any{
						"sub": "ada-1", "email": "ada@corp.com", "email_verified": "true", "name": "Ada", "cognito:groups": []string{"data"},
						"iss": "https://idp.corp.com", "exp": s.Now().Unix() + 120,
					},
					padded: true, sign: es256(s.ec),
				}
			},
			want: providers.Claim{
				Issuer: "https://idp.corp.com", Subject: "ada-1", Email: "ada@corp.com", EmailVerified: true, Name: "Ada", Groups: []string{"data"},
			},
		},
	}
}

func newHeader(t *testing.T, cfg providers.HeaderConfig) *providers.Header {
	t.Helper()
	w, err := providers.NewHeader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (k kind) witness(t *testing.T, s *sso) *providers.Header {
	t.Helper()
	k.cfg.Now = s.Now
	return newHeader(t, k.cfg)
}

// arrives is what net/http makes of header lines, "Name: value" each.
func arrives(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

var stranger = netip.MustParseAddr("192.0.2.7")

// send brings one assertion, and holds the refusal to the rules of all errors.
func send(t *testing.T, w *providers.Header, header, token string) (providers.Claim, verdict) {
	t.Helper()
	claim, err := w.SignIn(context.Background(), arrives(header+": "+token), stranger)
	return claim, judge(t, secrets{token}, err)
}

// secrets are what no error may hold.
type secrets []string

func (secrets) Login(string, string) url.Values { return nil }
func (s secrets) Secrets() []string             { return s }
