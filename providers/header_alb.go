package providers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/json" // exact names, none twice
)

// An AWS load balancer signs what the identity provider's userinfo said. Its
// x-amzn-oidc-data looks like a JWT, but its parts are padded, which RFC 7515
// forbids and go-jose refuses; and who signed, for which client, whose person
// and until when is in the header. So it is taken apart here.
// (AWS: "Authenticate users using an Application Load Balancer".)

// loadBalancer reads the assertions of one.
type loadBalancer struct {
	cfg  HeaderConfig
	keys *keyFiles
}

// arn is a load balancer's name at AWS. Other partitions than "aws" publish
// their keys elsewhere.
var arn = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]+):[0-9]{12}:loadbalancer/app/[A-Za-z0-9-]+/[0-9a-f]+$`)

func (c HeaderConfig) checkSigner(signer string) error {
	switch {
	case !arn.MatchString(signer):
		return errors.New("is not the ARN of an application load balancer (arn:aws:elasticloadbalancing:…:loadbalancer/app/…)")
	case c.KeysURL == "" && !strings.HasPrefix(signer, "arn:aws:"):
		return errors.New("is of a partition whose keys are elsewhere; set HEADER_KEYS_URL")
	}
	return nil
}

// albKeysURL is where a region publishes the keys of its load balancers.
func albKeysURL(c HeaderConfig) string {
	region := arn.FindStringSubmatch(c.Signer)[1]
	return "https://public-keys.auth.elb." + region + ".amazonaws.com"
}

// read verifies an assertion. What the header says is judged first, so that
// nobody makes us fetch a key for an assertion that we would refuse.
func (b *loadBalancer) read(ctx context.Context, token string) (map[string]any, error) {
	a, err := takeApart(token)
	if err != nil {
		return nil, err
	}
	if err := b.judgeHeader(a.header); err != nil {
		return nil, err
	}
	key, err := b.keys.get(ctx, text(a.header, "kid"))
	if err != nil {
		return nil, err
	}
	if !a.signedBy(key) {
		return nil, refused(ReasonSignature, "another key made this signature")
	}
	return a.claims, b.judgeClaims(a.claims)
}

// albKey is what a key's name looks like; it becomes a part of an address.
var albKey = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (b *loadBalancer) judgeHeader(h map[string]any) error {
	_, critical := h["crit"]
	typ, typed := h["typ"]
	return firstBroken(
		must{h["alg"] == "ES256", ReasonSignature, "alg is not ES256"},
		must{!critical, ReasonSignature, "an extension is critical that we do not know"},
		must{!typed || typ == "JWT", ReasonSignature, "typ is not JWT"},
		must{albKey.MatchString(text(h, "kid")), ReasonSignature, "kid is not a key's name"},
		must{text(h, "signer") == b.cfg.Signer, ReasonTokenIssuer, "signer is another load balancer"},
		must{text(h, "iss") == b.cfg.Issuer, ReasonTokenIssuer, "iss is another issuer"},
		must{text(h, "client") == b.cfg.Audience, ReasonAudience, "client is another client"},
		must{b.cfg.Now().Before(instant(h, "exp")), ReasonExpired, "exp is missing or over"},
	)
}

// judgeClaims judges what userinfo said. It need not repeat iss and exp, but
// must not contradict them.
func (b *loadBalancer) judgeClaims(c map[string]any) error {
	now := b.cfg.Now()
	iss, issued := c["iss"]
	_, expires := c["exp"]
	return firstBroken(
		must{readable(text(c, "sub"), maxSubject), ReasonSubject, "sub is missing, too long or not readable"},
		must{!issued || iss == b.cfg.Issuer, ReasonTokenIssuer, "iss of the claims is another issuer"},
		must{!expires || now.Before(instant(c, "exp")), ReasonExpired, "exp of the claims is over"},
		must{notAhead(c, "iat", now), ReasonIssuedAt, "iat is in the future or no time"},
		must{notAhead(c, "nbf", now), ReasonTokenInvalid, "nbf is in the future or no time"},
	)
}

// apart is an assertion in its parts. Nothing of it is verified yet.
type apart struct {
	header, claims map[string]any
	signed         string // the bytes that the signature is of
	signature      []byte
}

func takeApart(token string) (apart, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return apart{}, refused(ReasonSignature, "an assertion has three parts")
	}
	header, err1 := object(parts[0])
	claims, err2 := object(parts[1])
	signature, err3 := unpadded(parts[2])
	if err := errors.Join(err1, err2, err3); err != nil {
		return apart{}, refused(ReasonSignature, "%w", err)
	}
	return apart{header, claims, parts[0] + "." + parts[1], signature}, nil
}

// object decodes a part that is one JSON object.
func object(part string) (map[string]any, error) {
	raw, err := unpadded(part)
	if err != nil {
		return nil, err
	}
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, errors.New("a part is no JSON object")
	}
	return o, nil
}

// unpadded decodes base64 for URLs, padded in full or not at all, in its one
// canonical form. (Go's decoder would pass over line breaks.)
func unpadded(part string) ([]byte, error) {
	encoding := base64.RawURLEncoding.Strict()
	if strings.HasSuffix(part, "=") {
		encoding = base64.URLEncoding.Strict()
	}
	raw, err := encoding.DecodeString(part)
	if err != nil || strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("a part is not base64")
	}
	return raw, nil
}

// signedBy verifies ES256 (RFC 7518 section 3.4): R and S, 32 bytes each.
func (a apart) signedBy(key *ecdsa.PublicKey) bool {
	if len(a.signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(a.signed))
	r, s := new(big.Int).SetBytes(a.signature[:32]), new(big.Int).SetBytes(a.signature[32:])
	return ecdsa.Verify(key, sum[:], r, s)
}

// maxKeyFiles bounds the keys kept in memory, and with the cool-down of each how
// often strangers can make us ask for keys that nobody has. A region has a few.
const maxKeyFiles = 16

// keyFiles are public keys that are published as a file each, named by key id.
type keyFiles struct {
	fetch func(ctx context.Context, kid string) (*ecdsa.PublicKey, error)
	now   func() time.Time

	mu    sync.Mutex
	known map[string]*keyFile
}

// keyFile is one of them, from the time on when somebody asked for it.
type keyFile struct {
	remote[*ecdsa.PublicKey]
	since time.Time
}

func newKeyFiles(c *http.Client, base string, now func() time.Time) *keyFiles {
	base = strings.TrimSuffix(base, "/")
	return &keyFiles{now: now, known: map[string]*keyFile{}, fetch: func(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
		return fetchKeyFile(ctx, c, base+"/"+kid)
	}}
}

func (k *keyFiles) get(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	file := k.file(kid)
	if file == nil {
		return nil, outage(ReasonKeys, "too many unknown keys are asked for")
	}
	return file.get(ctx, freshFor)
}

// file finds the place of a key, or makes one if there is room.
func (k *keyFiles) file(kid string) *keyFile {
	k.mu.Lock()
	defer k.mu.Unlock()
	if file, ok := k.known[kid]; ok {
		return file
	}
	if len(k.known) >= maxKeyFiles && !k.makeRoom() {
		return nil
	}
	file := &keyFile{since: k.now()}
	file.now, file.fetch = k.now, func(ctx context.Context) (*ecdsa.PublicKey, error) { return k.fetch(ctx, kid) }
	k.known[kid] = file
	return file
}

// makeRoom drops a key that was not found, but none within its cool-down: a
// place is what a stranger has to wait for. One that was found goes only where
// all were, so that no flood shuts out whoever has it.
func (k *keyFiles) makeRoom() bool {
	var drop string
	found := 0
	for kid, file := range k.known {
		if file.found() {
			found++
		}
		if k.now().Sub(file.since) >= coolDown && (drop == "" || file.before(k.known[drop])) {
			drop = kid
		}
	}
	if drop == "" || (k.known[drop].found() && found < len(k.known)) {
		return false
	}
	delete(k.known, drop)
	return true
}

func (f *keyFile) before(other *keyFile) bool {
	if f.found() != other.found() {
		return !f.found()
	}
	return f.since.Before(other.since)
}

func (f *keyFile) found() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.fetched.IsZero()
}

func fetchKeyFile(ctx context.Context, c *http.Client, rawURL string) (*ecdsa.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, outage(ReasonKeys, "key: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read; there is nothing to lose
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, outage(ReasonKeys, "key: reading %s: %w", rawURL, err)
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusForbidden:
		return nil, refused(ReasonSignature, "there is no key at %s", rawURL)
	case resp.StatusCode != http.StatusOK:
		return nil, outage(ReasonKeys, "key: %s answered %d", rawURL, resp.StatusCode)
	}
	key, err := parseKeyFile(body)
	if err != nil {
		return nil, outage(ReasonKeys, "key: %s: %w", rawURL, err)
	}
	return key, nil
}

// parseKeyFile reads a PEM file with one public key on P-256.
func parseKeyFile(text []byte) (*ecdsa.PublicKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("not one public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("not a public key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not a key on P-256")
	}
	return key, nil
}
